//! CH-07: the channel keeps every promise of the contract, by long poll and by webhook, and in
//! groups, whose addresses move.

mod failing;
mod outside;
mod watched;

use chatflow_core::testing::channel_kit::{Case, Ran};

use outside::{Bots, Kind};

/// Runs a future on one thread, the fake server's tasks beside it.
fn on_tokio<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be had")
        .block_on(future)
}

mod poll {
    use super::{Bots, Kind, on_tokio};

    chatflow_core::channel_conformance!(Bots(Kind::Poll), on_tokio);
}

mod webhook {
    use super::{Bots, Kind, on_tokio};

    chatflow_core::channel_conformance!(Bots(Kind::Webhook), on_tokio);
}

#[test]
fn a_group_that_moves_keeps_its_dialog() {
    for name in [
        "a_moved_address_keeps_its_dialog",
        "each_failure_has_its_class",
    ] {
        let ran = on_tokio(Case::named(name).run(&Bots(Kind::Groups)));
        assert_eq!(ran, Ran::Whole, "{name}");
    }
}
