//! How SQLite answers the statements that must stay fast at every size.

use chatflow_core::{Assignee, Filter, Handling};

use crate::address::MOVE_ENTRIES;
use crate::bot::{DIALOGS_WITH_AUTOMATIC, HOLD_BESIDE};
use crate::delivery::{LAG, PROMOTE, RECOVER};
use crate::due::{
    DUE_BESIDE, DUE_MESSAGES, DUE_TIMERS, LAGGING, NEXT_DELIVERY, NEXT_PLACE, NEXT_TIMER,
};
use crate::external::{ADD, FIND_MESSAGE, FORGET, IDS_OF, TAKEN_BY_ID, TAKEN_UNTIL};
use crate::filter;
use crate::migration;
use crate::people::{
    DUE_OPERATORS, DUE_QUEUES, MEMBERS, NEXT_LEAVING, OPERATORS, QUEUES, SAVE_OPERATOR, SESSIONS,
    STIR_OFFERED, STIR_QUEUES_OF, WAITING,
};
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

#[test]
fn who_waits_and_what_is_due_of_people_comes_from_indexes_in_their_order() {
    for (sql, step) in [
        (
            WAITING,
            "INDEX dialog_waiting (space=? AND waits_queue=? AND (waits_since,id)>(?,?))",
        ),
        (
            DUE_OPERATORS,
            "COVERING INDEX operator_leaving (leaves_at<?)",
        ),
        (
            NEXT_LEAVING,
            "COVERING INDEX operator_leaving (leaves_at>?)",
        ),
        (
            OPERATORS,
            "INDEX sqlite_autoindex_operator_1 (space=? AND id>?)",
        ),
        (QUEUES, "INDEX sqlite_autoindex_queue_1 (space=? AND id>?)"),
        (MEMBERS, "USING PRIMARY KEY (space=? AND queue=?)"),
        (SESSIONS, "USING PRIMARY KEY (dialog=? AND number>?)"),
    ] {
        assert_direct(sql, step);
    }
    // An index of due queues alone, walked in its own order.
    assert_eq!(
        plan(DUE_QUEUES),
        "SCAN queue USING COVERING INDEX queue_due"
    );
}

#[test]
fn what_a_place_freed_and_a_new_operator_cost_follows_their_own_rows() {
    let plan_of = |sql, step: &str| {
        let plan = plan(sql);
        assert!(plan.contains(step), "{plan}");
        assert!(!plan.contains("SCAN"), "{plan}");
    };
    plan_of(
        STIR_QUEUES_OF,
        "COVERING INDEX queue_of_member (space=? AND operator=?)",
    );
    plan_of(STIR_OFFERED, "dialog_offer_of_operator (operator=?)");
    plan_of(
        SAVE_OPERATOR,
        "COVERING INDEX dialog_held (space=? AND holder=?)",
    );
}

#[test]
fn somebodys_dialogs_and_a_queues_are_listed_without_the_others() {
    let olga = || Assignee::Operator("olga".into());
    let his = Filter::All(vec![
        Filter::Space("main".into()),
        Filter::Assignee(olga()),
        Filter::Handling(Some(Handling::InProgress)),
    ]);
    let assigned = "INDEX dialog_assigned (assignee=? AND handling=? AND id>?)";
    let handled = Filter::Handling(Some(Handling::InProgress)).and(Filter::Assignee(olga()));
    let queued = Filter::Queue("sales".into()).and(Filter::Handling(Some(Handling::Queued)));
    let in_queue = "INDEX dialog_of_queue (queue=? AND handling=? AND id>?)";
    for (filter, step) in [(his, assigned), (handled, assigned), (queued, in_queue)] {
        assert_direct(&filter::sql_of(&filter), step);
    }
}
