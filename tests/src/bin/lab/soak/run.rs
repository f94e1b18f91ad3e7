//! The run: events by the plan, a check now and then, and the end.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use lab::network::VethPair;

use super::{
    Args,
    counted::{Comparison, Counted},
    faults::Faults,
    figures::{self, Figures},
    interrupted,
    objects::{Held, Seen},
    plan::{Event, Plan},
    report, sleep,
    stage::Stage,
    traffic::Traffic,
    trend::{self, Verdict},
    visitors::Visitors,
};

/// How often a change of filters is asked for again.
const LATE: u32 = 3;

/// What a run left to look at.
pub(crate) struct Outcome {
    /// At every check.
    pub(crate) checks: Vec<(Comparison, Figures)>,
    /// After the sensor was stopped.
    pub(crate) last: Option<Comparison>,
    /// What was done, and how often.
    pub(crate) done: BTreeMap<&'static str, u64>,
    /// Frames that found no room in the veth, and those of floods that were sent.
    pub(crate) refused: u64,
    pub(crate) flood: u64,
    /// Answers to visitors.
    pub(crate) answers: u64,
    pub(crate) time: Duration,
    /// Since when no restart was planned.
    pub(crate) steady: Duration,
    /// Whether somebody ended it before its time.
    pub(crate) interrupted: bool,
}

/// Ends the threads, also when a run panics.
struct Ended<'a>(&'a Traffic, &'a Visitors);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.end();
        self.1.end();
    }
}

/// Runs, and says whether all was well.
///
/// # Errors
/// When it cannot begin, or its results cannot be written.
pub(crate) fn run(args: &Args) -> anyhow::Result<bool> {
    let interval = Duration::from_secs_f64((args.every / 30.0).clamp(0.3, 2.0));
    // Twice what is written from check to check, with room for the last snapshots of processes that are stopped.
    let history = 40 + 2 * u32::try_from(Duration::from_secs_f64(args.every).as_millis() / interval.as_millis())?;
    let veth = VethPair::silent(1_500)?;
    let mut stage = Stage::new(&veth, interval, history)?;
    let (traffic, visitors, faults) = (Traffic::new(args.untold), Visitors::new(), Faults::new());
    report::head(args, interval);
    // Before anything is sent: what comes earlier is counted by nobody.
    stage.start()?;
    visitors.there();
    let outcome = std::thread::scope(|scope| {
        let _ended = Ended(&traffic, &visitors);
        scope.spawn(|| traffic.send(&veth, args.seed, args.rate, &faults));
        scope.spawn(|| visitors.visit(&veth.sensor, args.seed, &traffic, &faults));
        Run {
            args,
            stage,
            traffic: &traffic,
            visitors: &visitors,
            faults: &faults,
            counted: Counted::default(),
            seen: Seen::default(),
            checks: Vec::new(),
            done: BTreeMap::new(),
        }
        .until_its_end()
    });
    let trends = trend::trends(&figures(&outcome), outcome.steady);
    for trend in &trends {
        if let Verdict::Bad(why) = &trend.verdict {
            faults.add(format!("{}: {why}", trend.kind.name));
        }
    }
    report::print(&outcome, &trends, &faults);
    if let Some(file) = &args.json {
        report::write(file, args, &outcome, &trends, &faults)?;
    }
    Ok(faults.all().1 == 0)
}

fn figures(outcome: &Outcome) -> Vec<Figures> {
    outcome.checks.iter().map(|(_, figures)| figures.clone()).collect()
}

struct Run<'a> {
    args: &'a Args,
    stage: Stage<'a>,
    traffic: &'a Traffic,
    visitors: &'a Visitors,
    faults: &'a Faults,
    counted: Counted,
    seen: Seen,
    checks: Vec<(Comparison, Figures)>,
    done: BTreeMap<&'static str, u64>,
}

impl<'a> Run<'a> {
    fn until_its_end(mut self) -> Outcome {
        let end = Duration::from_secs_f64(self.args.minutes * 60.0);
        let steady = end / 2;
        if let Err(error) = self.events(end, steady) {
            self.faults.add(format!("the run ended early: {error:#}"));
        }
        let time = self.faults.elapsed();
        self.traffic.end();
        let last = self.last().map_err(|error| self.faults.add(format!("the end: {error:#}"))).ok();
        let tally = *self.traffic.rest();
        Outcome {
            checks: self.checks,
            last,
            done: self.done,
            refused: tally.refused,
            flood: tally.flood,
            answers: self.visitors.answers(),
            time,
            steady,
            interrupted: interrupted(),
        }
    }

    /// Events and checks until the end.
    fn events(&mut self, end: Duration, steady: Duration) -> anyhow::Result<()> {
        let every = Duration::from_secs_f64(self.args.every);
        let mut plan = Plan::new(self.args.seed, every / 4);
        let mut next = every;
        while !interrupted() && (self.faults.elapsed() < end || self.restarts() < self.args.restarts) {
            ensure!(!self.traffic.is_over(), "nothing is sent any more");
            if self.faults.elapsed() >= next {
                self.check()?;
                next = self.faults.elapsed() + every;
            }
            sleep(plan.pause());
            if interrupted() {
                break;
            }
            let event = match self.faults.elapsed() {
                late if late >= end && self.restarts() < self.args.restarts => plan.restart(),
                now => plan.next(now < steady),
            };
            self.event(event)?;
        }
        self.check()
    }

    fn restarts(&self) -> u64 {
        report::restarts(&self.done)
    }

    fn event(&mut self, event: Event) -> anyhow::Result<()> {
        let name = match event {
            Event::Filter(words) => {
                self.filter(words)?;
                "filter changes"
            }
            Event::Status => {
                let pins = self.stage.pins();
                self.command(&["status", "--json", "--pin-path", text(&pins)?])?;
                "status"
            }
            Event::Check => {
                self.upkeep("check")?;
                "archive checks"
            }
            Event::Compact => {
                self.upkeep("compact")?;
                "archive compactions"
            }
            Event::Rival => {
                if let Err(error) = self.stage.rival() {
                    self.faults.add(format!("{error:#}"));
                }
                "refused rivals"
            }
            Event::Stop(away) => {
                self.restart(|stage| {
                    stage.stop()?;
                    sleep(away);
                    stage.start()
                })?;
                "stops"
            }
            Event::Kill(away) => {
                self.restart(|stage| {
                    stage.kill()?;
                    sleep(away);
                    stage.start()
                })?;
                "kills"
            }
            Event::Upgrade => {
                self.restart(Stage::upgrade)?;
                "upgrades"
            }
        };
        *self.done.entry(name).or_default() += 1;
        self.seen.add(&Held::of(self.stage.sensor()?.pid())?);
        Ok(())
    }

    fn restart(&mut self, work: impl FnOnce(&mut Stage<'a>) -> anyhow::Result<()>) -> anyhow::Result<()> {
        self.visitors.away();
        work(&mut self.stage)?;
        self.visitors.there();
        Ok(())
    }

    /// Other filters. A sensor on a machine that has no time for it may answer late: that is counted, and asked again.
    fn filter(&mut self, words: &str) -> anyhow::Result<()> {
        let mut all = vec!["filter"];
        all.extend(words.split_whitespace());
        let (mut code, mut said) = self.run(&all)?;
        for _ in 0..LATE {
            if !said.contains("did not answer in") {
                break;
            }
            *self.done.entry("late answers").or_default() += 1;
            (code, said) = self.run(&all)?;
        }
        let nothing_to_remove = words.starts_with("remove") && said.contains("is not in the list");
        if code != Some(0) && !nothing_to_remove {
            self.faults.add(format!("`honeyxdp filter {words}` ended with {code:?}: {said}"));
        }
        Ok(())
    }

    fn upkeep(&self, what: &str) -> anyhow::Result<()> {
        let archive = self.stage.archive();
        let start = Instant::now();
        loop {
            let (code, said) = self.stage.run(&["archive", what, "--json", text(archive.root())?])?;
            if code == Some(0) {
                return Ok(());
            }
            // The sensor merges files itself, for a moment.
            if start.elapsed() > Duration::from_secs(20) {
                self.faults.add(format!("`honeyxdp archive {what}` ended with {code:?}: {said}"));
                return Ok(());
            }
            sleep(Duration::from_secs(1));
        }
    }

    /// A command that has to end well.
    fn command(&self, words: &[&str]) -> anyhow::Result<()> {
        let (code, said) = self.run(words)?;
        if code != Some(0) {
            self.faults.add(format!("`honeyxdp {}` ended with {code:?}: {said}", words.join(" ")));
        }
        Ok(())
    }

    /// A command that is told the sensor's directory.
    fn run(&self, words: &[&str]) -> anyhow::Result<(Option<i32>, String)> {
        let out = self.stage.out();
        self.stage.run(&[words, &["--out", text(&out)?]].concat())
    }

    /// Lets everybody rest, compares, and takes a sample.
    fn check(&mut self) -> anyhow::Result<()> {
        let _nobody = self.visitors.rest();
        self.filter("clear")?;
        // Not among what is cleared.
        self.filter("set --sample-records 1 --verdict pass")?;
        let sent = self.traffic.rest();
        let comparison = self.counted.compare(&self.stage, &sent)?;
        let figures = figures::sample(&self.stage, &mut self.seen, self.faults.elapsed())?;
        drop(sent);
        report::line(&comparison, &figures, &self.done);
        comparison.changed().for_each(|difference| self.faults.add(&difference.text));
        self.checks.push((comparison, figures));
        Ok(())
    }

    /// Stops the sensor, compares once more, takes off what is pinned, and looks whether anything stays in the kernel.
    fn last(&mut self) -> anyhow::Result<Comparison> {
        self.visitors.away();
        self.visitors.end();
        // What comes after the last snapshot is counted, and in none.
        let sent = self.traffic.rest();
        self.stage.stop()?;
        let comparison = self.counted.compare(&self.stage, &sent)?;
        comparison.changed().for_each(|difference| self.faults.add(format!("after the end: {}", difference.text)));
        self.stage.detach()?;
        let left = self.seen.forgotten(&Held::default())?;
        ensure!(left == 0, "{left} maps and programs of the sensor are still in the kernel");
        Ok(comparison)
    }
}

fn text(path: &std::path::Path) -> anyhow::Result<&str> {
    path.to_str().context("the path of the temporary directory is no text")
}
