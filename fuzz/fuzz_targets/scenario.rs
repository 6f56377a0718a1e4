//! Any text as a scenario, played to a small bot: it is refused with a line, or played to its
//! end, and what it would be rewritten to reads again.
#![no_main]

use chatflow_core::testing::{Player, Scenario, block_on};
use chatflow_core::{Ask, Bot, FlowBuilder, SendMessage};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let scenario = match Scenario::parse(text) {
        Ok(scenario) => scenario,
        Err(error) => return assert!(error.line > 0),
    };
    let flow = FlowBuilder::new("greet", 1)
        .step("name", Ask::text("Name?").save_contact_name())
        .step("hello", SendMessage::text("Hello, {{ name }}!"))
        .build()
        .expect("the flow is good");
    if let Ok(played) = block_on(Player::new(Bot::new("fuzzed", flow)).play(&scenario)) {
        Scenario::parse(&played.updated).expect("what was rewritten reads again");
    }
});
