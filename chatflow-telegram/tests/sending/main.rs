//! The channel on a Bot API server that is as strict as Telegram's.

mod actions;
mod classify;
mod connect;
mod files;
mod membership;
mod outbound;
mod support;
