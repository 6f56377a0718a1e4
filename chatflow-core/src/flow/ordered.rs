//! Lists of named things that are written as maps whose order matters.
//!
//! A file's reader keeps the order, and so does the stored form; a map type of this program
//! would sort the names.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::ser::SerializeMap as _;
use serde::{Deserializer, Serialize, Serializer, de};

/// A thing that is written as a map's entry.
pub(crate) trait Named: Sized {
    /// What stands after its name.
    type Value: Serialize + DeserializeOwned;

    fn split(&self) -> (String, Self::Value);

    /// Puts it together again; an error says what is wrong with it.
    fn join(name: String, value: Self::Value) -> Result<Self, String>;
}

impl<V: Serialize + DeserializeOwned + Clone> Named for (String, V) {
    type Value = V;

    fn split(&self) -> Self {
        self.clone()
    }

    fn join(name: String, value: V) -> Result<Self, String> {
        Ok((name, value))
    }
}

/// Writes each thing under its name.
pub(crate) fn serialize<T: Named, S: Serializer>(things: &[T], to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(things.len()))?;
    for thing in things {
        let (name, value) = thing.split();
        map.serialize_entry(&name, &value)?;
    }
    map.end()
}

/// Reads the things in the order in which they stand.
pub(crate) fn deserialize<'de, T: Named, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    struct Visitor<T>(PhantomData<T>);

    impl<'de, T: Named> de::Visitor<'de> for Visitor<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map by name")
        }

        fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
            let mut things = Vec::new();
            while let Some((name, value)) = map.next_entry()? {
                things.push(T::join(name, value).map_err(de::Error::custom)?);
            }
            Ok(things)
        }
    }

    from.deserialize_map(Visitor(PhantomData))
}
