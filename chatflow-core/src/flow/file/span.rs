//! A place in a file.

/// A place in a file, so that an author finds what a problem is about.
///
/// A span always points into its file: lines and columns begin with 1, and an empty file is
/// line 1, column 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Bytes before the place. First, so that spans sort in the order of the file.
    pub offset: usize,
    /// Bytes the place covers.
    pub length: usize,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1. A tab is one character.
    pub column: usize,
}

impl Span {
    /// The beginning of a file.
    pub(crate) const START: Self = Self {
        offset: 0,
        length: 0,
        line: 1,
        column: 1,
    };

    /// The place right after `text`, which begins the file.
    pub(crate) fn after(text: &str) -> Self {
        let (line, start) = last_line(text);
        Self {
            offset: text.len(),
            length: 0,
            line,
            column: text[start..].chars().count() + 1,
        }
    }
}

/// The number of the last line of `text` and where it begins. YAML's three line breaks count.
fn last_line(text: &str) -> (usize, usize) {
    let bytes = text.as_bytes();
    let (mut line, mut start) = (1, 0);
    for (n, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' || *byte == b'\r' && bytes.get(n + 1) != Some(&b'\n') {
            line += 1;
            start = n + 1;
        }
    }
    (line, start)
}
