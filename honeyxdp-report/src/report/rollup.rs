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

use super::{
    archive::{Files, flow_schema},
    days::{Day, Days},
    engine::{self, Engine, Question, Words},
    geo::GeoFiles,
    profiles::{Asked, Profiles},
};

/// Changes when the files of the roll-up change their meaning.
const VERSION: u32 = 3;

/// What is kept of a day, by its name and the question that makes it. All but the first are asked of [`SOURCES`] or its rows.
const OF_DAY: [(&str, &Question); 4] = [
    ("ports", &engine::DAY_PORTS),
    (SOURCES, &engine::DAY_SOURCES),
    ("kinds", &engine::DAY_KINDS),
    ("profiles", &engine::DAY_PROFILES),
];
const SOURCES: &str = "sources";

/// What is kept of a month, asked of what is kept of its days.
const OF_MONTH: [(&str, &Question); 6] = [
    ("month_ports", &engine::MONTH_PORTS),
    ("month_sources", &engine::MONTH_SOURCES),
    ("month_profiles", &engine::MONTH_PROFILES),
    ("counts", &engine::MONTH_COUNTS),
    ("kind_counts", &engine::MONTH_KIND_COUNTS),
    ("profile_counts", &engine::MONTH_PROFILE_COUNTS),
];

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

    fn words<'a>(&'a self, day: &'a str, when: &'a str) -> Vec<(&'a str, &'a str)> {
        let Asked { bits, ports, profiles } = &self.asked;
        let mut words = vec![("day", day), ("when", when), ("bits", bits), ("ports", ports), ("profiles", profiles)];
        words.extend(self.geo);
        words
    }

    /// Stands for everything that a day's roll-up depends on.
    fn key_of_day(&self, day: &Day, rows: &[PathBuf]) -> anyhow::Result<u64> {
        let mut hasher = DefaultHasher::new();
        (self.key, day.from, day.to).hash(&mut hasher);
        for file in rows {
            let about = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
            (file.file_name(), about.len(), about.mtime(), about.mtime_nsec()).hash(&mut hasher);
        }
        Ok(hasher.finish())
    }
}

/// A day that has rows.
struct RollDay {
    day: Day,
    rows: Vec<PathBuf>,
    key: u64,
    /// Its files, as [`OF_DAY`] has them.
    paths: [PathBuf; OF_DAY.len()],
}

/// The days with rows that the period has of a month.
#[derive(Default)]
struct RollMonth {
    /// As `2019-07`.
    name: String,
    /// Files of its days, as [`OF_DAY`] has them.
    days: [Vec<PathBuf>; OF_DAY.len()],
    hasher: DefaultHasher,
}

impl RollMonth {
    /// Its files, as [`OF_MONTH`] has them.
    fn paths(&self, folder: &Path) -> [PathBuf; OF_MONTH.len()] {
        let key = self.hasher.finish();
        OF_MONTH.map(|(name, _)| folder.join(format!("{}-{key:016x}.{name}.parquet", self.name)))
    }
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
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // The columns are those of the questions, also when there is no day at all.
        engine.table("flows", &[], &flow_schema())?;
        let shape = |name: &str, question: &Question, words: Words| {
            engine.view(name, question, words)?;
            engine.schema(name)
        };
        let words = form.words("1970-01-01", "TRUE");
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
        let days = self.days(files, days)?;
        let missing: Vec<_> = days.iter().filter(|day| !day.paths.iter().all(|path| path.exists())).collect();
        self.each(&missing, |worker, day| self.roll_day(worker, day), progress)?;
        let mut months: Vec<RollMonth> = Vec::new();
        for RollDay { day, key, paths, .. } in &days {
            let name = day.date.strftime("%Y-%m").to_string();
            let mut month =
                months.pop_if(|month| month.name == name).unwrap_or_else(|| RollMonth { name, ..RollMonth::default() });
            key.hash(&mut month.hasher);
            for (files, path) in month.days.iter_mut().zip(paths) {
                files.push(path.clone());
            }
            months.push(month);
        }
        let is_there = |month: &&RollMonth| month.paths(self.folder).iter().all(|path| path.exists());
        let missing_months: Vec<_> = months.iter().filter(|month| !is_there(month)).collect();
        self.each(&missing_months, |worker, month| self.roll_month(worker, month), &|_, _| ())?;
        for (number, ((name, _), schema)) in OF_DAY.iter().zip(&self.of_day).enumerate() {
            let files: Vec<_> = days.iter().map(|day| day.paths[number].clone()).collect();
            self.engine.table(&format!("{name}{suffix}"), &files, schema)?;
        }
        for (number, ((name, _), schema)) in OF_MONTH.iter().zip(&self.of_month).enumerate() {
            let files: Vec<_> = months.iter().map(|month| month.paths(self.folder)[number].clone()).collect();
            self.engine.table(&format!("{name}{suffix}"), &files, schema)?;
        }
        Ok(Pass { days: days.len(), known: days.len() - missing.len() })
    }

    /// The days that have rows.
    fn days(&self, files: &Files, days: &Days) -> anyhow::Result<Vec<RollDay>> {
        let mut found = Vec::new();
        for day in days.all()? {
            let rows = files.of(honeyxdp_archive::Table::Flows, &day.utc_dates()?)?;
            if !rows.is_empty() {
                let key = self.form.key_of_day(&day, &rows)?;
                let paths = OF_DAY.map(|(name, _)| self.folder.join(format!("{}-{key:016x}.{name}.parquet", day.date)));
                found.push(RollDay { day, rows, key, paths });
            }
        }
        Ok(found)
    }

    /// Does some work for each of some jobs, as many at a time as there are workers. The first error ends it.
    fn each<T: Sync>(
        &self,
        jobs: &[T],
        work: impl Fn(&Engine, &T) -> anyhow::Result<()> + Sync,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> anyhow::Result<()> {
        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let run = |worker: &Engine| {
            while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let result = work(worker, job);
                if result.is_err() {
                    next.store(jobs.len(), Ordering::Relaxed);
                    return result;
                }
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, jobs.len());
            }
            Ok(())
        };
        thread::scope(|scope| {
            let threads: Vec<_> = self.workers.iter().map(|worker| scope.spawn(|| run(worker))).collect();
            let results = threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            results.collect()
        })
    }

    fn roll_day(&self, worker: &Engine, RollDay { day, rows, paths, .. }: &RollDay) -> anyhow::Result<()> {
        worker.table("flows", rows, &flow_schema())?;
        let date = day.date.to_string();
        let when = day.rows();
        let words = self.form.words(&date, &when);
        for (((name, question), path), schema) in OF_DAY.iter().zip(paths).zip(&self.of_day) {
            worker.write(question, &words, path).with_context(|| format!("cannot read the files of {date}"))?;
            if *name == SOURCES {
                worker.table("day_sources", std::slice::from_ref(path), schema)?;
            }
        }
        Ok(())
    }

    fn roll_month(&self, worker: &Engine, month: &RollMonth) -> anyhow::Result<()> {
        let tables = OF_DAY.map(|(name, _)| (name, format!("month_of_{name}")));
        for ((files, schema), (_, table)) in month.days.iter().zip(&self.of_day).zip(&tables) {
            worker.table(table, files, schema)?;
        }
        let words = tables.each_ref().map(|(name, table)| (*name, table.as_str()));
        for ((_, question), path) in OF_MONTH.iter().zip(month.paths(self.folder)) {
            worker.write(question, &words, &path)?;
        }
        Ok(())
    }
}
