//! A bot as the host describes it.

use serde::{Deserialize, Serialize};

use crate::dialog::{BotId, CustomStatus, FlowId, SpaceId, Status};
use crate::flow::{Config, ConfigError, Flow, FlowDefinition};

/// A channel account with its settings and flows. Build it, then [`compile`](Bot::compile) it
/// or hand it to [`Chatflow::builder`](crate::Chatflow::builder).
#[derive(Debug, Clone)]
pub struct Bot {
    pub(crate) settings: BotSettings,
    pub(crate) flows: Vec<FlowDefinition>,
}

/// A bot's settings, as they are stored and hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotSettings {
    /// Its id, unique over all spaces.
    pub bot: BotId,
    /// The space it belongs to.
    pub space: SpaceId,
    /// The flow that a new contact enters; its newest version.
    pub entry: FlowId,
    /// Whether the first message starts that flow. If not, the dialog shows Start until a
    /// person or a program sets it going.
    pub auto_start: bool,
    /// What an operator's writing does to automation.
    pub operator_write: OperatorWrite,
    /// The host's statuses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<CustomStatus>,
    /// Bounds of a turn.
    pub limits: Limits,
}

/// What an operator's writing does to automation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperatorWrite {
    /// The dialog becomes Manual.
    #[default]
    ToManual,
    /// Automation goes on as if nothing had been written.
    KeepStatus,
}

/// Bounds of a turn. A bound that is hit undoes the turn and shows Error; it never hangs and
/// never panics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Steps entered in one turn.
    pub steps_per_turn: u32,
    /// Effects of one turn.
    pub effects_per_turn: usize,
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
            auto_start: true,
            operator_write: OperatorWrite::default(),
            statuses: Vec::new(),
            limits: Limits::default(),
        };
        Self {
            settings,
            flows: vec![entry],
        }
    }

    /// Adds a flow: another one, or another version of one that is there. Keep the earlier
    /// versions as long as dialogs stand in them: a dialog whose version is gone shows Error at
    /// its next message.
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

    /// Leaves new contacts in Start until a person or a program sets the dialog going.
    #[must_use]
    pub fn without_auto_start(mut self) -> Self {
        self.settings.auto_start = false;
        self
    }

    /// Sets what an operator's writing does to automation.
    #[must_use]
    pub fn operator_write(mut self, policy: OperatorWrite) -> Self {
        self.settings.operator_write = policy;
        self
    }

    /// Sets the bounds of a turn.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// The bot compiled: immutable, hashed, ready for the engine.
    ///
    /// # Errors
    /// [`ConfigError`] names what is wrong with the bot or one of its flows.
    pub fn compile(&self) -> Result<Config, ConfigError> {
        Config::compile(self.settings.clone(), &self.flows)
    }
}
