//! `chatflow export`: a flow file in its canonical form.

use std::io::{self, Write};
use std::path::PathBuf;

use chatflow_core::{Behaviour, ConfigError, ExportError};

use crate::flow_files::{self, AssumedCode, Unreadable};
use crate::output::Verdict;
use crate::usable;

/// What `chatflow export` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The flow file in YAML or JSON; `-` is the standard input
    #[arg(value_name = "FLOW")]
    file: PathBuf,
    /// What is written
    #[arg(long, value_enum)]
    format: Format,
    /// Another flow file of the same bot, so that references to it hold; may be given several
    /// times
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    #[command(flatten)]
    code: AssumedCode,
}

/// What is written.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// As people write it
    Yaml,
    /// For programs
    Json,
}

/// Why a flow could not be exported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Bot(#[from] ConfigError),
    #[error("the settings of the bot can't be written")]
    Settings(#[from] serde_json::Error),
    #[error("the flow can't be written; send the output elsewhere")]
    Write(#[from] io::Error),
}

/// Prints the flow again, with the settings of its bot that aren't the usual ones.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Verdict, Failure> {
    let paths = usable::paths(&arguments.file, &arguments.with);
    let sources = flow_files::read_all(&paths)?;
    let files = arguments.code.flows(&sources);
    let Ok(bot) = usable::bot(&files, &sources, "export") else {
        return Ok(Verdict::NotConfirmed);
    };
    let config = bot.compile()?;
    // Files without errors have a flow each.
    let Some(flow) = usable::flow_named(&files, None) else {
        return Ok(Verdict::NotConfirmed);
    };
    let settings = unusual(&config.settings().behaviour)?;
    let text = match (arguments.format, settings) {
        (Format::Yaml, None) => flow.to_yaml()?,
        // What is JSON is YAML too.
        (Format::Yaml, Some(settings)) => format!("bot: {settings}\n{}", flow.to_yaml()?),
        (Format::Json, None) => flow.to_json()?,
        (Format::Json, Some(settings)) => {
            let flow = flow.to_json()?;
            let rest = flow.strip_prefix('{').unwrap_or(&flow);
            format!("{{\n  \"bot\": {settings},{rest}")
        }
    };
    writeln!(out, "{}", text.trim_end())?;
    out.flush()?;
    Ok(Verdict::Confirmed)
}

/// The settings that differ from the usual ones, as a JSON object; none where all are usual.
fn unusual(behaviour: &Behaviour) -> Result<Option<String>, serde_json::Error> {
    let usual = serde_json::to_value(Behaviour::default())?;
    let mut settings = serde_json::to_value(behaviour)?;
    let Some(object) = settings.as_object_mut() else {
        return Ok(None);
    };
    object.retain(|name, value| usual.get(name) != Some(value));
    if object.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(&settings).map(Some)
}
