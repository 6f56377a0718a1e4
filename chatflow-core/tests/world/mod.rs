//! A step that does what it is told, and a dialog to try things with.
#![allow(dead_code, reason = "not every test file uses every helper")]

use std::time::Duration;

use chatflow_core::{
    Address, CallFailure, Config, ContactView, Message, Outcome, Snapshot, Step, StepContext,
    Value, time,
};

/// A step of the host's that does what the message says.
pub(crate) struct Obedient;

impl Step for Obedient {
    fn kind(&self) -> &'static str {
        "obedient"
    }

    fn exits(&self) -> Vec<std::borrow::Cow<'static, str>> {
        vec!["next".into(), "side".into()]
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        match message.text() {
            "call" => {
                step.call("oracle", "question");
                Outcome::Wait
            }
            "call and go" => {
                step.call("oracle", "question");
                Outcome::next()
            }
            "wait" => {
                step.time_out_after(Duration::from_secs(60));
                step.remember("waiting");
                Outcome::Wait
            }
            "many" => {
                (0..20).for_each(|n| step.say(format!("{n}")));
                Outcome::Wait
            }
            "data" => {
                step.set("blob", "x".repeat(600));
                step.set_field("city", "Riga");
                Outcome::Wait
            }
            "side" => Outcome::exit("side"),
            "nowhere" => Outcome::exit("nowhere"),
            "fail" => Outcome::Fail,
            "hand off" => {
                step.say("passing you on");
                Outcome::HandOff
            }
            "complete" => Outcome::Complete,
            _ => Outcome::next(),
        }
    }

    fn answered(&self, answer: &Result<Value, CallFailure>, step: &mut StepContext<'_>) -> Outcome {
        step.say(if answer.is_ok() {
            "answered"
        } else {
            "no answer"
        });
        Outcome::next()
    }

    fn timed_out(&self, step: &mut StepContext<'_>) -> Outcome {
        step.say("too late");
        Outcome::exit("side")
    }
}

pub(crate) fn opened(config: &Config) -> Snapshot {
    let address = Address::new("test", "anna");
    let contact = ContactView {
        revision: 1,
        ..ContactView::default()
    };
    config.open(address, contact, time::from_millis(0))
}
