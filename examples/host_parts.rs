//! A step, a router, a status and a dialog of the host's own, plugged in without touching the
//! engine. It talks to itself and prints:
//!
//! ```text
//! > hi
//! Which city are you in?
//! > Utrecht
//! Postage to Utrecht is 7.
//! > I would like to open an account for my company, please
//! Let me pass you on.
//! the dialog shows kyc_review (manual)
//! a record of ours matches: true, and reads: Welcome back, Anna
//! ```

use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::sync::Arc;

use chatflow_core::{
    Address, Bot, Condition, Dialog, DialogId, Event, FinishStatus, FlowBuilder, FlowId, Inbound,
    InboundBody, MemoryStore, Message, OperatorAct, Outcome, Profile, Router, SendMessage,
    ShownStatus, Snapshot, Status, StatusChoice, StatusKind, Step, StepContext, StepId, StepKind,
    SystemClock, Template, Terminal, Value, Worker,
};

/// A step: asks for a city and tells the postage.
struct Postage {
    per_letter: i64,
}

impl Step for Postage {
    fn kind(&self) -> &'static str {
        "postage"
    }

    // What parametrises the step is data, so that a config with another price has another hash.
    fn settings(&self) -> Value {
        self.per_letter.into()
    }

    fn enter(&self, step: &mut StepContext<'_>) -> Outcome {
        step.say("Which city are you in?");
        Outcome::Wait
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        let city = message.text().trim();
        if city.is_empty() {
            return Outcome::Wait;
        }
        let price = city.chars().count() as i64 * self.per_letter;
        step.set("postage", price);
        step.say(format!("Postage to {city} is {price}."));
        Outcome::next()
    }
}

/// A router: long messages go to a person.
struct ByLength;

impl Router for ByLength {
    fn kind(&self) -> &'static str {
        "by_length"
    }

    fn routes(&self) -> Vec<Cow<'static, str>> {
        vec!["short".into(), "long".into()]
    }

    fn route(&self, message: &Message, _: &dyn Dialog) -> Option<Cow<'static, str>> {
        Some(if message.text().len() > 40 {
            "long".into()
        } else {
            "short".into()
        })
    }
}

/// A status: a kind of Manual.
struct KycReview;

impl Status for KycReview {
    fn label(&self) -> &str {
        "kyc_review"
    }

    fn kind(&self) -> StatusKind {
        StatusKind::Manual
    }
}

/// A dialog: a row of the host's own tables, read by the same conditions and templates.
struct CustomerRow {
    name: &'static str,
    orders: i64,
}

impl Dialog for CustomerRow {
    fn status(&self) -> ShownStatus {
        StatusKind::Finished.into()
    }

    fn flow(&self) -> Option<&FlowId> {
        None
    }

    fn step(&self) -> Option<&StepId> {
        None
    }

    fn data(&self, name: &str) -> Option<Cow<'_, Value>> {
        (name == "orders").then_some(Cow::Owned(self.orders.into()))
    }

    fn contact_name(&self) -> Option<&str> {
        Some(self.name)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let flow = FlowBuilder::new("parts", 1)
        .step("postage", Postage { per_letter: 1 })
        .step("length", StepKind::router(ByLength))
        .exit("short", "postage")
        .exit("long", "person")
        .step("person", SendMessage::text("Let me pass you on."))
        .finish(FinishStatus::Manual)
        .build()?;
    let bot = Bot::new("parts", flow).status(&KycReview);

    // A worker without a driver: this program owns the loop.
    let terminal = Terminal::with(io::empty(), io::stdout(), io::stderr());
    let worker = Worker::builder(Arc::new(MemoryStore::new()), Arc::new(SystemClock))
        .bot(&bot, Arc::new(terminal))
        .build()?;
    worker.start().await?;
    let address = Address::new("terminal", "you");
    let lines = [
        "hi",
        "Utrecht",
        "I would like to open an account for my company, please",
    ];
    for (number, line) in lines.into_iter().enumerate() {
        println!("> {line}");
        let inbound = Inbound {
            key: format!("line:{number}").into(),
            from: address.clone(),
            profile: Profile::default(),
            body: InboundBody::Message(line.into()),
        };
        worker.receive(inbound).await?;
        worker.step().await?;
    }

    let dialog = DialogId::derive(&"parts".into(), &address);
    let status = Some(StatusChoice::Custom("kyc_review".into()));
    let review = OperatorAct::set(status, None);
    worker
        .handle(dialog, &Event::operator("review", "olga", review))
        .await?;
    let loaded = worker
        .store()
        .load(dialog)
        .await?
        .ok_or("the dialog is gone")?;
    let status = Snapshot::decode(&loaded.snapshot)?.shown_status();
    println!("the dialog shows {} ({})", status.label(), status.kind());

    let row = CustomerRow {
        name: "Anna",
        orders: 3,
    };
    let regular = Condition::at_least("data.orders", 2);
    let greeting = Template::parse("Welcome back, {{ contact.name }}")?.render(&row)?;
    println!(
        "a record of ours matches: {}, and reads: {}",
        regular.holds(&row),
        greeting.as_str()
    );
    Ok(())
}
