//! All that is wrong with a node, not only the first of it.

use std::collections::{HashMap, HashSet};

use serde::de::DeserializeOwned;

use super::deserialize::{Marks, Reader};
use super::mistake::{Cause, Mistake};
use super::{Node, ReadProblem, Span};

/// How many problems of one node are reported; the author has enough to do then.
pub(crate) const PROBLEMS_MAX: usize = 100;

/// Makes a typed value of a node, and adds everything that is wrong with it. Where there are
/// problems, the value is what the rest gives; none where something is missing that it needs.
///
/// serde stops at the first mistake. So the mistake is recorded, the entry or element it is in
/// is left out, and the node is read again, until nothing is wrong with the rest. What is
/// wrong only because something was left out isn't reported. The problems come in the order of
/// the file, and one that is there already isn't added twice.
pub(crate) fn build<T: DeserializeOwned>(
    node: &Node,
    problems: &mut Vec<ReadProblem>,
) -> Option<T> {
    let mut search = Search::default();
    search.duplicate_keys(node);
    for _ in 0..READINGS_MAX {
        if search.found.len() >= PROBLEMS_MAX {
            break;
        }
        match T::deserialize(Reader::new(node, &search.marks)) {
            // Nothing was left out unless a problem was found first.
            Ok(value) if search.found.is_empty() => return Some(value),
            Ok(value) => {
                // What stands in for something missing must not be taken for it.
                let is_whole = search.marks.missing.is_empty();
                search.report(node, problems);
                return is_whole.then_some(value);
            }
            Err(mistake) => {
                if !search.learn(&mistake) {
                    break;
                }
            }
        }
    }
    search.report(node, problems);
    None
}

/// What several readings of one node have shown.
#[derive(Default)]
struct Search {
    found: Vec<ReadProblem>,
    marks: Marks,
    /// The keys left out, by the entry's value; a misspelt key as the key that was meant.
    keys: HashMap<usize, String>,
    /// The map or list that an entry or element is in.
    parents: HashMap<usize, usize>,
    /// Maps and lists of which something was left out.
    incomplete: HashSet<usize>,
}

impl Search {
    /// Reports keys that are given twice; the first of them counts.
    fn duplicate_keys(&mut self, node: &Node) {
        let mut lines: HashMap<&str, Span> = HashMap::new();
        for entry in node.entries() {
            self.parents.insert(entry.value.identity(), node.identity());
            self.keys.insert(entry.value.identity(), entry.key.clone());
            match lines.get(entry.key.as_str()) {
                None => {
                    lines.insert(&entry.key, entry.key_span);
                    self.duplicate_keys(&entry.value);
                }
                Some(first) => {
                    self.marks.left_out.insert(entry.value.identity());
                    if self.found.len() < PROBLEMS_MAX {
                        self.found.push(twice(&entry.key, entry.key_span, *first));
                    }
                }
            }
        }
        for element in node.elements() {
            self.parents.insert(element.identity(), node.identity());
            self.duplicate_keys(element);
        }
    }

    /// Takes note of a mistake. False if that changes nothing for the next reading.
    fn learn(&mut self, mistake: &Mistake) -> bool {
        if let Some(key) = mistake.as_text
            && self.marks.as_text.insert(key)
        {
            return true;
        }
        if !self.is_consequence(mistake) {
            self.found.push(mistake.problem());
        }
        if let (Cause::Missing { key }, Some(map), false) =
            (&mistake.cause, mistake.container, mistake.stand_in)
        {
            let missing = self.marks.missing.entry(map).or_default();
            if !missing.contains(key) {
                missing.push(key);
                return true;
            }
        }
        let Some(entry) = mistake.leave_out else {
            return false;
        };
        if let Some(meant) = mistake.meant() {
            self.keys.insert(entry, meant.to_owned());
        }
        if let Some(parent) = self.parents.get(&entry) {
            self.incomplete.insert(*parent);
        }
        self.marks.left_out.insert(entry)
    }

    /// Whether it is there only because of what was left out or stands in.
    fn is_consequence(&self, mistake: &Mistake) -> bool {
        let Some(container) = mistake.container else {
            return mistake.stand_in;
        };
        match &mistake.cause {
            Cause::Missing { key } => self.left_out_of(container, key),
            _ => {
                self.incomplete.contains(&container) || self.marks.missing.contains_key(&container)
            }
        }
    }

    /// Whether an entry of this key was left out of the map.
    fn left_out_of(&self, map: usize, key: &str) -> bool {
        self.incomplete.contains(&map)
            && self.marks.left_out.iter().any(|entry| {
                self.parents.get(entry) == Some(&map)
                    && self.keys.get(entry).is_some_and(|left_out| left_out == key)
            })
    }

    fn report(mut self, node: &Node, problems: &mut Vec<ReadProblem>) {
        if self.found.is_empty() {
            self.found
                .push(ReadProblem::new(node.span, "this can't be read"));
        }
        self.found.sort_by_key(|problem| problem.span);
        if self.found.len() >= PROBLEMS_MAX {
            self.found.truncate(PROBLEMS_MAX);
            let message = format!("only the first {PROBLEMS_MAX} problems are shown");
            self.found.push(ReadProblem::new(node.span, message));
        }
        for problem in self.found {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
}

fn twice(key: &str, second: Span, first: Span) -> ReadProblem {
    let message = format!("the key `{key}` is there already, in line {}", first.line);
    ReadProblem::new(second, message).hint("remove one of the two")
}

/// Readings of one node at most. Some find no new problem: they learn that a type wants texts,
/// or follow from what was left out.
const READINGS_MAX: usize = 3 * PROBLEMS_MAX;
