//! Which values are there where they are read.
//!
//! For each step: the names that may have no value when it is entered, and those that may have
//! one, over all ways that lead there in any number of turns. Both only grow, so going round
//! ends. A flow that is called begins with its inputs, and its caller goes on with its own
//! values and the results; what is known of the contact stays.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::dialog::{FlowId, StepId};
use crate::flow::check::Found;
use crate::flow::check::components::ranks;
use crate::flow::check::gives::{gives, numbers_of, saves};
use crate::flow::check::graph::{Graph, Way};
use crate::flow::check::known::Known;
use crate::flow::check::names::{Key, Names, Numbers};
use crate::flow::check::reads::{self, BUILT_IN};
use crate::flow::check::rules;
use crate::flow::template::Read;
use crate::flow::{Bot, CompiledKind, ProblemKind, SaveTo, StepKind};

struct Values<'a> {
    graph: &'a Graph<'a>,
    numbers: &'a Numbers,
    /// The plain names, each with the same name of the dialog's data and of the contact.
    triples: Vec<(usize, usize, usize)>,
    data: Names,
    contact: Names,
    /// What is known when a step is entered; none where no way leads.
    before: Vec<Option<Known>>,
    /// What is known where a flow is over that may go back to a caller.
    end: Vec<Option<Known>>,
    /// The data put aside by the outermost of the callers.
    aside: Vec<Option<Known>>,
    /// Whether a flow may run without having been called.
    is_own: Vec<bool>,
    /// The order in which steps are looked at: what leads first, first.
    rank: Vec<usize>,
    /// The steps from which each step is entered.
    from: Vec<Vec<usize>>,
    /// The names that have a value once a step was left by an exit.
    gives: Vec<Vec<Vec<usize>>>,
    /// The steps to look at in this round, and in the next. In rounds, a circle is gone round
    /// once for all that is new, not for each thing by itself.
    open: BTreeSet<(usize, usize)>,
    later: BTreeSet<(usize, usize)>,
    /// The rank looked at last.
    at: usize,
}

pub(super) fn check(graph: &Graph<'_>, bot: &Bot, found: &mut Found) {
    let (numbers, readings) = numbers_of(graph);
    let mut values = Values::of(graph, &numbers);
    values.begin(bot);
    values.begin_by_rules(bot);
    values.settle();
    // Flows that lead to one another and that nothing else leads to are begun by people.
    for flow in 0..graph.flows.len() {
        if values.before[graph.entry(flow)].is_none() {
            values.begin_flow(flow);
            values.settle();
        }
    }
    let robots = bot.settings.behaviour.robots.values();
    let fields: BTreeSet<&str> = bot
        .flows
        .iter()
        .flat_map(|flow| &flow.steps)
        .flat_map(|step| saves(&step.kind))
        .filter_map(|to| match to {
            SaveTo::Field(name) => Some(name.as_str()),
            _ => None,
        })
        .chain(robots.flat_map(|robot| robot.fields.keys().map(String::as_str)))
        .collect();
    let variables = &bot.settings.behaviour.variables;
    for (node, reading) in readings.iter().enumerate() {
        values.check_call(node, found);
        let Some(before) = &values.before[node] else {
            continue;
        };
        let mut said = BTreeSet::new();
        let mut report = |known: &Known, at: &[String], read: &Read, name: usize| {
            if read.guarded || !known.unset.has(name) {
                return;
            }
            let is_plain_built_in = BUILT_IN.contains(&read.name.as_str());
            if is_plain_built_in || variables.contains_key(&read.name) {
                return;
            }
            let Some(key) = Key::of(read) else { return };
            let is_anything = match key {
                Key::Data(_) => known.any_data,
                Key::Contact(_) => known.any_contact,
                Key::Plain(_) => known.any_data || known.any_contact,
            };
            if is_anything || !said.insert(name) {
                return;
            }
            let from_outside = match &key {
                Key::Data(_) => false,
                Key::Contact(_) => true,
                Key::Plain(plain) => {
                    plain == "name" || plain == "language" || fields.contains(plain.as_str())
                }
            };
            let kind = match known.set.has(name) || from_outside {
                true => ProblemKind::MayBeUnset {
                    name: read.name.clone(),
                    way: values.way_without(node, name),
                },
                false => ProblemKind::NeverSet {
                    name: read.name.clone(),
                },
            };
            let at: Vec<&str> = at.iter().map(String::as_str).collect();
            let step = Some(&graph.step(node).name);
            found.add(graph.room(node).place, step, &at, kind);
        };
        let kind = &graph.written(node).kind;
        for (at, read, name) in reading {
            report(before, at, read, *name);
        }
        if let StepKind::Set(set) = kind {
            let mut known = before.clone();
            for value in &set.values {
                let at = ["set".to_owned(), value.to.to_string()];
                for read in reads::of_source(&value.source) {
                    if let Some(name) = Key::of(&read).and_then(|key| numbers.find(&key)) {
                        report(&known, &at, &read, name);
                    }
                }
                for key in Key::set_by(&value.to) {
                    if let Some(name) = numbers.find(&key) {
                        known.give(name);
                    }
                }
            }
        }
    }
}

impl<'a> Values<'a> {
    fn of(graph: &'a Graph<'a>, numbers: &'a Numbers) -> Self {
        let count = numbers.len();
        let (mut data, mut contact) = (Names::none(count), Names::none(count));
        let mut triples = Vec::new();
        for (key, number) in numbers.each() {
            match key {
                Key::Data(_) => data.add(number),
                Key::Contact(_) => contact.add(number),
                Key::Plain(name) => {
                    let of_data = numbers.find(&Key::Data(name.clone()));
                    let of_contact = numbers.find(&Key::Contact(name.clone()));
                    triples.extend(of_data.zip(of_contact).map(|(d, c)| (number, d, c)));
                }
            }
        }
        let edges: Vec<Vec<usize>> = (0..graph.len())
            .map(|node| {
                let ways = graph.ways(node, true).filter_map(|way| match way {
                    Way::Enter(to) => Some(to),
                    Way::Stop | Way::Back => None,
                });
                let into = graph.callees(node).iter().map(|&flow| graph.entry(flow));
                ways.chain(graph.changes(node)).chain(into).collect()
            })
            .collect();
        let rank = ranks(&edges);
        let mut from = vec![Vec::new(); graph.len()];
        for (node, to) in edges.iter().enumerate() {
            to.iter().for_each(|&to| from[to].push(node));
        }
        let flows = graph.flows.len();
        let mut is_own: Vec<bool> = graph
            .flows
            .iter()
            .map(|room| room.callers.is_empty())
            .collect();
        for node in 0..graph.len() {
            for to in graph.changes(node) {
                is_own[graph.flow_of(to)] = true;
            }
        }
        Self {
            graph,
            numbers,
            triples,
            data,
            contact,
            before: vec![None; graph.len()],
            end: vec![None; flows],
            aside: vec![None; flows],
            is_own,
            rank,
            from,
            gives: (0..graph.len())
                .map(|node| gives(graph, numbers, node))
                .collect(),
            open: BTreeSet::new(),
            later: BTreeSet::new(),
            at: 0,
        }
    }

    /// Begins where dialogs come from outside: the bot's entry, flows that only people begin,
    /// and, with who knows what, those that a flow leads to which doesn't compile, or a step that
    /// doesn't say where.
    fn begin(&mut self, bot: &Bot) {
        let graph = self.graph;
        for flow in 0..graph.flows.len() {
            let room = &graph.flows[flow];
            let is_entry = room.compiled.id == bot.settings.entry;
            if is_entry || room.callers.is_empty() && room.comers.is_empty() {
                self.begin_flow(flow);
            }
        }
        let compiled: BTreeSet<usize> = graph.flows.iter().map(|room| room.place).collect();
        let broken = bot.flows.iter().enumerate();
        let broken = broken.filter(|(place, _)| !compiled.contains(place));
        let mut led_to: BTreeSet<&FlowId> = BTreeSet::new();
        for step in broken.flat_map(|(_, flow)| &flow.steps) {
            match &step.kind {
                StepKind::ChangeFlow(change) => led_to.insert(&change.flow),
                StepKind::CallFlow(call) => led_to.insert(&call.flow),
                _ => false,
            };
        }
        for node in 0..graph.len() {
            if let CompiledKind::ChangeFlow(link) = &graph.step(node).kind
                && link.to.is_none()
            {
                led_to.insert(&link.flow);
            }
        }
        for flow in 0..graph.flows.len() {
            if led_to.contains(&graph.flows[flow].compiled.id) {
                let anything = Known::anything(self.numbers.len());
                for node in graph.nodes(flow) {
                    self.come(node, &anything);
                }
            }
        }
    }

    /// Begins where the bot's rules lead, with whatever a dialog may have collected by then.
    fn begin_by_rules(&mut self, bot: &Bot) {
        let graph = self.graph;
        let is_code = |node: usize| matches!(graph.step(node).kind, CompiledKind::Custom(_));
        // What a host's step sets, or a flow that doesn't compile, nobody knows.
        let is_anything = graph.flows.len() < bot.flows.len() || (0..graph.len()).any(is_code);
        let mut from_anywhere = Known::nothing(self.numbers.len());
        from_anywhere.any_data = is_anything;
        from_anywhere.any_contact = is_anything;
        (0..self.numbers.len()).for_each(|name| from_anywhere.unset.add(name));
        let given = self.gives.iter().flatten().flatten();
        given.for_each(|&name| from_anywhere.set.add(name));
        for entry in rules::entries(&bot.settings.behaviour) {
            let mut known = from_anywhere.clone();
            for field in entry.fields() {
                self.give(&mut known, &SaveTo::Field(field.to_owned()));
            }
            for key in entry.asked_for().into_iter().flat_map(Key::of_known) {
                if let Some(name) = self.numbers.find(&key) {
                    known.give(name);
                }
            }
            for node in graph.led_to(entry.to) {
                let flow = graph.flow_of(node);
                self.is_own[flow] = true;
                let mut known = known.clone();
                self.give_inputs(flow, &mut known);
                self.come(node, &known);
            }
        }
    }

    fn begin_flow(&mut self, flow: usize) {
        self.is_own[flow] = true;
        let mut known = Known::nothing(self.numbers.len());
        (0..self.numbers.len()).for_each(|name| known.unset.add(name));
        self.give_inputs(flow, &mut known);
        self.come(self.graph.entry(flow), &known);
    }

    fn give_inputs(&self, flow: usize, known: &mut Known) {
        for name in &self.graph.flows[flow].definition.inputs {
            self.give(known, &SaveTo::Data(name.clone()));
        }
    }

    fn give(&self, known: &mut Known, to: &SaveTo) {
        for key in Key::set_by(to) {
            if let Some(name) = self.numbers.find(&key) {
                known.give(name);
            }
        }
    }

    /// A way to a step with these values.
    fn come(&mut self, node: usize, known: &Known) {
        let changed = match &mut self.before[node] {
            Some(before) => before.join(known),
            before @ None => {
                *before = Some(known.clone());
                true
            }
        };
        if changed {
            self.look_again(node);
        }
    }

    /// Goes on until nothing new is learned.
    fn settle(&mut self) {
        loop {
            while let Some((rank, node)) = self.open.pop_first() {
                self.at = rank;
                if let Some(before) = self.before[node].clone() {
                    self.pass(node, before);
                }
            }
            self.at = 0;
            std::mem::swap(&mut self.open, &mut self.later);
            if self.open.is_empty() {
                return;
            }
        }
    }

    /// Takes what is known before a step along all its ways.
    fn pass(&mut self, node: usize, before: Known) {
        let graph = self.graph;
        let flow = graph.flow_of(node);
        match &graph.step(node).kind {
            CompiledKind::ChangeFlow(_) => {
                let known = self.left_for_good(flow, before);
                for to in graph.changes(node) {
                    let mut known = known.clone();
                    self.give_inputs(graph.flow_of(to), &mut known);
                    self.come(to, &known);
                }
            }
            CompiledKind::CallFlow(call) => {
                for &callee in graph.callees(node) {
                    let mut inside = self.called(&before);
                    self.give_inputs(callee, &mut inside);
                    for (name, _) in &call.inputs {
                        self.give(&mut inside, &SaveTo::Data(name.clone()));
                    }
                    self.come(graph.entry(callee), &inside);
                    self.put_aside(callee, flow, &before);
                }
                match call.link.to {
                    Some((callee, _)) => {
                        if let Some(end) = self.end[usize::from(callee)].clone() {
                            let after = self.returned(before, &end, &call.results);
                            self.leave(node, &after);
                        }
                    }
                    // What a flow sets that doesn't compile, nobody knows.
                    None => self.leave(node, &Known::anything(self.numbers.len())),
                }
            }
            CompiledKind::Custom(_) => {
                self.leave(node, &Known::anything(self.numbers.len()));
            }
            _ => self.leave(node, &before),
        }
    }

    /// Leaves a step by each of its exits.
    fn leave(&mut self, node: usize, known: &Known) {
        let graph = self.graph;
        let flow = graph.flow_of(node);
        for exit in 0..graph.step(node).exits.len() {
            let mut given = Cow::Borrowed(known);
            for &name in &self.gives[node][exit] {
                given.to_mut().give(name);
            }
            match graph.way(node, exit, true) {
                Way::Stop => {}
                Way::Enter(to) => self.come(to, &given),
                Way::Back => {
                    let changed = match &mut self.end[flow] {
                        Some(end) => end.join(&given),
                        end @ None => {
                            *end = Some(given.into_owned());
                            true
                        }
                    };
                    if changed {
                        for &caller in &graph.flows[flow].callers {
                            self.look_again(caller);
                        }
                    }
                }
            }
        }
    }

    fn look_again(&mut self, node: usize) {
        if self.before[node].is_some() {
            let place = (self.rank[node], node);
            let is_ahead = self.rank[node] > self.at;
            let list = match is_ahead {
                true => &mut self.open,
                false => &mut self.later,
            };
            list.insert(place);
        }
    }

    /// What a called flow knows at its entry, but for its inputs.
    fn called(&self, before: &Known) -> Known {
        let mut inside = before.clone();
        inside.any_data = false;
        inside.unset.keep(&self.contact);
        inside.unset.add_all(&self.data);
        inside.set.keep(&self.contact);
        for &(plain, _, contact) in &self.triples {
            if before.unset.has(contact) {
                inside.unset.add(plain);
            }
            if before.set.has(contact) {
                inside.set.add(plain);
            }
        }
        inside
    }

    /// What a caller knows once the flow it called is over.
    fn returned(&self, before: Known, end: &Known, results: &[(String, String)]) -> Known {
        let mut after = before;
        let mut gained = self.contact.clone();
        gained.remove_all(&end.unset);
        after.unset.remove_all(&gained);
        let mut maybe = self.contact.clone();
        maybe.keep(&end.set);
        after.set.add_all(&maybe);
        after.any_contact |= end.any_contact;
        for &(plain, _, contact) in &self.triples {
            if !end.unset.has(contact) {
                after.unset.remove(plain);
            }
            if end.set.has(contact) {
                after.set.add(plain);
            }
        }
        for (ours, theirs) in results {
            let theirs = self.numbers.find(&Key::Data(theirs.clone()));
            let is_unset = theirs.is_none_or(|theirs| end.unset.has(theirs)) && !end.any_data;
            let is_set = theirs.is_some_and(|theirs| end.set.has(theirs)) || end.any_data;
            for key in Key::set_by(&SaveTo::Data(ours.clone())) {
                let Some(name) = self.numbers.find(&key) else {
                    continue;
                };
                if !is_unset {
                    after.unset.remove(name);
                }
                if is_set {
                    after.set.add(name);
                }
            }
        }
        after
    }

    /// Who goes over to another flow from one that was called takes the data along that its
    /// outermost caller had.
    fn left_for_good(&self, flow: usize, before: Known) -> Known {
        let Some(aside) = &self.aside[flow] else {
            return before;
        };
        let mut known = before.clone();
        if !self.is_own[flow] {
            known.any_data = false;
            known.unset.keep(&self.contact);
            known.set.keep(&self.contact);
        }
        known.any_data |= aside.any_data;
        known.unset.add_all(&aside.unset);
        known.set.add_all(&aside.set);
        for &(plain, data, contact) in &self.triples {
            if aside.unset.has(data) && before.unset.has(contact) {
                known.unset.add(plain);
            }
            if aside.set.has(data) || before.set.has(contact) {
                known.set.add(plain);
            }
        }
        known
    }

    /// Remembers the data that a call puts aside, or that were put aside before it.
    fn put_aside(&mut self, callee: usize, caller: usize, before: &Known) {
        let mut put = self.aside[caller].clone();
        if self.is_own[caller] {
            let mut own = before.clone();
            own.unset.keep(&self.data);
            own.set.keep(&self.data);
            own.any_contact = false;
            match &mut put {
                Some(put) => {
                    put.join(&own);
                }
                None => put = Some(own),
            }
        }
        let Some(put) = put else { return };
        let changed = match &mut self.aside[callee] {
            Some(aside) => aside.join(&put),
            aside @ None => {
                *aside = Some(put);
                true
            }
        };
        if changed {
            for node in self.graph.nodes(callee) {
                if matches!(
                    self.graph.step(node).kind,
                    CompiledKind::ChangeFlow(_) | CompiledKind::CallFlow(_)
                ) {
                    self.look_again(node);
                }
            }
        }
    }

    /// The step from which a dialog may come without a value; the step itself, where its flow
    /// begins there.
    fn way_without(&self, node: usize, name: usize) -> StepId {
        let graph = self.graph;
        let may_come = |&from: &usize| {
            let is_unset = self.before[from]
                .as_ref()
                .is_some_and(|before| before.unset.has(name));
            let leads = (0..graph.step(from).exits.len()).any(|exit| {
                graph.way(from, exit, true) == Way::Enter(node)
                    && !self.gives[from][exit].contains(&name)
            });
            is_unset && (leads || graph.changes(from).contains(&node))
        };
        let from = self.from[node].iter().copied().find(may_come);
        graph.step(from.unwrap_or(node)).name.clone()
    }

    /// Whether a called flow gets what it wants and gives what is wanted of it.
    fn check_call(&self, node: usize, found: &mut Found) {
        let graph = self.graph;
        let CompiledKind::CallFlow(call) = &graph.step(node).kind else {
            return;
        };
        let Some((callee, _)) = call.link.to else {
            return;
        };
        let callee = usize::from(callee);
        let room = graph.room(node);
        let step = Some(&graph.step(node).name);
        let flow = &graph.flows[callee].compiled.id;
        for name in &graph.flows[callee].definition.inputs {
            if call.inputs.iter().all(|(given, _)| given != name) {
                let (flow, name) = (flow.clone(), name.clone());
                let kind = ProblemKind::InputMissing { flow, name };
                found.add(room.place, step, &["call_flow", "inputs"], kind);
            }
        }
        let Some(end) = &self.end[callee] else {
            return;
        };
        for (ours, theirs) in &call.results {
            let name = self.numbers.find(&Key::Data(theirs.clone()));
            if !end.any_data && name.is_none_or(|name| !end.set.has(name)) {
                let (flow, name) = (flow.clone(), theirs.clone());
                let kind = ProblemKind::ResultNeverSet { flow, name };
                found.add(room.place, step, &["call_flow", "results", ours], kind);
            }
        }
    }
}
