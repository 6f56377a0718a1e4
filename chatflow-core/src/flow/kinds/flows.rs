//! Going on in another flow.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialog::{FlowId, StepId};
use crate::flow::StepKind;
use crate::flow::kinds::set_values::Source;

/// Goes on in another flow of the bot, at its entry or a given step, and doesn't come back. The
/// newest version is entered; the dialog's data stays. Has no exits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeFlow {
    pub(crate) flow: FlowId,
    pub(crate) step: Option<StepId>,
}

impl ChangeFlow {
    /// Goes to the flow's entry.
    pub fn to(flow: impl Into<FlowId>) -> Self {
        Self {
            flow: flow.into(),
            step: None,
        }
    }

    /// Goes to this step of it instead.
    #[must_use]
    pub fn step(mut self, step: impl Into<StepId>) -> Self {
        self.step = Some(step.into());
        self
    }
}

impl From<ChangeFlow> for StepKind {
    fn from(kind: ChangeFlow) -> Self {
        Self::ChangeFlow(kind)
    }
}

/// Goes through another flow of the bot and comes back when it is over, with what it found out.
///
/// The flow that is called has data of its own: it begins with the inputs and keeps nothing but
/// the results. It is over where it would end as Finished; Waiting and Manual keep the dialog
/// inside it.
#[derive(Debug, Clone, PartialEq)]
pub struct CallFlow {
    pub(crate) flow: FlowId,
    pub(crate) inputs: BTreeMap<String, Source>,
    pub(crate) results: BTreeMap<String, String>,
}

impl CallFlow {
    /// How deep flows may call one another.
    pub const DEPTH_MAX: usize = 8;

    /// Calls a flow, at its entry.
    pub fn to(flow: impl Into<FlowId>) -> Self {
        Self {
            flow: flow.into(),
            inputs: BTreeMap::new(),
            results: BTreeMap::new(),
        }
    }

    /// Gives it a value under a name of its data: a [template](crate::Template), filled in here.
    #[must_use]
    pub fn input(mut self, theirs: impl Into<String>, template: impl Into<String>) -> Self {
        let source = Source::template(template.into());
        self.inputs.insert(theirs.into(), source);
        self
    }

    /// Keeps a value of its data under a name of ours. Where it has none, ours stays.
    #[must_use]
    pub fn result(mut self, ours: impl Into<String>, theirs: impl Into<String>) -> Self {
        self.results.insert(ours.into(), theirs.into());
        self
    }
}

impl From<CallFlow> for StepKind {
    fn from(kind: CallFlow) -> Self {
        Self::CallFlow(kind)
    }
}

/// The form of [`ChangeFlow`] in a file, where it isn't just the flow's name.
#[derive(Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "change_flow")
)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    /// The flow's name.
    #[cfg_attr(feature = "files", schemars(with = "String"))]
    flow: FlowId,
    /// The step; its entry, if none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "files", schemars(with = "Option<String>"))]
    step: Option<StepId>,
}

/// The form of [`CallFlow`] in a file, where it isn't just the flow's name.
#[derive(Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "call_flow")
)]
#[serde(deny_unknown_fields)]
struct CallBody {
    /// The flow's name.
    #[cfg_attr(feature = "files", schemars(with = "String"))]
    flow: FlowId,
    /// What it is given, by the names of its data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    inputs: BTreeMap<String, Source>,
    /// What is kept of its data, by the names of ours.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    results: BTreeMap<String, String>,
}

impl Serialize for ChangeFlow {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.step {
            None => self.flow.serialize(to),
            step => ChangeBody {
                flow: self.flow.clone(),
                step: step.clone(),
            }
            .serialize(to),
        }
    }
}

impl Serialize for CallFlow {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.inputs.is_empty() && self.results.is_empty() {
            return self.flow.serialize(to);
        }
        let body = CallBody {
            flow: self.flow.clone(),
            inputs: self.inputs.clone(),
            results: self.results.clone(),
        };
        body.serialize(to)
    }
}

const EXPECTED: &str = "a flow's name, or a map with `flow`";

impl<'de> Deserialize<'de> for ChangeFlow {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = ChangeFlow;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E>(self, flow: &str) -> Result<ChangeFlow, E> {
                Ok(ChangeFlow::to(flow))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<ChangeFlow, A::Error> {
                let body = de::value::MapAccessDeserializer::new(map);
                let ChangeBody { flow, step } = ChangeBody::deserialize(body)?;
                Ok(ChangeFlow { flow, step })
            }
        }

        from.deserialize_any(Visitor)
    }
}

impl<'de> Deserialize<'de> for CallFlow {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = CallFlow;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EXPECTED)
            }

            fn visit_str<E>(self, flow: &str) -> Result<CallFlow, E> {
                Ok(CallFlow::to(flow))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<CallFlow, A::Error> {
                let body = CallBody::deserialize(de::value::MapAccessDeserializer::new(map))?;
                Ok(CallFlow {
                    flow: body.flow,
                    inputs: body.inputs,
                    results: body.results,
                })
            }
        }

        from.deserialize_any(Visitor)
    }
}

#[cfg(feature = "files")]
crate::flow::schema::text_or!(ChangeFlow, "change_flow_or_name", ChangeBody);

#[cfg(feature = "files")]
crate::flow::schema::text_or!(CallFlow, "call_flow_or_name", CallBody);
