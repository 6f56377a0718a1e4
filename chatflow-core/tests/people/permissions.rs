//! Whatever the policy: lists, counts and looks show exactly what it makes visible, and nothing of
//! another space.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{
    Address, Assignee, Availability, Behaviour, Bot, DeskError, DialogId, DialogSummary, Event,
    Filter, FilterRow, Handling, HistoryVisibility, Line, MemoryStore, Operator, OperatorAct,
    OperatorAction, OperatorId, Policy, Right, Role, Roles, StatusKind, Store, Target, Worker,
    codec,
};
use futures::executor::block_on;
use proptest::prelude::*;

use crate::office::{OFFER, assign, front, operator, with_queue};

const OPERATORS: [&str; 3] = ["anna", "boris", "clara"];
const SPACES: [&str; 2] = ["main", "branch"];

/// How a dialog came to stand as it stands.
#[derive(Debug, Clone)]
enum Past {
    WithBot,
    Queued,
    Taken(usize),
    Passed(usize, usize),
    Closed(usize),
    ToBot(usize),
    SecondLine(usize),
}

fn past() -> impl Strategy<Value = Past> {
    let one = 0..OPERATORS.len();
    prop_oneof![
        Just(Past::WithBot),
        Just(Past::Queued),
        one.clone().prop_map(Past::Taken),
        (one.clone(), one.clone()).prop_map(|(a, b)| Past::Passed(a, b)),
        one.clone().prop_map(Past::Closed),
        one.clone().prop_map(Past::ToBot),
        one.prop_map(Past::SecondLine),
    ]
}

/// A policy as it can be drawn.
#[derive(Debug, Clone)]
enum Rule {
    Roles {
        roles: Vec<BTreeSet<Right>>,
        history: HistoryVisibility,
        private: bool,
        hidden: bool,
    },
    Custom(Vec<Filter>),
}

/// What a custom policy shows to each operator.
struct Shows(BTreeMap<OperatorId, Filter>);

impl Policy for Shows {
    fn can(&self, _: &Operator, _: OperatorAction, _: Target<'_>) -> bool {
        true
    }

    fn visible(&self, operator: &Operator) -> Filter {
        self.0
            .get(&operator.id)
            .cloned()
            .unwrap_or_else(Filter::nothing)
    }
}

impl Rule {
    fn policy(&self) -> Arc<dyn Policy> {
        match self {
            Self::Roles {
                roles,
                history,
                private,
                hidden,
            } => {
                let mut policy = Roles::new().history(*history);
                for (n, rights) in roles.iter().enumerate() {
                    let role = rights
                        .iter()
                        .fold(Role::new(), |role, right| role.right(*right));
                    policy = policy.role(format!("role{n}"), role);
                }
                if *private {
                    policy = policy.open_sessions_private();
                }
                if *hidden {
                    policy = policy.bot_sessions_hidden();
                }
                Arc::new(policy)
            }
            Self::Custom(filters) => {
                let of = OPERATORS.iter().zip(filters);
                let of = of.map(|(id, filter)| ((*id).into(), filter.clone()));
                Arc::new(Shows(of.collect()))
            }
        }
    }
}

fn rights() -> impl Strategy<Value = BTreeSet<Right>> {
    prop::collection::btree_set(prop::sample::select(Right::ALL.to_vec()), 0..5)
}

fn who() -> impl Strategy<Value = OperatorId> {
    prop::sample::select(OPERATORS.to_vec()).prop_map(OperatorId::from)
}

fn filter() -> impl Strategy<Value = Filter> {
    let handling = prop::option::of(prop::sample::select(Handling::ALL.to_vec()));
    let assignee = prop_oneof![
        Just(Assignee::Nobody),
        who().prop_map(Assignee::Operator),
        Just(Assignee::Bot("bot_main".into())),
    ];
    let space = prop::sample::select(SPACES.to_vec());
    let leaf = prop_oneof![
        prop::sample::select(StatusKind::ALL.to_vec()).prop_map(Filter::Status),
        assignee.prop_map(Filter::Assignee),
        handling.prop_map(Filter::Handling),
        space.clone().prop_map(|space| Filter::Space(space.into())),
        space.prop_map(|space| Filter::Bot(format!("bot_{space}").into())),
        Just(Filter::Queue("sales".into())),
        who().prop_map(Filter::OfferedTo),
        who().prop_map(Filter::Participant),
        prop::bool::ANY
            .prop_map(|second| { Filter::Line(if second { Line::Second } else { Line::First }) }),
        Just(Filter::NeedsReply),
        (0_u8..6).prop_map(|n| Filter::Dialog(dialog("main", &format!("c{n}")))),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::All),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Any),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

fn rule() -> impl Strategy<Value = Rule> {
    let history = prop::sample::select(vec![
        HistoryVisibility::AssigneeAndAdmins,
        HistoryVisibility::ParticipantsToo,
        HistoryVisibility::AllWithSpaceAccess,
    ]);
    let roles = prop::collection::vec(rights(), 3);
    let of_roles = (roles, history, any::<bool>(), any::<bool>());
    prop_oneof![
        of_roles.prop_map(|(roles, history, private, hidden)| Rule::Roles {
            roles,
            history,
            private,
            hidden,
        }),
        prop::collection::vec(filter(), 3).prop_map(Rule::Custom),
    ]
}

fn dialog(space: &str, contact: &str) -> DialogId {
    let bot = format!("bot_{space}");
    DialogId::derive(&bot.into(), &Address::new(format!("web_{space}"), contact))
}

fn worker(
    store: &Arc<dyn Store>,
    policy: Option<Arc<dyn Policy>>,
) -> (Worker, Vec<Arc<ScriptedChannel>>) {
    let clock = Arc::new(ManualClock::default());
    let mut builder = Worker::builder(Arc::clone(store), clock);
    let mut channels = Vec::new();
    for space in SPACES {
        let behaviour = Behaviour {
            write_guard: chatflow_core::WriteGuard::AnyWithAccess,
            operator_capacity: 100,
            ..with_queue()
        };
        let bot = Bot::new(format!("bot_{space}"), front())
            .space(space)
            .behaviour(behaviour);
        let channel = Arc::new(ScriptedChannel::new(format!("web_{space}")));
        builder = builder.bot(&bot, channel.clone());
        channels.push(channel);
    }
    if let Some(policy) = policy {
        builder = builder.policy(policy);
    }
    let worker = builder.build().unwrap();
    block_on(worker.start()).unwrap();
    (worker, channels)
}

/// Dialogs with such pasts in both spaces, of the same contacts and operators.
fn world(pasts: &[Past], offers: bool, roles: &[BTreeSet<usize>]) -> Arc<dyn Store> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (worker, channels) = worker(&store, None);
    for (space, channel) in SPACES.into_iter().zip(channels) {
        let root = worker.desk(space, "root");
        for (id, roles) in OPERATORS.into_iter().zip(roles) {
            let names: BTreeSet<String> = roles.iter().map(|n| format!("role{n}")).collect();
            block_on(root.put_operator(id, |row| row.roles.clone_from(&names))).unwrap();
        }
        block_on(root.put_queue("sales", |queue| {
            queue.members = ["boris".into()].into();
            queue.acceptance = OFFER;
        }))
        .unwrap();
        if offers {
            let boris = worker.desk(space, "boris");
            block_on(boris.sign_in()).unwrap();
            block_on(boris.declare(Availability::Active)).unwrap();
        }
        for (n, past) in pasts.iter().enumerate() {
            let contact = format!("c{n}");
            let is_with_bot = matches!(past, Past::WithBot);
            let text = if is_with_bot { "hi" } else { "person" };
            block_on(worker.receive(channel.says(&contact, format!("m{n}"), text))).unwrap();
            for (act_n, (who, act)) in acts(past, space).into_iter().enumerate() {
                let event = Event::operator(format!("a{act_n}"), OPERATORS[who], act);
                block_on(worker.handle(dialog(space, &contact), &event)).unwrap();
            }
        }
        while block_on(worker.step()).unwrap() > 0 {}
    }
    store
}

fn acts(past: &Past, space: &str) -> Vec<(usize, OperatorAct)> {
    let give = |to: usize| assign(operator(OPERATORS[to]));
    match past {
        Past::WithBot | Past::Queued => Vec::new(),
        Past::Taken(a) => vec![(*a, OperatorAct::Take)],
        Past::Passed(a, b) if a == b => vec![(*a, OperatorAct::Take)],
        Past::Passed(a, b) => vec![(*a, OperatorAct::Take), (*a, give(*b))],
        Past::Closed(a) => vec![(*a, OperatorAct::Take), (*a, OperatorAct::Complete)],
        Past::ToBot(a) => {
            let bot = Assignee::Bot(format!("bot_{space}").into());
            vec![(*a, OperatorAct::Take), (*a, assign(bot))]
        }
        Past::SecondLine(a) => {
            let second = chatflow_core::DialogSettings {
                line: Some(Line::Second),
                ..Default::default()
            };
            vec![
                (*a, OperatorAct::Set(second)),
                (*a, OperatorAct::Acknowledge),
            ]
        }
    }
}

/// Who has had a dialog in progress, by its journal.
fn participants(store: &Arc<dyn Store>, of: DialogId) -> BTreeSet<OperatorId> {
    use chatflow_core::Fact;
    let journal = block_on(store.journal(of, 0, 1000)).unwrap();
    let (mut handling, mut assignee) = (None, Assignee::Nobody);
    let mut had = BTreeSet::new();
    for turn in journal {
        for fact in codec::decode::<Vec<Fact>>(&turn.body).unwrap() {
            match fact {
                Fact::SessionOpened { handling: to, .. }
                | Fact::SessionReopened { handling: to, .. }
                | Fact::HandlingChanged { to, .. } => handling = Some(to),
                Fact::SessionCompleted { .. } => handling = None,
                Fact::AssigneeChanged { to, .. } => assignee = to,
                _ => {}
            }
        }
        if handling == Some(Handling::InProgress) {
            had.extend(assignee.operator().cloned());
        }
    }
    had
}

fn paged(
    worker: &Worker,
    space: &str,
    id: &str,
    filter: &Filter,
    page: usize,
) -> Vec<DialogSummary> {
    let desk = worker.desk(space, id);
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let found = block_on(desk.list(filter, after, page)).unwrap();
        assert!(found.len() <= page);
        let Some(last) = found.last() else {
            return all;
        };
        after = Some(last.dialog);
        all.extend(found);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn ad_12_ad_13_dl_44_what_is_shown_is_what_is_visible(
        pasts in prop::collection::vec(past(), 1..6),
        offers in any::<bool>(),
        roles in prop::collection::vec(prop::collection::btree_set(0_usize..3, 0..3), 3),
        rule in rule(),
        asked in filter(),
        page in 1_usize..4,
    ) {
        let store = world(&pasts, offers, &roles);
        let policy = rule.policy();
        let (worker, _) = worker(&store, Some(policy.clone()));
        let everything = block_on(store.list(&Filter::everything(), None, 100)).unwrap();
        prop_assert_eq!(everything.len(), pasts.len() * 2);
        for space in SPACES {
            for id in OPERATORS.into_iter().chain(["stranger"]) {
                let row = block_on(store.operator(&space.into(), &id.into())).unwrap();
                let row = row.map_or_else(|| Operator::new(space, id), |row| row.operator);
                let visible = policy.visible(&row);
                let mut expected = Vec::new();
                for one in &everything {
                    let participants = participants(&store, one.dialog);
                    let of = FilterRow {
                        dialog: one.dialog,
                        bot: &one.bot,
                        space: &one.space,
                        row: &one.row,
                        participants: &participants,
                    };
                    let is_here = one.space.as_str() == space;
                    let sees = is_here && visible.matches(&of);
                    if sees && asked.matches(&of) {
                        expected.push(one.dialog);
                    }
                    let answer = block_on(worker.desk(space, id).dialog(one.dialog));
                    match answer {
                        Ok(snapshot) => {
                            prop_assert!(sees);
                            prop_assert_eq!(snapshot.dialog, one.dialog);
                        }
                        Err(DeskError::Hidden { .. }) => prop_assert!(is_here && !sees),
                        Err(DeskError::NoSuchDialog { .. }) => prop_assert!(!is_here),
                        Err(other) => prop_assert!(false, "{}", other),
                    }
                    if let Rule::Roles { roles: rights, history, private, hidden } = &rule {
                        let names = &row.roles;
                        let has = |right: Right| {
                            let of = |n: &usize| names.contains(&format!("role{n}"));
                            (0..3).filter(|n| of(n)).any(|n| rights[n].contains(&right))
                        };
                        let by_hand = sees_by_roles(id, &of, &has, *history, *private, *hidden);
                        prop_assert_eq!(visible.matches(&of), by_hand);
                    }
                }
                let found = paged(&worker, space, id, &asked, page);
                prop_assert!(found.iter().all(|one| one.space.as_str() == space));
                let found: Vec<_> = found.iter().map(|one| one.dialog).collect();
                prop_assert_eq!(&found, &expected);
                let count = block_on(worker.desk(space, id).count(&asked)).unwrap();
                prop_assert_eq!(count, expected.len() as u64);
            }
        }
    }
}

/// The rule of roles in plain words.
fn sees_by_roles(
    id: &str,
    of: &FilterRow<'_>,
    has: &dyn Fn(Right) -> bool,
    history: HistoryVisibility,
    private: bool,
    hidden: bool,
) -> bool {
    if has(Right::SeeAll) {
        return true;
    }
    if !has(Right::Work) && !has(Right::WorkInAll) {
        return false;
    }
    let id = OperatorId::from(id);
    let handling = of.row.handling;
    if hidden && handling == Some(Handling::Bot) {
        return false;
    }
    let is_own = of.row.assignee.operator() == Some(&id);
    let is_nobodys = of.row.assignee == Assignee::Nobody;
    let is_new = handling == Some(Handling::Queued)
        || of.row.offered.contains(&id)
        || handling == Some(Handling::InProgress) && is_nobodys;
    if is_own || is_new {
        return true;
    }
    if private && matches!(handling, Some(Handling::InProgress | Handling::Offered)) {
        return false;
    }
    let by_history = match history {
        HistoryVisibility::AssigneeAndAdmins => false,
        HistoryVisibility::ParticipantsToo => of.participants.contains(&id),
        HistoryVisibility::AllWithSpaceAccess => true,
    };
    by_history || has(Right::WorkInAll) && is_nobodys
}
