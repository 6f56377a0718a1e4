//! Every value has its exact place, in every style.

use proptest::prelude::*;

use crate::flow::file::locate::{PathPart, locate};
use crate::flow::file::parse::parse;
use crate::flow::file::span::Span;
use crate::flow::file::tree::{Entry, Kind, Node};

fn slice(source: &str, span: Span) -> &str {
    &source[span.offset..span.offset + span.length]
}

/// Counts the line and column of an offset apart from the code under test.
fn counted(source: &str, offset: usize) -> (usize, usize) {
    let before = &source[..offset];
    let before = before.strip_prefix('\u{feff}').unwrap_or(before);
    let lines = before.replace("\r\n", "\n");
    let line = lines.matches('\n').count() + 1;
    let column = lines.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

fn check_places(source: &str, node: &Node) {
    check_place(source, node.span);
    if let Some(written) = node.written() {
        let slice = slice(source, node.span);
        assert!(
            slice == written || slice.starts_with(['"', '\'', '|', '>']),
            "{slice:?} is not {written:?}"
        );
    }
    for entry in node.entries() {
        check_place(source, entry.key_span);
        assert!(slice(source, entry.key_span).contains(&entry.key));
        check_places(source, &entry.value);
    }
    for element in node.elements() {
        check_places(source, element);
    }
}

fn check_place(source: &str, span: Span) {
    assert!(span.line > 0 && span.column > 0, "{span:?}");
    assert!(span.offset + span.length <= source.len(), "{span:?}");
    assert!(source.is_char_boundary(span.offset));
    assert!(source.is_char_boundary(span.offset + span.length));
    assert_eq!(
        (span.line, span.column),
        counted(source, span.offset),
        "{span:?} in {source:?}"
    );
}

fn key<'n>(node: &'n Node, name: &str) -> &'n Entry {
    node.entry(name).unwrap()
}

#[test]
fn a_block_file_keeps_exact_text_and_places() {
    let source = "flow: café # a comment\nprice: 1.10\nsteps:\n  - ask: \"Wie heißt du?\"\n    retry: 0x10\n  - yes\n  - true\n";
    let node = parse(source).unwrap();
    check_places(source, &node);
    assert_eq!(key(&node, "price").value.written(), Some("1.10"));
    assert_eq!(key(&node, "flow").value.written(), Some("café"));
    let steps = &key(&node, "steps").value;
    assert_eq!((steps.span.line, steps.span.column), (4, 3));
    assert_eq!(slice(source, steps.span), "- ask: \"Wie heißt du?\"");
    let [first, yes, really] = steps.elements() else {
        panic!("{steps:?}")
    };
    let retry = &key(first, "retry").value;
    assert_eq!(
        retry.kind,
        Kind::Integer {
            value: 16,
            written: "0x10".to_owned()
        }
    );
    assert_eq!(key(first, "retry").key_span.line, 5);
    assert_eq!(yes.kind, Kind::Text("yes".to_owned()));
    assert_eq!(yes.span.line, 6);
    assert!(matches!(really.kind, Kind::Bool { yes: true, .. }));
}

#[test]
fn numbers_that_would_change_stay_as_they_are_written() {
    let source = "[1.10, 0123, 1_000, 1e999, .NaN, -.INF, 123456789012345678901234567890, +49, 18446744073709551615, -5, 1e3]";
    let node = parse(source).unwrap();
    check_places(source, &node);
    let written: Vec<_> = node.elements().iter().filter_map(Node::written).collect();
    assert_eq!(format!("[{}]", written.join(", ")), source);
    assert_eq!(node.elements()[1].kind, Kind::Text("0123".to_owned()));
}

#[test]
fn json_with_tabs_and_surrogates_is_read() {
    let source = "{\n\t\"flow\": \"\\ud83d\\ude00\",\n\t\"steps\": [\n\t\t{\"say\": \"a\\tb\\/c\"},\n\t\tnull, true\n\t]\n}\n";
    let node = parse(source).unwrap();
    check_places(source, &node);
    assert_eq!(key(&node, "flow").value.written(), Some("😀"));
    let steps = &key(&node, "steps").value;
    assert_eq!(
        key(&steps.elements()[0], "say").value.written(),
        Some("a\tb/c")
    );
    assert_eq!(steps.elements()[1].kind, Kind::Null);
    assert_eq!(slice(source, steps.elements()[1].span), "null");
    assert_eq!(steps.span.line, 3);
}

#[test]
fn an_alias_stands_where_it_is_used() {
    let source = "a: &price 1.10\nb: *price\nc: &all {x: 1}\nd: *all\n";
    let node = parse(source).unwrap();
    let b = key(&node, "b");
    assert_eq!(b.value.written(), Some("1.10"));
    assert_eq!(slice(source, b.value.span), "*price");
    assert_eq!(b.value.span.line, 2);
    assert_eq!(slice(source, key(&node, "d").value.span), "*all");
    assert_eq!(key(&node, "a").value.written(), Some("1.10"));
}

#[test]
fn an_empty_file_is_line_one() {
    for source in [
        "",
        "\n\n",
        "# only\n# comments\n",
        "---\n",
        "\u{feff}",
        "~",
        "   ",
    ] {
        let node = parse(source).unwrap();
        assert_eq!(node.kind, Kind::Null, "{source:?}");
        assert_eq!(node.span.line, 1, "{source:?} {:?}", node.span);
        assert_eq!(node.span.column, 1, "{source:?} {:?}", node.span);
    }
}

#[test]
fn a_value_that_is_missing_is_shown_at_what_is_there() {
    let source = "a:\n\n\nb:\n  - # nothing\n  -\n  - x\n";
    let node = parse(source).unwrap();
    assert_eq!(key(&node, "a").value.span, key(&node, "a").key_span);
    let elements = key(&node, "b").value.elements();
    let lines: Vec<_> = elements.iter().map(|element| element.span.line).collect();
    assert_eq!(lines, [5, 6, 7]);
}

#[test]
fn line_breaks_and_the_byte_order_mark_shift_nothing() {
    let plain = "a: 1\nlist:\n  - x: 'é'\n  - y\n";
    let windows = plain.replace('\n', "\r\n");
    for source in [
        plain.to_owned(),
        windows.clone(),
        format!("\u{feff}{plain}"),
        format!("\u{feff}{windows}"),
    ] {
        let node = parse(&source).unwrap();
        check_places(&source, &node);
        let elements = key(&node, "list").value.elements();
        assert_eq!(elements[1].span.line, 4);
        assert_eq!(elements[1].span.column, 5);
        assert_eq!(slice(&source, elements[1].span), "y");
    }
}

#[test]
fn a_path_leads_to_the_deepest_part_that_is_there() {
    let source = "steps:\n  age:\n    ask:\n      retry: 3\n  list: [a, {b: 1}]\n";
    let node = parse(source).unwrap();
    use PathPart::{Index, Key};
    let at = |path: &[PathPart<'_>]| {
        let span = locate(&node, path);
        (span.line, slice(source, span))
    };
    assert_eq!(
        at(&[Key("steps"), Key("age"), Key("ask"), Key("retry")]),
        (4, "3")
    );
    assert_eq!(
        at(&[Key("steps"), Key("age"), Key("ask"), Key("x")]),
        (3, "ask")
    );
    assert_eq!(at(&[Key("steps"), Key("age"), Key("ask")]), (3, "ask"));
    assert_eq!(at(&[Key("steps"), Key("list"), Index(0)]), (5, "a"));
    assert_eq!(
        at(&[Key("steps"), Key("list"), Index(1), Key("b")]),
        (5, "1")
    );
    assert_eq!(at(&[Key("steps"), Key("list"), Index(9)]), (5, "list"));
    assert_eq!(at(&[Index(1)]), (1, "steps:"));
    assert_eq!(at(&[]), (1, "steps:"));
}

/// A tree without places, to be written down.
#[derive(Debug, Clone)]
enum Sketch {
    Plain(String),
    Quoted(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

fn sketches() -> impl Strategy<Value = Sketch> {
    let leaf = prop_oneof![
        "(true|null|12|-3|1\\.50|word|ключ|a b|yes|0x1f|007)".prop_map(Sketch::Plain),
        "[a-zé😀 :#{}\\[\\],*&!|>'%@-]{0,12}".prop_map(Sketch::Quoted),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Sketch::List),
            prop::collection::vec(("[a-zé]{1,6}", inner), 0..5).prop_map(Sketch::Map),
        ]
    })
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn flow_style(sketch: &Sketch, json: bool) -> String {
    match sketch {
        Sketch::Plain(text) if json && !is_json_scalar(text) => quoted(text),
        Sketch::Plain(text) => text.clone(),
        Sketch::Quoted(text) => quoted(text),
        Sketch::List(elements) => {
            let elements: Vec<_> = elements.iter().map(|one| flow_style(one, json)).collect();
            format!("[{}]", elements.join(", "))
        }
        Sketch::Map(entries) => {
            let entries: Vec<_> = entries
                .iter()
                .map(|(key, value)| {
                    let key = if json { quoted(key) } else { key.clone() };
                    format!("{key}: {}", flow_style(value, json))
                })
                .collect();
            format!("{{{}}}", entries.join(if json { ",\n\t" } else { ", " }))
        }
    }
}

fn is_json_scalar(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn block_style(sketch: &Sketch, indent: usize, into: &mut String) {
    let spaces = " ".repeat(indent);
    match sketch {
        Sketch::List(elements) if !elements.is_empty() => {
            for element in elements {
                into.push_str(&format!("\n{spaces}- # é\n{spaces}  "));
                match element {
                    Sketch::List(inner) if !inner.is_empty() => {
                        block_style(element, indent + 2, into);
                    }
                    Sketch::Map(inner) if !inner.is_empty() => {
                        block_style(element, indent + 2, into);
                    }
                    other => into.push_str(&flow_style(other, false)),
                }
            }
        }
        Sketch::Map(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                into.push_str(&format!("\n{spaces}{key}: "));
                block_style(value, indent + 2, into);
            }
        }
        other => into.push_str(&flow_style(other, false)),
    }
}

fn agrees(node: &Node, sketch: &Sketch) -> bool {
    match sketch {
        Sketch::Plain(text) => match node.written() {
            Some(written) => written == text,
            None => node.kind == Kind::Null && text == "null",
        },
        Sketch::Quoted(text) => node.kind == Kind::Text(text.clone()),
        Sketch::List(elements) => {
            matches!(&node.kind, Kind::List(nodes) if nodes.len() == elements.len()
                && nodes.iter().zip(elements).all(|(node, one)| agrees(node, one)))
        }
        Sketch::Map(entries) => {
            matches!(&node.kind, Kind::Map(nodes) if nodes.len() == entries.len()
            && nodes.iter().zip(entries).all(|(entry, (key, value))| {
                entry.key == *key && agrees(&entry.value, value)
            }))
        }
    }
}

proptest! {
    #[test]
    fn every_place_is_exact_in_every_style(sketch in sketches(), crlf: bool, mark: bool) {
        let mut block = String::new();
        block_style(&sketch, 0, &mut block);
        for mut source in [block, flow_style(&sketch, false), flow_style(&sketch, true)] {
            if crlf {
                source = source.replace('\n', "\r\n");
            }
            if mark {
                source.insert(0, '\u{feff}');
            }
            let node = parse(&source);
            prop_assert!(node.is_ok(), "{node:?} of {source:?}");
            let node = node.unwrap();
            prop_assert!(agrees(&node, &sketch), "{node:?} of {source:?}");
            check_places(&source, &node);
        }
    }
}
