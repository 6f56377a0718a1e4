use serde_json::{Value, json};

use crate::testing::settings::Wordings;

use super::text::{Formatted, place, utf16_length};

/// A tag that has not been closed yet.
struct Open {
    name: String,
    entity: Value,
    /// Where its content begins, in UTF-16 units.
    from: usize,
}

/// Parses Telegram's HTML. Offsets in errors are in bytes, as Telegram's are.
pub(crate) fn parse(source: &str, wordings: Wordings) -> Result<Formatted, String> {
    let mut formatted = Formatted::default();
    let mut open: Vec<Open> = Vec::new();
    let mut at = 0;
    while let Some(character) = source[at..].chars().next() {
        match character {
            '&' => {
                let (decoded, length) = decode(&source[at..]);
                formatted.text.push(decoded);
                at += length;
            }
            '<' => {
                let end = source[at..]
                    .find('>')
                    .map(|end| at + end)
                    .ok_or_else(|| format!("Unclosed start tag at byte offset {at}"))?;
                let inside = &source[at + 1..end];
                if let Some(name) = inside.strip_prefix('/') {
                    close(&mut formatted, &mut open, name, at)?;
                } else {
                    let (name, entity) = start_tag(inside, at)?;
                    let from = utf16_length(&formatted.text);
                    open.push(Open { name, entity, from });
                }
                at = end + 1;
            }
            other => {
                formatted.text.push(other);
                at += other.len_utf8();
            }
        }
    }
    if let Some(unclosed) = open.pop() {
        let name = unclosed.name;
        return Err(match wordings {
            Wordings::Old => format!("Can't find end tag corresponding to start tag {name}"),
            Wordings::New => format!("Can't find end tag corresponding to start tag \"{name}\""),
        });
    }
    formatted.entities.sort_by_key(place);
    Ok(formatted)
}

fn close(
    formatted: &mut Formatted,
    open: &mut Vec<Open>,
    name: &str,
    at: usize,
) -> Result<(), String> {
    let name = name.trim().to_ascii_lowercase();
    let Some(mut last) = open.pop() else {
        return Err(format!("Unexpected end tag at byte offset {at}"));
    };
    if !name.is_empty() && name != last.name {
        return Err(format!(
            "Unmatched end tag at byte offset {at}, expected \"</{}>\", found \"</{name}>\"",
            last.name
        ));
    }
    let until = utf16_length(&formatted.text);
    // A language inside `pre` belongs to it and is no entity of its own.
    let is_language = last.name == "code" && last.entity.get("language").is_some();
    if is_language && let Some(outer) = open.last_mut().filter(|outer| outer.name == "pre") {
        outer.entity["language"] = last.entity["language"].take();
        return Ok(());
    }
    // A link without an address is plain text, as is an empty entity.
    if until > last.from && last.entity.get("type").is_some() {
        last.entity["offset"] = last.from.into();
        last.entity["length"] = (until - last.from).into();
        formatted.entities.push(last.entity);
    }
    Ok(())
}

/// The name of a tag and the entity it opens.
fn start_tag(inside: &str, at: usize) -> Result<(String, Value), String> {
    let end = inside
        .find(|character: char| character.is_whitespace())
        .unwrap_or(inside.len());
    let name = inside[..end].to_ascii_lowercase();
    let attributes = attributes(&inside[end..]);
    let attribute = |wanted: &str| {
        attributes
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.clone())
    };
    let simple = |kind: &str| json!({ "type": kind });
    let entity = match name.as_str() {
        "b" | "strong" => simple("bold"),
        "i" | "em" => simple("italic"),
        "u" | "ins" => simple("underline"),
        "s" | "strike" | "del" => simple("strikethrough"),
        "tg-spoiler" => simple("spoiler"),
        "span" => match attribute("class").as_deref() {
            Some("tg-spoiler") => simple("spoiler"),
            _ => {
                return Err(format!(
                    "Tag \"span\" must have class \"tg-spoiler\" at byte offset {at}"
                ));
            }
        },
        "blockquote" if attribute("expandable").is_some() => simple("expandable_blockquote"),
        "blockquote" => simple("blockquote"),
        "pre" => simple("pre"),
        "code" => {
            let language = attribute("class")
                .and_then(|class| Some(class.strip_prefix("language-")?.to_owned()));
            match language {
                Some(language) => json!({ "type": "code", "language": language }),
                None => simple("code"),
            }
        }
        "a" => match attribute("href") {
            Some(url) => json!({ "type": "text_link", "url": url }),
            None => json!({}),
        },
        "tg-emoji" => match attribute("emoji-id") {
            Some(id) => json!({ "type": "custom_emoji", "custom_emoji_id": id }),
            None => {
                return Err(format!(
                    "Custom emoji must have an identifier at byte offset {at}"
                ));
            }
        },
        _ => {
            return Err(format!(
                "Unsupported start tag \"{name}\" at byte offset {at}"
            ));
        }
    };
    Ok((name, entity))
}

/// Names and values; values may stand in quotes or without, or be absent.
fn attributes(mut text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return found;
        }
        let end = text
            .find(|character: char| character.is_whitespace() || character == '=')
            .unwrap_or(text.len());
        let name = text[..end].to_ascii_lowercase();
        text = text[end..].trim_start();
        let Some(rest) = text.strip_prefix('=') else {
            if end == 0 {
                return found;
            }
            found.push((name, String::new()));
            continue;
        };
        let rest = rest.trim_start();
        let quote = rest
            .chars()
            .next()
            .filter(|first| *first == '"' || *first == '\'');
        let (value, after) = match quote {
            Some(quote) => {
                let rest = &rest[1..];
                let end = rest.find(quote).unwrap_or(rest.len());
                (&rest[..end], rest.get(end + 1..).unwrap_or_default())
            }
            None => {
                let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                (&rest[..end], &rest[end..])
            }
        };
        found.push((name, decoded(value)));
        text = after;
    }
}

fn decoded(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        if character == '&' {
            let (decoded, length) = decode(&text[at..]);
            result.push(decoded);
            at += length;
        } else {
            result.push(character);
            at += character.len_utf8();
        }
    }
    result
}

/// The character that a text beginning with `&` stands for, and how many bytes it takes. What is
/// no reference stays an ampersand.
fn decode(text: &str) -> (char, usize) {
    for (name, character) in [("&lt", '<'), ("&gt", '>'), ("&amp", '&'), ("&quot", '"')] {
        if let Some(rest) = text.strip_prefix(name) {
            return (character, name.len() + usize::from(rest.starts_with(';')));
        }
    }
    if let Some(digits) = text.strip_prefix("&#") {
        let (digits, radix, begun) = match digits.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16, 3),
            None => (digits, 10, 2),
        };
        let end = digits
            .find(|digit: char| !digit.is_digit(radix))
            .unwrap_or(digits.len());
        let code = u32::from_str_radix(&digits[..end], radix).ok();
        if let Some(character) = code.and_then(char::from_u32).filter(|code| *code != '\0') {
            let semicolon = usize::from(digits[end..].starts_with(';'));
            return (character, begun + end + semicolon);
        }
    }
    ('&', 1)
}
