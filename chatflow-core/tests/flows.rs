//! Every scenario in `flows/` holds, played to the flow files that its first line names.

use std::fs;
use std::path::Path;

use chatflow_core::FlowFiles;
use chatflow_core::testing::{Player, Scenario, block_on};

#[test]
fn every_scenario_holds_for_its_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/flows");
    let mut failed = Vec::new();
    let mut played = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "scenario") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let (first, _) = text.split_once('\n').unwrap();
        let files = first.strip_prefix("# files: ").unwrap().split(' ');
        let files = files.fold(FlowFiles::new(), |files, name| {
            files.read(name, &fs::read(folder.join(name)).unwrap())
        });
        let bot = files.bot("shop").unwrap();
        let scenario = Scenario::parse(&text).unwrap();
        let end = block_on(Player::new(bot).play(&scenario)).unwrap();
        if !end.holds() {
            failed.push(format!("{}\n{end}", path.display()));
        }
        played += 1;
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(played >= 12, "{played} scenarios");
}
