//! Whole files, good and bad.

mod mistakes;
mod places;
mod refusals;
