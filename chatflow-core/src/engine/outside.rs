//! What steps ask the outside, and what its answers mean.
//!
//! The engine asks nobody: it decides a call as data, and the answer comes back as an event. An
//! answer that no step waits for any more is refused before it gets here.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::dialog::{
    Advice, Automation, CallFailure, CallPurpose, EffectBody, EffectId, ErrorKind, Fact, Media,
    Message, OperatorId, RouteReason, Text, Value, time,
};
use crate::engine::prompt::{self, Task};
use crate::engine::run::{Verdict, exit_index};
use crate::engine::speak::render_error;
use crate::engine::turn::Turn;
use crate::flow::{
    CompiledAi, CompiledKind, CompiledStep, CompiledTrack, CompiledWebhook, Decided, EXIT_NEXT,
    EXIT_OTHERWISE, EXIT_TIMEOUT, OverBudget, STEP_TIMER,
};

/// The port that models are asked through.
pub(super) const MODEL_PORT: &str = "model";
/// Most bytes kept of what the outside said of a failure.
const DETAIL_BYTES_MAX: usize = 1024;
/// The exit of a step whose call failed.
pub(super) const EXIT_FAILURE: &str = "failure";
/// The exit of an external bot that wants a person.
const EXIT_HANDOFF: &str = "handoff";

impl Turn<'_> {
    /// A call was answered: the one the step waits for, or one beside the flow.
    pub(super) fn call_answered(
        &mut self,
        call: EffectId,
        answer: &Result<Value, CallFailure>,
        detail: Option<&Text>,
    ) {
        let is_of_step = self
            .snapshot
            .call
            .as_ref()
            .is_some_and(|pending| pending.id == call);
        if is_of_step {
            let port = self.snapshot.call.take().map(|pending| pending.port);
            if let (Some(MODEL_PORT), Ok(value)) = (port.as_deref(), answer) {
                let ai = self.here().and_then(|step| step.kind.ai());
                self.note_usage(ai.and_then(|ai| ai.model.as_deref()), value);
            }
            self.answer_detail = answer.as_ref().err().and(detail).map(cut);
            if self.may_run() {
                self.run_answer(answer);
            } else if let Some(position) = &mut self.snapshot.position {
                // Whoever is responsible keeps the bot silent; it is asked again when he is gone.
                position.interrupted = true;
            }
            return;
        }
        let side = &mut self.snapshot.side_calls;
        let Some(n) = side.iter().position(|side| side.id == call) else {
            return;
        };
        match side.remove(n).purpose {
            CallPurpose::Recognise => self.recognised(call, answer),
            CallPurpose::TranslateTheirs { of } => self.theirs_translated(of, answer),
            CallPurpose::TranslateOurs => self.ours_translated(call, answer),
            CallPurpose::Advise { operator } => self.advised(operator, answer),
            CallPurpose::Late { model } => {
                if let Ok(answer) = answer {
                    self.note_usage(model.as_deref(), answer);
                }
            }
        }
    }

    /// Counts what a model has used, for the dialog and for the bot.
    fn note_usage(&mut self, model: Option<&str>, answer: &Value) {
        let usage = self.config.behaviour().ai.usage_of(model, answer);
        if usage.is_empty() {
            return;
        }
        self.snapshot.usage = self.snapshot.usage.plus(&usage);
        self.usage = self.usage.plus(&usage);
        self.scratch.facts.push(Fact::Used(usage));
    }

    fn over_dialog_budget(&self) -> bool {
        let budget = self.config.behaviour().ai.dialog_budget;
        budget.is_some_and(|budget| self.snapshot.usage.cost >= budget.0)
    }

    /// Asks a model to write what is said.
    pub(super) fn ask_for_reply(&mut self, ai: &CompiledAi) -> Result<Verdict, ErrorKind> {
        if let Some(position) = &mut self.snapshot.position {
            position.memory = Value::Null;
            position.due = None;
        }
        if self.over_dialog_budget() {
            return Ok(self.over_budget());
        }
        let request = self.model_request(ai, &Task::Reply)?;
        self.context().call(MODEL_PORT, request);
        self.gathered()?;
        Ok(Verdict::Wait)
    }

    /// Asks a model to choose one of the step's branches.
    pub(super) fn ask_for_route(
        &mut self,
        step: &CompiledStep,
        ai: &CompiledAi,
    ) -> Result<Verdict, ErrorKind> {
        // The contact has answered; it is the model that takes its time now.
        self.cancel_timer(STEP_TIMER);
        if self.over_dialog_budget() {
            let why = RouteReason::Failed(CallFailure::OverBudget);
            return self.otherwise(step, why);
        }
        let request = self.model_request(ai, &Task::route(step))?;
        self.context().call(MODEL_PORT, request);
        self.gathered()?;
        Ok(Verdict::Wait)
    }

    fn model_request(&self, ai: &CompiledAi, task: &Task<'_>) -> Result<Value, ErrorKind> {
        let settings = &self.config.behaviour().ai;
        let goal = ai.goal.as_ref().map(|goal| self.render(goal)).transpose()?;
        let notes = ai.notes.as_ref().map(|notes| self.render(notes));
        let notes = notes.transpose()?;
        let system = prompt::system(
            settings,
            goal.as_ref().map(Text::as_str),
            notes.as_ref().map(Text::as_str),
            task,
        );
        let memory = ai.memory.unwrap_or(settings.memory.0);
        let model = ai.model.as_deref().or(settings.model.as_deref());
        Ok(model_call(model, task, system, memory))
    }

    /// The model has chosen, or can't: then the exit `otherwise` is taken, and the journal says
    /// why.
    pub(super) fn route_answered(
        &mut self,
        step: &CompiledStep,
        branches: usize,
        save: Option<&crate::flow::SaveTo>,
        answer: &Result<Value, CallFailure>,
    ) -> Result<Verdict, ErrorKind> {
        let text = match answer {
            Ok(answer) => field(answer, "text").and_then(Value::as_text),
            Err(failure) => return self.otherwise(step, RouteReason::Failed(*failure)),
        };
        // Models like to put a name into quotes or end it with a full stop.
        let is_around =
            |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '.' | '«' | '»');
        let name = text.unwrap_or_default().trim_matches(is_around);
        let exact = step.exits[..branches]
            .iter()
            .position(|(branch, _)| **branch == *name);
        let chosen = exact.or_else(|| {
            let name = name.to_lowercase();
            let mut alike = (0..branches).filter(|&n| step.exits[n].0.to_lowercase() == name);
            // Two that differ only in case are told apart exactly or not at all.
            alike.next().filter(|_| alike.next().is_none())
        });
        let Some(chosen) = chosen else {
            let is_none = name.eq_ignore_ascii_case(EXIT_OTHERWISE);
            let why = if is_none {
                RouteReason::NoMatch
            } else {
                RouteReason::Invalid
            };
            return self.otherwise(step, why);
        };
        let exit = step.exits[chosen].0.to_string();
        self.save(save, Value::from(exit.as_str()))?;
        self.scratch.facts.push(Fact::RouteChosen {
            step: step.name.clone(),
            exit,
            why: RouteReason::Chosen,
        });
        Ok(Verdict::Exit(chosen))
    }

    fn otherwise(&mut self, step: &CompiledStep, why: RouteReason) -> Result<Verdict, ErrorKind> {
        self.scratch.facts.push(Fact::RouteChosen {
            step: step.name.clone(),
            exit: EXIT_OTHERWISE.to_owned(),
            why,
        });
        exit_index(step, EXIT_OTHERWISE)
    }

    /// The model has written: that is sent when it is time for it, and typed before.
    pub(super) fn reply_answered(
        &mut self,
        reply_time: Option<Duration>,
        answer: &Result<Value, CallFailure>,
    ) -> Result<Verdict, ErrorKind> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(CallFailure::OverBudget) => return Ok(self.over_budget()),
            Err(failure) => {
                let detail = self.answer_detail.take();
                return Ok(self.ai_failed(detail.unwrap_or_else(|| failure.to_string().into())));
            }
        };
        let limit = self.config.settings().limits.text_bytes;
        let text = field(answer, "text").and_then(Value::as_text);
        let text = text.map(str::trim).filter(|text| !text.is_empty());
        let Some(text) = text.filter(|text| text.len() <= limit) else {
            let detail = "the model's answer is empty, too long or no text";
            return Ok(self.ai_failed(detail.into()));
        };
        if let Some(position) = &mut self.snapshot.position {
            position.memory = Value::from(text);
        }
        let by_bot = Duration::from(self.config.behaviour().ai.reply_time);
        match self.answer_due(Some(reply_time.unwrap_or(by_bot))) {
            Some(due) => {
                self.time_out_at(due);
                Ok(Verdict::Wait)
            }
            None => self.type_reply(),
        }
    }

    /// What a model has written and nobody has sent is not sent any more. Says whether there was
    /// such.
    pub(super) fn drop_reply(&mut self) -> bool {
        let writes = |step: &CompiledStep| matches!(step.kind, CompiledKind::AiReply { .. });
        if !self.here().is_some_and(writes) {
            return false;
        }
        let Some(position) = &mut self.snapshot.position else {
            return false;
        };
        position.due = None;
        let written = std::mem::take(&mut position.memory);
        if !written.is_null() {
            self.cancel_timer(STEP_TIMER);
        }
        !written.is_null()
    }

    /// It is time for a reply: it is typed now, or has been.
    pub(super) fn reply_due(&mut self) -> Result<Verdict, ErrorKind> {
        let memory = self.snapshot.position.as_ref().map(|at| &at.memory);
        match memory {
            Some(Value::Text(_)) => self.type_reply(),
            Some(Value::List(typed)) => {
                let text = typed.first().and_then(Value::as_text);
                let text = text.unwrap_or_default().to_owned();
                self.say_reply(text)
            }
            _ => Ok(Verdict::Wait),
        }
    }

    fn type_reply(&mut self) -> Result<Verdict, ErrorKind> {
        let memory = self.snapshot.position.as_ref().map(|at| &at.memory);
        let text = memory.and_then(Value::as_text);
        let text = text.unwrap_or_default().to_owned();
        let typing = self.config.behaviour().typing;
        let takes = typing.map_or(Duration::ZERO, |typing| typing.takes(&text));
        if takes.is_zero() {
            return self.say_reply(text);
        }
        let until = time::whole_milliseconds(time::add(self.now, takes));
        if let Some(position) = &mut self.snapshot.position {
            // What is being typed, apart from what still has to be.
            position.memory = Value::List(vec![Value::from(text.as_str())]);
        }
        let typing = Decided::by_automation(EffectBody::Typing { until });
        self.scratch.effects.push(typing);
        self.time_out_at(until);
        Ok(Verdict::Wait)
    }

    fn say_reply(&mut self, text: String) -> Result<Verdict, ErrorKind> {
        self.say(Message::new(text))?;
        Ok(Verdict::Exit(0))
    }

    fn ai_failed(&mut self, detail: Text) -> Verdict {
        self.failure_detail = Some(cut(&detail));
        Verdict::Fail(Automation::Error(ErrorKind::AiFailed))
    }

    fn over_budget(&mut self) -> Verdict {
        self.failure_detail = Some(CallFailure::OverBudget.to_string().into());
        Verdict::Fail(match self.config.behaviour().ai.over_budget {
            OverBudget::Error => Automation::Error(ErrorKind::OverBudget),
            OverBudget::Manual => Automation::Manual,
        })
    }

    /// Calls an outside service.
    pub(super) fn call_webhook(&mut self, webhook: &CompiledWebhook) -> Result<Verdict, ErrorKind> {
        let request = webhook.request(&self.scene()).map_err(render_error)?;
        self.context().call(webhook.port.as_str(), request);
        self.gathered()?;
        Ok(Verdict::Wait)
    }

    pub(super) fn webhook_answered(
        &mut self,
        step: &CompiledStep,
        webhook: &CompiledWebhook,
        answer: &Result<Value, CallFailure>,
    ) -> Result<Verdict, ErrorKind> {
        match answer {
            Ok(answer) => {
                let body = field(answer, "body").cloned().unwrap_or_default();
                self.save(webhook.save.as_ref(), body)?;
                exit_index(step, EXIT_NEXT)
            }
            Err(CallFailure::TimedOut) => exit_index(step, EXIT_TIMEOUT),
            Err(_) => exit_index(step, EXIT_FAILURE),
        }
    }

    /// Tells a tracker what happened; nobody waits for it.
    pub(super) fn track(&mut self, track: &CompiledTrack) -> Result<(), ErrorKind> {
        let mut parameters = BTreeMap::new();
        for (name, source) in &track.parameters {
            parameters.insert(name.clone(), self.evaluate(source)?);
        }
        let mut report = BTreeMap::from([
            ("event".to_owned(), Value::from(track.event.as_str())),
            ("parameters".to_owned(), Value::Map(parameters)),
        ]);
        if let Some(source) = &track.value {
            let value = match self.evaluate(source)? {
                value @ (Value::Integer(_) | Value::Decimal(_)) => value,
                Value::Text(text) => {
                    let number = text.as_str().trim().parse();
                    Value::Decimal(number.map_err(|_| ErrorKind::TemplateFailed)?)
                }
                _ => return Err(ErrorKind::TemplateFailed),
            };
            report.insert("value".to_owned(), value);
        }
        let source = self.snapshot.contact.last_source.as_ref();
        let click = source.and_then(|touch| touch.source.click_id.as_ref());
        if let Some(click) = click {
            report.insert("click_id".to_owned(), Value::Text(click.clone()));
        }
        self.tell(&track.port, Value::Map(report))
    }

    /// Tells the outside something that no takeover takes back.
    pub(super) fn tell(&mut self, port: &str, report: Value) -> Result<(), ErrorKind> {
        let limits = &self.config.settings().limits;
        if report.weight() > limits.data_bytes || !report.is_storable() {
            return Err(ErrorKind::SizeLimit);
        }
        if self.scratch.effects.len() >= limits.effects_per_turn {
            return Err(ErrorKind::EffectLimit);
        }
        let port = port.to_owned();
        let tell = Decided::lasting(EffectBody::Tell { port, report });
        self.scratch.effects.push(tell);
        Ok(())
    }

    /// Hands a message, or the contact, to another bot's platform.
    pub(super) fn talk_to_bot(
        &mut self,
        port: &str,
        message: Option<&Message>,
    ) -> Result<Verdict, ErrorKind> {
        let mut request = BTreeMap::new();
        if let Some(message) = message {
            request.insert("message".to_owned(), Value::from(message.text()));
        }
        self.context().call(port, Value::Map(request));
        self.gathered()?;
        Ok(Verdict::Wait)
    }

    pub(super) fn bot_answered(
        &mut self,
        step: &CompiledStep,
        port: &str,
        answer: &Result<Value, CallFailure>,
    ) -> Result<Verdict, ErrorKind> {
        let Ok(answer) = answer else {
            return exit_index(step, EXIT_FAILURE);
        };
        let messages = field(answer, "messages").map(texts);
        let Some(Some(messages)) = messages else {
            return exit_index(step, EXIT_FAILURE);
        };
        for text in messages {
            if !text.is_empty() {
                self.say(Message::new(text))?;
            }
        }
        match field(answer, "done").and_then(Value::as_text) {
            Some("handoff") => return exit_index(step, EXIT_HANDOFF),
            Some(_) => return exit_index(step, EXIT_NEXT),
            None => {}
        }
        // What came while it was thinking is the next thing it hears.
        match self.inbound().cloned() {
            Some(message) => self.talk_to_bot(port, Some(&message)),
            None => Ok(Verdict::Wait),
        }
    }

    /// An operator asks a model what to say.
    pub(super) fn ask_advice(&mut self, operator: &OperatorId, language: Option<&str>) {
        self.drop_advice();
        let settings = &self.config.behaviour().ai;
        let ours = self.config.behaviour().translation.as_ref();
        let ours = ours.map(|settings| settings.ours.as_str());
        let task = Task::Advice {
            language: language.or(ours).map(ToOwned::to_owned),
        };
        let system = prompt::system(settings, None, None, &task);
        let model = settings.model.as_deref();
        let request = model_call(model, &task, system, settings.memory.0);
        let operator = operator.clone();
        self.side_call(
            MODEL_PORT.to_owned(),
            request,
            CallPurpose::Advise { operator },
        );
    }

    fn advised(&mut self, operator: OperatorId, answer: &Result<Value, CallFailure>) {
        let Ok(answer) = answer else {
            return;
        };
        self.note_usage(None, answer);
        let limit = self.config.settings().limits.text_bytes;
        let text = field(answer, "text").and_then(Value::as_text);
        let text = text.map(str::trim);
        if let Some(text) = text.filter(|text| !text.is_empty() && text.len() <= limit) {
            self.snapshot.advice = Some(Box::new(Advice {
                operator: operator.clone(),
                text: text.into(),
                at: self.now,
            }));
            self.scratch.facts.push(Fact::Advised { operator });
        }
    }

    /// Advice on what the contact wrote is no advice on what he writes now.
    pub(super) fn drop_advice(&mut self) {
        self.snapshot.advice = None;
        for side in &mut self.snapshot.side_calls {
            if matches!(side.purpose, CallPurpose::Advise { .. }) {
                side.purpose = CallPurpose::Late { model: None };
            }
        }
    }

    /// Whatever answers come now to calls of this kind are late.
    pub(super) fn forget_side_calls(&mut self, of: impl Fn(&CallPurpose) -> bool) {
        self.snapshot.side_calls.retain(|side| !of(&side.purpose));
    }
}

/// The request that a model gets.
fn model_call(model: Option<&str>, task: &Task<'_>, system: String, memory: u32) -> Value {
    let mut request = BTreeMap::from([
        ("purpose".to_owned(), Value::from(task.purpose())),
        ("system".to_owned(), Value::from(system)),
        ("memory".to_owned(), Value::Integer(memory.into())),
    ]);
    if let Some(model) = model {
        request.insert("model".to_owned(), Value::from(model));
    }
    if let Task::Route { branches } = task {
        let names = branches.iter().map(|(name, _)| Value::from(*name));
        request.insert("branches".to_owned(), Value::List(names.collect()));
    }
    Value::Map(request)
}

/// The request that media be made into text.
pub(super) fn recognition<'m>(
    media: impl Iterator<Item = &'m Media>,
    language: Option<&str>,
) -> Value {
    let media = media.map(|media| {
        Value::Map(BTreeMap::from([
            ("kind".to_owned(), Value::from(media.kind.label())),
            (
                "reference".to_owned(),
                Value::from(media.reference.as_str()),
            ),
        ]))
    });
    let mut request = BTreeMap::from([("media".to_owned(), Value::List(media.collect()))]);
    if let Some(language) = language {
        request.insert("language".to_owned(), Value::from(language));
    }
    Value::Map(request)
}

/// The texts of a list that holds nothing else.
pub(super) fn texts(value: &Value) -> Option<Vec<Text>> {
    let Value::List(list) = value else {
        return None;
    };
    let texts = list.iter().map(|item| match item {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Map(map) => map.get(name),
        _ => None,
    }
}

/// As much of a text as is kept with a dialog.
fn cut(text: &Text) -> Text {
    let text = text.as_str();
    let mut end = DETAIL_BYTES_MAX.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].into()
}
