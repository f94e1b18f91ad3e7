//! The clock: snapshots of several sensors are compared by their times.

use super::finding::Finding;

/// What adjtimex(2) says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// Whether something keeps it in step; `None` if the kernel does not say.
    pub(super) synchronized: Option<bool>,
}

pub(super) fn check(clock: &Clock) -> Vec<Finding> {
    let finding = match clock.synchronized {
        Some(true) => Finding::ok("clock", "synchronized"),
        Some(false) => Finding::warn(
            "clock",
            "nothing synchronizes it, so times drift, and sensors cannot be compared by the hour",
            "timedatectl set-ntp true",
        ),
        None => Finding::ok("clock", "the kernel does not tell whether it is synchronized"),
    };
    vec![finding]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_clock_that_runs_free_is_a_warning() {
        let level = |synchronized| check(&Clock { synchronized })[0].level;
        assert_eq!([Some(true), None, Some(false)].map(level), [Level::Ok, Level::Ok, Level::Warn]);
    }
}
