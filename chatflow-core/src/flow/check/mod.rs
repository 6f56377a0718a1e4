//! stub
use crate::dialog::{FlowId, FlowVersion};
use crate::flow::{Bot, ConfigError, Problem};
/// Stub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Stub.
    pub problems: Vec<FlowProblem>,
    /// Stub.
    pub bounds: Vec<FlowBound>,
}
/// Stub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowProblem {
    /// Stub.
    pub flow: Option<FlowId>,
    /// Stub.
    pub version: Option<FlowVersion>,
    /// Stub.
    pub problem: Problem,
}
/// Stub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowBound {
    /// Stub.
    pub flow: FlowId,
}
impl Bot {
    /// Stub.
    pub fn check(&self) -> Report {
        let problems = match self.compile() {
            Ok(_) => vec![],
            Err(ConfigError::Flow(error)) => error
                .problems()
                .iter()
                .map(|problem| FlowProblem {
                    flow: Some(error.flow().clone()),
                    version: None,
                    problem: problem.clone(),
                })
                .collect(),
            Err(error) => panic!("{error}"),
        };
        Report {
            problems,
            bounds: vec![],
        }
    }
}
