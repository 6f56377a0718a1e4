//! Who may do what, and see what, by roles.

use std::sync::Arc;

use chatflow_core::{
    Behaviour, DeskError, Filter, HandleError, HistoryVisibility, OperatorAct, OperatorAction,
    Refusal, Right, Role, Roles,
};
use futures::executor::block_on;

use crate::office::{
    Office, assign, dialog, in_sales, is_forbidden, operator, refusal, reply, with_queue,
};

fn under(behaviour: Behaviour, roles: Roles) -> Office {
    Office::with(behaviour, |builder| builder.policy(Arc::new(roles)))
}

#[test]
fn ad_01_a_role_without_the_right_may_not_act() {
    let roles = Roles::new()
        .role("agent", Role::agent())
        .role("trainee", Role::new().right(Right::SeeAll));
    let office = under(with_queue(), roles);
    office.add("anna", &["agent"]);
    office.add("tim", &["trainee"]);
    office.add("nobody", &[]);
    office.says("c", "person");
    assert!(is_forbidden(&office.acts("tim", "c", OperatorAct::Accept)));
    assert!(is_forbidden(&office.acts(
        "nobody",
        "c",
        OperatorAct::Accept
    )));
    // Seeing isn't acting, and the other way round.
    assert!(block_on(office.desk("tim").dialog(dialog("c"))).is_ok());
    let hidden = block_on(office.desk("nobody").dialog(dialog("c")));
    assert!(matches!(hidden, Err(DeskError::Hidden { .. })));
    office.does("anna", "c", OperatorAct::Accept);
    // What the agents' role doesn't name an agent may not.
    let desk = office.desk("anna");
    let invites = block_on(desk.put_operator("eva", |_| {}));
    assert!(matches!(
        invites,
        Err(DeskError::Forbidden {
            action: OperatorAction::ManageOperators,
            ..
        })
    ));
    assert!(is_forbidden(&office.acts("anna", "c", OperatorAct::Block)));
    let pause = block_on(desk.pause_bot(&"bot".into()));
    assert!(matches!(pause, Err(HandleError::Forbidden { .. })));
    assert!(
        block_on(office.store.operator(&"main".into(), &"eva".into()))
            .unwrap()
            .is_none()
    );
}

#[test]
fn ad_01_an_operator_has_the_rights_of_all_his_roles() {
    let roles = Roles::new()
        .role("writer", Role::agent())
        .role("blocker", Role::new().right(Right::Block));
    let office = under(with_queue(), roles);
    office.add("anna", &["writer", "blocker", "unknown"]);
    office.says("c", "person");
    office.does("anna", "c", OperatorAct::Accept);
    office.does("anna", "c", OperatorAct::Block);
}

#[test]
fn ad_08_administrators_see_all_dialogs() {
    for roles in [Roles::retailcrm(), Roles::creatio()] {
        let office = under(in_sales(Behaviour::default()), roles);
        office.add("root", &["admin"]);
        office.hire_as("anna", &["manager", "operator"]);
        office.says("by_bot", "hi");
        office.wants_person("annas");
        office.wants_person("closed");
        office.does("anna", "closed", OperatorAct::Complete);
        let root = office.desk("root");
        assert_eq!(block_on(root.count(&Filter::everything())).unwrap(), 3);
        for contact in ["by_bot", "annas", "closed"] {
            let history = block_on(root.transcript(dialog(contact), None, 10)).unwrap();
            assert!(!history.is_empty(), "{contact}");
        }
    }
}

#[test]
fn ad_10_queues_need_a_right_of_their_own() {
    let office = under(Behaviour::default(), Roles::creatio());
    office.add("anna", &["operator"]);
    office.add("sam", &["settings"]);
    office.add("root", &["admin"]);
    let changes = |id: &str, most| {
        let desk = office.desk(id);
        block_on(desk.put_queue("sales", |queue| queue.capacity = Some(most)))
    };
    let answer = changes("anna", 9);
    assert!(
        matches!(
            answer,
            Err(DeskError::Forbidden {
                action: OperatorAction::ManageQueues,
                ..
            })
        ),
        "{answer:?}"
    );
    changes("sam", 2).unwrap();
    changes("root", 3).unwrap();
    let queues = block_on(office.desk("sam").queues()).unwrap();
    assert_eq!(queues[0].queue.capacity, Some(3));
    // That right is no other.
    office.says("c", "person");
    assert!(is_forbidden(&office.acts("sam", "c", OperatorAct::Take)));
}

#[test]
fn op_29_whoever_writes_in_somebody_elses_dialog_is_refused() {
    let office = Office::of(with_queue());
    office.hire("anna");
    office.wants_person("c");
    office.add("boris", &[]);
    let refused = Refusal::NotAssignee {
        assignee: operator("anna"),
    };
    assert_eq!(refusal(office.acts("boris", "c", reply("hm"))), refused);
    assert!(office.sent().is_empty());
    let lines = block_on(office.store.transcript(dialog("c"), None, 10)).unwrap();
    assert_eq!(lines.len(), 1, "it leaves nothing");
    // Where whoever has access writes, he does.
    let office = Office::of(in_sales(Behaviour::chatterfy()));
    office.hire("anna");
    office.wants_person("c");
    office.add("boris", &[]);
    office.does("boris", "c", reply("hm"));
    assert_eq!(office.sent(), ["hm"]);
    assert_eq!(office.holder("c").as_deref(), Some("anna"), "it stays hers");
}

#[test]
fn dl_44_an_open_chat_is_its_operators_alone_and_a_completed_one_everybodys() {
    let office = under(in_sales(Behaviour::creatio()), Roles::creatio());
    office.hire_as("anna", &["operator"]);
    office.add("boris", &["operator"]);
    office.wants_person("c");
    let reads = |id: &str| block_on(office.desk(id).transcript(dialog("c"), None, 10));
    assert_eq!(office.holder("c").as_deref(), Some("anna"));
    assert!(reads("anna").is_ok());
    assert!(matches!(reads("boris"), Err(DeskError::Hidden { .. })));
    let feed = block_on(office.desk("boris").feed(dialog("c"), 0, 10));
    assert!(matches!(feed, Err(DeskError::Hidden { .. })));
    let sessions = block_on(office.desk("boris").sessions(dialog("c"), None, 10));
    assert!(matches!(sessions, Err(DeskError::Hidden { .. })));
    let card = block_on(office.desk("boris").responsible(dialog("c")));
    assert!(matches!(card, Err(DeskError::Hidden { .. })));
    office.does("anna", "c", OperatorAct::Complete);
    assert!(reads("boris").is_ok());
}

#[test]
fn op_26_dl_44_who_sees_what_he_had_is_a_setting() {
    let settings = [
        (HistoryVisibility::AssigneeAndAdmins, false, false),
        (HistoryVisibility::ParticipantsToo, true, false),
        (HistoryVisibility::AllWithSpaceAccess, true, true),
    ];
    for (history, former, others) in settings {
        let roles = Roles::retailcrm().history(history);
        let office = under(in_sales(Behaviour::retailcrm()), roles);
        office.hire_as("anna", &["manager"]);
        office.wants_person("c");
        for id in ["boris", "clara"] {
            office.add(id, &["manager"]);
        }
        office.does("anna", "c", assign(operator("boris")));
        let sees = |id: &str| block_on(office.desk(id).dialog(dialog("c"))).is_ok();
        assert!(sees("boris"));
        assert_eq!(sees("anna"), former, "{history:?}");
        assert_eq!(sees("clara"), others, "{history:?}");
    }
}

#[test]
fn op_26_what_cannot_be_seen_cannot_be_acted_in() {
    let roles = Roles::retailcrm().role("manager", Role::agent().right(Right::Block));
    let office = under(in_sales(Behaviour::retailcrm()), roles);
    office.hire_as("anna", &["manager"]);
    office.wants_person("c");
    office.add("boris", &["manager"]);
    let answer = office.acts("boris", "c", OperatorAct::Block);
    assert!(
        matches!(answer, Err(HandleError::Hidden { .. })),
        "{answer:?}"
    );
    assert!(office.snapshot("c").operator_block.is_none());
}
