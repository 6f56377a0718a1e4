//! `chatflow check`.

use super::{Folder, LEAD, examples, soon};

#[test]
fn good_files_are_0_and_bad_ones_1() {
    let folder = Folder::with("lead.yaml", LEAD);
    let good = folder.run(&["check", "lead.yaml"]);
    assert_eq!(good.code, 0, "{good:?}");
    assert!(
        good.out.starts_with("0 errors, 0 warnings in 1 file\n"),
        "{good:?}"
    );
    assert_eq!(good.says, "");

    let folder = folder.file("bad.yaml", &LEAD.replace("save:", "safe:"));
    let bad = folder.run(&["check", "bad.yaml"]);
    bad.prints(
        1,
        "error[unreadable]\n\
         \n  x the key `safe` isn't known here\n   \
         ,-[bad.yaml:4:33]\n \
         3 |   name:\n \
         4 |     ask: {question: Your name?, safe: contact.name}\n   \
         :                                 ^^|^\n   \
         :                                   `-- here\n \
         5 |     timeout: 1h\n   \
         `----\n  \
         help: did you mean `save`?\n\
         \n1 error, 0 warnings in 1 file\n",
    );
}

#[test]
fn findings_are_json_for_programs() {
    let folder = Folder::with(
        "bad.yaml",
        &LEAD
            .replace("save:", "safe:")
            .replace("finish: finished", "next: nowhere"),
    );
    let ended = folder.run(&["check", "--format", "json", "bad.yaml"]);
    assert_eq!((ended.code, ended.says.as_str()), (1, ""), "{ended:?}");
    let report = ended.json();
    assert_eq!(report["errors"], 2);
    assert_eq!(report["warnings"], 0);
    assert_eq!(
        report["findings"][0],
        serde_json::json!({
            "severity": "error",
            "code": "unreadable",
            "message": "the key `safe` isn't known here",
            "hint": "did you mean `save`?",
            "file": "bad.yaml",
            "line": 4,
            "column": 33,
            "offset": 58,
            "length": 4,
            "flow": null,
            "step": null,
        })
    );
    let second = &report["findings"][1];
    assert_eq!(second["code"], "unknown_step");
    assert_eq!(
        (&second["flow"], &second["step"]),
        (&"lead".into(), &"thanks".into())
    );
    assert_eq!(
        (&second["line"], &second["column"]),
        (&8.into(), &11.into())
    );
    assert!(report["bounds"].is_array());

    let good = Folder::with("lead.yaml", LEAD).run(&["check", "--format", "json", "lead.yaml"]);
    assert_eq!(good.code, 0);
    assert_eq!(good.json()["findings"], serde_json::json!([]));
}

#[test]
fn files_are_checked_together_and_the_input_is_one_of_them() {
    let calling = "flow: main\nsteps:\n  go:\n    change_flow: lead\n";
    let folder = Folder::with("main.yaml", calling).file("lead.yaml", LEAD);
    assert_eq!(folder.run(&["check", "main.yaml"]).code, 1);
    let both = folder.run(&["check", "main.yaml", "lead.yaml"]);
    assert_eq!(both.code, 0, "{both:?}");
    assert!(both.out.contains("in 2 files"), "{both:?}");

    let ended = folder.run_with_input(&["check", "main.yaml", "-"], LEAD);
    assert_eq!(ended.code, 0, "{ended:?}");
    let bad = folder.run_with_input(&["check", "-"], "flow: [");
    assert_eq!(bad.code, 1, "{bad:?}");
    assert!(bad.out.contains("<stdin>:1:"), "{bad:?}");
}

#[test]
fn warnings_count_only_where_they_are_denied() {
    // Two routes take one word: the second never gets it.
    let flow = "flow: f\nsteps:\n  r:\n    keywords: {routes: {a: [yes], b: [yes]}, retry: What?}\n  a:\n    send: A\n    finish: finished\n  b:\n    send: B\n    finish: finished\n";
    let folder = Folder::with("f.yaml", flow);
    let report = folder.run(&["check", "--format", "json", "f.yaml"]).json();
    let warned = report["warnings"].as_u64().unwrap() > 0;
    assert_eq!(report["errors"], 0, "{report}");
    assert_eq!(folder.run(&["check", "f.yaml"]).code, 0);
    let denied = folder.run(&["check", "--deny", "warnings", "f.yaml"]);
    assert_eq!(denied.code, i32::from(warned), "{denied:?}");
}

#[test]
fn code_of_another_program_is_assumed() {
    let flow = "flow: f\nsteps:\n  crm:\n    custom: crm\n    next: {ok: bye, failed: bye}\n  bye:\n    send: Bye.\n    finish: finished\n";
    let folder = Folder::with("f.yaml", flow);
    let without = folder.run(&["check", "f.yaml"]);
    assert_eq!(without.code, 1);
    assert!(without.out.contains("[code_missing]"), "{without:?}");
    let with = folder.run(&["check", "--code", "crm=ok,failed", "f.yaml"]);
    assert_eq!(with.code, 0, "{with:?}");
    let other = folder.run(&["check", "--code", "crm=ok", "f.yaml"]);
    assert_eq!(other.code, 1, "`failed` is no exit of it then");
}

#[test]
fn colour_is_for_terminals_and_on_demand() {
    let folder = Folder::with("bad.yaml", "flow: [");
    assert!(!folder.run(&["check", "bad.yaml"]).out.contains('\u{1b}'));
    let always = folder.run(&["check", "--color", "always", "bad.yaml"]);
    assert!(always.out.contains("\u{1b}["), "{always:?}");
    let never = folder.run(&["check", "--color", "never", "bad.yaml"]);
    assert!(!never.out.contains('\u{1b}'));
}

/// Whatever is in a file, there is a finding with a place, soon, and no panic.
#[test]
fn hostile_files_are_told_with_a_place() {
    let bomb = {
        let mut text = String::from("flow: f\nsteps:\n  a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for n in 1..12 {
            let alias = format!("*a{}, ", n - 1).repeat(9);
            text.push_str(&format!("  a{n}: &a{n} [{alias}]\n"));
        }
        text
    };
    let long_line = format!(
        "{{\"flow\": \"f\", \"steps\": {{\"a\": {{\"send\": \"{}\", \"sned\": 1}}}}}}",
        "x".repeat(100_000)
    );
    let deep = format!("flow: f\nsteps: {}", "[".repeat(100_000));
    let files: &[(&str, &[u8], &str)] = &[
        ("empty", b"", ":1:1]"),
        ("tab", b"flow: f\nsteps:\n\ta:\n\t\tsend: x\n", ":3:"),
        (
            "type",
            b"flow: f\nversion: high\nsteps:\n  a:\n    send: x\n",
            ":2:10]",
        ),
        (
            "twice",
            b"flow: f\nsteps:\n  a:\n    send: x\n  a:\n    send: y\n",
            ":5:3]",
        ),
        (
            "kinds",
            b"flow: f\nsteps:\n  a:\n    send: x\n    ask: y\n",
            ":3:3]",
        ),
        ("bytes", b"flow: f\n# caf\xe9\nsteps: {}\n", ":2:6]"),
        ("bomb", bomb.as_bytes(), ":"),
        ("long", long_line.as_bytes(), ":1:100043]"),
        ("deep", deep.as_bytes(), ":2:"),
        ("zeros", &[0; 4096], ":1:1]"),
    ];
    for (name, bytes, place) in files {
        let folder = Folder::new();
        std::fs::write(folder.path("f.yaml"), bytes).unwrap();
        let ended = soon(|| folder.run(&["check", "f.yaml"]));
        assert_eq!(ended.code, 1, "{name}: {ended:?}");
        let placed = format!(",-[f.yaml{place}");
        assert!(ended.out.contains(&placed), "{name}: {}", ended.out);
        assert!(
            ended.out.len() < 20_000,
            "{name}: the file fills the screen"
        );
        let json = soon(|| folder.run(&["check", "--format", "json", "f.yaml"])).json();
        assert!(json["findings"][0]["line"].as_u64().unwrap() > 0, "{name}");
    }
}

#[test]
fn what_a_file_says_does_not_act_on_the_terminal() {
    let flow = "flow: f\nsteps:\n  \"a\\e[2J\":\n    sned: \u{202e}x\u{9b}2J\n";
    let folder = Folder::with("f.yaml", flow);
    let ended = folder.run(&["check", "f.yaml"]);
    assert_eq!(ended.code, 1);
    assert!(
        !ended.out.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
        "{ended:?}"
    );
}

#[test]
fn the_examples_are_without_fault_and_short() {
    let folder = Folder::new();
    let path = |name: &str| examples().join(name).display().to_string();
    let lead = folder.run(&["check", "--deny", "warnings", &path("lead.yaml")]);
    assert_eq!(lead.code, 0, "{lead:?}");
    let text = std::fs::read_to_string(examples().join("lead.yaml")).unwrap();
    assert!(
        text.lines().count() <= 40,
        "a newcomer reads it at a glance"
    );
    let (support, rating) = (path("support.yaml"), path("rating.yaml"));
    let support = folder.run(&["check", "--deny", "warnings", &support, &rating]);
    assert_eq!(support.code, 0, "{support:?}");
}
