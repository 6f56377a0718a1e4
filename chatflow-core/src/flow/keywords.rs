//! Matching whole words in one pass, however many keywords there are.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::flow::KeywordMatch;

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

/// Compiled keywords of a router.
#[derive(Debug, Clone)]
pub(crate) struct Matcher {
    search: AhoCorasick,
    /// The route each keyword belongs to.
    routes: Vec<u16>,
    matching: KeywordMatch,
}

impl Matcher {
    /// Compiles keywords given with their routes. None where they are too many to compile.
    pub(crate) fn new<'a>(
        keywords: impl Iterator<Item = (&'a str, u16)>,
        matching: KeywordMatch,
    ) -> Option<Self> {
        let (patterns, routes): (Vec<String>, Vec<u16>) = keywords
            .map(|(keyword, route)| (normalise(keyword), route))
            .unzip();
        let kind = (patterns.len() > 1000).then_some(AhoCorasickKind::ContiguousNFA);
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(kind)
            .build(&patterns)
            .ok()?;
        Some(Self {
            search,
            routes,
            matching,
        })
    }

    /// The first listed route of which a keyword stands in the text.
    pub(crate) fn route(&self, text: &str) -> Option<u16> {
        let text = normalise(text);
        // Neighbouring words share the space between them, so matches overlap.
        self.search
            .find_overlapping_iter(&text)
            .filter(|found| match self.matching {
                KeywordMatch::Anywhere => true,
                KeywordMatch::Beginning => found.start() == 0,
                KeywordMatch::Whole => found.start() == 0 && found.end() == text.len(),
            })
            .map(|found| self.routes[found.pattern().as_usize()])
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(matching: KeywordMatch) -> Matcher {
        let keywords = [
            ("a", 0),
            ("basic", 0),
            ("b", 1),
            ("pro", 1),
            ("ёлка зелёная", 2),
            ("/start", 3),
        ];
        Matcher::new(keywords.into_iter(), matching).unwrap()
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
