//! Where a contact came from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dialog::Text;
use crate::dialog::time::{self, Moment};

/// Where a contact came from, as far as a start link or a channel tells. Nothing in it is
/// required.
///
/// Links carry little: a start link has room for a short token only, which leads to a source
/// stored beforehand ([`Store::put_source`](crate::Store::put_source)).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Source {
    /// What the link carried, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload: Option<Text>,
    /// The name of the source, such as a newsletter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// The platform that advertised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Text>,
    /// The campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<Text>,
    /// The set of ads within the campaign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ad_set: Option<Text>,
    /// The ad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ad: Option<Text>,
    /// The tracker's id of the click.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub click_id: Option<Text>,
    /// Whatever else the tracker passes on, such as `utm_medium`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<String, Text>,
}

impl Source {
    /// Longest source, all its texts together, in bytes.
    pub const BYTES_MAX: usize = 4096;

    /// A source of which only the link's payload is known.
    pub fn of_payload(payload: impl Into<Text>) -> Self {
        Self {
            payload: Some(payload.into()),
            ..Self::default()
        }
    }

    /// Bytes of text in it.
    pub fn weight(&self) -> usize {
        let parts = self.parts();
        parts.map(|(name, text)| name.len() + text.len()).sum()
    }

    /// Its parts that are known, by name.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&str, &str)> {
        let named = self.texts().into_iter().flatten();
        let extra = self.extra.iter().map(|(name, text)| (name.as_str(), text));
        named.chain(extra).map(|(name, text)| (name, text.as_str()))
    }

    fn texts(&self) -> [Option<(&'static str, &Text)>; 7] {
        let fields = [
            ("payload", &self.payload),
            ("name", &self.name),
            ("platform", &self.platform),
            ("campaign", &self.campaign),
            ("ad_set", &self.ad_set),
            ("ad", &self.ad),
            ("click_id", &self.click_id),
        ];
        fields.map(|(name, text)| text.as_ref().map(|text| (name, text)))
    }
}

/// A source, and when the contact came from it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceTouch {
    /// The source.
    pub source: Source,
    /// When.
    #[serde(with = "time::millis")]
    pub at: Moment,
}
