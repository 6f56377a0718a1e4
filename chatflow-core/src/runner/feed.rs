//! What happened in a dialog, as people read it.

use std::collections::BTreeMap;

use crate::dialog::codec;
use crate::dialog::{DialogId, EffectId, Fact, Moment, Revision};
use crate::runner::desk::DeskError;
use crate::runner::{HandleError, Worker};
use crate::store::{PAGE_MAX, TranscriptLine};

/// One entry of a dialog's feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    /// The turn.
    pub turn: Revision,
    /// When it was.
    pub at: Moment,
    /// What happened.
    pub item: FeedItem,
}

/// What happened in a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedItem {
    /// A message, of either side; its record names the author.
    Message(Box<TranscriptLine>),
    /// A change of status, session, handling, assignee or line, with who or what changed it.
    Change(Box<Fact>),
}

impl Worker {
    /// Entries of at most so many turns after one, in order; of a turn its messages come first.
    pub(crate) async fn feed(
        &self,
        dialog: DialogId,
        after: Revision,
        turns: usize,
    ) -> Result<Vec<FeedEntry>, DeskError> {
        let turns = turns.min(PAGE_MAX);
        let journal = self.store.journal(dialog, after, turns).await?;
        let Some(last) = journal.last().map(|turn| turn.revision) else {
            return Ok(Vec::new());
        };
        let mut messages = self.messages_between(dialog, after, last).await?;
        let mut entries = Vec::new();
        for turn in journal {
            let facts: Vec<Fact> = codec::decode(&turn.body)
                .map_err(|source| HandleError::Decode { dialog, source })?;
            let lines = messages.remove(&turn.revision).unwrap_or_default();
            let lines = lines
                .into_iter()
                .map(|line| FeedItem::Message(Box::new(line)));
            let changes = facts.into_iter().filter(is_of_people);
            let changes = changes.map(|fact| FeedItem::Change(Box::new(fact)));
            entries.extend(lines.chain(changes).map(|item| FeedEntry {
                turn: turn.revision,
                at: turn.at,
                item,
            }));
        }
        Ok(entries)
    }

    async fn messages_between(
        &self,
        dialog: DialogId,
        after: Revision,
        last: Revision,
    ) -> Result<BTreeMap<Revision, Vec<TranscriptLine>>, DeskError> {
        let mut messages: BTreeMap<Revision, Vec<TranscriptLine>> = BTreeMap::new();
        let mut from = (after > 0).then_some(EffectId {
            dialog,
            turn: after,
            n: u32::MAX,
        });
        loop {
            let page = self.store.transcript(dialog, from, PAGE_MAX).await?;
            let is_last = page.len() < PAGE_MAX;
            for line in page {
                let id = line.record.id;
                if id.turn > last {
                    return Ok(messages);
                }
                from = Some(id);
                messages.entry(id.turn).or_default().push(line);
            }
            if is_last {
                return Ok(messages);
            }
        }
    }
}

const fn is_of_people(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::StatusChanged { .. }
            | Fact::SessionOpened { .. }
            | Fact::SessionReopened { .. }
            | Fact::SessionCompleted { .. }
            | Fact::HandlingChanged { .. }
            | Fact::Queued { .. }
            | Fact::Offered { .. }
            | Fact::OfferEnded { .. }
            | Fact::Acknowledged { .. }
            | Fact::LineChanged { .. }
            | Fact::AssigneeChanged { .. }
    )
}
