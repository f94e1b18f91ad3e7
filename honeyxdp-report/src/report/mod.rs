//! The observation report: figures and tables of a period, from an archive.
//!
//! First the rows of each day are rolled up ([`rollup`]), then every question of the directory `sql` is asked of the roll-ups
//! ([`questions`]), and the answers become files ([`output`]) and a page ([`sections`], [`page`]).

mod archive;
mod columns;
mod days;
mod each;
mod engine;
mod figure;
mod files;
mod finding;
mod foot;
mod form;
pub(crate) mod functions;
mod geo;
mod kept;
mod output;
mod page;
mod phrase;
mod png;
mod profiles;
mod questions;
mod remote;
mod rollup;
mod rules;
mod scope;
mod sections;
mod svg;
mod table;
mod text;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use jiff::tz::TimeZone;

use self::{
    days::Days, engine::Engine, files::Files, form::Form, output::Directory, page::Page, png::Painter, remote::Cluster,
    rollup::Roller, text::Texts,
};
pub use self::{
    geo::GeoFiles,
    profiles::Profiles,
    scope::Scope,
    table::{Table, Value},
    text::Language,
};
use crate::{
    cluster::Address,
    period::{Period, Step},
};

/// The period that a report sets its own beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The one before it, where the archive has rows of it.
    Before,
    /// None.
    Nothing,
    /// Another one.
    Period(Period),
}

/// A cluster that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its scheduler.
    pub scheduler: Address,
    /// Days that it is asked about at a time.
    pub days: usize,
}

/// What a report is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Directory of the archive, or the URL of its place (`honeyxdp_fleet::Place`).
    pub archive: PathBuf,
    /// Who is asked about the archive's rows. Without: the engine in this process.
    pub engine: Option<Asked>,
    /// Whose rows it is of.
    pub scope: Scope,
    /// Whether the sensors are set beside each other.
    pub by_sensor: bool,
    /// The days. Without: all that the archive has.
    pub period: Option<Period>,
    /// What they are set beside.
    pub against: Against,
    /// Where the days begin and end.
    pub zone: TimeZone,
    /// What one point of a figure stands for.
    pub bucket: Step,
    /// ISO 3166 code of the country that is looked at closely.
    pub home: String,
    /// Ports of figure 7, each once.
    pub ports: Vec<u16>,
    /// Sets of ports that are looked for.
    pub profiles: Profiles,
    /// Where countries and networks come from, if not from the archive.
    pub geo: GeoFiles,
    /// Whether passwords of logins are told.
    pub show_passwords: bool,
    /// Language of the page and the pictures.
    pub language: Language,
    /// Where the report goes.
    pub out: PathBuf,
    /// Where roll-ups of the days are kept for the next report.
    pub rollups: Option<PathBuf>,
    /// Bytes that the query engine may take.
    pub memory: usize,
    /// Threads that it may take.
    pub threads: usize,
    /// Whether PNG files are made as well.
    pub png: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// The page.
    pub page: PathBuf,
    /// All tables.
    pub tables: Vec<Table>,
    /// Days with rows, and how many of them were found rolled up.
    pub days: (usize, usize),
    /// The period that it was set beside, and how many of its days have rows.
    pub against: Option<(Period, usize)>,
    /// What the steps took.
    pub times: Vec<(String, Duration)>,
    /// What the reader should know.
    pub warnings: Vec<String>,
}

/// Makes a report. `progress` is told how many of how many days of a period are rolled up.
///
/// # Errors
/// When the archive cannot be read, the directory cannot be written, the memory is not enough, or the cluster does not answer.
pub fn make(request: &Request, progress: &(dyn Fn(usize, usize) + Sync)) -> anyhow::Result<Report> {
    ensure!(
        request.home.len() == 2 && request.home.bytes().all(|b| b.is_ascii_uppercase()),
        "{:?} is no country: write the two capital letters of ISO 3166, as JP.",
        request.home
    );
    if request.engine.is_some() {
        request.geo.must_be_nowhere()?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(request.threads).enable_all().build()?;
    let runtime = Arc::new(runtime);
    let cluster = request.engine.as_ref().map(|asked| Cluster::find(asked, &runtime)).transpose()?;
    let files = Files::open(&request.archive, &runtime)?;
    let period = request.period.unwrap_or_else(|| files.span());
    let days = Days { period, zone: request.zone.clone() };
    let form = Form::new(&request.ports, &request.profiles, &request.geo, &request.scope)?;
    let texts = Texts::of(request.language);
    let mut directory = Directory::make(&request.out)?;
    let scratch = tempfile::Builder::new()
        .prefix(".honeyxdp-report-")
        .tempdir_in(&request.out)
        .with_context(|| format!("cannot write to {}", request.out.display()))?;
    let kept = request.rollups.clone().unwrap_or_else(|| scratch.path().join("rollups"));
    let mut clock = Clock::start();
    let mut warnings = Vec::new();

    let mut functions = request.geo.functions()?;
    functions.extend(functions::all());
    let engine = Engine::new(runtime, request.memory, request.threads, &scratch.path().join("spill"), functions)?;
    let roller = Roller::new(&engine, cluster.as_ref(), request.threads, &form, &kept)?;
    let pass = roller.roll(&files, &days, "", progress)?;
    clock.lap("rollup");
    if pass.days == 0 {
        warnings.push(format!("the archive has nothing of {}: the report is empty.", period.name()));
    }
    let other = match request.against {
        Against::Before => period.before(),
        Against::Nothing => None,
        Against::Period(other) => Some(other),
    };
    let mut against = None;
    if let Some(other) = other {
        let days = Days { period: other, zone: request.zone.clone() };
        let pass = roller.roll(&files, &days, "_before", progress)?;
        clock.lap("rollup of the other period");
        if pass.days > 0 {
            against = Some((other, pass.days));
        } else if request.against != Against::Before {
            warnings.push(format!("the archive has nothing of {}: nothing is set beside it.", other.name()));
        }
    }

    let mut tables = questions::ask(&engine, request, against.is_some(), scratch.path(), &mut clock)?;
    if let Some(logins) = tables.iter_mut().find(|table| table.name == "logins" && !request.show_passwords) {
        logins.hide("password")?;
    }
    tables.push(questions::losses(&engine, cluster.as_ref(), &files, &days, &request.scope)?);
    clock.lap("losses");
    if request.by_sensor {
        tables.push(questions::sensors(&engine, &roller, &files, &days, scratch.path())?);
        clock.lap("sensors");
    }
    warnings.extend(cluster.as_ref().and_then(Cluster::trouble));
    tables.push(rules::table(questions::named(&tables, "totals")?)?);
    tables.push(request.profiles.table());

    let sections = sections::all(request, &tables, &days.buckets(request.bucket), texts)?;
    directory.put_tables(&tables)?;
    let at_times = engine::QUESTIONS_OF_TWO_PERIODS.iter().chain([&&engine::SENSORS]);
    directory.remove_tables(at_times.map(|question| question.name))?;
    let painter = request.png.then(Painter::new);
    if painter.as_ref().is_some_and(|painter| !painter.has_fonts()) {
        warnings.push(format!("the PNG files have no letters: install a font, on Debian {}.", texts.font_package));
    }
    let figures: Vec<_> = sections.iter().flat_map(|section| &section.figures).collect();
    let missing = directory.put_figures(&figures, painter.as_ref(), request.threads, texts)?;
    if !missing.is_empty() {
        let some: String = missing.iter().take(10).collect();
        warnings.push(format!(
            "the PNG files have boxes for letters that no font has ({some}): install one that has them, on Debian {}.",
            texts.font_package
        ));
    }
    clock.lap("pictures");
    let about = sections::about(request, &days, &tables, pass.days, against, texts)?;
    let of = against.map(|(period, _)| period);
    let findings = finding::all(request, &sections::NUMBERED, &tables, of, texts)?;
    let title = period.name();
    let page = page::write(&Page { texts, about, findings, title, sections: &sections, files: &directory.names })?;
    let page = directory.put("report.html".into(), page.as_bytes())?;
    clock.lap("page");
    Ok(Report { page, tables, days: (pass.days, pass.known), against, times: clock.laps, warnings })
}

/// Tells what the steps took.
struct Clock {
    last: Instant,
    laps: Vec<(String, Duration)>,
}

impl Clock {
    fn start() -> Self {
        Self { last: Instant::now(), laps: Vec::new() }
    }

    fn lap(&mut self, name: &str) {
        let now = Instant::now();
        self.laps.push((name.into(), now - self.last));
        self.last = now;
    }
}
