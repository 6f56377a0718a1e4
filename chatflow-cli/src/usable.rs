//! Flows that must be free of errors before anything is done with them.

use std::path::{Path, PathBuf};

use chatflow_core::{Bot, FileReport, FlowDefinition, FlowFiles, Severity};

use crate::diagnostic::Reporter;
use crate::flow_files::Source;
use crate::output::tell;

/// There are errors, and they have been told on the standard error.
#[derive(Debug)]
pub(crate) struct Unusable;

/// The flow's file, then those of the rest of its bot.
pub(crate) fn paths(file: &Path, with: &[PathBuf]) -> Vec<PathBuf> {
    std::iter::once(file.to_owned())
        .chain(with.iter().cloned())
        .collect()
}

/// The flow of this name; the entry flow, where none is named. `None` where there is none.
pub(crate) fn flow_named<'a>(
    files: &'a FlowFiles,
    name: Option<&str>,
) -> Option<&'a FlowDefinition> {
    let mut flows = files.flows();
    match name {
        None => flows.next(),
        // Of several versions the newest is the one that new dialogs enter.
        Some(name) => flows
            .filter(|flow| flow.id.as_str() == name)
            .max_by_key(|flow| flow.version),
    }
}

/// The bot of the files.
pub(crate) fn bot(files: &FlowFiles, sources: &[Source], id: &str) -> Result<Bot, Unusable> {
    tell_errors(&files.check(), sources)?;
    files.bot(id).map_err(|error| {
        tell(&error.to_string());
        Unusable
    })
}

/// Tells what keeps the files from being used.
pub(crate) fn tell_errors(report: &FileReport, sources: &[Source]) -> Result<(), Unusable> {
    if report.count(Severity::Error) == 0 {
        return Ok(());
    }
    let reporter = Reporter::for_stderr();
    let findings = report.findings.iter();
    for finding in findings.filter(|finding| finding.severity == Severity::Error) {
        tell(&reporter.report(finding, sources));
    }
    Err(Unusable)
}
