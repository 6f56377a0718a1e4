//! Robots: what they look at, where they lead, and the messages that go on behind them.

use chatflow_core::{Ask, Behaviour, Bot, EventBody, FlowBuilder, Robot};

use crate::rig::{Talk, all_hold, holds};

/// FL-42: a robot's `step` without a flow is a step of the dialog's own flow. Where that flow has
/// none of the name, the dialog keeps its step, its time-out and the flows that wait for it.
#[test]
fn a_robot_whose_step_the_dialogs_flow_doesnt_have_changes_nothing() {
    all_hold(
        &[
            "flow: main
bot:
  robots:
    go: {on: tag, when: '\"vip\" in tags', step: {step: thanks}}
steps:
  rate:
    call_flow: {flow: rating, results: {stars: stars}}
  thanks:
    send: Thank you.
    finish: finished
",
            "flow: rating
steps:
  stars:
    ask: {question: How many stars?, save: stars}
    timeout: 1h
    next: {timeout: late}
    finish: finished
  late:
    send: Too late.
    finish: finished
",
        ],
        "> hi
< How many stars?
? calls main
? timers step
! tag +vip
? step rating/stars
? calls main
? timers step
",
    );
}

/// FL-20, FL-42: a robot's condition reads `message`, also where the message waits for the quiet
/// time.
#[test]
fn a_robots_condition_reads_the_message_also_where_that_waits() {
    holds(
        "flow: f
bot:
  quiet_time: 60s
  robots:
    hot: {when: '\"price\" in message', add_tags: [hot]}
steps:
  name:
    ask: {question: Your name?, save: contact.name}
  done:
    send: Thank you.
    finish: finished
",
        "> what is the price
@ +1m
< Your name?
? tag hot
",
    );
}

/// FL-29, FL-42: robots look at each message once, also at the one that comes before what a pause
/// has held is handed on.
#[test]
fn robots_look_at_the_message_that_lets_go_what_a_pause_has_held() {
    let robot = Robot {
        words: vec!["price".to_owned()],
        add_tags: ["hot".to_owned()].into(),
        ..Robot::default()
    };
    let behaviour = Behaviour {
        robots: [("hot".to_owned(), robot)].into(),
        ..Behaviour::default()
    };
    let flow = FlowBuilder::new("f", 1)
        .step("name", Ask::text("Name?").save("name"))
        .step("place", Ask::text("Where?").save("place"))
        .step("end", Ask::text("More?").save("more"))
        .build()
        .unwrap();
    let mut talk = Talk::new(&Bot::new("bot", flow).behaviour(behaviour));
    talk.says("hi");
    let held = EventBody::MessageReceived("Anna".into());
    talk.event(EventBody::WhilePaused(Box::new(held)));
    assert_eq!(talk.snapshot.held.len(), 1);
    talk.says("what is the price");
    assert!(talk.snapshot.held.is_empty());
    assert!(talk.snapshot.contact.tags.contains("hot"));
}

/// FL-26, FL-42: the bot's pushes are planned also where a robot brings a dialog from Start into a
/// flow.
#[test]
fn a_global_push_goes_also_where_a_robot_begins_the_flow() {
    holds(
        "flow: f
bot:
  auto_start: false
  robots:
    go: {on: tag, when: '\"vip\" in tags', step: {step: name}}
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
? status start
! tag +vip
< Your name?
@ +25h
< Still there?
",
    );
}

/// FL-20, FL-42: a robot takes no message from the flow that it leads to. A router there gets what
/// waited for the quiet time.
#[test]
fn a_robot_that_leads_to_a_router_lets_it_have_what_waited_for_the_quiet_time() {
    holds(
        "flow: f
bot:
  quiet_time: 60s
  robots:
    go: {words: [help], step: {step: route}}
steps:
  name:
    ask: {question: Your name?, save: contact.name}
    finish: finished
  route:
    keywords:
      routes: {parcel: [parcel]}
      retry: Say parcel.
  parcel:
    send: It comes tomorrow.
    finish: finished
",
        "> hi
@ +1m
< Your name?
> my parcel
> help
@ +1m
< It comes tomorrow.
",
    );
}

/// FL-22: `send` takes no message. With `answer_after` too, the router behind it gets the message
/// that began it.
#[test]
fn a_send_that_takes_its_time_hands_on_the_message_that_it_was_entered_with() {
    holds(
        "flow: f
steps:
  hello:
    send: Hello!
    answer_after: 20s
  route:
    keywords:
      routes: {parcel: [parcel]}
      retry: Say parcel.
  parcel:
    send: It comes tomorrow.
    finish: finished
",
        "> where is my parcel?
@ +20s
< Hello!
< It comes tomorrow.
",
    );
}

/// FL-54: a webhook takes no message. The router behind it gets the one that the webhook was
/// entered with.
#[test]
fn a_webhook_hands_on_the_message_that_it_was_entered_with() {
    holds(
        "flow: f
steps:
  look:
    webhook: {url: 'https://shop.example/x'}
    timeout: 10s
    next: {next: route, failure: route}
  route:
    keywords:
      routes: {parcel: [parcel]}
      retry: Say parcel.
  parcel:
    send: It comes tomorrow.
    finish: finished
",
        "~ http 200 {}
> where is my parcel?
< It comes tomorrow.
",
    );
}

/// FL-54: what a delay keeps passes through the next delay to the first step that takes it.
#[test]
fn what_a_delay_has_kept_is_not_lost_in_the_next_delay() {
    holds(
        "flow: f
steps:
  one:
    delay: 1h
  two:
    delay: 1h
  route:
    keywords:
      routes: {parcel: [parcel]}
      retry: Say parcel.
  parcel:
    send: It comes tomorrow.
    finish: finished
",
        "> hi
@ +10m
> my parcel
? held 1
@ +3h
< It comes tomorrow.
",
    );
}
