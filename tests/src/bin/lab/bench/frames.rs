//! The cost of one and the same frame, by kind of frame.
//!
//! It flatters caches and branch predictors, but tells kinds of frames apart that the generator does not make.

use lab::{bench::Bench, floor::Floor, named};

use super::{
    Settings,
    table::{Column, Summary, Table, column},
};

const COLUMNS: &[Column] = &[
    column("empty_ns", "empty program, ns", 0),
    column("ns", "honeyxdp, ns", 0),
    column("min_ns", "min", 0),
    column("max_ns", "max", 0),
    column("over_empty_ns", "over empty", 0),
];

/// Named frames, one of each kind.
const NAMES: [&str; 10] = [
    "an ordinary Linux",
    "mirai",
    "masscan 1.3.2",
    "802.1Q",
    "802.1ad over 802.1Q",
    "IPv4 options",
    "IPv6",
    "six extension headers",
    "UDP",
    "ARP",
];

pub(crate) fn measure(settings: Settings) -> anyhow::Result<Vec<Table>> {
    let times = settings.of(1_000_000, 100_000);
    let (mut bench, floor) = (Bench::new()?, Floor::new()?);
    let title = format!("One frame again and again; {} rounds of {times} runs", settings.rounds());
    let mut table = Table::new("frames", title, COLUMNS);
    for named in named::frames().into_iter().filter(|named| NAMES.contains(&named.name)) {
        let (mut empty, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..settings.rounds() {
            empty.push(floor.repeat(&named.bytes, times)?.as_secs_f64() * 1e9);
            ours.push(bench.repeat(&named.bytes, times)?.as_secs_f64() * 1e9);
        }
        let (empty, ours) = (Summary::of(empty).median, Summary::of(ours));
        let cells = [empty, ours.median, ours.least, ours.most, ours.median - empty];
        table.row(named.name, cells.map(Into::into));
    }
    Ok(vec![table])
}
