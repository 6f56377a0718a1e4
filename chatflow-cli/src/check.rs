//! `chatflow check`: everything that is wrong with flow files, with its place.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use chatflow_core::{Bound, FileReport, Finding, FlowBound, Severity};
use serde::Serialize;

use crate::diagnostic::{Color, Reporter};
use crate::flow_files::{self, AssumedCode, Source, Unreadable};
use crate::output::{Printable, Verdict, count};

/// What `chatflow check` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Flow files in YAML or JSON, the flows of one bot; the first is its entry. `-` is the
    /// standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How findings are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// What else counts as an error
    #[arg(long, value_enum, value_name = "WHAT")]
    deny: Option<Deny>,
    #[command(flatten)]
    code: AssumedCode,
    /// When to colour
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
}

/// How findings are printed.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// With the lines of the file, for people
    #[default]
    Human,
    /// One JSON object, for programs
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Deny {
    /// Warnings too
    Warnings,
}

/// Why files could not be checked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("the findings can't be written; send the output elsewhere")]
    Write(#[from] io::Error),
}

/// Checks the files together and prints what was found.
pub(crate) fn run(arguments: &Arguments, out: &mut impl Write) -> Result<Verdict, Failure> {
    let sources = flow_files::read_all(&arguments.files)?;
    let report = arguments.code.flows(&sources).check();
    match arguments.format {
        Format::Human => write_text(&report, &sources, arguments.color, out)?,
        Format::Json => write_json(&report, out)?,
    }
    out.flush()?;
    let denied = arguments.deny == Some(Deny::Warnings) && !report.findings.is_empty();
    if denied || report.count(Severity::Error) > 0 {
        Ok(Verdict::NotConfirmed)
    } else {
        Ok(Verdict::Confirmed)
    }
}

fn write_text(
    report: &FileReport,
    sources: &[Source],
    color: Color,
    out: &mut impl Write,
) -> io::Result<()> {
    let reporter = Reporter::for_stdout(color);
    for finding in &report.findings {
        writeln!(out, "{}", reporter.report(finding, sources))?;
    }
    let errors = count(report.count(Severity::Error), "error");
    let warnings = count(report.count(Severity::Warning), "warning");
    let files = count(sources.len(), "file");
    writeln!(out, "{errors}, {warnings} in {files}")?;
    for worst in report.bounds.iter().map(worst_case) {
        writeln!(out, "{worst}")?;
    }
    Ok(())
}

fn write_json(report: &FileReport, out: &mut impl Write) -> io::Result<()> {
    let report = JsonReport {
        findings: report.findings.iter().map(JsonFinding::of).collect(),
        bounds: report.bounds.iter().map(worst_case).collect(),
        errors: report.count(Severity::Error),
        warnings: report.count(Severity::Warning),
    };
    serde_json::to_writer(&mut *out, &report)?;
    writeln!(out)
}

/// The most that one turn may cost that begins in a flow. No number means that only the limits
/// of a turn bound it.
#[derive(Serialize)]
struct Worst {
    flow: String,
    steps: Option<u64>,
    messages: Option<u64>,
}

impl fmt::Display for Worst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at_most = |number: Option<u64>, thing| match number {
            Some(1) => format!("1 {thing}"),
            Some(number) => format!("{number} {thing}s"),
            None => format!("{thing}s without a bound of their own"),
        };
        let steps = at_most(self.steps, "step");
        let messages = at_most(self.messages, "message");
        let flow = Printable(&self.flow);
        write!(f, "flow {flow}: at worst {steps} and {messages} a turn")
    }
}

/// All that this command knows of how bounds are told.
fn worst_case(bound: &FlowBound) -> Worst {
    let number = |bound| match bound {
        Bound::AtMost(most) => Some(most),
        Bound::Unbounded => None,
    };
    Worst {
        flow: bound.flow.to_string(),
        steps: number(bound.steps),
        messages: number(bound.messages),
    }
}

#[derive(Serialize)]
struct JsonReport<'a> {
    findings: Vec<JsonFinding<'a>>,
    bounds: Vec<Worst>,
    errors: usize,
    warnings: usize,
}

/// A finding, for programs.
#[derive(Serialize)]
struct JsonFinding<'a> {
    severity: &'static str,
    code: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
    file: &'a str,
    line: usize,
    column: usize,
    offset: usize,
    length: usize,
    flow: Option<&'a str>,
    step: Option<&'a str>,
}

impl<'a> JsonFinding<'a> {
    fn of(finding: &'a Finding) -> Self {
        Self {
            severity: finding.severity.label(),
            code: finding.code,
            message: &finding.message,
            hint: finding.hint.as_deref(),
            file: &finding.file,
            line: finding.span.line,
            column: finding.span.column,
            offset: finding.span.offset,
            length: finding.span.length,
            flow: finding.flow.as_ref().map(|flow| flow.as_str()),
            step: finding.step.as_ref().map(|step| step.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_case_is_a_sentence() {
        let mut worst = Worst {
            flow: "lead".to_owned(),
            steps: Some(5),
            messages: Some(1),
        };
        assert_eq!(
            worst.to_string(),
            "flow lead: at worst 5 steps and 1 message a turn"
        );
        worst.messages = None;
        assert_eq!(
            worst.to_string(),
            "flow lead: at worst 5 steps and messages without a bound of their own a turn"
        );
    }
}
