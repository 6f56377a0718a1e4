//! One worker: events in, turns committed, effects delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tracing::Instrument as _;

use crate::channel::{MessageAction, SendError};
use crate::crm::{Operator, OperatorAction, Policy, Routing};
use crate::dialog::codec::{DecodeError, EncodeError};
use crate::dialog::{
    Address, BotId, ChannelId, Contact, ContactId, DialogId, EffectId, Event, EventBody, EventKey,
    Fact, OperatorAct, OperatorId, Profile, QueueId, RawBody, Revision, Snapshot, SpaceId, Usage,
};
use crate::engine::{Engine, Refusal, Refused, Transition};
use crate::flow::Config;
use crate::runner::asked::Asked;
use crate::runner::deliver::Ended;
use crate::runner::line::Line;
use crate::runner::order::{Order, Pass};
use crate::runner::people::Chosen;
use crate::runner::wake::Wake;
use crate::runner::{Clock, RetryPolicy};
use crate::store::{
    CommitError, Committed, LoadedDialog, Opened, RefusedEvent, Settlement, Store, StoreError,
    TurnCommit,
};

/// How often a turn is decided anew because somebody else changed the dialog meanwhile.
pub(crate) const ROUNDS_MAX: u32 = 16;

/// Takes events, makes turns of them, commits them and delivers what they decided.
///
/// - Inputs: [`receive`](Worker::receive) for what a channel reports, [`handle`](Worker::handle)
///   for what a host or an operator does. Both return when the turn is durable.
/// - The loop: [`run`](Worker::run) fires timers and delivers effects until it is told to stop,
///   [`step`](Worker::step) does what is due now and returns.
///
/// Call [`start`](Worker::start) once before all others. The worker has no executor: whoever
/// polls these futures runs it.
pub struct Worker {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Replaced one by one, by [`deploy`](Worker::deploy).
    pub(crate) bots: RwLock<BTreeMap<BotId, Arc<Config>>>,
    pub(crate) deploying: futures::lock::Mutex<()>,
    pub(crate) lines: BTreeMap<ChannelId, Line>,
    pub(crate) ports: BTreeMap<String, Asked>,
    pub(crate) retry: RetryPolicy,
    pub(crate) deliveries_max: usize,
    pub(crate) wake: Wake,
    pub(crate) delivery_timeout: Duration,
    pub(crate) order: Order,
    pub(crate) ended: Mutex<BTreeMap<EffectId, Ended>>,
    pub(crate) policy: Arc<dyn Policy>,
    pub(crate) routings: BTreeMap<String, Arc<dyn Routing>>,
    pub(crate) presence_grace: Duration,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field(
                "bots",
                &self
                    .configs()
                    .map(|config| config.bot().clone())
                    .collect::<Vec<_>>(),
            )
            .field("channels", &self.lines.keys())
            .finish_non_exhaustive()
    }
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// It made a turn, which is durable.
    Applied {
        /// The dialog's revision now.
        revision: Revision,
        /// Deliveries of earlier turns that it took back: they never begin.
        cancelled: Vec<EffectId>,
        /// Where it takes something back: messages of automation that had begun to be sent, so
        /// that they may still arrive.
        under_way: Vec<EffectId>,
    },
    /// It had been handled before; nothing changed. Also the answer where the store lost the
    /// answer of this very turn's commit, and it had happened.
    Duplicate,
    /// It speaks of messages of ours, whose rows were changed. That is no turn of the dialog.
    Noted,
    /// It would change nothing, so nothing was written.
    Unchanged,
    /// It was refused. That is recorded, and the event won't be taken again.
    Refused(Refusal),
    /// The timer isn't due yet, or automation waits for the end of the bot's pause; nothing was
    /// written.
    NotYet,
}

impl Handled {
    /// It made a turn that took nothing back.
    pub const fn applied(revision: Revision) -> Self {
        Self::Applied {
            revision,
            cancelled: Vec::new(),
            under_way: Vec::new(),
        }
    }
}

/// Why an event was not handled. Nothing of it is stored; it may be offered again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandleError {
    /// A command that the dialog doesn't take as it stands.
    #[error(transparent)]
    Refused(#[from] Box<Refused>),
    /// There is no such dialog.
    #[error("there is no dialog {dialog}")]
    NoSuchDialog {
        /// Its id.
        dialog: DialogId,
    },
    /// The host's policy doesn't let the operator do this.
    #[error("operator `{operator}` may not {}", action.label())]
    Forbidden {
        /// Who.
        operator: OperatorId,
        /// What.
        action: OperatorAction,
    },
    /// The host's policy doesn't show the operator the dialog.
    #[error("operator `{operator}` may not see dialog {dialog}")]
    Hidden {
        /// Who.
        operator: OperatorId,
        /// The dialog.
        dialog: DialogId,
    },
    /// The operator who is to get the dialog has as many as he may have.
    #[error(
        "operator `{operator}` has as many dialogs as he may have; complete one, or raise his capacity"
    )]
    Full {
        /// Who.
        operator: OperatorId,
    },
    /// The space of the dialog has operators, and this isn't one of them.
    #[error("the space has no operator `{operator}`")]
    UnknownOperator {
        /// His id.
        operator: OperatorId,
    },
    /// The space of the dialog has no such queue.
    #[error("the space has no queue `{queue}`")]
    UnknownQueue {
        /// Its id.
        queue: QueueId,
    },
    /// The channel is not one of this worker's.
    #[error("channel `{channel}` belongs to no bot of this program")]
    NoSuchChannel {
        /// The channel.
        channel: ChannelId,
    },
    /// The dialog's bot is not one of this worker's.
    #[error("bot `{bot}` isn't in this program")]
    NoSuchBot {
        /// The bot.
        bot: BotId,
    },
    /// An address or a key is empty or too long.
    #[error("the event is not well formed: {reason}")]
    Malformed {
        /// What is wrong.
        reason: &'static str,
    },
    /// The dialog's channel has no such action.
    #[error("channel `{channel}` can't {} a message", action.label())]
    Unsupported {
        /// The channel.
        channel: ChannelId,
        /// The action.
        action: MessageAction,
    },
    /// The channel could not do it.
    #[error(transparent)]
    Channel(#[from] SendError),
    /// Others kept changing the dialog.
    #[error("dialog {dialog} is changed by others all the time")]
    Contended {
        /// The dialog.
        dialog: DialogId,
    },
    /// The stored snapshot can't be read by this build.
    #[error("dialog {dialog} can't be read")]
    Decode {
        /// The dialog.
        dialog: DialogId,
        /// Why.
        source: DecodeError,
    },
    /// The turn can't be put into the stored form.
    #[error("a turn can't be stored")]
    Encode(#[from] EncodeError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store lost its answer and can't say what happened.
    #[error("the store lost the answer of a commit")]
    Commit(#[source] CommitError),
}

impl Worker {
    /// Stores the configs, takes up what an earlier process left in flight, and leads dialogs
    /// out of versions of their flows that are to be left. Call it once, before anything else.
    ///
    /// # Errors
    /// [`StoreError`] where the store can't be written.
    pub async fn start(&self) -> Result<(), StoreError> {
        for config in self.configs() {
            self.store.put_definitions(config.definitions()).await?;
        }
        let taken_up = self.store.recover(self.clock.now()).await?;
        if taken_up > 0 {
            tracing::info!(taken_up, "deliveries of an earlier run are sent again");
        }
        for config in self.configs() {
            self.save_managers(&config).await?;
            self.lead_at_start(&config).await?;
        }
        let configs = self.configs();
        let spaces: BTreeSet<_> = configs
            .map(|config| config.settings().space.clone())
            .collect();
        for space in &spaces {
            self.sweep(space).await?;
        }
        self.wake.signal();
        Ok(())
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The configs of its bots, as they are now.
    pub fn configs(&self) -> impl Iterator<Item = Arc<Config>> {
        let bots = self.bots.read().unwrap_or_else(PoisonError::into_inner);
        let configs: Vec<_> = bots.values().cloned().collect();
        configs.into_iter()
    }

    /// Handles an operator's act on a dialog that exists. The same act under the same key
    /// changes the dialog once. Other events come from channels, timers and deliveries, not
    /// from here.
    ///
    /// # Errors
    /// [`HandleError::Refused`] where the dialog doesn't take it as it stands,
    /// [`HandleError::Forbidden`] and [`HandleError::Hidden`] where the policy says no,
    /// [`HandleError::Full`] where whoever is to get the dialog has no room, and
    /// [`HandleError::UnknownOperator`] and [`HandleError::UnknownQueue`] where the space doesn't
    /// know whom the act names; a refused command leaves nothing.
    pub async fn handle(&self, dialog: DialogId, event: &Event) -> Result<Handled, HandleError> {
        self.handle_in(None, dialog, event).await
    }

    /// Handles the act of an operator of a space.
    pub(crate) async fn handle_in(
        &self,
        space: Option<&SpaceId>,
        dialog: DialogId,
        event: &Event,
    ) -> Result<Handled, HandleError> {
        check_key(&event.key)?;
        let EventBody::OperatorActed { operator, act } = &event.body else {
            return Err(HandleError::Malformed {
                reason: "only an operator's act can be handed in; a channel reports by `receive`",
            });
        };
        // What was done may have taken from him what he did it by.
        if self.store.is_handled(dialog, &event.key).await? {
            return Ok(Handled::Duplicate);
        }
        let actor = self.actor(space, dialog, operator, act).await?;
        let action = match act {
            OperatorAct::Edit { .. } => Some(MessageAction::Edit),
            OperatorAct::Delete { .. } => Some(MessageAction::Delete),
            _ => None,
        };
        if let Some(action) = action {
            self.can_act(dialog, action).await?;
        }
        let with = With {
            actor: Some(actor),
            ..With::default()
        };
        self.turn_with(dialog, event, None, &with).await
    }

    /// One event, one turn, one commit. The event's settlement is part of the commit.
    pub(crate) async fn turn(
        &self,
        dialog: DialogId,
        event: &Event,
        person: Option<Person<'_>>,
        settlement: Option<Settlement>,
    ) -> Result<Handled, HandleError> {
        self.turn_of(dialog, event, person, settlement, None).await
    }

    /// A turn of a report that is kept as it came beside it.
    pub(crate) async fn turn_of(
        &self,
        dialog: DialogId,
        event: &Event,
        person: Option<Person<'_>>,
        settlement: Option<Settlement>,
        raw: Option<RawBody>,
    ) -> Result<Handled, HandleError> {
        let with = With {
            settlement,
            raw,
            ..With::default()
        };
        self.turn_with(dialog, event, person, &with).await
    }

    /// A turn with what is written beside it.
    pub(crate) async fn turn_with(
        &self,
        dialog: DialogId,
        event: &Event,
        person: Option<Person<'_>>,
        with: &With,
    ) -> Result<Handled, HandleError> {
        let pass = self.order.pass(dialog).await;
        let span = tracing::debug_span!("turn", %dialog, event = event.body.label());
        self.turn_in_order(&pass, dialog, event, person, with)
            .instrument(span)
            .await
    }

    async fn turn_in_order(
        &self,
        _pass: &Pass,
        dialog: DialogId,
        event: &Event,
        person: Option<Person<'_>>,
        with: &With,
    ) -> Result<Handled, HandleError> {
        let mut panicked = None;
        for _ in 0..ROUNDS_MAX {
            let loaded = self.store.load(dialog).await?;
            let (snapshot, opened, paused) = match &loaded {
                Some(loaded) => (decode(dialog, loaded)?, None, loaded.bot_paused),
                None => {
                    let person = person.ok_or(HandleError::NoSuchDialog { dialog })?;
                    let (snapshot, opened) = self.open(person).await?;
                    let row = self.store.bot(&snapshot.bot).await?;
                    (snapshot, Some(opened), row.paused_since.is_some())
                }
            };
            if paused && with.automatic {
                return Ok(Handled::NotYet);
            }
            let config = self.config(&snapshot.bot)?;
            if let Some(loaded) = &loaded
                && self
                    .bring_contact_up(&config, &snapshot, loaded, person)
                    .await?
            {
                continue;
            }
            let is_terms = matches!(event.body, EventBody::QueueChanged(_));
            if !is_terms && self.bring_queue_up(&config, &snapshot).await? {
                continue;
            }
            if let (Some(actor), EventBody::OperatorActed { act, .. }) = (&with.actor, &event.body)
            {
                self.can_do(actor, act, &snapshot)?;
            }
            let kept = paused.then(|| while_paused(event)).flatten();
            let given = panicked.as_ref().or(kept.as_ref()).unwrap_or(event);
            let now = self.clock.now();
            let decided = catch_unwind(AssertUnwindSafe(|| {
                Engine::handle(&config, snapshot, given, now)
            }));
            let transition = match decided {
                Ok(Ok(transition)) => transition,
                Ok(Err(refused)) => return self.refused(dialog, given, refused, with).await,
                Err(_) if panicked.is_some() => {
                    // Nothing of a host's runs in a StepPanicked turn.
                    return Err(HandleError::Contended { dialog });
                }
                Err(_) => {
                    tracing::error!("a step panicked; its turn is undone");
                    let body = EventBody::StepPanicked(Box::new(given.body.clone()));
                    panicked = Some(Event {
                        body,
                        ..event.clone()
                    });
                    continue;
                }
            };
            match self.commit(transition, &given.key, opened, with).await {
                Ok(handled) => return Ok(handled),
                Err(Failed::Again(error)) => tracing::debug!(%error, "the turn is decided anew"),
                Err(Failed::For(error)) => return Err(error),
            }
        }
        Err(HandleError::Contended { dialog })
    }

    /// The one place where a turn is committed.
    pub(crate) async fn commit(
        &self,
        transition: Transition,
        key: &EventKey,
        opened: Option<Opened>,
        with: &With,
    ) -> Result<Handled, Failed> {
        let revision = transition.snapshot.revision;
        for fact in &transition.facts {
            if let Fact::StatusChanged {
                error: Some(error), ..
            } = fact
            {
                let step = transition
                    .snapshot
                    .position
                    .as_ref()
                    .map(|at| at.step.as_str());
                tracing::error!(
                    ?error,
                    step,
                    "the dialog shows Error and is silent until somebody acts"
                );
            }
        }
        let moves_people = transition.facts.iter().any(moves_people);
        let needs_room = transition.needs_room && moves_people;
        let has_work =
            moves_people || !transition.effects.is_empty() || !transition.timers.is_empty();
        let now = self.clock.now();
        let settlement = with.settlement.clone();
        let mut turn = TurnCommit::new(transition, key.clone(), opened, settlement, now)
            .map_err(|error| Failed::For(error.into()))?;
        turn.raw.clone_from(&with.raw);
        if let Some(chosen) = &with.chosen {
            turn.operators.clone_from(&chosen.operators);
            if let Some(guard) = &mut turn.queue {
                guard.revision = Some(chosen.queue);
            }
        } else if needs_room && let Some(holder) = &turn.row.holder {
            let room = self.room_of(&turn.bot, holder, turn.row.queue.as_ref());
            if let Some((operator, queue)) = room.await.map_err(Failed::For)? {
                turn.operators.push(operator);
                turn.queue = turn.queue.or(queue);
            }
        }
        // An answer that can't be used has cost something too.
        if let Some((_, usage)) = with.usage.as_ref().filter(|_| turn.usage.is_empty()) {
            turn.usage = *usage;
        }
        // Also where the caller goes away while the store is busy: the turn may still land.
        let _wake = has_work.then(|| self.wake.on_drop());
        match self.store.commit(turn).await {
            Ok(Committed::Applied {
                cancelled,
                under_way,
            }) => {
                if !cancelled.is_empty() {
                    tracing::debug!(cancelled = cancelled.len(), "deliveries were cancelled");
                }
                Ok(Handled::Applied {
                    revision,
                    cancelled,
                    under_way,
                })
            }
            Ok(Committed::Duplicate { .. }) => Ok(Handled::Duplicate),
            // Both are answered by loading again: the revision and the key then tell.
            Err(error @ (CommitError::Conflict { .. } | CommitError::Unknown { .. })) => {
                Err(Failed::Again(error))
            }
            // Whoever chose chooses again.
            Err(CommitError::Full { .. } | CommitError::Outdated) if with.chosen.is_some() => {
                Ok(Handled::NotYet)
            }
            Err(CommitError::Full { operator }) => Err(Failed::For(HandleError::Full { operator })),
            Err(error @ CommitError::Outdated) => Err(Failed::Again(error)),
            Err(CommitError::Store(error)) => Err(Failed::For(error.into())),
        }
    }

    /// What to do with a refusal: a command's goes back to its caller and leaves nothing; any
    /// other event is over, and that is recorded.
    async fn refused(
        &self,
        dialog: DialogId,
        event: &Event,
        refused: Refused,
        with: &With,
    ) -> Result<Handled, HandleError> {
        let is_command = matches!(event.body, EventBody::OperatorActed { .. });
        if is_command && self.store.is_handled(dialog, &event.key).await? {
            // It was taken before, perhaps by ourselves: the store may have lost the answer.
            return Ok(Handled::Duplicate);
        }
        match refused.reason {
            Refusal::TimerEarly => return Ok(Handled::NotYet),
            Refusal::Unchanged if is_command || is_of_runner(&event.body) => {
                return Ok(Handled::Unchanged);
            }
            Refusal::WaitsNoMore => return Ok(Handled::Unchanged),
            _ if is_command => return Err(HandleError::Refused(Box::new(refused))),
            _ => {}
        }
        tracing::debug!(reason = %refused.reason, "the event was refused");
        let now = self.clock.now();
        let settlement = with.settlement.clone();
        let mut record = RefusedEvent::new(dialog, event, now, &refused.reason, settlement)?;
        record.raw.clone_from(&with.raw);
        record.usage.clone_from(&with.usage);
        match self.store.refuse(record).await {
            Ok(Committed::Applied { .. }) => Ok(Handled::Refused(refused.reason)),
            Ok(Committed::Duplicate { .. }) => Ok(Handled::Duplicate),
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(error) => Err(HandleError::Commit(error)),
        }
    }

    /// The snapshot and the rows of a dialog that doesn't exist yet.
    async fn open(&self, person: Person<'_>) -> Result<(Snapshot, Opened), HandleError> {
        let config = self.config(person.bot)?;
        let space = &config.settings().space;
        let id = ContactId::derive(space, person.address);
        let contact = match self.store.contact(id).await? {
            Some(contact) => contact,
            None => Contact::new(id, space.clone(), person.profile),
        };
        let now = self.clock.now();
        let mut snapshot = config.open(person.address.clone(), contact.view.clone(), now);
        // What it is to know of its queue by its first turn.
        if let Some(queue) = crate::engine::queue_of(&config, &snapshot) {
            let row = self.store.queue(space, queue).await?;
            snapshot.terms = row.map(|row| row.queue.terms());
        }
        Ok((
            snapshot,
            Opened {
                address: person.address.clone(),
                contact,
            },
        ))
    }

    pub(crate) fn config(&self, bot: &BotId) -> Result<Arc<Config>, HandleError> {
        let bots = self.bots.read().unwrap_or_else(PoisonError::into_inner);
        bots.get(bot)
            .cloned()
            .ok_or_else(|| HandleError::NoSuchBot { bot: bot.clone() })
    }
}

/// What is written in a turn's commit beside it.
#[derive(Debug, Default)]
pub(crate) struct With {
    /// How the delivery ended that the event reports.
    pub(crate) settlement: Option<Settlement>,
    /// The report as it came.
    pub(crate) raw: Option<RawBody>,
    /// The event is automation's: there is no turn while the bot is paused.
    pub(crate) automatic: bool,
    /// What an answer has cost, which is spent though nobody waits for it any more.
    pub(crate) usage: Option<(BotId, Usage)>,
    /// By which rows the event's choice was made.
    pub(crate) chosen: Option<Chosen>,
    /// The operator who acts, of whom the policy is asked.
    pub(crate) actor: Option<Operator>,
}

/// Who an inbound event is from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person<'a> {
    pub(crate) bot: &'a BotId,
    pub(crate) address: &'a Address,
    pub(crate) profile: &'a Profile,
}

pub(crate) enum Failed {
    /// The dialog changed meanwhile, or nobody knows: load and decide again.
    Again(CommitError),
    For(HandleError),
}

/// Whether the runner itself looked whether there is something to change, and may look again.
const fn is_of_runner(body: &EventBody) -> bool {
    matches!(
        body,
        EventBody::Deployed
            | EventBody::QueueChanged(_)
            | EventBody::Routed { .. }
            | EventBody::OperatorLeft { .. }
    )
}

/// Whether a fact may change who has the dialog, or who may get it.
const fn moves_people(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::AssigneeChanged { .. }
            | Fact::HandlingChanged { .. }
            | Fact::Queued { .. }
            | Fact::Offered { .. }
            | Fact::OfferEnded { .. }
            | Fact::SessionOpened { .. }
            | Fact::SessionReopened { .. }
            | Fact::SessionCompleted { .. }
    )
}

/// What the contact's event becomes in a pause of the bot: it is kept, and the flow gets it later.
fn while_paused(event: &Event) -> Option<Event> {
    let waits = matches!(
        event.body,
        EventBody::MessageReceived(_) | EventBody::Started { .. } | EventBody::PostbackReceived(_)
    );
    waits.then(|| Event {
        body: EventBody::WhilePaused(Box::new(event.body.clone())),
        ..event.clone()
    })
}

pub(crate) fn check_key(key: &EventKey) -> Result<(), HandleError> {
    if !key.is_valid() {
        return Err(HandleError::Malformed {
            reason: "the key is empty or longer than 256 bytes",
        });
    }
    if key.is_own() {
        return Err(HandleError::Malformed {
            reason: "keys that begin with ~ are the runner's own",
        });
    }
    Ok(())
}

pub(crate) fn decode(dialog: DialogId, loaded: &LoadedDialog) -> Result<Snapshot, HandleError> {
    Snapshot::decode(&loaded.snapshot).map_err(|source| HandleError::Decode { dialog, source })
}
