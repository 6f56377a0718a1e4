//! What a cut text must keep, over texts that are hard to cut.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::dialog::{MarkKind, Text};

const UNITS: [TextUnit; 4] = [
    TextUnit::Utf16,
    TextUnit::Scalar,
    TextUnit::Grapheme,
    TextUnit::Byte,
];

/// Parts of texts: words of several scripts, whitespace of all kinds, and clusters of many
/// characters.
const PARTS: [&str; 36] = [
    "a",
    "word",
    "Слово",
    "ё",
    "שלום",
    "مرحبا",
    "\u{200f}",
    "你好",
    "नमस्ते",
    "क्षि",
    "각",
    "\u{1100}\u{1161}\u{11a8}",
    "e\u{301}",
    "z\u{308}\u{323}\u{301}\u{30a}\u{327}\u{332}\u{33f}\u{346}\u{35b}",
    "\u{301}",
    "\u{200d}",
    "🙂",
    "👍🏽",
    "👩‍👩‍👧‍👦",
    "🏳️‍🌈",
    "🇩🇪",
    "🇫🇷🇪🇸",
    "🇬",
    "1️⃣",
    "𝒳",
    " ",
    " ",
    "  ",
    "\t",
    "\u{a0}",
    "\u{3000}",
    "\n",
    "\n\n",
    "\r\n",
    "\r\n\r\n",
    "\u{2029}",
];

fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        8 => select(&PARTS[..]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => (select(&PARTS[..]), 0..30_usize).prop_map(|(part, times)| part.repeat(times)),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

fn units() -> impl Strategy<Value = TextUnit> {
    select(&UNITS[..])
}

/// Marks of a text, from places drawn without knowing it.
fn marks_of(text: &str, drawn: &[(Index, Index, u8)]) -> Vec<Mark> {
    let places: Vec<u32> = (0..=text.len())
        .filter(|at| text.is_char_boundary(*at))
        .map(|at| u32::try_from(at).unwrap())
        .collect();
    let marks = drawn.iter().map(|(one, other, kind)| {
        let (one, other) = (*one.get(&places), *other.get(&places));
        let kind = match kind % 4 {
            0 => MarkKind::Bold,
            1 => MarkKind::Spoiler,
            2 => MarkKind::Preformatted { language: None },
            _ => MarkKind::Link(Text::new("https://example.org")),
        };
        Mark::new(one.min(other)..one.max(other), kind)
    });
    marks.filter(|mark| mark.fits(text)).collect()
}

fn split(text: &str, max: usize, unit: TextUnit) -> Vec<String> {
    let pieces = split_text(text, &[], max, unit).into_iter();
    pieces.map(|piece| piece.text).collect()
}

fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// The clusters of a text; those too long for a piece as their characters.
fn atoms(text: &str, max: usize, unit: TextUnit) -> Vec<&str> {
    let mut atoms = Vec::new();
    for cluster in text.graphemes(true) {
        if unit.count(cluster) <= max {
            atoms.push(cluster);
        } else {
            atoms.extend(cluster.split("").filter(|character| !character.is_empty()));
        }
    }
    atoms
}

/// The fewest blank pieces any way of cutting has: every way is tried.
fn fewest_blank(atoms: &[&str], max: usize, unit: TextUnit) -> usize {
    let mut fewest = vec![0];
    for end in 1..=atoms.len() {
        let ways = (0..end).rev().map_while(|begin| {
            let piece = &atoms[begin..end];
            let length: usize = piece.iter().map(|atom| unit.count(atom)).sum();
            let fits = length <= max || piece.len() == 1;
            let blank = piece.iter().all(|atom| is_blank(atom));
            fits.then(|| fewest[begin] + usize::from(blank))
        });
        fewest.push(ways.min().unwrap());
    }
    fewest[atoms.len()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_together_are_the_text(text in texts(), max in 1..60_usize, unit in units()) {
        prop_assert_eq!(split(&text, max, unit).concat(), text);
    }

    #[test]
    fn each_piece_fits(text in texts(), max in 1..60_usize, unit in units()) {
        for piece in split(&text, max, unit) {
            let length = unit.count(&piece);
            // Only a character that is too long by itself may be too long.
            prop_assert!(length >= 1);
            prop_assert!(length <= max || piece.chars().count() == 1, "{length} of {max}");
        }
    }

    #[test]
    fn no_cluster_is_cut_that_would_fit(text in texts(), max in 1..60_usize, unit in units()) {
        let mut cut = 0;
        for piece in split(&text, max, unit) {
            cut += piece.len();
            let torn = text
                .grapheme_indices(true)
                .find(|(at, cluster)| *at < cut && cut < at + cluster.len());
            if let Some((_, cluster)) = torn {
                prop_assert!(unit.count(cluster) > max, "{cluster:?} was cut");
            }
        }
    }

    #[test]
    fn marks_cover_what_they_covered(
        text in texts(),
        drawn in prop::collection::vec(any::<(Index, Index, u8)>(), 0..6),
        max in 1..60_usize,
        unit in units(),
    ) {
        fn covered(marks: &[Mark], begin: usize) -> impl Iterator<Item = (usize, MarkKind)> {
            let bytes = |mark: &Mark| {
                let kind = mark.kind.clone();
                mark.range().map(move |byte| (begin + byte, kind.clone()))
            };
            marks.iter().flat_map(bytes).collect::<Vec<_>>().into_iter()
        }
        let marks = marks_of(&text, &drawn);
        let mut after = BTreeSet::new();
        let mut begin = 0;
        for piece in split_text(&text, &marks, max, unit) {
            for mark in &piece.marks {
                prop_assert!(mark.fits(&piece.text), "{mark:?} in {piece:?}");
            }
            after.extend(covered(&piece.marks, begin));
            begin += piece.text.len();
        }
        prop_assert_eq!(after, covered(&marks, 0).collect::<BTreeSet<_>>());
    }

    #[test]
    fn blank_pieces_are_as_few_as_can_be(text in texts(), max in 1..30_usize, unit in units()) {
        let pieces = split(&text, max, unit);
        let blank = pieces.iter().filter(|piece| is_blank(piece)).count();
        prop_assert_eq!(blank, fewest_blank(&atoms(&text, max, unit), max, unit), "{:?}", pieces);
    }

    #[test]
    fn whitespace_stays_before_the_cut(text in texts(), max in 1..60_usize, unit in units()) {
        let pieces = split(&text, max, unit);
        for pair in pieces.windows(2) {
            let next = atoms(&pair[1], max, unit)[0];
            if is_blank(next) && is_blank(pair[1].graphemes(true).next().unwrap()) {
                let full = unit.count(&pair[0]) + unit.count(next) > max;
                prop_assert!(full, "{next:?} had room in {:?}", pair[0]);
            }
        }
    }

    /// Over texts whose whitespace is too short to make a blank piece.
    #[test]
    fn the_best_place_is_taken(
        words in prop::collection::vec(
            ("[a-z]{1,12}|🙂|é|👩‍👧", select(&[" ", " ", " ", "\n", "\n\n", "\r\n", "\u{a0}"][..])),
            1..30,
        ),
        max in 16..40_usize,
        unit in units(),
    ) {
        let mut text: String = words.iter().flat_map(|(word, space)| [word, *space]).collect();
        text.push_str("end");
        let mut rest = text.as_str();
        for piece in split(&text, max, unit) {
            let places: Vec<usize> = rest
                .grapheme_indices(true)
                .map(|(at, cluster)| at + cluster.len())
                .take_while(|end| unit.count(&rest[..*end]) <= max)
                .collect();
            let reach = *places.last().unwrap();
            let room = unit.count(&rest[..reach]);
            let rank = |end: usize| {
                let kept = rest[..end].trim_end();
                let space = &rest[kept.len()..end];
                match (space.matches('\n').count(), space) {
                    (0, "" | "\u{a0}") => 0,
                    (0, _) => 1,
                    (1, _) => 2,
                    _ => 3,
                }
            };
            let best = places
                .into_iter()
                .filter(|end| unit.count(&rest[..*end]) * 2 >= room)
                .filter(|end| !is_blank(&rest[..*end]))
                .max_by_key(|end| (rank(*end), *end));
            let expected = if reach == rest.len() { reach } else { best.unwrap() };
            prop_assert_eq!(&piece, &rest[..expected], "of {:?}", rest);
            rest = &rest[expected..];
        }
    }

    #[test]
    fn a_text_that_fits_is_left_alone(text in texts(), drawn: Vec<(Index, Index, u8)>, unit in units()) {
        let marks = marks_of(&text, &drawn);
        let pieces = split_text(&text, &marks, unit.count(&text), unit);
        if text.is_empty() {
            prop_assert_eq!(pieces, vec![]);
        } else {
            prop_assert_eq!(pieces, vec![Piece { text, marks }]);
        }
    }

    #[test]
    fn marks_that_do_not_fit_do_no_harm(
        text in texts(),
        ends: Vec<(u32, u32)>,
        max in 0..20_usize,
        unit in units(),
    ) {
        let marks: Vec<Mark> = ends
            .into_iter()
            .map(|(from, to)| Mark::new(from % 100..to, MarkKind::Bold))
            .collect();
        let mut joined = String::new();
        for piece in split_text(&text, &marks, max, unit) {
            let within = |mark: &Mark| mark.from < mark.to && mark.range().end <= piece.text.len();
            prop_assert!(piece.marks.iter().all(within));
            joined.push_str(&piece.text);
        }
        prop_assert_eq!(joined, text);
    }
}

#[test]
fn an_empty_text_gives_no_piece() {
    for unit in UNITS {
        assert_eq!(split("", 10, unit), Vec::<String>::new());
    }
}

#[test]
fn units_count_what_they_say() {
    let text = "a👩‍👧é"; // 1 + (emoji, joiner, emoji) + 1
    let counts = UNITS.map(|unit| unit.count(text));
    assert_eq!(counts, [7, 5, 3, 14]);
}

#[test]
fn cuts_read_well() {
    let cases: [(&str, usize, &[&str]); 9] = [
        (
            "One two.\n\nThree four\nfive six",
            20,
            &["One two.\n\n", "Three four\nfive six"],
        ),
        (
            "One two three\nfour five",
            20,
            &["One two three\n", "four five"],
        ),
        ("one two three four", 10, &["one two ", "three four"]),
        // The early paragraph break would leave a tiny piece.
        (
            "Hi\n\none two three four",
            16,
            &["Hi\n\none two ", "three four"],
        ),
        ("abcdefghij", 4, &["abcd", "efgh", "ij"]),
        ("🇩🇪🇫🇷🇪🇸", 9, &["🇩🇪🇫🇷", "🇪🇸"]),
        // Neither the start nor the end may be a piece of whitespace.
        ("\n\nabcdefg", 4, &["\n\nab", "cdef", "g"]),
        ("to be tried\n\n", 11, &["to be ", "tried\n\n"]),
        // The space here keeps number and unit together.
        ("weighs 10\u{a0}kg", 11, &["weighs ", "10\u{a0}kg"]),
    ];
    for (text, max, pieces) in cases {
        assert_eq!(split(text, max, TextUnit::Utf16), pieces, "{text:?}");
    }
}

#[test]
fn a_mark_is_opened_again_in_the_next_piece() {
    let marks = [
        Mark::new(4..13, MarkKind::Bold),
        Mark::new(8..9, MarkKind::Code),
    ];
    let pieces = split_text("one two three", &marks, 8, TextUnit::Scalar);
    let of = |text: &str, marks: &[Mark]| Piece {
        text: text.to_owned(),
        marks: marks.to_vec(),
    };
    assert_eq!(
        pieces,
        [
            of("one two ", &[Mark::new(4..8, MarkKind::Bold)]),
            of(
                "three",
                &[
                    Mark::new(0..5, MarkKind::Bold),
                    Mark::new(0..1, MarkKind::Code)
                ]
            ),
        ]
    );
}

/// Nothing is timed, but work that grew with the square of the length would not end here.
#[test]
fn long_texts_are_cut() {
    let length = 300_000;
    let texts = [
        "a".repeat(length),
        " ".repeat(length),
        "a ".repeat(length / 2),
        format!("a{}a", " ".repeat(length)),
        "\u{301}".repeat(length),
        "🇩".repeat(length / 4),
    ];
    for text in texts {
        for max in [1, 4096, length / 2] {
            assert_eq!(split(&text, max, TextUnit::Utf16).concat(), text);
        }
    }
}

#[test]
fn debug_shows_no_text() {
    let pieces = split_text("secret", &[], 10, TextUnit::Byte);
    assert!(!format!("{pieces:?}").contains("secret"));
}
