//! From the outbox to the channel: order, fences, attempts and how they end.

mod support;

use chatflow_core::{
    Begun, CallFailure, ContactPatch, DeliveryState, DueQuery, EffectBody, Event, EventBody,
    Message, Settled, Settlement, Store, TimerChange, Value,
};
use futures::executor::block_on;
use support::{
    Home, Talk, add_effect, apply, at, begin, dead, listed, next, retry_at, sent, settle,
};

fn send(text: &str) -> EffectBody {
    EffectBody::Send(Message::new(text))
}

fn call() -> EffectBody {
    EffectBody::Call {
        port: "stock".to_owned(),
        request: Value::from("?"),
    }
}

fn patch() -> EffectBody {
    EffectBody::PatchContact(ContactPatch::Field("city".to_owned(), Value::from("Oslo")))
}

#[test]
fn messages_of_a_dialog_go_one_at_a_time_and_in_order() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    let mut turn = talk.message("1", at(1));
    let first = turn.effects[0].id;
    let second = add_effect(&mut turn, send("more"));
    let beside = add_effect(&mut turn, call());
    let third = add_effect(&mut turn, send("and more"));
    apply(&store, turn);
    let due = |seconds| listed(&store, at(seconds), 10);
    let begun = |effect, seconds| block_on(store.begin_delivery(effect, at(seconds))).unwrap();

    assert_eq!(due(0), []);
    assert_eq!(due(1), [beside, first]);
    assert!(matches!(begun(second, 1), Begun::NotNow));
    assert!(matches!(begun(first, 0), Begun::NotNow));
    let delivery = begin(&store, first, at(1));
    assert_eq!((delivery.attempt, delivery.effect.id), (1, first));
    assert_eq!(
        (delivery.address, delivery.contact),
        (talk.address.clone(), talk.contact.id)
    );
    assert!(matches!(begun(first, 1), Begun::NotNow), "one is in flight");
    assert_eq!(due(1), [beside]);
    begin(&store, beside, at(1));

    settle(&store, first, 1, retry_at(at(60)));
    assert_eq!(due(59), []);
    assert_eq!(next(&store, at(59)), Some(at(60)));
    assert!(
        matches!(begun(second, 60), Begun::NotNow),
        "the first is not settled"
    );
    assert_eq!(begin(&store, first, at(60)).attempt, 2);

    // The first attempt's answer comes late.
    settle(&store, first, 1, dead());
    assert!(matches!(begun(second, 61), Begun::NotNow));
    settle(&store, first, 2, sent());
    assert_eq!(due(61), [second]);
    begin(&store, second, at(61));
    settle(&store, second, 1, dead());
    assert_eq!(due(61), [third]);
    begin(&store, third, at(61));
    settle(&store, third, 1, sent());

    let states: Vec<_> = block_on(store.outbox(talk.id())).unwrap();
    assert_eq!(states.len(), 1, "only the call is open: {states:?}");
    assert_eq!(states[0].state, DeliveryState::InFlight);
    let line = &block_on(store.transcript(talk.id(), None, 10)).unwrap()[1];
    assert_eq!(line.delivery, Some(DeliveryState::Sent));
    assert!(matches!(begun(first, 70), Begun::NotNow));
}

#[test]
fn a_takeover_cancels_what_automation_had_not_begun() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    let mut turn = talk.message("1", at(1));
    let first = turn.effects[0].id;
    let second = add_effect(&mut turn, send("more"));
    let asked = add_effect(&mut turn, call());
    let change = add_effect(&mut turn, patch());
    apply(&store, turn);
    begin(&store, first, at(1));

    let reply = talk.reply("2", at(2));
    let own = reply.effects[0].id;
    let fence = reply.row.fence;
    assert_eq!(apply(&store, reply), [second, asked]);
    assert!(fence > 1);
    for effect in [second, asked] {
        assert!(matches!(
            block_on(store.begin_delivery(effect, at(2))),
            Ok(Begun::Cancelled)
        ));
    }
    assert_eq!(listed(&store, at(2), 10), [change]);

    // What was under way comes back for a retry, and is fenced now; the reply goes out.
    settle(&store, first, 1, retry_at(at(3)));
    assert!(matches!(
        block_on(store.begin_delivery(first, at(3))),
        Ok(Begun::Cancelled)
    ));
    assert_eq!(begin(&store, own, at(3)).effect.id, own);
    // A contact's change is never fenced.
    begin(&store, change, at(3));
}

#[test]
fn a_blocked_contact_gets_nothing() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    let turn = talk.message("1", at(1));
    let effect = turn.effects[0].id;
    apply(&store, turn);
    let mut contact = talk.contact.clone();
    contact.view.blocked = Some(support::block());
    contact.view.revision = 2;
    block_on(store.save_contact(&contact, 1)).unwrap();
    assert!(matches!(
        block_on(store.begin_delivery(effect, at(1))),
        Ok(Begun::Cancelled)
    ));
    let line = &block_on(store.transcript(talk.id(), None, 10)).unwrap()[1];
    assert_eq!(line.delivery, Some(DeliveryState::Cancelled));
    assert!(block_on(store.outbox(talk.id())).unwrap().is_empty());
}

#[test]
fn a_patch_changes_the_contacts_row_once() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    let mut turn = talk.message("1", at(1));
    let effects = [
        add_effect(&mut turn, patch()),
        add_effect(&mut turn, patch()),
    ];
    apply(&store, turn);
    for effect in effects {
        begin(&store, effect, at(1));
        let EffectBody::PatchContact(patch) = patch() else {
            unreachable!()
        };
        settle(&store, effect, 1, Settled::Patched(patch));
        let contact = block_on(store.contact(talk.contact.id)).unwrap().unwrap();
        assert_eq!(contact.view.fields["city"], Value::from("Oslo"));
        assert_eq!(
            contact.view.revision, 2,
            "the second time it changes nothing"
        );
    }
}

#[test]
fn a_settlement_inside_a_commit_goes_with_it() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    let turn = talk.message("1", at(1));
    let effect = turn.effects[0].id;
    apply(&store, turn);
    begin(&store, effect, at(1));
    let mut turn = talk.message("2", at(2));
    let second = turn.effects[0].id;
    turn.settlement = Some(Settlement {
        effect,
        attempt: 1,
        settled: dead(),
        at: at(2),
    });
    apply(&store, turn);
    assert_eq!(listed(&store, at(2), 10), [second]);
}

#[test]
fn what_was_in_flight_is_ready_after_recovery() {
    let home = Home::new();
    let mut talk = Talk::new("anna");
    let mut turn = talk.message("1", at(1));
    let (first, second) = (turn.effects[0].id, add_effect(&mut turn, send("more")));
    {
        let store = home.open();
        apply(&store, turn);
        begin(&store, first, at(1));
    }
    let store = home.open();
    assert_eq!(listed(&store, at(9), 10), []);
    assert_eq!(block_on(store.recover(at(9))).unwrap(), 1);
    assert_eq!(block_on(store.recover(at(9))).unwrap(), 0);
    assert_eq!(next(&store, at(8)), Some(at(9)));
    assert_eq!(begin(&store, first, at(9)).attempt, 2);
    assert!(matches!(
        block_on(store.begin_delivery(second, at(9))),
        Ok(Begun::NotNow)
    ));
}

#[test]
fn an_unknown_entry_is_not_now() {
    let home = Home::new();
    let store = home.open();
    let talk = Talk::new("anna");
    for effect in [talk.effect(1, 1), talk.effect(u64::MAX, u32::MAX)] {
        assert!(matches!(
            block_on(store.begin_delivery(effect, at(1))),
            Ok(Begun::NotNow)
        ));
        settle(&store, effect, 1, sent());
    }
}

#[test]
fn timers_are_listed_the_longest_due_first_and_never_early() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    let mut turn = talk.message("1", at(1));
    let set = |name: &str, seconds| TimerChange::Set {
        name: name.to_owned(),
        generation: 1,
        due: at(seconds),
    };
    turn.timers = vec![
        set("late", 30),
        set("early", 10),
        set("gone", 5),
        set("again", 20),
    ];
    apply(&store, turn);
    let mut turn = talk.message("2", at(2));
    turn.timers = vec![
        TimerChange::Cancel {
            name: "gone".to_owned(),
        },
        TimerChange::Set {
            name: "again".to_owned(),
            generation: 2,
            due: at(40),
        },
    ];
    apply(&store, turn);

    let due = |seconds, limit| {
        let due = block_on(store.due(&DueQuery::new(at(seconds), limit))).unwrap();
        let names = due
            .timers
            .iter()
            .map(|timer| (timer.name.clone(), timer.generation));
        (names.collect::<Vec<_>>(), due.next)
    };
    let named = |name: &str, generation| (name.to_owned(), generation);
    assert_eq!(due(9, 10), (vec![], Some(at(10))));
    assert_eq!(due(10, 10), (vec![named("early", 1)], Some(at(30))));
    assert_eq!(due(35, 1), (vec![named("early", 1)], Some(at(40))));
    let all = vec![named("early", 1), named("late", 1), named("again", 2)];
    assert_eq!(due(40, 10), (all, None));
}

#[test]
fn a_retry_between_two_milliseconds_is_not_early() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    let turn = talk.message("1", at(1));
    let effect = turn.effects[0].id;
    apply(&store, turn);
    begin(&store, effect, at(1));
    let due = at(2) + std::time::Duration::from_micros(500);
    settle(&store, effect, 1, retry_at(due));
    assert!(matches!(
        block_on(store.begin_delivery(effect, at(2))),
        Ok(Begun::NotNow)
    ));
    let again = next(&store, at(2)).unwrap();
    assert!(again >= due);
    begin(&store, effect, again);
}

/// An answer to a call that nobody waits for is refused, with its settlement in the same write.
#[test]
fn a_refused_answer_settles_its_call() {
    let home = Home::new();
    let store = home.open();
    let mut talk = Talk::new("anna");
    let mut turn = talk.message("1", at(1));
    let asked = add_effect(&mut turn, call());
    apply(&store, turn);
    begin(&store, asked, at(1));
    let event = Event::new(
        "answer",
        EventBody::CallAnswered {
            call: asked,
            answer: Err(CallFailure::Refused),
            detail: None,
        },
    );
    let refused =
        chatflow_core::Engine::handle(talk.config(), talk.snapshot.clone(), &event, at(2))
            .unwrap_err();
    let settlement = Settlement {
        effect: asked,
        attempt: 1,
        settled: sent(),
        at: at(2),
    };
    let record = chatflow_core::RefusedEvent::new(
        talk.id(),
        &event,
        at(2),
        &refused.reason,
        Some(settlement),
    );
    block_on(store.refuse(record.unwrap())).unwrap();
    let open = block_on(store.outbox(talk.id())).unwrap();
    assert!(
        open.iter().all(|entry| entry.effect.id != asked),
        "{open:?}"
    );
}
