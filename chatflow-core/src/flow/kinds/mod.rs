//! The kinds of step.

mod ai;
mod ai_reply;
mod ai_route;
mod ask;
mod assign;
mod branch;
mod change_tags;
mod delay;
mod finish;
mod flows;
mod keywords;
mod membership;
mod pass_to_bot;
mod send;
mod set_values;
mod split;
mod track;
mod webhook;

pub(crate) use ai::AiWords;
pub use ai_reply::AiReply;
pub use ai_route::AiRoute;
pub use ask::{Ask, AskKind};
pub use assign::{Assign, Enqueue};
pub use branch::Branch;
pub use change_tags::ChangeTags;
pub use delay::Delay;
pub use finish::{Finish, FinishStatus};
pub use flows::{CallFlow, ChangeFlow};
pub(crate) use keywords::KeywordRoute;
pub use keywords::{KeywordMatch, KeywordRouter};
pub use membership::Membership;
pub use pass_to_bot::PassToBot;
#[cfg(feature = "files")]
pub(crate) use send::SendItem;
pub use send::SendMessage;
pub(crate) use set_values::{Assignment, Source};
pub use set_values::{SaveTo, SetValues};
pub use split::Split;
pub use track::Track;
pub(crate) use webhook::WebhookBody;
pub use webhook::{Webhook, WebhookMethod};

use crate::dialog::TranslateTo;
use crate::flow::definition::{CustomRouter, CustomStep};
use crate::flow::{Router, Step};

/// The exit of a step that has done its work.
pub const EXIT_NEXT: &str = "next";
/// The exit of a question that was answered wrongly too often. Where it leads nowhere, the
/// dialog is passed to an operator.
pub const EXIT_GAVE_UP: &str = "gave_up";
/// The exit of a step that waited and was not answered in time. Where a question's leads
/// nowhere, the dialog is passed to an operator.
pub const EXIT_TIMEOUT: &str = "timeout";
/// The exit of a router or condition where nothing else fits.
pub const EXIT_OTHERWISE: &str = "otherwise";

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum StepKind {
    /// Says something and goes on.
    Send(SendMessage),
    /// Asks and keeps the answer.
    Ask(Ask),
    /// Waits for a message and goes on by its words.
    Keywords(KeywordRouter),
    /// Goes on by what is known of the dialog.
    Condition(Branch),
    /// Sends each dialog down one of several arms, by shares.
    Split(Split),
    /// Goes on by whether the contact has joined a place.
    Membership(Membership),
    /// Adds and removes tags of the contact.
    Tags(ChangeTags),
    /// Keeps values.
    Set(SetValues),
    /// Goes on in another flow and doesn't come back.
    ChangeFlow(ChangeFlow),
    /// Goes through another flow and comes back.
    CallFlow(CallFlow),
    /// Waits some time and goes on.
    Delay(Delay),
    /// A model chooses the way.
    AiRoute(AiRoute),
    /// A model writes what is said.
    AiReply(AiReply),
    /// Sends a request to an outside service.
    Webhook(Webhook),
    /// Tells a tracker.
    Track(Track),
    /// Makes an operator responsible.
    Assign(Assign),
    /// Puts the dialog into a queue.
    Queue(Enqueue),
    /// Changes into which language messages are put.
    Translate(TranslateTo),
    /// Gives the contact to a bot on another platform.
    ExternalBot(PassToBot),
    /// Gives the dialog a status.
    Finish(Finish),
    /// A host's step.
    Custom(CustomStep),
    /// A host's router: waits for a message and goes on by its route.
    Router(CustomRouter),
}

impl<S: Step> From<S> for StepKind {
    fn from(step: S) -> Self {
        Self::Custom(CustomStep::new(step))
    }
}

impl StepKind {
    /// A step that routes by a host's router.
    pub fn router(router: impl Router) -> Self {
        Self::Router(CustomRouter::new(router))
    }

    /// The key that names the kind in a file.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Send(_) => "send",
            Self::Ask(_) => "ask",
            Self::Keywords(_) => "keywords",
            Self::Condition(_) => "condition",
            Self::Split(_) => "split",
            Self::Membership(_) => "membership",
            Self::Tags(_) => "tags",
            Self::Set(_) => "set",
            Self::ChangeFlow(_) => "change_flow",
            Self::CallFlow(_) => "call_flow",
            Self::Delay(_) => "delay",
            Self::AiRoute(_) => "ai_route",
            Self::AiReply(_) => "ai_reply",
            Self::Webhook(_) => "webhook",
            Self::Track(_) => "track",
            Self::Assign(_) => "assign",
            Self::Queue(_) => "queue",
            Self::Translate(_) => "translate",
            Self::ExternalBot(_) => "external_bot",
            Self::Finish(_) => "finish",
            Self::Custom(_) => "custom",
            Self::Router(_) => "router",
        }
    }

    /// The names of the exits it has, but for `timeout`, which a step has that is given one. A
    /// webhook has it in any case.
    pub fn exits(&self) -> Vec<String> {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        match self {
            Self::Send(_)
            | Self::Tags(_)
            | Self::Set(_)
            | Self::CallFlow(_)
            | Self::Delay(_)
            | Self::AiReply(_)
            | Self::Track(_)
            | Self::Assign(_)
            | Self::Queue(_)
            | Self::Translate(_)
            | Self::Finish(_) => names(&[EXIT_NEXT]),
            Self::ChangeFlow(_) => Vec::new(),
            Self::Ask(_) => names(&[EXIT_NEXT, EXIT_GAVE_UP]),
            Self::Keywords(router) => router
                .routes
                .iter()
                .map(|route| route.name.clone())
                .chain([EXIT_OTHERWISE.to_owned()])
                .collect(),
            Self::AiRoute(route) => route
                .branches
                .iter()
                .map(|(name, _)| name.clone())
                .chain([EXIT_OTHERWISE.to_owned()])
                .collect(),
            Self::Webhook(_) => names(&[EXIT_NEXT, Webhook::FAILURE, EXIT_TIMEOUT]),
            Self::ExternalBot(_) => names(&[EXIT_NEXT, PassToBot::HANDOFF, PassToBot::FAILURE]),
            Self::Condition(branch) => branch
                .arms
                .iter()
                .map(|arm| arm.name.clone())
                .chain([EXIT_OTHERWISE.to_owned()])
                .collect(),
            Self::Split(split) => split.arms.iter().map(|(name, _)| name.clone()).collect(),
            Self::Membership(_) => names(&Membership::EXITS),
            Self::Custom(step) => step.code.exits.clone(),
            Self::Router(router) => router
                .code
                .exits
                .iter()
                .cloned()
                .chain([EXIT_OTHERWISE.to_owned()])
                .collect(),
        }
    }

    /// Whether it stays until the contact has answered or its time is over.
    pub(crate) const fn waits_for_answer(&self) -> bool {
        matches!(
            self,
            Self::Ask(_) | Self::Keywords(_) | Self::Router(_) | Self::AiRoute(_)
        )
    }

    /// Whether it stays until somebody outside has answered.
    pub(crate) const fn asks_outside(&self) -> bool {
        matches!(
            self,
            Self::Membership(_)
                | Self::AiRoute(_)
                | Self::AiReply(_)
                | Self::Webhook(_)
                | Self::ExternalBot(_)
        )
    }

    /// Whether it has the exit `timeout` though its step names no time.
    pub(crate) const fn always_times_out(&self) -> bool {
        matches!(self, Self::Webhook(_))
    }

    /// Whether it waits for a message when it is entered without one that nobody has taken.
    pub const fn awaits_message(&self) -> bool {
        self.waits_for_answer() || matches!(self, Self::Custom(_) | Self::ExternalBot(_))
    }
}
