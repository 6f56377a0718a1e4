//! Picking the next step, in Rust.

use std::borrow::Cow;

use crate::dialog::{Dialog, Message, Value};

/// Picks a route for a message.
///
/// Who implements it: hosts; keyword routers are built in. Who calls: the engine, within a
/// turn; replay calls it again. The laws of [`Step`](crate::Step) hold: deterministic, declared,
/// without memory of its own.
///
/// ```
/// use std::borrow::Cow;
/// use chatflow_core::{Dialog, Message, Router};
///
/// struct ByLength;
///
/// impl Router for ByLength {
///     fn kind(&self) -> &'static str {
///         "by_length"
///     }
///     fn routes(&self) -> Vec<Cow<'static, str>> {
///         vec!["short".into(), "long".into()]
///     }
///     fn route(&self, message: &Message, _: &dyn Dialog) -> Option<Cow<'static, str>> {
///         Some(if message.text().len() < 20 { "short".into() } else { "long".into() })
///     }
/// }
/// ```
pub trait Router: Send + Sync + 'static {
    /// Name of the code, in snake_case; stored, so it never changes.
    fn kind(&self) -> &'static str;

    /// Raised whenever the same input may give another route.
    fn revision(&self) -> u32 {
        1
    }

    /// What parametrises it, as data.
    fn settings(&self) -> Value {
        Value::Null
    }

    /// The routes it may pick. Each is an exit of the step it stands in.
    fn routes(&self) -> Vec<Cow<'static, str>>;

    /// The route for this message; none takes the exit `otherwise`.
    fn route(&self, message: &Message, dialog: &dyn Dialog) -> Option<Cow<'static, str>>;
}
