//! The labels and numbers that lines are made of.

use std::time::Duration;

use super::words::Wrong;
use crate::channel::SendErrorClass;
use crate::dialog::time::{self, Moment};
use crate::dialog::{Cause, Reach, Status, StatusChoice, StatusKind};

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
    match word {
        "cannot_initiate" => Ok(Cause::CannotInitiate),
        "removed" => Ok(Cause::Removed),
        "unknown_recipient" => Ok(Cause::UnknownRecipient),
        _ => Err(format!(
            "expected cannot_initiate, removed or unknown_recipient, found `{word}`"
        )),
    }
}

/// A reach as the check on it writes it.
pub(super) fn reach_label(reach: Reach) -> &'static str {
    match reach {
        Reach::Ok => "ok",
        Reach::BlockedByContact => "blocked_by_contact",
        Reach::CannotWrite(Cause::CannotInitiate) => "cannot_initiate",
        Reach::CannotWrite(Cause::Removed) => "removed",
        Reach::CannotWrite(Cause::UnknownRecipient) => "unknown_recipient",
    }
}

pub(super) fn send_error(word: &str) -> Result<SendErrorClass, Wrong> {
    Ok(match word {
        "transient" => SendErrorClass::Transient { retry_after: None },
        "ambiguous" => SendErrorClass::Ambiguous,
        "channel_down" => SendErrorClass::ChannelDown,
        "blocked" => SendErrorClass::Blocked,
        "cannot_initiate" => SendErrorClass::CannotInitiate,
        "removed" => SendErrorClass::Removed,
        "unknown_recipient" => SendErrorClass::UnknownRecipient,
        "too_large" => SendErrorClass::TooLarge,
        "unsupported" => SendErrorClass::Unsupported,
        "invalid" => SendErrorClass::Invalid,
        _ => {
            return Err(format!(
                "expected a failure such as transient, blocked or cannot_initiate, found `{word}`"
            ));
        }
    })
}
