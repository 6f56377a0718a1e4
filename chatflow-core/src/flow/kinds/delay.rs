//! Waiting some time.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialog::time::Period;
use crate::flow::{ClockTime, DuringDelay, StepKind};

/// Waits this long, or until clocks show a time of day, or first the one and then the other, and
/// goes on. Clocks are those of the bot's zone.
///
/// What happens to messages that come meanwhile is said by the step, or else by
/// [`Behaviour::during_delay`](crate::Behaviour::during_delay).
///
/// ```
/// use chatflow_core::{Delay, DuringDelay, time::Period};
///
/// let tomorrow_morning = Delay::new("1d".parse::<Period>()?)
///     .then_until("10:00".parse()?)
///     .during(DuringDelay::Break);
/// # let _ = tomorrow_morning;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    pub(crate) period: Period,
    pub(crate) until: Option<ClockTime>,
    pub(crate) during: Option<DuringDelay>,
}

impl Delay {
    /// A delay of this length, cut down to a whole millisecond.
    pub fn new(period: impl Into<Period>) -> Self {
        Self {
            period: period.into(),
            until: None,
            during: None,
        }
    }

    /// A delay until clocks show this time of day next.
    pub fn until(time: ClockTime) -> Self {
        Self::new(Period::default()).then_until(time)
    }

    /// Once the length is over, waits until clocks show this time of day next.
    #[must_use]
    pub fn then_until(mut self, time: ClockTime) -> Self {
        self.until = Some(time);
        self
    }

    /// Says what happens to messages that come meanwhile, in place of the bot's setting.
    #[must_use]
    pub fn during(mut self, during: DuringDelay) -> Self {
        self.during = Some(during);
        self
    }
}

impl From<Delay> for StepKind {
    fn from(kind: Delay) -> Self {
        Self::Delay(kind)
    }
}

/// The form in a file, where it isn't just the length.
#[derive(Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "delay")
)]
#[serde(deny_unknown_fields)]
struct Body {
    /// How long.
    #[serde(default, rename = "for", skip_serializing_if = "is_nothing")]
    period: Period,
    /// Then until clocks show this time of day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<ClockTime>,
    /// What happens to messages that come meanwhile, in place of the bot's setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    during: Option<DuringDelay>,
}

fn is_nothing(period: &Period) -> bool {
    period.is_zero()
}

impl Serialize for Delay {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self {
                period,
                until: None,
                during: None,
            } => period.serialize(to),
            Self {
                period,
                until,
                during,
            } => Body {
                period,
                until,
                during,
            }
            .serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Delay;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as 2h, or a map with `for` and `until`")
            }

            fn visit_str<E: de::Error>(self, period: &str) -> Result<Delay, E> {
                let period: Period = period.parse().map_err(E::custom)?;
                Ok(Delay::new(period))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Delay, A::Error> {
                let body = Body::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(Delay {
                    period: body.period,
                    until: body.until,
                    during: body.during,
                })
            }
        }

        from.deserialize_any(Visitor)
    }
}

#[cfg(feature = "files")]
impl schemars::JsonSchema for Delay {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "delay_or_time".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let period = generator.subschema_for::<Period>();
        let body = generator.subschema_for::<Body>();
        schemars::json_schema!({ "anyOf": [period, body] })
    }
}
