//! What the cases work with: a bot over a store, whose turns the real engine decides.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::dialog::time::from_millis;
use crate::dialog::{
    Address, Contact, ContactBlock, ContactId, DialogId, Effect, EffectId, Event, EventKey,
    ExternalId, FailureReason, FlowVersion, Message, Moment, OperatorAct, Profile, ReceiptState,
    Receipted, Revision, Snapshot, Status, StatusKind, Value,
};
use crate::engine::{Engine, Refusal};
use crate::flow::{Bot, Config, FlowBuilder, Limits, Outcome, Step, StepContext};
use crate::store::{
    Begun, CommitError, Committed, Delivery, DeliveryState, DialogSummary, Due, DueDelivery,
    DueQuery, DueTimer, JournalTurn, Opened, OutboxEntry, PAGE_MAX, RefusedEvent, Settled,
    Settlement, Store, StoredRefusal, TranscriptLine, TurnCommit,
};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::people::People;

/// Whole seconds after the moment at which every case begins.
pub(super) fn at(seconds: i64) -> Moment {
    at_ms(seconds * 1000)
}

/// The same in milliseconds.
pub(super) fn at_ms(ms: i64) -> Moment {
    from_millis(1_767_225_600_000 + ms)
}

/// Later than anything a case plans.
pub(super) fn far() -> Moment {
    from_millis(4_102_444_800_000)
}

/// A step that does what the contact's message says: `say hello; call rates; name Bo;
/// field size; tag vip; wait 5000; hand off; complete`. So a case decides in one line what its turn
/// contains, and the turn is still the engine's.
struct Script;

impl Step for Script {
    fn kind(&self) -> &'static str {
        "store_kit_script"
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        for order in message.text().split("; ") {
            let (verb, rest) = order.split_once(' ').unwrap_or((order, ""));
            match verb {
                "say" => step.say(rest),
                "say_many" => {
                    for n in 0..rest.parse::<usize>().unwrap_or(0) {
                        step.say(n.to_string());
                    }
                }
                "call" => step.call(rest, Value::from(rest)),
                "call_many" => {
                    for n in 0..rest.parse::<usize>().unwrap_or(0) {
                        step.call("many", Value::from(n.to_string()));
                    }
                }
                "name" => step.set_contact_name(rest),
                "field" => step.set_field(rest, Value::from("set")),
                "tag" => step.add_tag(rest),
                "untag" => step.remove_tag(rest),
                "wait" => {
                    step.time_out_after(Duration::from_millis(rest.parse().unwrap_or(0)));
                }
                "hand" => return Outcome::HandOff,
                "complete" => return Outcome::Complete,
                "fail" => return Outcome::Fail,
                _ => {}
            }
        }
        Outcome::Wait
    }
}

/// A host's status, so that labels are stored as well.
struct Review;

impl Status for Review {
    fn label(&self) -> &str {
        "review"
    }

    fn kind(&self) -> StatusKind {
        StatusKind::Manual
    }
}

/// A bot over a store.
pub(super) struct Desk {
    pub(super) store: Arc<dyn Store>,
    pub(super) config: Config,
    keys: AtomicU64,
}

impl Desk {
    /// The bot `shop` over an empty store.
    pub(super) async fn open(harness: &dyn StoreHarness) -> Self {
        Self::over(harness.fresh().await, "shop")
    }

    /// A bot over this store. All bots of the kit are in one space.
    pub(super) fn over(store: Arc<dyn Store>, bot: &str) -> Self {
        Self::in_version(store, bot, 1)
    }

    /// The same with its flow in this version, and in the earlier ones.
    pub(super) fn in_version(store: Arc<dyn Store>, bot: &str, version: FlowVersion) -> Self {
        let flow = |version| {
            let flow = FlowBuilder::new("desk", version).step("first", Script);
            let flow = flow.step("second", Script).build();
            flow.expect("the kit's flow has no problem")
        };
        let limits = Limits {
            effects_per_turn: 3 * PAGE_MAX,
            robot_acts_per_turn: 20,
            ..Limits::default()
        };
        let earlier = (1..version).map(flow);
        let bot = earlier.fold(Bot::new(bot, flow(version)), Bot::flow);
        let config = bot
            .status(&Review)
            .limits(limits)
            .compile()
            .expect("the kit's bot has no problem");
        Self {
            store,
            config,
            keys: AtomicU64::new(0),
        }
    }

    /// The address of `who`, by the channel `web`; `sms/anna` names another one.
    pub(super) fn address(&self, who: &str) -> Address {
        let (channel, who) = who.split_once('/').unwrap_or(("web", who));
        Address::new(channel, who)
    }

    pub(super) fn dialog(&self, who: &str) -> DialogId {
        DialogId::derive(self.config.bot(), &self.address(who))
    }

    pub(super) fn contact_id(&self, who: &str) -> ContactId {
        ContactId::derive(&self.config.settings().space, &self.address(who))
    }

    /// A key that no other event of this desk has.
    pub(super) fn key(&self) -> EventKey {
        let number = self.keys.fetch_add(1, Ordering::Relaxed);
        format!("key {number}").into()
    }

    /// A key that no other event has, where several desks share a bot.
    pub(super) fn key_of(&self, number: i64) -> EventKey {
        format!("event {number}").into()
    }

    /// The stored snapshot, or that of a dialog before its first turn with what it is opened
    /// with.
    pub(super) async fn snapshot(&self, who: &str, at: Moment) -> (Snapshot, Option<Opened>) {
        let loaded = self.store.load(self.dialog(who)).await.expect("load");
        if let Some(loaded) = loaded {
            let snapshot = Snapshot::decode(&loaded.snapshot).expect("stored bytes come back");
            assert_eq!(snapshot.revision, loaded.revision, "snapshot and revision");
            return (snapshot, None);
        }
        let contact = Contact::new(
            self.contact_id(who),
            self.config.settings().space.clone(),
            &Profile {
                name: Some(who.into()),
                language: None,
            },
        );
        let address = self.address(who);
        let snapshot = self.config.open(address.clone(), contact.view.clone(), at);
        (snapshot, Some(Opened { address, contact }))
    }

    /// The commit of the turn that this event makes of the dialog as it is stored.
    pub(super) async fn turn(&self, who: &str, event: &Event, at: Moment) -> TurnCommit {
        self.try_turn(who, event, at)
            .await
            .expect("the engine takes this event")
    }

    /// The same, or the record of the engine's refusal.
    pub(super) async fn try_turn(
        &self,
        who: &str,
        event: &Event,
        at: Moment,
    ) -> Result<TurnCommit, RefusedEvent> {
        let (snapshot, opened) = self.snapshot(who, at).await;
        match Engine::handle(&self.config, snapshot, event, at) {
            Ok(transition) => TurnCommit::new(transition, event.key.clone(), opened, None, at)
                .map_err(|_| unreachable!("a transition of the engine can be stored")),
            Err(refused) => Err(self.refused(who, event, at, &refused.reason)),
        }
    }

    /// The record of an event that the engine refused.
    pub(super) fn refused(
        &self,
        who: &str,
        event: &Event,
        at: Moment,
        reason: &Refusal,
    ) -> RefusedEvent {
        RefusedEvent::new(self.dialog(who), event, at, reason, None)
            .expect("an event of this crate can be stored")
    }

    /// The commit of a message that tells the script what to do.
    pub(super) async fn message(&self, who: &str, script: &str, at: Moment) -> TurnCommit {
        let event = Event::message(self.key(), script);
        self.turn(who, &event, at).await
    }

    /// Commits a turn, which must be applied; gives what it cancelled.
    pub(super) async fn apply(&self, turn: TurnCommit) -> BTreeSet<EffectId> {
        self.apply_and_see(turn).await.0
    }

    /// Commits a turn, which must be applied; gives what it cancelled, and what had begun before
    /// it.
    pub(super) async fn apply_and_see(
        &self,
        turn: TurnCommit,
    ) -> (BTreeSet<EffectId>, Vec<EffectId>) {
        match self.store.commit(turn).await.expect("commit") {
            Committed::Applied {
                cancelled,
                under_way,
            } => {
                let count = cancelled.len();
                let cancelled: BTreeSet<_> = cancelled.into_iter().collect();
                assert_eq!(cancelled.len(), count, "each is cancelled once");
                (cancelled, under_way)
            }
            Committed::Duplicate { .. } => panic!("a key never seen before was taken for seen"),
        }
    }

    /// Commits a message that tells the script what to do; gives the ids of its effects.
    pub(super) async fn says(&self, who: &str, script: &str, at: Moment) -> Vec<EffectId> {
        let turn = self.message(who, script, at).await;
        let effects = turn.effects.iter().map(|effect| effect.id).collect();
        self.apply(turn).await;
        effects
    }

    /// The commit of an operator's act.
    pub(super) async fn act(&self, who: &str, act: OperatorAct, at: Moment) -> TurnCommit {
        let event = Event::operator(self.key(), "olga", act);
        self.turn(who, &event, at).await
    }

    /// Commits an operator's act that has one effect; gives its id.
    pub(super) async fn acts(&self, who: &str, act: OperatorAct, at: Moment) -> EffectId {
        let turn = self.act(who, act, at).await;
        let id = turn.effects.first().expect("the act has an effect").id;
        self.apply(turn).await;
        id
    }

    /// Commits an operator's message; gives its id.
    pub(super) async fn replies(
        &self,
        who: &str,
        message: impl Into<Message>,
        at: Moment,
    ) -> EffectId {
        self.acts(who, OperatorAct::Reply(message.into()), at).await
    }

    /// Commits a message of the contact; gives its line's id.
    pub(super) async fn hears(&self, who: &str, message: Message, at: Moment) -> EffectId {
        let turn = self
            .turn(who, &Event::message(self.key(), message), at)
            .await;
        let id = turn.messages.first().expect("the message has a line").id;
        self.apply(turn).await;
        id
    }

    /// Commits a turn that must meet another revision; gives the one found.
    pub(super) async fn conflict(&self, turn: TurnCommit) -> Revision {
        match self.store.commit(turn).await {
            Err(CommitError::Conflict { found }) => found,
            other => panic!("a conflict was expected, not {other:?}"),
        }
    }

    /// What is due, with no limit of ours.
    pub(super) async fn due(&self, at: Moment) -> Due {
        self.due_up_to(at, usize::MAX).await
    }

    /// What is due, at most so many of each.
    pub(super) async fn due_up_to(&self, at: Moment, limit: usize) -> Due {
        self.query(&DueQuery::new(at, limit)).await
    }

    pub(super) async fn query(&self, query: &DueQuery) -> Due {
        self.store.due(query).await.expect("due")
    }

    /// The entries that can be begun, as they are listed.
    pub(super) async fn listed(&self, at: Moment) -> Vec<EffectId> {
        entries(&self.due(at).await)
    }

    /// Begins a delivery.
    pub(super) async fn begin(&self, effect: EffectId, at: Moment) -> Begun {
        let begun = self.store.begin_delivery(effect, at).await;
        begun.expect("begin_delivery")
    }

    /// Begins a delivery, which must start.
    pub(super) async fn start(&self, effect: EffectId, at: Moment) -> Delivery {
        match self.begin(effect, at).await {
            Begun::Started(delivery) => *delivery,
            other => panic!("{effect} must start, not {other:?}"),
        }
    }

    pub(super) async fn settle(&self, effect: EffectId, attempt: u32, settled: Settled) {
        let settlement = settlement(effect, attempt, settled);
        self.store.settle(vec![settlement]).await.expect("settle");
    }

    /// Begins a delivery and settles it as sent.
    pub(super) async fn deliver(&self, effect: EffectId, at: Moment) {
        let delivery = self.start(effect, at).await;
        let sent = Settled::Sent { ids: Vec::new() };
        self.settle(effect, delivery.attempt, sent).await;
    }

    /// Entries not settled for good: id, state, attempts.
    pub(super) async fn open_entries(&self, who: &str) -> Vec<(EffectId, DeliveryState, u32)> {
        let entries = self.store.outbox(self.dialog(who)).await.expect("outbox");
        entries
            .into_iter()
            .map(|entry| (entry.effect.id, entry.state, entry.attempts))
            .collect()
    }

    /// How the delivery of a message stands, by the transcript.
    pub(super) async fn delivery(&self, id: EffectId) -> Option<DeliveryState> {
        self.line(id).await.delivery
    }

    /// The line of a message in the transcript.
    pub(super) async fn line(&self, id: EffectId) -> TranscriptLine {
        let lines = self.store.transcript(id.dialog, None, usize::MAX).await;
        let mut lines = lines.expect("transcript").into_iter();
        let line = lines.find(|line| line.record.id == id);
        line.expect("the message is in the transcript")
    }

    /// The entry of an effect, which must be open.
    pub(super) async fn entry(&self, id: EffectId) -> OutboxEntry {
        let entries = self.store.outbox(id.dialog).await.expect("outbox");
        let entry = entries.into_iter().find(|entry| entry.effect.id == id);
        entry.expect("the entry is open")
    }

    /// Begins a delivery and settles it as sent, under these ids, at that moment.
    pub(super) async fn deliver_as(&self, effect: EffectId, ids: &[&str], at: Moment) {
        let delivery = self.start(effect, at).await;
        let settlement = Settlement {
            at,
            ..settlement(effect, delivery.attempt, sent_as(ids))
        };
        let settled = self.store.settle(vec![settlement]).await;
        settled.expect("settle");
    }

    /// Records what the channel reports of messages; gives those that it changed.
    pub(super) async fn mark(
        &self,
        who: &str,
        of: &Receipted,
        state: ReceiptState,
    ) -> Vec<EffectId> {
        let marked = self.store.mark(self.dialog(who), of, state).await;
        marked.expect("mark")
    }

    pub(super) async fn revive(&self, effect: EffectId, at: Moment) -> bool {
        self.store.revive(effect, at).await.expect("revive")
    }

    pub(super) async fn find_message(&self, who: &str, id: &str) -> Option<EffectId> {
        let (dialog, id) = (self.dialog(who), ExternalId::new(id));
        let found = self.store.find_message(dialog, &id).await;
        found.expect("find_message")
    }

    pub(super) async fn contact(&self, who: &str) -> Option<Contact> {
        let contact = self.store.contact(self.contact_id(who)).await;
        contact.expect("contact")
    }

    pub(super) async fn summaries(&self) -> Vec<DialogSummary> {
        let summaries = self.store.dialogs(None, usize::MAX).await;
        summaries.expect("dialogs")
    }

    pub(super) async fn summary(&self, who: &str) -> DialogSummary {
        let dialog = self.dialog(who);
        let summaries = self.summaries().await;
        let summary = summaries.into_iter().find(|row| row.dialog == dialog);
        summary.expect("the dialog is listed")
    }

    pub(super) async fn journal(&self, who: &str) -> Vec<JournalTurn> {
        let journal = self.store.journal(self.dialog(who), 0, usize::MAX).await;
        journal.expect("journal")
    }

    /// Counters of this desk's bot, sorted.
    pub(super) async fn counters(&self) -> Vec<(StatusKind, u64)> {
        let counters = self.store.counters(self.config.bot()).await;
        let mut counters = counters.expect("counters");
        counters.sort_unstable();
        counters
    }

    /// All that the store says about this bot, its dialogs and what is due: compared before
    /// and after a call that must change nothing.
    pub(super) async fn dump(&self) -> Dump {
        let mut dump = Dump {
            counters: self.counters().await,
            summaries: self.summaries().await,
            ..Dump::default()
        };
        let due = self.due(far()).await;
        (dump.timers, dump.deliveries) = (due.timers, due.deliveries);
        dump.people = self.people().await;
        dump.lagging = due.lagging;
        for summary in &dump.summaries {
            let (id, all) = (summary.dialog, usize::MAX);
            let loaded = self.store.load(id).await.expect("load");
            let loaded = loaded.expect("a dialog that is listed can be loaded");
            dump.loaded
                .push((loaded.revision, loaded.snapshot, loaded.contact));
            let found = self.store.find_dialog(&summary.bot, &summary.address).await;
            dump.found.push(found.expect("find_dialog"));
            let journal = self.store.journal(id, 0, all).await;
            dump.journal.push(journal.expect("journal"));
            let transcript = self.store.transcript(id, None, all).await;
            dump.transcript.push(transcript.expect("transcript"));
            let refusals = self.store.refusals(id, all).await;
            dump.refusals.push(refusals.expect("refusals"));
            let outbox = self.store.outbox(id).await.expect("outbox");
            dump.outbox.extend(outbox.into_iter().map(columns));
        }
        dump
    }

    /// The same bot over the same data in another store, after the first is gone; none where
    /// data doesn't survive.
    pub(super) async fn reopen(self, harness: &dyn StoreHarness) -> Option<Self> {
        let store = harness.reopen(self.store).await?;
        Some(Self {
            store,
            config: self.config,
            keys: self.keys,
        })
    }
}

/// What [`Desk::dump`] gives.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Dump {
    pub(super) counters: Vec<(StatusKind, u64)>,
    pub(super) summaries: Vec<DialogSummary>,
    pub(super) timers: Vec<DueTimer>,
    pub(super) deliveries: Vec<DueDelivery>,
    pub(super) lagging: Vec<DialogId>,
    pub(super) loaded: Vec<(Revision, Vec<u8>, Contact)>,
    pub(super) found: Vec<Option<DialogId>>,
    pub(super) journal: Vec<Vec<JournalTurn>>,
    pub(super) transcript: Vec<Vec<TranscriptLine>>,
    pub(super) refusals: Vec<Vec<StoredRefusal>>,
    pub(super) outbox: Vec<Entry>,
    pub(super) people: People,
}

/// An outbox entry, so that it can be compared: what, state, parts, attempts, due.
type Entry = (Effect, DeliveryState, u32, u32, Moment);

fn columns(entry: OutboxEntry) -> Entry {
    let OutboxEntry {
        effect,
        state,
        part,
        attempts,
        due,
    } = entry;
    (effect, state, part, attempts, due)
}

/// The entries listed as due.
pub(super) fn entries(due: &Due) -> Vec<EffectId> {
    let deliveries = due.deliveries.iter();
    deliveries.map(|delivery| delivery.effect).collect()
}

pub(super) fn settlement(effect: EffectId, attempt: u32, settled: Settled) -> Settlement {
    Settlement {
        effect,
        attempt,
        settled,
        at: at(60),
    }
}

/// Tried again, not before this moment.
pub(super) fn retry_at(due: Moment) -> Settled {
    Settled::Retry { due, counted: true }
}

pub(super) fn dead() -> Settled {
    Settled::Dead {
        reason: FailureReason::Transient,
    }
}

/// Sent, under these ids of the channel's.
pub(super) fn sent_as(ids: &[&str]) -> Settled {
    Settled::Sent { ids: named(ids) }
}

/// One part of it arrived, under these ids.
pub(super) fn part_as(ids: &[&str]) -> Settled {
    Settled::Part { ids: named(ids) }
}

pub(super) fn named(ids: &[&str]) -> Vec<ExternalId> {
    ids.iter().map(|id| ExternalId::new(*id)).collect()
}

/// Our block of a contact, as a row has it.
pub(super) fn block() -> Option<ContactBlock> {
    Some(ContactBlock {
        by: "olga".into(),
        since: at(3),
    })
}

pub(super) fn sent() -> Settled {
    sent_as(&["receipt"])
}

/// Numbers that are the same in every run. The constants are those of Knuth's MMIX.
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
