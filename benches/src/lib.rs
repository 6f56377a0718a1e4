//! Workloads that the benchmarks run, and the layers they run on.

mod counting;
mod funnel;
mod layer;

pub use counting::{Counted, CountingChannel};
pub use funnel::{BYTES_PER_CONTACT, ROUNDS, bot, message};
pub use layer::{Layer, Measured, measure};
