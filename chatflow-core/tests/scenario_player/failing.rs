//! What doesn't hold fails, with its line and with what was.

use chatflow_core::testing::{Player, Scenario, block_on};

use crate::bots::bot;
use crate::{failure, failures, play};

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
        ("tag vip", "missing"),
        ("can_send contact_blocked", "yes"),
        ("card order size auto", "order name auto"),
        ("card order name manual", "order name auto"),
        ("set_by_hand yes", "no"),
        ("calls order", "none"),
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
fn a_seed_of_the_player_is_the_bots() {
    let arm = |seed| {
        let player = Player::new(bot("halves")).seed(seed);
        let played = block_on(player.play(&Scenario::parse("> hi\n").unwrap())).unwrap();
        played.transcript[1].message.text().to_owned()
    };
    let arms: std::collections::BTreeSet<String> = (0..20).map(arm).collect();
    assert_eq!(arms.len(), 2, "twenty seeds and one arm: {arms:?}");
    assert_eq!(arm(7), arm(7));
}
