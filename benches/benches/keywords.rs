//! What a message costs in a router of few keywords and of many: it grows with the text, not
//! with their number.

use std::hint::black_box;

use chatflow_core::{
    Address, Bot, Config, ContactView, Engine, Event, FlowBuilder, KeywordRouter, Snapshot, time,
};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

criterion_group!(group, keywords);
criterion_main!(group);

fn keywords(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("keywords");
    for count in [10, 1_000, 100_000] {
        let config = config(count);
        let waiting = waiting(&config);
        for words in [4, 40, 400] {
            let text = text(words);
            group.throughput(Throughput::Bytes(text.len() as u64));
            let event = Event::message("2", text);
            let now = time::from_millis(2_000);
            let id = BenchmarkId::new(format!("{count}_keywords"), format!("{words}_words"));
            group.bench_function(id, |bencher| {
                bencher.iter_batched(
                    || waiting.clone(),
                    |snapshot| Engine::handle(&config, snapshot, black_box(&event), now),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

/// A bot whose only step routes by so many keywords, each of two words.
fn config(count: usize) -> Config {
    let keywords = (0..count).map(|n| format!("product {n}"));
    let router = KeywordRouter::new()
        .route("product", keywords)
        .retry("Which product?");
    let flow = FlowBuilder::new("products", 1)
        .step("which", router)
        .build();
    let flow = flow.expect("the flow is a fixed one");
    Bot::new("shop", flow)
        .compile()
        .expect("the bot is a fixed one")
}

/// A dialog that waits for a message at the router.
fn waiting(config: &Config) -> Snapshot {
    let address = Address::new("bench", "7");
    let snapshot = config.open(address, ContactView::default(), time::from_millis(0));
    let event = Event::message("1", "hi");
    Engine::handle(config, snapshot, &event, time::from_millis(1_000))
        .expect("a message is taken")
        .snapshot
}

/// Words that begin like keywords and are none, so that the search has to look at each.
fn text(words: usize) -> String {
    let words: Vec<&str> = ["product", "Products", "of", "yours?"]
        .into_iter()
        .cycle()
        .take(words)
        .collect();
    words.join(" ")
}
