//! Which events a dialog takes, decided before anything changes.

use std::fmt;

use crate::dialog::{
    Assignee, Automation, DialogSettings, EffectId, Event, EventBody, EventKey, FlowId, Handling,
    Message, Moment, OperatorAct, OperatorId, Reach, Revision, RuleBroken, ShownStatus, Snapshot,
    Source, StatusChoice, StatusLabel, StepId, TranslateTo, Value,
};
use crate::engine::{sessions, upgrade};
use crate::flow::{Config, ResumeFrom, WriteGuard, is_data_name, is_tag};

/// An event that the engine did not take. The dialog is as it was.
#[derive(Clone)]
pub struct Refused {
    /// The snapshot, unchanged.
    pub snapshot: Box<Snapshot>,
    /// The status shown.
    pub status: ShownStatus,
    /// The event's stored label.
    pub event: &'static str,
    /// Why.
    pub reason: Refusal,
}

impl Refused {
    pub(crate) fn new(snapshot: Snapshot, event: &Event, reason: Refusal) -> Self {
        let status = snapshot.shown_status();
        Self {
            snapshot: Box::new(snapshot),
            status,
            event: event.body.label(),
            reason,
        }
    }
}

impl std::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} refused in status {}: {}",
            self.event, self.status, self.reason
        )
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("dialog", &self.snapshot.dialog)
            .field("status", &self.status)
            .field("event", &self.event)
            .field("reason", &self.reason)
            .finish()
    }
}

/// Why an event was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It was decided on another revision; load the dialog again.
    #[error("it was decided on revision {decided_on}, the dialog is at {current}")]
    Stale {
        /// The revision it names.
        decided_on: Revision,
        /// The dialog's.
        current: Revision,
    },
    /// It would change nothing.
    #[error("it changes nothing")]
    Unchanged,
    /// We block the contact or the dialog, or the contact blocked us.
    #[error("the dialog is blocked; unblock it first")]
    Blocked,
    /// The channel doesn't let us write.
    #[error("the channel doesn't let us write to this contact")]
    CannotWrite,
    /// A text is longer than the bot's limit.
    #[error("the text has {bytes} bytes, more than {limit}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A message is empty.
    #[error("there is nothing in it")]
    Empty,
    /// A person's message breaks the bot's rules.
    #[error(transparent)]
    RuleBroken(#[from] RuleBroken),
    /// The address leads to another dialog already.
    #[error("the address leads to another dialog already")]
    AddressTaken,
    /// The bot has no such status.
    #[error("the bot has no status `{label}`; register it with the bot")]
    UnknownStatus {
        /// Its label.
        label: StatusLabel,
    },
    /// The bot has no such flow.
    #[error("the bot has no flow `{flow}`")]
    UnknownFlow {
        /// Its name.
        flow: FlowId,
    },
    /// The bot's dictionary has no such tag.
    #[error("the bot has no tag `{tag}`; add it to the bot's tags")]
    UnknownTag {
        /// The tag.
        tag: String,
    },
    /// The bot has no such step.
    #[error("the bot has no step `{step}` in that flow")]
    UnknownStep {
        /// Its name.
        step: StepId,
    },
    /// The timer was cancelled or set again since.
    #[error("the timer was cancelled or set again")]
    TimerSuperseded,
    /// The timer isn't due yet; nothing was consumed, fire it later.
    #[error("the timer isn't due yet")]
    TimerEarly,
    /// The answer is of a call that the dialog no longer waits for.
    #[error("the dialog no longer waits for this answer")]
    LateAnswer,
    /// The dialog doesn't show Error.
    #[error("the dialog shows no error; there is nothing to try again")]
    NothingToRetry,
    /// What models may cost for this dialog is used up.
    #[error("what models may cost for this dialog is used up")]
    OverBudget,
    /// The bot's settings want a step named where a dialog is given back to automation.
    #[error("name the step where automation is to go on")]
    StepRequired,
    /// Somebody else is responsible, and the bot's settings let nobody else write.
    #[error("{assignee} is responsible for this dialog; take it over or have it reassigned first")]
    NotAssignee {
        /// Who.
        assignee: Assignee,
    },
    /// The dialog waits for nobody any more, or not since then.
    #[error("the dialog doesn't wait any more")]
    WaitsNoMore,
    /// Somebody else has the dialog.
    #[error("operator `{by}` has it already")]
    AlreadyTaken {
        /// Who.
        by: OperatorId,
    },
    /// The dialog isn't offered to this operator.
    #[error("the dialog isn't offered to this operator")]
    NotOffered,
    /// Who is to get the dialog has it.
    #[error("operator `{operator}` has it already; pass it on to somebody else")]
    AlreadyTheirs {
        /// Who.
        operator: OperatorId,
    },
    /// The dialog has no open session.
    #[error("the session is completed; reopen it first")]
    SessionCompleted,
    /// The dialog has never had a session.
    #[error("there is no session to open again")]
    NothingToReopen,
    /// The bot is paused: the outside is asked again when the pause is over.
    #[error("the bot is paused; it is asked again when the pause is over")]
    Paused,
    /// It speaks of a turn that hasn't been.
    #[error("it speaks of a turn that hasn't been")]
    UnknownEffect,
    /// Its key is empty or too long, or it is nested in itself.
    #[error("the event isn't well formed: {reason}")]
    Malformed {
        /// What is wrong.
        reason: &'static str,
    },
}

/// Total over statuses and events: says whether the event is taken, and changes nothing.
pub(crate) fn admit(
    config: &Config,
    snapshot: &Snapshot,
    event: &Event,
    now: Moment,
) -> Result<(), Refusal> {
    if !event.key.is_valid() {
        let reason = "its key is empty or longer than 256 bytes";
        const { assert!(EventKey::BYTES_MAX == 256, "the sentence names the limit") };
        return Err(Refusal::Malformed { reason });
    }
    if let Some(decided_on) = event
        .if_revision
        .filter(|&revision| revision != snapshot.revision)
    {
        return Err(Refusal::Stale {
            decided_on,
            current: snapshot.revision,
        });
    }
    admit_body(config, snapshot, &event.body, now)
}

fn admit_body(
    config: &Config,
    snapshot: &Snapshot,
    body: &EventBody,
    now: Moment,
) -> Result<(), Refusal> {
    let limit = config.settings().limits.text_bytes;
    match body {
        EventBody::MessageReceived(message)
        | EventBody::Started { message, .. }
        | EventBody::MessageEdited(message)
        | EventBody::OperatorWrote { message, .. } => {
            if message.weight() > limit {
                return Err(Refusal::TooLong {
                    bytes: message.weight(),
                    limit,
                });
            }
            match body {
                // Somebody of ours wrote it: a block of ours doesn't undo that.
                EventBody::OperatorWrote { operator, .. } if operator.is_valid() => Ok(()),
                EventBody::OperatorWrote { .. } => Err(Refusal::Malformed {
                    reason: "the operator has no usable name",
                }),
                _ if snapshot.is_blocked_by_us() => Err(Refusal::Blocked),
                EventBody::MessageEdited(message) if message.external_id().is_none() => {
                    Err(Refusal::Malformed {
                        reason: "it doesn't say which message was changed",
                    })
                }
                EventBody::Started {
                    source: Some(source),
                    ..
                } if source.weight() > Source::BYTES_MAX => Err(Refusal::TooLong {
                    bytes: source.weight(),
                    limit: Source::BYTES_MAX,
                }),
                _ => Ok(()),
            }
        }
        EventBody::PostbackReceived(postback) => {
            let limit = config.settings().limits.data_bytes;
            let is_storable = postback.parameters.values().all(Value::is_storable);
            if postback.event.trim().is_empty() || !is_storable {
                return Err(Refusal::Malformed {
                    reason: "a tracker's report names what happened, and isn't nested too deeply",
                });
            }
            if postback.weight() > limit {
                let bytes = postback.weight();
                return Err(Refusal::TooLong { bytes, limit });
            }
            Ok(())
        }
        EventBody::QueueChanged(terms) => sessions::admit_terms(config, snapshot, terms),
        EventBody::Routed {
            queue,
            since,
            choice,
        } => sessions::admit_routed(snapshot, queue, *since, choice),
        EventBody::OperatorLeft { operator, loses } => {
            sessions::admit_left(config, snapshot, operator, *loses)
        }
        EventBody::Deployed if upgrade::leaves(config, snapshot) => Ok(()),
        EventBody::Deployed => Err(Refusal::Unchanged),
        EventBody::WhilePaused(body) => match &**body {
            EventBody::MessageReceived(_)
            | EventBody::Started { .. }
            | EventBody::PostbackReceived(_) => admit_body(config, snapshot, body, now),
            _ => Err(Refusal::Malformed {
                reason: "only what the contact writes and trackers report is held in a pause",
            }),
        },
        EventBody::DialogOpened if snapshot.revision > 0 => Err(Refusal::Unchanged),
        EventBody::DialogOpened => Ok(()),
        EventBody::AddressMoved(to) if *to == snapshot.address => Err(Refusal::Unchanged),
        EventBody::AddressMoved(to) if to.channel != snapshot.address.channel || !to.is_valid() => {
            Err(Refusal::Malformed {
                reason: "an address moves within its channel, and isn't empty or too long",
            })
        }
        EventBody::AddressMoved(_) => Ok(()),
        EventBody::ContactChanged(view) => {
            if view.revision > snapshot.contact.revision {
                Ok(())
            } else {
                Err(Refusal::Unchanged)
            }
        }
        EventBody::TimerFired { name, generation } => match snapshot.timers.get(name) {
            Some(timer) if timer.generation != *generation => Err(Refusal::TimerSuperseded),
            None => Err(Refusal::TimerSuperseded),
            Some(timer) if now < timer.due => Err(Refusal::TimerEarly),
            Some(_) => Ok(()),
        },
        EventBody::ReachReported(reach) => {
            // That we may write is news also where we never asked: it lets us write first.
            let is_news = *reach == Reach::Ok && snapshot.attention.heard_at.is_none();
            if snapshot.reach == *reach && !is_news {
                Err(Refusal::Unchanged)
            } else {
                Ok(())
            }
        }
        EventBody::DeliveryFailed { effect, .. } => {
            let known = effect.dialog == snapshot.dialog && effect.turn <= snapshot.revision;
            if known {
                Ok(())
            } else {
                Err(Refusal::UnknownEffect)
            }
        }
        EventBody::CallAnswered { call, answer, .. } => {
            let limit = config.settings().limits.data_bytes;
            let of_step = snapshot.call.iter().any(|pending| pending.id == *call);
            let beside = snapshot.side_calls.iter().any(|side| side.id == *call);
            match (of_step || beside, answer) {
                (false, _) => Err(Refusal::LateAnswer),
                (true, Ok(value)) if value.weight() > limit || !value.is_storable() => {
                    Err(Refusal::TooLong {
                        bytes: value.weight(),
                        limit,
                    })
                }
                (true, _) => Ok(()),
            }
        }
        EventBody::StepPanicked(body) => match &**body {
            EventBody::StepPanicked(_) => Err(Refusal::Malformed {
                reason: "a panic within a panic",
            }),
            body => admit_body(config, snapshot, body, now),
        },
        EventBody::OperatorActed { operator, act } => {
            if !operator.is_valid() {
                return Err(Refusal::Malformed {
                    reason: "the operator has no usable name",
                });
            }
            match act {
                OperatorAct::Reply(message) => {
                    admit_writer(config, snapshot, operator)?;
                    admit_written(config, message)?;
                    admit_sending(snapshot)
                }
                OperatorAct::Broadcast(message) => {
                    admit_written(config, message)?;
                    admit_sending(snapshot)
                }
                OperatorAct::Accept => sessions::admit_accept(snapshot, operator),
                OperatorAct::Decline => sessions::admit_decline(snapshot, operator),
                OperatorAct::Enqueue(queue) => sessions::admit_enqueue(snapshot, queue),
                OperatorAct::Transfer { to, .. } => sessions::admit_transfer(snapshot, to),
                OperatorAct::Complete if snapshot.session.is_some() => Ok(()),
                OperatorAct::Complete => Err(Refusal::SessionCompleted),
                OperatorAct::Reopen if snapshot.session.is_some() => Err(Refusal::Unchanged),
                OperatorAct::Reopen if snapshot.last_session.is_none() => {
                    Err(Refusal::NothingToReopen)
                }
                OperatorAct::Reopen => Ok(()),
                OperatorAct::Acknowledge if snapshot.attention.needs_reply_since.is_some() => {
                    Ok(())
                }
                OperatorAct::Acknowledge => Err(Refusal::Unchanged),
                OperatorAct::Edit { of, text } => {
                    admit_writer(config, snapshot, operator)?;
                    admit_written(config, &Message::new(text.clone()))?;
                    admit_ours(snapshot, *of)?;
                    admit_sending(snapshot)
                }
                OperatorAct::Delete { of } => {
                    admit_writer(config, snapshot, operator)?;
                    admit_ours(snapshot, *of)?;
                    admit_sending(snapshot)
                }
                OperatorAct::Take => {
                    let holds = Assignee::Operator(operator.clone());
                    let session = snapshot.session.as_ref();
                    let in_hand =
                        session.is_some_and(|session| session.handling == Handling::InProgress);
                    let leads = snapshot.automation == Automation::Manual;
                    if snapshot.assignee == holds && leads && in_hand {
                        Err(Refusal::Unchanged)
                    } else {
                        Ok(())
                    }
                }
                OperatorAct::Set(settings) => admit_set(config, snapshot, settings),
                OperatorAct::Retry if matches!(snapshot.automation, Automation::Error(_)) => Ok(()),
                OperatorAct::Retry => Err(Refusal::NothingToRetry),
                OperatorAct::Advise { .. } => {
                    let ai = &config.behaviour().ai;
                    let spent = snapshot.usage.cost;
                    if ai.dialog_budget.is_some_and(|budget| spent >= budget.0) {
                        return Err(Refusal::OverBudget);
                    }
                    Ok(())
                }
                OperatorAct::Block if snapshot.operator_block.is_some() => Err(Refusal::Unchanged),
                OperatorAct::Block => Ok(()),
                OperatorAct::Unblock if snapshot.operator_block.is_none() => {
                    Err(Refusal::Unchanged)
                }
                OperatorAct::Unblock => Ok(()),
            }
        }
    }
}

/// Whether this operator may write here, as the bot's settings say.
fn admit_writer(
    config: &Config,
    snapshot: &Snapshot,
    operator: &OperatorId,
) -> Result<(), Refusal> {
    let is_his = match &snapshot.assignee {
        Assignee::Nobody => true,
        Assignee::Operator(assignee) => assignee == operator,
        Assignee::Bot(_) => false,
    };
    if is_his || config.behaviour().write_guard == WriteGuard::AnyWithAccess {
        return Ok(());
    }
    Err(Refusal::NotAssignee {
        assignee: snapshot.assignee.clone(),
    })
}

/// Whether a person may write this.
fn admit_written(config: &Config, message: &Message) -> Result<(), Refusal> {
    let limit = config.settings().limits.text_bytes;
    if message.is_empty() {
        return Err(Refusal::Empty);
    }
    if message.weight() > limit {
        return Err(Refusal::TooLong {
            bytes: message.weight(),
            limit,
        });
    }
    Ok(config.behaviour().message_rules.check(message)?)
}

fn admit_sending(snapshot: &Snapshot) -> Result<(), Refusal> {
    if snapshot.is_blocked() {
        return Err(Refusal::Blocked);
    }
    match snapshot.reach {
        Reach::CannotWrite(_) => Err(Refusal::CannotWrite),
        Reach::Ok | Reach::BlockedByContact => Ok(()),
    }
}

/// Whether an effect can be a message of ours.
fn admit_ours(snapshot: &Snapshot, of: EffectId) -> Result<(), Refusal> {
    if of.dialog == snapshot.dialog && of.turn <= snapshot.revision && of.n > 0 {
        Ok(())
    } else {
        Err(Refusal::UnknownEffect)
    }
}

fn admit_set(
    config: &Config,
    snapshot: &Snapshot,
    settings: &DialogSettings,
) -> Result<(), Refusal> {
    if let Some(StatusChoice::Custom(label)) = &settings.status
        && config.custom_status(label).is_none()
    {
        return Err(Refusal::UnknownStatus {
            label: label.clone(),
        });
    }
    let mut changes = admit_values(config, snapshot, settings)?;
    if let Some(Assignee::Operator(operator)) = &settings.assignee
        && !operator.is_valid()
    {
        return Err(Refusal::Malformed {
            reason: "the operator who becomes responsible has no usable name",
        });
    }
    if let Some(Assignee::Bot(bot)) = &settings.assignee
        && *bot != snapshot.bot
    {
        return Err(Refusal::Malformed {
            reason: "a dialog can be given to its own bot only",
        });
    }
    changes |= settings.line.is_some_and(|line| line != snapshot.line);
    if let Some(TranslateTo::Language(language)) = &settings.translate {
        let is_language = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if language.is_empty() || language.len() > 35 || !language.chars().all(is_language) {
            let reason = "a language is named like `es` or `pt-BR`";
            return Err(Refusal::Malformed { reason });
        }
    }
    let assignee = settings.assignee.as_ref();
    changes |= assignee.is_some_and(|assignee| *assignee != snapshot.assignee);
    let translate = settings.translate.as_ref();
    changes |= translate.is_some_and(|to| *to != snapshot.translate);
    if let Some(target) = &settings.step {
        let own = snapshot.position.as_ref().map(|position| &position.flow);
        let flow = target
            .flow
            .as_ref()
            .or(own)
            .unwrap_or_else(|| &config.settings().entry);
        if config
            .find_pinned(&snapshot.pins, flow, target.step.as_ref())
            .is_none()
        {
            return Err(match &target.step {
                Some(step) => Refusal::UnknownStep { step: step.clone() },
                None => Refusal::UnknownFlow { flow: flow.clone() },
            });
        }
        return Ok(());
    }
    if config.behaviour().resume_from == ResumeFrom::RequireStep
        && snapshot.automation == Automation::Manual
        && let Some(choice) = &settings.status
        && chosen(config, choice).0.drives()
        && chosen(config, choice).0 != Automation::Start
    {
        return Err(Refusal::StepRequired);
    }
    changes |= settings.status.as_ref().is_some_and(|choice| {
        let (automation, label) = chosen(config, choice);
        snapshot.automation != automation
            || snapshot.label != label
            || snapshot.operator_block.is_some()
    });
    if changes {
        Ok(())
    } else {
        Err(Refusal::Unchanged)
    }
}

/// Whether tags, fields and data can be set as they are named; says whether that changes any.
fn admit_values(
    config: &Config,
    snapshot: &Snapshot,
    settings: &DialogSettings,
) -> Result<bool, Refusal> {
    let mut contact = snapshot.contact.clone();
    for tag in settings.add_tags.iter().chain(&settings.remove_tags) {
        if !config.behaviour().knows_tag(tag) {
            return Err(Refusal::UnknownTag { tag: tag.clone() });
        }
    }
    for tag in &settings.add_tags {
        if !is_tag(tag) || settings.remove_tags.contains(tag) {
            let reason = "a tag has 1 to 64 bytes and is added or removed, not both";
            return Err(Refusal::Malformed { reason });
        }
        contact.tags.insert(tag.clone());
    }
    for tag in &settings.remove_tags {
        contact.tags.remove(tag);
    }
    contact.fields.extend(settings.fields.clone());
    let mut data = snapshot.data.clone();
    data.extend(settings.data.clone());
    let limit = config.settings().limits.data_bytes;
    for values in [&contact.fields, &data] {
        let bytes = values
            .iter()
            .map(|(name, value)| name.len() + value.weight())
            .sum();
        if bytes > limit {
            return Err(Refusal::TooLong { bytes, limit });
        }
    }
    for (name, value) in settings.fields.iter().chain(&settings.data) {
        if !is_data_name(name) || !value.is_storable() {
            let reason = "a value has no usable name, or is nested too deeply";
            return Err(Refusal::Malformed { reason });
        }
    }
    Ok(contact != snapshot.contact || data != snapshot.data)
}

/// What a choice of status sets. A custom status that isn't registered has been refused.
pub(crate) fn chosen(config: &Config, choice: &StatusChoice) -> (Automation, Option<StatusLabel>) {
    use crate::dialog::StatusKind;
    match choice {
        StatusChoice::Start => (Automation::Start, None),
        StatusChoice::Auto => (Automation::Auto, None),
        StatusChoice::Waiting => (Automation::Waiting, None),
        StatusChoice::Manual => (Automation::Manual, None),
        StatusChoice::Finished => (Automation::Finished, None),
        StatusChoice::Custom(label) => {
            let kind = config
                .custom_status(label)
                .map_or(StatusKind::Manual, |status| status.kind);
            let automation = match kind {
                StatusKind::Start => Automation::Start,
                StatusKind::Auto => Automation::Auto,
                StatusKind::Waiting => Automation::Waiting,
                StatusKind::Finished => Automation::Finished,
                // The other kinds can't be registered.
                StatusKind::Manual
                | StatusKind::Error
                | StatusKind::Blocked
                | StatusKind::Stopped => Automation::Manual,
            };
            (automation, Some(label.clone()))
        }
    }
}
