//! Contacts that begin, or begin again.

use crate::dialog::{
    Actor, Automation, ContactPatch, EffectBody, Fact, Message, Phase, Source, SourceTouch,
};
use crate::engine::turn::{Turn, leads_now};
use crate::flow::{Decided, StartedAgain};

impl Turn<'_> {
    /// The contact began, or began again.
    pub(super) fn started(&mut self, source: Option<&Source>, message: &Message) {
        if let Some(source) = source {
            let touch = SourceTouch {
                source: source.clone(),
                at: self.now,
            };
            let patch = ContactPatch::Source(Box::new(touch));
            if patch.apply(&mut self.snapshot.contact) {
                self.scratch.facts.push(Fact::ContactPatched(patch.clone()));
                let patch = EffectBody::PatchContact(patch);
                self.scratch.effects.push(Decided::by_automation(patch));
            }
        }
        let repeats = self.config.behaviour().started_again == StartedAgain::Repeat
            && self.is_inside()
            && leads_now(&self.snapshot);
        self.heard(message, repeats);
        if self.is_paused {
            return self.hold_or_lead(message, true);
        }
        self.release_ready();
        if !self.begins_again(message) {
            self.hold_or_lead(message, false);
        }
    }

    /// Whether a beginning while a flow is under way is something else than a message, which it is
    /// where the bot's settings say so; it has been done then.
    pub(super) fn begins_again(&mut self, message: &Message) -> bool {
        if !leads_now(&self.snapshot) || !self.is_bots() || self.snapshot.position.is_none() {
            return false;
        }
        match self.config.behaviour().started_again {
            // Whoever has passed a step and is waited for ends that by whatever he does.
            StartedAgain::Repeat if self.is_inside() => {
                self.run_again();
                true
            }
            StartedAgain::RestartEntryFlow => {
                self.drop_calls();
                self.forget_call();
                self.cancel_timers();
                self.snapshot.position = None;
                self.set_automation(Actor::Contact, Automation::Auto, None);
                self.inbound = Some(message.clone());
                self.run_message(message);
                true
            }
            StartedAgain::Repeat | StartedAgain::PassToStep => false,
        }
    }

    fn is_inside(&self) -> bool {
        let position = self.snapshot.position.as_ref();
        position.is_some_and(|position| position.phase == Phase::Inside)
    }
}
