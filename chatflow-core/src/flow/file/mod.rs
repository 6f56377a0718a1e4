//! Reading flow files: YAML and JSON, with a place for everything that is wrong.
//!
//! ```text
//!  text ──► parse ──► Node (what stands where) ──► build ──► a typed value
//!             │                                      │
//!             ▼                                      ▼
//!        one problem: no YAML                 every problem, each with line and column
//!                                                    ▲
//!  a later check that names a path ──► locate ───────┘
//! ```
//!
//! **The law of this module: whatever is wrong in a file has a line.** Nothing here knows what a
//! flow file contains; that is the business of the types that are built.
//!
//! JSON is read as the YAML it is. The types must be externally tagged: serde's `flatten`,
//! `untagged` and `tag` copy values aside before they are read, and the places are lost with it.

mod body;
mod build;
mod code;
mod deserialize;
mod files;
mod finding;
mod grow;
mod hole;
mod locate;
mod mistake;
mod parse;
mod places;
mod problem;
mod scalar;
mod span;
mod suggest;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;

pub use body::{ExportError, flow_schema};
use build::build;
pub use code::Code;
pub use files::{FileReport, FlowFiles};
pub use finding::{Finding, FlowFileError};
use locate::{PathPart, locate};
use parse::{SOURCE_BYTES_MAX, parse_bytes};
use problem::ReadProblem;
pub use span::Span;
use tree::{Entry, Kind, Node};
