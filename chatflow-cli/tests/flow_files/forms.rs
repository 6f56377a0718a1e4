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
fn what_rules_lead_to_is_explained() {
    let flow = "\
flow: shop
bot:
  postbacks: [{on: sale, step: {step: thanks}}]
  robots: {helps: {words: [help], step: {flow: shop, step: thanks}}}
steps:
  hello: {send: Hi, finish: finished}
  thanks: {send: Thank you!, finish: finished}
";
    let folder = Folder::with("shop.yaml", flow);
    let ended = folder.run(&["explain", "shop.yaml", "--step", "thanks"]);
    assert!(
        ended.out.ends_with(
            "Reached from:\n  \
             anywhere, when a tracker reports `sale`\n  \
             anywhere, by the robot `helps`\n"
        ),
        "{ended:?}"
    );
    let ended = folder.run(&["explain", "shop.yaml", "--step", "hello"]);
    assert!(
        ended
            .out
            .ends_with("Reached from:\n  the beginning of the flow\n"),
        "{ended:?}"
    );
}

#[test]
fn steps_that_ask_and_tell_the_outside_are_explained() {
    let flow = "\
flow: shop
steps:
  hello: {send: Hi, answer_after: 90s}
  size:
    ask: Which size?
    pushes: [{after: 1h, send: Still there?}]
  route:
    ai_route: {branches: {buy: Wants to buy}, goal: {en: Sell, de: Verkaufe}, model: small}
    next: {otherwise: look}
  look:
    webhook: {url: 'https://a.example/', json: {a: 1}}
    next: {failure: buy}
  buy: {assign: anna}
  wait: {delay: {for: 1h, until: '10:00'}}
  end: {finish: finished}
";
    let folder = Folder::with("shop.yaml", flow);
    for (step, lines) in [
        (
            "hello",
            "no earlier than 1m30s after the contact's last message\n",
        ),
        (
            "size",
            "reminds after 1h of silence:\n  says: Still there?\n",
        ),
        (
            "route",
            "`buy`: Wants to buy\n  goal (de): Verkaufe\n  goal (en): Sell\n  model: small\n\
             It waits for a message, unless one is left that no step has taken.\n\
             Leads:\n  `buy`: step `buy`\n  `otherwise`: step `look`\n",
        ),
        (
            "look",
            "json: a = 1\n  url: https://a.example/\n\
             It waits for the answer from outside.\n\
             Leads:\n  `next`: step `buy`\n  `failure`: step `buy`\n  `timeout`: step `buy`\n",
        ),
        (
            "buy",
            "operator: anna\nIt doesn't wait.\n\
             Passing it hands the dialog to a person (Manual).\n",
        ),
        ("wait", "for: 1h\n  until: 10:00\n"),
    ] {
        let ended = folder.run(&["explain", "shop.yaml", "--step", step]);
        assert_eq!(ended.code, 0, "{step}");
        assert!(ended.out.contains(lines), "{step}: {}", ended.out);
    }
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
