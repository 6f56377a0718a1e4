//! What a message becomes on a channel: parts that each fit.
//!
//! ```text
//!  media, media, media ──► [album] [album] …     a text that fits stands under the first
//!  text ────────────────► [text] [text] …        else it follows, cut where people would
//!  choices ─────────────► on the last part       a quote: on the first
//! ```

use crate::channel::split::split_text;
use crate::channel::{Capabilities, Fallback, SendError, SendErrorClass};
use crate::dialog::{Mark, Media, MediaKind, Message};

/// Most parts of one message.
const PARTS_MAX: usize = 100;
/// Longest piece of another message's text that is written in place of a reply's reference.
const QUOTED_CHARS_MAX: usize = 100;

/// The parts that a message becomes on a channel, in the order in which they are sent. Each
/// fits the capabilities; the text of all together is the message's, or its translation. The same arguments always
/// give the same parts, so that a half-sent message can be resumed.
///
/// `quoted` is the message it replies to, where it is known: it is written into the text where
/// the channel has no replies.
///
/// # Errors
/// [`SendError`] of the class the channel itself would answer with, naming the limit.
pub fn plan(
    message: &Message,
    quoted: Option<&Message>,
    capabilities: &Capabilities,
) -> Result<Vec<Message>, SendError> {
    let mut text = Body::of(message);
    if message.quotes().is_some() && !capabilities.quotes {
        match (capabilities.fallback, quoted) {
            (Fallback::Reject, _) => return Err(unsupported("the channel has no replies")),
            (Fallback::Degrade, Some(quoted)) => text.quote(quoted),
            (Fallback::Degrade, None) => {}
        }
    }
    let offered: Vec<&str> = message.choices().collect();
    let style = capabilities.style(message.choice_style());
    check_choices(&offered, capabilities)?;
    if !offered.is_empty() && style.is_none() {
        if capabilities.fallback == Fallback::Reject {
            return Err(unsupported("the channel has no choices"));
        }
        text.list(&offered);
    }
    let offered = if style.is_some() { offered } else { Vec::new() };
    if !capabilities.formatting {
        text.marks.clear();
    }
    let mut groups = groups(message.media(), capabilities)?;
    if text.is_blank() && groups.is_empty() {
        return Err(SendError::new(
            SendErrorClass::Invalid,
            "the message is empty",
        ));
    }
    let ends_in_album = groups.last().is_some_and(|group| group.len() > 1);
    // An album carries no choices: they go with the text after it, or with its last item.
    if !offered.is_empty()
        && ends_in_album
        && text.is_blank()
        && let Some(last) = groups.last_mut().and_then(|group| group.pop())
    {
        groups.push(vec![last]);
    }
    let caption_follows = !offered.is_empty() && ends_in_album;
    let takes_caption = groups.first().is_some_and(|group| {
        let limits = group
            .first()
            .and_then(|media| capabilities.media.get(&media.kind));
        let fits = capabilities
            .caption_max
            .is_none_or(|most| capabilities.unit.count(&text.text) <= most);
        limits.is_some_and(|limits| limits.caption) && fits
    });
    // Choices belong with the text they speak of, which is the last part then.
    let choices_elsewhere = !offered.is_empty() && groups.len() > 1;
    let is_caption = takes_caption && !caption_follows && !choices_elsewhere && !text.is_blank();
    let mut parts: Vec<Message> = Vec::with_capacity(groups.len() + 1);
    for (n, group) in groups.into_iter().enumerate() {
        let mut part = if n == 0 && is_caption {
            text.message()
        } else {
            Message::new("")
        };
        for media in group {
            part = part.with_media(media);
        }
        parts.push(part);
    }
    if !is_caption {
        let most = capabilities.text_max.unwrap_or(usize::MAX);
        let pieces = split_text(&text.text, &text.marks, most, capabilities.unit);
        // Nothing but blanks is no message to any channel.
        let pieces = pieces
            .into_iter()
            .filter(|piece| !piece.text.trim().is_empty());
        parts.extend(pieces.map(|piece| Message::new(piece.text).with_marks(piece.marks)));
    }
    if parts.len() > PARTS_MAX {
        return Err(too_large(format!(
            "it would be more than {PARTS_MAX} messages"
        )));
    }
    if let Some(style) = style.filter(|_| !offered.is_empty())
        && let Some(last) = parts.pop()
    {
        let last = last.with_choices(offered).with_choice_style(style);
        parts.push(last);
    }
    if let Some(quote) = message.quotes().filter(|_| capabilities.quotes)
        && let Some(first) = parts.first_mut()
    {
        let taken = std::mem::replace(first, Message::new(""));
        *first = taken.quoting(quote.clone());
    }
    Ok(parts)
}

/// The text on its way.
struct Body {
    text: String,
    marks: Vec<Mark>,
}

impl Body {
    fn of(message: &Message) -> Self {
        Self {
            text: message.shown_text().to_owned(),
            // Formatting names places of the original.
            marks: match message.translation() {
                None => message.marks().to_vec(),
                Some(_) => Vec::new(),
            },
        }
    }

    fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    fn message(&self) -> Message {
        Message::new(self.text.as_str()).with_marks(self.marks.clone())
    }

    /// Writes the beginning of another message above the text.
    fn quote(&mut self, quoted: &Message) {
        let line = quoted
            .shown_text()
            .lines()
            .next()
            .unwrap_or_default()
            .trim();
        let line = match (line.is_empty(), quoted.media().first()) {
            (true, Some(media)) => format!("[{}]", media.kind),
            _ => line.to_owned(),
        };
        let mut cut: String = line.chars().take(QUOTED_CHARS_MAX).collect();
        if cut.len() < line.len() {
            cut.push('…');
        }
        let head = format!("> {cut}\n");
        let shift = u32::try_from(head.len()).unwrap_or(u32::MAX);
        for mark in &mut self.marks {
            mark.from = mark.from.saturating_add(shift);
            mark.to = mark.to.saturating_add(shift);
        }
        self.text.insert_str(0, &head);
    }

    /// Writes the choices below the text, one a line.
    fn list(&mut self, choices: &[&str]) {
        for choice in choices {
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            self.text.push_str("- ");
            self.text.push_str(choice);
        }
    }
}

fn check_choices(offered: &[&str], capabilities: &Capabilities) -> Result<(), SendError> {
    let Some(limits) = capabilities.choices else {
        return Ok(());
    };
    if offered.len() > limits.most {
        let most = limits.most;
        return Err(too_large(format!("it offers more than {most} choices")));
    }
    let most = limits.label_max;
    if offered
        .iter()
        .any(|label| capabilities.unit.count(label) > most)
    {
        return Err(too_large(format!(
            "a choice is longer than {most} characters"
        )));
    }
    if offered.iter().any(|label| label.trim().is_empty()) {
        let detail = "a choice is empty";
        return Err(SendError::new(SendErrorClass::Invalid, detail));
    }
    Ok(())
}

/// Media that go together, in order.
fn groups(media: &[Media], capabilities: &Capabilities) -> Result<Vec<Vec<Media>>, SendError> {
    let mut groups: Vec<Vec<Media>> = Vec::new();
    for item in media {
        let limits = capabilities
            .media
            .get(&item.kind)
            .ok_or_else(|| unsupported(format!("the channel doesn't send a {}", item.kind)))?;
        if let (Some(bytes), Some(most)) = (item.bytes, limits.bytes_max)
            && bytes > most
        {
            let kind = item.kind;
            return Err(too_large(format!("a {kind} has at most {most} bytes here")));
        }
        let class = album_class(item.kind);
        match groups.last_mut() {
            Some(group)
                if class.is_some()
                    && group.first().map(|first| album_class(first.kind)) == Some(class)
                    && group.len() < capabilities.album_max =>
            {
                group.push(item.clone());
            }
            _ => groups.push(vec![item.clone()]),
        }
    }
    Ok(groups)
}

/// Kinds that can stand in one album have the same class; none can't stand in any.
fn album_class(kind: MediaKind) -> Option<u8> {
    match kind {
        MediaKind::Photo | MediaKind::Video => Some(0),
        MediaKind::Audio => Some(1),
        MediaKind::File => Some(2),
        _ => None,
    }
}

fn unsupported(detail: impl Into<String>) -> SendError {
    SendError::new(SendErrorClass::Unsupported, detail)
}

fn too_large(detail: String) -> SendError {
    SendError::new(SendErrorClass::TooLarge, detail)
}
