//! `chatflow graph`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{Bot, FlowFiles, Message, Outcome, Step, StepContext, Worker};
use chatflow_core::{Flow as _, FlowBuilder};
use chatflow_store_sqlite::SqliteStore;
use futures::executor::block_on;

use super::{Folder, LEAD, examples, soon};

const MAIN: &str = "\
flow: main
steps:
  size:
    ask: {question: Which size?, choices: [small, large]}
    timeout: 1h
    next: {timeout: late}
  ask:
    call_flow: lead
  bye:
    send: Bye.
    finish: finished
  late:
    send: Too late.
    finish: manual
";

#[test]
fn a_flow_is_drawn_in_three_forms() {
    let folder = Folder::with("main.yaml", MAIN).file("lead.yaml", LEAD);
    folder.run(&["graph", "main.yaml", "lead.yaml"]).prints(
        0,
        "flowchart TD\n    start((\" \"))\n    \
         n0[\"size<br/>ask, 1h\"]\n    \
         n1[\"ask<br/>call_flow\"]\n    \
         n2[\"bye<br/>send, finished\"]\n    \
         n3[\"late<br/>send, manual\"]\n    \
         o0([\"operator\"])\n    \
         o1[[\"flow lead\"]]\n    \
         o2([\"end\"])\n    \
         start --> n0\n    \
         n0 -->|\"next\"| n1\n    \
         n0 -->|\"gave_up\"| o0\n    \
         n0 -.->|\"timeout\"| n3\n    \
         n1 --> o1\n    \
         n1 -->|\"next\"| n2\n    \
         n2 -->|\"next\"| o2\n    \
         n3 -->|\"next\"| o0\n",
    );
    let dot = folder.run(&["graph", "main.yaml", "lead.yaml", "--format", "dot"]);
    assert_eq!(dot.code, 0);
    assert!(dot.out.starts_with("digraph \"main\" {\n"), "{dot:?}");
    let dashed = "n0 -> n3 [label=\"timeout\", style=dashed];";
    assert!(dot.out.contains(dashed), "{dot:?}");
    let svg = folder.run(&["graph", "main.yaml", "lead.yaml", "--format", "svg"]);
    assert_eq!(svg.code, 0);
    is_xml(&svg.out);
    assert_eq!(
        svg.out.matches("<rect").count(),
        8,
        "a start, 4 steps, 3 others"
    );
    assert_eq!(svg.out.matches("class=\"way").count(), 8);
    assert_eq!(svg.out.matches("class=\"way late\"").count(), 1);
}

#[test]
fn another_flow_is_drawn_on_wish_and_one_that_is_only_called_returns() {
    let folder = Folder::with("main.yaml", MAIN).file("lead.yaml", LEAD);
    let lead = folder.run(&["graph", "main.yaml", "lead.yaml", "--flow", "lead"]);
    assert!(lead.out.contains("([\"return\"])"), "{lead:?}");
    let alone = folder.run(&["graph", "lead.yaml"]);
    assert!(alone.out.contains("([\"end\"])"), "{alone:?}");
    folder
        .run(&["graph", "main.yaml", "lead.yaml", "--flow", "laed"])
        .is_refused("there is no flow `laed`", "choose one of `lead`, `main`");
}

#[test]
fn hostile_names_are_only_names() {
    let hostile = r#"a"]-->x</text><script>alert(1)</script>&'\\"#;
    let yaml = format!(
        "flow: {name}\nsteps:\n  {name}:\n    keywords: {{routes: {{{name}: [yes]}}}}\n    timeout: 1h\n  {long}:\n    send: x\n    finish: finished\n",
        name = serde_json::to_string(hostile).unwrap(),
        long = "n".repeat(100),
    );
    let folder = Folder::with("f.yaml", &yaml);
    let svg = folder.run(&["graph", "f.yaml", "--format", "svg"]);
    assert_eq!(svg.code, 0, "{svg:?}");
    is_xml(&svg.out);
    assert!(!svg.out.contains("<script"), "{svg:?}");
    assert!(svg.out.contains("&lt;script&gt;"), "{svg:?}");
    assert!(
        svg.out.contains(&format!(">{}…<", "n".repeat(40))),
        "{svg:?}"
    );
    let mermaid = folder.run(&["graph", "f.yaml"]);
    assert!(
        !mermaid.out.contains("<script") && !mermaid.out.contains("x</"),
        "{mermaid:?}"
    );
    let dot = folder.run(&["graph", "f.yaml", "--format", "dot"]);
    assert!(dot.out.contains(r#"label="a\"]-->x"#), "{dot:?}");
}

#[test]
fn a_flow_of_ten_thousand_steps_is_drawn_in_time() {
    let mut yaml = String::from("flow: f\nsteps:\n");
    for n in 0..10_000 {
        yaml.push_str(&format!(
            "  s{n}: {{ask: x, next: {{gave_up: s{}}}}}\n",
            n / 2
        ));
    }
    let folder = Folder::with("f.yaml", &yaml);
    let ended = soon(|| folder.run(&["graph", "f.yaml", "--format", "svg"]));
    assert_eq!(ended.code, 0, "{}", ended.says);
    is_xml(&ended.out);
}

#[test]
fn live_counts_come_from_the_journals() {
    let folder = Folder::with("main.yaml", MAIN).file("lead.yaml", LEAD);
    played(&folder.path("shop.db"));
    let arguments = ["graph", "main.yaml", "lead.yaml", "--db", "shop.db"];
    let ended = folder.run(&arguments);
    assert_eq!((ended.code, ended.says.as_str()), (0, ""), "{ended:?}");
    for line in [
        // Clara has not answered, Boris's time is over, Anna and Dora went through.
        "n0[\"size<br/>ask, 1h<br/>1 dialog here\"]",
        "n2[\"bye<br/>send, finished<br/>0 dialogs here\"]",
        "n3[\"late<br/>send, manual<br/>1 dialog here\"]",
        "n0 -->|\"next #40;2#41;\"| n1",
        "n0 -.->|\"timeout #40;1#41;\"| n3",
        "n1 -->|\"#40;2#41;\"| o1",
        "n1 -->|\"next #40;1#41;\"| n2",
        "n2 -->|\"next #40;1#41;\"| o2",
        "n3 -->|\"next #40;1#41;\"| o0",
    ] {
        assert!(ended.out.contains(line), "{line}: {}", ended.out);
    }
    // The step of the flow called is counted there, though its name is that of no step here.
    let mut lead = arguments.to_vec();
    lead.extend(["--flow", "lead"]);
    let lead = folder.run(&lead);
    for line in [
        "n0[\"name<br/>ask, 1h<br/>1 dialog here\"]",
        "n0 -->|\"next #40;1#41;\"| n1",
    ] {
        assert!(lead.out.contains(line), "{line}: {}", lead.out);
    }
}

#[test]
fn without_a_file_the_flow_is_the_newest_of_the_database() {
    let folder = Folder::with("main.yaml", MAIN).file("lead.yaml", LEAD);
    let database = folder.path("shop.db");
    played(&database);
    let from_files = folder.run(&["graph", "main.yaml", "lead.yaml", "--db", "shop.db"]);
    // It reads beside whoever writes.
    let _writer = SqliteStore::open(&database).unwrap();
    let from_database = folder.run(&["graph", "--db", "shop.db"]);
    from_database.prints(0, &from_files.out);
    let lead = folder.run(&["graph", "--db", "shop.db", "--flow", "lead"]);
    assert!(
        lead.out.contains("name<br/>ask, 1h<br/>1 dialog"),
        "{lead:?}"
    );
    folder
        .run(&["graph", "--db", "shop.db", "--flow", "none"])
        .is_refused("there is no flow `none`", "`lead`, `main`");
    folder
        .run(&["graph", "--db", "shop.db", "--bot", "none"])
        .is_refused("there is no bot `none`", "`shop`");
    folder
        .run(&["graph", "--db", "none.db"])
        .is_refused("none.db does not exist", "check the path");
    folder
        .run(&["graph", "--db", "main.yaml"])
        .is_refused("main.yaml", "");
    assert!(!folder.path("none.db").exists());
}

#[test]
fn turns_that_can_not_be_read_are_told() {
    let folder = Folder::with("main.yaml", MAIN).file("lead.yaml", LEAD);
    played(&folder.path("shop.db"));
    let connection = rusqlite::Connection::open(folder.path("shop.db")).unwrap();
    let sql = "UPDATE journal SET body = x'0193' WHERE revision = 1";
    assert_eq!(connection.execute(sql, []).unwrap(), 4);
    drop(connection);
    let ended = folder.run(&["graph", "main.yaml", "lead.yaml", "--db", "shop.db"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.starts_with("flowchart TD\n"), "{ended:?}");
    assert_eq!(
        ended.says,
        "chatflow: 4 stored turns can't be read and are not counted\n"
    );
}

#[test]
fn a_database_without_dialogs_or_with_several_bots_asks_for_more() {
    let folder = Folder::with("lead.yaml", LEAD);
    drop(SqliteStore::open(folder.path("empty.db")).unwrap());
    folder
        .run(&["graph", "--db", "empty.db"])
        .is_refused("empty.db has no dialogs yet", "name a flow file");
    for bot in ["one", "two"] {
        let flow = FlowBuilder::new(format!("flow_of_{bot}"), 1)
            .step("echo", Echo)
            .build()
            .unwrap();
        let talk = Talk::open(&folder.path("two.db"), &Bot::new(bot, flow));
        talk.says("anna", "hi");
    }
    folder
        .run(&["graph", "--db", "two.db"])
        .is_refused("there are several bots", "`one`, `two`");
    // The flow's code is of a program that isn't this one, and it is drawn all the same.
    let two = folder.run(&["graph", "--db", "two.db", "--bot", "two"]);
    assert_eq!(two.code, 0, "{two:?}");
    assert!(
        two.out.contains("echo<br/>custom<br/>1 dialog here"),
        "{two:?}"
    );
}

#[test]
fn the_examples_can_be_drawn() {
    let path = |name: &str| examples().join(name).display().to_string();
    let (support, rating) = (path("support.yaml"), path("rating.yaml"));
    for format in ["mermaid", "dot", "svg"] {
        let ended = Folder::new().run(&["graph", &support, &rating, "--format", format]);
        assert_eq!(ended.code, 0, "{ended:?}");
    }
}

/// Four contacts in the flow `main`: Anna goes through, Dora stands in the flow called, Boris
/// lets his time pass, Clara has just begun.
fn played(database: &Path) {
    let files = FlowFiles::new()
        .read("main.yaml", MAIN.as_bytes())
        .read("lead.yaml", LEAD.as_bytes());
    assert_eq!(files.flows().next().unwrap().id(), "main".into());
    let talk = Talk::open(database, &files.bot("shop").unwrap());
    for text in ["hi", "small", "Anna"] {
        talk.says("anna", text);
    }
    talk.says("boris", "hi");
    talk.clock.advance(Duration::from_secs(3600));
    block_on(talk.worker.step()).unwrap();
    for text in ["hi", "large"] {
        talk.says("dora", text);
    }
    talk.says("clara", "hi");
}

struct Talk {
    worker: Worker,
    channel: Arc<ScriptedChannel>,
    clock: Arc<ManualClock>,
}

impl Talk {
    fn open(database: &Path, bot: &Bot) -> Self {
        let channel = Arc::new(ScriptedChannel::new("terminal"));
        let clock = Arc::new(ManualClock::default());
        let store = Arc::new(SqliteStore::open(database).unwrap());
        let worker = Worker::builder(store, clock.clone())
            .bot(bot, channel.clone())
            .build()
            .unwrap();
        block_on(worker.start()).unwrap();
        Self {
            worker,
            channel,
            clock,
        }
    }

    fn says(&self, contact: &str, text: &str) {
        let key = format!("{contact}:{text}");
        let message = self.channel.says(contact, key, text);
        block_on(self.worker.receive(message)).unwrap();
        block_on(self.worker.step()).unwrap();
    }
}

struct Echo;

impl Step for Echo {
    fn kind(&self) -> &'static str {
        "echo"
    }

    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
        step.say(message.text().to_owned());
        Outcome::Wait
    }
}

/// Tags are closed in order, and text between them holds nothing that begins one.
#[track_caller]
fn is_xml(text: &str) {
    let mut open = Vec::new();
    for part in text.split('<').skip(1) {
        let (tag, rest) = part.split_once('>').expect("every tag ends");
        assert!(!rest.contains('>'), "{part}");
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).unwrap();
        match (tag.starts_with('/'), tag.ends_with('/')) {
            (true, _) => assert_eq!(open.pop(), Some(name)),
            (false, true) => {}
            (false, false) => open.push(name),
        }
        for entity in rest.split('&').skip(1) {
            let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
            assert!(
                known.iter().any(|known| entity.starts_with(known)),
                "{rest}"
            );
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
