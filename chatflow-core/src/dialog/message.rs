//! What is said, by either side.

use serde::{Deserialize, Serialize};

use crate::dialog::time::{self, Moment};
use crate::dialog::{
    EffectId, ExternalId, Mark, MarkKind, Media, OperatorId, Reading, Text, Translation,
};

/// Text or media exchanged in a dialog, with the choices it offers or the choice it presses.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    text: Text,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    marks: Vec<Mark>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    media: Vec<Media>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    choices: Vec<Text>,
    #[serde(default, skip_serializing_if = "ChoiceStyle::is_inline")]
    choice_style: ChoiceStyle,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pressed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quotes: Option<Quote>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<ExternalId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    album: Option<ExternalId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    translation: Option<Box<Translation>>,
}

impl Message {
    /// A message of plain text.
    pub fn new(text: impl Into<Text>) -> Self {
        Self {
            text: text.into(),
            marks: Vec::new(),
            media: Vec::new(),
            choices: Vec::new(),
            choice_style: ChoiceStyle::Inline,
            pressed: false,
            quotes: None,
            external_id: None,
            album: None,
            translation: None,
        }
    }

    /// Media without a caption.
    pub fn media_of(media: Media) -> Self {
        Self {
            media: vec![media],
            ..Self::new("")
        }
    }

    /// The contact's pressing of an offered choice; its text is the choice's.
    pub fn pressed(choice: impl Into<Text>) -> Self {
        Self {
            pressed: true,
            ..Self::new(choice)
        }
    }

    /// Puts media beside the text, which is its caption then; after what is there already.
    #[must_use]
    pub fn with_media(mut self, media: Media) -> Self {
        self.media.push(media);
        self
    }

    /// Sets the text's formatting. A mark that doesn't fit the text is left out.
    #[must_use]
    pub fn with_marks(mut self, marks: impl IntoIterator<Item = Mark>) -> Self {
        let text = self.text.clone();
        self.marks
            .extend(marks.into_iter().filter(|mark| mark.fits(text.as_str())));
        self
    }

    /// Adds choices that the contact can pick.
    #[must_use]
    pub fn with_choices(mut self, choices: impl IntoIterator<Item = impl Into<Text>>) -> Self {
        self.choices.extend(choices.into_iter().map(Into::into));
        self
    }

    /// Sets where the choices are shown.
    #[must_use]
    pub fn with_choice_style(mut self, style: ChoiceStyle) -> Self {
        self.choice_style = style;
        self
    }

    /// Makes it a reply to an earlier message of the dialog.
    #[must_use]
    pub fn quoting(mut self, quote: impl Into<Quote>) -> Self {
        self.quotes = Some(quote.into());
        self
    }

    /// Names it as its channel does; for one that came in.
    #[must_use]
    pub fn with_external_id(mut self, id: impl Into<ExternalId>) -> Self {
        self.external_id = Some(id.into());
        self
    }

    /// Makes it one item of an album, which the channel hands over item by item.
    #[must_use]
    pub fn of_album(mut self, album: impl Into<ExternalId>) -> Self {
        self.album = Some(album.into());
        self
    }

    /// The text; the caption, where there is media.
    pub fn text(&self) -> &str {
        self.text.as_str()
    }

    /// The text's formatting.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// The media in it, in order. Several make an album.
    pub fn media(&self) -> &[Media] {
        &self.media
    }

    /// The choices it offers.
    pub fn choices(&self) -> impl ExactSizeIterator<Item = &str> {
        self.choices.iter().map(Text::as_str)
    }

    /// Where the choices are shown.
    pub fn choice_style(&self) -> ChoiceStyle {
        self.choice_style
    }

    /// Whether the contact pressed an offered choice rather than typed.
    pub fn is_pressed(&self) -> bool {
        self.pressed
    }

    /// The message that it replies to.
    pub fn quotes(&self) -> Option<&Quote> {
        self.quotes.as_ref()
    }

    /// The channel's own id of it, for one that came in.
    pub fn external_id(&self) -> Option<&ExternalId> {
        self.external_id.as_ref()
    }

    /// The album whose item it is, where it came alone.
    pub fn album(&self) -> Option<&ExternalId> {
        self.album.as_ref()
    }

    /// Whether there is nothing in it: neither text nor media.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.media.is_empty()
    }

    /// Bytes of text in it, for the limits.
    pub fn weight(&self) -> usize {
        let media = self.media.iter().map(Media::weight).sum::<usize>();
        let choices = self.choices.iter().map(Text::len).sum::<usize>();
        // What formatting weighs beside the text: a link's target, and two numbers each.
        let marks = self.marks.iter().map(mark_weight).sum::<usize>();
        let translation = self.translation.as_ref();
        let translation = translation.map_or(0, |translation| translation.text.len());
        self.text.len() + marks + media + choices + translation
    }

    /// What the contact sees: the translation, where there is one.
    pub fn shown_text(&self) -> &str {
        let translation = self.translation.as_ref();
        translation.map_or(self.text.as_str(), |translation| translation.text.as_str())
    }

    /// The text in another language, which is what the contact sees.
    pub fn translation(&self) -> Option<&Translation> {
        self.translation.as_deref()
    }

    /// Gives it a translation.
    #[must_use]
    pub fn translated(mut self, translation: Translation) -> Self {
        self.translation = Some(Box::new(translation));
        self
    }

    /// Puts another text into it, without formatting: what was recognised in its media.
    pub(crate) fn set_text(&mut self, text: Text) {
        self.text = text;
        self.marks.clear();
    }

    /// Puts another item of the same album into it. Of two captions the first with text stays
    /// first, the other follows on a line of its own.
    pub(crate) fn add_item(&mut self, item: Self) {
        self.media.extend(item.media);
        if item.text.is_empty() {
            return;
        }
        if self.text.is_empty() {
            self.text = item.text;
            self.marks = item.marks;
            return;
        }
        let joined = format!("{}\n{}", self.text.as_str(), item.text.as_str());
        let shift = self.text.len() + 1;
        self.text = joined.into();
        let shift = u32::try_from(shift).unwrap_or(u32::MAX);
        let marks = item.marks.into_iter().filter_map(|mark| {
            let range = mark.from.checked_add(shift)?..mark.to.checked_add(shift)?;
            Some(Mark::new(range, mark.kind))
        });
        self.marks.extend(marks);
    }
}

fn mark_weight(mark: &Mark) -> usize {
    size_of::<[u32; 2]>()
        + match &mark.kind {
            MarkKind::Link(target) => target.len(),
            MarkKind::Preformatted { language } => language.as_ref().map_or(0, Text::len),
            _ => 0,
        }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<Text> for Message {
    fn from(text: Text) -> Self {
        Self::new(text)
    }
}

/// A message that another one replies to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quote {
    /// A line of the dialog's transcript.
    Message(EffectId),
    /// One that the channel names by its own id.
    External(ExternalId),
}

impl From<EffectId> for Quote {
    fn from(id: EffectId) -> Self {
        Self::Message(id)
    }
}

impl From<ExternalId> for Quote {
    fn from(id: ExternalId) -> Self {
        Self::External(id)
    }
}

/// Where the choices of a message are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "files", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChoiceStyle {
    /// With the message; pressing one is reported as such.
    #[default]
    Inline,
    /// In place of the contact's own input; pressing one writes it.
    Reply,
}

impl ChoiceStyle {
    pub(crate) fn is_inline(&self) -> bool {
        *self == Self::Inline
    }
}

/// Which side a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The contact's.
    Contact,
    /// Ours: automation or an operator.
    Us,
}

/// Who wrote a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The contact.
    Contact,
    /// Automation.
    Automation,
    /// An operator.
    Operator(OperatorId),
}

impl Author {
    /// The author's side.
    pub fn side(&self) -> Side {
        match self {
            Self::Contact => Side::Contact,
            Self::Automation | Self::Operator(_) => Side::Us,
        }
    }
}

/// One line of a transcript.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageRecord {
    /// The turn it belongs to and its place there: 0 for what came in; for one of ours it is
    /// the effect's id.
    pub id: EffectId,
    /// Who wrote it.
    pub author: Author,
    /// What was written.
    pub message: Message,
    /// When the turn was.
    #[serde(with = "time::millis")]
    pub at: Moment,
    /// The earlier message whose new form it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edits: Option<Quote>,
    /// Where nobody wrote it: what was read out of an earlier message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
}
