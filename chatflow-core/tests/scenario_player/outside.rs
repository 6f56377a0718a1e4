//! Those outside whom a scenario speaks for: late answers, postbacks, and lines about them.

use chatflow_core::testing::{Played, Player, Scenario, block_on};
use chatflow_core::{Bot, FlowBuilder, Message, Outcome, Step, StepContext, Value};

use crate::bots::bot;
use crate::reading::refused_with;
use crate::{all, failure, failures};

#[test]
fn a_line_about_those_outside_that_cannot_be_read_is_named() {
    refused_with(&[
        ("~", "expected a space after `~`"),
        ("~ gpt \"hi\"", "expected ai, http, recognise"),
        ("~ ai", "expected route BRANCH, reply TEXT, nonsense"),
        ("~ ai says \"hi\"", "found `says`"),
        ("~ ai route", "expected the branch"),
        ("~ ai reply", "expected what the model says"),
        ("~ ai reply \"hi", "expected a JSON string"),
        (
            "~ ai reply \"hi\" there",
            "expected tokens, such as in 1000 out 200",
        ),
        ("~ ai reply \"hi\" in 1000", "expected tokens, such as in"),
        ("~ ai reply \"hi\" in many out 2", "found `many`"),
        (
            "~ ai reply \"hi\" in 1 out 2 3",
            "expected the end of the line",
        ),
        ("~ ai nonsense twice", "expected tokens"),
        ("~ ai error \"why\" now", "expected the end of the line"),
        ("~ ai timeout now", "expected the end of the line"),
        ("~ ai never ever", "expected the end of the line"),
        ("~ ai late", "expected route BRANCH"),
        ("~ ai late later", "a late answer is an answer or a failure"),
        ("~ ai late never", "a late answer is an answer or a failure"),
        ("~ http", "expected a status from 100 to 599"),
        ("~ http ok", "found `ok`"),
        ("~ http 99", "found `99`"),
        ("~ http 600", "found `600`"),
        ("~ http 200 {", "expected JSON"),
        ("~ recognise", "expected texts as JSON strings"),
        ("~ recognise hello", "expected texts as JSON strings"),
        ("~ translate hola", "expected texts as JSON strings"),
        ("~ bot", "expected texts as JSON strings, done"),
        ("~ bot hello", "found `hello`"),
        ("~ bot \"hi\" gone", "found `gone`"),
        ("~ bot done done", "expected the end of the line"),
        ("~ call crm later {}", "expected the end of the line"),
        ("*", "expected a space after `*`"),
        ("* sale 50", "expected postback EVENT"),
        ("* postback", "expected the event, such as sale"),
        ("* postback sale much", "expected postback EVENT"),
        ("* postback sale 50 60", "found `60`"),
        ("* postback sale click=", "expected postback EVENT"),
        ("* postback sale click=a click=b", "`click` is set twice"),
        ("* postback sale a=1 a=2", "`a` is set twice"),
        ("* postback sale 50 unknown", "name it with click="),
        (
            "* postback sale click=a unknown 50",
            "expected the end of the line",
        ),
        ("% started spring campaign=", "expected NAME=VALUE"),
        ("! retry now", "expected the end of the line"),
        ("! advise en now", "expected the end of the line"),
        ("! assign", "expected an operator or nobody"),
        ("! assign anna assign bo", "`assign` is set twice"),
        ("! translate", "expected a language, nothing or as_bot"),
        ("! set", "expected status=, step="),
        ("! set status", "expected status=, step="),
        ("! set status=blocked", "write ! block"),
        ("! set status=auto status=manual", "`status` is set twice"),
        ("! set step=a flow=b", "`step` and `flow` set one place"),
        ("! set mood=good", "found `mood`"),
        ("! set card.x=1", "found `card.x`"),
        ("! set tags=vip", "expected tags such as tags=+vip,-cold"),
        (
            "! set tags=+vip,,-cold",
            "expected tags such as tags=+vip,-cold",
        ),
        ("! set step=a please", "expected the end of the line"),
        ("! pit_stop", "expected on or off"),
        ("! pit_stop maybe", "found `maybe`"),
        ("! pit_stop on now", "expected the end of the line"),
        ("? timers step@soon", "expected a moment such as 2026"),
        (
            "? timers step@2026-01-01T00:00:00Z push:0",
            "expected a moment behind each timer",
        ),
        ("? usage", "expected tokens read"),
        ("? usage 1000 200", "expected tokens read"),
        ("? usage 1000 many 0.1", "found `many`"),
        ("? usage bot 1 2 dear", "found `dear`"),
        ("? held", "expected a number"),
        ("? advice", "expected a text"),
        ("? failure", "expected a text"),
        ("? translated", "expected a text"),
        ("? reading", "expected a text"),
        ("? tracked", "expected what was reported"),
        ("? notified", "expected what was reported"),
        ("? asked", "expected model NAME"),
        ("? asked model", "expected the model's name"),
        ("? asked gpt 3", "found `gpt`"),
        ("? asked http", "expected how often it was asked"),
        ("? asked http often", "found `often`"),
        ("? asked http 3 keys", "expected under how many keys"),
        ("? asked call", "expected a port's name"),
        ("? prompt", "expected contains TEXT"),
        ("? prompt has x", "found `has`"),
        ("? prompt contains", "expected a text"),
        ("? prompt same twice", "expected the end of the line"),
        ("? request", "expected contains TEXT"),
        ("? request contains", "expected a text"),
        ("? typing long", "found `long`"),
    ]);
}

#[test]
fn what_those_outside_do_not_say_fails() {
    let begin = "> hi\n< What is your name?\n";
    for (check, expected, got) in [
        ("usage 1000 200 0.00045", "1000 200 0.00045", "0 0 0"),
        ("usage bot 1 2 3", "1 2 3", "0 0 0"),
        ("held 2", "2", "0"),
        ("advice Say yes.", "Say yes.", "missing"),
        ("failure overloaded", "overloaded", "missing"),
        ("translated Hola", "Hola", "missing"),
        ("reading two tickets", "two tickets", "missing"),
        (
            "timers step@2026-01-01T06:00:00Z",
            "step@2026-01-01T06:00:00Z",
            "none",
        ),
        ("tracked deposit 50", "deposit 50", "none"),
        ("notified anna manual", "anna manual", "nobody"),
        ("asked model gpt", "gpt", "nobody was asked"),
        ("asked ai 1", "1", "0"),
        ("asked http 3 keys 1", "3 keys 1", "0 keys 0"),
        (
            "prompt contains goal",
            "a prompt that has `goal`",
            "nobody was asked",
        ),
        (
            "prompt lacks goal",
            "a prompt that doesn't have `goal`",
            "nobody was asked",
        ),
        (
            "prompt same",
            "two prompts",
            "a model was asked less than twice",
        ),
        (
            "request contains x",
            "a request that has `x`",
            "nobody was asked",
        ),
        ("typing", "shown", "none"),
    ] {
        let found = failures("order", &format!("{begin}? {check}\n"));
        assert_eq!(found, [failure(3, expected, got)], "{check}");
    }
    for holds in [
        "typing none",
        "advice none",
        "failure none",
        "translated none",
        "reading none",
        "tracked none",
        "notified nobody",
        "notified none",
        "asked ai 0",
    ] {
        let found = failures("order", &format!("{begin}? {holds}\n"));
        assert_eq!(found, [], "{holds}");
    }
    let too_early = failures("order", "? tracked none\n");
    assert_eq!(
        too_early,
        [failure(1, "none", "there is no dialog with `contact` yet")]
    );
}

#[test]
fn timers_are_compared_with_the_moments_at_which_they_are_due() {
    let text = "> hi\n< Who are you?\n? timers step@2026-01-01T06:00:00Z\n\
                ? timers step@2026-01-01T08:00:00+02:00\n? timers step@2026-01-01T06:00:01Z\n";
    assert_eq!(
        failures("silences", text),
        [failure(
            5,
            "step@2026-01-01T06:00:01Z",
            "step@2026-01-01T06:00:00Z"
        )]
    );
}

#[test]
fn answers_nobody_asked_for_fail_in_the_order_of_their_lines() {
    let text = "~ http 200\n~ ai reply \"hi\"\n~ recognise \"a\"\n~ translate \"b\"\n~ bot done\n\
                ~ call crm 1\n";
    let found = failures("order", text);
    let lines: Vec<usize> = found.iter().map(|(line, ..)| *line).collect();
    assert_eq!(lines, [1, 2, 3, 4, 5, 6]);
    for (_, expected, got) in found {
        assert_eq!(expected, "a call to answer");
        assert_eq!(got, "nobody called any more");
    }
}

#[test]
fn a_late_answer_needs_a_call_that_is_held() {
    for who in [
        "ai late reply \"hi\"",
        "http late 200",
        "recognise late \"a\"",
        "translate late error",
        "bot late done",
        "call crm late 1",
    ] {
        let found = failures("order", &format!("> hi\n< What is your name?\n~ {who}\n"));
        let [(3, expected, got)] = found.as_slice() else {
            panic!("{who}: {found:?}");
        };
        assert_eq!(expected, "it takes effect");
        assert!(got.contains("is held; write `later`"), "{got}");
    }
}

/// Asks the port `crm`, and says what it answers.
struct Rank;

impl Step for Rank {
    fn kind(&self) -> &'static str {
        "rank"
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        step.call("crm", message.text());
        Outcome::Wait
    }

    fn answered(
        &self,
        answer: &Result<Value, chatflow_core::CallFailure>,
        step: &mut StepContext<'_>,
    ) -> Outcome {
        step.say(match answer {
            Ok(answer) => answer.render(),
            Err(failure) => failure.to_string(),
        });
        Outcome::Wait
    }
}

fn rank(text: &str) -> Played {
    let flow = FlowBuilder::new("rank", 1).step("rank", Rank).build();
    let player = Player::new(Bot::new("shop", flow.unwrap()));
    block_on(player.play(&Scenario::parse(text).unwrap())).unwrap()
}

#[test]
fn a_held_call_is_answered_when_its_line_comes() {
    let played = rank("~ call crm later\n> hi\n@ +30s\n~ call crm late 7\n< 7\n");
    assert!(played.holds(), "{played}");
    // The operator takes the dialog over meanwhile: the answer comes too late.
    let late = rank("~ call crm later\n> hi\n! take\n~ call crm late 7\n? status manual\n");
    assert!(late.holds(), "{late}");
    // Two are held at once, and the older one is answered first.
    let two = rank(
        "~ call crm later\n~ call crm later\n> hi\nanna> hi\n~ call crm late 1\n< 1\n\
         ~ call crm late 2\nanna< 2\n? asked call crm 2 keys 2\n",
    );
    assert!(two.holds(), "{two}");
}

#[test]
fn a_call_that_is_never_answered_is_given_up_when_the_workers_time_is_over() {
    let never = "~ call crm never\n> hi\n@ +59s\n? asked call crm 1\n";
    let played = rank(never);
    assert!(played.holds(), "{played}");
    // After a minute it is given up, and within a second asked again under the same key.
    let again = rank(
        "~ call crm never\n~ call crm 7\n> hi\n@ +1m\n@ +1s\n< 7\n? asked call crm 2 keys 1\n",
    );
    assert!(again.holds(), "{again}");
    // The clock stops at that moment also on a longer way.
    let far = rank("~ call crm never\n~ call crm 7\n> hi\n@ +1h\n< 7\n");
    assert!(far.holds(), "{far}");
    let answered = &far.transcript[1];
    let after = answered.at - far.transcript[0].at;
    assert!(after.num_seconds() <= 61, "{after}");
}

#[test]
fn a_call_that_was_held_is_asked_again_after_a_restart() {
    let text = "~ call crm later\n~ call crm 7\n> hi\n@ restart\n< 7\n~ call crm late 8\n";
    assert_eq!(
        all(rank(text)),
        [failure(
            6,
            "it takes effect",
            "no call of `crm` is held; write `later` as the answer before the line that calls"
        )]
    );
}

#[test]
fn every_failure_is_the_calls_own() {
    for (answer, said) in [
        ("refused", "the port refused"),
        ("error", "the port refused"),
        ("error \"no such rank\"", "the port refused"),
    ] {
        let played = rank(&format!("~ call crm {answer}\n> hi\n< {said}\n"));
        assert!(played.holds(), "{answer}: {played}");
    }
    for answer in ["transient", "timeout"] {
        let text = format!("~ call crm {answer}\n~ call crm 7\n> hi\n@ +1s\n< 7\n");
        let played = rank(&text);
        assert!(played.holds(), "{answer}: {played}");
    }
}

#[test]
fn a_postback_finds_whom_its_click_brought() {
    let player = Player::new(bot("order"));
    let play = |text: &str| {
        let scenario = Scenario::parse(text).unwrap();
        all(block_on(player.play(&scenario)).unwrap())
    };
    let begin = "% started spring click_id=abc campaign=may\n< What is your name?\n\
                 ? source click_id=abc\n? source campaign=may\n";
    let found = play(&format!("{begin}* postback sale 50 click=xyz\n"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, 5);
    assert!(
        found[0].2.contains("no contact came from click `xyz`"),
        "{found:?}"
    );
    assert_eq!(
        play(&format!("{begin}* postback sale 50 click=xyz unknown\n")),
        []
    );
    let known = play(&format!("{begin}* postback sale 50 click=abc unknown\n"));
    assert_eq!(
        known,
        [failure(
            5,
            "it takes effect",
            "a contact came from that click"
        )]
    );
    let too_early = play("* postback sale 50\n");
    assert_eq!(
        too_early,
        [failure(
            1,
            "it takes effect",
            "there is no dialog with `contact` yet"
        )]
    );
    // One transaction counts once.
    let twice = play(&format!(
        "{begin}* postback sale 50 click=abc id=t1\n* postback sale 50 id=t1\n? refused handled before\n"
    ));
    assert_eq!(twice, []);
}

#[test]
fn a_card_that_is_saved_is_one_act() {
    let begin = "> hi\n< What is your name?\n";
    let saved = format!(
        "{begin}! set status=manual step=size assignee=anna tags=+vip,-cold field.city=Riga data.age=34\n\
         ? status manual\n? step size\n? tag vip\n? field city=Riga\n? data age=34\n"
    );
    assert_eq!(failures("order", &saved), []);
    let in_words = format!("{begin}! status manual assign anna translate es tag +vip\n? tag vip\n");
    assert_eq!(failures("order", &in_words), []);
    // One part of it can't be: none of it is done.
    let refused = format!(
        "{begin}! set status=manual step=nowhere tags=+vip\n? refused no step `nowhere`\n\
         ? status auto\n? tag vip missing\n"
    );
    assert_eq!(failures("order", &refused), []);
}
