//! The labels and numbers that lines are made of.

use std::time::Duration;

use super::words::Wrong;
use crate::channel::SendErrorClass;
use crate::dialog::time::{self, Moment};
use crate::dialog::{Cause, FailureReason, Reach, Status, StatusChoice, StatusKind};

/// The moment an `@` line leads to.
pub(super) fn moment(rest: &str, now: Moment) -> Result<Moment, Wrong> {
    let then = match rest.strip_prefix('+') {
        Some(span) => time::add(now, duration(span)?),
        None => chrono::DateTime::parse_from_rfc3339(rest)
            .map_err(|_| {
                format!("expected +1h30m or a moment such as 2026-01-05T10:00:00Z, found `{rest}`")
            })?
            .to_utc(),
    };
    if then < now {
        Err(format!(
            "the clock stands at {} already and never goes back",
            now.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
        ))
    } else if then > moment_max() {
        Err("the clock goes no further than the year 9999".to_owned())
    } else {
        Ok(time::whole_milliseconds(then))
    }
}

fn moment_max() -> Moment {
    time::from_millis(253_402_300_799_999)
}

/// `1h30m`
fn duration(span: &str) -> Result<Duration, Wrong> {
    let period: time::Period = span.parse().map_err(|error| format!("{error}"))?;
    if period.is_zero() {
        return Err(format!("the clock moves on by more than {period}"));
    }
    Ok(period.into())
}

/// The status that an operator chooses.
pub(super) fn status_choice(label: &str) -> Result<StatusChoice, Wrong> {
    match status_kind(label) {
        Some(StatusKind::Start) => Ok(StatusChoice::Start),
        Some(StatusKind::Auto) => Ok(StatusChoice::Auto),
        Some(StatusKind::Waiting) => Ok(StatusChoice::Waiting),
        Some(StatusKind::Manual) => Ok(StatusChoice::Manual),
        Some(StatusKind::Finished) => Ok(StatusChoice::Finished),
        Some(StatusKind::Blocked) => Err("nobody sets `blocked`; write ! block".to_owned()),
        Some(StatusKind::Error | StatusKind::Stopped) => Err(format!("nobody sets `{label}`")),
        None => Ok(StatusChoice::Custom(label.into())),
    }
}

pub(super) fn status_kind(label: &str) -> Option<StatusKind> {
    StatusKind::ALL
        .into_iter()
        .find(|kind| kind.label() == label)
}

pub(super) fn cause(word: &str) -> Result<Cause, Wrong> {
    let cause = Cause::ALL.into_iter().find(|cause| cause.label() == word);
    cause.ok_or_else(|| {
        let causes = Cause::ALL.map(Cause::label).join(", ");
        format!("expected one of {causes}, found `{word}`")
    })
}

pub(super) fn failure_reason(word: &str) -> Result<FailureReason, Wrong> {
    let mut reasons = FailureReason::ALL.into_iter();
    let reason = reasons.find(|reason| reason.label() == word);
    reason.ok_or_else(|| {
        let reasons = FailureReason::ALL.map(FailureReason::label).join(", ");
        format!("expected one of {reasons}, found `{word}`")
    })
}

/// A reach as the check on it writes it.
pub(super) fn reach_label(reach: Reach) -> &'static str {
    match reach {
        Reach::Ok => "ok",
        Reach::BlockedByContact => "blocked_by_contact",
        Reach::CannotWrite(cause) => cause.label(),
    }
}

/// The failure of a send with this reason.
pub(super) fn send_error(word: &str) -> Result<SendErrorClass, Wrong> {
    Ok(match failure_reason(word)? {
        FailureReason::Ambiguous => SendErrorClass::Ambiguous,
        FailureReason::ChannelDown => SendErrorClass::ChannelDown,
        FailureReason::Blocked => SendErrorClass::Blocked,
        FailureReason::Gone => SendErrorClass::Gone,
        FailureReason::CannotInitiate => SendErrorClass::CannotInitiate,
        FailureReason::InvalidTarget => SendErrorClass::InvalidTarget,
        FailureReason::Removed => SendErrorClass::Removed,
        FailureReason::NoRights => SendErrorClass::NoRights,
        FailureReason::VisitorLeft => SendErrorClass::VisitorLeft,
        FailureReason::UnknownRecipient => SendErrorClass::UnknownRecipient,
        FailureReason::WindowClosed => SendErrorClass::WindowClosed,
        FailureReason::ConnectionLost => SendErrorClass::ConnectionLost,
        FailureReason::TooLarge => SendErrorClass::TooLarge,
        FailureReason::Unsupported => SendErrorClass::Unsupported,
        FailureReason::Invalid => SendErrorClass::Invalid,
        FailureReason::Transient => SendErrorClass::Transient { retry_after: None },
    })
}
