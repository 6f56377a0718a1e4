//! The guards of a turn: what must be so of operators and of a queue for it to be committed.

use futures::future::join_all;

use crate::crm::Operator;
use crate::dialog::{OperatorAct, OperatorId, Usage};
use crate::store::{CommitError, Committed, OperatorGuard, QueueGuard, TurnCommit};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at, sent, settlement};
use crate::testing::store_kit::people::{completed, elsewhere, open};

pub(super) fn guard(operator: &Operator, capacity: Option<u32>) -> OperatorGuard {
    OperatorGuard {
        operator: operator.id.clone(),
        revision: operator.revision,
        capacity,
    }
}

/// Commits a turn that must find somebody without room.
async fn expect_full(desk: &Desk, turn: TurnCommit, who: &str) {
    let error = desk.stopped(turn).await;
    let who = OperatorId::from(who);
    assert!(
        matches!(&error, CommitError::Full { operator } if *operator == who),
        "not {error:?}"
    );
}

async fn expect_outdated(desk: &Desk, turn: TurnCommit) {
    let error = desk.stopped(turn).await;
    assert!(matches!(error, CommitError::Outdated), "not {error:?}");
}

/// A dialog more than an operator has room for is not given to him. One who has room, one whose
/// room has no bound, and one who isn't given it are not asked.
pub async fn a_guard_stops_what_is_beyond_the_capacity(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let (olga, pavel) = (desk.hire("olga").await, desk.hire("pavel").await);
    for (who, at_) in [("anna", 1), ("bert", 2)] {
        let mut turn = desk.held(who, Some("olga"), at(at_)).await;
        turn.operators = vec![guard(&olga, Some(2)), guard(&pavel, Some(0))];
        desk.apply(turn).await;
    }
    let mut third = desk.held("clara", Some("olga"), at(3)).await;
    for capacity in [0, 1, 2] {
        third.operators = vec![guard(&pavel, Some(9)), guard(&olga, Some(capacity))];
        expect_full(&desk, third.clone(), "olga").await;
    }
    assert_eq!(desk.load_of("olga").await, 2);
    third.operators = vec![guard(&olga, None)];
    desk.apply(third).await;
    assert_eq!(desk.load_of("olga").await, 3);
    // From one to another: who has it has no place for it before.
    let mut moved = desk.held("clara", Some("pavel"), at(4)).await;
    moved.operators = vec![guard(&olga, Some(3)), guard(&pavel, Some(1))];
    desk.apply(moved).await;
    let mut back = desk.held("clara", Some("olga"), at(5)).await;
    back.operators = vec![guard(&olga, Some(2)), guard(&pavel, Some(1))];
    expect_full(&desk, back, "olga").await;
}

/// Who holds a dialog already takes no second place with it, however full he is.
pub async fn who_holds_a_dialog_takes_no_second_place(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let olga = desk.hire("olga").await;
    for who in ["anna", "bert"] {
        desk.holds(who, Some("olga"), at(1)).await;
    }
    for capacity in [0, 1, 2] {
        let mut turn = desk.held("anna", Some("olga"), at(2)).await;
        turn.operators = vec![guard(&olga, Some(capacity))];
        desk.apply(turn).await;
    }
    assert_eq!(desk.load_of("olga").await, 2);
    // What waits and is offered to him takes none either.
    for who in ["bert", "clara"] {
        let mut offered = desk
            .stands(who, at(3), |row| row.offered = ["olga".into()].into())
            .await;
        offered.operators = vec![guard(&olga, Some(0))];
        desk.apply(offered).await;
    }
    assert_eq!(desk.load_of("olga").await, 1);
}

/// A guard wants the operator's row as it was looked at, whether or not the turn gives him
/// anything. A place that was taken meanwhile doesn't change the row.
pub async fn a_guard_wants_the_row_that_was_looked_at(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let olga = desk.hire("olga").await;
    desk.holds("anna", Some("olga"), at(1)).await;
    let mut turn = desk.held("bert", Some("olga"), at(2)).await;
    turn.operators = vec![guard(&olga, Some(5))];
    let mut unknown = turn.clone();
    unknown.operators[0].operator = "nobody".into();
    expect_outdated(&desk, unknown).await;
    let mut other = turn.clone();
    other.opened.as_mut().expect("new").contact.space = elsewhere();
    expect_outdated(&desk, other).await;
    let now = desk.save(olga.clone()).await;
    for revision in [0, 1, 3] {
        let mut turn = turn.clone();
        turn.operators[0].revision = revision;
        expect_outdated(&desk, turn.clone()).await;
        turn.row.holder = None;
        expect_outdated(&desk, turn).await;
    }
    turn.operators[0].revision = now.revision;
    desk.apply(turn).await;
    assert_eq!(desk.load_of("olga").await, 2);
}

/// A queue's guard wants its row as it was looked at; one that names no revision wants none.
pub async fn a_guard_wants_the_queue_that_was_looked_at(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let turn = desk.held("anna", None, at(1)).await;
    let with = |revision| {
        let mut turn = turn.clone();
        turn.queue = Some(QueueGuard {
            queue: "sales".into(),
            revision,
            given: Vec::new(),
        });
        turn
    };
    expect_outdated(&desk, with(Some(1))).await;
    expect_outdated(&desk, with(Some(0))).await;
    let queue = desk.team("sales", &["olga"]).await;
    desk.save_queue(queue).await;
    expect_outdated(&desk, with(Some(1))).await;
    expect_outdated(&desk, with(Some(3))).await;
    desk.apply(with(Some(2))).await;
    let mut second = desk.held("anna", None, at(2)).await;
    second.queue = with(None).queue.map(|queue| QueueGuard {
        queue: "nobody's".into(),
        ..queue
    });
    desk.apply(second).await;
}

/// A key that was seen is a duplicate and a stale turn is a conflict, whatever its guards say; and
/// so is one whose address is another dialog's.
pub async fn guards_come_after_key_and_revision(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let olga = desk.hire("olga").await;
    desk.holds("bert", Some("olga"), at(1)).await;
    let full = vec![guard(&olga, Some(1))];
    let outdated = vec![guard(&Operator::new(desk.space(), "nobody"), None)];
    let first = desk.held("anna", None, at(1)).await;
    desk.apply(first.clone()).await;
    let next = desk.held("anna", Some("olga"), at(2)).await;
    let mut opens = desk.held("clara", Some("olga"), at(2)).await;
    opens.opened.as_mut().expect("new").address = desk.address("anna");
    for guards in [full, outdated] {
        let mut again = first.clone();
        (again.operators, again.row.holder) = (guards.clone(), Some(olga.id.clone()));
        let seen = desk.store.commit(again).await.expect("a duplicate");
        assert_eq!(seen, Committed::Duplicate { revision: 1 });
        let mut stale = next.clone();
        (stale.operators, stale.expected) = (guards.clone(), 2);
        assert_eq!(desk.conflict(stale).await, 1);
        let mut taken = next.clone();
        taken.operators = guards.clone();
        taken.moved = Some(desk.address("bert"));
        assert_eq!(desk.conflict(taken).await, 1);
        opens.operators = guards;
        assert_eq!(desk.conflict(opens.clone()).await, 0);
    }
    assert_eq!(desk.load_of("olga").await, 1);
}

/// Where a guard says no, nothing at all is changed, and the key is free: the same event is
/// handled once there is room.
pub async fn where_a_guard_says_no_nothing_changes(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let olga = desk.hire("olga").await;
    let queue = desk.team("sales", &["olga"]).await;
    let ids = desk
        .says("anna", "say one; say two; wait 5000", at(1))
        .await;
    desk.holds("bert", Some("olga"), at(1)).await;
    desk.start(ids[0], at(2)).await;
    let reply = OperatorAct::Reply("hello".into());
    let mut turn = desk.act("anna", reply, at(3)).await;
    turn.row.holder = Some("olga".into());
    turn.row.waits = Some(("sales".into(), at(3)));
    turn.settlement = Some(settlement(ids[0], 1, sent()));
    turn.moved = Some(desk.address("sms/anna"));
    turn.usage.tokens_in = 7;
    turn.raw = Some(b"raw".to_vec().into());
    turn.missed = vec!["olga".into()];
    turn.sessions = vec![completed(1, at(2)), open(2)];
    let mut opens = desk.held("clara", Some("olga"), at(3)).await;
    opens.missed = vec!["olga".into()];
    for turn in [&mut turn, &mut opens] {
        turn.operators = vec![guard(&olga, Some(1))];
        turn.queue = Some(QueueGuard {
            queue: "sales".into(),
            revision: Some(1),
            given: vec!["olga".into()],
        });
    }
    let before = desk.dump().await;
    let usage = async || {
        let bot = desk.store.bot(desk.config.bot()).await;
        bot.expect("bot").usage
    };
    let used: Usage = usage().await;
    for turn in [&turn, &opens] {
        expect_full(&desk, turn.clone(), "olga").await;
        let mut outdated = turn.clone();
        outdated.operators[0] = guard(&olga, None);
        outdated.queue.as_mut().expect("its guard").revision = Some(queue.revision + 1);
        expect_outdated(&desk, outdated).await;
        assert_eq!(desk.dump().await, before);
        assert_eq!(usage().await, used);
        let handled = desk.store.is_handled(turn.dialog, &turn.key).await;
        assert!(!handled.expect("is_handled"), "the key is free");
        let raw = desk.store.raw(turn.dialog, &turn.key).await;
        assert_eq!(raw.expect("raw"), None);
        let address = desk.address("sms/anna");
        let found = desk.store.find_dialog(desk.config.bot(), &address).await;
        assert_eq!(found.expect("find_dialog"), None);
        assert_eq!(desk.contact("clara").await, None);
    }
    desk.holds("bert", None, at(4)).await;
    desk.apply(turn).await;
    assert_eq!(desk.load_of("olga").await, 1);
    assert_eq!(desk.operator("olga").await.expect("her row").missed, 1);
}

/// One place goes to one of many dialogs that are given it at once; the others find it taken.
pub async fn one_place_goes_to_one_of_many(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let olga = desk.hire("olga").await;
    let mut turns = Vec::new();
    for n in 0..12 {
        let who = format!("contact {n}");
        let mut turn = desk.held(&who, Some("olga"), at(1)).await;
        turn.operators = vec![guard(&olga, Some(3))];
        turns.push(turn);
    }
    let outcomes = join_all(turns.into_iter().map(|turn| desk.store.commit(turn))).await;
    let applied = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(applied, 3, "three places");
    for outcome in outcomes {
        assert!(
            matches!(
                outcome,
                Ok(Committed::Applied { .. }) | Err(CommitError::Full { .. })
            ),
            "{outcome:?}"
        );
    }
    assert_eq!(desk.load_of("olga").await, 3);
}
