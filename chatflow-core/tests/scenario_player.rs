//! A scenario that should not hold doesn't, one that can't be read says where, and what
//! happened can be written back.

use chatflow_core::testing::{Played, Player, Scenario, block_on};
use chatflow_core::{Bot, FlowBuilder, SendMessage};
use proptest::prelude::*;

#[path = "scenarios/bots.rs"]
mod bots;
use bots::bot;

fn play(name: &str, text: &str) -> Played {
    let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{error}"));
    block_on(Player::new(bot(name)).play(&scenario)).unwrap()
}

/// Line, expected and got of what fails.
fn failures(name: &str, text: &str) -> Vec<(usize, String, String)> {
    play(name, text)
        .failures
        .into_iter()
        .map(|failure| (failure.line, failure.expected, failure.got))
        .collect()
}

fn failure(line: usize, expected: &str, got: &str) -> (usize, String, String) {
    (line, expected.to_owned(), got.to_owned())
}

#[test]
fn a_wrong_text_fails_with_its_line_and_both_texts() {
    let text = "# a comment\n> hi\n< What is your name\n";
    assert_eq!(
        failures("order", text),
        [failure(3, "What is your name", "What is your name?")]
    );
    assert_eq!(
        play("order", text).to_string(),
        "line 3: < What is your name\n  - What is your name\n  + What is your name?"
    );
}

#[test]
fn wrong_choices_fail() {
    let text = "> hi\n< What is your name?\n> Anna\n< Which size? [Small | large]\n";
    assert_eq!(
        failures("order", text),
        [failure(
            4,
            "Which size? [Small | large]",
            "Which size? [Small | Large]"
        )]
    );
}

#[test]
fn a_missing_message_fails() {
    let text = "> hi\n< What is your name?\n< And your size?\n";
    assert_eq!(
        failures("order", text),
        [failure(3, "And your size?", "nothing was sent")]
    );
}

#[test]
fn an_unexpected_message_fails_before_the_next_input_and_at_the_end() {
    let text = "> hi\n? status auto\n> Anna\n";
    assert_eq!(
        failures("order", text),
        [
            failure(1, "no other message", "< What is your name?"),
            failure(3, "no other message", "< Which size? [Small | Large]"),
        ]
    );
}

#[test]
fn a_message_to_another_contact_is_no_match() {
    let text = "anna> hi\n< What is your name?\n";
    assert_eq!(
        failures("order", text),
        [
            failure(2, "What is your name?", "nothing was sent"),
            failure(1, "no other message", "anna< What is your name?"),
        ]
    );
}

#[test]
fn what_does_not_hold_fails_with_what_does() {
    let begin = "> hi\n< What is your name?\n";
    for (check, got) in [
        ("status manual", "auto"),
        ("step size", "name"),
        ("step support/name", "order/name"),
        ("step none", "name"),
        ("data name=Anna", "missing"),
        ("field city=Riga", "missing"),
        ("timers step", "none"),
        ("timers 3", "0"),
        ("outbox 2", "0"),
        ("counter auto 2", "1"),
        ("counter manual 1", "0"),
        ("assignee op", "nobody"),
        ("session in_progress", "bot"),
        ("needs_reply yes", "no"),
        ("last_side contact", "us"),
        ("reach removed", "ok"),
        ("error step_limit", "none"),
        ("change start auto by operator op", "start auto by contact"),
        ("refused blocked", "the line before was not refused"),
        ("unchanged", "the line before changed something"),
    ] {
        let found = failures("order", &format!("{begin}? {check}\n"));
        let got_all: Vec<_> = found.iter().map(|(line, _, got)| (*line, &**got)).collect();
        assert_eq!(got_all, [(3, got)], "{check}");
    }
    let asked_too_early = failures("order", "? status auto\n");
    assert_eq!(
        asked_too_early,
        [failure(1, "auto", "there is no dialog with `contact` yet")]
    );
}

#[test]
fn what_is_refused_or_changes_nothing_must_be_said() {
    let begin = "> hi\n< What is your name?\n";
    let refused = format!("{begin}! step nowhere\n? status auto\n");
    assert_eq!(
        failures("order", &refused),
        [failure(
            3,
            "it takes effect",
            "operator_set refused in status auto: the bot has no step `nowhere` in that flow"
        )]
    );
    let unchanged = format!("{begin}! status auto\n");
    assert_eq!(
        failures("order", &unchanged),
        [failure(3, "it takes effect", "it changes nothing")]
    );
    let other_words = format!("{begin}! step nowhere\n? refused blocked\n");
    assert_eq!(failures("order", &other_words).len(), 1);
    let too_early = "! take\n? refused no dialog\n";
    assert!(failures("order", too_early).is_empty());
}

#[test]
fn what_was_prepared_must_be_used() {
    let text = "% transient\n~ call crm 1\n";
    assert_eq!(
        failures("order", text),
        [
            failure(1, "a send to fail", "nothing more was sent"),
            failure(2, "a call to answer", "nobody called any more"),
        ]
    );
    let twice = "~ call crm 1\n> hi\n< Your rank is 1.\nanna> hi\nanna< We don't know you.\n";
    assert_eq!(
        failures("rank", twice),
        [failure(
            4,
            "calls that `~` lines answer",
            "`crm` was called and had no answer"
        )]
    );
}

#[test]
fn the_expected_lines_are_rewritten_to_what_happened() {
    let wrong = "# of orders\n\
                 > hi\n\
                 < Who?\n\
                 < Why?\n\
                 ? status auto\n\
                 anna> hi\n\
                 # nothing expected\n\
                 > Bo\n\
                 < Which size?\n";
    let right = "# of orders\n\
                 > hi\n\
                 < What is your name?\n\
                 ? status auto\n\
                 anna> hi\n\
                 anna< What is your name?\n\
                 # nothing expected\n\
                 > Bo\n\
                 < Which size? [Small | Large]\n";
    let played = play("order", wrong);
    assert!(!played.holds());
    assert_eq!(played.updated, right);
    let again = play("order", right);
    assert!(again.holds(), "{again}");
    assert_eq!(again.updated, right);
}

#[test]
fn whatever_is_sent_is_written_so_that_it_reads_back() {
    for (text, choices) in [
        ("plain", vec![]),
        ("", vec![]),
        (" blank ends ", vec![]),
        ("[photo] typed", vec![]),
        ("ends so [A | B]", vec![]),
        ("\"quoted\"", vec![]),
        ("two\nlines", vec!["Yes", "No | never", "", "[x]"]),
        ("See [1]", vec!["Yes"]),
        ("plain", vec!["a", "\"b\""]),
    ] {
        let flow = FlowBuilder::new("echo", 1)
            .step(
                "echo",
                SendMessage::text(text).choices(choices.iter().copied()),
            )
            .build()
            .unwrap();
        let player = Player::new(Bot::new("shop", flow));
        let scenario = Scenario::parse("> hi\n").unwrap();
        let played = block_on(player.play(&scenario)).unwrap();
        assert_eq!(played.failures.len(), 1, "{text:?}");
        let updated = Scenario::parse(&played.updated).unwrap();
        let again = block_on(player.play(&updated)).unwrap();
        assert!(again.holds(), "{again}");
        assert_eq!(again.transcript.len(), 2);
        assert_eq!(again.transcript[1].message.text(), text);
    }
}

#[test]
fn the_transcript_reads_like_the_scenario() {
    let text = "> \"[1] typed\"\n< What is your name?\nbo> (Bo)\nbo< What is your name?\n";
    let played = play("order", text);
    assert!(played.holds(), "{played}");
    let lines: Vec<String> = played.transcript.iter().map(ToString::to_string).collect();
    assert_eq!(lines.join("\n") + "\n", text);
}

#[test]
fn a_line_that_cannot_be_read_is_named() {
    for (line, reason) in [
        ("hello", "a line begins with"),
        ("  > hi", "a line begins with"),
        ("anna@ +1h", "a line begins with"),
        ("anna~ call crm 1", "a line begins with"),
        (">hi", "expected a space after `>`"),
        (">", "expected a space after `>`"),
        ("> ", "expected a text"),
        (">  hi", "blanks"),
        ("> hi ", "blanks"),
        ("> \"hi", "expected a JSON string"),
        ("> \"hi\" there", "expected the end of the line"),
        ("> [photo] hi", "media is not supported yet"),
        ("> ()", "expected a text"),
        ("< [Yes | No]", "media is not supported yet"),
        ("< Well [Yes || No]", "can't be read as a choice"),
        ("< Well []", "expected a text"),
        ("< See [1] [Yes]", "can't be read as a choice"),
        ("< \"Well\" Yes", "expected choices such as [Yes | No]"),
        ("contact> hi", "choose another name"),
        ("@ soon", "expected +1h30m"),
        ("@ +", "expected a time such as"),
        ("@ +1w", "expected a time such as"),
        ("@ +5", "expected a time such as"),
        ("@ +99999999999999999999d", "expected a time such as"),
        ("@ +9999999d", "no further than the year 9999"),
        ("@ 2025-12-31T23:59:59Z", "never goes back"),
        ("!", "expected a space after `!`"),
        ("! dance", "expected status, step, take"),
        ("! take it", "expected the end of the line"),
        ("! status", "expected a status"),
        ("! status auto status manual", "`status` is set twice"),
        ("! status auto then step x", "expected `status` or `step`"),
        ("! status blocked", "write ! block"),
        ("! status error", "nobody sets `error`"),
        ("! reply", "expected a text"),
        ("! tag +vip", "! tag is not supported yet"),
        ("! note hm", "! note is not supported yet"),
        ("! field city=Riga", "! field is not supported yet"),
        ("! assign anna", "! assign is not supported yet"),
        ("! queue sales", "! queue is not supported yet"),
        ("! schedule +2h hi", "! schedule is not supported yet"),
        ("% broken", "expected blocked, unblocked"),
        ("% cannot_write maybe", "expected cannot_initiate"),
        ("% refuse", "expected a failure"),
        ("anna% transient", "write it without a name"),
        ("% read", "% read is not supported yet"),
        ("~ call", "expected a port's name"),
        ("~ call crm", "expected JSON"),
        ("~ call crm {", "expected JSON"),
        ("~ ai error", "~ ai is not supported yet"),
        ("~ http 200 {}", "~ http is not supported yet"),
        ("* postback sale 50", "postbacks are not supported yet"),
        ("? mood good", "expected status, step, data"),
        ("? status", "expected a status"),
        ("? data age", "expected NAME=VALUE"),
        ("? counter vip 1", "expected a built-in status"),
        ("? counter auto many", "expected a number"),
        ("? session closed", "expected bot, in_progress, none"),
        ("? needs_reply maybe", "expected yes, no"),
        ("? reach far", "expected ok, blocked_by_contact"),
        ("? change auto manual", "expected FROM TO by ACTOR"),
        (
            "? change auto manual by op",
            "expected contact, operator NAME",
        ),
        ("? refused", "expected a text"),
        ("? tag vip", "? tag is not supported yet"),
        ("? sla ok", "? sla is not supported yet"),
        ("? unread 1", "? unread is not supported yet"),
    ] {
        let error =
            Scenario::parse(&format!("# first\n\n> hi\n{line}\n> never read")).expect_err(line);
        assert_eq!(error.line, 4, "{line}: {error}");
        assert!(error.reason.contains(reason), "{line}: {error}");
    }
}

#[test]
fn scenarios_are_bounded() {
    let long = "#".repeat(Scenario::BYTES_MAX + 1);
    assert!(Scenario::parse(&long).is_err());
    let many = "\n".repeat(Scenario::LINES_MAX + 1);
    assert_eq!(
        Scenario::parse(&many).unwrap_err().line,
        Scenario::LINES_MAX + 1
    );
    let deep = format!("~ call crm {}", "[".repeat(100_000));
    assert!(Scenario::parse(&deep).is_err());
}

proptest! {
    #[test]
    fn reading_never_panics(text in "\\PC{0,200}") {
        let _ = Scenario::parse(&text);
    }

    #[test]
    fn reading_what_looks_like_a_scenario_never_panics(
        lines in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "> ", "< ", "@ ", "@ +", "! ", "!eva ", "% ", "~ call p ", "? ", "anna< ",
                    "> (", "< \"", "? data ", "! status ", "! reply ", "é> ", "? change ",
                ]),
                "[ -~é\\t]{0,40}",
            ),
            0..8,
        )
    ) {
        let text: String = lines.iter().map(|(sign, rest)| format!("{sign}{rest}\n")).collect();
        if let Err(error) = Scenario::parse(&text) {
            prop_assert!((1..=lines.len()).contains(&error.line));
        }
    }

    #[test]
    fn what_reads_plays_without_a_panic(
        lines in prop::collection::vec(
            prop::sample::select(vec![
                "> Anna", "> (Large)", "> yes", "bo> hi", "< What is your name?", "@ +7h",
                "! status manual", "! status auto step confirm", "! take", "!eva take",
                "! reply Hello", "! block", "! unblock", "% blocked", "% unblocked",
                "% cannot_write", "% transient", "% ambiguous", "% refuse removed",
                "% duplicate", "? status auto", "? unchanged", "? refused blocked",
            ]),
            0..25,
        )
    ) {
        let text = lines.join("\n");
        let played = play("order", &text);
        // Rewritten to what happened, no `<` line can be wrong.
        let again = play("order", &played.updated);
        for failure in &again.failures {
            prop_assert!(!failure.source.contains('<'), "{failure}");
            prop_assert!(failure.expected != "no other message", "{failure}");
        }
        prop_assert_eq!(again.transcript, played.transcript);
    }
}
