//! Reading a capture file, beside two programs that look for one mark.

use std::{
    fs::File,
    io::BufWriter,
    net::Ipv4Addr,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use honeyxdp::{Pipeline, filter::Filters, replay, sources::Settings as SourceSettings};
use jiff::Timestamp;
use lab::{craft, pcap};

use super::{
    Settings,
    table::{Cell, Column, Summary, Table, column},
};

const COLUMNS: &[Column] = &[
    column("packets", "packets", 0),
    column("ms", "ms", 0),
    column("min_ms", "min", 0),
    column("max_ms", "max", 0),
    column("per_second", "million/s", 2),
    column("honeyxdp_is_faster", "honeyxdp is faster", 1),
];

const TCPDUMP: &str = "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn and tcp[4:4] = ip[16:4]";
/// The same for tshark, which takes bytes as bytes: the destination is at 16 in IP, the sequence number at 4 in TCP.
const TSHARK: &str = "tcp.flags.syn == 1 and tcp.flags.ack == 0 and tcp[4:4] == ip[16:4]";

pub(crate) fn measure(settings: Settings) -> anyhow::Result<Vec<Table>> {
    let packets = settings.of(5_000_000, 100_000);
    // It takes a thousand times as long, and its speed does not depend on the length of the file.
    let few = settings.of(200_000, 10_000);
    let directory = tempfile::tempdir()?;
    let (path, short) = (directory.path().join("long.pcap"), directory.path().join("short.pcap"));
    write_capture(&path, packets)?;
    write_capture(&short, few)?;

    let ours = Summary::time(settings.rounds(), || {
        let mut pipeline = Pipeline::new(Filters::default(), &SourceSettings::default());
        replay::read(File::open(&path)?, |packet| {
            // As `honeyxdp replay` does it.
            let tick = packet.timestamp.map_or(0, replay::Time::tick);
            if let Some(time) = packet.timestamp {
                pipeline.clock(time.seconds());
            }
            pipeline.packet(packet.link, packet.data, packet.original_len.into(), tick);
        })?;
        pipeline.close(Timestamp::now())?;
        ensure!(pipeline.counts().seen() == u64::from(packets), "{} packets were counted", pipeline.counts().seen());
        Ok(())
    })?;
    let tcpdump = Summary::time(settings.rounds(), || {
        quietly(Command::new("tcpdump").args(["-n", "-w", "/dev/null", "-r"]).arg(&path).arg(TCPDUMP))
    })?;
    let tshark = Summary::time(settings.rounds().min(3), || {
        quietly(Command::new("tshark").args(["-n", "-w", "/dev/null", "-Y", TSHARK, "-r"]).arg(&short))
    })?;

    let title = format!(
        "Reading a capture of {packets} packets, {} MiB, from the page cache; {} rounds",
        path.metadata()?.len() >> 20,
        settings.rounds()
    );
    let mut table = Table::new("replay", title, COLUMNS);
    let rate = |packets: u32, time: Summary| f64::from(packets) / time.median / 1e3;
    let mine = rate(packets, ours);
    for (name, packets, time) in [
        ("honeyxdp: all marks, by port, family and source", packets, ours),
        ("tcpdump -r, one mark, written to /dev/null", packets, tcpdump),
        ("tshark -r, one mark, written to /dev/null", few, tshark),
    ] {
        let rate = rate(packets, time);
        let cells = [f64::from(packets), time.median, time.least, time.most, rate, mine / rate];
        table.row(name, cells.map(Cell::from));
    }
    Ok(vec![table])
}

fn quietly(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    let output = output.with_context(|| format!("{} is needed", command.get_program().display()))?;
    ensure!(
        output.status.success(),
        "{}: {}",
        command.get_program().display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// A capture of SYNs of four kinds from 65,536 sources.
fn write_capture(path: &Path, packets: u32) -> anyhow::Result<()> {
    let mut file = pcap::Writer::new(BufWriter::new(File::create(path)?))?;
    let dst = Ipv4Addr::new(198, 18, 0, 1);
    for packet in 0..packets {
        let src = Ipv4Addr::from(0xc612_0000 | packet & 0xffff);
        let port = (packet % 64) as u16;
        let frame = match packet % 4 {
            0 => craft::mirai(src, dst, port),
            1 => craft::hajime(src, dst, port),
            2 => craft::masscan(src, dst, port),
            _ => craft::v4(
                &craft::Ipv4 { src, dst, ..Default::default() },
                &craft::Tcp { dport: port, ..Default::default() },
            ),
        };
        file.frame(1_546_300_800 + packet / 10_000, packet % 10_000 * 100, &frame)?;
    }
    Ok(file.finish()?)
}
