//! The channel conformance kit: every sentence of the contract of [`Channel`](crate::Channel), as a test.
//!
//! ```text
//!  harness ── fake outside ◄──► channel under test ◄──► the real worker ── MemoryStore
//!                 │                                            │
//!        what arrived, what was acknowledged          what every query says
//! ```
//!
//! An adapter's author writes a fake of the outside, once, and gets a test for each promise:
//!
//! ```text
//! struct Harness;
//!
//! #[async_trait]
//! impl ChannelHarness for Harness {
//!     async fn fresh(&self) -> Arc<dyn Outside> { Arc::new(FakeMessenger::start().await) }
//!     fn cannot(&self) -> &[Ability] { &[Ability::Webhook] }
//! }
//!
//! chatflow_core::channel_conformance!(Harness);
//! ```
//!
//! `examples/tests/channel.rs` is such a file, whole and small.
//!
//! # How to write a harness
//!
//! 1. Begin with a fake that keeps a queue of reports and a list of what it took: that is
//!    [`connect`](Outside::connect), [`happens`](Outside::happens), [`again`](Outside::again),
//!    [`arrived`](Outside::arrived) and [`settled`](Outside::settled). Name every
//!    [`Ability`] in [`cannot`](ChannelHarness::cannot) at first and run the kit.
//! 2. Take abilities off that list one by one. The kit refuses those that the channel's
//!    capabilities declare and the list still names.
//! 3. For a channel that talks HTTP, the fake is a server on the loopback address and the
//!    adapter's base address points at it. `settled` waits for the adapter's next poll: then it
//!    has dealt with the last one. [`fails_next`](Outside::fails_next) puts the body in a queue
//!    that the next send is answered from; take bodies that the real outside gave, old wordings
//!    and new ones.
//! 4. Such a fake needs a runtime: `channel_conformance!(Harness, on_tokio)` names the function
//!    that runs a future to its end. Let it be a runtime of one thread.
//!
//! Cases move a manual clock and never sleep. Each is a plain function that panics where a
//! promise is broken; its name says which. [`CASES`] lists all of them.

pub mod decode;
mod desk;
pub mod durable;
pub mod errors;
mod harness;
pub mod limits;
mod log;
pub mod order;
pub mod rate;
pub mod reach;
pub mod repeats;
pub mod secrets;
mod texts;
pub mod webhook;

use futures::future::LocalBoxFuture;

pub use harness::{
    Ability, Arrived, ChannelHarness, Failure, Happening, Knock, Outside, Report, Webhook,
};

/// One case of the kit.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name: the promise.
    pub name: &'static str,
    /// What the outside must have for it.
    pub needs: &'static [Ability],
    /// Runs it; panics where the promise is broken. Use [`run`](Case::run), which skips it where
    /// it can't apply.
    pub promise: for<'a> fn(&'a dyn ChannelHarness) -> LocalBoxFuture<'a, Ran>,
}

/// How a case ended that broke no promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Ran {
    /// The promise was tried and held.
    Whole,
    /// The outside lacks what the case needs, as the harness says.
    Lacks(Ability),
    /// The channel declares that it can't do what the case is about.
    NotDeclared(&'static str),
}

impl Case {
    /// Runs the case, unless the harness says that the outside lacks what it needs.
    pub async fn run(&self, harness: &dyn ChannelHarness) -> Ran {
        let lacks = self
            .needs
            .iter()
            .find(|need| harness.cannot().contains(need));
        match lacks {
            Some(ability) => Ran::Lacks(*ability),
            None => (self.promise)(harness).await,
        }
    }

    /// The case of this name.
    ///
    /// # Panics
    /// There is none: only this crate's macro asks, by the names of the list.
    #[doc(hidden)]
    pub fn named(name: &str) -> &'static Self {
        let found = CASES.iter().find(|case| case.name == name);
        found.unwrap_or_else(|| panic!("the kit has no case `{name}`"))
    }
}

/// Runs all cases and gives the names of those that were skipped, each with the reason.
///
/// # Panics
/// A promise is broken.
pub async fn skipped(harness: &dyn ChannelHarness) -> Vec<(&'static str, Ran)> {
    let mut skipped = Vec::new();
    for case in CASES {
        let ran = case.run(harness).await;
        if ran != Ran::Whole {
            skipped.push((case.name, ran));
        }
    }
    skipped
}

/// The one list of all cases: calls the macro named in brackets with what is given, then the
/// cases, each with what it needs.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_channel_case {
    ([$($apply:tt)*] $given:tt) => {
        $($apply)*! { $given
            decode::bytes_of_any_kind_do_no_harm [],
            decode::the_same_bytes_always_give_the_same [],
            decode::what_is_said_comes_in_as_it_was_said [],
            decode::a_pressed_choice_comes_in_as_one [Press],
            decode::media_come_in_with_their_kind_and_caption [Media],
            decode::items_of_an_album_name_it [Album],
            decode::a_start_link_comes_in_with_what_it_carries [Start],
            decode::a_kind_that_nobody_knows_is_kept_as_it_came [Unknown, Acknowledge],
            decode::garbage_is_kept_as_it_came [Garbage],
            repeats::the_same_report_twice_is_one_turn [Repeat],
            repeats::reports_repeated_in_another_order_do_nothing [Repeat, ManyContacts],
            repeats::a_report_repeated_after_a_restart_does_nothing [Repeat],
            repeats::the_same_words_said_twice_are_two_turns [],
            durable::nothing_is_acknowledged_before_it_is_durable [Acknowledge],
            durable::what_was_not_taken_is_offered_again_and_handled_once [Acknowledge],
            durable::a_crash_before_the_acknowledgement_makes_no_second_turn [Acknowledge],
            order::each_of_a_hundred_is_heard_in_order [ManyContacts],
            order::one_that_fails_holds_no_other_up [ManyContacts],
            order::one_that_hangs_holds_no_other_up [ManyContacts, Hang],
            order::a_step_that_panics_hurts_its_own_dialog_only [ManyContacts],
            order::messages_of_a_dialog_arrive_in_order [],
            limits::what_is_declared_is_not_skipped [],
            limits::a_text_at_the_limit_is_one_message [],
            limits::a_text_beyond_the_limit_is_cut_and_nothing_is_lost [],
            limits::the_outside_takes_no_more_than_is_declared [Limits],
            limits::a_caption_at_the_limit_stands_under_its_media [Files],
            limits::a_caption_beyond_the_limit_follows_its_media [Files],
            limits::an_album_is_as_large_as_declared [Files],
            limits::a_file_too_large_never_reaches_the_channel [Files],
            limits::choices_arrive_in_order_and_as_long_as_declared [Press],
            limits::a_reply_names_what_it_replies_to [],
            limits::declared_actions_are_done [],
            limits::a_second_send_under_one_key_arrives_as_declared [],
            limits::receipts_are_as_declared [Receipts],
            errors::each_failure_has_its_class [],
            errors::a_refusal_nobody_has_heard_of_is_never_tried_again [],
            errors::an_unknown_outcome_is_told_from_a_failure [],
            errors::a_passing_failure_is_tried_again_and_arrives_once [],
            reach::who_blocks_and_comes_back_is_reached_again [Block],
            reach::a_block_stops_what_waits [Block],
            reach::a_moved_address_keeps_its_dialog [Move],
            webhook::a_genuine_report_is_answered_once_it_is_durable [Webhook],
            webhook::who_does_not_know_the_secret_is_turned_away [Webhook],
            webhook::a_body_too_large_is_turned_away [Webhook],
            webhook::garbage_is_not_asked_for_again [Webhook],
            webhook::a_store_that_is_away_asks_for_patience [Webhook],
            rate::declared_rates_are_kept [ManyContacts],
            rate::replies_do_not_wait_for_broadcasts [ManyContacts],
            rate::an_address_asked_to_wait_delays_no_other [ManyContacts],
            secrets::secrets_and_content_appear_nowhere [],
        }
    };
}

/// Makes one `#[test]` of each case of the [kit](crate::testing::channel_kit), on outsides of the
/// given [harness](crate::testing::channel_kit::ChannelHarness). The expression is evaluated for
/// each test. A case that can't apply says so in its output: `cargo test -- --nocapture` shows it.
///
/// Cases run on [`block_on`](crate::testing::block_on). An adapter that needs a runtime of its
/// own names a function that takes its place: `channel_conformance!(harness, on_my_runtime)`.
#[macro_export]
macro_rules! channel_conformance {
    ($harness:expr $(,)?) => {
        $crate::channel_conformance!($harness, $crate::testing::block_on);
    };
    ($harness:expr, $block_on:path $(,)?) => {
        $crate::for_each_channel_case!([$crate::channel_case_tests]($harness, $block_on));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! channel_case_tests {
    ($given:tt $($theme:ident::$case:ident [$($need:ident),*],)*) => {
        $($crate::channel_case_tests!(@one $given $case);)*
    };
    (@one ($harness:expr, $block_on:path) $case:ident) => {
        #[test]
        fn $case() {
            let harness = $harness;
            let case = $crate::testing::channel_kit::Case::named(stringify!($case));
            let ran = $block_on(case.run(&harness));
            if ran != $crate::testing::channel_kit::Ran::Whole {
                println!("skipped: {ran:?}");
            }
        }
    };
}

macro_rules! cases {
    (() $($theme:ident::$case:ident [$($need:ident),*],)*) => {
        &[$({
            fn promise(harness: &dyn ChannelHarness) -> LocalBoxFuture<'_, Ran> {
                Box::pin($theme::$case(harness))
            }
            Case { name: stringify!($case), needs: &[$(Ability::$need),*], promise }
        }),*]
    };
}

/// All cases, in the order of themes.
pub const CASES: &[Case] = crate::for_each_channel_case!([cases]());
