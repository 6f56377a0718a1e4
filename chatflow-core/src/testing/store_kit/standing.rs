//! Where dialogs stand, counted and listed by flow and version.

use std::collections::{BTreeMap, BTreeSet};

use crate::dialog::{BotId, DialogId, Event, EventBody, FlowVersion, OperatorAct, StatusChoice};
use crate::flow::Standing;
use crate::store::{DialogSummary, PAGE_MAX};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, Numbers, at};

/// What the store counts equals a recount through the snapshots after each turn, with dialogs of
/// two bots in two versions that move, begin again and leave the flow.
pub async fn fl_52_standings_equal_a_recount(harness: &dyn StoreHarness) {
    let first = Desk::open(harness).await;
    let second = Desk::in_version(first.store.clone(), "shop", 2);
    let kiosk = Desk::over(first.store.clone(), "kiosk");
    assert!(standing(&first).await.is_empty());
    let mut numbers = Numbers(52);
    let mut places_seen = 0;
    for n in 0..240 {
        let desk = [&first, &second, &kiosk][usize::from(numbers.below(3) as u8)];
        let who = format!("contact {}", numbers.below(9));
        let set = |status, step: Option<&str>| {
            let step = step.map(crate::dialog::StepTarget::step);
            EventBody::OperatorActed {
                operator: "olga".into(),
                act: OperatorAct::set(status, step),
            }
        };
        let body = match numbers.below(6) {
            0 | 1 => EventBody::MessageReceived("say hello".into()),
            2 => EventBody::MessageReceived("complete".into()),
            3 => set(Some(StatusChoice::Start), None),
            4 => set(None, Some("first")),
            _ => set(None, Some("second")),
        };
        let event = Event::new(desk.key_of(n), body);
        match desk.try_turn(&who, &event, at(n)).await {
            Err(refused) => {
                desk.store.refuse(refused).await.expect("refuse");
            }
            Ok(turn) => drop(desk.apply(turn).await),
        }
        for desk in [&first, &kiosk] {
            let recount = recount(desk).await;
            places_seen = places_seen.max(recount.len());
            assert_eq!(standing(desk).await, recount, "after turn {n}");
        }
    }
    assert_eq!(places_seen, 4, "both steps of both versions were stood at");
}

/// Dialogs in a version are listed once each, in the order of their ids, page by page; those of
/// other versions, flows and bots aren't.
pub async fn fl_52_pages_of_a_versions_dialogs_lose_none(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let second = Desk::in_version(desk.store.clone(), "shop", 2);
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    let mut expected = BTreeSet::new();
    for n in 0..7 {
        let who = format!("contact {n}");
        desk.says(&who, "say hello", at(n)).await;
        expected.insert(desk.dialog(&who));
        second.says(&format!("other {n}"), "say hello", at(n)).await;
        kiosk.says(&who, "say hello", at(n)).await;
    }
    let bot = desk.config.bot();
    for limit in [1, 3, 100] {
        let mut after = None;
        let mut found = Vec::new();
        loop {
            let page = at_version(&desk, bot, 1, after, limit).await;
            assert!(page.len() <= limit, "a page has at most {limit}");
            let Some(last) = page.last() else { break };
            after = Some(last.dialog);
            for summary in page {
                assert_eq!(summary.row.version, Some(1));
                assert_eq!(&summary.bot, bot);
                found.push(summary.dialog);
            }
        }
        let once: Vec<_> = expected.iter().copied().collect();
        assert_eq!(found, once, "each once, by id, in pages of {limit}");
    }
    assert!(at_version(&desk, bot, 3, None, 9).await.is_empty());
    let flow = "none".into();
    let nobody = desk.store.dialogs_at(bot, &flow, 1, None, 9).await;
    assert!(nobody.expect("dialogs_at").is_empty());
}

/// A page of a version's dialogs has a largest size, whatever was asked for.
pub async fn fl_52_a_page_of_a_versions_dialogs_has_a_largest_size(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for n in 0..=PAGE_MAX {
        desk.says(&format!("contact {n}"), "stay", at(1)).await;
    }
    let bot = desk.config.bot();
    let page = at_version(&desk, bot, 1, None, usize::MAX).await;
    assert_eq!(page.len(), PAGE_MAX);
}

/// Where dialogs stand is known after a restart.
pub async fn fl_52_standings_survive(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.says("anna", "say hello", at(1)).await;
    let second = Desk::in_version(desk.store.clone(), "shop", 2);
    second.says("boris", "say hello", at(1)).await;
    drop(second);
    let before = standing(&desk).await;
    assert_eq!(before.len(), 2);
    let Some(desk) = desk.reopen(harness).await else {
        return;
    };
    assert_eq!(standing(&desk).await, before);
    let bot = desk.config.bot();
    let page = at_version(&desk, bot, 2, None, 9).await;
    let found: Vec<_> = page.iter().map(|summary| summary.dialog).collect();
    assert_eq!(found, [desk.dialog("boris")]);
}

async fn at_version(
    desk: &Desk,
    bot: &BotId,
    version: FlowVersion,
    after: Option<DialogId>,
    limit: usize,
) -> Vec<DialogSummary> {
    let flow = "desk".into();
    let page = desk.store.dialogs_at(bot, &flow, version, after, limit);
    page.await.expect("dialogs_at")
}

/// What the store says, sorted.
async fn standing(desk: &Desk) -> Vec<Standing> {
    let standing = desk.store.standing(desk.config.bot()).await;
    let mut standing = standing.expect("standing");
    standing.sort();
    standing
}

async fn recount(desk: &Desk) -> Vec<Standing> {
    let mut counts = BTreeMap::new();
    for summary in desk.summaries().await {
        if &summary.bot != desk.config.bot() {
            continue;
        }
        let loaded = desk.store.load(summary.dialog).await.expect("load");
        let loaded = loaded.expect("a dialog that is listed can be loaded");
        let snapshot = crate::dialog::Snapshot::decode(&loaded.snapshot);
        let snapshot = snapshot.expect("stored bytes come back");
        if let Some(at) = snapshot.position {
            *counts.entry((at.flow, at.version, at.step)).or_default() += 1;
        }
    }
    let counts = counts.into_iter();
    let standing = counts.map(|((flow, version, step), dialogs)| Standing {
        flow,
        version,
        step,
        dialogs,
    });
    standing.collect()
}
