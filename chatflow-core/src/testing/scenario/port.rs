//! Ports whose answers the scenario gives.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::Line;
use crate::dialog::{EffectId, Value};
use crate::runner::{Port, PortError};

/// What a port answers.
pub(super) type Answer = Result<Value, PortError>;

/// A port that answers its calls from a list. A call that finds the list empty is refused and
/// counted.
#[derive(Debug, Default)]
pub(super) struct ScriptedPort {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Answers in order, each with its line.
    answers: VecDeque<(Line, Answer)>,
    unanswered: usize,
}

impl ScriptedPort {
    pub(super) fn answer_next(&self, line: Line, answer: Answer) {
        self.inner().answers.push_back((line, answer));
    }

    /// How many calls found no answer since the last look.
    pub(super) fn take_unanswered(&self) -> usize {
        std::mem::take(&mut self.inner().unanswered)
    }

    /// The lines whose answers nobody has asked for.
    pub(super) fn unused(&self) -> Vec<Line> {
        let answers = std::mem::take(&mut self.inner().answers);
        answers.into_iter().map(|(line, _)| line).collect()
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Port for ScriptedPort {
    async fn call(&self, _key: EffectId, _request: &Value) -> Result<Value, PortError> {
        let mut inner = self.inner();
        match inner.answers.pop_front() {
            Some((_, answer)) => answer,
            None => {
                inner.unanswered += 1;
                Err(PortError::Refused)
            }
        }
    }
}
