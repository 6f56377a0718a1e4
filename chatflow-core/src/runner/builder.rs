//! What a worker is made of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::channel::Channel;
use crate::crm::{AllowAll, Policy, Routing};
use crate::dialog::{BotId, ChannelId};
use crate::flow::{Bot, ConfigError, Membership};
use crate::runner::asked::{self, Asked};
use crate::runner::line::Line;
use crate::runner::order::Order;
use crate::runner::wake::Wake;
use crate::runner::{
    Clock, ExternalBot, MembershipChecker, ModelProvider, Notifier, Port, Recognizer, RetryPolicy,
    Tracker, Translator, WebhookCaller, Worker,
};
use crate::store::Store;

impl Worker {
    /// Begins a worker over a store and a clock.
    pub fn builder(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> WorkerBuilder {
        let worker = Self {
            store,
            clock,
            bots: RwLock::default(),
            deploying: futures::lock::Mutex::default(),
            lines: BTreeMap::new(),
            ports: BTreeMap::new(),
            retry: RetryPolicy::default(),
            deliveries_max: 64,
            wake: Wake::default(),
            delivery_timeout: Duration::from_secs(60),
            order: Order::default(),
            ended: Mutex::default(),
            policy: Arc::new(AllowAll),
            routings: BTreeMap::new(),
            presence_grace: Duration::from_secs(60),
        };
        WorkerBuilder {
            worker,
            problem: None,
        }
    }
}

/// Gathers what a worker needs.
pub struct WorkerBuilder {
    worker: Worker,
    problem: Option<WorkerError>,
}

impl std::fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerBuilder")
            .field("worker", &self.worker)
            .finish_non_exhaustive()
    }
}

impl WorkerBuilder {
    /// Adds a bot and the channel it talks on.
    #[must_use]
    pub fn bot(mut self, bot: &Bot, channel: Arc<dyn Channel>) -> Self {
        if let Err(problem) = self.add(bot, channel) {
            self.problem.get_or_insert(problem);
        }
        self
    }

    fn add(&mut self, bot: &Bot, channel: Arc<dyn Channel>) -> Result<(), WorkerError> {
        let config = bot.compile()?;
        let id = config.bot().clone();
        let channel_id = channel.id().clone();
        if !channel_id.is_valid() {
            return Err(WorkerError::BadChannel {
                channel: channel_id,
            });
        }
        if self
            .worker
            .lines
            .insert(channel_id.clone(), Line::new(id.clone(), channel))
            .is_some()
        {
            return Err(WorkerError::ChannelTaken {
                channel: channel_id,
            });
        }
        if self
            .worker
            .bots
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id.clone(), Arc::new(config))
            .is_some()
        {
            return Err(WorkerError::DuplicateBot { bot: id });
        }
        Ok(())
    }

    /// Adds somebody who answers calls. A port gets requests and gives answers as values, in the
    /// form that the step which asks describes. Of two under one name, whatever they are, the
    /// later one is asked.
    #[must_use]
    pub fn port(self, name: impl Into<String>, port: Arc<dyn Port>) -> Self {
        self.asked(name, Asked::Port(port))
    }

    /// Sets who answers steps that ask a model, as the port `model`.
    #[must_use]
    pub fn model(self, provider: Arc<dyn ModelProvider>) -> Self {
        self.asked(asked::MODEL, Asked::Model(provider))
    }

    /// Adds who makes text of media, under the name that bots name.
    #[must_use]
    pub fn recogniser(self, name: impl Into<String>, recognizer: Arc<dyn Recognizer>) -> Self {
        self.asked(name, Asked::Recognizer(recognizer))
    }

    /// Sets who translates, as the port `translator`.
    #[must_use]
    pub fn translator(self, translator: Arc<dyn Translator>) -> Self {
        self.asked(asked::TRANSLATOR, Asked::Translator(translator))
    }

    /// Sets who calls outside services for steps that name no port, as the port `webhook`.
    #[must_use]
    pub fn webhooks(self, caller: Arc<dyn WebhookCaller>) -> Self {
        self.webhooks_as(asked::WEBHOOK, caller)
    }

    /// Adds who calls outside services for steps that name this port.
    #[must_use]
    pub fn webhooks_as(self, name: impl Into<String>, caller: Arc<dyn WebhookCaller>) -> Self {
        self.asked(name, Asked::Webhooks(caller))
    }

    /// Sets who hears what flows report, as the port `tracker`.
    #[must_use]
    pub fn tracker(self, tracker: Arc<dyn Tracker>) -> Self {
        self.tracker_as(asked::TRACKER, tracker)
    }

    /// Adds who hears what steps report that name this port.
    #[must_use]
    pub fn tracker_as(self, name: impl Into<String>, tracker: Arc<dyn Tracker>) -> Self {
        self.asked(name, Asked::Tracker(tracker))
    }

    /// Sets who hears what operators are to be told, as the port `notifier`. Where nobody does,
    /// it is passed over.
    #[must_use]
    pub fn notifier(self, notifier: Arc<dyn Notifier>) -> Self {
        self.asked(asked::NOTIFIER, Asked::Notifier(notifier))
    }

    /// Sets who says whether contacts have joined a place, for steps that name no port, as the
    /// port `membership`.
    #[must_use]
    pub fn membership(self, checker: Arc<dyn MembershipChecker>) -> Self {
        self.membership_as(Membership::PORT, checker)
    }

    /// Adds who says whether contacts have joined a place, for steps that name this port: for
    /// programs with several bots.
    #[must_use]
    pub fn membership_as(
        self,
        name: impl Into<String>,
        checker: Arc<dyn MembershipChecker>,
    ) -> Self {
        self.asked(name, Asked::Membership(checker))
    }

    /// Adds a bot on another platform, under the name that steps name.
    #[must_use]
    pub fn external_bot(self, name: impl Into<String>, bot: Arc<dyn ExternalBot>) -> Self {
        self.asked(name, Asked::ExternalBot(bot))
    }

    fn asked(mut self, name: impl Into<String>, asked: Asked) -> Self {
        self.worker.ports.insert(name.into(), asked);
        self
    }

    /// Sets who may do what and see what. Without one everybody may everything in his space.
    #[must_use]
    pub fn policy(mut self, policy: Arc<dyn Policy>) -> Self {
        self.worker.policy = policy;
        self
    }

    /// Adds a rule for who gets a dialog that waits, under the name that queues name.
    #[must_use]
    pub fn routing(mut self, name: impl Into<String>, rule: Arc<dyn Routing>) -> Self {
        self.worker.routings.insert(name.into(), rule);
        self
    }

    /// Sets how long an operator who was lost sight of still counts as there; the default is a
    /// minute.
    #[must_use]
    pub fn presence_grace(mut self, grace: Duration) -> Self {
        self.worker.presence_grace = grace;
        self
    }

    /// Sets how failed deliveries are tried again.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.worker.retry = policy;
        self
    }

    /// Sets how long one send or call may take; the default is a minute. One that takes longer
    /// is given up as unknown and tried again.
    #[must_use]
    pub fn delivery_timeout(mut self, most: Duration) -> Self {
        self.worker.delivery_timeout = most;
        self
    }

    /// Sets how many deliveries and timers are under way at once; the default is 64.
    #[must_use]
    pub fn deliveries_max(mut self, most: usize) -> Self {
        self.worker.deliveries_max = most.max(1);
        self
    }

    /// The worker.
    ///
    /// # Errors
    /// [`WorkerError`] names what is wrong with a bot or a channel.
    pub fn build(self) -> Result<Worker, WorkerError> {
        match self.problem {
            None => Ok(self.worker),
            Some(problem) => Err(problem),
        }
    }
}

/// Why a worker can't be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// A bot can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Two bots have one id.
    #[error("two bots are called `{bot}`")]
    DuplicateBot {
        /// The id.
        bot: BotId,
    },
    /// Two bots talk on one channel account.
    #[error("two bots talk on channel `{channel}`; give each an account of its own")]
    ChannelTaken {
        /// The channel.
        channel: ChannelId,
    },
    /// A channel's id is empty, too long or has control characters.
    #[error("the channel id {channel:?} is empty, longer than 128 bytes or has control characters")]
    BadChannel {
        /// The id.
        channel: ChannelId,
    },
}
