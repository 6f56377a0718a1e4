//! Any text as a template and as a condition: an error, or a bounded text.
#![no_main]

use std::borrow::Cow;

use chatflow_core::{Condition, Decimal, Dialog, FlowId, ShownStatus, StatusKind, StepId, Template, Value};
use libfuzzer_sys::fuzz_target;

struct Record;

impl Dialog for Record {
    fn status(&self) -> ShownStatus {
        StatusKind::Auto.into()
    }

    fn flow(&self) -> Option<&FlowId> {
        None
    }

    fn step(&self) -> Option<&StepId> {
        None
    }

    fn data(&self, name: &str) -> Option<Cow<'_, Value>> {
        let value = match name {
            "a" => Value::Integer(7),
            "b" => Value::Decimal("0.1".parse::<Decimal>().ok()?),
            "c" => Value::from("Anna {{ a }}"),
            "d" => Value::List(vec![Value::Integer(1), Value::from("x"), Value::Null]),
            _ => return None,
        };
        Some(Cow::Owned(value))
    }

    fn contact_name(&self) -> Option<&str> {
        Some("Anna")
    }

    fn tags(&self) -> Vec<&str> {
        vec!["vip"]
    }
}

fuzz_target!(|source: &str| {
    if let Ok(template) = Template::parse(source) {
        if let Ok(text) = template.render(&Record) {
            assert!(text.len() <= 64 * 1024);
        }
        let _ = template.evaluate(&Record);
    }
    Condition::expression(source).holds(&Record);
});
