//! The pass over the rows: day after day, and what is left of a day is small; then the days of a month become still smaller
//! files. Days are apart from each other, so the memory is that of one day and of a month's sources, whatever the period is.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use datafusion::arrow::datatypes::SchemaRef;
use honeyxdp_archive::Table::{self, Flows, Payloads};

use super::{
    archive::{flow_schema, payload_schema},
    days::{Day, Days},
    each::each,
    engine::{self, Engine, Question, Words},
    files::Files,
    form::{Form, OfDay},
    kept::{self, Kept},
    remote::{Cluster, Session},
};

/// What is kept of a day: its name, the question that makes it, and the table of the archive that this is asked of. What has
/// none is asked afterwards, of [`SOURCES`] and [`EXPLOITS`].
const OF_DAY: [(&str, &Question, Option<Table>); 7] = [
    ("ports", &engine::DAY_PORTS, Some(Flows)),
    (SOURCES, &engine::DAY_SOURCES, Some(Flows)),
    ("kinds", &engine::DAY_KINDS, None),
    ("profiles", &engine::DAY_PROFILES, None),
    (EXPLOITS, &engine::DAY_EXPLOITS, Some(Payloads)),
    ("droppers", &engine::DAY_DROPPERS, Some(Payloads)),
    ("logins", &engine::DAY_LOGINS, Some(Payloads)),
];
/// Where they are among them, in the order in which they are asked.
const ORDER: [usize; OF_DAY.len()] = [0, SOURCES_AT, EXPLOITS_AT, 5, 6, 2, 3];
const SOURCES: &str = "sources";
const SOURCES_AT: usize = 1;
const EXPLOITS: &str = "exploits";
const EXPLOITS_AT: usize = 4;
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

/// How a pass went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pass {
    /// Days that have rows.
    pub(super) days: usize,
    /// Those that were found in the directory of roll-ups.
    pub(super) known: usize,
}

/// A day that has been rolled up.
struct Rolled {
    kept: Kept,
    /// As [`OF_DAY`] has them, of a day without payloads the first ones.
    paths: Vec<PathBuf>,
    asked: u64,
    rows: u64,
    /// Whether it was found in the directory of roll-ups.
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
    /// Each of them rolls up one day at a time.
    of_days: Vec<Worker<'a>>,
    /// Each of them rolls up one month at a time.
    of_months: Vec<Engine>,
    form: &'a Form,
    directory: &'a Path,
    of_day: [SchemaRef; OF_DAY.len()],
    of_month: [SchemaRef; OF_MONTH.len()],
}

/// What rolls up a day.
struct Worker<'a> {
    /// Answers in this process.
    here: Engine,
    /// Answers what is asked of the archive's rows, where a cluster is asked.
    there: Option<Session<'a>>,
}

impl<'a> Roller<'a> {
    /// One that keeps its files in `directory`, and works on as many days at a time, or on as many as the cluster is asked about.
    pub(super) fn new(
        engine: &'a Engine,
        cluster: Option<&'a Cluster>,
        at_a_time: usize,
        form: &'a Form,
        directory: &'a Path,
    ) -> anyhow::Result<Self> {
        fs::create_dir_all(directory).with_context(|| kept::cannot_write(directory))?;
        // The columns are those of the questions, also when there is no day at all.
        engine.table("flows", &[], &flow_schema())?;
        engine.table("payloads", &[], &payload_schema())?;
        let shape = |name: &str, question: &Question, words: Words| {
            engine.view(name, question, words)?;
            engine.schema(name)
        };
        let words = form.words("1970-01-01", "TRUE", "TRUE");
        let mut of_day = [const { None }; OF_DAY.len()];
        for at in ORDER {
            let (name, question, _) = OF_DAY[at];
            of_day[at] = Some(shape(&format!("day_{name}"), question, &words)?);
        }
        let tables = OF_DAY.map(|(name, ..)| (name, format!("day_{name}")));
        let words = tables.each_ref().map(|(name, table)| (*name, table.as_str()));
        let mut of_month = Vec::new();
        for (name, question) in OF_MONTH {
            of_month.push(shape(name, question, &words)?);
        }
        let left_out = "a question was left out";
        let of_day: Option<Vec<SchemaRef>> = of_day.into_iter().collect();
        let days = cluster.map_or(at_a_time, Cluster::days);
        let worker = |_| {
            // A day's questions to the archive are small, so each is one task.
            let there = cluster.map(|cluster| cluster.session(1)).transpose()?;
            anyhow::Ok(Worker { here: engine.one_thread(), there })
        };
        Ok(Self {
            engine,
            of_days: (0..days).map(worker).collect::<anyhow::Result<_>>()?,
            of_months: (0..at_a_time).map(|_| engine.one_thread()).collect(),
            form,
            directory,
            of_day: of_day.and_then(|of_day| of_day.try_into().ok()).context(left_out)?,
            of_month: of_month.try_into().ok().context(left_out)?,
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
        let days = self.with_rows(files, days)?;
        let of_day = |worker: &Worker, day: &Day| {
            let dates = day.utc_dates()?;
            let rolled = files.read(Flows, &dates, |flows| {
                files.read(Payloads, &dates, |payloads| self.rolled_day(worker, day, [flows, payloads]))
            })?;
            if !rolled.known {
                rolled.kept.seal(&rolled.paths)?;
            }
            Ok(rolled)
        };
        let of_days = each(&self.of_days, &days, of_day, progress)?;
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
            let kept = Kept::new(self.directory, &month.name, month.asked, month.rows.finish());
            let names = OF_MONTH.map(|(name, _)| name);
            if let Some(paths) = kept.whole(&names) {
                return Ok((kept, paths));
            }
            let paths = kept.begin(&names)?;
            self.roll_month(worker, month, &paths)?;
            kept.seal(&paths)?;
            Ok((kept, paths))
        };
        let of_months = each(&self.of_months, &months, of_month, &|_, _| ())?;
        for (number, ((name, ..), schema)) in OF_DAY.iter().zip(&self.of_day).enumerate() {
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
        // What stays costs room and changes no number; the directory may be one that can only be read.
        let _ = kept::tidy(self.directory, &in_use);
        Ok(found)
    }

    /// Asks a question of every day's flows, and makes a table of all answers in files of `directory`, which are not kept.
    pub(super) fn ask_days(
        &self,
        files: &Files,
        days: &Days,
        question: &Question,
        table: &str,
        directory: &Path,
    ) -> anyhow::Result<()> {
        self.engine.table("flows", &[], &flow_schema())?;
        self.engine.view("shape", question, &[("when", "TRUE")])?;
        let schema = self.engine.schema("shape")?;
        let ask = |worker: &Worker, day: &Day| {
            let path = directory.join(format!("{table}-{}.parquet", day.date));
            let when = self.form.rows(day, "first_seen")?;
            let words = [("when", when.as_str())];
            files.read(Flows, &day.utc_dates()?, |flows| {
                let urls = flows.iter().map(|file| file.url().clone()).collect();
                match &worker.there {
                    Some(session) if !flows.is_empty() => {
                        session.table("flows", urls, &flow_schema())?;
                        session.write(question, &words, &schema, &path)
                    }
                    _ => {
                        worker.here.table_at("flows", urls, &flow_schema())?;
                        worker.here.write(question, &words, &path)
                    }
                }
            })?;
            Ok(path)
        };
        let paths = each(&self.of_days, &self.with_rows(files, days)?, ask, &|_, _| ())?;
        self.engine.table(table, &paths, &schema)
    }

    /// The days that have rows.
    fn with_rows(&self, files: &Files, days: &Days) -> anyhow::Result<Vec<Day>> {
        let days = days.all()?;
        // Object storage takes its time for every list.
        let has_rows = |_: &Worker, day: &Day| {
            let dates = day.utc_dates()?;
            Ok(!files.of(Flows, &dates)?.is_empty() || !files.of(Payloads, &dates)?.is_empty())
        };
        let has_rows = each(&self.of_days, &days, has_rows, &|_, _| ())?;
        Ok(days.into_iter().zip(has_rows).filter_map(|(day, has_rows)| has_rows.then_some(day)).collect())
    }

    /// What is kept of a day with these files, not yet sealed if it is new.
    fn rolled_day(&self, worker: &Worker, day: &Day, files: OfDay) -> anyhow::Result<Rolled> {
        let (asked, rows) = (self.form.key_of_day(day), Form::key_of_rows(files)?);
        let kept = Kept::new(self.directory, &day.date.to_string(), asked, rows);
        let [_, payloads] = files;
        let kinds = &OF_DAY.map(|(name, ..)| name)[..if payloads.is_empty() { OF_FLOWS } else { OF_DAY.len() }];
        if let Some(paths) = kept.whole(kinds) {
            return Ok(Rolled { kept, paths, asked, rows, known: true });
        }
        let paths = kept.begin(kinds)?;
        self.roll_day(worker, day, files, &paths)?;
        Ok(Rolled { kept, paths, asked, rows, known: false })
    }

    fn roll_day(&self, worker: &Worker, day: &Day, files: OfDay, paths: &[PathBuf]) -> anyhow::Result<()> {
        let here = &worker.here;
        let mut there = [None; 2];
        for (at, (files, (name, schema))) in files.iter().zip(tables()).enumerate() {
            let urls = || files.iter().map(|file| file.url().clone()).collect();
            match &worker.there {
                // Without files there is nothing to ask.
                Some(session) if !files.is_empty() => {
                    session.table(name, urls(), &schema)?;
                    there[at] = Some(session);
                }
                _ => here.table_at(name, urls(), &schema)?,
            }
        }
        // Of a day without payloads.
        here.table("day_exploits", &[], &self.of_day[EXPLOITS_AT])?;
        let date = day.date.to_string();
        let (when, sent) = (self.form.rows(day, "first_seen")?, self.form.rows(day, "time")?);
        let words = self.form.words(&date, &when, &sent);
        for at in ORDER {
            let ((name, question, of), schema) = (OF_DAY[at], &self.of_day[at]);
            let Some(path) = paths.get(at) else { continue };
            let asked = match of {
                Some(Flows) => there[0],
                Some(_) => there[1],
                None => None,
            };
            let written = match asked {
                Some(session) => session.write(question, &words, schema, path),
                None => here.write(question, &words, path),
            };
            written.with_context(|| {
                format!("cannot roll up {date} (`honeyxdp archive check` tells whether a file is damaged)")
            })?;
            if [SOURCES, EXPLOITS].contains(&name) {
                here.table(&format!("day_{name}"), std::slice::from_ref(path), schema)?;
            }
        }
        Ok(())
    }

    fn roll_month(&self, worker: &Engine, month: &RollMonth, paths: &[PathBuf]) -> anyhow::Result<()> {
        let tables = OF_DAY.map(|(name, ..)| (name, format!("month_of_{name}")));
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

/// The tables of the archive that a day is asked of.
fn tables() -> [(&'static str, SchemaRef); 2] {
    [("flows", flow_schema()), ("payloads", payload_schema())]
}
