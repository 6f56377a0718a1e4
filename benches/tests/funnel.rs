//! The workload says what it should, on the layers that need no disk.

use benches::{BYTES_PER_CONTACT, Layer, ROUNDS, bot, measure, message};
use chatflow_core::{Address, ContactView, EffectBody, Engine, Event, time};

#[test]
fn every_contact_gets_188_bytes_in_six_answers() {
    for layer in [Layer::Engine, Layer::Memory] {
        let measured = measure(layer, 20).unwrap();
        assert_eq!(measured.counted.len(), 20);
        for counted in measured.counted {
            assert_eq!(counted.sends, ROUNDS as u64, "{layer}");
            assert_eq!(counted.bytes, BYTES_PER_CONTACT, "{layer}");
        }
    }
}

#[test]
fn the_answers_are_these() {
    assert_eq!(
        answers(0),
        [
            "Welcome! What is your name?",
            "Nice to meet you, User0000000. How old are you?",
            "Please send a number from 1 to 120.",
            "Choose: A) basic B) pro",
            "You chose A. Send ok to finish.",
            "Done: User0000000, 20, A.",
        ]
    );
    assert_eq!(
        answers(61)[4..],
        [
            "You chose B. Send ok to finish.",
            "Done: User0000061, 21, B.",
        ]
    );
}

fn answers(contact: usize) -> Vec<String> {
    let config = bot().unwrap().compile().unwrap();
    let address = Address::new("bench", "someone");
    let mut snapshot = config.open(address, ContactView::default(), time::from_millis(0));
    let mut answers = Vec::new();
    for round in 0..ROUNDS {
        let event = Event::message(round.to_string(), message(round, contact));
        let transition =
            Engine::handle(&config, snapshot, &event, time::from_millis(1_000)).unwrap();
        for effect in transition.effects {
            let EffectBody::Send(message) = effect.body else {
                panic!("the funnel only sends");
            };
            answers.push(message.text().to_owned());
        }
        snapshot = transition.snapshot;
    }
    answers
}
