//! Every mistake is reported, at its line, in plain words.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use crate::flow::file::build::{PROBLEMS_MAX, build};
use crate::flow::file::parse::parse;
use crate::flow::file::problem::ReadProblem;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Flow {
    flow: Name,
    version: u32,
    #[serde(default)]
    price: Option<String>,
    steps: BTreeMap<Name, Vec<Step>>,
}

#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Step {
    Finish,
    Send(Said),
    Ask {
        question: String,
        save: String,
        #[serde(default)]
        retry: Option<u8>,
        #[serde(default)]
        choices: Vec<Said>,
        #[serde(default)]
        urgent: bool,
    },
    Wait(i64),
    Between(i64, i64),
}

/// A text, or a map with more.
#[derive(Debug, PartialEq)]
struct Said(String);

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct TextOrMap;
        impl<'de> Visitor<'de> for TextOrMap {
            type Value = Said;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a map")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Said, E> {
                if text.is_empty() {
                    return Err(E::custom("a text can't be empty"));
                }
                Ok(Said(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Said, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Full {
                    text: String,
                }
                let from = de::value::MapAccessDeserializer::new(map);
                Full::deserialize(from).map(|full| Said(full.text))
            }
        }
        from.deserialize_any(TextOrMap)
    }
}

const GOOD: &str = "
flow: shop
version: 2
price: 1.10
steps:
  start:
    - send: Hello
    - send: {text: 12}
    - ask:
        question: yes
        save: answer
        choices: [1, 2.50, yes, true, {text: more}]
    - wait: -5
    - between: [1, 2]
    - finish
    - finish:
";

fn problems(source: &str) -> Vec<ReadProblem> {
    let mut problems = Vec::new();
    let flow: Option<Flow> = build(&parse(source).unwrap(), &mut problems);
    assert!(flow.is_some() || !problems.is_empty());
    for problem in &problems {
        assert!(problem.span.line > 0 && !problem.message.is_empty());
    }
    problems
}

#[track_caller]
fn finds(source: &str, expected: &[(usize, &str, &str)]) {
    let problems = problems(source);
    let found: Vec<_> = problems
        .iter()
        .map(|problem| {
            let hint = problem.hint.as_deref().unwrap_or_default();
            (problem.span.line, problem.message.as_str(), hint)
        })
        .collect();
    assert_eq!(found, expected);
}

fn said(text: &str) -> Said {
    Said(text.to_owned())
}

#[test]
fn a_good_file_is_built_with_its_texts_exact() {
    let flow: Flow = build(&parse(GOOD).unwrap(), &mut Vec::new()).unwrap();
    assert_eq!(flow.price.as_deref(), Some("1.10"));
    let expected = [
        Step::Send(said("Hello")),
        Step::Send(said("12")),
        Step::Ask {
            question: "yes".to_owned(),
            save: "answer".to_owned(),
            retry: None,
            choices: ["1", "2.50", "yes", "true", "more"].map(said).into(),
            urgent: false,
        },
        Step::Wait(-5),
        Step::Between(1, 2),
        Step::Finish,
        Step::Finish,
    ];
    assert_eq!(flow.steps[&Name("start".to_owned())], expected);
}

#[test]
fn ten_mistakes_are_ten_problems_at_their_lines() {
    let source = "flow: [shop]
version: -1
colour: red
steps:
  start:
    - sned: Hello
    - send: ''
    - ask:
        question: {a: b}
        questoin: Hi
        save: x
        retry: 300
        urgent: yes
    - ask:
        question: Hi
    - wait: 'soon'
";
    finds(
        source,
        &[
            (1, "expected a text, found a list", ""),
            (
                2,
                "expected a whole number from 0 to 4294967295, found the number -1",
                "",
            ),
            (
                3,
                "the key `colour` isn't known here",
                "the keys here are `flow`, `version`, `price`, `steps`",
            ),
            (6, "`sned` isn't known here", "did you mean `send`?"),
            (7, "a text can't be empty", ""),
            (9, "expected a text, found a map", ""),
            (
                10,
                "the key `questoin` isn't known here",
                "did you mean `question`?",
            ),
            (
                12,
                "expected a whole number from 0 to 255, found the number 300",
                "",
            ),
            (
                13,
                "expected `true` or `false`, found the text `yes`",
                "write `true`",
            ),
            (14, "the key `save` is missing", ""),
            (
                16,
                "expected a whole number of at most 64 bits, found the text `soon`",
                "",
            ),
        ],
    );
}

#[test]
fn every_missing_key_is_reported_and_none_that_was_left_out() {
    finds(
        "steps:\n  a:\n    - ask: {}\n    - ask: {questoin: x, save: [1]}\n",
        &[
            (1, "the key `flow` is missing", ""),
            (1, "the key `version` is missing", ""),
            (3, "the key `question` is missing", ""),
            (3, "the key `save` is missing", ""),
            (
                4,
                "the key `questoin` isn't known here",
                "did you mean `question`?",
            ),
            (4, "expected a text, found a list", ""),
        ],
    );
}

#[test]
fn a_key_given_twice_names_the_first() {
    finds(
        "flow: a\nversion: 1\nflow: b\nsteps:\n  a: []\n  b: []\n  a: 5\n",
        &[
            (
                3,
                "the key `flow` is there already, in line 1",
                "remove one of the two",
            ),
            (
                7,
                "the key `a` is there already, in line 5",
                "remove one of the two",
            ),
        ],
    );
}

#[test]
fn the_shapes_of_a_step_are_explained() {
    let steps = |steps: &str| format!("flow: a\nversion: 1\nsteps:\n  a:\n{steps}");
    finds(
        &steps(
            "    - ask:\n      question: x\n    - wait\n    - finish: now\n    - 5\n    - {}\n    - between: [1]\n    - between: [1, x]\n    -\n",
        ),
        &[
            (
                6,
                "`question` can't stand beside `ask`: only one fits here",
                "what belongs to `ask` is indented further",
            ),
            (7, "`wait` needs a value", "write `wait: …`"),
            (
                8,
                "`finish` stands alone, found the text `now` after it",
                "write `finish` without a `:`",
            ),
            (
                9,
                "`5` isn't known here",
                "known are `finish`, `send`, `ask`, `wait`, `between`",
            ),
            (
                10,
                "expected one of `finish`, `send`, `ask`, `wait`, `between`, found a map",
                "",
            ),
            (11, "expected a list of 2 elements, found 1", ""),
            (
                12,
                "expected a whole number of at most 64 bits, found the text `x`",
                "",
            ),
            (
                13,
                "expected one of `finish`, `send`, `ask`, `wait`, `between`, found nothing",
                "",
            ),
        ],
    );
    finds(
        &steps("    - send: []\n"),
        &[(5, "expected a text or a map, found a list", "")],
    );
    finds(
        "- a\n",
        &[(
            1,
            "expected a map, found a list",
            "its keys are `flow`, `version`, `price`, `steps`",
        )],
    );
    finds(
        "",
        &[(
            1,
            "expected a map, found nothing",
            "its keys are `flow`, `version`, `price`, `steps`",
        )],
    );
}

#[test]
fn problems_are_limited_and_never_repeated() {
    let mut source = "flow: a\nversion: 1\nsteps:\n  a:\n".to_owned();
    source.push_str(&"    - wait: x\n".repeat(5 * PROBLEMS_MAX));
    let found = problems(&source);
    assert_eq!(found.len(), PROBLEMS_MAX + 1);
    assert!(found[PROBLEMS_MAX].message.contains("only the first"));

    let node = parse("flow: []\n").unwrap();
    let mut problems = Vec::new();
    assert_eq!(build::<Flow>(&node, &mut problems), None);
    let once = problems.clone();
    assert_eq!(build::<Flow>(&node, &mut problems), None);
    assert_eq!(problems, once);
}
