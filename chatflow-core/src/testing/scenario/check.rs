//! What a scenario can ask.

use crate::dialog::{
    Actor, Assignee, Automation, Fact, Moment, OperatorId, ShownStatus, Side, Snapshot, StatusKind,
    Usage, Value,
};

use super::outside::{Question, Who};
use super::read;

/// The answer where a tag is on the contact.
pub(super) const SET: &str = "set";

/// A fact that must hold, in the words of the scenario: what is asked, and the answer wanted.
#[derive(Debug, Clone)]
pub(super) struct Check {
    pub(super) subject: Subject,
    /// None where the value must be missing.
    pub(super) wanted: Option<String>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    Status,
    Step {
        with_flow: bool,
    },
    Data(String),
    Field(String),
    Timers {
        with_due: bool,
    },
    TimerCount,
    Outbox,
    Counter(StatusKind),
    Assignee,
    Session,
    NeedsReply,
    Queue,
    Offered,
    Line,
    Parent,
    Completed,
    Sessions,
    Load(String),
    Missed(String),
    Operator(String),
    Standing(String),
    Sees(String),
    LastSide,
    Reach,
    Delivery,
    Source(String),
    Error,
    Tag(String),
    CanSend,
    Card,
    SetByHand,
    Calls,
    Change,
    Usage {
        of_bot: bool,
    },
    Held,
    Advice,
    /// What the outside said of the failure behind Error.
    Failure,
    /// The translation beside our last message.
    Translated,
    /// What was read out of the contact's last message.
    Reading,
    Outside(Question),
    Typing,
    Refused,
    Unchanged,
}

impl Check {
    pub(super) fn new(subject: Subject, wanted: Option<String>) -> Self {
        Self { subject, wanted }
    }

    /// Whose calls it asks for.
    pub(super) fn asks_of(&self) -> Option<Who> {
        match &self.subject {
            Subject::Outside(Question::Times { who, .. }) => Some(who.clone()),
            Subject::Outside(Question::Model) => Some(Who::Ai),
            _ => None,
        }
    }
}

/// What a snapshot answers; none for a value that is missing, and for what isn't in a snapshot.
pub(super) fn answer(subject: &Subject, snapshot: &Snapshot) -> Option<String> {
    Some(match subject {
        Subject::Status => snapshot.shown_status().to_string(),
        Subject::Step { with_flow } => match &snapshot.position {
            None => "none".to_owned(),
            Some(at) if *with_flow => format!("{}/{}", at.flow, at.step),
            Some(at) => at.step.to_string(),
        },
        Subject::Data(name) => return snapshot.data.get(name).map(written),
        Subject::Field(name) => return snapshot.contact.fields.get(name).map(written),
        Subject::Timers { .. } if snapshot.timers.is_empty() => "none".to_owned(),
        Subject::Timers { with_due } => {
            let timers = snapshot.timers.iter();
            let mut names: Vec<String> = timers
                .map(|(name, set)| match with_due {
                    true => timer_due(name, set.due),
                    false => name.clone(),
                })
                .collect();
            names.sort();
            names.join(" ")
        }
        Subject::Usage { of_bot: false } => used(&snapshot.usage),
        Subject::Held => snapshot.held.len().to_string(),
        Subject::Advice => snapshot.advice.as_ref()?.text.as_str().to_owned(),
        Subject::Failure => snapshot.failure.as_ref()?.as_str().to_owned(),
        Subject::TimerCount => snapshot.timers.len().to_string(),
        Subject::Assignee => match &snapshot.assignee {
            Assignee::Nobody => "nobody".to_owned(),
            Assignee::Operator(operator) => operator.to_string(),
            Assignee::Bot(bot) => format!("bot:{bot}"),
        },
        Subject::Session => match &snapshot.session {
            None => "none",
            Some(session) => session.handling.label(),
        }
        .to_owned(),
        Subject::NeedsReply => match snapshot.attention.needs_reply_since {
            Some(_) if !snapshot.attention.acknowledged => "yes",
            _ => "no",
        }
        .to_owned(),
        Subject::Queue => match snapshot
            .session
            .as_ref()
            .and_then(|open| open.queue.as_ref())
        {
            Some(queue) => queue.to_string(),
            None => "none".to_owned(),
        },
        Subject::Offered => {
            let offer = snapshot
                .session
                .as_ref()
                .and_then(|open| open.offer.as_ref());
            let to = offer.iter().flat_map(|offer| &offer.to);
            let to: Vec<&str> = to.map(OperatorId::as_str).collect();
            match to.as_slice() {
                [] => "nobody".to_owned(),
                to => to.join(" "),
            }
        }
        Subject::Line => snapshot.line.number().to_string(),
        Subject::Parent => {
            let last = snapshot.last_session.as_ref();
            let parent = match &snapshot.session {
                Some(open) => open.parent,
                None => last.and_then(|last| last.parent),
            };
            parent.map_or_else(|| "none".to_owned(), |number| number.to_string())
        }
        Subject::Completed => {
            let last = snapshot.last_session.as_ref();
            let completed = last.and_then(|last| last.completed.as_ref());
            completed
                .map_or("none", |completed| completed.cause.label())
                .to_owned()
        }
        Subject::LastSide => match snapshot.attention.last_side {
            None => "none",
            Some(Side::Contact) => "contact",
            Some(Side::Us) => "us",
        }
        .to_owned(),
        Subject::Reach => read::reach_label(snapshot.reach).to_owned(),
        Subject::Source(name) => {
            let (touch, name) = match name.strip_prefix("last.") {
                Some(name) => (&snapshot.contact.last_source, name),
                None => (&snapshot.contact.first_source, name.as_str()),
            };
            let mut parts = touch.as_ref()?.source.parts();
            return parts.find_map(|(part, text)| (part == name).then(|| text.to_owned()));
        }
        Subject::Error => match snapshot.automation {
            Automation::Error(kind) => label(&kind),
            _ => "none".to_owned(),
        },
        Subject::Tag(tag) => return snapshot.contact.tags.contains(tag).then(|| SET.to_owned()),
        Subject::Card => {
            let card = snapshot.card();
            let or_none = |name: Option<String>| name.unwrap_or_else(|| "none".to_owned());
            let flow = or_none(card.flow.map(|flow| flow.to_string()));
            let step = or_none(card.step.map(|step| step.to_string()));
            format!("{flow} {step} {}", card.deal)
        }
        Subject::SetByHand => match snapshot.set_by_hand {
            true => "yes",
            false => "no",
        }
        .to_owned(),
        Subject::Calls => {
            let calls = snapshot.position.iter().flat_map(|at| &at.calls);
            let flows: Vec<&str> = calls.map(|frame| frame.flow.as_str()).collect();
            match flows.as_slice() {
                [] => "none".to_owned(),
                flows => flows.join(" "),
            }
        }
        Subject::Outbox
        | Subject::Sessions
        | Subject::Load(_)
        | Subject::Missed(_)
        | Subject::Operator(_)
        | Subject::Standing(_)
        | Subject::Sees(_)
        | Subject::Delivery
        | Subject::CanSend
        | Subject::Counter(_)
        | Subject::Change
        | Subject::Usage { of_bot: true }
        | Subject::Translated
        | Subject::Reading
        | Subject::Outside(_)
        | Subject::Typing
        | Subject::Refused
        | Subject::Unchanged => return None,
    })
}

/// The change of the status shown that a fact records.
pub(super) fn change(fact: &Fact) -> Option<String> {
    match fact {
        Fact::StatusChanged {
            from, to, actor, ..
        } => Some(change_by(from, to, actor)),
        _ => None,
    }
}

fn change_by(from: &ShownStatus, to: &ShownStatus, actor: &Actor) -> String {
    let actor = match actor {
        Actor::Contact => "contact".to_owned(),
        Actor::Operator(operator) => format!("operator {operator}"),
        Actor::Step(step) => format!("step {step}"),
        Actor::ContactRow => "contact_row".to_owned(),
        Actor::Channel => "channel".to_owned(),
        Actor::MediaRule(kind) => format!("media {kind}"),
        Actor::Timer(name) => format!("timer {name}"),
        Actor::Robot(name) => format!("robot {name}"),
        Actor::Postback(event) => format!("postback {event}"),
        Actor::Queue(queue) => format!("queue {queue}"),
        Actor::Absence(operator) => format!("absence {operator}"),
        Actor::Deploy => "deploy".to_owned(),
        Actor::Retry => "retry".to_owned(),
        Actor::Engine => "engine".to_owned(),
    };
    format!("{from} {to} by {actor}")
}

/// `step@2026-01-01T01:00:00Z`
pub(super) fn timer_due(name: &str, due: Moment) -> String {
    let due = due.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true);
    format!("{name}@{due}")
}

/// `1000 200 0.00045`
pub(super) fn used(usage: &Usage) -> String {
    let Usage {
        tokens_in,
        tokens_out,
        cost,
    } = usage;
    format!("{tokens_in} {tokens_out} {cost}")
}

pub(super) fn written(value: &Value) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = value.write_to(&mut text);
    text
}

/// The label under which a plain enum is stored.
fn label(of: &impl serde::Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(serde_json::Value::String(label)) => label,
        other => format!("{other:?}"),
    }
}
