//! Files that are no YAML, or too much of it, are refused in one clear line.

use proptest::prelude::*;

use crate::flow::file::parse::{DEPTH_MAX, NODES_MAX, SOURCE_BYTES_MAX, parse, parse_bytes};
use crate::flow::file::problem::ReadProblem;

fn refused(source: &str) -> ReadProblem {
    let problem = parse(source).expect_err("it is no good file");
    check(source, &problem);
    problem
}

fn check(source: &str, problem: &ReadProblem) {
    assert!(problem.span.line > 0 && problem.span.column > 0);
    assert!(problem.span.offset + problem.span.length <= source.len());
    assert!(!problem.to_string().contains('\n'), "{problem}");
    assert!(!problem.message.is_empty());
}

#[track_caller]
fn says(source: &str, line: usize, message: &str, hint: &str) {
    let problem = refused(source);
    assert_eq!(problem.message, message, "{problem}");
    assert_eq!(problem.hint.unwrap_or_default(), hint);
    assert_eq!(problem.span.line, line);
}

#[test]
fn tabs_in_the_indentation_are_named() {
    for source in [
        "a:\n\tb: 1\n",
        "a:\n  b: 1\n\tc: 2\n",
        "steps:\n\t- x\n",
        "a:\n  - b\n\t- c\n",
    ] {
        let problem = refused(source);
        assert_eq!(
            problem.message, "a tab stands in the indentation",
            "{source:?}"
        );
        assert_eq!(problem.hint.as_deref(), Some("indent with spaces"));
        assert!(problem.span.line >= 2);
    }
}

#[test]
fn slips_of_syntax_are_explained() {
    for (source, line, message) in [
        ("a: [1, 2\nb: 3\n", 2, "a `:` isn't allowed here"),
        ("a: \"open\nb: 1\n", 1, "the quote is never closed"),
        ("a: b: c\n", 1, "a `:` isn't allowed here"),
        ("a: 1\n b: 2\n", 2, "a `:` isn't allowed here"),
        ("a: @x\n", 1, "a value can't begin with `@`"),
        ("a: !x y\n", 1, "tags have no meaning in this file"),
        ("a: \"\\q\"\n", 1, "this escape isn't known"),
        ("{\"a\": 1", 1, "the bracket `{` is never closed"),
    ] {
        let problem = refused(source);
        assert_eq!(problem.message, message, "{source:?} {problem}");
        assert_eq!(problem.span.line, line, "{source:?} {problem}");
    }
}

#[test]
fn more_than_one_document_is_refused() {
    let problem = refused("a: 1\n---\nb: 2\n");
    assert_eq!(problem.message, "a second document begins here");
    assert!(problem.span.line >= 2);
    refused("a: 1\n...\n---\nb: 2\n");
    assert!(parse("---\na: 1\n").is_ok());
    assert!(parse("---\na: 1\n...\n").is_ok());
}

#[test]
fn what_is_not_utf_8_is_refused_with_its_line() {
    let problem = parse_bytes(b"a: 1\nb: caf\xe9\n").unwrap_err();
    assert_eq!((problem.span.line, problem.span.column), (2, 7));
    assert_eq!(problem.span.offset, 11);
    assert_eq!(problem.message, "the file isn't UTF-8 from here on");
    let problem = parse_bytes(b"\xff\xfea\0").unwrap_err();
    assert_eq!(problem.span.line, 1);
    assert!(parse_bytes("a: é".as_bytes()).is_ok());
}

#[test]
fn a_file_of_fifty_megabytes_is_refused_unread() {
    let source = "[".repeat(50_000_000);
    let problem = refused(&source);
    assert_eq!(
        problem.message,
        format!("the file has 50000000 bytes, more than {SOURCE_BYTES_MAX}")
    );
    assert!(
        parse_bytes(&vec![0xff; SOURCE_BYTES_MAX + 1])
            .unwrap_err()
            .message
            .contains("bytes")
    );
}

#[test]
fn deep_nesting_is_refused_and_the_deepest_allowed_is_read() {
    let message = format!("lists and maps are nested deeper than {DEPTH_MAX}");
    assert_eq!(refused(&"[".repeat(100_000)).message, message);
    assert_eq!(refused(&"{a: ".repeat(100_000)).message, message);
    assert_eq!(refused(&"- ".repeat(100_000)).message, message);
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(DEPTH_MAX)).is_ok());
    assert_eq!(refused(&nested(DEPTH_MAX + 1)).message, message);
    let blocks = |depth: usize| "- ".repeat(depth) + "x";
    assert!(parse(&blocks(DEPTH_MAX)).is_ok());
    assert_eq!(refused(&blocks(DEPTH_MAX + 1)).message, message);
    let maps: String = (0..DEPTH_MAX).map(|n| " ".repeat(n) + "a:\n").collect();
    assert!(parse(&maps).is_ok());
}

#[test]
fn too_many_values_are_refused() {
    let list = |count: usize| format!("[{}]", "1,".repeat(count));
    assert!(parse(&list(NODES_MAX - 1)).is_ok());
    let message = format!("the file has more than {NODES_MAX} values");
    assert_eq!(refused(&list(NODES_MAX)).message, message);
}

#[test]
fn alias_bombs_do_not_go_off() {
    let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for (from, to) in "abcdefghij".chars().zip("bcdefghijk".chars()) {
        let aliases = vec![format!("*{from}"); 10].join(",");
        bomb.push_str(&format!("{to}: &{to} [{aliases}]\n"));
    }
    refused(&bomb);
    // A long text, repeated.
    let long = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(1_000_000),
        "*a,".repeat(5_000)
    );
    assert_eq!(
        refused(&long).message,
        "the file's aliases stand for too much text"
    );
}

#[test]
fn an_alias_in_its_own_anchor_is_refused() {
    let problem = refused("a: &a\n  b: *a\n");
    assert_eq!(problem.message, "an alias stands inside its own anchor");
    assert_eq!(problem.span.line, 2);
    refused("&a [*a]");
    refused("&a {*a : 1}");
    says(
        "a: 1\nb: *nobody\n",
        2,
        "there is no anchor of this name",
        "put a text that begins with `*` in quotes",
    );
}

#[test]
fn merge_keys_are_refused() {
    let problem = refused("base: &base {a: 1}\nb:\n  <<: *base\n");
    assert_eq!(problem.message, "merge keys (`<<`) aren't supported");
    assert_eq!(problem.span.line, 3);
    assert!(parse("'<<': 1").is_ok());
}

#[test]
fn a_template_without_quotes_gets_advice() {
    says(
        "say: {{ name }}\n",
        1,
        "a key must be a text, found a map",
        "put a text that begins with `{` in quotes",
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        if let Err(problem) = parse_bytes(&bytes) {
            prop_assert!(problem.span.line > 0);
        }
    }

    #[test]
    fn no_text_makes_it_panic(source in "[-a:\\[\\]{}&*!|>'\"%@#,?~ \t\r\n0-9.é<\u{feff}\u{85}\u{2028}]{0,60}") {
        match parse(&source) {
            Ok(node) => prop_assert!(node.span.line > 0),
            Err(problem) => check(&source, &problem),
        }
    }
}
