//! The same calls in the same order give the same answers as the reference store.

mod support;

use chatflow_core::{
    Address, Begun, ChannelId, Completed, CompletionCause, Contact, ContactPatch, Due, DueQuery,
    DueQueue, EffectBody, EffectId, Event, EventBody, ExternalId, FailureReason, Filter, Handling,
    MemoryStore, Message, Operator, OperatorAct, OperatorGuard, OperatorId, Queue, QueueGuard,
    QueueId, Reach, ReceiptState, Receipted, Refusal, RefusedEvent, SendLane, SessionRecord,
    Settled, Settlement, Store, TimerChange, TurnCommit, Unclaimed, Value,
};
use futures::executor::block_on;
use support::{Home, Talk, add_effect, at};

#[test]
fn any_history_reads_as_in_memory() {
    for seed in 0..SEEDS {
        let home = Home::new();
        let mut sqlite = home.open();
        let memory = MemoryStore::new();
        let mut history = History::new(seed);
        for step in 0..STEPS {
            let (left, right) = history.step(&memory, &sqlite);
            assert_eq!(left, right, "seed {seed}, step {step}");
            if history.chance.below(40) == 0 {
                drop(sqlite);
                sqlite = home.open();
            }
        }
        let (left, right) = (history.everything(&memory), history.everything(&sqlite));
        assert_eq!(left, right, "seed {seed}");
    }
}

const SEEDS: u64 = 12;
const STEPS: u64 = 150;

/// Calls by chance: mostly sensible, some late, repeated or stale.
struct History {
    chance: Chance,
    now: i64,
    keys: u64,
    talks: Vec<Talk>,
    old: Vec<TurnCommit>,
    begun: Vec<(EffectId, u32)>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut talks: Vec<_> = ["anna", "boris", "clara"].map(Talk::new).into();
        // Another address of the first contact.
        talks.push(Talk::of(&talks[0].contact, "anna at work"));
        Self {
            chance: Chance(seed),
            now: 0,
            keys: 0,
            talks,
            old: vec![],
            begun: vec![],
        }
    }

    /// One call to both; what each answered.
    fn step(&mut self, left: &dyn Store, right: &dyn Store) -> (String, String) {
        self.now += self.chance.below(3) as i64;
        match self.chance.below(24) {
            20.. => self.of_people(left, right),
            0..4 => {
                let mut turn = self.turn(left);
                self.people_of(&mut turn, left);
                let both = [left, right]
                    .map(|store| format!("{:?}", block_on(store.commit(turn.clone()))));
                self.old.push(turn);
                both.into()
            }
            4 if !self.old.is_empty() => {
                // Again, perhaps under a new key: a duplicate or a conflict.
                let place = self.chance.below(self.old.len() as u64) as usize;
                let mut turn = self.old[place].clone();
                if self.chance.below(2) == 0 {
                    turn.key = self.key().as_str().into();
                }
                let ask = |store: &dyn Store| format!("{:?}", block_on(store.commit(turn.clone())));
                (ask(left), ask(right))
            }
            5 => {
                let key = self.key();
                let settlement = self.settlement();
                let dialog = self.talk().id();
                let event = Event::message(key, "x");
                let refused =
                    RefusedEvent::new(dialog, &event, at(self.now), &Refusal::Empty, settlement);
                let refused = refused.unwrap();
                let ask =
                    |store: &dyn Store| format!("{:?}", block_on(store.refuse(refused.clone())));
                (ask(left), ask(right))
            }
            6..9 => {
                let mut query = DueQuery::new(at(self.now), 5);
                if self.chance.below(3) == 0 {
                    query.skip.insert((self.channel(), self.lane()));
                }
                let due = block_on(left.due(&query)).unwrap();
                let same = block_on(right.due(&query)).unwrap();
                // When to ask again may be named too early, and each does so in its own way.
                let listed = |due: &Due| {
                    let people = (&due.queues, &due.operators);
                    format!("{:?}", (&due.timers, &due.deliveries, &due.lagging, people))
                };
                let answers = (listed(&due), listed(&same));
                let mut effects: Vec<_> = due.deliveries.iter().map(|entry| entry.effect).collect();
                effects.push(self.effect());
                for effect in effects {
                    let now = at(self.now);
                    let begun = block_on(left.begin_delivery(effect, now)).unwrap();
                    let same = block_on(right.begin_delivery(effect, now)).unwrap();
                    assert_eq!(format!("{begun:?}"), format!("{same:?}"));
                    if let Begun::Started(delivery) = begun {
                        self.begun.push((effect, delivery.attempt));
                    }
                }
                answers
            }
            12..14 => {
                let effect = self.effect();
                let now = at(self.now);
                let ask = |store: &dyn Store| format!("{:?}", block_on(store.revive(effect, now)));
                (ask(left), ask(right))
            }
            14 => {
                let entries: Vec<_> = (0..3)
                    .map(|_| (self.effect(), at(self.now + self.chance.below(5) as i64)))
                    .collect();
                let ask = |store: &dyn Store| format!("{:?}", block_on(store.put_off(&entries)));
                (ask(left), ask(right))
            }
            15 | 16 => {
                let of = match self.chance.below(3) {
                    0 => Receipted::SentUntil(at(self.now - self.chance.below(9) as i64)),
                    _ => Receipted::These((0..3).map(|_| self.external_id()).collect()),
                };
                let state = match self.chance.below(3) {
                    0 => ReceiptState::Delivered,
                    1 => ReceiptState::Read,
                    _ => ReceiptState::Failed(FailureReason::VisitorLeft),
                };
                let dialog = self.talk().id();
                let ask =
                    |store: &dyn Store| format!("{:?}", block_on(store.mark(dialog, &of, state)));
                (ask(left), ask(right))
            }
            17 => {
                let unclaimed = Unclaimed {
                    channel: self.channel(),
                    key: format!("report {}", self.chance.below(9)).into(),
                    at: at(self.now),
                    reason: "no such kind".to_owned(),
                    raw: self.now.to_be_bytes().to_vec().into(),
                };
                let ask = |store: &dyn Store| {
                    format!("{:?}", block_on(store.keep_unclaimed(unclaimed.clone())))
                };
                (ask(left), ask(right))
            }
            18 | 19 => {
                let bot = self.talks[0].bot().clone();
                let since = (self.chance.below(5) < 2).then(|| at(self.now));
                let ask = |store: &dyn Store| format!("{:?}", block_on(store.pause(&bot, since)));
                (ask(left), ask(right))
            }
            9 | 10 => {
                let settlements: Vec<_> = (0..3).filter_map(|_| self.settlement()).collect();
                let ask = |store: &dyn Store| {
                    format!("{:?}", block_on(store.settle(settlements.clone())))
                };
                (ask(left), ask(right))
            }
            _ if self.chance.below(4) == 0 => {
                let now = at(self.now);
                let ask = |store: &dyn Store| format!("{:?}", block_on(store.recover(now)));
                (ask(left), ask(right))
            }
            _ => {
                let id = self.talk().contact.id;
                let Some(mut contact) = block_on(left.contact(id)).unwrap() else {
                    return Default::default();
                };
                contact.view.blocked = (self.chance.below(3) == 0).then(support::block);
                contact.view.revision += 1;
                let expected = contact.view.revision - 1 + self.chance.below(5) / 4;
                let ask = |store: &dyn Store, contact: &Contact| {
                    format!("{:?}", block_on(store.save_contact(contact, expected)))
                };
                (ask(left, &contact), ask(right, &contact))
            }
        }
    }

    /// A row of an operator or a queue that is saved, or a queue that is distributed.
    fn of_people(&mut self, left: &dyn Store, right: &dyn Store) -> (String, String) {
        let space = self.talks[0].contact.space.clone();
        match self.chance.below(3) {
            0 => {
                let id = self.operator();
                let row = block_on(left.operator(&space, &id)).unwrap();
                let before = row.map_or(0, |row| row.operator.revision);
                let expected = before + self.chance.below(5) / 4;
                let mut operator = Operator::new(space, id);
                operator.revision = before + 1;
                let leaves = at(self.now + self.chance.below(4) as i64);
                operator.leaves_at = (self.chance.below(2) == 0).then_some(leaves);
                let ask = |store: &dyn Store| {
                    format!("{:?}", block_on(store.save_operator(&operator, expected)))
                };
                (ask(left), ask(right))
            }
            1 => {
                let mut queue = Queue::new(space, self.queue());
                let row = block_on(left.queue(&queue.space, &queue.id)).unwrap();
                let before = row.map_or(0, |row| row.queue.revision);
                let expected = before + self.chance.below(5) / 4;
                queue.revision = before + 1;
                queue.members = (0..self.chance.below(4)).map(|_| self.operator()).collect();
                let ask = |store: &dyn Store| {
                    format!("{:?}", block_on(store.save_queue(&queue, expected)))
                };
                (ask(left), ask(right))
            }
            _ => {
                let queue = DueQueue {
                    space,
                    queue: self.queue(),
                    stirred: self.chance.below(30),
                };
                let ask = |store: &dyn Store| format!("{:?}", block_on(store.distributed(&queue)));
                (ask(left), ask(right))
            }
        }
    }

    /// Says of a turn who has its dialog, in which queue it waits, and what must be so.
    fn people_of(&mut self, turn: &mut TurnCommit, store: &dyn Store) {
        let space = self.talks[0].contact.space.clone();
        let some = |chance: &mut Chance| chance.below(2) == 0;
        let since = at(self.now - self.chance.below(3) as i64);
        let row = &mut turn.row;
        row.holder =
            some(&mut self.chance).then(|| OPERATORS[self.chance.below(3) as usize].into());
        row.waits =
            some(&mut self.chance).then(|| (QUEUES[self.chance.below(2) as usize].into(), since));
        row.terms = some(&mut self.chance).then(|| {
            (
                QUEUES[self.chance.below(2) as usize].into(),
                self.chance.below(3),
            )
        });
        row.queue = row.waits.as_ref().map(|(queue, _)| queue.clone());
        row.handling = some(&mut self.chance).then_some(Handling::Queued);
        row.offered = (0..self.chance.below(3)).map(|_| self.operator()).collect();
        turn.sessions.clear();
        let number = 1 + self.chance.below(3) as u32;
        if some(&mut self.chance) {
            turn.sessions.push(SessionRecord {
                number,
                parent: None,
                handling: Handling::Queued,
                queue: turn.row.queue.clone(),
                assignee: turn.row.assignee.clone(),
                opened_at: since,
                first_turn: turn.expected,
                completed: Some(Completed {
                    at: since,
                    turn: turn.expected,
                    cause: CompletionCause::Timeout,
                }),
            });
        }
        if self.chance.below(3) == 0 {
            let operator = self.operator();
            let found = block_on(store.operator(&space, &operator)).unwrap();
            let revision = found.map_or(0, |row| row.operator.revision);
            turn.operators = vec![OperatorGuard {
                operator,
                revision: revision + self.chance.below(5) / 4,
                capacity: some(&mut self.chance).then(|| self.chance.below(3) as u32),
            }];
        }
        if self.chance.below(3) == 0 {
            let queue = self.queue();
            let found = block_on(store.queue(&space, &queue)).unwrap();
            let revision = found.map_or(0, |row| row.queue.revision);
            turn.queue = Some(QueueGuard {
                queue,
                revision: some(&mut self.chance).then_some(revision),
                given: (0..self.chance.below(3)).map(|_| self.operator()).collect(),
            });
            turn.missed = vec![self.operator()];
        }
    }

    fn operator(&mut self) -> OperatorId {
        OPERATORS[self.chance.below(3) as usize].into()
    }

    fn queue(&mut self) -> QueueId {
        QUEUES[self.chance.below(2) as usize].into()
    }

    /// A turn of the engine, with some effects and timers more.
    fn turn(&mut self, store: &dyn Store) -> TurnCommit {
        let key = self.key();
        let now = at(self.now);
        let act = self.chance.below(10);
        let settlement = self.settlement();
        let named = self.external_id();
        let moves = (self.chance.below(12) == 0).then(|| {
            let place = format!("place {}", self.chance.below(6));
            Address::new(self.channel(), place)
        });
        let place = self.chance.below(self.talks.len() as u64) as usize;
        let talk = &mut self.talks[place];
        let event = match act {
            0 => Event::operator(&*key, "olga", OperatorAct::Reply("hello".into())),
            1 if talk.snapshot.reach == Reach::Ok => {
                Event::new(&*key, EventBody::ReachReported(Reach::BlockedByContact))
            }
            2 => match block_on(store.contact(talk.contact.id)).unwrap() {
                Some(row) => Event::new(&*key, EventBody::ContactChanged(row.view)),
                None => Event::message(&*key, "hi"),
            },
            3 => Event::operator(&*key, "olga", OperatorAct::Broadcast("spring".into())),
            4 => Event::new(
                &*key,
                EventBody::MessageEdited(Message::new("hi again").with_external_id(named)),
            ),
            5 => Event::message(&*key, Message::new("hi").with_external_id(named)),
            _ => Event::message(&*key, "hi"),
        };
        // A blocked contact's message is refused; a change of reach is always taken.
        let reach = match talk.snapshot.reach {
            Reach::Ok => Reach::BlockedByContact,
            _ => Reach::Ok,
        };
        let events = [
            event,
            Event::message(&*key, "hi"),
            Event::new(&*key, EventBody::ReachReported(reach)),
        ];
        let event = events.iter().find(|event| talk.can(event, now)).unwrap();
        let mut turn = talk.turn(event, now);
        let generation = turn.expected + 1;
        turn.settlement = settlement;
        turn.moved = moves;
        if self.chance.below(4) == 0 {
            turn.usage.tokens_in = self.chance.below(1 << 62) << 2;
            turn.usage.cost = format!("0.{}", self.chance.below(1 << 40)).parse().unwrap();
        }
        turn.raw = (self.chance.below(2) == 0).then(|| self.now.to_be_bytes().to_vec().into());
        for _ in 0..self.chance.below(4) {
            let body = match self.chance.below(11) {
                0 | 1 => EffectBody::Send(Message::new("more")),
                2 => EffectBody::Call {
                    port: "stock".to_owned(),
                    request: Value::from("?"),
                },
                3 => EffectBody::PatchContact(self.patch()),
                4 => EffectBody::Delete { of: self.effect() },
                9 => EffectBody::Typing {
                    until: at(self.now + 9),
                },
                10 => EffectBody::Tell {
                    port: "tracker".to_owned(),
                    report: Value::from("sale"),
                },
                5 => EffectBody::Edit {
                    of: self.effect(),
                    message: Message::new("other"),
                },
                6 => EffectBody::Send(Message::new("as you said").quoting(self.effect())),
                _ => EffectBody::Send(Message::new("as you said").quoting(self.external_id())),
            };
            add_effect(&mut turn, body);
            let (lane, automatic) = (self.lane(), self.chance.below(3) > 0);
            if let Some(effect) = turn.effects.last_mut() {
                effect.lane = lane;
                effect.automatic = automatic;
            }
        }
        let name = format!("timer {}", self.chance.below(3));
        turn.timers = match self.chance.below(3) {
            0 => vec![TimerChange::Cancel { name }],
            1 => {
                let due = at(self.now + self.chance.below(9) as i64);
                vec![TimerChange::Set {
                    name,
                    generation,
                    due,
                }]
            }
            _ => vec![],
        };
        turn
    }

    fn settlement(&mut self) -> Option<Settlement> {
        let count = self.begun.len() as u64;
        if count == 0 || self.chance.below(4) == 0 {
            return None;
        }
        let (effect, attempt) = self.begun[self.chance.below(count) as usize];
        let settled = match self.chance.below(9) {
            0 | 1 => Settled::Dead {
                reason: FailureReason::Transient,
            },
            2 => Settled::Retry {
                due: at(self.now + self.chance.below(5) as i64),
                counted: self.chance.below(2) == 0,
            },
            3 => Settled::Patched(self.patch()),
            4 | 5 => Settled::Part {
                ids: self.external_ids(),
            },
            _ => Settled::Sent {
                ids: self.external_ids(),
            },
        };
        Some(Settlement {
            effect,
            attempt,
            settled,
            at: at(self.now),
        })
    }

    fn external_ids(&mut self) -> Vec<ExternalId> {
        (0..self.chance.below(3))
            .map(|_| self.external_id())
            .collect()
    }

    /// Few, so that they meet.
    fn external_id(&mut self) -> ExternalId {
        ExternalId::new(self.chance.below(30).to_string())
    }

    /// An effect that may be there.
    fn effect(&mut self) -> EffectId {
        let (turn, n) = (1 + self.chance.below(6), self.chance.below(5) as u32);
        self.talk().effect(turn, n)
    }

    fn channel(&mut self) -> ChannelId {
        ChannelId::new(["terminal", "sms"][self.chance.below(2) as usize])
    }

    fn lane(&mut self) -> SendLane {
        SendLane::ALL[self.chance.below(2) as usize]
    }

    fn patch(&mut self) -> ContactPatch {
        let value = if self.chance.below(2) == 0 {
            "Oslo"
        } else {
            "Riga"
        };
        ContactPatch::Field("city".to_owned(), Value::from(value))
    }

    fn key(&mut self) -> String {
        self.keys += 1;
        format!("key {}", self.keys)
    }

    fn talk(&mut self) -> &Talk {
        let place = self.chance.below(self.talks.len() as u64) as usize;
        &self.talks[place]
    }

    /// All that can be read, in words.
    fn everything(&self, store: &dyn Store) -> String {
        block_on(async {
            let mut text = format!("{:?}", store.dialogs(None, 100).await.unwrap());
            text += &format!("{:?}", store.counters(self.talks[0].bot()).await.unwrap());
            let row = store.bot(self.talks[0].bot()).await.unwrap();
            text += &format!("{row:?} {}", row.usage.cost);
            let due = DueQuery::new(at(self.now + 100), 1000);
            text += &format!("{:?}", store.due(&due).await.unwrap());
            for channel in ["terminal", "sms"] {
                let reports = store.unclaimed(&ChannelId::new(channel), None, 1000).await;
                text += &format!("{:?}", reports.unwrap());
            }
            let space = &self.talks[0].contact.space;
            text += &format!("{:?}", store.operators(space, None, 100).await.unwrap());
            text += &format!("{:?}", store.queues(space, None, 100).await.unwrap());
            for queue in QUEUES.map(QueueId::from) {
                text += &format!("{:?}", store.members(space, &queue).await.unwrap());
                let waiting = store.waiting(space, &queue, None, 100).await;
                text += &format!("{:?}", waiting.unwrap());
            }
            for operator in OPERATORS {
                let his = Filter::Participant(operator.into());
                text += &format!("{:?}", store.list(&his, None, 100).await.unwrap());
            }
            for talk in &self.talks {
                let id = talk.id();
                text += &format!("{:?}", store.load(id).await.unwrap());
                text += &format!(
                    "{:?}",
                    store.find_dialog(talk.bot(), &talk.address).await.unwrap()
                );
                text += &format!("{:?}", store.contact(talk.contact.id).await.unwrap());
                let dialogs_of = store.dialogs_of(talk.contact.id, None, 100).await;
                text += &format!("{:?}", dialogs_of.unwrap());
                text += &format!("{:?}", store.journal(id, 1, 1000).await.unwrap());
                text += &format!("{:?}", store.refusals(id, 1000).await.unwrap());
                text += &format!("{:?}", store.transcript(id, None, 1000).await.unwrap());
                text += &format!("{:?}", store.outbox(id).await.unwrap());
                text += &format!("{:?}", store.sessions(id, None, 100).await.unwrap());
                for n in 0..30 {
                    let named = ExternalId::new(n.to_string());
                    text += &format!("{:?}", store.find_message(id, &named).await.unwrap());
                }
                for n in 0..self.keys {
                    let key = format!("key {n}").as_str().into();
                    text += &format!("{:?}", store.raw(id, &key).await.unwrap());
                }
                for n in 0..6 {
                    let place = Address::new("sms", format!("place {n}"));
                    let found = store.find_dialog(talk.bot(), &place).await;
                    text += &format!("{:?}", found.unwrap());
                }
            }
            text
        })
    }
}

const OPERATORS: [&str; 3] = ["olga", "pavel", "rosa"];
const QUEUES: [&str; 2] = ["sales", "vip"];

/// Numbers by chance, the same for the same seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}
