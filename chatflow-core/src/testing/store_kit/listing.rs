//! Lists of dialogs by a filter, their sessions, and who took part in them.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use crate::crm::{Filter, FilterRow};
use crate::dialog::{
    Assignee, BotId, DialogId, DialogRow, Handling, Line, OperatorId, QueueId, SpaceId, StatusKind,
};
use crate::store::{CommitError, DialogSummary, PAGE_MAX};
use crate::testing::store_kit::StoreHarness;
use crate::testing::store_kit::desk::{Desk, Numbers, at, at_ms};
use crate::testing::store_kit::people::{completed, elsewhere, open};

impl Desk {
    /// Dialogs that match, in pages of `limit`.
    async fn list(&self, filter: &Filter, limit: usize) -> Vec<DialogSummary> {
        let mut found: Vec<DialogSummary> = Vec::new();
        loop {
            let after = found.last().map(|summary| summary.dialog);
            let page = self.store.list(filter, after, limit).await;
            let page = page.expect("list");
            assert!(page.len() <= limit, "a page has at most {limit}");
            if page.is_empty() {
                return found;
            }
            found.extend(page);
        }
    }

    async fn count(&self, filter: &Filter) -> u64 {
        self.store.count(filter).await.expect("count")
    }
}

/// Sessions are listed in the order of their numbers, page by page: completed ones and the open
/// one, as they were last written.
pub async fn sessions_are_listed_by_number(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let writes = async |who, sessions, second| {
        let mut turn = desk.held(who, None, at(second)).await;
        turn.sessions = sessions;
        desk.apply(turn).await;
    };
    let anna = desk.dialog("anna");
    assert_eq!(desk.sessions(anna).await, []);
    writes("anna", vec![open(1)], 1).await;
    assert_eq!(desk.sessions(anna).await, [open(1)]);
    writes("bert", vec![open(1)], 1).await;
    writes("anna", vec![completed(1, at(2)), open(2)], 2).await;
    writes(
        "anna",
        vec![completed(2, at(3)), completed(3, at(3)), open(4)],
        3,
    )
    .await;
    writes("anna", vec![], 4).await;
    let all = [
        completed(1, at(2)),
        completed(2, at(3)),
        completed(3, at(3)),
        open(4),
    ];
    assert_eq!(desk.sessions(anna).await, all);
    assert_eq!(desk.sessions(desk.dialog("bert")).await, [open(1)]);
    for limit in [1, 3] {
        let mut found = Vec::new();
        loop {
            let after = found
                .last()
                .map(|session: &crate::SessionRecord| session.number);
            let page = desk.store.sessions(anna, after, limit).await;
            let page = page.expect("sessions");
            assert!(page.len() <= limit, "a page has at most {limit}");
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
        assert_eq!(found, all, "in pages of {limit}");
    }
}

/// A session that a turn names again is written anew under its number: changed, completed, and
/// opened again. A turn that isn't applied writes none.
pub async fn a_session_is_written_anew_under_its_number(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let anna = desk.dialog("anna");
    let taken = crate::SessionRecord {
        handling: Handling::InProgress,
        assignee: Assignee::Nobody,
        queue: None,
        ..open(1)
    };
    let steps = [
        open(1),
        taken.clone(),
        completed(1, at(3)),
        taken,
        completed(1, at(9)),
    ];
    for (second, session) in (1..).zip(steps) {
        let mut turn = desk.held("anna", None, at(second)).await;
        turn.sessions = vec![session.clone()];
        let before = desk.sessions(anna).await;
        let mut stale = turn.clone();
        stale.expected += 1;
        desk.conflict(stale).await;
        assert_eq!(desk.sessions(anna).await, before);
        desk.apply(turn).await;
        assert_eq!(desk.sessions(anna).await, [session]);
    }
}

/// At most one session of a dialog is open: a turn after which two would be is an error, and
/// changes nothing. In which order a turn names the one that is over and the one that is opened
/// doesn't matter.
pub async fn one_session_of_a_dialog_is_open(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let anna = desk.dialog("anna");
    let names = async |sessions, second| {
        let mut turn = desk.held("anna", None, at(second)).await;
        turn.sessions = sessions;
        turn
    };
    let fails = async |turn| {
        let before = desk.dump().await;
        let error = desk
            .store
            .commit(turn)
            .await
            .expect_err("two would be open");
        assert!(matches!(error, CommitError::Store(_)), "{error:?}");
        assert_eq!(desk.dump().await, before);
    };
    fails(names(vec![open(1), open(2)], 1).await).await;
    desk.apply(names(vec![open(1)], 1).await).await;
    fails(names(vec![open(2)], 2).await).await;
    fails(names(vec![completed(1, at(2)), open(2), open(3)], 2).await).await;
    desk.apply(names(vec![open(2), completed(1, at(2))], 2).await)
        .await;
    desk.apply(names(vec![open(1), completed(2, at(3))], 3).await)
        .await;
    assert_eq!(desk.sessions(anna).await, [open(1), completed(2, at(3))]);
    let mut other = desk.held("bert", None, at(3)).await;
    other.sessions = vec![open(1)];
    desk.apply(other).await;
}

/// Who has had a dialog in progress stays a participant of it, whoever has it now.
pub async fn who_had_it_in_progress_stays_a_participant(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let (anna, bert) = (desk.dialog("anna"), desk.dialog("bert"));
    let took_part = async |who: &str| {
        let filter = Filter::Participant(who.into());
        let found = desk.list(&filter, 9).await.into_iter();
        found.map(|row| row.dialog).collect::<BTreeSet<_>>()
    };
    desk.holds("anna", Some("olga"), at(1)).await;
    desk.holds("bert", Some("olga"), at(1)).await;
    desk.holds("anna", Some("pavel"), at(2)).await;
    desk.holds("anna", None, at(3)).await;
    desk.holds("anna", Some("olga"), at(4)).await;
    let offered = desk
        .stands("bert", at(5), |row| row.offered = ["rosa".into()].into())
        .await;
    desk.apply(offered).await;
    assert_eq!(took_part("olga").await, [anna, bert].into());
    assert_eq!(took_part("pavel").await, [anna].into());
    assert_eq!(took_part("rosa").await, [].into(), "asked, and no more");
}

/// What a filter takes is listed once each, in the order of ids, and counted, just as
/// [`Filter::matches`] says: on rows and filters by chance.
pub async fn lists_equal_what_filters_match(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let kiosk = Desk::over(desk.store.clone(), "kiosk");
    let mut chance = Chance(Numbers(31));
    let mut participants: BTreeMap<DialogId, BTreeSet<OperatorId>> = BTreeMap::new();
    let mut written: BTreeMap<DialogId, DialogRow> = BTreeMap::new();
    for n in 0..90 {
        let bot = if chance.yes() { &desk } else { &kiosk };
        let who = format!("contact {}", chance.0.below(24));
        let mut turn = bot.stands(&who, at(n), |row| chance.row(row)).await;
        turn.key = desk.key_of(n);
        if let Some(opened) = &mut turn.opened
            && chance.yes()
        {
            // The contact's row decides, where there is one already.
            opened.contact.space = elsewhere();
        }
        let took_part = participants.entry(turn.dialog).or_default();
        took_part.extend(turn.row.holder.clone());
        written.insert(turn.dialog, turn.row.clone());
        desk.apply(turn).await;
    }
    let summaries = desk.summaries().await;
    for summary in &summaries {
        assert_eq!(summary.row, written[&summary.dialog], "columns come back");
    }
    let spaces: BTreeSet<_> = summaries.iter().map(|row| &row.space).collect();
    assert_eq!(spaces.len(), 2);

    let mut filters = chance.leaves(&summaries);
    filters.extend([
        Filter::everything(),
        Filter::nothing(),
        Filter::Not(Box::new(Filter::nothing())),
        Filter::Not(Box::new(Filter::everything())),
        Filter::everything().and(Filter::nothing()),
        Filter::everything().or(Filter::nothing()),
    ]);
    for _ in 0..240 {
        let filter = chance.tree(&summaries, 4);
        filters.push(filter);
    }
    let mut sizes = BTreeSet::new();
    for filter in &filters {
        let expected: Vec<&DialogSummary> = summaries
            .iter()
            .filter(|summary| {
                filter.matches(&FilterRow {
                    dialog: summary.dialog,
                    bot: &summary.bot,
                    space: &summary.space,
                    row: &summary.row,
                    participants: &participants[&summary.dialog],
                })
            })
            .collect();
        let found = desk.list(filter, 7).await;
        assert!(found.iter().eq(expected.iter().copied()), "{filter:?}");
        assert_eq!(
            desk.count(filter).await,
            expected.len() as u64,
            "{filter:?}"
        );
        sizes.insert(expected.len());
    }
    assert!(sizes.len() > 10, "filters took many and few: {sizes:?}");
}

/// A filter may be wide, as one that names many dialogs, and deep.
pub async fn a_filter_may_be_wide_and_deep(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    for who in ["anna", "bert", "clara"] {
        desk.holds(who, Some("olga"), at(1)).await;
    }
    let (anna, bert) = (desk.dialog("anna"), desk.dialog("bert"));
    let strangers = (0..3000_u128).map(|n| Filter::Dialog(DialogId::from_bytes(n.to_be_bytes())));
    let mut wide: Vec<_> = strangers.collect();
    wide.extend([Filter::Dialog(anna), Filter::Dialog(bert)]);
    let not_these = wide.iter().cloned().map(|one| Filter::Not(Box::new(one)));
    let none_of = Filter::All(not_these.collect());
    assert_eq!(desk.count(&Filter::Any(wide.clone())).await, 2);
    let rest = desk.list(&none_of, 9).await;
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].dialog, desk.dialog("clara"));
    let mut deep = Filter::Dialog(anna);
    for n in 0..60 {
        deep = Filter::Not(Box::new(match n % 3 {
            0 => deep.and(Filter::Line(Line::First)),
            1 => deep.or(Filter::Dialog(bert)),
            _ => deep,
        }));
    }
    let expected = desk.summaries().await.into_iter().filter(|summary| {
        deep.matches(&FilterRow {
            dialog: summary.dialog,
            bot: &summary.bot,
            space: &summary.space,
            row: &summary.row,
            participants: &BTreeSet::new(),
        })
    });
    let expected: Vec<_> = expected.collect();
    assert_eq!(desk.list(&deep, 9).await, expected);
}

/// A page of a list has a largest size, whatever was asked for; a count has none.
pub async fn a_page_of_a_list_has_a_largest_size(harness: &dyn StoreHarness) {
    let desk = Desk::open(harness).await;
    let turns = (0..=PAGE_MAX).map(async |n| {
        let who = format!("contact {n}");
        desk.holds(&who, Some("olga"), at(1)).await;
    });
    join_all(turns).await;
    let his = Filter::Participant("olga".into());
    for filter in [Filter::everything(), his] {
        let page = desk.store.list(&filter, None, usize::MAX).await;
        assert_eq!(page.expect("list").len(), PAGE_MAX);
        assert_eq!(desk.count(&filter).await, PAGE_MAX as u64 + 1);
    }
    let mut turn = desk.held("contact 0", None, at(2)).await;
    turn.sessions = (1..=PAGE_MAX as u32 + 1)
        .map(|number| completed(number, at(2)))
        .collect();
    desk.apply(turn).await;
    let sessions = desk.sessions(desk.dialog("contact 0")).await;
    assert_eq!(sessions.len(), PAGE_MAX);
}

/// Rows and filters by chance, from few values, so that they meet.
struct Chance(Numbers);

const OPERATORS: [&str; 5] = ["olga", "Olga", "o'brien", "ольга", "%"];
const QUEUES: [&str; 4] = ["sales", "Sales", "it's", "operator:olga"];

impl Chance {
    fn yes(&mut self) -> bool {
        self.0.below(2) == 0
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.0.below(all.len() as u64) as usize].clone()
    }

    fn operator(&mut self) -> OperatorId {
        self.of(&OPERATORS).into()
    }

    fn queue(&mut self) -> QueueId {
        self.of(&QUEUES).into()
    }

    fn assignee(&mut self) -> Assignee {
        match self.0.below(5) {
            0 | 1 => Assignee::Nobody,
            2 => Assignee::Bot(self.of(&["olga", "shop"]).into()),
            _ => Assignee::Operator(self.operator()),
        }
    }

    fn row(&mut self, row: &mut DialogRow) {
        row.status = self.of(&StatusKind::ALL);
        row.assignee = self.assignee();
        row.session = self.yes().then(|| 1 + self.0.below(3) as u32);
        row.handling = self.yes().then(|| self.of(&Handling::ALL));
        row.queue = self.yes().then(|| self.queue());
        row.terms = self.yes().then(|| (self.queue(), self.0.below(4)));
        let since = at_ms(self.0.below(9000) as i64);
        row.waits = self.yes().then(|| (self.queue(), since));
        row.holder = self.yes().then(|| self.operator());
        row.offered = (0..self.0.below(3)).map(|_| self.operator()).collect();
        row.line = self.of(&[Line::First, Line::Second]);
        row.acknowledged = self.yes();
        row.needs_reply_since = self.yes().then_some(since);
    }

    /// Each kind of leaf, with values that dialogs have and that none has.
    fn leaves(&mut self, of: &[DialogSummary]) -> Vec<Filter> {
        let mut leaves = vec![
            Filter::NeedsReply,
            Filter::Assignee(Assignee::Nobody),
            Filter::Assignee(Assignee::Bot("shop".into())),
            Filter::Handling(None),
            Filter::Line(Line::First),
            Filter::Line(Line::Second),
        ];
        leaves.extend(Handling::ALL.map(|handling| Filter::Handling(Some(handling))));
        leaves.extend(StatusKind::ALL.map(Filter::Status));
        for name in OPERATORS.into_iter().chain(["nobody"]) {
            let operator = OperatorId::from(name);
            leaves.push(Filter::Assignee(Assignee::Operator(operator.clone())));
            leaves.push(Filter::OfferedTo(operator.clone()));
            leaves.push(Filter::Participant(operator));
        }
        let queues = QUEUES.into_iter().chain(["none"]);
        leaves.extend(queues.map(|queue| Filter::Queue(queue.into())));
        let bots = ["shop", "kiosk", "Shop"].map(BotId::from);
        leaves.extend(bots.map(Filter::Bot));
        let first = &of[0];
        let spaces = [first.space.clone(), elsewhere(), SpaceId::from("")];
        leaves.extend(spaces.map(Filter::Space));
        leaves.push(Filter::Dialog(self.of(of).dialog));
        leaves.push(Filter::Dialog(DialogId::from_bytes([0; 16])));
        leaves
    }

    fn tree(&mut self, of: &[DialogSummary], depth: u64) -> Filter {
        let kind = if depth == 0 { 0 } else { self.0.below(5) };
        match kind {
            0 | 1 => {
                let leaves = self.leaves(of);
                self.of(&leaves)
            }
            2 => Filter::Not(Box::new(self.tree(of, depth - 1))),
            _ => {
                let branches = (0..self.0.below(4)).map(|_| self.tree(of, depth - 1));
                let branches = branches.collect();
                match kind {
                    3 => Filter::All(branches),
                    _ => Filter::Any(branches),
                }
            }
        }
    }
}
