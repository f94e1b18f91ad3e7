//! One line per interval, for logs.

use super::format::count;
use crate::snapshot::Snapshot;

/// The interval of a snapshot: frames, families in falling order, and malformed, filtered and lost packets.
pub fn line(snapshot: &Snapshot) -> String {
    let interval = &snapshot.interval;
    let mut families: Vec<(&str, u64)> =
        interval.families.iter().map(|report| (report.name.as_str(), report.packets)).collect();
    families.retain(|&(_, packets)| packets > 0);
    families.sort_by_key(|&(name, packets)| (std::cmp::Reverse(packets), name));
    let families: Vec<String> = families.iter().map(|(name, packets)| format!("{name} {}", count(*packets))).collect();

    let disposition = |name: &str| interval.frames.dispositions.get(name).copied().unwrap_or(0);
    let mut text = format!(
        "{:.0} #{} {:.1}s: frames {}, syn {}",
        snapshot.generated_at,
        snapshot.sequence,
        interval.seconds,
        count(interval.frames.seen),
        count(disposition("syn")),
    );
    for name in ["malformed", "filtered"] {
        if disposition(name) > 0 {
            text.push_str(&format!(", {name} {}", count(disposition(name))));
        }
    }
    let lost = interval.records.lost_packets;
    if lost > 0 {
        text.push_str(&format!(", records of {} lost", count(lost)));
    }
    if !families.is_empty() {
        text.push_str(": ");
        text.push_str(&families.join(", "));
    }
    text
}
