//! Readiness of the sensor.

use std::time::Instant;

use super::routes::App;

impl App {
    /// Ready if the program is attached to every interface and the last drain is younger than two intervals; else the reason.
    pub(super) fn readiness(&self) -> Result<(), String> {
        let feed = self.feed();
        let (now, limit) = (Instant::now(), 2 * self.interval);
        if !feed.missing.is_empty() {
            let missing: Vec<&str> = feed.missing.iter().map(String::as_str).collect();
            return Err(format!("the program is not attached to {}", missing.join(", ")));
        }
        if feed.attached.is_empty() {
            return Err("the program is not attached to any interface".to_owned());
        }
        let why = feed.failure.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        let Some(newest) = &feed.newest else {
            return Err(match now.duration_since(feed.started) > limit {
                true => format!("nothing was drained in two intervals of {:?}{why}", self.interval),
                false => format!("the first drain comes with the first interval of {:?}{why}", self.interval),
            });
        };
        let age = now.duration_since(newest.reading.at);
        if age > limit {
            let age = age.as_secs_f64();
            return Err(format!(
                "the last drain was {age:.1} s ago, more than two intervals of {:?}{why}",
                self.interval
            ));
        }
        Ok(())
    }
}
