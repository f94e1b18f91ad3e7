//! What stands out in the tables and figures, in words.

use std::collections::BTreeMap;

use super::{
    Request,
    figure::Figure,
    phrase::part,
    questions::named,
    table::{Table, Value},
    text::Texts,
};
use crate::period::Period;

/// How many names a sentence has.
const NAMES: usize = 3;
/// A smaller share is not worth a word.
const SMALL: f64 = 0.01;

/// What a figure shows; nothing where it is empty.
pub(super) fn caption(figure: &Figure, texts: &Texts) -> String {
    let Some((at, value)) = figure.peak() else { return texts.nothing.into() };
    let sums = figure.sums();
    let whole: u64 = sums.iter().sum();
    let mut text = texts.highest(&figure.buckets[at], value, times(value, sums));
    if figure.series.len() > 1 {
        let mut series: Vec<_> = (figure.series.iter())
            .filter(|series| series.name != texts.others)
            .map(|series| (series.name.clone(), series.values.iter().sum::<u64>()))
            .collect();
        series.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
        let shares = series.into_iter().take(NAMES).map(|(name, sum)| (name, part(sum, whole)));
        let shares: Vec<_> = shares.filter(|(_, share)| *share >= SMALL).collect();
        if !shares.is_empty() {
            text += texts.space();
            text += &texts.shares(&shares);
        }
    }
    text
}

/// How many times the median of those that are not 0 a value is.
fn times(value: u64, mut values: Vec<u64>) -> f64 {
    values.retain(|value| *value > 0);
    values.sort_unstable();
    part(value, values.get(values.len() / 2).copied().unwrap_or(value))
}

/// The first sentences of the report: about the families that have figures with a number, about payloads, and about losses.
pub(super) fn all(
    request: &Request,
    families: &[&str],
    tables: &[Table],
    against: Option<Period>,
    texts: &Texts,
) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    for family in families {
        let sentences = of_family(request, family, tables, against, texts)?;
        if !sentences.is_empty() {
            findings.push(sentences.join(texts.space()));
        }
    }
    findings.extend(of_payloads(tables, texts)?);
    let losses = named(tables, "losses")?;
    if losses.rows.is_empty() {
        findings.push(texts.no_losses_known.into());
    } else {
        findings.push(texts.counted(sum(losses, "syns")?, lost(losses)?));
    }
    Ok(findings)
}

fn of_family(
    request: &Request,
    family: &str,
    tables: &[Table],
    against: Option<Period>,
    texts: &Texts,
) -> anyhow::Result<Vec<String>> {
    let mut sentences = Vec::new();
    let totals = Rows::of(tables, "totals", family)?;
    let Some(row) = totals.rows.first() else { return Ok(sentences) };
    let count = |column| totals.count(row, column);
    let sources = count("sources")?;
    let counts = [sources, count("countries")?, count("packets")?, count("ports")?];
    sentences.push(texts.overview(family, counts, (&request.home, count("home")?)));
    if let Some(other) = against {
        let rows = Rows::of(tables, "against", family)?;
        if let Some(row) = rows.rows.first() {
            let before = rows.count(row, "sources_before")?;
            let change = if before == 0 { None } else { Some((part(sources, before) - 1.0) * 100.0) };
            let stayed = rows.count(row, "stayed")?;
            sentences.extend(change.map(|change| texts.compared(&other.name(), before, change, stayed)));
        }
    }
    let peaks = Rows::of(tables, "peaks", family)?;
    if let Some(row) = peaks.rows.first() {
        let most = peaks.count(row, "sources")?;
        let median = match peaks.value(row, "median_sources")? {
            Value::Number(number) => *number,
            other => part(other.count(), 1),
        };
        let times = if median > 0.0 { part(most, 1) / median } else { 1.0 };
        sentences.push(texts.most_sources(&peaks.value(row, "sources_day")?.text(), most, times));
    }
    let countries = Rows::of(tables, "countries", family)?;
    let mut shares = Vec::new();
    for row in &countries.rows {
        let country = countries.value(row, "country")?.text();
        if !country.is_empty() {
            shares.push((country, countries.count(row, "sources")?));
        }
    }
    shares.sort_by_key(|(_, sources)| std::cmp::Reverse(*sources));
    let shares: Vec<_> = shares.into_iter().take(NAMES).map(|(name, own)| (name, part(own, sources))).collect();
    if !shares.is_empty() {
        sentences.push(texts.first_countries(&shares));
    }
    let risen = Rows::of(tables, "new_ports_by_month", family)?;
    let ports = (risen.rows.iter())
        .map(|row| Ok((risen.value(row, "dst_port")?.text(), risen.value(row, "month")?.text())))
        .collect::<anyhow::Result<Vec<_>>>()?;
    if !ports.is_empty() {
        sentences.push(texts.risen(&ports));
    }
    Ok(sentences)
}

/// What was sent, if anything was captured.
fn of_payloads(tables: &[Table], texts: &Texts) -> anyhow::Result<Option<String>> {
    let table = named(tables, "payloads")?;
    let payloads = sum(table, "payloads")?;
    if payloads == 0 {
        return Ok(None);
    }
    let (exploit, count) = (table.column("exploit")?, table.column("payloads")?);
    let mut exploits: BTreeMap<String, u64> = BTreeMap::new();
    for row in table.rows.iter().filter(|row| row[exploit] != Value::None) {
        *exploits.entry(row[exploit].text()).or_default() += row[count].count();
    }
    let mut exploits: Vec<_> = exploits.into_iter().collect();
    exploits.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let shares: Vec<_> = exploits.into_iter().take(NAMES).map(|(name, own)| (name, part(own, payloads))).collect();
    let lost = sum(named(tables, "losses")?, "payloads_lost")?;
    Ok(Some(texts.captured([payloads, sum(table, "logins")?, sum(table, "decided")?, lost], &shares)))
}

/// SYNs that were counted and are in no record, because something was full or failed.
fn lost(losses: &Table) -> anyhow::Result<u64> {
    Ok(sum(losses, "lost")? + sum(losses, "dropped_by_archive")?)
}

/// The share of the SYNs that was lost, if the archive says so.
pub(super) fn lost_share(tables: &[Table]) -> anyhow::Result<Option<f64>> {
    let losses = named(tables, "losses")?;
    Ok(if losses.rows.is_empty() { None } else { Some(part(lost(losses)?, sum(losses, "syns")?)) })
}

/// The share of the payloads that was lost, if the archive says so.
pub(super) fn lost_payload_share(tables: &[Table]) -> anyhow::Result<Option<f64>> {
    let losses = named(tables, "losses")?;
    let (captured, lost) = (sum(losses, "payloads")?, sum(losses, "payloads_lost")?);
    let column = losses.column("payloads_lost")?;
    let is_known = losses.rows.iter().any(|row| row[column] != Value::None);
    Ok(is_known.then(|| part(lost, captured + lost)))
}

fn sum(table: &Table, column: &str) -> anyhow::Result<u64> {
    let column = table.column(column)?;
    Ok(table.rows.iter().map(|row| row[column].count()).sum())
}

/// The rows of a family.
pub(super) struct Rows<'a> {
    table: &'a Table,
    /// In the order of the table.
    pub(super) rows: Vec<&'a Vec<Value>>,
}

impl<'a> Rows<'a> {
    pub(super) fn of(tables: &'a [Table], name: &str, family: &str) -> anyhow::Result<Self> {
        let table = named(tables, name)?;
        let column = table.column("family")?;
        Ok(Self { table, rows: table.rows.iter().filter(|row| row[column].text() == family).collect() })
    }

    pub(super) fn value(&self, row: &'a [Value], column: &str) -> anyhow::Result<&'a Value> {
        Ok(&row[self.table.column(column)?])
    }

    fn count(&self, row: &'a [Value], column: &str) -> anyhow::Result<u64> {
        Ok(self.value(row, column)?.count())
    }
}
