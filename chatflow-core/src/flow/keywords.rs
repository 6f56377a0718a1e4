//! Matching whole words in one pass, however many keywords there are.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::RegexSet;

use crate::flow::KeywordMatch;
use crate::flow::kinds::KeywordRoute;
use crate::flow::pattern;

/// A message or keyword with everything that makes no difference taken away: lower case, `ё`
/// as `е`, words separated by single spaces, with a space at both ends. The spaces let a plain
/// substring search find whole words only.
pub(crate) fn normalise(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(' ');
    let is_gap = |letter: char| {
        letter.is_whitespace()
            || matches!(
                letter,
                ',' | ';' | '!' | '?' | '(' | ')' | '[' | ']' | '"' | '«' | '»' | '…'
            )
    };
    for word in text.split(is_gap) {
        let word = word.trim_matches(|letter| matches!(letter, '.' | ':' | '\'' | '-' | '–' | '—'));
        if word.is_empty() {
            continue;
        }
        if word.is_ascii() {
            out.extend(
                word.bytes()
                    .map(|byte| char::from(byte.to_ascii_lowercase())),
            );
        } else {
            for letter in word.chars().flat_map(char::to_lowercase) {
                out.push(if letter == 'ё' { 'е' } else { letter });
            }
        }
        out.push(' ');
    }
    out
}

/// Compiled keywords and patterns of a router.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    search: AhoCorasick,
    /// The route each keyword belongs to.
    routes: Vec<u16>,
    matching: KeywordMatch,
    /// The patterns, and the route each belongs to.
    patterns: Option<(RegexSet, Vec<u16>)>,
}

impl Matcher {
    /// Compiles the keywords and patterns of routes. None where they are too many to compile.
    pub(crate) fn new(routes: &[KeywordRoute], matching: KeywordMatch) -> Option<Self> {
        let numbered = || (0_u16..).zip(routes);
        let (keywords, of_keywords): (Vec<String>, Vec<u16>) = numbered()
            .flat_map(|(n, route)| route.keywords.iter().map(move |word| (normalise(word), n)))
            .unzip();
        let (patterns, of_patterns): (Vec<&String>, Vec<u16>) = numbered()
            .flat_map(|(n, route)| route.patterns.iter().map(move |pattern| (pattern, n)))
            .unzip();
        let kind = (keywords.len() > 1000).then_some(AhoCorasickKind::ContiguousNFA);
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(kind)
            .build(&keywords)
            .ok()?;
        let patterns = match patterns.as_slice() {
            [] => None,
            patterns => Some((pattern::set(patterns)?, of_patterns)),
        };
        Some(Self {
            search,
            routes: of_keywords,
            matching,
            patterns,
        })
    }

    /// The first listed route that the text fits.
    pub(crate) fn route(&self, text: &str) -> Option<u16> {
        let words = normalise(text);
        // Neighbouring words share the space between them, so matches overlap.
        let by_keyword = self
            .search
            .find_overlapping_iter(&words)
            .filter(|found| match self.matching {
                KeywordMatch::Anywhere => true,
                KeywordMatch::Beginning => found.start() == 0,
                KeywordMatch::Whole => found.start() == 0 && found.end() == words.len(),
            })
            .map(|found| self.routes[found.pattern().as_usize()])
            .min();
        let by_pattern = self.patterns.as_ref().and_then(|(set, routes)| {
            let found = set.matches(text);
            found.iter().map(|pattern| routes[pattern]).min()
        });
        by_keyword.into_iter().chain(by_pattern).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(matching: KeywordMatch) -> Matcher {
        let route = |keywords: &[&str], patterns: &[&str]| KeywordRoute {
            name: String::new(),
            keywords: keywords.iter().map(ToString::to_string).collect(),
            patterns: patterns.iter().map(ToString::to_string).collect(),
        };
        let routes = [
            route(&["a", "basic"], &[]),
            route(&["b", "pro"], &[]),
            route(&["ёлка зелёная"], &[]),
            route(&["/start"], &[r"^\d{4}$", "(?i)order no"]),
        ];
        Matcher::new(&routes, matching).unwrap()
    }

    #[test]
    fn words_not_bytes() {
        let anywhere = matcher(KeywordMatch::Anywhere);
        assert_eq!(anywhere.route("I want PRO!"), Some(1));
        assert_eq!(anywhere.route("professional"), None);
        assert_eq!(
            anywhere.route("b or a"),
            Some(0),
            "the route listed first wins"
        );
        assert_eq!(anywhere.route("моя  ЕЛКА,  Зелёная."), Some(2));
        assert_eq!(anywhere.route("/start"), Some(3));
        assert_eq!(anywhere.route("start"), None);
        assert_eq!(anywhere.route(""), None);
        assert_eq!(anywhere.route("1234"), Some(3));
        assert_eq!(anywhere.route("12345"), None);
        assert_eq!(anywhere.route("My Order No. b"), Some(1), "listed first");
    }

    #[test]
    fn place_matters_where_it_is_asked_for() {
        let beginning = matcher(KeywordMatch::Beginning);
        assert_eq!(beginning.route("B please"), Some(1));
        assert_eq!(beginning.route("please B"), None);
        let whole = matcher(KeywordMatch::Whole);
        assert_eq!(whole.route("b."), Some(1));
        assert_eq!(whole.route("b please"), None);
    }
}
