//! From clock ticks in records to the time of day.
//!
//! Records are told in jiffies. The kernel counts them along CLOCK_MONOTONIC, so both stand still while the machine sleeps, and
//! neither is moved when the clock is set; what ties them to the time of day is how far the two are apart when a record is
//! read.

use std::{fs, time::Duration};

use rustix::time::{ClockId, Timespec, clock_getres, clock_gettime};

/// Seconds before jiffies overflow for the first time, for the kernel to show soon that it can live with that (INITIAL_JIFFIES in
/// include/linux/jiffies.h).
const HEAD_START: u64 = 300;
const MILLISECOND: i64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
/// What jiffies are taken to be behind at most while nobody says it: the clock runs while a machine finds its timers, 0.25 s in a
/// virtual one. Nanoseconds.
const UNKNOWN: u64 = SECOND / 2;
/// A kernel that says more than this is not believed. Nanoseconds.
const ABSURD: u64 = 60 * SECOND;
/// Shorter sleeps are none: the clocks are not read at the same moment. Nanoseconds.
const NAP: u64 = SECOND;

/// How ticks relate to the time of day, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticks {
    /// The tick at that moment.
    tick: u32,
    /// When that tick began, in milliseconds since the Unix epoch ...
    began: i64,
    /// ... and nanoseconds after that.
    rest: i64,
    /// Nanoseconds.
    length: i64,
    /// The last sleep of the machine.
    sleep: Option<Sleep>,
}

/// Time that passed for the day, and not for jiffies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sleep {
    /// The tick at which it was noticed: what is not later came before it.
    until: u32,
    /// Milliseconds.
    length: i64,
}

/// The kernel's jiffies, as far as they can be known from outside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jiffies {
    /// Nanoseconds.
    length: u64,
    /// Ticks that had passed on CLOCK_MONOTONIC when jiffies began to count; the most that it can be, unless the kernel said it.
    behind: u32,
    /// Whether it did.
    said: bool,
    /// What the machine has slept since it was started, nanoseconds.
    slept: u64,
    sleep: Option<Sleep>,
}

/// What the clocks show, nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// CLOCK_MONOTONIC.
    steady: u64,
    /// CLOCK_BOOTTIME, which goes on during a sleep.
    boot: u64,
    /// CLOCK_REALTIME.
    wall: u64,
}

impl Moment {
    fn now() -> Self {
        let [steady, boot, wall] =
            [ClockId::Monotonic, ClockId::Boottime, ClockId::Realtime].map(clock_gettime).map(nanoseconds);
        Self { steady, boot, wall }
    }

    const fn slept(&self) -> u64 {
        self.boot.saturating_sub(self.steady)
    }
}

impl Ticks {
    /// Ticks that are milliseconds since the Unix epoch, as those of a replay. `seconds` is some time within 24 days of the
    /// records.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ticks are the low half")]
    pub(super) const fn milliseconds(seconds: i64) -> Self {
        let began = seconds.saturating_mul(1_000);
        Self { tick: began as u32, began, rest: 0, length: MILLISECOND, sleep: None }
    }

    /// Begin of a tick, in milliseconds since the Unix epoch.
    pub(super) const fn at(&self, tick: u32) -> i64 {
        // At most 2^31 ticks of 0.1 s: no overflow, whatever the time is.
        let since = tick.wrapping_sub(self.tick).cast_signed() as i64 * self.length;
        let time = self.began.saturating_add((self.rest + since).div_euclid(MILLISECOND));
        match self.sleep {
            Some(sleep) if tick.wrapping_sub(sleep.until).cast_signed() <= 0 => time.saturating_sub(sleep.length),
            _ => time,
        }
    }
}

impl Jiffies {
    /// Asks the kernel how long a tick is, and, if it may be asked, how many there were.
    pub(super) fn find() -> Self {
        // The coarse clock is set by the tick.
        let length = nanoseconds(clock_getres(ClockId::MonotonicCoarse)).clamp(100_000, 100_000_000);
        let mut found = Self::new(length, Moment::now().slept());
        if let Some(behind) = fs::read_to_string("/proc/timer_list").ok().and_then(|list| found.difference(&list)) {
            (found.behind, found.said) = (behind, true);
        }
        found
    }

    fn new(length: u64, slept: u64) -> Self {
        let behind = u32::try_from(UNKNOWN / length).unwrap_or(u32::MAX);
        Self { length, behind, said: false, slept, sleep: None }
    }

    /// /proc/timer_list, which only root can read, shows both clocks at one moment. Ticks that jiffies are behind.
    fn difference(&self, list: &str) -> Option<u32> {
        let number = |before: &str| -> Option<u64> {
            let line = list.lines().find_map(|line| line.strip_prefix(before))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let (now, jiffies) = (number("now at ")?, number("jiffies: ")?);
        // Low halves, as in records: a 32-bit kernel shows no more.
        let behind = self.ideal(now).wrapping_sub(low(jiffies));
        (u64::from(behind) * self.length < ABSURD).then_some(behind)
    }

    /// The tick at a time of CLOCK_MONOTONIC, as if jiffies had begun with it.
    fn ideal(&self, steady: u64) -> u32 {
        let initial = low((HEAD_START * SECOND + self.length / 2) / self.length).wrapping_neg();
        initial.wrapping_add(low(steady / self.length))
    }

    /// Now. `newest` is the latest tick in records that were just read: it cannot lie in the future.
    pub(super) fn now(&mut self, newest: Option<u32>) -> Ticks {
        self.at(&Moment::now(), newest)
    }

    #[expect(clippy::cast_possible_wrap, reason = "nanoseconds fit until the year 2262")]
    fn at(&mut self, now: &Moment, newest: Option<u32>) -> Ticks {
        let ideal = self.ideal(now.steady);
        if let (false, Some(newest)) = (self.said, newest) {
            let at_most = ideal.wrapping_sub(newest).cast_signed().max(0).cast_unsigned();
            self.behind = self.behind.min(at_most);
        }
        let tick = ideal.wrapping_sub(self.behind);
        let more = now.slept().saturating_sub(self.slept);
        if more >= NAP {
            // Who reads records looks at the clocks all the time, so hardly any came since it woke up.
            self.sleep = Some(Sleep { until: tick, length: more as i64 / MILLISECOND });
            self.slept = now.slept();
        }
        let began = now.wall as i64 - (now.steady % self.length) as i64;
        Ticks {
            tick,
            began: began.div_euclid(MILLISECOND),
            rest: began.rem_euclid(MILLISECOND),
            length: self.length as i64,
            sleep: self.sleep,
        }
    }
}

/// The low half.
#[expect(clippy::cast_possible_truncation, reason = "that is what it is for")]
const fn low(number: u64) -> u32 {
    number as u32
}

fn nanoseconds(time: Timespec) -> u64 {
    let time = Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0));
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: u64 = 4_000_000;
    /// 28,373.3 s after the start, at 2026-11-23T08:00:00.250Z.
    const NOW: Moment =
        Moment { steady: 28_373_266_784_627, boot: 28_373_266_784_627, wall: 1_795_420_800_250_000_000 };

    fn later(seconds: u64) -> Moment {
        let by = seconds * SECOND;
        Moment { steady: NOW.steady + by, boot: NOW.boot + by, wall: NOW.wall + by }
    }

    fn said(behind: u32) -> Jiffies {
        Jiffies { behind, said: true, ..Jiffies::new(TICK, 0) }
    }

    #[test]
    fn ticks_before_and_after_a_moment_are_told_over_the_overflow() {
        let ticks = Ticks { tick: 5, began: 1_000_000, rest: 0, length: 4 * MILLISECOND, sleep: None };
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
    fn no_time_of_a_capture_and_no_tick_overflows() {
        // The year 9999, and what no capture can say.
        for seconds in [253_402_300_799, -62_135_596_800, i64::MAX, i64::MIN] {
            let ticks = Ticks::milliseconds(seconds);
            assert_eq!(ticks.at(ticks.tick), seconds.saturating_mul(1_000));
            for tick in [0, 1, u32::MAX, 1 << 31, ticks.tick.wrapping_add(1 << 31), ticks.tick.wrapping_sub(1 << 31)] {
                ticks.at(tick);
            }
        }
        let ticks = Jiffies::new(100_000_000, 0).at(&NOW, None);
        for tick in [ticks.tick.wrapping_add(1 << 31), ticks.tick.wrapping_sub(1 << 31)] {
            ticks.at(tick);
        }
    }

    #[test]
    fn the_kernel_says_how_far_jiffies_are_behind() {
        let jiffies = Jiffies::new(TICK, 0);
        let list = "Timer List Version: v0.10\nnow at 28373266784627 nsecs\n\njiffies: 4301985549\n";
        assert_eq!(jiffies.difference(list), Some(63));
        // Of a kernel whose jiffies have 32 bits.
        assert_eq!(jiffies.difference(&list.replace("4301985549", "7018253")), Some(63));
        for wrong in
            ["", "now at 5 nsecs", "now at 5 nsecs\njiffies: 9", "now at 99999999999999 nsecs\njiffies: 4294892300"]
        {
            assert_eq!(jiffies.difference(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_tick_has_the_time_at_which_it_began() {
        let mut jiffies = said(63);
        let now = jiffies.at(&NOW, None);
        assert_eq!(now.tick, 7_018_253);
        // 2.78 ms of the tick have passed.
        assert_eq!(now.at(now.tick), 1_795_420_800_247);
        assert_eq!(now.at(now.tick.wrapping_sub(250)), 1_795_420_799_247);
        // The same tick is the same time, whenever it is asked for, also over the overflow of jiffies.
        for seconds in [1, 60, 86_400, 4_000_000] {
            assert_eq!(jiffies.at(&later(seconds), None).at(now.tick), 1_795_420_800_247, "{seconds}");
        }
    }

    #[test]
    fn unasked_they_are_half_a_second_behind_until_a_record_shows_less() {
        let mut jiffies = Jiffies::new(TICK, 0);
        let ideal = jiffies.ideal(NOW.steady);
        assert_eq!(jiffies.at(&NOW, None).tick, ideal.wrapping_sub(125));
        // A record of ten seconds ago shows nothing, one of just now does, and it is not forgotten.
        assert_eq!(jiffies.at(&NOW, Some(ideal.wrapping_sub(2_500))).tick, ideal.wrapping_sub(125));
        assert_eq!(jiffies.at(&NOW, Some(ideal.wrapping_sub(63))).tick, ideal.wrapping_sub(63));
        assert_eq!(jiffies.at(&NOW, None).tick, ideal.wrapping_sub(63));
        // A tick ahead of the clock: jiffies are not behind at all.
        assert_eq!(jiffies.at(&NOW, Some(ideal.wrapping_add(1))).tick, ideal);
        // What the kernel has said stands.
        assert_eq!(said(63).at(&NOW, Some(ideal)).tick, ideal.wrapping_sub(63));
    }

    #[test]
    fn when_the_clock_is_set_what_is_read_then_has_the_new_time() {
        let mut jiffies = said(63);
        let tick = jiffies.at(&NOW, None).tick;
        let set = Moment { wall: NOW.wall - 3_600 * SECOND, ..NOW };
        assert_eq!(jiffies.at(&set, None).at(tick), 1_795_417_200_247);
        // A clock that begins in 1970, as that of a board without a battery.
        let set = Moment { wall: 0, ..NOW };
        assert_eq!(jiffies.at(&set, None).at(tick), -3);
    }

    #[test]
    fn what_came_before_a_sleep_has_the_time_before_it() {
        let mut jiffies = said(63);
        let before = jiffies.at(&NOW, None).tick;
        let hour = 3_600 * SECOND;
        let woken = Moment { boot: later(1).boot + hour, wall: later(1).wall + hour, ..later(1) };
        let ticks = jiffies.at(&woken, None);
        assert_eq!(ticks.at(before), 1_795_420_800_247);
        assert_eq!(ticks.at(ticks.tick.wrapping_add(250)), 1_795_420_802_247 + 3_600_000);
        // It is told so later too.
        let later = Moment { boot: later(9).boot + hour, wall: later(9).wall + hour, ..later(9) };
        assert_eq!(jiffies.at(&later, None).at(before), 1_795_420_800_247);
        assert_eq!(jiffies.at(&later, None).sleep, ticks.sleep);
    }

    #[test]
    fn this_machine_says_it_or_a_bound_is_taken() {
        let mut jiffies = Jiffies::find();
        assert!(u64::from(jiffies.behind) * jiffies.length < ABSURD, "{jiffies:?}");
        let now = jiffies.now(None);
        let wall = i64::try_from(nanoseconds(clock_gettime(ClockId::Realtime)) / 1_000_000).unwrap();
        assert!((0..1_000).contains(&(wall - now.at(now.tick))), "{now:?}");
    }
}
