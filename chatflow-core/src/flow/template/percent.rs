//! Percent-encoding, as addresses and forms have it.

use std::fmt::Write;

/// Writes a text with all but letters, digits, `-`, `.`, `_` and `~` encoded (RFC 3986): byte by
/// byte, in capitals.
pub(crate) struct Encoding<'a, W>(pub(crate) &'a mut W);

impl<W: Write> Write for Encoding<'_, W> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        for byte in text.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                self.0.write_char(char::from(byte))?;
            } else {
                let digit = |four: u8| char::from(DIGITS[usize::from(four)]);
                self.0.write_char('%')?;
                self.0.write_char(digit(byte >> 4))?;
                self.0.write_char(digit(byte & 15))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_an_address_is_encoded() {
        let mut out = String::new();
        Encoding(&mut out).write_str("a-Z_0.~/?#&=%+ é\n").unwrap();
        assert_eq!(out, "a-Z_0.~%2F%3F%23%26%3D%25%2B%20%C3%A9%0A");
    }
}
