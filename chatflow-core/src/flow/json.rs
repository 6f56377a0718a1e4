//! Values as JSON text.

use std::fmt::Write as _;

use crate::dialog::Value;

/// Writes a value as JSON: decimals as plain numbers with all their digits, days and moments as
/// texts.
pub(super) fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(_) | Value::Integer(_) | Value::Decimal(_) => {
            // Writing to a string does not fail.
            let _ = value.write_to(out);
        }
        Value::Text(text) => write_text(text.as_str(), out),
        Value::Date(_) | Value::Time(_) => write_text(&value.render(), out),
        Value::List(values) => {
            out.push('[');
            for (n, value) in values.iter().enumerate() {
                separate(n, out);
                write(value, out);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (n, (name, value)) in map.iter().enumerate() {
                separate(n, out);
                write_text(name, out);
                out.push(':');
                write(value, out);
            }
            out.push('}');
        }
    }
}

fn separate(n: usize, out: &mut String) {
    if n > 0 {
        out.push(',');
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            letter if letter.is_control() => {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}
