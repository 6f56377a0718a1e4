//! Takeovers and blocks: what goes on afterwards, and what is over.

use crate::rig::holds;

const REPLY: &str = "flow: f
steps:
  talk:
    ai_reply: {goal: Answer., reply_time: 80s}
    finish: waiting
    next: talk
";

/// AI-13: an answer is dropped after a change of status. One that has come and waits for its time
/// ends with a takeover.
#[test]
fn what_a_model_wrote_before_a_takeover_is_not_sent_after_it() {
    holds(
        REPLY,
        "~ ai reply \"It is 5 EUR.\"
> How much is it?
@ +10s
! reply \"It is 7 EUR.\"
< It is 7 EUR.
? status manual
@ +1h
! status auto
@ +1h
? status auto
",
    );
}

/// AI-13: the same holds where the contact writes after the takeover.
#[test]
fn what_a_model_wrote_before_a_takeover_is_no_answer_to_what_came_since() {
    holds(
        REPLY,
        "~ ai reply \"It is 5 EUR.\"
> How much is it?
@ +10s
! take
> Are you there? And in blue?
! reply \"In blue it is 7 EUR.\"
< In blue it is 7 EUR.
@ +1h
! status auto
@ +1h
",
    );
}

/// AI-13, C13: the same holds for a pause that an operator's message begins.
#[test]
fn what_a_model_wrote_before_an_operators_pause_is_not_sent_after_it() {
    holds(
        "flow: f
bot:
  operator_write: {pause_for: 30m}
steps:
  talk:
    ai_reply: {goal: Answer., reply_time: 80s}
    finish: waiting
    next: talk
",
        "~ ai reply \"It is 5 EUR.\"
> How much is it?
@ +10s
! reply \"It is 7 EUR.\"
< It is 7 EUR.
@ +2h
? status auto
",
    );
}

/// AI-13, ST-09: the same holds for a Waiting that an operator sets.
#[test]
fn a_models_reply_is_not_sent_in_a_waiting_that_an_operator_set() {
    holds(
        REPLY,
        "~ ai reply \"It is 5 EUR.\"
> How much is it?
@ +10s
! status waiting
@ +1h
? status waiting
",
    );
}

/// ST-09: the flow doesn't advance in Waiting until the contact replies. A delay stays where an
/// operator sets Waiting.
#[test]
fn a_delay_doesnt_end_a_waiting_that_an_operator_set() {
    holds(
        "flow: f
steps:
  wait:
    delay: 1h
  back:
    send: Here I am.
    finish: finished
",
        "> hi
! status waiting
@ +30d
? status waiting
? step wait
",
    );
}

/// C2, C13: after `pause_for` the dialog is Waiting by an operator's hand as before, and
/// `manual_waiting_exit` holds for it.
#[test]
fn a_pause_goes_back_to_a_waiting_that_was_set_by_hand() {
    holds(
        "flow: f
bot:
  operator_write: {pause_for: 30m}
  manual_waiting_exit: to_manual
steps:
  name:
    ask: {question: Your name?, save: contact.name}
  done:
    send: Thank you.
    finish: finished
",
        "> hi
< Your name?
! status waiting
? set_by_hand yes
! reply Hello
< Hello
@ +31m
? status waiting
> Anna
? status manual
",
    );
}

/// FL-54, ST-45: a retry goes on with the delay, and with what the delay keeps.
#[test]
fn an_error_that_is_tried_again_keeps_what_a_delay_has_kept() {
    holds(
        "flow: f
bot:
  error_retry: {times: 1, after: 10m}
steps:
  hello:
    send: Hello.
  wait:
    delay: 1h
  route:
    keywords:
      routes: {price: [price]}
      retry: Say price.
  price:
    send: 5 EUR.
    finish: finished
",
        "% transient
% refuse invalid
> hi
> price
? held 1
@ +15m
? step wait
@ +2h
< 5 EUR.
",
    );
}

/// AI-06, ST-37, C4: a block cancels a recognition that waits for its next try. It is asked for
/// again at the unblock, and the message behind it goes on.
#[test]
fn a_recognition_that_a_block_cancels_doesnt_make_the_dialog_deaf() {
    holds(
        "flow: f
bot: {recogniser: ears}
steps:
  name:
    ask: {question: Your name?, save: contact.name}
  done:
    send: 'Thank you.'
    finish: finished
",
        "> hi
< Your name?
~ recognise transient
~ recognise \"Anna\"
> [voice]
! block
@ +1h
! unblock
< Thank you.
? held 0
",
    );
}

/// ST-37, C4: a block drops a model's answer. At the unblock the model is asked again.
#[test]
fn a_model_is_asked_again_after_an_unblock() {
    holds(
        "flow: f
steps:
  talk:
    ai_reply: Answer.
    finish: waiting
  bye:
    send: Bye.
    finish: finished
",
        "~ ai later
> How much is it?
! block
~ ai reply \"5 EUR\"
! unblock
< 5 EUR
",
    );
}

/// FL-29, ST-37, C3: what is held for a dialog whose flow is over is handed on at the unblock,
/// where `finished_inbound` begins the flow anew.
#[test]
fn what_is_held_for_a_finished_dialog_is_released_after_an_unblock() {
    holds(
        "flow: f
bot: {finished_inbound: restart_entry_flow}
steps:
  name:
    ask: {question: Your name?, save: contact.name}
  done:
    send: Thank you.
    finish: finished
",
        "> hi
< Your name?
> Anna
< Thank you.
! pit_stop on
> hi again
? held 1
! block
! pit_stop off
! unblock
< Your name?
> Anna
< Thank you.
",
    );
}

/// ST-37: an operator's status ends his block, and what came due meanwhile is planned again.
#[test]
fn a_delay_goes_on_where_a_status_ends_the_block() {
    holds(
        "flow: f
steps:
  wait:
    delay: 1h
  back:
    send: Here I am.
    finish: finished
",
        "> hi
! block
@ +2h
? timers none
! status auto
< Here I am.
? can_send yes
",
    );
}

/// ST-37, FL-29: the same holds for messages that are held.
#[test]
fn what_is_held_is_released_where_a_status_ends_the_block() {
    holds(
        "flow: f
steps:
  name:
    ask: {question: Your name?, save: contact.name}
  done:
    send: Thank you.
    finish: finished
",
        "> hi
< Your name?
! pit_stop on
> Anna
! block
! pit_stop off
? held 1
! status auto
< Thank you.
@ +1h
",
    );
}
