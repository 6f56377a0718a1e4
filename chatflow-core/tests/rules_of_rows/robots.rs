//! Robots and alerts.

use chatflow_core::{
    EventBody, Fact, OperatorAct, Postback, Reach, StatusChoice, StatusKind, StepTarget,
};

use crate::rig::{Dialog, acted, set, told};

const ROBOTS: &str = "
flow: help
bot:
  tags: [hot, cold, never]
  notifications:
    - {on: [new_dialog, message, error, manual, robots_stopped], to: [bo]}
  robots:
    hot: {on: message, words: [price], add_tags: [hot], notify: [anna]}
    never: {on: message, when: '\"cold\" in tags', add_tags: [never]}
    sold: {on: postback, step: {step: end}}
    ask: {on: message, words: [end], step: {step: end}}
steps:
  need:
    keywords:
      routes: {bye: [bye]}
      retry: Say bye.
  talk:
    ai_reply: Help the contact
    next: end
  bye:
    send: Bye!
    finish: finished
  end:
    ask: {question: Sold?, save: sold}
    finish: finished
";

fn pair(to: &str, alert: &str) -> (String, String) {
    (to.to_owned(), alert.to_owned())
}

#[test]
fn fl_42_a_robot_that_changes_nothing_has_not_acted_and_tells_nobody() {
    let mut dialog = Dialog::of(ROBOTS);
    let first = dialog.says("what price?");
    assert_eq!(acted(&first), 1);
    let both = [pair("anna", "robot"), pair("bo", "new_dialog")];
    assert_eq!(told(&first), both);
    let second = dialog.says("what price, please?");
    assert_eq!((acted(&second), told(&second)), (0, vec![]));
    assert!(!dialog.snapshot.contact.tags.contains("never"));
}

#[test]
fn fl_42_robots_move_no_dialog_that_a_person_leads_or_nobody_can_write_to() {
    let step = |dialog: &Dialog| {
        let at = dialog.snapshot.position.as_ref().unwrap();
        at.step.as_str().to_owned()
    };
    let mut dialog = Dialog::of(ROBOTS);
    dialog.says("hi");
    let mut moved = dialog.clone();
    moved.says("the end");
    assert_eq!(step(&moved), "end", "where automation leads they do");
    let mut manual = dialog.clone();
    manual.acts(set(StatusChoice::Manual));
    manual.says("the end");
    assert_eq!(
        (step(&manual).as_str(), manual.shows()),
        ("need", StatusKind::Manual)
    );
    dialog
        .turn(EventBody::ReachReported(Reach::BlockedByContact))
        .unwrap();
    let sold = Postback::new("sale");
    dialog.turn(EventBody::PostbackReceived(sold)).unwrap();
    assert_eq!(step(&dialog), "need");
}

#[test]
fn fl_43_robots_act_exactly_as_often_as_the_limit_says() {
    let mut dialog = Dialog::of(
        "
flow: help
bot:
  tags: [hot]
  robots:
    add: {on: message, add_tags: [hot]}
    heat: {on: tag, when: 'not \"hot\" in tags', add_tags: [hot]}
    cool: {on: tag, when: '\"hot\" in tags', remove_tags: [hot]}
steps:
  need:
    ask: {question: What?, save: need}
    finish: finished
",
    );
    let stopped = dialog.says("hi");
    assert_eq!(acted(&stopped), 20);
    let is_stopped = |fact: &&Fact| matches!(fact, Fact::RobotsStopped { .. });
    assert_eq!(stopped.facts.iter().filter(is_stopped).count(), 1);
}

#[test]
fn fl_40_each_alert_is_for_what_it_says_and_comes_once() {
    let mut dialog = Dialog::of(ROBOTS);
    assert_eq!(told(&dialog.says("hi")), [pair("bo", "new_dialog")]);
    assert!(told(&dialog.says("and?")).is_empty(), "the flow answers");
    let manual = dialog.acts(set(StatusChoice::Manual));
    assert_eq!(told(&manual), [pair("bo", "manual")]);
    let heard = dialog.says("hello?");
    assert_eq!(told(&heard), [pair("bo", "message")], "Manual isn't new");
    let step = Some(StepTarget::step("talk"));
    dialog.acts(OperatorAct::set(Some(StatusChoice::Auto), step));
    assert_eq!(told(&dialog.fails()), [pair("bo", "error")]);
}

#[test]
fn fl_29_robots_hear_what_was_said_in_a_pause_once_it_is_over() {
    let mut dialog = Dialog::of(ROBOTS);
    dialog.says("hi");
    assert_eq!(acted(&dialog.says_in_a_pause("what price?")), 0);
    assert!(!dialog.snapshot.contact.tags.contains("hot"));
    assert_eq!(acted(&dialog.fires("held")), 1);
    assert!(dialog.snapshot.contact.tags.contains("hot"));
}

#[test]
fn fl_29_robots_do_nothing_in_a_pause() {
    let flow = ROBOTS
        .replace("{on: message, when", "{on: status, when")
        .replace("\"cold\" in", "\"hot\" in");
    let mut dialog = Dialog::of(&flow);
    dialog.says("what price?");
    dialog
        .turn(EventBody::ReachReported(Reach::BlockedByContact))
        .unwrap();
    assert!(dialog.snapshot.contact.tags.remove("never"), "it acts");
    dialog.says_in_a_pause("hello?");
    assert_eq!(dialog.shows(), StatusKind::Auto);
    assert!(!dialog.snapshot.contact.tags.contains("never"));
}
