//! From clock ticks in records to the time of day.

use std::{fs, time::Duration};

use rustix::time::{ClockId, clock_getres, clock_gettime};

/// Seconds before jiffies overflow for the first time, for the kernel to show soon that it can live with that (INITIAL_JIFFIES in
/// include/linux/jiffies.h).
const HEAD_START: u64 = 300;
const MILLISECOND: i64 = 1_000_000;

/// How ticks relate to the time of day, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticks {
    /// The tick at that moment.
    tick: u32,
    /// When that tick began, in nanoseconds since the Unix epoch.
    began: i64,
    /// Nanoseconds.
    length: i64,
}

/// The kernel's jiffies, as far as they can be known from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jiffies {
    /// Nanoseconds.
    length: u64,
    /// Ticks that had passed on CLOCK_MONOTONIC when jiffies began to count.
    behind: Option<u64>,
    /// The least that it can have been so long after the newest record, while nobody says it.
    at_most: u64,
}

impl Ticks {
    /// Ticks that are milliseconds since the Unix epoch, as those of a replay. `seconds` is some time within 24 days of the
    /// records.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ticks are the low half")]
    pub(super) const fn milliseconds(seconds: i64) -> Self {
        let milliseconds = seconds.saturating_mul(1_000);
        Self { tick: milliseconds as u32, began: milliseconds.saturating_mul(MILLISECOND), length: MILLISECOND }
    }

    /// Begin of a tick, in milliseconds since the Unix epoch.
    pub(super) const fn at(&self, tick: u32) -> i64 {
        let since = tick.wrapping_sub(self.tick).cast_signed() as i64;
        (self.began + since * self.length).div_euclid(MILLISECOND)
    }
}

impl Jiffies {
    /// Asks the kernel how long a tick is, and, if it may be asked, how many there were.
    pub(super) fn find() -> Self {
        // The coarse clock is set by the tick.
        let resolution = clock_getres(ClockId::MonotonicCoarse);
        let length = nanoseconds(resolution.tv_sec, resolution.tv_nsec).clamp(100_000, 100_000_000);
        let mut found = Self { length, behind: None, at_most: u64::MAX };
        found.behind = fs::read_to_string("/proc/timer_list").ok().and_then(|list| found.behind(&list));
        found
    }

    /// /proc/timer_list, which only root can read, shows both clocks at one moment.
    fn behind(&self, list: &str) -> Option<u64> {
        let number = |before: &str| -> Option<u64> {
            let line = list.lines().find_map(|line| line.strip_prefix(before))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let (now, jiffies) = (number("now at ")?, number("jiffies: ")?);
        let counted = jiffies.checked_sub(u64::from(self.initial()))?;
        // A list that says something absurd is not believed.
        (now / self.length).checked_sub(counted).filter(|behind| behind.saturating_mul(self.length) < 60_000_000_000)
    }

    /// Jiffies when they began: the low half of minus five minutes.
    #[expect(clippy::cast_possible_truncation, reason = "it is the low half")]
    const fn initial(&self) -> u32 {
        ((HEAD_START * 1_000_000_000 / self.length) as u32).wrapping_neg()
    }

    /// Now. `newest` is the latest tick in a record that was just read: it cannot lie in the future.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "nanoseconds fit until the year 2262"
    )]
    pub(super) fn now(&mut self, newest: Option<u32>) -> Ticks {
        let steady = clock_gettime(ClockId::Monotonic);
        let wall = clock_gettime(ClockId::Realtime);
        let steady = nanoseconds(steady.tv_sec, steady.tv_nsec);
        let passed = steady / self.length;
        // As if jiffies had begun with the clock.
        let ideal = self.initial().wrapping_add(passed as u32);
        if let (None, Some(newest)) = (self.behind, newest) {
            self.at_most = self.at_most.min(u64::from(ideal.wrapping_sub(newest)));
        }
        let behind = self.behind.unwrap_or(if self.at_most.saturating_mul(self.length) < 60_000_000_000 {
            self.at_most
        } else {
            0
        });
        let wall = nanoseconds(wall.tv_sec, wall.tv_nsec) as i64;
        Ticks {
            tick: ideal.wrapping_sub(behind as u32),
            began: wall - (steady % self.length) as i64,
            length: self.length as i64,
        }
    }
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> u64 {
    let time = Duration::new(u64::try_from(seconds).unwrap_or(0), u32::try_from(nanoseconds).unwrap_or(0));
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_before_and_after_a_moment_are_told_over_the_overflow() {
        let ticks = Ticks { tick: 5, began: 1_000_000 * MILLISECOND, length: 4 * MILLISECOND };
        assert_eq!(ticks.at(5), 1_000_000);
        assert_eq!(ticks.at(6), 1_000_004);
        assert_eq!(ticks.at(0_u32.wrapping_sub(5)), 1_000_000 - 40);
    }

    #[test]
    fn ticks_of_a_replay_are_milliseconds() {
        let milliseconds = 1_577_836_799_250_i64;
        let tick = u32::try_from(milliseconds & 0xffff_ffff).unwrap();
        for off in [0, 3_600, -3_600, 20 * 86_400, -20 * 86_400] {
            assert_eq!(Ticks::milliseconds(milliseconds / 1_000 + off).at(tick), milliseconds, "{off}");
        }
    }

    #[test]
    fn the_kernel_says_how_far_jiffies_are_behind() {
        let jiffies = Jiffies { length: 4_000_000, behind: None, at_most: u64::MAX };
        let list = "Timer List Version: v0.10\nnow at 28373266784627 nsecs\n\njiffies: 4301985549\n";
        assert_eq!(jiffies.behind(list), Some(63));
        for wrong in
            ["", "now at 5 nsecs", "now at 5 nsecs\njiffies: 9", "now at 99999999999999 nsecs\njiffies: 4294892300"]
        {
            assert_eq!(jiffies.behind(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn unasked_the_newest_record_bounds_how_far_they_are_behind() {
        let mut jiffies = Jiffies { length: 4_000_000, behind: None, at_most: u64::MAX };
        let ideal = jiffies.now(None).tick;
        let later = jiffies.now(Some(ideal.wrapping_sub(63)));
        assert!((63..100).contains(&jiffies.at_most), "{jiffies:?}");
        assert!(later.tick.wrapping_sub(ideal.wrapping_sub(63)) < 5, "{later:?}");
    }
}
