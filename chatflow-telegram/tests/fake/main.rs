//! The fake Bot API server keeps Telegram's rules, and fails as it is told.

mod corpora;
mod faults;
mod flood;
mod limits;
mod places;
mod polling;
mod requests;
mod support;
mod updates;
mod webhooks;
