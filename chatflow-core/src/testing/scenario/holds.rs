//! Asking what holds, of the store and the worker under play.

use super::Line;
use super::check::{self, Check, Subject};
use super::outside::Question;
use super::play::{Became, Play, PlayError, no_dialog};
use crate::dialog::codec::{self, DecodeError};
use crate::dialog::{DialogId, Fact, MessageRecord, Side, Snapshot};
use crate::store::PAGE_MAX;

impl Play<'_> {
    pub(super) async fn holds(
        &mut self,
        line: &Line,
        contact: &str,
        asked: &Check,
    ) -> Result<(), PlayError> {
        let got = match &asked.subject {
            Subject::Refused => {
                self.was_refused(line, asked);
                return Ok(());
            }
            Subject::Unchanged => {
                self.was_unchanged(line);
                return Ok(());
            }
            Subject::Outside(question) => {
                return self.was_asked(line, contact, question, asked).await;
            }
            Subject::Typing => Some(match self.typing.remove(contact) {
                true => "shown".to_owned(),
                false => "none".to_owned(),
            }),
            Subject::Usage { of_bot: true } => Some(check::used(&self.usage_of_bot().await?)),
            Subject::Counter(kind) => {
                let counters = self.store.counters(&self.bot).await?;
                let count = counters.iter().find(|(status, _)| status == kind);
                Some(count.map_or(0, |(_, count)| *count).to_string())
            }
            Subject::Sees(operator) => Some(match self.sees(line, contact, operator).await? {
                true => "yes".to_owned(),
                false => "no".to_owned(),
            }),
            Subject::Standing(operator) => self.standing(line, contact, operator).await?,
            Subject::Load(operator) | Subject::Missed(operator) | Subject::Operator(operator) => {
                let operator = operator.as_str().into();
                let row = self.store.operator(&self.space, &operator).await?;
                row.map(|row| match &asked.subject {
                    Subject::Load(_) => row.load.to_string(),
                    Subject::Missed(_) => row.missed.to_string(),
                    _ => row.operator.availability().label().to_owned(),
                })
            }
            subject => {
                let Some(dialog) = self.dialog(contact).await? else {
                    let wanted = asked.wanted.as_deref().unwrap_or("missing");
                    self.fail(line, wanted, &no_dialog(contact));
                    return Ok(());
                };
                self.answer(line, dialog, subject).await?
            }
        };
        if got != asked.wanted {
            let or_missing = |value: &Option<String>| match value {
                Some(value) => value.clone(),
                None => "missing".to_owned(),
            };
            self.fail(line, &or_missing(&asked.wanted), &or_missing(&got));
        }
        Ok(())
    }

    async fn answer(
        &self,
        line: &Line,
        dialog: DialogId,
        subject: &Subject,
    ) -> Result<Option<String>, PlayError> {
        match subject {
            Subject::Outbox => {
                let entries = self.store.outbox(dialog).await?;
                Ok(Some(entries.len().to_string()))
            }
            Subject::Sessions => {
                let (mut after, mut count) = (None, 0);
                loop {
                    let sessions = self.store.sessions(dialog, after, PAGE_MAX).await?;
                    let Some(last) = sessions.last() else {
                        return Ok(Some(count.to_string()));
                    };
                    after = Some(last.number);
                    count += sessions.len();
                }
            }
            Subject::Delivery => {
                let mut after = None;
                let mut last = None;
                loop {
                    let lines = self.store.transcript(dialog, after, PAGE_MAX).await?;
                    let Some(newest) = lines.last() else {
                        return Ok(last);
                    };
                    after = Some(newest.record.id);
                    for line in lines {
                        let Some(state) = line.delivery else { continue };
                        last = Some(match line.failure {
                            Some(reason) => format!("{} {}", state.label(), reason.label()),
                            None => state.label().to_owned(),
                        });
                    }
                }
            }
            Subject::Translated | Subject::Reading => {
                let mut found = None;
                let mut after = None;
                loop {
                    let lines = self.store.transcript(dialog, after, PAGE_MAX).await?;
                    let Some(newest) = lines.last() else {
                        return Ok(found);
                    };
                    after = Some(newest.record.id);
                    for line in lines {
                        found = match subject {
                            Subject::Reading => read(&line.record).or(found),
                            _ => match line.record.author.side() {
                                Side::Us => translation(&line.record),
                                Side::Contact => found,
                            },
                        };
                    }
                }
            }
            Subject::Change => {
                let (mut after, mut last) = (0, None);
                loop {
                    let turns = self.store.journal(dialog, after, PAGE_MAX).await?;
                    let Some(newest) = turns.last() else {
                        return Ok(last);
                    };
                    after = newest.revision;
                    for turn in &turns {
                        let facts: Vec<Fact> =
                            codec::decode(&turn.body).map_err(|source| damaged(line, source))?;
                        last = facts.iter().filter_map(check::change).next_back().or(last);
                    }
                }
            }
            Subject::CanSend => {
                let answer = self.worker.can_send(dialog).await;
                let answer = answer.map_err(|source| PlayError::Handle {
                    line: line.number,
                    source,
                })?;
                let label = answer.map_or_else(|reason| reason.label(), |()| "yes");
                Ok(Some(label.to_owned()))
            }
            subject => {
                let snapshot = self.snapshot(line, dialog).await?;
                Ok(snapshot.and_then(|snapshot| check::answer(subject, &snapshot)))
            }
        }
    }

    pub(super) async fn snapshot(
        &self,
        line: &Line,
        dialog: DialogId,
    ) -> Result<Option<Snapshot>, PlayError> {
        let loaded = self.store.load(dialog).await?;
        let snapshot = loaded.map(|loaded| Snapshot::decode(&loaded.snapshot));
        snapshot.transpose().map_err(|source| damaged(line, source))
    }

    fn was_refused(&mut self, line: &Line, asked: &Check) {
        let wanted = asked.wanted.as_deref().unwrap_or_default();
        let got = match &self.last {
            Some((_, Became::Refused(reason))) if reason.contains(wanted) => None,
            Some((_, Became::Refused(reason))) => Some(reason.clone()),
            _ => Some("the line before was not refused".to_owned()),
        };
        self.ask_last(line, &format!("a refusal that says `{wanted}`"), got);
    }

    fn was_unchanged(&mut self, line: &Line) {
        let got = match &self.last {
            Some((_, Became::Unchanged)) => None,
            Some((_, Became::Refused(reason))) => Some(reason.clone()),
            _ => Some("the line before changed something".to_owned()),
        };
        self.ask_last(line, "nothing changes", got);
    }
}

impl Play<'_> {
    /// A check of those outside.
    async fn was_asked(
        &mut self,
        line: &Line,
        contact: &str,
        question: &Question,
        asked: &Check,
    ) -> Result<(), PlayError> {
        let wanted = asked.wanted.as_deref().unwrap_or_default();
        let Some(dialog) = self.dialog(contact).await? else {
            self.fail(line, wanted, &no_dialog(contact));
            return Ok(());
        };
        if let Err((expected, got)) = self.outside.holds(question, dialog, wanted) {
            self.fail(line, &expected, &got);
        }
        Ok(())
    }
}

/// What was read out of an earlier message, where the line of the transcript is that.
fn read(record: &MessageRecord) -> Option<String> {
    record.reading?;
    Some(record.message.text().to_owned())
}

fn translation(record: &MessageRecord) -> Option<String> {
    let translation = record.message.translation()?;
    Some(translation.text.as_str().to_owned())
}

fn damaged(line: &Line, source: DecodeError) -> PlayError {
    let line = line.number;
    PlayError::Decode { line, source }
}
