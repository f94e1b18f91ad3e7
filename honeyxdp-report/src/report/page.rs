//! The page: one file without anything from outside, under a policy that allows its own script and style alone.

use std::fmt::Write as _;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::{
    figure::Figure,
    phrase::percent,
    sections::Section,
    svg,
    table::{Table, Value},
    text::Texts,
};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// How many rows of a table the page shows; the files have all.
const ROWS: usize = 400;
/// With how many it is folded.
const LONG: usize = 30;
/// What stands for a password that is not shown.
const MASK: &str = "********";

/// What the page says.
pub(super) struct Page<'a> {
    /// The language.
    pub(super) texts: &'a Texts,
    /// Label and value of the first lines.
    pub(super) about: Vec<(&'static str, String)>,
    /// Sentences about what stands out.
    pub(super) findings: Vec<String>,
    /// What follows the heading of the page, as the name of the period.
    pub(super) title: String,
    /// Its parts.
    pub(super) sections: &'a [Section<'a>],
    /// Names of the files beside it.
    pub(super) files: &'a [String],
}

/// Text as it may stand in HTML and XML, in elements and in attributes. Control characters, which XML forbids, and those
/// that turn the direction of text are shown as U+FFFD.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if is_hidden(c) => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// Controls, what turns the direction of text, and what XML does not allow.
fn is_hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

/// Writes the page.
pub(super) fn write(page: &Page) -> anyhow::Result<String> {
    let texts = page.texts;
    // In a script element nothing ends but at `</`, and JSON may say any character by its number.
    let figures: Vec<&Figure> = page.sections.iter().flat_map(|section| &section.figures).collect();
    let data = serde_json::to_string(&figures)?.replace('<', "\\u003c").replace('>', "\\u003e");
    let data: String = data.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect();
    let mut html = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<dl>\n",
        texts.tag,
        hash(SCRIPT),
        hash(STYLE),
        title = escape(&format!("{}: {}", texts.heading, page.title)),
    );
    for (label, value) in &page.about {
        let _ = writeln!(html, "<dt>{label}</dt><dd>{}</dd>", escape(value));
    }
    let _ = writeln!(html, "</dl>\n<h2>{}</h2>\n<ul>", texts.findings);
    for finding in &page.findings {
        let _ = writeln!(html, "<li>{}</li>", escape(finding));
    }
    let _ = writeln!(html, "</ul>\n<p class=\"note\">{}</p>", texts.limits);
    let sections: Vec<&Section> =
        page.sections.iter().filter(|section| !section.figures.is_empty() || !section.tables.is_empty()).collect();
    let _ = writeln!(html, "<nav aria-label=\"{0}\"><h2>{0}</h2>\n<ol>", texts.contents);
    for (number, section) in sections.iter().enumerate() {
        let _ = writeln!(html, "<li><a href=\"#part-{number}\">{}</a></li>", escape(&section.heading));
    }
    let _ = writeln!(html, "</ol></nav>\n<p class=\"note hint\">{}</p>", texts.script_hint);
    for (number, Section { heading, note, figures, tables }) in sections.into_iter().enumerate() {
        let _ = writeln!(html, "<h2 id=\"part-{number}\">{}</h2>", escape(heading));
        if !note.is_empty() {
            let _ = writeln!(html, "<p class=\"note\">{}</p>", escape(note));
        }
        for figure in figures {
            self::figure(&mut html, figure, texts);
        }
        for table in tables {
            rows(&mut html, table, texts);
        }
    }
    let _ = writeln!(html, "<h2>{}</h2>", texts.files);
    files(&mut html, page.files);
    let _ = write!(
        html,
        "<p>honeyxdp {}</p>\n<script type=\"application/json\" id=\"figures\">{data}</script>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
    Ok(html)
}

/// The files, by name and then by form.
fn files(html: &mut String, files: &[String]) {
    let mut forms: Vec<(&str, Vec<&str>)> = Vec::new();
    for file in files {
        let stem = file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem);
        match forms.last_mut().filter(|(last, _)| *last == stem) {
            Some((_, files)) => files.push(file),
            None => forms.push((stem, vec![file])),
        }
    }
    html.push_str("<ul class=\"files\">\n");
    for (stem, files) in forms {
        let _ = write!(html, "<li>{}", escape(stem));
        for file in files {
            let form = file.rsplit_once('.').map_or(file, |(_, form)| form);
            let _ = write!(html, " <a href=\"{}\">{}</a>", escape(file), escape(form));
        }
        html.push_str("</li>\n");
    }
    html.push_str("</ul>\n");
}

fn figure(html: &mut String, figure: &Figure, texts: &Texts) {
    let _ = write!(
        html,
        "<figure id=\"{}\">\n<div class=\"scroll\">{}</div>\n<figcaption>{}</figcaption>\n</figure>\n",
        escape(&figure.id),
        svg::draw(figure, texts),
        escape(&figure.caption)
    );
}

fn rows(html: &mut String, table: &Table, texts: &Texts) {
    let title = escape(texts.table(&table.name));
    if table.rows.is_empty() {
        let _ = writeln!(html, "<p><strong>{title}</strong>: {}</p>", texts.nothing);
        return;
    }
    // Numbers, but not counts.
    let count = |column: usize| {
        !["dst_port", "place", "place_before", "asn"].contains(&table.columns[column].as_str())
            && table.rows.iter().any(|row| matches!(row[column], Value::Integer(_) | Value::Number(_)))
    };
    let counts: Vec<bool> = (0..table.columns.len()).map(count).collect();
    // What a reader looks up rather than reads is folded.
    let long = table.rows.len() > LONG;
    if long {
        let _ = writeln!(html, "<details><summary>{title} ({})</summary>", table.rows.len());
    }
    let _ = write!(html, "<div class=\"scroll\" tabindex=\"0\"><table><caption>{title}</caption><thead><tr>");
    for (column, count) in table.columns.iter().zip(&counts) {
        let class = if *count { " class=\"number\"" } else { "" };
        let _ = write!(html, "<th scope=\"col\"{class}>{}</th>", escape(texts.column(column)));
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in table.rows.iter().take(ROWS) {
        html.push_str("<tr>");
        for ((value, count), column) in row.iter().zip(&counts).zip(&table.columns) {
            let _ = match value {
                Value::Integer(number) if *count => {
                    write!(html, "<td class=\"number\">{}</td>", svg::grouped(number.unsigned_abs()))
                }
                Value::Number(share) if column == "share" => {
                    write!(html, "<td class=\"number\">{}</td>", percent(*share))
                }
                Value::None if column == "password" => write!(html, "<td>{MASK}</td>"),
                Value::Number(number) => write!(html, "<td class=\"number\">{}</td>", decimal(*number)),
                day if column.ends_with("_day") => write!(html, "<td class=\"day\">{}</td>", escape(&day.text())),
                other => write!(html, "<td>{}</td>", escape(texts.cell(column, &other.text()))),
            };
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table></div>\n");
    if table.rows.len() > ROWS {
        let _ = writeln!(html, "<p>{ROWS} / {}: {}.csv</p>", table.rows.len(), escape(&table.name));
    }
    if long {
        html.push_str("</details>\n");
    }
}

/// A median: it has a half or none.
fn decimal(number: f64) -> String {
    let text = format!("{number:.1}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, "0"));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), svg::grouped);
    if part == "0" { whole } else { format!("{whole}.{part}") }
}

/// As a Content-Security-Policy names a script or a style.
fn hash(text: &str) -> String {
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{
        figure::Series,
        text::{Language, Texts},
    };

    const HOSTILE: &str = "</script><script>alert(1)</script><img src=x onerror='a\"b'>&\0\u{1b}[31m\u{202e}";

    #[test]
    fn medians_read_as_counts_do() {
        assert_eq!([1_665_574.0, 38_494.5, 0.0].map(decimal), ["1,665,574", "38,494.5", "0"]);
    }

    #[test]
    fn hostile_text_is_text_everywhere() {
        let figure = Figure {
            id: "figure-1".into(),
            title: HOSTILE.into(),
            axis: HOSTILE.into(),
            caption: HOSTILE.into(),
            notes: vec![HOSTILE.into(); 2],
            buckets: vec!["2019-01-01".into()],
            series: ["a", HOSTILE].map(|name| Series { name: name.into(), color: "#000000", values: vec![1] }).to_vec(),
        };
        let table = Table {
            name: HOSTILE.into(),
            columns: vec![HOSTILE.into()],
            rows: vec![vec![Value::Text(HOSTILE.into())]; ROWS + 1],
        };
        let sections = [Section {
            heading: HOSTILE.into(),
            note: HOSTILE.into(),
            figures: vec![figure.clone()],
            tables: vec![&table],
        }];
        let page = Page {
            texts: Texts::of(Language::En),
            about: vec![("x", HOSTILE.into())],
            findings: vec![HOSTILE.into()],
            title: HOSTILE.into(),
            sections: &sections,
            files: &[HOSTILE.into()],
        };
        let html = write(&page).unwrap();
        assert_eq!(html.matches("<script").count(), 2, "its data and its code");
        assert_eq!(html.matches("</script").count(), 2);
        for wrong in ["<img", "\0", "\u{1b}", "\u{202e}"] {
            assert!(!html.replace("\\u001b", "").contains(wrong), "{wrong:?}");
        }
        let svg = svg::draw(&figure, page.texts);
        assert!(resvg::usvg::Tree::from_str(&svg, &resvg::usvg::Options::default()).is_ok(), "{svg}");
    }
}
