//! Figures of the sensor's process, of the kernel and of the disk, sampled while nothing happens.

use std::{fs, path::Path, time::Duration};

use anyhow::Context as _;

use super::{
    objects::{Held, Seen},
    stage::Stage,
};

/// One sample.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    /// Since the run began.
    pub(crate) at: Duration,
    /// The process: another id is another process.
    pub(crate) pid: u32,
    /// Values, in the order of [`KINDS`].
    pub(crate) values: [u64; KINDS.len()],
}

/// What may become of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Flat over the samples of the last process: so many percent, and so much on top.
    OfLastProcess(u64, u64),
    /// The same over all samples.
    OfAll(u64, u64),
    /// Always 0.
    Zero,
    /// It grows by design.
    Free,
}

/// A figure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Whether it is bytes, to be shown as MiB.
    pub(crate) bytes: bool,
    pub(crate) rule: Rule,
}

const MIB: u64 = 1 << 20;

/// All figures.
pub(crate) const KINDS: [Kind; 10] = [
    Kind { name: "RSS", bytes: true, rule: Rule::OfLastProcess(5, 4 * MIB) },
    Kind { name: "PSS", bytes: true, rule: Rule::OfLastProcess(5, 4 * MIB) },
    Kind { name: "file handles", bytes: false, rule: Rule::OfAll(0, 2) },
    Kind { name: "threads", bytes: false, rule: Rule::OfAll(0, 2) },
    Kind { name: "maps", bytes: false, rule: Rule::OfAll(0, 0) },
    Kind { name: "map memory", bytes: true, rule: Rule::OfAll(0, 0) },
    Kind { name: "programs", bytes: false, rule: Rule::OfAll(0, 0) },
    Kind { name: "forgotten maps and programs", bytes: false, rule: Rule::Zero },
    Kind { name: "directory", bytes: true, rule: Rule::OfAll(10, MIB) },
    Kind { name: "archive", bytes: true, rule: Rule::Free },
];

/// Takes a sample.
pub(crate) fn sample(stage: &Stage<'_>, seen: &mut Seen, at: Duration) -> anyhow::Result<Figures> {
    let pid = stage.sensor()?.pid();
    let held = Held::of(pid)?;
    seen.add(&held);
    let kibibytes = |file: &str, key: &str| -> anyhow::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(key)).with_context(|| format!("no {key}"))?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    };
    let values = [
        kibibytes("status", "VmRSS:")? << 10,
        kibibytes("smaps_rollup", "Pss:")? << 10,
        held.descriptors,
        kibibytes("status", "Threads:")?,
        held.maps.len() as u64,
        held.map_bytes(),
        held.programs.len() as u64,
        seen.forgotten(&held)?,
        bytes(&stage.out())?,
        bytes(stage.archive().root())?,
    ];
    Ok(Figures { at, pid, values })
}

/// Bytes of all files below a directory. Files that go away meanwhile are none.
fn bytes(directory: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let entry = entry?;
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => sum += bytes(&entry.path())?,
            Ok(metadata) => sum += metadata.len(),
            Err(_) => {}
        }
    }
    Ok(sum)
}
