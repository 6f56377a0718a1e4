//! A/B splits through the engine: shares, stickiness, and weights that make no sense.

use chatflow_core::{
    Address, Bot, Config, ContactView, Engine, Event, Fact, FlowBuilder, FlowDefinition, FlowError,
    KeywordRouter, ProblemKind, SendMessage, Snapshot, Split, Transition, time,
};

fn flow(version: u32, offers: &[(&str, u32)]) -> Result<FlowDefinition, FlowError> {
    let split = offers
        .iter()
        .fold(Split::new(), |split, (arm, share)| split.arm(*arm, *share));
    FlowBuilder::new("offers", version)
        .step("offer", split)
        .step("old", SendMessage::text("The old price."))
        .exit("next", "again")
        .step("new", SendMessage::text("The new price."))
        .step("again", KeywordRouter::new().route("offer", ["again"]))
        .exit("otherwise", "again")
        .build()
}

fn config(version: u32, offers: &[(&str, u32)], seed: u64) -> Config {
    let bot = Bot::new("shop", flow(version, offers).unwrap());
    bot.seed(seed).compile().unwrap()
}

fn opened(config: &Config, who: u32) -> Snapshot {
    let address = Address::new("test", who.to_string());
    config.open(address, ContactView::default(), time::from_millis(0))
}

fn say(config: &Config, snapshot: Snapshot, key: &str, text: &str) -> Transition {
    let event = Event::message(key, text);
    Engine::handle(config, snapshot, &event, time::from_millis(1_000)).unwrap()
}

fn arm(transition: &Transition) -> &str {
    let mut facts = transition.facts.iter();
    facts
        .find_map(|fact| match fact {
            Fact::ArmTaken { arm, .. } => Some(arm.as_str()),
            _ => None,
        })
        .expect("an arm was taken")
}

#[test]
fn fl_11_a_hundred_thousand_dialogs_are_divided_as_given_and_replay_alike() {
    let config = config(1, &[("old", 70), ("new", 30)], 42);
    let mut new = 0_u32;
    for who in 0..100_000 {
        let transition = say(&config, opened(&config, who), "1", "hi");
        new += u32::from(arm(&transition) == "new");
        if who % 1_000 == 0 {
            let again = say(&config, opened(&config, who), "1", "hi");
            let bytes = |transition: &Transition| transition.encode_journal().unwrap();
            assert_eq!(bytes(&again), bytes(&transition));
        }
    }
    assert!((29_000..=31_000).contains(&new), "{new} of 100000 got 30 %");
}

#[test]
fn fl_12_a_dialog_takes_the_same_arm_again_after_a_restart_and_in_a_later_version() {
    let first = config(1, &[("old", 90), ("new", 10)], 42);
    let raised = config(2, &[("old", 80), ("new", 20)], 42);
    let other = config(1, &[("old", 90), ("new", 10)], 43);
    let (mut moved, mut differs) = (0, 0);
    for who in 0..2_000 {
        let came = say(&first, opened(&first, who), "1", "hi");
        let stored = came.snapshot.encode().unwrap();
        let back = say(&first, Snapshot::decode(&stored).unwrap(), "2", "again");
        assert_eq!(arm(&back), arm(&came), "dialog {who} passes twice");
        let later = say(&raised, opened(&raised, who), "1", "hi");
        assert!(
            arm(&came) == "old" || arm(&later) == "new",
            "{who} stays in"
        );
        moved += u32::from(arm(&came) != arm(&later));
        let reseeded = say(&other, opened(&other, who), "1", "hi");
        differs += u32::from(arm(&came) != arm(&reseeded));
    }
    assert!(
        (120..280).contains(&moved),
        "{moved} of 2000 moved into 10 %"
    );
    assert!(differs > 200, "another seed draws anew: {differs} of 2000");
}

#[test]
fn fl_13_shares_that_make_no_sense_name_the_step() {
    let problem = |offers: &[(&str, u32)]| {
        let error = flow(1, offers).unwrap_err();
        let problem = error.problems()[0].clone();
        assert_eq!(problem.step, Some("offer".into()));
        problem
    };
    let sum = |offers: &[(&str, u32)]| match problem(offers).kind {
        ProblemKind::WeightSum { sum } => sum,
        other => panic!("{other}"),
    };
    assert_eq!(sum(&[("old", 70), ("new", 29)]), 99);
    assert_eq!(sum(&[("old", u32::MAX), ("new", u32::MAX)]), 8_589_934_590);
    assert_eq!(problem(&[]).kind, ProblemKind::NoChoices);
    let none = problem(&[("old", 100), ("new", 0)]);
    assert_eq!(
        none.kind,
        ProblemKind::NoShare {
            arm: "new".to_owned()
        }
    );
    assert_eq!(none.at, ["split", "new"]);
    assert!(matches!(
        problem(&[("old", 50), ("old", 50)]).kind,
        ProblemKind::DuplicateExit { .. }
    ));
}
