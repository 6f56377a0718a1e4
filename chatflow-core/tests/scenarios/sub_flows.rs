//! Flows that call one another.

use chatflow_core::{
    Ask, CallFlow, ChangeFlow, FinishStatus, FlowBuilder, FlowDefinition, KeywordRouter,
    SendMessage,
};

use super::built;

/// Calls `details`, which calls `address`.
pub(super) fn main() -> FlowDefinition {
    built(
        FlowBuilder::new("main", 1)
            .step("item", Ask::text("What do you order?").save("item"))
            .step(
                "details",
                CallFlow::to("details")
                    .input("what", "{{ item }}")
                    .result("where", "place")
                    .result("item", "renamed"),
            )
            .step(
                "sum",
                SendMessage::text("{{ item }} to {{ where }}, right?"),
            )
            .step("right", Ask::text("Say yes.").save("right"))
            .step("thanks", SendMessage::text("Thanks.")),
    )
}

/// Asks what is needed, and has the address asked by another flow.
pub(super) fn details() -> FlowDefinition {
    built(
        FlowBuilder::new("details", 1)
            .input("what")
            .step(
                "size",
                Ask::text("Which size of {{ data.what }}?").save("size"),
            )
            .step(
                "address",
                CallFlow::to("address")
                    .input("greeting", "For the {{ size }} {{ what }}:")
                    .result("place", "city"),
            )
            .step(
                "noted",
                SendMessage::text("{{ size }}, {{ place }}: noted."),
            )
            .finish(FinishStatus::Finished),
    )
}

/// Waits, passes to a person, and goes away for good, as the contact says.
pub(super) fn address() -> FlowDefinition {
    built(
        FlowBuilder::new("address", 1)
            .input("greeting")
            .step(
                "city",
                Ask::text("{{ data.greeting }} which city?").save("city"),
            )
            .step(
                "sure",
                KeywordRouter::new()
                    .route("yes", ["yes"])
                    .route("later", ["later"])
                    .route("person", ["person"])
                    .route("leave", ["leave"])
                    .route("item", ["item"])
                    .retry("Sure?"),
            )
            .exit("yes", "end")
            .step("later", SendMessage::text("Write when you are ready."))
            .finish(FinishStatus::Waiting)
            .exit("next", "ready")
            .step("ready", SendMessage::text("Going on."))
            .exit("next", "end")
            .step("person", SendMessage::text("A person will help."))
            .finish(FinishStatus::Manual)
            .exit("next", "helped")
            .step("helped", SendMessage::text("Back from the person."))
            .exit("next", "end")
            .step("leave", ChangeFlow::to("away"))
            .step("item", SendMessage::text("You want {{ item }}."))
            .exit("next", "end")
            .step("end", SendMessage::text("{{ city }} it is.")),
    )
}

/// Where nobody comes back from.
pub(super) fn away() -> FlowDefinition {
    built(
        FlowBuilder::new("away", 1)
            .input("item")
            .step("gone", Ask::text("Gone, with {{ item }}. Anything else?"))
            .step("bye", SendMessage::text("Bye.")),
    )
}
