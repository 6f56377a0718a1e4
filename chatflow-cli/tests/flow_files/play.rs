//! `chatflow play`.

use super::{Folder, LEAD, examples, soon};

const GOOD: &str = "> hi\n< Your name?\n> Anna\n< Thank you, Anna!\n? status finished\n";

#[test]
fn scenarios_that_hold_are_0() {
    let folder = Folder::with("lead.yaml", LEAD).file("a.scenario", GOOD);
    folder
        .run(&["play", "lead.yaml", "a.scenario"])
        .prints(0, "a.scenario: ok\n1 scenario, 1 ok, 0 failed\n");
}

#[test]
fn what_does_not_hold_is_shown_with_its_line() {
    let bad = GOOD.replace("Thank you, Anna", "Thanks, Anna");
    let folder = Folder::with("lead.yaml", LEAD)
        .file("a.scenario", GOOD)
        .file("b.scenario", &bad);
    let ended = folder.run(&["play", "lead.yaml", "a.scenario", "b.scenario"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    for part in [
        "a.scenario: ok\nb.scenario: FAILED\n  line 4: < Thanks, Anna!\n",
        "- Thanks, Anna!\n",
        "+ Thank you, Anna!\n",
        "2 scenarios, 1 ok, 1 failed\n",
    ] {
        assert!(ended.out.contains(part), "{part}: {}", ended.out);
    }
    assert_eq!(folder.read("b.scenario"), bad, "it is as it was");

    let json = folder.run(&["play", "lead.yaml", "b.scenario", "--json"]);
    assert_eq!(json.code, 1);
    let json = json.json();
    assert_eq!(
        (&json["ok"], &json["updated"]),
        (&false.into(), &false.into())
    );
    assert_eq!(json["failures"][0]["line"], 4);
    assert_eq!(json["failures"][0]["got"], "Thank you, Anna!");
}

#[test]
fn expected_lines_are_rewritten_on_wish() {
    let old = "# why\n> hi\n< Name?\n> Anna\n? status finished\n";
    let folder = Folder::with("lead.yaml", LEAD).file("a.scenario", old);
    let updated = folder.run(&["play", "lead.yaml", "a.scenario", "--update"]);
    updated.prints(0, "a.scenario: ok, rewritten\n1 scenario, 1 ok, 0 failed\n");
    assert_eq!(folder.read("a.scenario"), format!("# why\n{GOOD}"));
    let again = folder.run(&["play", "lead.yaml", "a.scenario", "--update", "--json"]);
    assert_eq!(again.json()["updated"], false);
    let left: Vec<_> = std::fs::read_dir(folder.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left.len(), 2, "{left:?}");

    // What only people can put right stays wrong.
    let folder = folder.file("b.scenario", "> hi\n< Name?\n? status manual\n");
    assert_eq!(
        folder
            .run(&["play", "lead.yaml", "b.scenario", "--update"])
            .code,
        1
    );
}

#[test]
fn a_folder_stands_for_its_scenarios_in_order() {
    let folder = Folder::with("lead.yaml", LEAD);
    std::fs::create_dir_all(folder.path("talks/deeper")).unwrap();
    folder
        .run(&["play", "lead.yaml", "talks"])
        .is_refused("there is no file *.scenario in talks", "name the scenarios");
    let folder = folder
        .file("talks/b.scenario", GOOD)
        .file("talks/a.scenario", GOOD)
        .file("talks/notes.txt", "not a scenario");
    let ended = folder.run(&["play", "lead.yaml", "talks"]);
    let files: Vec<&str> = ended
        .out
        .lines()
        .map(|line| line.rsplit_once(':').map_or(line, |(file, _)| file))
        .collect();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(
        files[0].ends_with("a.scenario") && files[1].ends_with("b.scenario"),
        "{ended:?}"
    );
}

#[test]
fn what_can_not_be_played_is_named_and_nothing_is_rewritten() {
    let folder = Folder::with("lead.yaml", LEAD)
        .file("old.scenario", "> hi\n")
        .file("bad.scenario", "> hi\n< Your name?\n$ what\n");
    std::fs::write(folder.path("bytes.scenario"), b"> hi\n> \xff\n").unwrap();
    let run = |name| soon(|| folder.run(&["play", "--update", "lead.yaml", "old.scenario", name]));
    run("bad.scenario").is_refused("bad.scenario: line 3: ", "a line begins with");
    run("bytes.scenario").is_refused("bytes.scenario: line 2: it isn't UTF-8", "save it");
    run("none.scenario").is_refused("none.scenario does not exist", "check the path");
    let huge = std::fs::File::create(folder.path("huge.scenario")).unwrap();
    huge.set_len(50 * 1024 * 1024).unwrap();
    run("huge.scenario").is_refused("huge.scenario has more than", "split it");
    assert_eq!(folder.read("old.scenario"), "> hi\n");
}

#[test]
fn a_flow_with_errors_is_told_and_not_played() {
    let folder = Folder::with("bad.yaml", &LEAD.replace("save:", "safe:")).file("a.scenario", GOOD);
    let ended = folder.run(&["play", "bad.yaml", "a.scenario"]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
    assert!(ended.says.contains("bad.yaml:4:33"), "{ended:?}");
}

#[test]
fn the_seed_decides_the_arms() {
    let flow = "flow: f\nsteps:\n  ab:\n    split: {a: 50, b: 50}\n  a:\n    send: A\n    finish: finished\n  b:\n    send: B\n    finish: finished\n";
    let folder = Folder::with("f.yaml", flow).file("a.scenario", "> hi\n< A\n");
    let codes: Vec<i32> = (0..20)
        .map(|seed| {
            let seed = seed.to_string();
            folder
                .run(&["play", "f.yaml", "a.scenario", "--seed", &seed])
                .code
        })
        .collect();
    assert!(codes.contains(&0) && codes.contains(&1), "{codes:?}");
    let again = folder.run(&["play", "f.yaml", "a.scenario", "--seed", "0"]);
    assert_eq!(again.code, codes[0], "the same seed, the same arm");
}

#[test]
fn the_examples_hold() {
    let folder = Folder::new();
    let path = |name: &str| examples().join(name).display().to_string();
    let lead = folder.run(&["play", &path("lead.yaml"), &path("scenarios/lead.scenario")]);
    assert_eq!(lead.code, 0, "{lead:?}");
    let support = folder.run(&[
        "play",
        &path("support.yaml"),
        "--with",
        &path("rating.yaml"),
        &path("scenarios/support-delivery.scenario"),
        &path("scenarios/support-silence.scenario"),
    ]);
    assert_eq!(support.code, 0, "{support:?}");
}
