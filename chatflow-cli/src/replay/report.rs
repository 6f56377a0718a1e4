//! What is printed of one dialog, for people and for programs.

use std::fmt::Write as _;
use std::io::{self, Write};

use chatflow_core::{
    Author, BotId, CodeRef, ConfigError, DeliveryState, DialogId, ExternalId, Fact, FailureReason,
    JournalTurn, MessageRecord, ProblemKind, ReplayError, Replayed, Revision, Side, TranscriptLine,
    codec, time,
};
use serde::Serialize;

use crate::output::{Printable, sentence};

/// All that is known of one dialog.
pub(super) struct Report {
    pub(super) dialog: DialogId,
    pub(super) bot: BotId,
    pub(super) turns: Vec<JournalTurn>,
    pub(super) transcript: Vec<TranscriptLine>,
    pub(super) finding: Finding,
}

/// What the replay of a dialog has found.
pub(super) enum Finding {
    /// Every byte is the same.
    Equal(Replayed),
    /// Something stored is not what the turns give.
    Different(Doubt),
    /// This program can't tell.
    NotReplayed(Doubt),
}

/// Why a dialog is not confirmed.
pub(super) struct Doubt {
    /// Fixed, for programs.
    label: &'static str,
    /// The turn it is about, where there is one.
    turn: Option<Revision>,
    /// For people.
    reason: String,
}

impl Finding {
    /// What a replay's answer says about the dialog.
    pub(super) fn of(replayed: Result<Replayed, ReplayError>) -> Self {
        let error = match replayed {
            Ok(replayed) => return Self::Equal(replayed),
            Err(error) => error,
        };
        let doubt = |label, turn| Doubt {
            label,
            turn,
            reason: sentence(&error),
        };
        match &error {
            ReplayError::Mismatch { turn, .. } => Self::Different(doubt("mismatch", Some(*turn))),
            ReplayError::Refused { turn, .. } => Self::Different(doubt("refused", Some(*turn))),
            ReplayError::Snapshot { turn } => Self::Different(doubt("snapshot", Some(*turn))),
            ReplayError::Decode { turn, .. } => Self::Different(doubt("unreadable", Some(*turn))),
            ReplayError::Empty { .. } => Self::Different(doubt("no_journal", None)),
            ReplayError::NoCheckpoint { .. } => Self::NotReplayed(doubt("no_checkpoint", None)),
            ReplayError::OtherLaw { turn, .. } => {
                Self::NotReplayed(doubt("other_law", Some(*turn)))
            }
            ReplayError::Config { turn, source } => Self::NotReplayed(match code_missing(source) {
                Some(reason) => Doubt {
                    label: "code_missing",
                    turn: Some(*turn),
                    reason: format!("turn {turn} can't be run again: {reason}"),
                },
                None => doubt("config", Some(*turn)),
            }),
            _ => Self::NotReplayed(doubt("other", None)),
        }
    }

    /// The journal does not reach the snapshot.
    pub(super) fn journal_cut(last: Option<Revision>, snapshot: Revision) -> Self {
        let reason = match last {
            None => format!("it has no journal, and its snapshot is of turn {snapshot}"),
            Some(last) => {
                format!("its journal ends at turn {last}, and its snapshot is of turn {snapshot}")
            }
        };
        Self::Different(Doubt {
            label: "journal_cut",
            turn: last,
            reason,
        })
    }
}

/// The sentence for a config whose only fault is that it wants code which only its own program
/// has.
fn code_missing(error: &ConfigError) -> Option<String> {
    let ConfigError::Flow(error) = error else {
        return None;
    };
    let mut codes = Vec::<&CodeRef>::new();
    for problem in error.problems() {
        let ProblemKind::CodeMissing(code) = &problem.kind else {
            return None;
        };
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    let (first, others) = codes.split_first()?;
    let mut names = format!("`{}` revision {}", first.kind, first.revision);
    for code in others {
        // Writing to a string does not fail.
        let _ = write!(names, ", `{}` revision {}", code.kind, code.revision);
    }
    Some(format!(
        "flow `{}`: its code {names} isn't in this program; replay it with the program that has it",
        error.flow()
    ))
}

impl Report {
    /// A dialog of which a row can't be read.
    pub(super) fn unreadable(dialog: DialogId, bot: BotId, detail: String) -> Self {
        Self {
            dialog,
            bot,
            turns: Vec::new(),
            transcript: Vec::new(),
            finding: Finding::Different(Doubt {
                label: "unreadable",
                turn: None,
                reason: format!("a stored row can't be read: {detail}"),
            }),
        }
    }

    /// Prints it for people: the transcript, then one line that begins with `dialog`.
    pub(super) fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "bot {}", Printable(self.bot.as_str()))?;
        for line in &self.transcript {
            write_line(out, line)?;
        }
        let dialog = self.dialog;
        match &self.finding {
            Finding::Equal(Replayed { from, turns, .. }) => {
                let noun = if *turns == 1 { "turn" } else { "turns" };
                writeln!(
                    out,
                    "dialog {dialog}: {turns} {noun} replayed from turn {from}, byte-equal"
                )?;
            }
            Finding::Different(doubt) => {
                let reason = Printable(&doubt.reason);
                writeln!(out, "dialog {dialog}: not byte-equal: {reason}")?;
            }
            Finding::NotReplayed(doubt) => {
                let reason = Printable(&doubt.reason);
                writeln!(out, "dialog {dialog}: not replayed: {reason}")?;
            }
        }
        writeln!(out)
    }

    /// Prints it as one line of JSON.
    pub(super) fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let turns = self.turns.iter().map(|turn| JsonTurn {
            turn: turn.revision,
            at: time::to_millis(turn.at),
            facts: codec::decode(&turn.body).ok(),
        });
        let transcript = self.transcript.iter().map(|line| JsonLine {
            record: &line.record,
            delivery: line.delivery.map(DeliveryState::label),
            failure: line.failure.map(FailureReason::label),
            ids: &line.ids,
        });
        let json = Json {
            id: self.dialog,
            bot: &self.bot,
            turns: turns.collect(),
            transcript: transcript.collect(),
            result: JsonResult::of(&self.finding),
        };
        serde_json::to_writer(&mut *out, &json)?;
        writeln!(out)
    }
}

/// `< 2026-01-05T10:00:00.000Z automation: [photo] Small or large? [Small | Large] (ready)`
fn write_line(out: &mut impl Write, line: &TranscriptLine) -> io::Result<()> {
    let record = &line.record;
    let side = match record.author.side() {
        Side::Contact => '>',
        Side::Us => '<',
    };
    let at = record.at.format("%Y-%m-%dT%H:%M:%S%.3fZ");
    write!(out, "{side} {at} ")?;
    match &record.author {
        Author::Contact => write!(out, "contact: ")?,
        Author::Automation => write!(out, "automation: ")?,
        Author::Operator(operator) => {
            write!(out, "operator {}: ", Printable(operator.as_str()))?;
        }
    }
    for media in record.message.media() {
        write!(out, "[{}] ", media.kind.label())?;
    }
    let text = Printable(record.message.text());
    if record.message.is_pressed() {
        write!(out, "({text})")?;
    } else {
        write!(out, "{text}")?;
    }
    for (n, choice) in record.message.choices().enumerate() {
        let before = if n == 0 { " [" } else { " | " };
        write!(out, "{before}{}", Printable(choice))?;
    }
    if record.message.choices().len() > 0 {
        write!(out, "]")?;
    }
    match (line.delivery, line.failure) {
        (None | Some(DeliveryState::Sent), _) => writeln!(out),
        (Some(delivery), None) => writeln!(out, " ({})", delivery.label()),
        (Some(delivery), Some(failure)) => {
            writeln!(out, " ({}: {})", delivery.label(), failure.label())
        }
    }
}

/// One dialog for programs. Moments are milliseconds since 1970, as in the journal itself.
#[derive(Serialize)]
struct Json<'a> {
    id: DialogId,
    bot: &'a BotId,
    turns: Vec<JsonTurn>,
    transcript: Vec<JsonLine<'a>>,
    result: JsonResult<'a>,
}

#[derive(Serialize)]
struct JsonTurn {
    turn: Revision,
    at: i64,
    /// Null where the stored bytes can't be read.
    facts: Option<Vec<Fact>>,
}

#[derive(Serialize)]
struct JsonLine<'a> {
    #[serde(flatten)]
    record: &'a MessageRecord,
    delivery: Option<&'static str>,
    failure: Option<&'static str>,
    ids: &'a [ExternalId],
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum JsonResult<'a> {
    Equal {
        from: Revision,
        to: Revision,
        turns: u64,
    },
    Different(JsonDoubt<'a>),
    NotReplayed(JsonDoubt<'a>),
}

#[derive(Serialize)]
struct JsonDoubt<'a> {
    kind: &'static str,
    turn: Option<Revision>,
    reason: &'a str,
}

impl<'a> JsonResult<'a> {
    fn of(finding: &'a Finding) -> Self {
        let doubt = |doubt: &'a Doubt| JsonDoubt {
            kind: doubt.label,
            turn: doubt.turn,
            reason: &doubt.reason,
        };
        match finding {
            Finding::Equal(replayed) => Self::Equal {
                from: replayed.from,
                to: replayed.to,
                turns: replayed.turns,
            },
            Finding::Different(found) => Self::Different(doubt(found)),
            Finding::NotReplayed(found) => Self::NotReplayed(doubt(found)),
        }
    }
}
