//! The command line of Chatflow.
//!
//! ```text
//!  chatflow check FILE…              what is wrong with flow files, with its place
//!  chatflow play FLOW SCENARIO…      conversations played to them, under virtual time
//!  chatflow graph FILE… --format F   a picture of a flow, on wish with live counts
//!  chatflow explain FLOW --step S    a step in plain words
//!  chatflow export FLOW --format F   a flow file again, in YAML or JSON
//!  chatflow schema                   the form of flow files, for editors
//!  chatflow migrate plan …           what new flows would do to stored dialogs
//!  chatflow replay --db FILE         stored dialogs run again, every byte compared
//!  chatflow verify --db FILE         what is stored in two places, compared
//! ```
//!
//! **The law of every subcommand: exit code 0 means that all was confirmed, 1 that something
//! was not, 2 that the command could not be carried out.** With 2 there is one sentence on
//! stderr that names the thing and the way out. Databases are opened for reading only, so every
//! subcommand may run beside the program that writes.
//!
//! Each subcommand is a file of its own, with its arguments and a `run` that writes to any
//! output; what they share is in [`output`], [`flow_files`], [`usable`] and [`diagnostic`].

mod check;
mod diagnostic;
mod explain;
mod export;
mod flow_files;
mod graph;
mod migrate;
mod output;
mod play;
mod replay;
mod schema;
mod usable;
mod verify;

use std::error::Error;
use std::io::{self, BufWriter};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::output::{Leavable, Verdict};

/// Checks, plays and draws flows, and reads what a Chatflow program has stored.
///
/// Exit codes: 0 all is well, 1 something isn't, 2 the command could not be carried out.
#[derive(Debug, Parser)]
#[command(name = "chatflow", version, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Finds everything that is wrong with flow files, each with file, line and column.
    ///
    /// The files are checked together as the flows of one bot, the first being its entry.
    /// Warnings alone leave the exit code 0.
    Check(check::Arguments),
    /// Plays scenarios to a flow in memory and compares what is said with what is expected.
    Play(play::Arguments),
    /// Draws a flow: steps, exits, time-outs, and with a database how often each was taken.
    Graph(graph::Arguments),
    /// Says in plain words what a step does and where it leads.
    Explain(explain::Arguments),
    /// Writes a flow file again in its canonical form, as YAML or JSON.
    Export(export::Arguments),
    /// Prints the JSON Schema of flow files, for editors.
    Schema,
    /// Plans what becomes of stored dialogs when flows change.
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Prints dialogs and runs their turns again, comparing every byte with the stored ones.
    Replay(replay::Arguments),
    /// Compares what is stored in two places: loads, counters, sessions, columns and snapshots.
    Verify(verify::Arguments),
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let mut out = Leavable::new(BufWriter::new(io::stdout().lock()));
    let out = &mut out;
    let verdict: Result<Verdict, Box<dyn Error>> = match command_line.command {
        Command::Check(arguments) => check::run(&arguments, out).map_err(Into::into),
        Command::Play(arguments) => play::run(&arguments, out).map_err(Into::into),
        Command::Graph(arguments) => graph::run(&arguments, out).map_err(Into::into),
        Command::Explain(arguments) => explain::run(&arguments, out).map_err(Into::into),
        Command::Export(arguments) => export::run(&arguments, out).map_err(Into::into),
        Command::Schema => schema::run(out).map_err(Into::into),
        Command::Migrate(command) => migrate::run(&command, out).map_err(Into::into),
        Command::Replay(arguments) => replay::run(&arguments, out).map_err(Into::into),
        Command::Verify(arguments) => verify::run(&arguments, out).map_err(Into::into),
    };
    match verdict {
        Ok(Verdict::Confirmed) => ExitCode::SUCCESS,
        Ok(Verdict::NotConfirmed) => ExitCode::from(1),
        Err(error) => {
            output::tell(&format!("chatflow: {}", output::sentence(error.as_ref())));
            ExitCode::from(2)
        }
    }
}
