//! Messages to the service manager, by the protocol of sd_notify(3). Without NOTIFY_SOCKET nothing is sent.

use std::{env, time::Duration};

use sd_notify::NotifyState;
use tokio::time::{self, Instant, Interval, MissedTickBehavior};

use super::drain::Pulse;
use crate::{snapshot::Snapshot, view};

/// The connection to the service manager, and its watchdog.
pub(super) struct Manager {
    watchdog: Option<Watchdog>,
    /// Whether sending has failed. It is logged once.
    failed: bool,
}

struct Watchdog {
    pulse: Pulse,
    interval: Interval,
    /// Beats of the drain at the last look.
    seen: u64,
}

impl Manager {
    /// The manager that started this process, if one did. Only beats of the drain feed its watchdog.
    pub(super) fn new(pulse: Pulse) -> Self {
        let watchdog = sd_notify::watchdog_enabled().filter(|period| !period.is_zero()).map(|period| {
            // Twice in the period, as sd_watchdog_enabled(3) recommends.
            let half = (period / 2).max(Duration::from_millis(1));
            let mut interval = time::interval_at(Instant::now() + half, half);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            Watchdog { seen: pulse.beats(), pulse, interval }
        });
        Self { watchdog, failed: false }
    }

    /// Waits until it is time to look at the drain; for ever without a watchdog.
    pub(super) async fn look(&mut self) {
        match &mut self.watchdog {
            Some(watchdog) => drop(watchdog.interval.tick().await),
            None => std::future::pending().await,
        }
    }

    /// Feeds the watchdog if the drain has made progress since the last look.
    pub(super) fn looked(&mut self) -> Option<String> {
        let watchdog = self.watchdog.as_mut()?;
        let beats = watchdog.pulse.beats();
        if beats == watchdog.seen || !watchdog.pulse.is_flipping() {
            return None;
        }
        watchdog.seen = beats;
        self.send(&[NotifyState::Watchdog])
    }

    /// Reports that the sensor is attached and counts.
    pub(super) fn ready(&mut self, status: &str) -> Option<String> {
        self.send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))])
    }

    /// Reports the counts of an interval.
    pub(super) fn interval(&mut self, snapshot: &Snapshot) -> Option<String> {
        self.send(&[NotifyState::Status(&one_line(&view::line(snapshot)))])
    }

    /// Reports a failure.
    pub(super) fn trouble(&mut self, text: &str) -> Option<String> {
        self.send(&[NotifyState::Status(&one_line(text))])
    }

    /// Reports that the sensor is stopping.
    pub(super) fn stopping(&mut self) -> Option<String> {
        self.send(&[NotifyState::Stopping, NotifyState::Status("detaching, and writing the last snapshot")])
    }

    /// Returns a warning the first time that the manager cannot be reached. Counting continues.
    fn send(&mut self, states: &[NotifyState<'_>]) -> Option<String> {
        let error = sd_notify::notify(states).err()?;
        let first = !std::mem::replace(&mut self.failed, true);
        first.then(|| {
            let socket = env::var_os("NOTIFY_SOCKET").unwrap_or_default();
            format!("cannot reach the service manager at NOTIFY_SOCKET={}: {error}", socket.display())
        })
    }
}

/// A line feed would begin another assignment of the protocol.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_status_cannot_inject_an_assignment() {
        assert_eq!(super::one_line("a\nWATCHDOG=trigger\x1b"), "a WATCHDOG=trigger ");
    }
}
