//! What a channel can do, as data.

use crate::channel::{SendError, SendErrorClass};
use crate::dialog::Message;

/// What a channel can do. Core checks a message against it before the adapter is called.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Longest text of one message, in Unicode scalar values; none for no limit.
    pub text_chars_max: Option<usize>,
    /// Whether choices can be offered. Where they can't, they are refused, not dropped.
    pub choices: bool,
    /// Whether sending twice under one key arrives once.
    pub idempotent_send: bool,
}

impl Capabilities {
    /// Text and choices without limits; sending twice arrives twice.
    pub const fn text() -> Self {
        Self {
            text_chars_max: None,
            choices: true,
            idempotent_send: false,
        }
    }

    /// Limits the length of a text.
    #[must_use]
    pub const fn with_text_chars_max(mut self, most: usize) -> Self {
        self.text_chars_max = Some(most);
        self
    }

    /// Takes the choices away.
    #[must_use]
    pub const fn without_choices(mut self) -> Self {
        self.choices = false;
        self
    }

    /// Whether a message fits.
    ///
    /// # Errors
    /// [`SendError`] of the class the channel itself would answer with.
    pub fn check(&self, message: &Message) -> Result<(), SendError> {
        if let Some(most) = self.text_chars_max
            && message.text().chars().count() > most
        {
            return Err(SendError::new(
                SendErrorClass::TooLarge,
                format!("the text has more than {most} characters"),
            ));
        }
        if !self.choices && message.choices().len() > 0 {
            return Err(SendError::new(
                SendErrorClass::Unsupported,
                "the channel has no choices",
            ));
        }
        Ok(())
    }
}
