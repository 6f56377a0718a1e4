//! What a bot does by rule, beside its flows: robots, trackers' reports, alerts.

use std::collections::{BTreeMap, BTreeSet};

use crate::dialog::{
    Actor, Automation, DialogSettings, EventBody, Fact, OperatorId, Postback, StatusKind, Value,
};
use crate::engine::admit;
use crate::engine::held::HELD_TIMER;
use crate::engine::turn::Turn;
use crate::flow::{Alert, CompiledRobot, Occurrence};

/// Most reports that are held in a pause; what comes beyond is noted and leads nowhere.
const POSTBACKS_MAX: usize = 20;
/// The port that operators are told through.
const NOTIFIER_PORT: &str = "notifier";

impl Turn<'_> {
    /// Lets robots act on what happened in this turn, and on what they do themselves, until none
    /// has anything to do or the limit is reached.
    pub(super) fn act_by_rules(&mut self) {
        let config = self.config;
        let robots = config.robots();
        if robots.is_empty() || self.is_paused {
            return;
        }
        let mut acts = 0;
        for message in std::mem::take(&mut self.said) {
            self.heard_by_robots = Some(message);
            if !self.act_on(Occurrence::Message, robots, &mut acts) {
                return;
            }
        }
        let mut next = 0;
        // Robots add facts while they are gone through: what they did can set off others.
        while next < self.scratch.facts.len() {
            let occurrence = occurrence(&self.scratch.facts[next]);
            next += 1;
            if let Some(occurrence) = occurrence
                && !self.act_on(occurrence, robots, &mut acts)
            {
                return;
            }
        }
    }

    /// Says whether robots may go on.
    fn act_on(&mut self, on: Occurrence, robots: &[CompiledRobot], acts: &mut u32) -> bool {
        let limit = self.config.settings().limits.robot_acts_per_turn;
        for robot in robots.iter().filter(|robot| robot.on == on) {
            if !self.sets_off(robot) {
                continue;
            }
            let before = self.scratch.facts.len();
            let effects = self.scratch.effects.len();
            if *acts >= limit {
                let robot = robot.name.clone();
                self.scratch.facts.push(Fact::RobotsStopped { robot });
                return false;
            }
            self.robot_acts(robot);
            if self.scratch.facts.len() > before || self.scratch.effects.len() > effects {
                *acts += 1;
                let robot = robot.name.clone();
                self.scratch.facts.push(Fact::RobotActed { robot });
            }
        }
        true
    }

    fn sets_off(&self, robot: &CompiledRobot) -> bool {
        if let Some(words) = &robot.words {
            let said = self.heard_by_robots.as_ref();
            if said.is_none_or(|said| words.route(said.text()).is_none()) {
                return false;
            }
        }
        // Also where the flow gets the message later.
        let mut scene = self.scene();
        scene.message = scene.message.or(self.heard_by_robots.as_ref());
        robot.when.as_ref().is_none_or(|when| when.holds(&scene))
    }

    fn robot_acts(&mut self, robot: &CompiledRobot) {
        let before = self.scratch.facts.len();
        let actor = Actor::Robot(robot.name.clone());
        let settings = &robot.settings;
        self.patch(settings);
        if let Some(assignee) = &settings.assignee {
            self.given_now = true;
            self.reassign(assignee, &actor);
        }
        if let Some(queue) = &robot.queue {
            self.wait_in_once(queue, &actor);
        }
        // Where a person leads or nothing can be sent, only people move a dialog.
        if self.snapshot.automation.drives() && self.snapshot.can_send() {
            self.robot_moves(&actor, settings);
        }
        // One that changes things tells of it only where it did.
        let changes = robot.settings != DialogSettings::default() || robot.queue.is_some();
        if changes && self.scratch.facts.len() == before {
            return;
        }
        for operator in &robot.notify {
            self.notify(operator, Alert::Robot, Some(&robot.name));
        }
    }

    fn robot_moves(&mut self, actor: &Actor, settings: &DialogSettings) {
        let stands = self.snapshot.position.as_ref();
        let stands = stands.map(|at| (at.flow.clone(), at.step.clone()));
        let target = settings.step.as_ref();
        let target = target.filter(|target| self.find_target(target).is_some());
        let target = target.filter(|target| {
            let own = stands.as_ref().map(|(flow, _)| flow);
            let at = target.flow.as_ref().or(own).zip(target.step.as_ref());
            // Where it stands already it isn't moved to.
            at.is_none_or(|(flow, step)| stands.as_ref() != Some(&(flow.clone(), step.clone())))
        });
        if let Some(target) = target {
            self.place(target);
            self.set_automation(actor.clone(), Automation::Auto, None);
        }
        let status = settings.status.as_ref();
        let chosen = status.map(|status| admit::chosen(self.config, status));
        if let Some((to, label)) = chosen {
            // What only the contact's next message may do, a rule does by way of Auto.
            if !may_set(self.snapshot.automation, to) {
                self.set_automation(actor.clone(), Automation::Auto, None);
            }
            self.set_automation(actor.clone(), to, label);
        }
        if target.is_some() && self.may_run() {
            self.run_entry();
        }
    }

    /// A tracker reported something: it is noted in any case, and leads the dialog where a rule
    /// says so and the status lets it.
    pub(super) fn postback_received(&mut self, postback: &Postback) {
        let config = self.config;
        if self.is_paused {
            if self.snapshot.held_postbacks.len() < POSTBACKS_MAX {
                self.snapshot.held_postbacks.push(postback.clone());
                self.set_timer_at(HELD_TIMER, self.now);
            } else {
                let (event, moved) = (postback.event.clone(), false);
                self.scratch
                    .facts
                    .push(Fact::PostbackNoted { event, moved });
            }
            return;
        }
        let rule = config.behaviour().postbacks.iter().find(|rule| {
            let amount = postback.amount.unwrap_or_default();
            rule.on == postback.event && rule.at_least.is_none_or(|least| amount >= least.0)
        });
        let may_move = matches!(
            self.snapshot.shown_status().kind,
            StatusKind::Auto | StatusKind::Waiting | StatusKind::Start | StatusKind::Finished
        );
        let target = rule.map(|rule| &rule.step);
        let may_move = may_move && self.is_bots();
        let target = target.filter(|target| may_move && self.find_target(target).is_some());
        let event = postback.event.clone();
        self.scratch.facts.push(Fact::PostbackNoted {
            event: event.clone(),
            moved: target.is_some(),
        });
        if let Some(target) = target {
            self.place(target);
            // What the step kept was for the one after it; what waits for the flow still does.
            self.snapshot.held.retain(|held| !held.passed);
            self.set_automation(Actor::Postback(event), Automation::Auto, None);
            self.is_silence_broken = true;
            if self.may_run() {
                self.run_entry();
            }
        }
    }

    /// Tells operators what the bot's settings say they are to be told.
    pub(super) fn alert(&mut self) {
        let config = self.config;
        let rules = &config.behaviour().notifications;
        if rules.is_empty() {
            return;
        }
        let alerts = self.alerts();
        let mut told: BTreeSet<(&OperatorId, Alert)> = BTreeSet::new();
        for rule in rules {
            for alert in rule.on.intersection(&alerts) {
                told.extend(rule.to.iter().map(|operator| (operator, *alert)));
            }
        }
        for (operator, alert) in told {
            self.notify(operator, alert, None);
        }
    }

    fn alerts(&self) -> BTreeSet<Alert> {
        let mut alerts = BTreeSet::new();
        if self.snapshot.revision == 0 {
            alerts.insert(Alert::NewDialog);
        }
        let shown = self.snapshot.shown_status();
        if shown != self.shown_before {
            alerts.extend(match shown.kind {
                StatusKind::Manual => Some(Alert::Manual),
                StatusKind::Error => Some(Alert::Error),
                StatusKind::Waiting => Some(Alert::Waiting),
                StatusKind::Finished => Some(Alert::Finished),
                StatusKind::Blocked => Some(Alert::Blocked),
                StatusKind::Stopped => Some(Alert::Stopped),
                StatusKind::Start | StatusKind::Auto => None,
            });
        }
        let body = match &self.event.body {
            EventBody::WhilePaused(body) => body,
            body => body,
        };
        let wrote = matches!(
            body,
            EventBody::MessageReceived(_) | EventBody::Started { .. }
        );
        let leads = matches!(shown.kind, StatusKind::Auto | StatusKind::Waiting);
        if wrote && !leads {
            alerts.insert(Alert::Message);
        }
        let stopped = |fact: &Fact| matches!(fact, Fact::RobotsStopped { .. });
        if self.scratch.facts.iter().any(stopped) {
            alerts.insert(Alert::RobotsStopped);
        }
        alerts
    }

    pub(super) fn notify(&mut self, operator: &OperatorId, alert: Alert, robot: Option<&str>) {
        let mut report = BTreeMap::from([
            ("to".to_owned(), Value::from(operator.as_str())),
            ("alert".to_owned(), Value::from(alert.label())),
        ]);
        if let Some(robot) = robot {
            report.insert("robot".to_owned(), Value::from(robot));
        }
        // A turn that has no room for it has said so much that somebody looks anyway.
        let _ = self.tell(NOTIFIER_PORT, Value::Map(report));
    }
}

/// Whether steps and rules may change the one into the other at once.
const fn may_set(from: Automation, to: Automation) -> bool {
    match from {
        Automation::Start => matches!(to, Automation::Auto | Automation::Manual),
        Automation::Auto => true,
        Automation::Waiting => matches!(to, Automation::Auto | Automation::Finished),
        Automation::Manual | Automation::Finished | Automation::Error(_) => false,
    }
}

/// What a fact sets off.
fn occurrence(fact: &Fact) -> Option<Occurrence> {
    use crate::dialog::ContactPatch;
    match fact {
        Fact::ContactPatched(ContactPatch::AddTag(_) | ContactPatch::RemoveTag(_)) => {
            Some(Occurrence::Tag)
        }
        Fact::ContactPatched(ContactPatch::Field(..) | ContactPatch::Name(_)) => {
            Some(Occurrence::Field)
        }
        Fact::StatusChanged { .. } => Some(Occurrence::Status),
        Fact::StepEntered { .. } => Some(Occurrence::Step),
        Fact::PostbackNoted { .. } => Some(Occurrence::Postback),
        Fact::SessionOpened {
            actor: Actor::Contact,
            ..
        }
        | Fact::SessionReopened {
            actor: Actor::Contact,
            ..
        } => Some(Occurrence::Session),
        _ => None,
    }
}
