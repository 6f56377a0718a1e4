//! What is done to a contact itself.

use crate::dialog::contact::{FIELDS_BYTES_MAX, NAME_CHARS_MAX};
use crate::dialog::time::{self, Moment};
use crate::dialog::{ContactBlock, ContactPatch, ContactView, OperatorId, Text, Value};

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
