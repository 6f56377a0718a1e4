//! Which arm of a split a dialog takes.

use sha2::{Digest, Sha256};

use crate::dialog::{DialogId, FlowId, StepId};

/// The arm for a dialog, by shares that are whole numbers.
///
/// Each arm holds as many tickets as its share; a ticket's number follows from the seed, the
/// dialog, the flow, the step, the arm's name and its place among the arm's tickets; the arm
/// with the highest ticket is taken. So where one arm's share is raised at the others' cost, it
/// only gets more tickets and they have fewer: whoever was in it stays in it. Nothing but whole numbers is
/// used, so every machine draws alike.
pub(super) fn choose<'a>(
    seed: u64,
    dialog: DialogId,
    flow: &FlowId,
    step: &StepId,
    arms: impl Iterator<Item = (&'a str, u32)>,
) -> usize {
    let mut hasher = Sha256::new();
    hasher.update(seed.to_be_bytes());
    hasher.update(dialog.to_string());
    for part in [flow.as_str(), step.as_str()] {
        // The length keeps `ab` `c` apart from `a` `bc`.
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let digest: [u8; 32] = hasher.finalize().into();
    let draw = u64::from_be_bytes(digest[..8].try_into().unwrap_or_default());
    let mut best = (0, 0);
    for (n, (name, share)) in arms.enumerate() {
        let arm = name
            .bytes()
            .fold(draw, |arm, byte| scattered(arm ^ u64::from(byte)));
        for ticket in 0..u64::from(share) {
            let number = scattered(arm ^ ticket);
            // Of two equal numbers the arm listed first has it; they are 1 in 2^64.
            if number > best.1 {
                best = (n, number);
            }
        }
    }
    best.0
}

/// A number whose bits all depend on all bits of the given one, and different for different
/// ones: the finishing steps of the generator SplitMix64.
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialog::{Address, BotId};

    const IDS: u32 = 1_000_000;

    fn dialogs() -> impl Iterator<Item = DialogId> {
        let bot = BotId::from("shop");
        (0..IDS).map(move |n| DialogId::derive(&bot, &Address::new("test", n.to_string())))
    }

    fn arm(dialog: DialogId, arms: &[(&str, u32)]) -> usize {
        let (flow, step) = ("lead".into(), "offer".into());
        choose(7, dialog, &flow, &step, arms.iter().copied())
    }

    /// Counts of a fair draw are within five deviations of their mean but once in a million.
    fn is_fair(count: u32, share: u32) -> bool {
        let (n, p) = (f64::from(IDS), f64::from(share) / 100.0);
        (f64::from(count) - n * p).abs() < 5.0 * (n * p * (1.0 - p)).sqrt()
    }

    #[test]
    fn fl_11_shares_hold_over_a_million_and_a_raised_share_moves_nobody_out() {
        let before = [("a", 50), ("b", 10), ("c", 40)];
        // The raised arm stands in the middle, and its neighbours pay for it unequally.
        let after = [("a", 42), ("b", 20), ("c", 38)];
        let mut counts = [[0_u32; 3]; 2];
        for dialog in dialogs() {
            let (first, second) = (arm(dialog, &before), arm(dialog, &after));
            counts[0][first] += 1;
            counts[1][second] += 1;
            assert!(first != 1 || second == 1, "{dialog} left the raised arm");
        }
        for (counts, arms) in counts.iter().zip([before, after]) {
            for (count, (name, share)) in counts.iter().zip(arms) {
                assert!(
                    is_fair(*count, share),
                    "{name}: {count} of {IDS}, {share} %"
                );
            }
        }
    }

    #[test]
    fn a_step_draws_apart_from_another_and_from_another_seed() {
        let arms = [("a", 50), ("b", 50)];
        let draw = |seed, step: &str| {
            let (flow, step) = ("lead".into(), step.into());
            let drawn = dialogs().take(10_000);
            let drawn = drawn.map(|dialog| choose(seed, dialog, &flow, &step, arms.into_iter()));
            drawn.collect::<Vec<_>>()
        };
        let first = draw(1, "offer");
        assert_eq!(first, draw(1, "offer"));
        for other in [draw(2, "offer"), draw(1, "price")] {
            let same = first.iter().zip(&other).filter(|(a, b)| a == b).count();
            assert!((4_700..5_300).contains(&same), "{same} of 10000 drew alike");
        }
    }
}
