//! Troubles that meet in time: pauses, blocks, takeovers, errors and new versions, where messages
//! wait, calls are out or timers run. Nothing is lost, and every dialog goes on.

mod calendar;
mod conversations;
mod engine;
mod hangs;
mod pauses_and_costs;
mod rig;
mod robots;
mod takeover;
mod versions;
