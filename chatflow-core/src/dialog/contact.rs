//! The person at the other end.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::dialog::time::{self, Moment};
use crate::dialog::{ContactId, OperatorId, Revision, SpaceId, Text, Value};

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
const NAME_CHARS_MAX: usize = 256;
/// Longest name of a field that an operator sets, in bytes.
const FIELD_NAME_BYTES_MAX: usize = 128;
/// Bytes of a contact's fields together where an operator sets one: as many as a bot's flow may
/// fill by default.
const FIELDS_BYTES_MAX: usize = 64 * 1024;
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
    fn takes_tag(&self, tag: &str) -> Result<(), ContactRefusal> {
        if tag.is_empty() || tag.len() > Self::TAG_BYTES_MAX {
            Err(ContactRefusal::BadTag)
        } else if self.tags.len() >= Self::TAGS_MAX && !self.tags.contains(tag) {
            Err(ContactRefusal::TooManyTags)
        } else {
            Ok(())
        }
    }

    /// Whether the contact can carry this field, beside those it has.
    fn takes_field(&self, field: &str, value: &Value) -> Result<(), ContactRefusal> {
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
}

impl ContactPatch {
    /// Whether the contact can carry what the patch sets: a tag has 1 to
    /// [`TAG_BYTES_MAX`](ContactView::TAG_BYTES_MAX) bytes, and a contact at most
    /// [`TAGS_MAX`](ContactView::TAGS_MAX) tags. Names and fields are bounded by the limits of
    /// the bot whose flow sets them.
    pub fn fits(&self, view: &ContactView) -> bool {
        match self {
            Self::AddTag(tag) => view.takes_tag(tag).is_ok(),
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
        }
    }
}

/// What an operator or a host does to a contact itself, whichever dialogs it has.
///
/// Doing the same again changes nothing: a second block keeps who blocked first, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContactAct {
    /// Blocks the contact: nothing is accepted from it or sent to it, in any dialog.
    Block,
    /// Lifts our block. Each dialog shows its earlier status again, since that was never
    /// overwritten.
    Unblock,
    /// Sets the name.
    SetName(Text),
    /// Sets a field.
    SetField(String, Value),
    /// Puts a tag on the contact.
    AddTag(String),
    /// Takes a tag off the contact.
    RemoveTag(String),
}

impl ContactAct {
    /// Applies the act, which `by` does at `now`; says whether anything changed.
    ///
    /// # Errors
    /// [`ContactRefusal`] where the contact can't carry that; nothing is changed then.
    pub fn apply(
        &self,
        view: &mut ContactView,
        by: &OperatorId,
        now: Moment,
    ) -> Result<bool, ContactRefusal> {
        if !by.is_valid() {
            return Err(ContactRefusal::BadOperator);
        }
        let patch = match self {
            Self::Block if view.blocked.is_some() => return Ok(false),
            Self::Block => {
                let (by, since) = (by.clone(), time::whole_milliseconds(now));
                view.blocked = Some(ContactBlock { by, since });
                return Ok(true);
            }
            Self::Unblock => return Ok(view.blocked.take().is_some()),
            Self::SetName(name) => {
                if name.is_empty() || name.as_str().chars().count() > NAME_CHARS_MAX {
                    return Err(ContactRefusal::BadName);
                }
                ContactPatch::Name(name.clone())
            }
            Self::SetField(field, value) => {
                view.takes_field(field, value)?;
                ContactPatch::Field(field.clone(), value.clone())
            }
            Self::AddTag(tag) => {
                view.takes_tag(tag)?;
                ContactPatch::AddTag(tag.clone())
            }
            Self::RemoveTag(tag) => ContactPatch::RemoveTag(tag.clone()),
        };
        Ok(patch.apply(view))
    }
}

/// Why a contact can't be changed in this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContactRefusal {
    /// The tag is empty or too long.
    #[error("a tag has 1 to {} bytes", ContactView::TAG_BYTES_MAX)]
    BadTag,
    /// The contact has as many tags as it may have.
    #[error("a contact has at most {} tags", ContactView::TAGS_MAX)]
    TooManyTags,
    /// The name is empty or too long.
    #[error("a name has 1 to {NAME_CHARS_MAX} characters")]
    BadName,
    /// The field's name is empty or too long, or its value is nested too deep.
    #[error("the field has no usable name, or its value can't be stored")]
    BadField,
    /// The contact's fields would be too large together.
    #[error("a contact's fields have at most {FIELDS_BYTES_MAX} bytes together")]
    FieldsTooLarge,
    /// The operator's name is empty or too long.
    #[error("the operator has no usable name")]
    BadOperator,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::codec;

    fn olga() -> OperatorId {
        "olga".into()
    }

    /// A contact with as many tags as it may have: `0`, `1` and so on.
    fn tagged() -> ContactView {
        ContactView {
            tags: (0..ContactView::TAGS_MAX).map(|n| n.to_string()).collect(),
            ..ContactView::default()
        }
    }

    #[test]
    fn tags_are_bounded_for_flows_and_operators_alike() {
        let full = tagged();
        let longest = "é".repeat(32);
        let cases = [
            (&full, "one more", Err(ContactRefusal::TooManyTags)),
            (&full, "7", Ok(false)),
            (&ContactView::default(), "", Err(ContactRefusal::BadTag)),
            (&ContactView::default(), &longest, Ok(true)),
            (
                &ContactView::default(),
                &format!("{longest}!"),
                Err(ContactRefusal::BadTag),
            ),
        ];
        for (before, tag, expected) in cases {
            let now = time::from_millis(0);
            let mut view = before.clone();
            let act = ContactAct::AddTag(tag.to_owned());
            assert_eq!(act.apply(&mut view, &olga(), now), expected, "{tag}");
            let mut patched = before.clone();
            let patch = ContactPatch::AddTag(tag.to_owned());
            assert_eq!(patch.fits(before), expected.is_ok());
            assert_eq!(patch.apply(&mut patched), expected == Ok(true));
            assert_eq!(view, patched);
            assert_eq!(&view == before, expected != Ok(true));
        }
    }

    #[test]
    fn patches_of_different_tags_commute() {
        let add = ContactPatch::AddTag("vip".to_owned());
        let remove = ContactPatch::RemoveTag("cold".to_owned());
        let mut before = ContactView::default();
        before.tags.insert("cold".to_owned());
        let (mut left, mut right) = (before.clone(), before);
        assert!(add.apply(&mut left) && remove.apply(&mut left));
        assert!(remove.apply(&mut right) && add.apply(&mut right));
        assert_eq!(left, right);
        assert_eq!(left.tags, ["vip".to_owned()].into());
        assert!(!add.apply(&mut left) && !remove.apply(&mut left), "once");
    }

    #[test]
    fn a_second_block_keeps_who_blocked_first() {
        let mut view = ContactView::default();
        let (first, later) = (time::from_millis(1_000), time::from_millis(2_000));
        assert_eq!(ContactAct::Block.apply(&mut view, &olga(), first), Ok(true));
        let again = ContactAct::Block.apply(&mut view, &"otto".into(), later);
        assert_eq!(again, Ok(false));
        let block = ContactBlock {
            by: olga(),
            since: first,
        };
        assert_eq!(view.blocked.as_ref(), Some(&block));
        let unblock = |view: &mut _| ContactAct::Unblock.apply(view, &olga(), later);
        assert_eq!(
            (unblock(&mut view), unblock(&mut view)),
            (Ok(true), Ok(false))
        );
    }

    #[test]
    fn what_a_contact_cannot_carry_is_refused_and_changes_nothing() {
        let long = "x".repeat(NAME_CHARS_MAX + 1);
        let large = Value::from("x".repeat(FIELDS_BYTES_MAX));
        let cases = [
            (ContactAct::SetName("".into()), ContactRefusal::BadName),
            (ContactAct::SetName(long.into()), ContactRefusal::BadName),
            (
                ContactAct::SetField(String::new(), Value::Null),
                ContactRefusal::BadField,
            ),
            (
                ContactAct::SetField("f".repeat(129), Value::Null),
                ContactRefusal::BadField,
            ),
            (
                ContactAct::SetField("f".to_owned(), large),
                ContactRefusal::FieldsTooLarge,
            ),
        ];
        let now = time::from_millis(0);
        for (act, refusal) in cases {
            let mut view = ContactView::default();
            assert_eq!(act.apply(&mut view, &olga(), now), Err(refusal));
            assert_eq!(view, ContactView::default());
        }
        let nobody = ContactAct::Block.apply(&mut ContactView::default(), &"".into(), now);
        assert_eq!(nobody, Err(ContactRefusal::BadOperator));
    }

    /// Stored labels never change.
    #[test]
    fn stored_labels_are_fixed() {
        let json = |patch: &ContactPatch| serde_json::to_string(patch).unwrap();
        let tag = || "vip".to_owned();
        assert_eq!(json(&ContactPatch::AddTag(tag())), r#"{"add_tag":"vip"}"#);
        assert_eq!(
            json(&ContactPatch::RemoveTag(tag())),
            r#"{"remove_tag":"vip"}"#
        );
        let mut view = ContactView::default();
        let since = time::from_millis(1_000);
        ContactAct::Block.apply(&mut view, &olga(), since).unwrap();
        assert_eq!(
            serde_json::to_string(&view).unwrap(),
            r#"{"revision":0,"blocked":{"by":"olga","since":1000}}"#
        );
        let stored = codec::encode(&view).unwrap();
        assert_eq!(codec::decode::<ContactView>(&stored).unwrap(), view);
    }
}
