//! Who drives a dialog, and what is shown for it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dialog::time::{self, Moment};
use crate::dialog::{OperatorId, StatusLabel};

/// A status as it is shown.
///
/// Implement it to add statuses of your own: a label, and the built-in kind that it refines.
/// The kind decides all behaviour; the label is stored beside it and is what people see. A
/// label that a later build no longer knows loads without loss.
///
/// ```
/// use chatflow_core::{Status, StatusKind};
///
/// struct KycReview;
///
/// impl Status for KycReview {
///     fn label(&self) -> &str {
///         "kyc_review"
///     }
///     fn kind(&self) -> StatusKind {
///         StatusKind::Manual
///     }
/// }
/// ```
pub trait Status: Send + Sync {
    /// The label, in snake_case; unique in a bot and different from the built-in labels.
    fn label(&self) -> &str;

    /// The built-in kind it refines. Blocked and Stopped are computed, never set, so a status
    /// of these kinds is refused when the bot is built.
    fn kind(&self) -> StatusKind;
}

/// The eight kinds of status shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusKind {
    /// The contact is known, no flow has begun.
    Start,
    /// Automation leads the contact through the flow.
    Auto,
    /// Automation awaits the contact.
    Waiting,
    /// A person must act; automation is silent.
    Manual,
    /// The flow is over; automation is silent.
    Finished,
    /// Automation failed and is silent.
    Error,
    /// The contact blocked us, or we blocked the contact or the dialog.
    Blocked,
    /// The channel doesn't let us write.
    Stopped,
}

impl StatusKind {
    /// All kinds, in the order lists show them.
    pub const ALL: [Self; 8] = [
        Self::Start,
        Self::Auto,
        Self::Waiting,
        Self::Manual,
        Self::Finished,
        Self::Error,
        Self::Blocked,
        Self::Stopped,
    ];
}

impl Status for StatusKind {
    fn label(&self) -> &str {
        match self {
            Self::Start => "start",
            Self::Auto => "auto",
            Self::Waiting => "waiting",
            Self::Manual => "manual",
            Self::Finished => "finished",
            Self::Error => "error",
            Self::Blocked => "blocked",
            Self::Stopped => "stopped",
        }
    }

    fn kind(&self) -> StatusKind {
        *self
    }
}

impl fmt::Display for StatusKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// A host's status as a bot's configuration keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomStatus {
    /// Its label.
    pub label: StatusLabel,
    /// The built-in kind it refines.
    pub kind: StatusKind,
}

/// The status shown for a dialog: computed from the axes, never stored by itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ShownStatus {
    /// The kind.
    pub kind: StatusKind,
    /// A host's label that refines it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<StatusLabel>,
}

impl Status for ShownStatus {
    fn label(&self) -> &str {
        self.label
            .as_ref()
            .map_or_else(|| self.kind.label(), StatusLabel::as_str)
    }

    fn kind(&self) -> StatusKind {
        self.kind
    }
}

impl From<StatusKind> for ShownStatus {
    fn from(kind: StatusKind) -> Self {
        Self { kind, label: None }
    }
}

impl fmt::Display for ShownStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// Axis *automation*: how far automation has come and whether it may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Automation {
    /// No flow has begun.
    Start,
    /// It leads.
    Auto,
    /// It awaits the contact.
    Waiting,
    /// A person leads.
    Manual,
    /// The flow is over.
    Finished,
    /// It failed.
    Error(ErrorKind),
}

impl Automation {
    /// The status kind it shows where nothing hides it.
    pub const fn kind(self) -> StatusKind {
        match self {
            Self::Start => StatusKind::Start,
            Self::Auto => StatusKind::Auto,
            Self::Waiting => StatusKind::Waiting,
            Self::Manual => StatusKind::Manual,
            Self::Finished => StatusKind::Finished,
            Self::Error(_) => StatusKind::Error,
        }
    }

    /// Whether automation is the driver: it may act by itself, now or on the next message.
    /// The epoch rises when this answer changes.
    pub const fn drives(self) -> bool {
        matches!(self, Self::Start | Self::Auto | Self::Waiting)
    }
}

/// Why automation failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// More steps in one turn than the limit allows.
    StepLimit,
    /// More effects in one turn than the limit allows.
    EffectLimit,
    /// A text or the dialog's data grew beyond its limit.
    SizeLimit,
    /// A host's step panicked.
    StepPanicked,
    /// A step gave up by itself.
    StepFailed,
    /// A step left through an exit it had not declared, or a router chose such a route.
    UndeclaredExit,
    /// The flow or the step where the dialog stands no longer exists.
    StepMissing,
    /// A template reads a value that isn't there.
    TemplateValueMissing,
    /// A template can't be worked out from the values that are there.
    TemplateFailed,
    /// The channel refused a message for good.
    DeliveryFailed,
    /// A model could not be asked, or gave nothing that can be used.
    AiFailed,
    /// What models may cost is used up.
    OverBudget,
}

/// Axis *reach*: whether the channel lets us write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// As far as we know, it does.
    #[default]
    Ok,
    /// The contact blocked us.
    BlockedByContact,
    /// It doesn't, and why.
    CannotWrite(Cause),
}

impl Reach {
    pub(crate) fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }
}

/// Why the channel doesn't let us write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The contact has never written, and the channel wants that first.
    CannotInitiate,
    /// We were removed from the place, or it no longer exists.
    Removed,
    /// The channel doesn't know the address.
    UnknownRecipient,
    /// Nobody can write to this address, such as another bot.
    InvalidTarget,
    /// We have no right to write there.
    NoRights,
    /// The visitor closed the window or left the site.
    VisitorLeft,
    /// The time within which the channel lets us answer is over.
    WindowClosed,
    /// The account in whose name we write was taken from us.
    ConnectionLost,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 8] = [
        Self::CannotInitiate,
        Self::Removed,
        Self::UnknownRecipient,
        Self::InvalidTarget,
        Self::NoRights,
        Self::VisitorLeft,
        Self::WindowClosed,
        Self::ConnectionLost,
    ];

    /// Its stored label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::CannotInitiate => "cannot_initiate",
            Self::Removed => "removed",
            Self::UnknownRecipient => "unknown_recipient",
            Self::InvalidTarget => "invalid_target",
            Self::NoRights => "no_rights",
            Self::VisitorLeft => "visitor_left",
            Self::WindowClosed => "window_closed",
            Self::ConnectionLost => "connection_lost",
        }
    }
}

/// Axis *operator block*: an operator or the host silenced this dialog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorBlock {
    /// Who did it.
    pub by: OperatorId,
    /// Since when.
    #[serde(with = "time::millis")]
    pub since: Moment,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored labels never change; a new variant must be added here by hand.
    #[test]
    fn stored_labels_are_fixed() {
        let json = |value: &dyn erased::Json| value.json();
        for kind in StatusKind::ALL {
            assert_eq!(json(&kind), format!("\"{}\"", kind.label()));
        }
        assert_eq!(
            json(&Automation::Error(ErrorKind::StepLimit)),
            r#"{"error":"step_limit"}"#
        );
        assert_eq!(json(&Automation::Waiting), r#""waiting""#);
        assert_eq!(json(&Reach::BlockedByContact), r#""blocked_by_contact""#);
        assert_eq!(
            json(&Reach::CannotWrite(Cause::CannotInitiate)),
            r#"{"cannot_write":"cannot_initiate"}"#
        );
        let kinds = [
            (ErrorKind::StepLimit, "step_limit"),
            (ErrorKind::EffectLimit, "effect_limit"),
            (ErrorKind::SizeLimit, "size_limit"),
            (ErrorKind::StepPanicked, "step_panicked"),
            (ErrorKind::StepFailed, "step_failed"),
            (ErrorKind::UndeclaredExit, "undeclared_exit"),
            (ErrorKind::StepMissing, "step_missing"),
            (ErrorKind::TemplateValueMissing, "template_value_missing"),
            (ErrorKind::TemplateFailed, "template_failed"),
            (ErrorKind::DeliveryFailed, "delivery_failed"),
            (ErrorKind::AiFailed, "ai_failed"),
            (ErrorKind::OverBudget, "over_budget"),
        ];
        for (kind, label) in kinds {
            assert_eq!(json(&kind), format!("\"{label}\""));
        }
    }

    mod erased {
        pub(super) trait Json {
            fn json(&self) -> String;
        }
        impl<T: serde::Serialize> Json for T {
            fn json(&self) -> String {
                serde_json::to_string(self).unwrap()
            }
        }
    }
}
