//! Room 1: the nouns.
//!
//! ```text
//!  address ─ where ─► contact      dialog = one address's lasting thread
//!                                     │
//!      event ──► (engine) ──► snapshot at revision n + journal + effects + timers
//! ```
//!
//! **The law of this room: nothing here reads a clock, draws a number or waits.** Every type
//! that is stored has fixed snake_case labels and one stored form ([`codec`]).

mod address;
mod call;
mod card;
pub mod codec;
mod contact;
mod contact_act;
mod effect;
mod event;
mod held;
mod id;
mod journal;
mod mark;
mod media;
mod message;
mod position;
mod postback;
mod reader;
mod receipt;
mod rules;
mod sending;
mod session;
mod snapshot;
mod source;
mod status;
mod text;
pub mod time;
mod translation;
mod value;

pub use address::Address;
pub use call::{Advice, CallFailure, CallPurpose, PendingCall, SideCall, Usage};
pub use card::{DealStatus, DialogCard, RowState};
pub use contact::{Contact, ContactBlock, ContactPatch, ContactView, Profile};
pub use contact_act::{ContactAct, ContactRefusal};
pub use effect::{Effect, EffectBody, SendLane, TimerChange};
pub use event::{
    DialogSettings, Event, EventBody, EventKey, FailureClass, FailureReason, OperatorAct,
    StatusChoice, StepTarget,
};
pub use held::HeldMessage;
pub use id::{
    BotId, ChannelId, ConfigHash, ContactId, DialogId, EffectId, ExternalId, FlowId, FlowVersion,
    NAME_BYTES_MAX, OperatorId, ParseIdError, QueueId, Revision, SpaceId, StatusLabel, StepId,
};
pub use journal::{Actor, CancelScope, Fact, OfferEnd, RouteReason, UpgradeKind};
pub use mark::{Mark, MarkKind};
pub use media::{Media, MediaKind};
pub use message::{Author, ChoiceStyle, Message, MessageRecord, Quote, Side};
pub(crate) use position::Resolved;
pub use position::{Frame, Phase, Position};
pub use postback::Postback;
pub use reader::Dialog;
pub use receipt::{RawBody, ReceiptState, Receipted};
pub use rules::{MessageRules, RuleBroken, TextCount};
pub use sending::CannotSend;
pub use session::{
    Assignee, Choice, Completed, CompletionCause, Handling, Line, NoSuchLine, Offer,
    OfflineReassign, QueueTerms, Session, SessionRecord, TransferMode, TransferTo,
};
pub use snapshot::{Attention, DialogRow, Notice, PausedAutomation, Snapshot, TimerSet};
pub use source::{Source, SourceTouch};
pub use status::{
    Automation, Cause, CustomStatus, ErrorKind, OperatorBlock, Reach, ShownStatus, Status,
    StatusKind,
};
pub use text::Text;
pub use time::Moment;
pub use translation::{OutgoingBatch, OutgoingMessage, Reading, TranslateTo, Translation};
pub use value::{Decimal, ParseDecimalError, VALUE_DEPTH_MAX, Value};
