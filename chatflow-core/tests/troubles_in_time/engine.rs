//! Turn by turn: what comes in the turn that leaves a version, what is counted, what stays bounded.

use chatflow_core::{
    Address, AiReply, AiSettings, Amount, Behaviour, Bot, CallFailure, ContactView, Decimal,
    Effect, EffectBody, EffectId, Engine, Event, EventBody, FinishStatus, FlowBuilder,
    FlowDefinition, Message, OperatorAct, Outcome, Price, SendMessage, Step, StepContext,
    Transition, TranslationSettings, Upgrade, Value, time,
};

use crate::rig::Talk;

/// AI-10, FL-52: a translation is not the step's call. It counts also where it comes in the turn
/// that leaves the step's version.
#[test]
fn a_translation_that_comes_in_the_turn_that_leaves_a_version_is_not_lost() {
    let (mut talk, first) = in_two_versions();
    assert_eq!(talk.snapshot.outgoing.len(), 1);
    let translator = first
        .effects
        .iter()
        .filter(
            |effect| matches!(&effect.body, EffectBody::Call { port, .. } if port == "translator"),
        )
        .map(|effect| effect.id)
        .find(|id| talk.snapshot.outgoing[0].call == Some(*id))
        .unwrap();
    let turn = answers(&mut talk, translator, Value::List(vec!["Hola.".into()]));
    assert_eq!(talk.snapshot.position.as_ref().unwrap().version, 2);
    let sends = |effect: &&Effect| matches!(effect.body, EffectBody::Send(_));
    assert_eq!(
        turn.effects.iter().filter(sends).count(),
        1,
        "{:?}",
        talk.snapshot.outgoing
    );
}

/// AI-05, FL-52: what a model has used is counted also where its answer comes in the turn that
/// leaves the version.
#[test]
fn an_answer_that_comes_in_the_turn_that_leaves_a_version_has_cost_something() {
    let (mut talk, first) = in_two_versions();
    let turn = answers(&mut talk, call(&first, "model"), model_answer(1000));
    assert_eq!(turn.usage.tokens_in, 1000);
}

#[derive(Debug)]
struct Thinks;

impl Step for Thinks {
    fn kind(&self) -> &'static str {
        "thinks"
    }

    fn receive(&self, _: &Message, step: &mut StepContext<'_>) -> Outcome {
        let request = [
            ("purpose".to_owned(), Value::from("reply")),
            ("system".to_owned(), Value::from("Answer.")),
            ("memory".to_owned(), Value::Integer(5)),
        ];
        step.call("model", Value::Map(request.into()));
        Outcome::Wait
    }

    fn answered(&self, _: &Result<Value, CallFailure>, _: &mut StepContext<'_>) -> Outcome {
        Outcome::Wait
    }
}

/// AI-05, AI-14: every call of the port `model` is counted, also that of a host's step.
#[test]
fn what_a_model_costs_that_a_hosts_step_asks_is_counted() {
    let flow = FlowBuilder::new("f", 1)
        .step("thinks", Thinks)
        .build()
        .unwrap();
    let mut talk = Talk::new(&Bot::new("bot", flow).behaviour(behaviour()));
    talk.says("hi");
    let asked = talk.says("how much?");
    let turn = answers(&mut talk, call(&asked, "model"), model_answer(1000));
    assert_eq!(turn.usage.tokens_in, 1000);
}

/// AI-10: everything that grows has a limit. While a translator is away, the calls for what a
/// contact writes stay bounded.
#[test]
fn the_calls_beside_a_flow_are_bounded() {
    let flow = FlowBuilder::new("f", 1)
        .step("hello", SendMessage::text("Hello."))
        .finish(FinishStatus::Manual)
        .build()
        .unwrap();
    let mut talk = Talk::new(&Bot::new("bot", flow).behaviour(behaviour()));
    for n in 0..1000 {
        talk.says(&format!("hola {n}"));
    }
    let calls = talk.snapshot.side_calls.len();
    assert!(
        calls < 500,
        "{calls} side calls, {} bytes",
        talk.snapshot.encode().unwrap().len()
    );
}

/// AI-10: the same holds for our own messages that wait for a translator.
#[test]
fn the_messages_that_wait_for_a_translation_are_bounded() {
    let flow = FlowBuilder::new("f", 1)
        .step("hello", SendMessage::text("Hello."))
        .finish(FinishStatus::Manual)
        .build()
        .unwrap();
    let mut talk = Talk::new(&Bot::new("bot", flow).behaviour(behaviour()));
    for n in 0..1000 {
        let act = OperatorAct::Reply(format!("{n}{}", "a".repeat(1000)).into());
        talk.event(EventBody::OperatorActed {
            operator: "olga".into(),
            act,
        });
    }
    let waiting = talk.snapshot.outgoing.len();
    let bytes = talk.snapshot.encode().unwrap().len();
    assert!(waiting < 500, "{waiting} batches, {bytes} bytes");
}

/// AI-10: what an operator corrects is translated before it takes the place of a translated
/// message.
#[test]
fn what_an_operator_corrects_is_translated_too() {
    let flow = FlowBuilder::new("f", 1)
        .step("hello", SendMessage::text("Hello."))
        .build()
        .unwrap();
    let behaviour = Behaviour {
        translation: Some(TranslationSettings {
            ours: "en".to_owned(),
            theirs: Some("es".to_owned()),
        }),
        ..Behaviour::default()
    };
    let config = Bot::new("shop", flow)
        .behaviour(behaviour)
        .compile()
        .unwrap();
    let now = time::from_millis(0);
    let snapshot = config.open(Address::new("t", "anna"), ContactView::default(), now);
    let act = |key: &str, act| {
        let operator = "olga".into();
        Event::new(key, EventBody::OperatorActed { operator, act })
    };
    let reply = act("1", OperatorAct::Reply("Godbye".into()));
    let first = Engine::handle(&config, snapshot, &reply, now).unwrap();
    let call = first
        .effects
        .iter()
        .find(|effect| matches!(effect.body, EffectBody::Call { .. }));
    let call = call.expect("a translator is asked").id;
    let answer = Value::List(vec!["Adios".into()]);
    let answered = Event::new(
        "2",
        EventBody::CallAnswered {
            call,
            answer: Ok(answer),
            detail: None,
        },
    );
    let second = Engine::handle(&config, first.snapshot, &answered, now).unwrap();
    let of = second.effects[0].id;
    let edit = act(
        "3",
        OperatorAct::Edit {
            of,
            text: "Goodbye".into(),
        },
    );
    let third = Engine::handle(&config, second.snapshot, &edit, now).unwrap();
    let is_raw = third.effects.iter().any(|effect| {
        matches!(&effect.body, EffectBody::Edit { message, .. } if message.translation().is_none())
    });
    assert!(
        !is_raw,
        "the contact would read English: {:?}",
        third.effects
    );
}

fn flow(version: u32) -> FlowDefinition {
    FlowBuilder::new("f", version)
        .step("hello", SendMessage::text("Hello."))
        .step("talk", AiReply::to("Answer."))
        .finish(FinishStatus::Waiting)
        .upgrade(Upgrade::RestartStep)
        .build()
        .unwrap()
}

fn in_two_versions() -> (Talk, Transition) {
    let one = Bot::new("bot", flow(1)).behaviour(behaviour());
    let mut talk = Talk::new(&one);
    let first = talk.says("hola");
    talk.config = one.flow(flow(2)).compile().unwrap();
    (talk, first)
}

fn behaviour() -> Behaviour {
    let thousand = Amount(Decimal::from(1000));
    let price = Price {
        input: thousand,
        output: thousand,
    };
    let ai = AiSettings {
        model: Some("small".to_owned()),
        prices: [("small".to_owned(), price)].into(),
        ..AiSettings::default()
    };
    Behaviour {
        ai,
        translation: Some(TranslationSettings {
            ours: "en".to_owned(),
            theirs: Some("es".to_owned()),
        }),
        ..Behaviour::default()
    }
}

fn answers(talk: &mut Talk, call: EffectId, answer: Value) -> Transition {
    let (answer, detail) = (Ok(answer), None);
    talk.event(EventBody::CallAnswered {
        call,
        answer,
        detail,
    })
}

fn call(transition: &Transition, wanted: &str) -> EffectId {
    let mut effects = transition.effects.iter();
    let call = effects
        .find(|effect| matches!(&effect.body, EffectBody::Call { port, .. } if port == wanted));
    call.expect(wanted).id
}

fn model_answer(tokens: i64) -> Value {
    Value::Map(
        [
            ("text".to_owned(), Value::from("Hi")),
            ("tokens_in".to_owned(), Value::Integer(tokens)),
            ("tokens_out".to_owned(), Value::Integer(0)),
        ]
        .into(),
    )
}
