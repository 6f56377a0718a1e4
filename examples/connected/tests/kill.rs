//! SIGKILL at two hundred moments of many conversations on Telegram. Every update is handled
//! exactly once; every message whose delivery wasn't confirmed is sent again, with its attempt
//! counted, and nothing else is said twice.
//!
//! The moments follow from a seed, which a failure shows; `CHATFLOW_SEED` sets another.

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use chatflow_core::{
    Address, Config, DeliveryState, DialogId, EffectId, OutboxEntry, Side, Store, TranscriptLine,
    replay,
};
use chatflow_store_sqlite::SqliteStore;
use chatflow_telegram::testing::{FakeTelegram, Fault, Person, Settings, View};

use common::{Running, bot_of, by_webhook, free_port};

/// Kills in each of the four tests.
const KILLS: usize = 50;
/// Contacts in each of them.
const CONTACTS: std::ops::Range<i64> = 5_000_000..5_000_020;

/// The n-th line of a contact. The flow goes round in circles, so there are as many as needed.
fn line(n: usize) -> String {
    match n % 4 {
        0 if n == 0 => "hi".to_owned(),
        0 => "again".to_owned(),
        1 => "abc".to_owned(),
        2 => format!("{}", 20 + n),
        _ => "pro".to_owned(),
    }
}

/// What the bot has to say to it: one message, different from the one before.
fn answer(name: &str, n: usize) -> String {
    match n % 4 {
        0 => format!("Nice to meet you, {name}. How old are you?"),
        1 => "Please send a number from 1 to 120.".to_owned(),
        2 => "Which plan would you like?".to_owned(),
        _ => format!(
            "Thank you, {name}! We keep: {} years, plan pro. A colleague will write to you.",
            19 + n
        ),
    }
}

fn name(contact: i64) -> String {
    format!("Anna {}", contact - CONTACTS.start)
}

/// Chance that is the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// How updates come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Poll,
    Webhook,
}

/// Which moment a kill is meant for.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So many microseconds after the program's n-th request.
    Request(usize, u64),
    /// As soon as Telegram has given the updates, or has had its first answer to one.
    Updates,
    /// A message is done at Telegram and not answered yet.
    Acted,
    /// A message is answered, and its answer on the way.
    Answered,
    /// While the thread that writes the database is in a system call on the file, for the n-th
    /// time: opening it writes too.
    Commit(usize),
    /// When everything is answered, so that what was left behind doesn't pile up.
    Quiet,
}

impl Moment {
    fn draw(chance: &mut Chance, pushed: usize) -> Self {
        match chance.below(10) {
            // As many requests there are at least: getMe, one to begin to listen, a message each.
            0..3 => Self::Request(
                1 + chance.below(2 + pushed as u64) as usize,
                chance.below(4000),
            ),
            3 => Self::Updates,
            4 | 5 => Self::Acted,
            6 => Self::Answered,
            7 | 8 => Self::Quiet,
            _ => Self::Commit(1 + chance.below(12) as usize),
        }
    }
}

struct World {
    fake: FakeTelegram,
    folder: tempfile::TempDir,
    port: u16,
    chance: Chance,
    /// How many lines each contact has written.
    written: BTreeMap<i64, usize>,
    /// The tries of a message, as far as they were known after the last kill; and after how many
    /// kills it was in flight.
    tries: BTreeMap<EffectId, (u32, usize)>,
}

impl World {
    async fn new(seed: u64) -> Self {
        let fake = FakeTelegram::start(Settings::default()).await;
        for contact in CONTACTS {
            fake.add_person(Person::named(contact, &name(contact)));
        }
        Self {
            fake,
            folder: tempfile::tempdir().unwrap(),
            port: free_port(),
            chance: Chance(seed),
            written: BTreeMap::new(),
            tries: BTreeMap::new(),
        }
    }

    fn start(&self, way: Way) -> Running {
        let mut command = bot_of(&self.fake, &self.folder.path().join("x.db"));
        if way == Way::Webhook {
            by_webhook(&mut command, self.port);
        }
        Running::start(command.stdout(std::process::Stdio::null()))
    }

    fn writes(&mut self, contact: i64) {
        let n = self.written.entry(contact).or_default();
        self.fake.push_text(contact, &line(*n));
        *n += 1;
    }

    /// Starts the program, kills it, and looks at what it left behind.
    async fn kill(&mut self, way: Way, number: usize) {
        let pushed = 1 + self.chance.below(3) as usize;
        for _ in 0..pushed {
            let contacts = (CONTACTS.end - CONTACTS.start) as u64;
            let contact = CONTACTS.start + self.chance.below(contacts) as i64;
            self.writes(contact);
        }
        let moment = Moment::draw(&mut self.chance, pushed);
        self.fake.take_requests();
        if matches!(moment, Moment::Acted) {
            let hang = Fault::Hang { acts: true };
            self.fake.fail_next_on("sendMessage", 1, hang);
        }
        let deliveries = self.fake.deliveries().len();
        let running = self.start(way);
        self.reach(moment, &running, way, deliveries).await;
        running.kill();
        self.fake.clear_faults();

        let stored = Stored::read(self.folder.path());
        let mut in_flight = 0;
        for (contact, written) in &self.written {
            let dialog = stored.of(*contact);
            let heard: Vec<String> = dialog.heard().collect();
            let lines: Vec<String> = (0..*written).map(line).collect();
            assert!(
                lines.starts_with(&heard),
                "each line once and in order: {heard:?}"
            );
            if let Some(head) = dialog.outbox.first() {
                let answers = self.fake.view(|view| answers(view, *contact));
                let arrived = answers.iter().rev().take_while(|text| *text == said(head));
                let arrived = arrived.count();
                assert!(arrived <= head.attempts as usize, "each time was counted");
            }
            for entry in &dialog.outbox {
                let (tries, kills) = self.tries.entry(entry.effect.id).or_default();
                assert!(entry.attempts >= *tries, "no try is forgotten");
                *tries = entry.attempts;
                if entry.state == DeliveryState::InFlight {
                    assert!(entry.attempts > 0, "what is in flight has been counted");
                    *kills += 1;
                    in_flight += 1;
                }
            }
        }
        for request in self.fake.requests_of("sendMessage") {
            if !request.acted || request.answered.is_some() {
                continue;
            }
            // Done at Telegram, and the program can't know it: it is in the books as under way.
            let contact = request.params["chat_id"].as_i64().unwrap();
            let head = stored.of(contact).outbox.first();
            let head = head.expect("what wasn't confirmed is still there");
            assert_eq!(head.state, DeliveryState::InFlight);
            assert_eq!(said(head), request.params["text"].as_str().unwrap());
        }
        println!("kill {number:2}: {moment:?}, in flight: {in_flight}");
    }

    async fn reach(&self, moment: Moment, running: &Running, way: Way, deliveries: usize) {
        let fake = &self.fake;
        let sent = |view: &View<'_>, is_so: fn(Option<u16>) -> bool| {
            let mut requests = view.requests().iter();
            requests.any(|request| {
                request.method == "sendMessage" && request.acted && is_so(request.answered)
            })
        };
        match moment {
            Moment::Request(n, micros) => {
                let what = format!("request {n}");
                fake.wait_for(&what, |view| view.requests().len() >= n)
                    .await;
                let began = Instant::now();
                while began.elapsed().as_micros() < u128::from(micros) {
                    std::hint::spin_loop();
                }
            }
            Moment::Updates if way == Way::Poll => {
                fake.wait_for("updates that were given", |view| {
                    let mut requests = view.requests().iter();
                    requests.any(|request| {
                        request.method == "getUpdates" && request.answered == Some(200)
                    })
                })
                .await;
            }
            Moment::Updates => {
                fake.wait_for("an update that was taken", |view| {
                    let mut tries = view.deliveries().iter().skip(deliveries);
                    tries.any(|delivery| delivery.status == Some(200))
                })
                .await;
            }
            Moment::Acted => {
                fake.wait_for("a message that hangs", |view| {
                    sent(view, |answered| answered.is_none())
                })
                .await;
            }
            Moment::Answered => {
                fake.wait_for("a message that is answered", |view| {
                    sent(view, |answered| answered.is_some())
                })
                .await;
            }
            Moment::Quiet => self.all_is_answered().await,
            Moment::Commit(nth) => {
                let (mut seen, mut is_inside) = (0, false);
                // Where none is seen in time, everything is done before long.
                while seen < nth && !fake.view(|view| sent(view, |answered| answered.is_some())) {
                    let now = is_in_commit(running.id());
                    seen += usize::from(now && !is_inside);
                    is_inside = now;
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// Lets the program do the rest, and ends it as people do.
    async fn finish(&self, way: Way) {
        self.fake.take_requests();
        let running = self.start(way);
        self.all_is_answered().await;
        assert_eq!(running.interrupt().code(), Some(0));
    }

    async fn all_is_answered(&self) {
        self.fake
            .wait_for("all updates to be taken and answered", |view| {
                let is_answered = |(contact, written): (&i64, &usize)| {
                    let mut answers = answers(view, *contact);
                    answers.dedup();
                    answers.len() == *written
                };
                view.pending_updates() == 0 && self.written.iter().all(is_answered)
            })
            .await;
    }

    /// What must hold at the end.
    fn check(&self) {
        let stored = Stored::read(self.folder.path());
        let mut repeats = 0;
        for (contact, written) in &self.written {
            let dialog = stored.of(*contact);
            let lines: Vec<String> = (0..*written).map(line).collect();
            assert_eq!(
                dialog.heard().collect::<Vec<_>>(),
                lines,
                "each exactly once"
            );
            assert!(dialog.outbox.is_empty());

            let name = name(*contact);
            let at_server = self.fake.view(|view| answers(view, *contact));
            let mut at_server = at_server.iter().peekable();
            let ours = dialog.ours();
            assert_eq!(ours.len(), *written, "one answer to each");
            for (n, line) in ours.into_iter().enumerate() {
                let text = answer(&name, n);
                assert_eq!(line.record.message.text(), text);
                assert_eq!(line.delivery, Some(DeliveryState::Sent));
                assert_eq!(line.ids.len(), 1, "the receipt is of one of them");
                assert_eq!(at_server.next(), Some(&text), "in order, none left out");
                let (_, kills) = self.tries.get(&line.record.id).unwrap_or(&(0, 0));
                let mut again = 0;
                while at_server.peek() == Some(&&text) {
                    at_server.next();
                    again += 1;
                }
                assert!(
                    again <= *kills,
                    "said {again} times too often; it was in flight at {kills} kills"
                );
                repeats += again;
            }
            assert_eq!(at_server.next(), None, "nothing more was said");
            replays(self.folder.path(), dialog.id);
        }
        println!("messages that arrived twice, as their delivery was not confirmed: {repeats}");
        assert!(repeats > 0, "kills that were aimed at it did leave some");
        assert_eq!(self.fake.pending_updates(), 0);
    }
}

/// What the bot has said to a contact.
fn answers(view: &View<'_>, contact: i64) -> Vec<String> {
    let sent = view.sent_to(contact).into_iter();
    sent.map(|sent| sent["text"].as_str().unwrap_or_default().to_owned())
        .collect()
}

fn said(entry: &OutboxEntry) -> &str {
    match &entry.effect.body {
        chatflow_core::EffectBody::Send(message) => message.text(),
        other => panic!("the flow only speaks: {other:?}"),
    }
}

/// Whether the writing thread is in a system call on the database right now.
fn is_in_commit(process: u32) -> bool {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        return false;
    };
    tasks.flatten().any(|task| {
        let read = |file| std::fs::read_to_string(task.path().join(file)).unwrap_or_default();
        // Numbers of x86_64, pwrite and two kinds of fsync; elsewhere the kill falls where it
        // falls.
        read("comm").trim() == "chatflow-write"
            && matches!(
                read("syscall").split_whitespace().next(),
                Some("18" | "74" | "75")
            )
    })
}

/// What the file says, read by this process after the other is dead.
struct Stored {
    dialogs: BTreeMap<i64, Kept>,
}

struct Kept {
    id: DialogId,
    lines: Vec<TranscriptLine>,
    outbox: Vec<OutboxEntry>,
}

impl Stored {
    fn read(folder: &Path) -> Self {
        // A kill before the first migration leaves no file, or one without tables.
        let path = folder.join("x.db");
        let store = path.exists().then(|| SqliteStore::open_read_only(path));
        let store = store.and_then(Result::ok);
        let dialogs = CONTACTS.map(|contact| (contact, Kept::read(store.as_ref(), contact)));
        Self {
            dialogs: dialogs.collect(),
        }
    }

    fn of(&self, contact: i64) -> &Kept {
        &self.dialogs[&contact]
    }
}

impl Kept {
    fn read(store: Option<&SqliteStore>, contact: i64) -> Self {
        let address = Address::new("telegram:7000001", contact.to_string());
        let id = DialogId::derive(&"lead-bot".into(), &address);
        let (lines, outbox) = match store {
            Some(store) => (
                block_on(store.transcript(id, None, 500)).unwrap(),
                block_on(store.outbox(id)).unwrap(),
            ),
            None => (Vec::new(), Vec::new()),
        };
        Self { id, lines, outbox }
    }

    fn heard(&self) -> impl Iterator<Item = String> + '_ {
        let lines = self.lines.iter();
        lines
            .filter(|line| line.record.author.side() == Side::Contact)
            .map(|line| line.record.message.text().to_owned())
    }

    fn ours(&self) -> Vec<&TranscriptLine> {
        let lines = self.lines.iter();
        lines
            .filter(|line| line.record.author.side() == Side::Us)
            .collect()
    }
}

/// Every turn again, from rows alone.
fn replays(folder: &Path, dialog: DialogId) {
    let store = SqliteStore::open_read_only(folder.join("x.db")).unwrap();
    let turns = block_on(store.journal(dialog, 0, 500)).unwrap();
    let turns: Vec<_> = turns
        .into_iter()
        .map(|turn| (turn.revision, turn.body))
        .collect();
    let loaded = block_on(store.load(dialog)).unwrap().unwrap();
    let replayed = replay(dialog, &turns, &loaded.snapshot, |hash| {
        let stored = |hash| block_on(store.definition(hash)).unwrap();
        Config::load(hash, stored, &[]).map(std::sync::Arc::new)
    });
    assert_eq!(replayed.unwrap().turns, loaded.revision);
}

fn block_on<F: Future>(future: F) -> F::Output {
    futures::executor::block_on(future)
}

/// Fifty kills, by a way each.
async fn killed(seed: u64, way: impl Fn(usize) -> Way) {
    let seed = match std::env::var("CHATFLOW_SEED") {
        Ok(seed) => seed.parse().expect("CHATFLOW_SEED is a number"),
        Err(_) => seed,
    };
    println!("seed {seed}");
    let mut world = World::new(seed).await;
    for kill in 0..KILLS {
        world.kill(way(kill), kill).await;
    }
    world.finish(way(KILLS)).await;
    world.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_fifty_moments_while_it_polls() {
    killed(1, |_| Way::Poll).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_fifty_other_moments_while_it_polls() {
    killed(2, |_| Way::Poll).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_fifty_moments_while_a_webhook_tells_it() {
    killed(3, |_| Way::Webhook).await;
}

/// Each way takes up what the other left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_fifty_moments_between_polling_and_a_webhook() {
    killed(4, |kill| match kill % 4 {
        0 => Way::Webhook,
        _ => Way::Poll,
    })
    .await;
}
