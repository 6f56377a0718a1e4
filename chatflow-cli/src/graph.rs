//! `chatflow graph`: a picture of a flow.
//!
//! ```text
//!  files, or the database's newest config ──► FlowGraph ──► Mermaid, DOT or SVG
//!  database ── journals, positions ── counts ──►
//! ```

mod layout;
mod stored;
mod svg;

use std::io::{self, Write};
use std::path::PathBuf;

use chatflow_core::{BotId, FlowDefinition, FlowGraph, FlowId, GraphTarget, StoreError, codec};
use chatflow_store_sqlite::OpenError;

use crate::flow_files::{self, AssumedCode, Unreadable};
use crate::output::{Verdict, count, listed, tell};
use crate::usable;
use stored::{Database, Tally};

/// What `chatflow graph` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Flow files in YAML or JSON, the flows of one bot; without any, the flow is taken from the
    /// database
    #[arg(value_name = "FILE", required_unless_present = "db")]
    files: Vec<PathBuf>,
    /// What is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Which flow is drawn; the entry flow, if none is named
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
    /// Writes beside each exit how often it was taken, and into each step how many dialogs stand
    /// there, over all versions of the flow. The SQLite file is opened for reading only, also
    /// beside a running program
    #[arg(long, value_name = "PATH")]
    db: Option<PathBuf>,
    /// Counts only the dialogs of this bot
    #[arg(long, value_name = "BOT", requires = "db")]
    bot: Option<String>,
    #[command(flatten)]
    code: AssumedCode,
}

/// What is printed.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For documentation and code hosts
    #[default]
    Mermaid,
    /// For Graphviz
    Dot,
    /// A picture for a browser
    Svg,
}

/// Why a flow could not be drawn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("{} does not exist; check the path after `--db`", file.display())]
    Missing { file: PathBuf },
    #[error(transparent)]
    Open(OpenError),
    #[error("{} can't be read on; see that its disk works, or restore a backup", file.display())]
    Read { file: PathBuf, source: StoreError },
    #[error("{} has no dialogs yet, so no flow is known; name a flow file", file.display())]
    Empty { file: PathBuf },
    #[error("the flows in {} can't be read", file.display())]
    Damaged {
        file: PathBuf,
        source: codec::DecodeError,
    },
    #[error("there is no bot `{bot}`; choose one of {known} after `--bot`")]
    NoSuchBot { bot: String, known: String },
    #[error("there are several bots; choose one of {known} after `--bot`")]
    WhichBot { known: String },
    #[error("there is no flow `{flow}`; choose one of {known} after `--flow`")]
    NoSuchFlow { flow: String, known: String },
    #[error("the picture can't be written; send the output elsewhere")]
    Write(#[from] io::Error),
}

/// Draws a flow.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Verdict, Failure> {
    let sources = flow_files::read_all(&arguments.files)?;
    let database = arguments.db.as_deref().map(Database::open).transpose()?;
    let bot = arguments.bot.as_deref().map(BotId::from);
    let tally = match &database {
        Some(database) => Some(database.tally(bot.as_ref())?),
        None => None,
    };
    if let (Some(bot), Some(tally)) = (&arguments.bot, &tally)
        && tally.bots.is_empty()
    {
        return Err(Failure::NoSuchBot {
            bot: bot.clone(),
            known: listed(tally.others.iter().map(BotId::as_str)),
        });
    }
    let mut verdict = Verdict::Confirmed;
    let (flows, entry) = match (&database, &tally) {
        (Some(database), Some(tally)) if sources.is_empty() => database.newest_flows(tally)?,
        _ => {
            let files = arguments.code.flows(&sources);
            if usable::tell_errors(&files.check(), &sources).is_err() {
                return Ok(Verdict::NotConfirmed);
            }
            let flows: Vec<FlowDefinition> = files.flows().cloned().collect();
            let entry = flows.first().map(|flow| flow.id.clone());
            (flows, entry)
        }
    };
    let wanted = match (&arguments.flow, &entry) {
        (Some(name), _) => FlowId::from(name.as_str()),
        (None, Some(entry)) => entry.clone(),
        (None, None) => FlowId::from(""),
    };
    let flow = newest(&flows, &wanted).ok_or_else(|| Failure::NoSuchFlow {
        flow: wanted.to_string(),
        known: listed(flows.iter().map(|flow| flow.id.as_str())),
    })?;
    let mut graph = FlowGraph::of(flow);
    if is_only_called(&flows, entry.as_ref(), &wanted) {
        graph = graph.returning();
    }
    if let Some(tally) = &tally {
        write_counts(&mut graph, tally);
        if tally.unreadable > 0 {
            let turns = count(tally.unreadable, "stored turn");
            let are = if tally.unreadable == 1 { "is" } else { "are" };
            tell(&format!(
                "chatflow: {turns} can't be read and {are} not counted"
            ));
            verdict = Verdict::NotConfirmed;
        }
    }
    let picture = match arguments.format {
        Format::Mermaid => graph.to_mermaid(),
        Format::Dot => graph.to_dot(),
        Format::Svg => svg::draw(&graph),
    };
    out.write_all(picture.as_bytes())?;
    out.flush()?;
    Ok(verdict)
}

fn newest<'a>(flows: &'a [FlowDefinition], id: &FlowId) -> Option<&'a FlowDefinition> {
    let named = flows.iter().filter(|flow| flow.id == *id);
    named.max_by_key(|flow| flow.version)
}

/// Whether a flow is entered by calls alone, so that its end is a return.
fn is_only_called(flows: &[FlowDefinition], entry: Option<&FlowId>, id: &FlowId) -> bool {
    let mut is_called = false;
    for graph in flows.iter().map(FlowGraph::of) {
        for edge in &graph.edges {
            let GraphTarget::Flow { flow, .. } = &edge.to else {
                continue;
            };
            if flow != id {
                continue;
            }
            // A step that calls has a way on; one that changes flows has none.
            if graph.ways_out_of(&edge.from).count() == 1 {
                return false;
            }
            is_called = true;
        }
    }
    is_called && entry != Some(id)
}

fn write_counts(graph: &mut FlowGraph, tally: &Tally) {
    let flow = graph.flow.clone();
    for node in &mut graph.nodes {
        let place = (flow.clone(), node.step.clone());
        node.dialogs = Some(tally.standing.get(&place).copied().unwrap_or(0));
    }
    for edge in &mut graph.edges {
        let way = (flow.clone(), edge.from.clone(), edge.exit.clone());
        let taken = tally.taken.get(&way).copied();
        edge.taken = match edge.to {
            _ if edge.resumes => None,
            // A question that nobody answered isn't passed where no step follows: the dialog
            // stays in it, and the journal counts no exit.
            GraphTarget::Operator => taken,
            _ => Some(taken.unwrap_or(0)),
        };
    }
}
