//! From the text of a file to its tree.

use serde_saphyr::granit_parser::{self, Event, Parser, ScanError};

use super::grow::Tree;
use super::places::Places;
use super::{Node, ReadProblem, Span, syntax};

/// The bytes of a file at most. A thousand steps of 4 KiB each fit.
pub(crate) const SOURCE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The values of a file at most, an alias counted as all that it stands for.
pub(crate) const NODES_MAX: usize = 200_000;

/// How many lists and maps may be inside one another.
pub(crate) const DEPTH_MAX: usize = 64;

/// Reads a file that may not be text at all.
pub(crate) fn parse_bytes(bytes: &[u8]) -> Result<Node, ReadProblem> {
    within_limit(bytes.len())?;
    match std::str::from_utf8(bytes) {
        Ok(source) => parse(source),
        Err(error) => {
            let readable = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let span = Span {
                length: 1,
                ..Span::after(&readable)
            };
            Err(ReadProblem::new(span, "the file isn't UTF-8 from here on")
                .hint("save it with the encoding UTF-8"))
        }
    }
}

/// Reads YAML or JSON.
///
/// The parser's events are taken one by one: its serde side uses 30 KiB of stack for each level
/// of a debug build, so that [`DEPTH_MAX`] levels overflow a test's thread.
pub(crate) fn parse(source: &str) -> Result<Node, ReadProblem> {
    within_limit(source.len())?;
    let text = source.strip_prefix('\u{feff}').unwrap_or(source);
    let places = Places::new(text, source.len() - text.len());
    let mut tree = Tree::new(&places);
    let mut documents = 0;
    for event in Parser::new_from_str_with_options(text, options()) {
        let (event, at) = event.map_err(|error: ScanError| syntax::problem(&error, &places))?;
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
        }
        if documents > 1 {
            let problem = ReadProblem::new(places.span(&at), "a second document begins here");
            return Err(problem.hint("write each flow into a file of its own"));
        }
        tree.take(event, &at)?;
    }
    Ok(tree.finish())
}

fn within_limit(bytes: usize) -> Result<(), ReadProblem> {
    if bytes <= SOURCE_BYTES_MAX {
        return Ok(());
    }
    let message = format!("the file has {bytes} bytes, more than {SOURCE_BYTES_MAX}");
    Err(ReadProblem::new(Span::START, message).hint("split it into several flows"))
}

/// The tree counts its depth itself; the parser need only stop soon after.
fn options() -> granit_parser::Options {
    granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: DEPTH_MAX + 1,
        block_nesting_limit: DEPTH_MAX + 1,
    }
}
