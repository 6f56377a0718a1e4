//! An update before anybody has understood it.

use std::fmt;

use chatflow_core::EventKey;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// An update of which no more is known than its id, its kind and whose chat it is of.
///
/// Telegram adds kinds and fields several times a year. So nothing here or in
/// [`inbound`](crate::inbound) is derived from a description of the whole: a field is looked up
/// by name where it is needed, and one of an unknown form is as good as none. A strict model
/// would lose a contact's message for the sake of a field that nobody reads.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    id: Option<i64>,
    content: Option<(UpdateKind, Object<'a>)>,
}

impl<'a> Envelope<'a> {
    /// Opens one; `None` where it isn't a JSON object.
    pub(crate) fn open(text: &'a str) -> Option<Self> {
        let update = Object::read(text)?;
        // Telegram sends one kind at a time. Were there two, the order of the list decides, not
        // the order of the fields.
        let content = UpdateKind::ALL
            .into_iter()
            .find_map(|kind| Some((kind, update.object(kind.name())?)));
        Some(Self {
            id: update.integer("update_id").filter(|id| *id > 0),
            content,
        })
    }

    /// The update's id. One below 1 counts as none: as an offset it would make Telegram forget
    /// what we haven't read.
    pub(crate) fn id(&self) -> Option<i64> {
        self.id
    }

    /// Its kind and what it says, where we know the kind.
    pub(crate) fn content(&self) -> Option<&(UpdateKind, Object<'a>)> {
        self.content.as_ref()
    }

    /// The chat whose updates have to stay in order; `None` where no other update can belong
    /// to this one.
    pub(crate) fn chat(&self) -> Option<i64> {
        let (kind, content) = self.content()?;
        let holder = match kind {
            UpdateKind::CallbackQuery => content.object("message"),
            _ => None,
        };
        let chat = holder.as_ref().unwrap_or(content).object("chat");
        chat.and_then(|chat| chat.integer("id"))
            .or_else(|| content.object("from")?.integer("id"))
    }

    /// The id to answer a pressed choice by.
    pub(crate) fn callback_query(&self) -> Option<String> {
        match self.content()? {
            (UpdateKind::CallbackQuery, query) => query.text("id"),
            _ => None,
        }
    }
}

/// The key of an update: its id. What has none is known by its bytes.
pub(crate) fn key(id: Option<i64>, bytes: &[u8]) -> EventKey {
    match id {
        Some(id) => format!("update:{id}").into(),
        None => {
            let digest = Sha256::digest(bytes);
            let digits = digest.iter().map(|byte| format!("{byte:02x}"));
            format!("bytes:{}", digits.collect::<String>()).into()
        }
    }
}

/// The kinds of update that we ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UpdateKind {
    Message,
    EditedMessage,
    CallbackQuery,
    MyChatMember,
    BusinessMessage,
    EditedBusinessMessage,
    BusinessConnection,
    DeletedBusinessMessages,
}

impl UpdateKind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Message,
        Self::EditedMessage,
        Self::CallbackQuery,
        Self::MyChatMember,
        Self::BusinessMessage,
        Self::EditedBusinessMessage,
        Self::BusinessConnection,
        Self::DeletedBusinessMessages,
    ];

    /// Its name in an update and in `allowed_updates`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::EditedMessage => "edited_message",
            Self::CallbackQuery => "callback_query",
            Self::MyChatMember => "my_chat_member",
            Self::BusinessMessage => "business_message",
            Self::EditedBusinessMessage => "edited_business_message",
            Self::BusinessConnection => "business_connection",
            Self::DeletedBusinessMessages => "deleted_business_messages",
        }
    }

    /// What `allowed_updates` names. Telegram's default would leave kinds out, and would change
    /// with Telegram.
    pub(crate) fn allowed() -> [&'static str; Self::ALL.len()] {
        Self::ALL.map(Self::name)
    }
}

/// A JSON object of which only the names of its fields have been read.
///
/// Asking for a field gives `None` where it is missing and where it has another form than asked
/// for. Of a name that comes twice the last counts.
pub(crate) struct Object<'a> {
    fields: Vec<(String, &'a RawValue)>,
}

impl<'a> Object<'a> {
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some_and(|raw| raw.get() != "null")
    }

    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        self.parse(name)
    }

    /// The objects of a list, without what is none.
    pub(crate) fn objects(&self, name: &str) -> Vec<Self> {
        let items: Vec<&RawValue> = self.parse(name).unwrap_or_default();
        items.into_iter().filter_map(read).collect()
    }

    /// The objects of a list of lists, in reading order.
    pub(crate) fn nested_objects(&self, name: &str) -> Vec<Self> {
        let rows: Vec<&RawValue> = self.parse(name).unwrap_or_default();
        let items = rows.into_iter().filter_map(read::<Vec<&RawValue>>);
        items.flatten().filter_map(read).collect()
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.parse(name)
    }

    /// A text that isn't empty.
    pub(crate) fn words(&self, name: &str) -> Option<String> {
        self.text(name).filter(|text| !text.is_empty())
    }

    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.parse(name)
    }

    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        self.parse::<f64>(name).filter(|number| number.is_finite())
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.parse(name)
    }

    fn parse<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        self.raw(name).and_then(read)
    }

    fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let mut fields = self.fields.iter().rev();
        fields.find_map(|(own, raw)| (own == name).then_some(*raw))
    }
}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} fields)", self.fields.len())
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Object { fields })
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    serde_json::from_str(raw.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_fields_does_not_matter() {
        for text in [
            r#"{"update_id":7,"message":{"chat":{"id":-5}}}"#,
            r#"{"message":{"chat":{"id":-5}},"update_id":7}"#,
            r#"{"novelty":[{}],"message":{"chat":{"x":1,"id":-5}},"edited_message":3,"update_id":7}"#,
        ] {
            let envelope = Envelope::open(text).unwrap();
            assert_eq!(envelope.id(), Some(7));
            assert_eq!(envelope.chat(), Some(-5));
            assert_eq!(envelope.content().unwrap().0, UpdateKind::Message);
        }
    }

    #[test]
    fn an_id_below_one_is_none() {
        for text in [
            r#"{"update_id":0}"#,
            r#"{"update_id":-3}"#,
            r#"{"update_id":"7"}"#,
            r#"{"update_id":99999999999999999999}"#,
            r#"{"update_id":null}"#,
            "{}",
        ] {
            assert_eq!(Envelope::open(text).unwrap().id(), None, "{text}");
        }
    }

    #[test]
    fn fields_of_another_form_are_as_good_as_none() {
        let object = Object::read(
            r#"{"text":5,"id":"x","n":[{"a":1},7,null],"rows":[[{"a":1}],5],"nothing":null,"b":"\ud800"}"#,
        )
        .unwrap();
        assert_eq!(object.text("text"), None);
        assert_eq!(object.integer("id"), None);
        assert_eq!(object.objects("n").len(), 1);
        assert_eq!(object.nested_objects("rows").len(), 1);
        assert!(object.objects("text").is_empty());
        assert!(object.object("n").is_none());
        assert!(!object.has("nothing") && object.has("b"));
        assert_eq!(object.text("b"), None);
    }

    #[test]
    fn deep_nesting_is_no_matter() {
        let deep = format!(
            r#"{{"message":{}{}}}"#,
            "[".repeat(200_000),
            "]".repeat(200_000)
        );
        let envelope = Envelope::open(&deep).unwrap();
        assert!(envelope.content().is_none());
    }

    #[test]
    fn bytes_without_an_id_have_a_key_of_their_own() {
        assert_eq!(key(Some(9), b"x").as_str(), "update:9");
        let key = key(None, b"abc");
        assert_eq!(
            key.as_str(),
            "bytes:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(key.is_valid());
    }
}
