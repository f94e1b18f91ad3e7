//! Who asks the sensor over HTTP while it works: scrapers, people with a dashboard, and readers that are slow.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use honeyxdp::snapshot::Snapshot;
use lab::{http, network::Namespace, random::Random};

use super::{faults::Faults, traffic::Traffic};

/// Where the sensor listens, in its namespace.
pub(crate) const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 7823);
/// Slow readers at once.
const SLOW: usize = 6;
/// How long one of them stays.
const STAY: Duration = Duration::from_secs(8);
/// Before the first interval is over there is nothing to show.
const NOT_YET: u16 = 503;

/// Everybody who asks.
pub(crate) struct Visitors {
    /// Held while one is served, so that whoever else holds it lets them rest.
    slow: Mutex<Vec<(TcpStream, Instant)>>,
    /// Unsupported while the sensor is away; another number each time that it comes and goes.
    epoch: AtomicU64,
    answers: AtomicU64,
    over: AtomicBool,
    /// The most that one of them was told was counted.
    most: AtomicU64,
}

/// Nobody visits until this is dropped.
pub(crate) struct Rest<'a> {
    _held: MutexGuard<'a, Vec<(TcpStream, Instant)>>,
}

impl Visitors {
    /// The sensor is not there yet.
    pub(crate) fn new() -> Self {
        Self {
            slow: Mutex::default(),
            epoch: AtomicU64::new(1),
            answers: AtomicU64::new(0),
            over: AtomicBool::new(false),
            most: AtomicU64::new(0),
        }
    }

    /// The sensor goes away on purpose: whoever asks now need not get an answer.
    pub(crate) fn away(&self) {
        self.epoch.fetch_or(1, Ordering::SeqCst);
    }

    /// It is there again.
    pub(crate) fn there(&self) {
        let epoch = self.epoch.load(Ordering::SeqCst);
        self.epoch.store((epoch | 1) + 1, Ordering::SeqCst);
    }

    /// Sends everybody away for a while.
    pub(crate) fn rest(&self) -> Rest<'_> {
        let mut held = self.lock();
        held.clear();
        Rest { _held: held }
    }

    /// Answers that came.
    pub(crate) fn answers(&self) -> u64 {
        self.answers.load(Ordering::Relaxed)
    }

    /// Ends it.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Visits until the end, on this thread. What goes wrong is a fault.
    pub(crate) fn visit(&self, namespace: &Namespace, seed: u64, traffic: &Traffic, faults: &Faults) {
        if let Err(error) = namespace.enter() {
            faults.add(format!("no visitor got in: {error:#}"));
            return;
        }
        let mut random = Random::new(seed.wrapping_add(2));
        while !self.over.load(Ordering::SeqCst) {
            let before = self.epoch.load(Ordering::SeqCst);
            if before.is_multiple_of(2) {
                let mut slow = self.lock();
                let visit = self.one(&mut slow, &mut random, traffic);
                drop(slow);
                let stayed = self.epoch.load(Ordering::SeqCst) == before;
                match visit {
                    Err(error) if stayed => faults.add(format!("a visitor was not served: {error:#}")),
                    Err(_) => {}
                    Ok(()) => {
                        self.answers.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            thread::sleep(Duration::from_millis(50 + 10 * random.below(20) as u64));
        }
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(TcpStream, Instant)>> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn one(&self, slow: &mut Vec<(TcpStream, Instant)>, random: &mut Random, traffic: &Traffic) -> anyhow::Result<()> {
        for (stream, _) in &mut *slow {
            // A few bytes, if there are any: that is how slow it is.
            let _ = stream.read(&mut [0; 256]);
        }
        slow.retain(|(_, since)| since.elapsed() < STAY);
        match random.below(10) {
            0..=3 => {
                let counted = scrape()?;
                self.judge(counted, traffic)
            }
            4..=6 => {
                let counted = snapshot()?.map(|snapshot| snapshot.frames.seen);
                self.judge(counted, traffic)
            }
            7 => ask("/", &["Accept-Encoding: gzip"]).map(drop),
            8 => ask(random.pick(&["/live.json", "/healthz", "/readyz"]), &[]).map(drop),
            _ if slow.len() < SLOW => {
                let mut stream = TcpStream::connect(SocketAddr::from(ADDRESS))?;
                stream.set_nonblocking(true)?;
                stream.write_all(b"GET /snapshot.json HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
                slow.push((stream, Instant::now()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Frames that one was told of: not more than were sent, and not less than before.
    fn judge(&self, counted: Option<u64>, traffic: &Traffic) -> anyhow::Result<()> {
        let Some(counted) = counted else { return Ok(()) };
        let sent = traffic.at_most();
        anyhow::ensure!(counted <= sent, "it was told of {counted} frames when {sent} had been sent");
        let most = self.most.fetch_max(counted, Ordering::Relaxed);
        anyhow::ensure!(counted >= most, "it was told of {counted} frames, and of {most} before");
        Ok(())
    }
}

fn ask(path: &str, headers: &[&str]) -> anyhow::Result<Option<http::Answer>> {
    let answer = http::tcp(SocketAddr::from(ADDRESS), "GET", path, headers).with_context(|| path.to_owned())?;
    match answer.status {
        200 => Ok(Some(answer)),
        NOT_YET => Ok(None),
        other => anyhow::bail!("{path} answers {other}"),
    }
}

/// The newest snapshot, asked for from this thread's namespace; nothing before there is one.
pub(crate) fn snapshot() -> anyhow::Result<Option<Snapshot>> {
    let answer = ask("/snapshot.json", &[])?;
    answer.map(|answer| serde_json::from_slice(&answer.body).context("/snapshot.json")).transpose()
}

/// Frames by the metrics, asked for from this thread's namespace; nothing before there are any.
pub(crate) fn scrape() -> anyhow::Result<Option<u64>> {
    let Some(answer) = ask("/metrics", &[])? else { return Ok(None) };
    let text = std::str::from_utf8(&answer.body).context("/metrics is no text")?;
    frames(text)
}

/// The sum of all series of frames.
fn frames(metrics: &str) -> anyhow::Result<Option<u64>> {
    let series = metrics.lines().filter(|line| line.starts_with("honeyxdp_frames_total{"));
    let mut sum = None;
    for line in series {
        let value = line.rsplit(' ').next().and_then(|value| value.parse::<u64>().ok());
        let value = value.with_context(|| format!("a metric that is no number: {line:?}"))?;
        sum = Some(sum.unwrap_or(0) + value);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    #[test]
    fn frames_are_added_up() {
        let text = "# HELP honeyxdp_frames_total x\nhoneyxdp_frames_total{interface=\"a\",disposition=\"syn\"} 3\n\
                    honeyxdp_frames_total{interface=\"a\",disposition=\"udp\"} 4\nhoneyxdp_syn_total{a=\"b\"} 9\n";
        assert_eq!(super::frames(text).unwrap(), Some(7));
        assert_eq!(super::frames("").unwrap(), None);
        assert!(super::frames("honeyxdp_frames_total{} many").is_err());
    }
}
