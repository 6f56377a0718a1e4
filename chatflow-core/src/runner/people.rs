//! Dialogs that wait find people; people who go away lose dialogs.

use std::collections::BTreeMap;

use crate::crm::{
    Candidate, Filter, Operator, Presence, Queue, Routing, RoutingContext, Wait, WhenAway, choose,
};
use crate::dialog::{
    Assignee, BotId, Choice, Event, EventBody, EventKey, Handling, OfflineReassign, OperatorId,
    QueueId, Revision, Session, Snapshot, SpaceId,
};
use crate::runner::worker::{ROUNDS_MAX, With, decode};
use crate::runner::{HandleError, Handled, Worker};
use crate::store::{
    CommitError, DialogSummary, DueQueue, OperatorGuard, PAGE_MAX, QueueGuard, StoreError,
};

/// What a choice was made by: the commit looks whether it is still so.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    pub(crate) operators: Vec<OperatorGuard>,
    pub(crate) queue: Revision,
}

/// A queue with its members, as of one moment.
struct Team {
    queue: Queue,
    members: Vec<Candidate>,
}

/// How a dialog that waits fared.
enum Fared {
    /// It has somebody, was offered, or waits for nobody any more.
    Done,
    /// It waits on.
    Waits,
    /// Others kept being faster.
    Contended,
}

impl Worker {
    /// Finds somebody for each dialog that waits in a queue, the longest waiting first. Says
    /// whether nothing is left to do.
    pub(crate) async fn distribute(
        &self,
        space: &SpaceId,
        id: &QueueId,
    ) -> Result<bool, HandleError> {
        let Some(row) = self.store.queue(space, id).await? else {
            return Ok(true);
        };
        // What stirs it from now on makes it due again.
        let due = DueQueue {
            space: space.clone(),
            queue: id.clone(),
            stirred: row.stirred,
        };
        let mut team = self.team(row.queue).await?;
        let (mut after, mut is_done) = (None, true);
        loop {
            let page = self.store.waiting(space, id, after, PAGE_MAX).await?;
            for summary in &page {
                after = summary
                    .row
                    .waits
                    .as_ref()
                    .map(|(_, since)| (*since, summary.dialog));
                match self.find_somebody(&mut team, summary).await {
                    Ok(Fared::Done | Fared::Waits) => {}
                    Ok(Fared::Contended) => is_done = false,
                    // One that can't be handled here, since its bot isn't in this program or its
                    // snapshot can't be read, holds up none behind it.
                    Err(error) => is_done &= passes_over(error, summary)?,
                }
            }
            if page.len() < PAGE_MAX {
                break;
            }
        }
        if is_done {
            self.store.distributed(&due).await?;
        }
        Ok(is_done)
    }

    /// Distributes every queue of a space, whatever stirred it: what the program itself says may
    /// have changed, such as a rule of its own or a bot's limit.
    pub(crate) async fn sweep(&self, space: &SpaceId) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = self.store.queues(space, after.as_ref(), PAGE_MAX).await?;
            for row in &page {
                let queue = &row.queue.id;
                if let Err(error) = self.distribute(space, queue).await {
                    tracing::error!(%error, %space, %queue, "a queue could not be looked at");
                }
            }
            after = page.last().map(|row| row.queue.id.clone());
            if page.len() < PAGE_MAX {
                return Ok(());
            }
        }
    }

    async fn team(&self, queue: Queue) -> Result<Team, HandleError> {
        let mut members = self.store.members(&queue.space, &queue.id).await?;
        if members.iter().any(|member| member.row.is_none())
            && !self
                .store
                .operators(&queue.space, None, 1)
                .await?
                .is_empty()
        {
            members.retain(|member| member.row.is_some());
        }
        let members = members.into_iter().map(|member| {
            let (operator, load) = match member.row {
                Some(row) => (row.operator, row.load),
                None => (Operator::new(queue.space.clone(), member.operator), 0),
            };
            Candidate {
                capacity: operator.capacity.or(queue.capacity),
                operator,
                load,
                given: member.given,
            }
        });
        Ok(Team {
            members: members.collect(),
            queue,
        })
    }

    async fn find_somebody(
        &self,
        team: &mut Team,
        summary: &DialogSummary,
    ) -> Result<Fared, HandleError> {
        let dialog = summary.dialog;
        let in_session = matches!(
            summary.row.handling,
            Some(Handling::Queued | Handling::Offered)
        );
        let knows = (team.queue.id.clone(), team.queue.revision);
        if in_session && summary.row.terms != Some(knows) {
            self.tell_terms(summary, &team.queue).await?;
        }
        let is_offered = !summary.row.offered.is_empty();
        for _ in 0..ROUNDS_MAX {
            let capacity = self.config(&summary.bot)?.behaviour().operator_capacity;
            let members: Vec<Candidate> = (team.members.iter().cloned())
                .map(|member| Candidate {
                    capacity: member.capacity.or(Some(capacity)),
                    ..member
                })
                .collect();
            let rule = self.rule_of(&team.queue);
            let context = RoutingContext {
                queue: &team.queue,
                members: &members,
                custom: rule.as_deref(),
                now: self.clock.now(),
            };
            // Where nobody can take anything, the dialog need not be read to know that. A host's
            // rule is asked about the dialog as it is.
            let may_take = |member: &Candidate| {
                let by = team.queue.available_by;
                member.has_room() && member.operator.is_there(by, context.now)
            };
            let is_asked = rule.is_some() && members.iter().any(may_take);
            if !is_offered && in_session && !is_asked {
                let anybody = Wait::anybody(dialog, &team.queue);
                let choice = choose(&anybody, &context);
                if is_nothing_to_say(&choice, &team.queue) {
                    return Ok(Fared::Waits);
                }
            }
            let Some(loaded) = self.store.load(dialog).await? else {
                return Ok(Fared::Done);
            };
            let snapshot = decode(dialog, &loaded)?;
            let Some(wait) = wait_of(&snapshot, &team.queue.id) else {
                return Ok(Fared::Done);
            };
            let choice = match choose(&wait, &context) {
                Choice::Away => self.when_away(&snapshot, &team.queue).await?,
                choice => choice,
            };
            let given = match &choice {
                Choice::Assign(operator) => vec![operator.clone()],
                Choice::Offer(to) => to.iter().cloned().collect(),
                Choice::Busy | Choice::Away | Choice::PassTo(_) => Vec::new(),
            };
            let chosen = Chosen {
                operators: guards(&members, &given),
                queue: team.queue.revision,
            };
            let waits_on = given.is_empty();
            let gives_at_once = wait.takes_place && matches!(choice, Choice::Assign(_));
            let key = EventKey::own(format_args!("routed:{}", snapshot.revision));
            let body = EventBody::Routed {
                queue: team.queue.id.clone(),
                since: wait.since,
                choice,
            };
            let with = With {
                chosen: Some(chosen),
                ..With::default()
            };
            let event = Event::new(key, body);
            match self.turn_with(dialog, &event, None, &with).await? {
                Handled::NotYet => {
                    // Somebody was faster: the rows are read again.
                    let row = self.store.queue(&team.queue.space, &team.queue.id).await?;
                    let Some(row) = row else {
                        return Ok(Fared::Done);
                    };
                    *team = self.team(row.queue).await?;
                }
                Handled::Applied { .. } | Handled::Duplicate => {
                    team.gave(&given, gives_at_once);
                    return Ok(if waits_on { Fared::Waits } else { Fared::Done });
                }
                _ => return Ok(Fared::Waits),
            }
        }
        Ok(Fared::Contended)
    }

    fn rule_of(&self, queue: &Queue) -> Option<std::sync::Arc<dyn Routing>> {
        let crate::crm::RoutingRule::Custom(name) = &queue.rule else {
            return None;
        };
        let rule = self.routings.get(name).cloned();
        if rule.is_none() {
            let queue = &queue.id;
            tracing::error!(%queue, rule = name, "this program has no such routing rule; nobody gets its dialogs");
        }
        rule
    }

    /// What becomes of a dialog for which nobody is there.
    async fn when_away(&self, snapshot: &Snapshot, queue: &Queue) -> Result<Choice, HandleError> {
        let WhenAway::PassTo(next) = &queue.when_away else {
            return Ok(Choice::Away);
        };
        let came_from = snapshot.session.as_ref();
        let was_there = came_from.is_some_and(|session| session.came_through.contains(next));
        // Queues that pass to each other would do so for ever.
        if was_there || *next == queue.id {
            return Ok(Choice::Away);
        }
        let row = self.store.queue(&queue.space, next).await?;
        Ok(row.map_or(Choice::Away, |_| Choice::PassTo(next.clone())))
    }

    async fn tell_terms(&self, to: &DialogSummary, queue: &Queue) -> Result<(), HandleError> {
        let event = told(queue, to.revision);
        self.turn(to.dialog, &event, None, None).await.map(drop)
    }

    /// Looks at the dialogs of an operator who went away. Says whether it is done.
    pub(crate) async fn leave(
        &self,
        space: &SpaceId,
        id: &OperatorId,
    ) -> Result<bool, HandleError> {
        let now = self.clock.now();
        let Some(row) = self.store.operator(space, id).await? else {
            return Ok(true);
        };
        let mut operator = row.operator;
        if operator.leaves_at.is_none_or(|at| at > now) {
            return Ok(true);
        }
        let his = Filter::All(vec![
            Filter::Space(space.clone()),
            Filter::Assignee(Assignee::Operator(id.clone())),
            Filter::Handling(Some(Handling::InProgress)),
        ]);
        let mut queues: BTreeMap<QueueId, Option<Queue>> = BTreeMap::new();
        let (mut after, mut is_done) = (None, true);
        loop {
            let page = self.store.list(&his, after, PAGE_MAX).await?;
            for summary in &page {
                after = Some(summary.dialog);
                let Some(queue) = self.queue_of(summary) else {
                    continue;
                };
                if !queues.contains_key(&queue) {
                    let row = self.store.queue(space, &queue).await?;
                    queues.insert(queue.clone(), row.map(|row| row.queue));
                }
                let Some(Some(queue)) = queues.get(&queue) else {
                    continue;
                };
                let stays = operator.is_there(queue.available_by, now);
                if stays || queue.offline == OfflineReassign::Never {
                    continue;
                }
                let key = EventKey::own(format_args!("left:{}:{id}", operator.revision));
                let body = EventBody::OperatorLeft {
                    operator: id.clone(),
                    loses: queue.offline,
                };
                let event = Event::new(key, body);
                if let Err(error) = self.turn(summary.dialog, &event, None, None).await {
                    is_done &= passes_over(error, summary)?;
                }
            }
            if page.len() < PAGE_MAX {
                break;
            }
        }
        if !is_done {
            return Ok(false);
        }
        let expected = operator.revision;
        operator.revision += 1;
        // One who was lost sight of is looked at again when the grace period is over.
        operator.leaves_at = match operator.presence {
            Presence::Lost { until, .. } => Some(until).filter(|until| *until > now),
            Presence::Live => None,
        };
        let _wake = self.wake.on_drop();
        match self.store.save_operator(&operator, expected).await {
            Ok(()) => Ok(true),
            // He came back, or something else was changed: he is looked at anew.
            Err(CommitError::Store(error)) => Err(error.into()),
            Err(_) => Ok(false),
        }
    }

    /// The queue that a dialog is in, or would be handed to.
    fn queue_of(&self, summary: &DialogSummary) -> Option<QueueId> {
        let config = self.config(&summary.bot).ok();
        let of_bot = || config.and_then(|config| config.behaviour().queue.clone());
        summary.row.queue.clone().or_else(of_bot)
    }

    /// Sees to it that the dialog knows the terms of its queue. Says whether something was
    /// written, so that the dialog must be loaded again.
    pub(crate) async fn bring_queue_up(
        &self,
        config: &crate::flow::Config,
        snapshot: &Snapshot,
    ) -> Result<bool, HandleError> {
        let Some(id) = crate::engine::queue_of(config, snapshot) else {
            return Ok(false);
        };
        let space = &config.settings().space;
        let Some(row) = self.store.queue(space, id).await? else {
            if snapshot.waits().is_some_and(|(queue, _)| queue == *id) {
                tracing::warn!(%space, queue = %id, "a dialog waits in a queue that the space doesn't have; add it");
            }
            return Ok(false);
        };
        let knows = snapshot.terms.as_ref();
        if knows.is_some_and(|terms| terms.queue == *id && terms.revision == row.queue.revision) {
            return Ok(false);
        }
        if snapshot.revision == 0 {
            // It was opened with the terms as they were then.
            return Ok(false);
        }
        let event = told(&row.queue, snapshot.revision);
        self.beside(config, snapshot, &event).await
    }

    /// What a turn that gives somebody a dialog asks of his row, and of the queue whose number
    /// bounds him.
    pub(crate) async fn room_of(
        &self,
        bot: &BotId,
        holder: &OperatorId,
        queue: Option<&QueueId>,
    ) -> Result<Option<(OperatorGuard, Option<QueueGuard>)>, HandleError> {
        let config = self.config(bot)?;
        let space = &config.settings().space;
        // Of one whom the space doesn't know there is no row to look at.
        let Some(row) = self.store.operator(space, holder).await? else {
            return Ok(None);
        };
        let row = row.operator;
        let mut capacity = row.capacity;
        // As the list says of whom it can be passed on to.
        let queue = queue.or_else(|| config.behaviour().queue.as_ref());
        let mut of_queue = None;
        if let (None, Some(id)) = (capacity, queue)
            && let Some(row) = self.store.queue(space, id).await?
        {
            capacity = row.queue.capacity;
            of_queue = Some(QueueGuard {
                queue: id.clone(),
                revision: Some(row.queue.revision),
                given: Vec::new(),
            });
        }
        let guard = OperatorGuard {
            operator: holder.clone(),
            revision: row.revision,
            capacity: capacity.or_else(|| Some(config.behaviour().operator_capacity)),
        };
        Ok(Some((guard, of_queue)))
    }

    /// An operator's row. In a space that knows operators only those count; one that knows none
    /// leaves it to the host who they are.
    pub(crate) async fn known(
        &self,
        space: &SpaceId,
        operator: &OperatorId,
    ) -> Result<Option<Operator>, HandleError> {
        if let Some(row) = self.store.operator(space, operator).await? {
            return Ok(Some(row.operator));
        }
        match self.store.operators(space, None, 1).await?.is_empty() {
            true => Ok(None),
            false => Err(HandleError::UnknownOperator {
                operator: operator.clone(),
            }),
        }
    }
}

impl Team {
    /// Keeps count of what was given since the rows were read.
    fn gave(&mut self, to: &[OperatorId], takes_place: bool) {
        let mut count = self.members.iter().map(|member| member.given).max();
        for id in to {
            let next = count.unwrap_or(0) + 1;
            let members = self.members.iter_mut();
            for member in members.filter(|member| member.operator.id == *id) {
                member.given = next;
                member.load += u32::from(takes_place);
            }
            count = Some(next);
        }
    }
}

/// The event that tells a dialog, as it stands at a revision, of its queue: it may come back to the
/// same terms later and is told again then.
fn told(queue: &Queue, revision: Revision) -> Event {
    let (id, terms) = (&queue.id, queue.revision);
    let key = EventKey::own(format_args!("terms:{revision}:{terms}:{id}"));
    Event::new(key, EventBody::QueueChanged(queue.terms()))
}

/// What the commit is to look at of those chosen.
fn guards(members: &[Candidate], chosen: &[OperatorId]) -> Vec<OperatorGuard> {
    let chosen = members
        .iter()
        .filter(|member| chosen.contains(&member.operator.id))
        // Of an operator whom the space doesn't know there is no row to look at.
        .filter(|member| member.operator.revision > 0);
    chosen
        .map(|member| OperatorGuard {
            operator: member.operator.id.clone(),
            revision: member.operator.revision,
            capacity: member.capacity,
        })
        .collect()
}

/// Whether a dialog that could not be handled is to be left until something changes; otherwise it
/// is tried again with the rest. A store that is away holds up everything.
fn passes_over(error: HandleError, of: &DialogSummary) -> Result<bool, HandleError> {
    let dialog = of.dialog;
    match error {
        HandleError::Store(error) => Err(error.into()),
        HandleError::NoSuchBot { .. } => {
            // Another program may have it, and is to look then.
            tracing::debug!(%dialog, bot = %of.bot, "the dialog's bot isn't in this program");
            Ok(false)
        }
        HandleError::Decode { .. } => {
            tracing::error!(%error, %dialog, "nobody gets a dialog that can't be read");
            Ok(true)
        }
        error => {
            tracing::warn!(%error, %dialog, "the dialog is tried again");
            Ok(false)
        }
    }
}

fn is_nothing_to_say(choice: &Choice, queue: &Queue) -> bool {
    match choice {
        Choice::Busy => queue.busy_reply.is_none(),
        Choice::Away => queue.away_reply.is_none() && queue.when_away == WhenAway::Wait,
        Choice::Assign(_) | Choice::Offer(_) | Choice::PassTo(_) => false,
    }
}

/// How a dialog waits in a queue; none where it doesn't.
fn wait_of(snapshot: &Snapshot, queue: &QueueId) -> Option<Wait> {
    let (waits_in, since) = snapshot.waits()?;
    if waits_in != *queue {
        return None;
    }
    let open = snapshot.session.as_ref();
    let session = open.filter(|session| session.is_waiting());
    // Nobody's dialog may be in progress where the bot has no queue.
    let in_progress = open.is_some_and(|open| open.handling == Handling::InProgress);
    Some(Wait {
        dialog: snapshot.dialog,
        queue: waits_in,
        since,
        prefers: session.and_then(|session| session.prefers.clone()),
        passed: session
            .map(|session: &Session| session.passed.clone())
            .unwrap_or_default(),
        offered: session
            .and_then(|session| session.offer.clone())
            .map(|offer| offer.to)
            .unwrap_or_default(),
        is_for_manager: session.is_none(),
        takes_place: session.is_some() || in_progress,
    })
}
