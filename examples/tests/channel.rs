//! CH-18: the channel of `channel.rs` is written against public traits only, and keeps every
//! promise of the contract.

#[path = "../channel.rs"]
#[allow(dead_code, reason = "the program's `main` is not run here")]
mod channel;
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use channel::{Post, Room, Visitors};
use chatflow_core::testing::channel_kit::{
    Ability, Arrived, ChannelHarness, Failure, Happening, Outside, Report,
};
use chatflow_core::{Address, Channel, Message, SendErrorClass};
use tokio::sync::{mpsc, oneshot};

struct Rooms;

#[async_trait]
impl ChannelHarness for Rooms {
    async fn fresh(&self) -> Arc<dyn Outside> {
        Arc::new(House::default())
    }

    fn cannot(&self) -> &[Ability] {
        &[
            Ability::Press,
            Ability::Media,
            Ability::Album,
            Ability::Start,
            Ability::Block,
            Ability::Move,
            Ability::Receipts,
            Ability::Files,
            Ability::Limits,
            Ability::Hang,
            Ability::Webhook,
        ]
    }
}

/// The house in which the room is: its visitors' pages, and what they post.
#[derive(Default)]
struct House {
    visitors: Visitors,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    door: Option<mpsc::UnboundedSender<Post>>,
    /// Every post, in the order of its number, from 0.
    posts: Vec<Vec<u8>>,
    waiting: Vec<(Report, oneshot::Receiver<()>)>,
    acknowledged: BTreeSet<Report>,
    screens: BTreeMap<String, mpsc::UnboundedReceiver<Message>>,
    left: BTreeMap<String, mpsc::UnboundedSender<Message>>,
    read: Vec<Arrived>,
}

impl Inner {
    fn post(&mut self, report: Report) {
        let (taken, is_taken) = oneshot::channel();
        let number = report.0;
        let bytes = self.posts[number as usize].clone();
        self.waiting.push((report, is_taken));
        let door = self.door.as_ref().expect("the kit connects first");
        // A room that is closed drops the post, so it is not acknowledged.
        let _ = door.send(Post {
            number,
            bytes,
            taken,
        });
    }
}

impl House {
    /// Whoever the kit names opens a page in the room, once.
    fn enter(&self, who: &str) {
        let mut visitors = self.visitors.lock().unwrap();
        let mut inner = self.inner.lock().unwrap();
        if !inner.screens.contains_key(who) {
            let (screen, reads) = mpsc::unbounded_channel();
            visitors.insert(who.to_owned(), screen);
            inner.screens.insert(who.to_owned(), reads);
        }
    }
}

#[async_trait]
impl Outside for House {
    async fn connect(&self) -> Arc<dyn Channel> {
        let (door, posts) = mpsc::unbounded_channel();
        let mut inner = self.inner.lock().unwrap();
        inner.door = Some(door);
        inner.waiting.clear();
        // The pages post again what nobody has taken.
        for report in (0..inner.posts.len() as u64).map(Report) {
            if !inner.acknowledged.contains(&report) {
                inner.post(report);
            }
        }
        Arc::new(Room::new(posts, self.visitors.clone()))
    }

    fn address(&self, who: &str) -> Address {
        self.enter(who);
        Address::new("room", who)
    }

    async fn happens(&self, who: &str, what: &Happening<'_>) -> Report {
        self.enter(who);
        let bytes = match what {
            Happening::Text(text) => format!("{who}\n{text}"),
            Happening::Unknown(word) => format!("a line without a name: {word}"),
            Happening::Garbage(word) => format!("\u{0}{word}"),
            other => panic!("nobody does that in a room: {other:?}"),
        };
        let mut inner = self.inner.lock().unwrap();
        inner.posts.push(bytes.into_bytes());
        let report = Report(inner.posts.len() as u64 - 1);
        inner.post(report);
        report
    }

    async fn again(&self, report: Report) {
        self.inner.lock().unwrap().post(report);
    }

    /// Every post has been taken, or the room has let go of it.
    async fn settled(&self) {
        let waiting = std::mem::take(&mut self.inner.lock().unwrap().waiting);
        for (report, taken) in waiting {
            if taken.await.is_ok() {
                self.inner.lock().unwrap().acknowledged.insert(report);
            }
        }
    }

    async fn acknowledged(&self) -> Vec<Report> {
        let mut inner = self.inner.lock().unwrap();
        let Inner {
            waiting,
            acknowledged,
            ..
        } = &mut *inner;
        waiting.retain_mut(|(report, taken)| {
            let is_taken = taken.try_recv().is_ok();
            if is_taken {
                acknowledged.insert(*report);
            }
            !is_taken
        });
        acknowledged.iter().copied().collect()
    }

    /// The visitors leave. They are back when the kit has looked who got something.
    async fn fails_next(&self, failure: &Failure, wording: usize) -> bool {
        let can = *failure == Failure::Class(SendErrorClass::VisitorLeft) && wording == 0;
        if can {
            let mut visitors = self.visitors.lock().unwrap();
            let left = std::mem::take(&mut *visitors);
            self.inner.lock().unwrap().left.extend(left);
        }
        can
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let mut visitors = self.visitors.lock().unwrap();
        let mut inner = self.inner.lock().unwrap();
        let Inner { screens, read, .. } = &mut *inner;
        for (who, screen) in screens {
            while let Ok(message) = screen.try_recv() {
                read.push(Arrived {
                    to: Address::new("room", who.as_str()),
                    text: message.text().to_owned(),
                    media: message.media().len(),
                    choices: message.choices().map(str::to_owned).collect(),
                    quotes: None,
                });
            }
        }
        let read = read.clone();
        visitors.append(&mut inner.left);
        read
    }
}

mod ch_18 {
    use super::Rooms;

    chatflow_core::channel_conformance!(Rooms);
}

#[test]
fn ch_18_the_room_talks_as_its_comment_says() {
    let source = include_str!("../channel.rs");
    let (_, rest) = source.split_once("//! ```text\n").unwrap();
    let (block, _) = rest.split_once("//! ```\n").unwrap();
    let wanted: String = block
        .lines()
        .map(|line| format!("{}\n", line.trim_start_matches("//! ")))
        .collect();
    let ended = common::run(common::program("channel"), b"");
    assert_eq!(ended.out, wanted);
    assert_eq!(ended.code, Some(0), "{}", ended.notices);
}
