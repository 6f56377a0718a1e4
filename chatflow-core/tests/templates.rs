//! What templates and conditions may say.

#[path = "templates/record.rs"]
mod record;

use chatflow_core::{
    Branch, Condition, FlowBuilder, ProblemKind, RenderError, SendMessage, Template, TemplateError,
    Value,
};
use record::{Record, decimal};

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
    assert_eq!(json, r#""age > 1""#);
    let json = serde_json::to_string(&Condition::at_most("age", 1)).unwrap();
    assert_eq!(json, r#"{"at_most":["age",1]}"#);
}

#[test]
fn a_flow_with_a_bad_expression_is_refused_when_it_is_built() {
    let error = FlowBuilder::new("sale", 1)
        .step(
            "choose",
            Branch::when("adult", Condition::expression("age >= ")),
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
