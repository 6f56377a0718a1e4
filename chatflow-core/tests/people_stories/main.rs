//! Short stories of people, each of a thing that is easily forgotten.

mod rights;

use chatflow_core::FlowFiles;
use chatflow_core::testing::{Player, Scenario, block_on};

fn plays(yaml: &str, text: &str) {
    let files = FlowFiles::new().read("f.yaml", yaml.as_bytes());
    let bot = files.bot("shop").unwrap_or_else(|e| panic!("{e}: {e:?}"));
    let scenario = Scenario::parse(text).unwrap_or_else(|e| panic!("{e}"));
    let played =
        block_on(Player::new(bot).play(&scenario)).unwrap_or_else(|e| panic!("{e}: {e:?}"));
    assert!(played.holds(), "{played}");
}

const MANUAL: &str = r#"
flow: people
bot: {queue: sales}
steps:
  hello: {send: "Wait.", finish: manual}
"#;

#[test]
fn an_offer_to_somebody_who_became_full_moves_on() {
    plays(
        MANUAL,
        "
= operator anna capacity=1 active
= operator boris inactive
= queue sales anna boris accept=any_time
> hi
< Wait.
? offered anna
bo> hi
bo< Wait.
bo? offered anna
!boris active
!anna accept
? assignee anna
bo? offered boris
",
    );
}

#[test]
fn op_09_a_new_offer_has_a_time_of_its_own() {
    plays(
        MANUAL,
        "
= operator anna active
= operator boris active
= queue sales anna boris accept=1m
> hi
< Wait.
? offered anna
@ +59s
!anna inactive
? offered boris
@ +1s
? offered boris
? missed boris 0
",
    );
}

#[test]
fn st_32_the_queues_time_counts_from_the_first_turn() {
    plays(
        r#"
flow: people
bot: {queue: sales}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
"#,
        "
= queue sales complete=10m
> hi
< Yes?
? session bot
@ +10m
? session none
",
    );
}

#[test]
fn st_32_the_queues_time_stands_before_the_bots() {
    plays(
        r#"
flow: people
bot: {queue: sales, complete_after: 1h}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
"#,
        "
= queue sales complete=10m
> hi
< Yes?
? session bot
@ +10m
? session none
",
    );
}

#[test]
fn fl_39_the_managers_queue_gets_on_when_a_place_is_freed() {
    plays(
        r#"
flow: people
bot: {managers: [anna, boris], operator_capacity: 1}
steps:
  hello: {send: "Wait.", finish: manual}
"#,
        "
= operator anna active
= operator boris active
> hi
< Wait.
? assignee anna
bo> hi
bo< Wait.
bo? assignee boris
eva> hi
eva< Wait.
eva? assignee nobody
bo!boris close
eva? assignee boris
",
    );
}

#[test]
fn who_is_manual_before_his_first_message_waits_for_people() {
    plays(
        r#"
flow: people
bot: {queue: sales}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
"#,
        "
= operator op active
= operator anna active
= queue sales anna
% unblocked
! status manual
> hi
? status manual
? session in_progress
? assignee anna
",
    );
}

#[test]
fn who_answers_what_waits_has_it_though_the_flow_is_over() {
    plays(
        r#"
flow: people
bot: {}
steps:
  hello: {queue: sales, finish: finished}
"#,
        "
= operator anna
= operator boris active
= queue sales anna
> hi
? session queued
!boris reply Hello
< Hello
? session in_progress
? assignee boris
? load boris 1
",
    );
}

#[test]
fn a_managers_dialog_counts_where_he_keeps_the_bot_silent() {
    plays(
        r#"
flow: people
bot: {queue: sales, bot_answers: unless_assigned}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
"#,
        "
= operator root active
= operator anna active
= queue sales anna offline=all_unanswered
> hi
< Yes?
!root assign anna
> are you there?
? needs_reply yes
? load anna 1
!anna inactive
? assignee nobody
",
    );
}

#[test]
fn op_33_a_managers_dialog_goes_back_where_he_keeps_the_bot_silent() {
    plays(
        r#"
flow: people
bot: {queue: sales, bot_answers: unless_assigned}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
"#,
        "
= operator root active
= operator anna active
= queue sales anna offline=all_unanswered
> hi
< Yes?
!root assign anna
> are you there?
? needs_reply yes
!anna inactive
? assignee nobody
",
    );
}

#[test]
fn a_start_link_wakes_no_bot_that_is_kept_silent() {
    plays(
        r#"
flow: people
bot: {bot_answers: unless_assigned}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
"#,
        "
> hi
< Yes?
! assign anna
% started
? assignee anna
",
    );
}

#[test]
fn a_start_link_begins_no_flow_that_is_kept_silent() {
    plays(
        r#"
flow: people
bot: {bot_answers: unless_assigned, started_again: restart_entry_flow}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
"#,
        "
> hi
< Yes?
! assign anna
% started
? assignee anna
",
    );
}

#[test]
fn giving_back_and_naming_somebody_is_one_act() {
    plays(
        r#"
flow: people
bot: {bot_answers: unless_assigned}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
"#,
        "
> hi
< Yes?
! take
! set status=auto assignee=anna
? assignee anna
",
    );
}

#[test]
fn a_pause_outlives_the_session_that_ran_out() {
    plays(
        r#"
flow: people
bot: {operator_write: {pause_for: 2h}, complete_after: 1h}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
  more: {send: "Thanks."}
"#,
        "
> hi
< Yes?
! reply I am here
< I am here
? status manual
@ +1h
? session none
@ +1h
? status auto
",
    );
}

#[test]
fn nobody_is_responsible_for_what_waits() {
    plays(
        MANUAL,
        "
= operator root active
= operator anna active
= operator boris inactive
= queue sales anna boris
> hi
< Wait.
? assignee anna
!anna close
!anna inactive
> again
? session queued
? assignee nobody
",
    );
}
#[test]
fn who_had_it_can_be_named_while_it_waits() {
    plays(
        MANUAL,
        "
= operator root active
= operator anna active
= operator boris inactive
= queue sales anna boris
> hi
< Wait.
? assignee anna
!anna close
!anna inactive
> again
? session queued
!root assign anna
? session in_progress
",
    );
}
#[test]
fn who_answers_what_waits_has_it_and_not_who_had_it() {
    plays(
        r#"
flow: people
bot: {queue: sales, write_guard: any_with_access}
steps:
  hello: {send: "Wait.", finish: manual}
"#,
        "
= operator anna active
= operator boris inactive
= queue sales anna
> hi
< Wait.
? assignee anna
!anna close
!anna inactive
> again
? session queued
!boris reply Hello
< Hello
? assignee boris
",
    );
}

#[test]
fn op_08_who_comes_too_late_hears_who_has_it() {
    plays(
        MANUAL,
        "
= policy creatio
= operator anna role=operator active
= operator boris role=operator active
= queue sales anna boris rule=everybody accept=1m
> hi
< Wait.
? offered anna boris
!anna accept
!boris accept
? refused has it already
",
    );
}

#[test]
fn a_bot_that_was_responsible_hands_over_to_people() {
    plays(
        r#"
flow: people
bot: {bot_answers: unless_assigned}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
  more: {send: "A person comes.", finish: manual}
"#,
        "
> hi
< Yes?
!anna take
!anna status auto
? assignee bot:shop
> please
< A person comes.
? status manual
!anna reply Hello
< Hello
",
    );
}

#[test]
fn what_we_blocked_is_given_to_nobody() {
    plays(
        MANUAL,
        "
= operator anna inactive
= queue sales anna
> spam
< Wait.
? session queued
! block contact
? status blocked
!anna active
? load anna 0
",
    );
}

#[test]
fn a_trackers_report_takes_no_dialog_from_its_manager() {
    plays(
        r#"
flow: people
bot:
  bot_answers: unless_assigned
  postbacks: [{on: sale, step: {step: thanks}}]
steps:
  hello: {send: "Hi.", finish: finished, next: thanks}
  thanks: {send: "Thanks for buying."}
"#,
        "
> hi
< Hi.
! assign anna
* postback sale 50
? assignee anna
",
    );
}

#[test]
fn who_answers_what_waits_has_it_though_the_status_stays() {
    plays(
        r#"
flow: people
bot: {operator_write: keep_status}
steps:
  hello: {queue: sales, finish: waiting}
"#,
        "
= operator anna
= operator boris active
= queue sales anna
> hi
? session queued
!boris reply Hello
< Hello
? session in_progress
? assignee boris
",
    );
}

#[test]
fn a_queue_that_passed_it_on_may_get_it_again() {
    plays(
        MANUAL,
        "
= operator root active
= operator anna inactive
= operator carl inactive
= queue two carl
= queue sales anna away=two
= queue three carl away=sales
> hi
< Wait.
? queue two
!anna active
!root queue three
? assignee anna
",
    );
}

#[test]
fn what_was_held_is_forgotten_when_it_is_closed() {
    plays(
        r#"
flow: people
bot: {quiet_time: 10s}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
  more: {send: "Thanks."}
"#,
        "
> hi
@ +10s
< Yes?
> a hat
! close
? session none
@ +10s
? session none
",
    );
}
#[test]
fn a_strangers_dialog_can_be_opened_again() {
    plays(
        MANUAL,
        "
= operator root active
= queue sales root accept=any_time
> hi
< Wait.
% wrote olga hello
? assignee olga
!root close
!root reopen
? session in_progress
",
    );
}
#[test]
fn what_people_lead_and_is_nobodys_is_seen_by_managers() {
    plays(
        r#"
flow: people
bot: {bot_answers: unless_assigned}
steps:
  hello: {send: "Wait.", finish: manual}
"#,
        "
= policy retailcrm
= operator anna role=manager active
> hi
< Wait.
? status manual
? session in_progress
? sees anna yes
!anna take
",
    );
}
#[test]
fn a_completed_dialog_is_taken_from_its_operator_once() {
    plays(
        r#"
flow: people
bot: {bot_answers: unless_assigned, on_complete: to_bot}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
"#,
        "
> hi
< Yes?
!anna take
!anna close
? assignee nobody
",
    );
}
#[test]
fn a_pause_outlives_the_session_that_was_closed() {
    plays(
        r#"
flow: people
bot: {operator_write: {pause_for: 30m}}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
  more: {send: "Thanks."}
"#,
        "
> hi
< Yes?
! reply I am here
< I am here
! close
@ +30m
> a hat
< Thanks.
",
    );
}

#[test]
fn op_04_who_is_signed_out_gets_nothing_by_presence() {
    plays(
        MANUAL,
        "
= operator anna
= queue sales anna available=presence
!anna sign_in
!anna seen
!anna sign_out
? operator anna inactive
> hi
< Wait.
? session queued
? assignee nobody
",
    );
}
#[test]
fn op_25_what_is_somebody_elses_isnt_taken() {
    plays(
        r#"
flow: people
bot: {reopen: new, transfer: child_session}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
"#,
        "
= policy creatio
= operator root role=admin active
= operator anna role=operator active
= operator boris role=operator active
> hi
< Yes?
!root set status=manual assignee=anna
!anna close
? assignee anna
!boris assign boris
? refused may not
!boris take
? refused may not
",
    );
}
#[test]
fn what_people_lead_and_is_nobodys_is_seen_by_operators() {
    plays(
        r#"
flow: people
bot: {transfer: child_session}
steps:
  hello: {send: "Wait.", finish: manual}
"#,
        "
= policy creatio
= operator anna role=operator active
> hi
< Wait.
? status manual
? sees anna yes
",
    );
}
#[test]
fn an_error_waits_for_people() {
    plays(
        r#"
flow: people
bot: {queue: sales}
steps:
  hello: {ai_reply: {goal: "x"}}
"#,
        "
= operator anna active
= queue sales anna
~ ai error
> hi
? status error
? session bot
!anna reply Hi
< Hi
? assignee anna
",
    );
}

#[test]
fn a_delay_goes_on_when_nobody_keeps_the_bot_silent() {
    plays(
        r#"
flow: people
bot: {bot_answers: unless_assigned}
steps:
  hello: {send: "Hi."}
  wait: {delay: 10m}
  more: {send: "Thanks."}
"#,
        "
> hi
< Hi.
! assign anna
@ +10m
! assign nobody
< Thanks.
",
    );
}
#[test]
fn fl_44_a_robot_that_does_nothing_but_queue() {
    plays(
        r#"
flow: people
bot:
  robots:
    vip: {on: tag, when: {tagged: vip}, queue: sales}
steps:
  hello: {ask: {question: "Yes?", save: wish}}
"#,
        "
> hi
< Yes?
",
    );
}

#[test]
fn op_09_an_offer_without_end_forgets_the_end_of_the_one_before() {
    plays(
        MANUAL,
        "
= operator anna active
= operator boris active
= queue sales anna boris accept=1m
> hi
< Wait.
? offered anna
= queue sales accept=any_time
!anna inactive
? offered boris
@ +1h
? offered boris
? missed boris 0
",
    );
}

#[test]
fn who_answers_a_bots_dialog_has_it() {
    plays(
        MANUAL,
        "
= operator anna active
= operator boris active
= queue sales anna
> hi
< Wait.
!anna assign bot:shop
% wrote boris Hm
? session in_progress
? assignee boris
",
    );
}

#[test]
fn a_queue_passes_on_to_one_that_is_there() {
    plays(
        MANUAL,
        "
= operator anna active
= queue sales anna away=night
? refused no queue `night`
= queue night anna
= queue sales anna away=night
",
    );
}
