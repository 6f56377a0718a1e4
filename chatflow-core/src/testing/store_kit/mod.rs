//! The store conformance kit: every sentence of the contract of [`Store`], as a test.
//!
//! ```text
//!  harness ── fresh store ──► desk: the real engine's turns ──► store under test
//!                                    │
//!                              what every query says, compared
//! ```
//!
//! An adapter's whole test file:
//!
//! ```
//! use std::sync::Arc;
//!
//! use chatflow_core::testing::store_kit::StoreHarness;
//! use chatflow_core::{MemoryStore, Store};
//!
//! struct InMemory;
//!
//! #[async_trait::async_trait]
//! impl StoreHarness for InMemory {
//!     async fn fresh(&self) -> Arc<dyn Store> {
//!         Arc::new(MemoryStore::new())
//!     }
//!
//!     async fn reopen(&self, _store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
//!         None
//!     }
//! }
//!
//! chatflow_core::store_conformance!(InMemory);
//! ```
//!
//! Each case is a plain function that panics where a promise is broken; its name says which.
//! [`CASES`] lists all of them for programs that run them in another way.

pub mod about;
pub mod beside;
pub mod bots;
pub mod contacts;
mod desk;
pub mod fences;
pub mod guards;
pub mod lagging;
pub mod lanes;
pub mod listing;
pub mod moves;
pub mod outbox;
pub mod parts;
pub mod people;
pub mod queries;
pub mod queues;
pub mod receipts;
pub mod refusals;
pub mod reports;
pub mod restart;
pub mod revival;
pub mod standing;
pub mod timers;
pub mod turns;

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::store::Store;

/// Where the kit gets its stores from. Who implements it: an adapter's test.
#[async_trait]
pub trait StoreHarness: Send + Sync {
    /// An empty store that shares nothing with any other.
    async fn fresh(&self) -> Arc<dyn Store>;

    /// A store over the same data, after the process that held this one is gone; none where
    /// data doesn't survive that. The kit keeps no other reference to `store`.
    async fn reopen(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>>;
}

/// One case of the kit.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Its name: the promise.
    pub name: &'static str,
    /// Runs it; panics where the promise is broken.
    pub run: for<'a> fn(&'a dyn StoreHarness) -> BoxFuture<'a, ()>,
}

/// The one list of all cases: calls the macro named in brackets with what is given, then the
/// cases.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_store_case {
    ([$($apply:tt)*] $given:tt) => {
        $($apply)*! { $given
            turns::definitions_are_kept_under_their_hash,
            turns::an_address_leads_to_its_dialog,
            turns::a_contact_that_is_there_is_kept,
            turns::a_turn_is_applied_whole,
            turns::columns_follow_every_turn,
            turns::fl_50_a_key_seen_before_changes_nothing,
            turns::st_44_a_stale_turn_is_a_conflict,
            turns::a_turn_from_the_future_is_a_conflict,
            turns::opening_a_dialog_twice_is_a_conflict,
            turns::a_later_turn_of_no_dialog_is_a_conflict,
            turns::an_address_leads_to_one_dialog_only,
            turns::keys_are_exact_and_belong_to_one_dialog,
            turns::commits_to_many_dialogs_land_together,
            turns::a_bad_commit_among_many_hurts_nobody,
            turns::one_of_many_rivals_lands,
            turns::readers_see_whole_turns,
            turns::st_06_a_block_cancels_all_that_waits,
            refusals::a_refused_event_is_kept,
            refusals::what_was_handled_is_known,
            refusals::a_refused_event_consumes_its_key,
            refusals::a_committed_key_is_not_refused,
            refusals::the_first_event_can_be_refused,
            refusals::refusals_are_listed_oldest_first,
            outbox::what_is_decided_now_is_due_now,
            outbox::a_clock_that_stepped_back_holds_nothing_up,
            outbox::messages_go_in_order,
            outbox::one_message_is_in_flight_at_a_time,
            outbox::other_dialogs_are_not_held_up,
            outbox::calls_and_patches_go_beside_messages,
            outbox::an_attempt_is_counted_when_it_begins,
            outbox::what_is_not_there_does_not_begin,
            outbox::a_retry_keeps_the_order,
            outbox::a_call_is_retried_by_itself,
            outbox::a_dead_message_frees_the_next,
            outbox::a_cancelled_message_frees_the_next,
            outbox::what_was_sent_is_never_handed_out_again,
            outbox::a_late_settlement_changes_nothing,
            outbox::settlements_are_judged_one_by_one,
            outbox::a_turn_settles_a_delivery,
            outbox::a_refusal_settles_a_delivery,
            outbox::what_is_not_applied_settles_nothing,
            outbox::a_turn_with_a_late_settlement_is_applied,
            outbox::the_longest_due_is_listed_first,
            outbox::what_is_due_together_is_listed_by_id,
            outbox::recovering_makes_ready_what_was_in_flight,
            parts::parts_go_one_by_one,
            parts::ids_of_all_parts_are_kept_in_order,
            parts::a_part_that_was_in_flight_is_recovered,
            parts::a_takeover_lets_what_is_under_way_finish,
            parts::a_block_stops_what_is_under_way,
            parts::an_uncounted_retry_leaves_the_attempts,
            parts::only_what_is_ready_is_put_off,
            parts::edits_and_deletions_keep_the_order,
            revival::ms_43_what_is_revived_twice_is_sent_once,
            revival::only_what_is_dead_is_revived,
            revival::a_revived_message_keeps_its_place,
            revival::what_has_arrived_is_not_sent_again,
            revival::what_the_channel_lost_is_sent_anew,
            receipts::ms_02_ms_03_receipts_move_a_message_forward,
            receipts::ms_06_states_only_move_forward,
            receipts::ms_04_a_failure_has_its_reason,
            receipts::a_receipt_of_all_until_a_moment_stops_there,
            receipts::what_was_never_taken_has_no_receipts,
            receipts::every_id_of_a_message_tells_of_it,
            receipts::a_message_is_found_by_its_external_id,
            lanes::a_crowd_hides_nobody,
            lanes::what_is_passed_over_hides_nothing,
            lanes::what_is_due_names_address_and_lane,
            lanes::a_dialogs_order_holds_across_lanes,
            lanes::a_reply_takes_broadcasts_along,
            about::ms_16_a_quoted_message_is_handed_out,
            about::an_edited_message_is_handed_out,
            about::ch_04_the_contacts_last_word_is_handed_out,
            moves::a_moved_dialog_is_found_by_all_its_addresses,
            moves::what_waits_goes_to_the_new_address,
            moves::a_move_to_a_taken_address_is_a_conflict,
            reports::what_was_reported_is_kept_as_it_came,
            reports::an_unclaimed_report_is_kept_once,
            reports::pages_of_unclaimed_reports_lose_none,
            reports::a_source_is_found_by_its_token,
            fences::a_takeover_cancels_what_automation_decided,
            fences::a_block_cancels_all_messages,
            fences::a_turn_cancels_only_what_it_says,
            fences::a_turn_settles_before_it_cancels,
            fences::the_fence_stops_what_automation_decided,
            fences::the_fence_lets_a_person_through,
            fences::a_dialog_that_cannot_be_sent_to_stops_messages,
            fences::a_blocked_contact_stops_messages,
            fences::a_contact_unblocked_in_time_is_sent_to,
            fences::a_contact_patch_is_never_cancelled,
            fences::nothing_is_cancelled_before_its_turn,
            timers::a_timer_is_never_early,
            timers::a_timer_fires_once,
            timers::a_timer_set_again_replaces_the_older,
            timers::a_cancelled_timer_is_gone,
            timers::timers_of_a_dialog_are_kept_by_name,
            timers::the_longest_due_timer_is_listed_first,
            timers::timers_and_deliveries_do_not_crowd_each_other,
            contacts::a_contact_is_saved_at_its_revision_only,
            contacts::a_contact_that_skips_a_revision_is_not_saved,
            contacts::a_contact_comes_back_as_it_was_saved,
            contacts::a_patch_changes_the_row_once,
            contacts::a_patch_without_change_raises_no_revision,
            contacts::a_patch_is_fenced_by_its_attempt,
            contacts::dialogs_of_a_contact_share_its_row,
            lagging::ct_23_a_changed_row_makes_its_dialogs_lag,
            lagging::a_row_that_was_not_replaced_makes_nobody_lag,
            lagging::a_turn_that_has_caught_up_ends_the_lag,
            lagging::a_turn_that_is_behind_leaves_the_lag,
            lagging::a_dialog_opened_behind_its_contact_lags,
            lagging::a_patch_makes_all_lag_but_its_own_dialog,
            lagging::a_dialogs_own_patch_does_not_end_its_lag,
            lagging::a_patch_without_change_makes_nobody_lag,
            lagging::tags_come_and_go_by_patches,
            lagging::a_tag_beyond_the_bounds_changes_nothing,
            lagging::what_lags_is_listed_by_id_up_to_the_limit,
            lagging::a_page_of_what_lags_has_a_largest_size,
            lagging::a_refusal_leaves_the_lag,
            lagging::pages_of_a_contacts_dialogs_lose_none,
            lagging::what_lags_survives,
            queries::a_journal_is_read_without_gaps,
            queries::a_transcript_shows_how_deliveries_stand,
            queries::the_outbox_lists_what_is_open,
            queries::dl_47_pages_of_dialogs_lose_none,
            queries::a_page_has_a_largest_size,
            queries::of_no_dialog_there_is_nothing_to_read,
            queries::two_bots_are_kept_apart,
            queries::dl_34_counters_follow_the_status,
            queries::st_19_counters_equal_a_recount,
            beside::typing_and_reports_go_beside_messages,
            beside::a_takeover_leaves_reports,
            beside::the_fence_stops_typing_and_no_report,
            beside::a_blocked_contact_is_shown_no_typing,
            bots::fl_29_a_pause_is_kept_with_its_bot,
            bots::fl_29_a_pause_holds_what_automation_decided,
            bots::fl_29_what_was_held_is_due_again,
            bots::fl_29_what_people_send_overtakes_what_is_held,
            bots::fl_29_what_becomes_ready_in_a_pause_is_held,
            bots::fl_29_what_had_begun_before_a_pause_ends,
            bots::ai_05_what_models_used_adds_up,
            bots::ai_05_what_a_late_answer_used_is_added_once,
            bots::ai_05_too_much_to_be_kept_stays_the_most,
            bots::fl_29_pauses_and_what_was_used_survive,
            bots::fl_27_a_takeover_names_what_is_under_way,
            standing::fl_52_standings_equal_a_recount,
            standing::fl_52_pages_of_a_versions_dialogs_lose_none,
            standing::fl_52_a_page_of_a_versions_dialogs_has_a_largest_size,
            standing::fl_52_standings_survive,
            people::an_operator_is_saved_at_its_revision_only,
            people::operators_of_a_space_are_listed_by_id,
            people::pages_of_people_have_a_largest_size,
            people::an_operators_load_is_what_he_holds,
            people::a_new_operators_load_is_counted,
            people::loads_equal_a_recount,
            guards::a_guard_stops_what_is_beyond_the_capacity,
            guards::who_holds_a_dialog_takes_no_second_place,
            guards::a_guard_wants_the_row_that_was_looked_at,
            guards::a_guard_wants_the_queue_that_was_looked_at,
            guards::guards_come_after_key_and_revision,
            guards::where_a_guard_says_no_nothing_changes,
            guards::one_place_goes_to_one_of_many,
            people::missed_offers_are_counted,
            people::spaces_share_nothing,
            people::people_survive,
            queues::a_queue_is_saved_at_its_revision_only,
            queues::queues_of_a_space_are_listed_by_id,
            queues::members_come_with_their_rows,
            queues::whom_a_queue_gives_is_the_last_in_turn,
            queues::dialogs_wait_in_order,
            queues::a_page_of_what_waits_has_a_largest_size,
            queues::a_dialog_that_waits_otherwise_stirs_its_queue,
            queues::terms_that_are_told_stir_the_queue,
            queues::a_place_that_is_freed_stirs_its_queues,
            queues::a_place_that_is_taken_stirs_what_is_offered_beside,
            queues::rows_that_are_saved_stir_queues,
            queues::what_is_stirred_stays_due_until_it_is_distributed,
            queues::due_queues_are_listed_up_to_the_limit,
            queues::who_leaves_is_due_at_his_moment,
            listing::sessions_are_listed_by_number,
            listing::a_session_is_written_anew_under_its_number,
            listing::one_session_of_a_dialog_is_open,
            listing::who_had_it_in_progress_stays_a_participant,
            listing::lists_equal_what_filters_match,
            listing::a_filter_may_be_wide_and_deep,
            listing::a_page_of_a_list_has_a_largest_size,
            restart::what_was_acknowledged_survives,
            restart::the_last_write_survives,
            restart::what_was_in_flight_waits_to_be_recovered,
            restart::a_key_stays_consumed,
            restart::fl_53_timers_survive,
            restart::parts_that_arrived_survive,
            restart::what_the_channel_told_survives,
        }
    };
}

/// Makes one `#[test]` of each case of the [kit](crate::testing::store_kit), on stores of the
/// given [harness](crate::testing::store_kit::StoreHarness). The expression is evaluated for
/// each test.
///
/// Cases run on [`block_on`](crate::testing::block_on). An adapter that needs a runtime of its
/// own names a function that takes its place: `store_conformance!(harness, on_my_runtime)`.
#[macro_export]
macro_rules! store_conformance {
    ($harness:expr $(,)?) => {
        $crate::store_conformance!($harness, $crate::testing::block_on);
    };
    ($harness:expr, $block_on:path $(,)?) => {
        $crate::for_each_store_case!([$crate::store_case_tests]($harness, $block_on));
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! store_case_tests {
    ($given:tt $($theme:ident::$case:ident,)*) => {
        $($crate::store_case_tests!(@one $given $theme $case);)*
    };
    (@one ($harness:expr, $block_on:path) $theme:ident $case:ident) => {
        #[test]
        fn $case() {
            $block_on($crate::testing::store_kit::$theme::$case(&$harness));
        }
    };
}

macro_rules! cases {
    (() $($theme:ident::$case:ident,)*) => {
        &[$({
            fn run(harness: &dyn StoreHarness) -> BoxFuture<'_, ()> {
                Box::pin($theme::$case(harness))
            }
            Case { name: stringify!($case), run }
        }),*]
    };
}

/// All cases, in the order of themes.
pub const CASES: &[Case] = crate::for_each_store_case!([cases]());
