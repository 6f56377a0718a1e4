//! One unit of a flow, written in Rust.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::dialog::time::{self, Moment};
use crate::dialog::{
    Author, CallFailure, ContactPatch, ContactView, Dialog, EffectBody, ErrorKind, Fact, Message,
    SendLane, Snapshot, Text, TimerChange, TimerSet, Value,
};
use crate::flow::Limits;

/// A step written in Rust: asks, tells or decides.
///
/// Who implements it: hosts. Who calls: the engine, within a turn, on one thread; replay calls
/// it again with the same input.
///
/// # To be correct
/// - **Deterministic**: what a method does follows from its arguments and the step's settings
///   alone. No clock (use [`StepContext::now`]), no chance, no outside: ask the outside with
///   [`StepContext::call`].
/// - **Declared**: results that change with the code raise [`revision`](Step::revision); all
///   that parametrises it is in [`settings`](Step::settings). Both are hashed and stored, so
///   that replay runs the code that ran.
/// - **Without memory of its own**: one step serves all dialogs. What it must remember goes
///   into [`StepContext::remember`] or the dialog's data.
///
/// # Panics
/// A panic costs its turn only: the turn is undone and the dialog shows Error. Its message goes
/// to the program's panic hook, which prints it: keep what a contact wrote out of it.
///
/// ```
/// use chatflow_core::{Message, Outcome, Step, StepContext};
///
/// struct Echo;
///
/// impl Step for Echo {
///     fn kind(&self) -> &'static str {
///         "echo"
///     }
///
///     fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome {
///         step.say(format!("You said: {}", message.text()));
///         Outcome::Wait
///     }
/// }
/// ```
pub trait Step: Send + Sync + 'static {
    /// Name of the code, in snake_case; stored, so it never changes.
    fn kind(&self) -> &'static str;

    /// Raised whenever the same input may give another result.
    fn revision(&self) -> u32 {
        1
    }

    /// What parametrises it, as data.
    fn settings(&self) -> Value {
        Value::Null
    }

    /// The exits it may leave through. One that the flow leads nowhere goes to the step listed
    /// next.
    fn exits(&self) -> Vec<Cow<'static, str>> {
        vec![Cow::Borrowed(crate::flow::EXIT_NEXT)]
    }

    /// Called when the dialog comes here. The default hands a message that nobody has taken
    /// yet to [`receive`](Step::receive) and otherwise waits for one; a step that asks
    /// overrides it, says its question and returns [`Outcome::Wait`].
    fn enter(&self, step: &mut StepContext<'_>) -> Outcome {
        let _ = step;
        Outcome::Receive
    }

    /// Called with the contact's message while the dialog stands here. The message is taken.
    fn receive(&self, message: &Message, step: &mut StepContext<'_>) -> Outcome;

    /// Called with the answer to this step's last [`call`](StepContext::call). Not called when
    /// a newer message, another step or a person came between: the answer is late then.
    fn answered(&self, answer: &Result<Value, CallFailure>, step: &mut StepContext<'_>) -> Outcome {
        let _ = (answer, step);
        Outcome::Wait
    }

    /// Called when the time set by [`StepContext::time_out_after`] is over and the dialog still
    /// stands here.
    fn timed_out(&self, step: &mut StepContext<'_>) -> Outcome {
        let _ = step;
        Outcome::Wait
    }
}

/// What a step returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Stay and wait for the next message.
    Wait,
    /// From `enter`: hand over a message that nobody has taken, else wait. Elsewhere the same
    /// as [`Outcome::Wait`].
    Receive,
    /// Leave through this declared exit.
    Exit(Cow<'static, str>),
    /// The flow is over; the dialog shows Finished.
    Complete,
    /// Pass the dialog to an operator; it shows Manual and stays at this step.
    HandOff,
    /// Give up: the turn is undone and the dialog shows Error.
    Fail,
}

impl Outcome {
    /// Leaves through the exit `next`.
    pub const fn next() -> Self {
        Self::Exit(Cow::Borrowed(crate::flow::EXIT_NEXT))
    }

    /// Leaves through this exit.
    pub fn exit(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Exit(name.into())
    }
}

/// Name of the timer that a step's time-out uses.
pub(crate) const STEP_TIMER: &str = "step";

/// What a step reads and writes. What it writes is visible to what it reads at once, and
/// leaves with the turn's commit or not at all.
#[derive(Debug)]
pub struct StepContext<'a> {
    pub(crate) snapshot: &'a mut Snapshot,
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) limits: &'a Limits,
    pub(crate) now: Moment,
}

impl StepContext<'_> {
    /// The time of this turn. Never earlier than the turn before.
    pub fn now(&self) -> Moment {
        self.now
    }

    /// The dialog, to read.
    pub fn dialog(&self) -> &dyn Dialog {
        self.snapshot
    }

    /// A value the dialog collected.
    pub fn data(&self, name: &str) -> Option<&Value> {
        self.snapshot.data.get(name)
    }

    /// The contact's name.
    pub fn contact_name(&self) -> Option<&str> {
        self.snapshot.contact.name.as_ref().map(Text::as_str)
    }

    /// What [`remember`](StepContext::remember) kept since the dialog came to this step.
    pub fn memory(&self) -> &Value {
        self.snapshot
            .position
            .as_ref()
            .map_or(&Value::Null, |position| &position.memory)
    }

    /// Says something to the contact.
    pub fn say(&mut self, message: impl Into<Message>) {
        let message = message.into();
        if message.weight() > self.limits.text_bytes {
            self.scratch.fail(ErrorKind::SizeLimit);
            return;
        }
        self.snapshot.attention.last_side = Some(crate::dialog::Side::Us);
        self.snapshot.attention.needs_reply_since = None;
        self.scratch.effect(EffectBody::Send(message), self.limits);
    }

    /// Keeps a value in the dialog's data.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        if !value.is_storable() {
            self.scratch.fail(ErrorKind::SizeLimit);
            return;
        }
        let before = self.snapshot.data.insert(name.clone(), value.clone());
        let size: usize = self
            .snapshot
            .data
            .iter()
            .map(|(name, value)| name.len() + value.weight())
            .sum();
        if size > self.limits.data_bytes {
            self.scratch.fail(ErrorKind::SizeLimit);
        }
        self.scratch
            .data_before
            .push(DataBefore::Value(name.clone(), before));
        self.scratch.facts.push(Fact::DataSet { name, value });
    }

    /// Sets the contact's name: at once for this dialog, soon for the contact's row and its
    /// other dialogs.
    pub fn set_contact_name(&mut self, name: impl Into<Text>) {
        self.patch_contact(ContactPatch::Name(name.into()));
    }

    /// Sets a field of the contact, in the same way.
    pub fn set_field(&mut self, field: impl Into<String>, value: impl Into<Value>) {
        self.patch_contact(ContactPatch::Field(field.into(), value.into()));
    }

    /// Puts a tag on the contact: at once for this dialog, soon for the contact's row and its
    /// other dialogs.
    pub fn add_tag(&mut self, tag: impl Into<String>) {
        self.patch_contact(ContactPatch::AddTag(tag.into()));
    }

    /// Takes a tag off the contact, in the same way.
    pub fn remove_tag(&mut self, tag: impl Into<String>) {
        self.patch_contact(ContactPatch::RemoveTag(tag.into()));
    }

    pub(crate) fn patch_contact(&mut self, patch: ContactPatch) {
        let fits = match &patch {
            ContactPatch::AddTag(_) | ContactPatch::RemoveTag(_) | ContactPatch::Source(_) => {
                patch.fits(&self.snapshot.contact)
            }
            ContactPatch::Name(name) => name.len() <= self.limits.text_bytes,
            ContactPatch::Field(field, value) => {
                let fields = &self.snapshot.contact.fields;
                let others: usize = fields
                    .iter()
                    .filter(|(name, _)| *name != field)
                    .map(|(name, value)| name.len() + value.weight())
                    .sum();
                let size = others + field.len() + value.weight();
                size <= self.limits.data_bytes && value.is_storable()
            }
        };
        if !fits {
            self.scratch.fail(ErrorKind::SizeLimit);
            return;
        }
        if self.scratch.contact_before.is_none() {
            self.scratch.contact_before = Some(self.snapshot.contact.clone());
        }
        if patch.apply(&mut self.snapshot.contact) {
            self.scratch.facts.push(Fact::ContactPatched(patch.clone()));
            self.scratch
                .effect(EffectBody::PatchContact(patch), self.limits);
        }
    }

    /// Keeps a value for this step until the dialog leaves it.
    pub fn remember(&mut self, value: impl Into<Value>) {
        let value = value.into();
        if value.weight() > self.limits.data_bytes || !value.is_storable() {
            self.scratch.fail(ErrorKind::SizeLimit);
        } else if let Some(position) = &mut self.snapshot.position {
            position.memory = value;
        }
    }

    /// Asks the outside. The answer comes to [`Step::answered`]; return [`Outcome::Wait`].
    /// A dialog waits for one call at a time: a second one replaces the first, whose answer is
    /// then late.
    pub fn call(&mut self, port: impl Into<String>, request: impl Into<Value>) {
        let (port, request) = (port.into(), request.into());
        if request.weight() > self.limits.data_bytes || !request.is_storable() {
            self.scratch.fail(ErrorKind::SizeLimit);
            return;
        }
        self.scratch.pending_call = Some(self.scratch.effects.len());
        self.scratch
            .effect(EffectBody::Call { port, request }, self.limits);
    }

    /// Calls [`Step::timed_out`] once this much time has passed, unless the dialog leaves the
    /// step before.
    pub fn time_out_after(&mut self, after: Duration) {
        let due = time::whole_milliseconds(time::add(self.now, after));
        if let Some(position) = &mut self.snapshot.position {
            position.due = Some(due);
        }
        let generation = self.snapshot.revision + 1;
        self.snapshot
            .timers
            .insert(STEP_TIMER.to_owned(), TimerSet { generation, due });
        self.scratch.timer(TimerChange::Set {
            name: STEP_TIMER.to_owned(),
            generation,
            due,
        });
    }
}

/// What a turn has gathered so far, and what it takes to undo it.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) facts: Vec<Fact>,
    /// Effects in order.
    pub(crate) effects: Vec<Decided>,
    /// The lane of what is said now.
    pub(crate) lane: SendLane,
    pub(crate) timers: Vec<TimerChange>,
    /// Data overwritten since the mark, oldest first.
    pub(crate) data_before: Vec<DataBefore>,
    pub(crate) contact_before: Option<ContactView>,
    /// Which of the effects is the call whose answer is awaited.
    pub(crate) pending_call: Option<usize>,
    /// The first limit that a step hit; the engine looks at it when the step returns.
    pub(crate) error: Option<ErrorKind>,
}

/// An effect that a turn has decided, before it has its number's epoch.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) body: EffectBody,
    pub(crate) automatic: bool,
    pub(crate) lane: SendLane,
    pub(crate) author: Author,
    /// A message whose language has been seen to.
    pub(crate) is_translated: bool,
    /// A message that waits for its translation instead of being sent by this turn. It keeps its
    /// place, so that the others keep their numbers.
    pub(crate) is_diverted: bool,
}

impl Decided {
    /// What automation decided.
    pub(crate) fn by_automation(body: EffectBody) -> Self {
        Self {
            body,
            automatic: true,
            lane: SendLane::Reply,
            author: Author::Automation,
            is_translated: false,
            is_diverted: false,
        }
    }

    /// What no takeover takes back: a person's act, or what nobody but us sees.
    pub(crate) fn lasting(body: EffectBody) -> Self {
        Self {
            automatic: false,
            ..Self::by_automation(body)
        }
    }
}

/// Data as it was before it was overwritten.
#[derive(Debug)]
pub(crate) enum DataBefore {
    /// One value, or that there was none.
    Value(String, Option<Value>),
    /// All of it.
    All(BTreeMap<String, Value>),
}

impl DataBefore {
    /// Puts it back.
    pub(crate) fn restore(self, data: &mut BTreeMap<String, Value>) {
        match self {
            Self::Value(name, Some(value)) => {
                data.insert(name, value);
            }
            Self::Value(name, None) => {
                data.remove(&name);
            }
            Self::All(before) => *data = before,
        }
    }
}

impl Scratch {
    /// Puts other data in place of the dialog's, and gives back what was there.
    pub(crate) fn replace_data(
        &mut self,
        data: &mut BTreeMap<String, Value>,
        with: BTreeMap<String, Value>,
    ) -> BTreeMap<String, Value> {
        let before = std::mem::replace(data, with);
        self.data_before.push(DataBefore::All(before.clone()));
        before
    }

    pub(crate) fn fail(&mut self, error: ErrorKind) {
        self.error.get_or_insert(error);
    }

    fn effect(&mut self, body: EffectBody, limits: &Limits) {
        if self.effects.len() >= limits.effects_per_turn {
            self.fail(ErrorKind::EffectLimit);
        } else {
            self.effects.push(Decided {
                lane: self.lane,
                ..Decided::by_automation(body)
            });
        }
    }

    pub(crate) fn timer(&mut self, change: TimerChange) {
        self.facts.push(Fact::TimerChanged(change.clone()));
        self.timers
            .retain(|earlier| earlier.name() != change.name());
        self.timers.push(change);
    }
}
