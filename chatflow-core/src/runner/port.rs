//! Asking the outside.

use std::time::Duration;

use async_trait::async_trait;

use crate::dialog::{EffectId, Value};

/// Answers the calls that steps make with [`StepContext::call`](crate::StepContext::call).
///
/// Who implements it: hosts and adapters. Who calls: the worker, after the commit of the turn
/// that asked; at most as often as its retry policy says, and once more after a crash, always
/// with the same key.
#[async_trait]
pub trait Port: Send + Sync + 'static {
    /// Answers one request.
    ///
    /// # Errors
    /// [`PortError`] says whether trying again can help.
    async fn call(&self, key: EffectId, request: &Value) -> Result<Value, PortError>;
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// It may pass: try again, not before this time if one is given.
    #[error("a passing failure")]
    Transient {
        /// How long to wait at least.
        retry_after: Option<Duration>,
    },
    /// It won't be answered.
    #[error("the call was refused")]
    Refused,
}
