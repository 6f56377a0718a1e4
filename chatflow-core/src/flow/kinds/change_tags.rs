//! Labelling the contact.

use serde::{Deserialize, Serialize};

use crate::flow::StepKind;

/// Adds and removes tags of the contact: at once for this dialog, soon for the contact's row and
/// its other dialogs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "tags")
)]
#[serde(deny_unknown_fields, default)]
pub struct ChangeTags {
    /// Tags the contact gets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) add: Vec<String>,
    /// Tags the contact loses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) remove: Vec<String>,
}

impl ChangeTags {
    /// A change of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tag.
    #[must_use]
    pub fn with(mut self, tag: impl Into<String>) -> Self {
        self.add.push(tag.into());
        self
    }

    /// Removes a tag.
    #[must_use]
    pub fn without(mut self, tag: impl Into<String>) -> Self {
        self.remove.push(tag.into());
        self
    }
}

impl From<ChangeTags> for StepKind {
    fn from(kind: ChangeTags) -> Self {
        Self::Tags(kind)
    }
}
