//! What the parser refuses, in our words.

use serde_saphyr::granit_parser::{ErrorKind, ScanError};

use super::ReadProblem;
use super::parse::DEPTH_MAX;
use super::places::Places;

/// The problem behind an error of the parser.
pub(super) fn problem(error: &ScanError, places: &Places<'_>) -> ReadProblem {
    let span = places.marker(error.marker());
    if indented_by_tab(places.text, span.line) {
        return ReadProblem::new(span, "a tab stands in the indentation")
            .hint("indent with spaces");
    }
    // The end of the file is the line that isn't indented when a quote stays open.
    let kind = match error.kind() {
        ErrorKind::InvalidQuotedScalarIndent if places.is_end(span) => {
            &ErrorKind::UnclosedQuotedScalar
        }
        kind => kind,
    };
    let (message, hint) = explain(kind);
    let problem = ReadProblem::new(span, message);
    match hint {
        "" => problem,
        hint => problem.hint(hint),
    }
}

/// What is wrong, and what to do about it if that can be said.
fn explain(kind: &ErrorKind) -> (String, &'static str) {
    use ErrorKind as E;
    let (message, hint) = match kind {
        E::UnclosedFlowCollection { open } => {
            return (format!("the bracket `{open}` is never closed"), "");
        }
        E::MismatchedFlowCollectionEnd { open, close } => {
            return (format!("the bracket `{open}` is closed by `{close}`"), "");
        }
        E::UnexpectedCharacter { character } => {
            return (
                format!("a value can't begin with `{}`", character.escape_default()),
                "put the text in quotes",
            );
        }
        E::RecursionLimitExceeded => {
            let message = format!("lists and maps are nested deeper than {DEPTH_MAX}");
            return (message, "");
        }
        E::UnknownAnchor => (
            "there is no anchor of this name",
            "put a text that begins with `*` in quotes",
        ),
        E::MisplacedFlowCollectionEnd => {
            ("a bracket is closed here that was never opened", QUOTE_IT)
        }
        E::UnexpectedEofFlowSequence
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofImplicitFlowMapping => {
            ("the file ends inside brackets", "close the bracket")
        }
        E::UnexpectedEof | E::UnexpectedEofBlockSequence | E::UnexpectedEofBlockMapping => {
            ("the file ends too early", "")
        }
        E::UnclosedQuotedScalar => ("the quote is never closed", ""),
        E::DocumentIndicatorInQuotedScalar => (
            "`---` or `...` begins a line inside quotes",
            "close the quote before it",
        ),
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => (
            "text goes on after its closing quote",
            "put the whole text in quotes, and write a quote inside as `\\\"` or `''`",
        ),
        E::UnknownQuotedScalarEscape => (
            "this escape isn't known",
            "write a backslash as `\\\\`, or use single quotes",
        ),
        E::InvalidQuotedScalarHexEscape
        | E::InvalidLowSurrogateHexEscape
        | E::InvalidLowSurrogate
        | E::MissingLowSurrogate
        | E::UnpairedLowSurrogate
        | E::InvalidUnicodeEscape => ("this escape is no character", ""),
        E::ExpectedFlowMappingSeparator => ("a `,` or `}` is missing before this", QUOTE_IT),
        E::ExpectedFlowSequenceSeparator => ("a `,` or `]` is missing before this", QUOTE_IT),
        E::FlowMappingValueAdjacentCollection | E::InvalidMappingValueWhitespace => {
            ("a space is missing after the `:`", "")
        }
        E::MappingValueNotAllowed | E::InvalidColonPlacement => (
            "a `:` isn't allowed here",
            "put a text with `: ` in it in quotes, or check the indentation",
        ),
        E::MappingKeyNotAllowed => (
            "a key isn't allowed here",
            "check the indentation, or put a text that begins with `? ` in quotes",
        ),
        E::SimpleKeyExpected | E::InvalidSimpleKey => (
            "a `:` is missing after this key",
            "write `key: value`, and check the indentation",
        ),
        E::ExpectedBlockMappingKey => (
            "a key is expected here",
            "the keys of a map begin in the same column",
        ),
        E::ExpectedBlockSequenceEntry => (
            "an element `- …` is expected here",
            "the elements of a list begin in the same column",
        ),
        E::BlockSequenceEntryNotAllowed => (
            "a list can't begin here",
            "begin it on the next line, indented further",
        ),
        E::BlockEntryInFlowCollection | E::PlainScalarStartsWithDashFlowIndicator => (
            "`-` begins no element inside brackets",
            "separate the elements by commas",
        ),
        E::InvalidBlockEntryWhitespace => ("a space is missing after the `-`", ""),
        E::ExpectedNodeContent => ("a value is expected here", ""),
        E::TabNotAllowed
        | E::TabInBlockIndentation
        | E::TabInIndentation
        | E::TabAtBlockScalarStart
        | E::TabInPlainScalar => ("a tab stands in the indentation", "indent with spaces"),
        E::InvalidQuotedScalarIndent => (
            "a line inside quotes isn't indented",
            "close the quote before it, or indent the line",
        ),
        E::InvalidIndentation | E::InvalidBlockScalarIndent | E::InvalidFlowScalarIndent => (
            "the indentation is wrong",
            "what belongs together begins in the same column",
        ),
        E::ZeroBlockScalarIndent | E::InvalidBlockScalarHeader => (
            "nothing may follow `|` or `>` on its line",
            "begin the text on the next line, indented further",
        ),
        E::CommentNotSeparated => ("a space is missing before the `#`", QUOTE_IT),
        E::CommentInterceptedScalar => ("a comment stands inside a text", QUOTE_IT),
        E::ExpectedDocumentStart | E::InvalidDocumentEnd => (
            "the value ended before this",
            "check the indentation, or the brackets",
        ),
        E::MissingAnchorOrAliasName => (
            "a name is missing after `&` or `*`",
            "put a text that begins with `&` or `*` in quotes",
        ),
        E::BomInsideDocument => (
            "an invisible byte order mark stands here",
            "delete it, or type the line again",
        ),
        E::ExpectedTagBang
        | E::InvalidGlobalTagCharacter
        | E::InvalidTagTerminator
        | E::MissingTagUri
        | E::UnclosedVerbatimTag
        | E::InvalidTagEscape
        | E::InvalidTagUtf8LeadingByte
        | E::InvalidTagUtf8TrailingByte
        | E::InvalidTagUtf8
        | E::UndeclaredTagHandle => (
            "tags have no meaning in this file",
            "put a text that begins with `!` in quotes",
        ),
        E::DirectiveDisallowed
        | E::MissingDirectiveName
        | E::InvalidDirectiveName
        | E::InvalidDirectiveTerminator
        | E::UnsupportedYamlMajorVersion
        | E::MissingDocumentEndBeforeDirective => (
            "a line can't begin with `%` here",
            "put a text that begins with `%` in quotes",
        ),
        other => return (unknown(&other.to_string()), ""),
    };
    (message.to_owned(), hint)
}

/// The last resort: the first line of what the parser says.
fn unknown(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    format!("this is neither YAML nor JSON: {first}")
}

/// Whether the line, or the last one before it with anything on it, is indented by a tab. The
/// parser sometimes notices a tab only at the text that comes after it.
fn indented_by_tab(text: &str, line: usize) -> bool {
    let lines = text.lines().take(line);
    let last = lines.filter(|line| !line.trim().is_empty()).last();
    last.is_some_and(|line| {
        let indentation = line.len() - line.trim_start().len();
        line[..indentation].contains('\t')
    })
}

const QUOTE_IT: &str = "put a text with such characters in quotes";
