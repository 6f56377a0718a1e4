//! What the subcommands share: their verdict, and text made fit for a terminal.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, Write};

/// What a command that was carried out has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything that was asked about holds.
    Confirmed,
    /// Something doesn't, or could not be looked into.
    NotConfirmed,
}

/// Text of strangers, as it is printed for people: what would move the cursor, colour the
/// screen, break the line or turn the writing direction is shown as an escape.
#[derive(Clone, Copy)]
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if acts_on_terminal(character) {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Control characters of both blocks, line and paragraph separators, and the marks that turn
/// the writing direction, with which a line can be made to read as another.
pub(crate) fn acts_on_terminal(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// A number of things: `1 error`, `2 errors`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// Names as a sentence lists them.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN_MAX: usize = 20;
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    let shown = names.iter().take(SHOWN_MAX);
    let mut list = shown
        .map(|name| format!("`{}`", Printable(name)))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN_MAX {
        list.push_str(" and others");
    }
    list
}

/// Says something on the standard error; whoever closed that misses it.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// An output whose reader may leave, as `head` does when it has seen enough: what he doesn't
/// read any more is dropped, and the command's verdict stays what it is.
pub(crate) struct Leavable<W> {
    inner: W,
    has_left: bool,
}

impl<W: Write> Leavable<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self {
            inner,
            has_left: false,
        }
    }

    fn unless_left<T>(&mut self, done: io::Result<T>, or: T) -> io::Result<T> {
        match done {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.has_left = true;
                Ok(or)
            }
            done => done,
        }
    }
}

impl<W: Write> Write for Leavable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.has_left {
            return Ok(bytes.len());
        }
        let written = self.inner.write(bytes);
        self.unless_left(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.has_left {
            return Ok(());
        }
        let flushed = self.inner.flush();
        self.unless_left(flushed, ())
    }
}

/// An error with its causes in one line. Where an error quotes its cause, or a cause says again
/// what it is the cause of, it is said once.
pub(crate) fn sentence(error: &dyn Error) -> String {
    let mut last = error.to_string();
    let mut line = last.clone();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) && !text.contains(&last) {
            line.push_str(": ");
            line.push_str(&text);
            last = text;
        }
        cause = error.source();
    }
    Printable(&line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_printed_acts_on_the_terminal() {
        let text = "a\u{1b}[2Jb\nc\u{9b}d\u{7f}e\u{202e}f — ё 🙂";
        let printed = Printable(text).to_string();
        assert_eq!(printed, "a\\u{1b}[2Jb\\nc\\u{9b}d\\u{7f}e\\u{202e}f — ё 🙂");
    }

    #[test]
    fn a_reader_who_leaves_is_no_failure_and_a_full_disk_is_one() {
        struct Refusing(io::ErrorKind);
        impl Write for Refusing {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Err(self.0.into())
            }
        }
        let mut left = Leavable::new(Refusing(io::ErrorKind::BrokenPipe));
        assert!(writeln!(left, "one").is_ok() && left.flush().is_ok());
        let mut full = Leavable::new(Refusing(io::ErrorKind::StorageFull));
        assert!(writeln!(full, "one").is_err());
    }

    #[test]
    fn causes_follow_in_one_line_and_none_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("the disk is full")]
        struct Inner;
        #[derive(Debug, thiserror::Error)]
        #[error("the file can't be written")]
        struct Outer(#[source] Inner);
        #[derive(Debug, thiserror::Error)]
        #[error("not stored: {0}")]
        struct Quoting(#[source] Inner);
        assert_eq!(
            sentence(&Outer(Inner)),
            "the file can't be written: the disk is full"
        );
        assert_eq!(sentence(&Quoting(Inner)), "not stored: the disk is full");
    }
}
