//! The form of a flow file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::flow::body::StepBody;
use crate::flow::{Behaviour, FlowDefinition, Upgrade};

/// A flow: what a bot says and asks, step by step.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "flow", transform = ordered)]
#[serde(deny_unknown_fields)]
pub(super) struct FileBody {
    /// The flow's name, unique in its bot.
    pub(super) flow: String,
    /// Raised when the flow changes, so that dialogs go on in the version they are in.
    #[serde(default = "first")]
    pub(super) version: u32,
    /// The language of texts that name none, and of contacts whose own the flow doesn't speak.
    pub(super) language: Option<String>,
    /// The step where it begins; the first, if none is named.
    pub(super) entry: Option<String>,
    /// Names of values that it reads and that come from outside.
    #[serde(default)]
    pub(super) inputs: Vec<String>,
    /// What becomes of dialogs that stand in another version of the flow; without it they stay
    /// there until they leave the flow.
    #[serde(default)]
    pub(super) upgrade: Upgrade,
    /// How the bot behaves, where its flows don't say. It belongs to the bot's first file.
    pub(super) bot: Option<Behaviour>,
    /// The steps by name, in order. Each has one key that says what it does.
    #[schemars(with = "BTreeMap<String, StepBody>", extend("minProperties" = 1))]
    #[expect(
        dead_code,
        reason = "each step is read apart, so that all broken ones are reported"
    )]
    steps: BTreeMap<String, IgnoredAny>,
}

impl FileBody {
    /// The head of a file whose head is broken, as far as it can be had.
    pub(super) fn guessed(flow: Option<String>, entry: Option<String>) -> Self {
        Self {
            flow: flow.unwrap_or_default(),
            version: first(),
            language: None,
            entry,
            inputs: Vec::new(),
            upgrade: Upgrade::default(),
            bot: None,
            steps: BTreeMap::new(),
        }
    }
}

fn first() -> u32 {
    1
}

/// What a file says is in an editor's help, so it has a title of its own.
fn ordered(schema: &mut schemars::Schema) {
    schema.insert("title".to_owned(), "A flow".into());
}

/// The JSON Schema of a flow file, for editors.
pub fn flow_schema() -> String {
    let schema = schemars::schema_for!(FileBody);
    // A schema is plain data, which can always be written.
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

/// Why a flow can't be written as a file.
#[derive(Debug, thiserror::Error)]
#[error("the flow can't be written: {reason}")]
pub struct ExportError {
    reason: String,
}

impl FlowDefinition {
    /// The flow as a YAML file, to be read by another bot or edited by hand.
    ///
    /// Steps written in Rust are named with their settings; the reading program must have them.
    ///
    /// # Errors
    /// [`ExportError`] where a value is nested too deeply to be written.
    pub fn to_yaml(&self) -> Result<String, ExportError> {
        serde_saphyr::to_string(&Exported::from(self)).map_err(|error| ExportError {
            reason: error.to_string(),
        })
    }

    /// The flow as a JSON file.
    ///
    /// # Errors
    /// As [`to_yaml`](FlowDefinition::to_yaml).
    pub fn to_json(&self) -> Result<String, ExportError> {
        serde_json::to_string_pretty(&Exported::from(self)).map_err(|error| ExportError {
            reason: error.to_string(),
        })
    }
}

/// A definition with what only this program knows taken out of it.
#[derive(Serialize)]
#[serde(transparent)]
struct Exported(FlowDefinition);

impl From<&FlowDefinition> for Exported {
    fn from(definition: &FlowDefinition) -> Self {
        use crate::flow::StepKind;
        let mut definition = definition.clone();
        for step in &mut definition.steps {
            let code = match &mut step.kind {
                StepKind::Custom(custom) => &mut custom.code,
                StepKind::Router(custom) => &mut custom.code,
                _ => continue,
            };
            code.revision = 0;
            code.exits.clear();
        }
        Self(definition)
    }
}
