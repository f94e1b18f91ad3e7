//! The rules behind the families that a report counts.

use honeyxdp_common::{Family, family::Confidence};

use super::table::{Table, Value};

/// A row per rule of the families in `totals`; a family that this version does not know has none of its own.
pub(super) fn table(totals: &Table) -> anyhow::Result<Table> {
    let family = totals.column("family")?;
    let mut rows = Vec::new();
    for row in &totals.rows {
        let name = row[family].text();
        match Family::ALL.iter().find(|family| family.name() == name) {
            Some(family) => rows.extend(family.rules().iter().map(|rule| {
                let confidence = confidence(rule.confidence);
                let words = [name.as_str(), rule.id, rule.condition, &confidence, rule.source, rule.caveat];
                words.map(|text| Value::Text(text.to_owned())).to_vec()
            })),
            None => {
                let unknown = ["?", "", "? (this version has no rule of the name)", "", ""];
                let words = std::iter::once(name.as_str()).chain(unknown);
                rows.push(words.map(|text| Value::Text(text.to_owned())).collect());
            }
        }
    }
    let columns = ["family", "rule", "test", "confidence", "source", "caveat"].map(str::to_owned).to_vec();
    Ok(Table { name: "rules".into(), columns, rows })
}

fn confidence(confidence: Confidence) -> String {
    format!("{}: {}", confidence.name(), confidence.meaning())
}
