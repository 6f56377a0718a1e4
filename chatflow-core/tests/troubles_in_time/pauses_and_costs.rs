//! Pit stops, and what models cost.

use crate::rig::holds;

const PRICED: &str = "flow: f
bot:
  ai:
    model: small
    prices: {small: {input: 1000, output: 1000}}
    dialog_budget: 1
steps:
  talk:
    ai_reply: Answer.
    finish: waiting
    next: talk
";

/// AI-05, AI-13, AI-14: a late answer is dropped, and what it has cost counts for the bot and for
/// the dialog's budget.
#[test]
fn a_late_answer_counts_for_the_dialogs_budget() {
    holds(
        PRICED,
        "~ ai later
> one
~ ai later
> two
~ ai late reply \"a\" in 1000 out 0
? usage bot 1000 0 1
? usage 1000 0 1
~ ai late reply \"b\" in 0 out 0
< b
",
    );
}

/// AI-05, FL-29: an answer that comes in a pit stop is asked for again afterwards. Both answers are
/// counted.
#[test]
fn an_answer_that_comes_in_a_pit_stop_has_cost_something() {
    holds(
        PRICED,
        "~ ai later
> one
! pit_stop on
~ ai late reply \"a\" in 400 out 0
~ ai reply \"b\" in 400 out 0
! pit_stop off
< b
? usage bot 800 0 0.8
",
    );
}

/// AI-05: a model's answer that is larger than a dialog may keep is counted too.
#[test]
fn an_answer_that_is_too_large_has_cost_something() {
    let long = "a".repeat(200_000);
    let scenario = format!(
        "~ ai reply \"{long}\" in 400 out 100\n> one\n? status error\n? usage bot 400 100 0.5\n"
    );
    holds(PRICED, &scenario);
}

/// FL-29: a dialog keeps its place in a pit stop; a postback's rule moves it afterwards.
#[test]
fn a_postback_doesnt_move_a_dialog_in_a_pit_stop() {
    holds(
        "flow: f
bot:
  postbacks:
    - {on: sale, step: {step: thanks}}
steps:
  name:
    ask: {question: Your name?, save: contact.name}
    finish: finished
  thanks:
    send: Thank you.
    finish: finished
",
        "> hi
< Your name?
! pit_stop on
* postback sale 50
? step name
! pit_stop off
< Thank you.
",
    );
}

/// FL-29: what is held in a pit stop stays held there, also where the contact begins again.
#[test]
fn nothing_runs_in_a_pit_stop_where_the_contact_begins_again() {
    holds(
        "flow: f
steps:
  name:
    ask: {question: Your name?, save: contact.name}
  done:
    send: Thank you.
    finish: finished
",
        "> hi
< Your name?
! pit_stop on
> Anna
? held 1
% started
? step name
! pit_stop off
< Thank you.
",
    );
}

/// FL-29, ST-45: with `error_inbound: retry` a message retries nothing in a pit stop.
#[test]
fn nothing_runs_in_a_pit_stop_where_the_dialog_shows_error() {
    holds(
        "flow: f
bot: {error_inbound: retry}
steps:
  talk:
    ai_reply: Answer.
    finish: waiting
  name:
    ask: {question: Your name?, save: contact.name}
",
        "~ ai error
> hi
? status error
! pit_stop on
> hello?
? status error
",
    );
}

/// FL-29, FL-40: the alert `message` goes out in a pit stop too, where the bot doesn't lead.
#[test]
fn operators_are_told_of_messages_in_a_pit_stop_too() {
    holds(
        "flow: f
bot:
  notifications:
    - {on: [message], to: [anna]}
steps:
  name:
    send: Hello.
    finish: manual
",
        "> hi
< Hello.
? notified anna message
! pit_stop on
> anybody there?
? status manual
? notified anna message
",
    );
}

/// FL-29, C3: what comes in a pit stop is handled once each. Where the first message ends the flow,
/// `finished_inbound` says what the next one does.
#[test]
fn what_came_in_a_pit_stop_is_handled_also_where_the_first_of_it_ends_the_flow() {
    holds(
        "flow: f
bot: {finished_inbound: to_manual}
steps:
  name:
    ask: {question: Your name?, save: contact.name}
  done:
    send: Thank you.
    finish: finished
",
        "> hi
< Your name?
! pit_stop on
> Anna
> And where is my parcel?
? held 2
! pit_stop off
< Thank you.
? status manual
",
    );
}
