//! Tests the store conformance kit: each store here has one planted bug, and the case that is
//! meant for it must go red. A case that catches nothing would prove nothing.

mod bug;
mod lag;
mod planted;

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex};

use bug::Bug::{self, *};
use chatflow_core::Store;
use chatflow_core::testing::block_on;
use chatflow_core::testing::store_kit::{CASES, Case, StoreHarness};
use planted::Planted;

/// Each bug with the case that must catch it.
const PLANTED: &[(Bug, &str)] = &[
    (OneDefinitionOnly, "definitions_are_kept_under_their_hash"),
    (AddressForgotten, "an_address_leads_to_its_dialog"),
    (OpeningOverwritesContact, "a_contact_that_is_there_is_kept"),
    (JournalEmpty, "a_turn_is_applied_whole"),
    (MessageDropped, "a_turn_is_applied_whole"),
    (EffectDropped, "a_turn_is_applied_whole"),
    (EffectDoubled, "a_turn_is_applied_whole"),
    (TimerLost, "a_turn_is_applied_whole"),
    (LabelForgotten, "columns_follow_every_turn"),
    (AssigneeForgotten, "columns_follow_every_turn"),
    (KeyAcceptedAgain, "fl_50_a_key_seen_before_changes_nothing"),
    (RevisionBeforeKey, "fl_50_a_key_seen_before_changes_nothing"),
    (
        DuplicateRaisesRevision,
        "fl_50_a_key_seen_before_changes_nothing",
    ),
    (StaleAccepted, "st_44_a_stale_turn_is_a_conflict"),
    (ConflictConsumesKey, "st_44_a_stale_turn_is_a_conflict"),
    (StaleAccepted, "a_turn_from_the_future_is_a_conflict"),
    (StaleAccepted, "opening_a_dialog_twice_is_a_conflict"),
    (LaterTurnOpens, "a_later_turn_of_no_dialog_is_a_conflict"),
    (TakenAddressMoves, "an_address_leads_to_one_dialog_only"),
    (KeysIgnoreCase, "keys_are_exact_and_belong_to_one_dialog"),
    (KeysOfAllDialogs, "keys_are_exact_and_belong_to_one_dialog"),
    (TogetherOneIsLost, "commits_to_many_dialogs_land_together"),
    (
        ConflictFailsNeighbour,
        "a_bad_commit_among_many_hurts_nobody",
    ),
    (CheckedBeforeWriting, "one_of_many_rivals_lands"),
    (ColumnsVisibleEarly, "readers_see_whole_turns"),
    (CancelIgnored, "st_06_a_block_cancels_all_that_waits"),
    (CancelSparesPeople, "st_06_a_block_cancels_all_that_waits"),
    (RefusalNotKept, "a_refused_event_is_kept"),
    (RefusalLeavesKey, "a_refused_event_consumes_its_key"),
    (KeyAcceptedAgain, "a_refused_event_consumes_its_key"),
    (CommittedKeyRefused, "a_committed_key_is_not_refused"),
    (FirstRefusalNotKept, "the_first_event_can_be_refused"),
    (RefusalsNewestFirst, "refusals_are_listed_oldest_first"),
    (AllListed, "messages_go_in_order"),
    (SecondBegins, "messages_go_in_order"),
    (SecondBegins, "one_message_is_in_flight_at_a_time"),
    (BegunTwice, "one_message_is_in_flight_at_a_time"),
    (OneDialogAtATime, "other_dialogs_are_not_held_up"),
    (CallsWaitForMessages, "calls_and_patches_go_beside_messages"),
    (AttemptNotCounted, "an_attempt_is_counted_when_it_begins"),
    (UnknownIsCancelled, "what_is_not_there_does_not_begin"),
    (BegunEarly, "a_retry_keeps_the_order"),
    (RetryAtOnce, "a_retry_keeps_the_order"),
    (NextForgotten, "a_retry_keeps_the_order"),
    (RetryAtOnce, "a_call_is_retried_by_itself"),
    (DeadIsRetried, "a_dead_message_frees_the_next"),
    (CancelIgnored, "a_cancelled_message_frees_the_next"),
    (SentBeginsAgain, "what_was_sent_is_never_handed_out_again"),
    (LateSettlementAccepted, "a_late_settlement_changes_nothing"),
    (FirstSettlementOnly, "settlements_are_judged_one_by_one"),
    (TurnSettlesNothing, "a_turn_settles_a_delivery"),
    (RefusalSettlesNothing, "a_refusal_settles_a_delivery"),
    (DuplicateSettles, "what_is_not_applied_settles_nothing"),
    (ConflictSettles, "what_is_not_applied_settles_nothing"),
    (
        LateSettlementAccepted,
        "a_turn_with_a_late_settlement_is_applied",
    ),
    (LimitIgnored, "the_longest_due_is_listed_first"),
    (NewestFirst, "the_longest_due_is_listed_first"),
    (ByIdBackwards, "what_is_due_together_is_listed_by_id"),
    (RecoverForgets, "recovering_makes_ready_what_was_in_flight"),
    (
        AttemptNotCounted,
        "recovering_makes_ready_what_was_in_flight",
    ),
    (CancelIgnored, "a_takeover_cancels_what_automation_decided"),
    (
        CancelSparesNobody,
        "a_takeover_cancels_what_automation_decided",
    ),
    (CancelTakesOwn, "a_takeover_cancels_what_automation_decided"),
    (
        CancelTakesBegun,
        "a_takeover_cancels_what_automation_decided",
    ),
    (
        CancelledNotNamed,
        "a_takeover_cancels_what_automation_decided",
    ),
    (CancelSparesPeople, "a_block_cancels_all_messages"),
    (CancelAlways, "a_turn_cancels_only_what_it_says"),
    (SettledAfterCancelling, "a_turn_settles_before_it_cancels"),
    (FenceForgotten, "the_fence_stops_what_automation_decided"),
    (FenceStopsPeople, "the_fence_lets_a_person_through"),
    (
        CanSendForgotten,
        "a_dialog_that_cannot_be_sent_to_stops_messages",
    ),
    (ContactBlockForgotten, "a_blocked_contact_stops_messages"),
    (ContactBlockStays, "a_contact_unblocked_in_time_is_sent_to"),
    (PatchFenced, "a_contact_patch_is_never_cancelled"),
    (BegunEarly, "nothing_is_cancelled_before_its_turn"),
    (TimerEarly, "a_timer_is_never_early"),
    (TimerLost, "a_timer_is_never_early"),
    (NextForgotten, "a_timer_is_never_early"),
    (CancelledTimerKept, "a_timer_fires_once"),
    (ReplacedTimerKept, "a_timer_set_again_replaces_the_older"),
    (CancelledTimerKept, "a_cancelled_timer_is_gone"),
    (OneTimerADialog, "timers_of_a_dialog_are_kept_by_name"),
    (LimitIgnored, "the_longest_due_timer_is_listed_first"),
    (NewestFirst, "the_longest_due_timer_is_listed_first"),
    (LimitShared, "timers_and_deliveries_do_not_crowd_each_other"),
    (
        ContactSavedBlindly,
        "a_contact_is_saved_at_its_revision_only",
    ),
    (
        ContactMaySkip,
        "a_contact_that_skips_a_revision_is_not_saved",
    ),
    (TagsForgotten, "a_contact_comes_back_as_it_was_saved"),
    (PatchForgotten, "a_patch_changes_the_row_once"),
    (PatchAppliedAgain, "a_patch_changes_the_row_once"),
    (
        PatchAlwaysRaises,
        "a_patch_without_change_raises_no_revision",
    ),
    (LateSettlementAccepted, "a_patch_is_fenced_by_its_attempt"),
    (PatchForgotten, "dialogs_of_a_contact_share_its_row"),
    (LagForgotten, "ct_23_a_changed_row_makes_its_dialogs_lag"),
    (LagOfOneBot, "ct_23_a_changed_row_makes_its_dialogs_lag"),
    (LagOfEverybody, "ct_23_a_changed_row_makes_its_dialogs_lag"),
    (
        LagByConflict,
        "a_row_that_was_not_replaced_makes_nobody_lag",
    ),
    (LagNeverEnds, "a_turn_that_has_caught_up_ends_the_lag"),
    (LagEndsAtOnce, "a_turn_that_is_behind_leaves_the_lag"),
    (LagEndsByConflict, "a_turn_that_is_behind_leaves_the_lag"),
    (
        OpenedBehindForgotten,
        "a_dialog_opened_behind_its_contact_lags",
    ),
    (PatchLagsNobody, "a_patch_makes_all_lag_but_its_own_dialog"),
    (PatchLagsItself, "a_patch_makes_all_lag_but_its_own_dialog"),
    (OwnPatchEndsLag, "a_dialogs_own_patch_does_not_end_its_lag"),
    (PatchAlwaysRaises, "a_patch_without_change_makes_nobody_lag"),
    (PatchForgotten, "tags_come_and_go_by_patches"),
    (TagsUnbounded, "a_tag_beyond_the_bounds_changes_nothing"),
    (LagBackwards, "what_lags_is_listed_by_id_up_to_the_limit"),
    (LimitIgnored, "what_lags_is_listed_by_id_up_to_the_limit"),
    (LagUnbounded, "a_page_of_what_lags_has_a_largest_size"),
    (LagEndsByRefusal, "a_refusal_leaves_the_lag"),
    (PageLosesRow, "pages_of_a_contacts_dialogs_lose_none"),
    (DialogsOfAnybody, "pages_of_a_contacts_dialogs_lose_none"),
    (LagLostByOpening, "what_lags_survives"),
    (PageLosesRow, "a_journal_is_read_without_gaps"),
    (TranscriptLeaks, "a_transcript_shows_how_deliveries_stand"),
    (PageLosesRow, "a_transcript_shows_how_deliveries_stand"),
    (SentLooksReady, "a_transcript_shows_how_deliveries_stand"),
    (OutboxOutOfOrder, "the_outbox_lists_what_is_open"),
    (PageLosesRow, "dl_47_pages_of_dialogs_lose_none"),
    (PageUnbounded, "a_page_has_a_largest_size"),
    (TranscriptLeaks, "of_no_dialog_there_is_nothing_to_read"),
    (AddressOfAnyBot, "two_bots_are_kept_apart"),
    (CountersOfAllBots, "two_bots_are_kept_apart"),
    (TranscriptLeaks, "two_bots_are_kept_apart"),
    (HandledForgotten, "what_was_handled_is_known"),
    (DueALittleLater, "what_is_decided_now_is_due_now"),
    (DueWhenDecided, "a_clock_that_stepped_back_holds_nothing_up"),
    (ZeroCounted, "dl_34_counters_follow_the_status"),
    (CounterStands, "dl_34_counters_follow_the_status"),
    (CounterDriftsOnBlock, "st_19_counters_equal_a_recount"),
    (AllLost, "what_was_acknowledged_survives"),
    (SettledTooLate, "the_last_write_survives"),
    (
        RecoveredByOpening,
        "what_was_in_flight_waits_to_be_recovered",
    ),
    (KeysLostByOpening, "a_key_stays_consumed"),
    (TimersLostByOpening, "fl_53_timers_survive"),
];

struct Harness(Bug);

#[async_trait::async_trait]
impl StoreHarness for Harness {
    async fn fresh(&self) -> Arc<dyn Store> {
        Arc::new(Planted::new(self.0))
    }

    async fn reopen(&self, store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
        planted::reopen(self.0, store).await
    }
}

/// Where the last panic was.
static PANICKED_IN: Mutex<String> = Mutex::new(String::new());

/// Whether the case goes red on stores with this bug, and by an assertion of the kit: a wrapper
/// that falls over by itself would prove nothing.
fn catches(case: &Case, bug: Bug) -> bool {
    let harness = Harness(bug);
    let caught = panic::catch_unwind(AssertUnwindSafe(|| block_on((case.run)(&harness)))).is_err();
    let file = PANICKED_IN.lock().unwrap();
    assert!(
        !caught || file.contains("store_kit") && !file.contains("planted"),
        "{file}"
    );
    caught
}

#[test]
fn every_planted_bug_is_caught_by_the_case_meant_for_it() {
    // The panics are the point here; their messages would bury the result.
    panic::set_hook(Box::new(|panic| {
        let file = panic.location().map(|place| place.file().to_owned());
        *PANICKED_IN.lock().unwrap() = file.unwrap_or_default();
    }));
    let missed: Vec<_> = PLANTED
        .iter()
        .filter(|(bug, name)| {
            let case = CASES.iter().find(|case| case.name == *name);
            !case.is_some_and(|case| catches(case, *bug))
        })
        .collect();
    // The wrapper itself breaks nothing, so what is caught above is the bug.
    let red: Vec<_> = CASES.iter().filter(|case| catches(case, Nothing)).collect();
    let _ = panic::take_hook();

    let mut bugs: Vec<Bug> = PLANTED.iter().map(|(bug, _)| *bug).collect();
    bugs.sort_unstable();
    bugs.dedup();
    let caught = |bug: &&Bug| !missed.iter().any(|(missed, _)| missed == *bug);
    let caught = bugs.iter().filter(caught).count();
    println!("planted bugs caught: {caught} of {}", bugs.len());
    assert!(missed.is_empty(), "not caught: {missed:?}");
    assert!(red.is_empty(), "red without a bug: {red:?}");
    let unproven: Vec<_> = CASES
        .iter()
        .filter(|case| !PLANTED.iter().any(|(_, name)| *name == case.name))
        .map(|case| case.name)
        .collect();
    assert!(
        unproven.is_empty(),
        "cases without a planted bug: {unproven:?}"
    );
}
