//! Running a stored journal again.

use std::sync::Arc;

use crate::dialog::codec::{self, DecodeError, EncodeError};
use crate::dialog::{ConfigHash, DialogId, Fact, Revision, Snapshot};
use crate::engine::{Engine, LAW};
use crate::flow::{Config, ConfigError};

/// What a replay has confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// The first turn that was run again: the one with the newest checkpoint.
    pub from: Revision,
    /// The last.
    pub to: Revision,
    /// How many turns gave the same bytes.
    pub turns: u64,
}

/// Why a replay did not confirm the stored dialog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// There are no turns.
    #[error("dialog {dialog} has no journal")]
    Empty {
        /// The dialog.
        dialog: DialogId,
    },
    /// No turn holds a checkpoint.
    #[error("dialog {dialog} has no checkpoint to start from")]
    NoCheckpoint {
        /// The dialog.
        dialog: DialogId,
    },
    /// A turn was made under another law than this build's.
    #[error(
        "turn {turn} was made under law {law}, this build has law {LAW}; use a build with that law"
    )]
    OtherLaw {
        /// The turn.
        turn: Revision,
        /// Its law.
        law: u32,
    },
    /// A config can't be had. [`Flow`](ConfigError::Flow) with
    /// [`CodeMissing`](crate::ProblemKind::CodeMissing) where this program lacks the code.
    #[error("turn {turn} can't be run again")]
    Config {
        /// The turn.
        turn: Revision,
        /// Why.
        source: ConfigError,
    },
    /// A turn gave other facts than the stored ones.
    #[error("turn {turn} differs from the stored one at fact {fact}")]
    Mismatch {
        /// The turn.
        turn: Revision,
        /// The first fact that differs, from 0.
        fact: usize,
    },
    /// The engine refused an event that it took when it was live.
    #[error("turn {turn} is refused now: {reason}")]
    Refused {
        /// The turn.
        turn: Revision,
        /// Why.
        reason: crate::engine::Refusal,
    },
    /// All turns agree, and the stored snapshot has other bytes.
    #[error("the stored snapshot at turn {turn} differs from the replayed one")]
    Snapshot {
        /// The last turn.
        turn: Revision,
    },
    /// Stored bytes can't be read.
    #[error("turn {turn} can't be read")]
    Decode {
        /// The turn.
        turn: Revision,
        /// Why.
        source: DecodeError,
    },
    /// A replayed turn can't be put into the stored form.
    #[error("a replayed turn can't be stored")]
    Encode(#[from] EncodeError),
}

/// Runs the turns of a dialog again, from the newest checkpoint, and compares every fact and
/// the final snapshot with the stored bytes.
///
/// `turns` are the stored journals by revision, ascending and without gaps; `snapshot` is the
/// stored snapshot; `config` gives the config of a hash. Needs nothing else: no network, no
/// clock, no memory of the first run.
///
/// # Errors
/// [`ReplayError`] names the turn and what differs or is missing.
pub fn replay(
    dialog: DialogId,
    turns: &[(Revision, Vec<u8>)],
    snapshot: &[u8],
    mut config: impl FnMut(ConfigHash) -> Result<Arc<Config>, ConfigError>,
) -> Result<Replayed, ReplayError> {
    let mut start = None;
    for (at, (turn, body)) in turns.iter().enumerate().rev() {
        let facts = read(*turn, body)?;
        if let Some(Fact::Checkpoint(checkpoint)) = facts.get(1) {
            start = Some((at, Snapshot::clone(checkpoint)));
            break;
        }
    }
    let (last, _) = turns.last().ok_or(ReplayError::Empty { dialog })?;
    let (at, mut current) = start.ok_or(ReplayError::NoCheckpoint { dialog })?;
    let from = turns[at].0;
    for (turn, body) in &turns[at..] {
        let facts = read(*turn, body)?;
        let Some(Fact::Input {
            law,
            config: hash,
            now,
            event,
        }) = facts.first()
        else {
            return Err(ReplayError::Mismatch {
                turn: *turn,
                fact: 0,
            });
        };
        if *law != LAW {
            return Err(ReplayError::OtherLaw {
                turn: *turn,
                law: *law,
            });
        }
        let config = config(*hash).map_err(|source| ReplayError::Config {
            turn: *turn,
            source,
        })?;
        let transition = Engine::handle(&config, current, event, *now).map_err(|refused| {
            ReplayError::Refused {
                turn: *turn,
                reason: refused.reason,
            }
        })?;
        if transition.snapshot.revision != *turn || transition.encode_journal()? != *body {
            let fact = transition
                .facts
                .iter()
                .zip(&facts)
                .take_while(|(new, old)| new == old);
            return Err(ReplayError::Mismatch {
                turn: *turn,
                fact: fact.count(),
            });
        }
        current = transition.snapshot;
    }
    if current.encode()? != snapshot {
        return Err(ReplayError::Snapshot { turn: *last });
    }
    Ok(Replayed {
        from,
        to: *last,
        turns: last - from + 1,
    })
}

fn read(turn: Revision, body: &[u8]) -> Result<Vec<Fact>, ReplayError> {
    codec::decode(body).map_err(|source| ReplayError::Decode { turn, source })
}
