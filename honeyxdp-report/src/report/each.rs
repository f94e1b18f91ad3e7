//! Work on many jobs by several workers.

use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Does some work for each of some jobs, as many at a time as there are workers, and returns what came of each. The first error
/// ends it. `progress` is told how many of how many are done.
pub(super) fn each<W: Sync, T: Sync, R: Send>(
    workers: &[W],
    jobs: &[T],
    work: impl Fn(&W, &T) -> anyhow::Result<R> + Sync,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> anyhow::Result<Vec<R>> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let run = |worker: &W| {
        let mut results = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(number) else { return Ok(results) };
            match work(worker, job) {
                Ok(result) => results.push((number, result)),
                Err(error) => {
                    next.store(jobs.len(), Ordering::Relaxed);
                    return Err(error);
                }
            }
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = workers.iter().map(|worker| scope.spawn(|| run(worker))).collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        all.sort_unstable_by_key(|(number, _)| *number);
        Ok(all.into_iter().map(|(_, result)| result).collect())
    })
}
