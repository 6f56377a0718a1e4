//! A flow that can't be used says everything that is wrong with it, with the step, at once.

use chatflow_core::{
    Ask, Branch, Condition, FlowBuilder, ProblemKind, SendMessage, Template, TemplateError,
};

#[test]
fn every_problem_is_named_at_once() {
    let deep = (0..40).fold(Condition::known("x"), |inner, _| {
        Condition::Not(Box::new(inner))
    });
    let error = FlowBuilder::new("broken", 1)
        .step("ask", Ask::range("How old?", 9, 1))
        .exit("nxt", "end")
        .exit("next", "nowhere")
        .exit("next", "end")
        .step("ask", SendMessage::text("Hi {{ name"))
        .step("branch", Branch::when("a", Condition::known("no name")))
        .step("deep", Branch::when("a", deep))
        .step("end", SendMessage::text("Bye"))
        .build()
        .unwrap_err();
    let has = |step: &str, wanted: fn(&ProblemKind) -> bool| {
        let found = error.problems().iter().any(|problem| {
            problem
                .step
                .as_ref()
                .is_some_and(|name| name.as_str() == step)
                && wanted(&problem.kind)
        });
        assert!(found, "{step}: {error}");
    };
    has("ask", |kind| {
        matches!(kind, ProblemKind::DuplicateExit { .. })
    });
    has("ask", |kind| matches!(kind, ProblemKind::EmptyRange { .. }));
    has("ask", |kind| matches!(kind, ProblemKind::NoSuchExit { .. }));
    has("ask", |kind| matches!(kind, ProblemKind::DuplicateStep));
    has("ask", |kind| {
        matches!(kind, ProblemKind::Template(TemplateError::Unclosed { .. }))
    });
    has("branch", |kind| matches!(kind, ProblemKind::BadPath { .. }));
    has("deep", |kind| matches!(kind, ProblemKind::TooDeep));
    // `main` shows an error by its `Debug`: that is the sentence.
    assert_eq!(format!("{error:?}"), error.to_string());
}

#[test]
fn an_exit_that_no_timeout_gives_is_not_offered() {
    let flow = || FlowBuilder::new("f", 1).step("a", Ask::text("?"));
    assert!(flow().exit("timeout", "a").build().is_err());
    let in_time = flow().timeout(std::time::Duration::from_secs(1));
    assert!(in_time.exit("timeout", "a").build().is_ok());
}

#[test]
fn a_template_shows_as_it_was_written() {
    let source = "Hi {{ name }}, {{ data.age }}!";
    assert_eq!(Template::parse(source).unwrap().to_string(), source);
}
