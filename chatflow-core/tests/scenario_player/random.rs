//! Whatever the lines, nothing panics.

use chatflow_core::testing::{Player, Said, Scenario, block_on};
use chatflow_core::{Bot, FlowBuilder, Media, MediaKind, Message, Side};
use proptest::prelude::*;

use crate::play;
use crate::written::Echo;

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
                    "> (", "< \"", "? data ", "~ ai ", "~ ai late ", "~ http ", "~ bot ", "* postback a ", "? timers ", "? usage ", "? asked ", "! set ", "! status ", "! reply ", "é> ", "? change ",
                    "= operator ", "= queue a ", "= ", "! transfer ", "> [photo", "> [", "< [photo] ", "< [voice \"", "! tag +", "! field a=",
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
                "% duplicate", "% transient after 1", "~ call crm later", "~ call crm late 1", "* postback sale 5 click=a unknown",
                "* postback sale 5", "! assign eva", "= operator op active", "= operator eva active", "= queue q op eva accept=1m", "! queue q", "! accept", "!eva decline", "! transfer eva as child", "! close", "! reopen", "! inactive", "! active", "! line 2", "! acknowledge", "? session queued", "! pit_stop on", "! pit_stop off", "? status auto", "? unchanged", "? refused blocked",
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
