//! What the service manager is told, by the protocol of sd_notify(3). Without NOTIFY_SOCKET nothing is told.

use std::{env, time::Duration};

use sd_notify::NotifyState;
use tokio::time::{self, Instant, Interval, MissedTickBehavior};

use super::drain::Pulse;
use crate::{snapshot::Snapshot, view};

/// The service manager's end, and what makes its watchdog content.
pub(super) struct Manager {
    watchdog: Option<Watchdog>,
    /// Whether a message could not be sent: that is said once.
    failed: bool,
}

struct Watchdog {
    pulse: Pulse,
    interval: Interval,
    /// Beats of the drain when it was last looked at.
    seen: u64,
}

impl Manager {
    /// The manager that started this process, if one did. Its watchdog is kept content by the drain's beats, and by
    /// nothing else.
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

    /// Comes when it is time to look at the drain; never without a watchdog.
    pub(super) async fn look(&mut self) {
        match &mut self.watchdog {
            Some(watchdog) => drop(watchdog.interval.tick().await),
            None => std::future::pending().await,
        }
    }

    /// Tells the watchdog that the drain is alive, if it has made progress since the last look.
    pub(super) fn looked(&mut self) -> Option<String> {
        let watchdog = self.watchdog.as_mut()?;
        let beats = watchdog.pulse.beats();
        if beats == watchdog.seen || !watchdog.pulse.is_cutting() {
            return None;
        }
        watchdog.seen = beats;
        self.tell(&[NotifyState::Watchdog])
    }

    /// Attached, and counting.
    pub(super) fn ready(&mut self, status: &str) -> Option<String> {
        self.tell(&[NotifyState::Ready, NotifyState::Status(&one_line(status))])
    }

    /// What the last interval brought.
    pub(super) fn interval(&mut self, snapshot: &Snapshot) -> Option<String> {
        self.tell(&[NotifyState::Status(&one_line(&view::line(snapshot)))])
    }

    /// What goes wrong.
    pub(super) fn trouble(&mut self, text: &str) -> Option<String> {
        self.tell(&[NotifyState::Status(&one_line(text))])
    }

    /// About to end.
    pub(super) fn stopping(&mut self) -> Option<String> {
        self.tell(&[NotifyState::Stopping, NotifyState::Status("detaching, and writing the last snapshot")])
    }

    /// A warning if the manager cannot be reached, the first time. Counting goes on.
    fn tell(&mut self, states: &[NotifyState<'_>]) -> Option<String> {
        let error = sd_notify::notify(states).err()?;
        let first = !std::mem::replace(&mut self.failed, true);
        first.then(|| {
            let socket = env::var_os("NOTIFY_SOCKET").unwrap_or_default();
            format!("the service manager cannot be told at NOTIFY_SOCKET={}: {error}", socket.display())
        })
    }
}

/// A line queue would begin another assignment of the protocol.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_status_cannot_say_anything_else() {
        assert_eq!(super::one_line("a\nWATCHDOG=trigger\x1b"), "a WATCHDOG=trigger ");
    }
}
