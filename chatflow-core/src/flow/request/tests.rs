//! What a webhook's port gets.

use std::borrow::Cow;

use super::*;
use crate::dialog::{FlowId, ShownStatus, StatusKind, StepId};
use crate::flow::{CompiledFlow, CompiledKind, FlowBuilder, Webhook, WebhookMethod};

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
            "total" => Value::Decimal("12.50".parse().ok()?),
            "count" => Value::Integer(3),
            "text" => Value::from("a&b=c \"d\"\n\u{7}é\\"),
            "day" => Value::Date("2026-01-31".parse().ok()?),
            "yes" => Value::Bool(true),
            "up" => Value::from(".."),
            "dot" => Value::from("."),
            "list" => Value::List(vec![Value::Integer(1), Value::from("x")]),
            _ => return None,
        };
        Some(Cow::Owned(value))
    }
    fn contact_name(&self) -> Option<&str> {
        Some("Anna")
    }
}

fn request(webhook: Webhook) -> Result<BTreeMap<String, Value>, RenderError> {
    let flow = FlowBuilder::new("f", 1).step("s", webhook).build().unwrap();
    let flow = CompiledFlow::compile(&flow, None).unwrap();
    let CompiledKind::Webhook(webhook) = &flow.steps[0].kind else {
        panic!("a webhook");
    };
    match webhook.request(&Record)? {
        Value::Map(request) => Ok(request),
        _ => panic!("a map"),
    }
}

fn text(request: &BTreeMap<String, Value>, part: &str) -> Option<String> {
    request
        .get(part)
        .map(|value| value.as_text().unwrap().to_owned())
}

const URL: &str = "https://a.example/{{ text }}";

#[test]
fn without_a_body_it_is_a_get_and_has_no_content_type() {
    let request = request(Webhook::to(URL).header("Content-Type", "x/y")).unwrap();
    let url = "https://a.example/a%26b%3Dc%20%22d%22%0A%07%C3%A9%5C";
    assert_eq!(text(&request, "method").as_deref(), Some("GET"));
    assert_eq!(text(&request, "url").as_deref(), Some(url));
    let header = Value::List(vec!["Content-Type".into(), "x/y".into()]);
    assert_eq!(request["headers"], Value::List(vec![header]));
    assert_eq!(request.len(), 3, "neither body nor content type");
}

#[test]
fn fl_09_a_form_is_encoded_as_a_whole() {
    let webhook = Webhook::to(URL)
        .form("a b", "Hi & {{ text }}")
        .form("n", "{{ count }}")
        .form("d", 5);
    let request = request(webhook).unwrap();
    assert_eq!(
        text(&request, "body").as_deref(),
        Some("a%20b=Hi%20%26%20a%26b%3Dc%20%22d%22%0A%07%C3%A9%5C&n=3&d=5")
    );
    assert_eq!(text(&request, "method").as_deref(), Some("POST"));
    assert_eq!(
        text(&request, "content_type").as_deref(),
        Some("application/x-www-form-urlencoded")
    );
}

#[test]
fn json_keeps_the_kinds_of_values_at_any_depth() {
    let inner = [
        (
            "l",
            Value::List(vec!["{{ list }}".into(), Value::Null, "{{ yes }}".into()]),
        ),
        ("t", Value::from("{{ text }}")),
    ];
    let inner = inner.map(|(name, value)| (name.to_owned(), value));
    let webhook = Webhook::to(URL)
        .method(WebhookMethod::Put)
        .json("z", "{{ total }}")
        .json("d", "{{ day }}")
        .json("n", "{{ count }} pieces")
        .json("in", Value::Map(inner.into()));
    let request = request(webhook).unwrap();
    assert_eq!(
        text(&request, "body").as_deref(),
        Some(
            r#"{"d":"2026-01-31","in":{"l":[[1,"x"],null,true],"t":"a&b=c \"d\"\n\u0007é\\"},"n":"3 pieces","z":12.5}"#
        )
    );
    assert_eq!(text(&request, "method").as_deref(), Some("PUT"));
    assert_eq!(
        text(&request, "content_type").as_deref(),
        Some("application/json")
    );
}

#[test]
fn a_header_stays_one_line_and_an_authors_content_type_is_the_bodys() {
    let webhook = Webhook::to(URL)
        .text("<a>{{ name }}</a>")
        .header("content-type", "text/xml")
        .header("X-Text", "{{ text }}\r\nEvil: 1");
    let request = request(webhook).unwrap();
    assert_eq!(text(&request, "body").as_deref(), Some("<a>Anna</a>"));
    assert_eq!(text(&request, "content_type").as_deref(), Some("text/xml"));
    let header = Value::List(vec!["X-Text".into(), "a&b=c \"d\"  é\\  Evil: 1".into()]);
    assert_eq!(request["headers"], Value::List(vec![header]));
}

#[test]
fn a_value_that_is_missing_is_named_wherever_it_stands() {
    let missing = Err(RenderError::ValueMissing {
        name: "gone".to_owned(),
    });
    let to = || Webhook::to("https://a.example/");
    for webhook in [
        Webhook::to("https://a.example/{{ gone }}"),
        to().header("a", "{{ gone }}"),
        to().text("{{ gone }}"),
        to().form("a", "{{ gone }}"),
        to().json("a", Value::List(vec!["{{ gone }}".into()])),
    ] {
        assert_eq!(request(webhook), missing);
    }
}

#[test]
fn a_body_has_a_limit() {
    let long = |n: usize| "x".repeat(n);
    let form = (0..40).fold(Webhook::to("https://a.example/"), |webhook, n| {
        webhook.form(n.to_string(), long(2000))
    });
    let json = (0..40).fold(Webhook::to("https://a.example/"), |webhook, n| {
        webhook.json(n.to_string(), long(2000))
    });
    for webhook in [form, json] {
        assert_eq!(request(webhook), Err(RenderError::TooLong));
    }
}

#[test]
fn a_value_leads_an_address_nowhere_else() {
    for url in [
        "https://a.example/{{ up }}",
        "https://a.example/x/{{ up }}/y?z",
        "https://a.example/{{ dot }}",
        "https://a.example/{{ dot }}{{ dot }}/x",
    ] {
        let refused = request(Webhook::to(url));
        let is_refused = matches!(refused, Err(RenderError::WrongKind { .. }));
        assert!(is_refused, "{url}");
    }
    let fine = request(Webhook::to("https://a.example/x{{ up }}?up=/{{ up }}/")).unwrap();
    assert_eq!(
        text(&fine, "url").as_deref(),
        Some("https://a.example/x..?up=/../")
    );
}
