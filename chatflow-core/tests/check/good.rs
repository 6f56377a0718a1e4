//! Bots with nothing wrong with them.

use std::borrow::Cow;
use std::time::Duration;

use chatflow_core::{
    Ask, Behaviour, Bot, Branch, CallFlow, ChangeFlow, ChangeTags, Condition, Delay, Dialog,
    Finish, FinishStatus, FlowBuilder, FlowDefinition, KeywordRouter, Message, Outcome, Router,
    SendMessage, SetValues, Split, Step, StepContext, StepKind, Texts, Value,
};

pub(crate) fn say(text: &str) -> SendMessage {
    SendMessage::text(text)
}

/// A flow that compiles by itself.
fn built(flow: FlowBuilder) -> FlowDefinition {
    flow.build().unwrap()
}

pub(crate) fn funnel() -> FlowDefinition {
    let adult = Branch::when("adult", Condition::at_least("age", 18));
    built(
        FlowBuilder::new("funnel", 1)
            .step("name", Ask::text("Who are you?").save_contact_name())
            .step(
                "age",
                Ask::range("How old, {{ name }}?", 1, 120).save("age"),
            )
            .step("grown", adult)
            .exit("adult", "offer")
            .exit("otherwise", "young")
            .step("offer", say("At {{ age }} you get it cheaper."))
            .finish(FinishStatus::Finished)
            .step("young", say("Come back later."))
            .finish(FinishStatus::Finished),
    )
}

pub(crate) fn order() -> FlowDefinition {
    let sizes = KeywordRouter::new()
        .route("small", ["small", "s"])
        .route("large", ["large", "l"])
        .retry("Please answer small or large.")
        .save("size");
    built(
        FlowBuilder::new("order", 1)
            .step("size", say("Small or large?").choices(["Small", "Large"]))
            .step("sizes", sizes)
            .step("done", say("One {{ size }} coming up."))
            .finish(FinishStatus::Finished),
    )
}

pub(crate) fn menu() -> FlowDefinition {
    let words = KeywordRouter::new()
        .route("prices", ["price", "cost"])
        .route("hours", ["open", "hours"]);
    built(
        FlowBuilder::new("menu", 1)
            .step("menu", words)
            .exit("otherwise", "help")
            .step("prices", say("From 10 euros."))
            .exit("next", "menu")
            .step("hours", say("From nine to five."))
            .exit("next", "menu")
            .step("help", say("Say prices or hours."))
            .exit("next", "menu"),
    )
}

pub(crate) fn split() -> FlowDefinition {
    built(
        FlowBuilder::new("split", 1)
            .step("test", Split::new().arm("short", 50).arm("long", 50))
            .step("short", say("Buy."))
            .finish(FinishStatus::Finished)
            .step("long", say("Let me tell you."))
            .step("wish", Ask::text("What do you wish?").retries(1))
            .exit("gave_up", "short")
            .step("bye", Finish::with(FinishStatus::Manual)),
    )
}

pub(crate) fn caller() -> FlowDefinition {
    let address = CallFlow::to("address")
        .input("city", "{{ city }}")
        .result("street", "street");
    built(
        FlowBuilder::new("caller", 1)
            .step("city", Ask::text("Which city?").save("city"))
            .step("address", address)
            .step("thanks", say("{{ street }} in {{ city }}, noted."))
            .finish(FinishStatus::Finished),
    )
}

pub(crate) fn address() -> FlowDefinition {
    built(
        FlowBuilder::new("address", 1)
            .input("city")
            .step("street", Ask::text("Where in {{ city }}?").save("street"))
            .step("done", say("{{ street }}, I see.")),
    )
}

pub(crate) fn welcome() -> FlowDefinition {
    built(
        FlowBuilder::new("welcome", 1)
            .step("who", Ask::text("Who are you?").save("who"))
            .step("go", ChangeFlow::to("sales").step("offer")),
    )
}

pub(crate) fn sales() -> FlowDefinition {
    built(
        FlowBuilder::new("sales", 1)
            .step("offer", say("Look, {{ who }}."))
            .step("buy", Ask::text("Do you buy?"))
            .finish(FinishStatus::Manual)
            .step("again", ChangeFlow::to("welcome")),
    )
}

pub(crate) fn reminder() -> FlowDefinition {
    built(
        FlowBuilder::new("reminder", 1)
            .step("ask", Ask::text("Are you still there?").save("answer"))
            .timeout(Duration::from_secs(3600))
            .exit("timeout", "later")
            .step("pause", Delay::new(Duration::from_secs(60)))
            .step("done", say("You said {{ answer }}."))
            .finish(FinishStatus::Finished)
            .step("later", say("Write when you like."))
            .finish(FinishStatus::Waiting)
            .exit("next", "ask"),
    )
}

pub(crate) fn languages() -> FlowDefinition {
    let both = |en: &str, ru: &str| Texts::by_language([("en", en), ("ru", ru)]);
    let name = Ask::text(both("Your name?", "Как вас зовут?")).save("name");
    built(
        FlowBuilder::new("languages", 1)
            .language("en")
            .step("name", name)
            .step(
                "hello",
                SendMessage::text(both("Hi {{ name }}", "Привет, {{ name }}")),
            )
            .step("wave", say("👋 {{ name }}"))
            .finish(FinishStatus::Finished),
    )
}

pub(crate) fn tags() -> FlowDefinition {
    let vip = Branch::when("vip", Condition::tagged("vip"))
        .or_when("rich", Condition::at_least("contact.budget", 100));
    built(
        FlowBuilder::new("tags", 1)
            .step("budget", Ask::range("Budget?", 1, 999).save_field("budget"))
            .step("vip", vip)
            .exit("vip", "again")
            .exit("otherwise", "again")
            .step("rich", ChangeTags::new().with("vip").without("new"))
            .step("again", say("Thank you for {{ budget }}."))
            .finish(FinishStatus::Waiting)
            .exit("next", "budget"),
    )
}

pub(crate) fn guess() -> FlowDefinition {
    let right = Branch::when("yes", Condition::is("guess", 7));
    built(
        FlowBuilder::new("guess", 1)
            .step(
                "start",
                SetValues::new()
                    .set("wanted", 7)
                    .set("shown", "{{ wanted }}"),
            )
            .step("guess", Ask::range("Guess.", 1, 9).save("guess"))
            .step("right", right)
            .exit("yes", "won")
            .exit("otherwise", "guess")
            .step("won", say("It is {{ shown }}."))
            .finish(FinishStatus::Finished),
    )
}

/// Says nothing, waits, sets who knows what.
pub(crate) struct Quiet;

impl Step for Quiet {
    fn kind(&self) -> &'static str {
        "quiet"
    }

    fn exits(&self) -> Vec<Cow<'static, str>> {
        vec!["next".into(), "side".into()]
    }

    fn receive(&self, message: &Message, _: &mut StepContext<'_>) -> Outcome {
        match message.text() {
            "side" => Outcome::exit("side"),
            "stay" => Outcome::Wait,
            _ => Outcome::next(),
        }
    }
}

pub(crate) struct ByLength;

impl Router for ByLength {
    fn kind(&self) -> &'static str {
        "by_length"
    }

    fn routes(&self) -> Vec<Cow<'static, str>> {
        vec!["short".into(), "long".into()]
    }

    fn route(&self, message: &Message, _: &dyn Dialog) -> Option<Cow<'static, str>> {
        match message.text().len() {
            0 => None,
            1..=3 => Some("short".into()),
            _ => Some("long".into()),
        }
    }
}

pub(crate) fn host() -> FlowDefinition {
    built(
        FlowBuilder::new("host", 1)
            .step("quiet", Quiet)
            .exit("side", "end")
            .step("length", StepKind::router(ByLength))
            .exit("otherwise", "quiet")
            .step("short", say("{{ whatever }}"))
            .exit("next", "length")
            .step("long", say("You write {{ much }}."))
            .step("end", Finish::with(FinishStatus::Manual))
            .exit("next", "quiet"),
    )
}

/// All of them, and what they are called.
pub(crate) fn bots() -> Vec<(&'static str, Bot)> {
    let strict = Behaviour {
        tags: ["vip", "new"].map(ToOwned::to_owned).into(),
        ..Behaviour::default()
    };
    vec![
        ("funnel", Bot::new("b", funnel())),
        ("order", Bot::new("b", order())),
        ("menu", Bot::new("b", menu())),
        ("split", Bot::new("b", split())),
        ("caller", Bot::new("b", caller()).flow(address())),
        ("welcome", Bot::new("b", welcome()).flow(sales())),
        ("reminder", Bot::new("b", reminder())),
        ("languages", Bot::new("b", languages())),
        ("tags", Bot::new("b", tags()).behaviour(strict)),
        ("guess", Bot::new("b", guess())),
        ("host", Bot::new("b", host())),
    ]
}

/// The flow with a change of one of its steps.
pub(crate) fn with(
    mut flow: FlowDefinition,
    step: &str,
    change: impl FnOnce(&mut chatflow_core::StepDefinition),
) -> FlowDefinition {
    let steps = &mut flow.steps;
    let found = steps.iter_mut().find(|found| found.name.as_str() == step);
    change(found.unwrap());
    flow
}

/// The flow with another kind of one of its steps.
pub(crate) fn put(flow: FlowDefinition, step: &str, kind: impl Into<StepKind>) -> FlowDefinition {
    let kind = kind.into();
    with(flow, step, |found| found.kind = kind)
}

/// The flow with an exit that leads elsewhere, or as the order of steps has it.
pub(crate) fn lead(flow: FlowDefinition, step: &str, exit: &str, to: &str) -> FlowDefinition {
    with(flow, step, |found| {
        match to {
            "" => found.exits.remove(exit),
            to => found.exits.insert(exit.to_owned(), to.into()),
        };
    })
}

/// The flow with a step more at its end.
pub(crate) fn more(
    mut flow: FlowDefinition,
    step: &str,
    kind: impl Into<StepKind>,
) -> FlowDefinition {
    flow.steps.push(chatflow_core::StepDefinition {
        name: step.into(),
        kind: kind.into(),
        exits: std::collections::BTreeMap::new(),
        timeout: None,
        answer_after: None,
        pushes: Vec::new(),
        finish: Some(FinishStatus::Finished),
    });
    flow
}

pub(crate) fn set(name: &str, value: impl Into<Value>) -> SetValues {
    SetValues::new().set(name, value)
}
