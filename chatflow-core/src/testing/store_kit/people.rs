//! Operators: their rows, the places they have, and the guards of a turn that takes one.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use crate::crm::{Availability, Operator, Presence, Queue};
use crate::dialog::{
    CompletionCause, DialogId, DialogRow, Handling, Line, Moment, OperatorId, QueueId, Revision,
    SessionRecord, SpaceId,
};
use crate::store::{
    CommitError, Committed, DueOperator, DueQueue, MemberRow, OperatorRow, PAGE_MAX, QueueGuard,
    QueueRow, StoreError, TurnCommit,
};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, Numbers, at, far};
use crate::testing::store_kit::guards::guard;

/// All that a store says of the people of the kit's spaces: compared before and after a call that
/// must change nothing.
#[derive(Debug, Default, PartialEq)]
pub(super) struct People {
    pub(super) operators: Vec<OperatorRow>,
    pub(super) queues: Vec<QueueRow>,
    pub(super) members: Vec<Vec<MemberRow>>,
    pub(super) waiting: Vec<Vec<DialogId>>,
    pub(super) sessions: Vec<Vec<SessionRecord>>,
    pub(super) due_queues: Vec<DueQueue>,
    pub(super) due_operators: Vec<DueOperator>,
}

/// Beside the space of the kit's bots.
pub(super) fn elsewhere() -> SpaceId {
    "elsewhere".into()
}

impl Desk {
    /// The space of the desk's bot.
    pub(super) fn space(&self) -> SpaceId {
        self.config.settings().space.clone()
    }

    pub(super) async fn people(&self) -> People {
        let mut people = People::default();
        for space in [self.space(), elsewhere()] {
            let operators = self.store.operators(&space, None, usize::MAX).await;
            people.operators.extend(operators.expect("operators"));
            let queues = self.store.queues(&space, None, usize::MAX).await;
            for row in queues.expect("queues") {
                let members = self.store.members(&space, &row.queue.id).await;
                people.members.push(members.expect("members"));
                let waiting = self.waiting_in(&space, row.queue.id.as_str()).await;
                people.waiting.push(waiting);
                people.queues.push(row);
            }
        }
        for summary in self.summaries().await {
            people.sessions.push(self.sessions(summary.dialog).await);
        }
        let due = self.due(far()).await;
        (people.due_queues, people.due_operators) = (due.queues, due.operators);
        people
    }

    /// The turn of a dialog of which nothing is known of people but what `row` says.
    pub(super) async fn stands(
        &self,
        who: &str,
        at: Moment,
        row: impl FnOnce(&mut DialogRow),
    ) -> TurnCommit {
        let mut turn = self.message(who, "stay", at).await;
        turn.row = DialogRow {
            session: None,
            handling: None,
            queue: None,
            terms: None,
            waits: None,
            holder: None,
            offered: BTreeSet::new(),
            line: Line::First,
            acknowledged: false,
            ..turn.row
        };
        row(&mut turn.row);
        turn.sessions.clear();
        turn.operators.clear();
        turn.missed.clear();
        turn.queue = None;
        turn
    }

    /// The turn after which an operator holds a dialog, or nobody does.
    pub(super) async fn held(&self, who: &str, holder: Option<&str>, at: Moment) -> TurnCommit {
        let holder = holder.map(OperatorId::from);
        self.stands(who, at, |row| {
            row.session = holder.as_ref().map(|_| 1);
            row.handling = holder.as_ref().map(|_| Handling::InProgress);
            row.holder = holder;
        })
        .await
    }

    /// Commits it.
    pub(super) async fn holds(&self, who: &str, holder: Option<&str>, at: Moment) {
        let turn = self.held(who, holder, at).await;
        self.apply(turn).await;
    }

    pub(super) async fn operator(&self, id: &str) -> Option<OperatorRow> {
        self.operator_in(&self.space(), id).await
    }

    pub(super) async fn operator_in(&self, space: &SpaceId, id: &str) -> Option<OperatorRow> {
        let row = self.store.operator(space, &id.into()).await;
        row.expect("operator")
    }

    pub(super) async fn load_of(&self, id: &str) -> u32 {
        self.operator(id).await.expect("his row").load
    }

    /// Saves an operator's row as the next after the one that is there.
    pub(super) async fn save(&self, mut operator: Operator) -> Operator {
        let before = self.operator_in(&operator.space, operator.id.as_str());
        let before = before.await.map_or(0, |row| row.operator.revision);
        operator.revision = before + 1;
        let saved = self.store.save_operator(&operator, before).await;
        saved.expect("save_operator");
        operator
    }

    /// A new operator of the desk's space.
    pub(super) async fn hire(&self, id: &str) -> Operator {
        self.save(Operator::new(self.space(), id)).await
    }

    pub(super) async fn queue_in(&self, space: &SpaceId, id: &str) -> Option<QueueRow> {
        let row = self.store.queue(space, &id.into()).await;
        row.expect("queue")
    }

    /// Saves a queue's row as the next after the one that is there.
    pub(super) async fn save_queue(&self, mut queue: Queue) -> Queue {
        let before = self.queue_in(&queue.space, queue.id.as_str()).await;
        let before = before.map_or(0, |row| row.queue.revision);
        queue.revision = before + 1;
        let saved = self.store.save_queue(&queue, before).await;
        saved.expect("save_queue");
        queue
    }

    /// A queue of the desk's space with these members.
    pub(super) async fn team(&self, id: &str, members: &[&str]) -> Queue {
        let queue = Queue::new(self.space(), id);
        let queue = members.iter().copied().fold(queue, Queue::member);
        self.save_queue(queue).await
    }

    /// Dialogs that wait in a queue.
    pub(super) async fn waiting_in(&self, space: &SpaceId, queue: &str) -> Vec<DialogId> {
        let queue = QueueId::from(queue);
        let waiting = self.store.waiting(space, &queue, None, usize::MAX).await;
        let waiting = waiting.expect("waiting").into_iter();
        waiting.map(|summary| summary.dialog).collect()
    }

    pub(super) async fn sessions(&self, dialog: DialogId) -> Vec<SessionRecord> {
        let sessions = self.store.sessions(dialog, None, usize::MAX).await;
        sessions.expect("sessions")
    }

    /// Commits a turn whose guards don't all hold.
    pub(super) async fn stopped(&self, turn: TurnCommit) -> CommitError {
        match self.store.commit(turn).await {
            Err(error @ (CommitError::Full { .. } | CommitError::Outdated)) => error,
            other => panic!("a guard should have said no, not {other:?}"),
        }
    }
}

/// An operator's row is replaced at the revision expected only, and comes back as it was saved.
pub async fn an_operator_is_saved_at_its_revision_only(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    assert_eq!(desk.operator("olga").await, None);
    let mut olga = Operator::new(desk.space(), "olga")
        .named("Olga")
        .role("chief");
    olga.declared = Availability::Active;
    olga.signed_in = true;
    (olga.capacity, olga.leaves_at) = (Some(3), Some(at(9)));
    olga.presence = Presence::Lost {
        since: at(4),
        until: at(5),
    };
    let other = olga.clone();
    let save = async |revision, expected| {
        let row = Operator {
            revision,
            capacity: Some(7),
            ..other.clone()
        };
        desk.store.save_operator(&row, expected).await
    };
    expect_conflict(save(2, 1).await, 0);
    expect_conflict(save(2, 0).await, 0);
    assert_eq!(desk.operator("olga").await, None);
    olga = desk.save(olga).await;
    let row = desk.operator("olga").await.expect("her row");
    assert_eq!((&row.operator, row.load, row.missed), (&olga, 0, 0));
    for (revision, expected) in [(1, 0), (3, 2), (3, 1), (1, 1), (2, 0)] {
        expect_conflict(save(revision, expected).await, 1);
        assert_eq!(desk.operator("olga").await, Some(row.clone()));
    }
    let plain = desk.save(Operator::new(desk.space(), "olga")).await;
    assert_eq!(plain.revision, 2);
    assert_eq!(
        desk.operator("olga").await.expect("her row").operator,
        plain
    );
}

pub(super) fn expect_conflict(saved: Result<(), CommitError>, at: Revision) {
    match saved {
        Err(CommitError::Conflict { found }) => assert_eq!(found, at, "the revision found"),
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

/// Operators of a space are listed once each, in the order of their ids, page by page; those of
/// other spaces aren't.
pub async fn operators_of_a_space_are_listed_by_id(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let names = ["zoe", "Anna", "anna", "o'brien", "änne", "a", "boris"];
    for name in names {
        desk.hire(name).await;
        desk.save(Operator::new(elsewhere(), format!("{name} too")))
            .await;
    }
    let expected: BTreeSet<OperatorId> = names.into_iter().map(OperatorId::from).collect();
    let expected: Vec<_> = expected.into_iter().collect();
    for limit in [1, 3, 100] {
        let mut found: Vec<OperatorId> = Vec::new();
        loop {
            let after = found.last().cloned();
            let space = desk.space();
            let page = desk.store.operators(&space, after.as_ref(), limit).await;
            let page = page.expect("operators");
            assert!(page.len() <= limit, "a page has at most {limit}");
            if page.is_empty() {
                break;
            }
            found.extend(page.into_iter().map(|row| row.operator.id));
        }
        assert_eq!(found, expected, "each once, by id, in pages of {limit}");
    }
}

/// Pages of operators and of queues have a largest size, whatever was asked for.
pub async fn pages_of_people_have_a_largest_size(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let space = desk.space();
    let operators = (0..=PAGE_MAX).map(|n| desk.save(Operator::new(space.clone(), n.to_string())));
    join_all(operators).await;
    let queues = (0..=PAGE_MAX).map(|n| desk.save_queue(Queue::new(space.clone(), n.to_string())));
    join_all(queues).await;
    let operators = desk.store.operators(&space, None, usize::MAX).await;
    assert_eq!(operators.expect("operators").len(), PAGE_MAX);
    let queues = desk.store.queues(&space, None, usize::MAX).await;
    assert_eq!(queues.expect("queues").len(), PAGE_MAX);
    assert_eq!(desk.due(at(1)).await.queues.len(), PAGE_MAX);
}

/// An operator's load is what he holds: it follows each turn, also from one to another, and has
/// no part in his row's revision. Saving his row leaves it.
pub async fn an_operators_load_is_what_he_holds(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let olga = desk.hire("olga").await;
    desk.hire("pavel").await;
    desk.holds("anna", Some("olga"), at(1)).await;
    desk.holds("bert", Some("olga"), at(2)).await;
    desk.holds("clara", Some("somebody else"), at(2)).await;
    assert_eq!(
        (desk.load_of("olga").await, desk.load_of("pavel").await),
        (2, 0)
    );
    desk.holds("anna", Some("olga"), at(3)).await;
    assert_eq!(desk.load_of("olga").await, 2, "again is no second place");
    desk.holds("anna", Some("pavel"), at(4)).await;
    assert_eq!(
        (desk.load_of("olga").await, desk.load_of("pavel").await),
        (1, 1)
    );
    assert_eq!(desk.operator("olga").await.expect("her row").operator, olga);

    // Responsible is not in progress: what waits takes no place.
    let waits = desk.stands("anna", at(5), |row| {
        row.assignee = crate::dialog::Assignee::Operator("pavel".into());
        row.handling = Some(Handling::Queued);
    });
    desk.apply(waits.await).await;
    assert_eq!(desk.load_of("pavel").await, 0);
    desk.save(olga).await;
    assert_eq!(desk.load_of("olga").await, 1, "saving leaves the load");
    let late = desk.held("bert", None, at(6)).await;
    let mut stale = late.clone();
    stale.expected += 1;
    desk.conflict(stale).await;
    assert_eq!(desk.load_of("olga").await, 1, "a conflict frees nothing");
    desk.apply(late.clone()).await;
    assert_eq!(desk.load_of("olga").await, 0, "completed");
    let again = desk.store.commit(late).await.expect("commit");
    assert!(matches!(again, Committed::Duplicate { .. }));
    assert_eq!(desk.load_of("olga").await, 0, "and once");
}

/// A new operator's load counts what is held in his name already.
pub async fn a_new_operators_load_is_counted(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for who in ["anna", "bert", "clara"] {
        desk.holds(who, Some("olga"), at(1)).await;
    }
    desk.holds("dora", Some("olga the second"), at(1)).await;
    desk.holds("anna", None, at(2)).await;
    let mut other = desk.held("emil", Some("olga"), at(2)).await;
    other.opened.as_mut().expect("new").contact.space = elsewhere();
    desk.apply(other).await;
    desk.hire("olga").await;
    assert_eq!(desk.load_of("olga").await, 2);
    desk.holds("bert", None, at(3)).await;
    assert_eq!(desk.load_of("olga").await, 1);
}

/// Loads equal a recount through the dialogs' rows after each turn, with dialogs of two spaces and
/// operators whose rows come and change meanwhile.
pub async fn loads_equal_a_recount(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let names = ["olga", "pavel", "rosa"];
    let mut numbers = Numbers(8);
    let mut most = 0;
    for n in 0..160 {
        let who = format!("contact {}", numbers.below(12));
        let holder = names.get(numbers.below(4) as usize).copied();
        let mut turn = desk.held(&who, holder, at(n)).await;
        if let Some(opened) = &mut turn.opened
            && numbers.below(3) == 0
        {
            opened.contact.space = elsewhere();
        }
        desk.apply(turn).await;
        if numbers.below(8) == 0 {
            let space = [desk.space(), elsewhere()][usize::from(n % 2 == 0)].clone();
            let name = names[numbers.below(3) as usize];
            desk.save(Operator::new(space, name)).await;
        }
        let mut held: BTreeMap<(SpaceId, OperatorId), u32> = BTreeMap::new();
        for summary in desk.summaries().await {
            if let Some(holder) = summary.row.holder {
                *held.entry((summary.space, holder)).or_default() += 1;
            }
        }
        for row in desk.people().await.operators {
            let place = (row.operator.space.clone(), row.operator.id.clone());
            let recount = held.get(&place).copied().unwrap_or(0);
            assert_eq!(row.load, recount, "of {place:?} after turn {n}");
            most = most.max(recount);
        }
    }
    assert!(most > 2, "somebody was busy");
}

/// An open session, as a turn names it.
pub(super) fn open(number: u32) -> SessionRecord {
    SessionRecord {
        number,
        parent: number.checked_sub(1).filter(|before| *before > 0),
        handling: Handling::Queued,
        queue: Some("sales".into()),
        assignee: crate::dialog::Assignee::Operator("olga".into()),
        opened_at: at(i64::from(number)),
        first_turn: u64::from(number),
        completed: None,
    }
}

/// The same when it is over.
pub(super) fn completed(number: u32, at: Moment) -> SessionRecord {
    SessionRecord {
        completed: Some(crate::dialog::Completed {
            at,
            turn: 9,
            cause: CompletionCause::ByHand,
        }),
        ..open(number)
    }
}

/// Offers that were let run out are counted of operators whom the space knows, once for a turn
/// that is applied. Saving the row leaves the count.
pub async fn missed_offers_are_counted(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let missed = async |id| desk.operator(id).await.map(|row| row.missed);
    let olga = desk.hire("olga").await;
    desk.hire("pavel").await;
    desk.save(Operator::new(elsewhere(), "olga")).await;
    for n in 1..=3 {
        let mut turn = desk.held("anna", None, at(n)).await;
        turn.missed = vec!["olga".into(), "nobody".into()];
        if n == 2 {
            turn.missed.push("pavel".into());
        }
        desk.apply(turn.clone()).await;
        let again = desk.store.commit(turn.clone()).await;
        assert!(matches!(again, Ok(Committed::Duplicate { .. })));
        turn.key = desk.key();
        desk.conflict(turn).await;
    }
    assert_eq!(
        (missed("olga").await, missed("pavel").await),
        (Some(3), Some(1))
    );
    let other = desk.operator_in(&elsewhere(), "olga").await;
    assert_eq!(other.map(|row| row.missed), Some(0));
    desk.save(olga).await;
    desk.hire("nobody").await;
    assert_eq!(
        (missed("olga").await, missed("nobody").await),
        (Some(3), Some(0))
    );
}

/// The same ids in two spaces are two operators and two queues.
pub async fn spaces_share_nothing(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let (here, there) = (desk.space(), elsewhere());
    let olga = desk.hire("olga").await;
    desk.save(olga.clone()).await;
    let same = desk.save(Operator::new(there.clone(), "olga")).await;
    assert_eq!(same.revision, 1, "her own row");
    desk.team("sales", &["olga", "pavel"]).await;
    let queue = desk.save_queue(Queue::new(there.clone(), "sales").member("olga"));
    assert_eq!(queue.await.revision, 1);
    desk.holds("anna", Some("olga"), at(1)).await;
    let mut turn = desk.held("bert", Some("olga"), at(1)).await;
    turn.opened.as_mut().expect("new").contact.space = there.clone();
    turn.row.waits = Some(("sales".into(), at(1)));
    // Of the dialog's own space, where she has nothing yet.
    turn.operators = vec![guard(&same, Some(1))];
    turn.missed = vec!["olga".into()];
    turn.queue = Some(QueueGuard {
        queue: "sales".into(),
        revision: Some(1),
        given: vec!["olga".into()],
    });
    let stirred = async |space| {
        let row = desk.queue_in(space, "sales").await;
        row.expect("its row").stirred
    };
    let before = stirred(&here).await;
    desk.apply(turn).await;
    assert_eq!(stirred(&here).await, before);
    let of = async |space| {
        let row = desk.operator_in(space, "olga").await.expect("her row");
        (row.load, row.missed)
    };
    assert_eq!((of(&here).await, of(&there).await), ((1, 0), (1, 1)));
    assert_eq!(desk.waiting_in(&here, "sales").await, []);
    assert_eq!(
        desk.waiting_in(&there, "sales").await,
        [desk.dialog("bert")]
    );
    let given = async |space| {
        let queue = QueueId::from("sales");
        let members = desk.store.members(space, &queue).await.expect("members");
        let given = members.into_iter().map(|member| member.given);
        given.collect::<Vec<_>>()
    };
    assert_eq!(
        (given(&here).await, given(&there).await),
        (vec![0, 0], vec![1])
    );
    // A place freed there, and her row there, stir nothing here.
    let here_before = stirred(&here).await;
    desk.holds("bert", None, at(2)).await;
    desk.save(same).await;
    assert_eq!(stirred(&here).await, here_before);
    let mut nobody: Result<_, StoreError> = desk.store.operators(&"nowhere".into(), None, 9).await;
    assert_eq!(nobody.as_mut().map(|rows| rows.len()).ok(), Some(0));
}

/// Operators, queues and all that is counted of them are there after a restart.
pub async fn people_survive(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let mut olga = Operator::new(desk.space(), "olga").named("Olga");
    olga.leaves_at = Some(at(50));
    desk.save(olga).await;
    desk.hire("pavel").await;
    desk.team("sales", &["olga", "pavel"]).await;
    desk.holds("anna", Some("olga"), at(1)).await;
    let mut waits = desk
        .stands("bert", at(2), |row| {
            row.session = Some(1);
            row.handling = Some(Handling::Offered);
            row.queue = Some("sales".into());
            row.terms = Some(("sales".into(), 1));
            row.waits = Some(("sales".into(), at(2)));
            row.offered = ["olga".into(), "pavel".into()].into();
            row.line = Line::Second;
            row.acknowledged = true;
        })
        .await;
    waits.sessions = vec![completed(1, at(1)), open(2)];
    waits.missed = vec!["pavel".into()];
    waits.queue = Some(QueueGuard {
        queue: "sales".into(),
        revision: None,
        given: vec!["pavel".into()],
    });
    desk.apply(waits).await;
    let before = (desk.people().await, desk.summaries().await);
    assert_eq!(before.0.due_queues.len(), 1);
    let distributed = before.0.due_queues[0].clone();
    let Some(desk) = desk.reopen(harness).await else {
        return;
    };
    assert_eq!((desk.people().await, desk.summaries().await), before);
    assert_eq!(desk.due(at(9)).await.next, Some(at(50)));
    let noted = desk.store.distributed(&distributed).await;
    noted.expect("distributed");
    let Some(desk) = desk.reopen(harness).await else {
        return;
    };
    assert_eq!(
        desk.due(at(9)).await.queues,
        [],
        "and that it was distributed"
    );
    desk.holds("anna", None, at(3)).await;
    assert_eq!(desk.load_of("olga").await, 0);
}
