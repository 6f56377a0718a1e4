//! A dialog, the engine and a clock that is turned by hand.

use std::collections::BTreeMap;

use chatflow_core::{
    Address, CallFailure, ContactView, EffectBody, EffectId, Engine, Event, EventBody, Fact,
    FlowFiles, Message, OperatorAct, Refusal, Snapshot, StatusChoice, StatusKind, Transition,
    Value, time,
};

pub(crate) const MINUTE: i64 = 60;
pub(crate) const HOUR: i64 = 60 * MINUTE;

/// A dialog driven by hand; moments are seconds since it was opened at midnight.
#[derive(Clone)]
pub(crate) struct Dialog {
    config: std::sync::Arc<chatflow_core::Config>,
    pub(crate) snapshot: Snapshot,
    now: i64,
    n: u32,
}

impl Dialog {
    pub(crate) fn of(flow: &str) -> Self {
        let files = FlowFiles::new().read("flow.yaml", flow.as_bytes());
        let bot = files.bot("shop").unwrap_or_else(|error| panic!("{error}"));
        let config = bot.compile().unwrap();
        let address = Address::new("test", "anna");
        let snapshot = config.open(address, ContactView::default(), time::from_millis(0));
        Self {
            config: config.into(),
            snapshot,
            now: 0,
            n: 0,
        }
    }

    pub(crate) fn at(&mut self, seconds: i64) -> &mut Self {
        self.now = seconds;
        self
    }

    pub(crate) fn turn(&mut self, body: EventBody) -> Result<Transition, Refusal> {
        self.n += 1;
        let now = time::from_millis(self.now * 1000);
        let event = Event::new(self.n.to_string(), body);
        let done = Engine::handle(&self.config, self.snapshot.clone(), &event, now);
        let transition = done.map_err(|refused| refused.reason)?;
        self.snapshot = transition.snapshot.clone();
        Ok(transition)
    }

    pub(crate) fn says(&mut self, message: impl Into<Message>) -> Transition {
        self.turn(EventBody::MessageReceived(message.into()))
            .unwrap()
    }

    pub(crate) fn says_in_a_pause(&mut self, message: impl Into<Message>) -> Transition {
        let message = EventBody::MessageReceived(message.into());
        self.turn(EventBody::WhilePaused(Box::new(message)))
            .unwrap()
    }

    pub(crate) fn acts(&mut self, act: OperatorAct) -> Transition {
        let operator = "olga".into();
        self.turn(EventBody::OperatorActed { operator, act })
            .unwrap()
    }

    pub(crate) fn fires(&mut self, name: &str) -> Transition {
        let generation = self.snapshot.timers[name].generation;
        let name = name.to_owned();
        self.turn(EventBody::TimerFired { name, generation })
            .unwrap()
    }

    pub(crate) fn answers(&mut self, call: EffectId, answer: Value) -> Result<Transition, Refusal> {
        self.turn(EventBody::CallAnswered {
            call,
            answer: Ok(answer),
            detail: None,
        })
    }

    pub(crate) fn fails(&mut self) -> Transition {
        let call = self.call();
        let answer = Err(CallFailure::Exhausted);
        let detail = None;
        self.turn(EventBody::CallAnswered {
            call,
            answer,
            detail,
        })
        .unwrap()
    }

    pub(crate) fn call(&self) -> EffectId {
        self.snapshot.call.as_ref().unwrap().id
    }

    /// The second at which a timer is due.
    pub(crate) fn due(&self, name: &str) -> Option<i64> {
        let timer = self.snapshot.timers.get(name)?;
        Some(timer.due.timestamp())
    }

    pub(crate) fn shows(&self) -> StatusKind {
        self.snapshot.shown_status().kind
    }
}

pub(crate) fn said(transition: &Transition) -> Vec<&str> {
    let effects = transition.effects.iter();
    let texts = effects.filter_map(|effect| match &effect.body {
        EffectBody::Send(message) => Some(message.text()),
        _ => None,
    });
    texts.collect()
}

/// Who was told what.
pub(crate) fn told(transition: &Transition) -> Vec<(String, String)> {
    let effects = transition.effects.iter();
    let told = effects.filter_map(|effect| match &effect.body {
        EffectBody::Tell { report, .. } => Some((text(report, "to"), text(report, "alert"))),
        _ => None,
    });
    told.collect()
}

/// What the outside was asked.
pub(crate) fn asked(transition: &Transition) -> (EffectId, Value) {
    let mut calls = transition.effects.iter();
    let call = calls.find_map(|effect| match &effect.body {
        EffectBody::Call { request, .. } => Some((effect.id, request.clone())),
        _ => None,
    });
    call.expect("the outside is asked")
}

pub(crate) fn text(value: &Value, name: &str) -> String {
    match value {
        Value::Map(map) => map[name].as_text().unwrap().to_owned(),
        _ => panic!("no map"),
    }
}

pub(crate) fn map(fields: &[(&str, Value)]) -> Value {
    let fields = fields.iter();
    let fields: BTreeMap<String, Value> = fields
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    Value::Map(fields)
}

pub(crate) fn reply(text: &str) -> Value {
    map(&[("text", Value::from(text))])
}

pub(crate) fn pushes_fired(transition: &Transition) -> Vec<(&str, bool)> {
    let facts = transition.facts.iter();
    let fired = facts.filter_map(|fact| match fact {
        Fact::PushFired { timer, sent } => Some((timer.as_str(), *sent)),
        _ => None,
    });
    fired.collect()
}

pub(crate) fn acted(transition: &Transition) -> usize {
    let facts = transition.facts.iter();
    facts
        .filter(|fact| matches!(fact, Fact::RobotActed { .. }))
        .count()
}

pub(crate) fn set(status: StatusChoice) -> OperatorAct {
    OperatorAct::set(Some(status), None)
}
