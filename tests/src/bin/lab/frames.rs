//! Kernel against host on as many frames as anybody likes: `cargo xtask fuzz frames`.

mod args;
mod summary;

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use lab::batches::{Batch, FRAMES};

use self::summary::Summary;
pub(crate) use args::Args;

/// How often it is said how far it came.
const PROGRESS: Duration = Duration::from_secs(10);

/// What the threads share.
struct Shared {
    args: Args,
    start: Instant,
    /// The next batch.
    next: AtomicU64,
    /// How many there are.
    batches: u64,
    /// Frames that were compared.
    done: AtomicU64,
    failed: AtomicBool,
    summary: Mutex<Summary>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let (first, batches) = match args.batch {
        Some(batch) => (batch, batch + 1),
        None => (0, args.inputs.div_ceil(FRAMES)),
    };
    let cpus = thread::available_parallelism().map_or(1, |cpus| cpus.get() as u64);
    let threads = args.threads.unwrap_or(cpus).min(batches - first);
    let shared = Shared {
        args,
        start: Instant::now(),
        next: AtomicU64::new(first),
        batches,
        done: AtomicU64::new(0),
        failed: AtomicBool::new(false),
        summary: Mutex::default(),
    };
    let result = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&shared))).collect();
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            report(&shared, first);
        }
        workers.into_iter().try_for_each(|worker| worker.join().expect("a difference is no panic"))
    });
    let summary = shared.summary.into_inner().expect("nobody panics with it");
    println!("{}", summary.text(shared.args.seed, shared.start.elapsed()));
    result
}

/// Frames of a batch: the last one may have fewer.
fn frames(args: &Args, number: u64) -> u64 {
    if args.batch.is_some() { FRAMES } else { FRAMES.min(args.inputs - number * FRAMES) }
}

/// Takes batches until there is none, or something differs.
fn work(shared: &Shared) -> anyhow::Result<()> {
    while !shared.failed.load(Ordering::Relaxed) {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        if number >= shared.batches {
            break;
        }
        let (args, batch) = (&shared.args, Batch::new(shared.args.seed, number));
        let frames = frames(args, number);
        let counts = batch.run(frames).inspect_err(|_| shared.failed.store(true, Ordering::Relaxed));
        let again = || format!("batch {number}; again: cargo xtask fuzz frames --seed {} --batch {number}", args.seed);
        let counts = counts.with_context(again)?;
        shared.done.fetch_add(frames, Ordering::Relaxed);
        shared.summary.lock().expect("nobody panics with it").add(&counts, &batch.words);
    }
    Ok(())
}

/// Waits, and says how far it came.
fn report(shared: &Shared, first: u64) {
    let until = Instant::now() + PROGRESS;
    let all = shared.next.load(Ordering::Relaxed) >= shared.batches;
    while Instant::now() < until && !shared.failed.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(50));
        if all && shared.done.load(Ordering::Relaxed) >= target(shared, first) {
            return;
        }
    }
    let (done, target) = (shared.done.load(Ordering::Relaxed), target(shared, first));
    if done > 0 && done < target {
        let rate = done as f64 / shared.start.elapsed().as_secs_f64();
        let left = (target - done) as f64 / rate;
        eprintln!("{done} of {target} frames, {rate:.0} a second, {left:.0} s to go");
    }
}

fn target(shared: &Shared, first: u64) -> u64 {
    (first..shared.batches).map(|number| frames(&shared.args, number)).sum()
}
