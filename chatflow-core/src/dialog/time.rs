//! Moments as they are stored.
//!
//! All stored moments are whole milliseconds since 1970 in UTC. The engine cuts `now` down to
//! a millisecond before it uses it, so what it decides on is what replay reads back.

use chrono::{DateTime, SubsecRound, Utc};

/// A moment, in UTC.
pub type Moment = DateTime<Utc>;

/// The moment cut down to a whole millisecond, never up: nothing happens early.
pub(crate) fn whole_milliseconds(moment: Moment) -> Moment {
    moment.trunc_subsecs(3)
}

/// A day that nothing can be planned beyond; keeps arithmetic on moments from overflowing.
pub(crate) fn add(moment: Moment, after: std::time::Duration) -> Moment {
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
