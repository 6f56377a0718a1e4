//! What a bot does beside its flows, ready to run.

use std::collections::BTreeMap;

use super::{Compiler, is_tag, joined};
use crate::dialog::{Assignee, DialogSettings, StatusChoice, StepId};
use crate::flow::compiled::{CompiledPush, CompiledRobot};
use crate::flow::condition::{CONDITION_DEPTH_MAX, Test};
use crate::flow::keywords::{Matcher, normalise};
use crate::flow::kinds::KeywordRoute;
use crate::flow::template::is_data_name;
use crate::flow::{Behaviour, Condition, FinishStatus, KeywordMatch, Problem, ProblemKind, Robot};

/// A bot's own reminders and robots.
#[derive(Debug, Clone, Default)]
pub(in crate::flow) struct Rules {
    pub(in crate::flow) pushes: Vec<CompiledPush>,
    /// In the order of their names.
    pub(in crate::flow) robots: Vec<CompiledRobot>,
}

impl Rules {
    /// Compiles them; each problem stands at its place among the settings.
    pub(in crate::flow) fn of(behaviour: &Behaviour) -> Result<Self, Vec<Problem>> {
        let mut compiler = Compiler {
            by_name: BTreeMap::new(),
            problems: Vec::new(),
            step: None,
            language: behaviour.language.as_deref(),
        };
        let pushes = compiler.pushes(&behaviour.pushes);
        let count = behaviour.robots.len();
        if count > Robot::MAX {
            compiler.problem(&["robots"], ProblemKind::TooManyRobots { count });
            return Err(compiler.problems);
        }
        let robots = behaviour.robots.iter();
        let robots = robots.map(|(name, robot)| compiler.robot(behaviour, name, robot));
        let robots: Vec<_> = robots.collect();
        match (pushes, robots.into_iter().collect(), compiler.problems) {
            (Some(pushes), Some(robots), problems) if problems.is_empty() => {
                Ok(Self { pushes, robots })
            }
            (_, _, problems) => Err(problems),
        }
    }
}

impl Compiler<'_> {
    fn robot(&mut self, bot: &Behaviour, name: &str, robot: &Robot) -> Option<CompiledRobot> {
        let at = ["robots", name];
        if !StepId::from(name).is_valid() {
            let name = name.to_owned();
            self.problem(&at, ProblemKind::BadName { name });
        }
        let settings = settings_of(robot);
        let changes = settings != DialogSettings::default() || robot.queue.is_some();
        if !changes && robot.notify.is_empty() {
            self.problem(&at, ProblemKind::IdleRobot);
        }
        for (list, tags) in [
            ("add_tags", &robot.add_tags),
            ("remove_tags", &robot.remove_tags),
        ] {
            for tag in tags {
                self.tag_of(bot, &joined(&at, &[list]), tag);
            }
        }
        for (field, value) in &robot.fields {
            let at = joined(&at, &["fields", field]);
            if !is_data_name(field) {
                let name = field.clone();
                self.problem(&at, ProblemKind::BadPath { name });
            } else if !value.is_storable() {
                self.problem(&at, ProblemKind::TooDeep);
            }
        }
        let assigned = robot.assign.iter().map(|operator| ("assign", operator));
        let notified = robot.notify.iter().map(|operator| ("notify", operator));
        for (key, operator) in assigned.chain(notified) {
            if !operator.is_valid() {
                let name = operator.to_string();
                self.problem(&joined(&at, &[key]), ProblemKind::BadName { name });
            }
        }
        if let Some(queue) = robot.queue.as_ref().filter(|queue| !queue.is_valid()) {
            let name = queue.to_string();
            self.problem(&joined(&at, &["queue"]), ProblemKind::BadName { name });
        }
        let words = self.words_of(&joined(&at, &["words"]), &robot.words);
        let when = match &robot.when {
            None => Some(None),
            Some(when) => self.test_of(bot, &joined(&at, &["when"]), when).map(Some),
        };
        Some(CompiledRobot {
            name: name.to_owned(),
            on: robot.on,
            words: words?,
            when: when?,
            settings,
            queue: robot.queue.clone(),
            notify: robot.notify.clone(),
        })
    }

    fn tag_of(&mut self, bot: &Behaviour, at: &[&str], tag: &str) {
        let name = tag.to_owned();
        if !is_tag(tag) {
            self.problem(at, ProblemKind::BadTag { tag: name });
        } else if !bot.knows_tag(tag) {
            self.problem(at, ProblemKind::UnknownTag { tag: name });
        }
    }

    fn words_of(&mut self, at: &[&str], words: &[String]) -> Option<Option<Matcher>> {
        if words.is_empty() {
            return Some(None);
        }
        for (n, word) in words.iter().enumerate() {
            if normalise(word).trim().is_empty() {
                let word = word.clone();
                let kind = ProblemKind::BadWord { word };
                self.problem(&joined(at, &[&n.to_string()]), kind);
            }
        }
        let route = KeywordRoute {
            name: String::new(),
            keywords: words.to_vec(),
            patterns: Vec::new(),
        };
        let matcher = Matcher::new(&[route], KeywordMatch::Anywhere);
        if matcher.is_none() {
            self.problem(at, ProblemKind::TooManyKeywords);
        }
        matcher.map(Some)
    }

    fn test_of(&mut self, bot: &Behaviour, at: &[&str], when: &Condition) -> Option<Test> {
        // Before anything walks down into it.
        if when.depth() > CONDITION_DEPTH_MAX {
            self.problem(at, ProblemKind::TooDeep);
            return None;
        }
        for tag in when.tags() {
            if !bot.knows_tag(tag) {
                let tag = tag.to_owned();
                self.problem(at, ProblemKind::UnknownTag { tag });
            }
        }
        match when.compile() {
            Ok(test) => Some(test),
            Err(kind) => {
                self.problem(at, kind);
                None
            }
        }
    }
}

/// What a robot changes, as an operator would.
fn settings_of(robot: &Robot) -> DialogSettings {
    DialogSettings {
        status: robot.status.map(|status| match status {
            FinishStatus::Auto => StatusChoice::Auto,
            FinishStatus::Waiting => StatusChoice::Waiting,
            FinishStatus::Manual => StatusChoice::Manual,
            FinishStatus::Finished => StatusChoice::Finished,
        }),
        step: robot.step.clone(),
        assignee: robot.assign.clone().map(Assignee::Operator),
        add_tags: robot.add_tags.clone(),
        remove_tags: robot.remove_tags.clone(),
        fields: robot.fields.clone(),
        ..DialogSettings::default()
    }
}
