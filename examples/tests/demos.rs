//! FL-36: the demos of `flows/` are without fault and hold their scenarios, from the first word to
//! the last.

use std::fs;
use std::path::{Path, PathBuf};

use chatflow_core::testing::{Player, Scenario, block_on};
use chatflow_core::{Bot, FlowFiles};

fn flows() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("flows")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn demo(name: &str) -> Bot {
    let source = read(&flows().join(format!("{name}.yaml")));
    let lines = source.lines().count();
    assert!((60..=120).contains(&lines), "{name} has {lines} lines");
    let files = FlowFiles::new().read(name, source.as_bytes());
    let findings = files.check().findings;
    assert!(findings.is_empty(), "{name}: {findings:?}");
    files
        .bot("demo")
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Its first comment says how to run it, with the paths that it has.
fn says_how_it_is_run(name: &str) {
    let source = read(&flows().join(format!("{name}.yaml")));
    let comment = source.lines().take_while(|line| line.starts_with('#'));
    let flow = format!("examples/flows/{name}.yaml");
    let scenario = format!("examples/flows/scenarios/{name}.scenario");
    let play = format!("#   chatflow play {flow} {scenario}");
    assert_eq!(comment.filter(|line| **line == play).count(), 1, "{name}");
    let table = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"));
    assert!(
        table.contains(&format!("]({flow})")),
        "{name} isn't in the README"
    );
}

fn holds(name: &str) {
    says_how_it_is_run(name);
    let bot = demo(name);
    let text = read(&flows().join(format!("scenarios/{name}.scenario")));
    let scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let played = block_on(Player::new(bot).play(&scenario)).unwrap();
    assert!(played.holds(), "{name}\n{played}");
}

#[test]
fn fl_36_the_funnel_leads_to_a_person() {
    holds("demo_funnel");
}

#[test]
fn fl_36_a_model_leads_and_knows_when_to_stop() {
    holds("demo_ai");
}

#[test]
fn fl_36_a_tracker_leads() {
    holds("demo_auto");
}
