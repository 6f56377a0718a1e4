//! What models may cost.

mod outside;

use chatflow_core::{Amount, Behaviour, BotId, CallFailure, Decimal, OperatorAct, Usage};
use futures::executor::block_on;

use outside::{Outside, Play, Shop, all};

fn shop(budget: &str, outside: &std::sync::Arc<Outside>) -> Shop {
    let mut behaviour = Behaviour::default();
    behaviour.ai.budget = Some(Amount(decimal(budget)));
    Shop::built(behaviour, Default::default(), |builder| {
        all(outside, builder)
    })
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// A turn that used so much.
fn uses(shop: &Shop, cost: &str) {
    shop.hears("nothing");
    let config = shop.worker.configs().next().unwrap();
    let event = chatflow_core::Event::message(
        format!("{cost} after {}", shop.snapshot().revision),
        "nothing",
    );
    let now = chatflow_core::Clock::now(&*shop.clock);
    let transition = chatflow_core::Engine::handle(&config, shop.snapshot(), &event, now).unwrap();
    let mut turn = chatflow_core::TurnCommit::new(transition, event.key, None, None, now).unwrap();
    turn.usage = Usage {
        tokens_in: 1000,
        tokens_out: 200,
        cost: decimal(cost),
    };
    block_on(shop.store.commit(turn)).unwrap();
}

#[test]
fn ai_14_a_budget_of_nothing_asks_no_model() {
    let outside = Outside::always(Play::Answers);
    let shop = shop("0", &outside);
    shop.hears("model");
    shop.waits_long();
    assert_eq!(shop.said(), [CallFailure::OverBudget.to_string()]);
    assert!(outside.keys().is_empty(), "nobody is asked");
    assert_eq!(shop.answers(), [(Err(CallFailure::OverBudget), None)]);
    shop.acts(OperatorAct::Reply("Olga here".into()));
    shop.step();
    assert_eq!(shop.said(), ["Olga here"], "people go on");
}

#[test]
fn ai_14_a_model_is_asked_until_the_budget_is_used_up() {
    let outside = Outside::always(Play::Answers);
    let shop = shop("0.3", &outside);
    for (cost, asked) in [("0.1", 1), ("0.1", 2), ("0.0999999", 3), ("0.0000001", 3)] {
        uses(&shop, cost);
        shop.hears("model");
        shop.step();
        assert_eq!(outside.keys().len(), asked, "{cost}");
        shop.said();
    }
    let row = block_on(shop.worker.bot_row(&BotId::new("shop"))).unwrap();
    assert_eq!(row.usage.cost, decimal("0.3"));
    // Four by hand, and the three that were asked: their model has no price.
    assert_eq!((row.usage.tokens_in, row.usage.tokens_out), (7000, 1400));
}

#[test]
fn ai_14_only_models_are_held_to_the_budget() {
    let outside = Outside::always(Play::Answers);
    let shop = shop("0", &outside);
    for port in ["translator", "webhook", "membership", "robo", "ears"] {
        shop.hears(port);
        shop.step();
        assert!(shop.answers().last().unwrap().0.is_ok(), "{port}");
    }
    assert_eq!(outside.keys().len(), 5);
}
