use super::*;
use crate::flow::{
    Ask, Branch, CallFlow, ChangeFlow, Condition, Finish, FlowBuilder, KeywordRouter, SendMessage,
    SetValues, Split,
};
use std::time::Duration;

fn leads(graph: &FlowGraph, step: &str) -> Vec<(String, GraphTarget, bool)> {
    let step = StepId::from(step);
    let ways = graph.ways_out_of(&step);
    ways.map(|way| (way.exit.clone(), way.to.clone(), way.resumes))
        .collect()
}

fn to(step: &str) -> GraphTarget {
    GraphTarget::Step(step.into())
}

#[test]
fn exits_lead_where_the_compiled_flow_goes() {
    let flow = FlowBuilder::new("shop", 1)
        .step(
            "menu",
            KeywordRouter::new()
                .route("buy", ["buy"])
                .route("help", ["help"]),
        )
        .timeout(Duration::from_secs(60))
        .step("size", Ask::text("Which?"))
        .timeout(Duration::from_secs(60))
        .step("known", Branch::when("buy", Condition::known("size")))
        .exit("otherwise", "menu")
        .step("ab", Split::new().arm("a", 50).arm("help", 50))
        .step("call", CallFlow::to("pay"))
        .step("help", Finish::with(FinishStatus::Manual))
        .step("buy", SendMessage::text("Fine."))
        .finish(FinishStatus::Finished)
        .exit("next", "menu")
        .step("away", ChangeFlow::to("other").step("there"))
        .step(
            "words",
            KeywordRouter::new().route("buy", ["buy"]).retry("What?"),
        )
        .step("last", SendMessage::text("Bye."))
        .build()
        .unwrap();
    let graph = FlowGraph::of(&flow);
    let way = |exit: &str, to: GraphTarget| (exit.to_owned(), to, false);
    // By its own name, else to the step listed next; `otherwise` and `timeout` never by name.
    assert_eq!(
        leads(&graph, "menu"),
        [
            way("buy", to("buy")),
            way("help", to("help")),
            way("otherwise", to("size")),
            way("timeout", to("size")),
        ]
    );
    assert_eq!(
        leads(&graph, "size"),
        [
            way("next", to("known")),
            way("gave_up", GraphTarget::Operator),
            way("timeout", GraphTarget::Operator),
        ]
    );
    assert_eq!(
        leads(&graph, "known"),
        [way("buy", to("buy")), way("otherwise", to("menu"))]
    );
    assert_eq!(
        leads(&graph, "ab"),
        [way("a", to("call")), way("help", to("help"))]
    );
    let pay = GraphTarget::Flow {
        flow: "pay".into(),
        step: None,
    };
    assert_eq!(
        leads(&graph, "call"),
        [way("", pay), way("next", to("help"))]
    );
    assert_eq!(
        leads(&graph, "help"),
        [
            way("next", GraphTarget::Operator),
            ("next".to_owned(), to("buy"), true),
        ]
    );
    assert_eq!(leads(&graph, "buy"), [way("next", GraphTarget::End)]);
    let there = GraphTarget::Flow {
        flow: "other".into(),
        step: Some("there".into()),
    };
    assert_eq!(leads(&graph, "away"), [way("", there)]);
    // It asks again where nothing fits, and never leaves by `otherwise`.
    assert_eq!(leads(&graph, "words"), [way("buy", to("buy"))]);
    assert_eq!(leads(&graph, "last"), [way("next", GraphTarget::End)]);
    let returning = graph.returning();
    assert_eq!(
        leads(&returning, "last"),
        [way("next", GraphTarget::Return)]
    );
}

#[test]
fn a_node_names_what_it_reads_and_keeps() {
    let flow = FlowBuilder::new("f", 1)
        .step("a", Ask::text("Hello {{ name }}, {{ name }}?").save("city"))
        .step("b", SetValues::new().set("visits", 1))
        .build()
        .unwrap();
    let graph = FlowGraph::of(&flow);
    assert_eq!(graph.nodes[0].reads, ["name"]);
    assert_eq!(graph.nodes[0].keeps, ["city"]);
    assert_eq!(graph.nodes[1].keeps, ["visits"]);
    assert!(graph.nodes[0].waits && !graph.nodes[1].waits);
}

#[test]
fn no_name_means_anything_to_the_program_that_draws() {
    let hostile = "a\"] --> x; click x \"javascript:1\" <b> %% \\ #quot; |";
    let flow = FlowBuilder::new(hostile, 1)
        .step(hostile, KeywordRouter::new().route(hostile, ["x"]))
        .step("long", SendMessage::text("x"))
        .build()
        .unwrap();
    let mut graph = FlowGraph::of(&flow);
    graph.nodes[1].step = "n".repeat(100).into();
    graph.edges.retain(|edge| edge.from != "long".into());
    let mermaid = graph.to_mermaid();
    let first = mermaid.lines().nth(2).unwrap();
    assert!(
        first.starts_with("    n0[\"a#34;#93; --#62; x#59; click x #34;javascript"),
        "{first}"
    );
    assert!(first.ends_with("<br/>keywords\"]"), "{first}");
    for line in mermaid.lines() {
        assert_eq!(line.matches('"').count() % 2, 0, "{line}");
        assert!(
            !line.contains("\"] --> x") && !line.contains("<b>"),
            "{line}"
        );
    }
    assert!(mermaid.contains(&format!("n1[\"{}…<br/>send\"]", "n".repeat(40))));
    let dot = graph.to_dot();
    assert!(
        dot.contains("n0 [label=\"a\\\"] --> x; click x \\\"javascript"),
        "{dot}"
    );
    assert!(dot.starts_with("digraph \"a\\\"]"), "{dot}");
    let acting = GraphTarget::Step("a\nb\u{202e}c\u{1b}".into());
    assert_eq!(acting.label(), "a\u{fffd}b\u{fffd}c\u{fffd}");
}

#[test]
fn counts_and_time_outs_are_drawn() {
    let flow = FlowBuilder::new("f", 1)
        .step("size", Ask::text("Which?"))
        .timeout(Duration::from_secs(3600))
        .step("bye", SendMessage::text("Bye."))
        .build()
        .unwrap();
    let mut graph = FlowGraph::of(&flow);
    graph.nodes[0].dialogs = Some(2);
    graph.edges[0].taken = Some(3);
    let mermaid = graph.to_mermaid();
    assert_eq!(
        mermaid,
        "flowchart TD\n    start((\" \"))\n    \
         n0[\"size<br/>ask, 1h<br/>2 dialogs here\"]\n    \
         n1[\"bye<br/>send\"]\n    \
         o0([\"operator\"])\n    \
         o1([\"end\"])\n    \
         start --> n0\n    \
         n0 -->|\"next #40;3#41;\"| n1\n    \
         n0 -->|\"gave_up\"| o0\n    \
         n0 -.->|\"timeout\"| o0\n    \
         n1 -->|\"next\"| o1\n"
    );
    let dot = graph.to_dot();
    assert!(dot.contains("n0 -> n1 [label=\"next (3)\"];"), "{dot}");
    assert!(
        dot.contains("n0 -> o0 [label=\"timeout\", style=dashed];"),
        "{dot}"
    );
}

#[test]
fn a_finish_status_is_drawn_only_where_the_engine_gives_it() {
    let flow = FlowBuilder::new("ask", 1)
        .step("size", Ask::text("Which?"))
        .timeout(Duration::from_secs(60))
        .finish(FinishStatus::Finished)
        .exit("timeout", "late")
        .step("late", SendMessage::text("Still there?"))
        .build()
        .unwrap();
    assert_eq!(
        leads(&FlowGraph::of(&flow), "size"),
        [
            ("next".to_owned(), GraphTarget::End, false),
            ("gave_up".to_owned(), GraphTarget::Operator, false),
            ("timeout".to_owned(), to("late"), false),
        ]
    );
}
