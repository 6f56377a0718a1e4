//! Texts that lack a language.

use std::collections::BTreeSet;

use crate::flow::check::Found;
use crate::flow::check::graph::Graph;
use crate::flow::check::reads::texts_of;
use crate::flow::{Behaviour, ProblemKind, Texts};

pub(super) fn check(graph: &Graph<'_>, behaviour: &Behaviour, found: &mut Found) {
    for flow in 0..graph.flows.len() {
        let room = &graph.flows[flow];
        let own = room.definition.language.as_deref();
        let own = own.or(behaviour.language.as_deref());
        let all: Vec<_> = graph
            .nodes(flow)
            .flat_map(|node| {
                let texts = texts_of(graph.written(node)).into_iter();
                texts.map(move |(at, texts)| (node, at, texts))
            })
            .collect();
        let languages: BTreeSet<String> = all
            .iter()
            .flat_map(|(_, _, texts)| texts.each())
            .filter_map(|(language, _)| Some(language?.to_ascii_lowercase()))
            .collect();
        for (node, at, texts) in &all {
            let missing: Vec<&str> = languages
                .iter()
                .map(String::as_str)
                .filter(|language| !speaks(texts, own, language))
                .collect();
            if !missing.is_empty() {
                let language = missing.join("`, `");
                let kind = ProblemKind::MissingTranslation { language };
                let at: Vec<&str> = at.iter().map(String::as_str).collect();
                found.add(room.place, Some(&graph.step(*node).name), &at, kind);
            }
        }
    }
}

/// Whether a text is there in a language: in itself, or in the one it is a kind of, as `pt` is
/// said to whoever speaks `pt-BR`. A text without words is the same in all.
fn speaks(texts: &Texts, own: Option<&str>, language: &str) -> bool {
    let is_it = |spoken: &str| {
        let broad = language.split(['-', '_']).next();
        spoken.eq_ignore_ascii_case(language)
            || broad.is_some_and(|broad| spoken.eq_ignore_ascii_case(broad))
    };
    match texts {
        Texts::One(text) => own.is_some_and(is_it) || !has_words(text),
        Texts::ByLanguage(texts) => texts.keys().any(|spoken| is_it(spoken)),
    }
}

fn has_words(text: &str) -> bool {
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        if before.contains(char::is_alphabetic) {
            return true;
        }
        rest = after.split_once("}}").map_or("", |(_, after)| after);
    }
    rest.contains(char::is_alphabetic)
}
