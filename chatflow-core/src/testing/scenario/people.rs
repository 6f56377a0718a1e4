//! Operators and queues: the lines that set them up, and what operators do at their desks.

use std::sync::Arc;

use super::play::{Became, Play, PlayError};
use super::words::{Words, Wrong};
use super::{Item, Line};
use crate::crm::{
    Acceptance, Availability, AvailableBy, Operator, Policy, Queue, Roles, RoutingRule, WhenAway,
};
use crate::dialog::time::Period;
use crate::dialog::{OfflineReassign, OperatorId, QueueId};
use crate::runner::DeskError;

const SHAPE: &str = "operator NAME, queue NAME or policy NAME";

/// What a `=` line sets up.
#[derive(Debug, Clone)]
pub(super) enum SetUp {
    Operator {
        operator: OperatorId,
        settings: Vec<OperatorSetting>,
        /// Signs him in and declares him so.
        declares: Option<Availability>,
    },
    Queue {
        queue: QueueId,
        /// Its team, where the line names one.
        members: Option<Vec<OperatorId>>,
        settings: Vec<QueueSetting>,
    },
    Policy(PolicyName),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PolicyName {
    Retailcrm,
    Creatio,
}

#[derive(Debug, Clone)]
pub(super) enum OperatorSetting {
    Role(String),
    Name(String),
    Capacity(u32),
}

#[derive(Debug, Clone)]
pub(super) enum QueueSetting {
    Rule(RoutingRule),
    Acceptance(Acceptance),
    AvailableBy(AvailableBy),
    Capacity(u32),
    CompleteAfter(Period),
    Offline(OfflineReassign),
    WhenAway(WhenAway),
    BusyReply(String),
    AwayReply(String),
}

/// What an operator does at his desk, apart from any dialog.
#[derive(Debug, Clone, Copy)]
pub(super) enum DeskAct {
    SignIn,
    SignOut,
    Declare(Availability),
    Seen,
    Lost,
}

impl PolicyName {
    pub(super) fn policy(self) -> Arc<dyn Policy> {
        match self {
            Self::Retailcrm => Arc::new(Roles::retailcrm()),
            Self::Creatio => Arc::new(Roles::creatio()),
        }
    }
}

/// `operator anna role=admin capacity=2 active`, `queue sales anna boris rule=everybody`
pub(super) fn set_up(rest: &str) -> Result<Item, Wrong> {
    let mut words = Words::new(rest);
    let set_up = match words.need(SHAPE)?.as_str() {
        "operator" => operator(&mut words)?,
        "queue" => queue(&mut words)?,
        "policy" => {
            const POLICIES: &str = "creatio or retailcrm";
            SetUp::Policy(match words.need(POLICIES)?.as_str() {
                "creatio" => PolicyName::Creatio,
                "retailcrm" => PolicyName::Retailcrm,
                word => return Err(format!("expected {POLICIES}, found `{word}`")),
            })
        }
        word => return Err(format!("expected {SHAPE}, found `{word}`")),
    };
    words.end()?;
    Ok(Item::SetsUp(set_up))
}

fn operator(words: &mut Words<'_>) -> Result<SetUp, Wrong> {
    const SETTINGS: &str = "role=NAME, name=NAME, capacity=NUMBER, active or inactive";
    let operator = OperatorId::from(words.need("the operator's name")?);
    let (mut settings, mut declares) = (Vec::new(), None);
    loop {
        if let Some(name) = words.name() {
            let value = words.attached(SETTINGS)?;
            settings.push(match name {
                "role" => OperatorSetting::Role(value),
                "name" => OperatorSetting::Name(value),
                "capacity" => OperatorSetting::Capacity(number(&value)?),
                _ => return Err(format!("expected {SETTINGS}, found `{name}`")),
            });
            continue;
        }
        match words.word()?.as_deref() {
            None => break,
            Some("active") => declares = Some(Availability::Active),
            Some("inactive") => declares = Some(Availability::Inactive),
            Some(word) => return Err(format!("expected {SETTINGS}, found `{word}`")),
        }
    }
    Ok(SetUp::Operator {
        operator,
        settings,
        declares,
    })
}

fn queue(words: &mut Words<'_>) -> Result<SetUp, Wrong> {
    let queue = QueueId::from(words.need("the queue's name")?);
    let (mut members, mut settings) = (None::<Vec<OperatorId>>, Vec::new());
    loop {
        if let Some(name) = words.name() {
            settings.push(queue_setting(name, words)?);
        } else if let Some(member) = words.word()? {
            let members = members.get_or_insert_default();
            if member != "nobody" {
                members.push(member.into());
            }
        } else {
            break;
        }
    }
    Ok(SetUp::Queue {
        queue,
        members,
        settings,
    })
}

fn queue_setting(name: &str, words: &mut Words<'_>) -> Result<QueueSetting, Wrong> {
    const SETTINGS: &str = "its members, rule=, accept=, available=, capacity=, complete=, offline=, \
                            away=, busy_reply= or away_reply=";
    let value = words.attached(SETTINGS)?;
    let one_of = |what: &str| Err(format!("expected {name}= with {what}, found `{value}`"));
    Ok(match name {
        "rule" => QueueSetting::Rule(match value.as_str() {
            "round_robin" => RoutingRule::RoundRobin,
            "least_loaded" => RoutingRule::LeastLoaded,
            "everybody" => RoutingRule::Everybody,
            _ => return one_of("round_robin, least_loaded or everybody"),
        }),
        "accept" => QueueSetting::Acceptance(match value.as_str() {
            "at_once" => Acceptance::AtOnce,
            "any_time" => Acceptance::Offer { within: None },
            span => {
                let within = Some(period(span)?);
                Acceptance::Offer { within }
            }
        }),
        "available" => QueueSetting::AvailableBy(match value.as_str() {
            "declared" => AvailableBy::Declared,
            "presence" => AvailableBy::Presence,
            "both" => AvailableBy::Both,
            "nothing" => AvailableBy::Nothing,
            _ => return one_of("declared, presence, both or nothing"),
        }),
        "capacity" => QueueSetting::Capacity(number(&value)?),
        "complete" => QueueSetting::CompleteAfter(period(&value)?),
        "offline" => QueueSetting::Offline(match value.as_str() {
            "never" => OfflineReassign::Never,
            "all_unanswered" => OfflineReassign::AllUnanswered,
            "only_new_unanswered" => OfflineReassign::OnlyNewUnanswered,
            _ => return one_of("never, all_unanswered or only_new_unanswered"),
        }),
        "away" => QueueSetting::WhenAway(match value.as_str() {
            "wait" => WhenAway::Wait,
            queue => WhenAway::PassTo(queue.into()),
        }),
        "busy_reply" => QueueSetting::BusyReply(value),
        "away_reply" => QueueSetting::AwayReply(value),
        _ => return Err(format!("expected {SETTINGS}, found `{name}`")),
    })
}

fn number(word: &str) -> Result<u32, Wrong> {
    word.parse()
        .map_err(|_| format!("expected a number, found `{word}`"))
}

fn period(span: &str) -> Result<Period, Wrong> {
    span.parse().map_err(|error| format!("{error}"))
}

impl OperatorSetting {
    fn set(&self, operator: &mut Operator) {
        match self {
            Self::Role(role) => drop(operator.roles.insert(role.clone())),
            Self::Name(name) => operator.name = Some(name.as_str().into()),
            Self::Capacity(most) => operator.capacity = Some(*most),
        }
    }
}

impl QueueSetting {
    fn set(&self, queue: &mut Queue) {
        match self {
            Self::Rule(rule) => queue.rule.clone_from(rule),
            Self::Acceptance(acceptance) => queue.acceptance = *acceptance,
            Self::AvailableBy(by) => queue.available_by = *by,
            Self::Capacity(most) => queue.capacity = Some(*most),
            Self::CompleteAfter(silence) => queue.complete_after = Some(*silence),
            Self::Offline(offline) => queue.offline = *offline,
            Self::WhenAway(when_away) => queue.when_away.clone_from(when_away),
            Self::BusyReply(reply) => queue.busy_reply = Some(reply.as_str().into()),
            Self::AwayReply(reply) => queue.away_reply = Some(reply.as_str().into()),
        }
    }
}

impl Play<'_> {
    /// What the host itself sets up, whatever the policy says.
    pub(super) async fn set_up(&self, line: &Line, set_up: &SetUp) -> Result<Became, PlayError> {
        let space = &self.space;
        let done = match set_up {
            SetUp::Policy(_) => return Ok(Became::AsWritten),
            SetUp::Operator {
                operator,
                settings,
                declares,
            } => {
                let change = |row: &mut Operator| settings.iter().for_each(|one| one.set(row));
                let put = self.worker.put_operator(space, operator, change).await;
                match (put, declares) {
                    (Ok(_), Some(availability)) => {
                        let declared = *availability;
                        self.worker.declare(space, operator, declared).await
                    }
                    (put, _) => put,
                }
            }
            SetUp::Queue {
                queue,
                members,
                settings,
            } => {
                let change = |row: &mut Queue| {
                    if let Some(members) = members {
                        row.members = members.iter().cloned().collect();
                    }
                    settings.iter().for_each(|one| one.set(row));
                };
                self.worker.put_queue(space, queue, change).await
            }
        };
        ended(line, done.map(|_| Became::AsWritten))
    }

    pub(super) async fn at_desk(
        &self,
        line: &Line,
        operator: &OperatorId,
        act: DeskAct,
    ) -> Result<Became, PlayError> {
        let row = self.store.operator(&self.space, operator).await?;
        let before = row.map_or(0, |row| row.operator.revision);
        let desk = self.worker.desk(self.space.clone(), operator.clone());
        let done = match act {
            DeskAct::SignIn => desk.sign_in().await,
            DeskAct::SignOut => desk.sign_out().await,
            DeskAct::Declare(availability) => desk.declare(availability).await,
            DeskAct::Seen => desk.seen().await,
            DeskAct::Lost => desk.lost().await,
        };
        let became = done.map(|revision| match revision > before {
            true => Became::AsWritten,
            false => Became::Unchanged,
        });
        ended(line, became)
    }

    /// Whether an operator sees a dialog.
    pub(super) async fn sees(
        &self,
        line: &Line,
        contact: &str,
        operator: &str,
    ) -> Result<bool, PlayError> {
        let Some(dialog) = self.dialog(contact).await? else {
            return Ok(false);
        };
        let desk = self.worker.desk(self.space.clone(), operator);
        match desk.dialog(dialog).await {
            Ok(_) => Ok(true),
            Err(DeskError::Hidden { .. }) => Ok(false),
            Err(source) => Err(failed(line, source)),
        }
    }

    /// How an operator stands, as colleagues see him who want to pass on the dialog.
    pub(super) async fn standing(
        &self,
        line: &Line,
        contact: &str,
        operator: &str,
    ) -> Result<Option<String>, PlayError> {
        let Some(dialog) = self.dialog(contact).await? else {
            return Ok(None);
        };
        let Some(snapshot) = self.snapshot(line, dialog).await? else {
            return Ok(None);
        };
        let who = snapshot.assignee.operator().cloned();
        let desk = self
            .worker
            .desk(self.space.clone(), who.unwrap_or_else(|| "op".into()));
        let list = desk.transfer_list(dialog).await;
        let list = list.map_err(|source| failed(line, source))?;
        let mut operators = list.operators.into_iter();
        let found = operators.find(|one| one.operator.as_str() == operator);
        Ok(found.map(|one| one.standing.label().to_owned()))
    }
}

fn ended(line: &Line, done: Result<Became, DeskError>) -> Result<Became, PlayError> {
    match done {
        Ok(became) => Ok(became),
        Err(DeskError::Store(error)) => Err(error.into()),
        Err(
            error @ (DeskError::Forbidden { .. }
            | DeskError::Hidden { .. }
            | DeskError::NoSuchDialog { .. }
            | DeskError::UnknownOperator { .. }
            | DeskError::UnknownQueue { .. }
            | DeskError::Malformed { .. }),
        ) => Ok(Became::Refused(error.to_string())),
        Err(source) => Err(failed(line, source)),
    }
}

fn failed(line: &Line, source: DeskError) -> PlayError {
    let line = line.number;
    PlayError::Desk { line, source }
}
