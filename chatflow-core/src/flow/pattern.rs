//! Regular expressions of authors, bounded.
//!
//! They run in time linear in the text; what is bounded here is the memory they compile to.

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// Most bytes that one expression may compile to.
const COMPILED_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes that the expressions of one step may compile to together.
const SET_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most expressions of one flow: together they stay within 100 MiB.
pub(crate) const PATTERNS_MAX: usize = 100;
/// Deepest nesting in an expression.
const NESTING_MAX: u32 = 50;
/// Longest expression, in bytes.
const SOURCE_BYTES_MAX: usize = 2048;

/// Compiles one; an error is one line.
pub(crate) fn compile(source: &str) -> Result<Regex, String> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(format!("it is longer than {SOURCE_BYTES_MAX} bytes"));
    }
    RegexBuilder::new(source)
        .size_limit(COMPILED_BYTES_MAX)
        .nest_limit(NESTING_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "it is too large once compiled".to_owned(),
            // The first lines draw the expression; the last says what is wrong.
            error => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default().trim();
                last.trim_start_matches("error: ").to_owned()
            }
        })
}

/// Compiles several, each of which compiles by itself; none where they are too large together.
pub(crate) fn set(sources: &[&String]) -> Option<RegexSet> {
    RegexSetBuilder::new(sources)
        .size_limit(SET_BYTES_MAX)
        .nest_limit(NESTING_MAX)
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_one_line_and_bombs_are_refused() {
        assert_eq!(compile("(a").unwrap_err(), "unclosed group");
        let bombs = [
            "((a{1000}){1000}){1000}",
            &"(".repeat(3000),
            &"(?:".repeat(60),
        ];
        for bomb in bombs {
            assert!(!compile(bomb).unwrap_err().contains('\n'));
        }
    }
}
