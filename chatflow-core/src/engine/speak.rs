//! What steps say, keep and read.

use crate::dialog::{ErrorKind, Message, Text, Value};
use crate::engine::scene::Scene;
use crate::engine::turn::Turn;
use crate::flow::{
    CompiledAsk, CompiledItem, CompiledSource, CompiledTexts, RenderError, SaveTo, StepContext,
};

impl Turn<'_> {
    pub(super) fn save(&mut self, to: Option<&SaveTo>, value: Value) -> Result<(), ErrorKind> {
        let mut context = self.context();
        match to {
            None => {}
            Some(SaveTo::Data(name)) => context.set(name.as_str(), value),
            Some(SaveTo::Field(name)) => context.set_field(name.as_str(), value),
            Some(SaveTo::ContactName) => {
                context.set_contact_name(value.render());
            }
        }
        self.gathered()
    }

    pub(super) fn say(&mut self, message: Message) -> Result<(), ErrorKind> {
        self.context().say(message);
        self.gathered()
    }

    pub(super) fn say_item(&mut self, item: &CompiledItem) -> Result<(), ErrorKind> {
        let text = match &item.text {
            Some(text) => self.render(text)?,
            None => Text::default(),
        };
        let choices = item.choices.iter().map(|choice| self.render(choice));
        let choices = choices.collect::<Result<Vec<_>, _>>()?;
        let mut message = Message::new(text)
            .with_choices(choices)
            .with_choice_style(item.choice_style);
        for media in &item.media {
            message = message.with_media(media.clone());
        }
        self.say(message)
    }

    /// A question, or its repetition, with the choices it offers.
    pub(super) fn question(
        &self,
        ask: &CompiledAsk,
        text: &CompiledTexts,
    ) -> Result<Message, ErrorKind> {
        let language = self.snapshot.contact.language.as_deref();
        let choices = ask.answer.choices(language);
        Ok(Message::new(self.render(text)?).with_choices(choices))
    }

    pub(super) fn render(&self, texts: &CompiledTexts) -> Result<Text, ErrorKind> {
        texts.render(&self.scene()).map_err(render_error)
    }

    pub(super) fn evaluate(&self, source: &CompiledSource) -> Result<Value, ErrorKind> {
        match source {
            CompiledSource::Value(value) => Ok(value.clone()),
            CompiledSource::Template(template) => {
                template.evaluate(&self.scene()).map_err(render_error)
            }
        }
    }

    /// The dialog as templates and conditions see it now.
    pub(super) fn scene(&self) -> Scene<'_> {
        Scene {
            snapshot: &self.snapshot,
            config: self.config,
            message: self.inbound(),
            event: self.event.body.label(),
            now: self.now,
        }
    }

    pub(super) fn context(&mut self) -> StepContext<'_> {
        StepContext {
            snapshot: &mut self.snapshot,
            scratch: &mut self.scratch,
            limits: &self.config.settings().limits,
            now: self.now,
        }
    }

    /// Whether a limit was hit since the last look.
    pub(super) fn gathered(&mut self) -> Result<(), ErrorKind> {
        self.scratch.error.take().map_or(Ok(()), Err)
    }
}

pub(super) fn render_error(error: RenderError) -> ErrorKind {
    match error {
        RenderError::TooLong | RenderError::TooCostly => ErrorKind::SizeLimit,
        RenderError::ValueMissing { .. } => ErrorKind::TemplateValueMissing,
        RenderError::WrongKind { .. } | RenderError::OutOfRange { .. } | RenderError::Failed => {
            ErrorKind::TemplateFailed
        }
    }
}
