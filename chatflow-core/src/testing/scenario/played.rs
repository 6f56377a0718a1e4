//! What came of playing a scenario.

use std::fmt;

use super::CONTACT;
use super::words::{write_heard, write_said};
use crate::dialog::{Message, Moment, Side};

/// A scenario played to its end.
///
/// Its `Display` lists the failures, each with its line and what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// What did not hold, in order; empty if all of it did.
    pub failures: Vec<Failure>,
    /// What was said, in order.
    pub transcript: Vec<Said>,
    /// The scenario's text with its `<` lines as they happened. All other lines are as they
    /// were written.
    pub updated: String,
}

impl Played {
    /// Whether everything held.
    pub fn holds(&self) -> bool {
        self.failures.is_empty()
    }
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.holds() {
            return f.write_str("everything held");
        }
        for (n, failure) in self.failures.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{failure}")?;
        }
        Ok(())
    }
}

/// One thing that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The scenario's line, from 1.
    pub line: usize,
    /// That line as it is written.
    pub source: String,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub got: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            source,
            expected,
            got,
        } = self;
        write!(f, "line {line}: {source}\n  - {expected}\n  + {got}")
    }
}

/// One message that was said, as the channel saw it. Its `Display` is the scenario's line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// When.
    pub at: Moment,
    /// The contact's outside id.
    pub contact: String,
    /// Whether the contact said it, or we did.
    pub side: Side,
    /// What.
    pub message: Message,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.side {
            Side::Us => f.write_str(&heard_line(&self.contact, &self.message)),
            Side::Contact => {
                let said = write_said(&self.message);
                write!(f, "{}> {said}", name(&self.contact))
            }
        }
    }
}

/// The `<` line that expects this message.
pub(super) fn heard_line(contact: &str, message: &Message) -> String {
    format!("{}< {}", name(contact), write_heard(message))
}

/// What stands before the sign.
fn name(contact: &str) -> &str {
    if contact == CONTACT { "" } else { contact }
}
