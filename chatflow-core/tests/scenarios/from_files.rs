//! Scenarios that flow files play: each of a folder holds for the files that its first line names,
//! twice over and with the same transcript.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use chatflow_core::FlowFiles;
use chatflow_core::testing::{Player, Scenario, block_on};

pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/scenarios")
        .join(name)
}

/// Set `CHATFLOW_UPDATE_SCENARIOS=1` to rewrite the `<` lines as they happen; then read the
/// diff.
pub(crate) fn holds(folder: &Path, name: &str) {
    let path = folder.join(format!("{name}.scenario"));
    let text = fs::read_to_string(&path).unwrap();
    let (first, _) = text.split_once('\n').unwrap();
    let files = first.strip_prefix("# files: ").expect(name).split(' ');
    let files = files.fold(FlowFiles::new(), |files, file| {
        files.read(file, &fs::read(folder.join(file)).unwrap())
    });
    let bot = files
        .bot("shop")
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let scenario = Scenario::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let player = Player::new(bot);
    let played = block_on(player.play(&scenario)).unwrap_or_else(|error| {
        panic!("{name}: {error}: {error:?}");
    });
    if !played.holds() && std::env::var_os("CHATFLOW_UPDATE_SCENARIOS").is_some() {
        fs::write(&path, &played.updated).unwrap();
        return;
    }
    assert!(played.holds(), "{name}\n{played}");
    let again = block_on(player.play(&scenario)).unwrap();
    assert_eq!(again, played, "{name} plays the same way twice");
}

/// The names of a folder's scenarios.
pub(crate) fn names(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).unwrap();
    files
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|file| Some(file.strip_suffix(".scenario")?.to_owned()))
        .collect()
}

/// A test for each group of a folder's scenarios, and one that none is left out.
macro_rules! scenarios {
    ($folder:literal: $($test:ident: $($name:literal),+;)*) => {
        $(
            #[test]
            fn $test() {
                $($crate::from_files::holds(&$crate::from_files::folder($folder), $name);)+
            }
        )*

        #[test]
        fn every_scenario_of_the_folder_is_played() {
            let listed = std::collections::BTreeSet::from([$($($name.to_owned()),+),*]);
            let there = $crate::from_files::names(&$crate::from_files::folder($folder));
            assert_eq!(there, listed);
        }
    };
}
pub(crate) use scenarios;
