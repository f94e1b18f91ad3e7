//! What is done to the sensor, and when: from the seed.

use std::time::Duration;

use lab::random::Random;

/// Something that operators do, or that happens to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Other filters, in the words of `honeyxdp filter`.
    Filter(&'static str),
    /// `honeyxdp status`.
    Status,
    /// `honeyxdp archive check`.
    Check,
    /// `honeyxdp archive compact`.
    Compact,
    /// A second sensor over the same pins, which has to be refused.
    Rival,
    /// SIGTERM; after a while the sensor is started again.
    Stop(Duration),
    /// SIGKILL, the same.
    Kill(Duration),
    /// SIGTERM, and at once another copy of the program, which takes over.
    Upgrade,
}

/// Each of them takes SYNs out of what is counted by port, so that they are `filtered`, or leaves the counts alone.
const FILTERS: &[&str] = &[
    "add --ignore-src 10.0.1.0/24,2001:db8::/120",
    "remove --ignore-src 10.0.1.128/25",
    "set --port 1-5000,7547",
    "set --ignore-family mirai",
    "add --ignore-family hajime,other",
    "set --dst 198.18.0.0/28,2001:db8::/64",
    "set --verdict drop",
    "set --verdict pass",
    "set --sample-records 2",
    "set --sample-records 1",
    "clear ignore-src",
    "clear port",
    "clear",
];

/// The events of a run.
pub(crate) struct Plan {
    random: Random,
    longest: Duration,
}

impl Plan {
    /// Of a seed, with pauses of at most this, and of three seconds.
    pub(crate) fn new(seed: u64, longest: Duration) -> Self {
        Self { random: Random::new(seed.wrapping_add(3)), longest }
    }

    /// Time until the next event.
    pub(crate) fn pause(&mut self) -> Duration {
        Duration::from_millis(100 + self.random.below(2_900) as u64).min(self.longest)
    }

    /// The next one. Restarts are among them if the sensor may be restarted.
    pub(crate) fn next(&mut self, restarts: bool) -> Event {
        match self.random.below(if restarts { 22 } else { 16 }) {
            0..=9 => Event::Filter(self.random.pick(FILTERS)),
            10..=12 => Event::Status,
            13 => Event::Check,
            14 => Event::Compact,
            15 => Event::Rival,
            _ => self.restart(),
        }
    }

    /// A restart.
    pub(crate) fn restart(&mut self) -> Event {
        let away = Duration::from_millis(self.random.below(2_500) as u64);
        match self.random.below(3) {
            0 => Event::Stop(away),
            1 => Event::Kill(away),
            _ => Event::Upgrade,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_plan_and_the_second_half_has_no_restart() {
        let events = |seed, restarts| {
            let mut plan = Plan::new(seed, Duration::ZERO);
            (0..500).map(|_| plan.next(restarts)).collect::<Vec<_>>()
        };
        assert_eq!(events(1, true), events(1, true));
        assert_ne!(events(1, true), events(2, true));
        let restart = |event: &Event| matches!(event, Event::Stop(_) | Event::Kill(_) | Event::Upgrade);
        assert!(events(1, true).iter().any(restart));
        assert!(!events(1, false).iter().any(restart));
    }
}
