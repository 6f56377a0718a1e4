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

// Until the types of a flow file are built with this module, nothing outside its tests uses it.
#![allow(dead_code, unused_imports, unreachable_pub)]

mod access;
mod build;
mod deserialize;
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

pub(crate) use build::{PROBLEMS_MAX, build};
pub(crate) use locate::{PathPart, locate};
pub(crate) use parse::{DEPTH_MAX, NODES_MAX, SOURCE_BYTES_MAX, parse, parse_bytes};
pub(crate) use problem::ReadProblem;
pub use span::Span;
pub(crate) use tree::{Entry, Kind, Node};
