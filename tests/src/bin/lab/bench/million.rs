//! A million sources that knock a million times a second: every one is counted, once.

use lab::generator::{Amount, Pattern};

use super::{
    Settings, live,
    table::{Column, Table, column},
};

const SOURCES: u32 = 1_000_000;
const RATE: u32 = 1_000_000;

const COLUMNS: &[Column] =
    &[column("value", "measured", 0), column("expected", "expected", 0), column("holds", "holds", 0)];

pub(crate) fn measure(settings: Settings) -> anyhow::Result<Vec<Table>> {
    let time = settings.time(10).max(std::time::Duration::from_secs(2));
    let outcome = live::run("--interval 1s", Pattern::in_turn(SOURCES), Amount::Time(time), Some(RATE))?;
    let (sent, snapshot) = (&outcome.sent, &outcome.snapshot);
    let title = format!(
        "A million sources in turn: {:.1} s, {:.3} million frames a second",
        sent.time.as_secs_f64(),
        sent.rate() / 1e6
    );
    let mut table = Table::new("million", title, COLUMNS);
    let sources = &snapshot.family("mirai").unique_sources;
    let (value, exact) = (sources.value, sources.exact);
    let lost = snapshot.records.lost;
    let counted = snapshot.frames.seen;
    table.row("frames counted", [counted.into(), sent.frames.into(), (counted == sent.frames).into()]);
    table.row("different sources", [value.into(), u64::from(SOURCES).into(), (value == u64::from(SOURCES)).into()]);
    table.row("that number is exact", [exact.into(), true.into(), exact.into()]);
    table.row("records lost", [lost.into(), 0_u64.into(), (lost == 0).into()]);
    let share = outcome.cpu_share();
    table.row("CPU of the sensor's process, %", [share.into(), "< 25".into(), (share < 25.0).into()]);
    table.note(format!(
        "Peak memory of the sensor's process: {} MiB. {} frames found no room in the veth.",
        outcome.memory >> 20,
        sent.dropped
    ));
    Ok(vec![table])
}
