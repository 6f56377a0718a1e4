//! Messages in two languages.
//!
//! ```text
//!  ours:   said ─► waits ── call ─► answer ─► sent, original and translation together
//!  theirs: heard ─► the flow at once;  call ─► answer ─► a line of the transcript beside it
//! ```

use std::collections::BTreeMap;

use crate::dialog::{
    Author, CallFailure, CallPurpose, EffectBody, EffectId, Message, OutgoingBatch,
    OutgoingMessage, Reading, SideCall, Text, TranslateTo, Translation, Value,
};
use crate::engine::outside;
use crate::engine::turn::Turn;
use crate::flow::Decided;

/// Most turns whose messages wait for their translation, and most messages of the contact that do.
const WAITING_MAX: usize = 20;
/// The port that translates.
const TRANSLATOR_PORT: &str = "translator";

impl Turn<'_> {
    /// The language that the contact reads, where messages are put into one.
    fn theirs(&self) -> Option<String> {
        let settings = self.config.behaviour().translation.as_ref()?;
        let theirs = match &self.snapshot.translate {
            TranslateTo::Nothing => None,
            TranslateTo::Language(language) => Some(language.clone()),
            TranslateTo::AsBot => {
                let known = || self.snapshot.contact.language.clone();
                settings.theirs.clone().or_else(known)
            }
        };
        theirs.filter(|theirs| !is_same(theirs, &settings.ours))
    }

    /// Puts what the contact wrote into our language, beside the flow.
    pub(super) fn translate_theirs(&mut self, message: &Message) {
        let Some(settings) = &self.config.behaviour().translation else {
            return;
        };
        let is_off = self.snapshot.translate == TranslateTo::Nothing;
        if is_off || message.text().trim().is_empty() {
            return;
        }
        let theirs = match &self.snapshot.translate {
            TranslateTo::Language(language) => Some(language.clone()),
            _ => self.snapshot.contact.language.clone(),
        };
        if theirs
            .as_ref()
            .is_some_and(|theirs| is_same(theirs, &settings.ours))
        {
            return;
        }
        let waits = |side: &&SideCall| matches!(side.purpose, CallPurpose::TranslateTheirs { .. });
        if self.snapshot.side_calls.iter().filter(waits).count() >= WAITING_MAX {
            return;
        }
        let of = EffectId {
            n: 0,
            ..self.next_effect()
        };
        let texts = [Text::from(message.text())];
        let request = translation(texts.iter(), &settings.ours, theirs.as_deref());
        let purpose = CallPurpose::TranslateTheirs { of };
        self.side_call(TRANSLATOR_PORT.to_owned(), request, purpose);
    }

    pub(super) fn theirs_translated(&mut self, of: EffectId, answer: &Result<Value, CallFailure>) {
        let texts = answer.as_ref().ok().and_then(outside::texts);
        let limit = self.config.settings().limits.text_bytes;
        if let Some([text]) = texts.as_deref()
            && !text.is_empty()
            && text.len() <= limit
        {
            let line = Message::new(text.clone());
            self.write(Author::Contact, line, None, Some(Reading::Translated(of)));
        }
    }

    /// Lets what the turn says wait for its translation, where it is to have one; and behind what
    /// waits already, so that messages keep their order.
    pub(super) fn divert_for_translation(&mut self) {
        let says = |decided: &Decided| {
            let says = matches!(decided.body, EffectBody::Send(_) | EffectBody::Edit { .. });
            says && !decided.is_translated
        };
        let theirs = self.theirs();
        let waits = !self.snapshot.outgoing.is_empty();
        if theirs.is_none() && !waits || !self.scratch.effects.iter().any(says) {
            return;
        }
        let mut messages = Vec::new();
        for decided in self.scratch.effects.iter_mut().filter(|one| says(one)) {
            let (message, edits) = match &decided.body {
                EffectBody::Send(message) => (message, None),
                EffectBody::Edit { of, message } => (message, Some(*of)),
                _ => continue,
            };
            messages.push(OutgoingMessage {
                message: message.clone(),
                edits,
                author: decided.author.clone(),
                automatic: decided.automatic,
                lane: decided.lane,
            });
            decided.is_diverted = true;
        }
        if self.snapshot.outgoing.len() >= WAITING_MAX {
            // Nobody translates any more: what waits goes as it was written.
            let outgoing = &mut self.snapshot.outgoing;
            let gone: Vec<EffectId> = outgoing
                .iter_mut()
                .filter_map(|one| one.call.take())
                .collect();
            self.snapshot
                .side_calls
                .retain(|side| !gone.contains(&side.id));
        }
        let language = theirs.unwrap_or_default();
        let texts = messages.iter().map(|one| Text::from(one.message.text()));
        let texts: Vec<Text> = texts.filter(|text| !text.is_empty()).collect();
        let call = (!language.is_empty() && !texts.is_empty()).then(|| {
            let ours = self.config.behaviour().translation.as_ref();
            let ours = ours.map(|settings| settings.ours.as_str());
            let request = translation(texts.iter(), &language, ours);
            let purpose = CallPurpose::TranslateOurs;
            self.side_call(TRANSLATOR_PORT.to_owned(), request, purpose)
        });
        self.snapshot.outgoing.push(OutgoingBatch {
            call,
            language,
            messages,
        });
        self.send_what_waits();
    }

    /// The translations have come. Without them the messages go as they were written: better than
    /// not at all.
    pub(super) fn ours_translated(&mut self, call: EffectId, answer: &Result<Value, CallFailure>) {
        let limit = self.config.settings().limits.text_bytes;
        let outgoing = &mut self.snapshot.outgoing;
        let batch = outgoing.iter_mut().find(|batch| batch.call == Some(call));
        let Some(batch) = batch else {
            return;
        };
        batch.call = None;
        let has_text = |one: &&mut OutgoingMessage| !one.message.text().is_empty();
        let count = batch.messages.iter_mut().filter(has_text).count();
        let texts = answer.as_ref().ok().and_then(outside::texts);
        let texts = texts.filter(|texts| texts.len() == count);
        for (one, text) in batch
            .messages
            .iter_mut()
            .filter(has_text)
            .zip(texts.into_iter().flatten())
        {
            if !text.is_empty() && one.message.weight() + text.len() <= limit {
                let language = batch.language.clone();
                let translation = Translation { language, text };
                one.message = one.message.clone().translated(translation);
            }
        }
        self.send_what_waits();
    }

    /// Sends what waited for its translation and for nothing before it.
    fn send_what_waits(&mut self) {
        while let Some(batch) = self.snapshot.outgoing.first()
            && batch.call.is_none()
        {
            for one in self.snapshot.outgoing.remove(0).messages {
                self.scratch.effects.push(Decided {
                    automatic: one.automatic,
                    lane: one.lane,
                    author: one.author,
                    is_translated: true,
                    ..Decided::by_automation(match one.edits {
                        None => EffectBody::Send(one.message),
                        Some(of) => EffectBody::Edit {
                            of,
                            message: one.message,
                        },
                    })
                });
            }
        }
    }

    /// Takes back what waits for its translation and isn't wanted any more.
    pub(super) fn drop_outgoing(&mut self, is_dropped: impl Fn(&OutgoingMessage) -> bool) {
        for batch in &mut self.snapshot.outgoing {
            batch.messages.retain(|one| !is_dropped(one));
        }
        // Its answer would find nothing.
        let outgoing = &mut self.snapshot.outgoing;
        let gone = outgoing.iter().filter(|batch| batch.messages.is_empty());
        let gone: Vec<EffectId> = gone.filter_map(|batch| batch.call).collect();
        outgoing.retain(|batch| !batch.messages.is_empty());
        self.snapshot
            .side_calls
            .retain(|side| !gone.contains(&side.id));
        self.send_what_waits();
    }
}

/// The request that texts be translated.
fn translation<'t>(texts: impl Iterator<Item = &'t Text>, to: &str, from: Option<&str>) -> Value {
    let texts = texts.map(|text| Value::from(text.as_str()));
    let mut request = BTreeMap::from([
        ("texts".to_owned(), Value::List(texts.collect())),
        ("to".to_owned(), Value::from(to)),
    ]);
    if let Some(from) = from {
        request.insert("from".to_owned(), Value::from(from));
    }
    Value::Map(request)
}

/// Whether two names are of one language: `pt-BR` is `pt`.
fn is_same(one: &str, other: &str) -> bool {
    let language = |name: &str| {
        let end = name.find(['-', '_']).unwrap_or(name.len());
        name[..end].to_ascii_lowercase()
    };
    language(one) == language(other)
}
