//! Why a Telegram channel can't start.

/// Why [`Telegram::connect`](crate::Telegram::connect) gave no channel. None of them shows the
/// token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No token was given.
    #[error("no Telegram token is given: BotFather gives one for each bot")]
    MissingToken,
    /// What was given can't be a token.
    #[error(
        "this is no Telegram token, which is a number, a colon and letters: copy it again from BotFather"
    )]
    BadToken,
    /// The address of the Bot API is none.
    #[error("the address of the Bot API must begin with http:// or https:// and name a host")]
    BadApiUrl,
    /// Telegram doesn't take the token.
    #[error("Telegram refuses the token: copy it again from BotFather")]
    Refused,
    /// Telegram didn't answer, or couldn't.
    #[error("Telegram can't be reached ({detail}): check the network and try again")]
    Unreachable {
        /// What happened, without secrets.
        detail: String,
    },
    /// Something answered, and not as Telegram does.
    #[error("what answers is no Bot API server ({detail}): check its address")]
    UnexpectedAnswer {
        /// What came instead, without secrets.
        detail: String,
    },
}
