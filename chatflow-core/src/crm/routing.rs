//! Who gets a dialog that waits.

use std::collections::BTreeSet;

use crate::crm::{Acceptance, Operator, Queue, RoutingRule};
use crate::dialog::{Choice, DialogId, Moment, OperatorId, QueueId};

/// A host's rule for who gets a dialog that waits, named by
/// [`RoutingRule::Custom`](crate::RoutingRule::Custom).
///
/// Who calls: the runner, when a dialog may have somebody to go to: it has just begun to wait,
/// an operator came or got room, the queue changed, an offer ended.
///
/// # To be correct
/// - **Pure**: the same dialog and candidates give the same answer. Nothing may be asked outside.
/// - **Of those named**: whoever is named and isn't among the candidates is passed over. Who let
///   an offer of the dialog pass is among them only when all have.
/// - **May be asked again**: others may be faster; then the candidates are read again and the
///   rule is asked anew.
pub trait Routing: Send + Sync + 'static {
    /// Who gets it, of members who are there and have room: in the order of their ids. Several
    /// are asked whether they accept it; where the queue wants no acceptance, the first of them
    /// gets it. Nobody: it waits on until something changes.
    fn choose(&self, wait: &Wait, candidates: &[Candidate]) -> Vec<OperatorId>;
}

/// A dialog that waits, as rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The dialog.
    pub dialog: DialogId,
    /// The queue.
    pub queue: QueueId,
    /// Since when.
    pub since: Moment,
    /// Who is to get it if he can take it: it was his, or somebody named him.
    pub prefers: Option<OperatorId>,
    /// Who has let an offer of it pass.
    pub passed: BTreeSet<OperatorId>,
    /// To whom it is offered now.
    pub offered: BTreeSet<OperatorId>,
    /// Whether it waits for nothing but somebody responsible: there is nothing to accept.
    pub is_for_manager: bool,
    /// Whether who gets it has it in progress then. One that waits for somebody responsible may be
    /// automation's still.
    pub takes_place: bool,
}

impl Wait {
    /// A dialog of which nothing is known but that it waits.
    pub(crate) fn anybody(dialog: DialogId, queue: &Queue) -> Self {
        Self {
            dialog,
            queue: queue.id.clone(),
            since: crate::dialog::time::from_millis(0),
            prefers: None,
            passed: BTreeSet::new(),
            offered: BTreeSet::new(),
            is_for_manager: false,
            takes_place: true,
        }
    }
}

/// An operator who may get a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub operator: Operator,
    /// How many dialogs he has in progress.
    pub load: u32,
    /// Most that he may have: his own number, else the queue's, else the bot's; none for no bound.
    pub capacity: Option<u32>,
    /// The queue's count when he was last given a dialog; 0 for never.
    pub given: u64,
}

impl Candidate {
    /// Whether he has room for one more.
    pub fn has_room(&self) -> bool {
        self.capacity.is_none_or(|capacity| self.load < capacity)
    }
}

/// What a choice is made among.
pub struct RoutingContext<'a> {
    /// The queue.
    pub queue: &'a Queue,
    /// Its members, those who are away and those without room too.
    pub members: &'a [Candidate],
    /// The host's rule, where the queue names one that the program has.
    pub custom: Option<&'a dyn Routing>,
    /// The time.
    pub now: Moment,
}

impl std::fmt::Debug for RoutingContext<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoutingContext")
            .field("queue", &self.queue.id)
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}

/// Chooses for one dialog. Pure: what it decides is an event's content, and the engine and the
/// store look at it again.
pub fn choose(wait: &Wait, context: &RoutingContext<'_>) -> Choice {
    let queue = context.queue;
    let there: Vec<&Candidate> = context
        .members
        .iter()
        .filter(|member| member.operator.is_there(queue.available_by, context.now))
        .collect();
    let mut free: Vec<Candidate> = there
        .iter()
        .filter(|member| !wait.takes_place || member.has_room())
        .map(|member| (*member).clone())
        .collect();
    free.sort_by(|a, b| a.operator.id.cmp(&b.operator.id));
    if free.is_empty() {
        return match there.is_empty() {
            true => Choice::Away,
            false => Choice::Busy,
        };
    }
    // An offer that still can be accepted stays with those who were asked. Everybody means also
    // who came since.
    let grows = queue.rule == RoutingRule::Everybody;
    let still: BTreeSet<OperatorId> = free
        .iter()
        .map(|one| one.operator.id.clone())
        .filter(|id| wait.offered.contains(id))
        .collect();
    // A queue that wants no acceptance any more doesn't wait for one.
    let wants_acceptance = queue.acceptance != Acceptance::AtOnce;
    let is_kept_for = |id: &OperatorId| still.len() == 1 && still.contains(id);
    let is_kept = !grows || wait.prefers.as_ref().is_some_and(is_kept_for);
    if !still.is_empty() && is_kept && wants_acceptance {
        return Choice::Offer(still);
    }
    // Who has let it pass is asked again only when all have.
    let fresh = free
        .iter()
        .any(|candidate| !wait.passed.contains(&candidate.operator.id));
    if fresh {
        free.retain(|candidate| !wait.passed.contains(&candidate.operator.id));
    }
    let preferred = wait.prefers.as_ref();
    let preferred = preferred.filter(|id| free.iter().any(|one| one.operator.id == **id));
    // Whoever comes back to a dialog that many are asked about is asked beside them.
    let preferred = preferred.filter(|_| still.is_empty());
    let in_turn =
        |a: &&Candidate, b: &&Candidate| (a.given, &a.operator.id).cmp(&(b.given, &b.operator.id));
    let ids = |chosen: Option<&Candidate>| chosen.map(|one| one.operator.id.clone());
    let chosen: Vec<OperatorId> = match (preferred, &queue.rule) {
        (Some(id), _) => vec![id.clone()],
        (None, RoutingRule::RoundRobin) => ids(free.iter().min_by(in_turn)).into_iter().collect(),
        (None, RoutingRule::LeastLoaded) => {
            let least = free
                .iter()
                .min_by(|a, b| a.load.cmp(&b.load).then(in_turn(a, b)));
            ids(least).into_iter().collect()
        }
        (None, RoutingRule::Everybody) => match queue.acceptance {
            Acceptance::Offer { .. } => free.iter().map(|one| one.operator.id.clone()).collect(),
            Acceptance::AtOnce => ids(free.iter().min_by(in_turn)).into_iter().collect(),
        },
        (None, RoutingRule::Custom(_)) => {
            let named = context.custom.map(|rule| rule.choose(wait, &free));
            let mut named = named.unwrap_or_default();
            named.retain(|id| free.iter().any(|one| one.operator.id == *id));
            named
        }
    };
    let Some(first) = chosen.first() else {
        return Choice::Busy;
    };
    match queue.acceptance {
        Acceptance::Offer { .. } if !wait.is_for_manager => {
            Choice::Offer(chosen.into_iter().collect())
        }
        _ => Choice::Assign(first.clone()),
    }
}
