//! `chatflow schema`: the form of flow files, for editors.

use std::io::{self, Write};

use chatflow_core::flow_schema;

use crate::output::Verdict;

/// Why the schema could not be printed.
#[derive(Debug, thiserror::Error)]
#[error("the schema can't be written; send the output elsewhere")]
pub(crate) struct Failure(#[from] io::Error);

/// Prints the JSON Schema.
pub(crate) fn run(out: &mut impl Write) -> Result<Verdict, Failure> {
    writeln!(out, "{}", flow_schema())?;
    out.flush()?;
    Ok(Verdict::Confirmed)
}
