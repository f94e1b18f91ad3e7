//! A real sensor in a spoofed flood: nothing that comes in may go uncounted, memory has a limit, and the number of
//! different sources can only be estimated.

use lab::generator::{Amount, Pattern};

use super::{
    Settings, live,
    table::{Column, Table, column, number},
};

const COLUMNS: &[Column] = &[column("value", "", 0), column("of", "of", 0), column("percent", "%", 2)];

pub(crate) fn measure(settings: Settings) -> anyhow::Result<Vec<Table>> {
    let time = settings.time(30);
    let outcome = live::run("", Pattern::FLOOD, Amount::Time(time), None)?;
    let (sent, snapshot) = (&outcome.sent, &outcome.snapshot);
    let title = format!(
        "A sensor with default options in a flood from 2^32 sources: {:.1} s, {:.2} million frames a second",
        sent.time.as_secs_f64(),
        sent.rate() / 1e6
    );
    let mut table = Table::new("flood", title, COLUMNS);
    let mut row = |name: &str, value: f64, of: f64| {
        table.row(name, [value.into(), of.into(), (value / of * 100.0).into()]);
    };
    row("frames counted, of frames sent", number(snapshot.frames.seen), number(sent.frames));
    let records = &snapshot.records;
    row("records lost, of all", number(records.lost), number(records.emitted + records.lost));
    let all = records.packets + records.lost_packets + records.sampled_out_packets;
    row("SYNs in lost records, of all", number(records.lost_packets), number(all));
    let (sources, truth) = (&snapshot.family("mirai").unique_sources, distinct(sent.frames));
    row("estimate of different sources, of the number to be expected", number(sources.estimate), truth);
    row("sources that are known one by one, of that number", number(sources.value), truth);
    row(
        "peak memory of the process, of the limit for sets of sources",
        number(outcome.memory),
        number(snapshot.memory.limit),
    );
    row("sets of sources, of their limit", number(snapshot.memory.sets), number(snapshot.memory.limit));
    table.note(format!(
        "{} sets were given up for want of memory. The sensor's process took {:.1} % of a CPU; {} frames found no room in the veth.",
        snapshot.memory.sets_evicted,
        outcome.cpu_share(),
        sent.dropped
    ));
    table.note("Bytes, where it is memory. The estimate's standard error is 0.41 %.");
    Ok(vec![table])
}

/// Different numbers to be expected in `draws` draws out of 2^32: each is missed by all draws with e^(-draws / 2^32).
fn distinct(draws: u64) -> f64 {
    const ADDRESSES: f64 = 4_294_967_296.0;
    -ADDRESSES * (-number(draws) / ADDRESSES).exp_m1()
}

#[cfg(test)]
mod tests {
    use super::distinct;

    #[test]
    fn few_draws_are_all_different_and_many_draw_everything() {
        assert!((distinct(1_000) - 1_000.0).abs() < 0.001);
        assert!((distinct(1 << 32) / 4_294_967_296.0 - 0.632_120_6).abs() < 1e-6);
    }
}
