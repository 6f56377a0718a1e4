//! `chatflow replay` through the real program, over files that real workers made.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{
    Address, Ask, Bot, DialogId, EXIT_TIMEOUT, Event, FlowBuilder, FlowDefinition, Message,
    OperatorAct, Outcome, SendErrorClass, SendMessage, Step, StepContext, Worker,
};
use chatflow_store_sqlite::SqliteStore;
use futures::executor::block_on;
use rusqlite::Connection;
use tempfile::TempDir;

#[test]
fn dialogs_with_timers_and_operators_are_byte_equal() {
    let file = File::new("shop.db");
    let (anna, boris) = file.shop();

    let output = replay(&file.path, &[]);
    assert_eq!(code(&output), 0, "{output:?}");
    let text = stdout(&output);
    for (dialog, turns) in [(anna, 5), (boris, 2)] {
        let line = format!("dialog {dialog}: {turns} turns replayed from turn 1, byte-equal\n");
        assert!(text.contains(&line), "{text}");
    }
    assert!(
        text.ends_with("shop.db: 2 dialogs, 2 byte-equal\n"),
        "{text}"
    );
    let start = text.find("bot shop\n> 2026-01-01T00:00:00.000Z contact: hi\n");
    assert!(start.is_some(), "{text}");
    for line in [
        "< 2026-01-01T00:00:00.000Z automation: Small or large? [Small | Large]\n",
        "> 2026-01-01T00:00:00.000Z contact: (Large)\n",
        "< 2026-01-01T01:00:00.000Z automation: Are you there?\n",
        "< 2026-01-01T01:00:00.000Z operator olga: I take over\n",
        "< 2026-01-01T01:00:00.000Z operator olga: Still here? (ready)\n",
    ] {
        assert!(text.contains(line), "{line} is missing in {text}");
    }
    assert_eq!(stderr(&output), "");
}

#[test]
fn it_reads_beside_a_running_writer() {
    let file = File::new("shop.db");
    let (anna, _) = file.shop();
    let flow = FlowBuilder::new("order", 1)
        .step("again", Ask::text("And?").retries(0))
        .exit("next", "again");
    file.run(&flow.build().unwrap(), |talk| {
        let (turns, done) = (AtomicUsize::new(0), AtomicBool::new(false));
        let outputs: Vec<_> = std::thread::scope(|scope| {
            // Turns are committed all the time while the program reads. Both sides are bounded,
            // so that a failure of one can't keep the other going.
            scope.spawn(|| {
                for turn in (0..10_000).take_while(|_| !done.load(Ordering::Relaxed)) {
                    talk.says("clara", &turn.to_string(), "more");
                    turns.fetch_add(1, Ordering::Relaxed);
                }
            });
            let outputs = (0..1_000)
                .take_while(|_| turns.load(Ordering::Relaxed) < 30)
                .map(|_| replay(&file.path, &[]))
                .collect();
            done.store(true, Ordering::Relaxed);
            outputs
        });
        assert!(!outputs.is_empty());
        for output in outputs {
            assert_eq!(code(&output), 0, "{output:?}");
            assert!(stdout(&output).contains(&format!("dialog {anna}: 5 turns")));
        }
    });
}

#[test]
fn what_a_contact_writes_does_not_act_on_the_terminal() {
    let file = File::new("shop.db");
    let forged = "a\u{1b}[2J\r\ndialog 0: 9 turns replayed from turn 1, byte-equal\u{202e}";
    file.run(&shop(), |talk| {
        talk.says("anna", "1", forged);
    });
    let output = replay(&file.path, &[]);
    let text = stdout(&output);
    assert!(
        text.contains("contact: a\\u{1b}[2J\\r\\ndialog 0: 9 turns"),
        "{text}"
    );
    assert!(!text.contains(['\u{1b}', '\r', '\u{202e}']), "{text}");
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("dialog "))
            .count(),
        1
    );
}

#[test]
fn a_changed_journal_is_found_and_its_turn_named() {
    let file = File::new("shop.db");
    let (anna, boris) = file.shop();
    file.forge_second_turn(anna);

    let output = replay(&file.path, &[]);
    assert_eq!(code(&output), 1, "{output:?}");
    let text = stdout(&output);
    let line = format!("dialog {anna}: not byte-equal: turn 2 differs from the stored one at fact");
    assert!(text.contains(&line), "{text}");
    let other = format!("dialog {boris}: 2 turns replayed from turn 1, byte-equal");
    assert!(text.contains(&other), "{text}");
    assert!(
        text.ends_with("2 dialogs, 1 byte-equal, 1 different\n"),
        "{text}"
    );
}

#[test]
fn a_journal_that_can_not_be_decoded_is_a_difference() {
    let file = File::new("shop.db");
    let (anna, _) = file.shop();
    file.execute(
        "UPDATE journal SET body = x'0193' WHERE dialog = ?1 AND revision = 3",
        anna,
    );

    let output = replay(&file.path, &["--dialog", &anna.to_string()]);
    assert_eq!(code(&output), 1, "{output:?}");
    let line = "not byte-equal: turn 3 can't be read: the stored bytes are damaged";
    assert!(stdout(&output).contains(line), "{output:?}");
}

#[test]
fn a_changed_snapshot_is_found() {
    let file = File::new("shop.db");
    let (anna, _) = file.shop();
    let connection = Connection::open(&file.path).unwrap();
    let key = [anna.to_bytes()];
    let sql = "SELECT snapshot FROM dialog WHERE id = ?1";
    let body: Vec<u8> = connection.query_row(sql, key, |row| row.get(0)).unwrap();
    let body = replaced(body, b"Large", b"Small");
    let sql = "UPDATE dialog SET snapshot = ?2 WHERE id = ?1";
    connection.execute(sql, (key[0], body)).unwrap();

    let output = replay(&file.path, &["--dialog", &anna.to_string()]);
    assert_eq!(code(&output), 1, "{output:?}");
    let line = "not byte-equal: the stored snapshot at turn 5 differs from the replayed one";
    assert!(stdout(&output).contains(line), "{output:?}");
}

#[test]
fn a_journal_that_was_cut_is_found() {
    let file = File::new("shop.db");
    let (anna, boris) = file.shop();
    file.execute(
        "DELETE FROM journal WHERE dialog = ?1 AND revision = 5",
        anna,
    );
    file.execute("DELETE FROM journal WHERE dialog = ?1", boris);

    let output = replay(&file.path, &[]);
    assert_eq!(code(&output), 1, "{output:?}");
    let text = stdout(&output);
    assert!(
        text.contains("its journal ends at turn 4, and its snapshot is of turn 5"),
        "{text}"
    );
    assert!(
        text.contains("it has no journal, and its snapshot is of turn 2"),
        "{text}"
    );
}

#[test]
fn a_row_that_can_not_be_read_does_not_hide_the_others() {
    let file = File::new("shop.db");
    let (anna, boris) = file.shop();
    file.execute(
        "UPDATE message SET body = x'ff' WHERE dialog = ?1 AND n = 0",
        anna,
    );

    let output = replay(&file.path, &[]);
    assert_eq!(code(&output), 1, "{output:?}");
    let text = stdout(&output);
    let line = format!("dialog {anna}: not byte-equal: a stored row can't be read");
    assert!(text.contains(&line), "{text}");
    assert!(
        text.contains(&format!("dialog {boris}: 2 turns replayed")),
        "{text}"
    );
}

#[test]
fn code_of_another_program_is_missing_not_a_mismatch() {
    let file = File::new("echo.db");
    let flow = FlowBuilder::new("hello", 1).step("echo", Echo).build();
    file.run(&flow.unwrap(), |talk| {
        talk.says("anna", "1", "hi");
        talk.says("anna", "2", "again");
    });
    let output = replay(&file.path, &[]);
    assert_eq!(code(&output), 1, "{output:?}");
    let text = stdout(&output);
    let line = "not replayed: turn 1 can't be run again: flow `hello`: its code `echo` revision 1 \
                isn't in this program; replay it with the program that has it\n";
    assert!(text.contains(line), "{text}");
    assert!(
        text.contains("< 2026-01-01T00:00:00.000Z automation: You said: hi\n"),
        "{text}"
    );
    assert!(
        text.ends_with("1 dialog, 0 byte-equal, 1 not replayed\n"),
        "{text}"
    );
    assert!(!text.contains("differs"), "{text}");

    let json = json(&replay(&file.path, &["--json"]));
    assert_eq!(json[0]["result"]["not_replayed"]["kind"], "code_missing");
}

#[test]
fn one_dialog_can_be_asked_for() {
    let file = File::new("shop.db");
    let (anna, boris) = file.shop();
    for (asked, other) in [(anna, boris), (boris, anna)] {
        let output = replay(&file.path, &["--dialog", &asked.to_string()]);
        assert_eq!(code(&output), 0, "{output:?}");
        let text = stdout(&output);
        assert!(text.contains(&format!("dialog {asked}: ")), "{text}");
        assert!(!text.contains(&other.to_string()), "{text}");
    }

    let nobody = "0".repeat(32);
    let output = replay(&file.path, &["--dialog", &nobody]);
    assert_eq!(code(&output), 2, "{output:?}");
    let says = stderr(&output);
    assert!(
        says.contains(&format!("there is no dialog {nobody} in ")),
        "{says}"
    );

    let output = replay(&file.path, &["--dialog", "anna"]);
    assert_eq!(code(&output), 2, "{output:?}");
    let says = stderr(&output);
    assert!(
        says.contains("'anna'") && says.contains("32 hexadecimal digits"),
        "{says}"
    );
}

#[test]
fn json_is_one_object_a_dialog() {
    let file = File::new("shop.db");
    let (anna, boris) = file.shop();
    let output = replay(&file.path, &["--json"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let dialogs = json(&output);
    assert_eq!(dialogs.len(), 2);
    for (dialog, turns) in [(anna, 5), (boris, 2)] {
        let found = dialogs
            .iter()
            .find(|found| found["id"] == dialog.to_string())
            .unwrap();
        assert_eq!(found["bot"], "shop");
        assert_eq!(found["turns"].as_array().unwrap().len(), turns);
        assert_eq!(found["turns"][0]["turn"], 1);
        assert_eq!(
            found["turns"][0]["facts"][0]["input"]["event"]["body"]["message_received"]["text"],
            "hi"
        );
        let first = &found["transcript"][0];
        assert_eq!(first["author"], "contact");
        assert_eq!(first["message"]["text"], "hi");
        assert_eq!(first["at"], 1_767_225_600_000_i64);
        assert!(first["delivery"].is_null());
        assert_eq!(found["transcript"][1]["delivery"], "sent");
        assert_eq!(found["result"]["equal"]["turns"], turns);
        assert_eq!(found["result"]["equal"]["from"], 1);
    }

    file.forge_second_turn(anna);
    let output = replay(&file.path, &["--json", "--dialog", &anna.to_string()]);
    assert_eq!(code(&output), 1, "{output:?}");
    let dialogs = json(&output);
    assert_eq!(dialogs[0]["result"]["different"]["kind"], "mismatch");
    assert_eq!(dialogs[0]["result"]["different"]["turn"], 2);
}

#[test]
fn a_file_without_dialogs_is_fine() {
    let file = File::new("empty.db");
    drop(SqliteStore::open(&file.path).unwrap());
    let output = replay(&file.path, &[]);
    assert_eq!(code(&output), 0, "{output:?}");
    assert!(
        stdout(&output).ends_with("empty.db: 0 dialogs\n"),
        "{output:?}"
    );
    assert_eq!(stdout(&replay(&file.path, &["--json"])), "");
}

#[test]
fn files_that_are_no_store_are_named_with_the_way_out() {
    let file = File::new("missing.db");
    let says = refused(&file.path);
    assert!(
        says.contains("missing.db does not exist; check the path"),
        "{says}"
    );
    let nowhere = file.path.join("nowhere.db");
    assert!(refused(&nowhere).contains("does not exist; check the path"));
    assert!(!file.path.exists());

    let text = File::new("notes.txt");
    std::fs::write(&text.path, "notes, and nothing else. ".repeat(100)).unwrap();
    let says = refused(&text.path);
    assert!(
        says.contains("notes.txt is not an SQLite database"),
        "{says}"
    );

    let foreign = File::new("foreign.db");
    Connection::open(&foreign.path)
        .unwrap()
        .execute_batch("CREATE TABLE accounts (n INTEGER)")
        .unwrap();
    let says = refused(&foreign.path);
    assert!(says.contains("no database of Chatflow"), "{says}");
}

#[test]
fn a_file_whose_pages_are_damaged_is_said_to_be() {
    let file = File::new("shop.db");
    file.shop();
    let mut bytes = std::fs::read(&file.path).unwrap();
    let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    bytes[page..].fill(0xa5);
    std::fs::write(&file.path, bytes).unwrap();
    refused(&file.path);
}

#[test]
fn usage_errors_are_2() {
    for arguments in [&[][..], &["replay"], &["replay", "--db"], &["fly"]] {
        let output = chatflow().args(arguments).output().unwrap();
        assert_eq!(code(&output), 2, "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty());
    }
}

/// A file in a directory of its own.
struct File {
    path: PathBuf,
    _directory: TempDir,
}

impl File {
    fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self {
            path: directory.path().join(name),
            _directory: directory,
        }
    }

    /// A worker of the shop's makes the file and is gone. Anna answers, is asked once more by a
    /// timer and taken over by an operator; Boris only lets his time pass.
    fn shop(&self) -> (DialogId, DialogId) {
        self.run(&shop(), |talk| {
            let (anna, boris) = (talk.says("anna", "1", "hi"), talk.says("boris", "1", "hi"));
            talk.says("anna", "2", Message::pressed("Large"));
            talk.after(Duration::from_secs(3600));
            talk.operates(anna, "o1", OperatorAct::Reply("I take over".into()));
            talk.channel
                .refuse_next(SendErrorClass::Transient { retry_after: None });
            talk.operates(anna, "o2", OperatorAct::Reply("Still here?".into()));
            (anna, boris)
        })
    }

    fn run<T>(&self, flow: &FlowDefinition, talk: impl FnOnce(&Talk) -> T) -> T {
        let channel = Arc::new(ScriptedChannel::new("terminal"));
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(SqliteStore::open(&self.path).unwrap());
        let worker = Worker::builder(store, clock.clone())
            .bot(&Bot::new("shop", flow.clone()), channel.clone())
            .build()
            .unwrap();
        block_on(worker.start()).unwrap();
        talk(&Talk {
            worker,
            channel,
            clock,
        })
    }

    fn execute(&self, sql: &str, dialog: DialogId) {
        let connection = Connection::open(&self.path).unwrap();
        let changed = connection.execute(sql, [dialog.to_bytes()]).unwrap();
        assert!(changed > 0, "{sql} changes nothing");
    }

    /// Makes the stored journal say that Anna pressed Small in turn 2, where she pressed Large.
    fn forge_second_turn(&self, dialog: DialogId) {
        let connection = Connection::open(&self.path).unwrap();
        let key = [dialog.to_bytes()];
        let sql = "SELECT body FROM journal WHERE dialog = ?1 AND revision = 2";
        let body: Vec<u8> = connection.query_row(sql, key, |row| row.get(0)).unwrap();
        let body = replaced(body, b"Large", b"Small");
        let sql = "UPDATE journal SET body = ?2 WHERE dialog = ?1 AND revision = 2";
        connection.execute(sql, (key[0], body)).unwrap();
    }
}

/// The bytes with the first `old` replaced by `new`, which is as long.
fn replaced(mut bytes: Vec<u8>, old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let found = bytes.windows(old.len()).position(|window| window == old);
    let at = found.expect("the bytes hold what is replaced");
    bytes[at..at + new.len()].copy_from_slice(new);
    bytes
}

/// A worker under a clock that a test moves.
struct Talk {
    worker: Worker,
    channel: Arc<ScriptedChannel>,
    clock: Arc<ManualClock>,
}

impl Talk {
    fn says(&self, contact: &str, key: &str, message: impl Into<Message>) -> DialogId {
        block_on(
            self.worker
                .receive(self.channel.says(contact, key, message)),
        )
        .unwrap();
        self.settle();
        DialogId::derive(&"shop".into(), &Address::new("terminal", contact))
    }

    fn operates(&self, dialog: DialogId, key: &str, act: OperatorAct) {
        let event = Event::operator(key, "olga", act);
        block_on(self.worker.handle(dialog, &event)).unwrap();
        self.settle();
    }

    fn after(&self, time: Duration) {
        self.clock.advance(time);
        self.settle();
    }

    fn settle(&self) {
        block_on(self.worker.step()).unwrap();
    }
}

fn shop() -> FlowDefinition {
    FlowBuilder::new("order", 1)
        .step(
            "size",
            Ask::choice("Small or large?", ["Small", "Large"]).save("size"),
        )
        .timeout(Duration::from_secs(3600))
        .exit(EXIT_TIMEOUT, "reminder")
        .step("address", Ask::text("Where to, for a {{ size }} one?"))
        .timeout(Duration::from_secs(3600))
        .exit(EXIT_TIMEOUT, "reminder")
        .step("thanks", SendMessage::text("On its way."))
        .step("reminder", SendMessage::text("Are you there?"))
        .step("again", Ask::text("Where to?"))
        .build()
        .unwrap()
}

struct Echo;

impl Step for Echo {
    fn kind(&self) -> &'static str {
        "echo"
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        step.say(format!("You said: {}", message.text()));
        Outcome::Wait
    }
}

fn chatflow() -> Command {
    Command::new(env!("CARGO_BIN_EXE_chatflow"))
}

fn replay(file: &Path, more: &[&str]) -> Output {
    chatflow()
        .args(["replay", "--db"])
        .arg(file)
        .args(more)
        .output()
        .unwrap()
}

/// The one line that the program says of a file it can't use.
fn refused(file: &Path) -> String {
    let output = replay(file, &[]);
    assert_eq!(code(&output), 2, "{output:?}");
    let says = stderr(&output);
    assert!(says.starts_with("chatflow: "), "{says}");
    assert_eq!(says.lines().count(), 1, "{says}");
    assert_eq!(stdout(&output), "");
    says
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Vec<serde_json::Value> {
    stdout(output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
