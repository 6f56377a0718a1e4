//! What must hold once all is quiet, and at the end.

use chatflow_core::{
    Acceptance, Author, DialogId, Handling, MemoryStore, OperatorId, PAGE_MAX, QueueRow,
    RoutingRule, Snapshot, Store, WhenAway, replay,
};

use crate::crowd::{Contact, Crowd};
use crate::ledger::{Ledger, Seen, ensure, now};

/// Looks at all who wait, and says how many do.
pub(crate) fn look(crowd: &Crowd) -> Result<u64, String> {
    let store = &crowd.store.store;
    let ledger = crowd.store.ledger();
    for space in &crowd.setup.spaces {
        for row in now(store.operators(space, None, PAGE_MAX)) {
            ledger.compare_load(&row)?;
            let id = &row.operator.id;
            let leaves = row.operator.leaves_at;
            let is_looked_at = leaves.is_none_or(|at| at > crowd.now());
            ensure!(is_looked_at, "{id} went and nobody looked at his dialogs");
        }
    }
    let mut waits = 0;
    for (dialog, seen) in &ledger.dialogs {
        if let Some((queue, _)) = &seen.row.waits {
            waits += 1;
            if let Some(queue) = now(store.queue(&seen.space, queue)) {
                look_at_one(crowd, &ledger, *dialog, seen, &queue)?;
            }
        }
    }
    Ok(waits)
}

/// A dialog that waits has nobody who could take it, or is offered to such.
fn look_at_one(
    crowd: &Crowd,
    ledger: &Ledger,
    dialog: DialogId,
    seen: &Seen,
    row: &QueueRow,
) -> Result<(), String> {
    let store = &crowd.store.store;
    let queue = &row.queue;
    let waits = format!("{dialog} waits in {} of {}", queue.id, queue.space);
    let members = now(store.members(&queue.space, &queue.id));
    let members = members.into_iter().filter_map(|member| member.row);
    let there: Vec<_> = members
        .filter(|row| row.operator.is_there(queue.available_by, crowd.now()))
        .collect();
    let has_room = |row: &&chatflow_core::OperatorRow| {
        row.load < ledger.capacity(row, Some(&queue.id), &seen.bot, store)
    };
    let in_session = matches!(
        seen.row.handling,
        Some(Handling::Queued | Handling::Offered)
    );
    if !in_session {
        // Nobody's dialog may be in progress: whoever is made responsible has it then.
        let takes_place = seen.row.handling == Some(Handling::InProgress);
        let mut could = there.iter().filter(|row| !takes_place || has_room(row));
        let first = could.next().map(|row| &row.operator.id);
        ensure!(
            first.is_none(),
            "{waits} for a manager, and {first:?} is there"
        );
        return Ok(());
    }
    let free: Vec<&OperatorId> = there
        .iter()
        .filter(has_room)
        .map(|row| &row.operator.id)
        .collect();
    let knows = seen.row.terms.clone();
    ensure!(
        knows == Some((queue.id.clone(), queue.revision)),
        "{waits} and knows the terms of {knows:?}, not those of revision {}",
        queue.revision
    );
    for operator in &seen.row.offered {
        ensure!(
            free.contains(&operator),
            "{waits} and is offered to {operator}, who can't take it"
        );
    }
    let snapshot = snapshot(store, dialog);
    let session = snapshot.session.ok_or("a dialog waits without a session")?;
    if let Some(until) = session.offer.as_ref().and_then(|offer| offer.until) {
        ensure!(
            until > crowd.now(),
            "{waits} and is offered until {until}, which is over"
        );
    }
    if there.is_empty()
        && let WhenAway::PassTo(next) = &queue.when_away
    {
        let was_there = session.came_through.contains(next);
        ensure!(
            was_there,
            "{waits}, nobody is there, and it isn't passed on to {next}"
        );
    }
    if free.is_empty() {
        return Ok(());
    }
    match queue.acceptance {
        Acceptance::AtOnce => {
            return Err(format!("{waits} beside {free:?} {queue:?} {:?}", seen.row));
        }
        Acceptance::Offer { .. } => {
            ensure!(
                !seen.row.offered.is_empty(),
                "{waits} beside {free:?}, who aren't asked"
            );
        }
    }
    if queue.rule == RoutingRule::Everybody && session.prefers.is_none() {
        let asked = |operator: &&&OperatorId| seen.row.offered.contains(**operator);
        let passed = |operator: &&OperatorId| session.passed.contains(*operator);
        let mut unasked = free.iter().filter(|operator| !asked(operator));
        let left_out = unasked.find(|operator| !passed(operator));
        ensure!(left_out.is_none(), "{waits} and {left_out:?} isn't asked");
    }
    Ok(())
}

fn snapshot(store: &MemoryStore, dialog: DialogId) -> Snapshot {
    let loaded = now(store.load(dialog)).expect("a dialog that had a turn is there");
    Snapshot::decode(&loaded.snapshot).expect("snapshots can be read")
}

/// Looks at everything that was written.
pub(crate) fn look_at_the_end(crowd: &Crowd) -> Result<(), String> {
    let store = &crowd.store.store;
    let ledger = crowd.store.ledger();
    for contact in &crowd.contacts {
        look_at_transcript(crowd, contact)?;
    }
    let configs = crowd.configs();
    for (dialog, seen) in &ledger.dialogs {
        let numbers: Vec<u32> = now(store.sessions(*dialog, None, PAGE_MAX))
            .iter()
            .map(|record| record.number)
            .collect();
        let count = u32::try_from(numbers.len()).unwrap();
        let is_whole = numbers.iter().copied().eq(1..=count);
        ensure!(is_whole, "{dialog} has the sessions {numbers:?}");
        let turns = now(store.journal(*dialog, 0, PAGE_MAX)).into_iter();
        let turns: Vec<_> = turns.map(|turn| (turn.revision, turn.body)).collect();
        let loaded = now(store.load(*dialog)).ok_or("a dialog is gone")?;
        let replayed = replay(*dialog, &turns, &loaded.snapshot, |hash| {
            let config = configs.iter().find(|config| config.hash() == hash);
            Ok(config.expect("configs don't change").clone())
        });
        let replayed = replayed.map_err(|error| format!("{dialog}: {error}"))?;
        ensure!(replayed.turns == seen.revision, "{dialog} has lost turns");
    }
    Ok(())
}

/// Each message of a contact is in the transcript once, in order.
fn look_at_transcript(crowd: &Crowd, contact: &Contact) -> Result<(), String> {
    let place = &crowd.setup.places[contact.place];
    let address = chatflow_core::Address::new(
        chatflow_core::Channel::id(&*place.channel).clone(),
        contact.name.as_str(),
    );
    let dialog = DialogId::derive(&place.id, &address);
    let lines = now(crowd.store.store.transcript(dialog, None, PAGE_MAX));
    let lines = lines.iter().map(|line| &line.record);
    let theirs = lines.filter(|record| record.author == Author::Contact);
    let heard: Vec<&str> = theirs.map(|record| record.message.text()).collect();
    ensure!(
        heard == contact.said,
        "{} said {:?} and {heard:?} was heard",
        contact.name,
        contact.said
    );
    Ok(())
}
