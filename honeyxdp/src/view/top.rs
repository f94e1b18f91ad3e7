//! `honeyxdp top` on a terminal: the live numbers of a sensor, drawn.

use std::cmp::Reverse;

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style, Stylize as _},
    text::{Line, Span},
    widgets::{Block, Borders, Cell, Paragraph, Row, Table, Widget},
};

use super::{
    format::{count, rate},
    live::{alerts, mode},
    table::{port_sources, sources},
};
use crate::server::live::{FamilyView, PortView, Sample, View};

/// Colours of families in their order; `other` is the last family and grey. The 16 colours that every terminal has.
const COLOURS: [Color; 10] = [
    Color::Red,
    Color::Yellow,
    Color::Blue,
    Color::Green,
    Color::Magenta,
    Color::Cyan,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
];

/// What families are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// All SYNs.
    #[default]
    Packets,
    /// SYNs per second.
    Rate,
    /// Different sources.
    Sources,
}

/// What the reader chose.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// What families are sorted by.
    pub order: Order,
    /// Family whose ports are shown; that of all if none.
    pub family: Option<String>,
    /// Whether the numbers stand still.
    pub paused: bool,
}

impl Choice {
    /// The next order.
    pub const fn sort(&mut self) {
        self.order = match self.order {
            Order::Packets => Order::Rate,
            Order::Rate => Order::Sources,
            Order::Sources => Order::Packets,
        };
    }

    /// Chooses the family `by` rows below the present one; none above the first.
    pub fn step(&mut self, view: &View, by: isize) {
        let names: Vec<&str> = sorted(view, self.order).into_iter().map(|family| family.name.as_str()).collect();
        let at = self.family.as_ref().and_then(|chosen| names.iter().position(|name| name == chosen));
        let next = match (at, by) {
            (None, by) if by > 0 => Some(0),
            (None, _) => None,
            (Some(at), by) => at.checked_add_signed(by).map(|at| at.min(names.len().saturating_sub(1))),
        };
        self.family = next.and_then(|at| names.get(at)).map(|&name| name.to_owned());
    }
}

/// Draws everything. `trouble` says why there is nothing newer.
pub fn draw(frame: &mut Frame<'_>, view: &View, samples: &[Sample], choice: &Choice, trouble: Option<&str>) {
    let area = frame.area();
    let mut warnings: Vec<String> = trouble.map(|trouble| format!("disconnected: {trouble}")).into_iter().collect();
    warnings.extend(alerts(view));
    let warned = u16::try_from(warnings.len().min(3)).unwrap_or(0);
    let chart = (area.height / 4).clamp(4, 14);
    let [head, alert, plot, tables, foot, keys] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(warned),
        Constraint::Length(chart),
        Constraint::Min(5),
        Constraint::Length(2),
        Constraint::Length(1),
    ])
    .areas(area);
    let lines: Vec<Line<'_>> = warnings.into_iter().map(|text| Line::from(text).red().bold()).collect();
    Paragraph::new(lines).render(alert, frame.buffer_mut());
    let help = " q quit   p pause   s sort   up/down family   Esc all families";
    Paragraph::new(help).style(Style::new().add_modifier(Modifier::REVERSED)).render(keys, frame.buffer_mut());
    header(view, choice, trouble.is_some()).render(head, frame.buffer_mut());
    Stacked { samples, families: &view.samples.families }.render(plot, frame.buffer_mut());
    let [left, right] = Layout::horizontal([Constraint::Min(48), Constraint::Percentage(42)]).spacing(1).areas(tables);
    families(view, choice).render_in(left, frame.buffer_mut());
    match choice.family.as_ref().and_then(|name| view.families.iter().find(|family| family.name == *name)) {
        Some(family) => ports_of(family).render_in(right, frame.buffer_mut()),
        None => ports(&view.ports).render_in(right, frame.buffer_mut()),
    }
    footer(view).render(foot, frame.buffer_mut());
}

/// A table that is drawn where there is room.
struct Shown<'a>(Table<'a>);

impl Shown<'_> {
    fn render_in(self, area: Rect, buffer: &mut Buffer) {
        Widget::render(self.0, area, buffer);
    }
}

fn header<'a>(view: &'a View, choice: &Choice, disconnected: bool) -> Paragraph<'a> {
    let state = match (disconnected, choice.paused, &view.not_ready) {
        (true, _, _) => Span::from("disconnected").red().bold(),
        (_, true, _) => Span::from("paused").yellow().bold(),
        (_, _, Some(_)) => Span::from("not ready").red().bold(),
        (_, _, None) => Span::from("live").green().bold(),
    };
    let interfaces: Vec<String> = view
        .interfaces
        .iter()
        .map(|interface| match interface.attached {
            true => format!("{} ({})", interface.name, mode(interface.mode)),
            false => format!("{} (gone)", interface.name),
        })
        .collect();
    let lost = view.records.lost_packets;
    let loss = Span::from(format!("lost {}", count(lost)));
    Paragraph::new(vec![
        Line::from(vec![
            Span::from("honeyxdp ").bold(),
            Span::from(format!("{} ", view.sensor.hostname)),
            state,
            Span::from(format!("  {}  {:.0}", interfaces.join(", "), view.generated_at)),
        ]),
        Line::from(vec![
            Span::from(format!("{} SYN/s", rate_of(view.syns_per_second))).bold(),
            Span::from(format!(
                "  {} SYNs  {} frames/s  {} ports  ",
                count(view.frames.dispositions.get("syn").copied().unwrap_or(0)),
                rate_of(view.frames_per_second),
                count(view.ports_seen)
            )),
            if lost > 0 { loss.red().bold() } else { loss },
        ]),
    ])
}

fn footer(view: &View) -> Paragraph<'_> {
    // The most frequent first: a narrow terminal cuts the line.
    let mut seen: Vec<(&String, &u64)> = view.frames.dispositions.iter().filter(|&(_, &frames)| frames > 0).collect();
    seen.sort_by_key(|&(_, frames)| Reverse(frames));
    let seen: Vec<String> = seen.into_iter().map(|(name, frames)| format!("{name} {}", count(*frames))).collect();
    let filters: Vec<String> = view.filters.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let filters = if filters.is_empty() { "none".to_owned() } else { filters.join(", ") };
    Paragraph::new(vec![
        Line::from(format!("frames: {}", if seen.is_empty() { "none yet".to_owned() } else { seen.join(", ") })),
        Line::from(format!("filters: {filters}")),
    ])
}

fn sorted(view: &View, order: Order) -> Vec<&FamilyView> {
    let mut families: Vec<&FamilyView> = view.families.iter().collect();
    match order {
        Order::Packets => families.sort_by_key(|family| Reverse(family.packets)),
        Order::Rate => families.sort_by(|a, b| b.per_second.total_cmp(&a.per_second)),
        Order::Sources => families.sort_by_key(|family| Reverse(family.sources.value.max(family.sources.estimate))),
    }
    families
}

fn families<'a>(view: &'a View, choice: &Choice) -> Shown<'a> {
    let mark = |order, name: &str| if choice.order == order { format!("{name} v") } else { name.to_owned() };
    let header = Row::new([
        Cell::new("family"),
        right(mark(Order::Rate, "per s")),
        right(mark(Order::Packets, "SYNs")),
        right(mark(Order::Sources, "sources")),
    ])
    .bold();
    let rows = sorted(view, choice.order).into_iter().map(|family| {
        let colour = colour_of(&view.samples.families, &family.name);
        let row = Row::new([
            Cell::new(Line::from(vec![Span::styled("■ ", colour), Span::from(family.name.as_str())])),
            right(rate_of(family.per_second)),
            right(count(family.packets)),
            right(sources(&family.sources)),
        ]);
        let chosen = choice.family.as_ref() == Some(&family.name);
        row.style(match (chosen, family.packets) {
            (true, _) => Style::new().add_modifier(Modifier::REVERSED),
            (_, 0) => Style::new().add_modifier(Modifier::DIM),
            _ => Style::new(),
        })
    });
    let widths = [Constraint::Length(13), Constraint::Fill(1), Constraint::Fill(1), Constraint::Fill(1)];
    Shown(Table::new(rows, widths).header(header).column_spacing(1))
}

fn ports(ports: &[PortView]) -> Shown<'_> {
    let header = Row::new([right("port"), right("per s"), right("SYNs"), right("sources")]).bold();
    let rows = ports.iter().map(|port| {
        Row::new([
            right(port.port.to_string()),
            right(rate_of(port.per_second)),
            right(count(port.packets)),
            right(port.sources.as_ref().map_or_else(|| "-".to_owned(), port_sources)),
        ])
    });
    let widths = [Constraint::Length(5), Constraint::Fill(1), Constraint::Fill(1), Constraint::Fill(1)];
    Shown(Table::new(rows, widths).header(header).column_spacing(1))
}

fn ports_of(family: &FamilyView) -> Shown<'_> {
    let header = Row::new([right("port"), right(format!("SYNs of {}", family.name))]).bold();
    let rows = family.ports.iter().map(|(port, packets)| Row::new([right(port.to_string()), right(count(*packets))]));
    Shown(Table::new(rows, [Constraint::Length(5), Constraint::Fill(1)]).header(header))
}

fn right<'a>(text: impl Into<String>) -> Cell<'a> {
    Cell::new(Line::from(text.into()).right_aligned())
}

fn rate_of(per_second: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "tenths of a rate that is not negative"
    )]
    let tenths = (per_second * 10.0).round() as u64;
    rate(tenths, 10.0)
}

fn colour(index: usize, families: usize) -> Color {
    if index + 1 == families { Color::DarkGray } else { COLOURS[index % COLOURS.len()] }
}

fn colour_of(families: &[String], name: &str) -> Style {
    let index = families.iter().position(|family| family == name).unwrap_or(0);
    Style::new().fg(colour(index, families.len()))
}

/// SYNs a second by family, stacked, the newest at the right.
struct Stacked<'a> {
    samples: &'a [Sample],
    families: &'a [String],
}

impl Widget for Stacked<'_> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "what is drawn is as fine as an eighth of a character"
    )]
    fn render(self, area: Rect, buffer: &mut Buffer) {
        const STEPS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
        let block = Block::new().borders(Borders::TOP);
        let inner = block.inner(area);
        if inner.height == 0 || inner.width == 0 {
            return;
        }
        // A column is a second.
        let mut columns = vec![vec![0.0; self.families.len()]; usize::from(inner.width)];
        let newest = self.samples.last().map(|sample| sample.end);
        for sample in self.samples {
            let Some(newest) = newest else { break };
            let age = newest.duration_since(sample.end).as_secs_f64().max(0.0);
            for second in 0..sample.seconds.round().max(1.0) as usize {
                let back = age.round() as usize + second;
                let Some(column) = columns.len().checked_sub(back + 1) else { break };
                columns[column] = sample.syns.iter().map(|&syns| syns as f64 / sample.seconds).collect();
            }
        }
        let most = columns.iter().map(|column| column.iter().sum::<f64>()).fold(1.0, f64::max);
        block.title(format!(" SYNs per second by family, at most {} ", rate_of(most))).render(area, buffer);
        let unit = f64::from(inner.height) * 8.0 / most;
        for (x, column) in (inner.left()..inner.right()).zip(&columns) {
            // Where each family ends, in eighths of a row from the ground.
            let mut sum = 0.0;
            let ends: Vec<f64> = column
                .iter()
                .map(|value| {
                    sum += value * unit;
                    sum
                })
                .collect();
            for row in 0..inner.height {
                let ground = f64::from(row) * 8.0;
                let filled = (sum - ground).clamp(0.0, 8.0);
                let eighths = if row == 0 && sum > 0.0 { filled.round().max(1.0) } else { filled.round() } as usize;
                if eighths == 0 {
                    break;
                }
                let middle = ground + filled / 2.0;
                let family = ends.iter().position(|&end| end > middle).unwrap_or(0);
                let style = Style::new().fg(colour(family, self.families.len()));
                buffer.set_string(x, inner.bottom() - 1 - row, STEPS[eighths], style);
            }
        }
    }
}

/// Adds new samples to those that are kept.
pub fn keep(samples: &mut Vec<Sample>, new: Vec<Sample>) {
    const MOST: usize = 700;
    // A sensor that was started again counts its samples from 1.
    if let (Some(last), Some(first)) = (samples.last(), new.first())
        && first.number <= last.number
    {
        samples.clear();
    }
    samples.extend(new);
    let surplus = samples.len().saturating_sub(MOST);
    samples.drain(..surplus);
}
