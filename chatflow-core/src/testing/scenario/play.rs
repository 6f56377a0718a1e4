//! Playing scenarios through the worker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::outside::{Outside, Who};
use super::people::{PolicyName, SetUp};
use super::played::heard_line;
use super::words::{Wanted, write_heard};
use super::work::Loop;
use super::{CONTACT, Failure, Item, Line, Played, Report, Said, Scenario};
use crate::channel::{Capabilities, Inbound, InboundBody, Receipts};
use crate::dialog::codec::DecodeError;
use crate::dialog::{
    Address, BotId, ContactAct, DialogId, Event, Message, OperatorAct, OperatorId, Profile,
    Receipted, Side, SpaceId,
};
use crate::flow::Bot;
use crate::runner::{
    ChangeContactError, Clock as _, ContactChanged, DeskError, HandleError, Handled, Port, Worker,
    WorkerError,
};
use crate::store::{MemoryStore, Store, StoreError};
use crate::testing::{ManualClock, ScriptedChannel};

/// The channel that a scenario's contacts write on.
const CHANNEL: &str = "scenario";

/// Plays scenarios to a bot, each from the beginning: with the production worker, a clock that
/// only the scenario moves, and a channel that accepts all but what the scenario refuses.
///
/// It has no executor: whoever polls [`play`](Player::play) runs it, and with the store in
/// memory it never waits.
pub struct Player {
    bot: Bot,
    ports: BTreeMap<String, Arc<dyn Port>>,
    store: Option<Arc<dyn Store>>,
}

impl std::fmt::Debug for Player {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Player")
            .field("bot", &self.bot.settings.bot)
            .field("ports", &self.ports.keys())
            .finish_non_exhaustive()
    }
}

/// Why a scenario could not be played to its end. What merely didn't hold is a
/// [`Failure`] instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlayError {
    /// The bot can't be used.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The worker could not handle what a line brings.
    #[error("line {line} can't be handled")]
    Handle {
        /// The line.
        line: usize,
        /// Why.
        source: HandleError,
    },
    /// The worker could not change a contact.
    #[error("line {line}: the contact can't be changed")]
    Contact {
        /// The line.
        line: usize,
        /// Why.
        source: ChangeContactError,
    },
    /// The worker could not change or show what an operator asked for.
    #[error("line {line}: the operator's desk failed")]
    Desk {
        /// The line.
        line: usize,
        /// Why.
        source: DeskError,
    },
    /// What the store keeps can't be read.
    #[error("line {line}: what is stored can't be read")]
    Decode {
        /// The line.
        line: usize,
        /// Why.
        source: DecodeError,
    },
    /// Something becomes due again and again on the way to the moment that a line names.
    #[error("line {line}: timers and retries came due 10000 times and there are still more")]
    NeverQuiet {
        /// The line.
        line: usize,
    },
}

impl Player {
    /// A player of this bot's part.
    pub fn new(bot: Bot) -> Self {
        Self {
            bot,
            ports: BTreeMap::new(),
            store: None,
        }
    }

    /// Adds somebody who answers calls. A port that a scenario's `~` lines speak for is
    /// answered by the scenario alone.
    #[must_use]
    pub fn port(mut self, name: impl Into<String>, port: Arc<dyn Port>) -> Self {
        self.ports.insert(name.into(), port);
        self
    }

    /// Draws the arms of splits from this seed instead of the bot's own.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.bot = self.bot.seed(seed);
        self
    }

    /// Plays over this store instead of a new one in memory each time. It must be empty of the
    /// bot's dialogs, so it serves for one scenario.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Plays a scenario to its end, whatever fails on the way.
    ///
    /// # Errors
    /// [`PlayError`] where it can't be played on. What didn't hold is in [`Played::failures`].
    pub async fn play(&self, scenario: &Scenario) -> Result<Played, PlayError> {
        let mut play = Play::begin(self, scenario)?;
        play.worker.start().await?;
        for line in &scenario.lines {
            play.line(line).await?;
        }
        Ok(play.end())
    }
}

/// A scenario under way.
pub(super) struct Play<'a> {
    player: &'a Player,
    pub(super) worker: Arc<Worker>,
    pub(super) store: Arc<dyn Store>,
    /// The store is the one in memory, which answers at once.
    pub(super) is_own_store: bool,
    pub(super) clock: Arc<ManualClock>,
    channel: Arc<ScriptedChannel>,
    pub(super) bot: BotId,
    pub(super) space: SpaceId,
    policy: Option<PolicyName>,
    pub(super) outside: Outside,
    /// The worker's loop, where lines make calls wait.
    pub(super) beside: Option<Loop>,
    /// Contacts who were shown that somebody writes, since a line looked.
    pub(super) typing: BTreeSet<String>,
    /// What contacts were sent and no `<` line has claimed yet.
    heard: VecDeque<(String, Message)>,
    /// The last line that brought something in, and what became of it.
    pub(super) last: Option<(Line, Became)>,
    /// What the channel tells of contacts with all it reports.
    profiles: BTreeMap<String, Profile>,
    /// What each contact's channel reported last.
    reported: BTreeMap<String, Inbound>,
    /// Lines whose refusal no send has met yet.
    refusals: VecDeque<Line>,
    played: Played,
    updated: Vec<String>,
    /// Where in `updated` a message goes that no line claims.
    insert_at: usize,
}

/// What became of what a line brought in.
pub(super) enum Became {
    /// What was to become of it.
    AsWritten,
    /// Something else, which the next lines may ask for.
    Unchanged,
    Refused(String),
}

impl<'a> Play<'a> {
    fn begin(player: &'a Player, scenario: &Scenario) -> Result<Self, PlayError> {
        let store: Arc<dyn Store> = match &player.store {
            Some(store) => Arc::clone(store),
            None => Arc::new(MemoryStore::new()),
        };
        let clock = Arc::new(ManualClock::default());
        let channel = Arc::new(ScriptedChannel::new(CHANNEL).with_capabilities(capabilities()));
        let spoken = scenario.lines.iter().filter_map(|line| match &line.item {
            Item::Answers { given, .. } => Some(given.who()),
            Item::Holds { check, .. } => check.asks_of(),
            _ => None,
        });
        let outside = Outside::new(spoken);
        let has_waiting = (scenario.lines.iter())
            .any(|line| matches!(&line.item, Item::Answers { given, .. } if given.waits()));
        let mut items = scenario.lines.iter().map(|line| &line.item);
        let policy = items.find_map(|item| match item {
            Item::SetsUp(SetUp::Policy(policy)) => Some(*policy),
            _ => None,
        });
        let worker = worker(player, policy, &store, &clock, &channel, &outside)?;
        Ok(Self {
            player,
            store,
            is_own_store: player.store.is_none(),
            clock,
            channel,
            bot: player.bot.settings.bot.clone(),
            space: player.bot.settings.space.clone(),
            policy,
            outside,
            beside: has_waiting.then(|| Loop::of(&worker)),
            worker,
            typing: BTreeSet::new(),
            heard: VecDeque::new(),
            last: None,
            profiles: BTreeMap::new(),
            reported: BTreeMap::new(),
            refusals: VecDeque::new(),
            played: Played {
                failures: Vec::new(),
                transcript: Vec::new(),
                updated: String::new(),
            },
            updated: Vec::new(),
            insert_at: 0,
        })
    }

    async fn line(&mut self, line: &Line) -> Result<(), PlayError> {
        match &line.item {
            Item::Silent => self.updated.push(line.source.clone()),
            Item::Hears { contact, wanted } => self.hears(line, contact, wanted),
            Item::Holds { contact, check } => {
                self.holds(line, contact, check).await?;
                self.updated.push(line.source.clone());
            }
            input => {
                self.close_last();
                let became = self.input(line, input).await?;
                self.last = Some((line.clone(), became));
                self.updated.push(line.source.clone());
                self.insert_at = self.updated.len();
                self.work().await?;
                self.collect(line);
            }
        }
        Ok(())
    }

    /// Does what a line brings. What becomes due by it is done by the caller.
    async fn input(&mut self, line: &Line, input: &Item) -> Result<Became, PlayError> {
        let handled = match input {
            Item::Says { contact, message } => {
                self.played.transcript.push(Said {
                    at: self.clock.now(),
                    contact: contact.clone(),
                    side: Side::Contact,
                    message: message.clone(),
                });
                let body = InboundBody::Message(message.clone());
                self.receive(line, contact, body).await
            }
            Item::Reports { contact, report } => {
                let body = match report {
                    Report::Of(body) => body.clone(),
                    Report::Started {
                        payload,
                        source,
                        message,
                    } => {
                        if let (Some(payload), Some(source)) = (payload, source) {
                            let token = payload.as_str();
                            self.store.put_source(&self.bot, token, source).await?;
                        }
                        let (payload, message) = (payload.clone(), message.clone());
                        InboundBody::Started { payload, message }
                    }
                    Report::Moved(to) => InboundBody::Moved(Address::new(CHANNEL, to.as_str())),
                    Report::Receipt(state) => InboundBody::Receipt {
                        of: Receipted::SentUntil(self.clock.now()),
                        state: *state,
                    },
                };
                self.receive(line, contact, body).await
            }
            Item::Repeats { contact } => {
                let Some(inbound) = self.reported.get(contact) else {
                    let nothing = format!("nothing was reported of `{contact}` yet");
                    return Ok(Became::Refused(nothing));
                };
                let became = match self.worker.receive(inbound.clone()).await {
                    Ok(Handled::Duplicate) => Became::AsWritten,
                    Ok(Handled::Applied { .. }) => {
                        self.fail(line, "nothing comes of it", "it was handled again");
                        Became::AsWritten
                    }
                    other => return became(line, other),
                };
                return Ok(became);
            }
            Item::Acts {
                contact,
                operator,
                act,
            } => {
                let Some(dialog) = self.dialog(contact).await? else {
                    return Ok(Became::Refused(no_dialog(contact)));
                };
                self.act(line, dialog, operator, act).await
            }
            Item::ChangesContact {
                contact,
                operator,
                acts,
            } => return self.change_contact(line, contact, operator, acts).await,
            Item::Tells { contact, profile } => {
                self.profiles.insert(contact.clone(), profile.clone());
                return Ok(Became::AsWritten);
            }
            Item::Clock(target) => {
                self.advance(line, *target).await?;
                return Ok(Became::AsWritten);
            }
            Item::Restarts(target) => {
                self.clock.set(*target);
                // What was under way is lost with the program.
                let is_beside = self.beside.take().is_some();
                let (store, clock) = (&self.store, &self.clock);
                let (channel, policy) = (&self.channel, self.policy);
                self.worker = worker(self.player, policy, store, clock, channel, &self.outside)?;
                self.worker.start().await?;
                self.beside = is_beside.then(|| Loop::of(&self.worker));
                return Ok(Became::AsWritten);
            }
            Item::Refuses { class, after } => {
                (0..*after).for_each(|_| self.channel.accept_next());
                self.channel.refuse_next(class.clone());
                self.refusals.push_back(line.clone());
                return Ok(Became::AsWritten);
            }
            Item::Answers { given, is_late } => {
                return Ok(match self.outside.give(line, given, *is_late) {
                    true => Became::AsWritten,
                    false => Became::Refused(nobody_waits(&given.who())),
                });
            }
            Item::Postback(report) => return self.postback(line, report).await,
            Item::SetsUp(set_up) => return self.set_up(line, set_up).await,
            Item::AtDesk { operator, act } => return self.at_desk(line, operator, *act).await,
            Item::PitStop(is_on) => return self.pit_stop(line, *is_on).await,
            Item::Silent | Item::Hears { .. } | Item::Holds { .. } => return Ok(Became::AsWritten),
        };
        became(line, handled)
    }

    async fn receive(
        &mut self,
        line: &Line,
        contact: &str,
        body: InboundBody,
    ) -> Result<Handled, HandleError> {
        let mut profile = self.profiles.get(contact).cloned().unwrap_or_default();
        // The channel tells a name of those whom the scenario names.
        if contact != CONTACT {
            profile.name.get_or_insert_with(|| contact.into());
        }
        let inbound = Inbound {
            key: key(line).into(),
            from: Address::new(CHANNEL, contact),
            profile,
            body,
        };
        self.reported.insert(contact.to_owned(), inbound.clone());
        self.worker.receive(inbound).await
    }

    async fn act(
        &self,
        line: &Line,
        dialog: DialogId,
        operator: &OperatorId,
        act: &OperatorAct,
    ) -> Result<Handled, HandleError> {
        let event = Event::operator(key(line), operator.clone(), act.clone());
        self.worker.handle(dialog, &event).await
    }

    async fn change_contact(
        &self,
        line: &Line,
        contact: &str,
        operator: &OperatorId,
        acts: &[ContactAct],
    ) -> Result<Became, PlayError> {
        let Some(dialog) = self.dialog(contact).await? else {
            return Ok(Became::Refused(no_dialog(contact)));
        };
        let Some(snapshot) = self.snapshot(line, dialog).await? else {
            return Ok(Became::Refused(no_dialog(contact)));
        };
        let mut became = Became::Unchanged;
        for act in acts {
            let changed = self
                .worker
                .change_contact(snapshot.contact_id, act, operator)
                .await;
            match changed {
                Ok(ContactChanged::Applied { .. }) => became = Became::AsWritten,
                Ok(ContactChanged::Unchanged) => {}
                Err(ChangeContactError::Refused(reason)) => {
                    return Ok(Became::Refused(reason.to_string()));
                }
                Err(source) => {
                    let line = line.number;
                    return Err(PlayError::Contact { line, source });
                }
            }
        }
        Ok(became)
    }

    /// Takes from the channel what was sent, and from the ports what they could not answer.
    pub(super) fn collect(&mut self, line: &Line) {
        for sent in self.channel.take() {
            if sent.refused.is_some() {
                self.refusals.pop_front();
                continue;
            }
            let contact = sent.to.external_id().to_owned();
            let message = seen(sent.message);
            self.played.transcript.push(Said {
                at: self.clock.now(),
                contact: contact.clone(),
                side: Side::Us,
                message: message.clone(),
            });
            self.heard.push_back((contact, message));
        }
        let shown = self.channel.take_done().into_iter();
        let shown = shown.filter(|done| done.action == "typing");
        self.typing
            .extend(shown.map(|done| done.to.external_id().to_owned()));
        for who in self.outside.collect() {
            let got = format!("`{who}` was called and had no answer");
            self.fail(line, "calls that `~` lines answer", &got);
        }
    }

    /// A `<` line claims the first message that its contact was sent.
    fn hears(&mut self, line: &Line, contact: &str, wanted: &Wanted) {
        let found = self.heard.iter().position(|(to, _)| to == contact);
        let got = found.and_then(|at| self.heard.remove(at));
        let Some((_, got)) = got else {
            return self.fail(line, &wanted.write(), "nothing was sent");
        };
        if wanted.fits(&got) {
            self.updated.push(line.source.clone());
        } else {
            self.fail(line, &wanted.write(), &write_heard(&got));
            self.updated.push(heard_line(contact, &got));
        }
        self.insert_at = self.updated.len();
    }

    /// What became of the last input has been asked for: it is said once, here or at its end.
    pub(super) fn ask_last(&mut self, line: &Line, expected: &str, got: Option<String>) {
        if let Some((_, became)) = &mut self.last {
            *became = Became::AsWritten;
        }
        if let Some(got) = got {
            self.fail(line, expected, &got);
        }
    }

    /// The lines about the last input are over: what they left out must not have happened.
    fn close_last(&mut self) {
        let Some((line, became)) = self.last.take() else {
            return;
        };
        match became {
            Became::AsWritten => {}
            Became::Unchanged => self.fail(&line, "it takes effect", "it changes nothing"),
            Became::Refused(reason) => self.fail(&line, "it takes effect", &reason),
        }
        for (contact, message) in std::mem::take(&mut self.heard) {
            let got = heard_line(&contact, &message);
            self.fail(&line, "no other message", &got);
            self.updated.insert(self.insert_at, got);
            self.insert_at += 1;
        }
    }

    fn end(mut self) -> Played {
        self.close_last();
        for line in std::mem::take(&mut self.refusals) {
            self.fail(&line, "a send to fail", "nothing more was sent");
        }
        for line in self.outside.unused() {
            self.fail(&line, "a call to answer", "nobody called any more");
        }
        self.played.updated = self.updated.join("\n");
        self.played.updated.push('\n');
        self.played
    }

    /// The contacts of whom the channel has reported anything.
    pub(super) fn contacts(&self) -> Vec<String> {
        self.reported.keys().cloned().collect()
    }

    pub(super) async fn dialog(&self, contact: &str) -> Result<Option<DialogId>, StoreError> {
        let address = Address::new(CHANNEL, contact);
        self.store.find_dialog(&self.bot, &address).await
    }

    pub(super) fn fail(&mut self, line: &Line, expected: &str, got: &str) {
        self.played.failures.push(Failure {
            line: line.number,
            source: line.source.clone(),
            expected: expected.to_owned(),
            got: got.to_owned(),
        });
    }
}

/// The worker of a play, over what outlives it.
fn worker(
    player: &Player,
    policy: Option<PolicyName>,
    store: &Arc<dyn Store>,
    clock: &Arc<ManualClock>,
    channel: &Arc<ScriptedChannel>,
    outside: &Outside,
) -> Result<Arc<Worker>, WorkerError> {
    let mut worker =
        Worker::builder(Arc::clone(store), clock.clone()).bot(&player.bot, channel.clone());
    if let Some(policy) = policy {
        worker = worker.policy(policy.policy());
    }
    for (name, port) in &player.ports {
        worker = worker.port(name, Arc::clone(port));
    }
    let config = player.bot.compile()?;
    let taken = player.ports.keys().cloned().collect();
    worker = outside.register(worker, &config, &taken);
    worker.build().map(Arc::new)
}

/// A message as the contact sees it: in his language, where it was translated.
fn seen(message: Message) -> Message {
    let Some(translation) = message.translation() else {
        return message;
    };
    let choices = message.choices().map(str::to_owned).collect::<Vec<_>>();
    let seen = Message::new(translation.text.clone())
        .with_choices(choices)
        .with_choice_style(message.choice_style());
    let media = message.media().iter().cloned();
    media.fold(seen, Message::with_media)
}

fn nobody_waits(who: &Who) -> String {
    format!("no call of `{who}` is held; write `later` as the answer before the line that calls")
}

pub(super) fn became(
    line: &Line,
    handled: Result<Handled, HandleError>,
) -> Result<Became, PlayError> {
    use crate::engine::Refusal;
    match handled {
        Ok(Handled::Applied { .. } | Handled::Noted) => Ok(Became::AsWritten),
        Ok(Handled::Unchanged | Handled::Refused(Refusal::Unchanged)) => Ok(Became::Unchanged),
        Ok(Handled::Refused(reason)) => Ok(Became::Refused(reason.to_string())),
        Ok(Handled::NotYet) => Ok(Became::Refused("it is not due yet".to_owned())),
        Ok(Handled::Duplicate) => {
            let reason = "it was handled before: the store isn't empty".to_owned();
            Ok(Became::Refused(reason))
        }
        Err(HandleError::Refused(refused)) => Ok(Became::Refused(refused.to_string())),
        Err(
            error @ (HandleError::Forbidden { .. }
            | HandleError::Hidden { .. }
            | HandleError::Full { .. }
            | HandleError::UnknownOperator { .. }
            | HandleError::UnknownQueue { .. }),
        ) => Ok(Became::Refused(error.to_string())),
        Err(source) => Err(PlayError::Handle {
            line: line.number,
            source,
        }),
    }
}

/// An event's key: the same in every play.
pub(super) fn key(line: &Line) -> String {
    format!("line:{}", line.number)
}

pub(super) fn no_dialog(contact: &str) -> String {
    format!("there is no dialog with `{contact}` yet")
}

/// A channel that can do all there is, so that flows are tried and not a channel.
fn capabilities() -> Capabilities {
    let mut able = Capabilities::text();
    able.formatting = true;
    able.quotes = true;
    able.typing = true;
    able.edit_within = Some(Duration::MAX);
    able.delete_within = Some(Duration::MAX);
    able.marks_read = true;
    able.receipts = Receipts::Read;
    able
}
