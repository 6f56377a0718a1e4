//! Pictures as text, for programs that draw.
//!
//! Names come from files of strangers: none of their characters may mean anything to the program
//! that draws. Nodes are numbered, so names stand in quoted labels only.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{FlowGraph, GraphEdge, GraphNode, GraphTarget};
use crate::flow::FinishStatus;

/// Longest label in characters; a longer one is cut.
const LABEL_LETTERS_MAX: usize = 40;

impl FlowGraph {
    /// The graph for Mermaid, as documentation and code hosts draw it.
    pub fn to_mermaid(&self) -> String {
        let ids = Ids::of(self);
        let mut out = String::from("flowchart TD\n");
        let mut line = |text: &str| {
            out.push_str("    ");
            out.push_str(text);
            out.push('\n');
        };
        line("start((\" \"))");
        for (n, node) in self.nodes.iter().enumerate() {
            let label: Vec<String> = lines(node).iter().map(|text| mermaid(text)).collect();
            line(&format!("n{n}[\"{}\"]", label.join("<br/>")));
        }
        for (n, to) in self.outside().iter().enumerate() {
            let label = mermaid(&to.label());
            line(&match to {
                GraphTarget::Flow { .. } => format!("o{n}[[\"{label}\"]]"),
                _ => format!("o{n}([\"{label}\"])"),
            });
        }
        if let Some(entry) = ids.step(&self.entry) {
            line(&format!("start --> {entry}"));
        }
        for edge in &self.edges {
            let arrow = if is_dashed(edge) { "-.->" } else { "-->" };
            let label = match edge.label() {
                label if label.is_empty() => String::new(),
                label => format!("|\"{}\"|", mermaid(&label)),
            };
            if let (Some(from), Some(to)) = (ids.step(&edge.from), ids.target(&edge.to)) {
                line(&format!("{from} {arrow}{label} {to}"));
            }
        }
        out
    }

    /// The graph for Graphviz.
    pub fn to_dot(&self) -> String {
        let ids = Ids::of(self);
        let mut out = format!("digraph \"{}\" {{\n", dot(&cut(self.flow.as_str())));
        out.push_str("    node [shape=box, style=rounded];\n");
        out.push_str("    start [shape=circle, label=\"\", width=0.2];\n");
        for (n, node) in self.nodes.iter().enumerate() {
            let label: Vec<String> = lines(node).iter().map(|text| dot(text)).collect();
            // Writing to a string does not fail.
            let _ = writeln!(out, "    n{n} [label=\"{}\"];", label.join("\\n"));
        }
        for (n, to) in self.outside().iter().enumerate() {
            let shape = match to {
                GraphTarget::Flow { .. } => "box3d",
                _ => "oval",
            };
            let label = dot(&to.label());
            let _ = writeln!(out, "    o{n} [shape={shape}, label=\"{label}\"];");
        }
        if let Some(entry) = ids.step(&self.entry) {
            let _ = writeln!(out, "    start -> {entry};");
        }
        for edge in &self.edges {
            let label = dot(&edge.label());
            let style = if is_dashed(edge) {
                ", style=dashed"
            } else {
                ""
            };
            if let (Some(from), Some(to)) = (ids.step(&edge.from), ids.target(&edge.to)) {
                let _ = writeln!(out, "    {from} -> {to} [label=\"{label}\"{style}];");
            }
        }
        out.push_str("}\n");
        out
    }
}

impl GraphNode {
    /// What is written into its box: one line each, cut where it is too long.
    pub fn label(&self) -> Vec<String> {
        lines(self)
    }
}

impl GraphTarget {
    /// What is written where it is no step of the flow.
    pub fn label(&self) -> String {
        match self {
            Self::Step(step) => cut(step.as_str()),
            Self::End => "end".to_owned(),
            Self::Return => "return".to_owned(),
            Self::Operator => "operator".to_owned(),
            Self::Flow { flow, step: None } => format!("flow {}", cut(flow.as_str())),
            Self::Flow {
                flow,
                step: Some(step),
            } => format!("flow {} / {}", cut(flow.as_str()), cut(step.as_str())),
        }
    }
}

impl GraphEdge {
    /// What is written beside it: the exit, and how often it was taken.
    pub fn label(&self) -> String {
        let mut label = cut(&self.exit);
        if self.resumes {
            label.push_str(", afterwards");
        }
        if let Some(taken) = self.taken {
            let space = if label.is_empty() { "" } else { " " };
            // Writing to a string does not fail.
            let _ = write!(label, "{space}({taken})");
        }
        label
    }
}

fn lines(node: &GraphNode) -> Vec<String> {
    let mut kind = node.kind.to_owned();
    if let Some(timeout) = node.timeout {
        // Writing to a string does not fail.
        let _ = write!(kind, ", {timeout}");
    }
    if let Some(status) = node.finish {
        let status = match status {
            FinishStatus::Auto => "auto",
            FinishStatus::Waiting => "waiting",
            FinishStatus::Manual => "manual",
            FinishStatus::Finished => "finished",
        };
        kind.push_str(", ");
        kind.push_str(status);
    }
    let mut lines = vec![cut(node.step.as_str()), kind];
    match node.dialogs {
        None => {}
        Some(1) => lines.push("1 dialog here".to_owned()),
        Some(dialogs) => lines.push(format!("{dialogs} dialogs here")),
    }
    lines
}

/// Ways that nobody's answer takes.
fn is_dashed(edge: &GraphEdge) -> bool {
    edge.is_timeout() || edge.resumes
}

/// The numbers under which nodes are drawn.
struct Ids<'a> {
    steps: BTreeMap<&'a str, usize>,
    outside: BTreeMap<&'a GraphTarget, usize>,
}

impl<'a> Ids<'a> {
    fn of(graph: &'a FlowGraph) -> Self {
        let steps = graph.nodes.iter().enumerate();
        let outside = graph.outside().into_iter().enumerate();
        Self {
            steps: steps.map(|(n, node)| (node.step.as_str(), n)).collect(),
            outside: outside.map(|(n, to)| (to, n)).collect(),
        }
    }

    fn step(&self, step: &crate::dialog::StepId) -> Option<String> {
        self.steps.get(step.as_str()).map(|n| format!("n{n}"))
    }

    fn target(&self, to: &GraphTarget) -> Option<String> {
        match (to, self.outside.get(to)) {
            (_, Some(n)) => Some(format!("o{n}")),
            (GraphTarget::Step(step), None) => self.step(step),
            _ => None,
        }
    }
}

/// A name short enough to be drawn, without what acts on a line.
fn cut(name: &str) -> String {
    let mut cut: String = name.chars().take(LABEL_LETTERS_MAX).collect();
    if name.chars().nth(LABEL_LETTERS_MAX).is_some() {
        cut.push('…');
    }
    let is_plain = |letter: char| {
        !letter.is_control()
            && !matches!(letter, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    cut.chars()
        .map(|letter| if is_plain(letter) { letter } else { '\u{fffd}' })
        .collect()
}

/// A text in a label of Mermaid's: what is no letter, digit or harmless sign is written as the
/// number of its character, which Mermaid puts back after it has read the line.
fn mermaid(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_alphanumeric() || matches!(letter, ' ' | '_' | '-' | ',' | '.' | '…') {
            out.push(letter);
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "#{};", u32::from(letter));
        }
    }
    out
}

/// A text between the quotes of Graphviz.
fn dot(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
