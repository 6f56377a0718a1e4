//! What is said is written as a line that reads back.

use chatflow_core::testing::{Player, Scenario, block_on};
use chatflow_core::{
    Bot, FlowBuilder, Media, MediaKind, Message, Outcome, SendMessage, Step, StepContext,
};

use crate::play;

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
pub(crate) struct Echo(pub(crate) Message);

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
fn the_transcript_reads_like_the_scenario() {
    let text = "> \"[1] typed\"\n< What is your name?\nbo> (Bo)\nbo< What is your name?\n\
                > [photo]\n> [voice a.ogg] \"two\\nlines\"\n";
    let played = play("order", text);
    assert!(played.holds(), "{played}");
    let lines: Vec<String> = played.transcript.iter().map(ToString::to_string).collect();
    assert_eq!(lines.join("\n") + "\n", text);
}
