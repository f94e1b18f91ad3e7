//! Measurements: `cargo xtask bench`. Each prints medians and the ratio to something else measured in the same run.

use std::{
    fs::File,
    io::BufWriter,
    net::Ipv4Addr,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use clap::Parser;
use honeyxdp::{Census, filter::Filters, replay, sources::Settings};
use honeyxdp_common::counters::{FAMILY_SLOTS, PORTS};
use jiff::Timestamp;
use lab::{batch::PerCpuArray, bench::Bench, craft, floor::Floor, named, pcap};

/// Measure honeyxdp on this machine
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
enum Cli {
    /// A drain: reading all counters, and writing the snapshot
    Drain {
        /// Rounds; the median is printed
        #[arg(long, default_value_t = 21)]
        rounds: usize,
    },
    /// The program on one frame again and again, over a program that only passes it on
    Packet {
        /// Rounds; the median is printed
        #[arg(long, default_value_t = 11)]
        rounds: usize,
    },
    /// Replaying a capture file, against `tcpdump -r` with a filter for Mirai's mark alone
    Replay {
        /// Packets in the file
        #[arg(long, default_value_t = 5_000_000)]
        packets: u32,
        /// Rounds; the median is printed
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
}

fn main() -> anyhow::Result<()> {
    match Cli::parse() {
        Cli::Drain { rounds } => drain(rounds.max(1)),
        Cli::Packet { rounds } => packet(rounds.max(1)),
        Cli::Replay { packets, rounds } => replay_file(packets, rounds.max(1)),
    }
}

/// Times `work`, `rounds` times after one round to warm up: median, least, most.
fn time(rounds: usize, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<[Duration; 3]> {
    work()?;
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok([times[rounds / 2], times[0], times[rounds - 1]])
}

fn print(what: &str, [median, least, most]: [Duration; 3], of: Duration) {
    println!(
        "{what:<58} {:>9.2} ms  (min {:.2}, max {:.2})  x{:.2}",
        ms(median),
        ms(least),
        ms(most),
        median.as_secs_f64() / of.as_secs_f64()
    );
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn drain(rounds: usize) -> anyhow::Result<()> {
    let mut bench = Bench::new()?;
    // Counters in every row, so that no page is the shared zero page.
    for port in 0..=u16::MAX {
        bench.run(&craft::v4(&craft::Ipv4::default(), &craft::Tcp { dport: port, ..craft::Tcp::default() }))?;
    }
    let cpus = bench.maps().sizes().cpus;
    println!("{PORTS} ports x {FAMILY_SLOTS} families x {cpus} CPUs, {rounds} rounds, medians\n");

    let seen = bench.counts().seen();
    ensure!(seen == PORTS as u64, "the counters are wrong: {seen}");
    let mapped = time(rounds, || {
        bench.counts();
        Ok(())
    })?;

    let array = PerCpuArray::<FAMILY_SLOTS>::new(u32::try_from(PORTS)?, cpus).context("a per-CPU array")?;
    let mut sums = vec![[0; FAMILY_SLOTS]; PORTS];
    let batch = time(rounds, || Ok(array.read(4096, &mut sums)?))?;

    print("read mapped counters (what honeyxdp does)", mapped, mapped[0]);
    print("read a per-CPU array of that size by BPF_MAP_LOOKUP_BATCH", batch, mapped[0]);
    Ok(())
}

fn packet(rounds: usize) -> anyhow::Result<()> {
    const TIMES: u32 = 1_000_000;
    const NAMES: [&str; 10] = [
        "an ordinary Linux",
        "mirai",
        "masscan 1.3.2",
        "802.1Q",
        "802.1ad over 802.1Q",
        "IPv4 options",
        "IPv6",
        "six extension headers",
        "UDP",
        "ARP",
    ];
    let (mut bench, floor) = (Bench::new()?, Floor::new()?);
    println!("{TIMES} runs on the same frame, {rounds} rounds in turn, medians\n");
    println!("{:<28} {:>14} {:>10} {:>12}", "frame", "empty program", "honeyxdp", "difference");
    for named in named::frames().into_iter().filter(|named| NAMES.contains(&named.name)) {
        let (mut empty, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            empty.push(floor.repeat(&named.bytes, TIMES)?.as_nanos());
            ours.push(bench.repeat(&named.bytes, TIMES)?.as_nanos());
        }
        empty.sort_unstable();
        ours.sort_unstable();
        let (empty, ours) = (empty[rounds / 2], ours[rounds / 2]);
        println!("{:<28} {empty:>11} ns {ours:>7} ns {:>9} ns", named.name, ours.saturating_sub(empty));
    }
    Ok(())
}

/// A capture of SYNs of four kinds, from ever new sources.
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

fn replay_file(packets: u32, rounds: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bench.pcap");
    write_capture(&path, packets)?;
    println!("{packets} packets, {} MiB, {rounds} rounds, medians\n", path.metadata()?.len() >> 20);

    let ours = time(rounds, || {
        let mut census = Census::new(Filters::default(), &Settings::default());
        replay::read(File::open(&path)?, |packet| {
            census.frame(replay::dissect(packet.link, packet.data), u64::from(packet.original_len), 0);
        })?;
        census.close(Timestamp::now())?;
        ensure!(census.counts().seen() == u64::from(packets), "{} packets were counted", census.counts().seen());
        Ok(())
    })?;
    let tcpdump = time(rounds, || {
        let status = Command::new("tcpdump")
            .args(["-n", "-w", "/dev/null", "-r"])
            .arg(&path)
            .arg("tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn and tcp[4:4] = ip[16:4]")
            .stderr(Stdio::null())
            .status()
            .context("tcpdump is needed")?;
        ensure!(status.success(), "tcpdump: {status}");
        Ok(())
    })?;
    print("replay, all marks, counted by port and family", ours, ours[0]);
    print("tcpdump -r, one mark, written to /dev/null", tcpdump, ours[0]);
    println!("\n{:.1} million packets a second", f64::from(packets) / ours[0].as_secs_f64() / 1e6);
    Ok(())
}
