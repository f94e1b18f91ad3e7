//! Figures as SVG. The page's script draws in the same frame when a series is switched off.

use std::fmt::Write as _;

use super::{
    figure::{Figure, Series, steps},
    page::escape,
};

/// Size of a figure and where its axes are; `page.js` reads the frame from the attributes of the picture.
pub(super) const WIDTH: f64 = 960.0;
const LEFT: f64 = 78.0;
const TOP: f64 = 44.0;
const PLOT: (f64, f64) = (WIDTH - LEFT - 16.0, 270.0);
const LEGEND_ROW: f64 = 22.0;
const LEGEND_COLUMNS: usize = 6;

/// What a figure looks like on paper; the page sets other colours for the classes.
const INK: &str = "#1c2128";
const FAINT: &str = "#d5d9de";
const PAPER: &str = "#ffffff";

/// The picture of a figure, with its legend.
pub(super) fn draw(figure: &Figure) -> String {
    let rows = if figure.series.len() > 1 { figure.series.len().div_ceil(LEGEND_COLUMNS) } else { 0 };
    let height = (TOP + PLOT.1 + 44.0 + LEGEND_ROW * f64_of(rows)).ceil();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{title}\" font-family=\"Noto Sans, DejaVu Sans, Noto Sans CJK JP, IPAGothic, VL Gothic, \
         sans-serif\" font-size=\"13\" data-frame=\"{LEFT} {TOP} {} {}\">\n<title>{title}</title>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\" fill=\"{PAPER}\"/>\n\
         <text class=\"ink\" x=\"12\" y=\"24\" font-size=\"16\" font-weight=\"bold\" fill=\"{INK}\">{title}</text>\n",
        PLOT.0,
        PLOT.1,
        title = escape(&figure.title),
    );
    let steps = steps(figure.top());
    let top = *steps.last().unwrap_or(&1);
    svg += "<g class=\"axis\">\n";
    for step in &steps {
        let y = TOP + PLOT.1 - PLOT.1 * share(*step, top);
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
    let mut below = vec![0; figure.buckets.len()];
    for (number, series) in figure.series.iter().enumerate() {
        let _ = writeln!(
            svg,
            "<path data-series=\"{number}\" fill=\"{}\" d=\"{}\"><title>{}</title></path>",
            series.color,
            area(&mut below, series, top),
            escape(&series.name)
        );
    }
    svg += "</g>\n";
    time_axis(&mut svg, &figure.buckets);
    if rows > 0 {
        legend(&mut svg, &figure.series);
    }
    svg + "</svg>\n"
}

/// The steps between two stacks, as a path.
fn area(below: &mut [u64], series: &Series, top: u64) -> String {
    let width = PLOT.0 / f64_of(below.len().max(1));
    let x = |at: usize| LEFT + width * f64_of(at);
    let y = |value: u64| TOP + PLOT.1 - PLOT.1 * share(value, top);
    let mut path = String::new();
    let mut back = String::new();
    for (at, value) in series.values.iter().enumerate() {
        let begin = if at == 0 { 'M' } else { 'L' };
        let upper = y(below[at] + value);
        let _ = write!(path, "{begin}{:.2} {upper:.2}L{:.2} {upper:.2}", x(at), x(at + 1));
    }
    for at in (0..below.len()).rev() {
        let lower = y(below[at]);
        let _ = write!(back, "L{:.2} {lower:.2}L{:.2} {lower:.2}", x(at + 1), x(at));
    }
    for (below, value) in below.iter_mut().zip(&series.values) {
        *below += value;
    }
    if path.is_empty() { path } else { path + &back + "Z" }
}

/// Where the buckets begin: months when there are many, else every so many buckets.
fn time_axis(svg: &mut String, buckets: &[String]) {
    let width = PLOT.0 / f64_of(buckets.len().max(1));
    let bottom = TOP + PLOT.1;
    let _ = writeln!(svg, "<path class=\"line\" d=\"M{LEFT} {bottom}h{}\" stroke=\"{INK}\" fill=\"none\"/>", PLOT.0);
    let month = |at: usize| &buckets[at][..7];
    let months: Vec<usize> = (0..buckets.len()).filter(|at| *at == 0 || month(*at) != month(at - 1)).collect();
    let (marks, length) = if months.len() > 2 { (months, 7) } else { ((0..buckets.len()).collect::<Vec<_>>(), 10) };
    let every = marks.len().div_ceil(if length == 7 { 13 } else { 9 }).max(1);
    for at in marks.into_iter().step_by(every) {
        let x = LEFT + width * f64_of(at);
        let _ = writeln!(
            svg,
            "<path class=\"line\" d=\"M{x:.1} {bottom}v5\" stroke=\"{INK}\"/>\
             <text class=\"ink\" x=\"{x:.1}\" y=\"{}\" fill=\"{INK}\">{}</text>",
            bottom + 19.0,
            escape(&buckets[at][..length])
        );
    }
}

fn legend(svg: &mut String, series: &[Series]) {
    let column = (WIDTH - 24.0) / f64_of(LEGEND_COLUMNS);
    svg.push_str("<g class=\"legend\">\n");
    for (number, series) in series.iter().enumerate() {
        let x = 12.0 + column * f64_of(number % LEGEND_COLUMNS);
        let y = TOP + PLOT.1 + 34.0 + LEGEND_ROW * f64_of(number / LEGEND_COLUMNS);
        let name: String = series.name.chars().take(20).collect();
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

#[expect(clippy::cast_precision_loss, reason = "a picture has a thousand points")]
fn share(value: u64, top: u64) -> f64 {
    value as f64 / top as f64
}

#[expect(clippy::cast_precision_loss, reason = "a picture has a thousand points")]
fn f64_of(number: usize) -> f64 {
    number as f64
}
