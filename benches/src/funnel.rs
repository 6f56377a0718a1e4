//! The workload `funnel`: one contact's way through a form of three questions.
//!
//! ```text
//! > /start
//! < Welcome! What is your name?
//! > User0000000
//! < Nice to meet you, User0000000. How old are you?
//! > abc
//! < Please send a number from 1 to 120.
//! > 20
//! < Choose: A) basic B) pro
//! > a
//! < You chose A. Send ok to finish.
//! > ok
//! < Done: User0000000, 20, A.
//! ```

use chatflow_core::{Ask, Bot, FlowBuilder, FlowError, KeywordMatch, KeywordRouter, SendMessage};

/// Messages of a contact, and answers to them.
pub const ROUNDS: usize = 6;

/// Bytes of the six answers to any contact below ten million.
pub const BYTES_PER_CONTACT: u64 = 188;

/// The bot.
///
/// # Errors
/// Never: the flow is a fixed one.
pub fn bot() -> Result<Bot, FlowError> {
    let flow = FlowBuilder::new("funnel", 1)
        .step(
            "name",
            Ask::text("Welcome! What is your name?").save("name"),
        )
        .step(
            "age",
            Ask::range("Nice to meet you, {{ name }}. How old are you?", 1, 120)
                .retry("Please send a number from 1 to 120.")
                .save("age"),
        )
        .step("offer", SendMessage::text("Choose: A) basic B) pro"))
        .step(
            "plan",
            KeywordRouter::new()
                .route("A", ["a", "basic"])
                .route("B", ["b", "pro"])
                .matching(KeywordMatch::Beginning)
                .retry("Please answer A or B.")
                .save("plan"),
        )
        .step(
            "confirm",
            Ask::text("You chose {{ plan }}. Send ok to finish."),
        )
        .step(
            "done",
            SendMessage::text("Done: {{ name }}, {{ age }}, {{ plan }}."),
        )
        .build()?;
    Ok(Bot::new("funnel", flow))
}

/// What a contact writes in a round, both counted from 0.
pub fn message(round: usize, contact: usize) -> String {
    match round {
        0 => "/start".to_owned(),
        1 => format!("User{contact:07}"),
        2 => "abc".to_owned(),
        3 => (20 + contact % 60).to_string(),
        4 if contact.is_multiple_of(2) => "a".to_owned(),
        4 => "B please".to_owned(),
        _ => "ok".to_owned(),
    }
}
