//! Surveys as tables.

use std::fmt::Write as _;

use comfy_table::Cell;

use super::{Campaigns, result::Activity};
use crate::{
    escape,
    view::{count, right, table},
};

/// Characters of a name.
const NAME: usize = 40;
/// Ranges of ports that are shown.
const RANGES: usize = 4;

/// Surveys for people, without a line feed at its end.
pub fn show(campaigns: &Campaigns) -> String {
    let Some(period) = campaigns.period else {
        return "The archive has nothing of this time.".to_owned();
    };
    let mut text = String::new();
    if !campaigns.known.is_empty() {
        let mut known = table(&HEADER.map(|title| if title == "network" { "scanner" } else { title }));
        for scanner in &campaigns.known {
            let name = escape::short(&scanner.name, NAME);
            let tool = escape::short(scanner.tool.as_deref().unwrap_or("any"), NAME);
            match &scanner.activity {
                Some(activity) => known.add_row(row(name, tool, activity)),
                None => known.add_row([name, tool, "not seen".to_owned()]),
            };
        }
        let _ = write!(text, "{}\n\n", known.trim_fmt());
    }
    if !campaigns.unknown.is_empty() {
        let mut unknown = table(&HEADER);
        for group in &campaigns.unknown {
            unknown.add_row(row(group.network.to_string(), escape::short(&group.tool, NAME), &group.activity));
        }
        let _ = write!(text, "{}\n\n", unknown.trim_fmt());
    }
    let shown = campaigns.unknown.len() as u64;
    let _ = write!(
        text,
        "{period}, {} rows; {} networks with a tool that are in no known scanner, {} of them shown",
        count(campaigns.rows),
        count(campaigns.networks),
        count(shown)
    );
    let evicted = campaigns.evicted;
    if evicted.groups > 0 {
        let _ = write!(
            text,
            "\nMemory did not suffice for all: networks with at most {} SYNs each were given up {} times, {} SYNs in all. \
             More --memory keeps them.",
            count(evicted.most),
            count(evicted.groups),
            count(evicted.packets)
        );
    }
    text
}

const HEADER: [&str; 10] =
    ["network", "tool", "cadence", "status", "first seen", "last seen", "days", "sources", "SYNs", "ports"];

fn row(name: String, tool: String, activity: &Activity) -> Vec<Cell> {
    let more = if activity.port_ranges.len() > RANGES { ", ..." } else { "" };
    let ports: Vec<&str> = activity.port_ranges.iter().take(RANGES).map(String::as_str).collect();
    let least = if activity.all_sources { "" } else { ">" };
    vec![
        name.into(),
        tool.into(),
        activity.cadence.to_string().into(),
        activity.status.to_string().into(),
        activity.first_seen.strftime("%Y-%m-%d").to_string().into(),
        activity.last_seen.strftime("%Y-%m-%d").to_string().into(),
        right(activity.days.to_string()),
        right(format!("{least}{}", count(activity.sources))),
        right(count(activity.packets)),
        format!("{} ({}{more})", count(activity.ports as u64), ports.join(", ")).into(),
    ]
}
