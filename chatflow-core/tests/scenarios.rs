//! Every file in `scenarios/` holds, twice over and with the same transcript.
//!
//! A file's first lines say what plays in it: `# flow: NAME` one of `bots.rs`,
//! `# behaviour: {JSON}` how that bot behaves instead, `# seed: NUMBER` what its splits are
//! drawn from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use chatflow_core::testing::{Player, Scenario, block_on};

#[path = "scenarios/bots.rs"]
mod bots;
#[path = "scenarios/from_files.rs"]
mod from_files;
#[path = "scenarios/people.rs"]
mod people;
#[path = "scenarios/time.rs"]
mod time;
use bots::bot;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "scenario"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there are scenarios to play");
    files
}

/// Set `CHATFLOW_UPDATE_SCENARIOS=1` to rewrite the `<` lines as they happen; then read the
/// diff.
#[test]
fn every_scenario_file_holds() {
    let update = std::env::var_os("CHATFLOW_UPDATE_SCENARIOS").is_some();
    let mut failed = BTreeMap::new();
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let named = |sign: &str| text.lines().find_map(|line| line.strip_prefix(sign));
        let name = named("# flow: ").unwrap_or_else(|| panic!("{file} has no line `# flow: NAME`"));
        let mut bot = bot(name);
        if let Some(json) = named("# behaviour: ") {
            let behaviour = serde_json::from_str(json);
            bot = bot.behaviour(behaviour.unwrap_or_else(|error| panic!("{file}: {error}")));
        }
        let scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{file}, {error}"));
        let mut player = Player::new(bot);
        if let Some(seed) = named("# seed: ") {
            player = player.seed(
                seed.parse()
                    .unwrap_or_else(|error| panic!("{file}: {error}")),
            );
        }
        let played = block_on(player.play(&scenario)).unwrap_or_else(|error| {
            panic!("{file}, {error}");
        });
        if played.holds() {
            assert_eq!(played.updated, text, "{file} reads as it happened");
        } else if update {
            fs::write(&path, &played.updated).unwrap();
        } else {
            failed.insert(file.clone(), played.to_string());
        }
        let again = block_on(player.play(&scenario)).unwrap();
        assert_eq!(again, played, "{file} plays the same way twice");
    }
    let report: Vec<String> = failed
        .iter()
        .map(|(file, failures)| format!("{file}\n{failures}"))
        .collect();
    assert!(failed.is_empty(), "\n{}", report.join("\n\n"));
}
