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

/// What an address is when one text is the only value that it reads.
struct Said(String);

impl Dialog for Said {
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
        (name == "x").then(|| Cow::Owned(Value::from(self.0.as_str())))
    }
    fn contact_name(&self) -> Option<&str> {
        None
    }
}

fn encoded(template: &Template, dialog: &dyn Dialog) -> String {
    template.render(dialog).unwrap().as_str().to_owned()
}

/// The bytes behind an encoded text.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                let digits = std::str::from_utf8(&digits).unwrap();
                u8::from_str_radix(digits, 16).unwrap()
            }
            byte => byte,
        });
    }
    out
}

#[test]
fn fl_09_placeholders_of_an_address_are_encoded_and_the_text_beside_them_is_not() {
    let said = Said("a b/../?c=%&#é".to_owned());
    let value = "a%20b%2F..%2F%3Fc%3D%25%26%23%C3%A9";
    for (source, wanted) in [
        (
            "https://a/b?q={{ x }}&r=%20#é",
            format!("https://a/b?q={value}&r=%20#é"),
        ),
        (
            "https://a/{{ x | upper }}",
            "https://a/A%20B%2F..%2F%3FC%3D%25%26%23%C3%89".to_owned(),
        ),
        (
            "https://a/{% for i in [x, 1 / 4] %}{% if i %}/{{ i }}{% endif %}{% endfor %}",
            format!("https://a//{value}/0.25"),
        ),
        ("{{ x }}", value.to_owned()),
    ] {
        let template = Template::encoding(source).unwrap();
        assert_eq!(encoded(&template, &said), wanted, "{source}");
        let slow = Template::encoding_slowly(source).unwrap();
        assert_eq!(encoded(&slow, &said), wanted, "{source}");
        assert_eq!(template.reads()[0].name, "x");
    }
    let missing = Template::encoding("https://a/{{ y }}").unwrap();
    assert!(matches!(
        missing.render(&said),
        Err(RenderError::ValueMissing { .. })
    ));
}

#[test]
fn an_encoded_value_counts_as_long_as_it_is_sent() {
    let said = Said("/".repeat(30_000));
    for template in [
        Template::encoding("a{{ x }}"),
        Template::encoding_slowly("a{{ x }}"),
    ] {
        assert_eq!(template.unwrap().render(&said), Err(RenderError::TooLong));
    }
}

#[test]
fn fl_09_a_template_reads_the_dialog_and_the_contacts_outside_id() {
    struct Whole(crate::dialog::Address);

    impl Dialog for Whole {
        fn status(&self) -> ShownStatus {
            StatusKind::Auto.into()
        }
        fn flow(&self) -> Option<&FlowId> {
            None
        }
        fn step(&self) -> Option<&StepId> {
            None
        }
        fn dialog_id(&self) -> Option<crate::dialog::DialogId> {
            Some(crate::dialog::DialogId::derive(&"b".into(), &self.0))
        }
        fn address(&self) -> Option<&crate::dialog::Address> {
            Some(&self.0)
        }
        fn data(&self, _: &str) -> Option<Cow<'_, Value>> {
            None
        }
        fn contact_name(&self) -> Option<&str> {
            None
        }
    }

    let whole = Whole(crate::dialog::Address::new("chat", "@anna/1"));
    let template = Template::encoding("https://a/{{ dialog.id }}/{{ dialog.address }}").unwrap();
    let id = whole.dialog_id().unwrap();
    assert_eq!(
        encoded(&template, &whole),
        format!("https://a/{id}/%40anna%2F1")
    );
    // A record that has neither has no such name.
    assert!(template.render(&Said(String::new())).is_err());
}

proptest! {
    #[test]
    fn decoding_gives_a_value_back_and_the_two_paths_are_one(text in any::<String>(), name in "[a-z]{0,5}") {
        let said = Said(text.clone());
        let source = format!("https://a/{name}?q={{{{ x }}}}");
        let fast = encoded(&Template::encoding(&source).unwrap(), &said);
        let slow = encoded(&Template::encoding_slowly(&source).unwrap(), &said);
        prop_assert_eq!(&fast, &slow);
        let value = fast.strip_prefix(&format!("https://a/{name}?q=")).unwrap();
        prop_assert_eq!(decoded(value), text.as_bytes());
        let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
        prop_assert!(value.bytes().all(is_unreserved));
    }
}
