//! The live view as lines, and texts that it shares with the screen.

use comfy_table::{Cell, Row};

use super::{
    format::{count, rate},
    payloads::payload_lines,
    table::{new_table, number, port_sources, sources},
};
use crate::{live::View, snapshot::ModeReport};

pub(super) const fn mode(mode: ModeReport) -> &'static str {
    match mode {
        ModeReport::Native => "native",
        ModeReport::Generic => "generic",
    }
}

/// Problems, one sentence each.
pub(super) fn alerts(view: &View) -> Vec<String> {
    let mut alerts = Vec::new();
    if let Some(why) = &view.not_ready {
        alerts.push(format!("not ready: {why}"));
    }
    if view.records.lost > 0 {
        alerts.push(format!(
            "records of {} SYNs were lost: ~ and > mark sources that are not exact",
            count(view.records.lost_packets)
        ));
    }
    if view.memory.sets_evicted > 0 {
        alerts.push(format!("{} sets of sources were evicted: raise --memory", count(view.memory.sets_evicted)));
    }
    alerts
}

/// The live view as a table, for a file or a pipe. The sensor is untrusted, so control characters
/// are removed.
pub fn live(view: &View, width: u16) -> String {
    let interfaces: Vec<String> = view
        .interfaces
        .iter()
        .map(|interface| {
            format!("{} ({}{})", interface.name, mode(interface.mode), if interface.attached { "" } else { ", gone" })
        })
        .collect();
    let mut families = new_table(width, &["family", "per second", "SYNs", "sources", "rule", "top ports"]);
    for family in &view.families {
        let ports: Vec<String> =
            family.ports.iter().map(|(port, packets)| format!("{port} ({})", count(*packets))).collect();
        families.add_row(one_line(vec![
            Cell::new(&family.name),
            number(per_second(family.per_second)),
            number(count(family.packets)),
            number(sources(&family.sources)),
            Cell::new(&family.rule),
            Cell::new(ports.join(", ")),
        ]));
    }
    let mut ports = new_table(width, &["port", "per second", "SYNs", "sources", "families"]);
    for port in &view.ports {
        let families: Vec<String> =
            port.families.iter().map(|(name, packets)| format!("{name} ({})", count(*packets))).collect();
        ports.add_row(one_line(vec![
            number(port.port.to_string()),
            number(per_second(port.per_second)),
            number(count(port.packets)),
            number(port.sources.as_ref().map_or_else(|| "-".to_owned(), port_sources)),
            Cell::new(families.join(", ")),
        ]));
    }
    let dispositions: Vec<String> =
        view.frames.dispositions.iter().map(|(name, frames)| format!("{name} {}", count(*frames))).collect();
    let filters: Vec<String> = view.filters.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let mut text = format!(
        "honeyxdp {} on {}: {}, {:.0}\n\n{}\n\n{}\n\nframes: {}\nfilters: {}",
        view.sensor.version,
        view.sensor.hostname,
        interfaces.join(", "),
        view.generated_at,
        families.trim_fmt(),
        ports.trim_fmt(),
        dispositions.join(", "),
        if filters.is_empty() { "none".to_owned() } else { filters.join(", ") },
    );
    if let Some(payloads) = &view.payloads {
        text.push('\n');
        text.push_str(&payload_lines(payloads));
    }
    for alert in alerts(view) {
        text.push('\n');
        text.push_str(&alert);
    }
    text.retain(|char| char == '\n' || !char.is_control());
    text
}

fn one_line(cells: Vec<Cell>) -> Row {
    let mut row = Row::from(cells);
    row.max_height(1);
    row
}

fn per_second(value: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "tenths of a rate that is not negative"
    )]
    let tenths = (value * 10.0).round() as u64;
    rate(tenths, 10.0)
}
