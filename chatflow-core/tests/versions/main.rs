//! What becomes of dialogs when their flow gets a newer version.

mod callers;
mod deploys;
mod edits;
mod policies;
mod rig;
