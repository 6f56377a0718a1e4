//! What operators do.

use std::collections::BTreeSet;
use std::sync::Arc;

use chatflow_core::{
    Assignee, Availability, DeskError, DialogId, DialogSettings, Event, HandleError, Handling,
    OperatorAct, OperatorId, QueueId, Revision, SpaceId, StatusChoice, TransferMode, TransferTo,
    Worker,
};

use crate::chance::Chance;
use crate::crowd::Crowd;
use crate::ledger::Seen;
use crate::setup::change_rules;

/// Something that an operator does; under the same key when he tries again.
#[derive(Debug, Clone)]
pub(crate) struct Command {
    key: u64,
    space: SpaceId,
    operator: OperatorId,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Act(DialogId, Box<OperatorAct>, Option<Revision>),
    SignIn,
    SignOut,
    Declare(Availability),
    Seen,
    Lost,
    Capacity(Option<u32>),
    /// Comes to the team of a queue, or leaves it.
    Team(QueueId, bool),
    /// Draws other rules of a queue from this number.
    Rules(QueueId, Vec<QueueId>, u64),
}

/// What is drawn from.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Accept,
    Decline,
    Reply,
    Complete,
    Transfer,
    Take,
    Enqueue,
    Assign,
    Status,
    Reopen,
    Come,
    Go,
    Capacity,
    Team,
    Rules,
}

const KINDS: [(usize, Kind); 15] = [
    (22, Kind::Accept),
    (6, Kind::Decline),
    (12, Kind::Reply),
    (14, Kind::Complete),
    (9, Kind::Transfer),
    (6, Kind::Take),
    (5, Kind::Enqueue),
    (4, Kind::Assign),
    (3, Kind::Status),
    (3, Kind::Reopen),
    (10, Kind::Come),
    (6, Kind::Go),
    (3, Kind::Capacity),
    (8, Kind::Team),
    (4, Kind::Rules),
];

impl Command {
    /// An operator is added, and comes more often than not.
    pub(crate) fn of_newcomer(
        space: &SpaceId,
        operator: &OperatorId,
        crowd: &mut Crowd,
    ) -> Vec<Self> {
        let capacity = *crowd.chance.pick(&[None, None, Some(1), Some(2)]);
        let mut whats = vec![What::Capacity(capacity)];
        if crowd.chance.percent(60) {
            whats.extend([
                What::SignIn,
                What::Declare(Availability::Active),
                What::Seen,
            ]);
        }
        let whats = whats.into_iter();
        whats
            .map(|what| Self {
                key: crowd.next_key(),
                space: space.clone(),
                operator: operator.clone(),
                what,
            })
            .collect()
    }

    /// What somebody does next; several where they do it at once.
    pub(crate) fn draw(crowd: &mut Crowd) -> Vec<Self> {
        let space = crowd.chance.pick(&crowd.setup.spaces.clone()).clone();
        let operator = crowd.chance.pick(&crowd.setup.operators.clone()).clone();
        let kind = *crowd.chance.weighed(&KINDS);
        let of = |what, crowd: &mut Crowd| {
            vec![Self {
                key: crowd.next_key(),
                space: space.clone(),
                operator: operator.clone(),
                what,
            }]
        };
        let what = match kind {
            Kind::Come => match crowd.chance.below(4) {
                0 => What::SignIn,
                1 => What::Seen,
                // Who comes does all of it.
                2 => {
                    let all = [
                        What::SignIn,
                        What::Seen,
                        What::Declare(Availability::Active),
                    ];
                    return all.into_iter().flat_map(|what| of(what, crowd)).collect();
                }
                _ => What::Declare(Availability::Active),
            },
            Kind::Go => match crowd.chance.below(3) {
                0 => What::SignOut,
                1 => What::Lost,
                _ => What::Declare(Availability::Inactive),
            },
            Kind::Capacity => {
                What::Capacity(*crowd.chance.pick(&[None, Some(1), Some(2), Some(3)]))
            }
            Kind::Team => {
                let queue = crowd.chance.pick(&crowd.setup.queues.clone()).clone();
                What::Team(queue, crowd.chance.percent(50))
            }
            Kind::Rules => {
                let queues = crowd.setup.queues.clone();
                let queue = crowd.chance.pick(&queues).clone();
                What::Rules(queue, queues, crowd.chance.next())
            }
            kind => return Self::act(kind, &space, operator, crowd),
        };
        of(what, crowd)
    }

    fn act(kind: Kind, space: &SpaceId, mut operator: OperatorId, crowd: &mut Crowd) -> Vec<Self> {
        let store = Arc::clone(&crowd.store);
        let ledger = store.ledger();
        let chance = &mut crowd.chance;
        let Some(all) = ledger.of_space.get(space) else {
            return Vec::new();
        };
        // Mostly somebody whom it concerns.
        let places = match kind {
            Kind::Accept | Kind::Decline => Some(&ledger.offered),
            Kind::Reply | Kind::Complete | Kind::Transfer => Some(&ledger.held),
            _ => None,
        };
        let mut dialog = *chance.pick(all);
        if let Some(places) = places.filter(|_| chance.percent(85)) {
            let concerned = places.iter();
            let concerned =
                concerned.filter(|((of, _), dialogs)| of == space && !dialogs.is_empty());
            let concerned: Vec<(&OperatorId, &BTreeSet<DialogId>)> = concerned
                .map(|((_, who), dialogs)| (who, dialogs))
                .collect();
            if !concerned.is_empty() {
                let (who, dialogs) = *chance.pick(&concerned);
                let dialogs: Vec<DialogId> = dialogs.iter().copied().collect();
                (operator, dialog) = (who.clone(), *chance.pick(&dialogs));
            }
        }
        let seen = &ledger.dialogs[&dialog];
        let colleague = chance.pick(&crowd.setup.operators).clone();
        let queue = chance.pick(&crowd.setup.queues).clone();
        let act = match kind {
            Kind::Accept => OperatorAct::Accept,
            Kind::Decline => OperatorAct::Decline,
            Kind::Complete => OperatorAct::Complete,
            Kind::Take => OperatorAct::Take,
            Kind::Enqueue => OperatorAct::Enqueue(queue),
            Kind::Reopen => OperatorAct::Reopen,
            Kind::Transfer => OperatorAct::Transfer {
                to: match chance.percent(50) {
                    true => TransferTo::Operator(colleague.clone()),
                    false => TransferTo::Queue(queue),
                },
                mode: *chance.pick(&[
                    None,
                    Some(TransferMode::Reassign),
                    Some(TransferMode::ChildSession),
                ]),
            },
            Kind::Assign => OperatorAct::Set(DialogSettings {
                assignee: Some(match chance.below(4) {
                    0 => Assignee::Nobody,
                    1 => Assignee::Bot(seen.bot.clone()),
                    _ => Assignee::Operator(colleague.clone()),
                }),
                ..DialogSettings::default()
            }),
            Kind::Status => {
                let status = chance.pick(&[
                    StatusChoice::Auto,
                    StatusChoice::Manual,
                    StatusChoice::Finished,
                    StatusChoice::Waiting,
                ]);
                OperatorAct::set(Some(status.clone()), None)
            }
            _ => OperatorAct::Reply("Hello.".into()),
        };
        let if_revision = chance.percent(10).then_some(seen.revision);
        let rivals = rivals(kind, seen, &operator, &colleague, chance);
        drop(ledger);
        let who = rivals.into_iter();
        who.map(|operator| Self {
            key: crowd.next_key(),
            space: space.clone(),
            operator,
            what: What::Act(dialog, Box::new(act.clone()), if_revision),
        })
        .collect()
    }

    /// Does it. Says whether it is over: what failed is tried again.
    pub(crate) async fn run(self, worker: Arc<Worker>) -> Result<bool, String> {
        let desk = worker.desk(self.space.clone(), self.operator.clone());
        let key = format!("act {}", self.key);
        let done = match self.what {
            What::Act(dialog, act, if_revision) => {
                let handled = match if_revision {
                    None => desk.act(dialog, &key, *act).await,
                    Some(revision) => {
                        let event = Event::operator(key, self.operator.clone(), *act);
                        worker.handle(dialog, &event.if_revision(revision)).await
                    }
                };
                return match handled {
                    Ok(_) | Err(HandleError::Refused(_) | HandleError::Full { .. }) => Ok(true),
                    Err(
                        HandleError::Store(_)
                        | HandleError::Commit(_)
                        | HandleError::Contended { .. },
                    ) => Ok(false),
                    Err(error) => Err(format!("an act is not to be had: {error}")),
                };
            }
            What::SignIn => desk.sign_in().await,
            What::SignOut => desk.sign_out().await,
            What::Declare(availability) => desk.declare(availability).await,
            What::Seen => desk.seen().await,
            What::Lost => desk.lost().await,
            What::Capacity(capacity) => {
                let change = |operator: &mut chatflow_core::Operator| operator.capacity = capacity;
                desk.put_operator(self.operator.clone(), change).await
            }
            What::Team(queue, comes) => {
                let member = self.operator.clone();
                let change = |queue: &mut chatflow_core::Queue| {
                    match comes {
                        true => queue.members.insert(member.clone()),
                        false => queue.members.remove(&member),
                    };
                };
                desk.put_queue(queue, change).await
            }
            What::Rules(queue, queues, seed) => {
                let change = |queue: &mut chatflow_core::Queue| {
                    change_rules(queue, &queues, &mut Chance::new(seed));
                };
                desk.put_queue(queue, change).await
            }
        };
        match done {
            Ok(_) => Ok(true),
            Err(DeskError::Store(_) | DeskError::Contended) => Ok(false),
            Err(error) => Err(format!("an operator can't do what he may: {error}")),
        }
    }
}

/// Who does it: often several reach for one dialog at once.
fn rivals(
    kind: Kind,
    seen: &Seen,
    operator: &OperatorId,
    colleague: &OperatorId,
    chance: &mut Chance,
) -> BTreeSet<OperatorId> {
    let mut who = BTreeSet::from([operator.clone()]);
    let waits = matches!(
        seen.row.handling,
        Some(Handling::Queued | Handling::Offered)
    );
    if matches!(kind, Kind::Accept | Kind::Take) && waits && chance.percent(40) {
        who.extend(seen.row.offered.iter().cloned());
        who.insert(colleague.clone());
    }
    who
}
