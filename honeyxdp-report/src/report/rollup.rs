//! The pass over the rows: day after day, and what is left of a day is small. Days are apart from each other, so the
//! memory is that of one day, whatever the period is.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use super::{
    archive::{Files, flow_schema},
    days::{Day, Days},
    engine::{self, Engine, Question},
    geo::GeoFiles,
    profiles::{Asked, Profiles},
};

/// Changes when the files of the roll-up change their meaning.
const VERSION: u32 = 2;

/// What is kept of a day, and the question that makes it. The later ones are asked of [`SOURCES`], not of the rows.
const PARTS: [(&str, &Question); 4] = [
    ("ports", &engine::DAY_PORTS),
    (SOURCES, &engine::DAY_SOURCES),
    ("kinds", &engine::DAY_KINDS),
    ("profiles", &engine::DAY_PROFILES),
];
const SOURCES: &str = "sources";

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
}

/// Makes the tables `ports`, `sources`, `kinds` and `profiles` of the period, each with `suffix`, from the files of its days.
/// `progress` is told how many of how many days are done.
pub(super) fn make(
    engine: &Engine,
    files: &Files,
    days: &Days,
    form: &Form,
    folder: &Path,
    suffix: &str,
    progress: &dyn Fn(usize, usize),
) -> anyhow::Result<Pass> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut pass = Pass::default();
    let mut parts: [Vec<PathBuf>; PARTS.len()] = Default::default();
    let days = days.all()?;
    for (number, day) in days.iter().enumerate() {
        progress(number, days.len());
        let rows = files.of(honeyxdp_archive::Table::Flows, &day.utc_dates()?)?;
        if rows.is_empty() {
            continue;
        }
        pass.days += 1;
        let key = key(day, form, &rows)?;
        let paths = PARTS.map(|(part, _)| folder.join(format!("{}-{key:016x}.{part}.parquet", day.date)));
        if paths.iter().all(|path| path.exists()) {
            pass.known += 1;
        } else {
            make_day(engine, day, form, &rows, &paths)?;
        }
        for (part, path) in parts.iter_mut().zip(paths) {
            part.push(path);
        }
    }
    progress(days.len(), days.len());
    // The columns are those of the questions, also when there is no day at all.
    let words = form.words("1970-01-01", "TRUE");
    engine.table("flows", &[], &flow_schema())?;
    engine.view("day_sources", &engine::DAY_SOURCES, &words)?;
    for ((name, question), files) in PARTS.iter().zip(&parts) {
        engine.view("shape", question, &words)?;
        engine.table(&format!("{name}{suffix}"), files, &engine.schema("shape")?)?;
    }
    Ok(pass)
}

fn make_day(
    engine: &Engine,
    day: &Day,
    form: &Form,
    rows: &[PathBuf],
    paths: &[PathBuf; PARTS.len()],
) -> anyhow::Result<()> {
    engine.table("flows", rows, &flow_schema())?;
    let date = day.date.to_string();
    let when = day.rows();
    let words = form.words(&date, &when);
    for ((part, question), path) in PARTS.iter().zip(paths) {
        engine.write(question, &words, path).with_context(|| format!("cannot read the files of {date}"))?;
        if *part == SOURCES {
            engine.view("shape", question, &words)?;
            engine.table("day_sources", std::slice::from_ref(path), &engine.schema("shape")?)?;
        }
    }
    Ok(())
}

/// Stands for everything that a day's roll-up depends on.
fn key(day: &Day, form: &Form, rows: &[PathBuf]) -> anyhow::Result<u64> {
    let mut hasher = DefaultHasher::new();
    (form.key, day.from, day.to).hash(&mut hasher);
    for file in rows {
        let about = fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
        (file.file_name(), about.len(), about.mtime(), about.mtime_nsec()).hash(&mut hasher);
    }
    Ok(hasher.finish())
}
