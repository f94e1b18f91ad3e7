//! When a packet was captured.

use jiff::Timestamp;

/// Parts of a second in the usual units of time: those of the classic format, and those that pcapng files are written in.
pub(super) const MICROSECONDS: u64 = 1_000_000;
pub(super) const NANOSECONDS: u64 = 1_000_000_000;

/// A moment in UTC, in the range of [`Timestamp`], to which it converts.
///
/// Not a `Timestamp` itself, because that costs more to make than all the rest of reading a packet, and is made for every
/// packet while few of them are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Whole seconds since the Unix epoch, rounded down.
    seconds: i64,
    /// Nanoseconds since then, less than a second.
    nanoseconds: u32,
}

// In both, the usual units are written out: the division by a constant is a multiplication.
impl Time {
    /// `seconds` since the Unix epoch, and `fraction` seconds divided by `units`. A fraction of a whole second or more is
    /// no time.
    #[inline]
    pub(super) fn new(seconds: i64, fraction: u64, units: u64) -> Option<Self> {
        if fraction >= units || !(Timestamp::MIN.as_second()..=Timestamp::MAX.as_second()).contains(&seconds) {
            return None;
        }
        let nanoseconds = match units {
            NANOSECONDS => fraction,
            MICROSECONDS => fraction * (NANOSECONDS / MICROSECONDS),
            _ => u64::try_from(u128::from(fraction) * u128::from(NANOSECONDS) / u128::from(units)).ok()?,
        };
        Some(Self { seconds, nanoseconds: u32::try_from(nanoseconds).ok()? })
    }

    /// `ticks` since `epoch`, which is in seconds since the Unix epoch; a second has `units` ticks.
    #[inline]
    pub(super) fn since(epoch: i64, ticks: u64, units: u64) -> Option<Self> {
        let (seconds, fraction) = match units {
            NANOSECONDS => (ticks / NANOSECONDS, ticks % NANOSECONDS),
            MICROSECONDS => (ticks / MICROSECONDS, ticks % MICROSECONDS),
            _ => (ticks / units, ticks % units),
        };
        Self::new(i64::try_from(seconds).ok()?.checked_add(epoch)?, fraction, units)
    }
}

impl Time {
    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// The low half of the milliseconds since the Unix epoch.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is the low half")]
    pub const fn tick(self) -> u32 {
        (self.seconds as u32).wrapping_mul(1_000).wrapping_add(self.nanoseconds / 1_000_000)
    }
}

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        let Time { seconds, nanoseconds } = time;
        Self::new(seconds, nanoseconds.cast_signed()).expect("a Time is in the range of a Timestamp")
    }
}
