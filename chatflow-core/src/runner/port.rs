//! Asking the outside.

use std::time::Duration;

use async_trait::async_trait;

use crate::dialog::{EffectId, Text, Value};

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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct PortError {
    /// Whether trying again can help.
    pub kind: PortErrorKind,
    detail: Option<Text>,
}

/// Whether asking again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortErrorKind {
    /// It may pass: try again, not before this time if one is given.
    #[error("a passing failure")]
    Transient {
        /// How long to wait at least.
        retry_after: Option<Duration>,
    },
    /// It took too long; trying again may help.
    #[error("it took too long")]
    TimedOut,
    /// It won't be answered.
    #[error("the call was refused")]
    Refused,
}

impl PortError {
    /// A failure that may pass.
    pub const fn transient() -> Self {
        Self::new(PortErrorKind::Transient { retry_after: None })
    }

    /// A failure that may pass, and not before so much time.
    pub const fn retry_after(wait: Duration) -> Self {
        Self::new(PortErrorKind::Transient {
            retry_after: Some(wait),
        })
    }

    /// The outside took too long.
    pub const fn timed_out() -> Self {
        Self::new(PortErrorKind::TimedOut)
    }

    /// It won't be answered, however often it is asked.
    pub const fn refused() -> Self {
        Self::new(PortErrorKind::Refused)
    }

    /// An error of this kind.
    pub const fn new(kind: PortErrorKind) -> Self {
        Self { kind, detail: None }
    }

    /// Adds what the outside said, for people to read: at most a kilobyte of it is kept with the
    /// dialog, and none of it reaches a log.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Text>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What the outside said.
    pub fn detail(&self) -> Option<&Text> {
        self.detail.as_ref()
    }
}
