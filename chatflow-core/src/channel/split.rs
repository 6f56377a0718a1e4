//! Cutting a text that is too long for one message.
//!
//! ```text
//!  text + marks ──► places (where one may cut, and how gladly) ──► cuts ──► pieces + marks
//! ```
//!
//! **The law: the pieces put together are the text, byte for byte, and wear the same marks.** What
//! decides where to cut, the stronger reason first:
//!
//! 1. A piece fits its channel, and a character is never cut.
//! 2. A grapheme cluster, what a reader takes for one letter, stays whole if it fits at all.
//! 3. As few pieces as can be are nothing but whitespace: channels refuse those.
//! 4. A piece fills at least half of the room there is. Without that a text whose paragraphs
//!    are short at the start would leave as a rain of tiny messages.
//! 5. After a paragraph break, else after a line break, else after other whitespace, else
//!    between clusters; of equals the last.

use std::collections::VecDeque;
use std::fmt;

use unicode_segmentation::UnicodeSegmentation;

use crate::dialog::Mark;

/// How a channel counts the length of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextUnit {
    /// Code units of UTF-16: two for an emoji, one for most letters.
    Utf16,
    /// Unicode scalar values.
    Scalar,
    /// Extended grapheme clusters: what a reader takes for one letter.
    Grapheme,
    /// Bytes of UTF-8.
    Byte,
}

impl TextUnit {
    /// The length of a text.
    pub fn count(self, text: &str) -> usize {
        match self {
            Self::Utf16 => text.encode_utf16().count(),
            Self::Scalar => text.chars().count(),
            Self::Grapheme => text.graphemes(true).count(),
            Self::Byte => text.len(),
        }
    }
}

/// A part of a text that fits one message.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its part of the text.
    pub(crate) text: String,
    /// The marks that reach into it, with offsets of its own.
    pub(crate) marks: Vec<Mark>,
}

/// Shows only the length of the text, which a person may have written.
impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Piece")
            .field("text", &format_args!("{} bytes", self.text.len()))
            .field("marks", &self.marks)
            .finish()
    }
}

/// Cuts a text into pieces of at most `max` units each; an empty text into none.
///
/// A character longer than `max` is a piece by itself, the only kind that is too long. A mark
/// that reaches beyond the text ends with it. Takes time linear in the text and in the marks
/// that come out.
pub(crate) fn split_text(text: &str, marks: &[Mark], max: usize, unit: TextUnit) -> Vec<Piece> {
    let mut begin = 0;
    let mut pieces = Vec::new();
    let mut ends = Vec::new();
    for end in cuts(&places(text, max, unit), max) {
        pieces.push(Piece {
            text: text[begin..end].to_owned(),
            marks: Vec::new(),
        });
        ends.push(end);
        begin = end;
    }
    for mark in marks {
        let range = mark.range();
        let first = ends.partition_point(|end| *end <= range.start);
        let mut begin = first.checked_sub(1).map_or(0, |before| ends[before]);
        for (piece, end) in pieces.iter_mut().zip(&ends).skip(first) {
            let (from, to) = (range.start.max(begin), range.end.min(*end));
            if from >= to {
                break;
            }
            // Both lie within the mark, whose own offsets are no larger.
            piece.marks.push(Mark {
                from: (from - begin) as u32,
                to: (to - begin) as u32,
                kind: mark.kind.clone(),
            });
            begin = *end;
        }
    }
    pieces
}

/// How good a place is to cut at, the worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Within a cluster that is too long for any piece.
    Inside,
    /// Between two clusters.
    Cluster,
    /// After whitespace.
    Space,
    /// After a line break.
    Line,
    /// After a paragraph break.
    Paragraph,
}

/// A place where a cut is possible, and the atom that follows it: a cluster, or a character of
/// a cluster that is too long.
#[derive(Clone, Copy)]
struct Place {
    /// Bytes of the text before it.
    byte: usize,
    /// Units of the text before it.
    units: usize,
    rank: Rank,
    /// Whether the atom after it is whitespace.
    blank: bool,
}

/// All places of a text, from its start to its end.
fn places(text: &str, max: usize, unit: TextUnit) -> Vec<Place> {
    let mut places = Vec::new();
    let mut units = 0;
    let mut rank = Rank::Cluster;
    let mut add = |byte, atom: &str, length, rank| {
        let blank = atom.chars().all(char::is_whitespace);
        places.push(Place {
            byte,
            units,
            rank,
            blank,
        });
        units += length;
        blank
    };
    for (byte, cluster) in text.grapheme_indices(true) {
        let length = unit.count(cluster);
        if length <= max {
            let blank = add(byte, cluster, length, rank);
            rank = if blank {
                rank_after(rank, cluster)
            } else {
                Rank::Cluster
            };
            continue;
        }
        for (offset, character) in cluster.char_indices() {
            let atom = &cluster[offset..offset + character.len_utf8()];
            add(byte + offset, atom, unit.count(atom), rank);
            rank = Rank::Inside;
        }
        rank = Rank::Cluster;
    }
    places.push(Place {
        byte: text.len(),
        units,
        rank,
        blank: false,
    });
    places
}

/// The rank of the place after a cluster of whitespace, from that of the place before. It never
/// falls within a run of whitespace, so the best place to cut in one is its end.
fn rank_after(before: Rank, cluster: &str) -> Rank {
    let own = match cluster {
        "\u{2029}" => Rank::Paragraph,
        "\n" | "\r\n" | "\r" | "\u{b}" | "\u{c}" | "\u{85}" | "\u{2028}" => Rank::Line,
        // Spaces that are there to keep their neighbours together.
        "\u{a0}" | "\u{2007}" | "\u{202f}" => Rank::Cluster,
        _ => Rank::Space,
    };
    match own {
        Rank::Line if before >= Rank::Line => Rank::Paragraph,
        own => own.max(before),
    }
}

/// The byte at which each piece ends.
fn cuts(places: &[Place], max: usize) -> Vec<usize> {
    let last = places.len() - 1; // the end of the text is always a place
    let least = least_blank(places, max);
    let mut cuts = Vec::new();
    let mut begin = 0;
    let mut reach = 0;
    while begin < last {
        reach = reach.max(begin + 1);
        while reach < last && places[reach + 1].units - places[begin].units <= max {
            reach += 1;
        }
        begin = if reach == last {
            last
        } else {
            best_end(places, &least, begin, reach)
        };
        cuts.push(places[begin].byte);
    }
    cuts
}

/// Where the piece from `begin` ends best, if it can end at `reach` and there is more to come.
///
/// It looks at no more places than fit a piece. A piece fills half of that; the third reason can
/// force a shorter one, but never two in a row that would fit one piece, as then their common
/// end would have been as good. So all looks together are linear in the text.
fn best_end(places: &[Place], least: &[u32], begin: usize, reach: usize) -> usize {
    let room = places[reach].units - places[begin].units;
    let filled = (begin..reach)
        .find(|at| !places[*at].blank)
        .unwrap_or(reach);
    let mut best = None;
    for end in (begin + 1..=reach).rev() {
        let too_early = (places[end].units - places[begin].units) * 2 < room;
        if too_early && best.is_some() {
            break;
        }
        let blank = u32::from(end <= filled);
        let better = best.is_none_or(|best: usize| places[end].rank > places[best].rank);
        if better && blank + least[end] == least[begin] {
            best = Some(end);
        }
    }
    best.unwrap_or(reach)
}

/// For each place, how many pieces of the text from there on must be nothing but whitespace.
///
/// Counted from the end. A piece with something in it may end at any place after its first atom
/// that isn't blank and within reach; both bounds only fall on the way, so the least of what
/// lies between is a sliding minimum. A blank piece does best to reach as far as it can.
fn least_blank(places: &[Place], max: usize) -> Vec<u32> {
    let last = places.len() - 1;
    let mut least = vec![0_u32; last + 1];
    // The first atom that isn't blank, from the place in hand on.
    let mut filled = last;
    let mut reach = last;
    // Places between the bounds, the farthest first, each with less than all nearer ones.
    let mut ends: VecDeque<usize> = VecDeque::new();
    for begin in (0..last).rev() {
        while reach > begin + 1 && places[reach].units - places[begin].units > max {
            reach -= 1;
        }
        if !places[begin].blank {
            for end in (begin + 1..=filled).rev() {
                while ends.back().is_some_and(|back| least[*back] >= least[end]) {
                    ends.pop_back();
                }
                ends.push_back(end);
            }
            filled = begin;
        }
        while ends.front().is_some_and(|front| *front > reach) {
            ends.pop_front();
        }
        let with_something = ends.front().map(|end| least[*end]);
        let blank = places[begin].blank.then(|| 1 + least[filled.min(reach)]);
        least[begin] = match (with_something, blank) {
            (Some(something), Some(blank)) => something.min(blank),
            (one, other) => one.or(other).unwrap_or_default(),
        };
    }
    least
}

#[cfg(test)]
mod tests;
