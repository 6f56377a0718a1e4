//! SIGKILL at twenty moments of one conversation: nothing committed is lost or done twice, and
//! the only thing printed twice is a message whose delivery was not confirmed.

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use chatflow_core::{
    Address, Config, DeliveryState, DialogId, EffectId, Side, Store, TranscriptLine, replay,
};
use chatflow_store_sqlite::SqliteStore;

const KILLS: usize = 20;

/// Which moment of a turn a kill is meant for.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// As soon as the line is written.
    AtOnce,
    /// While the thread that writes the database is in a system call on the file, for the n-th
    /// time: opening the store writes too.
    InCommit(usize),
    /// After so many microseconds.
    After(u64),
    /// As soon as a message has been printed.
    AfterPrint,
}

fn moment(kill: usize) -> Moment {
    match kill % 5 {
        0 => Moment::AtOnce,
        1 => Moment::InCommit(1 + kill / 5),
        3 => Moment::InCommit(2 + kill / 5),
        2 => Moment::After(kill as u64 * 170),
        _ => Moment::AfterPrint,
    }
}

/// The lines of the contact; the flow goes round in circles, so there are as many as needed.
fn line(n: usize) -> String {
    match n {
        0 => "hi".to_owned(),
        1 => "Anna".to_owned(),
        _ => match (n - 2) % 4 {
            0 => "abc".to_owned(),
            1 => format!("{}", 20 + n),
            2 => "pro".to_owned(),
            _ => "again".to_owned(),
        },
    }
}

struct Console {
    child: Child,
    printed: mpsc::Receiver<String>,
}

impl Console {
    fn start(db: &Path) -> Self {
        let mut command = common::program("console");
        command
            .arg("--plain")
            .arg("--db")
            .arg(db)
            .stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, printed) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Self { child, printed }
    }

    fn writes(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// What the writing thread does right now, if it is in a system call.
    fn commit_call(&self) -> Option<&'static str> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        for task in tasks.flatten() {
            let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
            if name.trim() != "chatflow-write" {
                continue;
            }
            let call = std::fs::read_to_string(task.path().join("syscall")).unwrap_or_default();
            // Numbers of x86_64; elsewhere the kill falls where it falls.
            match call.split_whitespace().next() {
                Some("18") => return Some("pwrite"),
                Some("74" | "75") => return Some("fsync"),
                _ => {}
            }
        }
        None
    }

    /// Kills the process at a moment; gives what it had printed and where the kill fell.
    fn kill_at(mut self, moment: Moment) -> (Vec<String>, String) {
        let mut printed = Vec::new();
        let began = Instant::now();
        let place = match moment {
            Moment::AtOnce => "at once".to_owned(),
            Moment::After(micros) => {
                while began.elapsed() < Duration::from_micros(micros) {
                    std::hint::spin_loop();
                }
                format!("after {micros} µs")
            }
            Moment::AfterPrint => {
                printed.extend(self.printed.recv_timeout(Duration::from_secs(20)));
                "after a message was printed".to_owned()
            }
            Moment::InCommit(nth) => {
                let mut seen = 0;
                let mut inside = false;
                loop {
                    let call = self.commit_call();
                    seen += usize::from(call.is_some() && !inside);
                    inside = call.is_some();
                    match call {
                        Some(call) if seen == nth => break format!("inside a commit, in {call}"),
                        _ if began.elapsed() > Duration::from_secs(3) => {
                            break "when everything was done".to_owned();
                        }
                        _ => {}
                    }
                }
            }
        };
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // Whatever it had written before it died is still in the pipe.
        printed.extend(self.printed.iter());
        (printed, place)
    }
}

/// What the file says, read by this process after the other is dead.
struct Stored {
    lines: Vec<TranscriptLine>,
}

impl Stored {
    fn read(db: &Path) -> Self {
        if !db.exists() {
            return Self { lines: Vec::new() };
        }
        // A kill before the first migration leaves a file without tables.
        let Ok(store) = SqliteStore::open_read_only(db) else {
            return Self { lines: Vec::new() };
        };
        let lines = block_on(store.transcript(dialog(), None, 1000)).unwrap_or_default();
        Self { lines }
    }

    fn heard(&self) -> Vec<String> {
        let from_contact = self
            .lines
            .iter()
            .filter(|line| line.record.author.side() == Side::Contact);
        from_contact
            .map(|line| line.record.message.text().to_owned())
            .collect()
    }

    fn said(&self) -> impl Iterator<Item = (EffectId, String, DeliveryState)> + '_ {
        self.lines.iter().filter_map(|line| {
            let choices: Vec<&str> = line.record.message.choices().collect();
            let mut text = format!("bot: {}", line.record.message.text());
            if !choices.is_empty() {
                text.push_str(&format!(" [{}]", choices.join(" | ")));
            }
            Some((line.record.id, text, line.delivery?))
        })
    }
}

fn dialog() -> DialogId {
    DialogId::derive(&"lead-bot".into(), &Address::new("terminal", "you"))
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn killed_at_twenty_moments_it_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let db = folder.path().join("x.db");
    let mut next = 0;
    let mut prints: Vec<String> = Vec::new();
    let mut may_repeat: BTreeMap<EffectId, u32> = BTreeMap::new();
    let (mut in_commit, mut uncommitted, mut unconfirmed) = (0, 0, 0);
    // On a busy machine a commit is over before it is seen: more kills are tried then.
    let enough = |kill, in_commit| kill >= KILLS && (in_commit >= 3 || kill >= 3 * KILLS);
    let mut kill = 0;
    while !enough(kill, in_commit) {
        let mut console = Console::start(&db);
        console.writes(&line(next));
        let (printed, place) = console.kill_at(moment(kill));
        prints.extend(printed);

        let stored = Stored::read(&db);
        let heard = stored.heard();
        let committed = heard.len() == next + 1;
        let waiting: Vec<EffectId> = stored
            .said()
            .filter(|(.., state)| matches!(state, DeliveryState::Ready | DeliveryState::InFlight))
            .map(|(id, ..)| id)
            .collect();
        println!(
            "kill {kill:2}: {place}; the line was {}, unconfirmed messages: {}",
            if committed {
                "committed"
            } else {
                "not committed"
            },
            waiting.len(),
        );
        in_commit += u32::from(place.starts_with("inside a commit"));
        uncommitted += u32::from(!committed);
        unconfirmed += u32::from(!waiting.is_empty());
        for id in waiting {
            *may_repeat.entry(id).or_default() += 1;
        }
        let wanted: Vec<String> = (0..next + usize::from(committed)).map(line).collect();
        assert_eq!(heard, wanted, "no committed line is lost or taken twice");
        // As a person would: a line that was not taken is written again.
        next += usize::from(committed);
        kill += 1;
    }
    println!(
        "{kill} kills: {in_commit} fell inside a commit; {uncommitted} left the line uncommitted; {unconfirmed} left a message unconfirmed"
    );
    assert!(
        in_commit >= 3 || cfg!(not(target_arch = "x86_64")),
        "some kills fall inside a commit"
    );

    // The rest of the conversation, undisturbed.
    let rest: String = (next..next + 4).map(|n| format!("{}\n", line(n))).collect();
    let mut command = common::program("console");
    command.arg("--plain").arg("--db").arg(&db);
    let ended = common::run(command, rest.as_bytes());
    assert_eq!(ended.code, Some(0), "{}", ended.notices);
    prints.extend(ended.out.lines().map(str::to_owned));

    let stored = Stored::read(&db);
    assert_eq!(stored.heard(), (0..next + 4).map(line).collect::<Vec<_>>());

    // Printed in order, each at least once, and again only where it was not confirmed.
    let mut printed = prints.iter().peekable();
    for (id, text, state) in stored.said() {
        assert_eq!(state, DeliveryState::Sent);
        assert_eq!(printed.next(), Some(&text), "in order, nothing left out");
        let allowed = may_repeat.get(&id).copied().unwrap_or(0);
        let mut again = 0;
        while printed.peek() == Some(&&text) && again < allowed {
            printed.next();
            again += 1;
        }
    }
    assert_eq!(printed.next(), None, "nothing more was printed");

    // An undisturbed conversation says the same.
    let calm = folder.path().join("calm.db");
    let mut command = common::program("console");
    command.arg("--plain").arg("--db").arg(&calm);
    let all: String = (0..next + 4).map(|n| format!("{}\n", line(n))).collect();
    let calm = common::run(command, all.as_bytes()).out;
    let said: Vec<String> = stored.said().map(|(_, text, _)| text).collect();
    assert_eq!(said, calm.lines().collect::<Vec<_>>());

    replays(&db);
}

/// Every turn again, from rows alone.
fn replays(db: &Path) {
    let store = SqliteStore::open_read_only(db).unwrap();
    let turns = block_on(store.journal(dialog(), 0, 1000)).unwrap();
    let turns: Vec<_> = turns
        .into_iter()
        .map(|turn| (turn.revision, turn.body))
        .collect();
    let loaded = block_on(store.load(dialog())).unwrap().unwrap();
    let replayed = replay(dialog(), &turns, &loaded.snapshot, |hash| {
        let stored = |hash| block_on(store.definition(hash)).unwrap();
        Config::load(hash, stored, &[]).map(Arc::new)
    });
    assert_eq!(replayed.unwrap().turns, loaded.revision);
}
