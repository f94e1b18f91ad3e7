//! What changes while the sensor runs: interfaces, settings, filters.
//!
//! It waits beside the loop that drains: loading a program takes half a second, and no snapshot is late for it.

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

/// How often it is looked whether the interfaces are still there.
const SURVEY: Duration = Duration::from_secs(1);

/// A sensor's changing parts, and who wants to change them.
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
    /// Does what is asked for, one after the other, until a SIGHUP means the end.
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

    /// Settings were read again: what can be changed while the sensor runs is changed.
    async fn bring_into_force(&mut self, reloaded: Reloaded) {
        let waiting = reloaded.restart.join(", ");
        if reloaded.policy != *self.watch.policy() {
            if let Err(error) = self.watch.apply(reloaded.policy.clone(), self.drain).await {
                return tracing::warn!("the settings were read again, but those in force stay: {error:#}");
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

    /// Somebody asked for the rules in force, or to change them.
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

/// Settings that were read again are wrong. Each line of the error is one.
fn refused(error: &anyhow::Error) {
    format!("{error:#}").lines().for_each(|line| tracing::warn!("{line}"));
    tracing::warn!("the settings were read again and are wrong, so those in force stay");
}
