//! What a value without quotes is.

use super::Kind;

/// YAML 1.2's core schema, with two differences that keep what people write: digits behind a
/// leading zero are a text (a telephone number), and infinity and its like are texts.
pub(super) fn plain(written: String) -> Kind {
    match written.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool { yes: true, written },
        "false" | "False" | "FALSE" => {
            return Kind::Bool {
                yes: false,
                written,
            };
        }
        _ => {}
    }
    if let Some(value) = integer(&written) {
        return Kind::Integer { value, written };
    }
    if is_number(&written)
        && let Ok(value) = written.parse()
    {
        return Kind::Number { value, written };
    }
    Kind::Text(written)
}

/// A whole number that fits into `i64` or `u64`.
fn integer(written: &str) -> Option<i128> {
    let value = if let Some(digits) = written.strip_prefix("0x") {
        unsigned(digits, 16)?
    } else if let Some(digits) = written.strip_prefix("0o") {
        unsigned(digits, 8)?
    } else if let Some(digits) = written.strip_prefix('-') {
        -unsigned(without_leading_zero(digits)?, 10)?
    } else {
        let digits = written.strip_prefix('+').unwrap_or(written);
        unsigned(without_leading_zero(digits)?, 10)?
    };
    (i128::from(i64::MIN)..=i128::from(u64::MAX))
        .contains(&value)
        .then_some(value)
}

/// Digits only: the standard library would take a second sign.
fn unsigned(digits: &str, radix: u32) -> Option<i128> {
    let only_digits = digits.chars().all(|digit| digit.is_digit(radix));
    only_digits.then(|| i128::from_str_radix(digits, radix).ok())?
}

fn without_leading_zero(digits: &str) -> Option<&str> {
    (digits.len() == 1 || !digits.starts_with('0')).then_some(digits)
}

/// A decimal number: sign, digits with or without a point, exponent.
fn is_number(written: &str) -> bool {
    let unsigned = written.strip_prefix(['-', '+']).unwrap_or(written);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && are_digits(digits)
    });
    exponent_fits
        && are_digits(whole)
        && are_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && (whole.is_empty() || without_leading_zero(whole).is_some())
}

fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_as_a_number_is_one() {
        for (written, value) in [
            ("0", 0),
            ("-5", -5),
            ("+49", 49),
            ("0x1F", 31),
            ("0o17", 15),
        ] {
            assert!(
                matches!(plain(written.to_owned()), Kind::Integer { value: found, .. } if found == value),
                "{written}"
            );
        }
        for written in [
            "1.10",
            "-0.5",
            ".5",
            "5.",
            "1e3",
            "1E-3",
            "18446744073709551616",
        ] {
            assert!(
                matches!(plain(written.to_owned()), Kind::Number { .. }),
                "{written}"
            );
        }
        for written in [
            "007",
            "-007",
            "00.5",
            "1_000",
            ".",
            "-",
            "+",
            "e5",
            "1e",
            "0x",
            "0xg",
            "--5",
            "+-5",
            "0x-5",
            ".nan",
            ".inf",
            "inf",
            "nan",
            "yes",
            "no",
            "on",
            "off",
            "1:30",
            "2026-01-05",
            "1.2.3",
        ] {
            assert_eq!(plain(written.to_owned()), Kind::Text(written.to_owned()));
        }
    }
}
