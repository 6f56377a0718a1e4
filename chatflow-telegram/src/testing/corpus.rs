use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::value::RawValue;

/// An answer with which Telegram, or what stands before it, refuses or fails.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ErrorCase {
    /// What it is called in a test's output.
    pub name: String,
    /// The HTTP status.
    pub status: u16,
    /// The body as it is sent.
    pub body: String,
    /// What it means for the bot, one of [`MEANINGS`].
    pub meaning: String,
}

/// An update as Telegram sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpdateCase {
    /// What it is called in a test's output.
    pub name: &'static str,
    /// The `Update` object, as text.
    pub body: &'static str,
}

/// Bodies of errors in old and new wordings, each with its meaning.
pub fn error_corpus() -> &'static [ErrorCase] {
    static CASES: LazyLock<Vec<ErrorCase>> = LazyLock::new(|| {
        serde_json::from_str(include_str!("../../tests/fixtures/errors.json"))
            .expect("the corpus of errors is part of this crate")
    });
    &CASES
}

/// Updates of every kind at level 10.3 of the Bot API, with invented people.
pub fn update_corpus() -> &'static [UpdateCase] {
    static CASES: LazyLock<Vec<UpdateCase>> = LazyLock::new(|| {
        UPDATES
            .iter()
            .flat_map(|text| {
                serde_json::from_str::<BTreeMap<&'static str, &'static RawValue>>(text)
                    .expect("the corpus of updates is part of this crate")
            })
            .map(|(name, body)| UpdateCase {
                name,
                body: body.get(),
            })
            .collect()
    });
    &CASES
}

/// What an error can mean for the bot.
pub const MEANINGS: &[&str] = &[
    "blocked",
    "gone",
    "cannot_initiate",
    "invalid_target",
    "unknown_recipient",
    "removed",
    "no_rights",
    "kind_refused",
    "window_closed",
    "connection_lost",
    "moved",
    "flood",
    "flood_without_parameters",
    "server_error",
    "too_large",
    "invalid",
    "token",
    "other_poller",
    "not_modified",
    "stale_callback",
    "message_gone",
    "html",
    "empty",
    "unknown_client_error",
];

const UPDATES: &[&str] = &[
    include_str!("../../tests/fixtures/updates/messages.json"),
    include_str!("../../tests/fixtures/updates/media.json"),
    include_str!("../../tests/fixtures/updates/service.json"),
    include_str!("../../tests/fixtures/updates/queries.json"),
    include_str!("../../tests/fixtures/updates/membership.json"),
    include_str!("../../tests/fixtures/updates/business.json"),
    include_str!("../../tests/fixtures/updates/newest.json"),
];
