//! Texts that are hard to cut.

use crate::channel::TextUnit;

/// Words of several scripts, with letters of several scalars and several units each.
const WORDS: [&str; 8] = [
    "plain ",
    "e\u{301}te\u{301} ",
    "👩‍👩‍👧‍👦 ",
    "שלום עולם ",
    "🇺🇦🇯🇵 ",
    "\u{202b}مرحبا\u{202c}\n",
    "ทดสอบ ",
    "👍🏽!\n\n",
];

/// A text of exactly so many units.
pub(super) fn of_length(unit: TextUnit, length: usize) -> String {
    let mut text = String::new();
    let mut left = length;
    for word in WORDS.iter().cycle() {
        let units = unit.count(word);
        // A separate letter follows, so that clusters at the seam don't merge.
        if units + 1 > left {
            break;
        }
        text.push_str(word);
        left -= units;
    }
    text.push_str(&"x".repeat(left));
    // Clusters may merge at a seam; what is missing then is filled up.
    let counted = unit.count(&text);
    text.push_str(&"x".repeat(length.saturating_sub(counted)));
    assert_eq!(
        unit.count(&text),
        length,
        "the kit's own text has another length"
    );
    text
}
