//! `honeyxdp top` on a terminal: the live view of a sensor, drawn. Where there is little room, columns are dropped; a number
//! is shown whole or not at all.

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
    payloads::payload_parts,
    table::{port_sources, sources},
};
use crate::live::{FamilyView, PortView, Sample, View};

/// Colours of families in their order, of the 16 that every terminal has. `other` is the last family, and grey.
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

/// Sort order of families.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// All SYNs.
    #[default]
    Packets,
    /// SYNs per second.
    Rate,
    /// Unique sources.
    Sources,
}

/// The user's choices.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Sort order of families.
    pub order: Order,
    /// Family whose ports are shown; that of all if none.
    pub family: Option<String>,
    /// Whether the display is paused.
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

    /// Chooses the family `by` rows below the current one; none above the first.
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

/// Draws the view. `trouble` is the reason why it is not updated.
pub fn draw(frame: &mut Frame<'_>, view: &View, samples: &[Sample], choice: &Choice, trouble: Option<&str>) {
    let area = frame.area();
    let mut warnings: Vec<String> = trouble.map(|trouble| format!("disconnected: {trouble}")).into_iter().collect();
    warnings.extend(alerts(view));
    let warned = u16::try_from(warnings.len().min(3)).unwrap_or(0);
    let foot_lines = footer(view, area.width);
    let chart = (area.height / 4).clamp(4, 14);
    let [head, alert, plot, tables, foot, keys] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(warned),
        Constraint::Length(chart),
        Constraint::Min(5),
        Constraint::Length(u16::try_from(foot_lines.len()).unwrap_or(3)),
        Constraint::Length(1),
    ])
    .areas(area);
    let lines: Vec<Line<'_>> = warnings.into_iter().map(|text| Line::from(text).red().bold()).collect();
    Paragraph::new(lines).render(alert, frame.buffer_mut());
    let help = " q quit   p pause   s sort   up/down family   Esc all families";
    Paragraph::new(help).style(Style::new().add_modifier(Modifier::REVERSED)).render(keys, frame.buffer_mut());
    header(view, choice, trouble.is_some(), area.width).render(head, frame.buffer_mut());
    Stacked { samples, families: &view.samples.families }.render(plot, frame.buffer_mut());
    let mut left = families(view, choice);
    let mut right =
        match choice.family.as_ref().and_then(|name| view.families.iter().find(|family| family.name == *name)) {
            Some(family) => ports_of(family),
            None => ports(&view.ports),
        };
    fit(&mut left, &mut right, tables.width);
    let rest = tables.width.saturating_sub(left.width() + right.width() + 1);
    let left_width = if right.columns.is_empty() { tables.width } else { left.width() + rest / 2 };
    let [left_area, right_area] =
        Layout::horizontal([Constraint::Length(left_width), Constraint::Fill(1)]).spacing(1).areas(tables);
    left.render_in(left_area, frame.buffer_mut());
    right.render_in(right_area, frame.buffer_mut());
    Paragraph::new(foot_lines).render(foot, frame.buffer_mut());
}

/// A column of a table.
struct Column<'a> {
    head: String,
    cells: Vec<Span<'a>>,
    /// Whether it is aligned to the right, as numbers are.
    is_number: bool,
    /// Order in which columns are dropped, the largest first; `None` stays.
    drop: Option<u8>,
}

impl<'a> Column<'a> {
    fn text(head: &str, cells: impl Iterator<Item = Span<'a>>) -> Self {
        Self { head: head.to_owned(), cells: cells.collect(), is_number: false, drop: None }
    }

    fn number(head: impl Into<String>, drop: Option<u8>, cells: impl Iterator<Item = String>) -> Self {
        Self { head: head.into(), cells: cells.map(Span::from).collect(), is_number: true, drop }
    }

    fn width(&self) -> u16 {
        let width = self.cells.iter().map(Span::width).chain([Span::from(self.head.as_str()).width()]).max();
        u16::try_from(width.unwrap_or(0)).unwrap_or(u16::MAX)
    }
}

/// A table, by columns.
struct Grid<'a> {
    columns: Vec<Column<'a>>,
    styles: Vec<Style>,
}

impl Grid<'_> {
    /// Columns that its contents take.
    fn width(&self) -> u16 {
        let gaps = u16::try_from(self.columns.len().saturating_sub(1)).unwrap_or(0);
        self.columns.iter().map(Column::width).fold(gaps, u16::saturating_add)
    }

    fn render_in(self, area: Rect, buffer: &mut Buffer) {
        let numbers = u16::try_from(self.columns.iter().filter(|column| column.is_number).count()).unwrap_or(0);
        let more = area.width.saturating_sub(self.width()).checked_div(numbers).unwrap_or(0);
        let widths: Vec<Constraint> = self
            .columns
            .iter()
            .map(|column| Constraint::Length(column.width() + if column.is_number { more } else { 0 }))
            .collect();
        let cell = |column: &Column<'_>, span: Span<'_>| {
            let line = Line::from(span.content.into_owned()).style(span.style);
            Cell::new(if column.is_number { line.right_aligned() } else { line })
        };
        let head = self.columns.iter().map(|column| cell(column, Span::from(column.head.as_str())));
        let rows = self.styles.iter().enumerate().map(|(row, style)| {
            Row::new(self.columns.iter().map(|column| cell(column, column.cells[row].clone()))).style(*style)
        });
        let table = Table::new(rows, widths).header(Row::new(head).bold()).column_spacing(1);
        Widget::render(table, area, buffer);
    }
}

/// Drops columns until both tables fit beside each other; if that is not enough, the right table.
fn fit(left: &mut Grid<'_>, right: &mut Grid<'_>, width: u16) {
    while left.width().saturating_add(right.width()) >= width {
        let next = left.columns.iter().chain(&right.columns).filter_map(|column| column.drop).max();
        match next {
            Some(_) => {
                left.columns.retain(|column| column.drop != next);
                right.columns.retain(|column| column.drop != next);
            }
            None => return right.columns.clear(),
        }
    }
}

/// The first parts that fit on a line.
fn fitting(parts: impl IntoIterator<Item = String>, separator: &str, width: u16) -> String {
    let mut line = String::new();
    for part in parts {
        let gap = if line.is_empty() { "" } else { separator };
        if line.chars().count() + gap.len() + part.chars().count() > usize::from(width) {
            break;
        }
        line.push_str(gap);
        line.push_str(&part);
    }
    line
}

fn header<'a>(view: &'a View, choice: &Choice, disconnected: bool, width: u16) -> Paragraph<'a> {
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
    let loss = format!("  lost {}", count(lost));
    let rates = format!("{} SYN/s", rate_of(view.syns_per_second));
    let counts = [
        format!("  {} SYNs", count(view.frames.dispositions.get("syn").copied().unwrap_or(0))),
        format!("  {} frames/s", rate_of(view.frames_per_second)),
        format!("  {} ports", count(view.ports_seen)),
    ];
    Paragraph::new(vec![
        Line::from(vec![
            Span::from("honeyxdp ").bold(),
            Span::from(format!("{} ", view.sensor.hostname)),
            state,
            Span::from(format!("  {}  {:.0}", interfaces.join(", "), view.generated_at)),
        ]),
        Line::from(vec![
            Span::from(rates.clone()).bold(),
            Span::from(fitting(counts, "", width.saturating_sub(used(&rates) + used(&loss)))),
            if lost > 0 { Span::from(loss).red().bold() } else { Span::from(loss) },
        ]),
    ])
}

fn used(text: &str) -> u16 {
    u16::try_from(text.chars().count()).unwrap_or(u16::MAX)
}

fn footer(view: &View, width: u16) -> Vec<Line<'static>> {
    let mut seen: Vec<(&String, &u64)> = view.frames.dispositions.iter().filter(|&(_, &frames)| frames > 0).collect();
    seen.sort_by_key(|&(_, frames)| Reverse(frames));
    let seen = seen.into_iter().map(|(name, frames)| format!("{name} {}", count(*frames)));
    let filters = view.filters.iter().map(|(name, value)| format!("{name} {value}"));
    let line = |name: &str, none: &str, parts: Vec<String>| {
        let parts = if parts.is_empty() { vec![none.to_owned()] } else { parts };
        let text = fitting(parts, ", ", width.saturating_sub(used(name) + 2));
        Line::from(format!("{name}: {text}"))
    };
    let mut lines = vec![line("frames", "none yet", seen.collect()), line("filters", "none", filters.collect())];
    if let Some(payloads) = &view.payloads {
        lines.insert(1, line("payloads", "none yet", payload_parts(payloads)));
    }
    lines
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

fn families<'a>(view: &'a View, choice: &Choice) -> Grid<'a> {
    let head = |order, name: &str| if choice.order == order { format!("{name} v") } else { name.to_owned() };
    let all = sorted(view, choice.order);
    let style = |family: &FamilyView| match (choice.family.as_ref() == Some(&family.name), family.packets) {
        (true, _) => Style::new().add_modifier(Modifier::REVERSED),
        (_, 0) => Style::new().add_modifier(Modifier::DIM),
        _ => Style::new(),
    };
    let square = |family: &&FamilyView| Span::styled("■", colour_of(&view.samples.families, &family.name));
    let rows = || all.iter();
    Grid {
        columns: vec![
            Column::text("", rows().map(square)),
            Column::text("family", rows().map(|family| Span::from(family.name.as_str()))),
            Column::number(head(Order::Rate, "per s"), Some(1), rows().map(|family| rate_of(family.per_second))),
            Column::number(head(Order::Packets, "SYNs"), None, rows().map(|family| count(family.packets))),
            Column::number(head(Order::Sources, "sources"), Some(2), rows().map(|family| sources(&family.sources))),
        ],
        styles: rows().map(|family| style(family)).collect(),
    }
}

fn ports(ports: &[PortView]) -> Grid<'_> {
    let unique = |port: &PortView| port.sources.as_ref().map_or_else(|| "-".to_owned(), port_sources);
    Grid {
        columns: vec![
            Column::number("port", None, ports.iter().map(|port| port.port.to_string())),
            Column::number("per s", Some(3), ports.iter().map(|port| rate_of(port.per_second))),
            Column::number("SYNs", None, ports.iter().map(|port| count(port.packets))),
            Column::number("sources", Some(4), ports.iter().map(unique)),
        ],
        styles: vec![Style::new(); ports.len()],
    }
}

fn ports_of(family: &FamilyView) -> Grid<'_> {
    let ports = || family.ports.iter();
    Grid {
        columns: vec![
            Column::number("port", None, ports().map(|(port, _)| port.to_string())),
            Column::number(format!("SYNs of {}", family.name), None, ports().map(|&(_, packets)| count(packets))),
        ],
        styles: vec![Style::new(); family.ports.len()],
    }
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
    // A restarted sensor counts its samples from 1.
    if let (Some(last), Some(first)) = (samples.last(), new.first())
        && first.number <= last.number
    {
        samples.clear();
    }
    samples.extend(new);
    let surplus = samples.len().saturating_sub(MOST);
    samples.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::{
        Counts, live,
        snapshot::{PortLimit, PortSources, Recorder, Run, Sensor, Span},
        sources::{Settings, SourceTracker},
    };

    fn view(packets: u64) -> View {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let sensor = Sensor::of_this_machine(None, None);
        let (interfaces, filters, ports) = (Vec::new(), Default::default(), PortLimit::default());
        let run = Run { sensor, interfaces, started_at: now, filters, ports };
        let sources = SourceTracker::new(&Settings::default(), now);
        let span = Span { start: now, end: now, length: Duration::from_secs(1) };
        let snapshot = Recorder::new(run, 0).snapshot(&Counts::default(), &sources, span);
        let mut view = live::view(&snapshot, None, 1.0);
        view.families[0].packets = packets;
        view.families[0].sources.value = packets / 7;
        view.families[0].sources.exact = true;
        view.ports = vec![PortView {
            port: 60_001,
            packets: packets / 3,
            per_second: 12_345_678.0,
            families: Vec::new(),
            sources: Some(PortSources { value: packets / 9, exact: true }),
        }];
        view
    }

    fn screen(view: &View, width: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, 40)).unwrap();
        terminal.draw(|frame| draw(frame, view, &[], &Choice::default(), None)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let cells: Vec<&str> = buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect();
        cells.chunks(usize::from(width)).map(|line| line.concat() + "\n").collect()
    }

    #[test]
    fn shows_numbers_whole_or_not_at_all() {
        for packets in [7, 123_456, 98_765_432_109] {
            let view = view(packets);
            for width in 30..=160 {
                let shown = screen(&view, width);
                // Words with a comma or digits alone are numbers; each must be one of the view's.
                let known = [packets, packets / 7, packets / 3, packets / 9, 12_345_678, 60_001, 0].map(count);
                let cut = shown
                    .lines()
                    .skip(14)
                    .flat_map(str::split_whitespace)
                    .filter(|word| word.len() > 3 && word.chars().all(|char| char.is_ascii_digit() || char == ','))
                    .find(|word| !known.iter().any(|number| number == word) && *word != "60001");
                assert_eq!(cut, None, "{width} columns:\n{shown}");
                assert!(shown.contains(&count(packets)), "{width} columns:\n{shown}");
            }
            assert!(screen(&view, 100).contains(&count(packets / 9)), "all columns fit");
        }
    }
}
