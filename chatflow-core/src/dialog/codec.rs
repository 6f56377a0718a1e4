//! The stored form of snapshots, journal entries and effects.
//!
//! One version byte, then MessagePack with field names: compact, readable without our types,
//! and fields may be added. Names of steps are stored, never indices. A build refuses a
//! version it doesn't know instead of guessing.

use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};

/// The version of the stored form this build writes, and the newest it reads.
pub const STORED_FORM: u8 = 1;

/// Why stored bytes can't be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There is not even a version byte.
    #[error("the stored bytes are empty")]
    Empty,
    /// Written by a newer build; install that one or newer.
    #[error(
        "stored form {found} is newer than {STORED_FORM}, the newest this build reads; use a newer build"
    )]
    TooNew {
        /// The version found.
        found: u8,
    },
    /// Not what this build expects. The detail names no content.
    #[error("the stored bytes are damaged or of another kind: {detail}")]
    Damaged {
        /// What the decoder missed, without content.
        detail: String,
    },
}

/// Why a value can't be stored: some host's type refuses to be serialised.
#[derive(Debug, thiserror::Error)]
#[error("can't be stored: {detail}")]
pub struct EncodeError {
    detail: String,
}

/// Bytes of a value in the stored form.
///
/// # Errors
/// Only if a type's own `Serialize` refuses; none in this crate does.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(STORED_FORM);
    let mut writer = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
    value.serialize(&mut writer).map_err(|error| EncodeError {
        detail: error.to_string(),
    })?;
    Ok(bytes)
}

/// The value stored as these bytes.
///
/// # Errors
/// [`DecodeError`] where the bytes are empty, too new, damaged or followed by more.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (&version, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
    if version > STORED_FORM || version == 0 {
        return Err(DecodeError::TooNew { found: version });
    }
    let mut reader = rmp_serde::Deserializer::from_read_ref(body);
    let value = T::deserialize(&mut reader).map_err(|error| DecodeError::Damaged {
        detail: kind_of(&error).to_owned(),
    })?;
    // The reader doesn't tell how far it came, but it does tell that nothing follows.
    match serde::de::IgnoredAny::deserialize(&mut reader) {
        Err(rmp_serde::decode::Error::InvalidMarkerRead(_)) => Ok(value),
        _ => Err(DecodeError::Damaged {
            detail: "bytes are left over".to_owned(),
        }),
    }
}

/// A decoder's error without its text, which may quote content.
fn kind_of(error: &rmp_serde::decode::Error) -> &'static str {
    use rmp_serde::decode::Error;
    match error {
        Error::InvalidMarkerRead(_) | Error::InvalidDataRead(_) => "they end too early",
        Error::TypeMismatch(_) => "a value has another type",
        Error::OutOfRange => "a number is out of range",
        Error::LengthMismatch(_) => "a list has another length",
        Error::Utf8Error(_) => "text isn't UTF-8",
        Error::DepthLimitExceeded => "nesting is too deep",
        _ => "a field is missing or has another form",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_forms_are_refused_by_name() {
        let mut bytes = encode("x").unwrap();
        bytes[0] = STORED_FORM + 1;
        assert!(
            matches!(decode::<String>(&bytes), Err(DecodeError::TooNew { found }) if found == STORED_FORM + 1)
        );
        assert!(matches!(decode::<String>(&[]), Err(DecodeError::Empty)));
    }

    #[test]
    fn damage_is_an_error_that_quotes_nothing() {
        let bytes = encode("secret").unwrap();
        for cut in 1..bytes.len() {
            let error = decode::<String>(&bytes[..cut]).unwrap_err();
            assert!(!error.to_string().contains("secret"));
        }
        let error = decode::<u64>(&bytes).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        let mut longer = bytes;
        longer.push(0);
        assert!(decode::<String>(&longer).is_err());
    }
}
