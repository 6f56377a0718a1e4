//! Settings that known systems agree with, as groups.

use crate::dialog::TransferMode;
use crate::dialog::time::Period;
use crate::flow::{
    Behaviour, BotAnswers, FinishedInbound, OnComplete, OperatorWrite, ReopenPolicy, WriteGuard,
};

impl Behaviour {
    /// Bots lead and people help: statuses and steps by hand, no sessions that end by themselves,
    /// whoever has access writes. As Chatterfy's pages say.
    pub fn chatterfy() -> Self {
        Self {
            write_guard: WriteGuard::AnyWithAccess,
            ..Self::default()
        }
    }

    /// One lasting dialog: closed by hand and opened again by whoever writes, the responsible
    /// manager alone writes, and a bot answers only where no manager is responsible. As
    /// RetailCRM's page says.
    pub fn retailcrm() -> Self {
        Self {
            write_guard: WriteGuard::AssigneeOrUnassigned,
            bot_answers: BotAnswers::UnlessAssigned,
            reopen: ReopenPolicy::Same,
            transfer: TransferMode::Reassign,
            finished_inbound: FinishedInbound::ToManual,
            ..Self::default()
        }
    }

    /// Chats that begin and end: a bot first, then a queue of people; a transfer makes a child, an
    /// hour of silence completes a chat, and the next message begins another one with the bot.
    /// As Creatio's pages say.
    pub fn creatio() -> Self {
        Self {
            write_guard: WriteGuard::AssigneeOrUnassigned,
            operator_write: OperatorWrite::ToManual,
            reopen: ReopenPolicy::New,
            transfer: TransferMode::ChildSession,
            on_complete: OnComplete::ToBot,
            complete_after: Some(Period::from_millis(60 * 60 * 1000)),
            ..Self::default()
        }
    }

    /// A process that stands at a step and is led by it or by a person; whoever has access writes.
    /// As a messenger CRM does.
    pub fn messenger() -> Self {
        Self {
            write_guard: WriteGuard::AnyWithAccess,
            finished_inbound: FinishedInbound::ToManual,
            ..Self::default()
        }
    }
}
