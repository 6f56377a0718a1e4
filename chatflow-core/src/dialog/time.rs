//! Moments as they are stored.
//!
//! All stored moments are whole milliseconds since 1970 in UTC. The engine cuts `now` down to
//! a millisecond before it uses it, so what it decides on is what replay reads back.

use std::time::Duration;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

/// A moment, in UTC.
pub type Moment = DateTime<Utc>;

/// The moment cut down to a whole millisecond, never up: nothing happens early.
pub(crate) fn whole_milliseconds(moment: Moment) -> Moment {
    moment.trunc_subsecs(3)
}

/// A day that nothing can be planned beyond; keeps arithmetic on moments from overflowing.
pub(crate) fn add(moment: Moment, after: Duration) -> Moment {
    chrono::Duration::from_std(after)
        .ok()
        .and_then(|after| moment.checked_add_signed(after))
        .unwrap_or(Moment::MAX_UTC)
}

/// The number a moment is stored as.
pub fn to_millis(moment: Moment) -> i64 {
    moment.timestamp_millis()
}

/// The moment stored as this number; numbers outside the calendar give its nearest end.
pub fn from_millis(millis: i64) -> Moment {
    Moment::from_timestamp_millis(millis).unwrap_or(if millis < 0 {
        Moment::MIN_UTC
    } else {
        Moment::MAX_UTC
    })
}

/// A length of time as people write it: `6h`, `1d12h`, `30m`, `1m30s`, `200ms`.
///
/// Whole milliseconds; never negative. Units are `d`, `h`, `m`, `s` and `ms`, each at most once
/// and the larger first when it is written; in any order when it is read.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Period(u64);

/// A text that is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a time such as 1d2h30m5s or 200ms, found `{found}`")]
pub struct ParsePeriodError {
    found: String,
}

/// The units of a period with their milliseconds, the larger first.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

impl Period {
    /// A period of so many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Its milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl From<Duration> for Period {
    /// Cut down to a whole millisecond.
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl From<Period> for Duration {
    fn from(period: Period) -> Self {
        Self::from_millis(period.0)
    }
}

impl std::str::FromStr for Period {
    type Err = ParsePeriodError;

    fn from_str(text: &str) -> Result<Self, ParsePeriodError> {
        let wrong = || ParsePeriodError {
            found: text.chars().take(40).collect(),
        };
        let mut millis: u64 = 0;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let (number, after) = rest.split_at(digits);
            let letters = after
                .find(|c: char| c.is_ascii_digit())
                .unwrap_or(after.len());
            let (name, after) = after.split_at(letters);
            let (_, unit) = UNITS
                .iter()
                .find(|(unit, _)| *unit == name)
                .ok_or_else(wrong)?;
            let number: u64 = number.parse().map_err(|_| wrong())?;
            millis = number
                .checked_mul(*unit)
                .and_then(|more| millis.checked_add(more))
                .ok_or_else(wrong)?;
            rest = after;
        }
        if text.is_empty() {
            return Err(wrong());
        }
        Ok(Self(millis))
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut left = self.0;
        if left == 0 {
            return f.write_str("0s");
        }
        for (name, unit) in UNITS {
            if left >= unit {
                write!(f, "{}{name}", left / unit)?;
                left %= unit;
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for Period {
    type Error = ParsePeriodError;

    fn try_from(text: String) -> Result<Self, ParsePeriodError> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

pub(crate) mod millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Moment;

    pub(crate) fn serialize<S: Serializer>(moment: &Moment, to: S) -> Result<S::Ok, S::Error> {
        super::to_millis(*moment).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Moment, D::Error> {
        i64::deserialize(from).map(super::from_millis)
    }
}

pub(crate) mod optional_millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Moment;

    pub(crate) fn serialize<S: Serializer>(
        moment: &Option<Moment>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        moment.map(super::to_millis).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Moment>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.map(super::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_read_back_as_they_are_written() {
        for text in ["6h", "1d12h", "1m30s", "200ms", "0s", "1d2h30m5s7ms"] {
            assert_eq!(text.parse::<Period>().unwrap().to_string(), text);
        }
        let most = Period::from_millis(u64::MAX);
        assert_eq!(most.to_string().parse::<Period>(), Ok(most));
    }

    #[test]
    fn what_is_no_period_is_refused() {
        for text in [
            "",
            "6",
            "h",
            "6 h",
            "-1h",
            "1w",
            "1.5h",
            "99999999999999999999h",
        ] {
            assert!(text.parse::<Period>().is_err(), "{text}");
        }
    }
}
