//! Flow files: what is read is what was meant, what is wrong has its place, and a flow goes from
//! one bot to another.

use chatflow_core::testing::{Player, Scenario, block_on};
use chatflow_core::{
    Ask, Behaviour, Bot, CallFlow, ChangeFlow, ChangeTags, Code, Condition, Delay, Finish,
    FinishStatus, FlowBuilder, FlowDefinition, FlowFiles, KeywordMatch, KeywordRouter, MediaKind,
    Message, Outcome, SendMessage, SetValues, Severity, Split, Step, StepContext, Texts, Value,
};

fn read(name: &str, source: &str) -> FlowFiles {
    FlowFiles::new().read(name, source.as_bytes())
}

/// Line and code of each finding.
fn found(files: &FlowFiles) -> Vec<(usize, &'static str)> {
    let findings = files.check().findings;
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    errors
        .map(|finding| (finding.span.line, finding.code))
        .collect()
}

const SHOP: &str = "\
flow: shop
version: 3
language: en
bot:
  time_zone: Europe/Kyiv
  tags: [vip, cold]
  variables: {price: 12.50}
steps:
  menu:
    send: {text: What would you like?, choices: [Price, Order]}
  choose:
    keywords:
      routes:
        price: [price, how much]
        order: order
        code: {patterns: ['^\\d{4}$']}
      retry: Price or order?
  price:
    send: It costs {{ price }}.
    next: menu
  order:
    ask: {question: How many?, answer: {range: {from: 1, to: 10}}, save: count}
  code:
    tags: {add: [vip]}
  thanks:
    send:
      - {en: Thank you!, ru: Спасибо!}
      - photo: box.jpg
        text: Yours soon.
    finish: finished
";

fn played(bot: Bot, scenario: &str) {
    let scenario = Scenario::parse(scenario).unwrap();
    let played = block_on(Player::new(bot).play(&scenario)).unwrap();
    assert!(played.holds(), "{played}");
}

#[test]
fn a_file_is_a_bot() {
    let source = SHOP.replace(
        "      - {en: Thank you!, ru: Спасибо!}\n",
        "      - text: {en: Thank you!, ru: Спасибо!}\n",
    );
    let files = read("shop.yaml", &source);
    assert_eq!(found(&files), []);
    let bot = files.bot("shop").unwrap();
    played(
        bot,
        "> hi
< What would you like? [Price | Order]
< Price or order?
> how much is it
< It costs 12.5.
< What would you like? [Price | Order]
> nothing
< Price or order?
> 1234
< Thank you!
< [photo] Yours soon.
? status finished",
    );
}

#[test]
fn a_text_by_language_among_messages_says_what_is_expected() {
    // `en` and `ru` are no keys of a message: the text is under `text`.
    let findings = read("shop.yaml", SHOP).check().findings;
    let place = |n: usize| (findings[n].span.line, findings[n].span.column);
    assert_eq!((place(0), place(1)), ((27, 10), (27, 26)), "{findings:?}");
    assert!(findings[0].hint.as_ref().unwrap().contains("`text`"));
}

#[test]
fn fl_34_a_flow_goes_from_one_bot_to_another_and_says_the_same() {
    let helper = FlowBuilder::new("ask_name", 1)
        .step("name", Ask::text("Your name?").save("given"))
        .build()
        .unwrap();
    let flow = FlowBuilder::new("lead", 1)
        .step("call", CallFlow::to("ask_name").result("who", "given"))
        .step("hello", SendMessage::text("Hello, {{ who }}!"))
        .step("over", ChangeFlow::to("lead").step("end"))
        .step("end", SendMessage::text("Bye."))
        .build()
        .unwrap();
    let scenario = "> hi\n< Your name?\n> Anna\n< Hello, Anna!\n< Bye.\n? status finished";
    played(Bot::new("one", flow.clone()).flow(helper.clone()), scenario);

    // The other bot has flows of these names already, and they are others.
    let other = |name: &str| {
        FlowBuilder::new(name, 7)
            .step("other", SendMessage::text("Something else."))
            .build()
            .unwrap()
    };
    let second = Bot::new("two", other("lead")).flow(other("ask_name"));
    let files = FlowFiles::new()
        .read("lead.yaml", flow.to_yaml().unwrap().as_bytes())
        .read("ask_name.json", helper.to_json().unwrap().as_bytes());
    let grown = files.import_into(&second).unwrap();
    let names: Vec<_> = grown
        .check()
        .bounds
        .into_iter()
        .map(|bound| bound.flow)
        .collect();
    assert_eq!(
        names,
        ["lead", "ask_name", "lead_2", "ask_name_2"].map(Into::into)
    );
    played(grown.clone(), "> hi\n< Something else.\n? step lead/other");
    let scenario = format!(
        "> hi\n< Something else.\n! step lead_2/call\n{}",
        scenario.trim_start_matches("> hi\n")
    );
    played(grown, &scenario);
}

#[test]
fn fl_35_an_import_with_dangling_references_lists_them_all_and_changes_nothing() {
    let flow = "\
flow: guest
steps:
  hello:
    send: Hello!
    next: {next: nowhere}
  tag:
    tags: {add: [unheard]}
  sub:
    call_flow: missing
  over:
    change_flow: {flow: home, step: attic}
  mine:
    custom: somebodys
";
    let home = FlowBuilder::new("home", 1)
        .step("door", SendMessage::text("Come in."))
        .build()
        .unwrap();
    let behaviour = Behaviour {
        tags: ["vip".to_owned()].into(),
        ..Behaviour::default()
    };
    let bot = Bot::new("two", home).behaviour(behaviour);
    let error = read("guest.yaml", flow).import_into(&bot).unwrap_err();
    let mut found: Vec<(usize, &str)> = error
        .findings()
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| (finding.span.line, finding.code))
        .collect();
    found.dedup();
    let expected = [
        (5, "unknown_step"),
        (7, "unknown_tag"),
        (9, "unknown_flow"),
        (11, "unknown_flow_step"),
        (13, "code_missing"),
    ];
    assert_eq!(found, expected, "{error}");
    played(bot, "> hi\n< Come in.");
}

#[test]
fn ten_mistakes_are_ten_findings_at_their_lines() {
    let source = "\
flow: broken
version: soon
steps:
  a:
    send: Hello {{ name
    next: nowhere
  b:
    ask: {question: How old?, answer: {range: {from: 9, to: 1}}, save: my age}
    finsh: finished
  c:
    keywords: {routes: {x: ['...'], y: {patterns: ['(']}}}
  d:
    split: {left: 50, right: 51}
  e:
    send: Hi
    ask: Who?
  f:
    delay: 2 hours
";
    let expected = [
        (2, "unreadable"),
        (5, "bad_template"),
        (6, "unknown_step"),
        (8, "empty_range"),
        (8, "bad_path"),
        (9, "unreadable"),
        (11, "bad_word"),
        (11, "bad_pattern"),
        (13, "weight_sum"),
        (14, "many_kinds"),
        (18, "unreadable"),
    ];
    assert_eq!(found(&read("broken.yaml", source)), expected);
}

struct Shout(String);

impl Step for Shout {
    fn kind(&self) -> &'static str {
        "shout"
    }

    fn settings(&self) -> Value {
        Value::from(self.0.as_str())
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        step.say(format!("{}{}", message.text().to_uppercase(), self.0));
        Outcome::Wait
    }
}

#[test]
fn a_file_names_steps_written_in_rust() {
    let code = Code::new().step("shout", |settings| match settings.as_text() {
        Some(end) => Ok(Shout(end.to_owned())),
        None => Err("wants a text".to_owned()),
    });
    let files = |settings: &str| {
        let source = format!("flow: f\nsteps:\n  s:\n    custom: {settings}\n");
        let files = FlowFiles::new().code(code.clone());
        files.read("f.yaml", source.as_bytes())
    };
    let bot = files("{kind: shout, settings: '!'}").bot("b").unwrap();
    played(bot, "> hi\n< HI!");
    assert_eq!(
        found(&files("{kind: shout, settings: 1}")),
        [(3, "bad_settings")]
    );
    assert_eq!(found(&files("whisper")), [(4, "code_missing")]);
    let assumed = FlowFiles::new()
        .code(Code::new().assume("whisper", ["next", "loud"]))
        .read(
            "f.yaml",
            b"flow: f\nsteps: {s: {custom: whisper, next: {loud: s}}}\n",
        );
    assert_eq!(found(&assumed), []);
}

/// A flow with every kind of step and every form of its settings.
fn everything() -> FlowDefinition {
    FlowBuilder::new("everything", 9)
        .language("en")
        .input("price")
        .entry("ask")
        .step(
            "send",
            SendMessage::text(Texts::by_language([
                ("en", "Hi\nthere"),
                ("ru", "Привет: \"да\""),
            ]))
            .choices(["Yes", "no", "1"])
            .then(SendMessage::media(MediaKind::RoundVideo, "a:b #c"))
            .then(SendMessage::media(MediaKind::File, "x").caption("  blanks  ")),
        )
        .exit("next", "ask")
        .step(
            "ask",
            Ask::range("{{ price }}?", -5, 5)
                .retry("again")
                .retries(2)
                .save_field("city"),
        )
        .timeout(std::time::Duration::from_millis(90_061_001))
        .exit("timeout", "send")
        .exit("gave_up", "send")
        .step(
            "choice",
            Ask::choice(
                "?",
                [Texts::from("true"), Texts::by_language([("en", "a")])],
            )
            .save_contact_name(),
        )
        .step(
            "regex",
            Ask::new("?", chatflow_core::AskKind::Regex("^a|b$".into())),
        )
        .step("mail", Ask::new("?", chatflow_core::AskKind::Email))
        .step(
            "route",
            KeywordRouter::new()
                .route("send", ["null", "~"])
                .pattern("send", ["\\d"])
                .route("ask", ["b"])
                .matching(KeywordMatch::Whole)
                .save("route"),
        )
        .step(
            "branch",
            chatflow_core::Branch::when("old", Condition::expression("age > 5")).or_when(
                "vip",
                Condition::All(vec![
                    Condition::tagged("vip"),
                    Condition::Not(Box::new(Condition::is("x", Value::Integer(1)))),
                    Condition::Any(vec![Condition::known("y"), Condition::at_most("z", 3)]),
                ]),
            ),
        )
        .step("split", Split::new().arm("b", 40).arm("a", 60))
        .step("tags", ChangeTags::new().with("vip").without("cold"))
        .step(
            "set",
            SetValues::new()
                .set("a", 1)
                .set("contact.b", "{{ a }}")
                .set("c", Value::Decimal("1.5".parse().unwrap()))
                .set(
                    "d",
                    Value::Decimal("0.1234567890123456789".parse().unwrap()),
                )
                .set("e", Value::List(vec![Value::Null, Value::Bool(true)])),
        )
        .step(
            "call",
            CallFlow::to("other").input("x", "{{ a }}").result("y", "z"),
        )
        .step("delay", Delay::new(std::time::Duration::from_secs(7200)))
        .finish(FinishStatus::Waiting)
        .step("change", ChangeFlow::to("other").step("there"))
        .step("finish", Finish::with(FinishStatus::Manual))
        .build()
        .unwrap()
}

#[test]
fn a_number_is_kept_as_it_was_written_or_refused() {
    let set = |number: &str| {
        let source = format!("flow: f\nsteps:\n  s:\n    set: {{x: {number}}}\n");
        let files = read("f.yaml", &source);
        let x = files.bot("b").ok().map(|bot| {
            let scenario = Scenario::parse("> hi\n").unwrap();
            assert!(block_on(Player::new(bot).play(&scenario)).unwrap().holds());
            files.flows().next().unwrap().to_json().unwrap()
        });
        (found(&files), x.is_some_and(|json| json.contains(number)))
    };
    for exact in ["1.25", "-0.5", "123456.789", "7"] {
        assert_eq!(set(exact), (vec![], true), "{exact}");
    }
    for inexact in ["1234567890123456.78", "123456789.123456789"] {
        assert_eq!(set(inexact), (vec![(4, "unreadable")], false), "{inexact}");
    }
}

#[test]
fn every_flow_is_written_and_read_back_as_the_same() {
    let flow = everything();
    for written in [flow.to_yaml().unwrap(), flow.to_json().unwrap()] {
        let files = read("again", &written);
        let findings = files.check().findings;
        let unread = findings.iter().find(|finding| finding.code == "unreadable");
        assert_eq!(unread, None, "{written}");
        assert_eq!(files.flows().next(), Some(&flow), "{written}");
    }
}

#[test]
fn no_finding_points_at_line_0_in_any_style() {
    let block = "\
flow: styles
steps:
  a:
    send: '{{ x'
    colour: red
  b:
    ask:
      question: [1]
    next: nowhere
";
    let flow = "{flow: styles, steps: {a: {send: '{{ x', colour: red},\n b: {ask: {question: [1]}, next: nowhere}}}";
    let json = "{\"flow\": \"styles\", \"steps\": {\"a\": {\"send\": \"{{ x\", \"colour\": \"red\"},\n\t\"b\": {\"ask\": {\"question\": [1]}, \"next\": \"nowhere\"}}}";
    for source in [
        block,
        flow,
        json,
        "",
        "[]",
        "flow: x",
        "steps: {a: {}}",
        "a: b: c",
        "\t- x",
        "&a [*a]",
        "flow: x\nsteps: {a: {send: Hi, next: \"no\\nwhere\"}}",
    ] {
        let findings = read("f", source).check().findings;
        assert!(!findings.is_empty(), "{source}");
        for finding in &findings {
            let lines = source.lines().count().max(1);
            assert!(
                (1..=lines).contains(&finding.span.line),
                "{source}: {finding}"
            );
            assert!(finding.span.column > 0 && finding.span.offset <= source.len());
            assert!(!finding.to_string().contains('\n'));
        }
    }
    for source in [block, flow, json] {
        let codes: Vec<&str> = found(&read("f", source))
            .into_iter()
            .map(|(_, code)| code)
            .collect();
        assert_eq!(
            codes,
            ["bad_template", "unreadable", "unreadable", "unknown_step"],
            "{source}"
        );
    }
}
