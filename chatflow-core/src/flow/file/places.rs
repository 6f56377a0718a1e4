//! Where the parser's markers are in the file.

use serde_saphyr::granit_parser::{self, Marker};

use super::Span;

/// Turns the parser's markers into places of the whole file.
pub(super) struct Places<'s> {
    /// The file without its byte order mark.
    pub(super) text: &'s str,
    /// The bytes of the mark.
    mark_bytes: usize,
}

impl<'s> Places<'s> {
    pub(super) fn new(text: &'s str, mark_bytes: usize) -> Self {
        Self { text, mark_bytes }
    }

    /// The beginning of the text.
    pub(super) fn start(&self) -> Span {
        Span {
            offset: self.mark_bytes,
            ..Span::START
        }
    }

    /// Whether nothing comes after a place.
    pub(super) fn is_end(&self, span: Span) -> bool {
        span.offset >= self.text.len() + self.mark_bytes
    }

    pub(super) fn span(&self, at: &granit_parser::Span) -> Span {
        let start = self.marker(&at.start);
        let end = self.marker(&at.end);
        Span {
            length: end.offset.saturating_sub(start.offset),
            ..start
        }
    }

    pub(super) fn marker(&self, marker: &Marker) -> Span {
        let offset = marker.byte_offset().unwrap_or_else(|| {
            let mut characters = self.text.char_indices().skip(marker.index());
            characters.next().map_or(self.text.len(), |(at, _)| at)
        });
        Span {
            offset: offset.min(self.text.len()) + self.mark_bytes,
            length: 0,
            line: marker.line().max(1),
            column: marker.col() + 1,
        }
    }

    /// A list or map without brackets has no length of its own: its first line is shown.
    pub(super) fn visible(&self, span: Span) -> Span {
        if span.length > 0 {
            return span;
        }
        let rest = self.text.get(span.offset - self.mark_bytes..);
        let line = rest.and_then(|rest| rest.lines().next()).unwrap_or("");
        Span {
            length: line.trim_end().len(),
            ..span
        }
    }

    /// A value that isn't there is found by the parser at whatever comes next, which may be
    /// lines away: the last thing before it is shown.
    pub(super) fn before(&self, span: Span) -> Span {
        let text = &self.text[..span.offset - self.mark_bytes];
        let Some((offset, last)) = text.trim_end().char_indices().next_back() else {
            return self.start();
        };
        let place = Span::after(&text[..offset]);
        Span {
            offset: place.offset + self.mark_bytes,
            length: last.len_utf8(),
            ..place
        }
    }
}
