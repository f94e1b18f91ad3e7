//! Changes while the sensor runs: interfaces, settings, filters.
//!
//! They run beside the drain loop: loading a program takes half a second, and must not delay a snapshot.

use std::time::Duration;

use tokio::sync::mpsc;

use super::{
    Reload, Reloaded,
    control::Asked,
    drain::Drain,
    hangup::{self, Hangup},
    serve::Serving,
    ticks,
    watch::Watch,
};

/// Time between two checks of the interfaces.
const SURVEY: Duration = Duration::from_secs(1);

/// The parts of a sensor that change, and the sources of changes.
pub(super) struct Live<'a> {
    pub(super) watch: &'a mut Watch,
    pub(super) drain: &'a Drain,
    pub(super) serving: &'a Serving,
    /// How the settings are read again, if they can be.
    pub(super) reload: Option<Box<dyn Reload>>,
    pub(super) hangup: Hangup,
    pub(super) asked: mpsc::Receiver<Asked>,
}

impl Live<'_> {
    /// Makes the requested changes one by one, until a SIGHUP that ends the sensor.
    pub(super) async fn serve(mut self) {
        let mut surveys = ticks(SURVEY);
        loop {
            tokio::select! {
                () = self.hangup.came() => match &self.reload {
                    Some(settings) if hangup::means_reload(settings.has_file()) => match settings.reload() {
                        Ok(reloaded) => self.bring_into_force(reloaded).await,
                        Err(error) => refused(&error),
                    },
                    _ => return,
                },
                () = self.watch.trace() => {}
                Some(asked) = self.asked.recv() => self.answer(asked).await,
                _ = surveys.tick() => {
                    if self.watch.survey(self.drain).await {
                        self.serving.watched(self.watch);
                    }
                }
            }
        }
    }

    /// Applies reloaded settings, as far as a running sensor can.
    async fn bring_into_force(&mut self, reloaded: Reloaded) {
        let waiting = reloaded.restart.join(", ");
        if reloaded.policy != *self.watch.policy() {
            if let Err(error) = self.watch.apply(reloaded.policy.clone(), self.drain).await {
                return tracing::warn!("the settings were read again but not applied: {error:#}");
            }
            let lists = reloaded.changed.is_empty();
            let what = if lists { "lists of prefixes".to_owned() } else { reloaded.changed.join(", ") };
            tracing::info!("the settings were read again; in force now: {what}");
        } else if waiting.is_empty() {
            tracing::info!("the settings were read again; none that counts has changed");
        }
        if let Some(settings) = &mut self.reload {
            settings.applied();
        }
        if !waiting.is_empty() {
            tracing::warn!("the settings were read again; a restart brings into force: {waiting}");
        }
    }

    /// Answers a request for the policy, or for a change of it.
    async fn answer(&mut self, asked: Asked) {
        let Some(change) = asked.change.clone() else {
            return asked.answer(Ok(self.watch.policy()));
        };
        let policy = match change.apply(self.watch.policy()) {
            Ok(policy) => policy,
            Err(error) => return asked.answer(Err(error.to_string())),
        };
        if let Err(error) = self.watch.apply(policy, self.drain).await {
            tracing::warn!("the filters stay as they are: {error:#}");
            return asked.answer(Err(format!("{error:#}")));
        }
        tracing::info!("other filters are in force, by request: {}", self.watch.policy().summary());
        asked.answer(Ok(self.watch.policy()));
    }
}

/// Logs the errors of reloaded settings, one per line.
fn refused(error: &anyhow::Error) {
    format!("{error:#}").lines().for_each(|line| tracing::warn!("{line}"));
    tracing::warn!("the settings were read again and are wrong, so those in force stay");
}
