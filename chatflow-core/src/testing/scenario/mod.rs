//! Conversations as tests: one plain-text format that people read and the worker plays.
//!
//! ```text
//!  text ── parse ──► Scenario ── Player::play ──► the production worker, a manual clock, a scripted channel
//!                                     │
//!                                     └──► Played: transcript, failures, the text with its `<` lines as they happened
//! ```
//!
//! **The law: a scenario sees only what people and channels see, and whatever it doesn't say
//! must not happen.** A message nobody expected fails, a missing one fails, and so does an act
//! that was refused or changed nothing without a line that says so.
//!
//! # The lines
//!
//! | line | meaning |
//! | --- | --- |
//! | `# words` | a comment |
//! | `> hello` | the contact writes |
//! | `> (yes)` | the contact presses an offered choice |
//! | `> [photo]`, `> [voice] words` | the contact sends media, with a caption: `photo`, `video`, `audio`, `voice`, `round_video`, `file`, `sticker` or `other` |
//! | `> [photo shop.jpg]` | … under this reference |
//! | `< Hi!` | the contact must now be sent exactly this, by the flow or by an operator |
//! | `< Ready? [Yes \| No]` | … with these choices |
//! | `< [photo] text [Yes \| No]` | … with media of this kind, whatever its reference; text and choices may be missing |
//! | `< [photo shop.jpg] text` | … with media of just this reference |
//! | `< [photo][photo] text` | … with several media as one message |
//! | `@ +1h30m` | the clock moves on, with `d`, `h`, `m`, `s` and `ms`; timers fire in order of their time |
//! | `@ 2026-01-05T10:00:00Z` | the clock moves to a moment; it begins at midnight of 2026-01-01 |
//! | `@ restart` | the program ends and starts again, and has nothing but what is stored |
//! | `@ restart +3h` | … and was away so long: what came due meanwhile is done now |
//! | `! status waiting` | operator `op` sets a status: `start`, `auto`, `waiting`, `manual`, `finished` or a host's label |
//! | `! step confirm` | … a step of the dialog's own flow; `order/confirm` of the flow `order` |
//! | `! flow order` | … the flow `order`, at its entry |
//! | `! tag +vip -cold` | … puts tags on the contact and takes tags off |
//! | `! field city=Berlin age=34` | … fields of the contact; a whole number and `true` or `false` are kept as such, all else and JSON strings as texts |
//! | `! data size="10"` | … values of the dialog's data, in the same way |
//! | `! status auto step confirm tag +vip field city=Berlin` | … any of these in one line, as one act: all or none |
//! | `! assign anna`, `! assign bot:shop`, `! assign nobody` | … makes an operator or a bot responsible, or nobody; also beside the settings above |
//! | `! line 2` | … puts the dialog into this line of people, 1 or 2; also beside them |
//! | `! translate es`, `! translate nothing`, `! translate as_bot` | … says into which language messages are put; also beside them |
//! | `! set status=manual step=confirm assignee=anna tags=+vip,-cold field.city=Berlin data.age=34` | … the same as one act in the form of a card that is saved: `flow` and `translate` too |
//! | `! retry` | … tries the step again at which the dialog shows Error |
//! | `! advise`, `! advise en` | … asks a model what to answer, in this language |
//! | `! pit_stop on`, `! pit_stop off` | the whole bot is paused, or goes on |
//! | `! take`, `! block`, `! unblock` | … takes the dialog over, silences it, lifts that |
//! | `!anna accept`, `!anna decline` | she takes what is offered or waits, or lets an offer pass |
//! | `! queue sales` | … puts the dialog into a queue |
//! | `! transfer anna`, `! transfer queue sales` | … passes it on; `as child` or `as same` behind it says what becomes of the session |
//! | `! close`, `! reopen` | … completes the session, or opens the last one again |
//! | `! acknowledge` | … says that no reply is needed |
//! | `!anna sign_in`, `sign_out`, `active`, `inactive`, `seen`, `lost` | she signs in or out, declares herself so, is seen or lost sight of |
//! | `! reply Hello` | … writes to the contact, who is then sent it: a `<` line follows |
//! | `! block contact`, `! unblock contact` | … blocks the contact itself, in all its dialogs |
//! | `! contact tag +vip -cold`, `! contact field city=Berlin`, `! contact name Anna` | … changes the contact itself, one thing after another |
//! | `!eva take` | another operator acts |
//! | `% blocked`, `% unblocked` | the channel reports that the contact blocked us, or can be written to |
//! | `% cannot_write` | … that we may not write: `cannot_initiate` unless another cause such as `removed` follows |
//! | `% started`, `% started spring` | the contact begins, or begins again; by the start link with this payload |
//! | `% started spring click_id=abc campaign=may` | … for which this source was stored beforehand: `name`, `platform`, `campaign`, `ad_set`, `ad`, `click_id`, and whatever else |
//! | `% album a1 [photo] caption` | one item of an album, which comes item by item |
//! | `% edited m7 hello` | the contact changes the message that the channel calls `m7` |
//! | `% wrote olga hello` | somebody of ours writes to the contact on the channel itself |
//! | `% moved NEW` | the contact's address is another from now on; lines call it `NEW` |
//! | `% delivered`, `% read`, `% failed blocked` | what became of all messages sent so far |
//! | `% profile language=pt-BR name="Anna"` | with all it reports from now on the channel tells so of the contact; a contact keeps what it knows already |
//! | `% transient`, `% ambiguous` | the next send fails so, and is tried again |
//! | `% refuse blocked` | the next send fails so: `blocked`, `gone`, `cannot_initiate`, `removed`, `no_rights`, `visitor_left`, `unknown_recipient`, `window_closed`, `too_large`, `unsupported`, `invalid`, `channel_down`, `transient`, `ambiguous` |
//! | `% transient after 2` | not the next send but the one after two more; so with all of these failures |
//! | `% duplicate` | the channel delivers the contact's last event again; nothing may come of it |
//! | `~ ai route "buy"`, `~ ai reply "Hello!"` | a model chooses so, or writes so, when it is asked next |
//! | `~ ai reply "Hello!" in 1000 out 200` | … and reads and writes so many tokens |
//! | `~ ai nonsense` | … answers what is none of the branches |
//! | `~ http 200 {"left": 3}`, `~ http 500` | an outside service answers its next call with this status, and this JSON |
//! | `~ recognise "two tickets"` | what is read out of the next media; a text for each |
//! | `~ translate "hola" "gracias"` | how the next texts are translated; a text for each |
//! | `~ bot "Hello!"`, `~ bot done`, `~ bot "Bye!" handoff` | a bot on another platform says so, and gives the contact back: it is done, or a person is wanted |
//! | `~ call crm {"rank": 1}` | the port `crm` answers its next call so |
//! | `* postback sale 50 click=abc currency=EUR` | a tracker reports this, worth so much, of the contact whom the click brought; `anna* postback sale` of a contact by name. `id=t1` is the transaction's id, which counts once; `unknown` at the end says that the click brought nobody |
//! | `= operator anna role=agent name="Anna" capacity=2 active` | the host adds an operator or changes him; `active` and `inactive` sign him in and declare him so. Once there is one, only such act: `! take` wants an operator `op` |
//! | `= queue sales anna boris rule=everybody accept=1m` | … a queue: its members (`nobody` for none) and, each if it is named, `rule=round_robin`, `least_loaded` or `everybody`; `accept=at_once`, `any_time` or a time; `available=declared`, `presence`, `both` or `nothing`; `capacity=`; `complete=` after so much silence; `offline=never`, `all_unanswered` or `only_new_unanswered`; `away=wait` or another queue; `busy_reply=`, `away_reply=` |
//! | `= policy creatio`, `= policy retailcrm` | these roles say who may do and see what, from the beginning of the scenario: `admin`, `operator` and `settings` there, `admin` and `manager` here |
//! | `? status waiting` | what must hold now, see below |
//!
//! # Those outside
//!
//! `~` lines stand before the line that asks; those of one kind are used up in their order. In
//! place of an answer each may say how the call goes wrong:
//!
//! | answer | meaning |
//! | --- | --- |
//! | `error`, `error "no such city"` | it is refused, with what the outside says of it; `refused` is the same |
//! | `transient` | it fails, and is asked again |
//! | `timeout` | the outside took too long, and is asked again |
//! | `never` | no answer comes: the program gives up when its own time is over |
//! | `later` | it is held until a line such as `~ ai late reply "Hello!"`, `~ http late 500` or `~ call crm late error` answers it then |
//!
//! An answer that nobody asks for fails at the end, a call without an answer fails at its line, and
//! so does a late answer that no call waits for. Somebody whom no line speaks for is not in the
//! program, unless the host has given him to the player. Trackers and notifiers hear everything;
//! `? tracked` and `? notified` ask what.
//!
//! # Whom lines speak of
//!
//! `>`, `<`, `!`, `%`, `*` and `?` speak of one contact, whose outside id is `contact` and of whom
//! the channel tells no name. A name before the sign makes it another contact, called so:
//! `anna> hello`, `anna< Hi, anna!`, `anna! take`, `anna!eva take`, `anna% blocked`,
//! `anna? status auto`.
//!
//! A text that would read as something else, has blanks at its ends or several lines is written
//! as a JSON string: `> "[photo] is what I typed"`, `< "one\ntwo" [Yes | "No | never"]`,
//! `[photo "my shop.jpg]"]`, `! tag +"big spender"`, `! field city="New York"`. Nothing is
//! normalised.
//!
//! # What can be asked
//!
//! | line | holds when |
//! | --- | --- |
//! | `? status LABEL` | the dialog shows this status |
//! | `? set_by_hand yes`, `no` | an operator set it last |
//! | `? step STEP`, `? step FLOW/STEP`, `? step none` | it stands there |
//! | `? calls FLOW FLOW`, `? calls none` | these flows wait for the one where it stands, the outermost first |
//! | `? card FLOW STEP auto` | its card shows this flow, step and deal status, `auto` or `manual`; `none none auto` where no flow has begun |
//! | `? data k=v`, `? data k missing` | the value collected reads so |
//! | `? field k=v`, `? field k missing` | the contact's field reads so, as the dialog sees it |
//! | `? tag vip`, `? tag vip missing` | the contact has the tag, as the dialog sees it |
//! | `? timers 2`, `? timers step`, `? timers none` | so many timers are set, or just these |
//! | `? timers step@2026-01-01T06:00:00Z` | … each due at its moment |
//! | `? held 2` | so many messages of the contact wait before the flow gets them |
//! | `? outbox 1` | so many deliveries of the dialog aren't settled for good |
//! | `? counter manual 2` | so many of the bot's dialogs show the status |
//! | `? assignee eva`, `? assignee nobody` | he is responsible |
//! | `? session bot`, `queued`, `offered`, `in_progress`, `none` | so the session is handled |
//! | `? queue sales`, `? queue none` | it waits in this queue, or came through it |
//! | `? offered anna boris`, `? offered nobody` | it is offered to just these |
//! | `? sessions 2` | the dialog has had so many sessions, the open one among them |
//! | `? parent 1`, `? parent none` | the open session, or else the last one, came from this one |
//! | `? completed by_hand`, `timeout`, `handed_over`, `transferred`, `none` | so the last completed session ended |
//! | `? line 2` | it belongs to this line of people |
//! | `? load anna 2`, `? missed anna 1` | she has so many dialogs in progress, has let so many offers run out |
//! | `? operator anna active`, `inactive` | so she counts |
//! | `? standing anna active`, `inactive`, `limit_reached` | so she stands for whoever wants to pass the dialog on |
//! | `? sees anna yes`, `no` | the policy shows her the dialog |
//! | `? needs_reply yes`, `no` | somebody should answer |
//! | `? last_side contact`, `us`, `none` | so the last message came from there |
//! | `? reach ok` | the channel lets us write; else `blocked_by_contact`, `cannot_initiate`, `removed`, `unknown_recipient` |
//! | `? can_send yes` | a message can be sent; else why not: `blocked_by_contact`, `blocked_by_operator`, `contact_blocked`, `cannot_write` |
//! | `? error step_limit`, `? error none` | automation failed for this reason |
//! | `? failure "no such city"`, `? failure none` | the outside said this of it |
//! | `? usage 1000 200 0.00045`, `? usage bot 1000 200 0.00045` | models have read and written so many tokens, which cost so much, for the dialog or all of the bot's |
//! | `? advice "Say yes."`, `? advice none` | this is suggested to the operator |
//! | `? translated "Hola"`, `? translated none` | the translation beside our last message; `<` compares what the contact sees, which is the translation |
//! | `? reading "two tickets"`, `? reading none` | this was read out of the contact's last message that anything was read out of, or is its translation |
//! | `? typing`, `? typing none` | the contact was shown that somebody writes, since the last look |
//! | `? tracked deposit 50`, `? tracked deposit 50 click=abc currency=EUR` | a tracker heard this next of the dialog: event and amount just so, and all parameters that are named; `? tracked none` |
//! | `? notified anna manual`, `? notified anna robot hot`, `? notified nobody` | he was to be told so next of the dialog, by a robot where one did it |
//! | `? asked ai 1`, `? asked http 3 keys 1`, `? asked call crm 1` | so many calls since the last look, under so many keys; also `recognise`, `translate`, `bot` |
//! | `? asked model gpt-x`, `? asked model none` | the model that was asked last |
//! | `? prompt contains TEXT`, `? prompt lacks TEXT` | what it was told last: its settings and the dialog, a line `contact: …` or `us: …` for each message |
//! | `? prompt same` | the last two times it was told the same, but for the dialog |
//! | `? request contains TEXT` | the last request to an outside service: `POST https://…`, a line for each header, an empty one, the body |
//! | `? change auto manual by operator op` | the last change of the status shown, and whose: `contact`, `operator NAME`, `step NAME`, `timer NAME`, `media KIND`, `robot NAME`, `postback EVENT`, `queue NAME`, `absence NAME`, `channel`, `engine`, `deploy`, `contact_row` |
//! | `? refused WORDS` | the line before was refused, in a sentence with these words |
//! | `? unchanged` | the line before changed nothing |
//!
//! Not there yet, and refused by name: `! note`, `schedule`, `read`, `erase`; `? unread`, `sla`.
//!
//! # Example
//!
//! ```
//! use chatflow_core::testing::{Player, Scenario, block_on};
//! use chatflow_core::{Ask, Bot, FlowBuilder, SendMessage};
//!
//! let flow = FlowBuilder::new("greet", 1)
//!     .step("name", Ask::text("What is your name?").save_contact_name())
//!     .step("hello", SendMessage::text("Hello, {{ name }}!"))
//!     .build()?;
//! let scenario = Scenario::parse(
//!     "> hi
//! < What is your name?
//! > Anna
//! < Hello, Anna!
//! ? status finished",
//! )?;
//! let played = block_on(Player::new(Bot::new("shop", flow)).play(&scenario))?;
//! assert!(played.holds(), "{played}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod acts;
mod answers;
mod asks;
mod check;
mod holds;
mod outside;
mod parse;
mod people;
mod play;
mod played;
mod postback;
mod read;
mod stand_ins;
mod words;
mod work;

pub use play::{PlayError, Player};
pub use played::{Failure, Played, Said};

use crate::channel::{InboundBody, SendErrorClass};
use crate::dialog::{
    ContactAct, Message, Moment, OperatorAct, OperatorId, Profile, ReceiptState, Source, Text,
};
use check::Check;
use outside::Given;
use words::Wanted;

/// A conversation that can be played: what comes in, and what must come of it.
#[derive(Debug, Clone)]
pub struct Scenario {
    lines: Vec<Line>,
}

/// One line, with its text as it was written.
#[derive(Debug, Clone)]
struct Line {
    number: usize,
    source: String,
    item: Item,
}

/// What a line says. `contact` is the outside id of the contact it speaks of.
#[derive(Debug, Clone)]
enum Item {
    /// A comment, or nothing.
    Silent,
    Says {
        contact: String,
        message: Message,
    },
    Hears {
        contact: String,
        wanted: Wanted,
    },
    Clock(Moment),
    /// The program ends and starts again, at this moment.
    Restarts(Moment),
    Acts {
        contact: String,
        operator: OperatorId,
        act: OperatorAct,
    },
    /// Operators, queues or the policy, as the host sets them up.
    SetsUp(people::SetUp),
    AtDesk {
        operator: OperatorId,
        act: people::DeskAct,
    },
    /// Done to the contact itself, one after another.
    ChangesContact {
        contact: String,
        operator: OperatorId,
        acts: Vec<ContactAct>,
    },
    Reports {
        contact: String,
        report: Report,
    },
    /// What the channel tells of the contact with all it reports from now on.
    Tells {
        contact: String,
        profile: Profile,
    },
    Repeats {
        contact: String,
    },
    /// A send fails, once so many others were accepted.
    Refuses {
        class: SendErrorClass,
        after: u32,
    },
    /// What somebody outside answers next, or a call that is held now.
    Answers {
        given: Given,
        is_late: bool,
    },
    Postback(postback::Report),
    /// The whole bot is paused, or goes on.
    PitStop(bool),
    Holds {
        contact: String,
        check: Check,
    },
}

/// What the channel reports.
#[derive(Debug, Clone)]
enum Report {
    Of(InboundBody),
    /// The contact begins, by a link for which this source was stored.
    Started {
        payload: Option<Text>,
        source: Option<Box<Source>>,
        message: Message,
    },
    /// The contact's address is another from now on.
    Moved(String),
    /// What became of all that was sent until now.
    Receipt(ReceiptState),
}

/// Outside id of the contact that the lines without a name speak of.
const CONTACT: &str = "contact";

impl Scenario {
    /// Most bytes of a scenario.
    pub const BYTES_MAX: usize = 1024 * 1024;
    /// Most lines of a scenario.
    pub const LINES_MAX: usize = 20_000;

    /// Reads a scenario.
    ///
    /// # Errors
    /// [`ScenarioError`] names the first line that can't be read, and what belongs there.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        parse::scenario(text)
    }
}

/// A line that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ScenarioError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it, and what belongs there.
    pub reason: String,
}
