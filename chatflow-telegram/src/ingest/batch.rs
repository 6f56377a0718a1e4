//! What one answer to the question for updates holds.

use std::collections::HashMap;

use chatflow_core::ChannelId;
use futures::StreamExt;
use futures::stream;
use serde_json::value::RawValue;
use tracing::warn;

use crate::ingest::backoff::Backoff;
use crate::ingest::{Intake, Report};

/// From which update on to ask. Telegram forgets those below it; `None` asks from the oldest.
pub(crate) type Offset = Option<i64>;

/// The updates of one answer, in Telegram's order.
#[derive(Debug)]
pub(crate) struct Batch {
    reports: Vec<Report>,
}

impl Batch {
    /// Takes a list of updates apart; `None` where it isn't a list. What each element is doesn't
    /// matter: it becomes a report as it is.
    pub(crate) fn read(channel: &ChannelId, list: &str) -> Option<Self> {
        let elements: Vec<&RawValue> = serde_json::from_str(list).ok()?;
        let reports = elements
            .into_iter()
            .map(|element| Report::read(channel, element.get().as_bytes()))
            .collect();
        Some(Self { reports })
    }

    /// Whether nothing came.
    pub(crate) fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// Whether the batch tells how far we are, or that there is nothing.
    pub(crate) fn is_placed(&self) -> bool {
        self.reports.is_empty() || self.reports.iter().any(|report| report.id.is_some())
    }

    /// The offset to ask with once all of the batch is durable.
    ///
    /// It is the last readable id plus one, and one more for each unreadable element behind it.
    /// That never skips an update that we haven't: Telegram gives the lowest ids from the offset
    /// on, in order and without repeating one. So of `n` elements behind the id `i` the last
    /// has at least the id `i + n`, and what wasn't given is above that. The same holds from the
    /// offset itself where no id is readable at all.
    ///
    /// Without an offset and without any id there is nothing to count from: it stays `None`, and
    /// the same question brings the same elements, until one with an id comes behind them. A
    /// negative offset would get past them, and past every update that we haven't seen.
    pub(crate) fn offset_after(&self, asked: Offset) -> Offset {
        self.reports
            .iter()
            .fold(asked, |offset, report| match report.id {
                Some(id) => Some(id.saturating_add(1)),
                None => offset.map(|offset| offset.saturating_add(1)),
            })
    }

    /// Hands all of them in, and returns when each is durable: those of a chat in order, chats
    /// at once. What can't be taken now is offered again after a pause, and what comes after it
    /// in its chat waits for it.
    pub(crate) async fn receive(&self, intake: &Intake<'_>) {
        stream::iter(self.chats())
            .for_each_concurrent(CHATS_AT_ONCE_MAX, |chat| async move {
                for report in chat {
                    let mut backoff = Backoff::default();
                    while let Err(error) = intake.receive(report).await {
                        warn!(
                            channel = %intake.channel,
                            key = %report.raw.key,
                            %error,
                            "an update is not durable yet and is offered again"
                        );
                        backoff.pause().await;
                    }
                }
            })
            .await;
    }

    /// The reports by chat. One that is of no chat stands alone.
    fn chats(&self) -> Vec<Vec<&Report>> {
        let mut chats: Vec<Vec<&Report>> = Vec::new();
        let mut places = HashMap::new();
        for report in &self.reports {
            let place = report.chat.map_or(chats.len(), |chat| {
                *places.entry(chat).or_insert(chats.len())
            });
            match chats.get_mut(place) {
                Some(chat) => chat.push(report),
                None => chats.push(vec![report]),
            }
        }
        chats
    }
}

/// Chats whose updates are handed in at once.
const CHATS_AT_ONCE_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TelegramConfig;
    use crate::transport::Transport;
    use async_trait::async_trait;
    use chatflow_core::{Ingest, IngestError, Ingested, RawInbound};
    use proptest::prelude::*;
    use std::sync::Mutex;
    use tokio::time::Instant;

    fn batch(list: &str) -> Batch {
        Batch::read(&ChannelId::from("telegram:1"), list).unwrap()
    }

    #[test]
    fn the_offset_counts_what_has_no_id() {
        for (list, asked, after) in [
            ("[]", None, None),
            ("[]", Some(5), Some(5)),
            (r#"[{"update_id":7}]"#, None, Some(8)),
            (r#"[{"update_id":7},{"update_id":9}]"#, Some(7), Some(10)),
            // After a quiet week Telegram may begin anywhere.
            (r#"[{"update_id":3}]"#, Some(900), Some(4)),
            (r#"[5,{"update_id":7},"x"]"#, None, Some(9)),
            (r#"[5,null,{}]"#, Some(7), Some(10)),
            (r#"[5,null,{}]"#, None, None),
            (r#"[{"update_id":-1}]"#, Some(7), Some(8)),
            (
                r#"[{"update_id":9223372036854775807}]"#,
                None,
                Some(i64::MAX),
            ),
        ] {
            assert_eq!(batch(list).offset_after(asked), after, "{list} {asked:?}");
        }
    }

    /// Is away for a number of times.
    struct Away(Mutex<usize>);

    #[async_trait]
    impl Ingest for Away {
        async fn receive(&self, _: RawInbound) -> Result<Ingested, IngestError> {
            let mut left = self.0.lock().unwrap();
            if *left == 0 {
                return Ok(Ingested::Handled);
            }
            *left -= 1;
            let source = "away".into();
            Err(IngestError::Unavailable { source })
        }
    }

    /// The clock is tokio's own, which goes on by itself as soon as all wait for it.
    #[tokio::test(start_paused = true)]
    async fn pauses_grow_while_the_store_is_away() {
        let channel = ChannelId::from("telegram:1");
        let transport = Transport::new(&TelegramConfig::new("1:a")).unwrap();
        for (failures, milliseconds) in [(0, 0), (1, 200), (4, 3000), (10, 111_000)] {
            let away = Away(Mutex::new(failures));
            let (intake, _answering) = Intake::new(&channel, &away, &transport);
            let before = Instant::now();
            batch(r#"[{"update_id":1}]"#).receive(&intake).await;
            assert_eq!(before.elapsed().as_millis(), milliseconds, "{failures}");
        }
    }

    #[test]
    fn chats_keep_their_order() {
        let batch = batch(
            r#"[
                {"update_id":1,"message":{"chat":{"id":5}}},
                {"update_id":2,"message":{"chat":{"id":6}}},
                {"update_id":3,"novelty":{}},
                {"update_id":4,"callback_query":{"message":{"chat":{"id":5}}}},
                {"update_id":5,"novelty":{}}
            ]"#,
        );
        let ids: Vec<Vec<_>> = batch
            .chats()
            .into_iter()
            .map(|chat| chat.into_iter().filter_map(|report| report.id).collect())
            .collect();
        assert_eq!(ids, [vec![1, 4], vec![2], vec![3], vec![5]]);
    }

    /// Ids of updates that wait at Telegram, and for each whether we can read it.
    fn waiting() -> impl Strategy<Value = Vec<(i64, bool)>> {
        proptest::collection::btree_map(1_i64..60, any::<bool>(), 0..20)
            .prop_map(|ids| ids.into_iter().collect())
    }

    proptest! {
        /// Asked again and again, Telegram forgets nothing that it hasn't given.
        #[test]
        fn no_update_is_skipped(waiting in waiting(), limit in 1_usize..5, rounds in 1..40) {
            let mut offset: Offset = Some(1);
            let mut given = std::collections::BTreeSet::new();
            for _ in 0..rounds {
                let from = offset.unwrap_or(0);
                for (id, _) in waiting.iter().filter(|(id, _)| *id < from) {
                    prop_assert!(given.contains(id), "{id} was forgotten unseen");
                }
                let answer: Vec<_> = waiting.iter().filter(|(id, _)| *id >= from).take(limit).collect();
                given.extend(answer.iter().map(|(id, _)| *id));
                let list: Vec<_> = answer
                    .iter()
                    .map(|(id, readable)| if *readable { format!(r#"{{"update_id":{id}}}"#) } else { "0".to_owned() })
                    .collect();
                let next = batch(&format!("[{}]", list.join(","))).offset_after(offset);
                prop_assert!(answer.is_empty() || next > offset, "the offset stands still");
                offset = next;
            }
        }
    }
}
