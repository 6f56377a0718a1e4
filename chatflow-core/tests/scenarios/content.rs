//! What is said and asked.

use std::borrow::Cow;

use chatflow_core::{
    Ask, AskKind, Dialog, FinishStatus, FlowBuilder, FlowDefinition, KeywordRouter, MediaKind,
    Message, Router, SendMessage, StepKind, Texts,
};

use super::built;

/// A question of each kind, one after another.
pub(super) fn answers() -> FlowDefinition {
    built(
        FlowBuilder::new("answers", 1)
            .step(
                "amount",
                Ask::new("How much?", AskKind::Number)
                    .retry("A number, please.")
                    .save("amount"),
            )
            .step(
                "people",
                Ask::range("How many people?", 1, 12).save("people"),
            )
            .step(
                "email",
                Ask::new("Your e-mail?", AskKind::Email).save("email"),
            )
            .step(
                "phone",
                Ask::new("Your phone?", AskKind::Phone).save("phone"),
            )
            .step("day", Ask::new("Which day?", AskKind::Date).save("day"))
            .step(
                "code",
                Ask::new(
                    "Your code?",
                    AskKind::Regex("^[A-Z]{2}-[0-9]{3}$".to_owned()),
                )
                .retry("Two letters, a dash, three digits.")
                .retries(2)
                .save("code"),
            )
            .exit("gave_up", "help")
            .step(
                "rest",
                Ask::new("Anything else?", AskKind::Number).retries(1),
            )
            .step("done", SendMessage::text("All noted."))
            .finish(FinishStatus::Finished)
            .step("help", SendMessage::text("Somebody will call you."))
            .finish(FinishStatus::Manual),
    )
}

/// A choice and its answer in several languages, of which the flow names one as its own.
pub(super) fn colours() -> FlowDefinition {
    built(in_colours(FlowBuilder::new("colours", 1).language("en")))
}

/// The same where the flow names none.
pub(super) fn colours_of_the_bot() -> FlowDefinition {
    built(in_colours(FlowBuilder::new("colours", 1)))
}

fn in_colours(flow: FlowBuilder) -> FlowBuilder {
    flow.step(
        "colour",
        Ask::choice(
            Texts::by_language([("en", "Which colour?"), ("ru", "Какой цвет?")]),
            [
                Texts::by_language([("en", "Red"), ("ru", "Красный")]),
                Texts::by_language([("en", "Green"), ("ru", "Зелёный")]),
            ],
        )
        .save("colour"),
    )
    .step(
        "noted",
        SendMessage::text(Texts::by_language([
            ("ar", "سجلنا: {{ colour }}."),
            ("en", "{{ colour }} it is."),
            ("pt", "Anotado: {{ colour }}."),
            ("pt-BR", "Anotei: {{ colour }}."),
            ("ru", "Записали: {{ colour }}."),
        ])),
    )
    .finish(FinishStatus::Finished)
}

/// Goes by a variable of the bot.
pub(super) fn offers() -> FlowDefinition {
    built(
        FlowBuilder::new("offers", 1)
            .step("offer", StepKind::router(ByPrice))
            .exit("cheap", "cheap")
            .exit("dear", "dear")
            .exit("otherwise", "unknown")
            .step("cheap", SendMessage::text("Take two."))
            .exit("next", "offer")
            .step("dear", SendMessage::text("Take one."))
            .exit("next", "offer")
            .step("unknown", SendMessage::text("Ask again tomorrow."))
            .exit("next", "offer"),
    )
}

struct ByPrice;

impl Router for ByPrice {
    fn kind(&self) -> &'static str {
        "by_price"
    }

    fn routes(&self) -> Vec<Cow<'static, str>> {
        vec!["cheap".into(), "dear".into()]
    }

    fn route(&self, _message: &Message, dialog: &dyn Dialog) -> Option<Cow<'static, str>> {
        let price = dialog.variable("price")?.as_integer()?;
        Some(if price < 50 { "cheap" } else { "dear" }.into())
    }
}

/// A picture, a voice, choices, a video: one step.
pub(super) fn album() -> FlowDefinition {
    built(
        FlowBuilder::new("album", 1)
            .step("ready", Ask::text("Ready?"))
            .step(
                "album",
                SendMessage::media(MediaKind::Photo, "shop.jpg")
                    .caption("Our shop")
                    .then(SendMessage::media(MediaKind::Voice, "hello.ogg"))
                    .then(SendMessage::text("Come in?").choices(["Yes", "No"]))
                    .then(SendMessage::media(MediaKind::RoundVideo, "tour.mp4").choices(["Again"])),
            )
            .step("answer", KeywordRouter::new().route("again", ["again"]))
            .exit("again", "album")
            .exit("otherwise", "bye")
            .step("bye", SendMessage::text("See you.")),
    )
}

/// What it costs, which somebody outside knows.
pub(super) fn price() -> FlowDefinition {
    built(
        FlowBuilder::new("prices from outside", 1)
            .input("price")
            .step("ready", Ask::text("Ready for the price?"))
            .step("price", SendMessage::text("It is {{ data.price }} today.")),
    )
}
