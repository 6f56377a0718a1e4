//! A finding in a file, shown with the lines around it.

use std::fmt::{self, Display};
use std::io::IsTerminal as _;

use chatflow_core::{Finding, Severity};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, SourceCode, SourceSpan, SpanContents,
};

use crate::flow_files::Source;
use crate::output::{Printable, acts_on_terminal};

/// Characters of a line shown before and after the place at most, so that a file without line
/// breaks doesn't fill the screen.
const AROUND_MAX: usize = 80;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

/// Prints findings for people.
pub(crate) struct Reporter {
    handler: GraphicalReportHandler,
}

impl Reporter {
    /// A reporter for what stands where the output goes: lines and colours for a terminal, plain
    /// characters for everything else.
    fn new(color: Color, is_terminal: bool, no_color: bool) -> Self {
        let theme = match (color, is_terminal) {
            (Color::Always, _) => GraphicalTheme::unicode(),
            (Color::Auto, true) if !no_color => GraphicalTheme::unicode(),
            (_, true) => GraphicalTheme::unicode_nocolor(),
            (_, false) => GraphicalTheme::none(),
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .with_width(100);
        Self { handler }
    }

    /// A reporter for the standard output.
    pub(crate) fn for_stdout(color: Color) -> Self {
        Self::new(color, std::io::stdout().is_terminal(), no_color())
    }

    /// A reporter for the standard error.
    pub(crate) fn for_stderr() -> Self {
        Self::new(Color::Auto, std::io::stderr().is_terminal(), no_color())
    }

    /// A finding with its place in one of the sources.
    pub(crate) fn report(&self, finding: &Finding, sources: &[Source]) -> String {
        let source = sources.iter().find(|source| source.name == finding.file);
        let shown = Shown {
            finding,
            message: Printable(&finding.message).to_string(),
            excerpt: Excerpt::of(finding, source.map_or(&[], |source| &source.bytes)),
        };
        let mut text = String::new();
        match self.handler.render_report(&mut text, &shown) {
            Ok(()) => text,
            // Without its picture it is still said.
            Err(fmt::Error) => format!("{}\n", Printable(&finding.to_string())),
        }
    }
}

/// What people set who want no colours anywhere.
fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// A finding as miette wants it.
#[derive(Debug)]
struct Shown<'a> {
    finding: &'a Finding,
    message: String,
    excerpt: Excerpt,
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        let severity = self.finding.severity.label();
        Some(Box::new(format!("{severity}[{}]", self.finding.code)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        let hint = self.finding.hint.as_deref()?;
        Some(Box::new(Printable(hint)))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_primary_with_span(Some("here".to_owned()), self.excerpt.place);
        Some(Box::new(std::iter::once(label)))
    }
}

/// The lines around a place, made fit for a terminal. Lines and columns are those of the file.
#[derive(Debug)]
struct Excerpt {
    name: String,
    text: String,
    /// The place in the text.
    place: SourceSpan,
    /// The number of the text's first line, from 0.
    first_line: usize,
    /// Where the place is in the file, from 0.
    line: usize,
    column: usize,
}

impl Excerpt {
    fn of(finding: &Finding, bytes: &[u8]) -> Self {
        let span = finding.span;
        // What isn't UTF-8 is far from here or the finding itself; either way offsets before it
        // stay what they are.
        let from = floor(bytes, span.offset.min(bytes.len()));
        let start = line_start(bytes, from);
        let before = (start > 0).then(|| line_start(bytes, start - 1)..start);
        let end = line_end(bytes, from);
        let after = (end < bytes.len()).then(|| end..line_end(bytes, end));
        let to = from.saturating_add(span.length).min(end);

        let mut text = String::new();
        let first_line = (span.line - 1).saturating_sub(usize::from(before.is_some()));
        if let Some(before) = before {
            push_cut(&mut text, &bytes[before]);
            text.push('\n');
        }
        let mut left = shown(&bytes[start..from]);
        if let Some((at, _)) = left.char_indices().rev().nth(AROUND_MAX) {
            left = format!("…{}", &left[at..]);
        }
        text.push_str(&left);
        let offset = text.len();
        push_cut(&mut text, &bytes[from..to]);
        let length = text.len() - offset;
        push_cut(&mut text, &bytes[to..end]);
        text.push('\n');
        if let Some(after) = after {
            push_cut(&mut text, &bytes[after]);
            text.push('\n');
        }
        Self {
            name: Printable(&finding.file).to_string(),
            text,
            place: SourceSpan::new(offset.into(), length),
            first_line,
            line: span.line - 1,
            column: span.column - 1,
        }
    }
}

impl SourceCode for Excerpt {
    /// The whole excerpt, or the place alone where no lines around it are wanted.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let name = self.name.clone();
        let text = self.text.as_bytes();
        if (before, after) == (0, 0) {
            let data = text
                .get(span.offset()..span.offset() + span.len())
                .ok_or(MietteError::OutOfBounds)?;
            let contents =
                MietteSpanContents::new_named(name, data, *span, self.line, self.column, 1);
            return Ok(Box::new(contents));
        }
        let whole = SourceSpan::new(0.into(), text.len());
        let lines = self.text.lines().count();
        let contents = MietteSpanContents::new_named(name, text, whole, self.first_line, 0, lines);
        Ok(Box::new(contents))
    }
}

fn push_cut(text: &mut String, line: &[u8]) {
    let line = shown(line);
    match line.char_indices().nth(AROUND_MAX) {
        Some((at, _)) => {
            text.push_str(&line[..at]);
            text.push('…');
        }
        None => text.push_str(&line),
    }
}

/// A part of a line without its end; what acts on a terminal is replaced by one character.
fn shown(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end_matches(['\n', '\r']);
    line.chars()
        .map(|letter| match letter {
            '\t' => '\t',
            letter if acts_on_terminal(letter) => '\u{fffd}',
            letter => letter,
        })
        .collect()
}

/// The place, or the beginning of the character it is inside of.
fn floor(bytes: &[u8], mut at: usize) -> usize {
    while at > 0
        && bytes
            .get(at)
            .is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000)
    {
        at -= 1;
    }
    at
}

fn line_start(bytes: &[u8], at: usize) -> usize {
    let found = bytes[..at].iter().rposition(|&byte| byte == b'\n');
    found.map_or(0, |newline| newline + 1)
}

/// The end of the line, its line break included.
fn line_end(bytes: &[u8], at: usize) -> usize {
    let found = bytes[at..].iter().position(|&byte| byte == b'\n');
    found.map_or(bytes.len(), |newline| at + newline + 1)
}

#[cfg(test)]
mod tests {
    use chatflow_core::FlowFiles;

    use super::*;

    fn report(color: Color, is_terminal: bool, no_color: bool) -> String {
        let source = Source {
            name: "f.yaml".to_owned(),
            bytes: "flow: f\nsteps:\n  имя:\n    sned: x\n".as_bytes().to_vec(),
        };
        let files = FlowFiles::new().read("f.yaml", &source.bytes);
        let finding = files.check().findings.remove(0);
        Reporter::new(color, is_terminal, no_color).report(&finding, &[source])
    }

    #[test]
    fn colours_are_for_terminals_where_nobody_forbids_them() {
        let is_coloured = |report: String| report.contains('\u{1b}');
        assert!(is_coloured(report(Color::Auto, true, false)));
        assert!(!is_coloured(report(Color::Auto, true, true)));
        assert!(!is_coloured(report(Color::Auto, false, false)));
        assert!(!is_coloured(report(Color::Never, true, false)));
        assert!(is_coloured(report(Color::Always, false, true)));
        assert!(report(Color::Auto, true, true).contains('╭'));
        assert!(!report(Color::Auto, false, false).contains('╭'));
    }

    #[test]
    fn the_column_is_that_of_the_file_in_characters() {
        let bytes = "flow: f\nsteps:\n  имя: {send: x, sned: y}\n".as_bytes();
        let source = Source {
            name: "f.yaml".to_owned(),
            bytes: bytes.to_vec(),
        };
        let files = FlowFiles::new().read("f.yaml", bytes);
        let finding = files.check().findings.remove(0);
        let shown = Reporter::new(Color::Never, false, false).report(&finding, &[source]);
        assert!(shown.contains("[f.yaml:3:18]"), "{shown}");
    }
}
