//! Those outside whom the scenario speaks for: what they answer, and what they were asked.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use super::Line;
use super::check::written;
use crate::dialog::{DialogId, EffectId, Text, Value};
use crate::flow::Config;
use crate::runner::{
    BotReply, ModelReply, ModelRequest, Notification, TrackerEvent, WebhookRequest,
    WebhookResponse, WorkerBuilder,
};
use crate::testing::{
    Planned, Script, ScriptedBot, ScriptedModel, ScriptedNotifier, ScriptedPort,
    ScriptedRecognizer, ScriptedTracker, ScriptedTranslator, ScriptedWebhooks,
};

/// Who answers, as `~` lines call him.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    Ai,
    Http,
    Recognise,
    Translate,
    Bot,
    Port(String),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ai => "ai",
            Self::Http => "http",
            Self::Recognise => "recognise",
            Self::Translate => "translate",
            Self::Bot => "bot",
            Self::Port(name) => name,
        })
    }
}

/// What becomes of a call, and of whose.
#[derive(Debug, Clone)]
pub(super) enum Given {
    Model(Planned<ModelReply>),
    Webhook(Planned<WebhookResponse>),
    Recogniser(Planned<Vec<Text>>),
    Translator(Planned<Vec<Text>>),
    Bot(Planned<BotReply>),
    Port(String, Planned<Value>),
}

impl Given {
    pub(super) fn who(&self) -> Who {
        match self {
            Self::Model(_) => Who::Ai,
            Self::Webhook(_) => Who::Http,
            Self::Recogniser(_) => Who::Recognise,
            Self::Translator(_) => Who::Translate,
            Self::Bot(_) => Who::Bot,
            Self::Port(name, _) => Who::Port(name.clone()),
        }
    }

    /// Whether the call is not answered at once.
    pub(super) fn waits(&self) -> bool {
        match self {
            Self::Model(planned) => planned.waits(),
            Self::Webhook(planned) => planned.waits(),
            Self::Recogniser(planned) | Self::Translator(planned) => planned.waits(),
            Self::Bot(planned) => planned.waits(),
            Self::Port(_, planned) => planned.waits(),
        }
    }
}

/// Those who answer.
#[derive(Debug, Default)]
pub(super) struct Providers {
    pub(super) model: Arc<ScriptedModel>,
    pub(super) webhooks: Arc<ScriptedWebhooks>,
    pub(super) recogniser: Arc<ScriptedRecognizer>,
    pub(super) translator: Arc<ScriptedTranslator>,
    pub(super) bot: Arc<ScriptedBot>,
    pub(super) tracker: Arc<ScriptedTracker>,
    pub(super) notifier: Arc<ScriptedNotifier>,
    pub(super) ports: BTreeMap<String, Arc<ScriptedPort>>,
}

/// What a check asks of those outside.
#[derive(Debug, Clone)]
pub(super) enum Question {
    /// What a tracker heard next.
    Tracked,
    /// Whom the notifier was to tell of what next.
    Notified,
    /// Which model was asked last.
    Model,
    /// How often somebody was asked since the last look, and under how many keys.
    Times { who: Who, with_keys: bool },
    /// Whether the last prompt has a text.
    PromptHas,
    /// Whether the last prompt hasn't.
    PromptLacks,
    /// Whether the last two prompts say the same but for the history.
    PromptSame,
    /// Whether the last request to an outside service has a text.
    RequestHas,
}

/// What was expected, and what was.
pub(super) type Differs = (String, String);

/// Those outside, and what they were asked.
#[derive(Debug, Default)]
pub(super) struct Outside {
    providers: Providers,
    spoken: BTreeSet<Who>,
    /// The lines of answers, in the order in which calls use them up.
    lines: BTreeMap<Who, VecDeque<Line>>,
    tracked: VecDeque<TrackerEvent>,
    notified: VecDeque<Notification>,
    /// The last two requests to a model.
    prompts: VecDeque<ModelRequest>,
    request: Option<WebhookRequest>,
    /// The keys of all calls since somebody looked.
    calls: BTreeMap<Who, Vec<EffectId>>,
}

impl Outside {
    /// Those whom lines of a scenario speak for.
    pub(super) fn new(spoken: impl Iterator<Item = Who>) -> Self {
        let mut outside = Self::default();
        for who in spoken {
            if let Who::Port(name) = &who {
                let port = outside.providers.ports.entry(name.clone());
                port.or_default();
            }
            outside.spoken.insert(who);
        }
        outside
    }

    /// Gives them to a worker. `taken` are the ports that the host has given itself.
    pub(super) fn register(
        &self,
        worker: WorkerBuilder,
        config: &Config,
        taken: &BTreeSet<String>,
    ) -> WorkerBuilder {
        let (providers, spoken) = (&self.providers, &self.spoken);
        let worker = super::stand_ins::register(worker, config, providers, spoken, taken);
        let ports = self.providers.ports.iter();
        ports.fold(worker, |worker, (name, port)| {
            worker.port(name, Arc::clone(port) as _)
        })
    }

    /// Plans an answer, or lets a held call have it now. Says whether there is such a call.
    pub(super) fn give(&mut self, line: &Line, given: &Given, is_late: bool) -> bool {
        if !is_late {
            let lines = self.lines.entry(given.who()).or_default();
            lines.push_back(line.clone());
        }
        let providers = &self.providers;
        match given {
            Given::Model(planned) => give(&providers.model, planned, is_late),
            Given::Webhook(planned) => give(&providers.webhooks, planned, is_late),
            Given::Recogniser(planned) => give(&providers.recogniser, planned, is_late),
            Given::Translator(planned) => give(&providers.translator, planned, is_late),
            Given::Bot(planned) => give(&providers.bot, planned, is_late),
            Given::Port(name, planned) => {
                (providers.ports.get(name)).is_some_and(|port| give(port, planned, is_late))
            }
        }
    }

    /// The calls that wait for a line, or for nothing.
    pub(super) fn waiting(&self) -> Vec<EffectId> {
        let Providers {
            model,
            webhooks,
            recogniser,
            translator,
            bot,
            tracker: _,
            notifier: _,
            ports,
        } = &self.providers;
        let mut waiting = [
            model.waiting(),
            webhooks.waiting(),
            recogniser.waiting(),
            translator.waiting(),
            bot.waiting(),
        ]
        .concat();
        waiting.extend(ports.values().flat_map(|port| port.waiting()));
        waiting
    }

    /// Notes what they were asked; gives those who were asked and had no answer.
    pub(super) fn collect(&mut self) -> Vec<Who> {
        let mut unanswered = Vec::new();
        let calls = &mut self.calls;
        let providers = &self.providers;
        for request in noted(&providers.model, Who::Ai, calls, &mut unanswered) {
            self.prompts.push_back(request);
            if self.prompts.len() > 2 {
                self.prompts.pop_front();
            }
        }
        let requests = noted(&providers.webhooks, Who::Http, calls, &mut unanswered);
        if let Some(request) = requests.into_iter().next_back() {
            self.request = Some(request);
        }
        noted(
            &providers.recogniser,
            Who::Recognise,
            calls,
            &mut unanswered,
        );
        noted(
            &providers.translator,
            Who::Translate,
            calls,
            &mut unanswered,
        );
        noted(&providers.bot, Who::Bot, calls, &mut unanswered);
        for (name, port) in &providers.ports {
            noted(port, Who::Port(name.clone()), calls, &mut unanswered);
        }
        let tracked = providers.tracker.take_asked().into_iter();
        self.tracked.extend(tracked.map(|asked| asked.request));
        let notified = providers.notifier.take_asked().into_iter();
        self.notified.extend(notified.map(|asked| asked.request));
        unanswered
    }

    /// The lines of answers that nobody has asked for.
    pub(super) fn unused(&self) -> Vec<Line> {
        let mut unused = Vec::new();
        for (who, lines) in &self.lines {
            let providers = &self.providers;
            let left = match who {
                Who::Ai => providers.model.unused(),
                Who::Http => providers.webhooks.unused(),
                Who::Recognise => providers.recogniser.unused(),
                Who::Translate => providers.translator.unused(),
                Who::Bot => providers.bot.unused(),
                Who::Port(name) => providers.ports.get(name).map_or(0, |port| port.unused()),
            };
            let used = lines.len().saturating_sub(left);
            unused.extend(lines.iter().skip(used).cloned());
        }
        unused.sort_by_key(|line| line.number);
        unused
    }

    /// Whether a check holds, and if not, what was.
    pub(super) fn holds(
        &mut self,
        question: &Question,
        dialog: DialogId,
        wanted: &str,
    ) -> Result<(), Differs> {
        let got = match question {
            Question::Tracked => {
                let next = self.tracked.iter().position(|event| event.dialog == dialog);
                let event = next.and_then(|at| self.tracked.remove(at));
                match event.map(|event| tracked(&event)) {
                    None => "none".to_owned(),
                    // What the line doesn't name is not compared.
                    Some(got) if says(&got, wanted) => return Ok(()),
                    Some(got) => got,
                }
            }
            Question::Notified => {
                let next = (self.notified.iter()).position(|said| said.dialog == dialog);
                let said = next.and_then(|at| self.notified.remove(at));
                said.map_or_else(|| "nobody".to_owned(), |said| notified(&said))
            }
            Question::Model => match self.prompts.back() {
                None => "nobody was asked".to_owned(),
                Some(asked) => asked.model.clone().unwrap_or_else(|| "none".to_owned()),
            },
            Question::Times { who, with_keys } => {
                let keys = self.calls.remove(who).unwrap_or_default();
                let times = keys.len();
                let different: BTreeSet<EffectId> = keys.into_iter().collect();
                match with_keys {
                    false => times.to_string(),
                    true => format!("{times} keys {}", different.len()),
                }
            }
            Question::PromptHas | Question::PromptLacks => {
                let prompt = self.prompts.back().map(prompt);
                let is_wanted = matches!(question, Question::PromptHas);
                return contains(prompt, "prompt", wanted, is_wanted);
            }
            Question::PromptSame => {
                let [one, other] = self.prompts.make_contiguous() else {
                    let got = "a model was asked less than twice".to_owned();
                    return Err(("two prompts".to_owned(), got));
                };
                return match one.system == other.system {
                    true => Ok(()),
                    false => Err((
                        one.system.as_str().to_owned(),
                        other.system.as_str().to_owned(),
                    )),
                };
            }
            Question::RequestHas => {
                let request = self.request.as_ref().map(request);
                return contains(request, "request", wanted, true);
            }
        };
        match got == wanted {
            true => Ok(()),
            false => Err((wanted.to_owned(), got)),
        }
    }
}

fn give<Q, A: Clone>(script: &Script<Q, A>, planned: &Planned<A>, is_late: bool) -> bool {
    match planned {
        planned if !is_late => {
            script.plan(planned.clone());
            true
        }
        Planned::Answers(answer) => script.answer_held(Ok(answer.clone())),
        Planned::Fails(error) => script.answer_held(Err(error.clone())),
        Planned::Never | Planned::Held | Planned::Panics => false,
    }
}

/// What somebody was asked since the last look.
fn noted<Q, A>(
    script: &Script<Q, A>,
    who: Who,
    calls: &mut BTreeMap<Who, Vec<EffectId>>,
    unanswered: &mut Vec<Who>,
) -> Vec<Q> {
    let asked = script.take_asked();
    if !asked.is_empty() {
        let keys = calls.entry(who.clone()).or_default();
        keys.extend(asked.iter().map(|asked| asked.key));
    }
    if script.take_unanswered() > 0 {
        unanswered.push(who);
    }
    asked.into_iter().map(|asked| asked.request).collect()
}

fn contains(
    text: Option<String>,
    what: &str,
    wanted: &str,
    is_wanted: bool,
) -> Result<(), Differs> {
    let verb = if is_wanted { "has" } else { "doesn't have" };
    let expected = format!("a {what} that {verb} `{wanted}`");
    match text {
        Some(text) if text.contains(wanted) == is_wanted => Ok(()),
        Some(text) => Err((expected, text)),
        None => Err((expected, "nobody was asked".to_owned())),
    }
}

/// All that a model is told: who it is to be, then the dialog.
fn prompt(request: &ModelRequest) -> String {
    let mut prompt = request.system.as_str().to_owned();
    for message in &request.history {
        let side = match message.side {
            crate::dialog::Side::Contact => "contact",
            crate::dialog::Side::Us => "us",
        };
        prompt.push_str(&format!("\n{side}: {}", message.text.as_str()));
    }
    prompt
}

/// `POST https://example.com`, its headers, and its body.
fn request(request: &WebhookRequest) -> String {
    let mut text = format!("{} {}", request.method, request.url.as_str());
    for (name, value) in &request.headers {
        text.push_str(&format!("\n{name}: {}", value.as_str()));
    }
    if let Some((body, content_type)) = &request.body {
        text.push_str(&format!(
            "\ncontent-type: {content_type}\n\n{}",
            body.as_str()
        ));
    }
    text
}

/// `deposit 50 click=abc currency=EUR`
fn tracked(event: &TrackerEvent) -> String {
    let mut text = event.event.clone();
    if let Some(value) = &event.value {
        text.push_str(&format!(" {value}"));
    }
    if let Some(click) = &event.click_id {
        text.push_str(&format!(" click={}", click.as_str()));
    }
    for (name, value) in &event.parameters {
        text.push_str(&format!(" {name}={}", written(value)));
    }
    text
}

/// Whether a report says all that a line names: event and amount just so, and no other
/// parameters than it has.
fn says(got: &str, wanted: &str) -> bool {
    let is_named = |word: &&str| word.contains('=');
    let (got_named, got_plain): (Vec<&str>, Vec<&str>) = got.split(' ').partition(is_named);
    let (named, plain): (Vec<&str>, Vec<&str>) = wanted.split(' ').partition(is_named);
    got_plain == plain && named.iter().all(|word| got_named.contains(word))
}

/// `anna manual`, `anna robot hot`
fn notified(said: &Notification) -> String {
    let (to, alert) = (&said.to, said.alert.label());
    match &said.robot {
        None => format!("{to} {alert}"),
        Some(robot) => format!("{to} {alert} {robot}"),
    }
}
