//! Bots on other platforms: alone, and before people.

use std::sync::Arc;

use chatflow_core::testing::{ManualClock, ScriptedBot, ScriptedChannel};
use chatflow_core::{
    Address, Author, Behaviour, Bot, BotDone, BotReply, CallFailure, Capabilities, CompletionCause,
    DialogId, Event, EventBody, Fact, FinishStatus, FlowBuilder, Handling, MemoryStore,
    OperatorAct, PassToBot, Queue, SendMessage, Snapshot, StatusKind, Store, Worker, codec,
};
use futures::executor::block_on;

use crate::office::{in_sales, minutes};

/// A bot of the Creatio kind before which another one stands.
struct Line {
    worker: Worker,
    store: Arc<dyn Store>,
    clock: Arc<ManualClock>,
    channel: Arc<ScriptedChannel>,
    helper: Arc<ScriptedBot>,
}

impl Line {
    fn on(capabilities: Capabilities) -> Self {
        let flow = FlowBuilder::new("front", 1)
            .step("helper", PassToBot::at("helper"))
            .exit("next", "bye")
            .exit("handoff", "person")
            .exit("failure", "sorry")
            .step("bye", SendMessage::text("Bye!"))
            .finish(FinishStatus::Finished)
            .step("person", SendMessage::text("A colleague comes."))
            .finish(FinishStatus::Manual)
            .step("sorry", SendMessage::text("Write to us by mail."))
            .finish(FinishStatus::Finished);
        let bot = Bot::new("bot", flow.build().unwrap()).behaviour(in_sales(Behaviour::creatio()));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::default());
        let channel = Arc::new(ScriptedChannel::new("web").with_capabilities(capabilities));
        let helper = Arc::new(ScriptedBot::new());
        let worker = Worker::builder(Arc::clone(&store), clock.clone())
            .bot(&bot, channel.clone())
            .external_bot("helper", helper.clone())
            .build()
            .unwrap();
        block_on(worker.start()).unwrap();
        let line = Self {
            worker,
            store,
            clock,
            channel,
            helper,
        };
        let desk = line.worker.desk("main", "anna");
        block_on(desk.put_operator("anna", |_| {})).unwrap();
        let change = |queue: &mut Queue| {
            queue.members = ["anna".into()].into();
            queue.acceptance = crate::office::OFFER;
        };
        block_on(desk.put_queue("sales", change)).unwrap();
        block_on(desk.sign_in()).unwrap();
        block_on(desk.declare(chatflow_core::Availability::Active)).unwrap();
        line
    }

    fn dialog() -> DialogId {
        DialogId::derive(&"bot".into(), &Address::new("web", "c"))
    }

    fn says(&self, key: &str, text: &str) {
        block_on(self.worker.receive(self.channel.says("c", key, text))).unwrap();
        self.step();
    }

    fn anna(&self, key: &str, act: OperatorAct) {
        let event = Event::operator(key, "anna", act);
        block_on(self.worker.handle(Self::dialog(), &event)).unwrap();
        self.step();
    }

    fn step(&self) {
        while block_on(self.worker.step()).unwrap() > 0 {}
    }

    fn sent(&self) -> Vec<String> {
        let sent = self.channel.take().into_iter();
        sent.map(|sent| sent.message.text().to_owned()).collect()
    }

    fn snapshot(&self) -> Snapshot {
        let loaded = block_on(self.store.load(Self::dialog())).unwrap().unwrap();
        Snapshot::decode(&loaded.snapshot).unwrap()
    }
}

fn answers(text: &str) -> BotReply {
    BotReply {
        messages: vec![text.into()],
        done: None,
    }
}

fn hands_over() -> BotReply {
    BotReply {
        messages: vec!["I call somebody.".into()],
        done: Some(BotDone::HandOff),
    }
}

#[test]
fn fl_45_the_first_line_hands_over_and_is_not_called_again_until_completion() {
    let line = Line::on(Capabilities::text());
    line.helper
        .answer(answers("How can I help?"))
        .answer(hands_over());
    line.says("1", "hi");
    line.says("2", "a person, please");
    let expected = ["How can I help?", "I call somebody.", "A colleague comes."];
    assert_eq!(line.sent(), expected);
    let child = line.snapshot().session.unwrap();
    assert_eq!((child.number, child.parent), (2, Some(1)));
    assert_eq!(child.handling, Handling::Offered, "queued and offered");
    let sessions = block_on(line.store.sessions(Line::dialog(), None, 10)).unwrap();
    let parent = sessions[0].completed.as_ref().unwrap();
    assert_eq!(parent.cause, CompletionCause::HandedOver);
    assert_eq!(line.helper.times_asked(), 2);
    line.says("3", "hello?");
    line.anna("a", OperatorAct::Accept);
    line.says("4", "hello?");
    line.anna("r", OperatorAct::Reply("hello!".into()));
    assert_eq!(line.helper.times_asked(), 2, "people have it");
    line.anna("e", OperatorAct::Complete);
    line.helper.answer(answers("You again!"));
    line.says("5", "hi");
    assert_eq!(line.helper.times_asked(), 3, "after completion");
    assert_eq!(line.sent(), ["hello!", "You again!"]);
    assert_eq!(line.snapshot().session.unwrap().handling, Handling::Bot);
}

#[test]
fn fl_46_a_bot_that_leads_alone_leaves_the_whole_transcript_when_its_session_times_out() {
    // It needs no handover.
    let line = Line::on(Capabilities::telegram_bot());
    line.helper
        .answer(answers("How can I help?"))
        .answer(answers("Look here."));
    line.says("1", "hi");
    line.clock.advance(minutes(59));
    line.says("2", "prices?");
    line.clock.advance(minutes(59));
    line.step();
    assert_eq!(line.snapshot().session.unwrap().handling, Handling::Bot);
    line.clock.advance(minutes(1));
    line.step();
    assert_eq!(line.snapshot().session, None);
    let sessions = block_on(line.store.sessions(Line::dialog(), None, 10)).unwrap();
    assert_eq!(sessions.len(), 1, "no person was ever asked");
    let completed = sessions[0].completed.as_ref().unwrap();
    assert_eq!(completed.cause, CompletionCause::Timeout);
    let lines = block_on(line.store.transcript(Line::dialog(), None, 100)).unwrap();
    let of = |author: &Author| *author == Author::Contact;
    let transcript: Vec<_> = (lines.iter())
        .map(|line| (of(&line.record.author), line.record.message.text()))
        .collect();
    let expected = [
        (true, "hi"),
        (false, "How can I help?"),
        (true, "prices?"),
        (false, "Look here."),
    ];
    assert_eq!(transcript, expected);
    // The contact comes again, and to the same bot.
    line.helper.answer(answers("Welcome back."));
    line.says("3", "hi again");
    assert_eq!(line.snapshot().session.unwrap().number, 2);
    assert_eq!(line.helper.times_asked(), 3);
}

#[test]
fn fl_47_handover_on_a_channel_that_has_none_is_unsupported() {
    let line = Line::on(Capabilities::telegram_bot());
    line.helper
        .answer(answers("How can I help?"))
        .answer(hands_over());
    line.says("1", "hi");
    line.says("2", "a person, please");
    let expected = ["How can I help?", "Write to us by mail."];
    assert_eq!(line.sent(), expected, "nobody is promised");
    assert_eq!(line.snapshot().shown_status().kind, StatusKind::Finished);
    assert_eq!(line.snapshot().session.unwrap().handling, Handling::Bot);
    assert_eq!(line.helper.times_asked(), 2, "asking again can't help");
    let journal = block_on(line.store.journal(Line::dialog(), 0, 100)).unwrap();
    let facts = (journal.iter()).flat_map(|turn| codec::decode::<Vec<Fact>>(&turn.body).unwrap());
    let failures: Vec<_> = facts
        .filter_map(|fact| match fact {
            Fact::Input { event, .. } => match event.body {
                EventBody::CallAnswered {
                    answer: Err(failure),
                    ..
                } => Some(failure),
                _ => None,
            },
            _ => None,
        })
        .collect();
    assert_eq!(failures, [CallFailure::Unsupported]);
}

#[test]
fn fl_47_which_channels_have_a_handover() {
    let have = [
        Capabilities::text(),
        Capabilities::messenger(),
        Capabilities::site_chat(),
    ];
    assert!(have.iter().all(|channel| channel.handover));
    let have_not = [
        Capabilities::telegram_bot(),
        Capabilities::telegram_business(),
        Capabilities::telegram_personal(),
        Capabilities::whatsapp_business(),
        Capabilities::whatsapp_qr(),
        Capabilities::vkontakte(),
    ];
    assert!(have_not.iter().all(|channel| !channel.handover));
}
