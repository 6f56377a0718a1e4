//! Messages that a step or a reminder says.

use std::time::Duration;

use super::{Compiler, joined};
use crate::dialog::Media;
use crate::flow::compiled::{CompiledItem, CompiledPush};
use crate::flow::{ProblemKind, Push, SendMessage, Texts};

impl Compiler<'_> {
    /// The messages of a step or a reminder that stands at a place.
    pub(super) fn items(&mut self, at: &[&str], send: &SendMessage) -> Option<Vec<CompiledItem>> {
        let count = send.items.len();
        if count == 0 {
            self.problem(at, ProblemKind::NoChoices);
        } else if count > SendMessage::ITEMS_MAX {
            self.problem(at, ProblemKind::TooManyMessages { count });
        }
        let items = send.items.iter().enumerate().map(|(n, item)| {
            let place = n.to_string();
            let at: Vec<&str> = match count {
                1 => at.to_vec(),
                _ => joined(at, &[&place]),
            };
            let is_blank =
                |text: &Texts| text.each().iter().any(|(_, text)| text.trim().is_empty());
            let has_reference = |media: &Media| !media.reference.as_str().trim().is_empty();
            let says = match (item.media.as_slice(), &item.text) {
                ([], Some(text)) => !is_blank(text),
                ([], None) => false,
                (media, _) => media.iter().all(has_reference),
            };
            if !says || item.choices.iter().any(is_blank) {
                self.problem(&at, ProblemKind::EmptyMessage);
            }
            let text = item
                .text
                .as_ref()
                .map(|text| self.texts(&joined(&at, &["text"]), text));
            let choices = item.choices.iter().enumerate().map(|(n, choice)| {
                let n = n.to_string();
                self.texts(&joined(&at, &["choices", &n]), choice)
            });
            let choices: Vec<_> = choices.collect();
            Some(CompiledItem {
                text: text.map_or(Some(None), |text| text.map(Some))?,
                media: item.media.clone(),
                choice_style: item.choice_style,
                choices: choices.into_iter().collect::<Option<_>>()?,
            })
        });
        let items: Vec<_> = items.collect();
        items.into_iter().collect()
    }

    /// The reminders of a step or a bot.
    pub(super) fn pushes(&mut self, pushes: &[Push]) -> Option<Vec<CompiledPush>> {
        let count = pushes.len();
        if count > Push::MAX {
            self.problem(&["pushes"], ProblemKind::TooManyPushes { count });
        }
        let mut before = None;
        let compiled = pushes.iter().enumerate().map(|(n, push)| {
            let n = n.to_string();
            let at = ["pushes", &n, "after"];
            if push.after.is_zero() {
                self.problem(&at, ProblemKind::NoTime);
            } else if before.is_some_and(|before| push.after <= before) {
                self.problem(&at, ProblemKind::PushOrder);
            }
            before = Some(push.after);
            Some(CompiledPush {
                after: Duration::from(push.after),
                items: self.items(&["pushes", &n, "send"], &push.send)?,
            })
        });
        let compiled: Vec<_> = compiled.collect();
        compiled.into_iter().collect()
    }
}
