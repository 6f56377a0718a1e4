//! Running the real example program against the fake Bot API server.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use chatflow_telegram::testing::FakeTelegram;

/// The example program `telegram`, as built beside this test. It knows nothing of the world.
pub(crate) fn program() -> Command {
    // The test is target/PROFILE/deps/NAME, examples are in target/PROFILE/examples.
    let mut path: PathBuf = std::env::current_exe().expect("the test has a path");
    path.pop();
    path.pop();
    path.push("examples");
    path.push(format!("telegram{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} isn't built; run ./scripts/test",
        path.display()
    );
    let mut command = Command::new(path);
    command
        .env_remove("TELEGRAM_BOT_TOKEN")
        .env_remove("TELEGRAM_WEBHOOK_SECRET")
        .stdin(Stdio::null());
    command
}

/// The same as the bot of a server, with everything kept in a file.
pub(crate) fn bot_of(fake: &FakeTelegram, db: &Path) -> Command {
    let mut command = program();
    command
        .env("TELEGRAM_BOT_TOKEN", fake.token())
        .args(["--api-url", &fake.url()])
        .arg("--db")
        .arg(db);
    command
}

/// Lets it receive by a webhook.
#[allow(dead_code, reason = "not every test file uses every helper")]
pub(crate) fn by_webhook(command: &mut Command, port: u16) {
    command
        .args(["--webhook", &format!("127.0.0.1:{port}")])
        .args(["--webhook-url", &format!("http://127.0.0.1:{port}/")]);
}

/// A port for a webhook, below those that the system gives to anybody.
#[allow(dead_code, reason = "not every test file uses every helper")]
pub(crate) fn free_port() -> u16 {
    let from = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap_or(0);
    let is_free = |port: &u16| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (from..).find(is_free).expect("some port is free")
}

/// A running program. It is killed where the test forgets it.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("the program starts"))
    }

    #[allow(dead_code, reason = "not every test file uses every helper")]
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// SIGKILL: it gets no chance to do anything.
    #[allow(dead_code, reason = "not every test file uses every helper")]
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(mut self) -> ExitStatus {
        let mut kill = Command::new("kill");
        let sent = kill.args(["-INT", &self.0.id().to_string()]).status();
        assert!(sent.expect("there is a program `kill`").success());
        self.0.wait().expect("it ends")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a program to its end.
#[allow(dead_code, reason = "not every test file uses every helper")]
pub(crate) fn ended(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}
