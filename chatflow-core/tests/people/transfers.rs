//! Passing a dialog on.

use std::sync::Arc;

use chatflow_core::{
    Acceptance, Assignee, Behaviour, CompletionCause, DeskError, Fact, HandleError, Handling,
    OperatorAct, Refusal, Roles, Side, TransferMode, TransferTo,
};
use futures::executor::block_on;

use crate::office::{
    OFFER, Office, assign, dialog, in_sales, is_forbidden, operator, refusal, reply, to_operator,
    to_queue,
};

fn creatio() -> Office {
    let office = Office::of(in_sales(Behaviour::creatio()));
    office.hire("anna");
    office.wants_person("c");
    office.add("boris", &[]);
    office.add("clara", &[]);
    assert_eq!(office.holder("c").as_deref(), Some("anna"));
    office
}

#[test]
fn op_16_op_17_a_transfer_to_a_colleague_makes_a_child_that_he_has_at_once() {
    let office = creatio();
    let parent = office.snapshot("c").session.unwrap().number;
    office.does("anna", "c", to_operator("boris"));
    let child = office.snapshot("c").session.unwrap();
    assert_eq!(child.parent, Some(parent));
    assert_eq!(child.number, parent + 1);
    assert_eq!(child.handling, Handling::InProgress);
    assert_eq!(office.holder("c").as_deref(), Some("boris"));
    let sessions = office.sessions("c");
    let of_parent = sessions.iter().find(|one| one.number == parent).unwrap();
    let completed = of_parent.completed.as_ref().unwrap();
    assert_eq!(completed.cause, CompletionCause::Transferred);
    assert_eq!(of_parent.assignee, operator("anna"), "whose it was");
    assert_eq!(office.row("anna").load, 0);
    assert_eq!(office.row("boris").load, 1);
}

#[test]
fn op_16_the_mode_can_be_chosen_for_each_transfer() {
    let office = creatio();
    let number = office.snapshot("c").session.unwrap().number;
    let act = OperatorAct::Transfer {
        to: TransferTo::Operator("boris".into()),
        mode: Some(TransferMode::Reassign),
    };
    office.does("anna", "c", act);
    assert_eq!(office.snapshot("c").session.unwrap().number, number);
    assert_eq!(office.holder("c").as_deref(), Some("boris"));
}

#[test]
fn op_18_a_transfer_to_a_queue_waits_there_and_goes_by_its_rule() {
    let office = creatio();
    office.queue("billing", |queue| {
        queue.members = ["boris".into(), "clara".into()].into();
        queue.rule = chatflow_core::RoutingRule::Everybody;
        queue.acceptance = OFFER;
    });
    let parent = office.snapshot("c").session.unwrap().number;
    office.does("anna", "c", to_queue("billing"));
    let child = office.snapshot("c").session.unwrap();
    assert_eq!(child.parent, Some(parent));
    assert_eq!(child.handling, Handling::Queued);
    assert_eq!(child.queue, Some("billing".into()));
    assert_eq!(office.snapshot("c").assignee, Assignee::Nobody);
    for id in ["boris", "clara"] {
        block_on(office.desk(id).sign_in()).unwrap();
        office.declare(id, chatflow_core::Availability::Active);
    }
    assert_eq!(office.offered("c"), ["boris", "clara"]);
}

#[test]
fn op_20_fl_48_the_new_owner_reads_the_whole_conversation_in_order() {
    let roles = Roles::creatio();
    let office = Office::with(in_sales(Behaviour::creatio()), |builder| {
        builder.policy(Arc::new(roles))
    });
    for id in ["anna", "boris", "clara"] {
        office.hire_as(id, &["operator"]);
    }
    office.says("c", "hi");
    office.wants_person("c");
    let mut holder = office.holder("c").unwrap();
    for next in ["boris", "clara", "anna"] {
        if holder == next {
            continue;
        }
        office.does(&holder, "c", reply(&format!("by {holder}")));
        office.says("c", "thanks");
        office.does(&holder, "c", to_operator(next));
        holder = next.to_owned();
    }
    let sessions = block_on(office.desk(&holder).sessions(dialog("c"), None, 10)).unwrap();
    assert!(sessions.len() >= 4, "the bot's, and one for each operator");
    let lines = block_on(office.desk(&holder).transcript(dialog("c"), None, 100)).unwrap();
    let texts: Vec<_> = lines
        .iter()
        .map(|line| line.record.message.text())
        .collect();
    assert_eq!(texts[..3], ["hi", "bot: hi", "person"], "the bot's first");
    assert_eq!(lines[0].record.author.side(), Side::Contact);
    assert!(lines.is_sorted_by_key(|line| line.record.at));
    let all = block_on(office.store.transcript(dialog("c"), None, 100)).unwrap();
    assert_eq!(lines.len(), all.len(), "of all sessions");
}

#[test]
fn op_24_the_list_for_reassigning_has_only_those_who_can_be_chosen() {
    let roles = Roles::retailcrm();
    let behaviour = Behaviour {
        operator_capacity: 1,
        ..in_sales(Behaviour::retailcrm())
    };
    let office = Office::with(behaviour, |builder| builder.policy(Arc::new(roles)));
    for id in ["anna", "boris"] {
        office.hire_as(id, &["manager"]);
    }
    office.wants_person("c");
    office.wants_person("d");
    office.hire_as("clara", &["manager"]);
    office.add("dora", &["manager"]);
    let ids = |operator: &str| {
        let list = block_on(office.desk(operator).assignable(dialog("c")));
        list.map(|list| {
            let ids = list.iter().map(|one| one.operator.as_str().to_owned());
            ids.collect::<Vec<_>>()
        })
    };
    assert_eq!(ids("anna").unwrap(), ["clara", "dora"], "boris has no room");
    assert!(matches!(ids("boris"), Err(DeskError::Hidden { .. })));
}

#[test]
fn op_25_only_the_responsible_and_an_administrator_reassign() {
    let roles = Roles::retailcrm().history(chatflow_core::HistoryVisibility::AllWithSpaceAccess);
    let office = Office::with(in_sales(Behaviour::retailcrm()), |builder| {
        builder.policy(Arc::new(roles))
    });
    office.hire_as("anna", &["manager"]);
    office.wants_person("c");
    office.add("boris", &["manager"]);
    office.add("root", &["admin"]);
    let to_boris = || assign(operator("boris"));
    for act in [
        to_boris(),
        to_operator("boris"),
        to_queue("sales"),
        OperatorAct::Enqueue("sales".into()),
        OperatorAct::Take,
    ] {
        let answer = office.acts("boris", "c", act.clone());
        assert!(is_forbidden(&answer), "{act:?}: {answer:?}");
    }
    let listed = block_on(office.desk("boris").assignable(dialog("c")));
    assert!(matches!(listed, Err(DeskError::Forbidden { .. })));
    office.does("anna", "c", to_boris());
    assert_eq!(office.holder("c").as_deref(), Some("boris"));
    office.does("root", "c", assign(operator("anna")));
    assert_eq!(office.holder("c").as_deref(), Some("anna"));
}

#[test]
fn op_25_a_completed_dialog_of_somebody_else_cannot_be_taken() {
    let roles = Roles::retailcrm().history(chatflow_core::HistoryVisibility::AllWithSpaceAccess);
    let office = Office::with(in_sales(Behaviour::retailcrm()), |builder| {
        builder.policy(Arc::new(roles))
    });
    office.hire_as("anna", &["manager"]);
    office.wants_person("c");
    office.does("anna", "c", OperatorAct::Complete);
    office.add("boris", &["manager"]);
    let answer = office.acts("boris", "c", OperatorAct::Take);
    assert!(is_forbidden(&answer), "{answer:?}");
    assert_eq!(office.snapshot("c").assignee, operator("anna"));
    // What waits is there to be taken, whoever was responsible.
    office.says("c", "again");
    office.declare("anna", chatflow_core::Availability::Inactive);
    office.does("anna", "c", to_queue("sales"));
    assert!(office.acts("boris", "c", OperatorAct::Accept).is_ok());
}

#[test]
fn op_26_whoever_gave_a_dialog_away_sees_it_no_more_but_an_administrator_does() {
    let roles = Roles::retailcrm();
    let office = Office::with(in_sales(Behaviour::retailcrm()), |builder| {
        builder.policy(Arc::new(roles))
    });
    office.hire_as("anna", &["manager"]);
    office.wants_person("c");
    office.add("boris", &["manager"]);
    office.add("root", &["admin"]);
    let reads = |id: &str| block_on(office.desk(id).transcript(dialog("c"), None, 10));
    assert!(reads("anna").is_ok());
    office.does("anna", "c", assign(operator("boris")));
    let answer = reads("anna");
    assert!(
        matches!(answer, Err(DeskError::Hidden { .. })),
        "{answer:?}"
    );
    assert!(reads("boris").is_ok());
    assert!(reads("root").is_ok());
}

#[test]
fn op_27_st_25_a_closed_dialog_is_reassigned_and_stays_closed() {
    let roles = Roles::retailcrm();
    let office = Office::with(in_sales(Behaviour::retailcrm()), |builder| {
        builder.policy(Arc::new(roles))
    });
    office.hire_as("anna", &["manager"]);
    office.wants_person("c");
    office.does("anna", "c", OperatorAct::Complete);
    office.add("boris", &["manager"]);
    office.add("root", &["admin"]);
    office.does("root", "c", assign(operator("boris")));
    assert_eq!(office.handling("c"), None, "closed");
    assert_eq!(office.snapshot("c").assignee, operator("boris"));
    assert_eq!(office.row("boris").load, 0);
    office.does("boris", "c", reply("hello again"));
    assert_eq!(office.holder("c").as_deref(), Some("boris"), "open");
}

#[test]
fn op_28_after_closing_the_manager_may_begin_again_unless_it_is_another_ones() {
    let roles = Roles::retailcrm();
    let office = Office::with(in_sales(Behaviour::retailcrm()), |builder| {
        builder.policy(Arc::new(roles))
    });
    office.hire_as("anna", &["manager"]);
    office.wants_person("c");
    office.add("boris", &["manager"]);
    office.add("root", &["admin"]);
    office.does("anna", "c", OperatorAct::Complete);
    office.does("anna", "c", reply("one more thing"));
    assert_eq!(office.sent(), ["one more thing"]);
    assert_eq!(office.holder("c").as_deref(), Some("anna"));
    office.does("anna", "c", OperatorAct::Complete);
    for to in [Assignee::Bot("bot".into()), operator("boris")] {
        office.does("root", "c", assign(to.clone()));
        let answer = office.acts("anna", "c", reply("and"));
        assert!(is_forbidden(&answer), "{to}: {answer:?}");
    }
    // Where the host's policy lets her, the bot's own settings still don't.
    let office = Office::of(in_sales(Behaviour::retailcrm()));
    office.hire("anna");
    office.wants_person("c");
    office.does("anna", "c", OperatorAct::Complete);
    let bot = Assignee::Bot("bot".into());
    office.does("anna", "c", assign(bot.clone()));
    let refused = Refusal::NotAssignee { assignee: bot };
    assert_eq!(refusal(office.acts("anna", "c", reply("and"))), refused);
}

#[test]
fn op_35_only_operators_of_the_bots_space_can_be_chosen() {
    let office = creatio();
    let (space, id) = ("branch".into(), "stranger".into());
    block_on(office.worker.put_operator(&space, &id, |_| {})).unwrap();
    for act in [assign(operator("stranger")), to_operator("stranger")] {
        let answer = office.acts("anna", "c", act);
        let Err(HandleError::UnknownOperator { operator }) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(operator.as_str(), "stranger");
    }
    assert_eq!(office.holder("c").as_deref(), Some("anna"));
    // Nor does he act himself.
    let answer = office.acts("stranger", "c", reply("hello"));
    assert!(matches!(answer, Err(HandleError::UnknownOperator { .. })));
    for act in [to_queue("nowhere"), OperatorAct::Enqueue("nowhere".into())] {
        let answer = office.acts("anna", "c", act);
        let Err(HandleError::UnknownQueue { queue }) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(queue.as_str(), "nowhere");
    }
}

#[test]
fn op_39_a_transfer_to_a_queue_without_anybody_keeps_it_waiting() {
    let office = creatio();
    office.queue("billing", |_| {});
    office.does("anna", "c", to_queue("billing"));
    office.later(crate::office::minutes(30));
    assert_eq!(office.handling("c"), Some(Handling::Queued));
    office.queue("billing", |queue| {
        queue.members = ["boris".into()].into();
        queue.acceptance = Acceptance::Offer { within: None };
    });
    assert_eq!(office.handling("c"), Some(Handling::Queued), "he is away");
    block_on(office.desk("boris").sign_in()).unwrap();
    office.declare("boris", chatflow_core::Availability::Active);
    assert_eq!(office.offered("c"), ["boris"]);
}

#[test]
fn op_40_a_transfer_to_oneself_or_of_a_completed_chat_is_refused() {
    let office = creatio();
    let his = Refusal::AlreadyTheirs {
        operator: "anna".into(),
    };
    assert_eq!(refusal(office.acts("anna", "c", to_operator("anna"))), his);
    office.does("anna", "c", OperatorAct::Complete);
    for act in [to_operator("boris"), to_queue("sales")] {
        let answer = office.acts("anna", "c", act);
        assert_eq!(refusal(answer), Refusal::SessionCompleted);
    }
    assert_eq!(office.sessions("c").last().unwrap().number, 2);
}

#[test]
fn op_34_the_responsible_is_chosen_and_the_timeline_says_by_whom() {
    let office = Office::of(Behaviour::default());
    office.add("anna", &[]);
    office.says("c", "hi");
    office.does("anna", "c", assign(operator("anna")));
    assert_eq!(office.snapshot("c").assignee, operator("anna"));
    let changed = Fact::AssigneeChanged {
        from: Assignee::Nobody,
        to: operator("anna"),
        actor: chatflow_core::Actor::Operator("anna".into()),
    };
    assert!(office.facts("c").contains(&changed));
}
