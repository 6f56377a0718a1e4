//! One mistake each, made in a good bot: what is found, and where.

use std::time::Duration;

use chatflow_core::{
    Ask, Behaviour, Bot, Branch, CallFlow, ChangeFlow, ChangeTags, Condition, Delay, FinishStatus,
    FlowDefinition, KeywordMatch, KeywordRouter, Limits, SendMessage, Split, StatusKind, StepKind,
    Texts, UnknownTags,
};

use crate::findings;
use crate::good::{
    address, caller, funnel, guess, host, languages, lead, menu, more, order, put, reminder, sales,
    say, set, split, tags, welcome, with,
};

/// What must be found: code, step, path.
type Expected = (&'static str, &'static str, &'static str);

fn bot(flow: FlowDefinition) -> Bot {
    Bot::new("b", flow)
}

fn routes(first: &[&str], second: &[&str]) -> KeywordRouter {
    KeywordRouter::new()
        .route("prices", first.iter().copied())
        .route("hours", second.iter().copied())
}

/// The bot of the flow `tags` with these tags.
fn strict(flow: FlowDefinition, unknown_tags: UnknownTags) -> Bot {
    bot(flow).behaviour(Behaviour {
        tags: ["vip", "new"].map(ToOwned::to_owned).into(),
        unknown_tags,
        ..Behaviour::default()
    })
}

fn settings(change: impl FnOnce(&mut Behaviour)) -> Bot {
    let mut behaviour = Behaviour::default();
    change(&mut behaviour);
    bot(funnel()).behaviour(behaviour)
}

#[track_caller]
fn expect(cases: Vec<(Bot, &[Expected])>) {
    for (n, (bot, expected)) in cases.into_iter().enumerate() {
        let report = bot.check();
        let found = findings(&report);
        let found: Vec<Expected> = found
            .iter()
            .map(|(code, step, at)| {
                let known = expected.iter().find(|wanted| {
                    (wanted.0, wanted.1, wanted.2) == (code.as_str(), step.as_str(), at.as_str())
                });
                known.copied().unwrap_or_else(|| {
                    panic!("case {n}: {code} at {step} {at} is not expected: {report:#?}")
                })
            })
            .collect();
        assert_eq!(found, expected, "case {n}");
        // What the check calls an error is one of the compiler's, or worse than it can see; what
        // the compiler refuses is always an error here.
        assert!(bot.compile().is_ok() || !report.is_usable(), "case {n}");
    }
}

#[test]
fn what_a_flow_by_itself_has_wrong() {
    let entry = FlowDefinition {
        entry: "start".into(),
        ..funnel()
    };
    let input = FlowDefinition {
        inputs: vec!["a b".to_owned()],
        ..funnel()
    };
    let empty = FlowDefinition {
        steps: Vec::new(),
        ..funnel()
    };
    let second = |mut flow: FlowDefinition| {
        flow.steps[1].name = "name".into();
        flow
    };
    let unnamed = |mut flow: FlowDefinition| {
        flow.steps[4].name = "".into();
        flow
    };
    let deep = (0..40).fold(Condition::known("age"), |inner, _| {
        Condition::Not(Box::new(inner))
    });
    expect(vec![
        (bot(entry), &[("unknown_entry", "", "entry")]),
        (bot(input), &[("bad_path", "", "inputs.0")]),
        (bot(empty), &[("no_steps", "", "steps")]),
        (bot(second(funnel())), &[("duplicate_step", "name", "")]),
        (
            bot(unnamed(lead(funnel(), "grown", "otherwise", "offer"))),
            &[("bad_name", "", "")],
        ),
        (
            bot(lead(funnel(), "grown", "adult", "ofer")),
            &[("unknown_step", "grown", "next.adult")],
        ),
        (
            bot(lead(funnel(), "offer", "nxt", "name")),
            &[("unknown_exit", "offer", "next.nxt")],
        ),
        (
            bot(put(funnel(), "offer", say("Hi {{ age"))),
            &[("bad_template", "offer", "send.text")],
        ),
        (
            bot(put(funnel(), "age", Ask::range("?", 9, 1))),
            &[("empty_range", "age", "ask.answer")],
        ),
        (
            bot(put(funnel(), "grown", Branch::when("adult", deep))),
            &[("too_deep", "grown", "condition.adult")],
        ),
        (
            bot(put(
                funnel(),
                "grown",
                Branch::when("adult", Condition::known("a b")),
            )),
            &[("bad_path", "grown", "condition.adult")],
        ),
        (
            bot(put(
                menu(),
                "menu",
                KeywordRouter::new()
                    .pattern("prices", ["("])
                    .route("hours", ["h"]),
            )),
            &[("bad_pattern", "menu", "keywords.routes.prices.patterns.0")],
        ),
        (
            bot(put(menu(), "menu", routes(&["price", "!"], &["open"]))),
            &[("bad_word", "menu", "keywords.routes.prices")],
        ),
        (
            bot(put(order(), "size", SendMessage::text("x").then(say("{{")))),
            &[("bad_template", "size", "send.1.text")],
        ),
        (
            bot(put(reminder(), "pause", Delay::new(Duration::ZERO))),
            &[("no_time", "pause", "delay")],
        ),
        (
            bot(with(reminder(), "done", |step| {
                step.timeout = Some(Duration::from_secs(1).into());
            })),
            &[("never_waits", "done", "timeout")],
        ),
    ]);
}

#[test]
fn fl_13_weights_that_are_no_whole_name_the_step() {
    let arms = |short, long| Split::new().arm("short", short).arm("long", long);
    expect(vec![
        (
            bot(put(split(), "test", arms(50, 40))),
            &[("weight_sum", "test", "split")],
        ),
        (
            bot(put(split(), "test", arms(100, 0))),
            &[("no_share", "test", "split.long")],
        ),
        (
            bot(put(split(), "test", Split::new())),
            &[("nothing_to_choose", "test", "split")],
        ),
    ]);
}

#[test]
fn fl_30_an_unknown_tag_is_refused_where_tags_are_strict() {
    let typo = || put(tags(), "rich", ChangeTags::new().with("vpi"));
    let asked = put(
        tags(),
        "vip",
        Branch::when("vip", Condition::tagged("vpi")).or_when("rich", Condition::tagged("new")),
    );
    expect(vec![
        (
            strict(typo(), UnknownTags::Refuse),
            &[("unknown_tag", "rich", "tags.add.0")],
        ),
        (
            strict(asked, UnknownTags::Refuse),
            &[("unknown_tag", "vip", "condition.vip")],
        ),
        (strict(typo(), UnknownTags::Create), &[]),
    ]);
}

#[test]
fn what_flows_have_wrong_between_them() {
    let to = |step: &str| put(welcome(), "go", ChangeFlow::to("sales").step(step));
    let calling = |call: CallFlow| bot(put(caller(), "address", call)).flow(address());
    let call = || CallFlow::to("address");
    expect(vec![
        (bot(welcome()), &[("unknown_flow", "go", "change_flow")]),
        (
            bot(to("ofer")).flow(sales()),
            &[("unknown_flow_step", "go", "change_flow")],
        ),
        (bot(caller()), &[("unknown_flow", "address", "call_flow")]),
        (
            calling(call().result("street", "street")),
            &[("input_missing", "address", "call_flow.inputs")],
        ),
        (
            calling(call().input("city", "x").result("street", "stret")),
            &[
                ("result_never_set", "address", "call_flow.results.street"),
                ("never_set", "thanks", "send.text"),
            ],
        ),
        (
            calling(
                call()
                    .input("city", "{{ town }}")
                    .result("street", "street"),
            ),
            &[("never_set", "address", "call_flow.inputs.city")],
        ),
        (
            bot(put(caller(), "city", CallFlow::to("caller"))).flow(address()),
            &[("recursion", "city", "call_flow")],
        ),
        (
            bot(funnel()).flow(funnel()),
            &[("duplicate_flow", "", "version")],
        ),
        // A broken flow is reported once, by itself, and what leads to it isn't.
        (
            bot(caller()).flow(put(address(), "done", say("{{"))),
            &[("bad_template", "done", "send.text")],
        ),
        // What one flow sets isn't there in another that is called without it.
        (
            bot(caller()).flow(put(address(), "done", say("{{ age }}"))),
            &[("never_set", "done", "send.text")],
        ),
    ]);
}

#[test]
fn what_the_settings_have_wrong() {
    struct Review(StatusKind);
    impl chatflow_core::Status for Review {
        fn label(&self) -> &str {
            "review"
        }
        fn kind(&self) -> StatusKind {
            self.0
        }
    }
    let blocked = bot(funnel()).status(&Review(StatusKind::Blocked));
    expect(vec![
        (
            settings(|behaviour| behaviour.time_zone = "Europe/Atlantis".to_owned()),
            &[("bad_setting", "", "time_zone")],
        ),
        (
            settings(|behaviour| behaviour.tags = ["", "vip"].map(ToOwned::to_owned).into()),
            &[("bad_setting", "", "tags")],
        ),
        (
            settings(|behaviour| {
                let variables = &mut behaviour.variables;
                variables.insert("a b".to_owned(), 1.into());
                variables.insert("c d".to_owned(), 1.into());
            }),
            &[
                ("bad_setting", "", "variables.a b"),
                ("bad_setting", "", "variables.c d"),
            ],
        ),
        (blocked, &[("bad_status", "", "statuses.review")]),
        (Bot::new("", funnel()), &[("bad_name", "", "bot")]),
        (bot(funnel()).space("\n"), &[("bad_name", "", "space")]),
    ]);
}

#[test]
fn circles_that_never_wait() {
    let round = lead(menu(), "prices", "next", "hours");
    let round = lead(round, "hours", "next", "prices");
    let alone = lead(menu(), "help", "next", "help");
    let guarded = with(
        put(guess(), "guess", set("guess", "{{ wanted }}")),
        "won",
        |_| {},
    );
    // Both arms lead back into the circle, so the condition guards nothing.
    let no_guard = lead(guarded.clone(), "right", "yes", "guess");
    let sticky = lead(split(), "long", "next", "test");
    let across = put(sales(), "buy", set("bought", true));
    let across = with(across, "buy", |step| step.finish = None);
    let here = put(welcome(), "who", set("who", "you"));
    let calls = put(caller(), "city", set("city", "Riga"));
    let calls = with(lead(calls, "thanks", "next", "city"), "thanks", |step| {
        step.finish = None;
    });
    let called = put(address(), "street", set("street", "Main"));
    // A condition within the called flow may wait instead of coming back.
    let gate = Branch::when("done", Condition::is("city", "Riga"));
    let gated = lead(
        more(called.clone(), "gate", gate),
        "gate",
        "otherwise",
        "wait",
    );
    let gated = with(more(gated, "wait", Ask::text("?")), "gate", |step| {
        step.finish = None
    });
    let gated = with(lead(gated, "done", "next", ""), "wait", |step| {
        step.finish = None
    });
    let mut gated = lead(gated, "gate", "done", "over");
    gated = more(gated, "over", set("over", true));
    expect(vec![
        (bot(round), &[("endless_cycle", "prices", "")]),
        (bot(alone), &[("endless_cycle", "help", "")]),
        (bot(guarded), &[("cycle_without_wait", "guess", "")]),
        (
            bot(no_guard),
            &[("endless_cycle", "guess", ""), ("unreachable", "won", "")],
        ),
        (
            bot(sticky),
            &[
                ("endless_cycle", "test", ""),
                ("unreachable", "wish", ""),
                ("unreachable", "bye", ""),
            ],
        ),
        (bot(here).flow(across), &[("endless_cycle", "who", "")]),
        (
            bot(calls.clone()).flow(called),
            &[("endless_cycle", "city", "")],
        ),
        (
            bot(calls).flow(gated),
            &[("cycle_without_wait", "city", "")],
        ),
        // A delay, a question and a step that waits once it is passed end the turn.
        (
            bot(lead(reminder(), "pause", "next", "pause")),
            &[("unreachable", "done", "")],
        ),
        (
            bot(lead(
                with(menu(), "help", |step| {
                    step.finish = Some(FinishStatus::Waiting)
                }),
                "help",
                "next",
                "help",
            )),
            &[],
        ),
        (
            bot(lead(
                with(menu(), "help", |step| {
                    step.finish = Some(FinishStatus::Manual)
                }),
                "help",
                "next",
                "help",
            )),
            &[],
        ),
    ]);
}

#[test]
fn a_circle_names_its_steps() {
    let round = lead(menu(), "prices", "next", "hours");
    let report = bot(lead(round, "hours", "next", "prices")).check();
    let said = report.problems[0].to_string();
    assert!(said.ends_with("prices → hours → prices"), "{said}");
    let here = put(welcome(), "who", set("who", "you"));
    let across = with(put(sales(), "buy", set("bought", true)), "buy", |step| {
        step.finish = None;
    });
    let said = bot(here).flow(across).check().problems[0].to_string();
    let circle = "who → go → sales/offer → sales/buy → sales/again → who";
    assert!(said.ends_with(circle), "{said}");
}

#[test]
fn turns_beyond_the_limits() {
    let few = |steps_per_turn, effects_per_turn| Limits {
        steps_per_turn,
        effects_per_turn,
        ..Limits::default()
    };
    let twice = put(order(), "size", say("a").then(say("b")).then(say("c")));
    expect(vec![
        (bot(funnel()).limits(few(3, 9)), &[]),
        (
            bot(funnel()).limits(few(2, 9)),
            &[("steps_per_turn", "age", "")],
        ),
        (bot(twice.clone()).limits(few(9, 4)), &[]),
        (
            bot(twice).limits(few(9, 3)),
            &[("messages_per_turn", "size", "")],
        ),
    ]);
}

#[test]
fn fl_56_a_way_that_ends_is_named() {
    let unfinished = |flow, step: &str| with(flow, step, |step| step.finish = None);
    let manual = Behaviour {
        default_finish: FinishStatus::Manual,
        ..Behaviour::default()
    };
    expect(vec![
        (
            bot(unfinished(funnel(), "young")),
            &[("dead_end", "young", "")],
        ),
        (
            bot(unfinished(order(), "done")),
            &[("dead_end", "done", "")],
        ),
        (bot(unfinished(order(), "done")).behaviour(manual), &[]),
        (bot(lead(order(), "sizes", "small", "sizes")), &[]),
        (
            bot(lead(funnel(), "grown", "otherwise", "offer")),
            &[("unreachable", "young", "")],
        ),
        (
            bot(more(menu(), "secret", say("x"))),
            &[("unreachable", "secret", "")],
        ),
        (
            bot(lead(menu(), "menu", "otherwise", "")),
            &[
                ("missing_fallback", "menu", "keywords"),
                ("unreachable", "help", ""),
            ],
        ),
        (
            bot(lead(funnel(), "grown", "otherwise", "")),
            &[
                ("missing_fallback", "grown", "condition"),
                ("unreachable", "young", ""),
            ],
        ),
        (
            bot(lead(host(), "length", "otherwise", "")),
            &[("missing_fallback", "length", "router")],
        ),
    ]);
}

#[test]
fn values_that_are_not_there() {
    let offer = |text: &str| bot(put(funnel(), "offer", say(text)));
    let text = |text: &str| StepKind::from(say(text));
    // Some come to `done` by a way without the answer.
    let late = lead(reminder(), "ask", "timeout", "done");
    let known = Branch::when("adult", Condition::known("city"));
    let known = put(put(funnel(), "grown", known), "offer", say("{{ city }}"));
    // An expression that holds has all that it reads, unless it has another way to hold.
    let asked = |expression: &str| {
        let arm = Branch::when("adult", Condition::expression(expression));
        bot(put(
            put(funnel(), "grown", arm),
            "offer",
            say("{{ contact.city }}"),
        ))
    };
    let guarded = Branch::when(
        "adult",
        Condition::All(vec![Condition::known("vip"), Condition::is("vip", true)]),
    );
    let unsaved = put(funnel(), "name", Ask::text("Who are you?"));
    expect(vec![
        (offer("{{ agee }}"), &[("never_set", "offer", "send.text")]),
        (
            offer("{{ contact.city }}"),
            &[("may_be_unset", "offer", "send.text")],
        ),
        (
            offer("{{ language }}"),
            &[("may_be_unset", "offer", "send.text")],
        ),
        (bot(unsaved), &[("may_be_unset", "age", "ask.question")]),
        (offer("{{ city }}").variable("city", "Riga"), &[]),
        (offer("{{ now }} {{ data.age }}"), &[]),
        (
            bot(late),
            &[
                ("may_be_unset", "done", "send.text"),
                ("unreachable", "later", ""),
            ],
        ),
        (bot(known), &[]),
        (bot(put(funnel(), "grown", guarded)), &[]),
        (asked("age > 1 and contact.city is defined"), &[]),
        (
            asked("age > 1 or contact.city is defined"),
            &[("may_be_unset", "offer", "send.text")],
        ),
        (
            asked("contact.city == 'Riga' and agee < 5"),
            &[
                ("never_set", "grown", "condition.adult"),
                ("may_be_unset", "grown", "condition.adult"),
            ],
        ),
        (
            bot(put(
                funnel(),
                "grown",
                Branch::when("adult", Condition::at_least("agee", 18)),
            )),
            &[("never_set", "grown", "condition.adult")],
        ),
        (
            bot(put(guess(), "start", set("shown", "{{ shown }}"))),
            &[("never_set", "start", "set.shown")],
        ),
        (
            bot(put(sales(), "offer", text("{{ who }}"))).flow(welcome()),
            &[("may_be_unset", "offer", "send.text")],
        ),
    ]);
}

#[test]
fn words_and_names_that_are_nearly_right() {
    let near = |name: &str| {
        let branch = Branch::when(name, Condition::at_least("age", 18));
        bot(put(lead(funnel(), "grown", "adult", ""), "grown", branch))
    };
    let phrase = |matching| {
        let routes = routes(&["price"], &["the price list"]);
        bot(put(menu(), "menu", routes.matching(matching)))
    };
    expect(vec![
        (
            bot(put(
                menu(),
                "menu",
                routes(&["Price!", "cost"], &["price", "h"]),
            )),
            &[("shadowed_keyword", "menu", "keywords.routes.hours")],
        ),
        (
            phrase(KeywordMatch::Anywhere),
            &[("shadowed_keyword", "menu", "keywords.routes.hours")],
        ),
        (phrase(KeywordMatch::Beginning), &[]),
        (phrase(KeywordMatch::Whole), &[]),
        (
            near("yuong"),
            &[("nearly_a_step", "grown", "condition.yuong")],
        ),
        (near("adult"), &[]),
        // It leads where the name says, if by chance.
        (near("offers"), &[]),
    ]);
}

#[test]
fn texts_that_lack_a_language() {
    let three = Texts::by_language([("en", "Hi"), ("de", "Hallo"), ("ru", "Привет")]);
    let choices = Ask::choice(
        Texts::by_language([("en", "Which?"), ("ru", "Что?")]),
        [
            Texts::by_language([("en", "this"), ("ru", "это")]),
            Texts::from("that"),
        ],
    );
    expect(vec![
        (
            bot(put(languages(), "wave", say("Bye {{ name }}"))),
            &[("missing_translation", "wave", "send.text")],
        ),
        (
            bot(put(languages(), "wave", SendMessage::text(three))),
            &[
                ("missing_translation", "name", "ask.question"),
                ("missing_translation", "hello", "send.text"),
            ],
        ),
        (
            bot(put(languages(), "wave", choices)),
            &[("missing_translation", "wave", "ask.choices.1")],
        ),
    ]);
}
