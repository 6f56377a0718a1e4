//! How SQLite answers the statements that must stay fast at every size.

use crate::address::MOVE_ENTRIES;
use crate::bot::{DIALOGS_WITH_AUTOMATIC, HOLD_BESIDE};
use crate::delivery::{LAG, PROMOTE, RECOVER};
use crate::due::{
    DUE_BESIDE, DUE_MESSAGES, DUE_TIMERS, LAGGING, NEXT_DELIVERY, NEXT_PLACE, NEXT_TIMER,
};
use crate::external::{ADD, FIND_MESSAGE, FORGET, IDS_OF, TAKEN_BY_ID, TAKEN_UNTIL};
use crate::migration;
use crate::query::{DIALOGS_AT, DIALOGS_OF, OUTBOX, STANDING};
use crate::report::UNCLAIMED;
use crate::revival::STAND_BACK;
use crate::transcript::{IDS_OF_LINES, LINES};
use crate::turn::{
    CANCEL_AUTOMATIC, CANCEL_MESSAGES, CATCH_UP, LAG_WHEN_OPENED, TAKE_ALONG, UNDER_WAY,
};

/// What SQLite does for a statement, one step a line.
fn plan(sql: &str) -> String {
    let connection = migration::in_memory();
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    let nothing = vec![None::<i64>; statement.parameter_count()];
    let steps = statement
        .query_map(rusqlite::params_from_iter(nothing), |row| {
            row.get::<_, String>(3)
        })
        .unwrap();
    steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

/// Asserts that a statement takes this step, and neither walks a table nor sorts.
fn assert_direct(sql: &str, step: &str) {
    let plan = plan(sql);
    assert!(plan.contains(step), "{sql}: {plan}");
    assert!(
        !plan.contains("SCAN") && !plan.contains("B-TREE"),
        "{sql}: {plan}"
    );
}

#[test]
fn what_is_due_comes_from_indexes_alone_and_in_their_order() {
    for (sql, index) in [
        (DUE_TIMERS, "timer_due (due<?)"),
        (NEXT_TIMER, "timer_due (due>?)"),
        (DUE_BESIDE, "outbox_due (channel=? AND lane=? AND due<?)"),
        (DUE_MESSAGES, "outbox_due (channel=? AND lane=? AND due<?)"),
        (NEXT_DELIVERY, "outbox_due (channel=? AND lane=? AND due>?)"),
        (NEXT_PLACE, "outbox_due ((channel,lane)>(?,?))"),
    ] {
        assert_direct(sql, &format!("USING COVERING INDEX {index}"));
    }
}

#[test]
fn dialogs_of_a_contact_and_those_that_lag_are_found_without_the_others() {
    let of_contact = "INDEX dialog_of_contact (contact=?";
    for (sql, step) in [
        (DIALOGS_OF, of_contact),
        (LAG, of_contact),
        (CATCH_UP, "USING PRIMARY KEY (dialog=?)"),
        (LAG_WHEN_OPENED, "(id=?)"),
    ] {
        assert_direct(sql, step);
    }
    // A table of lagging dialogs alone, walked in its own order.
    assert_eq!(plan(LAGGING), "SCAN lagging");
}

#[test]
fn dialogs_in_a_version_are_found_and_counted_by_an_index() {
    let at = "INDEX dialog_standing (bot=? AND flow=? AND version=? AND id>?)";
    assert_direct(DIALOGS_AT, at);
    // Counting sorts places, and reads no dialog.
    let plan = plan(STANDING);
    assert!(
        plan.contains("USING COVERING INDEX dialog_standing (bot=?"),
        "{plan}"
    );
    assert!(!plan.contains("SCAN"), "{plan}");
}

#[test]
fn a_dialogs_unsettled_entries_are_found_without_its_settled_ones() {
    for sql in [
        OUTBOX,
        PROMOTE,
        CANCEL_AUTOMATIC,
        CANCEL_MESSAGES,
        STAND_BACK,
        MOVE_ENTRIES,
        TAKE_ALONG,
        UNDER_WAY,
    ] {
        assert_direct(sql, "INDEX outbox_unsettled (dialog=?");
    }
}

#[test]
fn what_is_in_flight_is_found_without_what_waits() {
    assert_direct(PROMOTE, "INDEX outbox_in_flight (dialog=?)");
    // All of it, of all dialogs; whether a bot is paused, of those alone.
    assert_eq!(plan(RECOVER), format!("{IN_FLIGHT}\n{OF_A_PAUSED_BOT}"));
}

const IN_FLIGHT: &str = "SCAN outbox USING COVERING INDEX outbox_in_flight";
const OF_A_PAUSED_BOT: &str = "CORRELATED SCALAR SUBQUERY 1
SEARCH d USING INDEX sqlite_autoindex_dialog_1 (id=?)
SEARCH b USING PRIMARY KEY (id=?)";

/// A pause walks what is open, of all bots, and no settled entry.
#[test]
fn a_pause_touches_what_is_open_only() {
    for sql in [HOLD_BESIDE, DIALOGS_WITH_AUTOMATIC] {
        let plan = plan(sql);
        assert!(plan.contains("USING INDEX outbox_unsettled"), "{plan}");
        assert!(!plan.contains("B-TREE"), "{plan}");
    }
}

#[test]
fn messages_are_found_by_their_external_ids_and_by_when_they_were_taken() {
    let of_message = "external_id_of_message (dialog=? AND turn=? AND n=?)";
    let by_id = "USING PRIMARY KEY (dialog=? AND external_id=?)";
    let taken = "COVERING INDEX outbox_taken (dialog=? AND state=? AND taken_at>? AND taken_at<?)";
    for (sql, step) in [
        (ADD, of_message),
        (FORGET, of_message),
        (IDS_OF, of_message),
        (FIND_MESSAGE, by_id),
        (TAKEN_BY_ID, by_id),
        (TAKEN_UNTIL, taken),
        (LINES, "(dialog=? AND (turn,n)>(?,?))"),
        (
            IDS_OF_LINES,
            "COVERING INDEX external_id_of_message (dialog=? AND ",
        ),
    ] {
        assert_direct(sql, step);
    }
}

#[test]
fn pages_of_unclaimed_reports_touch_their_channel_only() {
    assert_direct(UNCLAIMED, "INDEX unclaimed_of_channel (channel=? AND n>?)");
}
