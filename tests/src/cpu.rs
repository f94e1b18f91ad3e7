//! CPUs: where a thread runs, and what a process used.

use std::{fs, time::Duration};

use anyhow::Context as _;
use rustix::{
    param::clock_ticks_per_second,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

/// CPUs that this thread may run on.
///
/// # Errors
/// When the kernel does not say.
pub fn allowed() -> anyhow::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&cpu| set.is_set(cpu)).collect())
}

/// Keeps the calling thread on these CPUs; threads that it starts stay there too.
///
/// # Errors
/// When none of them may be used.
pub fn pin(cpus: &[usize]) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    cpus.iter().for_each(|&cpu| set.set(cpu));
    sched_setaffinity(None, &set).with_context(|| format!("CPUs {cpus:?}"))
}

/// Time that all threads of a process have run, in user space and in the kernel. To a clock tick, mostly 10 ms.
///
/// # Errors
/// When there is no such process.
pub fn used(pid: u32) -> anyhow::Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the name in parentheses, which may hold anything; utime and stime are the 14th and 15th.
    let (_, fields) = text.rsplit_once(')').context("/proc/PID/stat has another form")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<u32>().ok()).context("/proc/PID/stat is short");
    let (user, kernel) = (ticks()?, ticks()?);
    #[expect(clippy::cast_precision_loss, reason = "it is about 100")]
    let rate = clock_ticks_per_second() as f64;
    Ok(Duration::from_secs_f64((f64::from(user) + f64::from(kernel)) / rate))
}

/// The most memory that a process ever held, bytes.
///
/// # Errors
/// When there is no such process.
pub fn peak_memory(pid: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc/PID/status has no VmHWM")?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kibibytes << 10)
}
