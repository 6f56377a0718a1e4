//! Keywords that an earlier route takes.

use std::collections::BTreeMap;

use crate::flow::check::Found;
use crate::flow::check::graph::Graph;
use crate::flow::{KeywordMatch, KeywordRouter, ProblemKind, StepKind, normalise};

/// Longest keyword, in words, that is looked for within another.
const WORDS_MAX: usize = 8;

pub(super) fn check(graph: &Graph<'_>, found: &mut Found) {
    for node in 0..graph.len() {
        if let StepKind::Keywords(router) = &graph.written(node).kind {
            for (word, route, earlier) in shadowed(router) {
                let at = ["keywords", "routes", route];
                let (word, earlier) = (word.to_owned(), earlier.to_owned());
                let kind = ProblemKind::ShadowedKeyword { word, earlier };
                let step = Some(&graph.step(node).name);
                found.add(graph.room(node).place, step, &at, kind);
            }
        }
    }
}

/// Keywords that never lead to their route: keyword, route, and the earlier route that has it,
/// or has a part of it where that is enough.
fn shadowed(router: &KeywordRouter) -> Vec<(&str, &str, &str)> {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    let mut shadowed = Vec::new();
    for route in &router.routes {
        let mut own = Vec::with_capacity(route.keywords.len());
        for keyword in &route.keywords {
            let normal = normalise(keyword);
            let earlier = parts(&normal, router.matching)
                .into_iter()
                .find_map(|part| taken.get(&part).copied());
            if let Some(earlier) = earlier {
                shadowed.push((keyword.as_str(), route.name.as_str(), earlier));
            }
            own.push(normal);
        }
        for normal in own {
            taken.entry(normal).or_insert(&route.name);
        }
    }
    shadowed
}

/// The keywords that fit wherever this one does, itself first.
fn parts(normal: &str, matching: KeywordMatch) -> Vec<String> {
    let words: Vec<&str> = normal.split_whitespace().collect();
    let starts = match matching {
        KeywordMatch::Anywhere => words.len(),
        KeywordMatch::Beginning => 1,
        KeywordMatch::Whole => 0,
    };
    let mut parts = vec![normal.to_owned()];
    for start in 0..starts.min(words.len()) {
        let longest = (words.len() - start).min(WORDS_MAX);
        for count in 1..=longest {
            parts.push(format!(" {} ", words[start..start + count].join(" ")));
        }
    }
    parts
}
