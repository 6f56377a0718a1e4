//! `chatflow play`: conversations played to a bot in memory, under a clock that only they move.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chatflow_core::testing::{Failure as Difference, PlayError, Played, Player, Scenario};
use chatflow_core::{Bot, FlowFiles};
use futures::executor::block_on;
use serde::Serialize;

use crate::flow_files::{self, AssumedCode, Unreadable};
use crate::output::{Printable, Verdict, count};
use crate::usable;

/// What `chatflow play` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The flow file that a new contact enters
    #[arg(value_name = "FLOW")]
    file: PathBuf,
    /// Scenarios, or folders whose `*.scenario` files are played in the order of their names;
    /// their `~` lines answer for models, outside services and other bots, `*` lines for trackers
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Another flow file of the same bot; may be given several times
    #[arg(long, value_name = "FILE")]
    with: Vec<PathBuf>,
    /// What the arms of splits are drawn from, instead of the bot's own seed
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Rewrite the lines that expect messages as they happened
    #[arg(long)]
    update: bool,
    /// Print one JSON object a line and scenario
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    code: AssumedCode,
}

/// Why scenarios could not be played.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("{}: {reason}", file.display())]
    Scenario { file: PathBuf, reason: String },
    #[error("there is no file *.scenario in {}; name the scenarios", folder.display())]
    Empty { folder: PathBuf },
    #[error("{} can't be listed; check its permissions", folder.display())]
    List { folder: PathBuf, source: io::Error },
    #[error("{} can't be played on", file.display())]
    Play { file: PathBuf, source: PlayError },
    #[error("{} can't be rewritten; it is as it was", file.display())]
    Update { file: PathBuf, source: io::Error },
    #[error("what came of the scenarios can't be written; send the output elsewhere")]
    Write(#[from] io::Error),
}

/// A scenario as it stands in its file.
struct Script {
    file: PathBuf,
    text: String,
    scenario: Scenario,
}

/// Plays each scenario from the beginning.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Verdict, Failure> {
    let paths = usable::paths(&arguments.file, &arguments.with);
    let sources = flow_files::read_all(&paths)?;
    // Before anything is played or rewritten, all of it can be read.
    let mut scripts = Vec::new();
    for path in files_of(&arguments.scenarios)? {
        scripts.push(Script::read(path)?);
    }
    let files: FlowFiles = arguments.code.flows(&sources);
    let Ok(mut bot) = usable::bot(&files, &sources, "bot") else {
        return Ok(Verdict::NotConfirmed);
    };
    if let Some(seed) = arguments.seed {
        bot = bot.seed(seed);
    }
    let mut failed = 0;
    for script in &scripts {
        let outcome = script.play(&bot, arguments.update)?;
        failed += usize::from(!outcome.played.holds());
        if arguments.json {
            script.write_json(&outcome, out)?;
        } else {
            script.write_text(&outcome, out)?;
        }
        // Whoever reads along sees a scenario as soon as it is done.
        out.flush()?;
    }
    if !arguments.json {
        let all = count(scripts.len(), "scenario");
        writeln!(out, "{all}, {} ok, {failed} failed", scripts.len() - failed)?;
        out.flush()?;
    }
    Ok(match failed {
        0 => Verdict::Confirmed,
        _ => Verdict::NotConfirmed,
    })
}

/// The files that are named, and those of the folders that are.
fn files_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let list = |source| Failure::List {
            folder: path.clone(),
            source,
        };
        let mut found = Vec::new();
        for entry in std::fs::read_dir(path).map_err(list)? {
            let file = entry.map_err(list)?.path();
            if file.extension().is_some_and(|end| end == "scenario") && !file.is_dir() {
                found.push(file);
            }
        }
        if found.is_empty() {
            return Err(Failure::Empty {
                folder: path.clone(),
            });
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

/// A scenario played, and whether its file was rewritten.
struct Outcome {
    played: Played,
    is_updated: bool,
}

impl Script {
    fn read(file: PathBuf) -> Result<Self, Failure> {
        let source = flow_files::read(&file, Scenario::BYTES_MAX)?;
        let unreadable = |reason: String| Failure::Scenario {
            file: file.clone(),
            reason,
        };
        let text = String::from_utf8(source.bytes).map_err(|error| {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
            unreadable(format!(
                "line {line}: it isn't UTF-8; save it with that encoding"
            ))
        })?;
        let scenario = Scenario::parse(&text)
            .map_err(|error| unreadable(Printable(&error.to_string()).to_string()))?;
        Ok(Self {
            file,
            text,
            scenario,
        })
    }

    /// Plays it; where the expected lines are to be rewritten and others came of it, once more
    /// with those.
    fn play(&self, bot: &Bot, update: bool) -> Result<Outcome, Failure> {
        let failed = |source| Failure::Play {
            file: self.file.clone(),
            source,
        };
        let player = Player::new(bot.clone());
        let played = block_on(player.play(&self.scenario)).map_err(failed)?;
        if !update || played.updated.lines().eq(self.text.lines()) {
            return Ok(Outcome {
                played,
                is_updated: false,
            });
        }
        if self.file.as_os_str() == "-" {
            let source = io::Error::other("it came through the standard input");
            let file = self.file.clone();
            return Err(Failure::Update { file, source });
        }
        replace(&self.file, &played.updated).map_err(|source| Failure::Update {
            file: self.file.clone(),
            source,
        })?;
        let scenario = Scenario::parse(&played.updated).map_err(|error| Failure::Scenario {
            file: self.file.clone(),
            reason: error.to_string(),
        })?;
        Ok(Outcome {
            played: block_on(player.play(&scenario)).map_err(failed)?,
            is_updated: true,
        })
    }

    fn write_text(&self, outcome: &Outcome, out: &mut impl Write) -> io::Result<()> {
        let file = self.file.display().to_string();
        let file = Printable(&file);
        let verdict = match outcome.played.holds() {
            true => "ok",
            false => "FAILED",
        };
        let updated = match outcome.is_updated {
            true => ", rewritten",
            false => "",
        };
        writeln!(out, "{file}: {verdict}{updated}")?;
        for difference in &outcome.played.failures {
            for line in difference.to_string().lines() {
                writeln!(out, "  {}", Printable(line))?;
            }
        }
        Ok(())
    }

    fn write_json(&self, outcome: &Outcome, out: &mut impl Write) -> io::Result<()> {
        let failures = outcome.played.failures.iter();
        let report = JsonPlayed {
            scenario: self.file.display().to_string(),
            ok: outcome.played.holds(),
            updated: outcome.is_updated,
            failures: failures.map(JsonDifference::of).collect(),
        };
        serde_json::to_writer(&mut *out, &report)?;
        writeln!(out)
    }
}

/// Puts a text in the place of a file, whole or not at all.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    // A link stays one.
    let file = file.canonicalize()?;
    let folder = file.parent().unwrap_or_else(|| Path::new("/"));
    let mut next = tempfile::NamedTempFile::new_in(folder)?;
    next.write_all(text.as_bytes())?;
    next.as_file()
        .set_permissions(std::fs::metadata(&file)?.permissions())?;
    next.as_file().sync_all()?;
    next.persist(&file).map_err(|error| error.error)?;
    Ok(())
}

#[derive(Serialize)]
struct JsonPlayed<'a> {
    scenario: String,
    ok: bool,
    updated: bool,
    failures: Vec<JsonDifference<'a>>,
}

/// What did not hold, for programs.
#[derive(Serialize)]
struct JsonDifference<'a> {
    line: usize,
    source: &'a str,
    expected: &'a str,
    got: &'a str,
}

impl<'a> JsonDifference<'a> {
    fn of(difference: &'a Difference) -> Self {
        Self {
            line: difference.line,
            source: &difference.source,
            expected: &difference.expected,
            got: &difference.got,
        }
    }
}
