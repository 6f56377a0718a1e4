//! Queues: what they say, how dialogs come into them, and who gets them by whose rule.

use std::sync::Arc;

use chatflow_core::testing::ScriptedChannel;
use chatflow_core::time::Period;
use chatflow_core::{
    Acceptance, Address, Assignee, AvailableBy, Behaviour, Bot, Candidate, Condition, DeskError,
    DialogId, Enqueue, FinishStatus, FlowBuilder, Handling, Occurrence, OfflineReassign,
    OperatorId, Queue, Robot, Routing, RoutingRule, StatusKind, Store, Wait, WhenAway, Worker,
};
use futures::executor::block_on;

use crate::office::{OFFER, Office, front, operator, with_queue};

#[test]
fn op_21_a_queue_keeps_what_it_was_given() {
    let office = Office::of(Behaviour::default());
    let wanted = Queue {
        rule: RoutingRule::LeastLoaded,
        acceptance: Acceptance::Offer {
            within: Some(Period::from_millis(60_000)),
        },
        available_by: AvailableBy::Both,
        capacity: Some(3),
        complete_after: Some(Period::from_millis(600_000)),
        offline: OfflineReassign::AllUnanswered,
        when_away: WhenAway::PassTo("sales".into()),
        busy_reply: Some("busy".into()),
        away_reply: Some("away".into()),
        ..Queue::new("main", "support").member("anna").member("boris")
    };
    office.queue("support", |queue| *queue = wanted.clone());
    let queues = block_on(office.desk("anna").queues()).unwrap();
    assert_eq!(queues.len(), 2, "with `sales`");
    let kept = &queues[1].queue;
    assert_eq!(
        *kept,
        Queue {
            revision: 1,
            ..wanted.clone()
        }
    );
    // The same again changes nothing.
    office.queue("support", |queue| *queue = wanted.clone());
    let queues = block_on(office.desk("anna").queues()).unwrap();
    assert_eq!(queues[1].queue.revision, 1);
}

#[test]
fn op_21_what_makes_no_sense_is_no_queue() {
    let office = Office::of(Behaviour::default());
    office.add("anna", &[]);
    let desk = office.desk("anna");
    let itself = block_on(desk.put_queue("loop", |queue| {
        queue.when_away = WhenAway::PassTo("loop".into());
    }));
    assert!(matches!(itself, Err(DeskError::Malformed { .. })));
    let stranger = block_on(desk.put_queue("q", |queue| {
        queue.members = ["stranger".into()].into();
    }));
    assert!(matches!(stranger, Err(DeskError::UnknownOperator { .. })));
    let unnamed = block_on(desk.put_queue("", |_| {}));
    assert!(matches!(unnamed, Err(DeskError::Malformed { .. })));
    assert_eq!(block_on(desk.queues()).unwrap().len(), 1);
}

/// The last by name; whoever waits since the epoch is nobody's.
struct LastByName;

impl Routing for LastByName {
    fn choose(&self, wait: &Wait, candidates: &[Candidate]) -> Vec<OperatorId> {
        assert!(wait.since.timestamp() > 0, "a wait that is none");
        let last = candidates.last();
        last.map(|one| one.operator.id.clone())
            .into_iter()
            .collect()
    }
}

#[test]
fn op_22_a_rule_of_the_hosts_chooses() {
    let office = Office::with(with_queue(), |builder| {
        builder.routing("last", Arc::new(LastByName))
    });
    office.later(crate::office::minutes(1));
    office.queue("sales", |queue| {
        queue.rule = RoutingRule::Custom("last".to_owned());
    });
    for id in ["anna", "boris", "clara"] {
        office.hire(id);
    }
    office.wants_person("c");
    office.wants_person("d");
    assert_eq!(office.holder("c").as_deref(), Some("clara"));
    assert_eq!(office.holder("d").as_deref(), Some("clara"));
    // A rule that the program doesn't have gives nobody anything.
    office.queue("sales", |queue| {
        queue.rule = RoutingRule::Custom("first".to_owned());
    });
    office.wants_person("e");
    assert_eq!(office.handling("e"), Some(Handling::Queued));
}

/// Whom nobody asked before.
struct Fresh;

impl Routing for Fresh {
    fn choose(&self, wait: &Wait, candidates: &[Candidate]) -> Vec<OperatorId> {
        let wanted = wait.prefers.iter().chain(&wait.passed);
        match wanted.count() {
            0 => Vec::new(),
            _ => candidates
                .iter()
                .map(|one| one.operator.id.clone())
                .collect(),
        }
    }
}

#[test]
fn op_22_a_rule_of_the_hosts_sees_the_wait_as_it_is() {
    let office = Office::with(with_queue(), |builder| {
        builder.routing("fresh", Arc::new(Fresh))
    });
    for id in ["anna", "boris"] {
        office.hire(id);
    }
    office.wants_person("c");
    assert_eq!(office.holder("c").as_deref(), Some("anna"));
    office.queue("sales", |queue| {
        queue.rule = RoutingRule::Custom("fresh".to_owned());
        queue.offline = OfflineReassign::Never;
    });
    office.wants_person("d");
    assert_eq!(
        office.handling("d"),
        Some(Handling::Queued),
        "nobody is preferred"
    );
    // It was Anna's, who isn't there any more: the rule lets others have it.
    office.declare("anna", chatflow_core::Availability::Inactive);
    office.says("c", "hello?");
    let back = chatflow_core::OperatorAct::Set(chatflow_core::DialogSettings {
        status: Some(chatflow_core::StatusChoice::Auto),
        ..Default::default()
    });
    office.does("anna", "c", back);
    office.wants_person("c");
    assert_eq!(office.holder("c").as_deref(), Some("boris"));
}

#[test]
fn op_22_who_had_it_gets_it_again_whatever_the_rule() {
    let office = Office::of(with_queue());
    office.hire("anna");
    office.wants_person("c");
    for id in ["boris", "clara"] {
        office.hire(id);
    }
    for rule in [
        RoutingRule::RoundRobin,
        RoutingRule::LeastLoaded,
        RoutingRule::Everybody,
    ] {
        office.queue("sales", |queue| queue.rule = rule.clone());
        let back = chatflow_core::OperatorAct::Set(chatflow_core::DialogSettings {
            status: Some(chatflow_core::StatusChoice::Auto),
            ..Default::default()
        });
        office.does("anna", "c", back);
        assert_eq!(office.handling("c"), Some(Handling::Bot));
        office.wants_person("c");
        assert_eq!(office.holder("c").as_deref(), Some("anna"), "{rule:?}");
    }
}

#[test]
fn op_23_each_channel_leads_to_its_own_queue() {
    let store: Arc<dyn Store> = Arc::new(chatflow_core::MemoryStore::new());
    let clock = Arc::new(chatflow_core::testing::ManualClock::default());
    let channels = ["web", "phone"].map(|id| Arc::new(ScriptedChannel::new(id)));
    let bot = |id: &str, queue: &str| {
        let behaviour = Behaviour {
            queue: Some(queue.into()),
            ..Behaviour::default()
        };
        Bot::new(id, front()).behaviour(behaviour)
    };
    let worker = Worker::builder(Arc::clone(&store), clock)
        .bot(&bot("site", "sales"), channels[0].clone())
        .bot(&bot("kiosk", "support"), channels[1].clone())
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    for (channel, bot, queue) in [("web", "site", "sales"), ("phone", "kiosk", "support")] {
        let line = channels.iter().find(|line| {
            use chatflow_core::Channel as _;
            line.id().as_str() == channel
        });
        block_on(worker.receive(line.unwrap().says("c", "1", "person"))).unwrap();
        let dialog = DialogId::derive(&bot.into(), &Address::new(channel, "c"));
        let loaded = block_on(store.load(dialog)).unwrap().unwrap();
        let snapshot = chatflow_core::Snapshot::decode(&loaded.snapshot).unwrap();
        let session = snapshot.session.unwrap();
        assert_eq!(session.handling, Handling::Queued);
        assert_eq!(session.queue, Some(queue.into()));
    }
}

#[test]
fn op_31_a_queue_fills_its_managers_and_says_once_that_the_rest_waits() {
    let office = Office::of(with_queue());
    office.queue("sales", |queue| {
        queue.capacity = Some(2);
        queue.busy_reply = Some("All are busy.".into());
        queue.away_reply = Some("Nobody is here.".into());
    });
    office.hire("anna");
    office.hire("boris");
    for contact in ["c", "d", "e", "f", "g"] {
        office.wants_person(contact);
    }
    assert_eq!(office.row("anna").load, 2);
    assert_eq!(office.row("boris").load, 2);
    assert_eq!(office.handling("g"), Some(Handling::Queued));
    assert_eq!(office.sent(), ["All are busy."]);
    // Not again, however often it is looked at, nor when all have gone.
    office.says("g", "hello?");
    office.later(crate::office::minutes(5));
    for id in ["anna", "boris"] {
        office.declare(id, chatflow_core::Availability::Inactive);
    }
    assert!(office.sent().is_empty(), "once a session");
    office.wants_person("h");
    assert_eq!(office.sent(), ["Nobody is here."]);
    office.declare("anna", chatflow_core::Availability::Active);
    assert_eq!(office.handling("h"), Some(Handling::Queued), "no room");
    assert!(office.sent().is_empty());
    office.does("anna", "c", chatflow_core::OperatorAct::Complete);
    assert_eq!(office.holder("g").as_deref(), Some("anna"));
}

#[test]
fn op_31_where_nobody_is_there_another_queue_gets_it_and_none_for_ever() {
    let office = Office::of(with_queue());
    office.queue("night", |queue| {
        queue.when_away = WhenAway::PassTo("sales".into());
    });
    office.queue("sales", |queue| {
        queue.when_away = WhenAway::PassTo("night".into());
        queue.away_reply = Some("Nobody is here.".into());
    });
    office.wants_person("c");
    assert_eq!(office.handling("c"), Some(Handling::Queued));
    let queue = office.snapshot("c").session.unwrap().queue;
    assert_eq!(queue, Some("night".into()), "and it stays there");
    office.add("anna", &[]);
    office.queue("night", |queue| queue.members = ["anna".into()].into());
    block_on(office.desk("anna").sign_in()).unwrap();
    office.declare("anna", chatflow_core::Availability::Active);
    assert_eq!(office.holder("c").as_deref(), Some("anna"));
}

#[test]
fn fl_16_a_step_puts_the_dialog_into_a_queue_with_each_finish_status() {
    let finishes = [
        (None, StatusKind::Manual),
        (Some(FinishStatus::Manual), StatusKind::Manual),
        (Some(FinishStatus::Auto), StatusKind::Auto),
        (Some(FinishStatus::Waiting), StatusKind::Waiting),
        (Some(FinishStatus::Finished), StatusKind::Finished),
    ];
    for (finish, shown) in finishes {
        let mut flow = FlowBuilder::new("front", 1).step("queue", Enqueue::into("support"));
        if let Some(finish) = finish {
            flow = flow.finish(finish);
        }
        let flow = flow.step("front", crate::office::Front).build().unwrap();
        let bot = Bot::new("bot", flow).behaviour(with_queue());
        let store = Arc::new(chatflow_core::MemoryStore::new());
        let office = Office::over(store, &bot, |builder| builder);
        office.queue("support", |_| {});
        office.says("c", "hi");
        let snapshot = office.snapshot("c");
        let session = snapshot.session.as_ref().unwrap();
        assert_eq!(session.handling, Handling::Queued, "{finish:?}");
        assert_eq!(session.queue, Some("support".into()), "{finish:?}");
        assert_eq!(snapshot.shown_status().kind, shown, "{finish:?}");
        // Somebody comes and gets it, whatever the status.
        office.hire("anna");
        office.queue("support", |queue| queue.members = ["anna".into()].into());
        assert_eq!(office.holder("c").as_deref(), Some("anna"), "{finish:?}");
        assert_eq!(office.snapshot("c").shown_status().kind, shown);
    }
}

#[test]
fn fl_16_a_step_makes_an_operator_responsible() {
    let flow = FlowBuilder::new("front", 1).step("give", chatflow_core::Assign::to("anna"));
    let bot = Bot::new("bot", flow.build().unwrap()).behaviour(with_queue());
    let store = Arc::new(chatflow_core::MemoryStore::new());
    let office = Office::over(store, &bot, |builder| builder);
    office.says("c", "hi");
    assert_eq!(
        office.holder("c").as_deref(),
        Some("anna"),
        "no queue for him"
    );
    assert_eq!(office.snapshot("c").shown_status().kind, StatusKind::Manual);
}

#[test]
fn fl_39_new_dialogs_go_to_the_bots_managers_in_turn() {
    let behaviour = Behaviour {
        managers: ["anna".into(), "boris".into()].into(),
        ..Behaviour::default()
    };
    let office = Office::of(behaviour);
    office.add("anna", &[]);
    office.add("boris", &[]);
    let contacts = ["c", "d", "e", "f"];
    for contact in contacts {
        office.says(contact, "hi");
    }
    let of = |id: &str| {
        let his = |contact: &&&str| office.snapshot(contact).assignee == operator(id);
        contacts.iter().filter(his).count()
    };
    assert_eq!((of("anna"), of("boris")), (2, 2));
    for contact in contacts {
        assert_eq!(
            office.handling(contact),
            Some(Handling::Bot),
            "the bot leads on"
        );
    }
    assert_eq!(office.row("anna").load, 0);
    // One who is in the settings and not in the space gets nothing, and a known contact is
    // nobody's new dialog.
    office.does("anna", "c", crate::office::assign(Assignee::Nobody));
    office.says("c", "hi again");
    assert_eq!(office.snapshot("c").assignee, Assignee::Nobody);
}

#[test]
fn fl_44_rules_reassign_by_conditions() {
    let vip = Robot {
        on: Occurrence::Message,
        when: Some(Condition::is("message", "vip")),
        assign: Some("boris".into()),
        ..Robot::default()
    };
    let bill = Robot {
        on: Occurrence::Message,
        words: vec!["bill".to_owned()],
        queue: Some("billing".into()),
        ..Robot::default()
    };
    let behaviour = Behaviour {
        robots: [("vip".to_owned(), vip), ("bill".to_owned(), bill)].into(),
        ..with_queue()
    };
    let office = Office::of(behaviour);
    office.queue("billing", |queue| queue.acceptance = OFFER);
    for id in ["anna", "boris"] {
        office.add(id, &[]);
    }
    office.says("c", "vip");
    assert_eq!(office.snapshot("c").assignee, operator("boris"));
    office.says("d", "hi");
    assert_eq!(office.snapshot("d").assignee, Assignee::Nobody);
    assert_eq!(office.handling("d"), Some(Handling::Bot));
    office.says("d", "my bill, please");
    let session = office.snapshot("d").session.unwrap();
    assert_eq!(session.handling, Handling::Queued);
    assert_eq!(session.queue, Some("billing".into()));
    let since = session.waiting_since;
    office.later(crate::office::minutes(1));
    office.says("d", "the bill!");
    let session = office.snapshot("d").session.unwrap();
    assert_eq!(session.waiting_since, since, "it waits there already");
}
