//! What each filter costs by itself.

use honeyxdp::{filter::Filters, kernel::Options};

use super::{
    Settings,
    packet::{self, PATTERNS},
    subject::{self, Subject},
    table::{Column, Summary, Table, column},
};

const COLUMNS: &[Column] = &[
    column("ns", "ns", 0),
    column("min_ns", "min", 0),
    column("max_ns", "max", 0),
    column("over_default_ns", "over none", 0),
];

pub(crate) fn measure(settings: Settings) -> anyhow::Result<Vec<Table>> {
    let all = subject::everything()?.filters;
    let none = Filters::default;
    let mut subjects = Vec::new();
    for (name, filters) in [
        ("no filter", none()),
        ("ports 0 to 60000", Filters { ports: all.ports.clone(), ..none() }),
        ("destinations 0.0.0.0/0", Filters { destinations: all.destinations.clone(), ..none() }),
        ("100,000 ignored sources", Filters { ignored_sources: all.ignored_sources.clone(), ..none() }),
        ("one family left out", Filters { families: all.families, ..none() }),
        ("16 public addresses", Filters { public_addresses: all.public_addresses.clone(), ..none() }),
        ("all of them", all),
    ] {
        subjects.push(Subject::honeyxdp(name, &Options { filters, ..Options::default() })?);
    }
    let mut tables = Vec::new();
    for (key, title, pattern) in PATTERNS {
        let costs = packet::in_turn(settings, &mut subjects, pattern)?;
        let title = format!(
            "What a filter adds to a SYN: {title}; {} rounds of {} SYNs",
            settings.rounds(),
            packet::times(settings)
        );
        let mut table = Table::new(format!("filters_{key}"), title, COLUMNS);
        for (subject, mine) in subjects.iter().zip(&costs) {
            let cost = Summary::of(mine.iter().map(|cost| cost.ns).collect());
            let over = Summary::of(packet::over(mine, &costs[0])).median;
            table.row(subject.name, [cost.median, cost.least, cost.most, over].map(Into::into));
        }
        table.note(
            "Destinations are random over all of IPv4, which no sensor sees: the worst case for the table of blocks.",
        );
        tables.push(table);
    }
    Ok(tables)
}
