//! Running the real example programs.

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The example program of this name, as built beside this test.
pub(crate) fn program(name: &str) -> Command {
    // The test is target/PROFILE/deps/NAME, examples are in target/PROFILE/examples.
    let mut path: PathBuf = std::env::current_exe().expect("the test has a path");
    path.pop();
    path.pop();
    path.push("examples");
    path.push(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} isn't built; run ./scripts/test",
        path.display()
    );
    let mut command = Command::new(path);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// How a program ended that was given this input.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) notices: String,
}

/// Runs a program to its end.
#[allow(dead_code, reason = "the kill test drives its own processes")]
pub(crate) fn run(mut command: Command, input: &[u8]) -> Ended {
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("it has an input");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A program that has already ended doesn't read its input.
        let _ = std::io::Write::write_all(&mut stdin, &input);
    });
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the input was written");
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("it writes UTF-8"),
        notices: String::from_utf8(output.stderr).expect("it writes UTF-8"),
    }
}
