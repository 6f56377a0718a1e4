//! Bugs of what lags behind its contact.

use chatflow_core::{
    ContactPatch, DialogId, Due, PAGE_MAX, Settled, Settlement, Store, StoreError,
};

use crate::bug::Bug;
use crate::planted::Planted;

impl Planted {
    pub(crate) async fn spoil_lagging(
        &self,
        due: &mut Due,
        limit: usize,
    ) -> Result<(), StoreError> {
        match self.bug {
            Bug::LagForgotten => due.lagging.clear(),
            Bug::LagOfOneBot => due.lagging.truncate(1),
            Bug::LagOfEverybody if !due.lagging.is_empty() => {
                let all = self.data().dialogs(None, limit).await?;
                due.lagging = all.into_iter().map(|summary| summary.dialog).collect();
            }
            Bug::LagNeverEnds => {
                let listed = std::mem::take(&mut due.lagging);
                self.notes().lagging.extend(listed);
            }
            Bug::LagBackwards => due.lagging.reverse(),
            Bug::LagUnbounded if due.lagging.len() == PAGE_MAX => {
                due.lagging.extend(due.lagging.last().copied());
            }
            Bug::LagLostByOpening if self.notes().reopened => due.lagging.clear(),
            _ => {}
        }
        let notes = self.notes();
        due.lagging.extend(notes.lagging.iter().copied());
        due.lagging
            .retain(|dialog| !notes.not_lagging.contains(dialog));
        Ok(())
    }

    pub(crate) async fn spoil_patch(&self, settlement: &Settlement) {
        let Settled::Patched(patch) = &settlement.settled else {
            return;
        };
        let dialog = settlement.effect.dialog;
        match (self.bug, patch) {
            (Bug::TagsUnbounded, ContactPatch::AddTag(tag)) => {
                self.tag_anyway(dialog, tag.clone()).await;
            }
            (Bug::PatchLagsNobody, _) => {
                let siblings = self.siblings(dialog).await;
                self.notes().not_lagging.extend(siblings);
            }
            (Bug::PatchLagsItself, _) => drop(self.notes().lagging.insert(dialog)),
            (Bug::OwnPatchEndsLag, _) => drop(self.notes().not_lagging.insert(dialog)),
            _ => {}
        }
    }

    /// All dialogs of a dialog's contact.
    async fn siblings(&self, dialog: DialogId) -> Vec<DialogId> {
        let summary = self.summary(dialog).await.unwrap();
        let all = self.data().dialogs_of(summary.contact, None, PAGE_MAX);
        let all = all.await.unwrap().into_iter();
        all.map(|summary| summary.dialog).collect()
    }

    async fn tag_anyway(&self, dialog: DialogId, tag: String) {
        let summary = self.summary(dialog).await.unwrap();
        let mut contact = self.data().contact(summary.contact).await.unwrap().unwrap();
        let expected = contact.view.revision;
        contact.view.revision += 1;
        contact.view.tags.insert(tag);
        self.data().save_contact(&contact, expected).await.unwrap();
    }
}
