//! `chatflow schema`, `chatflow explain` and `chatflow export`.

use super::{Folder, LEAD, examples};

#[test]
fn the_schema_is_json() {
    let ended = Folder::new().run(&["schema"]);
    assert_eq!(ended.code, 0);
    let schema = ended.json();
    assert_eq!(schema["properties"]["flow"]["type"], "string");
}

#[test]
fn a_step_is_explained() {
    let folder = Folder::with("lead.yaml", LEAD);
    folder
        .run(&["explain", "lead.yaml", "--step", "name"])
        .prints(
            0,
            "Step `name` of flow `lead` asks a question and keeps the answer.\n  \
         asks: Your name?\n\
         Keeps: contact.name\n\
         It waits for the contact's message.\n\
         After 1h without an answer it leaves by `timeout`.\n\
         Leads:\n  \
         `next`: step `thanks`\n  \
         `gave_up`: a person\n  \
         `timeout`: a person\n\
         Reached from:\n  \
         the beginning of the flow\n",
        );
    folder
        .run(&["explain", "lead.yaml", "--step", "thanks"])
        .prints(
            0,
            "Step `thanks` of flow `lead` says something.\n  \
         says: Thank you, {{ name }}!\n\
         Reads: name\n\
         It doesn't wait.\n\
         Passing it ends the flow (Finished).\n\
         Leads:\n  \
         `next`: the end of the flow\n\
         Reached from:\n  \
         `name` by `next`\n",
        );
}

#[test]
fn texts_are_shown_in_each_language_and_other_flows_as_a_way_in() {
    let other = "flow: other\nsteps:\n  go:\n    change_flow: lead\n";
    let lead = LEAD.replace(
        "question: Your name?",
        "question: {en: Your name?, de: Ihr Name?}",
    );
    let folder = Folder::with("lead.yaml", &lead).file("other.yaml", other);
    let ended = folder.run(&[
        "explain",
        "lead.yaml",
        "--step",
        "name",
        "--with",
        "other.yaml",
    ]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for line in [
        "  asks (de): Ihr Name?\n",
        "  asks (en): Your name?\n",
        "  flow `other`, step `go`\n",
    ] {
        assert!(ended.out.contains(line), "{line}: {}", ended.out);
    }
}

#[test]
fn every_step_of_the_examples_can_be_explained() {
    let path = |name: &str| examples().join(name).display().to_string();
    let (support, rating) = (path("support.yaml"), path("rating.yaml"));
    for step in ["menu", "route", "delivery", "rate", "judge", "person"] {
        let arguments = ["explain", &support, "--with", &rating, "--step", step];
        let ended = Folder::new().run(&arguments);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.out.contains("\nReached from:\n"), "{ended:?}");
    }
}

#[test]
fn a_step_that_does_not_exist_is_named_with_the_one_that_was_meant() {
    let folder = Folder::with("lead.yaml", LEAD);
    folder
        .run(&["explain", "lead.yaml", "--step", "nmae"])
        .is_refused("has no step `nmae`", "it has `name`, `thanks`");
    folder
        .run(&["explain", "lead.yaml", "--step", "Thank"])
        .is_refused("has no step `Thank`", "did you mean `thanks`?");
    folder
        .run(&["explain", "lead.yaml", "--step", &"x".repeat(10_000)])
        .is_refused("flow `lead`", "it has `name`, `thanks`");
}

#[test]
fn an_exported_flow_is_the_same_flow_in_both_forms() {
    let lead = format!("bot: {{time_zone: Asia/Tokyo, tags: [vip]}}\n{LEAD}");
    let folder = Folder::with("lead.yaml", &lead);
    let json = folder.run(&["export", "lead.yaml", "--format", "json"]);
    assert_eq!(json.code, 0, "{json:?}");
    assert_eq!(json.json()["bot"]["time_zone"], "Asia/Tokyo");
    let folder = folder.file("lead.json", &json.out);
    let yaml = folder.run(&["export", "lead.json", "--format", "yaml"]);
    assert_eq!(yaml.code, 0, "{yaml:?}");
    let folder = folder.file("again.yaml", &yaml.out);
    assert_eq!(
        folder
            .run(&["export", "again.yaml", "--format", "json"])
            .out,
        json.out
    );
    assert_eq!(
        folder
            .run(&["export", "again.yaml", "--format", "yaml"])
            .out,
        yaml.out
    );
    assert_eq!(folder.run(&["check", "again.yaml"]).code, 0);

    let plain = Folder::with("lead.yaml", LEAD).run(&["export", "lead.yaml", "--format", "yaml"]);
    assert!(plain.out.starts_with("flow: lead\n"), "{plain:?}");
}

#[test]
fn a_flow_with_errors_is_neither_exported_nor_explained() {
    let folder = Folder::with("bad.yaml", &LEAD.replace("save:", "safe:"));
    for arguments in [
        &["export", "bad.yaml", "--format", "json"][..],
        &["explain", "bad.yaml", "--step", "name"],
        &["graph", "bad.yaml"],
    ] {
        let ended = folder.run(arguments);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
        assert!(ended.says.contains("bad.yaml:4:33"), "{ended:?}");
    }
}
