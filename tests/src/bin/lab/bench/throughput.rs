//! Live frames over a veth: is every one counted, how many a second, and what does the process take that reads.
//!
//! The generator, the veth and the program under test share one CPU, as the interrupt of a network card's queue does; so
//! frames a second are those of one CPU with all of that, and the CPU time beside it is what comes on top.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
    thread,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use lab::{
    cpu,
    generator::{Amount, Pattern, Sender},
    network::{SENSOR, VethPair},
};
use rustix::process::{Pid, Signal, kill_process};

use super::{
    Settings,
    live::{self, share},
    packet::PATTERNS,
    table::{Cell, Column, Table, column},
};

const COLUMNS: &[Column] = &[
    column("sent", "frames sent", 0),
    column("counted", "counted", 0),
    column("all", "all", 0),
    column("per_second", "frames/s", 0),
    column("cpu_percent", "CPU of its process, %", 1),
    column("lost_records", "lost records", 0),
];

/// Mirai's mark, as tcpdump can say it.
const FILTER: &str = "tcp[4:4]=ip[16:4]";

pub(crate) fn measure(settings: Settings) -> anyhow::Result<Vec<Table>> {
    let amount = Amount::Time(settings.time(5));
    let mut tables = Vec::new();
    for (key, title, pattern) in PATTERNS {
        let mut table =
            Table::new(format!("throughput_{key}"), format!("Live frames as fast as they are made: {title}"), COLUMNS);
        for (name, options) in [
            ("honeyxdp, native", "--mode native"),
            ("honeyxdp, generic", "--mode generic"),
            ("honeyxdp, native, --verdict drop", "--mode native --verdict drop"),
        ] {
            let outcome = live::run(&format!("{options} --interval 1s"), pattern, amount, None)?;
            table.row(
                name,
                [
                    outcome.sent.frames.into(),
                    outcome.snapshot.frames.seen.into(),
                    outcome.all_counted().into(),
                    outcome.sent.rate().into(),
                    outcome.cpu_share().into(),
                    outcome.snapshot.records.lost.into(),
                ],
            );
        }
        tcpdump(&mut table, pattern, amount)?;
        table.note(
            "honeyxdp counts all marks by port, family and source; tcpdump looks for one mark and writes to /dev/null.",
        );
        tables.push(table);
    }
    Ok(tables)
}

fn tcpdump(table: &mut Table, pattern: Pattern, amount: Amount) -> anyhow::Result<()> {
    let veth = VethPair::silent(1_500)?;
    let mut sender = Sender::new(&veth, pattern)?;
    sender.poll_without_program()?;
    let mut child = veth
        .sensor
        .command("tcpdump")
        .args(["-n", "-i", SENSOR, "-w", "/dev/null", FILTER])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("tcpdump is needed")?;
    let mut messages = BufReader::new(child.stderr.take().context("no standard error")?);
    let mut text = String::new();
    while !text.contains("listening on") {
        ensure!(messages.read_line(&mut text)? > 0, "tcpdump ended: {text}");
    }
    let before = cpu::used(child.id())?;
    let sent = live::send(&mut sender, amount, None)?;
    // It reads what came at the latest after a second, and forgets what it has not read when it is interrupted.
    thread::sleep(Duration::from_millis(1_500));
    let used = cpu::used(child.id())? - before;
    kill_process(Pid::from_raw(i32::try_from(child.id())?).context("a process has an id")?, Signal::INT)?;
    messages.read_to_string(&mut text)?;
    child.wait()?;
    let number = |what: &str| {
        let line = text.lines().find(|line| line.ends_with(what));
        line.and_then(|line| line.split(' ').next()?.parse::<u64>().ok()).with_context(|| format!("no {what}: {text}"))
    };
    let captured = number("captured")?;
    let dropped = number("dropped by kernel")?;
    table.row(
        format!("tcpdump '{FILTER}'"),
        [
            sent.frames.into(),
            captured.into(),
            Cell::from(captured == sent.frames),
            sent.rate().into(),
            share(used, sent.time).into(),
            Cell::Empty,
        ],
    );
    table.note(format!("tcpdump: {dropped} packets dropped by the kernel, for want of a reader."));
    Ok(())
}
