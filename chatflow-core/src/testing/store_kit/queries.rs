//! Lists, pages and counters.

use futures::future::join_all;

use crate::dialog::{
    Author, Cause, DialogId, Event, EventBody, Moment, OperatorAct, Reach, Revision, StatusChoice,
    StatusKind,
};
use crate::engine::Refusal;
use crate::store::{Committed, DeliveryState, PAGE_MAX};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, Numbers, at, dead, far, retry_at, sent};

/// A journal is read in pages, ascending and without gaps.
pub async fn a_journal_is_read_without_gaps(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut written = Vec::new();
    for second in 1..13 {
        let turn = desk.message("anna", "say hello", at(second)).await;
        written.push((turn.expected + 1, turn.at, turn.journal.clone()));
        desk.apply(turn).await;
        desk.says("bert", "say noise", at(second)).await;
    }
    let dialog = desk.dialog("anna");
    for limit in [1, 5, 12, 13, usize::MAX] {
        let mut read: Vec<(Revision, Moment, Vec<u8>)> = Vec::new();
        loop {
            let after = read.last().map_or(0, |(revision, ..)| *revision);
            let page = desk.store.journal(dialog, after, limit).await;
            let page = page.expect("journal");
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            read.extend(
                page.into_iter()
                    .map(|turn| (turn.revision, turn.at, turn.body)),
            );
        }
        assert_eq!(read, written);
    }
    let beyond = desk.store.journal(dialog, 99, 9).await;
    assert!(beyond.expect("journal").is_empty());
}

/// A transcript holds both sides in order, is read in pages after a message, and shows how
/// each delivery stands; a contact's own message has none.
pub async fn a_transcript_shows_how_deliveries_stand(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("bert", "say noise", at(1)).await;
    let script = "say one; call rates; say two; say three; say four";
    let first = desk.message("anna", script, at(1)).await;
    desk.apply(first.clone()).await;
    let mut records = first.messages;
    let ids: Vec<_> = records[1..].iter().map(|record| record.id).collect();
    desk.start(ids[0], at(2)).await;
    desk.settle(ids[0], 1, sent()).await;
    desk.start(ids[1], at(2)).await;
    desk.settle(ids[1], 1, dead()).await;
    desk.start(ids[2], at(2)).await;
    let reply = desk
        .act("anna", OperatorAct::Reply("five".into()), at(3))
        .await;
    records.extend(reply.messages.clone());
    desk.apply(reply).await;
    let states = [
        None,
        Some(DeliveryState::Sent),
        Some(DeliveryState::Dead),
        Some(DeliveryState::InFlight),
        Some(DeliveryState::Cancelled),
        Some(DeliveryState::Ready),
    ];
    let dialog = desk.dialog("anna");
    for limit in [1, 4, 6, usize::MAX] {
        let mut read = Vec::new();
        let mut after = None;
        loop {
            let page = desk.store.transcript(dialog, after, limit).await;
            let page = page.expect("transcript");
            assert!(page.len() <= limit);
            let Some(last) = page.last() else {
                break;
            };
            after = Some(last.record.id);
            read.extend(page);
        }
        let deliveries: Vec<_> = read.iter().map(|line| line.delivery).collect();
        assert_eq!(deliveries, states);
        let lines: Vec<_> = read.into_iter().map(|line| line.record).collect();
        assert_eq!(lines, records);
    }
    assert_eq!(records[0].author, Author::Contact);
}

/// The list of open entries has a dialog's own, in order, with attempts and time, and none
/// that is settled for good.
pub async fn the_outbox_lists_what_is_open(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("bert", "say noise", at(1)).await;
    let turn = desk
        .message("anna", "say_many 11; call rates; name Bo", at(1))
        .await;
    desk.apply(turn.clone()).await;
    desk.deliver(turn.effects[0].id, at(2)).await;
    desk.start(turn.effects[1].id, at(2)).await;
    let retry = retry_at(at(9));
    desk.settle(turn.effects[1].id, 1, retry).await;
    let open = desk
        .store
        .outbox(desk.dialog("anna"))
        .await
        .expect("outbox");
    let effects: Vec<_> = open.iter().map(|entry| entry.effect.clone()).collect();
    assert_eq!(effects, turn.effects[1..]);
    assert_eq!((open[0].attempts, open[0].due), (1, at(9)));
    assert_eq!((open[1].attempts, open[1].due), (0, at(1)));
    let ready = |state| state == DeliveryState::Ready;
    assert!(open.iter().all(|entry| ready(entry.state)));
}

/// Paging through dialogs gives each exactly once, in the order of ids, also while they change.
pub async fn dl_47_pages_of_dialogs_lose_none(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut expected: Vec<DialogId> = Vec::new();
    for n in 0..23 {
        let who = format!("contact {n}");
        desk.says(&who, "say hello", at(1)).await;
        expected.push(desk.dialog(&who));
    }
    expected.sort_unstable();
    for limit in [1, 4, 23, 24, usize::MAX] {
        let mut seen: Vec<DialogId> = Vec::new();
        loop {
            let page = desk.store.dialogs(seen.last().copied(), limit).await;
            let page = page.expect("dialogs");
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            seen.extend(page.into_iter().map(|summary| summary.dialog));
            let moves = format!("contact {}", seen.len() % 23);
            desk.says(&moves, "say moved", at(2)).await;
        }
        assert_eq!(seen, expected);
    }
}

/// No listing method gives more rows than a page, whatever is asked for, and the rest follow.
pub async fn a_page_has_a_largest_size(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let count = PAGE_MAX + 5;
    let script = format!("say_many {count}; call_many {count}");
    desk.says("anna", &script, at(1)).await;
    let due = desk.listed(at(1)).await;
    assert_eq!(due.len(), PAGE_MAX + 1, "calls, and the first message");
    let dialog = desk.dialog("anna");
    let lines = desk.store.transcript(dialog, None, usize::MAX).await;
    let lines = lines.expect("transcript");
    assert_eq!(lines.len(), PAGE_MAX, "lines of a transcript");
    let last = lines.last().map(|line| line.record.id);
    let rest = desk.store.transcript(dialog, last, usize::MAX).await;
    assert_eq!(rest.expect("transcript").len(), 6, "and the contact's own");

    let names: Vec<String> = (1..count).map(|n| format!("contact {n}")).collect();
    let desk = &desk;
    join_all(names.iter().map(|who| async move {
        desk.says(who, "say hello; wait 1000", at(1)).await;
        let event = Event::message(format!("refused {who}"), "refused");
        let refused = desk.refused("anna", &event, at(2), &Refusal::Blocked);
        let refused = desk.store.refuse(refused).await.expect("refuse");
        assert!(matches!(refused, Committed::Applied { .. }));
    }))
    .await;
    let summaries = desk.summaries().await;
    assert_eq!(summaries.len(), PAGE_MAX, "dialogs");
    let last = summaries.last().map(|summary| summary.dialog);
    let rest = desk.store.dialogs(last, usize::MAX).await;
    assert_eq!(rest.expect("dialogs").len(), 5);
    let due = desk.due(far()).await;
    assert_eq!(due.timers.len(), PAGE_MAX, "timers");
    assert_eq!(due.deliveries.len(), 2 * PAGE_MAX, "calls, and messages");
    let refusals = desk.store.refusals(dialog, usize::MAX).await;
    assert_eq!(refusals.expect("refusals").len(), PAGE_MAX, "refusals");
}

/// Of a dialog that doesn't exist there is nothing to read.
pub async fn of_no_dialog_there_is_nothing_to_read(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("bert", "say hello", at(1)).await;
    let nobody = desk.dialog("anna");
    let store = &desk.store;
    assert!(store.load(nobody).await.expect("load").is_none());
    assert!(
        store
            .journal(nobody, 0, 9)
            .await
            .expect("journal")
            .is_empty()
    );
    assert!(
        store
            .refusals(nobody, 9)
            .await
            .expect("refusals")
            .is_empty()
    );
    let lines = store.transcript(nobody, None, 9).await;
    assert!(lines.expect("transcript").is_empty());
    assert!(store.outbox(nobody).await.expect("outbox").is_empty());
}

/// Two bots with one outside address have a dialog each; nothing of one is seen through the
/// other.
pub async fn two_bots_are_kept_apart(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    let event = Event::message("update 1", "say hello; wait 1000");
    let turn = desk.turn("anna", &event, at(1)).await;
    desk.apply(turn).await;
    let address = desk.address("anna");
    let found = desk.store.find_dialog(kiosk.config.bot(), &address).await;
    assert_eq!(
        found.expect("find_dialog"),
        None,
        "not the other bot's dialog"
    );
    assert!(kiosk.counters().await.is_empty());
    let turn = kiosk.turn("anna", &event, at(2)).await;
    kiosk.apply(turn).await;
    kiosk.says("anna", "say more; hand off", at(3)).await;
    for (desk, revision) in [(&desk, 1), (&kiosk, 2)] {
        let found = desk.store.find_dialog(desk.config.bot(), &address).await;
        assert_eq!(found.expect("find_dialog"), Some(desk.dialog("anna")));
        let summary = desk.summary("anna").await;
        assert_eq!(&summary.bot, desk.config.bot());
        assert_eq!(summary.revision, revision);
        let lines = desk.store.transcript(summary.dialog, None, 99).await;
        let lines = lines.expect("transcript");
        assert_eq!(lines.len() as u64, 2 * revision);
        assert!(
            lines
                .iter()
                .all(|line| line.record.id.dialog == summary.dialog)
        );
    }
    assert_eq!(desk.counters().await, [(StatusKind::Auto, 1)]);
    assert_eq!(kiosk.counters().await, [(StatusKind::Manual, 1)]);
    let timers = desk.due(far()).await.timers;
    assert_eq!(timers.len(), 1, "the hand-off cancelled the other bot's");
    assert_eq!(timers[0].dialog, desk.dialog("anna"));
}

/// A counter is kept for each status; statuses that no dialog shows are left out.
pub async fn dl_34_counters_follow_the_status(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    assert!(desk.counters().await.is_empty());
    let names: Vec<String> = (0..7).map(|n| format!("contact {n}")).collect();
    for (n, who) in names.iter().enumerate() {
        let script = if n < 5 { "say hello" } else { "hand off" };
        desk.says(who, script, at(1)).await;
    }
    let (auto, manual) = (StatusKind::Auto, StatusKind::Manual);
    assert_eq!(desk.counters().await, [(auto, 5), (manual, 2)]);
    let take = desk.act(&names[0], OperatorAct::Take, at(2)).await;
    desk.apply(take).await;
    assert_eq!(desk.counters().await, [(auto, 4), (manual, 3)]);
    for who in &names[1..5] {
        desk.says(who, "complete", at(3)).await;
    }
    let finished = (StatusKind::Finished, 4);
    assert_eq!(
        desk.counters().await,
        [(manual, 3), finished],
        "no zero is listed"
    );
}

/// Counters equal a recount through the list of dialogs after each of a thousand turns, with
/// refused, repeated and stale ones between them.
pub async fn st_19_counters_equal_a_recount(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    let mut numbers = Numbers(19);
    let mut applied = 0;
    let mut statuses_seen = 0;
    for step in 0..20_000 {
        if applied == 1_000 {
            break;
        }
        let desk = if numbers.below(4) == 0 { &kiosk } else { &desk };
        let who = format!("contact {}", numbers.below(12));
        let event = Event::new(desk.key(), any_event(&mut numbers));
        match desk.try_turn(&who, &event, at(step)).await {
            Err(refused) => {
                desk.store.refuse(refused).await.expect("refuse");
            }
            Ok(turn) => {
                let repeated = turn.clone();
                if numbers.below(8) == 0 {
                    let mut stale = turn.clone();
                    stale.key = desk.key();
                    stale.expected += 1;
                    desk.conflict(stale).await;
                }
                desk.apply(turn).await;
                applied += 1;
                if numbers.below(8) == 0 {
                    let again = desk.store.commit(repeated).await.expect("commit");
                    assert!(matches!(again, Committed::Duplicate { .. }));
                }
            }
        }
        let recount = recount(desk).await;
        statuses_seen = statuses_seen.max(recount.len());
        assert_eq!(desk.counters().await, recount, "after step {step}");
    }
    assert_eq!(applied, 1_000);
    assert!(statuses_seen >= 5, "the history moves dialogs about");
}

async fn recount(desk: &Desk) -> Vec<(StatusKind, u64)> {
    let summaries = desk.summaries().await;
    let count = |status| {
        let shown = summaries
            .iter()
            .filter(|summary| &summary.bot == desk.config.bot() && summary.row.status == status);
        (status, shown.count() as u64)
    };
    let counts = StatusKind::ALL.into_iter().map(count);
    counts.filter(|(_, count)| *count > 0).collect()
}

fn any_event(numbers: &mut Numbers) -> EventBody {
    let set = |status| OperatorAct::set(Some(status), None);
    let act = match numbers.below(16) {
        0 => return EventBody::MessageReceived("say hello; wait 5000".into()),
        1 => return EventBody::MessageReceived("complete".into()),
        2 => return EventBody::MessageReceived("hand off".into()),
        3 => return EventBody::MessageReceived("fail".into()),
        4 => return EventBody::ReachReported(Reach::BlockedByContact),
        5 => return EventBody::ReachReported(Reach::CannotWrite(Cause::Removed)),
        6 | 7 => return EventBody::ReachReported(Reach::Ok),
        8 => OperatorAct::Take,
        9 => OperatorAct::Block,
        10 => OperatorAct::Unblock,
        11 => OperatorAct::Reply("hello".into()),
        12 => set(StatusChoice::Start),
        13 => set(StatusChoice::Waiting),
        14 => set(StatusChoice::Custom("review".into())),
        _ => set(StatusChoice::Auto),
    };
    EventBody::OperatorActed {
        operator: "olga".into(),
        act,
    }
}
