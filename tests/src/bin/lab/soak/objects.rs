//! Maps and programs in the kernel: those that the sensor holds, and those that it once held and that are still there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use aya::{maps::loaded_maps, programs::loaded_programs};

/// How long the kernel may take to free what nobody holds: it waits for its readers.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a process holds, by what the kernel says of its descriptors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Maps by their ids, and their bytes in the kernel.
    pub(crate) maps: BTreeMap<u32, u64>,
    /// Programs by their ids.
    pub(crate) programs: BTreeMap<u32, u64>,
    /// Open descriptors of every kind.
    pub(crate) descriptors: u64,
}

impl Held {
    /// Of a process.
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let directory = format!("/proc/{pid}/fdinfo");
        let mut held = Self::default();
        for entry in fs::read_dir(&directory).with_context(|| format!("cannot read {directory}"))? {
            held.descriptors += 1;
            // It may be closed by now.
            if let Ok(text) = fs::read_to_string(entry?.path()) {
                held.add(&text);
            }
        }
        Ok(held)
    }

    fn add(&mut self, info: &str) {
        let number = |key: &str| {
            let line = info.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
            line.and_then(|value| value.trim().parse::<u64>().ok())
        };
        let id = |key: &str| number(key).and_then(|id| u32::try_from(id).ok());
        let bytes = number("memlock").unwrap_or(0);
        // A link names the program that it runs, but is none.
        if number("link_id").is_some() {
            return;
        }
        if let Some(map) = id("map_id") {
            self.maps.insert(map, bytes);
        } else if let Some(program) = id("prog_id") {
            self.programs.insert(program, bytes);
        }
    }

    /// Bytes of maps.
    pub(crate) fn map_bytes(&self) -> u64 {
        self.maps.values().sum()
    }
}

/// Everything that was ever held.
#[derive(Default)]
pub(crate) struct Seen {
    maps: BTreeSet<u32>,
    programs: BTreeSet<u32>,
}

impl Seen {
    /// Takes note of it.
    pub(crate) fn add(&mut self, held: &Held) {
        self.maps.extend(held.maps.keys());
        self.programs.extend(held.programs.keys());
    }

    /// Maps and programs that were held once, are not held now, and are still there after a while.
    pub(crate) fn forgotten(&self, held: &Held) -> anyhow::Result<u64> {
        let start = Instant::now();
        loop {
            let left = self.left(held)?;
            if left == 0 || start.elapsed() > PATIENCE {
                return Ok(left);
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn left(&self, held: &Held) -> anyhow::Result<u64> {
        let mut left = 0;
        // One that goes away while they are listed is an error, and no loss.
        for map in loaded_maps().flatten() {
            left += u64::from(self.maps.contains(&map.id()) && !held.maps.contains_key(&map.id()));
        }
        for program in loaded_programs().flatten() {
            left += u64::from(self.programs.contains(&program.id()) && !held.programs.contains_key(&program.id()));
        }
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_and_programs_are_told_from_links_and_files() {
        let mut held = Held::default();
        held.add("pos:\t0\nflags:\t02\nmap_type:\t2\nmemlock:\t4096\nmap_id:\t17\n");
        held.add("pos:\t0\nmap_type:\t2\nmemlock:\t4096\nmap_id:\t17\n");
        held.add("prog_type:\t6\nmemlock:\t8192\nprog_id:\t5\n");
        held.add("link_type:\txdp\nlink_id:\t9\nprog_tag:\tab\nprog_id:\t6\n");
        held.add("pos:\t0\nflags:\t02\n");
        assert_eq!((held.map_bytes(), held.maps.len()), (4_096, 1));
        assert_eq!(held.programs.into_iter().collect::<Vec<_>>(), [(5, 8_192)]);
    }
}
