//! Offers: who is asked, who accepts, and what happens where nobody does.

use std::time::Duration;

use chatflow_core::{
    Alert, Availability, Behaviour, Fact, Handling, NotificationRule, OfferEnd, OperatorAct,
    Refusal, RoutingRule, StatusKind,
};

use crate::office::{OFFER, Office, offer_for, refusal, with_queue};

fn asking(rule: RoutingRule) -> Office {
    let office = Office::of(with_queue());
    office.queue("sales", |queue| {
        queue.acceptance = OFFER;
        queue.rule = rule.clone();
    });
    office
}

#[test]
fn op_07_accepting_makes_responsible_and_withdraws_the_others_offer() {
    let office = asking(RoutingRule::Everybody);
    office.hire("anna");
    office.hire("boris");
    office.wants_person("c");
    assert_eq!(office.offered("c"), ["anna", "boris"]);
    office.does("anna", "c", OperatorAct::Accept);
    assert_eq!(office.holder("c").as_deref(), Some("anna"));
    assert!(office.offered("c").is_empty());
    let withdrawn = Fact::OfferEnded {
        to: ["boris".into()].into(),
        how: OfferEnd::Withdrawn,
    };
    assert!(office.facts("c").contains(&withdrawn));
    assert_eq!(office.snapshot("c").shown_status().kind, StatusKind::Manual);
}

#[test]
fn op_08_of_two_who_accept_at_once_one_wins() {
    let office = asking(RoutingRule::Everybody);
    office.hire("anna");
    office.hire("boris");
    office.wants_person("c");
    office.does("anna", "c", OperatorAct::Accept);
    let taken = Refusal::AlreadyTaken { by: "anna".into() };
    assert_eq!(
        refusal(office.acts("boris", "c", OperatorAct::Accept)),
        taken
    );
    assert_eq!(office.row("boris").load, 0);
    assert_eq!(office.row("anna").load, 1);
}

#[test]
fn op_08_whom_it_is_not_offered_to_cannot_accept() {
    let office = asking(RoutingRule::RoundRobin);
    office.hire("anna");
    office.hire("boris");
    office.wants_person("c");
    assert_eq!(office.offered("c"), ["anna"]);
    let answer = office.acts("boris", "c", OperatorAct::Accept);
    assert_eq!(refusal(answer), Refusal::NotOffered);
    let answer = office.acts("boris", "c", OperatorAct::Decline);
    assert_eq!(refusal(answer), Refusal::NotOffered);
}

#[test]
fn op_09_an_offer_that_nobody_accepts_in_time_goes_on_to_the_next() {
    let office = asking(RoutingRule::RoundRobin);
    office.queue("sales", |queue| queue.acceptance = offer_for(60));
    office.hire("anna");
    office.hire("boris");
    office.wants_person("c");
    let since = office.snapshot("c").row().waits.unwrap().1;
    assert_eq!(office.offered("c"), ["anna"]);
    office.later(Duration::from_secs(59));
    assert_eq!(office.offered("c"), ["anna"]);
    office.later(Duration::from_secs(1));
    assert_eq!(office.offered("c"), ["boris"]);
    assert_eq!(office.row("anna").missed, 1, "a miss");
    assert_eq!(office.row("boris").missed, 0);
    let waits = office.snapshot("c").row().waits.unwrap().1;
    assert_eq!(waits, since, "the wait goes on");
    office.later(Duration::from_secs(60));
    assert_eq!(office.offered("c"), ["anna"], "all have let it pass");
    office.does("anna", "c", OperatorAct::Accept);
    office.later(Duration::from_secs(600));
    assert_eq!(office.holder("c").as_deref(), Some("anna"));
    assert_eq!(office.row("anna").missed, 1);
}

#[test]
fn op_09_whoever_lets_an_offer_pass_is_not_asked_again_first() {
    let office = asking(RoutingRule::Everybody);
    office.hire("anna");
    office.hire("boris");
    office.wants_person("c");
    office.does("anna", "c", OperatorAct::Decline);
    assert_eq!(office.offered("c"), ["boris"]);
    let since = office.snapshot("c").row().waits.unwrap().1;
    office.does("boris", "c", OperatorAct::Decline);
    assert_eq!(office.offered("c"), ["anna", "boris"], "anew, of all");
    assert_eq!(office.snapshot("c").row().waits.unwrap().1, since);
}

#[test]
fn op_10_the_one_it_is_distributed_to_is_alerted_with_sound() {
    let behaviour = Behaviour {
        notifications: vec![NotificationRule {
            on: [Alert::Manual].into(),
            to: ["boss".into()].into(),
        }],
        ..with_queue()
    };
    let office = Office::of(behaviour);
    office.queue("sales", |queue| queue.acceptance = OFFER);
    office.hire("anna");
    office.hire("boris");
    office.wants_person("c");
    assert_eq!(office.offered("c"), ["anna"]);
    let told = office.notifier.take_asked();
    let heard: Vec<_> = (told.iter())
        .map(|told| {
            let told = &told.request;
            (told.to.as_str(), told.alert, told.audible)
        })
        .collect();
    let expected = [
        ("boss", Alert::Manual, false),
        ("anna", Alert::Distributed, true),
    ];
    assert_eq!(heard, expected);
    // Once, not with each look at the queue; and again for who is asked next.
    office.declare("boris", Availability::Active);
    office.does("anna", "c", OperatorAct::Decline);
    let told = office.notifier.take_asked();
    let to: Vec<_> = told.iter().map(|told| told.request.to.as_str()).collect();
    assert_eq!(to, ["boris"]);
    assert!(told[0].request.audible);
}

#[test]
fn op_10_a_dialog_that_is_given_at_once_sounds_too() {
    let office = Office::of(with_queue());
    office.hire("anna");
    office.wants_person("c");
    let told = office.notifier.take_asked();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].request.to.as_str(), "anna");
    assert!(told[0].request.audible);
    // What he takes himself doesn't.
    office.says("d", "hi");
    office.does("anna", "d", OperatorAct::Take);
    assert_eq!(office.notifier.times_asked(), 1);
}

#[test]
fn op_19_it_is_new_until_it_is_accepted() {
    let office = asking(RoutingRule::RoundRobin);
    office.wants_person("c");
    assert_eq!(office.handling("c"), Some(Handling::Queued));
    office.hire("anna");
    office.step();
    assert_eq!(office.handling("c"), Some(Handling::Offered));
    assert_eq!(office.row("anna").load, 0, "an offer takes no place");
    office.does("anna", "c", OperatorAct::Accept);
    assert_eq!(office.handling("c"), Some(Handling::InProgress));
    assert_eq!(office.row("anna").load, 1);
}

#[test]
fn op_19_what_waits_in_a_queue_can_be_accepted_without_an_offer() {
    let office = Office::of(with_queue());
    office.wants_person("c");
    office.add("anna", &[]);
    office.does("anna", "c", OperatorAct::Accept);
    assert_eq!(office.holder("c").as_deref(), Some("anna"));
}

#[test]
fn op_38_work_that_is_freed_is_given_out_at_once_the_oldest_first() {
    let office = Office::of(with_queue());
    office.hire("anna");
    office.capacity("anna", 1);
    office.declare("anna", Availability::Inactive);
    for contact in ["first", "second", "third", "fourth"] {
        office.wants_person(contact);
        office.later(Duration::from_secs(1));
    }
    let holds = |contacts: &[&str]| {
        for contact in ["first", "second", "third", "fourth"] {
            let expected = contacts.contains(&contact);
            assert_eq!(office.holder(contact).is_some(), expected, "{contact}");
        }
    };
    holds(&[]);
    // By becoming active.
    office.declare("anna", Availability::Active);
    holds(&["first"]);
    // By closing one.
    office.does("anna", "first", OperatorAct::Complete);
    holds(&["second"]);
    // By more room.
    office.capacity("anna", 2);
    holds(&["second", "third"]);
    // By a colleague.
    office.hire("boris");
    office.step();
    holds(&["second", "third", "fourth"]);
}

#[test]
fn op_38_by_signing_in_and_by_becoming_a_member() {
    let office = Office::of(with_queue());
    office.wants_person("c");
    office.hire("anna");
    office.step();
    assert_eq!(office.holder("c").as_deref(), Some("anna"), "a member");
    office.does("anna", "c", OperatorAct::Complete);
    futures::executor::block_on(office.desk("anna").sign_out()).unwrap();
    office.wants_person("d");
    assert_eq!(office.holder("d"), None);
    futures::executor::block_on(office.desk("anna").sign_in()).unwrap();
    office.step();
    assert_eq!(office.holder("d").as_deref(), Some("anna"));
}
