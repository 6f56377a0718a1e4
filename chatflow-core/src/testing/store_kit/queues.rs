//! Queues: their rows, who waits in them, and what makes them worth a look.

use std::collections::BTreeSet;

use futures::future::join_all;

use crate::crm::{Acceptance, Operator, Queue, RoutingRule};
use crate::dialog::time::Period;
use crate::dialog::{DialogId, DialogRow, Handling, Moment, OperatorId, QueueId};
use crate::store::{DueOperator, DueQueue, MemberRow, PAGE_MAX, QueueGuard, TurnCommit};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, at, at_ms, far};
use crate::testing::store_kit::guards::guard;
use crate::testing::store_kit::people::{elsewhere, expect_conflict};

impl Desk {
    /// The turn after which a dialog waits in a queue since a moment.
    async fn waits(&self, who: &str, queue: &str, since: Moment, at: Moment) -> TurnCommit {
        self.stands(who, at, |row| row.waits = Some((queue.into(), since)))
            .await
    }

    /// Commits it.
    async fn queues_up(&self, who: &str, queue: &str, since: Moment) {
        let turn = self.waits(who, queue, since, at(1)).await;
        self.apply(turn).await;
    }

    async fn members_of(&self, queue: &str) -> Vec<MemberRow> {
        let members = self.store.members(&self.space(), &queue.into()).await;
        members.expect("members")
    }

    /// How often a queue was stirred.
    async fn stirred(&self, queue: &str) -> u64 {
        let row = self.queue_in(&self.space(), queue).await;
        row.expect("its row").stirred
    }

    async fn note_distributed(&self, queue: &DueQueue) {
        let noted = self.store.distributed(queue).await;
        noted.expect("distributed");
    }

    /// Notes that all queues were distributed as they are now.
    async fn calm(&self) {
        for queue in self.due(far()).await.queues {
            self.note_distributed(&queue).await;
        }
        assert_eq!(self.due(far()).await.queues, []);
    }

    /// Which queues are due, by their ids.
    async fn due_queues(&self) -> Vec<QueueId> {
        let due = self.due(far()).await.queues.into_iter();
        due.map(|due| due.queue).collect()
    }

    /// Commits a turn that must stir exactly these queues; nothing is due before or after.
    async fn expect_stirs(&self, turn: TurnCommit, queues: &[&str], why: &str) {
        self.apply(turn).await;
        self.expect_stirred(queues, why).await;
    }

    async fn expect_stirred(&self, queues: &[&str], why: &str) {
        let expected: BTreeSet<QueueId> = queues.iter().copied().map(QueueId::from).collect();
        let due = BTreeSet::from_iter(self.due_queues().await);
        assert_eq!(due, expected, "{why}");
        self.calm().await;
    }
}

/// A queue's row is replaced at the revision expected only, and comes back as it was saved.
pub async fn a_queue_is_saved_at_its_revision_only(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    assert_eq!(desk.queue_in(&desk.space(), "sales").await, None);
    let within = Some(Period::from_millis(60_000));
    let mut sales = Queue::new(desk.space(), "sales")
        .member("olga")
        .rule(RoutingRule::Custom("by language".to_owned()))
        .acceptance(Acceptance::Offer { within })
        .capacity(4);
    sales.busy_reply = Some("soon".into());
    let save = async |revision, expected| {
        let row = Queue {
            revision,
            capacity: None,
            ..sales.clone()
        };
        desk.store.save_queue(&row, expected).await
    };
    expect_conflict(save(2, 1).await, 0);
    expect_conflict(save(2, 0).await, 0);
    assert_eq!(desk.queue_in(&desk.space(), "sales").await, None);
    let saved = desk.save_queue(sales.clone()).await;
    let row = desk
        .queue_in(&desk.space(), "sales")
        .await
        .expect("its row");
    assert_eq!(row.queue, saved);
    for (revision, expected) in [(1, 0), (3, 2), (3, 1), (1, 1), (2, 0)] {
        expect_conflict(save(revision, expected).await, 1);
        let now = desk.queue_in(&desk.space(), "sales").await;
        assert_eq!(now, Some(row.clone()), "not stirred either");
    }
    let plain = desk.save_queue(Queue::new(desk.space(), "sales")).await;
    let row = desk
        .queue_in(&desk.space(), "sales")
        .await
        .expect("its row");
    assert_eq!((plain.revision, row.queue), (2, plain));
    assert_eq!(desk.members_of("sales").await, []);
}

/// Queues of a space are listed once each, in the order of their ids, page by page; those of other
/// spaces aren't.
pub async fn queues_of_a_space_are_listed_by_id(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let names = ["vip", "Sales", "sales", "it's", "a", "sales 2"];
    for name in names {
        desk.team(name, &[]).await;
        desk.save_queue(Queue::new(elsewhere(), format!("{name} too")))
            .await;
    }
    let expected: BTreeSet<QueueId> = names.into_iter().map(QueueId::from).collect();
    let expected: Vec<_> = expected.into_iter().collect();
    for limit in [1, 4, 100] {
        let mut found: Vec<QueueId> = Vec::new();
        loop {
            let after = found.last().cloned();
            let space = desk.space();
            let page = desk.store.queues(&space, after.as_ref(), limit).await;
            let page = page.expect("queues");
            assert!(page.len() <= limit, "a page has at most {limit}");
            if page.is_empty() {
                break;
            }
            found.extend(page.into_iter().map(|row| row.queue.id));
        }
        assert_eq!(found, expected, "each once, by id, in pages of {limit}");
    }
}

/// Members are read with their rows, in the order of their ids; who has no row is a member still.
pub async fn members_come_with_their_rows(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    assert_eq!(desk.members_of("sales").await, []);
    desk.hire("pavel").await;
    desk.hire("stranger").await;
    desk.save(Operator::new(elsewhere(), "rosa")).await;
    desk.team("sales", &["rosa", "pavel", "Olga"]).await;
    desk.holds("anna", Some("pavel"), at(1)).await;
    desk.holds("bert", Some("rosa"), at(1)).await;
    let members = desk.members_of("sales").await;
    let ids: Vec<&str> = members.iter().map(|row| row.operator.as_str()).collect();
    assert_eq!(ids, ["Olga", "pavel", "rosa"]);
    let rows: Vec<_> = members.iter().map(|member| member.row.clone()).collect();
    assert_eq!(rows, [None, desk.operator("pavel").await, None]);
    assert_eq!(rows[1].as_ref().map(|row| row.load), Some(1));
    assert!(members.iter().all(|member| member.given == 0));
}

/// Whoever a queue's rule gave a dialog is the last to be given the next one: of several in their
/// order, once for a turn that is applied. Who isn't a member isn't counted, and who leaves and
/// comes back begins anew.
pub async fn whom_a_queue_gives_is_the_last_in_turn(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.team("sales", &["olga", "pavel", "rosa"]).await;
    desk.team("vip", &["olga"]).await;
    let given = async |queue| {
        let members = desk.members_of(queue).await.into_iter();
        members.map(|member| member.given).collect::<Vec<_>>()
    };
    let gives = async |given: &[&str], second| {
        let mut turn = desk.held("anna", None, at(second)).await;
        turn.queue = Some(QueueGuard {
            queue: "sales".into(),
            revision: None,
            given: given.iter().copied().map(OperatorId::from).collect(),
        });
        desk.apply(turn.clone()).await;
        let again = desk.store.commit(turn).await;
        again.expect("a duplicate");
    };
    assert_eq!(given("sales").await, [0, 0, 0]);
    gives(&["rosa"], 1).await;
    assert_eq!(given("sales").await, [0, 0, 1]);
    gives(&["pavel", "olga"], 2).await;
    assert_eq!(given("sales").await, [3, 2, 1]);
    gives(&["stranger", "rosa"], 3).await;
    assert_eq!(given("sales").await, [3, 2, 4]);
    assert_eq!(given("vip").await, [0], "each queue counts its own");
    desk.team("sales", &["olga", "rosa", "stranger"]).await;
    assert_eq!(given("sales").await, [3, 4, 0], "saving leaves it");
    desk.team("sales", &["olga", "pavel", "rosa"]).await;
    assert_eq!(given("sales").await, [3, 0, 4], "he is new again");
    gives(&["pavel"], 4).await;
    assert_eq!(given("sales").await, [3, 5, 4], "the count goes on");
}

/// Dialogs that wait are listed the longest waiting first, then by id, page by page, with their
/// newest rows; those that wait no longer, elsewhere or not at all aren't. A queue need not have a
/// row for that.
pub async fn dialogs_wait_in_order(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut expected = Vec::new();
    for n in 0..9 {
        let who = format!("contact {n}");
        // Three moments, so that ids decide; the youngest begin.
        let since = at_ms(5000 - n / 3);
        // The turns come in another order.
        let turn = desk.waits(&who, "sales", since, at(20 - n)).await;
        desk.apply(turn).await;
        expected.push((since, desk.dialog(&who)));
        desk.queues_up(&format!("other {n}"), "vip", since).await;
        desk.holds(&format!("free {n}"), None, at(1)).await;
    }
    expected.sort_unstable();
    let space = desk.space();
    for limit in [1, 2, 4, 100] {
        let mut found: Vec<(Moment, DialogId)> = Vec::new();
        loop {
            let after = found.last().copied();
            let queue = QueueId::from("sales");
            let page = desk.store.waiting(&space, &queue, after, limit).await;
            let page = page.expect("waiting");
            assert!(page.len() <= limit, "a page has at most {limit}");
            if page.is_empty() {
                break;
            }
            for summary in page {
                let (queue, since) = summary.row.waits.clone().expect("it waits");
                assert_eq!((queue.as_str(), &summary.space), ("sales", &space));
                found.push((since, summary.dialog));
            }
        }
        assert_eq!(found, expected, "in pages of {limit}");
    }
    // One stays as it is, one begins anew, one goes to the other queue, one is taken.
    let (stays, anew) = (expected[0].1, expected[3].1);
    let (gone, taken) = (expected[5].1, expected[6].1);
    for n in 0..9 {
        let who = format!("contact {n}");
        let dialog = desk.dialog(&who);
        if dialog == anew {
            desk.queues_up(&who, "sales", at(9)).await;
        } else if dialog == gone {
            desk.queues_up(&who, "vip", at(0)).await;
        } else if dialog == taken {
            desk.holds(&who, Some("olga"), at(2)).await;
        } else if dialog == stays {
            desk.queues_up(&who, "sales", expected[0].0).await;
        }
    }
    let mut now = expected.clone();
    now.retain(|(_, dialog)| ![anew, gone, taken].contains(dialog));
    now.push((at(9), anew));
    let now: Vec<_> = now.into_iter().map(|(_, dialog)| dialog).collect();
    assert_eq!(desk.waiting_in(&space, "sales").await, now);
    let first = desk.waiting_in(&space, "vip").await;
    assert_eq!((first[0], first.len()), (gone, 10));
    assert_eq!(desk.waiting_in(&space, "none").await, []);
}

/// A page of dialogs that wait has a largest size, whatever was asked for.
pub async fn a_page_of_what_waits_has_a_largest_size(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let turns = (0..=PAGE_MAX).map(async |n| {
        let who = format!("contact {n}");
        desk.queues_up(&who, "sales", at(1)).await;
    });
    join_all(turns).await;
    let waiting = desk.waiting_in(&desk.space(), "sales").await;
    assert_eq!(waiting.len(), PAGE_MAX);
}

/// A turn stirs the queue in which its dialog waits otherwise than before: newly, since another
/// moment, with another offer, without the one that it had. A turn after which it waits as before,
/// or doesn't wait, stirs nothing.
pub async fn a_dialog_that_waits_otherwise_stirs_its_queue(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for queue in ["sales", "vip"] {
        desk.team(queue, &["olga"]).await;
    }
    desk.calm().await;
    let wait = |since: i64, offered: &'static [&'static str]| {
        move |row: &mut DialogRow| {
            row.waits = Some(("sales".into(), at(since)));
            row.offered = offered.iter().copied().map(OperatorId::from).collect();
        }
    };
    let turn = desk.stands("anna", at(1), wait(1, &[])).await;
    let key = turn.clone();
    desk.expect_stirs(turn, &["sales"], "it waits newly").await;
    let again = desk.store.commit(key).await;
    again.expect("a duplicate");
    desk.expect_stirred(&[], "a duplicate stirs nothing").await;
    let turn = desk.stands("anna", at(2), wait(1, &[])).await;
    let mut stale = turn.clone();
    stale.expected += 1;
    stale.row.waits = Some(("vip".into(), at(1)));
    desk.conflict(stale).await;
    desk.expect_stirs(turn, &[], "it waits as before").await;
    let turn = desk.stands("anna", at(3), wait(2, &[])).await;
    desk.expect_stirs(turn, &["sales"], "since another moment")
        .await;
    let turn = desk.stands("anna", at(4), wait(2, &["olga"])).await;
    desk.expect_stirs(turn, &["sales"], "with an offer").await;
    let turn = desk.stands("anna", at(5), wait(2, &["olga"])).await;
    desk.expect_stirs(turn, &[], "with the same offer").await;
    let turn = desk.stands("anna", at(6), wait(2, &["pavel"])).await;
    desk.expect_stirs(turn, &["sales"], "with another offer")
        .await;
    let turn = desk.stands("anna", at(7), wait(2, &[])).await;
    desk.expect_stirs(turn, &["sales"], "its offer ended").await;
    let turn = desk.waits("anna", "vip", at(2), at(8)).await;
    desk.expect_stirs(turn, &["vip"], "it waits in the other")
        .await;
    let handled = |row: &mut DialogRow| {
        row.waits = Some(("vip".into(), at(2)));
        row.handling = Some(Handling::Queued);
    };
    let turn = desk.stands("anna", at(8), handled).await;
    desk.expect_stirs(turn, &["vip"], "it is handled otherwise")
        .await;
    let turn = desk.held("anna", Some("olga"), at(9)).await;
    desk.expect_stirs(turn, &[], "it waits no longer").await;
    let turn = desk.waits("anna", "sales", at(9), at(10)).await;
    // Her place was freed, and she is a member of both.
    desk.expect_stirs(turn, &["sales", "vip"], "it was given back")
        .await;
    let turn = desk.waits("anna", "nobody's", at(9), at(11)).await;
    desk.expect_stirs(turn, &[], "a queue without a row").await;
}

/// A turn stirs the queue in which its dialog waits where it knows the queue's terms for the first
/// time. Newer terms, and those of another queue, stir nothing.
pub async fn terms_that_are_told_stir_the_queue(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.team("sales", &["olga"]).await;
    desk.team("vip", &["olga"]).await;
    desk.queues_up("anna", "sales", at(1)).await;
    desk.calm().await;
    let told = async |queue: &str, revision, second| {
        let terms = Some((queue.into(), revision));
        desk.stands("anna", at(second), |row| {
            row.waits = Some(("sales".into(), at(1)));
            row.terms = terms;
        })
        .await
    };
    let turn = told("vip", 1, 2).await;
    desk.expect_stirs(turn, &[], "another queue's terms").await;
    let turn = told("sales", 1, 3).await;
    desk.expect_stirs(turn, &["sales"], "its terms were told")
        .await;
    let turn = told("sales", 2, 4).await;
    desk.expect_stirs(turn, &[], "it knew them already").await;
    let turn = desk.waits("anna", "sales", at(1), at(5)).await;
    desk.expect_stirs(turn, &[], "it knows none any more").await;
    let idle = desk.stands("anna", at(6), |_| {}).await;
    desk.apply(idle).await;
    let turn = desk
        .stands("anna", at(7), |row| row.terms = Some(("sales".into(), 2)))
        .await;
    desk.expect_stirs(turn, &[], "it doesn't wait").await;
}

/// A turn that takes a place of an operator stirs the queues in which other dialogs wait that are
/// offered to him, and no other.
pub async fn a_place_that_is_taken_stirs_what_is_offered_beside(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for queue in ["sales", "vip", "night"] {
        desk.team(queue, &["olga", "pavel"]).await;
    }
    let offered = async |who: &str, queue: &str, to: &str| {
        let (queue, to) = (QueueId::from(queue), OperatorId::from(to));
        let turn = desk.stands(who, at(1), |row| {
            row.waits = Some((queue, at(1)));
            row.offered = BTreeSet::from([to]);
        });
        desk.apply(turn.await).await;
    };
    offered("bert", "sales", "olga").await;
    offered("carl", "vip", "olga").await;
    offered("dora", "night", "pavel").await;
    desk.calm().await;
    let turn = desk.held("anna", Some("olga"), at(2)).await;
    desk.expect_stirs(turn, &["sales", "vip"], "she has less room")
        .await;
    let turn = desk.held("anna", Some("olga"), at(3)).await;
    desk.expect_stirs(turn, &[], "as before").await;
    // What she accepts isn't offered beside itself; its wait is over.
    let turn = desk.held("bert", Some("olga"), at(4)).await;
    desk.expect_stirs(turn, &["vip"], "the other").await;
    let turn = desk.held("emil", Some("rosa"), at(5)).await;
    desk.expect_stirs(turn, &[], "nothing is offered to her")
        .await;
}

/// A turn that frees a place stirs every queue of which its operator is a member, and no other;
/// one that takes a place stirs none.
pub async fn a_place_that_is_freed_stirs_its_queues(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.team("sales", &["olga", "pavel"]).await;
    desk.team("vip", &["olga"]).await;
    desk.team("night", &["pavel"]).await;
    let there = Queue::new(elsewhere(), "abroad").member("olga");
    desk.save_queue(there).await;
    desk.calm().await;
    // Whether or not the space has a row of him.
    for round in 0..2_i64 {
        let at = |second| at(10 * round + second);
        let turn = desk.held("anna", Some("olga"), at(1)).await;
        desk.expect_stirs(turn, &[], "a place was taken").await;
        let turn = desk.held("anna", Some("olga"), at(2)).await;
        desk.expect_stirs(turn, &[], "it is held on").await;
        let turn = desk.held("anna", Some("pavel"), at(3)).await;
        desk.expect_stirs(turn, &["sales", "vip"], "a place of hers")
            .await;
        let turn = desk.held("anna", None, at(4)).await;
        desk.expect_stirs(turn, &["night", "sales"], "a place of his")
            .await;
        let turn = desk.held("anna", None, at(5)).await;
        desk.expect_stirs(turn, &[], "nobody had it").await;
        desk.hire("olga").await;
        desk.calm().await;
    }
    let mut turn = desk.held("anna", Some("olga"), at(30)).await;
    let olga = desk.operator("olga").await.expect("her row").operator;
    turn.operators = vec![guard(&olga, Some(0))];
    desk.stopped(turn).await;
    desk.expect_stirred(&[], "a guard said no").await;
}

/// Saving an operator's row stirs the queues of which he is a member, and saving a queue's row that
/// queue; where it is a conflict, nothing is stirred.
pub async fn rows_that_are_saved_stir_queues(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let sales = desk.team("sales", &["olga", "pavel"]).await;
    desk.expect_stirred(&["sales"], "a new queue").await;
    desk.team("vip", &["olga"]).await;
    desk.calm().await;
    let pavel = desk.hire("pavel").await;
    desk.expect_stirred(&["sales"], "a member is new").await;
    desk.hire("rosa").await;
    desk.expect_stirred(&[], "she is a member of none").await;
    let olga = desk.hire("olga").await;
    desk.expect_stirred(&["sales", "vip"], "a member of both")
        .await;
    desk.save(olga).await;
    desk.expect_stirred(&["sales", "vip"], "a member's row again")
        .await;
    expect_conflict(desk.store.save_operator(&pavel, 0).await, 1);
    expect_conflict(desk.store.save_queue(&sales, 0).await, 1);
    desk.expect_stirred(&[], "conflicts").await;
    desk.team("sales", &["pavel"]).await;
    desk.expect_stirred(&["sales"], "the row of a queue").await;
    desk.hire("olga").await;
    desk.expect_stirred(&["vip"], "she has left the other")
        .await;
}

/// What was stirred is due until it was distributed as it is: what stirs it between the look and
/// the note stays due. An older note takes nothing back, and none hides what comes later.
pub async fn what_is_stirred_stays_due_until_it_is_distributed(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    desk.team("sales", &["olga"]).await;
    let due = async || desk.due(at(1)).await.queues;
    let first = due().await;
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].stirred, desk.stirred("sales").await);
    assert_eq!(due().await, first, "listing it changes nothing");
    // Between the look and the note.
    desk.queues_up("anna", "sales", at(1)).await;
    desk.note_distributed(&first[0]).await;
    let second = due().await;
    assert_eq!(second.len(), 1, "it was stirred since");
    assert!(second[0].stirred > first[0].stirred);
    desk.note_distributed(&second[0]).await;
    assert_eq!(due().await, []);
    desk.note_distributed(&first[0]).await;
    assert_eq!(due().await, [], "an older note takes nothing back");
    assert_eq!(desk.stirred("sales").await, second[0].stirred);
    let beyond = DueQueue {
        stirred: second[0].stirred + 9,
        ..second[0].clone()
    };
    desk.note_distributed(&beyond).await;
    let unknown = DueQueue {
        queue: "none".into(),
        ..beyond
    };
    desk.note_distributed(&unknown).await;
    let abroad = DueQueue {
        space: elsewhere(),
        ..second[0].clone()
    };
    desk.note_distributed(&abroad).await;
    desk.queues_up("bert", "sales", at(1)).await;
    assert_eq!(due().await.len(), 1, "none hides what comes later");
}

/// Queues that are due are listed in the order of spaces and ids, at most as many as asked for.
pub async fn due_queues_are_listed_up_to_the_limit(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut expected = Vec::new();
    for space in [desk.space(), elsewhere()] {
        for name in ["vip", "Sales", "night"] {
            desk.save_queue(Queue::new(space.clone(), name)).await;
            expected.push((space.clone(), QueueId::from(name)));
        }
    }
    expected.sort();
    let listed = async |limit| {
        let due = desk.due_up_to(at(1), limit).await.queues.into_iter();
        due.map(|due| (due.space, due.queue)).collect::<Vec<_>>()
    };
    assert_eq!(listed(usize::MAX).await, expected);
    assert_eq!(listed(4).await, expected[..4]);
    for queue in desk.due_up_to(at(1), 2).await.queues {
        desk.note_distributed(&queue).await;
    }
    assert_eq!(listed(3).await, expected[2..5]);
}

/// An operator whose moment to leave has come is listed until his row says otherwise, never early,
/// the longest due first and then by id; before that the moment counts in when to ask again.
pub async fn who_leaves_is_due_at_his_moment(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let leaves = async |space, id: &str, leaves_at| {
        let operator = Operator {
            leaves_at,
            ..Operator::new(space, id)
        };
        desk.save(operator).await;
    };
    let due = async |at, limit| {
        let due = desk.due_up_to(at, limit).await.operators.into_iter();
        due.map(|due: DueOperator| (due.space, due.operator))
            .collect::<Vec<_>>()
    };
    let here = |id: &str| (desk.space(), OperatorId::from(id));
    leaves(desk.space(), "stays", None).await;
    leaves(desk.space(), "pavel", Some(at(5))).await;
    leaves(desk.space(), "olga", Some(at(5))).await;
    leaves(desk.space(), "zoe", Some(at(3))).await;
    leaves(elsewhere(), "abel", Some(at(5))).await;
    assert_eq!(desk.due(at(1)).await.next, Some(at(3)));
    assert_eq!(due(at_ms(2999), 9).await, []);
    assert_eq!(due(at(3), 9).await, [here("zoe")]);
    assert_eq!(
        desk.due(at(3)).await.next,
        Some(at(5)),
        "what is due isn't next"
    );
    let mut together = vec![
        (elsewhere(), OperatorId::from("abel")),
        here("olga"),
        here("pavel"),
    ];
    together.sort();
    let all: Vec<_> = [here("zoe")].into_iter().chain(together).collect();
    assert_eq!(due(at(5), 9).await, all);
    assert_eq!(due(far(), 2).await, all[..2], "the longest due first");
    assert_eq!(desk.due(at(5)).await.next, None);
    leaves(desk.space(), "zoe", None).await;
    leaves(desk.space(), "olga", Some(at(8))).await;
    assert_eq!(due(at(5), 9).await.len(), 2);
    assert_eq!(desk.due(at(5)).await.next, Some(at(8)));
}
