//! The sender: bursts and pauses, and floods that the kernel makes. What it tells is what the kernel took.

use std::{
    io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use honeyxdp_common::Disposition;
use lab::{
    generator::{Amount, Pattern, Sender},
    network::{OUTSIDE, VethPair, Wire},
    random::Random,
};

use super::{
    faults::Faults,
    pool::{self, Known},
};

/// Longest burst, frames: as long as the veth has room.
const BURST: usize = 256;
/// Bursts between two floods, on average.
const BETWEEN_FLOODS: usize = 500;
/// Sources of a flood, and bytes of each of its frames.
const FLOOD: (u32, u64) = (2_000, 60);
/// How much of what is late is sent at once.
const LATE: Duration = Duration::from_secs(1);
/// How long frames may be under way in a veth.
const UNDER_WAY: Duration = Duration::from_millis(20);

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    /// Of them those of floods.
    pub(crate) flood: u64,
    pub(crate) bytes: u64,
    /// By the host's disposition.
    pub(crate) dispositions: [u64; Disposition::ALL.len()],
    /// Frames that found no room in the veth: the kernel said so, and nobody counts them.
    pub(crate) refused: u64,
    /// Of them those of floods, which the far end counts as received.
    pub(crate) flood_refused: u64,
}

/// The sender, as the rest of the run sees it.
pub(crate) struct Traffic {
    /// Held by the sender while it sends, so that whoever else holds it lets it rest.
    tally: Mutex<Tally>,
    /// Frames that were sent or are about to be: nobody may have counted more.
    announced: AtomicU64,
    /// Frames yet to be sent without telling.
    untold: AtomicU64,
    over: AtomicBool,
}

impl Traffic {
    pub(crate) fn new(untold: u64) -> Self {
        Self {
            tally: Mutex::default(),
            announced: AtomicU64::new(0),
            untold: AtomicU64::new(untold),
            over: AtomicBool::new(false),
        }
    }

    /// More than this cannot have been counted.
    pub(crate) fn at_most(&self) -> u64 {
        self.announced.load(Ordering::SeqCst)
    }

    /// What was sent. The sender rests, and nothing is under way, until this is dropped.
    pub(crate) fn rest(&self) -> MutexGuard<'_, Tally> {
        let tally = self.lock();
        thread::sleep(UNDER_WAY);
        tally
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Sends until the end, on this thread. What goes wrong is a fault.
    pub(crate) fn send(&self, veth: &VethPair, seed: u64, rate: u32, faults: &Faults) {
        if let Err(error) = self.sending(veth, seed, rate) {
            faults.add(format!("the sender failed: {error:#}"));
        }
        self.end();
    }

    fn sending(&self, veth: &VethPair, seed: u64, rate: u32) -> anyhow::Result<()> {
        // Its namespaces are entered by threads of its own.
        let mut generator = Sender::new(veth, Pattern::in_turn(FLOOD.0))?;
        veth.outside.enter()?;
        let wire = Wire::open(OUTSIDE)?;
        let frames = pool::frames(seed);
        let mut random = Random::new(seed.wrapping_add(1));
        let mut due = Instant::now();
        while !self.over.load(Ordering::SeqCst) {
            let sent = {
                let mut tally = self.lock();
                let told = if random.once_in(BETWEEN_FLOODS) {
                    self.flood(&mut generator, rate)?
                } else {
                    self.burst(&wire, &frames, &mut random)?
                };
                tally.join(&told);
                told.frames + told.refused
            };
            due += Duration::from_secs_f64(sent as f64 / f64::from(rate));
            // Not evenly: sometimes nothing comes for a while, and what is late after that comes at once. But not after a rest.
            if random.once_in(500) {
                thread::sleep(Duration::from_millis(200 + 100 * random.below(8) as u64));
            }
            let now = Instant::now();
            due = due.max(now - LATE);
            thread::sleep(due.saturating_duration_since(now));
        }
        Ok(())
    }

    /// Some frames, as fast as they go.
    fn burst(&self, wire: &Wire, frames: &[Known], random: &mut Random) -> anyhow::Result<Tally> {
        let number = 1 + random.below(BURST);
        let mut told = Tally::default();
        self.announced.fetch_add(number as u64, Ordering::SeqCst);
        // Scans come in a row, others by chance.
        let mut at = random.below(frames.len());
        for _ in 0..number {
            at = if random.once_in(4) { random.below(frames.len()) } else { (at + 1) % frames.len() };
            let known = &frames[at];
            match wire.send(&known.bytes) {
                Ok(()) if self.keeps_quiet() => {}
                Ok(()) => told.add(known.disposition, 1, known.bytes.len() as u64),
                Err(error) if is_full(&error) => told.refused += 1,
                Err(error) => {
                    return Err(error).with_context(|| format!("sending a frame of {} bytes", known.bytes.len()));
                }
            }
        }
        self.announced.fetch_sub(told.refused, Ordering::SeqCst);
        Ok(told)
    }

    /// A second's worth of SYNs at five times the rate, made in the kernel.
    fn flood(&self, generator: &mut Sender<'_>, rate: u32) -> anyhow::Result<Tally> {
        // What the far end drops meanwhile has to be of the flood alone.
        thread::sleep(UNDER_WAY);
        let frames = u64::from(rate);
        self.announced.fetch_add(frames, Ordering::SeqCst);
        let sent = generator.send(Amount::Frames(frames), Some(rate.saturating_mul(5)))?;
        let mut told = Tally { refused: sent.dropped, flood_refused: sent.dropped, ..Tally::default() };
        told.add(Disposition::Syn, sent.frames, sent.frames * FLOOD.1);
        told.flood = sent.frames;
        self.announced.fetch_sub(sent.dropped, Ordering::SeqCst);
        Ok(told)
    }

    /// Whether the frame that was just sent is one not to be told.
    fn keeps_quiet(&self) -> bool {
        self.untold.load(Ordering::Relaxed) > 0 && self.untold.fetch_sub(1, Ordering::Relaxed) > 0
    }
}

/// Whether the veth had no room: the frame was not sent.
fn is_full(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOBUFS)
}

impl Tally {
    fn add(&mut self, disposition: Disposition, frames: u64, bytes: u64) {
        self.frames += frames;
        self.bytes += bytes;
        self.dispositions[disposition as usize] += frames;
    }

    fn join(&mut self, other: &Self) {
        self.frames += other.frames;
        self.flood += other.flood;
        self.bytes += other.bytes;
        self.refused += other.refused;
        self.flood_refused += other.flood_refused;
        self.dispositions.iter_mut().zip(other.dispositions).for_each(|(mine, more)| *mine += more);
    }
}
