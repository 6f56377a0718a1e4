//! The pure choice: its properties, over whatever members and waits.

use std::collections::{BTreeMap, BTreeSet};

use chatflow_core::{
    Acceptance, Address, Availability, AvailableBy, Candidate, Choice, DialogId, Moment, Operator,
    OperatorId, Presence, Queue, Routing, RoutingContext, RoutingRule, Wait, choose, time,
};
use proptest::prelude::*;

const NAMES: [&str; 5] = ["anna", "boris", "clara", "dora", "emil"];

fn now() -> Moment {
    time::from_millis(1_000_000)
}

fn name() -> impl Strategy<Value = OperatorId> {
    prop::sample::select(NAMES.to_vec()).prop_map(OperatorId::from)
}

fn names() -> impl Strategy<Value = BTreeSet<OperatorId>> {
    prop::collection::btree_set(name(), 0..4)
}

fn candidate(id: OperatorId) -> impl Strategy<Value = Candidate> {
    let presence = prop_oneof![
        Just(Presence::Live),
        (990_000_i64..1_010_000).prop_map(|until| Presence::Lost {
            since: time::from_millis(0),
            until: time::from_millis(until),
        }),
    ];
    let capacity = prop::option::of(0_u32..4);
    let row = (
        any::<bool>(),
        any::<bool>(),
        presence,
        0_u32..4,
        capacity,
        0_u64..9,
    );
    row.prop_map(
        move |(active, signed_in, presence, load, capacity, given)| {
            let mut operator = Operator::new("main", id.clone());
            operator.declared = match active {
                true => Availability::Active,
                false => Availability::Inactive,
            };
            operator.signed_in = signed_in;
            operator.presence = presence;
            Candidate {
                operator,
                load,
                capacity,
                given,
            }
        },
    )
}

fn members() -> impl Strategy<Value = Vec<Candidate>> {
    let every = NAMES.map(|name| prop::option::of(candidate(name.into())));
    every.prop_map(|members| members.into_iter().flatten().collect())
}

fn queue() -> impl Strategy<Value = Queue> {
    let rule = prop_oneof![
        Just(RoutingRule::RoundRobin),
        Just(RoutingRule::LeastLoaded),
        Just(RoutingRule::Everybody),
        Just(RoutingRule::Custom("some".to_owned())),
    ];
    let acceptance = prop_oneof![
        Just(Acceptance::AtOnce),
        Just(Acceptance::Offer { within: None })
    ];
    let by = prop::sample::select(vec![
        AvailableBy::Declared,
        AvailableBy::Presence,
        AvailableBy::Both,
        AvailableBy::Nothing,
    ]);
    (rule, acceptance, by).prop_map(|(rule, acceptance, by)| {
        let mut queue = Queue::new("main", "sales")
            .rule(rule)
            .acceptance(acceptance);
        queue.available_by = by;
        queue
    })
}

fn wait() -> impl Strategy<Value = Wait> {
    let one = (
        prop::option::of(name()),
        names(),
        names(),
        prop::bool::weighted(0.1),
    );
    one.prop_map(|(prefers, passed, offered, is_for_manager)| Wait {
        dialog: DialogId::derive(&"bot".into(), &Address::new("web", "c")),
        queue: "sales".into(),
        since: time::from_millis(0),
        prefers,
        passed,
        offered: match is_for_manager {
            true => BTreeSet::new(),
            false => offered,
        },
        is_for_manager,
        takes_place: !is_for_manager,
    })
}

/// Names whom it was told to, there or not.
struct Names(Vec<OperatorId>);

impl Routing for Names {
    fn choose(&self, _: &Wait, _: &[Candidate]) -> Vec<OperatorId> {
        self.0.clone()
    }
}

fn is_there(candidate: &Candidate, queue: &Queue) -> bool {
    candidate.operator.is_there(queue.available_by, now())
}

fn free<'m>(members: &'m [Candidate], queue: &Queue, wait: &Wait) -> BTreeSet<&'m OperatorId> {
    (members.iter())
        .filter(|one| is_there(one, queue) && (wait.is_for_manager || one.has_room()))
        .map(|one| &one.operator.id)
        .collect()
}

fn chosen(choice: &Choice) -> BTreeSet<&OperatorId> {
    match choice {
        Choice::Assign(id) => [id].into(),
        Choice::Offer(to) => to.iter().collect(),
        _ => BTreeSet::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn op_22_nobody_is_chosen_who_is_away_full_or_no_member(
        members in members(), queue in queue(), wait in wait(), said in prop::collection::vec(name(), 0..3),
    ) {
        let rule = Names(said.clone());
        let context = RoutingContext {
            queue: &queue, members: &members, custom: Some(&rule), now: now(),
        };
        let choice = choose(&wait, &context);
        prop_assert_eq!(&choice, &choose(&wait, &context), "pure");
        let free = free(&members, &queue, &wait);
        let chosen = chosen(&choice);
        prop_assert!(chosen.is_subset(&free), "{:?} of {:?}", choice, free);
        // Somebody is chosen exactly where somebody can be, but for a host's rule, which may wish
        // for nobody.
        let is_custom = matches!(queue.rule, RoutingRule::Custom(_));
        if !is_custom {
            prop_assert_eq!(chosen.is_empty(), free.is_empty());
        }
        let anybody = members.iter().any(|one| is_there(one, &queue));
        match &choice {
            Choice::Away => prop_assert!(!anybody),
            Choice::Busy => prop_assert!(anybody && (free.is_empty() || is_custom)),
            Choice::Offer(_) => {
                prop_assert!(!wait.is_for_manager);
                let still = wait.offered.iter().any(|id| free.contains(id));
                prop_assert!(still || queue.acceptance != Acceptance::AtOnce);
            }
            Choice::Assign(_) => {
                prop_assert!(wait.is_for_manager || queue.acceptance == Acceptance::AtOnce);
            }
            Choice::PassTo(_) => prop_assert!(false, "it passes nothing on"),
        }
        // A host's rule is asked only where nobody had it or is asked already; of whom it names
        // only those count who can take it.
        let passed = |id: &&OperatorId| wait.passed.contains(*id);
        let fresh: BTreeSet<_> = free.iter().copied().filter(|id| !passed(id)).collect();
        let open = if fresh.is_empty() { free.clone() } else { fresh };
        let is_kept = wait.prefers.as_ref().is_some_and(|id| open.contains(id));
        let is_asked = wait.offered.iter().any(|id| free.contains(id));
        if is_custom && !is_kept && !is_asked {
            let mut named = said.iter().filter(|id| open.contains(id));
            match &choice {
                Choice::Assign(id) => prop_assert_eq!(Some(id), named.next()),
                Choice::Offer(to) => prop_assert_eq!(to, &named.cloned().collect()),
                _ => prop_assert_eq!(named.next(), None),
            }
        }
    }

    #[test]
    fn op_22_who_had_it_is_chosen_wherever_he_can_take_it(
        members in members(), queue in queue(), wait in wait(),
    ) {
        let context = RoutingContext {
            queue: &queue, members: &members, custom: None, now: now(),
        };
        let free = free(&members, &queue, &wait);
        let Some(had) = wait.prefers.as_ref().filter(|id| free.contains(id)) else {
            return Ok(());
        };
        // Whoever let it pass waits until all have; those who are asked stay asked.
        let is_fresh = !wait.passed.contains(had);
        let is_asked = wait.offered.iter().any(|id| free.contains(id));
        if is_fresh && !is_asked {
            let only: BTreeSet<_> = [had].into();
            let choice = choose(&wait, &context);
            prop_assert_eq!(chosen(&choice), only);
        }
    }

    #[test]
    fn op_07_whoever_is_asked_and_can_take_it_stays_asked(
        members in members(), queue in queue(), wait in wait(),
    ) {
        let queue = Queue { acceptance: Acceptance::Offer { within: None }, ..queue };
        let passed = wait.passed.difference(&wait.offered).cloned().collect();
        let wait = Wait { passed, is_for_manager: false, takes_place: true, ..wait };
        let context = RoutingContext {
            queue: &queue, members: &members, custom: None, now: now(),
        };
        let free = free(&members, &queue, &wait);
        let still: BTreeSet<_> = wait.offered.iter().filter(|id| free.contains(id)).collect();
        if still.is_empty() {
            return Ok(());
        }
        let choice = choose(&wait, &context);
        let to = chosen(&choice);
        prop_assert!(to.is_superset(&still), "{:?}", choice);
        if queue.rule == RoutingRule::Everybody {
            // Everybody means also who came since, unless it is kept for one.
            let kept = wait.prefers.as_ref().is_some_and(|id| still == [id].into());
            let open: BTreeSet<_> = free.iter().copied().filter(|id| !wait.passed.contains(*id)).collect();
            let expected = if kept { still } else { open };
            prop_assert_eq!(to, expected);
        } else {
            prop_assert_eq!(to, still);
        }
    }

    #[test]
    fn op_22_round_robin_is_fair(count in 2_usize..6, rounds in 1_u64..30) {
        let queue = Queue::new("main", "sales");
        let mut members: Vec<Candidate> = (NAMES.iter().take(count))
            .map(|name| {
                let mut operator = Operator::new("main", *name);
                (operator.signed_in, operator.declared) = (true, Availability::Active);
                Candidate { operator, load: 0, capacity: None, given: 0 }
            })
            .collect();
        let mut got: BTreeMap<OperatorId, u64> = BTreeMap::new();
        for n in 1..=rounds {
            let wait = Wait {
                dialog: DialogId::derive(&"bot".into(), &Address::new("web", "c")),
                queue: "sales".into(),
                since: now(),
                prefers: None,
                passed: BTreeSet::new(),
                offered: BTreeSet::new(),
                is_for_manager: false,
                takes_place: true,
            };
            let context = RoutingContext { queue: &queue, members: &members, custom: None, now: now() };
            let Choice::Assign(id) = choose(&wait, &context) else {
                return Err(TestCaseError::fail("nobody"));
            };
            for member in members.iter_mut().filter(|member| member.operator.id == id) {
                (member.given, member.load) = (n, member.load + 1);
            }
            *got.entry(id).or_default() += 1;
        }
        let most = got.values().max().copied().unwrap_or(0);
        let least = members.iter().map(|one| got.get(&one.operator.id).copied().unwrap_or(0)).min();
        prop_assert!(most - least.unwrap_or(0) <= 1, "{:?}", got);
    }

    #[test]
    fn op_22_the_least_loaded_has_the_fewest(members in members(), queue in queue(), wait in wait()) {
        let queue = Queue { rule: RoutingRule::LeastLoaded, ..queue };
        let wait = Wait { prefers: None, passed: BTreeSet::new(), offered: BTreeSet::new(), ..wait };
        let context = RoutingContext { queue: &queue, members: &members, custom: None, now: now() };
        let free = free(&members, &queue, &wait);
        let loads = members.iter().filter(|one| free.contains(&one.operator.id));
        let least = loads.map(|one| one.load).min();
        let choice = choose(&wait, &context);
        for id in chosen(&choice) {
            let one = members.iter().find(|one| one.operator.id == *id).unwrap();
            prop_assert_eq!(Some(one.load), least);
        }
    }
}

/// The one who had it comes back while others are asked: he is asked beside them.
#[test]
fn op_22_an_offer_to_many_grows_and_is_taken_from_nobody() {
    let queue = Queue::new("main", "sales")
        .rule(RoutingRule::Everybody)
        .acceptance(Acceptance::Offer { within: None });
    let members: Vec<Candidate> = (NAMES.iter().take(3))
        .map(|name| {
            let mut operator = Operator::new("main", *name);
            (operator.signed_in, operator.declared) = (true, Availability::Active);
            Candidate {
                operator,
                load: 0,
                capacity: None,
                given: 0,
            }
        })
        .collect();
    let wait = |prefers: &str, offered: &[&str]| Wait {
        dialog: DialogId::derive(&"bot".into(), &Address::new("web", "c")),
        queue: "sales".into(),
        since: now(),
        prefers: Some(prefers.into()),
        passed: BTreeSet::new(),
        offered: offered.iter().map(|id| OperatorId::from(*id)).collect(),
        is_for_manager: false,
        takes_place: true,
    };
    let chosen = |wait: &Wait| {
        let context = RoutingContext {
            queue: &queue,
            members: &members,
            custom: None,
            now: now(),
        };
        choose(wait, &context)
    };
    let to = |ids: &[&str]| Choice::Offer(ids.iter().map(|id| OperatorId::from(*id)).collect());
    assert_eq!(chosen(&wait("anna", &[])), to(&["anna"]), "kept for her");
    assert_eq!(chosen(&wait("anna", &["anna"])), to(&["anna"]));
    let grown = chosen(&wait("anna", &["boris", "clara"]));
    assert_eq!(grown, to(&["anna", "boris", "clara"]));
}
