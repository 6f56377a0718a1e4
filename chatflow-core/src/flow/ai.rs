//! How a bot uses models and translators.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialog::time::Period;
use crate::dialog::{Decimal, Usage, Value};
use crate::flow::kinds::Source;

/// How a bot uses a model, where a step doesn't say. Texts here are sent to the model as they
/// are; they are no templates.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "ai")
)]
#[serde(default, deny_unknown_fields)]
pub struct AiSettings {
    /// The model, by the name its provider knows; the provider's own choice where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Who the model is to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What it is to reach.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// What it may not do or say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<String>,
    /// How it is to answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
    /// How many of the last messages it is shown.
    pub memory: Memory,
    /// How long after the contact's last message a model's reply is sent at the earliest. The
    /// quiet time is part of it.
    pub reply_time: Period,
    /// What models cost, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub prices: BTreeMap<String, Price>,
    /// What all dialogs of the bot together may cost; more is not asked of models then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Amount>,
    /// What one dialog may cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialog_budget: Option<Amount>,
    /// What a dialog does whose step asks a model when the budget is used up.
    pub over_budget: OverBudget,
}

impl AiSettings {
    /// The same in the currency of its prices: what so many tokens of a model cost. A model
    /// without a price costs nothing.
    pub fn usage(&self, model: Option<&str>, tokens_in: u64, tokens_out: u64) -> Usage {
        let price = model.and_then(|model| self.prices.get(model));
        let cost = price.map(|price| {
            let read = price.input.0.per_million(tokens_in);
            read.plus(price.output.0.per_million(tokens_out))
        });
        let cost = cost.unwrap_or_default();
        Usage {
            tokens_in,
            tokens_out,
            cost,
        }
    }
}

impl AiSettings {
    /// What a model's answer has cost, by the tokens that it names. `model` is the one asked, the
    /// bot's own where none was named.
    pub(crate) fn usage_of(&self, model: Option<&str>, answer: &Value) -> Usage {
        let tokens = |name| match answer {
            Value::Map(answer) => {
                let count = answer.get(name).and_then(Value::as_integer);
                count
                    .and_then(|count| u64::try_from(count).ok())
                    .unwrap_or(0)
            }
            _ => 0,
        };
        let model = model.or(self.model.as_deref());
        self.usage(model, tokens("tokens_in"), tokens("tokens_out"))
    }
}

/// One exchange as the model is to answer it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "example")
)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What a contact writes.
    pub contact: String,
    /// What is to be answered.
    pub reply: String,
}

/// How many of the last messages a model is shown: 20 where nothing is said, at most 200.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Memory(pub u32);

impl Memory {
    /// Most messages that a model is shown.
    pub const MAX: u32 = 200;
}

impl Default for Memory {
    fn default() -> Self {
        Self(20)
    }
}

/// What a million tokens cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "price")
)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// A million tokens that are read.
    pub input: Amount,
    /// A million tokens that are written.
    pub output: Amount,
}

/// An exact amount, such as `0.15`: below a thousand millions, with at most nine digits after
/// the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Amount(pub Decimal);

impl Amount {
    /// Whether sums of such amounts stay exact.
    pub(crate) fn is_in_range(self) -> bool {
        self.0 < Decimal::from(1_000_000_000) && self.0.fraction_digits() <= 9
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Source(Value::Decimal(self.0)).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let wrong = || de::Error::custom("expected an amount such as 0.15, not below 0");
        let amount = match Source::deserialize(from)?.0 {
            Value::Decimal(amount) => amount,
            Value::Integer(amount) => amount.into(),
            Value::Text(text) => text.as_str().parse().map_err(|_| wrong())?,
            _ => return Err(wrong()),
        };
        if amount < Decimal::default() {
            return Err(wrong());
        }
        Ok(Self(amount))
    }
}

#[cfg(feature = "files")]
impl schemars::JsonSchema for Amount {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "amount".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["number", "string"],
            "description": "An exact amount, such as 0.15.",
            "minimum": 0,
        })
    }
}

/// What a dialog does whose step asks a model when the budget is used up. People can write in any
/// case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OverBudget {
    /// It shows Error.
    #[default]
    Error,
    /// It becomes Manual.
    Manual,
}

/// Into which languages messages are translated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "translation")
)]
#[serde(deny_unknown_fields)]
pub struct TranslationSettings {
    /// The language in which we write and read, such as `en`.
    pub ours: String,
    /// The language of contacts, where their dialog doesn't say; theirs, where it is known, if
    /// this isn't named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub theirs: Option<String>,
}
