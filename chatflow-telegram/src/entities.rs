//! Formatting as Telegram's entities.
//!
//! Formatting is said beside the text and never written into it, so nothing that a contact
//! wrote can become formatting, and nothing has to be escaped.

use chatflow_core::{Mark, MarkKind, TextUnit};
use reqwest::Url;
use teloxide_core::types::{MessageEntity, MessageEntityKind};

/// The entities of a text. What Telegram has no form for, or doesn't fit the text, is left out.
pub(crate) fn entities(text: &str, marks: &[Mark]) -> Vec<MessageEntity> {
    let marks = marks.iter().filter(|mark| mark.fits(text));
    let entities = marks.filter_map(|mark| {
        let before = text.get(..mark.range().start)?;
        let within = text.get(mark.range())?;
        let (offset, length) = (TextUnit::Utf16.count(before), TextUnit::Utf16.count(within));
        Some(MessageEntity::new(kind(&mark.kind)?, offset, length))
    });
    entities.collect()
}

fn kind(kind: &MarkKind) -> Option<MessageEntityKind> {
    Some(match kind {
        MarkKind::Bold => MessageEntityKind::Bold,
        MarkKind::Italic => MessageEntityKind::Italic,
        MarkKind::Underline => MessageEntityKind::Underline,
        MarkKind::Strikethrough => MessageEntityKind::Strikethrough,
        MarkKind::Spoiler => MessageEntityKind::Spoiler,
        MarkKind::Code => MessageEntityKind::Code,
        MarkKind::Preformatted { language } => MessageEntityKind::Pre {
            language: language.as_ref().map(|name| name.as_str().to_owned()),
        },
        MarkKind::Quote => MessageEntityKind::Blockquote,
        MarkKind::Link(target) => MessageEntityKind::TextLink {
            url: Url::parse(target.as_str()).ok()?,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn offsets_count_as_telegram_does() {
        let text = "👍 Grüße, Anna";
        let from = text.find("Anna").unwrap() as u32;
        let mark = Mark::new(from..from + 4, MarkKind::Bold);
        let entity = &entities(text, &[mark])[0];
        assert_eq!((entity.offset, entity.length), (10, 4));
    }

    #[test]
    fn a_link_that_is_none_is_left_out() {
        let link = |target: &str| Mark::new(0..2, MarkKind::Link(target.into()));
        let marks = [link("not a link"), link("https://shop.example/a")];
        let json = serde_json::to_string(&entities("ab", &marks)).unwrap();
        assert_eq!(
            json,
            r#"[{"type":"text_link","url":"https://shop.example/a","offset":0,"length":2}]"#
        );
    }

    proptest! {
        #[test]
        fn every_entity_lies_within_the_text(text in "\\PC{0,20}", from in 0_u32..80, length in 0_u32..80) {
            let mark = Mark::new(from..from + length, MarkKind::Italic);
            for entity in entities(&text, &[mark]) {
                let units: Vec<u16> = text.encode_utf16().collect();
                let stretch = &units[entity.offset..entity.offset + entity.length];
                prop_assert_eq!(
                    String::from_utf16(stretch).unwrap(),
                    &text[from as usize..(from + length) as usize]
                );
            }
        }
    }
}
