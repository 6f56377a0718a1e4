//! Rules of time, calls and robots at their edges: turn by turn, each at a moment of its own.

mod calls;
mod held;
mod rig;
mod robots;
mod silence;
mod translation;
