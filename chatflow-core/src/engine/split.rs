//! Which arm of a split a dialog takes.

use sha2::{Digest, Sha256};

use crate::dialog::{DialogId, FlowId, StepId};

/// The arm for a dialog, by shares that are whole numbers.
///
/// Each arm holds as many tickets as its share; a ticket's number follows from the seed, the
/// dialog, the flow, the step, the arm's name and its place among the arm's tickets; the arm
/// with the highest ticket is taken. So an arm that gets a larger share only gets more tickets:
/// whoever was in it stays in it, whatever the other arms lose. Nothing but whole numbers is
/// used, so every machine draws alike.
pub(super) fn choose<'a>(
    seed: u64,
    dialog: DialogId,
    flow: &FlowId,
    step: &StepId,
    arms: impl Iterator<Item = (&'a str, u32)>,
) -> usize {
    let mut best = (0, 0);
    for (n, (name, share)) in arms.enumerate() {
        let mut hasher = Sha256::new();
        hasher.update(seed.to_be_bytes());
        hasher.update(dialog.to_string());
        for part in [flow.as_str(), step.as_str(), name] {
            // The length keeps `ab` `c` apart from `a` `bc`.
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let digest: [u8; 32] = hasher.finalize().into();
        let arm = u64::from_be_bytes(digest[..8].try_into().unwrap_or_default());
        for ticket in 0..u64::from(share) {
            let number = scattered(arm ^ scattered(ticket));
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
