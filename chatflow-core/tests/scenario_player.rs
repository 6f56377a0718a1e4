//! A scenario that should not hold doesn't, one that can't be read says where, and what
//! happened can be written back.

use chatflow_core::testing::{Played, Player, Said, Scenario, block_on};
use chatflow_core::{
    Bot, FlowBuilder, Media, MediaKind, Message, Outcome, SendMessage, Side, Step, StepContext,
};
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
fn whatever_is_sent_is_written_so_that_it_reads_back() {
    for (text, choices) in [
        ("plain", vec![]),
        (" blank ends ", vec![]),
        ("[photo] typed", vec![]),
        ("ends so [A | B]", vec![]),
        ("\"quoted\"", vec![]),
        ("two\nlines", vec!["Yes", "No | never", "[x]"]),
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

/// Whatever the media, its reference and the text beside it.
#[test]
fn whatever_media_is_sent_is_written_so_that_it_reads_back() {
    let references = [
        "shop.jpg",
        "",
        " a ",
        "a]b",
        "\"q\"",
        "two\nlines",
        "with blanks",
    ];
    let texts = [
        "",
        "plain",
        "\"quoted\"",
        "[photo] typed",
        "two\nlines",
        "ends so [A | B]",
    ];
    for (kind, reference, text) in MediaKind::ALL
        .into_iter()
        .zip(references.iter().cycle())
        .flat_map(|(kind, reference)| texts.map(|text| (kind, *reference, text)))
    {
        for choices in [vec![], vec!["Yes", "[x]"]] {
            let message = Message::new(text)
                .with_media(Media::new(kind, reference))
                .with_choices(choices);
            let shown = Echo(message.clone());
            let flow = FlowBuilder::new("echo", 1)
                .step("echo", shown)
                .build()
                .unwrap();
            let player = Player::new(Bot::new("shop", flow));
            let scenario = Scenario::parse("> hi\n").unwrap();
            let played = block_on(player.play(&scenario)).unwrap();
            let updated = Scenario::parse(&played.updated).unwrap();
            let again = block_on(player.play(&updated)).unwrap();
            assert!(again.holds(), "{again}");
            assert_eq!(again.transcript.len(), 2, "{}", played.updated);
            assert_eq!(again.transcript[1].message, message);
        }
    }
}

/// Says this to whatever comes.
struct Echo(Message);

impl Step for Echo {
    fn kind(&self) -> &'static str {
        "echo"
    }

    fn receive(&self, _message: &Message, step: &mut StepContext<'_>) -> Outcome {
        step.say(self.0.clone());
        Outcome::Wait
    }
}

#[test]
fn media_fits_by_kind_and_by_reference_where_one_is_named() {
    let begin = "> hi\n";
    let photo = Message::new("Our shop")
        .with_media(Media::new(MediaKind::Photo, "shop.jpg"))
        .with_choices(["Yes"]);
    let flow = FlowBuilder::new("echo", 1)
        .step("echo", Echo(photo))
        .build()
        .unwrap();
    let player = Player::new(Bot::new("shop", flow));
    for (line, holds) in [
        ("< [photo shop.jpg] Our shop [Yes]", true),
        ("< [photo \"shop.jpg\"] \"Our shop\" [Yes]", true),
        ("< [photo] Our shop [Yes]", true),
        ("< [photo other.jpg] Our shop [Yes]", false),
        ("< [video] Our shop [Yes]", false),
        ("< [photo] Our shop", false),
        ("< [photo] [Yes]", false),
        ("< [photo]", false),
        ("< Our shop [Yes]", false),
    ] {
        let scenario = Scenario::parse(&format!("{begin}{line}\n")).unwrap();
        let played = block_on(player.play(&scenario)).unwrap();
        assert_eq!(played.holds(), holds, "{line}: {played}");
        if !holds {
            let wanted = line.strip_prefix("< ").unwrap();
            assert_eq!(played.failures[0].expected, wanted);
            assert_eq!(played.updated, "> hi\n< [photo shop.jpg] Our shop [Yes]\n");
        }
    }
}

#[test]
fn values_are_typed_and_json_strings_stay_texts() {
    let flow = FlowBuilder::new("kinds", 1)
        .step("kinds", Kinds)
        .input("a")
        .build()
        .unwrap();
    let player = Player::new(Bot::new("shop", flow));
    let text = "> hi\n< {}\n\
                ! data a=34 b=-7 c=\"34\" d=true e=007 f=1.5 g=\"true\" h=\"a b\" i=a=b\n\
                > again\n\
                < {\"a\":34,\"b\":-7,\"c\":\"34\",\"d\":true,\"e\":\"007\",\"f\":\"1.5\",\
                \"g\":\"true\",\"h\":\"a b\",\"i\":\"a=b\"}\n";
    let played = block_on(player.play(&Scenario::parse(text).unwrap())).unwrap();
    assert!(played.holds(), "{played}");
}

/// Says all it knows, as JSON.
struct Kinds;

impl Step for Kinds {
    fn kind(&self) -> &'static str {
        "kinds"
    }

    fn receive(&self, _message: &Message, step: &mut StepContext<'_>) -> Outcome {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let data: std::collections::BTreeMap<_, _> = names
            .into_iter()
            .filter_map(|name| Some((name, step.data(name)?.clone())))
            .collect();
        step.say(serde_json::to_string(&data).unwrap());
        Outcome::Wait
    }
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

#[test]
fn the_transcript_reads_like_the_scenario() {
    let text = "> \"[1] typed\"\n< What is your name?\nbo> (Bo)\nbo< What is your name?\n\
                > [photo]\n> [voice a.ogg] \"two\\nlines\"\n";
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
        ("> ()", "expected a text"),
        ("> [picture] hi", "`picture` is none of photo, video"),
        ("> [photo]hi", "expected media such as [photo]"),
        ("> [photo", "expected media such as [photo]"),
        ("> [photo ]", "expected a text"),
        ("> [photo] ", "expected media such as [photo]"),
        ("> [photo]  hi", "blanks"),
        ("> [photo \"a.jpg] hi", "expected a JSON string"),
        ("> [photo \"a.jpg\" b] hi", "expected media such as [photo]"),
        ("< [Yes | No]", "`Yes` is none of photo, video"),
        ("< [photo] [Yes | No", "expected choices such as [Yes | No]"),
        (
            "< [photo] \"Hi\" Yes",
            "expected choices such as [Yes | No]",
        ),
        ("@ restart now", "expected +1h30m"),
        ("@ restarted", "expected +1h30m"),
        ("@ restart 2025-12-31T23:59:59Z", "never goes back"),
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
        ("! take it", "expected the end of the line"),
        ("! status", "expected a status"),
        ("! dance", "expected status, step, flow"),
        ("! status auto status manual", "`status` is set twice"),
        ("! step a step b", "`step` and `flow` set one place"),
        ("! flow a step b", "`step` and `flow` set one place"),
        ("! status auto then step x", "expected status, step, flow"),
        ("! flow", "expected a flow"),
        ("! tag", "expected tags such as +vip"),
        ("! tag vip", "expected tags such as +vip"),
        ("! tag +", "expected a tag right behind its sign"),
        ("! tag + vip", "expected a tag right behind its sign"),
        ("! tag +vip cold", "expected status, step, flow"),
        ("! tag +\"vip", "expected a JSON string"),
        ("! field", "expected NAME=VALUE"),
        ("! field city", "expected NAME=VALUE"),
        ("! field city=", "expected NAME=VALUE"),
        ("! field city= Riga", "expected NAME=VALUE"),
        ("! field city=Riga city=Oslo", "`city` is set twice"),
        ("! data \"age\"=3", "expected NAME=VALUE"),
        ("! block dialog", "expected the end of the line"),
        ("! block contact now", "expected the end of the line"),
        ("! contact", "expected tag, field or name"),
        ("! contact blocked", "expected tag, field or name"),
        ("! contact name", "expected a text"),
        ("! contact tag +a field b=c", "expected the end of the line"),
        ("! status blocked", "write ! block"),
        ("! status error", "nobody sets `error`"),
        ("! reply", "expected a text"),
        ("! note hm", "! note is not supported yet"),
        ("! assign anna", "! assign is not supported yet"),
        ("! queue sales", "! queue is not supported yet"),
        ("! schedule +2h hi", "! schedule is not supported yet"),
        ("% broken", "expected blocked, unblocked"),
        ("% cannot_write maybe", "expected one of cannot_initiate"),
        ("% refuse", "expected a failure"),
        ("% transient after", "expected how many sends"),
        ("% transient after -1", "expected a number up to 1000"),
        (
            "% refuse removed after 1001",
            "expected a number up to 1000",
        ),
        ("% ambiguous twice", "expected the end of the line"),
        ("anna% transient", "write it without a name"),
        ("% profile", "expected name=NAME or language"),
        ("% profile age=3", "expected name=NAME or language"),
        (
            "% profile name=Anna name=Eva",
            "expected name=NAME or language",
        ),
        ("% profile name=", "expected name=NAME or language"),
        ("% failed", "expected why it was lost"),
        ("% failed badly", "expected one of transient"),
        ("% moved", "expected the new address"),
        ("% album", "expected the album's name"),
        ("% album a1", "expected a text"),
        ("% edited m7", "expected a text"),
        ("% wrote", "expected who of ours wrote"),
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
        ("? change auto manual by media", "expected a name"),
        ("? refused", "expected a text"),
        ("? tag", "expected a tag"),
        ("? tag vip gone", "expected missing or nothing"),
        ("? can_send no", "expected yes, blocked_by_contact"),
        ("? card order", "expected FLOW STEP auto"),
        ("? card order name waiting", "expected auto, manual"),
        ("? set_by_hand maybe", "expected yes, no"),
        ("? calls", "expected the calling flows"),
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
                    "> [photo", "> [", "< [photo] ", "< [voice \"", "! tag +", "! field a=",
                    "! contact tag ", "! contact field ", "% profile name=", "? card ", "? tag ",
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
    fn whatever_message_is_sent_reads_back(
        text in "[ -~é\\n\\r\\t\"\\[\\]|()]{0,12}",
        reference in prop::option::of("[ -~é\\n\"\\[\\]]{0,8}"),
        choices in prop::collection::vec("[ -~é\\n\"\\[\\]|]{0,6}", 0..3),
    ) {
        // What is blank is no message to any channel.
        prop_assume!(choices.iter().all(|choice| !choice.trim().is_empty()));
        prop_assume!(!text.trim().is_empty() || (text.is_empty() && reference.is_some()));
        let mut message = Message::new(text).with_choices(choices);
        if let Some(reference) = reference {
            message = message.with_media(Media::new(MediaKind::Photo, reference));
        }
        let flow = FlowBuilder::new("echo", 1).step("echo", Echo(message.clone())).build().unwrap();
        let player = Player::new(Bot::new("shop", flow));
        let played = block_on(player.play(&Scenario::parse("> hi\n").unwrap())).unwrap();
        let updated = Scenario::parse(&played.updated).unwrap();
        let again = block_on(player.play(&updated)).unwrap();
        prop_assert!(again.holds(), "{}", played.updated);
        prop_assert_eq!(&again.transcript[1].message, &message);
        // What a contact says reads back as well.
        let said = Message::new(message.text());
        let said = match message.media() {
            [media, ..] => said.with_media(media.clone()),
            [] => said,
        };
        let line = Said {
            at: again.transcript[1].at,
            contact: "contact".to_owned(),
            side: Side::Contact,
            message: said.clone(),
        };
        let echoed = block_on(player.play(&Scenario::parse(&line.to_string()).unwrap())).unwrap();
        prop_assert_eq!(&echoed.transcript[0].message, &said);
    }

    #[test]
    fn what_reads_plays_without_a_panic(
        lines in prop::collection::vec(
            prop::sample::select(vec![
                "> Anna", "> (Large)", "> yes", "bo> hi", "< What is your name?", "@ +7h",
                "! status manual", "! status auto step confirm", "! take", "!eva take",
                "> [photo]", "> [voice note.ogg] hm", "< [photo] hm", "! tag +vip -cold",
                "! status auto flow support tag +vip field city=Berlin", "! data name=7",
                "! block contact", "! unblock contact", "bo! contact name Bo", "@ restart", "@ restart +7h",
                "% profile language=pt name=\"A B\"", "? card order name auto", "? can_send yes",
                "! reply Hello", "! block", "! unblock", "% blocked", "% unblocked",
                "% cannot_write", "% transient", "% ambiguous", "% refuse removed",
                "% duplicate", "% transient after 1", "? status auto", "? unchanged", "? refused blocked",
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
