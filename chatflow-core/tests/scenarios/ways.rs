//! Going one way or another, and keeping what is known.

use std::time::Duration;

use chatflow_core::{
    Ask, Branch, ChangeFlow, ChangeTags, Condition, FinishStatus, FlowBuilder, FlowDefinition,
    KeywordRouter, SendMessage, SetValues, Split,
};

use super::built;

/// Changes tags, and goes by tags, fields and data.
pub(super) fn tagging() -> FlowDefinition {
    built(
        FlowBuilder::new("tagging", 1)
            .step(
                "wish",
                KeywordRouter::new()
                    .route("join", ["join"])
                    .route("leave", ["leave"])
                    .route("look", ["look"])
                    .retry("Join, leave or look?"),
            )
            .step("join", ChangeTags::new().with("vip").without("cold"))
            .step("joined", SendMessage::text("Welcome."))
            .exit("next", "wish")
            .step("leave", ChangeTags::new().without("vip"))
            .step("left", SendMessage::text("Bye."))
            .exit("next", "wish")
            .step(
                "look",
                Branch::when("vip", Condition::tagged("vip"))
                    .or_when("local", Condition::is("contact.city", "Berlin"))
                    .or_when("adult", Condition::at_least("data.age", 18)),
            )
            .exit("otherwise", "anybody")
            .step("vip", SendMessage::text("The best room."))
            .exit("next", "wish")
            .step("local", SendMessage::text("A room near home."))
            .exit("next", "wish")
            .step("adult", SendMessage::text("A room with a bar."))
            .exit("next", "wish")
            .step("anybody", SendMessage::text("A room."))
            .exit("next", "wish"),
    )
}

/// Half go left, half go right, each time.
pub(super) fn halves() -> FlowDefinition {
    built(
        FlowBuilder::new("halves", 1)
            .step("way", Split::new().arm("left", 50).arm("right", 50))
            .step("left", SendMessage::text("Left."))
            .exit("next", "again")
            .step("right", SendMessage::text("Right."))
            .exit("next", "again")
            .step("again", Ask::text("And now?"))
            .exit("next", "way"),
    )
}

/// Values set one from another.
pub(super) fn notes() -> FlowDefinition {
    built(
        FlowBuilder::new("notes", 1)
            .step("age", Ask::range("How old are you?", 0, 150).save("age"))
            .step(
                "keep",
                SetValues::new()
                    .set("copy", "{{ age }}")
                    .set("text", "{{ age }} years")
                    .set("contact.age", "{{ copy }}")
                    .set("contact.name", "No. {{ age }}")
                    .set("member", true),
            )
            .step(
                "old",
                Branch::when("yes", Condition::at_least("contact.age", 60)),
            )
            .exit("yes", "old enough")
            .exit("otherwise", "young")
            .step(
                "old enough",
                SendMessage::text("{{ contact.name }}: half price."),
            )
            .finish(FinishStatus::Finished)
            .step(
                "young",
                SendMessage::text("{{ contact.name }}: full price."),
            ),
    )
}

/// Leads into another flow, at its entry or at a step.
pub(super) fn front() -> FlowDefinition {
    built(
        FlowBuilder::new("front", 1)
            .step("name", Ask::text("What is your name?").save("name"))
            .step(
                "course",
                KeywordRouter::new()
                    .route("whole", ["whole"])
                    .route("short", ["short"])
                    .retry("Whole or short?"),
            )
            .timeout(Duration::from_secs(3600))
            .exit("timeout", "late")
            .step("whole", ChangeFlow::to("back"))
            .step("short", ChangeFlow::to("back").step("middle"))
            .step("late", SendMessage::text("Too late.")),
    )
}

/// Where [`front`] leads.
pub(super) fn back() -> FlowDefinition {
    built(
        FlowBuilder::new("back", 1)
            .input("name")
            .step("begin", SendMessage::text("Chapter one, {{ name }}."))
            .step("middle", SendMessage::text("Chapter two, {{ name }}."))
            .step("wish", Ask::text("Did you like it?")),
    )
}

/// Goes by the time, by what is written or sent, and by what brought the turn about.
pub(super) fn reception() -> FlowDefinition {
    let answers = [
        ("night", "now.hour >= 22 or now.hour < 6", "We are asleep."),
        ("weekend", "now.weekday > 5", "Nobody is here on a weekend."),
        ("photo", "media == \"photo\"", "What a picture!"),
        ("long", "(message | length) > 20", "That is a long story."),
        ("silence", "event == \"timer_fired\"", "Are you there?"),
    ];
    let branch = answers
        .iter()
        .fold(Branch::default(), |branch, (name, when, _)| {
            branch.or_when(*name, Condition::expression(*when))
        });
    let flow = FlowBuilder::new("reception", 1)
        .step("which", branch)
        .exit("otherwise", "ask");
    let flow = answers.iter().fold(flow, |flow, (name, _, answer)| {
        flow.step(*name, SendMessage::text(*answer))
            .exit("next", "ask")
    });
    built(
        flow.step("ask", Ask::text("Tell me."))
            .timeout(Duration::from_secs(6 * 3600))
            .exit("next", "which")
            .exit("timeout", "which"),
    )
}
