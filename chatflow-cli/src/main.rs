//! The command line of Chatflow.
//!
//! ```text
//!  chatflow replay --db FILE     runs stored dialogs again and compares every byte
//! ```
//!
//! **The law of every subcommand: exit code 0 means that all was confirmed, 1 that something
//! was not, 2 that the command could not be carried out.** With 2 there is one sentence on
//! stderr that names the thing and the way out. Files are opened for reading only, so every
//! subcommand may run beside the program that writes.
//!
//! Each subcommand is a file of its own, with its arguments and a `run` that writes to any
//! output; what they share is in [`output`].

mod output;
mod replay;

use std::io::{self, BufWriter};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::output::Verdict;

/// Reads what a Chatflow program has stored.
#[derive(Debug, Parser)]
#[command(name = "chatflow", version, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints dialogs and runs their turns again, comparing every byte with the stored ones.
    Replay(replay::Arguments),
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let mut out = BufWriter::new(io::stdout().lock());
    let verdict = match command_line.command {
        Command::Replay(arguments) => replay::run(&arguments, &mut out),
    };
    match verdict {
        Ok(Verdict::Confirmed) => ExitCode::SUCCESS,
        Ok(Verdict::NotConfirmed) => ExitCode::from(1),
        Err(error) => {
            eprintln!("chatflow: {}", output::sentence(&error));
            ExitCode::from(2)
        }
    }
}
