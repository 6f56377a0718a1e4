//! Room 4: people and lists, pure.
//!
//! ```text
//!  operators + queue + waiting dialog ──► choose ──► choice        routing
//!  operator + action + dialog ──► can ──► yes or no                policy
//!  operator ──► visible ──► filter ──► the rows he may see         filter
//! ```
//!
//! **The law of this room: as the engine's. Nothing here reads a clock, draws a number or waits;
//! the same operators, queue and dialog give the same choice.**

mod filter;
mod operator;
mod policy;
mod queue;
mod roles;
mod routing;

pub use filter::{Filter, FilterRow};
pub use operator::{Availability, AvailableBy, Operator, Presence};
pub use policy::{AllowAll, OperatorAction, Policy, Target};
pub use queue::{Acceptance, Queue, RoutingRule, WhenAway};
pub use roles::{HistoryVisibility, Right, Role, Roles};
pub use routing::{Candidate, Routing, RoutingContext, Wait, choose};
