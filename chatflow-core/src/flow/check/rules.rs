//! Where the bot's own rules lead: robots and trackers' reports come to a step from anywhere.

use crate::dialog::StepTarget;
use crate::flow::check::reads::known_by;
use crate::flow::{Behaviour, Robot};

/// A rule that leads somewhere.
pub(super) struct Entry<'a> {
    pub(super) to: &'a StepTarget,
    /// The robot whose rule it is; a report's has none.
    robot: Option<&'a Robot>,
}

impl<'a> Entry<'a> {
    /// The names that have a value where the rule leads, since it asks for them.
    pub(super) fn asked_for(&self) -> Vec<&'a str> {
        let when = self.robot.and_then(|robot| robot.when.as_ref());
        when.map_or_else(Vec::new, |when| known_by(when, true))
    }

    /// The contact's fields that the rule sets before it leads on.
    pub(super) fn fields(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let fields = self.robot.into_iter().flat_map(|robot| robot.fields.keys());
        fields.map(String::as_str)
    }
}

/// All rules that lead somewhere.
pub(super) fn entries(behaviour: &Behaviour) -> impl Iterator<Item = Entry<'_>> {
    let robots = behaviour.robots.values().filter_map(|robot| {
        let to = robot.step.as_ref()?;
        let robot = Some(robot);
        Some(Entry { to, robot })
    });
    let reports = behaviour.postbacks.iter().map(|rule| Entry {
        to: &rule.step,
        robot: None,
    });
    robots.chain(reports)
}
