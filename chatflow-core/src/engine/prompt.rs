//! What a model is told: always the same words in the same order, so that the same settings give
//! the same bytes.

use std::fmt::Write as _;

use crate::flow::{AiSettings, CompiledKind, CompiledStep, EXIT_OTHERWISE};

/// What a model is asked for.
#[derive(Debug)]
pub(super) enum Task<'a> {
    /// A reply to the contact.
    Reply,
    /// One of these branches, each with what it is for.
    Route { branches: Vec<(&'a str, &'a str)> },
    /// What an operator might say, in his language.
    Advice { language: Option<String> },
}

impl<'a> Task<'a> {
    /// The choice that a step leaves to a model.
    pub(super) fn route(step: &'a CompiledStep) -> Self {
        let about: &[Box<str>] = match &step.kind {
            CompiledKind::AiRoute { branches, .. } => branches,
            _ => &[],
        };
        let names = step.exits.iter().map(|(name, _)| &**name);
        let branches = names.zip(about.iter().map(|about| &**about));
        Self::Route {
            branches: branches.collect(),
        }
    }

    pub(super) const fn purpose(&self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::Route { .. } => "route",
            Self::Advice { .. } => "advice",
        }
    }
}

/// The instructions for one request. `goal` is the step's, in place of the bot's.
pub(super) fn system(
    settings: &AiSettings,
    goal: Option<&str>,
    notes: Option<&str>,
    task: &Task<'_>,
) -> String {
    let mut text = String::new();
    let mut part = |title: &str, body: Option<&str>| {
        if let Some(body) = body.map(str::trim).filter(|body| !body.is_empty()) {
            // Writing to a string can't fail.
            let _ = write!(text, "{title}:\n{body}\n\n");
        }
    };
    part("Your role", settings.role.as_deref());
    part("Your goal", goal.or(settings.goal.as_deref()));
    part("What you must not do", settings.limits.as_deref());
    part("What you know", notes);
    let mut examples = String::new();
    for example in &settings.examples {
        let (contact, reply) = (example.contact.trim(), example.reply.trim());
        let _ = writeln!(examples, "Contact: {contact}\nYou: {reply}");
    }
    part("Examples", Some(&examples));
    match task {
        Task::Reply => part(
            "Your task",
            Some("Write the next message to the contact. Give its text and nothing else."),
        ),
        Task::Advice { language } => {
            let language = language.as_deref();
            let language = language.map_or(String::new(), |language| {
                format!(" Write it in the language `{language}`.")
            });
            let body = format!(
                "Suggest to our operator what to write to the contact next.{language} Give its \
                 text and nothing else."
            );
            part("Your task", Some(&body));
        }
        Task::Route { branches } => {
            let mut body = String::from(
                "Say which of these fits the contact's last message best. Give its name and \
                 nothing else.\n",
            );
            for (name, about) in branches {
                let _ = writeln!(body, "- {name}: {about}");
            }
            let _ = write!(body, "- {EXIT_OTHERWISE}: none of them fits");
            part("Your task", Some(&body));
        }
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Example;

    fn settings() -> AiSettings {
        let example = |contact: &str, reply: &str| Example {
            contact: contact.to_owned(),
            reply: reply.to_owned(),
        };
        AiSettings {
            role: Some("a seller of tea".to_owned()),
            goal: Some("a visit to the shop".to_owned()),
            limits: Some("Promise no discounts.".to_owned()),
            examples: vec![
                example("How much?", "From 5 a bag."),
                example("Where?", "In Main Street."),
            ],
            ..AiSettings::default()
        }
    }

    #[test]
    fn ai_04_the_same_settings_give_the_same_words_with_all_parts() {
        let settings = settings();
        let words = || system(&settings, None, Some("Closed on Mondays."), &Task::Reply);
        assert_eq!(words(), words());
        let expected = "Your role:\na seller of tea\n\n\
            Your goal:\na visit to the shop\n\n\
            What you must not do:\nPromise no discounts.\n\n\
            What you know:\nClosed on Mondays.\n\n\
            Examples:\n\
            Contact: How much?\nYou: From 5 a bag.\n\
            Contact: Where?\nYou: In Main Street.\n\n\
            Your task:\n\
            Write the next message to the contact. Give its text and nothing else.";
        assert_eq!(words(), expected);
    }

    #[test]
    fn a_steps_goal_stands_in_for_the_bots_and_branches_are_listed_in_order() {
        let branches = vec![("visit", "wants to come"), ("price", "asks what it costs")];
        let words = system(
            &settings(),
            Some("an order"),
            None,
            &Task::Route { branches },
        );
        assert!(words.contains("Your goal:\nan order\n"));
        assert!(!words.contains("a visit to the shop"));
        let list = "- visit: wants to come\n- price: asks what it costs\n\
            - otherwise: none of them fits";
        assert!(words.ends_with(list), "{words}");
    }
}
