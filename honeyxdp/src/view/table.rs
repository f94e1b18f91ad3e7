//! A snapshot as a table: families, top ports, dispositions.

use std::{cmp::Reverse, io::IsTerminal as _};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Row, Table, presets};
use honeyxdp_common::Family;

use super::{
    format::{count, rate},
    payloads::payload_lines,
};
use crate::snapshot::{FamilyReport, PortSources, Records, Snapshot, UniqueSources};

/// Ports in the lower table, and in the last column of the upper one.
const TOP_PORTS: usize = 10;
const PORTS_OF_A_FAMILY: usize = 4;
/// Ports with precedence over families without SYNs.
const FEWEST_PORTS: usize = 3;
/// Lines besides families and ports: title, two headers, totals, the hint on hidden families, and three empty lines.
const OTHER_LINES: usize = 8;

/// Size of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Columns.
    pub width: u16,
    /// Lines; unlimited if `None`.
    pub height: Option<u16>,
}

impl Room {
    /// Size for a table that may scroll: the width of the terminal, or wide enough for every column in a file.
    pub fn of_stdout() -> Self {
        let width = match crossterm::terminal::size() {
            Ok((width, _)) if std::io::stdout().is_terminal() => width,
            _ => 160,
        };
        Self { width, height: None }
    }
}

/// A snapshot as a table, without a final line feed. On few lines, families without SYNs are dropped first,
/// then ports.
pub fn table(snapshot: &Snapshot, room: Room) -> String {
    let rows = room.height.map_or(usize::MAX, |height| usize::from(height).saturating_sub(OTHER_LINES));
    let mut families = ranked_families(snapshot);
    let all = families.len();
    if all + FEWEST_PORTS > rows {
        families.retain(|(_, report)| report.packets > 0);
        families.truncate(rows.saturating_sub(FEWEST_PORTS));
    }
    let ports = rows.saturating_sub(families.len()).min(TOP_PORTS);
    let hidden = match all - families.len() {
        0 => String::new(),
        hidden => format!("\n(no room for {hidden} more families)"),
    };
    let payloads = snapshot.payloads.as_ref().map(payload_lines);
    let payloads = payloads.filter(|_| room.height.is_none()).map_or_else(String::new, |lines| lines + "\n\n");
    format!(
        "{}\n\n{}{hidden}\n\n{}\n\n{payloads}{}",
        head(snapshot),
        family_table(snapshot, &families, room.width).trim_fmt(),
        port_table(snapshot, ports, room.width).trim_fmt(),
        totals(snapshot)
    )
}

fn head(snapshot: &Snapshot) -> String {
    let interfaces: Vec<String> = snapshot
        .interfaces
        .iter()
        .map(|interface| format!("{} ({})", interface.name, format!("{:?}", interface.mode).to_lowercase()))
        .collect();
    let place = if interfaces.is_empty() { "a capture".to_owned() } else { interfaces.join(", ") };
    // The end of the interval, not the time of writing: for a capture, that is the time of its last packet.
    format!(
        "honeyxdp {} on {place}, {:.0} to {:.0}",
        snapshot.sensor.version, snapshot.started_at, snapshot.interval.end
    )
}

/// Every family, the most frequent first.
fn ranked_families(snapshot: &Snapshot) -> Vec<(Family, &FamilyReport)> {
    let mut families: Vec<(Family, &FamilyReport)> =
        Family::ALL.iter().filter_map(|&family| Some((family, snapshot.find_family(family.name())?))).collect();
    families.sort_by_key(|(_, report)| Reverse(report.packets));
    families
}

fn family_table(snapshot: &Snapshot, families: &[(Family, &FamilyReport)], width: u16) -> Table {
    let mut table =
        new_table(width, &["family", "SYNs", "per second", "sources", "IPv6", "rule", "confidence", "top ports"]);
    for &(family, report) in families {
        let interval = snapshot.interval.find_family(family.name()).map_or(0, |report| report.packets);
        let more = if report.ports.len() > PORTS_OF_A_FAMILY { ", ..." } else { "" };
        let ports: Vec<String> = report
            .ports
            .iter()
            .take(PORTS_OF_A_FAMILY)
            .map(|entry| format!("{} ({})", entry.port, count(entry.packets)))
            .collect();
        let mut row = Row::from([
            Cell::new(family.name()),
            number(count(report.packets)),
            number(rate(interval, snapshot.interval.seconds)),
            number(sources(&report.unique_sources)),
            number(count(report.packets_v6)),
            Cell::new(&report.rule),
            Cell::new(family.rules()[0].confidence.name()),
            Cell::new(ports.join(", ") + more),
        ]);
        row.max_height(1);
        table.add_row(row);
    }
    table
}

fn port_table(snapshot: &Snapshot, most: usize, width: u16) -> Table {
    let mut table = new_table(width, &["port", "SYNs", "per second", "sources", "families"]);
    for report in snapshot.ports.iter().take(most) {
        let interval = snapshot.interval.port(report.port).map_or(0, |report| report.packets);
        let families: Vec<String> =
            report.families.iter().map(|family| format!("{} ({})", family.name, count(family.packets))).collect();
        let mut row = Row::from([
            number(report.port.to_string()),
            number(count(report.packets)),
            number(rate(interval, snapshot.interval.seconds)),
            number(report.unique_sources.as_ref().map_or_else(|| "-".to_owned(), port_sources)),
            Cell::new(families.join(", ")),
        ]);
        row.max_height(1);
        table.add_row(row);
    }
    table
}

/// Unique sources: the exact number, or `~` and the estimate.
pub(super) fn sources(sources: &UniqueSources) -> String {
    if sources.exact { count(sources.value) } else { format!("~{}", count(sources.estimate.max(sources.value))) }
}

/// Unique sources: the exact number, or `>` and a lower bound.
pub(super) fn port_sources(sources: &PortSources) -> String {
    if sources.exact { count(sources.value) } else { format!(">{}", count(sources.value)) }
}

/// Frames, bytes, dispositions and lost records on one line.
pub fn totals(snapshot: &Snapshot) -> String {
    let frames = &snapshot.frames;
    let parts: Vec<String> = frames
        .dispositions
        .iter()
        .filter(|&(_, &frames)| frames > 0)
        .map(|(name, frames)| format!("{name} {}", count(*frames)))
        .collect();
    let colon = if parts.is_empty() { "" } else { ": " };
    let lost = match &snapshot.records {
        Records { lost: 1.., lost_packets, .. } => format!("; records of {} SYNs were lost", count(*lost_packets)),
        _ => String::new(),
    };
    format!("{} frames, {} bytes{colon}{}{lost}", count(frames.seen), count(frames.bytes), parts.join(", "))
}

pub(super) fn new_table(width: u16, header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_header(header.to_vec());
    table
}

pub(super) fn number(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}
