//! What an operator's panel lists and shows.

use std::sync::Arc;

use chatflow_core::{
    Actor, Assignee, Author, Behaviour, DialogSettings, DialogSummary, Fact, FeedItem, Filter,
    Handling, Line, NoSuchLine, OperatorAct, Responsible, Roles,
};
use futures::executor::block_on;

use crate::office::{OFFER, Office, assign, dialog, in_sales, operator, reply, with_queue};

fn contacts(found: &[DialogSummary]) -> Vec<&str> {
    let mut contacts: Vec<_> = (found.iter())
        .map(|one| one.address.external_id())
        .collect();
    contacts.sort_unstable();
    contacts
}

fn list(office: &Office, of: &str, filter: &Filter) -> Vec<DialogSummary> {
    block_on(office.desk(of).list(filter, None, 100)).unwrap()
}

#[test]
fn dl_42_the_panel_has_two_lists_active_and_new() {
    let office = Office::of(with_queue());
    office.queue("sales", |queue| queue.acceptance = OFFER);
    office.says("with_bot", "hi");
    office.wants_person("waits");
    office.hire("anna");
    office.hire("boris");
    office.wants_person("active");
    office.does("anna", "active", OperatorAct::Take);
    office.wants_person("boris_only");
    for _ in 0..2 {
        if office.offered("boris_only") == ["anna"] {
            office.does("anna", "boris_only", OperatorAct::Decline);
        }
    }
    assert_eq!(office.offered("boris_only"), ["boris"]);
    let of_anna = list(&office, "anna", &Filter::active_of("anna"));
    assert_eq!(contacts(&of_anna), ["active"]);
    assert!(list(&office, "boris", &Filter::active_of("boris")).is_empty());
    // The one that waited is offered to one of them now.
    let to = office.offered("waits").remove(0);
    let mut of_boris = vec!["boris_only"];
    let mut of_anna = vec![];
    match to.as_str() {
        "boris" => of_boris.push("waits"),
        _ => of_anna.push("waits"),
    }
    of_boris.sort_unstable();
    assert_eq!(
        contacts(&list(&office, "boris", &Filter::awaiting("boris"))),
        of_boris
    );
    assert_eq!(
        contacts(&list(&office, "anna", &Filter::awaiting("anna"))),
        of_anna
    );
    // What is offered to nobody is new for all.
    office.queue("other", |_| {});
    office.does("anna", "with_bot", OperatorAct::Enqueue("other".into()));
    for id in ["anna", "boris"] {
        let new = list(&office, id, &Filter::awaiting(id));
        assert!(contacts(&new).contains(&"with_bot"), "{id}");
        let count = block_on(office.desk(id).count(&Filter::awaiting(id))).unwrap();
        assert_eq!(count, new.len() as u64);
    }
}

#[test]
fn st_30_what_a_bot_handles_is_in_the_archive_and_in_no_operators_panel() {
    let roles = Roles::creatio();
    let office = Office::with(in_sales(Behaviour::creatio()), |builder| {
        builder.policy(Arc::new(roles))
    });
    office.hire_as("anna", &["operator"]);
    office.add("root", &["admin"]);
    office.says("c", "hi");
    assert_eq!(office.handling("c"), Some(Handling::Bot));
    let all = Filter::everything();
    assert!(list(&office, "anna", &all).is_empty());
    assert_eq!(contacts(&list(&office, "root", &all)), ["c"]);
    office.wants_person("c");
    assert_eq!(contacts(&list(&office, "anna", &all)), ["c"]);
}

#[test]
fn ms_22_the_feed_says_who_wrote_each_message() {
    let office = Office::of(Behaviour::chatterfy());
    for id in ["anna", "boris"] {
        office.add(id, &[]);
    }
    office.says("c", "hi");
    office.does("anna", "c", reply("I am Anna"));
    office.does("boris", "c", reply("I am Boris"));
    let feed = block_on(office.desk("anna").feed(dialog("c"), 0, 100)).unwrap();
    let written: Vec<_> = (feed.iter())
        .filter_map(|entry| match &entry.item {
            FeedItem::Message(line) => {
                Some((line.record.author.clone(), line.record.message.text()))
            }
            FeedItem::Change(_) => None,
        })
        .collect();
    let expected = [
        (Author::Contact, "hi"),
        (Author::Automation, "bot: hi"),
        (Author::Operator("anna".into()), "I am Anna"),
        (Author::Operator("boris".into()), "I am Boris"),
    ];
    assert_eq!(written, expected);
    assert!(feed.is_sorted_by_key(|entry| entry.turn));
    // Page by page it is the same.
    let mut paged = Vec::new();
    let mut after = 0;
    loop {
        let page = block_on(office.desk("anna").feed(dialog("c"), after, 1)).unwrap();
        if after >= office.snapshot("c").revision {
            break;
        }
        after += 1;
        paged.extend(page);
    }
    assert_eq!(paged, feed);
}

#[test]
fn ms_23_the_feed_shows_who_closed_opened_and_reassigned() {
    let office = Office::of(with_queue());
    office.hire("anna");
    office.wants_person("c");
    office.hire("boris");
    office.does("anna", "c", assign(operator("boris")));
    office.does("boris", "c", OperatorAct::Complete);
    office.does("boris", "c", OperatorAct::Reopen);
    office.does("boris", "c", OperatorAct::Complete);
    office.says("c", "again");
    let feed = block_on(office.desk("anna").feed(dialog("c"), 0, 100)).unwrap();
    let boris = Actor::Operator("boris".into());
    let said: Vec<_> = (feed.iter())
        .filter_map(|entry| match &entry.item {
            FeedItem::Change(fact) => match &**fact {
                Fact::SessionCompleted { actor, .. } => Some(("closed", actor.clone())),
                Fact::SessionReopened { actor, .. } => Some(("opened", actor.clone())),
                Fact::AssigneeChanged { actor, .. } => Some(("reassigned", actor.clone())),
                _ => None,
            },
            FeedItem::Message(_) => None,
        })
        .collect();
    let expected = [
        ("reassigned", Actor::Queue("sales".into())),
        ("reassigned", Actor::Operator("anna".into())),
        ("closed", boris.clone()),
        ("opened", boris.clone()),
        ("closed", boris),
        ("opened", Actor::Contact),
        // It waits for whom it was with, and nobody is responsible meanwhile.
        ("reassigned", Actor::Contact),
        ("reassigned", Actor::Queue("sales".into())),
    ];
    assert_eq!(said, expected);
}

#[test]
fn st_47_what_is_acknowledged_awaits_no_reply_until_the_contact_writes_again() {
    let office = Office::of(with_queue());
    office.add("anna", &[]);
    office.says("c", "hi");
    office.does("anna", "c", OperatorAct::Take);
    office.says("c", "thanks!");
    let waits = || contacts(&list(&office, "anna", &Filter::NeedsReply)).len();
    assert_eq!(waits(), 1);
    office.does("anna", "c", OperatorAct::Acknowledge);
    assert_eq!(waits(), 0);
    let acknowledged = Fact::Acknowledged {
        operator: "anna".into(),
    };
    assert!(office.facts("c").contains(&acknowledged));
    assert!(office.sent().iter().all(|text| text.starts_with("bot: ")));
    office.says("c", "one more thing");
    assert_eq!(waits(), 1);
    office.does("anna", "c", reply("yes?"));
    assert_eq!(waits(), 0);
}

#[test]
fn op_36_the_card_shows_the_name_of_the_responsible() {
    let office = Office::of(with_queue());
    office.add("anna", &[]);
    office.says("c", "hi");
    let responsible = || block_on(office.desk("anna").responsible(dialog("c"))).unwrap();
    assert_eq!(responsible(), None);
    office.does("anna", "c", assign(operator("anna")));
    let anna = Responsible {
        operator: "anna".into(),
        name: Some("Name of anna".into()),
    };
    assert_eq!(responsible(), Some(anna));
    office.does("anna", "c", assign(Assignee::Bot("bot".into())));
    assert_eq!(responsible(), None, "no operator");
}

#[test]
fn op_30_dialogs_are_assigned_to_bots_and_found_by_that() {
    let behaviour = Behaviour {
        bot_answers: chatflow_core::BotAnswers::UnlessAssigned,
        ..Behaviour::default()
    };
    let office = Office::of(behaviour);
    office.add("anna", &[]);
    office.says("c", "hi");
    let bot = Assignee::Bot("bot".into());
    let found = |filter| contacts(&list(&office, "anna", &filter)).len();
    assert_eq!(found(Filter::Assignee(bot.clone())), 0);
    office.does("anna", "c", assign(operator("anna")));
    office.sent();
    office.says("c", "silent?");
    assert!(office.sent().is_empty(), "a person is responsible");
    office.does("anna", "c", assign(bot.clone()));
    assert_eq!(found(Filter::Assignee(bot)), 1);
    office.says("c", "and now?");
    assert_eq!(office.sent(), ["bot: and now?"]);
    // Only its own bot can have it.
    let other = office.acts("anna", "c", assign(Assignee::Bot("other".into())));
    assert!(matches!(
        crate::office::refusal(other),
        chatflow_core::Refusal::Malformed { .. }
    ));
}

#[test]
fn op_37_a_dialog_is_in_the_first_or_the_second_line() {
    let office = Office::of(Behaviour::default());
    office.add("anna", &[]);
    office.says("c", "hi");
    office.says("d", "hi");
    let second = OperatorAct::Set(DialogSettings {
        line: Some(Line::try_from(2).unwrap()),
        ..DialogSettings::default()
    });
    office.does("anna", "c", second);
    let of = |line| list(&office, "anna", &Filter::Line(line));
    assert_eq!(contacts(&of(Line::Second)), ["c"]);
    assert_eq!(contacts(&of(Line::First)), ["d"]);
    assert_eq!(Line::try_from(3), Err(NoSuchLine(3)));
    assert!(serde_json::from_str::<Line>("3").is_err());
}
