//! How stretches of a text look.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::dialog::Text;

/// Formatting of a stretch of a text.
///
/// Offsets are bytes of the UTF-8 text, at character boundaries. The text stays plain and the
/// formatting stands beside it, so that nothing a contact wrote can be mistaken for markup. Marks
/// may overlap; each channel counts offsets in its own unit and converts them at its edge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mark {
    /// The first byte it covers.
    pub from: u32,
    /// The byte after the last one it covers.
    pub to: u32,
    /// What it does to them.
    pub kind: MarkKind,
}

impl Mark {
    /// A mark over these bytes.
    pub const fn new(range: Range<u32>, kind: MarkKind) -> Self {
        Self {
            from: range.start,
            to: range.end,
            kind,
        }
    }

    /// The bytes it covers, to slice the text with once it [fits](Self::fits).
    pub const fn range(&self) -> Range<usize> {
        self.from as usize..self.to as usize
    }

    /// Whether it covers something of this text, at character boundaries.
    pub fn fits(&self, text: &str) -> bool {
        self.from < self.to && text.get(self.range()).is_some()
    }
}

/// What a mark does to its stretch. Where a channel lacks one, the plain text is shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MarkKind {
    /// Heavy letters.
    Bold,
    /// Slanted letters.
    Italic,
    /// A line below.
    Underline,
    /// A line through the middle.
    Strikethrough,
    /// Hidden until the reader asks for it.
    Spoiler,
    /// A few words of code within a line, in letters of one width.
    Code,
    /// A block of letters of one width whose spaces and line breaks stay as they are.
    Preformatted {
        /// The programming language, where one is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<Text>,
    },
    /// Somebody's words.
    Quote,
    /// Leads to this address. It may carry a secret, so its `Debug` shows only a length.
    Link(Text),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::codec;

    fn kinds() -> Vec<(MarkKind, &'static str)> {
        vec![
            (MarkKind::Bold, r#""bold""#),
            (MarkKind::Italic, r#""italic""#),
            (MarkKind::Underline, r#""underline""#),
            (MarkKind::Strikethrough, r#""strikethrough""#),
            (MarkKind::Spoiler, r#""spoiler""#),
            (MarkKind::Code, r#""code""#),
            (
                MarkKind::Preformatted { language: None },
                r#"{"preformatted":{}}"#,
            ),
            (
                MarkKind::Preformatted {
                    language: Some(Text::new("rust")),
                },
                r#"{"preformatted":{"language":"rust"}}"#,
            ),
            (MarkKind::Quote, r#""quote""#),
            (
                MarkKind::Link(Text::new("https://example.org")),
                r#"{"link":"https://example.org"}"#,
            ),
        ]
    }

    #[test]
    fn labels_are_fixed() {
        for (kind, label) in kinds() {
            let mark = Mark::new(1..3, kind);
            let written = format!(r#"{{"from":1,"to":3,"kind":{label}}}"#);
            assert_eq!(serde_json::to_string(&mark).unwrap(), written);
            assert_eq!(serde_json::from_str::<Mark>(&written).unwrap(), mark);
            let stored = codec::encode(&mark).unwrap();
            assert_eq!(codec::decode::<Mark>(&stored).unwrap(), mark);
        }
    }

    #[test]
    fn fits_where_it_covers_whole_characters_of_the_text() {
        let text = "aé🙂"; // 1, 2 and 4 bytes
        let fits = |from, to| Mark::new(from..to, MarkKind::Bold).fits(text);
        for (from, to) in [(0, 1), (0, 3), (1, 3), (1, 7), (3, 7), (0, 7)] {
            assert!(fits(from, to), "{from}..{to}");
        }
        for (from, to) in [
            (0, 0),
            (7, 7),
            (3, 1),
            (0, 2),
            (2, 3),
            (4, 7),
            (0, 8),
            (8, 9),
            (0, u32::MAX),
        ] {
            assert!(!fits(from, to), "{from}..{to}");
        }
    }

    #[test]
    fn debug_shows_no_link() {
        let mark = Mark::new(0..1, MarkKind::Link(Text::new("https://example.org/token")));
        assert!(!format!("{mark:?}").contains("example"));
    }
}
