//! A bot as the host describes it.

use serde::{Deserialize, Serialize};

use crate::dialog::{BotId, CustomStatus, FlowId, SpaceId, Status, Value};
use crate::flow::{Behaviour, Config, ConfigError, Flow, FlowDefinition, Report, check};

/// A channel account with its settings and flows. Build it, then [`compile`](Bot::compile) it
/// or hand it to [`Chatflow::builder`](crate::Chatflow::builder).
#[derive(Debug, Clone)]
pub struct Bot {
    pub(crate) settings: BotSettings,
    pub(crate) flows: Vec<FlowDefinition>,
}

/// A bot's settings, as they are stored and hashed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BotSettings {
    /// Its id, unique over all spaces.
    pub bot: BotId,
    /// The space it belongs to.
    pub space: SpaceId,
    /// The flow that a new contact enters; its newest version.
    pub entry: FlowId,
    /// How it behaves, where its flows don't say.
    pub behaviour: Behaviour,
    /// The host's statuses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<CustomStatus>,
    /// Bounds of a turn.
    pub limits: Limits,
}

/// Bounds of a turn. A bound that is hit undoes the turn and shows Error; it never hangs and
/// never panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Steps entered in one turn.
    pub steps_per_turn: u32,
    /// Effects of one turn.
    pub effects_per_turn: usize,
    /// How often robots may act in one turn.
    pub robot_acts_per_turn: u32,
    /// Bytes of one message in either direction. A longer one from outside is refused.
    pub text_bytes: usize,
    /// Bytes of a dialog's data, of its contact's fields, and of a call's request or answer.
    pub data_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            steps_per_turn: 100,
            effects_per_turn: 100,
            robot_acts_per_turn: 20,
            text_bytes: 16 * 1024,
            data_bytes: 64 * 1024,
        }
    }
}

impl Bot {
    /// A bot whose contacts enter this flow.
    pub fn new(id: impl Into<BotId>, entry: impl Flow) -> Self {
        let entry = FlowDefinition::of(&entry);
        let settings = BotSettings {
            bot: id.into(),
            space: SpaceId::from("main"),
            entry: entry.id.clone(),
            behaviour: Behaviour::default(),
            statuses: Vec::new(),
            limits: Limits::default(),
        };
        Self {
            settings,
            flows: vec![entry],
        }
    }

    /// Adds a flow: another one, or another version of one that is there. What the newest
    /// does with dialogs in earlier versions its [`Upgrade`](crate::Upgrade) says. Keep those
    /// versions as long as dialogs stand in them; [`keeping`](Bot::keeping) helps.
    #[must_use]
    pub fn flow(mut self, flow: impl Flow) -> Self {
        self.flows.push(FlowDefinition::of(&flow));
        self
    }

    /// Adds a status of the host's.
    #[must_use]
    pub fn status(mut self, status: &dyn Status) -> Self {
        let status = CustomStatus {
            label: status.label().into(),
            kind: status.kind(),
        };
        self.settings.statuses.push(status);
        self
    }

    /// Puts it into a space; the default is `main`.
    #[must_use]
    pub fn space(mut self, space: impl Into<SpaceId>) -> Self {
        self.settings.space = space.into();
        self
    }

    /// Sets how it behaves, where its flows don't say.
    #[must_use]
    pub fn behaviour(mut self, behaviour: Behaviour) -> Self {
        self.settings.behaviour = behaviour;
        self
    }

    /// Gives all its dialogs a value that templates and conditions may read.
    #[must_use]
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let variables = &mut self.settings.behaviour.variables;
        variables.insert(name.into(), value.into());
        self
    }

    /// Leaves new contacts in Start until a person or a program sets the dialog going.
    #[must_use]
    pub fn without_auto_start(mut self) -> Self {
        self.settings.behaviour.auto_start = false;
        self
    }

    /// Sets what the arms of splits are drawn from: another seed, other arms.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.settings.behaviour.seed = seed;
        self
    }

    /// Sets the bounds of a turn.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Its id.
    pub fn id(&self) -> &BotId {
        &self.settings.bot
    }

    /// The bot compiled: immutable, hashed, ready for the engine.
    ///
    /// # Errors
    /// [`ConfigError`] names what is wrong with the bot or one of its flows.
    pub fn compile(&self) -> Result<Config, ConfigError> {
        Config::compile(self.settings.clone(), &self.flows)
    }

    /// All that is wrong, or looks wrong, with the bot and its flows, at once; and what a turn
    /// may cost. [`compile`](Bot::compile) refuses what can't run; this also finds what runs and
    /// isn't what was meant.
    ///
    /// ```
    /// use chatflow_core::{Ask, Bot, Bound, FlowBuilder, FinishStatus, SendMessage};
    ///
    /// let flow = FlowBuilder::new("order", 1)
    ///     .step("size", Ask::text("Which size?").save("size"))
    ///     .step("done", SendMessage::text("One {{ siez }} coming up."))
    ///     .finish(FinishStatus::Finished)
    ///     .build()?;
    /// let report = Bot::new("shop", flow).check();
    /// assert_eq!(
    ///     report.problems[0].to_string(),
    ///     "error: flow `order`: step `done`: it reads `siez`, which nothing sets",
    /// );
    /// assert_eq!(report.bounds[0].messages, Bound::AtMost(1));
    /// # Ok::<(), chatflow_core::FlowError>(())
    /// ```
    pub fn check(&self) -> Report {
        check::check(self)
    }
}
