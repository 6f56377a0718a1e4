//! How many dialogs an operator has at once.

use chatflow_core::{
    Availability, Behaviour, HandleError, Handling, OperatorAct, OperatorStanding,
};
use futures::executor::block_on;

use crate::office::{OFFER, Office, assign, dialog, operator, to_operator, with_queue};

/// Anna with five dialogs.
fn five() -> Office {
    let office = Office::of(with_queue());
    office.hire("anna");
    for n in 0..5 {
        office.wants_person(&format!("c{n}"));
    }
    assert_eq!(office.row("anna").load, 5);
    office
}

#[test]
fn op_11_the_limit_is_five_and_a_closed_one_makes_room() {
    let office = five();
    office.wants_person("sixth");
    assert_eq!(office.handling("sixth"), Some(Handling::Queued));
    office.does("anna", "c3", OperatorAct::Complete);
    assert_eq!(office.holder("sixth").as_deref(), Some("anna"));
    assert_eq!(office.row("anna").load, 5);
}

#[test]
fn op_11_the_operators_own_limit_goes_before_the_queues_and_that_before_the_bots() {
    let limits = [
        (None, None, 4),
        (None, Some(2), 2),
        (Some(3), Some(2), 3),
        (Some(1), None, 1),
    ];
    for (own, queues, expected) in limits {
        let office = Office::of(Behaviour {
            operator_capacity: 4,
            ..with_queue()
        });
        office.hire("anna");
        if let Some(most) = own {
            office.capacity("anna", most);
        }
        office.queue("sales", |queue| queue.capacity = queues);
        for n in 0..6 {
            office.wants_person(&format!("c{n}"));
        }
        assert_eq!(office.row("anna").load, expected, "{own:?} {queues:?}");
    }
}

#[test]
fn op_11_nobody_takes_more_than_his_limit_himself() {
    let office = five();
    office.wants_person("sixth");
    office.says("seventh", "hi");
    let full = |answer| matches!(answer, Err(HandleError::Full { operator }) if operator.as_str() == "anna");
    assert!(full(office.acts("anna", "sixth", OperatorAct::Accept)));
    assert!(full(office.acts("anna", "seventh", OperatorAct::Take)));
    assert_eq!(office.handling("sixth"), Some(Handling::Queued));
    assert_eq!(office.handling("seventh"), Some(Handling::Bot));
    // What he has he goes on with.
    office.does("anna", "c0", crate::office::reply("hello"));
}

#[test]
fn op_12_op_13_that_the_limit_is_reached_is_worked_out_and_shows_to_colleagues_only() {
    let office = Office::of(Behaviour {
        operator_capacity: 1,
        ..with_queue()
    });
    office.hire("anna");
    office.hire("boris");
    office.wants_person("c");
    office.wants_person("d");
    assert_eq!(office.holder("c").as_deref(), Some("anna"));
    assert_eq!(
        office.row("anna").operator.availability(),
        Availability::Active,
        "his own status"
    );
    let standing = || {
        let list = block_on(office.desk("boris").transfer_list(dialog("d"))).unwrap();
        list.operators[0].standing
    };
    assert_eq!(standing(), OperatorStanding::LimitReached);
    office.does("anna", "c", OperatorAct::Complete);
    assert_eq!(standing(), OperatorStanding::Active);
    // It is no status that could be set.
    assert!(serde_json::from_str::<Availability>(r#""limit_reached""#).is_err());
    assert!(serde_json::from_str::<Availability>(r#""active""#).is_ok());
}

#[test]
fn op_14_the_transfer_list_has_all_queues_and_all_operators_with_their_standing() {
    let office = Office::of(Behaviour {
        operator_capacity: 1,
        ..with_queue()
    });
    office.queue("billing", |_| {});
    office.hire("anna");
    office.wants_person("c");
    office.hire("boris");
    office.wants_person("d");
    office.hire("clara");
    office.add("dora", &[]);
    let list = block_on(office.desk("anna").transfer_list(dialog("c"))).unwrap();
    let operators: Vec<_> = (list.operators.iter())
        .map(|one| (one.operator.as_str(), one.standing))
        .collect();
    let expected = [
        ("boris", OperatorStanding::LimitReached),
        ("clara", OperatorStanding::Active),
        ("dora", OperatorStanding::Inactive),
    ];
    assert_eq!(operators, expected);
    let queues: Vec<_> = list.queues.iter().map(|queue| queue.as_str()).collect();
    assert_eq!(queues, ["billing", "sales"]);
}

#[test]
fn op_15_a_transfer_to_a_full_operator_is_refused() {
    let office = Office::of(Behaviour {
        operator_capacity: 1,
        ..with_queue()
    });
    office.hire("anna");
    office.wants_person("c");
    office.hire("boris");
    office.wants_person("d");
    office.hire("clara");
    office.add("dora", &[]);
    for act in [to_operator("boris"), assign(operator("boris"))] {
        let answer = office.acts("anna", "c", act);
        let Err(HandleError::Full { operator }) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(operator.as_str(), "boris");
    }
    assert_eq!(office.holder("c").as_deref(), Some("anna"), "as it was");
    office.does("anna", "c", to_operator("clara"));
    assert_eq!(office.holder("c").as_deref(), Some("clara"));
    office.does("clara", "c", to_operator("dora"));
    assert_eq!(office.holder("c").as_deref(), Some("dora"), "inactive");
}

#[test]
fn op_15_op_24_whom_the_list_calls_full_cannot_be_given_it_and_whom_it_does_not_can() {
    // Each operator's own number counts, else that of the queue that the dialog is in.
    let office = Office::of(with_queue());
    office.queue("sales", |queue| queue.capacity = Some(1));
    for id in ["anna", "boris", "clara"] {
        office.hire(id);
    }
    office.capacity("clara", 2);
    for contact in ["c", "d", "e"] {
        office.wants_person(contact);
    }
    let holder = office.holder("c").unwrap();
    let list = block_on(office.desk(&holder).transfer_list(dialog("c"))).unwrap();
    for one in list.operators {
        let answer = office.acts(&holder, "c", to_operator(one.operator.as_str()));
        let is_full = matches!(answer, Err(HandleError::Full { .. }));
        assert_eq!(is_full, one.standing == OperatorStanding::LimitReached);
        if !is_full {
            office.does(one.operator.as_str(), "c", to_operator(&holder));
        }
    }
}

#[test]
fn ad_11_the_systems_number_of_simultaneous_chats() {
    let office = Office::of(Behaviour {
        operator_capacity: 2,
        ..with_queue()
    });
    office.hire("anna");
    for contact in ["c", "d", "e"] {
        office.wants_person(contact);
    }
    assert_eq!(office.row("anna").load, 2);
    assert_eq!(office.handling("e"), Some(Handling::Queued));
}

#[test]
fn op_11_an_offer_to_one_who_is_full_meanwhile_is_withdrawn() {
    let office = Office::of(Behaviour {
        operator_capacity: 1,
        ..with_queue()
    });
    office.queue("sales", |queue| queue.acceptance = OFFER);
    office.hire("anna");
    office.wants_person("c");
    office.wants_person("d");
    assert_eq!(office.offered("d"), ["anna"], "offers take no place");
    office.does("anna", "c", OperatorAct::Accept);
    assert_eq!(office.handling("d"), Some(Handling::Queued));
    office.does("anna", "c", OperatorAct::Complete);
    assert_eq!(office.offered("d"), ["anna"]);
}

#[test]
fn op_09_op_38_what_is_offered_to_one_who_is_full_meanwhile_goes_to_a_colleague() {
    let office = Office::of(Behaviour {
        operator_capacity: 1,
        ..with_queue()
    });
    office.queue("sales", |queue| queue.acceptance = OFFER);
    office.hire("anna");
    office.wants_person("c");
    office.wants_person("d");
    office.hire("boris");
    office.step();
    assert_eq!(office.offered("d"), ["anna"]);
    office.does("anna", "c", OperatorAct::Accept);
    assert_eq!(office.offered("d"), ["boris"]);
}

#[test]
fn op_15_a_dialog_that_came_through_no_queue_counts_by_the_bots_queue() {
    let office = Office::of(with_queue());
    office.queue("sales", |queue| queue.capacity = Some(1));
    office.hire("anna");
    office.wants_person("c");
    office.says("d", "hi");
    let answer = office.acts("anna", "d", OperatorAct::Take);
    assert!(
        matches!(answer, Err(HandleError::Full { .. })),
        "{answer:?}"
    );
    office.add("boris", &[]);
    office.does("boris", "d", OperatorAct::Take);
    let list = block_on(office.desk("boris").transfer_list(dialog("d"))).unwrap();
    assert_eq!(list.operators[0].standing, OperatorStanding::LimitReached);
    let answer = office.acts("boris", "d", to_operator("anna"));
    assert!(
        matches!(answer, Err(HandleError::Full { .. })),
        "{answer:?}"
    );
}
