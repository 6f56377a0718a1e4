//! Telegram's entities as marks.

use chatflow_core::{Mark, MarkKind};

use crate::envelope::Object;

/// The formatting that entities stand for. One that lies outside of the text or cuts a letter
/// in two is left out, and so are mentions, hashtags and the like: they are in the text anyway.
pub(super) fn marks(text: &str, entities: &[Object<'_>]) -> Vec<Mark> {
    if entities.is_empty() {
        return Vec::new();
    }
    let boundaries = boundaries(text);
    let at = |unit: i64| {
        let boundary = boundaries.get(usize::try_from(unit).ok()?)?;
        *boundary
    };
    let marks = entities.iter().filter_map(|entity| {
        let kind = kind(entity)?;
        let (offset, length) = (entity.integer("offset")?, entity.integer("length")?);
        let range = at(offset)?..at(offset.checked_add(length)?)?;
        Some(Mark::new(range, kind))
    });
    marks.filter(|mark| mark.fits(text)).collect()
}

fn kind(entity: &Object<'_>) -> Option<MarkKind> {
    let kind = match entity.text("type")?.as_str() {
        "bold" => MarkKind::Bold,
        "italic" => MarkKind::Italic,
        "underline" => MarkKind::Underline,
        "strikethrough" => MarkKind::Strikethrough,
        "spoiler" => MarkKind::Spoiler,
        "code" => MarkKind::Code,
        "pre" => MarkKind::Preformatted {
            language: entity.words("language").map(Into::into),
        },
        "blockquote" | "expandable_blockquote" => MarkKind::Quote,
        "text_link" => MarkKind::Link(entity.words("url")?.into()),
        _ => return None,
    };
    Some(kind)
}

/// For each UTF-16 unit of the text, and for its end, the byte where it begins; `None` for the
/// second half of a letter.
fn boundaries(text: &str) -> Vec<Option<u32>> {
    let mut boundaries = Vec::with_capacity(text.len() + 1);
    for (byte, letter) in text.char_indices() {
        boundaries.push(u32::try_from(byte).ok());
        if letter.len_utf16() == 2 {
            boundaries.push(None);
        }
    }
    boundaries.push(u32::try_from(text.len()).ok());
    boundaries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks_of(text: &str, entities: &[&str]) -> Vec<(String, MarkKind)> {
        let objects: Vec<_> = entities
            .iter()
            .map(|entity| Object::read(entity).unwrap())
            .collect();
        marks(text, &objects)
            .into_iter()
            .map(|mark| (text[mark.range()].to_owned(), mark.kind))
            .collect()
    }

    #[test]
    fn offsets_are_utf_16_units() {
        let text = "a😀é👨‍👩‍👧 end";
        let found = marks_of(
            text,
            &[
                r#"{"type":"bold","offset":1,"length":2}"#,
                r#"{"type":"italic","offset":3,"length":1}"#,
                r#"{"type":"underline","offset":4,"length":8}"#,
                r#"{"type":"code","offset":13,"length":3}"#,
            ],
        );
        assert_eq!(
            found,
            [
                ("😀".to_owned(), MarkKind::Bold),
                ("é".to_owned(), MarkKind::Italic),
                ("👨‍👩‍👧".to_owned(), MarkKind::Underline),
                ("end".to_owned(), MarkKind::Code),
            ]
        );
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let found = marks_of(
            "a😀",
            &[
                r#"{"type":"bold","offset":2,"length":1}"#,
                r#"{"type":"bold","offset":1,"length":1}"#,
                r#"{"type":"bold","offset":0,"length":4}"#,
                r#"{"type":"bold","offset":-1,"length":2}"#,
                r#"{"type":"bold","offset":0,"length":0}"#,
                r#"{"type":"bold","offset":1,"length":-1}"#,
                r#"{"type":"bold","offset":9223372036854775807,"length":9223372036854775807}"#,
                r#"{"type":"bold","length":1}"#,
                r#"{"type":"text_link","offset":0,"length":1}"#,
                r#"{"type":"mention","offset":0,"length":1}"#,
            ],
        );
        assert_eq!(found, []);
    }
}
