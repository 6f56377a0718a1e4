//! What a turn wants done outside.

use serde::{Deserialize, Serialize};

use crate::dialog::time::{self, Moment};
use crate::dialog::{ContactPatch, EffectId, Message, Revision, Value};

/// One thing to be done outside, after the commit: data, never a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The stable key under which it is delivered, however often.
    pub id: EffectId,
    /// Whether automation decided it. Automatic deliveries are fenced by epoch; a person's
    /// are not.
    pub automatic: bool,
    /// The epoch in which the turn ended.
    pub epoch: u64,
    /// Which messages go first where the channel can't take all at once.
    #[serde(default, skip_serializing_if = "SendLane::is_reply")]
    pub lane: SendLane,
    /// What to do.
    pub body: EffectBody,
}

/// The kinds of effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EffectBody {
    /// Deliver a message to the contact. Messages of a dialog go in order, one at a time.
    Send(Message),
    /// Put another text in place of a message of ours, in order with the messages.
    Edit {
        /// The message.
        of: EffectId,
        /// Its new form.
        message: Message,
    },
    /// Take a message of ours back, in order with the messages.
    Delete {
        /// The message.
        of: EffectId,
    },
    /// Show the contact that somebody writes, until a moment. It runs beside messages, is never
    /// tried twice, and a channel that has no such thing lets it pass.
    Typing {
        /// Until when.
        #[serde(with = "time::millis")]
        until: Moment,
    },
    /// Tell the outside, such as a tracker; nobody waits for an answer. Runs beside messages.
    Tell {
        /// Who is told, as registered with the builder.
        port: String,
        /// What.
        report: Value,
    },
    /// Ask the outside; the answer comes back as the event `CallAnswered` with this effect's
    /// id. Calls run beside messages.
    Call {
        /// Who is asked, as registered with the builder.
        port: String,
        /// What is asked.
        request: Value,
    },
    /// Change the contact's row.
    PatchContact(ContactPatch),
}

impl EffectBody {
    /// Whether it goes to the contact, in order with the dialog's other messages.
    pub const fn is_for_contact(&self) -> bool {
        matches!(
            self,
            Self::Send(_) | Self::Edit { .. } | Self::Delete { .. }
        )
    }
}

/// Which messages go first where a channel can't take all at once.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SendLane {
    /// What a contact waits for.
    #[default]
    Reply,
    /// One of many, which nobody has asked for.
    Broadcast,
}

impl SendLane {
    /// Both, the first to go first.
    pub const ALL: [Self; 2] = [Self::Reply, Self::Broadcast];

    /// Its stored label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Broadcast => "broadcast",
        }
    }

    fn is_reply(&self) -> bool {
        *self == Self::Reply
    }
}

/// A change of one of a dialog's timers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerChange {
    /// Plan it, in place of an older one of that name.
    Set {
        /// Its name, unique in the dialog.
        name: String,
        /// The turn that set it.
        generation: Revision,
        /// Not before this moment.
        #[serde(with = "time::millis")]
        due: Moment,
    },
    /// Forget it.
    Cancel {
        /// Its name.
        name: String,
    },
}

impl TimerChange {
    /// The timer's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Set { name, .. } | Self::Cancel { name } => name,
        }
    }
}
