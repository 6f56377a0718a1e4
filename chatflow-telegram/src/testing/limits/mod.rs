//! What Telegram refuses about a message, apart from where it goes.

pub(crate) mod html;
pub(crate) mod keyboard;
pub(crate) mod text;
