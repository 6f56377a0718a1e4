//! One store, several spaces: nothing of one shows in another.

use std::sync::Arc;

use chatflow_core::testing::{ManualClock, ScriptedChannel};
use chatflow_core::{
    Address, Assignee, Availability, Behaviour, Bot, ChangeContactError, ContactAct, ContactId,
    Desk, DeskError, DialogId, Filter, HandleError, MemoryStore, OperatorAct, OperatorRow, Roles,
    Snapshot, Store, Worker,
};
use futures::executor::block_on;

use crate::office::{assign, front, operator, to_operator, with_queue};

/// Two tenants whose channels, contacts, operators and queues have the same names outside.
struct House {
    worker: Worker,
    store: Arc<dyn Store>,
}

const SPACES: [&str; 2] = ["north", "south"];

impl House {
    fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::default());
        let mut builder = Worker::builder(Arc::clone(&store), clock);
        let mut channels = Vec::new();
        for space in SPACES {
            let behaviour = Behaviour {
                operator_capacity: 1,
                ..with_queue()
            };
            let bot = Bot::new(format!("bot_{space}"), front())
                .space(space)
                .behaviour(behaviour);
            // A channel account is one bot's; what is outside of it has the same ids.
            let channel = Arc::new(ScriptedChannel::new(format!("web_{space}")));
            builder = builder.bot(&bot, channel.clone());
            channels.push(channel);
        }
        let worker = builder.build().unwrap();
        block_on(worker.start()).unwrap();
        for space in SPACES {
            let root = worker.desk(space, "root");
            block_on(root.put_operator("root", |_| {})).unwrap();
            block_on(root.put_operator("anna", |_| {})).unwrap();
            block_on(root.put_queue("sales", |queue| {
                queue.members = ["anna".into()].into();
            }))
            .unwrap();
        }
        let house = Self { worker, store };
        for channel in channels {
            block_on(house.worker.receive(channel.says("c", "1", "person"))).unwrap();
        }
        house.step();
        house
    }

    fn step(&self) {
        while block_on(self.worker.step()).unwrap() > 0 {}
    }

    fn desk<'a>(&'a self, space: &'a str, operator: &'a str) -> Desk<'a> {
        self.worker.desk(space, operator)
    }

    fn dialog(space: &str) -> DialogId {
        let (bot, channel) = (format!("bot_{space}"), format!("web_{space}"));
        DialogId::derive(&bot.into(), &Address::new(channel, "c"))
    }

    fn snapshot(&self, space: &str) -> Snapshot {
        let loaded = block_on(self.store.load(Self::dialog(space)));
        Snapshot::decode(&loaded.unwrap().unwrap().snapshot).unwrap()
    }

    fn row(&self, space: &str, id: &str) -> OperatorRow {
        let row = block_on(self.store.operator(&space.into(), &id.into()));
        row.unwrap().unwrap()
    }
}

#[test]
fn ad_02_a_user_of_one_space_sees_nothing_of_another() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::default());
    let channel = Arc::new(ScriptedChannel::new("web"));
    let worker = Worker::builder(store, clock)
        .bot(&Bot::new("bot", front()).space("north"), channel.clone())
        .policy(Arc::new(Roles::retailcrm()))
        .build()
        .unwrap();
    block_on(worker.start()).unwrap();
    for space in SPACES {
        let (space, id) = (space.into(), format!("root_{space}").as_str().into());
        let admin = worker.put_operator(&space, &id, |row| row.roles = ["admin".to_owned()].into());
        block_on(admin).unwrap();
    }
    block_on(worker.receive(channel.says("c", "1", "hi"))).unwrap();
    let all = Filter::everything();
    let lists = |space: &str, id: &str| {
        let desk = worker.desk(space, id);
        let list = block_on(desk.list(&all, None, 10)).unwrap();
        assert_eq!(block_on(desk.count(&all)).unwrap(), list.len() as u64);
        list.len()
    };
    assert_eq!(lists("north", "root_north"), 1);
    assert_eq!(lists("south", "root_south"), 0, "his own space has none");
    assert_eq!(lists("north", "root_south"), 0, "he is nobody there");
    // A filter that names the other space or its dialog opens no door.
    let dialog = DialogId::derive(&"bot".into(), &Address::new("web", "c"));
    for filter in [Filter::Space("north".into()), Filter::Dialog(dialog)] {
        let list = block_on(worker.desk("south", "root_south").list(&filter, None, 10));
        assert!(list.unwrap().is_empty());
    }
}

#[test]
fn ad_13_reading_is_isolated() {
    let house = House::new();
    for (space, other) in [("north", "south"), ("south", "north")] {
        let desk = house.desk(space, "root");
        let list = block_on(desk.list(&Filter::everything(), None, 10)).unwrap();
        let ids: Vec<_> = list.iter().map(|one| one.dialog).collect();
        assert_eq!(ids, [House::dialog(space)]);
        assert!(list.iter().all(|one| one.space.as_str() == space));
        assert_eq!(block_on(desk.count(&Filter::everything())).unwrap(), 1);
        assert!(block_on(desk.dialog(House::dialog(space))).is_ok());
        let theirs = House::dialog(other);
        let unknown = |error: DeskError| matches!(error, DeskError::NoSuchDialog { .. });
        assert!(unknown(block_on(desk.dialog(theirs)).unwrap_err()));
        assert!(unknown(
            block_on(desk.transcript(theirs, None, 9)).unwrap_err()
        ));
        assert!(unknown(
            block_on(desk.sessions(theirs, None, 9)).unwrap_err()
        ));
        assert!(unknown(block_on(desk.feed(theirs, 0, 9)).unwrap_err()));
        assert!(unknown(block_on(desk.transfer_list(theirs)).unwrap_err()));
        assert!(unknown(block_on(desk.assignable(theirs)).unwrap_err()));
        assert!(unknown(block_on(desk.responsible(theirs)).unwrap_err()));
        let operators = block_on(desk.operators()).unwrap();
        assert_eq!(operators.len(), 2);
        assert!(
            operators
                .iter()
                .all(|row| row.operator.space.as_str() == space)
        );
        let queues = block_on(desk.queues()).unwrap();
        assert!(queues.iter().all(|row| row.queue.space.as_str() == space));
        assert_eq!(queues.len(), 1);
    }
    let contacts = SPACES.map(|space| house.snapshot(space).contact_id);
    assert_ne!(contacts[0], contacts[1]);
}

#[test]
fn ad_13_an_operator_and_a_queue_of_the_same_name_are_others() {
    let house = House::new();
    let anna = house.desk("north", "anna");
    block_on(anna.sign_in()).unwrap();
    block_on(anna.declare(Availability::Active)).unwrap();
    block_on(anna.seen()).unwrap();
    house.step();
    assert_eq!(house.snapshot("north").assignee, operator("anna"));
    assert_eq!(house.snapshot("south").assignee, Assignee::Nobody);
    assert_eq!(house.row("north", "anna").load, 1);
    assert_eq!(house.row("south", "anna").load, 0);
    assert_eq!(
        house.row("south", "anna").operator.availability(),
        Availability::Inactive
    );
    // A full namesake is in nobody's way.
    let there = house.desk("south", "root");
    block_on(there.act(House::dialog("south"), "a", assign(operator("anna")))).unwrap();
    assert_eq!(house.row("south", "anna").load, 1);
    block_on(there.act(House::dialog("south"), "t", to_operator("root"))).unwrap();
    block_on(there.put_queue("sales", |queue| queue.capacity = Some(7))).unwrap();
    let queues = block_on(anna.queues()).unwrap();
    assert_eq!(queues[0].queue.capacity, None);
    // Going away takes nothing from the namesake.
    block_on(anna.sign_out()).unwrap();
    house.step();
    assert_eq!(house.snapshot("south").assignee, operator("root"));
}

#[test]
fn ad_13_commands_do_not_reach_another_space() {
    let house = House::new();
    let before = house.snapshot("south").revision;
    let desk = house.desk("north", "root");
    let theirs = House::dialog("south");
    for act in [
        OperatorAct::Take,
        OperatorAct::Block,
        OperatorAct::Reply("hi".into()),
    ] {
        let answer = block_on(desk.act(theirs, "k", act));
        assert!(
            matches!(answer, Err(HandleError::NoSuchDialog { .. })),
            "{answer:?}"
        );
    }
    let contact: ContactId = house.snapshot("south").contact_id;
    let answer = block_on(desk.change_contact(contact, &ContactAct::Block));
    assert!(matches!(
        answer,
        Err(ChangeContactError::NoSuchContact { .. })
    ));
    for answer in [
        block_on(desk.pause_bot(&"bot_south".into())),
        block_on(desk.resume_bot(&"bot_south".into())),
    ] {
        assert!(matches!(answer, Err(HandleError::NoSuchBot { .. })));
    }
    assert_eq!(house.snapshot("south").revision, before);
    block_on(desk.pause_bot(&"bot_north".into())).unwrap();
    let row = block_on(house.store.bot(&"bot_south".into())).unwrap();
    assert_eq!(row.paused_since, None);
}
