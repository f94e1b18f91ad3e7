//! Figures as SVG. The page's script draws in the same frame when a series is switched off.

use std::fmt::Write as _;

use super::{
    figure::{Figure, Series, steps},
    page::escape,
    text::Texts,
};

/// Size of a figure and where its axes are; `page.js` reads the frame from the attributes of the picture.
const WIDTH: f64 = 960.0;
const LEFT: f64 = 90.0;
const TOP: f64 = 72.0;
const PLOT: (f64, f64) = (WIDTH - LEFT - 16.0, 270.0);
const BOTTOM: f64 = TOP + PLOT.1;
const LEGEND_ROW: f64 = 22.0;
const LEGEND_COLUMNS: usize = 6;
/// Between the lines under a picture.
const NOTE_ROW: f64 = 15.0;
/// Letters of a legend's entry that fit into its column.
const LEGEND_LETTERS: usize = 16;
/// What a letter of an axis takes at most.
const LETTER: f64 = 8.5;
/// How near to a side the text of the peak no longer fits around its middle.
const PEAK_ROOM: f64 = 110.0;

/// What a figure looks like on paper; the page sets other colours for the classes.
const INK: &str = "#1c2128";
const FAINT: &str = "#d5d9de";
const PAPER: &str = "#ffffff";

/// The picture of a figure, with its legend.
pub(super) fn draw(figure: &Figure, texts: &Texts) -> String {
    let rows = if figure.series.len() > 1 { figure.series.len().div_ceil(LEGEND_COLUMNS) } else { 0 };
    let notes = NOTE_ROW * f64_of(figure.notes.len().saturating_sub(1));
    let height = (BOTTOM + 58.0 + LEGEND_ROW * f64_of(rows) + notes).ceil();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"{id}-title {id}-desc\" font-family=\"{fonts}\" font-size=\"13\" \
         data-frame=\"{LEFT} {TOP} {} {}\" data-peak=\"{peak}\">\n\
         <title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-desc\">{}</desc>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\" fill=\"{PAPER}\"/>\n\
         <text class=\"ink\" x=\"12\" y=\"24\" font-size=\"16\" font-weight=\"bold\" fill=\"{INK}\">{title}</text>\n\
         <text class=\"ink\" x=\"12\" y=\"45\" fill=\"{INK}\">{}</text>\n",
        PLOT.0,
        PLOT.1,
        escape(&figure.caption),
        escape(&figure.axis),
        id = escape(&figure.id),
        fonts = texts.fonts,
        peak = texts.peak,
        title = escape(&figure.title),
    );
    let steps = steps(figure.top());
    let top = *steps.last().unwrap_or(&1);
    svg += "<g class=\"axis\">\n";
    for step in &steps {
        let y = height_of(*step, top);
        let _ = writeln!(
            svg,
            "<path class=\"faint\" d=\"M{LEFT} {y:.1}h{}\" stroke=\"{FAINT}\" fill=\"none\"/>\
             <text class=\"ink\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"{INK}\">{}</text>",
            PLOT.0,
            LEFT - 8.0,
            y + 4.5,
            grouped(*step)
        );
    }
    svg += "</g>\n<g class=\"series\">\n";
    // Each area goes down to the axis, and the lower ones are drawn over the higher ones: half the points, and no seams.
    let mut sums = vec![0; figure.buckets.len()];
    let mut areas = Vec::new();
    for series in &figure.series {
        sums.iter_mut().zip(&series.values).for_each(|(sum, value)| *sum += value);
        areas.push(area(&sums, top));
    }
    for (number, (series, area)) in figure.series.iter().zip(areas).enumerate().rev() {
        let name = escape(&series.name);
        let _ = writeln!(
            svg,
            "<path data-series=\"{number}\" fill=\"{}\" d=\"{area}\"><title>{name}</title></path>",
            series.color,
        );
    }
    svg += "</g>\n";
    time_axis(&mut svg, &figure.buckets);
    peak(&mut svg, figure, top, texts);
    if rows > 0 {
        legend(&mut svg, &figure.series);
    }
    for (line, note) in figure.notes.iter().enumerate() {
        let _ = writeln!(
            svg,
            "<text class=\"ink\" x=\"12\" y=\"{}\" font-size=\"11\" fill=\"{INK}\">{}</text>",
            height - 10.0 - notes + NOTE_ROW * f64_of(line),
            escape(note)
        );
    }
    svg + "</svg>\n"
}

/// What lies under the steps of a stack, as a path.
fn area(values: &[u64], top: u64) -> String {
    if values.is_empty() {
        return String::new();
    }
    let width = PLOT.0 / f64_of(values.len());
    let mut path = format!("M{LEFT} {BOTTOM}");
    let mut level = String::new();
    for (at, value) in values.iter().enumerate() {
        let y = tenths(height_of(*value, top));
        if y == level {
            continue;
        }
        if at > 0 {
            let _ = write!(path, "H{}", tenths(LEFT + width * f64_of(at)));
        }
        let _ = write!(path, "V{y}");
        level = y;
    }
    let _ = write!(path, "H{}V{BOTTOM}Z", LEFT + PLOT.0);
    path
}

/// The highest stack in words, above it; or that there is none.
fn peak(svg: &mut String, figure: &Figure, top: u64, texts: &Texts) {
    let (left, right) = (LEFT, LEFT + PLOT.0);
    let (x, y, anchor, text) = match figure.peak() {
        None => (left + PLOT.0 / 2.0, TOP + PLOT.1 / 2.0, "middle", texts.nothing.to_owned()),
        Some((at, value)) => {
            let x = left + PLOT.0 / f64_of(figure.buckets.len()) * (f64_of(at) + 0.5);
            let anchor = match x {
                x if x < left + PEAK_ROOM => "start",
                x if x > right - PEAK_ROOM => "end",
                _ => "middle",
            };
            let text = format!("{} {}: {}", texts.peak, figure.buckets[at], grouped(value));
            (x, height_of(value, top) - 6.0, anchor, text)
        }
    };
    let _ = writeln!(
        svg,
        "<text class=\"ink peak\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{INK}\" \
         stroke=\"{PAPER}\" stroke-width=\"4\" stroke-linejoin=\"round\" paint-order=\"stroke\">{}</text>",
        escape(&text)
    );
}

/// Where the buckets begin: months when there are many, else every so many buckets.
fn time_axis(svg: &mut String, buckets: &[String]) {
    let width = PLOT.0 / f64_of(buckets.len().max(1));
    let _ = writeln!(svg, "<path class=\"line\" d=\"M{LEFT} {BOTTOM}h{}\" stroke=\"{INK}\" fill=\"none\"/>", PLOT.0);
    let month = |at: usize| &buckets[at][..7];
    let months: Vec<usize> = (0..buckets.len()).filter(|at| *at == 0 || month(*at) != month(at - 1)).collect();
    let (marks, length) = if months.len() > 2 { (months, 7) } else { ((0..buckets.len()).collect::<Vec<_>>(), 10) };
    let every = marks.len().div_ceil(if length == 7 { 13 } else { 9 }).max(1);
    let marks: Vec<(usize, f64)> = marks.into_iter().step_by(every).map(|at| (at, LEFT + width * f64_of(at))).collect();
    for (place, (at, x)) in marks.iter().enumerate() {
        let _ = writeln!(svg, "<path class=\"line\" d=\"M{x:.1} {BOTTOM}v5\" stroke=\"{INK}\"/>");
        // The first and the last month of a period may be short.
        let next = marks.get(place + 1).map_or(WIDTH, |(_, next)| *next);
        if next - x >= LETTER * f64_of(length) {
            let _ = writeln!(
                svg,
                "<text class=\"ink\" x=\"{x:.1}\" y=\"{}\" fill=\"{INK}\">{}</text>",
                BOTTOM + 19.0,
                escape(&buckets[*at][..length])
            );
        }
    }
}

fn legend(svg: &mut String, series: &[Series]) {
    let column = (WIDTH - 24.0) / f64_of(LEGEND_COLUMNS);
    svg.push_str("<g class=\"legend\">\n");
    for (number, series) in series.iter().enumerate() {
        let x = 12.0 + column * f64_of(number % LEGEND_COLUMNS);
        let y = BOTTOM + 32.0 + LEGEND_ROW * f64_of(number / LEGEND_COLUMNS);
        let mut name: String = series.name.chars().take(LEGEND_LETTERS).collect();
        if series.name.chars().count() > LEGEND_LETTERS {
            name.push('…');
        }
        let _ = writeln!(
            svg,
            "<g data-toggle=\"{number}\"><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"13\" height=\"13\" rx=\"2\" fill=\"{}\"/>\
             <text class=\"ink\" x=\"{:.1}\" y=\"{:.1}\" fill=\"{INK}\">{}</text></g>",
            series.color,
            x + 19.0,
            y + 11.5,
            escape(&name)
        );
    }
    svg.push_str("</g>\n");
}

/// A number with commas between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Where a value is, in a frame that reaches to `top`.
fn height_of(value: u64, top: u64) -> f64 {
    BOTTOM - PLOT.1 * share(value, top)
}

/// A coordinate: a year has many, and a tenth of a unit is not seen.
fn tenths(number: f64) -> String {
    format!("{number:.1}").trim_end_matches(".0").to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "a picture has a thousand points")]
fn share(value: u64, top: u64) -> f64 {
    value as f64 / top as f64
}

#[expect(clippy::cast_precision_loss, reason = "a picture has a thousand points")]
fn f64_of(number: usize) -> f64 {
    number as f64
}
