//! A template's source cut into text and tags.

use crate::flow::template::TemplateError;

/// A part of a template's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'s> {
    /// Text that is said as it is.
    Text(&'s str),
    /// What stands between `{{` and `}}`.
    Output(Inside<'s>),
    /// What stands between `{%` and `%}`.
    Tag(Inside<'s>),
}

/// What stands between braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inside<'s> {
    pub(super) text: &'s str,
    /// Where the text begins in the whole source, in bytes.
    pub(super) at: usize,
    /// Where its opening brace is.
    pub(super) open: usize,
}

/// Cuts a source into pieces. Comments are left out, and a `-` at the inner side of a brace
/// takes away the white space next to it, as in Jinja.
pub(super) fn pieces(source: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut trim_start = false;
    loop {
        let open = next_opening(source, at);
        let end = open.unwrap_or(source.len());
        let trim_end = open.is_some_and(|open| source[open + 2..].starts_with('-'));
        let mut text = &source[at..end];
        if trim_start {
            text = text.trim_start();
        }
        if trim_end {
            text = text.trim_end();
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        let Some(open) = open else {
            return Ok(pieces);
        };
        let start = open + 2 + usize::from(trim_end);
        let close = match source.as_bytes()[open + 1] {
            b'{' => closing(source, start, "}}"),
            b'%' => closing(source, start, "%}"),
            _ => source[start..].find("#}").map(|found| start + found),
        };
        let close = close.ok_or(TemplateError::Unclosed { at: open })?;
        let inside = &source[start..close];
        trim_start = inside.ends_with('-');
        let inside = inside.strip_suffix('-').unwrap_or(inside);
        let text = inside.trim();
        let inside = Inside {
            text,
            at: start + (inside.len() - inside.trim_start().len()),
            open,
        };
        match source.as_bytes()[open + 1] {
            b'{' => pieces.push(Piece::Output(inside)),
            b'%' => pieces.push(Piece::Tag(inside)),
            _ => {}
        }
        at = close + 2;
    }
}

/// The next `{{`, `{%` or `{#`.
fn next_opening(source: &str, from: usize) -> Option<usize> {
    let bytes = source.as_bytes();
    (from..bytes.len().saturating_sub(1))
        .find(|&at| bytes[at] == b'{' && matches!(bytes[at + 1], b'{' | b'%' | b'#'))
}

/// The closing brace, outside string literals.
fn closing(source: &str, from: usize, brace: &str) -> Option<usize> {
    let bytes = source.as_bytes();
    let mut quote = None;
    let mut at = from;
    while at < bytes.len() {
        match (quote, bytes[at]) {
            (Some(_), b'\\') => at += 1,
            (Some(open), byte) if byte == open => quote = None,
            (None, byte @ (b'"' | b'\'')) => quote = Some(byte),
            (None, _) if bytes[at..].starts_with(brace.as_bytes()) => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        let text = |piece| match piece {
            Piece::Text(text) => text,
            Piece::Output(inside) | Piece::Tag(inside) => inside.text,
        };
        pieces(source).unwrap().into_iter().map(text).collect()
    }

    #[test]
    fn braces_in_string_literals_close_nothing() {
        assert_eq!(texts(r#"a{{ "}}\"}}" }}b"#), ["a", r#""}}\"}}""#, "b"]);
        assert_eq!(texts("{# {{ x #}b"), ["b"]);
    }

    #[test]
    fn a_dash_takes_the_white_space_beside_it() {
        assert_eq!(texts("a \n{{- x -}} b"), ["a", "x", "b"]);
        assert_eq!(texts("a {{ x }} b"), ["a ", "x", " b"]);
    }

    #[test]
    fn places_are_bytes_of_the_whole_source() {
        let Piece::Output(inside) = pieces("ж{{  x }}").unwrap()[1] else {
            panic!("an output");
        };
        assert_eq!((inside.open, inside.at), (2, 6));
    }
}
