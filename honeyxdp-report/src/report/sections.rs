//! The parts of the page: which figures and tables it has, and in which order.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::{
    Request,
    days::Days,
    figure::{self, Figure, Pick},
    finding::{self, Rows},
    questions::named,
    table::Table,
    text::Texts,
};
use crate::period::Period;

/// A part of the page.
pub(super) struct Section<'a> {
    /// What stands above it.
    pub(super) heading: String,
    /// Sentences about it; may be empty.
    pub(super) note: String,
    /// Its figures, before its tables.
    pub(super) figures: Vec<Figure>,
    /// Its tables.
    pub(super) tables: Vec<&'a Table>,
}

/// The families that have figures with a number, as in the reports of 2019.
pub(super) const NUMBERED: [&str; 2] = ["mirai", "hajime"];

/// All parts, but for the first lines.
pub(super) fn all<'a>(
    request: &Request,
    tables: &'a [Table],
    buckets: &[Date],
    texts: &Texts,
) -> anyhow::Result<Vec<Section<'a>>> {
    let table = |name: &str| named(tables, name);
    let optional = |name: &str| tables.iter().find(|table| table.name == name);
    let draw = Draw { request, tables, buckets, texts };
    let plain = |heading: &str, note: &str, tables| Section {
        heading: heading.into(),
        note: note.into(),
        figures: vec![],
        tables,
    };
    let mut sections = vec![plain(texts.totals, "", vec![table("totals")?])];
    for (place, family) in NUMBERED.into_iter().enumerate() {
        let first = 3 * place + 1;
        let figures = draw.family(family, Some(first))?;
        let heading = texts.numbered(family, first, first + figures.len() - 1);
        sections.push(Section { heading, note: draw.mark(family)?, figures, tables: vec![] });
    }
    let of_families = table("sources")?;
    let family = of_families.column("family")?;
    let families: BTreeSet<String> = of_families.rows.iter().map(|row| row[family].text()).collect();
    let mut others = Vec::new();
    for family in families.iter().filter(|family| !NUMBERED.contains(&family.as_str())) {
        others.extend(draw.family(family, None)?);
    }
    let losses = table("losses")?;
    sections.push(Section {
        note: texts.kinds_note.into(),
        figures: draw.kinds()?,
        tables: vec![],
        heading: texts.kinds.into(),
    });
    let payloads = table("payloads")?;
    if !payloads.rows.is_empty() {
        let hidden = !request.show_passwords && !table("logins")?.rows.is_empty();
        let note = [texts.payloads_note, texts.passwords_hidden];
        sections.push(Section {
            heading: texts.payloads.into(),
            note: note[..1 + usize::from(hidden)].join(texts.space()),
            figures: draw.by_payload()?.into_iter().collect(),
            tables: vec![payloads, table("droppers")?, table("logins")?],
        });
    }
    sections.push(Section {
        heading: format!("{}: {}", texts.domestic, request.home),
        note: texts.domestic_note.into(),
        figures: draw.domestic()?,
        tables: vec![],
    });
    if let Some(against) = optional("against") {
        let tables = std::iter::once(against).chain(optional("against_countries")).collect();
        sections.push(plain(texts.against, texts.against_note, tables));
    }
    sections.push(plain(texts.peaks, texts.peaks_note, vec![table("peaks")?]));
    let new: Vec<&Table> = optional("new_ports").into_iter().chain([table("new_ports_by_month")?]).collect();
    sections.push(plain(texts.new_ports, texts.new_ports_note, new));
    sections.push(Section {
        heading: texts.profiles.into(),
        note: texts.profiles_note.into(),
        figures: draw.profiles()?,
        tables: vec![table("profile_totals")?, table("profile_rules")?],
    });
    sections.push(plain(texts.countries, texts.countries_note, vec![table("countries")?]));
    sections.push(plain(texts.networks, texts.networks_note, vec![table("networks")?]));
    sections.push(plain(texts.ports, texts.ports_note, vec![table("port_totals")?]));
    let heading = texts.other_families.into();
    sections.push(Section { heading, note: String::new(), figures: others, tables: vec![] });
    if let Some(sensors) = optional("sensors") {
        sections.push(plain(texts.sensors, texts.sensors_note, vec![sensors]));
    }
    let losses_note = if losses.rows.is_empty() { texts.no_losses_known } else { texts.losses_note };
    sections.push(plain(texts.losses, losses_note, vec![losses]));
    let mut rules = vec![table("rules")?];
    rules.extend(optional("payload_rules").filter(|rules| !rules.rows.is_empty()));
    sections.push(plain(texts.rules, texts.rules_note, rules));
    figure::match_colors(sections.iter_mut().flat_map(|section| &mut section.figures));
    // Two texts of the archive can become one name.
    let mut taken = BTreeSet::new();
    for (number, figure) in sections.iter_mut().flat_map(|section| &mut section.figures).enumerate() {
        if !taken.insert(figure.id.clone()) {
            figure.id = format!("{}-{number}", figure.id);
        }
    }
    Ok(sections)
}

/// The first lines: label and value.
pub(super) fn about(
    request: &Request,
    days: &Days,
    tables: &[Table],
    with_rows: usize,
    against: Option<(Period, usize)>,
    texts: &Texts,
) -> anyhow::Result<Vec<(&'static str, String)>> {
    let losses = named(tables, "losses")?;
    let sensor = losses.column("sensor")?;
    let mut sensors: Vec<_> = losses.rows.iter().map(|row| row[sensor].text()).collect();
    sensors.dedup();
    let Period { first, last } = days.period;
    let all = days.all()?.len();
    let mut about = vec![
        (texts.period, format!("{} ({first} - {last})", days.period.name())),
        (texts.zone, days.zone.iana_name().unwrap_or("UTC").to_owned()),
        (texts.home, request.home.clone()),
        (texts.days_with_rows, format!("{with_rows} / {all}")),
    ];
    if let Some((period, with_rows)) = against {
        let all = Days { period, zone: days.zone.clone() }.all()?.len();
        about.push((texts.against, format!("{} ({}: {with_rows} / {all})", period.name(), texts.days_with_rows)));
    }
    if !request.scope.sites.is_empty() {
        about.push((texts.site, request.scope.sites.join(", ")));
    }
    if !sensors.is_empty() {
        about.push((texts.sensors, sensors.join(", ")));
    }
    Ok(about)
}

/// Makes figures.
struct Draw<'a> {
    request: &'a Request,
    tables: &'a [Table],
    buckets: &'a [Date],
    texts: &'a Texts,
}

/// Rules with their confidence.
type Rules = Vec<(String, String)>;

impl Draw<'_> {
    /// A figure with its caption; what it rests on is still to be said.
    fn bare(&self, table: &str, pick: Pick) -> anyhow::Result<Figure> {
        let mut figure = figure::of(named(self.tables, table)?, pick, self.request.bucket, self.buckets, self.texts)?;
        figure.caption = finding::caption(&figure, self.texts);
        Ok(figure)
    }

    /// A figure that rests on the marks of some families, or of all.
    fn of(&self, table: &str, pick: Pick, families: Option<&[&str]>) -> anyhow::Result<Figure> {
        let mut figure = self.bare(table, pick)?;
        let lost = self.texts.lost_syns(finding::lost_share(self.tables)?);
        figure.notes = vec![format!("{} · {lost}", self.texts.marks(&self.marks(families)?))];
        Ok(figure)
    }

    /// Rules behind some families, or all.
    fn marks(&self, families: Option<&[&str]>) -> anyhow::Result<Rules> {
        let is_wanted = |family: &str| families.is_none_or(|families| families.contains(&family));
        self.rules("rules", "family", is_wanted)
    }

    /// Rules that told families by payloads.
    fn payload_rules(&self) -> anyhow::Result<Rules> {
        self.rules("payload_rules", "tells", |tells| tells == "family")
    }

    /// The rules of a table of which a column is wanted.
    fn rules(&self, table: &str, column: &str, is_wanted: impl Fn(&str) -> bool) -> anyhow::Result<Rules> {
        let table = named(self.tables, table)?;
        let (column, rule, confidence) = (table.column(column)?, table.column("rule")?, table.column("confidence")?);
        let rows = table.rows.iter().filter(|row| is_wanted(&row[column].text()));
        Ok(rows.map(|row| (row[rule].text(), row[confidence].text())).collect())
    }

    /// What is said over the figures of a family; nothing where it was not seen.
    fn mark(&self, family: &str) -> anyhow::Result<String> {
        let rules = Rows::of(self.tables, "rules", family)?;
        let mut marks = Vec::new();
        for row in &rules.rows {
            let text = |column| anyhow::Ok(rules.value(row, column)?.text());
            marks.push(self.texts.mark(family, &text("rule")?, &text("test")?, &text("confidence")?, &text("caveat")?));
        }
        Ok(marks.join(self.texts.space()))
    }

    /// A family's SYNs by port, its sources, its sources by country. `number` is that of the first figure.
    fn family(&self, family: &str, number: Option<usize>) -> anyhow::Result<Vec<Figure>> {
        let texts = self.texts;
        let asked = [
            ("packets_by_port", Some("dst_port"), "packets", texts.packets_by_port(family), texts.syns, "ports"),
            ("sources", None, "sources", texts.unique_sources(family), texts.sources, "sources"),
            ("sources_by_country", Some("country"), "sources", texts.by_country(family), texts.sources, "countries"),
        ];
        let mut figures = Vec::new();
        for (place, (table, series, value, title, unit, what)) in asked.into_iter().enumerate() {
            let (id, title) = match number.map(|first| first + place) {
                Some(number) => (format!("figure-{number}"), texts.figure(number, &title)),
                None => (format!("family-{}-{what}", figure::file_name(family)), title),
            };
            let pick = Pick { id, title, unit, place: None, only: vec![("family", family)], series, value };
            figures.push(self.of(table, pick, Some(&[family]))?);
        }
        Ok(figures)
    }

    /// Figure 7: of each port that was asked for, at home and everywhere.
    fn kinds(&self) -> anyhow::Result<Vec<Figure>> {
        let mut figures = Vec::new();
        let payload_rules = self.payload_rules()?;
        for port in &self.request.ports {
            let text = port.to_string();
            for (place, value) in [(self.request.home.as_str(), "home"), ("", "world")] {
                let mut figure = self.of(
                    "kinds",
                    Pick {
                        id: format!("figure-7-{port}-{value}"),
                        title: self.texts.figure(7, &self.texts.kinds_at(*port, place)),
                        unit: self.texts.sources,
                        place: (!place.is_empty()).then_some(place),
                        only: vec![("dst_port", &text)],
                        series: Some("kind"),
                        value,
                    },
                    None,
                )?;
                if !payload_rules.is_empty() {
                    figure.notes.insert(0, self.texts.payload_rules(&payload_rules));
                }
                figures.push(figure);
            }
        }
        Ok(figures)
    }

    /// Sources by the family that a payload tells, if any does.
    fn by_payload(&self) -> anyhow::Result<Option<Figure>> {
        let rules = self.payload_rules()?;
        if rules.is_empty() {
            return Ok(None);
        }
        let pick = Pick {
            id: "payload-families".into(),
            title: self.texts.by_payload().into(),
            unit: self.texts.sources,
            place: None,
            only: vec![],
            series: Some("family"),
            value: "sources",
        };
        let mut figure = self.bare("evidence", pick)?;
        let lost = self.texts.lost_payloads(finding::lost_payload_share(self.tables)?);
        figure.notes = vec![self.texts.payload_rules(&rules), lost];
        Ok(Some(figure))
    }

    /// Sources and SYNs of the home country by family.
    fn domestic(&self) -> anyhow::Result<Vec<Figure>> {
        let home = &self.request.home;
        let asked = [
            ("home-sources", "home", self.texts.domestic_sources(home), self.texts.sources),
            ("home-packets", "home_packets", self.texts.domestic_packets(home), self.texts.syns),
        ];
        let draw = |(id, value, title, unit): (&str, _, _, _)| {
            let (place, only) = (Some(home.as_str()), vec![]);
            self.of("sources", Pick { id: id.into(), title, unit, place, only, series: Some("family"), value }, None)
        };
        asked.into_iter().map(draw).collect()
    }

    /// Sources of each profile.
    fn profiles(&self) -> anyhow::Result<Vec<Figure>> {
        let rules = named(self.tables, "profile_rules")?;
        let (profile, family) = (rules.column("profile")?, rules.column("family")?);
        let mut figures = Vec::new();
        for row in &rules.rows {
            let (name, family) = (row[profile].text(), row[family].text());
            let pick = Pick {
                id: format!("profile-{name}"),
                title: self.texts.profile(&name),
                unit: self.texts.sources,
                place: None,
                only: vec![("profile", &name)],
                series: None,
                value: "sources",
            };
            let families = [family.as_str()];
            figures.push(self.of("profiles", pick, (!family.is_empty()).then_some(&families))?);
        }
        Ok(figures)
    }
}
