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
    let wrong = || format!("expected a time such as 1d2h30m5s or 200ms, found `{span}`");
    let mut millis: u64 = 0;
    let mut rest = span;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = match unit {
            "d" => 86_400_000,
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1000,
            "ms" => 1,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        millis = number
            .checked_mul(unit)
            .and_then(|more| millis.checked_add(more))
            .ok_or_else(wrong)?;
        rest = after;
    }
    if millis == 0 {
        return Err(wrong());
    }
    Ok(Duration::from_millis(millis))
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
