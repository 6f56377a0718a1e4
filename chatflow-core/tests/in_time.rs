//! What a person, a step and a bot's settings decide about who leads, and what that costs.

use std::sync::Arc;
use std::time::Duration;

use chatflow_core::testing::{ManualClock, Planned, ScriptedChannel, ScriptedModel, block_on};
use chatflow_core::{
    Actor, Address, AiReply, AiSettings, Amount, Ask, Assign, Assignee, Behaviour, Bot,
    CancelScope, ContactView, DialogId, DialogSettings, EffectBody, Engine, Event, EventBody, Fact,
    FlowBuilder, FlowDefinition, MemoryStore, ModelReply, Notice, OperatorAct, Price, Push,
    Refusal, ResumeFrom, RowState, SendLane, SendMessage, Snapshot, StatusChoice, StatusKind,
    Store, Transition, Worker, time,
};
use futures::executor::LocalPool;
use futures::task::LocalSpawnExt as _;

/// A dialog driven by hand, turn by turn.
struct Dialog {
    config: chatflow_core::Config,
    snapshot: Snapshot,
    n: u32,
}

impl Dialog {
    fn new(flow: FlowDefinition, behaviour: Behaviour) -> Self {
        let config = Bot::new("bot", flow)
            .behaviour(behaviour)
            .compile()
            .unwrap();
        let address = Address::new("test", "anna");
        let snapshot = config.open(address, ContactView::default(), time::from_millis(0));
        Self {
            config,
            snapshot,
            n: 0,
        }
    }

    fn turn(&mut self, body: EventBody) -> Result<Transition, Refusal> {
        self.n += 1;
        let now = time::from_millis(i64::from(self.n) * 1000);
        let event = Event::new(format!("{}", self.n), body);
        let done = Engine::handle(&self.config, self.snapshot.clone(), &event, now);
        let transition = done.map_err(|refused| refused.reason)?;
        self.snapshot = transition.snapshot.clone();
        Ok(transition)
    }

    fn says(&mut self, text: &str) -> Transition {
        self.turn(EventBody::MessageReceived(text.into())).unwrap()
    }

    fn operates(&mut self, act: OperatorAct) -> Result<Transition, Refusal> {
        let operator = "olga".into();
        self.turn(EventBody::OperatorActed { operator, act })
    }

    fn fires(&mut self, name: &str) -> Transition {
        let timer = self.snapshot.timers[name].clone();
        let event = Event::new(
            format!("timer-{name}"),
            EventBody::TimerFired {
                name: name.to_owned(),
                generation: timer.generation,
            },
        );
        let done = Engine::handle(&self.config, self.snapshot.clone(), &event, timer.due);
        let transition = done.unwrap();
        self.snapshot = transition.snapshot.clone();
        transition
    }
}

fn said(transition: &Transition) -> Vec<&str> {
    let effects = transition.effects.iter();
    effects
        .filter_map(|effect| match &effect.body {
            EffectBody::Send(message) => Some(message.text()),
            _ => None,
        })
        .collect()
}

fn asking() -> FlowDefinition {
    FlowBuilder::new("ask", 1)
        .step("name", Ask::text("Your name?").save_contact_name())
        .step("size", Ask::text("Which size?"))
        .build()
        .unwrap()
}

fn resuming(resume_from: ResumeFrom) -> Dialog {
    let behaviour = Behaviour {
        resume_from,
        ..Behaviour::default()
    };
    let mut dialog = Dialog::new(asking(), behaviour);
    dialog.says("hi");
    dialog.operates(OperatorAct::Take).unwrap();
    dialog.says("are you a person?");
    dialog
}

fn auto() -> OperatorAct {
    OperatorAct::set(Some(StatusChoice::Auto), None)
}

/// C5, its three policies.
#[test]
fn st_04_st_05_automation_goes_on_where_the_policy_says() {
    let mut dialog = resuming(ResumeFrom::CurrentStepOnNextInbound);
    let back = dialog.operates(auto()).unwrap();
    assert!(said(&back).is_empty(), "it waits for the contact");
    assert_eq!(said(&dialog.says("Anna")), ["Which size?"]);

    let mut dialog = resuming(ResumeFrom::CurrentStepNow);
    let back = dialog.operates(auto()).unwrap();
    assert_eq!(said(&back), ["Your name?"], "the question is asked again");
    assert_eq!(said(&dialog.says("Anna")), ["Which size?"]);

    let mut dialog = resuming(ResumeFrom::RequireStep);
    assert_eq!(dialog.operates(auto()).unwrap_err(), Refusal::StepRequired);
    let step = chatflow_core::StepTarget::step("size");
    let placed = OperatorAct::set(Some(StatusChoice::Auto), Some(step));
    assert_eq!(said(&dialog.operates(placed).unwrap()), ["Which size?"]);
}

#[test]
fn st_20_manager_status_step_and_tags_are_set_as_one_act_or_not_at_all() {
    let mut dialog = Dialog::new(asking(), Behaviour::default());
    dialog.says("hi");
    let settings = DialogSettings {
        status: Some(StatusChoice::Manual),
        step: Some(chatflow_core::StepTarget::step("size")),
        assignee: Some(Assignee::Operator("ivan".into())),
        add_tags: ["vip".to_owned()].into(),
        ..DialogSettings::default()
    };
    // An operator without a name, a step that isn't there: nothing of the rest is applied.
    let before = dialog.snapshot.clone();
    for wrong in [
        DialogSettings {
            assignee: Some(Assignee::Operator("".into())),
            ..settings.clone()
        },
        DialogSettings {
            step: Some(chatflow_core::StepTarget::step("nowhere")),
            ..settings.clone()
        },
    ] {
        dialog.operates(OperatorAct::Set(wrong)).unwrap_err();
        assert_eq!(dialog.snapshot, before);
    }
    dialog.operates(OperatorAct::Set(settings)).unwrap();
    let snapshot = &dialog.snapshot;
    assert_eq!(snapshot.shown_status().kind, StatusKind::Manual);
    assert_eq!(snapshot.assignee, Assignee::Operator("ivan".into()));
    assert_eq!(snapshot.position.as_ref().unwrap().step.as_str(), "size");
    assert!(snapshot.contact.tags.contains("vip"));
}

#[test]
fn a_step_makes_an_operator_responsible_and_passes_the_dialog_to_him() {
    let flow = FlowBuilder::new("assign", 1)
        .step("thanks", SendMessage::text("Passing you on."))
        .step("to_anna", Assign::to("anna"))
        .step("never", SendMessage::text("Not reached."))
        .build()
        .unwrap();
    let mut dialog = Dialog::new(flow, Behaviour::default());
    let turn = dialog.says("hi");
    assert_eq!(said(&turn), ["Passing you on."]);
    assert_eq!(turn.snapshot.assignee, Assignee::Operator("anna".into()));
    assert_eq!(turn.snapshot.shown_status().kind, StatusKind::Manual);
    assert!(turn.facts.iter().any(|fact| matches!(
        fact,
        Fact::AssigneeChanged { actor: Actor::Step(step), .. } if step.as_str() == "to_anna"
    )));
    assert_eq!(turn.cancel, None, "what it said before is still delivered");
}

#[test]
fn br_10_a_push_goes_in_the_lane_of_broadcasts_and_leaves_everything_as_it_is() {
    let behaviour = Behaviour {
        pushes: vec![Push::after(
            Duration::from_secs(24 * 3600),
            SendMessage::text("Come back!"),
        )],
        ..Behaviour::default()
    };
    let mut dialog = Dialog::new(asking(), behaviour);
    let asked = dialog.says("hi");
    assert_eq!(asked.effects[0].lane, SendLane::Reply);
    let pushed = dialog.fires("push_bot:0");
    assert_eq!(said(&pushed), ["Come back!"]);
    assert_eq!(pushed.effects[0].lane, SendLane::Broadcast);
    assert_eq!(pushed.snapshot.position, asked.snapshot.position);
    assert_eq!(
        pushed.snapshot.shown_status(),
        asked.snapshot.shown_status()
    );
}

/// C21: what a list shows beside a dialog is apart from how a message fares.
#[test]
fn a_list_row_tells_messages_from_notices() {
    let mut dialog = Dialog::new(asking(), Behaviour::default());
    assert_eq!(dialog.snapshot.row_state(), RowState::Empty);
    dialog.says("hi");
    assert_eq!(dialog.snapshot.row_state(), RowState::FromUs);
    dialog.operates(OperatorAct::Take).unwrap();
    let state = dialog.snapshot.row_state();
    assert!(matches!(state, RowState::Notice(_)), "{state:?}");
    dialog.says("hello?");
    assert_eq!(dialog.snapshot.row_state(), RowState::FromContact);
    let assign = DialogSettings {
        assignee: Some(Assignee::Operator("ivan".into())),
        ..DialogSettings::default()
    };
    dialog.operates(OperatorAct::Set(assign)).unwrap();
    let state = dialog.snapshot.row_state();
    assert_eq!(state, RowState::Notice(Notice::AssigneeChanged));
}

#[test]
fn a_take_stops_what_was_decided_before_an_error_too() {
    let flow = FlowBuilder::new("talk", 1)
        .step("name", Ask::text("Your name?"))
        .step("reply", AiReply::to("an order"))
        .build()
        .unwrap();
    let mut dialog = Dialog::new(flow, Behaviour::default());
    dialog.says("hi");
    dialog.says("Anna");
    let call = dialog.snapshot.call.as_ref().unwrap().id;
    let answer = Err(chatflow_core::CallFailure::Refused);
    let failed = EventBody::CallAnswered {
        call,
        answer,
        detail: None,
    };
    let failed = dialog.turn(failed).unwrap();
    assert_eq!(dialog.snapshot.shown_status().kind, StatusKind::Error);
    let taken = dialog.operates(OperatorAct::Take).unwrap();
    assert_eq!(taken.cancel, Some(CancelScope::Automatic));
    assert_eq!(taken.snapshot.fence, taken.snapshot.epoch);
    let before = failed.snapshot.epoch;
    assert!(
        taken.snapshot.epoch > before,
        "what was said then is fenced"
    );
}

/// What a late answer has cost is spent: the bot's budget knows it, the dialog is as it was.
#[test]
fn ai_05_ai_13_a_late_answer_is_dropped_and_paid_for() {
    let amount = |text: &str| Amount(text.parse().unwrap());
    let behaviour = Behaviour {
        ai: AiSettings {
            model: Some("m".to_owned()),
            prices: [(
                "m".to_owned(),
                Price {
                    input: amount("1"),
                    output: amount("2"),
                },
            )]
            .into(),
            ..AiSettings::default()
        },
        ..Behaviour::default()
    };
    let flow = FlowBuilder::new("talk", 1)
        .step("reply", AiReply::to("an order"))
        .build()
        .unwrap();
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let channel = Arc::new(ScriptedChannel::new("test"));
    let model = Arc::new(ScriptedModel::new());
    model.plan(Planned::Held);
    let worker = Worker::builder(store.clone(), clock)
        .bot(&Bot::new("bot", flow).behaviour(behaviour), channel.clone())
        .model(model.clone())
        .build()
        .unwrap();
    let worker = Arc::new(worker);
    block_on(worker.start()).unwrap();
    let mut pool = LocalPool::new();
    let runs = Arc::clone(&worker);
    pool.spawner()
        .spawn_local(async move { runs.run(std::future::pending()).await })
        .unwrap();
    block_on(worker.receive(channel.says("anna", "1", "hi"))).unwrap();
    pool.run_until_stalled();
    let dialog = DialogId::derive(&"bot".into(), &Address::new("test", "anna"));
    block_on(worker.handle(dialog, &Event::operator("t", "olga", OperatorAct::Take))).unwrap();
    let late = ModelReply::new("Hello!").used(1_000_000, 500_000);
    assert!(model.answer_held(Ok(late)));
    pool.run_until_stalled();

    assert!(channel.take().is_empty(), "nothing is said");
    assert!(
        block_on(store.outbox(dialog)).unwrap().is_empty(),
        "nothing hangs"
    );
    let loaded = block_on(store.load(dialog)).unwrap().unwrap();
    let snapshot = Snapshot::decode(&loaded.snapshot).unwrap();
    let spent = block_on(store.bot(&"bot".into())).unwrap().usage;
    assert_eq!(snapshot.usage, spent, "it is paid for once");
    assert_eq!((spent.tokens_in, spent.tokens_out), (1_000_000, 500_000));
    assert_eq!(spent.cost.to_string(), "2");
}
