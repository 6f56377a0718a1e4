//! Asking the outside and telling it, and what becomes of an entry that does.

use std::time::Duration;

use crate::dialog::{CallFailure, EventBody, FailureReason, Text, Usage, Value};
use crate::runner::asked::{self, Asked};
use crate::runner::deliver::Panicked;
use crate::runner::{PortError, PortErrorKind, Worker};
use crate::store::{Delivery, Settled, StoreError};

/// Most bytes that are kept of what the outside says of a failure.
const DETAIL_BYTES_MAX: usize = 1024;

/// Why there is no answer.
#[derive(Debug)]
enum Unanswered {
    /// The one who was asked says so.
    Port(PortError),
    /// It took longer than the worker waits.
    TooLate,
    Panicked,
    /// Nobody is registered under the name.
    NoSuchPort,
    OverBudget,
    /// What is to be asked can't be read now.
    Store,
    /// The answer is larger than a dialog may keep.
    TooLarge(String),
    /// The dialog's channel has no handover, and the answer asks for one.
    NoHandover,
}

impl Worker {
    /// Asks what a step wants to know: how the call ends, and the answer, where there is one or
    /// there never will be.
    pub(crate) async fn call(
        &self,
        delivery: &Delivery,
        port: &str,
        request: &Value,
    ) -> (Settled, Option<EventBody>, Option<Usage>) {
        let asked = self.ask(delivery, port, request).await;
        let answer = asked.as_ref().ok();
        let usage = answer.and_then(|answer| self.usage_of(delivery, port, request, answer));
        let usable = asked
            .and_then(|answer| self.fitting(delivery, answer))
            .and_then(|answer| self.handing_over(delivery, port, answer));
        let answer = match usable {
            Ok(answer) => Ok(answer),
            Err(unanswered) => match self.once_more(delivery, &unanswered) {
                Some(retry) => return (retry, None, usage),
                None => Err(unanswered),
            },
        };
        let (settled, answer, detail) = match answer {
            Ok(answer) => (Settled::Sent { ids: Vec::new() }, Ok(answer), None),
            Err(unanswered) => {
                let reason = FailureReason::Transient;
                let failure = unanswered.failure();
                (Settled::Dead { reason }, Err(failure), unanswered.detail())
            }
        };
        let call = delivery.effect.id;
        let body = EventBody::CallAnswered {
            call,
            answer,
            detail,
        };
        (settled, Some(body), usage)
    }

    /// Tells the outside something; whatever it answers is not heard.
    pub(crate) async fn tell(&self, delivery: &Delivery, port: &str, report: &Value) -> Settled {
        let effect = delivery.effect.id;
        if port == asked::NOTIFIER && !self.ports.contains_key(port) {
            tracing::debug!(%effect, "nobody hears what operators are to be told; register a notifier");
            return Settled::Sent { ids: Vec::new() };
        }
        let Err(unanswered) = self.ask(delivery, port, report).await else {
            return Settled::Sent { ids: Vec::new() };
        };
        if let Some(retry) = self.once_more(delivery, &unanswered) {
            return retry;
        }
        let reason = unanswered.reason();
        tracing::warn!(%effect, port, reason = reason.label(), "a report is given up");
        Settled::Dead { reason }
    }

    /// One try.
    async fn ask(
        &self,
        delivery: &Delivery,
        port: &str,
        request: &Value,
    ) -> Result<Value, Unanswered> {
        let Some(asked) = self.ports.get(port) else {
            tracing::warn!(port, "a step calls a port that this program doesn't have");
            return Err(Unanswered::NoSuchPort);
        };
        let key = delivery.effect.id;
        if port == asked::MODEL && self.is_over_budget(delivery).await? {
            return Err(Unanswered::OverBudget);
        }
        let history = match asked {
            Asked::Model(_) => {
                let memory = asked::memory(request).map_err(Unanswered::Port)?;
                self.history(key, memory).await?
            }
            _ => Vec::new(),
        };
        // Inside, so that one that panics before it gives its future is caught too.
        let answer = async { asked.ask(key, request, history).await };
        match self.in_time(answer, self.delivery_timeout).await {
            Some(Ok(answer)) => answer.map_err(Unanswered::Port),
            Some(Err(Panicked)) => Err(Unanswered::Panicked),
            None => Err(Unanswered::TooLate),
        }
    }

    /// Whether the bot has used up what its models may cost. What is asked at the same time isn't
    /// known yet, so the last answers may go beyond it.
    async fn is_over_budget(&self, delivery: &Delivery) -> Result<bool, StoreError> {
        let config = self.config(&delivery.bot).ok();
        let Some(budget) = config.and_then(|config| config.behaviour().ai.budget) else {
            return Ok(false);
        };
        let row = self.store.bot(&delivery.bot).await?;
        Ok(row.usage.cost >= budget.0)
    }

    /// What the answer of a model has cost; none of any other.
    fn usage_of(
        &self,
        delivery: &Delivery,
        port: &str,
        request: &Value,
        answer: &Value,
    ) -> Option<Usage> {
        let config = self.config(&delivery.bot).ok()?;
        let model = match request {
            Value::Map(request) => request.get("model").and_then(Value::as_text),
            _ => None,
        };
        let usage = config.behaviour().ai.usage_of(model, answer);
        (port == asked::MODEL && !usage.is_empty()).then_some(usage)
    }

    /// An answer that a dialog may keep.
    fn fitting(&self, delivery: &Delivery, answer: Value) -> Result<Value, Unanswered> {
        let config = self.config(&delivery.bot).ok();
        let limit = config.map_or(0, |config| config.settings().limits.data_bytes);
        let bytes = answer.weight();
        if bytes > limit {
            let detail = format!("the answer has {bytes} bytes, more than {limit}");
            return Err(Unanswered::TooLarge(detail));
        }
        if !answer.is_storable() {
            let detail = "the answer is nested too deep".to_owned();
            return Err(Unanswered::TooLarge(detail));
        }
        Ok(answer)
    }

    /// An answer that the channel lets a bot on another platform give.
    fn handing_over(
        &self,
        delivery: &Delivery,
        port: &str,
        answer: Value,
    ) -> Result<Value, Unanswered> {
        let is_bot = matches!(self.ports.get(port), Some(Asked::ExternalBot(_)));
        if !is_bot || !asked::hands_over(&answer) {
            return Ok(answer);
        }
        let channel = &delivery.address.channel;
        let line = self.lines.get(channel);
        if line.is_some_and(|line| !line.channel.capabilities().handover) {
            tracing::warn!(%channel, port, "a bot wants to hand a contact over, and the channel has no handover");
            return Err(Unanswered::NoHandover);
        }
        Ok(answer)
    }

    /// The next try, where one can help and is left.
    fn once_more(&self, delivery: &Delivery, unanswered: &Unanswered) -> Option<Settled> {
        let wait = unanswered.may_pass()?;
        self.retry(delivery, wait)
    }
}

impl From<StoreError> for Unanswered {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "what a model is to be shown can't be read");
        Self::Store
    }
}

impl Unanswered {
    /// Whether trying again can help, and how long to wait at least.
    fn may_pass(&self) -> Option<Option<Duration>> {
        match self {
            Self::Port(error) => match error.kind {
                PortErrorKind::Transient { retry_after } => Some(retry_after),
                PortErrorKind::TimedOut => Some(None),
                PortErrorKind::Refused => None,
            },
            Self::TooLate | Self::Panicked | Self::Store => Some(None),
            Self::NoSuchPort | Self::OverBudget | Self::TooLarge(_) | Self::NoHandover => None,
        }
    }

    /// What the step gets, once no try is left.
    fn failure(&self) -> CallFailure {
        match self {
            Self::Port(error) => match error.kind {
                PortErrorKind::Transient { .. } => CallFailure::Exhausted,
                PortErrorKind::TimedOut => CallFailure::TimedOut,
                PortErrorKind::Refused => CallFailure::Refused,
            },
            Self::TooLate => CallFailure::TimedOut,
            Self::Panicked | Self::Store => CallFailure::Exhausted,
            Self::NoSuchPort => CallFailure::NoSuchPort,
            Self::OverBudget => CallFailure::OverBudget,
            Self::TooLarge(_) => CallFailure::TooLarge,
            Self::NoHandover => CallFailure::Unsupported,
        }
    }

    /// What is kept beside a report that is given up.
    fn reason(&self) -> FailureReason {
        match self {
            Self::NoSuchPort => FailureReason::Unsupported,
            Self::Port(error) if error.kind == PortErrorKind::Refused => FailureReason::Invalid,
            _ => FailureReason::Transient,
        }
    }

    /// What people may read of it.
    fn detail(&self) -> Option<Text> {
        let detail = match self {
            Self::Port(error) => error.detail()?.as_str(),
            Self::TooLarge(detail) => detail,
            _ => return None,
        };
        let mut ends = (0..=detail.len().min(DETAIL_BYTES_MAX)).rev();
        let end = ends.find(|end| detail.is_char_boundary(*end));
        Some(Text::from(&detail[..end.unwrap_or(0)]))
    }
}
