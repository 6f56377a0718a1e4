//! The person at the other end.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::dialog::time::{self, Moment};
use crate::dialog::{
    ContactId, ContactRefusal, OperatorId, Revision, Source, SourceTouch, SpaceId, Text, Value,
};

/// What a channel tells about the person who wrote. Nothing in it is required.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Profile {
    /// The name shown there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// The language set there, such as `en` or `pt-BR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// Longest name taken from a channel or an operator, in Unicode scalar values.
pub(crate) const NAME_CHARS_MAX: usize = 256;
/// Longest name of a field that an operator sets, in bytes.
const FIELD_NAME_BYTES_MAX: usize = 128;
/// Bytes of a contact's fields together where an operator sets one: as many as a bot's flow may
/// fill by default.
pub(crate) const FIELDS_BYTES_MAX: usize = 64 * 1024;
/// Longest language tag taken from a channel, in bytes; the longest in use are shorter.
const PROFILE_LANGUAGE_BYTES_MAX: usize = 64;

impl Profile {
    /// What of it is kept: a name is cut, a language that is none is left out.
    pub(crate) fn bounded(&self) -> Self {
        let name =
            self.name.as_ref().map(
                |name| match name.as_str().char_indices().nth(NAME_CHARS_MAX) {
                    None => name.clone(),
                    Some((end, _)) => Text::from(&name.as_str()[..end]),
                },
            );
        let language = self.language.clone();
        Self {
            name,
            language: language.filter(|tag| tag.len() <= PROFILE_LANGUAGE_BYTES_MAX),
        }
    }
}

/// A contact's row: an aggregate with a revision of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// Its identity.
    pub id: ContactId,
    /// The space it belongs to.
    pub space: SpaceId,
    /// What dialogs see of it.
    pub view: ContactView,
}

/// What a dialog's snapshot carries of its contact, so that a turn needs no second row.
///
/// It changes only by the event `ContactChanged`, and by the dialog's own patches, which apply
/// to the view at once and to the row soon after.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ContactView {
    /// Revision of the contact's row that this view shows.
    pub revision: Revision,
    /// The contact's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// The contact's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Labels on the contact.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tags: BTreeSet<String>,
    /// Typed values kept on the contact.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Value>,
    /// Where the contact first came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_source: Option<Box<SourceTouch>>,
    /// Where the contact last came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_source: Option<Box<SourceTouch>>,
    /// Our block of the contact, where there is one: nothing is accepted from it or sent to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<ContactBlock>,
}

impl ContactView {
    /// Most tags on a contact.
    pub const TAGS_MAX: usize = 100;
    /// Longest tag, in bytes.
    pub const TAG_BYTES_MAX: usize = 64;

    /// Whether the contact can carry this tag, beside those it has.
    pub(crate) fn takes_tag(&self, tag: &str) -> Result<(), ContactRefusal> {
        if tag.is_empty() || tag.len() > Self::TAG_BYTES_MAX {
            Err(ContactRefusal::BadTag)
        } else if self.tags.len() >= Self::TAGS_MAX && !self.tags.contains(tag) {
            Err(ContactRefusal::TooManyTags)
        } else {
            Ok(())
        }
    }

    /// Whether the contact can carry this field, beside those it has.
    pub(crate) fn takes_field(&self, field: &str, value: &Value) -> Result<(), ContactRefusal> {
        let others = self.fields.iter().filter(|(name, _)| *name != field);
        let others: usize = others
            .map(|(name, value)| name.len() + value.weight())
            .sum();
        if field.is_empty() || field.len() > FIELD_NAME_BYTES_MAX || !value.is_storable() {
            Err(ContactRefusal::BadField)
        } else if others + field.len() + value.weight() > FIELDS_BYTES_MAX {
            Err(ContactRefusal::FieldsTooLarge)
        } else {
            Ok(())
        }
    }
}

/// Our block of a contact, in all its dialogs. Another fact than the contact's blocking one of
/// our bots, which is a dialog's reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactBlock {
    /// Who did it.
    pub by: OperatorId,
    /// Since when.
    #[serde(with = "time::millis")]
    pub since: Moment,
}

/// A change of a contact that a flow decided. Patches with different keys commute; of two that
/// set the same thing, the later to be applied wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactPatch {
    /// Sets the name.
    Name(Text),
    /// Sets a field.
    Field(String, Value),
    /// Puts a tag on the contact.
    AddTag(String),
    /// Takes a tag off the contact.
    RemoveTag(String),
    /// Notes where the contact came from: the first source stays, the last is replaced.
    Source(Box<SourceTouch>),
}

impl ContactPatch {
    /// Whether the contact can carry what the patch sets: a tag has 1 to
    /// [`TAG_BYTES_MAX`](ContactView::TAG_BYTES_MAX) bytes, and a contact at most
    /// [`TAGS_MAX`](ContactView::TAGS_MAX) tags. Names and fields are bounded by the limits of
    /// the bot whose flow sets them.
    pub fn fits(&self, view: &ContactView) -> bool {
        match self {
            Self::AddTag(tag) => view.takes_tag(tag).is_ok(),
            Self::Source(touch) => touch.source.weight() <= Source::BYTES_MAX,
            Self::Name(_) | Self::Field(..) | Self::RemoveTag(_) => true,
        }
    }

    /// Applies the patch; says whether anything changed. One that doesn't
    /// [fit](Self::fits) changes nothing.
    pub fn apply(&self, view: &mut ContactView) -> bool {
        match self {
            Self::Name(name) => {
                let changed = view.name.as_ref() != Some(name);
                view.name = Some(name.clone());
                changed
            }
            Self::Field(field, value) => {
                view.fields.insert(field.clone(), value.clone()).as_ref() != Some(value)
            }
            Self::AddTag(tag) => self.fits(view) && view.tags.insert(tag.clone()),
            Self::RemoveTag(tag) => view.tags.remove(tag),
            Self::Source(touch) => {
                if !self.fits(view) {
                    return false;
                }
                // By their times, so that two that are applied in the other order give the same.
                let is_first = (view.first_source.as_ref()).is_none_or(|first| touch.at < first.at);
                let is_last = (view.last_source.as_ref()).is_none_or(|last| touch.at >= last.at);
                let last_differs = is_last && view.last_source.as_ref() != Some(touch);
                if is_first {
                    view.first_source = Some(touch.clone());
                }
                if is_last {
                    view.last_source = Some(touch.clone());
                }
                is_first || last_differs
            }
        }
    }
}

impl Contact {
    /// A new contact, at revision 1, with what its profile tells.
    pub fn new(id: ContactId, space: SpaceId, profile: &Profile) -> Self {
        let view = ContactView {
            revision: 1,
            name: profile.name.clone(),
            language: profile.language.clone(),
            ..ContactView::default()
        };
        Self { id, space, view }
    }

    /// Fills in what a profile tells and the contact lacks; says whether anything changed.
    ///
    /// A name that is already there stays: it may be the one the contact gave in the flow or
    /// an operator corrected, and a nickname from the channel must not overwrite it.
    pub fn fill_from(&mut self, profile: &Profile) -> bool {
        let mut changed = false;
        if self.view.name.is_none() && profile.name.is_some() {
            self.view.name.clone_from(&profile.name);
            changed = true;
        }
        if self.view.language.is_none() && profile.language.is_some() {
            self.view.language.clone_from(&profile.language);
            changed = true;
        }
        changed
    }
}
