//! What comes with time: reminders, quiet hours, delays.

use chatflow_core::{OperatorAct, OperatorBlock, Reach, Snapshot, StatusChoice, time};

use crate::rig::{Dialog, HOUR, MINUTE, pushes_fired, reply, said, set};

const REMINDERS: &str = "
flow: order
bot:
  pushes:
    - {after: 3h, send: We are here.}
steps:
  size:
    ask: {question: Which size?, answer: number, save: size, retries: 5}
    pushes:
      - {after: 1h, send: First.}
      - {after: 2h, send: Second.}
  done:
    send: Thank you.
    finish: waiting
";

type Change = fn(&mut Snapshot);

#[test]
fn fl_27_whether_a_push_may_go_is_asked_again_when_it_fires() {
    let mut dialog = Dialog::of(REMINDERS);
    dialog.says("hi");
    dialog.at(HOUR);
    let changes: [(&str, Change); 6] = [
        ("manual", |dialog| {
            dialog.automation = chatflow_core::Automation::Manual;
        }),
        ("finished", |dialog| {
            dialog.automation = chatflow_core::Automation::Finished;
        }),
        ("start", |dialog| {
            dialog.automation = chatflow_core::Automation::Start;
        }),
        ("blocked by the contact", |dialog| {
            dialog.reach = Reach::BlockedByContact;
        }),
        ("blocked by us", |dialog| {
            dialog.operator_block = Some(OperatorBlock {
                by: "olga".into(),
                since: time::from_millis(0),
            });
        }),
        ("none", |_| {}),
    ];
    for (what, change) in changes {
        let mut dialog = dialog.clone();
        change(&mut dialog.snapshot);
        let fired = dialog.fires("push:0");
        let goes = what == "none";
        assert_eq!(said(&fired).len(), usize::from(goes), "{what}");
        assert_eq!(pushes_fired(&fired), [("push:0", goes)], "{what}");
        assert_eq!(dialog.due("push:0"), None, "{what}");
    }
}

#[test]
fn fl_28_of_several_that_are_due_at_once_the_last_goes() {
    let mut dialog = Dialog::of(REMINDERS);
    dialog.says("hi");
    // Nobody worked for long.
    dialog.at(10 * HOUR);
    let first = dialog.fires("push:0");
    assert!(said(&first).is_empty());
    assert_eq!(pushes_fired(&first), [("push:0", false)]);
    let second = dialog.fires("push:1");
    assert_eq!(said(&second), ["Second."]);
    let fired = [("push_bot:0", false), ("push:1", true)];
    assert_eq!(pushes_fired(&second), fired, "the bot's is dropped");
    assert!(dialog.snapshot.timers.is_empty());
}

#[test]
fn fl_25_fl_24_silence_is_counted_anew_where_the_step_stays() {
    let mut dialog = Dialog::of(REMINDERS);
    dialog.says("hi");
    dialog.at(30 * MINUTE).says("large");
    assert_eq!(dialog.due("push:0"), Some(90 * MINUTE), "not at 60");
    assert_eq!(dialog.due("push_bot:0"), Some(210 * MINUTE));
    dialog.at(90 * MINUTE).fires("push:0");
    // What has been said once isn't said again, whoever led meanwhile.
    dialog.at(91 * MINUTE).acts(set(StatusChoice::Manual));
    assert!(dialog.snapshot.timers.is_empty());
    dialog.at(92 * MINUTE).acts(set(StatusChoice::Auto));
    assert_eq!(dialog.due("push:0"), None);
    assert_eq!(dialog.due("push:1"), Some(212 * MINUTE));
    // Who answers is reminded again.
    dialog.at(93 * MINUTE).says("large");
    assert_eq!(dialog.due("push:0"), Some(153 * MINUTE));
}

#[test]
fn fl_27_st_40_a_block_that_ends_gives_back_what_was_waited_for() {
    let flow = REMINDERS.replace("bot:", "bot:\n  quiet_time: 60s");
    let mut dialog = Dialog::of(&flow);
    dialog.says("hi");
    dialog.at(60).fires("held");
    dialog.at(70).says("5");
    dialog.at(80).acts(OperatorAct::Block);
    assert!(said(&dialog.at(130).fires("held")).is_empty(), "it waits");
    let discarded = dialog.at(70 + 3 * HOUR).fires("push_bot:0");
    assert_eq!(pushes_fired(&discarded), [("push_bot:0", false)]);
    dialog.at(HOUR * 9).acts(OperatorAct::Unblock);
    assert_eq!(dialog.due("held"), Some(9 * HOUR), "at once");
    assert_eq!(dialog.due("push:0"), Some(10 * HOUR));
    assert_eq!(dialog.due("push_bot:0"), Some(12 * HOUR));
    assert_eq!(said(&dialog.fires("held")), ["Thank you."]);
}

const NIGHT: &str = "
flow: night
bot:
  quiet_hours: {from: \"22:00\", to: \"08:00\"}
steps:
  hello:
    send: Hello!
    answer_after: 90s
  size:
    ask: {question: Which size?, save: size}
    pushes:
      - {after: 1h, send: Well?}
    timeout: 2h
    next: {timeout: pause}
  pause:
    delay: 1h
  late:
    send: Too late.
    finish: finished
";

#[test]
fn what_comes_late_in_the_quiet_hours_waits_for_their_end_and_answers_do_not() {
    let morning = Some(32 * HOUR);
    let mut dialog = Dialog::of(NIGHT);
    // An answer is given at any time.
    dialog.at(22 * HOUR).says("hi");
    let hello = dialog.at(22 * HOUR + 90).fires("step");
    assert_eq!(said(&hello), ["Hello!", "Which size?"]);
    assert_eq!(
        (dialog.due("push:0"), dialog.due("step")),
        (morning, morning)
    );

    let mut dialog = Dialog::of(NIGHT);
    dialog.at(18 * HOUR).says("hi");
    dialog.at(18 * HOUR + 90).fires("step");
    assert_eq!(dialog.due("step"), Some(20 * HOUR + 90));
    // Both were due in the evening, and nobody worked.
    dialog.at(23 * HOUR);
    assert!(said(&dialog.fires("push:0")).is_empty());
    assert!(said(&dialog.fires("step")).is_empty());
    assert_eq!(
        (dialog.due("push:0"), dialog.due("step")),
        (morning, morning)
    );

    let mut dialog = Dialog::of(NIGHT);
    dialog.at(18 * HOUR).says("hi");
    dialog.at(18 * HOUR + 90).fires("step");
    dialog.at(21 * HOUR + 30 * MINUTE).fires("step");
    assert_eq!(dialog.due("step"), morning, "the end of a delay");
}

#[test]
fn fl_54_a_delays_own_policy_counts_more_than_the_bots() {
    for (bot, own, said_now) in [("break", "keep", 0), ("ignore", "break", 1)] {
        let mut dialog = Dialog::of(&format!(
            "
flow: later
bot: {{during_delay: {bot}}}
steps:
  pause:
    delay: {{for: 1h, during: {own}}}
  end:
    send: Here I am.
    finish: finished
"
        ));
        dialog.says("hi");
        let during = dialog.at(10 * MINUTE).says("hello?");
        assert_eq!(said(&during).len(), said_now, "{own}");
    }
}

#[test]
fn fl_22_an_answer_delay_is_counted_from_the_last_message() {
    let mut dialog = Dialog::of(NIGHT);
    dialog.says("hi");
    assert_eq!(dialog.due("step"), Some(90));
    dialog.at(60).says("hello?");
    assert_eq!(dialog.due("step"), Some(150));
}

#[test]
fn fl_23_letters_are_counted_and_no_text_is_typed_for_ever() {
    let flow = "
flow: typist
bot:
  typing: {characters_per_second: 10, longest: 30s}
steps:
  talk:
    ai_reply: Help the contact
    finish: finished
";
    for (text, takes) in [("я".repeat(20), 2), ("long ".repeat(500), 30)] {
        let mut dialog = Dialog::of(flow);
        dialog.says("hi");
        let call = dialog.call();
        dialog.answers(call, reply(&text)).unwrap();
        assert_eq!(dialog.due("step"), Some(takes));
    }
}
