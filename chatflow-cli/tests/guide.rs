//! What `docs/flows.md` shows is what happens: every block of the page is run, in its order, in
//! one folder that is empty at first.
//!
//! The words behind a block's opening say what it is:
//!
//! | words | what is done |
//! | --- | --- |
//! | `yaml FILE` | written; `chatflow check --deny warnings` finds nothing |
//! | `yaml FILE with OTHER` | … together with a file that was written before |
//! | `yaml FILE code NAME EXIT` | … with code that only a program in Rust has |
//! | `yaml FILE mistake` | … and finds an error |
//! | `scenario NAME FLOW`, `… with OTHER` | written as `NAME.scenario` and played to the flow: all holds |
//! | `sh`, `sh fails` | run with `chatflow` on the path: exit code 0, or 1 |
//! | `sh over FILE by FLOW OTHER` | … and first one contact writes to the bot of these flows, whose store is that file |
//! | `text` | what the command before it prints, character by character; without it, nothing |
//! | `sh console` | not run: a program that talks to people; counted, and its paths are looked up |
//! | `rust no_run` | compiled as a doc test of chatflow-core |

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{Behaviour, FlowFiles, Worker};
use chatflow_store_sqlite::SqliteStore;
use futures::executor::block_on;
use tempfile::TempDir;

/// A block of the page.
struct Block {
    /// The line of its opening.
    line: usize,
    words: Vec<String>,
    text: String,
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> String {
    fs::read_to_string(project().join("docs/flows.md")).unwrap()
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, text) in (1..).zip(page.lines()) {
        match (text.trim_start().strip_prefix("```"), &mut open) {
            (Some(words), None) => {
                assert!(text.starts_with('`'), "line {line}: a block is indented");
                open = Some(Block {
                    line,
                    words: words.split(' ').map(str::to_owned).collect(),
                    text: String::new(),
                });
            }
            (Some(words), Some(_)) => {
                assert_eq!(words, "", "line {line}: a block inside another");
                blocks.extend(open.take());
            }
            (None, Some(block)) => {
                block.text.push_str(text);
                block.text.push('\n');
            }
            (None, None) => {
                assert!(!text.starts_with("~~~"), "line {line}: write ``` instead");
                assert!(!text.starts_with("    "), "line {line}: an unmarked block");
            }
        }
    }
    assert!(open.is_none(), "the last block has no end");
    blocks
}

/// What a command printed, on both outputs, and how it ended.
struct Ended {
    code: Option<i32>,
    out: String,
}

/// The folder in which a newcomer follows the page.
struct Folder(TempDir);

impl Folder {
    fn write(&self, name: &str, text: &str) {
        assert!(
            !name.contains('/'),
            "{name}: the page has one folder for all"
        );
        fs::write(self.0.path().join(name), text).unwrap();
    }

    /// Makes a store with one dialog: a contact has written to the bot of these flows.
    fn talk(&self, store: &str, flows: &[&str]) {
        let read = |files: FlowFiles, file: &&str| {
            files.read(*file, &fs::read(self.0.path().join(file)).unwrap())
        };
        let bot = flows.iter().fold(FlowFiles::new(), read).bot("shop");
        let channel = Arc::new(ScriptedChannel::new("terminal"));
        let store = Arc::new(SqliteStore::open(self.0.path().join(store)).unwrap());
        let worker = Worker::builder(store, Arc::new(ManualClock::default()))
            .bot(&bot.unwrap(), channel.clone())
            .build()
            .unwrap();
        block_on(worker.start()).unwrap();
        block_on(worker.receive(channel.says("anna", "1", "hi"))).unwrap();
        block_on(worker.step()).unwrap();
    }

    fn run(&self, script: &str) -> Ended {
        let program = Path::new(env!("CARGO_BIN_EXE_chatflow"));
        let mut path = OsString::from(program.parent().unwrap());
        path.push(":");
        path.push(env::var_os("PATH").unwrap_or_default());
        let output = Command::new("sh")
            .args(["-e", "-c", &format!("exec 2>&1\n{script}")])
            .current_dir(self.0.path())
            .env("PATH", path)
            .env_remove("NO_COLOR")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        Ended {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
        }
    }

    fn expect(&self, block: &Block, script: &str, code: i32) {
        let ended = self.run(script);
        let line = block.line;
        assert_eq!(
            ended.code,
            Some(code),
            "line {line}: {script}\n{}",
            ended.out
        );
    }
}

#[test]
fn every_block_of_the_page_does_what_it_says() {
    let folder = Folder(tempfile::tempdir().unwrap());
    let blocks = blocks(&page());
    let (mut mistakes, mut by_hand, mut programs) = (0, 0, 0);
    let mut rest = blocks.iter().peekable();
    while let Some(block) = rest.next() {
        let words: Vec<&str> = block.words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["yaml", file, more @ ..] => {
                folder.write(file, &block.text);
                let check = format!("chatflow check --deny warnings {file}");
                match more {
                    [] => folder.expect(block, &check, 0),
                    ["with", other] => folder.expect(block, &format!("{check} {other}"), 0),
                    ["code", name, exit] => {
                        folder.expect(block, &format!("{check} --code {name}={exit}"), 0);
                    }
                    ["mistake"] => {
                        folder.expect(block, &check, 1);
                        mistakes += 1;
                    }
                    _ => panic!("line {}: no such mark {more:?}", block.line),
                }
            }
            ["scenario", name, flow, more @ ..] => {
                folder.write(&format!("{name}.scenario"), &block.text);
                let with = match more {
                    [] => String::new(),
                    ["with", other] => format!(" --with {other}"),
                    _ => panic!("line {}: no such mark {more:?}", block.line),
                };
                let play = format!("chatflow play {flow} {name}.scenario{with}");
                folder.expect(block, &play, 0);
            }
            ["sh", "console"] => by_hand += by_hand_of(block),
            ["sh", more @ ..] => {
                let code = match more {
                    [] => 0,
                    ["fails"] => 1,
                    ["over", file, "by", flow, other] => {
                        folder.talk(file, &[flow, other]);
                        0
                    }
                    _ => panic!("line {}: no such mark {more:?}", block.line),
                };
                let text = rest.next_if(|next| next.words == ["text"]);
                let wanted = text.map_or("", |text| text.text.as_str());
                let ended = folder.run(&block.text);
                let found = (ended.code, ended.out.as_str());
                assert!(
                    found == (Some(code), wanted),
                    "line {}: exit code {:?}, and what is printed is\n{}",
                    block.line,
                    ended.code,
                    ended.out
                );
            }
            ["rust", "no_run"] => programs += 1,
            other => panic!("line {}: no such block {other:?}", block.line),
        }
    }
    // What isn't simply run is counted, so that no slip of a mark adds to it.
    assert_eq!((mistakes, by_hand, programs), (2, 3, 1));
}

/// The commands of a block that only people run. They are few, and their paths are there.
fn by_hand_of(block: &Block) -> usize {
    for line in block.text.lines() {
        let is_there = match line.split(' ').collect::<Vec<_>>().as_slice() {
            ["cargo", "install", "--path", path] => {
                project().join(path).join("Cargo.toml").exists()
            }
            ["cargo", "run", "-p", "chatflow-cli", "--", ..] => true,
            ["cargo", "run", "--example", name, "--", "--flow", _] => {
                project().join(format!("examples/{name}.rs")).exists()
            }
            _ => false,
        };
        assert!(is_there, "line {}: {line}", block.line);
    }
    block.text.lines().count()
}

/// The first cells of the rows of the table below a heading, with the second ones.
fn table(page: &str, heading: &str) -> Vec<(String, String)> {
    let (_, below) = page.split_once(&format!("\n{heading}\n")).unwrap();
    let rows = below
        .lines()
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2);
    rows.map(|row| {
        let mut cells = row
            .split(" | ")
            .map(|cell| cell.trim_matches(['|', ' ', '`']));
        let (name, value) = (cells.next().unwrap(), cells.next().unwrap());
        (name.to_owned(), value.to_owned())
    })
    .collect()
}

#[test]
fn the_tables_name_all_keys_of_a_step() {
    let schema: serde_json::Value = serde_json::from_str(&chatflow_core::flow_schema()).unwrap();
    let step = &schema["$defs"]["step"]["properties"];
    let known: BTreeSet<String> = step.as_object().unwrap().keys().cloned().collect();
    let page = page();
    let mut named = BTreeSet::new();
    for heading in ["### What a step does", "### How a step goes on"] {
        named.extend(table(&page, heading).into_iter().map(|(name, _)| name));
    }
    assert_eq!(named, known);
}

#[test]
fn the_table_of_settings_has_them_all_with_their_defaults() {
    let schema: serde_json::Value = serde_json::from_str(&chatflow_core::flow_schema()).unwrap();
    let known = schema["$defs"]["bot"]["properties"].as_object().unwrap();
    let defaults = serde_json::to_value(Behaviour::default()).unwrap();
    let wanted: BTreeSet<(String, String)> = known
        .keys()
        .map(|name| {
            let default = match &defaults[name] {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Null => "none".to_owned(),
                other => other.to_string(),
            };
            (name.clone(), default)
        })
        .collect();
    let named: BTreeSet<(String, String)> =
        table(&page(), "### All settings").into_iter().collect();
    assert_eq!(named, wanted);
}

#[test]
fn the_schema_has_no_pattern_that_a_validator_refuses() {
    let schema = chatflow_core::flow_schema();
    assert!(
        !schema.contains(r"\\p"),
        "Python's validators refuse a schema as a whole for a `\\p` in it"
    );
}
