//! Room 3: the engine, pure.
//!
//! ```text
//!                 ┌─ admit ── refused: a typed reason, the snapshot handed back
//!  config ─┐      │
//!  snapshot ─► handle ─► turn ─► steps … ─► transition
//!  event ──┤              │         │         next snapshot · journal facts · effects
//!  now ────┘              └─ undone ┘         timers · messages · what to cancel
//!                            on a limit
//! ```
//!
//! **The law: the same config, snapshot, event and `now` give the same transition, byte for
//! byte.** So nothing here, and nothing it calls, reads a clock, draws a number, waits, or
//! depends on the order of a hash map. Replay runs the same function as live operation.

mod admit;
mod calls;
mod held;
mod kinds;
mod operate;
mod outside;
mod prompt;
mod replay;
mod rules;
mod run;
mod scene;
mod sessions;
mod speak;
mod split;
mod start;
mod timers;
mod transition;
mod translate;
mod turn;
mod upgrade;

pub use admit::{Refusal, Refused};
pub use replay::{ReplayError, Replayed, replay};
pub(crate) use sessions::queue_of;
pub use transition::Transition;

use crate::dialog::{Event, Moment, Snapshot, time};
use crate::flow::Config;

/// Raised whenever the same input may give another transition. The first turn under a new law
/// writes a checkpoint, so that replay never crosses from one law into another.
pub const LAW: u32 = 1;

/// The pure function from snapshot, event and time to a transition.
///
/// ```
/// use chatflow_core::{
///     Address, Ask, Bot, ContactView, Engine, Event, FlowBuilder, StatusKind, time,
/// };
///
/// let flow = FlowBuilder::new("hello", 1).step("name", Ask::text("Your name?")).build()?;
/// let config = Bot::new("shop", flow).compile()?;
/// let address = Address::new("terminal", "anna");
/// let snapshot = config.open(address, ContactView::default(), time::from_millis(0));
///
/// let now = time::from_millis(1_000);
/// let transition = Engine::handle(&config, snapshot, &Event::message("1", "hi"), now)?;
/// assert_eq!(transition.snapshot.shown_status().kind, StatusKind::Auto);
/// assert_eq!(transition.effects.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Engine;

impl Engine {
    /// Handles one event: one turn. Total: any input gives a transition or a typed refusal,
    /// within the config's limits.
    ///
    /// `now` is cut down to a millisecond, and the later of it and the last turn's time is
    /// used, so a clock that steps back changes nothing.
    ///
    /// # Errors
    /// [`Refused`] names the status, the event and the reason, and hands the snapshot back
    /// unchanged.
    ///
    /// # Panics
    /// Only if a host's step or router panics; the runner then handles
    /// [`StepPanicked`](crate::EventBody::StepPanicked) instead.
    pub fn handle(
        config: &Config,
        snapshot: Snapshot,
        event: &Event,
        now: Moment,
    ) -> Result<Transition, Refused> {
        let now = time::whole_milliseconds(now).max(snapshot.turned_at);
        match admit::admit(config, &snapshot, event, now) {
            Ok(()) => Ok(turn::Turn::begin(config, snapshot, event, now).handle()),
            Err(refusal) => Err(Refused::new(snapshot, event, refusal)),
        }
    }
}
