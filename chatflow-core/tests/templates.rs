//! What templates and conditions may say, and what they can't do to us.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Instant;

use chatflow_core::{
    Condition, Decimal, Dialog, FlowBuilder, FlowId, Media, MediaKind, Message, ProblemKind,
    RenderError, SendMessage, ShownStatus, StatusKind, StepId, Template, TemplateError, Value,
};
use chrono::{DateTime, FixedOffset};
use proptest::prelude::*;

/// A contact with a name, fields, tags and a message, a bot with variables, a Monday afternoon.
struct Record {
    data: BTreeMap<&'static str, Value>,
    fields: BTreeMap<&'static str, Value>,
    variables: BTreeMap<&'static str, Value>,
    message: Message,
    flow: FlowId,
}

fn list(values: impl IntoIterator<Item = Value>) -> Value {
    Value::List(values.into_iter().collect())
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.map(|(key, value)| (key.to_owned(), value)).into())
}

fn decimal(digits: &str) -> Value {
    Value::Decimal(digits.parse::<Decimal>().unwrap())
}

fn deep(levels: usize) -> Value {
    (0..levels).fold(Value::Null, |inner, _| list([inner]))
}

impl Default for Record {
    fn default() -> Self {
        let tea = map([("title", "Tea".into()), ("price", decimal("12.5"))]);
        let cake = map([("title", "Cake".into()), ("price", decimal("30"))]);
        let order = map([("a", tea.clone()), ("b", cake.clone())]);
        Self {
            data: BTreeMap::from([
                ("age", Value::Integer(34)),
                ("price", decimal("12.5")),
                ("exact", decimal("0.1234567890123456789012345678")),
                ("born", Value::Date("1992-02-29".parse().unwrap())),
                ("items", list([tea, cake])),
                ("order", order),
                ("empty", list([])),
                ("nil", Value::Null),
                ("both", "data's".into()),
                ("big", "x".repeat(20_000).into()),
                ("many", list((0..200).map(Value::Integer))),
                ("tagged_often", list((0..5_000).map(Value::Integer))),
                ("evil", "{{ 7 * 7 }}{% for a in b %}".into()),
                ("deep", deep(5_000)),
            ]),
            fields: BTreeMap::from([
                ("city", "Riga".into()),
                ("both", "field's".into()),
                ("message", "kept".into()),
            ]),
            variables: BTreeMap::from([
                ("shop", "Chatflow Tea".into()),
                ("both", "variable's".into()),
                ("city", "Oslo".into()),
            ]),
            message: Message::new("hi there").with_media(Media::new(MediaKind::Photo, "p1")),
            flow: FlowId::new("sale"),
        }
    }
}

/// What a value nested without end is freed by: its own drop would go down level by level.
impl Drop for Record {
    fn drop(&mut self) {
        let mut next = self.data.remove("deep");
        while let Some(Value::List(mut values)) = next {
            next = values.pop();
        }
    }
}

fn get<'v>(values: &'v BTreeMap<&str, Value>, name: &str) -> Option<Cow<'v, Value>> {
    values.get(name).map(Cow::Borrowed)
}

impl Dialog for Record {
    fn status(&self) -> ShownStatus {
        StatusKind::Auto.into()
    }
    fn flow(&self) -> Option<&FlowId> {
        Some(&self.flow)
    }
    fn step(&self) -> Option<&StepId> {
        None
    }
    fn data(&self, name: &str) -> Option<Cow<'_, Value>> {
        get(&self.data, name)
    }
    fn contact_name(&self) -> Option<&str> {
        Some("Anna {{ age }}")
    }
    fn field(&self, name: &str) -> Option<Cow<'_, Value>> {
        get(&self.fields, name)
    }
    fn variable(&self, name: &str) -> Option<Cow<'_, Value>> {
        get(&self.variables, name)
    }
    fn tags(&self) -> Vec<&str> {
        vec!["new", "vip"]
    }
    fn message(&self) -> Option<&Message> {
        Some(&self.message)
    }
    fn event(&self) -> Option<&'static str> {
        Some("message_received")
    }
    fn local_time(&self) -> Option<DateTime<FixedOffset>> {
        DateTime::parse_from_rfc3339("2026-01-05T14:05:09+03:00").ok()
    }
}

fn render(source: &str) -> Result<String, RenderError> {
    let template = Template::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    let text = template.render(&Record::default())?;
    Ok(text.as_str().to_owned())
}

fn evaluate(source: &str) -> Result<Value, RenderError> {
    Template::parse(source)
        .unwrap()
        .evaluate(&Record::default())
}

fn holds(source: &str) -> bool {
    Condition::expression(source).holds(&Record::default())
}

fn missing(name: &str) -> Result<String, RenderError> {
    Err(RenderError::ValueMissing {
        name: name.to_owned(),
    })
}

/// Each pair is a template and its text.
fn says(pairs: &[(&str, &str)]) {
    for (source, text) in pairs {
        assert_eq!(render(source).as_deref(), Ok(*text), "{source}");
    }
}

#[test]
fn fl_32_placeholders_come_from_contact_fields_data_and_variables() {
    says(&[
        ("Hello, {{ name }}!", "Hello, Anna {{ age }}!"),
        (
            "{{ contact.city }} {{ variable.city }} {{ city }}",
            "Riga Oslo Oslo",
        ),
        (
            "{{ both }} {{ contact.both }} {{ variable.both }}",
            "data's field's variable's",
        ),
        ("{{ data.price }} in {{ shop }}", "12.5 in Chatflow Tea"),
        (
            "{{ contact.city | upper }}, {{ variable.shop | lower }}",
            "RIGA, chatflow tea",
        ),
    ]);
}

#[test]
fn fl_32_missing_gives_the_default_or_a_typed_error_never_raw_braces() {
    says(&[
        ("Hi {{ nickname | default(\"friend\") }}", "Hi friend"),
        (
            "Hi {{ nickname | default(name) | upper }}",
            "Hi ANNA {{ AGE }}",
        ),
        ("{{ nil | d(0) }}{{ contact.street | default }}", "0"),
        (
            "{% if nickname is defined %}{{ nickname }}{% else %}none{% endif %}",
            "none",
        ),
        ("{{ order.a.weight | default(\"?\") }}", "?"),
        ("{{ no.such.thing | default(\"?\") }}", "?"),
    ]);
    for (source, name) in [
        ("Hi {{ nickname }}", "nickname"),
        ("Hi {{ data.nickname | upper }}", "data.nickname"),
        ("{{ nil }}", "nil"),
        ("{{ nil | upper }}", "nil"),
        ("{{ contact.street + 1 }}", "contact.street"),
        ("{% if variable.rate > 3 %}x{% endif %}", "variable.rate"),
        ("{% for x in wishes %}{{ x }}{% endfor %}", "wishes"),
        ("{{ order.a.weight }}", "order.a.weight"),
        ("{{ items[7].title }}", "items[7].title"),
        (
            "{% for item in items %}{{ item.weight }}{% endfor %}",
            "item.weight",
        ),
        ("{{ nickname | default(pet) }}", "pet"),
        ("{{ empty | first }}", "empty | first"),
    ] {
        assert_eq!(render(source), missing(name), "{source}");
    }
}

#[test]
fn names_that_are_built_in_stand_behind_all_others() {
    says(&[
        ("{{ tags | join(\"+\") }} {{ tags }}", "new+vip new, vip"),
        ("{{ message }} {{ contact.message }}", "kept kept"),
        (
            "{{ media }} {{ event }} {{ status }} {{ flow }}",
            "photo message_received auto sale",
        ),
        ("{{ now.date }} {{ now.time }}", "2026-01-05 14:05"),
        (
            "{{ now.year }} {{ now.month }} {{ now.day }} {{ now.hour }} {{ now.minute }} {{ now.weekday }}",
            "2026 1 5 14 5 1",
        ),
    ]);
    assert_eq!(render("{{ step }}"), missing("step"));
}

#[test]
fn numbers_are_exact() {
    says(&[
        (
            "{{ price * 3 }} {{ price + 0.1 }} {{ 0.1 + 0.2 }}",
            "37.5 12.6 0.3",
        ),
        (
            "{{ exact }} {{ exact | default(1) }}",
            "0.1234567890123456789012345678 0.1234567890123456789012345678",
        ),
        (
            "{{ 7 / 2 }} {{ 10 / 2 }} {{ 7 // 2 }} {{ 7 % 3 }}",
            "3.5 5 3 1",
        ),
        (
            "{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 // -2 }} {{ 7 % -3 }} {{ -7 // -2 }}",
            "-4 2 -4 -2 3",
        ),
        (
            "{{ 2 + 3 * 4 }} {{ (2 + 3) * 4 }} {{ 10 - 4 - 3 }} {{ -age + 1 }}",
            "14 20 3 -33",
        ),
        (
            "{{ price | round }} {{ 2.345 | round(2) }} {{ -2.5 | abs }}{{ -(2.5 | abs) }} {{ price | int }}",
            "13 2.35 2.5-2.5 12",
        ),
        ("{{ \"12\" | int + 1 }} {{ \"1.50\" | decimal }}", "13 1.5"),
        (
            "{{ price == 12.5 }} {{ price > 12 }} {{ items[1].price == 30 }}",
            "true true true",
        ),
    ]);
    assert!(evaluate("{{ age }}") == Ok(Value::Integer(34)));
    assert!(evaluate("{{ age + 1 }}") == Ok(Value::Integer(35)));
    assert!(evaluate("{{ price }}") == Ok(decimal("12.5")));
    assert!(evaluate("{{ 7 / 2 }}") == Ok(decimal("3.5")));
    assert!(evaluate("{{ born }}") == Ok(Value::Date("1992-02-29".parse().unwrap())));
    assert!(evaluate("{{ born | default(1) }}") == evaluate("{{ born }}"));
    assert!(evaluate("{{ items | first }}") == evaluate("{{ items[0] }}"));
    assert!(evaluate("{{ age > 3 }}") == Ok(Value::Bool(true)));
    assert!(evaluate("{{ age }} ") == Ok("34 ".into()));
    assert!(evaluate("{% if age %}{{ age }}{% endif %}") == Ok("34".into()));
}

#[test]
fn texts_lists_and_dates_have_their_filters() {
    says(&[
        (
            "{{ \" a B \" | trim | capitalize }} {{ \"o'neil and son\" | title }}",
            "A b O'neil And Son",
        ),
        (
            "{{ items | length }} {{ \"жук\" | count }} {{ order | length }}",
            "2 3 2",
        ),
        (
            "{{ [1, \"a\", price] | join(\"; \") }} {{ [] | join }}",
            "1; a; 12.5 ",
        ),
        ("{{ \"abc\" | first }}{{ \"abc\" | last }}", "ac"),
        ("{{ \"a-b-c\" | replace(\"-\", \"+\") }}", "a+b+c"),
        (
            "{{ \"жуки летят\" | truncate(6) }} {{ \"abc\" | truncate(3) }} {{ \"abcdef\" | truncate(4, \"\") }}",
            "жуки … abc abcd",
        ),
        (
            "{{ born | date(\"%d.%m.%Y\") }} {{ now.date | date(\"%y/%m\") }} {{ \"2026-03-01\" | date(\"%d%%\") }}",
            "29.02.1992 26/01 01%",
        ),
        ("{{ \"}}\" }}{{ '{%' }}{# {{ x }} #}", "}}{%"),
    ]);
    for source in [
        "{{ born | date(\"%H:%M\") }}",
        "{{ born | date(\"%B\") }}",
        "{{ born | date(\"%\") }}",
    ] {
        let error = render(source).unwrap_err();
        assert!(matches!(error, RenderError::OutOfRange { .. }), "{source}");
    }
}

#[test]
fn blocks_choose_and_repeat() {
    says(&[
        (
            "{% if age >= 18 %}adult{% elif age > 12 %}teen{% else %}child{% endif %}",
            "adult",
        ),
        (
            "{% if age < 18 %}adult{% elif \"vip\" in tags %}vip{% else %}child{% endif %}",
            "vip",
        ),
        (
            "{% for i in items %}{{ loop.index }}. {{ i.title }} {{ i.price }}\n{% endfor %}",
            "1. Tea 12.5\n2. Cake 30\n",
        ),
        (
            "{% for k, v in order %}{{ k }}={{ v.title }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "a=Tea, b=Cake",
        ),
        ("{% for k in order %}{{ k }}{% endfor %}", "ab"),
        (
            "{% for i in empty %}x{% else %}nothing{% endfor %}",
            "nothing",
        ),
        (
            "{% for age in items %}{{ age.title }}{% endfor %}{{ age }}",
            "TeaCake34",
        ),
        (
            "{% for a in [1, 2] %}{% for b in [a, 3] %}{{ a }}{{ b }} {% endfor %}{% endfor %}",
            "11 13 22 23 ",
        ),
        ("a \n{%- if true -%} b {%- endif %} c", "ab c"),
        (
            "{{ \"yes\" if age > 18 and not (age > 60) else \"no\" }}",
            "yes",
        ),
        ("{{ empty or \"x\" }}{{ 0.0 or 2 }}", "x2"),
    ]);
}

#[test]
fn text_stays_as_it_is_around_tags() {
    says(&[
        ("{ {% if true %}\n{\n{% endif %}\n", "{ \n{\n\n"),
        ("\"\\n\" {{ 1 + 1 }} }} %} \r\n", "\"\\n\" 2 }} %} \r\n"),
        ("<b>{{ \"<i>\" | upper }}</b>", "<b><I></b>"),
    ]);
}

#[test]
fn conditions_are_false_as_a_whole_where_a_value_is_missing() {
    for (source, expected) in [
        ("age >= 18 and 'vip' in tags", true),
        ("age >= 18 and 'vip' not in tags", false),
        ("age", true),
        ("0", false),
        ("born < '2000-01-01'", true),
        ("now.hour >= 9 and now.hour < 18 and now.weekday <= 5", true),
        ("nickname == 'x'", false),
        ("not nickname == 'x'", false),
        ("not (nickname == 'x')", false),
        ("nickname is not defined", true),
        ("nickname | default('') == ''", true),
        ("age > 3 or nickname == 'x'", true),
        ("nickname == 'x' or age > 3", false),
        ("not name * 2", false),
        ("'abc' < 3", false),
        ("not ('abc' < 3)", false),
        (
            "age is number and name is string and items is list and order is map",
            true,
        ),
        (
            "age is in [33, 34] and age is even and age is not odd",
            true,
        ),
        ("((", false),
    ] {
        assert_eq!(holds(source), expected, "{source}");
    }
    let holds = |condition: Condition| condition.holds(&Record::default());
    assert!(holds(Condition::at_most("age", 34)) && !holds(Condition::at_most("age", 33)));
    assert!(!holds(Condition::at_most("nickname", 33)));
    let json = serde_json::to_string(&Condition::expression("age > 1")).unwrap();
    assert_eq!(json, r#"{"expression":"age > 1"}"#);
    let json = serde_json::to_string(&Condition::at_most("age", 1)).unwrap();
    assert_eq!(json, r#"{"at_most":["age",1]}"#);
}

#[test]
fn a_flow_with_a_bad_expression_is_refused_when_it_is_built() {
    let error = FlowBuilder::new("sale", 1)
        .step(
            "choose",
            chatflow_core::Branch::when("adult", Condition::expression("age >= ")),
        )
        .step("hi", SendMessage::text("{{ name | shout }}"))
        .build()
        .unwrap_err();
    let kinds: Vec<_> = error
        .problems()
        .iter()
        .map(|problem| &problem.kind)
        .collect();
    assert!(kinds.iter().any(|kind| matches!(
        kind,
        ProblemKind::Template(TemplateError::NotAName { at: 7, .. })
    )));
    assert!(kinds.iter().any(|kind| matches!(
        kind,
        ProblemKind::Template(TemplateError::UnknownFilter { at: 10, .. })
    )));
}

#[test]
fn errors_name_the_place_in_the_source() {
    for (source, at) in [
        ("ab {{ x", Some(3)),
        ("жж {{ x + }}", Some(11)),
        ("{{ x | shout }}", Some(7)),
        ("{{ x is loud }}", Some(8)),
        ("{{ x | upper(1) }}", Some(7)),
        ("a{% set x %}", Some(1)),
        ("a{% if x %}{% for y in x %}{% endfor %}", Some(1)),
        ("{% if x %}{% endfor %}", Some(10)),
        ("{{ x ~ y }}", Some(5)),
        ("{{ 1x }}", Some(3)),
        ("{{ \"\\q\" }}", Some(4)),
    ] {
        let error = Template::parse(source).unwrap_err();
        assert_eq!(error.at(), at, "{source}: {error}");
        assert!(!error.to_string().contains('\n'));
    }
    assert_eq!(Template::parse(&"x".repeat(2049)).unwrap_err().at(), None);
}

#[test]
fn errors_hold_no_contents_of_the_contact() {
    for source in [
        "{{ evil + 1 }}",
        "{{ evil | int }}",
        "{{ evil * 3 }}",
        "{{ evil | date(evil) }}",
        "{{ 1 | round(evil) }}",
        "{% for a in evil %}{% endfor %}",
        "{{ evil in 3 }}",
        "{{ evil < 3 }}",
        "{{ evil.x }}",
    ] {
        let error = render(source).unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains('7'),
            "{source}: {error:?}"
        );
    }
}

#[test]
fn limits_are_the_same_on_every_run() {
    let loops = "{% for a in many %}{% for b in many %}x{% endfor %}{% endfor %}";
    assert_eq!(render(loops), Err(RenderError::TooCostly));
    assert_eq!(
        render("{% for n in tagged_often %}x{% endfor %}"),
        Err(RenderError::TooCostly)
    );
    assert_eq!(
        render("{{ big }}{{ big }}{{ big | upper }}{{ big }}"),
        Err(RenderError::TooLong)
    );
    assert_eq!(
        render("{{ [big, big] | join(big) | length }}"),
        Ok("60000".to_owned())
    );
    assert_eq!(
        render("{{ [big, big] | join([big, big] | join) }}"),
        Err(RenderError::TooLong)
    );
    assert_eq!(
        render("{{ big | replace(\"x\", \"abcd\") }}"),
        Err(RenderError::TooLong)
    );
    assert_eq!(
        render(&"{{ big | upper | length }} ".repeat(70)),
        Err(RenderError::TooCostly)
    );
    let chain = |parts| format!("{{{{ true{} }}}}", " and true".repeat(parts));
    assert_eq!(render(&chain(63)), Ok("true".to_owned()));
    let error = Template::parse(&chain(64)).unwrap_err();
    assert!(matches!(error, TemplateError::TooDeep { .. }));
    let twenty = format!(
        "{{% for a in many %}}{}{{% endfor %}}",
        "{{ a }}".repeat(15)
    );
    assert!(render(&twenty).is_ok());
}

/// The corpus: a name and a source each.
fn hostile() -> Vec<(&'static str, &'static str)> {
    let corpus = include_str!("templates/hostile.txt");
    let cases = corpus.split("\n%%%% ").skip(1);
    cases
        .map(|case| {
            let (name, source) = case.split_once('\n').unwrap();
            (name, source.strip_suffix('\n').unwrap_or(source))
        })
        .collect()
}

/// Each of them must end soon, in an error or a text that isn't too long. One that aborted the
/// process would be the last name printed.
#[expect(
    clippy::disallowed_methods,
    reason = "the time it takes is what is tested"
)]
#[test]
fn hostile_templates_end_in_an_error_or_a_bounded_text() {
    let record = Record::default();
    let cases = hostile();
    assert!(cases.len() >= 60);
    let mut refused = 0;
    for (name, source) in cases {
        eprintln!("{name}");
        let began = Instant::now();
        let result = Template::parse(source).map(|template| template.render(&record));
        Condition::expression(source).holds(&record);
        // Debug builds on a busy machine need room; a bomb would need minutes.
        assert!(began.elapsed().as_secs() < 5, "{name} takes too long");
        match result {
            Ok(Ok(text)) => assert!(text.len() <= 64 * 1024, "{name}"),
            Ok(Err(_)) | Err(_) => refused += 1,
        }
    }
    assert!(refused >= 100, "only {refused} are refused");
}

/// The deepest that is accepted, of every kind at once.
fn deepest() -> Vec<String> {
    let nest = |open: &str, inner: &str, close: &str, levels: usize| {
        format!("{}{inner}{}", open.repeat(levels), close.repeat(levels))
    };
    let expressions = [
        nest("(true and ", "x", " or x)", 7),
        nest("(", "age", ")", 15),
        nest("[", "age", "]", 14),
        nest("not (x if ", "x", " else x)", 5),
        nest("nil | default(", "age", ")", 14),
        nest("(nil | default(-(", "age", " - 1)))", 3),
        format!("name{}", " | upper".repeat(14)),
        format!("age{}", " + 1".repeat(14)),
        format!("true{}", " and true".repeat(30)),
    ];
    let blocks = |test: &str| {
        let open = format!("{{% for a in [1] %}}{{% if {test} %}}");
        let elifs = format!("{{% if 0 %}}{}{{% endif %}}", "{% elif 0 %}".repeat(16));
        let inner = format!("{{{{ {test} }}}}{elifs}");
        nest(&open, &inner, "{% endif %}{% endfor %}", 3)
    };
    expressions
        .iter()
        .map(|expression| blocks(&expression.replace('x', "age")))
        .collect()
}

/// The same, and the deepest that is accepted, with half of the stack that a thread has as a
/// rule, in a debug build too.
#[test]
fn nothing_needs_more_than_half_a_stack() {
    let run = || {
        let record = Record::default();
        for (name, source) in hostile() {
            eprintln!("{name}");
            let _ = Template::parse(source).map(|template| template.render(&record));
        }
        for source in deepest() {
            eprintln!("{source}");
            let template = Template::parse(&source).unwrap();
            assert_ne!(template.render(&record), Err(RenderError::Failed));
        }
    };
    let thread = std::thread::Builder::new().stack_size(1024 * 1024);
    thread.spawn(run).unwrap().join().unwrap();
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("age"),
        Just("price"),
        Just("name"),
        Just("nickname"),
        Just("tags"),
        Just("order.a.price"),
        Just("items[0]"),
        Just("born"),
        Just("nil"),
        Just("1"),
        Just("0"),
        Just("2.50"),
        Just("'a\\'}}b'"),
        Just("true"),
        Just("none"),
        Just("[]"),
        Just("big"),
        Just("loop.index"),
    ];
    leaf.prop_map(str::to_owned)
        .prop_recursive(5, 40, 3, |inner| {
            let binary = prop_oneof![
                Just("+"),
                Just("-"),
                Just("*"),
                Just("/"),
                Just("//"),
                Just("%"),
                Just("=="),
                Just("!="),
                Just("<"),
                Just(">="),
                Just("and"),
                Just("or"),
                Just("in"),
                Just("not in"),
            ];
            let filter = prop_oneof![
                Just("upper"),
                Just("default(1)"),
                Just("join('-')"),
                Just("round"),
                Just("int"),
                Just("length"),
                Just("first"),
                Just("replace('a', 'bb')"),
                Just("truncate(3)"),
                Just("date('%d')"),
                Just("title"),
            ];
            let test = prop_oneof![
                Just("defined"),
                Just("not number"),
                Just("none"),
                Just("in tags")
            ];
            prop_oneof![
                (inner.clone(), binary, inner.clone())
                    .prop_map(|(a, sign, b)| format!("({a} {sign} {b})")),
                (inner.clone(), filter).prop_map(|(a, filter)| format!("{a} | {filter}")),
                (inner.clone(), test).prop_map(|(a, test)| format!("({a} is {test})")),
                inner.clone().prop_map(|a| format!("(not {a})")),
                inner.clone().prop_map(|a| format!("-({a})")),
                (inner.clone(), inner.clone(), inner.clone())
                    .prop_map(|(a, b, c)| format!("({a} if {b} else {c})")),
                prop::collection::vec(inner, 0..3)
                    .prop_map(|items| format!("[{}]", items.join(", "))),
            ]
        })
}

fn template() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-zё {}%#\n\"]{0,8}",
        expression().prop_map(|e| format!("{{{{ {e} }}}}"))
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (expression(), inner.clone(), inner.clone()).prop_map(|(test, a, b)| format!(
                "{{% if {test} %}}{a}{{% else %}}{b}{{% endif %}}"
            )),
            (expression(), inner.clone())
                .prop_map(|(items, a)| format!("{{% for age in {items} %}}{a}{{% endfor %}}")),
            (inner.clone(), inner).prop_map(|(a, b)| a + &b),
        ]
    })
}

/// Parses and fills in twice: never a panic, and the same both times.
fn is_steady(source: &str) {
    let record = Record::default();
    if let Ok(template) = Template::parse(source) {
        let first = template.render(&record);
        assert_eq!(first, template.render(&record));
        assert_eq!(template.evaluate(&record).is_ok(), first.is_ok());
        assert_ne!(first, Err(RenderError::Failed), "{source}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_template_panic(source in any::<String>()) {
        is_steady(&source);
        is_steady(&format!("{{{{{source}}}}}"));
        is_steady(&format!("{{%{source}%}}"));
    }

    #[test]
    fn no_signs_make_a_template_panic(source in "[-a{}%#|.(),\"'\\\\ +*/<=\\[\\]0-9nif]{0,60}") {
        is_steady(&source);
        is_steady(&format!("{{{{ {source} }}}}"));
        is_steady(&format!("{{% if {source} %}}x{{% endif %}}"));
    }

    #[test]
    fn generated_templates_parse_and_never_fail_inside(source in template()) {
        if source.len() <= 2048 {
            let parsed = Template::parse(&source);
            prop_assert!(!matches!(parsed, Err(TemplateError::Refused)), "{source}");
            is_steady(&source);
        }
    }
}
