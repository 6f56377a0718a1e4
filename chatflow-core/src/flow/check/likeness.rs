//! Names that are nearly the same.

use std::collections::BTreeMap;

use crate::dialog::StepId;
use crate::flow::CompiledFlow;

/// How many pairs of names are compared for one bot, at most. A bot with 10,000 steps and as
/// many routes without a way would else compare 100 million; what is left over goes unreported.
const COMPARISONS_MAX: u32 = 50_000;

/// What is left of [`COMPARISONS_MAX`].
#[derive(Debug)]
pub(super) struct Budget(u32);

impl Default for Budget {
    fn default() -> Self {
        Self(COMPARISONS_MAX)
    }
}

/// The names of a flow's steps by their length.
pub(super) struct Steps<'a>(BTreeMap<usize, Vec<&'a StepId>>);

impl<'a> Steps<'a> {
    pub(super) fn of(flow: &'a CompiledFlow) -> Self {
        let mut by_length: BTreeMap<usize, Vec<&StepId>> = BTreeMap::new();
        for step in &flow.steps {
            let length = step.name.as_str().chars().count();
            by_length.entry(length).or_default().push(&step.name);
        }
        Self(by_length)
    }

    /// The step whose name is most like this one: two letters differ at most, one in a name of
    /// four letters or fewer.
    pub(super) fn like(&self, name: &str, budget: &mut Budget) -> Option<&'a StepId> {
        let letters: Vec<char> = name.chars().collect();
        let most = if letters.len() <= 4 { 1 } else { 2 };
        let lengths = letters.len().saturating_sub(most)..=letters.len() + most;
        let mut best: Option<(usize, &StepId)> = None;
        for step in self.0.range(lengths).flat_map(|(_, steps)| steps) {
            budget.0 = budget.0.checked_sub(1)?;
            let other: Vec<char> = step.as_str().chars().collect();
            let most = best.map_or(most, |(distance, _)| distance.saturating_sub(1));
            if let Some(distance) = distance(&letters, &other, most)
                && best.is_none_or(|(best, _)| distance < best)
            {
                best = Some((distance, step));
            }
        }
        best.map(|(_, step)| step)
    }
}

/// How many letters must be changed, added or taken away to make one of the other; none where
/// that is more than `most`.
fn distance(one: &[char], other: &[char], most: usize) -> Option<usize> {
    let start = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[start..], &other[start..]);
    let end = one.iter().rev().zip(other.iter().rev());
    let end = end.take_while(|(a, b)| a == b).count();
    let (one, other) = (&one[..one.len() - end], &other[..other.len() - end]);
    // What differs lies between the first and the last difference. Were it long, so would be the
    // table below.
    if one.len().abs_diff(other.len()) > most {
        return None;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (n, a) in one.iter().enumerate() {
        let mut corner = row[0];
        row[0] = n + 1;
        for (m, b) in other.iter().enumerate() {
            let changed = corner + usize::from(a != b);
            corner = row[m + 1];
            row[m + 1] = changed.min(row[m] + 1).min(corner + 1);
        }
        if row.iter().all(|&distance| distance > most) {
            return None;
        }
    }
    row.last().copied().filter(|&distance| distance <= most)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn letters_are_counted() {
        let count = |one: &str, other: &str| {
            let one: Vec<char> = one.chars().collect();
            let other: Vec<char> = other.chars().collect();
            distance(&one, &other, 2)
        };
        assert_eq!(count("prices", "prices"), Some(0));
        assert_eq!(count("prices", "price"), Some(1));
        assert_eq!(count("prices", "prcies"), Some(2));
        assert_eq!(count("цены", "цена"), Some(1));
        assert_eq!(count("prices", "places"), Some(2));
        assert_eq!(count("prices", "orders"), None);
        assert_eq!(count("a", "abcd"), None);
    }
}
