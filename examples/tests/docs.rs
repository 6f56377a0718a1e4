//! What the pages say is so.

mod common;

use std::fs;

fn page(path: &str) -> String {
    let path = format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_readme_quotes_hello_whole_and_hello_is_short() {
    let hello = page("examples/hello.rs");
    assert!(hello.lines().count() <= 30, "hello.rs has at most 30 lines");
    let quoted = format!("<!-- examples/hello.rs -->\n```rust\n{hello}```\n");
    assert!(
        page("README.md").contains(&quoted),
        "README.md quotes another hello.rs"
    );
}

#[test]
fn hello_talks_as_its_comment_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut hello = common::program("hello");
    hello.current_dir(folder.path());
    assert_eq!(common::run(hello, b"hi\n").out, "Hello! You said: hi\n");
}

#[test]
fn the_model_answers_as_its_comment_says() {
    use std::io::{BufRead, BufReader, Write};
    let source = page("examples/model.rs");
    let mut child = common::program("model").spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    // Each line waits for the answer to the one before: what comes during a call joins it.
    for line in source.lines() {
        if let Some(said) = line.strip_prefix("//! > ") {
            writeln!(input, "{said}").unwrap();
        } else if let Some(wanted) = line.strip_prefix("//! < ") {
            assert_eq!(output.next().unwrap().unwrap(), wanted);
        }
    }
    drop(input);
    assert!(output.next().is_none());
    assert!(child.wait().unwrap().success());
}

#[test]
fn host_parts_prints_what_its_comment_says() {
    prints_its_comment("host_parts");
}

#[test]
fn the_support_desk_prints_what_its_comment_says() {
    prints_its_comment("support_desk");
}

fn prints_its_comment(name: &str) {
    let source = page(&format!("examples/{name}.rs"));
    let (_, rest) = source.split_once("//! ```text\n").unwrap();
    let (block, _) = rest.split_once("//! ```\n").unwrap();
    let wanted: String = block
        .lines()
        .map(|line| format!("{}\n", line.trim_start_matches("//! ")))
        .collect();
    let ended = common::run(common::program(name), b"");
    assert_eq!(ended.out, wanted);
    assert_eq!(ended.code, Some(0), "{}", ended.notices);
}

#[test]
fn the_console_talks_as_its_comment_says() {
    let source = page("examples/console.rs");
    let (_, rest) = source.split_once("//! ```text\n").unwrap();
    let (block, _) = rest.split_once("//! ```\n").unwrap();
    let lines = |mark: &str| -> Vec<String> {
        let marked = block.lines().filter_map(|line| line.strip_prefix(mark));
        marked.map(str::to_owned).collect()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut console = common::program("console");
    console
        .arg("--plain")
        .arg("--db")
        .arg(folder.path().join("x.db"));
    let input = lines("//! > ").join("\n") + "\n";
    let ended = common::run(console, input.as_bytes());
    let said: Vec<String> = ended
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("bot: "))
        .map(str::to_owned)
        .collect();
    assert_eq!(said, lines("//! < "));
}

#[test]
fn the_flow_of_the_readme_is_without_fault() {
    let page = page("README.md");
    let (_, rest) = page.split_once("```yaml\n").unwrap();
    let (flow, _) = rest.split_once("```").unwrap();
    let files = chatflow_core::FlowFiles::new().read("README.md", flow.as_bytes());
    assert_eq!(files.check().findings, []);
    assert_eq!(files.flows().count(), 1);
}
