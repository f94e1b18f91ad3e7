//! A snapshot as a table: families, top ports, dispositions.

use std::cmp::Reverse;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use honeyxdp_common::Family;

use super::format::{count, rate};
use crate::snapshot::{FamilyReport, Snapshot};

/// Ports in the lower table, and in the last column of the upper one.
const TOP_PORTS: usize = 10;
const PORTS_OF_A_FAMILY: usize = 4;

/// The whole table, at most `width` columns wide, without a line feed at its end.
pub fn table(snapshot: &Snapshot, width: u16) -> String {
    format!(
        "{}\n\n{}\n\n{}\n\n{}",
        head(snapshot),
        families(snapshot, width),
        ports(snapshot, width),
        dispositions(snapshot)
    )
}

fn head(snapshot: &Snapshot) -> String {
    let interfaces: Vec<String> = snapshot
        .interfaces
        .iter()
        .map(|interface| format!("{} ({})", interface.name, format!("{:?}", interface.mode).to_lowercase()))
        .collect();
    let place = if interfaces.is_empty() { "a capture".to_owned() } else { interfaces.join(", ") };
    format!(
        "honeyxdp {} on {place}: since {:.0}, now {:.0}",
        snapshot.sensor.version, snapshot.started_at, snapshot.generated_at
    )
}

fn families(snapshot: &Snapshot, width: u16) -> Table {
    let mut table = new_table(width, &["family", "SYNs", "per second", "IPv6", "rule", "certainty", "top ports"]);
    let mut rows: Vec<(&Family, &FamilyReport)> =
        Family::ALL.iter().filter_map(|family| Some((family, snapshot.families.get(family.name())?))).collect();
    rows.sort_by_key(|(_, report)| Reverse(report.packets));
    for (family, report) in rows {
        let interval = snapshot.interval.families.get(family.name()).map_or(0, |report| report.packets);
        let mut ports: Vec<(&u16, &u64)> = report.ports.iter().collect();
        ports.sort_by_key(|&(port, packets)| (Reverse(packets), port));
        let more = if ports.len() > PORTS_OF_A_FAMILY { ", ..." } else { "" };
        let ports: Vec<String> = ports
            .iter()
            .take(PORTS_OF_A_FAMILY)
            .map(|(port, packets)| format!("{port} ({})", count(**packets)))
            .collect();
        table.add_row([
            Cell::new(family.name()),
            number(count(report.packets)),
            number(rate(interval, snapshot.interval.seconds)),
            number(count(report.packets_v6)),
            Cell::new(&report.rule),
            Cell::new(family.rules()[0].certainty.name()),
            Cell::new(ports.join(", ") + more),
        ]);
    }
    table
}

fn ports(snapshot: &Snapshot, width: u16) -> Table {
    let mut table = new_table(width, &["port", "SYNs", "per second", "families"]);
    let mut rows: Vec<_> = snapshot.ports.iter().collect();
    rows.sort_by_key(|&(port, report)| (Reverse(report.packets), port));
    for (port, report) in rows.into_iter().take(TOP_PORTS) {
        let interval = snapshot.interval.ports.get(port).map_or(0, |report| report.packets);
        let mut families: Vec<(&String, &u64)> = report.families.iter().collect();
        families.sort_by_key(|&(name, packets)| (Reverse(packets), name));
        let families: Vec<String> =
            families.iter().map(|(name, packets)| format!("{name} ({})", count(**packets))).collect();
        table.add_row([
            number(port.to_string()),
            number(count(report.packets)),
            number(rate(interval, snapshot.interval.seconds)),
            Cell::new(families.join(", ")),
        ]);
    }
    table
}

fn dispositions(snapshot: &Snapshot) -> String {
    let frames = &snapshot.frames;
    let parts: Vec<String> = frames
        .dispositions
        .iter()
        .filter(|&(_, &frames)| frames > 0)
        .map(|(name, frames)| format!("{name} {}", count(*frames)))
        .collect();
    format!("{} frames, {} bytes: {}", count(frames.seen), count(frames.bytes), parts.join(", "))
}

fn new_table(width: u16, header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_header(header.to_vec());
    table
}

fn number(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}
