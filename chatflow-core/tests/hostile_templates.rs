//! What templates can't do to us.

#[path = "templates/record.rs"]
mod record;

use std::time::Instant;

use chatflow_core::{Condition, RenderError, Template, TemplateError};
use proptest::prelude::*;
use record::Record;

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
    match peak_memory_kib() {
        Some(peak) => assert!(peak < 200 * 1024, "it took {peak} KiB at its most"),
        None => println!("this system doesn't tell how much memory was taken"),
    }
}

/// The most memory that this process has held at once, where the system tells.
fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
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
