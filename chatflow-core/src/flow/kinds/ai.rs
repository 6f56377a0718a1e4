//! What the two kinds of step share that ask a model.

use crate::flow::{Memory, Texts};

/// What a step says to a model, beside the bot's settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AiWords<'a> {
    pub(crate) goal: Option<&'a Texts>,
    pub(crate) notes: Option<&'a Texts>,
    pub(crate) model: Option<&'a str>,
    pub(crate) memory: Option<Memory>,
}

/// The setters of what [`AiWords`] holds.
macro_rules! words {
    () => {
        /// Says what the model is to reach here, in place of the bot's goal. It is a
        /// [template](crate::Template).
        #[must_use]
        pub fn goal(mut self, text: impl Into<Texts>) -> Self {
            self.goal = Some(text.into());
            self
        }

        /// Says what the model is to know here. It is a [template](crate::Template).
        #[must_use]
        pub fn notes(mut self, text: impl Into<Texts>) -> Self {
            self.notes = Some(text.into());
            self
        }

        /// Asks this model, in place of the bot's.
        #[must_use]
        pub fn model(mut self, name: impl Into<String>) -> Self {
            self.model = Some(name.into());
            self
        }

        /// Shows the model so many of the last messages, in place of the bot's number; at most
        /// [`Memory::MAX`].
        #[must_use]
        pub fn memory(mut self, messages: u32) -> Self {
            self.memory = Some(Memory(messages));
            self
        }
    };
}
pub(super) use words;
