//! The parts of the page: which figures and tables it has, and in which order.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::{
    Request,
    days::Days,
    figure::{self, Figure, Pick},
    questions::named,
    table::Table,
    text::Texts,
};
use crate::period::Period;

/// A part of the page.
pub(super) struct Section<'a> {
    /// What stands above it.
    pub(super) heading: String,
    /// A sentence about it; may be empty.
    pub(super) note: &'static str,
    /// Its figures, before its tables.
    pub(super) figures: Vec<Figure>,
    /// Its tables.
    pub(super) tables: Vec<&'a Table>,
}

/// The families that have figures with a number, as in the reports of 2019.
const NUMBERED: [&str; 2] = ["mirai", "hajime"];

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
    let mut numbered = Vec::new();
    for family in NUMBERED {
        numbered.extend(draw.family(family, Some(numbered.len() + 1))?);
    }
    let of_families = table("sources")?;
    let family = of_families.column("family")?;
    let families: BTreeSet<String> = of_families.rows.iter().map(|row| row[family].text()).collect();
    let mut others = Vec::new();
    for family in families.iter().filter(|family| !NUMBERED.contains(&family.as_str())) {
        others.extend(draw.family(family, None)?);
    }
    let losses = table("losses")?;
    let mut sections = vec![
        Section { note: "", figures: vec![], tables: vec![table("totals")?], heading: texts.totals.into() },
        Section { note: texts.script_hint, figures: numbered, tables: vec![], heading: texts.figures.into() },
        Section { note: texts.kinds_note, figures: draw.kinds()?, tables: vec![], heading: texts.kinds.into() },
        Section {
            heading: format!("{}: {}", texts.domestic, request.home),
            note: texts.domestic_note,
            figures: draw.domestic()?,
            tables: vec![],
        },
    ];
    if let Some(against) = optional("against") {
        let tables = std::iter::once(against).chain(optional("against_countries")).collect();
        sections.push(Section { heading: texts.against.into(), note: texts.against_note, figures: vec![], tables });
    }
    let plain = |heading: &str, note, tables| Section { heading: heading.into(), note, figures: vec![], tables };
    sections.push(plain(texts.peaks, "", vec![table("peaks")?]));
    let new: Vec<&Table> = optional("new_ports").into_iter().chain([table("new_ports_by_month")?]).collect();
    sections.push(plain(texts.new_ports, texts.new_ports_note, new));
    sections.push(Section {
        heading: texts.profiles.into(),
        note: texts.profiles_note,
        figures: draw.profiles()?,
        tables: vec![table("profile_totals")?, table("profile_rules")?],
    });
    sections.push(plain(texts.countries, "", vec![table("countries")?]));
    sections.push(plain(texts.networks, texts.networks_note, vec![table("networks")?]));
    sections.push(Section { heading: texts.other_families.into(), note: "", figures: others, tables: vec![] });
    let losses_note = if losses.rows.is_empty() { texts.no_losses_known } else { texts.losses_note };
    sections.push(plain(texts.losses, losses_note, vec![losses]));
    sections.push(plain(texts.rules, "", vec![table("rules")?]));
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

impl Draw<'_> {
    fn of(&self, table: &str, pick: Pick) -> anyhow::Result<Figure> {
        figure::of(named(self.tables, table)?, pick, self.buckets, self.texts)
    }

    /// A family's SYNs by port, its sources, its sources by country. `number` is that of the first figure.
    fn family(&self, family: &str, number: Option<usize>) -> anyhow::Result<Vec<Figure>> {
        let texts = self.texts;
        let asked = [
            ("packets_by_port", Some("dport"), "packets", texts.packets_by_port(family), texts.syns, "ports"),
            ("sources", None, "sources", texts.unique_sources(family), texts.sources, "sources"),
            ("sources_by_country", Some("country"), "sources", texts.by_country(family), texts.sources, "countries"),
        ];
        let mut figures = Vec::new();
        for (place, (table, series, value, title, unit, what)) in asked.into_iter().enumerate() {
            let (id, title) = match number.map(|first| first + place) {
                Some(number) => (format!("figure-{number}"), texts.figure(number, &title)),
                None => (format!("family-{}-{what}", figure::file_name(family)), title),
            };
            let pick = Pick { id, title, unit, only: vec![("family", family)], series, value };
            figures.push(self.of(table, pick)?);
        }
        Ok(figures)
    }

    /// Figure 7: of each port that was asked for, at home and everywhere.
    fn kinds(&self) -> anyhow::Result<Vec<Figure>> {
        let mut figures = Vec::new();
        for port in &self.request.ports {
            let text = port.to_string();
            for (place, value) in [(self.request.home.as_str(), "home"), ("", "world")] {
                figures.push(self.of(
                    "kinds",
                    Pick {
                        id: format!("figure-7-{port}-{value}"),
                        title: self.texts.figure(7, &self.texts.kinds_at(*port, place)),
                        unit: self.texts.sources,
                        only: vec![("dport", &text)],
                        series: Some("kind"),
                        value,
                    },
                )?);
            }
        }
        Ok(figures)
    }

    /// Sources and SYNs of the home country by family.
    fn domestic(&self) -> anyhow::Result<Vec<Figure>> {
        let home = &self.request.home;
        let asked = [
            ("home-sources", "home", self.texts.domestic_sources(home), self.texts.sources),
            ("home-packets", "home_packets", self.texts.domestic_packets(home), self.texts.syns),
        ];
        let draw = |(id, value, title, unit): (&str, _, _, _)| {
            self.of("sources", Pick { id: id.into(), title, unit, only: vec![], series: Some("family"), value })
        };
        asked.into_iter().map(draw).collect()
    }

    /// Sources of each profile.
    fn profiles(&self) -> anyhow::Result<Vec<Figure>> {
        let draw = |name: &str| {
            self.of(
                "profiles",
                Pick {
                    id: format!("profile-{name}"),
                    title: self.texts.profile(name),
                    unit: self.texts.sources,
                    only: vec![("profile", name)],
                    series: None,
                    value: "sources",
                },
            )
        };
        self.request.profiles.names().map(draw).collect()
    }
}
