//! A policy that says no: each command of an operator asks it first.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chatflow_core::{
    Availability, ChangeContactError, ContactAct, Desk, DeskError, Filter, HandleError, Operator,
    OperatorAct, OperatorAction, Policy, Target,
};
use futures::executor::block_on;

use crate::office::{Office, dialog, with_queue};

/// Says no to everything once it is told to, and notes what it was asked.
#[derive(Default)]
struct Denies {
    is_on: Mutex<bool>,
    asked: Mutex<BTreeSet<OperatorAction>>,
}

impl Policy for Denies {
    fn can(&self, _: &Operator, action: OperatorAction, _: Target<'_>) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.insert(action);
        !*self.is_on.lock().unwrap()
    }

    fn visible(&self, _: &Operator) -> Filter {
        match *self.is_on.lock().unwrap() {
            true => Filter::nothing(),
            false => Filter::everything(),
        }
    }
}

/// The labels of an enum, as reading one that doesn't exist names them.
fn labels<T: serde::de::DeserializeOwned>() -> BTreeSet<String> {
    let Err(error) = serde_json::from_str::<T>(r#""no such label""#) else {
        panic!("there is such a label");
    };
    let error = error.to_string();
    let (_, known) = error.split_once("expected one of").unwrap();
    let labels = known.split('`').skip(1).step_by(2);
    labels.map(ToOwned::to_owned).collect()
}

fn label<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value).unwrap() {
        serde_json::Value::String(label) => label,
        serde_json::Value::Object(fields) => fields.into_iter().next().unwrap().0,
        other => panic!("{other}"),
    }
}

/// An office where something of everything is, and nobody may do anything.
fn closed() -> (Office, Arc<Denies>) {
    let policy = Arc::new(Denies::default());
    let office = Office::with(with_queue(), |builder| builder.policy(policy.clone()));
    office.hire("anna");
    office.add("boris", &[]);
    office.says("c", "hi");
    *policy.is_on.lock().unwrap() = true;
    policy.asked.lock().unwrap().clear();
    (office, policy)
}

fn acts(office: &Office) -> Vec<OperatorAct> {
    let lines = block_on(office.store.transcript(dialog("c"), None, 10)).unwrap();
    let of = lines.iter().find(|line| line.record.id.n > 0).unwrap();
    let of = of.record.id;
    let acts = [
        r#"{"reply": {"text": "hello"}}"#,
        r#"{"broadcast": {"text": "hello"}}"#,
        r#""take""#,
        r#""accept""#,
        r#""decline""#,
        r#"{"enqueue": "sales"}"#,
        r#"{"transfer": {"to": {"operator": "boris"}, "mode": null}}"#,
        r#"{"transfer": {"to": {"queue": "sales"}, "mode": "child_session"}}"#,
        r#""complete""#,
        r#""reopen""#,
        r#""acknowledge""#,
        r#"{"set": {}}"#,
        r#"{"set": {"assignee": {"operator": "boris"}}}"#,
        r#"{"set": {"line": 2}}"#,
        r#""block""#,
        r#""unblock""#,
        r#""retry""#,
        r#"{"advise": {"language": null}}"#,
    ];
    let acts =
        acts.map(|act| serde_json::from_str(act).unwrap_or_else(|error| panic!("{act}: {error}")));
    let edits = [
        OperatorAct::Edit {
            of,
            text: "hello".into(),
        },
        OperatorAct::Delete { of },
    ];
    acts.into_iter().chain(edits).collect()
}

#[test]
fn ad_12_every_act_in_a_dialog_is_forbidden() {
    let (office, policy) = closed();
    let acts = acts(&office);
    let tried: BTreeSet<String> = acts.iter().map(label).collect();
    assert_eq!(
        tried,
        labels::<OperatorAct>(),
        "a new act is to be tried here"
    );
    let before = office.snapshot("c").revision;
    for (n, act) in acts.iter().enumerate() {
        policy.asked.lock().unwrap().clear();
        let answer = office.acts("anna", "c", act.clone());
        assert!(
            matches!(answer, Err(HandleError::Forbidden { .. })),
            "{act:?}: {answer:?}"
        );
        assert!(!policy.asked.lock().unwrap().is_empty(), "{act:?}");
        // By the desk too.
        let key = format!("desk{n}");
        let answer = block_on(office.desk("anna").act(dialog("c"), &key, act.clone()));
        assert!(
            matches!(answer, Err(HandleError::Forbidden { .. })),
            "{act:?}"
        );
    }
    assert_eq!(office.snapshot("c").revision, before, "nothing was done");
}

#[test]
fn ad_12_every_act_on_a_contact_is_forbidden() {
    let (office, _) = closed();
    let acts = [
        ContactAct::Block,
        ContactAct::Unblock,
        ContactAct::AddTag("vip".to_owned()),
        ContactAct::RemoveTag("vip".to_owned()),
        ContactAct::SetName("Eva".into()),
        ContactAct::SetField("city".to_owned(), "Riga".into()),
    ];
    let source = include_str!("../../src/dialog/contact_act.rs");
    let (_, of_act) = source.split_once("pub enum ContactAct {").unwrap();
    let (of_act, _) = of_act.split_once("\n}").unwrap();
    let variants = of_act.lines().filter(|line| line.ends_with(',')).count();
    assert_eq!(acts.len(), variants, "a new act is to be tried here");
    let contact = office.snapshot("c").contact_id;
    for act in &acts {
        let answer = block_on(office.desk("anna").change_contact(contact, act));
        let Err(ChangeContactError::Forbidden { operator, .. }) = answer else {
            panic!("{act:?}: {answer:?}");
        };
        assert_eq!(operator.as_str(), "anna");
    }
    let row = block_on(office.store.contact(contact)).unwrap().unwrap();
    assert_eq!(row.view.blocked, None);
}

/// What became of a command or a look.
#[derive(Debug, PartialEq)]
enum Answer {
    Forbidden,
    Hidden,
    /// A list without anything.
    Nothing,
    Shown,
}

fn of<T: std::fmt::Debug>(answer: Result<T, DeskError>) -> Answer {
    match answer {
        Err(DeskError::Forbidden { .. }) => Answer::Forbidden,
        Err(DeskError::Hidden { .. }) => Answer::Hidden,
        other => panic!("{other:?}"),
    }
}

fn of_handle<T: std::fmt::Debug>(answer: Result<T, HandleError>) -> Answer {
    match answer {
        Err(HandleError::Forbidden { .. }) => Answer::Forbidden,
        other => panic!("{other:?}"),
    }
}

/// Everything that a desk can do.
fn desk_answers(office: &Office, desk: &Desk<'_>) -> Vec<(&'static str, Answer)> {
    let (c, all) = (dialog("c"), Filter::everything());
    let boris = "boris".into();
    let message = chatflow_core::EffectId {
        dialog: c,
        turn: 1,
        n: 1,
    };
    let contact = office.snapshot("c").contact_id;
    let is_empty = |empty| {
        if empty {
            Answer::Nothing
        } else {
            Answer::Shown
        }
    };
    vec![
        (
            "act",
            of_handle(block_on(desk.act(c, "k", OperatorAct::Take))),
        ),
        (
            "change_contact",
            match block_on(desk.change_contact(contact, &ContactAct::AddTag("vip".to_owned()))) {
                Err(ChangeContactError::Forbidden { .. }) => Answer::Forbidden,
                other => panic!("{other:?}"),
            },
        ),
        ("can_send", of(block_on(desk.can_send(c)))),
        ("show_typing", of(block_on(desk.show_typing(c)))),
        ("mark_read", of(block_on(desk.mark_read(c, message)))),
        ("resend", of(block_on(desk.resend(message)))),
        ("sign_in", of(block_on(desk.sign_in()))),
        ("sign_out", of(block_on(desk.sign_out()))),
        (
            "sign_out_operator",
            of(block_on(desk.sign_out_operator(&boris))),
        ),
        (
            "declare",
            of(block_on(desk.declare(Availability::Inactive))),
        ),
        (
            "declare_operator",
            of(block_on(
                desk.declare_operator(&boris, Availability::Active),
            )),
        ),
        ("seen", of(block_on(desk.seen()))),
        ("lost", of(block_on(desk.lost()))),
        (
            "put_operator",
            of(block_on(desk.put_operator("eva", |_| {}))),
        ),
        ("put_queue", of(block_on(desk.put_queue("new", |_| {})))),
        (
            "pause_bot",
            of_handle(block_on(desk.pause_bot(&"bot".into()))),
        ),
        (
            "resume_bot",
            of_handle(block_on(desk.resume_bot(&"bot".into()))),
        ),
        (
            "list",
            is_empty(block_on(desk.list(&all, None, 9)).unwrap().is_empty()),
        ),
        ("count", is_empty(block_on(desk.count(&all)).unwrap() == 0)),
        ("dialog", of(block_on(desk.dialog(c)))),
        ("responsible", of(block_on(desk.responsible(c)))),
        ("transcript", of(block_on(desk.transcript(c, None, 9)))),
        ("sessions", of(block_on(desk.sessions(c, None, 9)))),
        ("feed", of(block_on(desk.feed(c, 0, 9)))),
        ("operators", of(block_on(desk.operators()))),
        ("queues", of(block_on(desk.queues()))),
        ("transfer_list", of(block_on(desk.transfer_list(c)))),
        ("assignable", of(block_on(desk.assignable(c)))),
    ]
}

#[test]
fn ad_12_every_command_of_a_desk_is_forbidden_and_every_look_shows_nothing() {
    let (office, _) = closed();
    let desk = office.desk("anna");
    let answers = desk_answers(&office, &desk);
    // By the source, so that a new method can't be forgotten here.
    let sources = [
        include_str!("../../src/runner/desk/acts.rs"),
        include_str!("../../src/runner/desk/views.rs"),
    ];
    let methods = sources
        .into_iter()
        .flat_map(|source| source.split("    pub async fn ").skip(1));
    let methods: BTreeSet<&str> = methods
        .map(|rest| rest.split('(').next().unwrap())
        .collect();
    let tried: BTreeSet<&str> = answers.iter().map(|(name, _)| *name).collect();
    assert_eq!(tried, methods);
    let look = |name: &str| {
        let of_dialog = ["dialog", "responsible", "transcript", "sessions", "feed"];
        let lists = ["transfer_list", "assignable"];
        let beside = ["can_send", "show_typing", "mark_read", "resend"];
        let all = of_dialog.iter().chain(&lists).chain(&beside);
        all.into_iter().any(|of_dialog| *of_dialog == name)
    };
    for (name, answer) in answers {
        let expected = match name {
            "list" | "count" => Answer::Nothing,
            name if look(name) => Answer::Hidden,
            _ => Answer::Forbidden,
        };
        assert_eq!(answer, expected, "{name}");
    }
    let eva = block_on(office.store.operator(&"main".into(), &"eva".into()));
    assert!(eva.unwrap().is_none());
}

#[test]
fn ad_12_every_action_is_asked_by_some_command() {
    let (office, policy) = closed();
    let desk = office.desk("anna");
    for act in acts(&office) {
        let _ = office.acts("anna", "c", act);
    }
    desk_answers(&office, &desk);
    let asked = policy.asked.lock().unwrap().clone();
    assert_eq!(asked, OperatorAction::ALL.into());
}

#[test]
fn ad_12_the_policy_is_asked_anew_for_each_command() {
    let (office, policy) = closed();
    let take = || office.acts("anna", "c", OperatorAct::Take);
    assert!(matches!(take(), Err(HandleError::Forbidden { .. })));
    *policy.is_on.lock().unwrap() = false;
    assert!(take().is_ok());
    *policy.is_on.lock().unwrap() = true;
    assert!(matches!(take(), Err(HandleError::Forbidden { .. })));
}
