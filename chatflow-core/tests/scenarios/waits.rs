//! Time that passes.

use std::time::Duration;

use chatflow_core::{
    Ask, Delay, FinishStatus, FlowBuilder, FlowDefinition, KeywordRouter, SendMessage,
};

use super::built;

fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3600)
}

/// Two hours between one message and the next.
pub(super) fn reminder() -> FlowDefinition {
    built(
        FlowBuilder::new("reminder", 1)
            .step("soon", SendMessage::text("I'll be back."))
            .step("pause", Delay::new(hours(2)))
            .step("now", Ask::text("Here I am. And you?").save("answer"))
            .step("thanks", SendMessage::text("Thanks.")),
    )
}

/// Every way of waiting that ends by itself: a question, a router, a step that says Waiting.
pub(super) fn silences() -> FlowDefinition {
    built(
        FlowBuilder::new("silences", 1)
            .step("question", Ask::text("Who are you?"))
            .timeout(hours(6))
            .exit("timeout", "silent")
            .step(
                "router",
                KeywordRouter::new()
                    .route("on", ["on"])
                    .retry("Say on to go on."),
            )
            .timeout(hours(1))
            .exit("on", "offer")
            .exit("timeout", "silent")
            .step("offer", SendMessage::text("Take your time."))
            .finish(FinishStatus::Waiting)
            .timeout(hours(3))
            .exit("next", "taken")
            .exit("timeout", "silent")
            .step("taken", SendMessage::text("Good."))
            .exit("next", "person")
            .step("silent", SendMessage::text("Still there?"))
            .exit("next", "person")
            .step("person", Ask::text("Shall a person write?"))
            .timeout(hours(2)),
    )
}
