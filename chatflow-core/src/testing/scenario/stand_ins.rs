//! Giving a worker those whom a scenario speaks for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Line;
use super::outside::{Providers, Who};
use super::play::{Became, Play, PlayError};
use crate::dialog::Usage;
use crate::flow::{CompiledKind, Config};
use crate::runner::{HandleError, WorkerBuilder};
use crate::store::StoreError;

/// The ports that tracker steps and notifications go to, where they name none.
const TRACKER: &str = "tracker";
const NOTIFIER: &str = "notifier";

/// Gives a worker those of the providers that the scenario speaks for, under the names that the
/// bot's flows and settings call them by. A tracker or notifier of the host's own is left alone.
pub(super) fn register(
    mut worker: WorkerBuilder,
    config: &Config,
    providers: &Providers,
    spoken: &BTreeSet<Who>,
    taken: &BTreeSet<String>,
) -> WorkerBuilder {
    let Providers {
        model,
        webhooks,
        recogniser,
        translator,
        bot,
        tracker,
        notifier,
        ports: _,
    } = providers;
    if spoken.contains(&Who::Ai) {
        worker = worker.model(Arc::clone(model) as _);
    }
    if spoken.contains(&Who::Translate) {
        worker = worker.translator(Arc::clone(translator) as _);
    }
    if spoken.contains(&Who::Recognise)
        && let Some(name) = &config.settings().behaviour.recogniser
    {
        worker = worker.recogniser(name, Arc::clone(recogniser) as _);
    }
    if spoken.contains(&Who::Http) {
        worker = worker.webhooks(Arc::clone(webhooks) as _);
    }
    if !taken.contains(TRACKER) {
        worker = worker.tracker(Arc::clone(tracker) as _);
    }
    if !taken.contains(NOTIFIER) {
        worker = worker.notifier(Arc::clone(notifier) as _);
    }
    for step in config.steps() {
        worker = match &step.kind {
            CompiledKind::Webhook(step) if spoken.contains(&Who::Http) => {
                worker.webhooks_as(&step.port, Arc::clone(webhooks) as _)
            }
            CompiledKind::ExternalBot { port } if spoken.contains(&Who::Bot) => {
                worker.external_bot(port, Arc::clone(bot) as _)
            }
            CompiledKind::Track(step) if !taken.contains(&step.port) => {
                worker.tracker_as(&step.port, Arc::clone(tracker) as _)
            }
            _ => worker,
        };
    }
    worker
}

impl Play<'_> {
    /// Pauses the bot, or ends its pause.
    pub(super) async fn pit_stop(&self, line: &Line, is_on: bool) -> Result<Became, PlayError> {
        let changed = match is_on {
            true => self.worker.pause_bot(&self.bot).await,
            false => self.worker.resume_bot(&self.bot).await,
        };
        match changed {
            Ok(true) => Ok(Became::AsWritten),
            Ok(false) => Ok(Became::Unchanged),
            Err(HandleError::Store(error)) => Err(error.into()),
            Err(source) => Err(PlayError::Handle {
                line: line.number,
                source,
            }),
        }
    }

    /// What models have used for all of the bot's dialogs.
    pub(super) async fn usage_of_bot(&self) -> Result<Usage, StoreError> {
        Ok(self.store.bot(&self.bot).await?.usage)
    }
}
