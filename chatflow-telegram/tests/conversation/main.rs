//! Whole conversations: contact, fake Telegram, channel, engine and store, by long poll and by
//! webhook.

mod account;
mod business;
mod files;
mod groups;
mod membership;
mod reach;
mod refusals;
mod stage;
mod talk;
