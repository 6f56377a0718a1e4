//! When a bot speaks by itself, and how fast.

use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::dialog::Moment;
use crate::dialog::time::{self, Period};
use crate::flow::SendMessage;

/// A reminder for a contact who is silent. It changes neither status nor step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "push")
)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// How long the contact has to be silent.
    pub after: Period,
    /// What is said then.
    pub send: SendMessage,
}

impl Push {
    /// Most reminders of a step, and of a bot.
    pub const MAX: usize = 10;

    /// A reminder after so much silence.
    pub fn after(period: impl Into<Period>, send: SendMessage) -> Self {
        Self {
            after: period.into(),
            send,
        }
    }
}

/// Which of two pushes goes where a step's and the bot's are due together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PushTogether {
    /// The step's, and the bot's is dropped.
    #[default]
    StepWins,
    /// The bot's, and the step's is dropped.
    BotWins,
    /// Both, the step's first.
    Both,
}

/// How fast what a model writes is typed. The contact is shown that somebody writes meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "typing")
)]
#[serde(deny_unknown_fields)]
pub struct Typing {
    /// Characters a second; at least 1.
    pub characters_per_second: u32,
    /// The longest it takes, however long the text is.
    #[serde(default = "Typing::longest")]
    pub longest: Period,
}

impl Typing {
    const fn longest() -> Period {
        Period::from_millis(60_000)
    }

    /// How long a text is typed.
    pub(crate) fn takes(&self, text: &str) -> Duration {
        let characters = text.chars().count() as u64;
        let millis = characters * 1000 / u64::from(self.characters_per_second.max(1));
        Duration::from_millis(millis.min(self.longest.as_millis()))
    }
}

/// What happens to messages that come while a delay runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DuringDelay {
    /// The step after the delay gets them, when it is over.
    #[default]
    Keep,
    /// They stay in the transcript, and the flow never gets them.
    Ignore,
    /// They end the delay, and the step after it gets them at once.
    Break,
}

/// The part of a day in which a bot begins nothing by itself: pushes, the ends of delays and
/// time-outs that would fall into it come at its end. Answers to the contact are given at any
/// time.
///
/// Times are those of the bot's zone. `from` later than `to` goes over midnight. Where clocks are
/// put forward and its end doesn't exist that day, it ends at the first moment after the gap; where
/// they are put back and its end is there twice, at the first of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "quiet_hours")
)]
#[serde(deny_unknown_fields)]
pub struct QuietHours {
    /// When it begins, such as `22:00`.
    pub from: ClockTime,
    /// When it is over, such as `08:00`.
    pub to: ClockTime,
}

impl QuietHours {
    /// The moment itself, or the end of the quiet hours that it falls into.
    pub(crate) fn shift(&self, moment: Moment, zone: Tz) -> Moment {
        if moment > FAR {
            return moment;
        }
        let today = moment.with_timezone(&zone).date_naive();
        // They begin at most a day before they end.
        for day in [today.pred_opt(), Some(today)].into_iter().flatten() {
            let begin = on_day(day, self.from, zone);
            let end = next_at(begin, self.to, zone);
            if (begin..end).contains(&moment) {
                return end;
            }
        }
        moment
    }
}

/// Beyond this a calendar's end is near, where days can't be told any more.
const FAR: Moment = DateTime::from_timestamp(253_402_300_800, 0).unwrap();

/// The first moment after one at which clocks of a zone show a time of day.
pub(crate) fn next_at(after: Moment, at: ClockTime, zone: Tz) -> Moment {
    if after > FAR {
        return after;
    }
    let day = after.with_timezone(&zone).date_naive();
    // Two days suffice but for the calendar's end and zones that skip a whole day.
    for days in 0..4 {
        let Some(day) = day.checked_add_days(chrono::Days::new(days)) else {
            break;
        };
        let moment = on_day(day, at, zone);
        if moment > after {
            return moment;
        }
    }
    after
}

/// When clocks of a zone show a time on a day: of two such moments the first; where there is
/// none, the first moment after the gap.
fn on_day(day: chrono::NaiveDate, at: ClockTime, zone: Tz) -> Moment {
    let mut wall = day.and_time(at.0);
    // A gap is at most a day long, and ends at a whole minute.
    for _ in 0..=24 * 60 {
        if let Some(moment) = zone.from_local_datetime(&wall).earliest() {
            return time::whole_milliseconds(moment.with_timezone(&Utc));
        }
        wall += chrono::Duration::minutes(1);
    }
    DateTime::<Utc>::MAX_UTC
}

/// A time of day, to the minute, such as `22:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClockTime(NaiveTime);

/// A text that is no time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a time of day such as 22:00, found `{found}`")]
pub struct ParseClockTimeError {
    found: String,
}

impl std::str::FromStr for ClockTime {
    type Err = ParseClockTimeError;

    fn from_str(text: &str) -> Result<Self, ParseClockTimeError> {
        NaiveTime::parse_from_str(text, "%H:%M")
            .map(Self)
            .map_err(|_| ParseClockTimeError {
                found: text.chars().take(40).collect(),
            })
    }
}

impl TryFrom<String> for ClockTime {
    type Error = ParseClockTimeError;

    fn try_from(text: String) -> Result<Self, ParseClockTimeError> {
        text.parse()
    }
}

impl From<ClockTime> for String {
    fn from(time: ClockTime) -> Self {
        time.to_string()
    }
}

impl std::fmt::Display for ClockTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shifted(hours: (&str, &str), zone: Tz, moment: &str) -> String {
        let (from, to) = (hours.0.parse().unwrap(), hours.1.parse().unwrap());
        let moment = moment.parse::<DateTime<Utc>>().unwrap();
        let shifted = QuietHours { from, to }.shift(moment, zone);
        shifted.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }

    #[test]
    fn quiet_hours_hold_their_beginning_and_not_their_end() {
        let cases = [
            (("13:00", "15:00"), "12:59:59.999", "01T12:59:59.999"),
            (("13:00", "15:00"), "13:00:00.000", "01T15:00:00.000"),
            (("13:00", "15:00"), "14:59:59.999", "01T15:00:00.000"),
            (("13:00", "15:00"), "15:00:00.000", "01T15:00:00.000"),
            (("22:00", "08:00"), "21:59:59.999", "01T21:59:59.999"),
            (("22:00", "08:00"), "22:00:00.000", "02T08:00:00.000"),
            (("22:00", "08:00"), "07:59:59.999", "01T08:00:00.000"),
            (("22:00", "08:00"), "08:00:00.000", "01T08:00:00.000"),
        ];
        for (hours, time, expected) in cases {
            let moment = format!("2026-06-01T{time}Z");
            let expected = format!("2026-06-{expected}Z");
            assert_eq!(shifted(hours, Tz::UTC, &moment), expected, "{time}");
        }
    }

    /// Clocks are put forward at 01:00 UTC on 29 March 2026, back at 01:00 UTC on 25 October.
    #[test]
    fn quiet_hours_end_after_a_gap_and_at_the_first_of_two_ends() {
        let berlin = chrono_tz::Europe::Berlin;
        let cases = [
            // Half past two doesn't exist: they end where the clocks show three.
            ("22:00", "02:30", "2026-03-29T00:30", "2026-03-29T01:00"),
            ("22:00", "08:00", "2026-03-28T23:00", "2026-03-29T06:00"),
            // Half past two is there twice: they end at the first and don't begin again.
            ("22:00", "02:30", "2026-10-24T23:30", "2026-10-25T00:30"),
            ("22:00", "02:30", "2026-10-25T00:30", "2026-10-25T00:30"),
            ("22:00", "02:30", "2026-10-25T01:15", "2026-10-25T01:15"),
            ("02:15", "02:45", "2026-10-25T01:20", "2026-10-25T01:20"),
            ("22:00", "02:30", "2026-10-25T21:00", "2026-10-26T01:30"),
            ("22:00", "08:00", "2026-10-25T00:30", "2026-10-25T07:00"),
        ];
        for (from, to, moment, expected) in cases {
            let moment = format!("{moment}:00.000Z");
            let expected = format!("{expected}:00.000Z");
            assert_eq!(shifted((from, to), berlin, &moment), expected);
        }
    }

    #[test]
    fn the_next_time_of_day_is_later_and_of_the_zones_own_day() {
        let next = |after: &str, at: &str, zone: Tz| {
            let after = after.parse::<DateTime<Utc>>().unwrap();
            next_at(after, at.parse().unwrap(), zone)
                .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
        };
        let (utc, york) = (Tz::UTC, chrono_tz::America::New_York);
        let tomorrow = "2026-06-02T09:30:00Z";
        assert_eq!(next("2026-06-01T09:30:00Z", "09:30", utc), tomorrow);
        // It is half past ten in the evening of the day before there.
        let eleven = "2026-06-02T03:00:00Z";
        assert_eq!(next("2026-06-02T02:30:00Z", "23:00", york), eleven);
    }
}
