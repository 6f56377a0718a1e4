//! The bots of the scenario files.

use std::time::Duration;

use chatflow_core::{
    Ask, Bot, Branch, CallFailure, Condition, Finish, FinishStatus, FlowBuilder, FlowDefinition,
    KeywordRouter, Message, Outcome, SendMessage, Status, StatusKind, Step, StepContext, Value,
};

mod content;
mod sub_flows;
mod waits;
mod ways;

/// The bots that scenario files name in their line `# flow: NAME`.
pub(crate) fn bot(name: &str) -> Bot {
    match name {
        "funnel" => Bot::new("shop", funnel()),
        "order" => Bot::new("shop", order()).flow(support()).status(&KycReview),
        "order without auto-start" => Bot::new("shop", order()).without_auto_start(),
        "support before order" => Bot::new("shop", support()).flow(order()),
        "topics" => Bot::new("shop", topics()),
        "finishes" => Bot::new("shop", finishes()),
        "cycle" => Bot::new("shop", cycle()),
        "prices" => Bot::new("shop", prices()),
        "greeting" => Bot::new("shop", greeting()),
        "rank" => Bot::new("shop", rank()),
        "answers" => Bot::new("shop", content::answers()),
        "colours" => Bot::new("shop", content::colours()),
        "colours of the bot" => Bot::new("shop", content::colours_of_the_bot()),
        "offers" => Bot::new("shop", content::offers()).variable("price", 100),
        "album" => Bot::new("shop", content::album()),
        "prices from outside" => Bot::new("shop", content::price()),
        "tagging" => Bot::new("shop", ways::tagging()),
        "reception" => Bot::new("shop", ways::reception()),
        "halves" => Bot::new("shop", ways::halves()),
        "notes" => Bot::new("shop", ways::notes()),
        "courses" => Bot::new("shop", ways::front()).flow(ways::back()),
        "reminder" => Bot::new("shop", waits::reminder()),
        "silences" => Bot::new("shop", waits::silences()),
        "sub-flows" => Bot::new("shop", sub_flows::main())
            .flow(sub_flows::details())
            .flow(sub_flows::address())
            .flow(sub_flows::away()),
        other => panic!("no bot is called `{other}`; add it to `bot` here"),
    }
}

/// The conversation that the benchmarks measure.
fn funnel() -> FlowDefinition {
    built(
        FlowBuilder::new("funnel", 1)
            .step(
                "name",
                Ask::text("Welcome! What is your name?").save_contact_name(),
            )
            .step(
                "age",
                Ask::range("Nice to meet you, {{ name }}. How old are you?", 1, 120)
                    .retry("Please send a number from 1 to 120.")
                    .save("age"),
            )
            .step("plans", SendMessage::text("Choose: A) basic B) pro"))
            .step(
                "plan",
                KeywordRouter::new()
                    .route("A", ["a"])
                    .route("B", ["b"])
                    .retry("Please answer A or B.")
                    .save("plan"),
            )
            .exit("A", "chosen")
            .exit("B", "chosen")
            .step(
                "chosen",
                SendMessage::text("You chose {{ plan }}. Send ok to finish."),
            )
            .step("confirm", KeywordRouter::new().route("ok", ["ok"]))
            .exit("otherwise", "chosen")
            .step(
                "done",
                SendMessage::text("Done: {{ name }}, {{ age }}, {{ plan }}."),
            ),
    )
}

/// Name, size with a time-out, confirmation; every way of waiting for a contact.
fn order() -> FlowDefinition {
    built(
        FlowBuilder::new("order", 1)
            .step("name", Ask::text("What is your name?").save("name"))
            .step(
                "size",
                Ask::choice("Which size?", ["Small", "Large"]).save("size"),
            )
            .timeout(Duration::from_secs(6 * 3600))
            .exit("timeout", "silent")
            .step(
                "confirm",
                SendMessage::text("{{ size }}, for {{ name }}. Right?").choices(["Yes", "No"]),
            )
            .step(
                "answer",
                KeywordRouter::new()
                    .route("yes", ["yes"])
                    .route("no", ["no"])
                    .retry("Yes or no?"),
            )
            .exit("yes", "ordered")
            .exit("no", "name")
            .step("ordered", SendMessage::text("Ordered."))
            .finish(FinishStatus::Finished)
            .step("silent", SendMessage::text("Still there?"))
            .exit("next", "answer"),
    )
}

fn support() -> FlowDefinition {
    built(
        FlowBuilder::new("support", 1)
            .step("question", Ask::text("How can we help?").save("question"))
            .step(
                "thanks",
                SendMessage::text("Thanks. A person will read it."),
            )
            .finish(FinishStatus::Manual)
            .step("more", SendMessage::text("Back to the robot.")),
    )
}

/// An offer that waits as long as it takes, then a router that takes the answer.
fn topics() -> FlowDefinition {
    built(
        FlowBuilder::new("topics", 1)
            .step("offer", SendMessage::text("Price or delivery?"))
            .finish(FinishStatus::Waiting)
            .step(
                "topic",
                KeywordRouter::new()
                    .route("price", ["price"])
                    .route("delivery", ["delivery"])
                    .retry("Price or delivery, please."),
            )
            .exit("price", "price")
            .exit("delivery", "delivery")
            .step("price", SendMessage::text("Ten a piece."))
            .exit("next", "topic")
            .step("delivery", SendMessage::text("Two days."))
            .exit("next", "topic"),
    )
}

/// A step for each finish status, and one after it that must not be reached too early.
fn finishes() -> FlowDefinition {
    let told = |text| SendMessage::text(text);
    built(
        FlowBuilder::new("finishes", 1)
            .step(
                "which",
                KeywordRouter::new()
                    .route("auto", ["auto"])
                    .route("waiting", ["waiting"])
                    .route("manual", ["manual"])
                    .route("finished", ["finished"]),
            )
            .exit("auto", "auto")
            .exit("waiting", "waiting")
            .exit("manual", "manual")
            .exit("finished", "finished")
            .exit("otherwise", "which")
            .step("auto", told("One."))
            .finish(FinishStatus::Auto)
            .exit("next", "after")
            .step("waiting", told("One."))
            .finish(FinishStatus::Waiting)
            .exit("next", "after")
            .step("manual", told("One."))
            .finish(FinishStatus::Manual)
            .exit("next", "after")
            .step("finished", told("One."))
            .finish(FinishStatus::Finished)
            .exit("next", "after")
            .step("after", told("Two."))
            .step("rest", Ask::text("Anything else?"))
            .step("hand", Finish::with(FinishStatus::Manual)),
    )
}

/// Two steps that lead to each other and never wait.
fn cycle() -> FlowDefinition {
    built(
        FlowBuilder::new("cycle", 1)
            .step("start", Ask::text("Ready?"))
            .step("ping", SendMessage::text("Ping."))
            .step("pong", SendMessage::text("Pong."))
            .exit("next", "ping"),
    )
}

/// Conditions of which several can hold at once.
fn prices() -> FlowDefinition {
    built(
        FlowBuilder::new("prices", 1)
            .step("age", Ask::range("How old are you?", 0, 150).save("age"))
            .step(
                "group",
                Branch::when("adult", Condition::at_least("age", 18))
                    .or_when("senior", Condition::at_least("age", 65)),
            )
            .exit("adult", "adult")
            .exit("senior", "senior")
            .exit("otherwise", "child")
            .step("adult", SendMessage::text("Full price."))
            .exit("next", "end")
            .step("senior", SendMessage::text("Half price."))
            .exit("next", "end")
            .step("child", SendMessage::text("Free."))
            .step("end", Finish::with(FinishStatus::Finished)),
    )
}

fn greeting() -> FlowDefinition {
    built(
        FlowBuilder::new("greeting", 1)
            .step("hello", SendMessage::text("Hello, {{ contact.name }}!"))
            .step("city", Ask::text("Where do you live?").save_field("city"))
            .step("mood", Ask::text("How is it in {{ city }}?").save("mood"))
            .step("home", SendMessage::text("{{ city }} is {{ data.word }}.")),
    )
}

/// Asks a port for the contact's rank.
fn rank() -> FlowDefinition {
    built(
        FlowBuilder::new("rank", 1)
            .step("rank", AskRank)
            .exit("unknown", "nobody")
            .step("told", SendMessage::text("Your rank is {{ rank }}."))
            .finish(FinishStatus::Finished)
            .step("nobody", SendMessage::text("We don't know you.")),
    )
}

struct AskRank;

impl Step for AskRank {
    fn kind(&self) -> &'static str {
        "ask_rank"
    }
    fn exits(&self) -> Vec<std::borrow::Cow<'static, str>> {
        vec!["next".into(), "unknown".into()]
    }
    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        step.call("crm", Value::from(message.text()));
        Outcome::Wait
    }
    fn answered(&self, answer: &Result<Value, CallFailure>, step: &mut StepContext<'_>) -> Outcome {
        match answer {
            Ok(rank) => {
                step.set("rank", rank.clone());
                Outcome::next()
            }
            Err(_) => Outcome::exit("unknown"),
        }
    }
}

struct KycReview;

impl Status for KycReview {
    fn label(&self) -> &str {
        "kyc_review"
    }
    fn kind(&self) -> StatusKind {
        StatusKind::Manual
    }
}

fn built(flow: FlowBuilder) -> FlowDefinition {
    flow.build().expect("the flow is sound")
}
