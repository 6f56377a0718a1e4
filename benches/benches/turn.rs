//! One turn of the engine: a message into a question, alone and between the stored forms.

use std::hint::black_box;

use benches::{bot, message};
use chatflow_core::{
    Address, Config, ContactView, Engine, Event, EventKey, Snapshot, TurnCommit, time,
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

criterion_group!(group, turn);
criterion_main!(group);

fn turn(criterion: &mut Criterion) {
    let config = config();
    let asked = asked(&config);
    let bytes = asked.encode().expect("a snapshot of the engine is stored");
    let event = Event::message("2", "41");
    let now = time::from_millis(3_000);

    criterion.bench_function("turn/handle", |bencher| {
        bencher.iter_batched(
            || asked.clone(),
            |snapshot| Engine::handle(&config, snapshot, black_box(&event), now),
            BatchSize::SmallInput,
        );
    });
    criterion.bench_function("turn/decode_handle_encode", |bencher| {
        bencher.iter(|| {
            let snapshot = Snapshot::decode(black_box(&bytes)).expect("it was just encoded");
            let transition = Engine::handle(&config, snapshot, &event, now)
                .expect("the question takes a number");
            TurnCommit::new(
                transition,
                EventKey::from("2"),
                None,
                None,
                time::from_millis(1_000),
            )
            .expect("a transition of the engine is stored")
        });
    });
}

fn config() -> Config {
    let bot = bot().expect("the flow is a fixed one");
    bot.compile().expect("the bot is a fixed one")
}

/// A dialog that has been asked its contact's age.
fn asked(config: &Config) -> Snapshot {
    let address = Address::new("bench", "7");
    let mut snapshot = config.open(address, ContactView::default(), time::from_millis(0));
    for round in 0..2 {
        let event = Event::message(round.to_string(), message(round, 7));
        snapshot = Engine::handle(config, snapshot, &event, time::from_millis(1_000))
            .expect("the funnel takes its own messages")
            .snapshot;
    }
    snapshot
}
