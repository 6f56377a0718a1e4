//! Steps that ask and tell the outside, and what a step says by itself: each is the same in Rust,
//! in a file and in the store.

use std::time::Duration;

use chatflow_core::time::Period;
use chatflow_core::{
    AiReply, AiRoute, Ask, Assign, Bot, Config, Delay, DuringDelay, FinishStatus, FlowBuilder,
    FlowDefinition, FlowFiles, FlowGraph, PassToBot, Push, SendMessage, StepKind, Texts, Track,
    TranslateTo, Value, Webhook, WebhookMethod, codec,
};

fn hour() -> Period {
    Duration::from_secs(3600).into()
}

/// The flow of one step, written by hand.
fn read(step: &str) -> FlowDefinition {
    let source = format!(
        "flow: f\ninputs: [name, order, total, city]\nsteps:\n  s:\n{}\n  end: {{finish: finished}}\n",
        step.lines()
            .map(|line| format!("    {line}"))
            .collect::<Vec<_>>()
            .join("\n"),
    );
    let files = FlowFiles::new().read("f.yaml", source.as_bytes());
    let findings = files.check().findings;
    assert!(
        findings
            .iter()
            .all(|finding| finding.code == "missing_fallback"),
        "{step}: {findings:?}"
    );
    files.flows().next().expect("a flow").clone()
}

/// One step of each kind as it is written, and as it is built.
fn kinds() -> Vec<(&'static str, StepKind)> {
    let value = |pairs: &[(&str, Value)]| {
        let pairs = pairs.iter();
        Value::Map(
            pairs
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    };
    vec![
        (
            "ai_route: {branches: {buy: Wants to buy, ask: Has a question}}",
            AiRoute::new()
                .branch("buy", "Wants to buy")
                .branch("ask", "Has a question")
                .into(),
        ),
        (
            "ai_route:
  branches: {zebra: Last in the alphabet, apple: First}
  goal: {en: 'Serve {{ name }}', ru: 'Служи {{ name }}'}
  notes: It is {{ now.hour }} o'clock
  model: small
  memory: 5
  save: topic",
            AiRoute::new()
                .branch("zebra", "Last in the alphabet")
                .branch("apple", "First")
                .goal(Texts::by_language([
                    ("en", "Serve {{ name }}"),
                    ("ru", "Служи {{ name }}"),
                ]))
                .notes("It is {{ now.hour }} o'clock")
                .model("small")
                .memory(5)
                .save("topic")
                .into(),
        ),
        (
            "ai_reply: Greet {{ name }}",
            AiReply::to("Greet {{ name }}").into(),
        ),
        ("ai_reply: {}", AiReply::new().into()),
        (
            "ai_reply: {goal: Greet, notes: Be short, model: large, memory: 0, reply_time: 1h}",
            AiReply::to("Greet")
                .notes("Be short")
                .model("large")
                .memory(0)
                .reply_time(hour())
                .into(),
        ),
        (
            "webhook: {url: 'https://a.example/'}",
            Webhook::to("https://a.example/").into(),
        ),
        (
            "webhook:
  url: https://a.example/o/{{ order }}?c={{ city | upper }}
  method: PUT
  headers: {X-B: '{{ name }}', X-A: fixed}
  body: Hello {{ name }}
  save: answer
  port: shop",
            Webhook::to("https://a.example/o/{{ order }}?c={{ city | upper }}")
                .method(WebhookMethod::Put)
                .header("X-B", "{{ name }}")
                .header("X-A", "fixed")
                .text("Hello {{ name }}")
                .save("answer")
                .port("shop")
                .into(),
        ),
        (
            "webhook: {url: 'http://a.example/x', form: {b: '{{ name }}', a: 1.5}}",
            Webhook::to("http://a.example/x")
                .form("b", "{{ name }}")
                .form("a", Value::Decimal("1.5".parse().expect("a number")))
                .into(),
        ),
        (
            "webhook: {url: 'https://a.example/x', json: {n: '{{ total }}', who: {name: '{{ name }}', old: true}, l: [1, '{{ city }}']}}",
            Webhook::to("https://a.example/x")
                .json("n", "{{ total }}")
                .json(
                    "who",
                    value(&[
                        ("name", Value::from("{{ name }}")),
                        ("old", Value::Bool(true)),
                    ]),
                )
                .json(
                    "l",
                    Value::List(vec![Value::Integer(1), Value::from("{{ city }}")]),
                )
                .into(),
        ),
        ("track: order", Track::event("order").into()),
        (
            "track: {event: order, value: '{{ total }}', parameters: {city: '{{ city }}', test: true}, port: ads}",
            Track::event("order")
                .value("{{ total }}")
                .parameter("city", "{{ city }}")
                .parameter("test", true)
                .port("ads")
                .into(),
        ),
        ("assign: anna", Assign::to("anna").into()),
        ("translate: as_bot", TranslateTo::AsBot.into()),
        ("translate: nothing", TranslateTo::Nothing.into()),
        (
            "translate: {language: es}",
            TranslateTo::Language("es".to_owned()).into(),
        ),
        ("external_bot: support", PassToBot::at("support").into()),
        ("delay: 1h", Delay::new(hour()).into()),
        (
            "delay: {until: '10:00'}",
            Delay::until("10:00".parse().expect("a time")).into(),
        ),
        (
            "delay: {for: 1h, until: '09:30', during: break}",
            Delay::new(hour())
                .then_until("09:30".parse().expect("a time"))
                .during(DuringDelay::Break)
                .into(),
        ),
        (
            "delay: {for: 1h, during: ignore}",
            Delay::new(hour()).during(DuringDelay::Ignore).into(),
        ),
    ]
}

#[test]
fn each_kind_is_the_same_in_a_file_in_rust_and_in_the_store() {
    for (written, built) in kinds() {
        let flow = read(written);
        assert_eq!(flow.steps[0].kind, built, "{written}");
        round_trips(&flow);
    }
}

/// From the definition to a file and back, and to stored bytes and back.
fn round_trips(flow: &FlowDefinition) {
    for written in [flow.to_yaml().expect("yaml"), flow.to_json().expect("json")] {
        let files = FlowFiles::new().read("again.yaml", written.as_bytes());
        assert_eq!(files.flows().next(), Some(flow), "{written}");
    }
    let stored: FlowDefinition =
        codec::decode(&codec::encode(flow).expect("bytes")).expect("a flow");
    assert_eq!(stored, *flow);
    let config = Bot::new("b", flow.clone()).compile().expect("a bot");
    let stored = |hash| {
        let mut definitions = config.definitions().iter();
        let found = definitions.find(|definition| definition.hash == hash);
        found.map(|definition| definition.body.clone())
    };
    let loaded = Config::load(config.hash(), stored, &[]).expect("a stored bot");
    assert_eq!(loaded.hash(), config.hash());
}

#[test]
fn what_a_step_says_by_itself_is_the_same_in_a_file_in_rust_and_in_the_store() {
    let built = FlowBuilder::new("f", 1)
        .input("name")
        .step("hi", SendMessage::text("Hi"))
        .answer_after(Duration::from_secs(90))
        .step("size", Ask::text("Size?"))
        .push(Push::after(
            hour(),
            SendMessage::text("{{ name }}, still there?"),
        ))
        .push(Push::after(
            Duration::from_secs(7200),
            SendMessage::text("Well?").then(SendMessage::text("Bye")),
        ))
        .step("end", SendMessage::text("Thanks"))
        .finish(FinishStatus::Finished)
        .build()
        .expect("a flow");
    let written = "
flow: f
inputs: [name]
steps:
  hi: {send: Hi, answer_after: 90s}
  size:
    ask: Size?
    pushes:
      - {after: 1h, send: '{{ name }}, still there?'}
      - {after: 2h, send: [Well?, Bye]}
  end: {send: Thanks, finish: finished}
";
    let files = FlowFiles::new().read("f.yaml", written.as_bytes());
    assert_eq!(files.flows().next(), Some(&built));
    round_trips(&built);
}

/// What a flow doesn't use stands in none of its stored bytes, so what was stored before is found
/// again under its hash.
#[test]
fn steps_that_use_none_of_it_are_stored_as_before() {
    let flow = FlowBuilder::new("f", 1)
        .step("wait", Delay::new(hour()))
        .step("size", Ask::text("Size?"))
        .build()
        .expect("a flow");
    let written: serde_json::Value =
        serde_json::from_str(&flow.to_json().expect("json")).expect("JSON");
    let wanted = serde_json::json!({"wait": {"delay": "1h"}, "size": {"ask": "Size?"}});
    assert_eq!(written["steps"], wanted);
    let bytes = codec::encode(&flow).expect("bytes");
    let has = |word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
    assert!(has(b"delay") && !has(b"answer_after") && !has(b"pushes") && !has(b"until"));
}

#[test]
fn a_graph_shows_the_ways_out_of_steps_that_ask_and_tell_the_outside() {
    let flow = FlowBuilder::new("f", 1)
        .step("ask", Webhook::to("https://a.example/"))
        .exit("failure", "end")
        .step("route", AiRoute::new().branch("end", "It is over"))
        .exit("otherwise", "lead")
        .step("lead", PassToBot::at("x"))
        .exit("handoff", "person")
        .step("say", AiReply::new())
        .step("tell", Track::event("e"))
        .step("put", TranslateTo::Nothing)
        .step("person", Assign::to("anna"))
        .step("end", SendMessage::text("Bye"))
        .build()
        .expect("a flow");
    let graph = FlowGraph::of(&flow);
    let ways: Vec<String> = graph
        .edges
        .iter()
        .map(|edge| format!("{} {} {}", edge.from, edge.exit, edge.to.label()))
        .collect();
    assert_eq!(
        ways,
        [
            "ask next route",
            "ask failure end",
            "ask timeout end",
            "route end end",
            "route otherwise lead",
            "lead next say",
            "lead handoff person",
            "lead failure say",
            "say next tell",
            "tell next put",
            "put next person",
            "person next operator",
            "person next end",
            "end next end",
        ]
    );
    let waits: Vec<&str> = graph
        .nodes
        .iter()
        .filter(|node| node.waits)
        .map(|node| node.step.as_str())
        .collect();
    assert_eq!(waits, ["ask", "route", "lead", "say"]);
}

#[test]
fn settings_are_stored_and_read_back_as_they_are() {
    let source = "\
flow: f
bot:
  tags: [vip]
  quiet_time: 5s
  typing: {characters_per_second: 8}
  pushes: [{after: 1h, send: {text: {en: Hm?, de: Na?}}}]
  push_together: both
  quiet_hours: {from: '22:00', to: '08:00'}
  during_delay: break
  ai: {model: m, examples: [{contact: Hi, reply: Ho}], prices: {m: {input: 0.15, output: 1}}, budget: 5}
  recogniser: ears
  translation: {ours: en}
  robots:
    b: {words: [refund], status: manual, notify: [anna]}
    a: {on: tag, when: '\"vip\" in tags', fields: {n: 1.5}, step: {step: end}}
  postbacks: [{on: sale, at_least: 9.99, step: {flow: f}}]
  notifications: [{on: [manual], to: [anna]}]
steps:
  end: {send: {text: {en: Bye, de: Tschau}}, finish: finished}
";
    let files = FlowFiles::new().read("f.yaml", source.as_bytes());
    let config = files.bot("b").expect("a bot").compile().expect("a config");
    let stored = |hash| {
        let mut definitions = config.definitions().iter();
        let found = definitions.find(|definition| definition.hash == hash);
        found.map(|definition| definition.body.clone())
    };
    let loaded = Config::load(config.hash(), stored, &[]).expect("a stored bot");
    assert_eq!(loaded.settings(), config.settings());
    assert_eq!(loaded.hash(), config.hash());
    let behaviour = &config.settings().behaviour;
    assert_eq!(behaviour.robots.len(), 2);
    assert_eq!(behaviour.pushes[0].after, hour());
}
