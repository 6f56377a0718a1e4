//! Each channel here has one planted bug, and the case that is meant for it must go red. A case
//! that catches nothing would prove nothing.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

use chatflow_core::testing::block_on;
use chatflow_core::testing::channel_kit::{CASES, Case, Ran};

use crate::bug::Bug::{self, *};
use crate::fake::{Fakes, everything};

/// Each bug with the case that must catch it.
const PLANTED: &[(Bug, &str)] = &[
    (PanicsOverBytes, "bytes_of_any_kind_do_no_harm"),
    (DecodesImpurely, "the_same_bytes_always_give_the_same"),
    (TrimsTexts, "what_is_said_comes_in_as_it_was_said"),
    (AnotherAddress, "what_is_said_comes_in_as_it_was_said"),
    (PressIsTyped, "a_pressed_choice_comes_in_as_one"),
    (PhotosAreFiles, "media_come_in_with_their_kind_and_caption"),
    (AlbumUnnamed, "items_of_an_album_name_it"),
    (StartForgotten, "a_start_link_comes_in_with_what_it_carries"),
    (
        UnknownDropped,
        "a_kind_that_nobody_knows_is_kept_as_it_came",
    ),
    (
        NeverAcknowledged,
        "a_kind_that_nobody_knows_is_kept_as_it_came",
    ),
    (GarbageDropped, "garbage_is_kept_as_it_came"),
    (KeyOfTheRun, "the_same_report_twice_is_one_turn"),
    (KeyOfTheRun, "reports_repeated_in_another_order_do_nothing"),
    (
        KeyOfTheRun,
        "a_report_repeated_after_a_restart_does_nothing",
    ),
    (KeyOfContent, "the_same_words_said_twice_are_two_turns"),
    (KeyOfTheRun, "the_same_words_said_twice_are_two_turns"),
    (
        AcknowledgedEarly,
        "nothing_is_acknowledged_before_it_is_durable",
    ),
    (
        NeverAcknowledged,
        "nothing_is_acknowledged_before_it_is_durable",
    ),
    (
        RefusedIsAcknowledged,
        "what_was_not_taken_is_offered_again_and_handled_once",
    ),
    (
        AcknowledgedEarly,
        "what_was_not_taken_is_offered_again_and_handled_once",
    ),
    (
        NewestFirst,
        "what_was_not_taken_is_offered_again_and_handled_once",
    ),
    (
        AcknowledgedEarly,
        "a_crash_before_the_acknowledgement_makes_no_second_turn",
    ),
    (NewestFirst, "each_of_a_hundred_is_heard_in_order"),
    (FailsEverAfter, "one_that_fails_holds_no_other_up"),
    (HangsAll, "one_that_hangs_holds_no_other_up"),
    (NewestFirst, "a_step_that_panics_hurts_its_own_dialog_only"),
    (HoldsOneBack, "messages_of_a_dialog_arrive_in_order"),
    (LongerTexts, "a_text_at_the_limit_is_one_message"),
    (LastLetterCut, "a_text_at_the_limit_is_one_message"),
    (TextDoubled, "a_text_at_the_limit_is_one_message"),
    (
        LastLetterCut,
        "a_text_beyond_the_limit_is_cut_and_nothing_is_lost",
    ),
    (ShorterTexts, "the_outside_takes_no_more_than_is_declared"),
    (
        CaptionDropped,
        "a_caption_at_the_limit_stands_under_its_media",
    ),
    (
        LongerCaptions,
        "a_caption_at_the_limit_stands_under_its_media",
    ),
    (
        LastLetterCut,
        "a_caption_beyond_the_limit_follows_its_media",
    ),
    (FirstMediaOnly, "an_album_is_as_large_as_declared"),
    (LargerFiles, "a_file_too_large_never_reaches_the_channel"),
    (
        ChoicesReversed,
        "choices_arrive_in_order_and_as_long_as_declared",
    ),
    (QuoteLost, "a_reply_names_what_it_replies_to"),
    (CannotEdit, "declared_actions_are_done"),
    (
        KeyIgnored,
        "a_second_send_under_one_key_arrives_as_declared",
    ),
    (ReadIsDelivered, "receipts_are_as_declared"),
    (BlockedIsGone, "each_failure_has_its_class"),
    (FailsEverAfter, "each_failure_has_its_class"),
    (
        UnknownIsTransient,
        "a_refusal_nobody_has_heard_of_is_never_tried_again",
    ),
    (
        LostAnswerIsFailure,
        "an_unknown_outcome_is_told_from_a_failure",
    ),
    (
        RetryAfterForgotten,
        "a_passing_failure_is_tried_again_and_arrives_once",
    ),
    (BlockUnknown, "who_blocks_and_comes_back_is_reached_again"),
    (UnblockUnknown, "who_blocks_and_comes_back_is_reached_again"),
    (BlockUnknown, "a_block_stops_what_waits"),
    (MoveUnknown, "a_moved_address_keeps_its_dialog"),
    (
        DurableIsRefused,
        "a_genuine_report_is_answered_once_it_is_durable",
    ),
    (AnySecret, "who_does_not_know_the_secret_is_turned_away"),
    (
        SecretsBeginning,
        "who_does_not_know_the_secret_is_turned_away",
    ),
    (AnySize, "a_body_too_large_is_turned_away"),
    (GarbageIsOurFault, "garbage_is_not_asked_for_again"),
    (RefusedIsFine, "a_store_that_is_away_asks_for_patience"),
    (NoPace, "declared_rates_are_kept"),
    (OnePace, "replies_do_not_wait_for_broadcasts"),
    (OnePace, "an_address_asked_to_wait_delays_no_other"),
    (SecretInDebug, "secrets_and_content_appear_nowhere"),
    (SecretInErrors, "secrets_and_content_appear_nowhere"),
    (TextInLog, "secrets_and_content_appear_nowhere"),
];

/// Where the last panic was.
static PANICKED_IN: Mutex<String> = Mutex::new(String::new());

/// Whether the case goes red on channels with this bug, and by an assertion of the kit: a channel
/// that falls over by itself would prove nothing.
fn catches(case: &Case, bug: Bug) -> bool {
    let fakes = Fakes {
        truth: everything(),
        bug,
        cannot: Vec::new(),
    };
    let ran = panic::catch_unwind(AssertUnwindSafe(|| block_on(case.run(&fakes))));
    let file = PANICKED_IN.lock().unwrap();
    match ran {
        Ok(ran) => {
            assert_eq!(ran, Ran::Whole, "{} was skipped", case.name);
            false
        }
        Err(_) => {
            assert!(file.contains("src/testing/channel_kit"), "{bug:?}: {file}");
            true
        }
    }
}

#[test]
fn every_planted_bug_is_caught_by_the_case_meant_for_it() {
    // The panics are the point here; their messages would bury the result.
    panic::set_hook(Box::new(|panic| {
        let file = panic.location().map(|place| place.to_string());
        *PANICKED_IN.lock().unwrap() = file.unwrap_or_default();
    }));
    let missed: Vec<_> = PLANTED
        .iter()
        .filter(|(bug, name)| {
            let case = CASES.iter().find(|case| case.name == *name);
            !case.is_some_and(|case| catches(case, *bug))
        })
        .collect();
    // The channel itself breaks nothing, so what is caught above is the bug.
    let red: Vec<_> = CASES
        .iter()
        .filter(|case| catches(case, Nothing))
        .map(|case| (case.name, PANICKED_IN.lock().unwrap().clone()))
        .collect();
    let _ = panic::take_hook();

    let mut bugs: Vec<Bug> = PLANTED.iter().map(|(bug, _)| *bug).collect();
    bugs.sort_unstable();
    bugs.dedup();
    let caught = |bug: &&Bug| !missed.iter().any(|(missed, _)| missed == *bug);
    let caught = bugs.iter().filter(caught).count();
    println!("planted bugs caught: {caught} of {}", bugs.len());
    assert!(missed.is_empty(), "not caught: {missed:?}");
    assert!(red.is_empty(), "red without a bug: {red:?}");
    // The one case that judges the harness, not the channel, has a test of its own below.
    let of_harness = "what_is_declared_is_not_skipped";
    let unproven: Vec<_> = CASES
        .iter()
        .map(|case| case.name)
        .filter(|case| *case != of_harness && !PLANTED.iter().any(|(_, name)| name == case))
        .collect();
    assert!(
        unproven.is_empty(),
        "cases without a planted bug: {unproven:?}"
    );
}

#[test]
fn a_harness_that_skips_what_is_declared_is_caught() {
    use chatflow_core::testing::channel_kit::Ability;
    for ability in [
        Ability::Press,
        Ability::Files,
        Ability::Receipts,
        Ability::Limits,
    ] {
        let fakes = Fakes {
            truth: everything(),
            bug: Nothing,
            cannot: vec![ability],
        };
        let case = Case::named("what_is_declared_is_not_skipped");
        let ran = panic::catch_unwind(AssertUnwindSafe(|| block_on(case.run(&fakes))));
        assert!(ran.is_err(), "{ability:?} was skipped in silence");
    }
}
