//! The fast path and minijinja must not be told apart, and what is read is known.

use std::borrow::Cow;

use proptest::prelude::*;

use crate::dialog::{Dialog, FlowId, ShownStatus, StatusKind, StepId, Value};
use crate::flow::template::{Body, Read, RenderError, Template, TemplateError};

struct Record;

impl Dialog for Record {
    fn status(&self) -> ShownStatus {
        StatusKind::Manual.into()
    }
    fn flow(&self) -> Option<&FlowId> {
        None
    }
    fn step(&self) -> Option<&StepId> {
        None
    }
    fn data(&self, name: &str) -> Option<Cow<'_, Value>> {
        let value = match name {
            "age" => Value::Integer(34),
            "price" => Value::Decimal("12.50".parse().ok()?),
            "born" => Value::Date("1992-02-29".parse().ok()?),
            "yes" => Value::Bool(true),
            "имя" => Value::from("Анна {{ age }} {% if %}"),
            "list" => Value::List(vec![Value::Null, Value::from("a"), Value::Integer(2)]),
            "map" => Value::Map([("k".to_owned(), Value::from("v"))].into()),
            "empty" => Value::from(""),
            "nil" => Value::Null,
            "long" => Value::from("x".repeat(30_000)),
            _ => return None,
        };
        Some(Cow::Owned(value))
    }
    fn contact_name(&self) -> Option<&str> {
        Some("Anna \"{{ x }}\"\n")
    }
    fn tags(&self) -> Vec<&str> {
        vec!["vip"]
    }
    fn variable(&self, name: &str) -> Option<Cow<'_, Value>> {
        (name == "shop").then(|| Cow::Owned(Value::from("Tea")))
    }
}

fn part() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("age"),
        Just("data.price"),
        Just("born"),
        Just("yes"),
        Just("имя"),
        Just("list"),
        Just("map"),
        Just("empty"),
        Just("nil"),
        Just("long"),
        Just("name"),
        Just("contact.name"),
        Just("contact.city"),
        Just("variable.shop"),
        Just("shop"),
        Just("tags"),
        Just("status"),
        Just("missing"),
        Just("data"),
        Just("loop"),
        Just("self"),
        Just("v0"),
        Just("contact.if"),
    ];
    let open = prop_oneof![Just("{{"), Just("{{ "), Just("{{-"), Just("{{- \n")];
    let close = prop_oneof![Just("}}"), Just(" }}"), Just("-}}"), Just("\t-}}")];
    prop_oneof![
        "[a-z \n\r\\\\\"'{}%#ё]{0,6}",
        any::<String>(),
        (open, name, close).prop_map(|(open, name, close)| format!("{open}{name}{close}")),
    ]
}

proptest! {
    #[test]
    fn segments_and_minijinja_give_the_same(parts in prop::collection::vec(part(), 0..8)) {
        let source = parts.concat();
        let fast = Template::parse(&source);
        if let Ok(Template { body: Body::Segments(_), .. }) = &fast {
            let slow = Template::parse_slowly(&source).expect("what segments take, minijinja takes");
            let fast = fast.expect("it is a template");
            prop_assert_eq!(fast.render(&Record), slow.render(&Record), "{}", source);
            prop_assert!(fast.evaluate(&Record) == slow.evaluate(&Record), "{}", source);
            prop_assert_eq!(fast.reads(), slow.reads());
        }
    }
}

#[test]
fn names_take_the_fast_path_and_all_else_the_slow_one() {
    let is_fast = |source: &str| matches!(Template::parse(source).unwrap().body, Body::Segments(_));
    for source in [
        "",
        "text",
        "{{ x }}, {{data.x}}{# note #}",
        "{{- variable.x -}}",
        "{{ имя }}",
    ] {
        assert!(is_fast(source), "{source}");
    }
    for source in [
        "{{ x | upper }}",
        "{{ now.date }}",
        "{{ true }}",
        "{{ 1 }}",
        "{% if x %}{% endif %}",
    ] {
        assert!(!is_fast(source), "{source}");
    }
}

#[test]
fn what_is_read_is_known_and_whether_it_may_be_missing() {
    let reads = |source: &str| {
        let reads = Template::parse(source).unwrap().reads();
        let shown = |read: &Read| format!("{}{}", read.name, if read.guarded { "?" } else { "" });
        reads.iter().map(shown).collect::<Vec<_>>()
    };
    assert_eq!(reads("{{ x }} {{ data.y }}"), ["x", "data.y"]);
    assert_eq!(
        reads("{{ x | default(contact.city) | upper }}"),
        ["x?", "contact.city"]
    );
    assert_eq!(reads("{{ x | upper | default(1) }}"), ["x"]);
    assert_eq!(reads("{{ x.part[0].other | d }}{{ x }}"), ["x?", "x"]);
    // Whoever asks once knows everywhere.
    assert_eq!(
        reads("{% if x is defined and y > 1 %}{{ x }}{% endif %}"),
        ["x?", "y", "x?"]
    );
    assert_eq!(reads("{% for y in list %}{% endfor %}"), ["list"]);
    assert_eq!(
        reads("{% for y in list %}{{ y.a }}{{ loop.index }}{{ z }}{% endfor %}{{ y }}"),
        ["list", "z", "y"]
    );
    let expression = Template::expression("variable.b > 1 and c is none").unwrap();
    let names: Vec<_> = expression
        .reads()
        .into_iter()
        .map(|read| (read.name, read.guarded))
        .collect();
    let expected = [("variable.b", false), ("c", true)];
    assert_eq!(
        names,
        expected.map(|(name, guarded)| (name.to_owned(), guarded))
    );
}

fn render(source: &str) -> Result<String, RenderError> {
    Template::parse(source)
        .unwrap()
        .render(&Record)
        .map(|text| text.as_str().to_owned())
}

#[test]
fn values_are_filled_in_and_not_read_as_templates() {
    assert_eq!(
        render("{{name}}, {{ data.age }}!").unwrap(),
        "Anna \"{{ x }}\"\n, 34!"
    );
    assert_eq!(render("plain").unwrap(), "plain");
    assert_eq!(render("").unwrap(), "");
}

#[test]
fn fl_32_a_missing_value_is_an_error_never_raw_braces() {
    let missing = RenderError::ValueMissing {
        name: "city".to_owned(),
    };
    assert_eq!(render("Hi {{ city }}"), Err(missing));
}

#[test]
fn bad_templates_name_the_place() {
    assert_eq!(
        Template::parse("ab {{ x"),
        Err(TemplateError::Unclosed { at: 3 })
    );
    assert!(matches!(
        Template::parse("{{ x | shout }}"),
        Err(TemplateError::UnknownFilter { at: 7, .. })
    ));
    assert!(matches!(
        Template::parse(&"x".repeat(3000)),
        Err(TemplateError::TooLong { .. })
    ));
}
