//! Who is there.

use std::time::Duration;

use std::sync::Arc;

use chatflow_core::{
    Availability, AvailableBy, Behaviour, DeskError, Fact, Handling, OfflineReassign,
    OperatorAction, OperatorStanding, Roles,
};
use futures::executor::block_on;

use crate::office::{OFFER, Office, dialog, minutes, reply, with_queue};

#[test]
fn op_01_an_active_operator_is_offered_new_chats() {
    let office = Office::of(with_queue());
    office.queue("sales", |queue| queue.acceptance = OFFER);
    office.hire("anna");
    office.wants_person("c");
    assert_eq!(office.handling("c"), Some(Handling::Offered));
    assert_eq!(office.offered("c"), ["anna"]);
}

#[test]
fn op_02_an_inactive_operator_keeps_his_chats_and_gets_no_new_ones() {
    let office = Office::of(with_queue());
    office.hire("anna");
    office.wants_person("first");
    assert_eq!(office.holder("first").as_deref(), Some("anna"));
    office.declare("anna", Availability::Inactive);
    assert_eq!(
        office.holder("first").as_deref(),
        Some("anna"),
        "he keeps it"
    );
    office.wants_person("second");
    assert_eq!(office.handling("second"), Some(Handling::Queued));
    office.does("anna", "first", reply("still here"));
    assert_eq!(office.sent(), ["still here"]);
}

#[test]
fn op_03_op_04_op_05_what_is_declared_survives_a_sign_out() {
    let office = Office::of(with_queue());
    office.add("anna", &[]);
    let counts = || office.row("anna").operator.availability();
    let desk = office.desk("anna");
    block_on(desk.sign_in()).unwrap();
    assert_eq!(counts(), Availability::Inactive, "at first");
    block_on(desk.sign_out()).unwrap();
    block_on(desk.sign_in()).unwrap();
    assert_eq!(counts(), Availability::Inactive, "as it was");
    block_on(desk.declare(Availability::Active)).unwrap();
    block_on(desk.sign_out()).unwrap();
    assert_eq!(
        counts(),
        Availability::Inactive,
        "nobody who isn't signed in"
    );
    assert_eq!(office.row("anna").operator.declared, Availability::Active);
    block_on(desk.sign_in()).unwrap();
    assert_eq!(counts(), Availability::Active, "as it was");
}

#[test]
fn op_04_whoever_signs_out_is_offered_nothing_any_more() {
    let office = Office::of(with_queue());
    office.queue("sales", |queue| queue.acceptance = OFFER);
    office.hire("anna");
    office.wants_person("c");
    assert_eq!(office.offered("c"), ["anna"]);
    block_on(office.desk("anna").sign_out()).unwrap();
    office.step();
    assert_eq!(office.handling("c"), Some(Handling::Queued));
    block_on(office.desk("anna").sign_in()).unwrap();
    office.step();
    assert_eq!(office.offered("c"), ["anna"], "he is back, and active");
}

#[test]
fn op_06_an_operator_changes_his_own_status_and_nobody_elses() {
    let roles = Roles::creatio();
    let office = Office::with(with_queue(), |builder| builder.policy(Arc::new(roles)));
    office.hire_as("anna", &["operator"]);
    office.hire_as("boris", &["operator"]);
    office.add("root", &["admin"]);
    office.declare("anna", Availability::Inactive);
    assert_eq!(office.row("anna").operator.declared, Availability::Inactive);
    let desk = office.desk("anna");
    let boris = "boris".into();
    let others = [
        block_on(desk.declare_operator(&boris, Availability::Inactive)),
        block_on(desk.sign_out_operator(&boris)),
    ];
    for answer in others {
        let Err(DeskError::Forbidden { operator, action }) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(operator.as_str(), "anna");
        assert_eq!(action, OperatorAction::ChangeAvailability);
    }
    assert_eq!(
        office.row("boris").operator.availability(),
        Availability::Active
    );
    let desk = office.desk("root");
    block_on(desk.declare_operator(&boris, Availability::Inactive)).unwrap();
    assert_eq!(
        office.row("boris").operator.declared,
        Availability::Inactive
    );
}

#[test]
fn op_32_available_by_what_is_declared_by_presence_or_by_both() {
    let modes = [
        (AvailableBy::Declared, false),
        (AvailableBy::Presence, true),
        (AvailableBy::Both, false),
        (AvailableBy::Nothing, true),
    ];
    for (by, expected) in modes {
        let office = Office::of(with_queue());
        office.hire("anna");
        office.queue("sales", |queue| queue.available_by = by);
        block_on(office.desk("anna").seen()).unwrap();
        office.declare("anna", Availability::Inactive);
        office.wants_person("c");
        assert_eq!(office.holder("c").is_some(), expected, "busy, seen: {by:?}");
        // Active and out of sight.
        let office = Office::of(with_queue());
        office.hire("anna");
        office.queue("sales", |queue| queue.available_by = by);
        office.wants_person("c");
        let expected = matches!(by, AvailableBy::Declared | AvailableBy::Nothing);
        assert_eq!(office.holder("c").is_some(), expected, "unseen: {by:?}");
    }
}

#[test]
fn op_32_whoever_comes_into_sight_gets_what_waits() {
    let office = Office::of(with_queue());
    office.hire("anna");
    office.queue("sales", |queue| queue.available_by = AvailableBy::Both);
    office.wants_person("c");
    assert_eq!(office.handling("c"), Some(Handling::Queued));
    block_on(office.desk("anna").seen()).unwrap();
    office.step();
    assert_eq!(office.holder("c").as_deref(), Some("anna"));
}

#[test]
fn op_32_whoever_is_lost_sight_of_is_there_for_the_grace_period() {
    let office = Office::with(with_queue(), |builder| builder.presence_grace(minutes(2)));
    office.hire("anna");
    office.queue("sales", |queue| {
        queue.available_by = AvailableBy::Presence;
        queue.acceptance = OFFER;
    });
    block_on(office.desk("anna").seen()).unwrap();
    block_on(office.desk("anna").lost()).unwrap();
    office.wants_person("c");
    assert_eq!(office.offered("c"), ["anna"], "in the grace period");
    // Losing him again doesn't begin it anew.
    office.later(minutes(1));
    block_on(office.desk("anna").lost()).unwrap();
    office.later(Duration::from_secs(59));
    assert_eq!(office.offered("c"), ["anna"]);
    office.later(Duration::from_secs(1));
    assert_eq!(office.handling("c"), Some(Handling::Queued), "it is over");
    block_on(office.desk("anna").seen()).unwrap();
    office.step();
    assert_eq!(office.offered("c"), ["anna"]);
}

/// One dialog that is answered, one whose contact has had no answer, one whose contact had an
/// answer and asked again.
fn three_dialogs(policy: OfflineReassign) -> Office {
    let office = Office::of(with_queue());
    office.hire("anna");
    office.queue("sales", |queue| queue.offline = policy);
    for contact in ["answered", "new", "again"] {
        office.wants_person(contact);
    }
    office.does("anna", "answered", reply("hello"));
    office.does("anna", "again", reply("hello"));
    office.says("again", "and now?");
    office
}

fn moved(office: &Office) -> Vec<&'static str> {
    let contacts = ["answered", "new", "again"];
    let moved = contacts
        .into_iter()
        .filter(|contact| office.holder(contact).as_deref() != Some("anna"));
    moved.collect()
}

#[test]
fn op_33_what_an_operator_loses_who_goes_away() {
    let policies = [
        (OfflineReassign::Never, vec![]),
        (OfflineReassign::AllUnanswered, vec!["new", "again"]),
        (OfflineReassign::OnlyNewUnanswered, vec!["new"]),
    ];
    for (policy, expected) in policies {
        let office = three_dialogs(policy);
        assert!(moved(&office).is_empty());
        block_on(office.desk("anna").sign_out()).unwrap();
        office.step();
        assert_eq!(moved(&office), expected, "{policy:?}");
        for contact in &expected {
            assert_eq!(office.handling(contact), Some(Handling::Queued));
            let facts = office.facts(contact);
            let left = |fact: &Fact| {
                matches!(fact, Fact::AssigneeChanged { actor, .. }
                    if *actor == chatflow_core::Actor::Absence("anna".into()))
            };
            assert_eq!(facts.iter().filter(|fact| left(fact)).count(), 1);
        }
        // A colleague gets them.
        office.hire("boris");
        office.step();
        for contact in &expected {
            assert_eq!(office.holder(contact).as_deref(), Some("boris"));
        }
    }
}

#[test]
fn op_33_by_presence_they_are_moved_when_the_grace_period_is_over() {
    let office = three_dialogs(OfflineReassign::AllUnanswered);
    office.queue("sales", |queue| queue.available_by = AvailableBy::Presence);
    block_on(office.desk("anna").seen()).unwrap();
    block_on(office.desk("anna").lost()).unwrap();
    office.later(Duration::from_secs(59));
    assert!(moved(&office).is_empty(), "he may come back");
    block_on(office.desk("anna").seen()).unwrap();
    office.later(minutes(5));
    assert!(moved(&office).is_empty(), "and did");
    block_on(office.desk("anna").lost()).unwrap();
    office.later(minutes(1));
    assert_eq!(moved(&office), ["new", "again"]);
}

#[test]
fn op_33_whoever_is_there_by_the_queues_measure_loses_nothing() {
    let office = three_dialogs(OfflineReassign::AllUnanswered);
    office.queue("sales", |queue| queue.available_by = AvailableBy::Presence);
    block_on(office.desk("anna").seen()).unwrap();
    office.declare("anna", Availability::Inactive);
    assert!(moved(&office).is_empty(), "he is seen");
}

#[test]
fn op_13_op_14_an_inactive_operator_is_listed_as_such() {
    let office = Office::of(Behaviour::default());
    office.hire("anna");
    office.add("boris", &[]);
    office.says("c", "hi");
    office.does("anna", "c", chatflow_core::OperatorAct::Take);
    let list = block_on(office.desk("anna").transfer_list(dialog("c"))).unwrap();
    assert_eq!(list.operators.len(), 1, "not himself");
    assert_eq!(list.operators[0].standing, OperatorStanding::Inactive);
}
