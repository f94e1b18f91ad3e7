//! The pass over the rows: day after day, and what is left of a day is small; then the days of a month become still smaller
//! files. Days are apart from each other, so the memory is that of one day and of a month's sources, whatever the period is.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::fs::MetadataExt as _,
    panic::resume_unwind,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use anyhow::Context as _;
use datafusion::arrow::datatypes::SchemaRef;
use honeyxdp_archive::Table::{Flows, Payloads};

use super::{
    archive::{Files, flow_schema, payload_schema},
    days::{Day, Days},
    engine::{self, Engine, Question, Words},
    geo::GeoFiles,
    kept::{self, Kept},
    profiles::{Asked, Profiles},
};

/// Changes when the files of the roll-up change their meaning.
const VERSION: u32 = 5;

/// What is kept of a day, by its name and the question that makes it. All but the first are asked of [`SOURCES`] or its rows.
const OF_DAY: [(&str, &Question); 7] = [
    ("ports", &engine::DAY_PORTS),
    (SOURCES, &engine::DAY_SOURCES),
    ("kinds", &engine::DAY_KINDS),
    ("profiles", &engine::DAY_PROFILES),
    ("exploits", &engine::DAY_EXPLOITS),
    ("droppers", &engine::DAY_DROPPERS),
    ("logins", &engine::DAY_LOGINS),
];
const SOURCES: &str = "sources";
/// The first of them are kept of every day; the others are of payloads alone.
const OF_FLOWS: usize = 4;

/// What is kept of a month, asked of what is kept of its days.
const OF_MONTH: [(&str, &Question); 10] = [
    ("month_ports", &engine::MONTH_PORTS),
    ("month_sources", &engine::MONTH_SOURCES),
    ("month_profiles", &engine::MONTH_PROFILES),
    ("counts", &engine::MONTH_COUNTS),
    ("kind_counts", &engine::MONTH_KIND_COUNTS),
    ("profile_counts", &engine::MONTH_PROFILE_COUNTS),
    ("month_exploits", &engine::MONTH_EXPLOITS),
    ("month_droppers", &engine::MONTH_DROPPERS),
    ("month_logins", &engine::MONTH_LOGINS),
    ("evidence_counts", &engine::MONTH_EVIDENCE_COUNTS),
];

/// Files of a day: of flows, and of payloads.
type OfDay<'a> = [&'a [PathBuf]; 2];

/// How a pass went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pass {
    /// Days that have rows.
    pub(super) days: usize,
    /// Those that were found in the folder of roll-ups.
    pub(super) known: usize,
}

/// What is asked of every day.
#[derive(Debug)]
pub(super) struct Form {
    asked: Asked,
    geo: [(&'static str, &'static str); 4],
    /// Stands for everything that the answers depend on besides the rows.
    key: u64,
}

impl Form {
    pub(super) fn new(ports: &[u16], profiles: &Profiles, geo: &GeoFiles) -> anyhow::Result<Self> {
        let asked = Asked::new(ports, profiles)?;
        let mut hasher = DefaultHasher::new();
        (VERSION, &asked.bits, &asked.ports, &asked.profiles).hash(&mut hasher);
        geo.stamp(&mut hasher)?;
        Ok(Self { asked, geo: geo.words(), key: hasher.finish() })
    }

    /// `when` tells the day's flows, `sent` its payloads.
    fn words<'a>(&'a self, day: &'a str, when: &'a str, sent: &'a str) -> Vec<(&'a str, &'a str)> {
        let Asked { bits, ports, profiles } = &self.asked;
        let mut words = vec![("day", day), ("when", when), ("sent", sent)];
        words.extend([("bits", bits.as_str()), ("ports", ports), ("profiles", profiles)]);
        words.extend(self.geo);
        words
    }

    /// Stands for what is asked of a day.
    fn key_of_day(&self, day: &Day) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.key, day.from, day.to).hash(&mut hasher);
        hasher.finish()
    }

    /// Stands for the rows of files.
    fn key_of_rows(rows: OfDay) -> anyhow::Result<u64> {
        let mut hasher = DefaultHasher::new();
        rows.map(<[PathBuf]>::len).hash(&mut hasher);
        for file in rows.into_iter().flatten() {
            let about = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
            (file.file_name(), about.len(), about.mtime(), about.mtime_nsec()).hash(&mut hasher);
        }
        Ok(hasher.finish())
    }
}

/// A day that has been rolled up.
struct Rolled {
    kept: Kept,
    /// As [`OF_DAY`] has them, of a day without payloads the first ones.
    paths: Vec<PathBuf>,
    asked: u64,
    rows: u64,
    /// Whether it was found in the folder of roll-ups.
    known: bool,
}

/// The days with rows that the period has of a month.
struct RollMonth {
    /// As `2019-07`.
    name: String,
    /// What is asked of its first day stands for what is asked of it.
    asked: u64,
    rows: DefaultHasher,
    /// Files of its days, as [`OF_DAY`] has them.
    days: [Vec<PathBuf>; OF_DAY.len()],
}

/// Makes roll-ups, where they are not there yet.
pub(super) struct Roller<'a> {
    engine: &'a Engine,
    /// Each of them rolls up one day, or one month, at a time.
    workers: Vec<Engine>,
    form: &'a Form,
    folder: &'a Path,
    of_day: [SchemaRef; OF_DAY.len()],
    of_month: [SchemaRef; OF_MONTH.len()],
}

impl<'a> Roller<'a> {
    /// One that keeps its files in `folder`, and works on as many days at a time.
    pub(super) fn new(engine: &'a Engine, at_a_time: usize, form: &'a Form, folder: &'a Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| kept::cannot_write(folder))?;
        // The columns are those of the questions, also when there is no day at all.
        engine.table("flows", &[], &flow_schema())?;
        engine.table("payloads", &[], &payload_schema())?;
        let shape = |name: &str, question: &Question, words: Words| {
            engine.view(name, question, words)?;
            engine.schema(name)
        };
        let words = form.words("1970-01-01", "TRUE", "TRUE");
        let mut of_day = Vec::new();
        for (name, question) in OF_DAY {
            of_day.push(shape(&format!("day_{name}"), question, &words)?);
        }
        let tables = OF_DAY.map(|(name, _)| (name, format!("day_{name}")));
        let words = tables.each_ref().map(|(name, table)| (*name, table.as_str()));
        let mut of_month = Vec::new();
        for (name, question) in OF_MONTH {
            of_month.push(shape(name, question, &words)?);
        }
        let wrong = |_| anyhow::anyhow!("a question was left out");
        Ok(Self {
            engine,
            workers: (0..at_a_time).map(|_| engine.one_thread()).collect(),
            form,
            folder,
            of_day: of_day.try_into().map_err(wrong)?,
            of_month: of_month.try_into().map_err(wrong)?,
        })
    }

    /// Makes the tables of [`OF_DAY`] and [`OF_MONTH`] of a period, each with `suffix`, from the files of its days. `progress` is
    /// told how many of how many days are done.
    pub(super) fn roll(
        &self,
        files: &Files,
        days: &Days,
        suffix: &str,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> anyhow::Result<Pass> {
        let days = Self::with_rows(files, days)?;
        let of_day = |worker: &Engine, day: &Day| {
            let dates = day.utc_dates()?;
            let rolled = files.read(Flows, &dates, |flows| {
                files.read(Payloads, &dates, |payloads| self.rolled_day(worker, day, [flows, payloads]))
            })?;
            if !rolled.known {
                rolled.kept.seal(&rolled.paths)?;
            }
            Ok(rolled)
        };
        let of_days = self.each(&days, of_day, progress)?;
        let mut months: Vec<RollMonth> = Vec::new();
        for (day, Rolled { paths, asked, rows, .. }) in days.iter().zip(&of_days) {
            let name = day.date.strftime("%Y-%m").to_string();
            let mut month = months.pop_if(|month| month.name == name).unwrap_or_else(|| RollMonth {
                name,
                asked: *asked,
                rows: DefaultHasher::new(),
                days: Default::default(),
            });
            (day.from, day.to, rows).hash(&mut month.rows);
            for (files, path) in month.days.iter_mut().zip(paths) {
                files.push(path.clone());
            }
            months.push(month);
        }
        let of_month = |worker: &Engine, month: &RollMonth| {
            let kept = Kept::new(self.folder, &month.name, month.asked, month.rows.finish());
            let names = OF_MONTH.map(|(name, _)| name);
            if let Some(paths) = kept.whole(&names) {
                return Ok((kept, paths));
            }
            let paths = kept.begin(&names)?;
            self.roll_month(worker, month, &paths)?;
            kept.seal(&paths)?;
            Ok((kept, paths))
        };
        let of_months = self.each(&months, of_month, &|_, _| ())?;
        for (number, ((name, _), schema)) in OF_DAY.iter().zip(&self.of_day).enumerate() {
            let files: Vec<_> = of_days.iter().filter_map(|day| day.paths.get(number).cloned()).collect();
            self.engine.table(&format!("{name}{suffix}"), &files, schema)?;
        }
        for (number, ((name, _), schema)) in OF_MONTH.iter().zip(&self.of_month).enumerate() {
            let files: Vec<_> = of_months.iter().map(|(_, paths)| paths[number].clone()).collect();
            self.engine.table(&format!("{name}{suffix}"), &files, schema)?;
        }
        let found = Pass { days: of_days.len(), known: of_days.iter().filter(|day| day.known).count() };
        let of_days = of_days.into_iter().map(|day| day.kept);
        let in_use: Vec<Kept> = of_days.chain(of_months.into_iter().map(|(kept, _)| kept)).collect();
        // What stays costs room and changes no number; the folder may be one that can only be read.
        let _ = kept::tidy(self.folder, &in_use);
        Ok(found)
    }

    /// The days that have rows.
    fn with_rows(files: &Files, days: &Days) -> anyhow::Result<Vec<Day>> {
        let mut found = Vec::new();
        for day in days.all()? {
            let dates = day.utc_dates()?;
            if !files.of(Flows, &dates)?.is_empty() || !files.of(Payloads, &dates)?.is_empty() {
                found.push(day);
            }
        }
        Ok(found)
    }

    /// What is kept of a day with these files, not yet sealed if it is new.
    fn rolled_day(&self, worker: &Engine, day: &Day, files: OfDay) -> anyhow::Result<Rolled> {
        let (asked, rows) = (self.form.key_of_day(day), Form::key_of_rows(files)?);
        let kept = Kept::new(self.folder, &day.date.to_string(), asked, rows);
        let [_, payloads] = files;
        let kinds = &OF_DAY.map(|(name, _)| name)[..if payloads.is_empty() { OF_FLOWS } else { OF_DAY.len() }];
        if let Some(paths) = kept.whole(kinds) {
            return Ok(Rolled { kept, paths, asked, rows, known: true });
        }
        let paths = kept.begin(kinds)?;
        self.roll_day(worker, day, files, &paths)?;
        Ok(Rolled { kept, paths, asked, rows, known: false })
    }

    /// Does some work for each of some jobs, as many at a time as there are workers, and returns what came of each. The first
    /// error ends it.
    fn each<T: Sync, R: Send>(
        &self,
        jobs: &[T],
        work: impl Fn(&Engine, &T) -> anyhow::Result<R> + Sync,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> anyhow::Result<Vec<R>> {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let run = |worker: &Engine| {
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
            let threads: Vec<_> = self.workers.iter().map(|worker| scope.spawn(|| run(worker))).collect();
            let mut all = Vec::new();
            for thread in threads {
                all.extend(thread.join().unwrap_or_else(|panic| resume_unwind(panic))?);
            }
            all.sort_unstable_by_key(|(number, _)| *number);
            Ok(all.into_iter().map(|(_, result)| result).collect())
        })
    }

    fn roll_day(&self, worker: &Engine, day: &Day, files: OfDay, paths: &[PathBuf]) -> anyhow::Result<()> {
        let [flows, payloads] = files;
        worker.table("flows", flows, &flow_schema())?;
        worker.table("payloads", payloads, &payload_schema())?;
        let date = day.date.to_string();
        let (when, sent) = (day.rows("first"), day.rows("time"));
        let words = self.form.words(&date, &when, &sent);
        for (((name, question), path), schema) in OF_DAY.iter().zip(paths).zip(&self.of_day) {
            worker.write(question, &words, path).with_context(|| {
                format!("cannot roll up {date} (`honeyxdp archive check` tells whether a file is damaged)")
            })?;
            if *name == SOURCES {
                worker.table("day_sources", std::slice::from_ref(path), schema)?;
            }
        }
        Ok(())
    }

    fn roll_month(&self, worker: &Engine, month: &RollMonth, paths: &[PathBuf]) -> anyhow::Result<()> {
        let tables = OF_DAY.map(|(name, _)| (name, format!("month_of_{name}")));
        for ((files, schema), (_, table)) in month.days.iter().zip(&self.of_day).zip(&tables) {
            worker.table(table, files, schema)?;
        }
        let words = tables.each_ref().map(|(name, table)| (*name, table.as_str()));
        for ((_, question), path) in OF_MONTH.iter().zip(paths) {
            worker.write(question, &words, path)?;
        }
        Ok(())
    }
}
