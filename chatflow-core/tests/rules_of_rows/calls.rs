//! What the outside is asked, and what its answers are worth.

use chatflow_core::{
    CallFailure, EffectBody, EventBody, Fact, OperatorAct, Refusal, RouteReason, Source,
    StatusKind, StepTarget, Value,
};

use crate::rig::{Dialog, asked, map, reply, said, text};

const BRANCHES: &str = "
flow: front
steps:
  topic:
    ai_route:
      branches: {Buy: wants to buy, buy: wants to sell, Repair: is broken}
    next: {otherwise: unclear, Buy: unclear, buy: unclear, Repair: unclear}
  unclear:
    finish: manual
    send: Hm.
";

#[test]
fn fl_05_branches_are_known_in_any_case_and_never_guessed() {
    use RouteReason::{Chosen, Invalid, NoMatch};
    let cases = [
        ("Repair", "Repair", Chosen),
        (" \"REPAIR\". ", "Repair", Chosen),
        ("Buy", "Buy", Chosen),
        ("buy", "buy", Chosen),
        ("BUY", "otherwise", Invalid),
        ("Repair it", "otherwise", Invalid),
        ("Otherwise.", "otherwise", NoMatch),
    ];
    for (answer, expected, reason) in cases {
        let mut dialog = Dialog::of(BRANCHES);
        dialog.says("hm");
        let call = dialog.call();
        let chosen = dialog.answers(call, reply(answer)).unwrap();
        let facts = chosen.facts.iter();
        let mut routes = facts.filter_map(|fact| match fact {
            Fact::RouteChosen { exit, why, .. } => Some((exit.as_str(), *why)),
            _ => None,
        });
        assert_eq!(routes.next(), Some((expected, reason)), "{answer}");
    }
}

const PAID: &str = "
flow: paid
bot:
  ai:
    model: small
    dialog_budget: 1
    over_budget: manual
    prices: {small: {input: 0.1, output: 0.1}, big: {input: 1, output: 2}}
steps:
  talk:
    ai_reply: {goal: Help the contact, model: big}
    finish: waiting
    next: topic
  topic:
    ai_route:
      branches: {buy: wants to buy}
    next: {otherwise: unclear, buy: unclear}
  unclear:
    send: Hm.
    finish: waiting
    next: talk
";

#[test]
fn ai_14_ai_03_a_dialogs_budget_stops_models_alone() {
    let mut dialog = Dialog::of(PAID);
    dialog.says("hi");
    let answer = map(&[
        ("text", Value::from("Hello!")),
        ("tokens_in", Value::Integer(400_000)),
        ("tokens_out", Value::Integer(300_000)),
    ]);
    let call = dialog.call();
    dialog.answers(call, answer).unwrap();
    // By the price of the model that the step names, not of the bot's.
    assert_eq!(dialog.snapshot.usage.cost.to_string(), "1");
    let routed = dialog.says("and now?");
    assert_eq!(said(&routed), ["Hm."], "the fallback, and nobody is asked");
    let spent = RouteReason::Failed(CallFailure::OverBudget);
    let is_told = |fact: &Fact| matches!(fact, Fact::RouteChosen { why, .. } if *why == spent);
    assert!(routed.facts.iter().any(is_told));
    let stopped = dialog.says("hello?");
    assert_eq!(dialog.shows(), StatusKind::Manual);
    assert!(stopped.effects.is_empty());
    let advise = OperatorAct::Advise { language: None };
    let operator = "olga".into();
    let act = EventBody::OperatorActed {
        operator,
        act: advise,
    };
    assert_eq!(dialog.turn(act).unwrap_err(), Refusal::OverBudget);
    let written = dialog.acts(OperatorAct::Reply("I am here.".into()));
    assert_eq!(said(&written), ["I am here."], "people write on");
}

#[test]
fn ai_11_advice_is_in_the_language_asked_for_and_on_the_last_message_only() {
    let mut dialog = Dialog::of(BRANCHES);
    dialog.says("hi");
    let advise = || OperatorAct::Advise {
        language: Some("de".to_owned()),
    };
    let (call, request) = asked(&dialog.acts(advise()));
    assert!(text(&request, "system").contains("`de`"));
    let advised = dialog.answers(call, reply("Guten Tag")).unwrap();
    assert!(advised.effects.is_empty());
    assert!(dialog.snapshot.advice.is_some());
    dialog.says("wait");
    assert!(
        dialog.snapshot.advice.is_none(),
        "it was on another message"
    );
    let (call, _) = asked(&dialog.acts(advise()));
    dialog.says("hello?");
    let late = dialog.answers(call, reply("Guten Tag")).unwrap();
    assert!(late.effects.is_empty(), "only its cost is noted");
    assert!(dialog.snapshot.advice.is_none());
}

#[test]
fn fl_15_the_click_is_that_of_the_last_visit() {
    let mut dialog = Dialog::of(
        "
flow: deposit
steps:
  sum:
    ask: {question: How much?, save: sum}
  tell:
    track: {event: deposit}
    finish: finished
",
    );
    for click in ["first", "last"] {
        let source = Source {
            click_id: Some(click.into()),
            ..Source::default()
        };
        let source = Some(Box::new(source));
        let message = "/start".into();
        dialog.turn(EventBody::Started { source, message }).unwrap();
    }
    let answered = dialog.says("5");
    let reports = answered.effects.iter();
    let mut reports = reports.filter_map(|effect| match &effect.body {
        EffectBody::Tell { report, .. } => Some(text(report, "click_id")),
        _ => None,
    });
    assert_eq!(reports.next().as_deref(), Some("last"));
}

const CALLS: &str = "
flow: calls
bot: {error_retry: {times: 2, after: 5m}}
steps:
  price:
    webhook: {url: \"https://shop.example/price\"}
    timeout: 10s
    next: {failure: talk, timeout: name, next: talk}
  talk:
    ai_reply: Help the contact
    next: name
  name:
    ask: {question: Your name?, save: name}
    finish: finished
";

#[test]
fn ai_13_answers_to_a_step_that_was_left_are_late() {
    let mut dialog = Dialog::of(CALLS);
    dialog.says("hi");
    let price = dialog.call();
    dialog.at(10).fires("step");
    let late = dialog.answers(price, Value::Null).unwrap_err();
    assert_eq!(late, Refusal::LateAnswer);
    // A person chooses another step, and the status stays.
    let mut dialog = Dialog::of(CALLS);
    dialog.says("hi");
    dialog.fails();
    let talk = dialog.call();
    dialog.acts(OperatorAct::set(None, Some(StepTarget::step("name"))));
    assert_eq!(dialog.shows(), StatusKind::Auto);
    let late = dialog.answers(talk, reply("Hello!")).unwrap();
    assert!(late.effects.is_empty(), "only its cost is noted");
    let again = dialog.answers(talk, reply("Hello!")).unwrap_err();
    assert_eq!(again, Refusal::LateAnswer);
}

#[test]
fn st_45_a_step_is_tried_again_so_often_and_counted_anew_once_it_works() {
    let mut dialog = Dialog::of(CALLS);
    dialog.says("hi");
    dialog.at(10).fails();
    dialog.fails();
    for n in 1..=2 {
        assert_eq!(dialog.snapshot.retries, n);
        dialog.at(10 + 300 * i64::from(n)).fires("retry");
        dialog.fails();
    }
    assert_eq!(dialog.due("retry"), None, "twice is enough");
    // An operator's try counts none of them, and what was planned is over.
    dialog.acts(OperatorAct::Retry);
    dialog.fails();
    assert!(dialog.due("retry").is_some());
    dialog.acts(OperatorAct::Retry);
    assert_eq!(dialog.due("retry"), None);
    dialog.fails();
    dialog.at(2000).fires("retry");
    let call = dialog.call();
    dialog.answers(call, reply("Hello!")).unwrap();
    assert_eq!(dialog.snapshot.retries, 0, "it works");
}

#[test]
fn ai_13_an_answer_is_late_once_the_contact_writes_again() {
    let flow = BRANCHES.replace("steps:", "bot: {quiet_time: 60s}\nsteps:");
    let mut dialog = Dialog::of(&flow);
    dialog.says("hm");
    dialog.at(60).fires("held");
    let call = dialog.call();
    // It is held, so nothing new is asked yet.
    dialog.at(70).says("no, wait");
    assert!(dialog.snapshot.call.is_none());
    let late = dialog.answers(call, reply("buy")).unwrap();
    assert!(late.effects.is_empty(), "only its cost is noted");
    assert_eq!(dialog.snapshot.held.len(), 1);
    dialog.at(130).fires("held");
    assert_ne!(dialog.call(), call);
}
