//! Contacts that begin, or begin again.

use crate::dialog::{
    Actor, Automation, ContactPatch, EffectBody, Fact, Message, Phase, Source, SourceTouch,
};
use crate::engine::turn::Turn;
use crate::flow::StartedAgain;

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
                let effect = (EffectBody::PatchContact(patch), true);
                self.scratch.effects.push(effect);
            }
        }
        let asked = self.snapshot.call.clone();
        self.heard(message);
        self.lead_album();
        let leads = matches!(
            self.snapshot.automation,
            Automation::Auto | Automation::Waiting
        );
        let phase = self
            .snapshot
            .position
            .as_ref()
            .map(|position| &position.phase);
        let is_under_way = leads && phase.is_some();
        // Whoever has passed a step and is waited for ends that by whatever he does.
        let is_inside = leads && phase == Some(&Phase::Inside);
        match self.config.behaviour().started_again {
            StartedAgain::Repeat if is_inside => {
                // It says nothing new, so what was asked of the outside is still wanted.
                self.snapshot.call = asked;
                self.run_again();
            }
            StartedAgain::RestartEntryFlow if is_under_way => {
                self.drop_calls();
                self.cancel_timers();
                self.snapshot.position = None;
                self.set_automation(Actor::Contact, Automation::Auto, None);
                self.inbound = Some(message.clone());
                self.run_message(message);
            }
            _ => self.lead(message),
        }
    }
}
