//! `chatflow migrate plan`.

use std::path::Path;
use std::sync::Arc;

use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{FlowFiles, Worker};
use chatflow_store_sqlite::SqliteStore;
use futures::executor::block_on;

use super::Folder;

const FIRST: &str = "\
flow: order
steps:
  name:
    ask: {question: Name?, save: contact.name}
  meal:
    ask: {question: Meal?, save: meal}
    finish: finished
";

/// The same with its meal called a dish, and a policy.
fn second(upgrade: &str) -> String {
    let flow = FIRST.replace("meal:\n    ask", "dish:\n    ask");
    flow.replace("steps:", &format!("version: 2\nupgrade: {upgrade}\nsteps:"))
}

/// A database in which Anna is asked for her name, and Boris and Clara for a meal.
fn folder() -> Folder {
    let folder = Folder::with("first.yaml", FIRST);
    talk(&folder.path("shop.db"), "shop", FIRST, &["anna"]);
    talk(&folder.path("shop.db"), "shop", FIRST, &["boris", "clara"]);
    talk(&folder.path("shop.db"), "shop", FIRST, &["boris", "clara"]);
    folder
}

/// Lets each of them write once.
fn talk(db: &Path, bot: &str, flow: &str, who: &[&str]) {
    let files = FlowFiles::new().read("flow.yaml", flow.as_bytes());
    let store = Arc::new(SqliteStore::open(db).unwrap());
    let channel = Arc::new(ScriptedChannel::new(format!("channel of {bot}")));
    let worker = Worker::builder(store.clone(), Arc::new(ManualClock::default()))
        .bot(&files.bot(bot).unwrap(), channel.clone())
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    for who in who {
        let dialogs = block_on(chatflow_core::Store::dialogs(&*store, None, 99)).unwrap();
        let revisions: u64 = dialogs.iter().map(|dialog| dialog.revision).sum();
        let says = channel.says(who, format!("{who} {revisions}").as_str(), "hello");
        block_on(worker.receive(says)).unwrap();
    }
}

fn plan(folder: &Folder, to: &str, more: &[&str]) -> super::Ended {
    std::fs::write(folder.path("second.yaml"), to).unwrap();
    let arguments = [
        "migrate",
        "plan",
        "--from",
        "first.yaml",
        "--to",
        "second.yaml",
    ];
    let db = ["--db", "shop.db"];
    folder.run(&[&arguments[..], &db, more].concat())
}

#[test]
fn fl_52_a_plan_counts_each_policy_and_strands_nobody() {
    let folder = folder();
    let newest = "bot `shop`: 0 dialogs in the newest version of their flow\n";
    let lines = [
        ("pin", "3 dialogs, pin: stay there for good"),
        (
            "drain",
            "3 dialogs, drain: stay there until they leave the flow",
        ),
        (
            "{remap: {meal: dish}}",
            "3 dialogs, remap: go on in version 2",
        ),
        (
            "restart_flow",
            "3 dialogs, restart_flow: begin again in version 2",
        ),
        ("to_operator", "3 dialogs, to_operator: become Manual"),
    ];
    for (upgrade, line) in lines {
        let line = format!("{newest}flow `order` version 1: {line}\nnobody is stranded\n");
        plan(&folder, &second(upgrade), &[]).prints(0, &line);
    }
    // The flows that run already.
    let same = newest.replace('0', "3") + "nobody is stranded\n";
    plan(&folder, FIRST, &[]).prints(0, &same);
}

#[test]
fn fl_52_a_plan_names_who_would_be_stranded() {
    let folder = folder();
    plan(&folder, &second("restart_step"), &[]).prints(
        1,
        "bot `shop`: 0 dialogs in the newest version of their flow\n\
         flow `order` version 1: 1 dialog, restart_step: begin their step again in version 2\n\
         flow `order` version 1: 2 dialogs, stranded: have no step to go to in version 2\n\
         stranded: flow `order` version 1 step `meal`: 2 dialogs\n\
         2 dialogs would be stranded\n",
    );
    let json = plan(&folder, &second("restart_step"), &["--json"]);
    assert_eq!(json.code, 1);
    let expected = serde_json::json!({
        "bot": "shop",
        "upgrades": [
            {"flow": "order", "from": 1, "to": 2, "policy": "restart_step", "dialogs": 1},
            {"flow": "order", "from": 1, "to": 2, "policy": "stranded", "dialogs": 2},
        ],
        "stranded": [{"flow": "order", "version": 1, "step": "meal", "dialogs": 2}],
        "newest": 0,
    });
    assert_eq!(json.json(), expected);
    // A flow that is gone.
    let other = plan(&folder, &FIRST.replace("order", "other"), &[]);
    assert_eq!(other.code, 1);
    let line = "3 dialogs, stranded: the bot has no such flow any more";
    assert!(other.out.contains(line), "{other:?}");
}

#[test]
fn fl_52_a_plan_takes_folders_and_tells_bots_apart() {
    let folder = folder();
    talk(&folder.path("shop.db"), "kiosk", FIRST, &["dora"]);
    for (name, text) in [("old", FIRST.to_owned()), ("new", second("drain"))] {
        std::fs::create_dir(folder.path(name)).unwrap();
        std::fs::write(folder.path(name).join("order.yaml"), text).unwrap();
        std::fs::write(folder.path(name).join("notes.txt"), "no flow").unwrap();
    }
    let plan = [
        "migrate", "plan", "--from", "old", "--to", "new", "--db", "shop.db",
    ];
    folder
        .run(&plan)
        .is_refused("there are several bots", "`kiosk`, `shop`");
    let of = |bot| folder.run(&[&plan[..], &["--bot", bot]].concat());
    of("nobody").is_refused("there is no bot `nobody`", "`kiosk`, `shop`");
    let kiosk = of("kiosk");
    assert_eq!(kiosk.code, 0, "{kiosk:?}");
    assert!(kiosk.out.contains("1 dialog, drain"), "{kiosk:?}");
    assert!(of("shop").out.contains("3 dialogs, drain"));
}

#[test]
fn a_plan_that_can_not_be_made_is_refused() {
    let folder = folder();
    std::fs::create_dir(folder.path("empty")).unwrap();
    let run =
        |from, to, db| folder.run(&["migrate", "plan", "--from", from, "--to", to, "--db", db]);
    let (first, db) = ("first.yaml", "shop.db");
    run("none.yaml", first, db).is_refused("none.yaml does not exist", "check the path");
    run("empty", first, db).is_refused("the folder empty has no file", ".yaml");
    run(first, first, "none.db").is_refused("none.db does not exist", "after `--db`");
    let broken = second("{remap: {meal: nowhere}}");
    let ended = plan(&folder, &broken, &[]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(
        ended.says.contains("error[unknown_remap_step]"),
        "{ended:?}"
    );
    assert!(ended.says.contains("second.yaml:3:"), "{ended:?}");
    assert!(
        ended.says.contains("the flows after `--to` have errors"),
        "{ended:?}"
    );
}
