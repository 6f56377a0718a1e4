//! `chatflow explain`: a step in plain words.

mod words;

use std::io::{self, Write};
use std::path::PathBuf;

use chatflow_core::{
    ExportError, FinishStatus, FlowFiles, FlowGraph, FlowId, GraphEdge, GraphNode, GraphTarget,
    StepId, StepTarget,
};

use crate::flow_files::{self, AssumedCode, Unreadable};
use crate::output::{Printable, Verdict};
use crate::usable;

/// What `chatflow explain` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The flow file in YAML or JSON; `-` is the standard input
    #[arg(value_name = "FLOW")]
    file: PathBuf,
    /// The step's name
    #[arg(long, value_name = "STEP")]
    step: String,
    /// Another flow file of the same bot; may be given several times
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    #[command(flatten)]
    code: AssumedCode,
}

/// Why a step could not be explained.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("flow `{flow}` has no step `{step}`; {help}")]
    NoSuchStep {
        flow: FlowId,
        step: String,
        help: String,
    },
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("the flow can't be read back")]
    Form(#[from] serde_json::Error),
    #[error("the explanation can't be written; send the output elsewhere")]
    Write(#[from] io::Error),
}

/// Explains a step of the first file's flow.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Verdict, Failure> {
    let paths = usable::paths(&arguments.file, &arguments.with);
    let sources = flow_files::read_all(&paths)?;
    let files = arguments.code.flows(&sources);
    if usable::tell_errors(&files.check(), &sources).is_err() {
        return Ok(Verdict::NotConfirmed);
    }
    // Files without errors have a flow each.
    let Some(flow) = usable::flow_named(&files, None) else {
        return Ok(Verdict::NotConfirmed);
    };
    let graph = FlowGraph::of(flow);
    let name = arguments.step.as_str();
    let Some(node) = graph.nodes.iter().find(|node| node.step.as_str() == name) else {
        return Err(Failure::NoSuchStep {
            flow: flow.id.clone(),
            step: name.to_owned(),
            help: near(name, &graph),
        });
    };
    // Its form in a file is all that a step is, and anybody may read it.
    let form: serde_json::Value = serde_json::from_str(&flow.to_json()?)?;
    let step = &form["steps"][name];
    let explained = Explained {
        graph: &graph,
        node,
        files: &files,
    };
    explained.write(step, out)?;
    out.flush()?;
    Ok(Verdict::Confirmed)
}

/// The name that was meant, or those there are.
fn near(name: &str, graph: &FlowGraph) -> String {
    const LISTED_MAX: usize = 10;
    let names = || graph.nodes.iter().map(|node| node.step.as_str());
    let written = name.to_lowercase();
    let letters = written.chars().count();
    let nearest = names()
        .map(|step| (distance(&written, &step.to_lowercase()), step))
        .filter(|(distance, _)| *distance <= (letters / 3).max(1) && *distance < letters)
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, step)) = nearest {
        return format!("did you mean `{step}`?");
    }
    let listed: Vec<String> = names()
        .take(LISTED_MAX)
        .map(|step| format!("`{step}`"))
        .collect();
    let more = match graph.nodes.len() {
        0..=LISTED_MAX => "",
        _ => " and others",
    };
    format!("it has {}{more}", listed.join(", "))
}

/// How many letters are added, lost or changed. Names are short: longer ones are far.
fn distance(from: &str, to: &str) -> usize {
    const BYTES_MAX: usize = 128;
    if from.len() > BYTES_MAX || to.len() > BYTES_MAX {
        return usize::MAX;
    }
    let to: Vec<char> = to.chars().collect();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (n, letter) in from.chars().enumerate() {
        let mut row = vec![n + 1];
        for (m, other) in to.iter().enumerate() {
            let changed = above[m] + usize::from(letter != *other);
            row.push(changed.min(above[m + 1] + 1).min(row[m] + 1));
        }
        above = row;
    }
    above.last().copied().unwrap_or(usize::MAX)
}

/// A step, with the flow around it.
struct Explained<'a> {
    graph: &'a FlowGraph,
    node: &'a GraphNode,
    files: &'a FlowFiles,
}

impl Explained<'_> {
    fn write(&self, step_form: &serde_json::Value, out: &mut impl Write) -> io::Result<()> {
        let node = self.node;
        let step = Printable(node.step.as_str());
        let flow = Printable(self.graph.flow.as_str());
        let does = words::what_it_does(node.kind);
        writeln!(out, "Step `{step}` of flow `{flow}` {does}")?;
        let mut lines = words::details(node.kind, &step_form[node.kind]);
        lines.extend(words::beside(step_form));
        for line in lines {
            writeln!(out, "  {}", Printable(&line))?;
        }
        for (what, names) in [("Reads", &node.reads), ("Keeps", &node.keeps)] {
            if !names.is_empty() {
                writeln!(out, "{what}: {}", Printable(&names.join(", ")))?;
            }
        }
        let waits = match (node.waits, node.kind, node.finish) {
            (_, _, Some(FinishStatus::Waiting)) => {
                "It waits: once passed, the dialog shows Waiting until the contact writes."
            }
            (true, "delay", _) => {
                "It waits for time to pass; what messages do meanwhile, the bot's `during_delay` or the step says."
            }
            (true, "membership", _) => "It waits for the answer; a message meanwhile asks again.",
            (true, "webhook" | "ai_reply", _) => "It waits for the answer from outside.",
            (true, "external_bot", _) => {
                "It waits for the other bot, and hands on to it what the contact writes."
            }
            (true, "keywords" | "router" | "ai_route", _) => {
                "It waits for a message, unless one is left that no step has taken."
            }
            (true, _, _) => "It waits for the contact's message.",
            (false, _, _) => "It doesn't wait.",
        };
        writeln!(out, "{waits}")?;
        if let Some(timeout) = node.timeout {
            writeln!(
                out,
                "After {timeout} without an answer it leaves by `timeout`."
            )?;
        }
        match node.finish {
            Some(FinishStatus::Manual) => {
                writeln!(out, "Passing it hands the dialog to a person (Manual).")?;
            }
            Some(FinishStatus::Finished) => {
                writeln!(out, "Passing it ends the flow (Finished).")?;
            }
            _ => {}
        }
        writeln!(out, "Leads:")?;
        for edge in self.graph.ways_out_of(&node.step) {
            writeln!(out, "  {}", way_out(edge))?;
        }
        self.write_reached(out)
    }

    fn write_reached(&self, out: &mut impl Write) -> io::Result<()> {
        let mut reached = Vec::new();
        if self.node.step == self.graph.entry {
            reached.push("the beginning of the flow".to_owned());
        }
        for edge in self.graph.ways_into(&self.node.step) {
            let (from, exit) = (&edge.from, &edge.exit);
            reached.push(match edge.resumes {
                true => format!("`{from}` by `{exit}`, once automation goes on after a person"),
                false => format!("`{from}` by `{exit}`"),
            });
        }
        for flow in self.files.flows() {
            for edge in FlowGraph::of(flow).edges {
                if self.is_into(&edge.to, &self.node.step) {
                    let (other, from) = (&flow.id, &edge.from);
                    reached.push(format!("flow `{other}`, step `{from}`"));
                }
            }
        }
        reached.extend(self.rules_into());
        if reached.is_empty() {
            return writeln!(out, "Nothing leads to it.");
        }
        writeln!(out, "Reached from:")?;
        for from in reached {
            writeln!(out, "  {}", Printable(&from))?;
        }
        Ok(())
    }

    /// What the bot's own rules lead here from anywhere.
    fn rules_into(&self) -> Vec<String> {
        // Files without errors make a bot; its name tells nothing of its rules.
        let config = self
            .files
            .bot("explained")
            .ok()
            .and_then(|bot| bot.compile().ok());
        let Some(behaviour) = config.as_ref().map(|config| &config.settings().behaviour) else {
            return Vec::new();
        };
        let is_here = |to: &StepTarget| {
            let step = to.step.as_ref().unwrap_or(&self.graph.entry);
            let flow = to.flow.as_ref();
            flow.is_none_or(|flow| *flow == self.graph.flow) && *step == self.node.step
        };
        let reports = behaviour
            .postbacks
            .iter()
            .filter(|rule| is_here(&rule.step));
        let reports = reports.map(|rule| format!("anywhere, when a tracker reports `{}`", rule.on));
        let robots = behaviour.robots.iter();
        let robots = robots.filter(|(_, robot)| robot.step.as_ref().is_some_and(is_here));
        let robots = robots.map(|(name, _)| format!("anywhere, by the robot `{name}`"));
        reports.chain(robots).collect()
    }

    fn is_into(&self, to: &GraphTarget, step: &StepId) -> bool {
        match to {
            GraphTarget::Flow { flow, step: at } if *flow == self.graph.flow => {
                at.as_ref().unwrap_or(&self.graph.entry) == step
            }
            _ => false,
        }
    }
}

/// An exit and where it leads.
fn way_out(edge: &GraphEdge) -> String {
    let to = match &edge.to {
        GraphTarget::Step(step) => format!("step `{}`", Printable(step.as_str())),
        GraphTarget::End => "the end of the flow".to_owned(),
        GraphTarget::Return => "back to the flow that called".to_owned(),
        GraphTarget::Operator => "a person".to_owned(),
        GraphTarget::Flow { flow, step: None } => format!("flow `{}`", Printable(flow.as_str())),
        GraphTarget::Flow {
            flow,
            step: Some(step),
        } => {
            let (flow, step) = (Printable(flow.as_str()), Printable(step.as_str()));
            format!("flow `{flow}`, step `{step}`")
        }
    };
    let exit = Printable(&edge.exit);
    match (edge.exit.as_str(), edge.resumes) {
        ("", _) => format!("into {to}"),
        (_, true) => format!("`{exit}`, once automation goes on: {to}"),
        (_, false) => format!("`{exit}`: {to}"),
    }
}
