//! What an adapter's author supplies.

use std::sync::Arc;

use async_trait::async_trait;

use crate::channel::{Channel, SendErrorClass};
use crate::dialog::{Address, ExternalId, Media, MediaKind, ReceiptState};

/// Where the kit gets its outsides from. Who implements it: an adapter's test.
#[async_trait]
pub trait ChannelHarness: Send + Sync {
    /// A fake of the outside that shares nothing with any other: nobody has said anything yet.
    async fn fresh(&self) -> Arc<dyn Outside>;

    /// What the outside doesn't have or the fake can't be made to do. Cases that need it are
    /// skipped and counted. What the channel's capabilities declare can't be named here: the kit
    /// refuses that.
    fn cannot(&self) -> &[Ability] {
        &[]
    }
}

/// A fake of what is at the other end of a channel: the platform with its people.
///
/// People are named by the kit: `anna`, `bert`, `c7`. The fake gives each an id as the real
/// outside would, always the same one for the same name.
///
/// The kit never sleeps. It runs the channel's `listen` until [`settled`](Outside::settled) is
/// ready or `listen` ends, and asks then.
///
/// # To be correct
/// - It is as strict as the real outside: it refuses what is too long, too large or too many by
///   limits of its own, not by those that the adapter declares. Otherwise the kit proves nothing
///   about the declared limits.
/// - What was not acknowledged is offered again to whoever connects next.
#[async_trait]
pub trait Outside: Send + Sync {
    /// A channel of the adapter under test, connected to this outside as a program does it at
    /// its start. Called again, it is the same program after a restart: what the last channel
    /// didn't acknowledge is offered again to the new one. The last one listens no more then.
    async fn connect(&self) -> Arc<dyn Channel>;

    /// The address under which the adapter should know somebody.
    fn address(&self, who: &str) -> Address;

    /// Something happens out there, which is one report to the channel. The kit asks for nothing
    /// that [`cannot`](ChannelHarness::cannot) names.
    async fn happens(&self, who: &str, what: &Happening<'_>) -> Report;

    /// Offers a report once more, as an outside does that missed the acknowledgement.
    async fn again(&self, report: Report);

    /// Ready once the channel has come back for more: everything that was offered has been
    /// taken up, and was acknowledged or will not be without being offered again. A fake with a
    /// queue is ready when the channel waits at an empty queue; one with long polling, when the
    /// channel's next poll has come in; one with a webhook, when every request is answered. One
    /// that ends closes its side and is never ready: the kit goes on when `listen` has ended.
    async fn settled(&self);

    /// The reports that were acknowledged, in any order.
    async fn acknowledged(&self) -> Vec<Report> {
        Vec::new()
    }

    /// Makes the next send fail in this way; says whether it can. An outside has several wordings
    /// for some failures, old ones and new ones: `wording` counts them from 0, and the first
    /// number for which the answer is no ends the list.
    async fn fails_next(&self, failure: &Failure, wording: usize) -> bool;

    /// Everything that the outside took from us, in order.
    async fn arrived(&self) -> Vec<Arrived>;

    /// A small file of this kind that the channel can send: a reference that the outside knows.
    fn file(&self, kind: MediaKind) -> Media {
        Media::new(kind, "file")
    }

    /// Whatever must appear in no log, no error and no `Debug`: tokens, keys, passwords.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// The `Debug` of all that the adapter's users can hold: its channel, its config, its
    /// errors.
    fn shown(&self) -> Vec<String> {
        Vec::new()
    }

    /// The webhook, where the outside delivers by one. It is served while the channel listens.
    fn webhook(&self) -> Option<&dyn Webhook> {
        None
    }
}

/// One report of an outside, by the number that the fake gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Report(pub u64);

/// What an outside may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Ability {
    /// More than one person talks on the channel.
    ManyContacts,
    /// The outside waits for an acknowledgement and delivers again without one.
    Acknowledge,
    /// It delivers a report twice at times.
    Repeat,
    /// People press choices.
    Press,
    /// People send media.
    Media,
    /// People send albums, whose items come one by one.
    Album,
    /// People begin by a start link.
    Start,
    /// People block us, and the channel is told.
    Block,
    /// An address becomes another.
    Move,
    /// It reports what became of messages.
    Receipts,
    /// It reports things that the adapter can't know.
    Unknown,
    /// It delivers bytes that are no report at all.
    Garbage,
    /// Media can be sent by the channel.
    Files,
    /// It refuses what is beyond its limits.
    Limits,
    /// A send can be left without an answer while others are answered.
    Hang,
    /// It delivers by a webhook.
    Webhook,
}

/// What can happen out there.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Happening<'a> {
    /// Somebody writes.
    Text(&'a str),
    /// Somebody presses an offered choice; where choices stand in place of his input, he sends
    /// it.
    Press(&'a str),
    /// Somebody sends media of this kind, with a text where the kind takes one.
    Media(MediaKind, &'a str),
    /// Somebody's next item of an album of pictures; all items of one album name it alike.
    AlbumItem {
        /// The album.
        album: &'a str,
        /// The text under this item.
        caption: &'a str,
    },
    /// Somebody follows a start link that carries this.
    Started(&'a str),
    /// Somebody blocks us.
    Blocked,
    /// Somebody lets us write again.
    Unblocked,
    /// Somebody's address is that of this name from now on.
    Moved(&'a str),
    /// What became of a message of ours, by the outside's own id.
    Receipt(&'a ExternalId, ReceiptState),
    /// A report of a kind that the adapter doesn't know, with this word somewhere in it.
    Unknown(&'a str),
    /// Bytes that aren't even a report, with this word somewhere in them.
    Garbage(&'a str),
}

/// How a send can fail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// In the way that the adapter should understand as this class.
    Class(SendErrorClass),
    /// A refusal that nobody has heard of, in the form in which the outside blames the request.
    UnknownRefusal,
    /// The connection breaks before the request has left.
    BeforeSending,
    /// The request has left, the outside takes the message, and no answer comes.
    AfterSending,
    /// The outside takes the message, and its answer can't be read.
    Garbled,
    /// No answer comes, and nothing breaks: the adapter is left waiting.
    Hang,
}

/// A message that the outside took, in words that all channels share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// To whom.
    pub to: Address,
    /// Its text; the caption where there is media.
    pub text: String,
    /// How many media it has.
    pub media: usize,
    /// The choices it offers, in order.
    pub choices: Vec<String>,
    /// The message that it replies to, by the outside's own id.
    pub quotes: Option<ExternalId>,
}

/// The door through which an outside delivers.
#[async_trait]
pub trait Webhook: Send + Sync {
    /// Makes a request to the door and returns the status of the answer. The kit lets the
    /// channel listen meanwhile.
    async fn knock(&self, knock: Knock<'_>) -> u16;
}

/// A request to a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Knock<'a> {
    /// As the outside makes it: `anna` wrote this.
    Genuine(&'a str),
    /// The last genuine one once more, as the outside repeats what got no yes.
    Again,
    /// A genuine one with another secret of the same length.
    WrongSecret,
    /// The same without a secret.
    NoSecret,
    /// The same with the secret's first half.
    ShortSecret,
    /// With the right secret, and a body larger than the door takes.
    TooLarge,
    /// With the right secret, and a body that is no report.
    Garbage,
    /// The outside's way of asking whether the door is ours, where it has one; it has none where
    /// the answer is 404.
    Challenge,
}
