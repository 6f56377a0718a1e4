//! What a model is shown of a dialog: its transcript, as people would read it.

use std::collections::BTreeMap;

use crate::dialog::{EffectId, ExternalId, Media, Message, Quote, Reading, Side, Text};
use crate::flow::Memory;
use crate::runner::{ModelMessage, Worker};
use crate::store::{DeliveryState, PAGE_MAX, StoreError, TranscriptLine};

/// How many turns are looked at first; four times as many each time there is too little in them.
const TURNS_FIRST: u64 = 32;
/// Most lines that are kept in memory at once, whatever the turns hold.
const LINES_MAX: usize = 4 * PAGE_MAX;

impl Worker {
    /// The last messages of a dialog up to the turn of an effect, at most `memory` of them and
    /// never more than [`Memory::MAX`], the oldest first.
    ///
    /// A transcript is read forwards, so a number of turns from the end is read, and more of them
    /// where that was too few: of a long dialog only its end.
    pub(crate) async fn history(
        &self,
        until: EffectId,
        memory: usize,
    ) -> Result<Vec<ModelMessage>, StoreError> {
        let memory = memory.min(Memory::MAX as usize);
        if memory == 0 {
            return Ok(Vec::new());
        }
        let mut turns = TURNS_FIRST;
        loop {
            let from = until.turn.saturating_sub(turns);
            let lines = self.lines_between(until, from).await?;
            let is_much = lines.len() >= LINES_MAX;
            let history = history(&lines, memory);
            if history.len() >= memory || from == 0 || is_much {
                return Ok(history);
            }
            turns = turns.saturating_mul(4);
        }
    }

    /// The lines of the turns after one, up to the turn of an effect, page by page; of very many
    /// the latest.
    async fn lines_between(
        &self,
        until: EffectId,
        from: u64,
    ) -> Result<Vec<TranscriptLine>, StoreError> {
        let mut lines: Vec<TranscriptLine> = Vec::new();
        let mut after = (from > 0).then_some(EffectId {
            turn: from,
            n: u32::MAX,
            ..until
        });
        loop {
            let page = self.store.transcript(until.dialog, after, PAGE_MAX).await?;
            let read = page.len();
            lines.extend(
                page.into_iter()
                    .filter(|line| line.record.id.turn <= until.turn),
            );
            let Some(last) = lines.last().map(|line| line.record.id) else {
                return Ok(lines);
            };
            let surplus = lines.len().saturating_sub(LINES_MAX);
            lines.drain(..surplus);
            if read < PAGE_MAX || after == Some(last) || last.turn > until.turn {
                return Ok(lines);
            }
            after = Some(last);
        }
    }
}

/// The last `memory` messages of these lines as a model sees them. What was cancelled or given up
/// was never said; of what was edited the newest form counts; what was read out of media stands in
/// their place; translations are left out.
fn history(lines: &[TranscriptLine], memory: usize) -> Vec<ModelMessage> {
    let mut said = Said::default();
    for line in lines {
        said.take(line);
    }
    let messages = said.messages.iter().filter_map(Shown::message);
    let mut messages: Vec<_> = messages.collect();
    messages.drain(..messages.len().saturating_sub(memory));
    messages
}

/// What was said so far.
#[derive(Default)]
struct Said<'a> {
    messages: Vec<Shown<'a>>,
    /// The place of each message, under the ids of all its forms.
    places: BTreeMap<EffectId, usize>,
    /// The same by the channel's own ids.
    named: BTreeMap<&'a ExternalId, usize>,
}

/// One message in its newest form.
struct Shown<'a> {
    side: Side,
    text: &'a str,
    media: &'a [Media],
    readings: Vec<&'a str>,
}

impl<'a> Said<'a> {
    fn take(&mut self, line: &'a TranscriptLine) {
        let gone = [DeliveryState::Cancelled, DeliveryState::Dead];
        if line.delivery.is_some_and(|state| gone.contains(&state)) {
            return;
        }
        let record = &line.record;
        match (record.reading, &record.edits) {
            (Some(Reading::Recognised(of)), _) => {
                // Of one that is too old to be shown, so is its reading.
                if let Some(place) = self.places.get(&of) {
                    self.messages[*place].readings.push(record.message.text());
                }
            }
            (Some(Reading::Translated(_)), _) => {}
            (None, Some(edited)) => {
                if let Some(place) = self.find(edited) {
                    self.messages[place].become_form(&record.message);
                    self.name(line, place);
                }
            }
            (None, None) => {
                let place = self.messages.len();
                self.messages.push(Shown {
                    side: record.author.side(),
                    text: record.message.text(),
                    media: record.message.media(),
                    readings: Vec::new(),
                });
                self.name(line, place);
            }
        }
    }

    fn find(&self, edited: &Quote) -> Option<usize> {
        match edited {
            Quote::Message(id) => self.places.get(id).copied(),
            Quote::External(id) => self.named.get(id).copied(),
        }
    }

    fn name(&mut self, line: &'a TranscriptLine, place: usize) {
        self.places.insert(line.record.id, place);
        let own = line.record.message.external_id().into_iter();
        let ids = own.chain(&line.ids);
        self.named.extend(ids.map(|id| (id, place)));
    }
}

impl<'a> Shown<'a> {
    /// An edit that names no media changes the text alone.
    fn become_form(&mut self, form: &'a Message) {
        self.text = form.text();
        if !form.media().is_empty() {
            self.media = form.media();
        }
    }

    fn message(&self) -> Option<ModelMessage> {
        let mut parts: Vec<String> = Vec::new();
        if self.readings.is_empty() {
            parts.extend(self.media.iter().map(|media| format!("[{}]", media.kind)));
        } else {
            parts.extend(self.readings.iter().map(|reading| (*reading).to_owned()));
        }
        if !self.text.is_empty() {
            parts.push(self.text.to_owned());
        }
        let between = if self.readings.is_empty() { " " } else { "\n" };
        let text = parts.join(between);
        (!text.is_empty()).then(|| ModelMessage {
            side: self.side,
            text: Text::from(text),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::{Author, DialogId, MediaKind, MessageRecord, Translation, time};

    fn id(turn: u64, n: u32) -> EffectId {
        let dialog = DialogId::from_bytes([7; 16]);
        EffectId { dialog, turn, n }
    }

    fn line(id: EffectId, author: Author, message: impl Into<Message>) -> TranscriptLine {
        TranscriptLine {
            record: MessageRecord {
                id,
                author,
                message: message.into(),
                at: time::from_millis(0),
                edits: None,
                reading: None,
            },
            delivery: None,
            failure: None,
            ids: Vec::new(),
        }
    }

    fn theirs(turn: u64, message: impl Into<Message>) -> TranscriptLine {
        line(id(turn, 0), Author::Contact, message)
    }

    fn ours(turn: u64, n: u32, message: impl Into<Message>) -> TranscriptLine {
        let mut line = line(id(turn, n), Author::Automation, message);
        line.delivery = Some(DeliveryState::Sent);
        line
    }

    fn shown(lines: &[TranscriptLine], memory: usize) -> Vec<String> {
        let history = history(lines, memory);
        let side = |side| if side == Side::Us { "<" } else { ">" };
        let lines = history.iter();
        lines
            .map(|line| format!("{} {}", side(line.side), line.text.as_str()))
            .collect()
    }

    #[test]
    fn the_last_messages_are_shown_the_oldest_first() {
        let lines = [theirs(1, "hi"), ours(1, 1, "hello"), theirs(2, "size?")];
        assert_eq!(shown(&lines, 9), ["> hi", "< hello", "> size?"]);
        assert_eq!(shown(&lines, 2), ["< hello", "> size?"]);
        assert!(shown(&lines, 0).is_empty());
    }

    #[test]
    fn what_was_never_said_is_not_shown_and_takes_no_place() {
        let mut lines = vec![theirs(1, "hi")];
        for (n, state) in (1..).zip(DeliveryState::ALL) {
            let mut line = ours(1, n, state.label());
            line.delivery = Some(state);
            lines.push(line);
        }
        let expected = ["< ready", "< in_flight", "< sent", "< delivered", "< read"];
        assert_eq!(shown(&lines, 5), expected);
    }

    #[test]
    fn of_what_was_edited_the_newest_form_is_shown_in_its_old_place() {
        let photo = Message::media_of(Media::new(MediaKind::Photo, "x"));
        let mut lines = vec![
            theirs(1, Message::new("helo").with_external_id("in:1")),
            ours(1, 1, photo),
            theirs(2, "and?"),
        ];
        let mut edit = |mut line: TranscriptLine, of: Quote| {
            line.record.edits = Some(of);
            lines.push(line);
        };
        edit(theirs(3, "hullo"), Quote::External("in:1".into()));
        edit(ours(4, 1, "look"), id(1, 1).into());
        // An edit of an edit, one that never arrived, and one of a message before the first.
        edit(ours(5, 1, "look here"), id(4, 1).into());
        let mut lost = ours(6, 1, "nobody saw this");
        lost.delivery = Some(DeliveryState::Dead);
        edit(lost, id(1, 1).into());
        edit(theirs(7, "of old"), Quote::External("in:0".into()));
        let expected = ["> hullo", "< [photo] look here", "> and?"];
        assert_eq!(shown(&lines, 9), expected);
    }

    #[test]
    fn what_was_read_stands_in_place_of_the_media() {
        let album = Message::new("for mum")
            .with_media(Media::new(MediaKind::Photo, "x"))
            .with_media(Media::new(MediaKind::RoundVideo, "y"));
        let voice = Message::media_of(Media::new(MediaKind::Voice, "z"));
        let mut reading = line(id(3, 0), Author::Contact, "two red shoes");
        reading.record.reading = Some(Reading::Recognised(id(2, 0)));
        let mut older = reading.clone();
        older.record.reading = Some(Reading::Recognised(id(0, 0)));
        let lines = [theirs(1, album.clone()), theirs(2, voice), reading, older];
        let expected = ["> [photo] [round_video] for mum", "> two red shoes"];
        assert_eq!(shown(&lines, 9), expected);
        let mut of_album = line(id(4, 0), Author::Contact, "a shop");
        of_album.record.reading = Some(Reading::Recognised(id(1, 0)));
        let lines = [theirs(1, album), of_album];
        assert_eq!(shown(&lines, 9), ["> a shop\nfor mum"]);
    }

    #[test]
    fn translations_are_left_out() {
        let language = "es".to_owned();
        let text = "hola".into();
        let hello = Message::new("hello").translated(Translation { language, text });
        let mut reading = line(id(2, 0), Author::Contact, "good day");
        reading.record.reading = Some(Reading::Translated(id(1, 0)));
        let lines = [theirs(1, "buen dia"), ours(1, 1, hello), reading];
        assert_eq!(shown(&lines, 9), ["> buen dia", "< hello"]);
    }

    #[test]
    fn a_message_with_nothing_in_it_is_not_shown() {
        assert!(shown(&[theirs(1, "")], 9).is_empty());
    }
}
