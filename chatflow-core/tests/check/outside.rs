//! Steps that ask and tell the outside, reminders, and the bot's own rules: one mistake each in a
//! file, with its line, and files with none.

use chatflow_core::{Bound, FlowFiles, Severity};

/// Line, code and severity of each finding.
fn found(source: &str) -> Vec<(usize, &'static str)> {
    let files = FlowFiles::new().read("f.yaml", source.as_bytes());
    let report = files.check();
    let is_error = |severity| severity == Severity::Error;
    let errors = report.findings.iter().any(|one| is_error(one.severity));
    // What the check lets pass, the compiler takes, and the other way round.
    assert_eq!(files.bot("b").is_ok(), !errors, "{source}");
    let findings = report.findings.iter();
    findings
        .map(|finding| (finding.span.line, finding.code))
        .collect()
}

/// A flow of one step and its end; the step's keys begin in line 5.
fn step(keys: &str) -> String {
    let keys: Vec<String> = keys.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "flow: f\ninputs: [name]\nsteps:\n  s:\n{}  end: {{finish: finished}}\n",
        keys.concat()
    )
}

/// A flow with settings, which begin in line 3.
fn settings(keys: &str) -> String {
    let keys: Vec<String> = keys.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "flow: f\nbot:\n{}steps:\n  s: {{ai_reply: Greet}}\n  end: {{finish: finished}}\n",
        keys.concat()
    )
}

#[track_caller]
fn expect(cases: &[(&str, &[(usize, &'static str)])], whole: impl Fn(&str) -> String) {
    for (keys, expected) in cases {
        assert_eq!(found(&whole(keys)), *expected, "{keys}");
    }
}

#[test]
fn steps_that_are_good() {
    expect(
        &[
            (
                "ai_route: {branches: {a: One}}\ntimeout: 1h\nnext: {a: end, otherwise: end, timeout: end}",
                &[],
            ),
            ("ai_reply: 'Greet {{ name }}'", &[]),
            (
                "webhook: {url: 'https://a.example'}\ntimeout: 10s\nnext: {next: end, failure: end, timeout: end}",
                &[],
            ),
            (
                "webhook: {url: 'http://a.example?q={{ name }}', method: POST}\nnext: {failure: end}",
                &[],
            ),
            ("track: {event: e, value: 1.5}", &[]),
            ("assign: anna", &[]),
            ("translate: {language: es}", &[]),
            (
                "external_bot: help\npushes: [{after: 1h, send: Hm?}]\nnext: {failure: end, handoff: end}",
                &[],
            ),
            ("delay: {until: '10:00'}", &[]),
            ("send: Hi\nanswer_after: 90s", &[]),
            (
                "send: Hi\nfinish: waiting\npushes: [{after: 1h, send: Hm?}, {after: 2h, send: '{{ name }}?'}]",
                &[],
            ),
            ("ask: Who?\npushes: [{after: 1ms, send: Hm?}]", &[]),
        ],
        step,
    );
}

#[test]
fn what_a_step_that_asks_outside_has_wrong() {
    expect(
        &[
            (
                "ai_route: {branches: {}}\nnext: {otherwise: end}",
                &[(5, "nothing_to_choose")],
            ),
            (
                "ai_route:\n  branches: {otherwise: One}\nnext: end",
                &[(5, "duplicate_exit"), (7, "unknown_exit")],
            ),
            (
                "ai_route:\n  branches: {timeout: One}\nnext: {otherwise: end}",
                &[(5, "duplicate_exit")],
            ),
            (
                "ai_route:\n  branches: {a: One}\n  save: a b\nnext: {otherwise: end}",
                &[(7, "bad_path")],
            ),
            (
                "ai_route:\n  branches: {a: One}\n  model: ' '\nnext: {otherwise: end}",
                &[(7, "blank")],
            ),
            (
                "ai_route:\n  branches: {a: One}\n  memory: 201\nnext: {otherwise: end}",
                &[(7, "too_much_memory")],
            ),
            (
                "ai_route:\n  branches: {a: One}\n  goal: '{{ x'\nnext: {otherwise: end}",
                &[(7, "bad_template")],
            ),
            (
                "ai_route:\n  branches: {a: One}\n  notes: '{{ x }}'\nnext: {otherwise: end}",
                &[(7, "never_set")],
            ),
            (
                "ai_route:\n  branches: {a: One}",
                &[(5, "missing_fallback")],
            ),
            (
                "ai_reply:\n  goal: Hi\n  memory: 1000",
                &[(7, "too_much_memory")],
            ),
            ("ai_reply: 'Hi {{ x }}'", &[(5, "never_set")]),
            ("ai_reply: Hi\ntimeout: 5m", &[(6, "never_waits")]),
            (
                "webhook:\n  url: '{{ name }}'\nnext: {failure: end}",
                &[(6, "bad_address")],
            ),
            (
                "webhook:\n  url: ftp://a.example/\nnext: {failure: end}",
                &[(6, "bad_address")],
            ),
            (
                "webhook:\n  url: https://a.example{{ name }}\nnext: {failure: end}",
                &[(6, "bad_address")],
            ),
            (
                "webhook:\n  url: https://{{ name }}/\nnext: {failure: end}",
                &[(6, "bad_address")],
            ),
            (
                "webhook:\n  url: https:///a\nnext: {failure: end}",
                &[(6, "bad_address")],
            ),
            (
                "webhook:\n  url: https://a.example/a/../b\nnext: {failure: end}",
                &[(6, "bad_address")],
            ),
            (
                "webhook:\n  url: https://a.example/a b\nnext: {failure: end}",
                &[(6, "bad_address")],
            ),
            (
                "webhook:\n  url: 'https://a.example/{{ x'\nnext: {failure: end}",
                &[(6, "bad_template")],
            ),
            (
                "webhook:\n  url: https://a.example/{{ x }}\nnext: {failure: end}",
                &[(6, "never_set")],
            ),
            (
                "webhook:\n  url: https://a.example/\n  headers: {a b: c}\nnext: {failure: end}",
                &[(7, "bad_header")],
            ),
            (
                "webhook:\n  url: https://a.example/\n  headers: {a: '{{ x }}'}\nnext: {failure: end}",
                &[(7, "never_set")],
            ),
            (
                "webhook:\n  url: https://a.example/\n  method: GET\n  body: x\nnext: {failure: end}",
                &[(7, "body_of_get")],
            ),
            (
                "webhook:\n  url: https://a.example/\n  body: x\n  form: {a: b}\nnext: {failure: end}",
                &[(5, "unreadable")],
            ),
            (
                "webhook:\n  url: https://a.example/\n  body: '{{ x }}'\nnext: {failure: end}",
                &[(7, "never_set")],
            ),
            (
                "webhook:\n  url: https://a.example/\n  form: {a: '{{ x }}'}\nnext: {failure: end}",
                &[(7, "never_set")],
            ),
            (
                "webhook:\n  url: https://a.example/\n  json: {a: {b: ['{{ x }}']}}\nnext: {failure: end}",
                &[(7, "never_set")],
            ),
            (
                "webhook:\n  url: https://a.example/\n  json:\n    a:\n      b: ['{{ x']\nnext: {failure: end}",
                &[(9, "bad_template")],
            ),
            (
                "webhook:\n  url: https://a.example/\n  save: a b\nnext: {failure: end}",
                &[(7, "bad_path")],
            ),
            (
                "webhook:\n  url: https://a.example/\n  port: ''\nnext: {failure: end}",
                &[(7, "blank")],
            ),
            (
                "webhook: {url: 'https://a.example/'}",
                &[(5, "missing_fallback")],
            ),
            (
                "webhook: {url: 'https://a.example/'}\ntimeout: 0s\nnext: {failure: end}",
                &[(6, "no_time")],
            ),
            ("track: ' '", &[(5, "blank")]),
            ("track: {event: e, port: ' '}", &[(5, "blank")]),
            ("track:\n  event: e\n  value: true", &[(7, "no_number")]),
            (
                "track:\n  event: e\n  value: '{{ x }}'",
                &[(7, "never_set")],
            ),
            (
                "track:\n  event: e\n  parameters:\n    a: '{{ x }}'",
                &[(8, "never_set")],
            ),
            ("assign: ''", &[(5, "bad_name")]),
            ("translate: {language: ' '}", &[(5, "blank")]),
            (
                "external_bot: ''\nnext: {failure: end, handoff: end}",
                &[(5, "blank")],
            ),
            (
                "external_bot: help\nnext: {failure: end}",
                &[(5, "missing_fallback")],
            ),
            (
                "external_bot: help\ntimeout: 1h\nnext: {failure: end, handoff: end}",
                &[(6, "never_waits")],
            ),
            ("delay: {during: break}", &[(5, "no_time")]),
            ("delay: {for: 0s, until: '10:00'}", &[]),
            ("delay: {until: '25:00'}", &[(5, "unreadable")]),
        ],
        step,
    );
}

#[test]
fn what_reminders_and_late_answers_have_wrong() {
    let eleven: Vec<String> = (1..=11)
        .map(|n| format!("  - {{after: {n}h, send: Hm?}}"))
        .collect();
    let eleven = format!("ask: Who?\npushes:\n{}", eleven.join("\n"));
    let ten = eleven.rsplit_once('\n').expect("lines").0.to_owned();
    expect(
        &[
            (ten.as_str(), &[]),
            (eleven.as_str(), &[(6, "too_many_pushes")]),
            (
                "send: Hi\npushes: [{after: 1h, send: Hm?}]",
                &[(6, "never_silent")],
            ),
            (
                "webhook: {url: 'https://a.example/'}\npushes: [{after: 1h, send: Hm?}]\nnext: {failure: end}",
                &[(6, "never_silent")],
            ),
            (
                "ask: Who?\npushes:\n  - {after: 0s, send: Hm?}",
                &[(7, "no_time")],
            ),
            (
                "ask: Who?\npushes:\n  - {after: 2h, send: Hm?}\n  - {after: 2h, send: Hm?}",
                &[(8, "push_order")],
            ),
            (
                "ask: Who?\npushes:\n  - {after: 2h, send: ''}",
                &[(7, "empty_message")],
            ),
            (
                "ask: Who?\npushes:\n  - {after: 2h, send: '{{ x'}",
                &[(7, "bad_template")],
            ),
            (
                "ask: Who?\npushes:\n  - {after: 2h, send: '{{ x }}'}",
                &[(7, "never_set")],
            ),
            (
                "ask: {question: {en: Who?, de: Wer?}}\npushes:\n  - {after: 2h, send: Hm?}",
                &[(7, "missing_translation")],
            ),
            ("ask: Who?\nanswer_after: 90s", &[(6, "answers_nothing")]),
            ("send: Hi\nanswer_after: 0s", &[(6, "no_time")]),
        ],
        step,
    );
}

#[test]
fn settings_that_are_good() {
    expect(
        &[
            (
                "ai: {model: m, memory: 200, budget: 5.5, prices: {m: {input: 0.15, output: '999999999.999999999'}}}",
                &[],
            ),
            (
                "typing: {characters_per_second: 1}\nquiet_hours: {from: '22:00', to: '08:00'}",
                &[],
            ),
            (
                "pushes: [{after: 1h, send: Hm?}, {after: 1d, send: [Well?, Bye]}]",
                &[],
            ),
            ("recogniser: ears\nmedia_rules: {voice: recognise}", &[]),
            ("media_rule: recognise", &[]),
            ("translation: {ours: en, theirs: es}", &[]),
            (
                "tags: [vip]\nrobots:\n  r: {on: tag, words: [hello], when: '\"vip\" in tags', add_tags: [vip], fields: {city: Rome}, status: manual, step: {step: s}, assign: anna, notify: [bob]}",
                &[],
            ),
            (
                "postbacks: [{on: sale, at_least: 1.5, step: {flow: f, step: end}}]",
                &[],
            ),
            ("notifications: [{on: [manual], to: [anna]}]", &[]),
        ],
        settings,
    );
}

/// They are sent at whichever step, so only what nothing sets is told of.
#[test]
fn what_a_bots_reminders_read() {
    let source = |text: &str, more: &str| {
        format!(
            "flow: f\ninputs: [come]\nbot:\n  variables: {{shop: Tea}}\n  pushes:\n    - {{after: 1h, send: '{text}'}}\nsteps:\n  a: {{ask: {{question: Who?, save: who}}{more}}}\n  b: {{ask: {{question: Where?, save: contact.city}}}}\n  end: {{finish: finished}}\n"
        )
    };
    for good in [
        "who",
        "data.who",
        "name",
        "contact.any",
        "city",
        "come",
        "shop",
        "variable.shop",
        "dialog.id",
        "x | default(1)",
    ] {
        assert_eq!(
            found(&source(&format!("{{{{ {good} }}}}"), "")),
            [],
            "{good}"
        );
    }
    for bad in ["x", "data.city", "data.shop"] {
        let text = format!("{{{{ {bad} }}}}");
        assert_eq!(found(&source(&text, "")), [(6, "never_set")], "{bad}");
        // Where a step can't be read, what it would set isn't known.
        assert_eq!(found(&source(&text, ", colour: red")), [(8, "unreadable")]);
    }
}

#[test]
fn what_settings_have_wrong() {
    let robots: Vec<String> = (0..101)
        .map(|n| format!("  r{n}: {{status: manual}}"))
        .collect();
    let robots = format!("robots:\n{}", robots.join("\n"));
    let bad: &[(usize, &'static str)] = &[(4, "bad_setting")];
    expect(
        &[
            ("typing:\n  characters_per_second: 0", bad),
            ("quiet_hours:\n  {from: '08:00', to: '08:00'}", bad),
            ("translation:\n  ours: ''", bad),
            ("translation:\n  {ours: en, theirs: ' '}", bad),
            ("language: ''", &[(3, "bad_setting")]),
            ("recogniser: ''", &[(3, "bad_setting")]),
            ("ai:\n  memory: 201", bad),
            ("ai:\n  model: ''", bad),
            ("ai:\n  budget: 1000000000", bad),
            ("ai:\n  dialog_budget: '0.0000000001'", bad),
            (
                "ai:\n  {model: m, prices: {m: {input: 1, output: 1000000000}}}",
                bad,
            ),
            ("pushes:\n  - {after: 0s, send: Hm?}", bad),
            ("pushes:\n  - {after: 1h, send: '{{ x'}", bad),
            ("robots:\n  r: {on: message}", bad),
            ("robots:\n  '': {status: manual}", bad),
            ("robots:\n  r: {add_tags: ['']}", bad),
            ("robots:\n  r: {add_tags: [vip]}\ntags: [cold]", bad),
            (
                "robots:\n  r: {when: '\"vip\" in tags', status: manual}\ntags: [cold]",
                &[],
            ),
            (
                "robots:\n  r: {when: {tagged: vip}, status: manual}\ntags: [cold]",
                bad,
            ),
            ("robots:\n  r: {when: 'age >', status: manual}", bad),
            ("robots:\n  r: {words: ['!'], status: manual}", bad),
            ("robots:\n  r: {fields: {a b: 1}}", bad),
            ("robots:\n  r: {assign: ''}", bad),
            ("robots:\n  r: {notify: ['']}", bad),
            ("robots:\n  r: {step: {flow: nowhere}}", bad),
            ("robots:\n  r: {step: {step: nowhere}}", bad),
            (&robots, &[(3, "bad_setting")]),
            ("postbacks:\n  - {on: ' ', step: {step: s}}", bad),
            (
                "postbacks:\n  - {on: sale, step: {flow: f, step: nowhere}}",
                bad,
            ),
            (
                "postbacks:\n  - {on: sale, at_least: 1000000000, step: {step: s}}",
                bad,
            ),
            ("notifications:\n  - {on: [manual], to: ['']}", bad),
            ("media_rules:\n  voice: recognise", &[(4, "idle_setting")]),
            (
                "ai:\n  prices: {m: {input: 1, output: 1}}",
                &[(4, "idle_setting")],
            ),
        ],
        settings,
    );
}

#[test]
fn a_step_may_name_the_model_that_has_a_price() {
    let source = "\
flow: f
bot: {ai: {prices: {m: {input: 1, output: 1}}}}
steps:
  s: {ai_reply: {model: m}}
  end: {finish: finished}
";
    assert_eq!(found(source), []);
    assert_eq!(
        found(&source.replace("model: m", "model: n")),
        [(2, "idle_setting")]
    );
}

#[test]
fn what_a_webhook_or_a_model_keeps_is_there_only_where_it_was_kept() {
    let source = "\
flow: f
steps:
  ask: {webhook: {url: 'https://a.example/', save: answer}, next: {failure: route}}
  show: {send: '{{ answer }}'}
  route:
    ai_route: {branches: {good: It is good, bad: It is bad}, save: mood}
    next: {otherwise: sad}
  good: {send: 'It is {{ mood }}', finish: finished}
  bad: {send: 'It is {{ mood }}', finish: finished}
  sad: {send: 'It is {{ mood }}', finish: finished}
";
    assert_eq!(found(source), [(10, "never_set")]);
    let through = source.replace("failure: route", "failure: show");
    assert_eq!(found(&through), [(4, "may_be_unset"), (10, "never_set")]);
}

#[test]
fn steps_that_wait_for_the_outside_end_a_turn() {
    let bound = |steps: &str| {
        let source = format!("flow: f\nsteps:\n{steps}");
        let files = FlowFiles::new().read("f.yaml", source.as_bytes());
        let report = files.bot("b").expect("a bot").check();
        (report.bounds[0].steps, report.bounds[0].messages)
    };
    // Round and round, a message a turn, and never without waiting.
    let chat = "  a: {send: Hi}\n  b: {ai_reply: Greet, next: a}\n";
    assert_eq!(bound(chat), (Bound::AtMost(3), Bound::AtMost(2)));
    for waits in [
        "{webhook: {url: 'https://a.example/'}, next: a}",
        "{ai_route: {branches: {a: A}}, next: {otherwise: a}}",
        "{external_bot: x, next: a}",
    ] {
        let chat = format!("  a: {{send: Hi}}\n  b: {waits}\n  c: {{send: Bye}}\n");
        assert_eq!(
            bound(&chat),
            (Bound::AtMost(3), Bound::AtMost(1)),
            "{waits}"
        );
    }
    // What the contact wrote while the other bot thought is for the step after it.
    let handed_on = "  a: {external_bot: x, next: b}\n  \
                     b: {keywords: {routes: {c: [c]}}, next: {otherwise: c}}\n  \
                     c: {send: Hi}\n  d: {send: Ho}\n";
    assert_eq!(bound(handed_on), (Bound::AtMost(4), Bound::AtMost(2)));
    // These don't wait.
    let tells = "  a: {track: e}\n  b: {translate: nothing}\n  c: {send: Hi}\n";
    assert_eq!(bound(tells), (Bound::AtMost(3), Bound::AtMost(1)));
    let pushes = "  a: {ask: Who?, pushes: [{after: 1h, send: [a, b, c]}]}\n";
    assert_eq!(bound(pushes), (Bound::AtMost(1), Bound::AtMost(3)));
}

#[test]
fn a_branch_with_nearly_the_name_of_a_step_is_told() {
    let source = "\
flow: f
steps:
  a:
    ai_route:
      branches:
        ordr: Wants to order
    next: {otherwise: end}
  end: {finish: finished}
  order: {finish: manual}
";
    assert_eq!(found(source), [(6, "nearly_a_step"), (9, "unreachable")]);
    assert_eq!(found(&source.replace("ordr", "order")), []);
}

/// A robot or a tracker's report comes to its step from anywhere.
#[test]
fn what_rules_lead_to_is_reached() {
    let source = "\
flow: f
bot:
  postbacks: [{on: sale, step: {step: thanks}}]
  robots:
    helps: {words: [help], step: {flow: f, step: help}}
    begins: {words: [again], step: {}}
steps:
  s: {ask: {question: Which?, save: size}, finish: finished}
  thanks: {send: Thank you!}
  more: {send: Come again!, finish: finished}
  help: {send: A colleague comes., finish: manual}
";
    assert_eq!(found(source), []);
    let without_report = source.replace("postbacks: [{on: sale, step: {step: thanks}}]", "");
    assert_eq!(
        found(&without_report),
        [(9, "unreachable"), (10, "unreachable")]
    );
    let without_robot = source.replace("step: {flow: f, step: help}", "status: manual");
    assert_eq!(found(&without_robot), [(11, "unreachable")]);
}

/// What a rule finds collected, nobody knows; but for what it asks for or sets itself.
#[test]
fn what_steps_read_that_rules_lead_to() {
    let source = |rule: &str, text: &str| {
        format!(
            "flow: f\nbot:\n  {rule}\nsteps:\n  s: {{ask: {{question: Which?, save: size}}, finish: finished}}\n  \
             t: {{send: '{{{{ {text} }}}}', finish: finished}}\n"
        )
    };
    let report = "postbacks: [{on: sale, step: {step: t}}]";
    let robot = "robots: {r: {words: [hi], fields: {city: Rome}, step: {step: t}}}";
    for rule in [report, robot] {
        assert_eq!(
            found(&source(rule, "size")),
            [(6, "may_be_unset")],
            "{rule}"
        );
        assert_eq!(found(&source(rule, "sise")), [(6, "never_set")], "{rule}");
        assert_eq!(found(&source(rule, "size | default(0)")), [], "{rule}");
    }
    assert_eq!(found(&source(robot, "city")), []);
    assert_eq!(found(&source(report, "city")), [(6, "never_set")]);
    let asks = robot.replace("words: [hi]", "when: {known: size}");
    assert_eq!(found(&source(&asks, "size")), []);
}

/// A step that finds the budget used up doesn't ask, and leads on at once.
#[test]
fn a_budget_may_end_a_route_at_once() {
    let steps = "steps:\n  w: {send: Well}\n  a: {ai_route: {branches: {b: B}}, next: {otherwise: b}}\n  \
                 b: {send: Hi}\n  c: {send: [Ho, Hu], finish: finished}\n";
    let bound = |settings: &str| {
        let source = format!("flow: f\nbot: {settings}\n{steps}");
        let files = FlowFiles::new().read("f.yaml", source.as_bytes());
        let report = files.bot("b").expect("a bot").check();
        (report.bounds[0].steps, report.bounds[0].messages)
    };
    assert_eq!(bound("{}"), (Bound::AtMost(3), Bound::AtMost(3)));
    let budget = "{ai: {dialog_budget: 1}}";
    assert_eq!(bound(budget), (Bound::AtMost(4), Bound::AtMost(4)));
    // The bot's own reminders come at whichever step.
    let reminders = "{pushes: [{after: 1h, send: [a, b, c, d, e]}]}";
    assert_eq!(bound(reminders), (Bound::AtMost(3), Bound::AtMost(5)));
}
