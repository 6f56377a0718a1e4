//! The form of a step in files and in the store.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::dialog::time::Period;
use crate::dialog::{StepId, TranslateTo};
use crate::flow::definition::{CodeRef, CustomRouter, CustomStep};
use crate::flow::ordered::Named;
use crate::flow::{
    AiReply, AiRoute, Ask, Assign, Branch, CallFlow, ChangeFlow, ChangeTags, Delay, EXIT_NEXT,
    Enqueue, Finish, FinishStatus, KeywordRouter, Membership, PassToBot, ProblemKind, Push,
    SendMessage, SetValues, Split, StepDefinition, StepKind, Track, Webhook,
};

/// A step without its name: one key says what it does, the others say how it goes on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "files",
    derive(schemars::JsonSchema),
    schemars(rename = "step")
)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StepBody {
    /// Says one message or several.
    #[serde(skip_serializing_if = "Option::is_none")]
    send: Option<SendMessage>,
    /// Asks a question and keeps the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    ask: Option<Ask>,
    /// Waits for a message and goes on by its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    keywords: Option<KeywordRouter>,
    /// Goes on by what is known: the first arm that holds is taken, else `otherwise`.
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Branch>,
    /// Sends each dialog down one of several arms, by shares in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    split: Option<Split>,
    /// Goes on by whether the contact has joined a place, such as a channel of news.
    #[serde(skip_serializing_if = "Option::is_none")]
    membership: Option<Membership>,
    /// Adds and removes tags of the contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<ChangeTags>,
    /// Keeps values.
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<SetValues>,
    /// Goes on in another flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    change_flow: Option<ChangeFlow>,
    /// Goes through another flow and comes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    call_flow: Option<CallFlow>,
    /// Waits some time, such as `2h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    delay: Option<Delay>,
    /// Lets a model read the contact's message and choose the exit.
    #[serde(skip_serializing_if = "Option::is_none")]
    ai_route: Option<AiRoute>,
    /// Lets a model write the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    ai_reply: Option<AiReply>,
    /// Sends a request to an outside service.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<Webhook>,
    /// Tells a tracker that something has happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    track: Option<Track>,
    /// Makes an operator responsible; the dialog becomes Manual, if `finish` says nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    assign: Option<Assign>,
    /// Puts the dialog into a queue of operators; it becomes Manual, if `finish` says nothing
    /// else.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Enqueue>,
    /// Changes into which language the dialog's messages are put.
    #[serde(skip_serializing_if = "Option::is_none")]
    translate: Option<TranslateTo>,
    /// Gives the contact to a bot on another platform, by the port at which that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_bot: Option<PassToBot>,
    /// A step written in Rust, by the name under which the program has registered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    custom: Option<CodeRef>,
    /// A router written in Rust, by the name under which the program has registered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    router: Option<CodeRef>,
    /// Where it goes on: a step, or a step for each exit. An exit that isn't here leads to the
    /// step of its own name where a router or condition has one, else to the step listed next.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Next>,
    /// How long it waits before it leaves by the exit `timeout`, such as `6h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<Period>,
    /// How long after the contact's last message `send` says what it says, at the earliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_after: Option<Period>,
    /// Reminders for a contact who is silent while the step waits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pushes: Vec<Push>,
    /// The status that passing it gives the dialog.
    #[serde(skip_serializing_if = "Option::is_none")]
    finish: Option<FinishStatus>,
}

/// Where a step goes on: one step, or a step for each exit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Next(BTreeMap<String, StepId>);

impl Next {
    /// The step for each exit.
    #[cfg(feature = "files")]
    pub(crate) fn into_exits(self) -> BTreeMap<String, StepId> {
        self.0
    }
}

impl StepBody {
    /// The step of this name.
    ///
    /// # Errors
    /// The keys of the kinds it has, unless it has just one.
    pub(crate) fn named(self, name: StepId) -> Result<StepDefinition, ProblemKind> {
        let finish = self.finish;
        let kinds = [
            self.send.map(StepKind::Send),
            self.ask.map(StepKind::Ask),
            self.keywords.map(StepKind::Keywords),
            self.condition.map(StepKind::Condition),
            self.split.map(StepKind::Split),
            self.membership.map(StepKind::Membership),
            self.tags.map(StepKind::Tags),
            self.set.map(StepKind::Set),
            self.change_flow.map(StepKind::ChangeFlow),
            self.call_flow.map(StepKind::CallFlow),
            self.delay.map(StepKind::Delay),
            self.ai_route.map(StepKind::AiRoute),
            self.ai_reply.map(StepKind::AiReply),
            self.webhook.map(StepKind::Webhook),
            self.track.map(StepKind::Track),
            self.assign.map(StepKind::Assign),
            self.queue.map(StepKind::Queue),
            self.translate.map(StepKind::Translate),
            self.external_bot.map(StepKind::ExternalBot),
            self.custom
                .map(|code| StepKind::Custom(CustomStep { code, step: None })),
            self.router
                .map(|code| StepKind::Router(CustomRouter { code, router: None })),
        ];
        let mut kinds: Vec<StepKind> = kinds.into_iter().flatten().collect();
        let (kind, finish) = match (kinds.len(), finish) {
            (1, finish) => (kinds.remove(0), finish),
            // A finish status alone is a step that does nothing else.
            (0, Some(status)) => (StepKind::Finish(Finish { status }), None),
            (0, None) => return Err(ProblemKind::NoKind),
            _ => {
                let keys: Vec<String> = kinds
                    .iter()
                    .map(|kind| format!("`{}`", kind.key()))
                    .collect();
                return Err(ProblemKind::ManyKinds {
                    kinds: keys.join(" and "),
                });
            }
        };
        Ok(StepDefinition {
            name,
            kind,
            exits: self.next.map(|Next(exits)| exits).unwrap_or_default(),
            timeout: self.timeout,
            answer_after: self.answer_after,
            pushes: self.pushes,
            finish,
        })
    }

    fn of(step: &StepDefinition) -> Self {
        let mut body = Self {
            next: (!step.exits.is_empty()).then(|| Next(step.exits.clone())),
            timeout: step.timeout,
            answer_after: step.answer_after,
            pushes: step.pushes.clone(),
            finish: step.finish,
            ..Self::default()
        };
        match step.kind.clone() {
            StepKind::Send(kind) => body.send = Some(kind),
            StepKind::Ask(kind) => body.ask = Some(kind),
            StepKind::Keywords(kind) => body.keywords = Some(kind),
            StepKind::Condition(kind) => body.condition = Some(kind),
            StepKind::Split(kind) => body.split = Some(kind),
            StepKind::Membership(kind) => body.membership = Some(kind),
            StepKind::Tags(kind) => body.tags = Some(kind),
            StepKind::Set(kind) => body.set = Some(kind),
            StepKind::ChangeFlow(kind) => body.change_flow = Some(kind),
            StepKind::CallFlow(kind) => body.call_flow = Some(kind),
            StepKind::Delay(kind) => body.delay = Some(kind),
            StepKind::AiRoute(kind) => body.ai_route = Some(kind),
            StepKind::AiReply(kind) => body.ai_reply = Some(kind),
            StepKind::Webhook(kind) => body.webhook = Some(kind),
            StepKind::Track(kind) => body.track = Some(kind),
            StepKind::Assign(kind) => body.assign = Some(kind),
            StepKind::Queue(kind) => body.queue = Some(kind),
            StepKind::Translate(kind) => body.translate = Some(kind),
            StepKind::ExternalBot(kind) => body.external_bot = Some(kind),
            // A status given by the builder beside the kind's own is the one that counts.
            StepKind::Finish(kind) => body.finish = Some(step.finish.unwrap_or(kind.status)),
            StepKind::Custom(kind) => body.custom = Some(kind.code),
            StepKind::Router(kind) => body.router = Some(kind.code),
        }
        body
    }
}

impl Named for StepDefinition {
    type Value = StepBody;

    fn split(&self) -> (String, StepBody) {
        (self.name.to_string(), StepBody::of(self))
    }

    fn join(name: String, body: StepBody) -> Result<Self, String> {
        body.named(name.into())
            .map_err(|problem| problem.to_string())
    }
}

impl Serialize for Next {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0.get(EXIT_NEXT) {
            Some(step) if self.0.len() == 1 => step.serialize(to),
            _ => self.0.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Next {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Next;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a step's name, or a map from exit to step")
            }

            fn visit_str<E>(self, step: &str) -> Result<Next, E> {
                let exit = (EXIT_NEXT.to_owned(), StepId::from(step));
                Ok(Next(BTreeMap::from([exit])))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Next, A::Error> {
                BTreeMap::deserialize(de::value::MapAccessDeserializer::new(map)).map(Next)
            }
        }

        from.deserialize_any(Visitor)
    }
}

#[cfg(feature = "files")]
crate::flow::schema::text_or!(Next, "next", BTreeMap<String, String>);
