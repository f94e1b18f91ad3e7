//! Asking the questions of the directory `sql`, in their order.

use std::path::Path;

use anyhow::Context as _;

use super::{
    Clock, Request, archive,
    days::Days,
    engine::{self, Engine, Question, Words},
    files::Files,
    remote::Cluster,
    rollup::Roller,
    scope::Scope,
    table::Table,
};
use crate::period::Step;

/// How many ports, countries and networks a table or a figure names.
const TOP: &str = "10";

/// Accounting files that are worth a task of their own. They are small.
const FILES_OF_A_TASK: usize = 32;

/// Asks all questions of the roll-ups. With `against` there are those of another period, too.
pub(super) fn ask(
    engine: &Engine,
    request: &Request,
    against: bool,
    scratch: &Path,
    clock: &mut Clock,
) -> anyhow::Result<Vec<Table>> {
    let bucket = match request.bucket {
        Step::Day => "day".to_owned(),
        longer => format!("date_trunc('{}', day)", longer.name()),
    };
    let words = [("bucket", bucket.as_str()), ("home", &request.home), ("top", TOP)];
    // Read by several questions, so it is made once.
    let keep = |name: &str, question: &Question, words: Words| -> anyhow::Result<()> {
        engine.view("shape", question, words)?;
        let file = scratch.join(format!("{name}.parquet"));
        engine.write(question, words, &file)?;
        engine.table(name, &[file], &engine.schema("shape")?)
    };
    keep("period_sources", &engine::PERIOD_SOURCES, &[("months", "month_sources")])?;
    clock.lap("period_sources");
    for (name, question, counts) in [
        ("bucket_counts", &engine::BUCKET_COUNTS, "counts"),
        ("bucket_kinds", &engine::BUCKET_KINDS, "kind_counts"),
        ("bucket_profiles", &engine::BUCKET_PROFILES, "profile_counts"),
        ("bucket_evidence", &engine::BUCKET_EVIDENCE, "evidence_counts"),
    ] {
        if request.bucket == Step::Day {
            engine.view(name, &engine::DAY_IS_BUCKET, &[("counts", counts)])?;
        } else {
            keep(name, question, &words)?;
            clock.lap(name);
        }
    }
    let mut questions = engine::QUESTIONS.to_vec();
    if against {
        keep("period_sources_before", &engine::PERIOD_SOURCES, &[("months", "month_sources_before")])?;
        clock.lap("period_sources_before");
        questions.extend(engine::QUESTIONS_OF_TWO_PERIODS);
    }
    let mut tables = Vec::new();
    for question in questions {
        tables.push(engine.ask(question, &words)?);
        clock.lap(question.name);
    }
    Ok(tables)
}

/// Asks the archive what was lost on some days.
pub(super) fn losses(
    engine: &Engine,
    cluster: Option<&Cluster>,
    files: &Files,
    days: &Days,
    scope: &Scope,
) -> anyhow::Result<Table> {
    let when = scope.rows(&days.rows("interval_start")?)?;
    let schema = archive::loss_schema();
    files.read(honeyxdp_archive::Table::Accounting, &days.utc_dates()?, |files| {
        let urls = files.iter().map(|file| file.url().clone()).collect();
        let words = [("when", when.as_str())];
        match cluster {
            Some(cluster) if !files.is_empty() => {
                // One question about many files: all executors read some of them.
                let session = cluster.session(files.len().div_ceil(FILES_OF_A_TASK).min(cluster.days()))?;
                session.table("accounting", urls, &schema)?;
                session.ask(&engine::LOSSES, &words)
            }
            _ => {
                engine.table_at("accounting", urls, &schema)?;
                engine.ask(&engine::LOSSES, &words)
            }
        }
    })
}

/// Sets the sensors beside each other: what each saw, and what it alone saw. `scratch` is a directory for what is counted by day.
pub(super) fn sensors(
    engine: &Engine,
    roller: &Roller,
    files: &Files,
    days: &Days,
    scratch: &Path,
) -> anyhow::Result<Table> {
    roller.ask_days(files, days, &engine::DAY_SENSORS, "sensor_days", scratch)?;
    engine.ask(&engine::SENSORS, &[])
}

/// The answer to a question.
pub(super) fn named<'a>(tables: &'a [Table], name: &str) -> anyhow::Result<&'a Table> {
    tables.iter().find(|table| table.name == name).with_context(|| format!("no table {name}"))
}
