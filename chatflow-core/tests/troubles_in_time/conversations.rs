//! Messages, reminders and retries: nothing that a contact writes is lost, doubled or left unanswered.

use crate::rig::holds;

/// FL-54: what a contact writes while another bot thinks is kept. The step after that bot gets it,
/// and what comes later is not put behind it.
#[test]
fn what_is_kept_while_an_external_bot_thinks_is_released_when_it_is_done() {
    holds(
        "flow: f
steps:
  help:
    external_bot: helper
    next: {next: route, handoff: person, failure: person}
  route:
    keywords:
      routes: {done: [thanks]}
      retry: Say thanks.
  done:
    send: Thank you.
    finish: finished
  person:
    finish: manual
",
        "~ bot later
> hi
> one more thing
? held 1
~ bot late done
< Say thanks.
? held 0
> thanks
< Thank you.
",
    );
}

/// ST-45: a retry is bounded. A step that is passed before the one that fails doesn't set the count
/// back.
#[test]
fn retries_are_bounded_where_the_step_that_fails_is_not_the_first() {
    holds(
        "flow: f
bot:
  error_retry: {times: 2, after: 10m}
inputs: [there]
steps:
  one:
    tags: {add: [a]}
  two:
    send: 'Hello {{ there }}'
    finish: finished
",
        "> hi
? error template_value_missing
@ +10m
@ +10m
@ +10m
? timers none
",
    );
}

/// ST-09, ST-45: Waiting ends with the contact's reply only. Where the message of a step with
/// `finish: waiting` is refused for its content, the retry says that step's message again.
#[test]
fn a_retry_doesnt_skip_a_wait_for_the_contact() {
    holds(
        "flow: f
bot:
  error_retry: {times: 1, after: 10m}
steps:
  offer:
    send: Shall I order it?
    finish: waiting
  order:
    send: It is ordered.
    finish: finished
",
        "% refuse invalid
> hi
? status error
@ +10m
< Shall I order it?
? step offer
? status waiting
",
    );
}

/// FL-20, FL-26: the bot's pushes are planned also where automation begins to lead at the end of
/// the quiet time.
#[test]
fn a_global_push_goes_also_where_the_first_message_waited_for_the_quiet_time() {
    holds(
        "flow: f
bot:
  quiet_time: 60s
  pushes:
    - {after: 24h, send: Still there?}
steps:
  name:
    ask: {question: Your name?, save: contact.name}
  done:
    send: Thank you.
    finish: finished
",
        "> hi
@ +1m
< Your name?
@ +25h
< Still there?
",
    );
}

/// FL-26, FL-29: the same where automation begins to lead at the end of a pit stop.
#[test]
fn a_global_push_goes_also_where_the_first_message_came_in_a_pit_stop() {
    holds(
        "flow: f
bot:
  pushes:
    - {after: 24h, send: Still there?}
steps:
  name:
    ask: {question: Your name?, save: contact.name}
  done:
    send: Thank you.
    finish: finished
",
        "! pit_stop on
> hi
! pit_stop off
< Your name?
@ +25h
< Still there?
",
    );
}

/// FL-26, ST-45: Error discards the bot's pushes; a retry that works plans them again.
#[test]
fn a_global_push_goes_also_after_a_retry() {
    holds(
        "flow: f
bot:
  error_retry: {times: 2, after: 10m}
  pushes:
    - {after: 24h, send: Still there?}
steps:
  talk:
    ai_reply: Greet.
  name:
    ask: {question: Your name?, save: contact.name}
  done:
    send: Thank you.
    finish: finished
",
        "~ ai error
~ ai reply \"Hello!\"
> hi
? status error
@ +10m
< Hello!
< Your name?
@ +25h
< Still there?
",
    );
}

/// FL-24, C10: a message that is to be ignored leaves the step's pushes as they are planned.
#[test]
fn a_step_push_goes_also_after_an_ignored_sticker() {
    holds(
        "flow: f
bot: {media_rule: ignore}
steps:
  name:
    ask: {question: Your name?, save: contact.name}
    pushes:
      - {after: 1h, send: Still there?}
  done:
    send: Thank you.
    finish: finished
",
        "> hi
< Your name?
@ +10m
> [sticker]
@ +2h
< Still there?
",
    );
}

/// FL-24: who begins again is asked once more, and reminded as before.
#[test]
fn a_step_push_goes_also_after_the_question_was_repeated() {
    holds(
        "flow: f
steps:
  name:
    ask: {question: Your name?, save: contact.name}
    pushes:
      - {after: 1h, send: Still there?}
  done:
    send: Thank you.
    finish: finished
",
        "> hi
< Your name?
@ +10m
% started
< Your name?
@ +2h
< Still there?
",
    );
}

/// FL-20, FL-54: with `during: ignore` no step gets what comes in the delay, also where the quiet
/// time ends after the delay.
#[test]
fn what_comes_in_an_ignoring_delay_is_ignored_also_with_a_quiet_time() {
    holds(
        "flow: f
bot: {quiet_time: 60s}
steps:
  wait:
    delay: {for: 1h, during: ignore}
  route:
    keywords:
      routes: {price: [price]}
      retry: Say price.
  price:
    send: 5 EUR.
    finish: finished
",
        "> hi
@ +1m
@ +59m30s
> price
@ +30m
? step route
? status auto
",
    );
}

/// AI-06, FL-54: voice becomes text before a step gets it, also where it is kept behind a text.
#[test]
fn voice_that_is_kept_behind_a_text_is_recognised_too() {
    holds(
        "flow: f
bot: {recogniser: ears}
steps:
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
        "> hi
@ +10m
> well
? held 1
@ +10m
~ recognise \"what is the price\"
> [voice]
@ +2h
? asked recognise 1
< 5 EUR.
",
    );
}

/// C10, FL-54: with the rule `ignore` no step gets the caption of a photo, also where it comes
/// behind a kept text.
#[test]
fn media_to_be_ignored_are_ignored_also_behind_a_kept_text() {
    holds(
        "flow: f
bot: {media_rule: ignore}
steps:
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
        "> hi
@ +10m
> well
? held 1
@ +10m
> [photo] price
@ +2h
< Say price.
? step route
",
    );
}

/// AI-13, C10: an ignored sticker is no newer message of the contact; the model's answer goes out.
#[test]
fn an_ignored_sticker_doesnt_drop_the_models_answer() {
    holds(
        "flow: f
bot: {media_rule: ignore}
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
> [sticker]
~ ai late reply \"5 EUR\"
< 5 EUR
",
    );
}

/// ST-03, ST-45, C10: media rules hold for whatever reaches a step, also with `error_inbound:
/// retry`.
#[test]
fn the_media_rule_holds_also_for_the_message_that_retries_an_error() {
    holds(
        "flow: f
bot: {error_inbound: retry, media_rule: to_manual}
steps:
  talk:
    ai_reply: Answer.
    finish: waiting
  name:
    ask: {question: Your name?, save: contact.name}
",
        "~ ai error
> hi
? status error
> [photo]
? status manual
",
    );
}

/// FL-24: a change of step forgets the pending call. Who begins again stands at a question that
/// reminds as usual, and a late answer to the old call changes nothing.
#[test]
fn who_begins_again_is_not_answered_by_the_call_of_the_step_that_was_left() {
    holds(
        "flow: f
bot: {started_again: restart_entry_flow}
steps:
  name:
    ask: {question: Your name?, save: contact.name}
    pushes:
      - {after: 1h, send: Still there?}
  look:
    webhook: {url: 'https://shop.example/x'}
    timeout: 1d
    next: {next: done, failure: done}
  done:
    send: Thank you.
    finish: finished
",
        "> hi
< Your name?
~ http later
> Anna
? step look
% started
< Your name?
? timers push:0
~ http late 200 {}
? step name
? timers push:0
",
    );
}

/// FL-03: a router that is passed with Waiting routes the next message itself and goes on, also
/// where a model has to be asked.
#[test]
fn an_ai_route_with_finish_waiting_goes_on_with_the_next_message() {
    holds(
        "flow: f
steps:
  route:
    ai_route: {branches: {order: wants to buy, complaint: is unhappy}}
    finish: waiting
    next: {otherwise: order}
  order:
    send: What would you like?
    finish: finished
  complaint:
    send: Sorry.
    finish: finished
",
        "~ ai route \"order\"
> hi
? status waiting
~ ai route \"order\"
> I want to buy
< What would you like?
? status finished
",
    );
}
