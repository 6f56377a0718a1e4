//! The subcommands that read flow files, through the real program.

mod check;
mod forms;
mod graph;
mod migrate;
mod play;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use tempfile::TempDir;

/// A folder with files of its own, and the program run inside it.
struct Folder {
    folder: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A folder with one file.
    fn with(name: &str, text: &str) -> Self {
        Self::new().file(name, text)
    }

    fn file(self, name: &str, text: &str) -> Self {
        std::fs::write(self.path(name), text).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatflow"));
        command.current_dir(self.folder.path()).args(arguments);
        command.env_remove("NO_COLOR").stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    fn run_with_input(&self, arguments: &[&str], input: &str) -> Ended {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped());
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        Ended::of(child.wait_with_output().unwrap())
    }
}

/// How the program ended.
#[derive(Debug)]
struct Ended {
    code: i32,
    out: String,
    says: String,
}

impl Ended {
    #[track_caller]
    fn of(output: Output) -> Self {
        let ended = Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            says: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!ended.says.contains("panicked"), "{ended:?}");
        ended
    }

    /// It was carried out, with this code, and prints this.
    #[track_caller]
    fn prints(&self, code: i32, out: &str) {
        assert_eq!((self.code, self.out.as_str()), (code, out), "{self:?}");
    }

    /// It could not be carried out; one sentence names the thing and the way out.
    #[track_caller]
    fn is_refused(&self, names: &str, way_out: &str) {
        assert_eq!((self.code, self.out.as_str()), (2, ""), "{self:?}");
        assert!(self.says.starts_with("chatflow: "), "{self:?}");
        assert_eq!(self.says.lines().count(), 1, "{self:?}");
        assert!(
            self.says.contains(names) && self.says.contains(way_out),
            "{self:?}"
        );
    }

    #[track_caller]
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// A test of a hostile file takes no longer than this on the slowest of machines.
#[track_caller]
fn soon<T>(run: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = run();
    let seconds = begun.elapsed().as_secs();
    assert!(seconds < 20, "it took {seconds} seconds");
    done
}

/// The example flows of this project.
fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/flows")
}

const LEAD: &str = "\
flow: lead
steps:
  name:
    ask: {question: Your name?, save: contact.name}
    timeout: 1h
  thanks:
    send: Thank you, {{ name }}!
    finish: finished
";

#[test]
fn usage_errors_are_2_and_help_is_0() {
    let folder = Folder::new();
    for arguments in [
        &["check"][..],
        &["play", "lead.yaml"],
        &["graph"],
        &["explain", "lead.yaml"],
        &["export", "lead.yaml"],
        &["check", "--format", "xml", "lead.yaml"],
        &["check", "--code", "=x", "lead.yaml"],
        &["migrate"],
        &["migrate", "plan", "--from", "lead.yaml", "--db", "shop.db"],
    ] {
        let ended = folder.run(arguments);
        assert_eq!(ended.code, 2, "{arguments:?}: {ended:?}");
        assert!(!ended.says.is_empty());
    }
    for command in [
        "check", "play", "graph", "explain", "export", "schema", "migrate",
    ] {
        let ended = folder.run(&[command, "--help"]);
        assert_eq!(ended.code, 0);
        assert!(ended.out.contains("Usage: chatflow"), "{ended:?}");
    }
}

#[test]
fn files_that_can_not_be_read_are_named_with_the_way_out() {
    let folder = Folder::with("good.scenario", "> hi\n");
    let huge = std::fs::File::create(folder.path("huge.yaml")).unwrap();
    huge.set_len(50 * 1024 * 1024).unwrap();
    std::fs::create_dir(folder.path("folder")).unwrap();
    for arguments in [
        &["check", "FILE"][..],
        &["graph", "FILE"],
        &["play", "FILE", "good.scenario"],
        &["explain", "FILE", "--step", "name"],
        &["export", "FILE", "--format", "json"],
    ] {
        let run = |file| {
            let arguments: Vec<&str> = arguments
                .iter()
                .map(|&argument| if argument == "FILE" { file } else { argument })
                .collect();
            soon(|| folder.run(&arguments))
        };
        run("missing.yaml").is_refused("missing.yaml does not exist", "check the path");
        run("folder").is_refused("folder is a folder", "name the files in it");
        run("huge.yaml").is_refused("huge.yaml has more than 4194304 bytes", "split it");
    }
}

#[test]
fn a_reader_who_leaves_early_changes_nothing() {
    let folder = Folder::with("lead.yaml", LEAD);
    let mut command = folder.command(&["schema"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.says.as_str()), (0, ""), "{ended:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_is_full_is_named() {
    let folder = Folder::with("lead.yaml", LEAD);
    for arguments in [
        &["schema"][..],
        &["check", "lead.yaml"],
        &["graph", "lead.yaml"],
        &["export", "lead.yaml", "--format", "yaml"],
        &["explain", "lead.yaml", "--step", "name"],
    ] {
        let mut command = folder.command(arguments);
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let ended = Ended::of(command.stdout(full).output().unwrap());
        ended.is_refused("can't be written", "send the output elsewhere");
    }
}
