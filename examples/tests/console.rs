//! The console as a newcomer meets it, and as a careless one does.

mod common;

use std::path::Path;
use std::process::Command;

use common::{Ended, program, run};

fn console(db: &Path) -> Command {
    let mut command = program("console");
    command.arg("--plain").arg("--db").arg(db);
    command
}

#[track_caller]
fn one_sentence(ended: &Ended, names: &str, way_out: &str) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.out, "", "nothing but messages on the standard output");
    let sentence = ended.notices.lines().last().unwrap_or_default();
    assert!(sentence.starts_with("console: "), "{ended:?}");
    assert!(
        sentence.contains(names) && sentence.contains(way_out),
        "{sentence}"
    );
    assert!(!ended.notices.contains("panicked"), "{ended:?}");
}

#[test]
fn it_greets_asks_asks_again_and_goes_on_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let first = run(console(&db), b"hi\nAnna\nabc\n34\n");
    assert_eq!(
        first.out,
        "bot: Hello! What is your name?\n\
         bot: Nice to meet you, Anna. How old are you?\n\
         bot: Please send a number from 1 to 120.\n\
         bot: Which plan would you like? [basic | pro]\n"
    );
    assert_eq!(first.code, Some(0));
    assert!(
        first.notices.contains("x.db"),
        "it says where everything is kept"
    );
    let second = run(console(&db), b"pro\n");
    assert_eq!(
        second.out,
        "bot: Thank you, Anna! We keep: 34 years, plan pro. A colleague will write to you.\n"
    );
}

#[test]
fn another_contact_has_a_dialog_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    run(console(&db), b"hi\nAnna\n");
    let mut boris = console(&db);
    boris.args(["--contact", "Boris"]);
    let boris = run(boris, b"hi\n");
    assert_eq!(
        boris.out,
        "bot: Nice to meet you, Boris. How old are you?\n"
    );
    assert_eq!(
        run(console(&db), b"34\n").out,
        "bot: Which plan would you like? [basic | pro]\n"
    );
}

#[test]
fn an_input_that_is_empty_or_closed_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let empty = run(console(&db), b"");
    assert_eq!((empty.code, empty.out.as_str()), (Some(0), ""));
    let mut closed = console(&db);
    closed.stdin(std::process::Stdio::null());
    let closed = closed.output().unwrap();
    assert_eq!(closed.status.code(), Some(0));
}

#[test]
fn a_line_that_can_not_be_taken_is_named_and_the_next_one_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let bytes = run(console(&db), b"hi\n\xff\xfe\nAnna\n");
    assert_eq!(bytes.code, Some(0));
    assert!(
        bytes
            .notices
            .contains("line 2 was not taken: it isn't UTF-8"),
        "{bytes:?}"
    );
    assert!(
        bytes
            .out
            .ends_with("bot: Nice to meet you, Anna. How old are you?\n")
    );

    let mut long = vec![b'a'; 10_000_000];
    long.extend_from_slice(b"\n34\n");
    let long = run(console(&db), &long);
    assert_eq!(long.code, Some(0));
    assert!(
        long.notices
            .contains("line 1 was not taken: it is longer than"),
        "{long:?}"
    );
    assert_eq!(long.out, "bot: Which plan would you like? [basic | pro]\n");
    assert!(long.notices.len() < 1_000, "the line itself is not shown");
}

#[test]
fn a_database_that_can_not_be_used_is_named_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.db");
    std::fs::write(
        &garbage,
        "this is a letter to my aunt, not a database\n".repeat(50),
    )
    .unwrap();
    one_sentence(
        &run(console(&garbage), b"hi\n"),
        "garbage.db",
        "choose another path",
    );
    let letter = std::fs::read_to_string(&garbage).unwrap();
    assert!(
        letter.starts_with("this is a letter"),
        "it was left as it is"
    );

    let nowhere = folder.path().join("no").join("where.db");
    one_sentence(&run(console(&nowhere), b"hi\n"), "no", "create it");
    one_sentence(
        &run(console(folder.path()), b"hi\n"),
        "is not an SQLite database",
        "choose another path",
    );
}

#[test]
fn a_second_writer_is_told_who_has_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let mut first = console(&db).spawn().unwrap();
    // It has the file once it answers.
    let mut stdin = first.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, b"hi\n").unwrap();
    let mut answer = [0_u8; 4];
    std::io::Read::read_exact(&mut first.stdout.take().unwrap(), &mut answer).unwrap();
    let second = run(console(&db), b"hi\n");
    one_sentence(&second, &first.id().to_string(), "stop that one first");
    drop(stdin);
    assert!(first.wait().unwrap().success());
}

#[test]
fn messages_nobody_can_see_are_kept_for_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let mut child = console(&db).spawn().unwrap();
    drop(child.stdout.take());
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"hi\n").unwrap();
    assert_eq!(
        child.wait().unwrap().code(),
        Some(1),
        "it can't say what it has to say"
    );
    // What could not be shown waits for its next try. That moment is in the past once a second
    // has gone by on the machine's clock, which is the only clock a real process has.
    let asked = "bot: Hello! What is your name?\n";
    let shown = (0..200).any(|_| {
        std::thread::yield_now();
        run(console(&db), b"").out == asked
    });
    assert!(shown, "the message is shown at a later start");
}

/// A file of the examples.
fn flows(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("flows")
        .join(name)
}

#[test]
fn the_lead_file_is_the_built_in_flow() {
    let folder = tempfile::tempdir().unwrap();
    let talks: [&[u8]; 3] = [
        b"hi\nAnna\nabc\n34\nmaybe\npro\nhello\nagain\n35\nbasic\nchange\n",
        b"hi\nAnna\n0\n0\n0\n0\n0\n0\n0\n20\n",
        b"hi\n\n \nAnna\n1\n?\n?\n?\n?\n?\n?\n?\npro\n",
    ];
    for (n, talk) in talks.into_iter().enumerate() {
        let built_in = run(console(&folder.path().join(format!("{n}.db"))), talk);
        let mut from_file = console(&folder.path().join(format!("{n}-file.db")));
        from_file.arg("--flow").arg(flows("lead.yaml"));
        let from_file = run(from_file, talk);
        assert_eq!((from_file.code, &from_file.out), (Some(0), &built_in.out));
        assert!(built_in.out.contains("Nice to meet you, Anna."));
    }
}

#[test]
fn several_files_are_one_bot() {
    let folder = tempfile::tempdir().unwrap();
    let mut support = console(&folder.path().join("x.db"));
    support.arg("--flow").arg(flows("support.yaml"));
    support.arg("--flow").arg(flows("rating.yaml"));
    let ended = run(support, b"hi\nmy parcel\n1234\n5\n");
    assert_eq!(
        ended.out,
        "bot: How can we help? [Delivery | Billing | Talk to us]\n\
         bot: What is the number of your order?\n\
         bot: Order 1234 is on its way and arrives tomorrow.\n\
         bot: How many stars do we get, 1 to 5?\n\
         bot: Thank you, and goodbye!\n"
    );
}

#[test]
fn a_flow_file_has_a_database_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program("console");
    command.env("XDG_DATA_HOME", folder.path());
    command.env("HOME", folder.path());
    command.arg("--plain").arg("--flow").arg(flows("lead.yaml"));
    let ended = run(command, b"hi\n");
    assert_eq!(ended.out, "bot: Hello! What is your name?\n");
    assert!(ended.notices.contains("console-lead.db"), "{ended:?}");
}

#[test]
fn a_flow_file_that_is_wrong_is_told_a_line_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let file = folder.path().join("lead.yaml");
    let good = std::fs::read_to_string(flows("lead.yaml")).unwrap();
    let bad = good
        .replace("save: age", "safe: age")
        .replace("{again: age}", "{again: nowhere}");
    std::fs::write(&file, bad).unwrap();
    let mut command = console(&db);
    command.arg("--flow").arg(&file);
    let ended = run(command, b"hi\n");
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
    let findings: Vec<&str> = ended.notices.lines().collect();
    assert_eq!(findings.len(), 2, "{ended:?}");
    assert!(findings[0].contains("lead.yaml:16:7: error[unreadable]: the key `safe`"));
    assert!(findings[1].contains("lead.yaml:33:19: error[unknown_step]: "));
    assert!(!db.exists(), "nothing was begun");

    for (name, says) in [("missing.yaml", "can't read"), (".", "can't read")] {
        let mut command = console(&db);
        command.arg("--flow").arg(folder.path().join(name));
        one_sentence(&run(command, b"hi\n"), says, "check the path");
    }
}

#[test]
fn an_option_it_does_not_know_is_named() {
    let mut command = program("console");
    command.arg("--colour");
    one_sentence(&run(command, b""), "--colour", "--help");
}

#[test]
fn a_contact_that_can_not_be_one_is_named() {
    for name in ["", &"n".repeat(200)] {
        let mut command = program("console");
        command.args(["--contact", name]);
        one_sentence(&run(command, b"hi\n"), "--contact", "1 to 128 bytes");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_is_full_is_no_reason_to_panic() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program("console");
    command.arg("--db").arg(folder.path().join("x.db"));
    command.stdout(
        std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap(),
    );
    let ended = run(command, b"hi\n");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(!ended.notices.contains("panicked"), "{ended:?}");
}
