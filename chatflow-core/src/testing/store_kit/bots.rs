//! Bots' own facts: what a pause holds, what goes on, and what models have used.

use std::collections::BTreeSet;

use crate::dialog::{
    ContactPatch, Effect, EffectBody, EffectId, Event, Message, Moment, OperatorAct, Usage, Value,
};
use crate::engine::Refusal;
use crate::store::{Begun, BotRow, Committed, DeliveryState, Settled, TurnCommit};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{
    Desk, at, dead, entries, far, part_as, retry_at, sent, settlement,
};

impl Desk {
    /// Pauses the desk's bot, or ends its pause; says whether that changed anything.
    async fn pause(&self, since: Option<Moment>) -> bool {
        let paused = self.store.pause(self.config.bot(), since).await;
        paused.expect("pause")
    }

    async fn bot(&self) -> BotRow {
        self.store.bot(self.config.bot()).await.expect("bot")
    }

    async fn is_paused_for(&self, who: &str) -> bool {
        let loaded = self.store.load(self.dialog(who)).await.expect("load");
        loaded.expect("the dialog is there").bot_paused
    }

    /// What of the desk's own can be begun.
    async fn own(&self, who: &str, at: Moment) -> Vec<EffectId> {
        let dialog = self.dialog(who);
        let mut own = self.listed(at).await;
        own.retain(|id| id.dialog == dialog);
        own.sort_unstable();
        own
    }
}

/// Adds an effect of automation to a turn that has one.
pub(super) fn add(turn: &mut TurnCommit, body: EffectBody) -> EffectId {
    let last = turn.effects.last().expect("the turn has an effect");
    let mut id = last.id;
    id.n += 1;
    let effect = Effect {
        id,
        automatic: true,
        body,
        ..last.clone()
    };
    turn.effects.push(effect);
    id
}

pub(super) fn typing(until: Moment) -> EffectBody {
    EffectBody::Typing { until }
}

pub(super) fn report() -> EffectBody {
    EffectBody::Tell {
        port: "tracker".to_owned(),
        report: Value::from("deposit"),
    }
}

fn used(tokens_in: u64, tokens_out: u64, cost: &str) -> Usage {
    Usage {
        tokens_in,
        tokens_out,
        cost: cost.parse().expect("a decimal"),
    }
}

/// Begins an entry that a pause holds, which must not start and stays as it is.
async fn expect_held(desk: &Desk, effect: EffectId) {
    let before = desk.entry(effect).await;
    let begun = desk.begin(effect, far()).await;
    assert!(matches!(begun, Begun::NotNow), "not {begun:?}");
    let after = desk.entry(effect).await;
    let columns = |entry: &crate::store::OutboxEntry| (entry.state, entry.attempts, entry.due);
    assert_eq!(columns(&after), columns(&before));
}

/// A pause is kept with its bot and with no other, from its first moment until it is ended, and
/// every dialog of the bot is loaded with it. A bot of which nothing was written has an empty row.
pub async fn fl_29_a_pause_is_kept_with_its_bot(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    let nothing = BotRow::new(desk.config.bot().clone());
    assert_eq!(desk.bot().await, nothing);
    assert!(!desk.pause(None).await, "it isn't paused");
    desk.says("anna", "say hello", at(1)).await;
    kiosk.says("anna", "say hello", at(1)).await;
    assert!(!desk.is_paused_for("anna").await);

    assert!(desk.pause(Some(at(2))).await);
    assert!(!desk.pause(Some(at(3))).await, "it is paused already");
    assert_eq!(desk.bot().await.paused_since, Some(at(2)));
    assert!(desk.is_paused_for("anna").await);
    assert_eq!(kiosk.bot().await.paused_since, None);
    assert!(!kiosk.is_paused_for("anna").await);

    assert!(desk.pause(None).await);
    assert!(!desk.pause(None).await);
    assert_eq!(desk.bot().await, nothing);
    assert!(!desk.is_paused_for("anna").await);
}

/// Of a paused bot neither timers nor what automation decided are listed, begun or counted in when
/// to ask again. Patches of contacts go on, and so do other bots, however much is held.
pub async fn fl_29_a_pause_holds_what_automation_decided(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    let mut turn = desk
        .message("anna", "say one; call rates; name Bo; wait 4000", at(1))
        .await;
    let shown = add(&mut turn, typing(at(9)));
    let told = add(&mut turn, report());
    let ids: Vec<_> = turn.effects.iter().map(|effect| effect.id).collect();
    desk.apply(turn).await;
    desk.says("bert", "say one; wait 1000", at(1)).await;
    let others = kiosk.says("clara", "say one; wait 7000", at(2)).await;
    assert!(desk.pause(Some(at(3))).await);

    let due = desk.due_up_to(at(3), 1).await;
    assert_eq!(due.next, Some(at(9)), "only the other bot's timer counts");
    assert!(due.timers.is_empty());
    let patch = ids[2];
    assert_eq!(desk.own("anna", far()).await, [patch]);
    assert!(desk.own("bert", far()).await.is_empty());
    let all = desk.due_up_to(far(), 1).await;
    let listed = BTreeSet::from_iter(entries(&all));
    assert_eq!(listed, BTreeSet::from([patch, others[0]]));
    let timers: Vec<_> = all.timers.iter().map(|timer| timer.dialog).collect();
    assert_eq!(
        timers,
        [kiosk.dialog("clara")],
        "what is held hides nothing"
    );
    for effect in [ids[0], ids[1], shown, told] {
        expect_held(&desk, effect).await;
    }
    desk.start(patch, at(3)).await;
    let patched = Settled::Patched(ContactPatch::Name("Bo".into()));
    desk.settle(patch, 1, patched).await;
    kiosk.deliver(others[0], at(3)).await;
    assert_eq!(desk.due(at(3)).await.next, Some(at(9)));
}

/// What was held is due again when the pause is over, as it was: in its order, at its moment, with
/// its attempts.
pub async fn fl_29_what_was_held_is_due_again(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk
        .says("anna", "say one; say two; call rates; wait 4000", at(1))
        .await;
    for effect in [ids[0], ids[2]] {
        desk.start(effect, at(1)).await;
        desk.settle(effect, 1, retry_at(at(2))).await;
    }
    let before = desk.dump().await;
    let timer = desk.due(far()).await.timers;
    desk.pause(Some(at(2))).await;
    desk.pause(None).await;
    let mut after = desk.dump().await;
    assert_eq!(after, before);
    assert_eq!(timer.len(), 1);
    // Again, with something looked at and a turn between.
    desk.pause(Some(at(2))).await;
    expect_held(&desk, ids[0]).await;
    assert!(desk.due(far()).await.timers.is_empty());
    desk.pause(None).await;
    after = desk.dump().await;
    assert_eq!(after, before);
    assert_eq!(desk.due(at(2)).await.next, Some(at(5)));
    assert_eq!(desk.own("anna", at(2)).await, [ids[0], ids[2]]);
    assert_eq!(desk.start(ids[0], at(2)).await.attempt, 2);
    assert_eq!(desk.start(ids[2], at(2)).await.attempt, 2);
    desk.settle(ids[0], 2, sent()).await;
    desk.deliver(ids[1], at(3)).await;
}

/// What people send goes on while their bot is paused, in order, and overtakes what is held before
/// it; when the pause is over, order is as it was decided.
pub async fn fl_29_what_people_send_overtakes_what_is_held(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let held = desk.says("anna", "say one; say two; hand off", at(1)).await;
    desk.pause(Some(at(2))).await;
    let first = desk.replies("anna", "three", at(3)).await;
    let second = desk.replies("anna", "four", at(4)).await;
    assert_eq!(desk.own("anna", at(5)).await, [first]);
    let begun = desk.begin(second, at(5)).await;
    assert!(matches!(begun, Begun::NotNow), "one at a time");
    desk.deliver(first, at(5)).await;
    assert_eq!(desk.own("anna", at(5)).await, [second]);
    expect_held(&desk, held[0]).await;
    desk.start(second, at(5)).await;
    desk.settle(second, 1, retry_at(at(6))).await;
    assert_eq!(desk.own("anna", at(6)).await, [second]);

    desk.pause(None).await;
    assert_eq!(desk.own("anna", at(6)).await, [held[0]]);
    desk.deliver(held[0], at(6)).await;
    desk.deliver(held[1], at(6)).await;
    desk.deliver(second, at(6)).await;
}

/// What a turn decides in a pause is held with the rest, and so is what comes back: a part, a
/// retry, what was in flight when the process ended, a call that is revived. A message that is
/// revived is somebody's wish, and goes.
pub async fn fl_29_what_becomes_ready_in_a_pause_is_held(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let part = desk.says("anna", "say one; call rates", at(1)).await;
    let retried = desk.says("bert", "say one; call rates", at(1)).await;
    let recovered = desk.says("clara", "say one; call rates", at(1)).await;
    let revived = desk.says("dora", "say one; call rates", at(1)).await;
    for ids in [&part, &retried, &recovered, &revived] {
        desk.start(ids[0], at(1)).await;
        desk.start(ids[1], at(1)).await;
    }
    desk.settle(revived[0], 1, dead()).await;
    desk.settle(revived[1], 1, dead()).await;
    desk.pause(Some(at(2))).await;
    desk.settle(part[0], 1, part_as(&["a"])).await;
    desk.settle(part[1], 1, sent()).await;
    desk.settle(retried[0], 1, retry_at(at(3))).await;
    let uncounted = Settled::Retry {
        due: at(3),
        counted: false,
    };
    desk.settle(retried[1], 1, uncounted).await;
    assert_eq!(desk.store.recover(at(3)).await.expect("recover"), 2);
    assert!(desk.revive(revived[0], at(3)).await);
    assert!(desk.revive(revived[1], at(3)).await);
    let decided = desk
        .says("emil", "say one; call rates; name Bo; wait 1000", at(3))
        .await;
    let goes = desk.listed(far()).await;
    let expected = BTreeSet::from([decided[2], revived[0]]);
    let goes_on = "the patch, and the message that somebody wants sent after all";
    assert_eq!(BTreeSet::from_iter(goes), expected, "{goes_on}");
    desk.deliver(revived[0], at(3)).await;
    let due = desk.due(at(3)).await;
    assert!(due.timers.is_empty());
    assert_eq!(due.next, None);
    assert!(desk.due(far()).await.timers.is_empty());
    let held = [
        part[0],
        retried[0],
        retried[1],
        recovered[0],
        recovered[1],
        revived[1],
        decided[0],
        decided[1],
    ];
    for effect in held {
        expect_held(&desk, effect).await;
    }
    desk.pause(None).await;
    for effect in held {
        let delivery = desk.start(effect, at(9)).await;
        let part = u32::from(effect == part[0]);
        assert_eq!(delivery.part, part, "{effect}");
        desk.settle(effect, delivery.attempt, sent()).await;
    }
    assert_eq!(desk.due(at(9)).await.timers.len(), 1);
}

/// A delivery that had begun before the pause may end in it.
pub async fn fl_29_what_had_begun_before_a_pause_ends(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let ids = desk.says("anna", "say one; call rates", at(1)).await;
    desk.start(ids[0], at(1)).await;
    desk.start(ids[1], at(1)).await;
    desk.pause(Some(at(2))).await;
    desk.settle(ids[0], 1, sent()).await;
    assert_eq!(desk.delivery(ids[0]).await, Some(DeliveryState::Sent));
    let mut turn = desk.message("anna", "say two", at(3)).await;
    turn.settlement = Some(settlement(ids[1], 1, sent()));
    let said = turn.effects[0].id;
    desk.apply(turn).await;
    let open = desk.open_entries("anna").await;
    assert_eq!(open, [(said, DeliveryState::Ready, 0)]);
    desk.pause(None).await;
    assert_eq!(desk.own("anna", at(9)).await, [said], "each once");
}

/// What turns used adds up exactly, for each bot; what is not applied is not counted.
pub async fn ai_05_what_models_used_adds_up(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    for _ in 0..3 {
        let mut turn = desk.message("anna", "say one", at(1)).await;
        turn.usage = used(1000, 200, "0.1");
        desk.apply(turn).await;
    }
    let mut turn = desk.message("bert", "say one", at(1)).await;
    turn.usage = used(7, 0, "0.0000000000000000000000001");
    desk.apply(turn.clone()).await;
    let mut other = kiosk.message("anna", "say one", at(1)).await;
    other.usage = used(5, 5, "12345678901234567890.5");
    kiosk.apply(other).await;
    let sum = used(3007, 600, "0.3000000000000000000000001");
    assert_eq!(desk.bot().await.usage, sum);

    let again = desk.store.commit(turn.clone()).await.expect("commit");
    assert_eq!(again, Committed::Duplicate { revision: 1 });
    turn.key = desk.key();
    desk.conflict(turn).await;
    desk.says("bert", "say two", at(2)).await;
    assert_eq!(desk.bot().await.usage, sum);
    assert_eq!(
        kiosk.bot().await.usage,
        used(5, 5, "12345678901234567890.5")
    );
    assert_eq!(desk.bot().await.paused_since, None);
}

/// What an answer has cost that came too late is added in the write that refuses it, once.
pub async fn ai_05_what_a_late_answer_used_is_added_once(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "say one", at(1)).await;
    let event = Event::message(desk.key(), "late");
    let mut refused = desk.refused("anna", &event, at(2), &Refusal::LateAnswer);
    refused.usage = Some((desk.bot().await.bot, used(10, 2, "0.25")));
    for _ in 0..2 {
        desk.store.refuse(refused.clone()).await.expect("refuse");
        assert_eq!(desk.bot().await.usage, used(10, 2, "0.25"));
    }
}

/// Where more was used than can be kept, the most that can be is.
pub async fn ai_05_too_much_to_be_kept_stays_the_most(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let most = used(u64::MAX, u64::MAX, "79228162514264337593543950335");
    for usage in [most, used(2, 2, "1"), used(0, 1, "0.5")] {
        let mut turn = desk.message("anna", "say one", at(1)).await;
        turn.usage = usage;
        desk.apply(turn).await;
        assert_eq!(desk.bot().await.usage, most);
    }
}

/// A pause, what it holds and what was used survive a restart.
pub async fn fl_29_pauses_and_what_was_used_survive(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut turn = desk
        .message("anna", "say one; call rates; wait 1000", at(1))
        .await;
    turn.usage = used(10, 2, "0.25");
    let ids: Vec<_> = turn.effects.iter().map(|effect| effect.id).collect();
    desk.apply(turn).await;
    desk.pause(Some(at(2))).await;
    let row = desk.bot().await;
    let Some(desk) = desk.reopen(harness).await else {
        return;
    };
    assert_eq!(desk.bot().await, row);
    assert_eq!(row.paused_since, Some(at(2)));
    assert_eq!(row.usage, used(10, 2, "0.25"));
    assert!(desk.listed(far()).await.is_empty());
    assert!(desk.due(far()).await.timers.is_empty());
    assert!(desk.pause(None).await);
    let Some(desk) = desk.reopen(harness).await else {
        return;
    };
    assert_eq!(desk.bot().await.paused_since, None);
    assert_eq!(desk.own("anna", at(9)).await, ids);
    assert_eq!(desk.due(at(9)).await.timers.len(), 1);
}

/// A turn that cancels names the automatic messages of its dialog that have begun, in order: those
/// in flight and those of which a part has arrived. Calls and what people send are not among them.
pub async fn fl_27_a_takeover_names_what_is_under_way(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("bert", "say one", at(1)).await;
    let ids = desk
        .says("anna", "say one; say two; say three; call rates", at(1))
        .await;
    let begun = desk.says("anna", "say four; hand off", at(1)).await;
    desk.start(ids[3], at(1)).await;
    desk.start(ids[0], at(1)).await;
    desk.settle(ids[0], 1, dead()).await;
    desk.start(ids[1], at(1)).await;
    desk.settle(ids[1], 1, part_as(&["a"])).await;
    let own = desk.message("anna", "say five", at(2)).await;
    let (cancelled, under_way) = desk.apply_and_see(own).await;
    assert_eq!((cancelled.len(), under_way), (0, Vec::new()));

    // Revived, it is somebody's and not automation's: in flight, and not named.
    assert!(desk.revive(ids[0], at(2)).await);
    desk.start(ids[0], at(2)).await;
    let written = desk
        .act("anna", OperatorAct::Reply("six".into()), at(3))
        .await;
    let mut reply = written;
    reply.cancel = Some(crate::dialog::CancelScope::Automatic);
    let person = reply.effects[0].id;
    let (cancelled, under_way) = desk.apply_and_see(reply).await;
    assert_eq!(under_way, [ids[1]]);
    assert!(cancelled.contains(&ids[2]) && cancelled.contains(&begun[0]));
    assert!(!cancelled.contains(&person));

    // A block takes what has arrived in part too; what is in flight stays under way.
    let block = desk.act("anna", OperatorAct::Block, at(4)).await;
    let (cancelled, under_way) = desk.apply_and_see(block).await;
    assert_eq!(under_way, []);
    assert_eq!(cancelled, BTreeSet::from([ids[1], person]));
    let refused = Event::message(desk.key(), Message::new("say more"));
    let refused = desk.try_turn("anna", &refused, at(5)).await;
    let refused = desk.store.refuse(refused.expect_err("blocked")).await;
    assert_eq!(refused.expect("refuse"), Committed::APPLIED);
}
