//! Random events on a flow of many kinds of steps: whatever the dialog waits for is going to come.

use std::collections::BTreeMap;
use std::time::Duration;

use chatflow_core::{
    Address, Automation, CallFailure, Config, ContactView, EffectBody, EffectId, Engine, Event,
    EventBody, FlowFiles, Media, MediaKind, Message, Moment, OperatorAct, Phase, Snapshot,
    StatusChoice, StepTarget, Value, time,
};

const FLOW: &str = "flow: f
bot:
  recogniser: ears
  media_rules: {sticker: ignore, voice: recognise, photo: to_manual}
  finished_inbound: restart_entry_flow
  error_inbound: retry
  error_retry: {times: 2, after: 10m}
  translation: {ours: en, theirs: es}
  quiet_time: QUIET
  pushes:
    - {after: 24h, send: Still there?}
steps:
  route:
    keywords:
      routes: {talk: [talk], wait: [wait], look: [look], slow: [slow], choose: [choose], end: [end], bot: [robot]}
      retry: Say more.
    timeout: 2h
    next: {timeout: slow}
  talk:
    ai_reply: {goal: Talk., reply_time: 80s}
    finish: waiting
    next: route
  wait:
    delay: 1h
    next: route
  look:
    webhook: {url: 'https://shop.example/x'}
    timeout: 10m
    next: {next: route, failure: route}
  slow:
    send: Slow.
    answer_after: 30s
    next: route
  choose:
    ai_route: {branches: {talk: a, wait: b}}
    next: {otherwise: route}
  bot:
    external_bot: helper
    next: {next: route, handoff: route, failure: route}
  end:
    send: Bye.
    finish: finished
";

/// Steps that may stand with nothing pending: they wait for the contact's next message.
const LISTENING: [&str; 3] = ["route", "choose", "bot"];

const RUNS: u64 = 1000;
const EVENTS: usize = 60;

/// FL-29, FL-52, FL-54, ST-37: whatever contacts, operators, ports and pauses do, each held message,
/// each message that waits to go out and each step has an answer or a timer that sets it going.
#[test]
fn nothing_hangs() {
    for run in 0..RUNS {
        let quiet = if run % 3 == 0 { "60s" } else { "0s" };
        let mut play = Play::new(run * 7919 + 13, quiet);
        for _ in 0..EVENTS {
            play.turn();
            if let Some(trouble) = play.trouble() {
                let last = play.lines[play.lines.len().saturating_sub(5)..].join("\n    ");
                panic!("run {run}: {trouble}\n    {last}");
            }
        }
    }
}

struct Play {
    config: Config,
    snapshot: Snapshot,
    now: Moment,
    dice: Dice,
    /// The calls that are going to be answered, each with its port.
    calls: BTreeMap<EffectId, String>,
    is_paused: bool,
    /// C5: a dialog that an operator gives back goes on with the contact's next message.
    is_given_back: bool,
    n: u32,
    /// What happened, for whoever reads a failure.
    lines: Vec<String>,
}

impl Play {
    fn new(seed: u64, quiet: &str) -> Self {
        let flow = FLOW.replace("QUIET", quiet);
        let files = FlowFiles::new().read("f.yaml", flow.as_bytes());
        let config = files.bot("shop").unwrap().compile().unwrap();
        let now = time::from_millis(0);
        let snapshot = config.open(Address::new("test", "anna"), ContactView::default(), now);
        Self {
            config,
            snapshot,
            now,
            dice: Dice(seed),
            calls: BTreeMap::new(),
            is_paused: false,
            is_given_back: false,
            n: 0,
            lines: Vec::new(),
        }
    }

    fn turn(&mut self) {
        self.now += Duration::from_secs([0, 1, 5, 30, 90][self.dice.below(5)]);
        let body = match self.dice.below(22) {
            0..=6 => Some(self.message()),
            7..=11 => self.timer(),
            12..=16 => self.answer(),
            17..=20 => Some(self.act()),
            _ => {
                self.is_paused = !self.is_paused;
                None
            }
        };
        let Some(body) = body else { return };
        self.n += 1;
        let event = Event::new(self.n.to_string(), body.clone());
        let Ok(turn) = Engine::handle(&self.config, self.snapshot.clone(), &event, self.now) else {
            return;
        };
        // A call that is taken back before it begins is never answered.
        if turn.cancel.is_some() {
            self.calls.retain(|_, port| port == "translator");
        }
        for effect in &turn.effects {
            if let EffectBody::Call { port, .. } = &effect.body {
                self.calls.insert(effect.id, port.clone());
            }
        }
        match &body {
            EventBody::OperatorActed {
                act: OperatorAct::Set(_),
                ..
            } => self.is_given_back = true,
            EventBody::MessageReceived(message) if !message.text().is_empty() => {
                self.is_given_back = false;
            }
            _ => {}
        }
        self.snapshot = turn.snapshot;
        let (body, dialog) = (format!("{body:?}"), &self.snapshot);
        self.lines.push(format!(
            "{} -> {:?} {} held {} timers {:?} call {}",
            body.chars().take(70).collect::<String>(),
            dialog.automation,
            self.step(),
            dialog.held.len(),
            dialog.timers.keys().collect::<Vec<_>>(),
            dialog.call.is_some()
        ));
    }

    fn message(&mut self) -> EventBody {
        let words = [
            "talk", "wait", "look", "slow", "choose", "end", "x", "robot",
        ];
        let text = words[self.dice.below(words.len())];
        let body = EventBody::MessageReceived(match self.dice.below(8) {
            0 => Message::media_of(Media::new(MediaKind::Voice, "v")),
            1 => Message::media_of(Media::new(MediaKind::Sticker, "s")),
            _ => Message::new(text),
        });
        if self.is_paused {
            EventBody::WhilePaused(Box::new(body))
        } else {
            body
        }
    }

    /// The timer that is due first; time goes on to it now and then. In a pause none fires.
    fn timer(&mut self) -> Option<EventBody> {
        if self.is_paused {
            return None;
        }
        let timers = self.snapshot.timers.iter();
        let (name, timer) = timers.min_by_key(|(_, timer)| timer.due)?;
        if timer.due > self.now && self.dice.below(2) == 0 {
            return None;
        }
        self.now = self.now.max(timer.due);
        Some(EventBody::TimerFired {
            name: name.clone(),
            generation: timer.generation,
        })
    }

    /// In a pause only a translator answers.
    fn answer(&mut self) -> Option<EventBody> {
        if self.calls.is_empty() {
            return None;
        }
        let nth = self.dice.below(self.calls.len());
        let (call, port) = self.calls.iter().nth(nth)?;
        let (call, port) = (*call, port.clone());
        if self.is_paused && port != "translator" {
            return None;
        }
        self.calls.remove(&call);
        let answer = if self.dice.below(5) == 0 {
            Err(CallFailure::Exhausted)
        } else {
            Ok(self.answer_of(&port))
        };
        Some(EventBody::CallAnswered {
            call,
            answer,
            detail: None,
        })
    }

    fn answer_of(&mut self, port: &str) -> Value {
        match port {
            "model" => Value::Map([("text".to_owned(), Value::from("talk"))].into()),
            "helper" => {
                let says = Value::List(vec![Value::from("hey")]);
                let mut answer = BTreeMap::from([("messages".to_owned(), says)]);
                if self.dice.below(2) == 0 {
                    answer.insert("done".to_owned(), Value::from("finished"));
                }
                Value::Map(answer)
            }
            "webhook" => Value::Map([("body".to_owned(), Value::Null)].into()),
            _ => Value::List(vec![Value::from("wait")]),
        }
    }

    fn act(&mut self) -> EventBody {
        let act = match self.dice.below(12) {
            0 | 1 => OperatorAct::Block,
            2 | 3 => OperatorAct::Unblock,
            4 => OperatorAct::set(Some(StatusChoice::Auto), None),
            5 => OperatorAct::set(Some(StatusChoice::Waiting), None),
            6 => OperatorAct::Take,
            7 | 8 => OperatorAct::Retry,
            _ => OperatorAct::set(None, Some(StepTarget::step("route"))),
        };
        EventBody::OperatorActed {
            operator: "olga".into(),
            act,
        }
    }

    fn step(&self) -> &str {
        let position = self.snapshot.position.as_ref();
        position.map_or("none", |position| position.step.as_str())
    }

    /// What waits here for something that never comes.
    fn trouble(&self) -> Option<&'static str> {
        let dialog = &self.snapshot;
        let is_answered = |id: &EffectId| {
            dialog.side_calls.iter().any(|call| call.id == *id) && self.calls.contains_key(id)
        };
        if dialog.automation == Automation::Manual && !dialog.held.is_empty() {
            return Some("messages are held while a person leads");
        }
        let mut readings = dialog.held.iter().filter_map(|held| held.recognising);
        let is_read = readings.clone().next().is_some();
        if readings.any(|id| !is_answered(&id)) {
            return Some("nobody answers a recognition");
        }
        let has_timer = |name: &str| dialog.timers.contains_key(name);
        let is_held = dialog.can_send() && !dialog.held.is_empty() && !is_read;
        if is_held && !has_timer("held") {
            let is_busy = dialog.call.is_some() || has_timer("step");
            if !is_busy || self.step() == "route" {
                return Some("nothing releases what is held");
            }
        }
        for (n, batch) in dialog.outgoing.iter().enumerate() {
            if batch.call.map_or(n == 0, |id| !is_answered(&id)) {
                return Some("nobody answers a translation");
            }
        }
        let pending = dialog.call.as_ref();
        if pending.is_some_and(|call| !self.calls.contains_key(&call.id)) {
            return Some("nobody answers the step's call");
        }
        let position = dialog.position.as_ref();
        let is_inside = position.is_some_and(|position| position.phase == Phase::Inside);
        let is_driven = dialog.can_send() && dialog.automation == Automation::Auto;
        let is_idle = dialog.held.is_empty() && pending.is_none() && !has_timer("step");
        let is_listening = self.is_given_back || LISTENING.contains(&self.step());
        if is_driven && is_inside && is_idle && !is_listening {
            return Some("nothing ends the step");
        }
        None
    }
}

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        let (factor, step) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407);
        self.0 = self.0.wrapping_mul(factor).wrapping_add(step);
        ((self.0 >> 33) % n as u64) as usize
    }
}
