//! Flow files read and checked together.

use std::collections::{BTreeMap, BTreeSet};

use super::body::FileBody;
use super::finding::{Finding, FlowFileError};
use super::{Code, Kind, Node, PathPart, Span, build, locate, parse_bytes};
use crate::dialog::{BotId, FlowId, StepId};
use crate::flow::body::{Next, StepBody};
use crate::flow::{
    Behaviour, Bot, Finish, FinishStatus, FlowBound, FlowDefinition, FlowProblem, Problem,
    ProblemKind, Report, Severity, StepDefinition, StepKind,
};

/// Flow files in YAML or JSON, read and checked together as the flows of one bot. The first is
/// its entry flow, and the one whose `bot` settings count.
///
/// ```
/// use chatflow_core::FlowFiles;
///
/// let lead = "\
/// flow: lead
/// steps:
///   name:
///     ask: {question: What is your name?, save: contact.name}
///   thanks:
///     send: Thank you, {{ name }}!
///     finish: finished
/// ";
/// let bot = FlowFiles::new().read("lead.yaml", lead.as_bytes()).bot("shop")?;
/// # let _ = bot;
///
/// let broken = lead.replace("save", "safe");
/// let error = FlowFiles::new().read("lead.yaml", broken.as_bytes()).bot("shop").unwrap_err();
/// let finding = &error.findings()[0];
/// assert_eq!((finding.span.line, finding.span.column), (4, 41));
/// # Ok::<(), chatflow_core::FlowFileError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct FlowFiles {
    code: Code,
    files: Vec<File>,
}

/// A file as far as it could be read.
#[derive(Debug, Clone)]
struct File {
    name: String,
    /// What stands where; none where it is no YAML.
    node: Option<Node>,
    flow: Option<FlowDefinition>,
    behaviour: Option<Behaviour>,
    /// What kept it, or parts of it, from being read.
    findings: Vec<Finding>,
    /// Steps of which something couldn't be read: some of what else is found in them may follow
    /// from that.
    broken: BTreeSet<StepId>,
}

/// What checking files has found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileReport {
    /// All that was found, by file and place.
    pub findings: Vec<Finding>,
    /// The most that one message may lead through, by flow; empty where a file is broken.
    pub bounds: Vec<FlowBound>,
}

impl FileReport {
    /// How many of the findings are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        let findings = self.findings.iter();
        findings
            .filter(|finding| finding.severity == severity)
            .count()
    }
}

impl FlowFiles {
    /// Most bytes of one file.
    pub const FILE_BYTES_MAX: usize = super::SOURCE_BYTES_MAX;

    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the steps and routers written in Rust that the files name. Call it before
    /// [`read`](FlowFiles::read).
    #[must_use]
    pub fn code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }

    /// Reads a file under a name, which findings then have. Whatever is wrong with it is told by
    /// [`check`](FlowFiles::check) and [`bot`](FlowFiles::bot).
    #[must_use]
    pub fn read(mut self, name: impl Into<String>, bytes: &[u8]) -> Self {
        let file = File::read(name.into(), bytes, &self.code);
        self.files.push(file);
        self
    }

    /// The flows that could be read, in the order of their files.
    pub fn flows(&self) -> impl Iterator<Item = &FlowDefinition> {
        self.files.iter().filter_map(|file| file.flow.as_ref())
    }

    /// Everything that is wrong with the files or looks wrong, each with its place.
    pub fn check(&self) -> FileReport {
        self.report(self.assembled("check".into()).map(|bot| bot.check()))
    }

    /// The bot of these files.
    ///
    /// # Errors
    /// [`FlowFileError`] with everything that was found, where any of it is an error. Warnings
    /// alone keep nobody from running it.
    pub fn bot(&self, id: impl Into<BotId>) -> Result<Bot, FlowFileError> {
        let bot = self.assembled(id.into());
        let report = self.report(bot.as_ref().map(Bot::check));
        match bot {
            Some(bot) if report.count(Severity::Error) == 0 => Ok(bot),
            _ => Err(FlowFileError::new(report.findings)),
        }
    }

    /// Adds the flows of these files to a bot that has others. A flow whose name the bot has
    /// already gets a number (`lead` becomes `lead_2`), and the files' references to it follow.
    /// The files' `bot` settings don't count.
    ///
    /// # Errors
    /// [`FlowFileError`] names everything that is wrong with the files, references to what the
    /// bot doesn't have among it; the bot is as it was.
    pub fn import_into(&self, bot: &Bot) -> Result<Bot, FlowFileError> {
        let taken: BTreeSet<&FlowId> = bot.flows.iter().map(|flow| &flow.id).collect();
        let mut renamed = BTreeMap::new();
        for flow in self.flows().filter(|flow| taken.contains(&flow.id)) {
            let fresh = (2_u32..)
                .map(|n| FlowId::from(format!("{}_{n}", flow.id)))
                .find(|id| !taken.contains(id) && self.flows().all(|flow| flow.id != *id));
            if let Some(fresh) = fresh {
                renamed.insert(flow.id.clone(), fresh);
            }
        }
        let rename = |id: &mut FlowId| {
            if let Some(fresh) = renamed.get(id) {
                *id = fresh.clone();
            }
        };
        let mut files = self.clone();
        for flow in files.files.iter_mut().filter_map(|file| file.flow.as_mut()) {
            rename(&mut flow.id);
            for step in &mut flow.steps {
                match &mut step.kind {
                    StepKind::ChangeFlow(change) => rename(&mut change.flow),
                    StepKind::CallFlow(call) => rename(&mut call.flow),
                    _ => {}
                }
            }
        }
        let mut grown = bot.clone();
        grown.flows.extend(files.flows().cloned());
        let report = files.report(Some(grown.check()));
        if report.count(Severity::Error) > 0 {
            return Err(FlowFileError::new(report.findings));
        }
        Ok(grown)
    }

    /// The bot, as far as the files could be read; none without a flow.
    fn assembled(&self, id: BotId) -> Option<Bot> {
        let mut flows = self.flows().cloned();
        let mut bot = Bot::new(id, flows.next()?);
        bot.flows.extend(flows);
        let behaviour = self.files.first().and_then(|file| file.behaviour.clone());
        Some(bot.behaviour(behaviour.unwrap_or_default()))
    }

    /// What reading and checking found, in the order of files and places.
    fn report(&self, checked: Option<Report>) -> FileReport {
        let mut findings: Vec<Finding> = self
            .files
            .iter()
            .flat_map(|file| file.findings.iter().cloned())
            .collect();
        for file in self.files.iter().skip(1) {
            if let (Some(_), Some(node)) = (&file.behaviour, &file.node) {
                let span = locate(node, &[PathPart::Key("bot")]);
                let problem = Problem::of(None, ProblemKind::BotTwice);
                findings.push(Finding::of(&file.name, span, None, &problem));
            }
        }
        // A reference to what couldn't be read, or a way through it, says nothing.
        let whole = self.files.iter().all(|file| file.findings.is_empty());
        let mut bounds = Vec::new();
        if let Some(report) = checked {
            findings.extend(
                report
                    .settings
                    .iter()
                    .filter(|problem| whole || !problem.kind.is_of_the_whole())
                    .filter_map(|problem| self.setting(problem)),
            );
            for found in &report.problems {
                if whole || !found.problem.kind.is_of_the_whole() {
                    findings.extend(self.placed(found));
                }
            }
            if whole {
                bounds = report.bounds;
            }
        }
        let order: BTreeMap<&str, usize> = self
            .files
            .iter()
            .enumerate()
            .map(|(n, file)| (file.name.as_str(), n))
            .collect();
        findings.sort_by_key(|finding| (order.get(finding.file.as_str()).copied(), finding.span));
        findings.dedup();
        FileReport { findings, bounds }
    }

    /// A problem of the bot's settings with its place; none without files.
    fn setting(&self, problem: &Problem) -> Option<Finding> {
        let file = self.files.first()?;
        let span = file.node.as_ref().map_or(Span::START, |node| {
            locate_names(node, vec![PathPart::Key("bot")], &problem.at)
        });
        Some(Finding::of(&file.name, span, None, problem))
    }

    /// A problem of a flow with its place; none where no file has that flow.
    fn placed(&self, found: &FlowProblem) -> Option<Finding> {
        let FlowProblem {
            flow,
            version,
            problem,
        } = found;
        // Of two files with one flow the later is the one too many.
        let mut files = self.files.iter().rev();
        let file = files.find(|file| {
            let own = file.flow.as_ref();
            own.is_some_and(|own| own.id == *flow && own.version == *version)
        })?;
        let is_broken = problem
            .step
            .as_ref()
            .is_some_and(|step| file.broken.contains(step));
        if is_broken && problem.kind.may_follow_from_unread() {
            return None;
        }
        let span = file.span(problem);
        Some(Finding::of(&file.name, span, Some(flow), problem))
    }
}

impl File {
    fn read(name: String, bytes: &[u8], code: &Code) -> Self {
        let mut file = Self {
            name,
            node: None,
            flow: None,
            behaviour: None,
            findings: Vec::new(),
            broken: BTreeSet::new(),
        };
        match parse_bytes(bytes) {
            Ok(node) => {
                file.read_node(&node, code);
                file.node = Some(node);
            }
            Err(problem) => file.findings.push(Finding::unread(&file.name, problem)),
        }
        file
    }

    fn read_node(&mut self, node: &Node, code: &Code) {
        let mut problems = Vec::new();
        let body: Option<FileBody> = build(node, &mut problems);
        let mut steps = Vec::new();
        let mut known = BTreeSet::new();
        for entry in node
            .entry("steps")
            .map_or(&[][..], |steps| steps.value.entries())
        {
            let name = StepId::from(entry.key.as_str());
            if !known.insert(name.clone()) {
                continue;
            }
            let before = problems.len();
            let body = build::<StepBody>(&entry.value, &mut problems);
            let is_whole = problems.len() == before;
            let step = body.and_then(|body| match named(name.clone(), body, code) {
                Ok(step) => Some(step),
                Err(kind) => {
                    // Of a step that couldn't be read whole, what it does may be what is missing.
                    if is_whole {
                        let problem = Problem::of(Some(name.clone()), kind);
                        let finding = Finding::of(&self.name, entry.key_span, None, &problem);
                        self.findings.push(finding);
                    }
                    self.broken.insert(name.clone());
                    None
                }
            });
            if !is_whole {
                self.broken.insert(name.clone());
            }
            steps.push(step.unwrap_or_else(|| unread(name, &entry.value)));
        }
        let unread = problems
            .into_iter()
            .map(|problem| Finding::unread(&self.name, problem));
        self.findings.extend(unread);
        // Where the head of the file is broken, its name may still be had, for other files.
        let text = |key: &str| {
            let entry = node.entry(key)?;
            match &entry.value.kind {
                Kind::Text(text) => Some(text.clone()),
                _ => None,
            }
        };
        let head = body.unwrap_or_else(|| FileBody::guessed(text("flow"), text("entry")));
        self.behaviour = head.bot;
        let entry = head.entry.map(StepId::from);
        let entry = entry.or_else(|| steps.first().map(|step| step.name.clone()));
        if head.flow.is_empty() && !self.findings.is_empty() {
            return;
        }
        self.flow = Some(FlowDefinition {
            id: head.flow.into(),
            version: head.version,
            language: head.language,
            entry: entry.unwrap_or_else(|| StepId::from("")),
            inputs: head.inputs,
            upgrade: head.upgrade,
            steps,
        });
    }

    /// Where a problem of this file's flow is.
    fn span(&self, problem: &Problem) -> Span {
        let Some(node) = &self.node else {
            return Span::START;
        };
        let mut path = Vec::with_capacity(problem.at.len() + 2);
        if let Some(step) = &problem.step {
            path.push(PathPart::Key("steps"));
            path.push(PathPart::Key(step.as_str()));
        }
        locate_names(node, path, &problem.at)
    }
}

/// The place to which names lead on from a path.
fn locate_names<'a>(node: &Node, mut path: Vec<PathPart<'a>>, names: &'a [String]) -> Span {
    for name in names {
        path.push(match name.parse() {
            // A map may have numbers for keys, and a list has nothing else.
            Ok(index) if is_list(node, &path) => PathPart::Index(index),
            _ => PathPart::Key(name),
        });
    }
    locate(node, &path)
}

/// A step that could be read, with its code.
fn named(name: StepId, body: StepBody, code: &Code) -> Result<StepDefinition, ProblemKind> {
    let mut step = body.named(name)?;
    code.fill_in(&mut step.kind)?;
    Ok(step)
}

/// Stands for a step that couldn't be read, so that its name is known and where it leads is
/// looked at.
fn unread(name: StepId, node: &Node) -> StepDefinition {
    let next = node
        .entry("next")
        .and_then(|entry| build::<Next>(&entry.value, &mut Vec::new()));
    StepDefinition {
        name,
        kind: StepKind::Finish(Finish::with(FinishStatus::Manual)),
        exits: next.map(Next::into_exits).unwrap_or_default(),
        timeout: None,
        answer_after: None,
        pushes: Vec::new(),
        finish: None,
    }
}

fn is_list(node: &Node, path: &[PathPart<'_>]) -> bool {
    let mut node = node;
    for part in path {
        let inner = match (part, &node.kind) {
            (PathPart::Key(key), _) => node.entry(key).map(|entry| &entry.value),
            (PathPart::Index(index), Kind::List(elements)) => elements.get(*index),
            _ => None,
        };
        let Some(inner) = inner else { return false };
        node = inner;
    }
    matches!(node.kind, Kind::List(_))
}
