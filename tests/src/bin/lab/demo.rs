//! honeyxdp at work, for somebody who has no scanners knocking yet: `cargo xtask demo`.
//!
//! Two namespaces with a veth, no way out. One scans: with masscan, nmap and zmap where they are installed, and with
//! crafted SYNs of Mirai and Hajime. In the other one the sensor runs, with its live table.

mod args;

use std::{
    net::Ipv4Addr,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{ExitCode, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use lab::{
    craft,
    network::{OUTSIDE, SENSOR, VethPair, Wire},
    random::Random,
};
use rustix::process::{Signal, getpid, kill_process};

pub(crate) use args::Args;

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let temporary = tempfile::tempdir()?;
    let out = args.out.clone().unwrap_or_else(|| temporary.path().to_owned());
    let veth = VethPair::new()?;
    println!("namespaces: {} scans, {} is watched; neither has a way out", veth.outside.name(), veth.sensor.name());

    let over = AtomicBool::new(false);
    let code = thread::scope(|scope| -> anyhow::Result<ExitCode> {
        scope.spawn(|| report("crafted SYNs", bots(&veth, &over)));
        scope.spawn(|| report("scanners", tools(&veth, &over)));
        if let Some(seconds) = args.seconds {
            let over = &over;
            scope.spawn(move || stop_after(Duration::from_secs(seconds), over));
        }
        // In a thread of its own, because a thread cannot leave a namespace again.
        let sensor = scope.spawn(|| sensor(&veth, &out));
        let code = sensor.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        over.store(true, Ordering::Relaxed);
        code
    })?;
    if args.out.is_none() {
        println!("that directory was temporary: keep one with `cargo xtask demo --out DIR`");
    }
    Ok(code)
}

fn report(what: &str, result: anyhow::Result<()>) {
    if let Err(error) = result {
        eprintln!("{what}: {error:#}");
    }
}

/// The sensor, on its own side of the veth, until Ctrl-C.
fn sensor(veth: &VethPair, out: &Path) -> anyhow::Result<ExitCode> {
    veth.sensor.enter()?;
    let out = out.to_str().context("the directory's name is not UTF-8")?;
    // The settings of this machine's own sensor are not the demo's.
    let args = ["honeyxdp", "run", "--config", "/dev/null", "-i", SENSOR, "--interval", "2s", "--out", out];
    Ok(honeyxdp::cli::main_from(args.map(Into::into)))
}

/// What Ctrl-C does.
fn stop_after(time: Duration, over: &AtomicBool) {
    let start = Instant::now();
    while start.elapsed() < time {
        if over.load(Ordering::Relaxed) {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    // Cannot fail: it is this process.
    let _ = kill_process(getpid(), Signal::INT);
}

/// Mirai and Hajime, as header bytes: some hundreds of bots that knock at the ports they are known for.
fn bots(veth: &VethPair, over: &AtomicBool) -> anyhow::Result<()> {
    const MIRAI: [u16; 10] = [23, 23, 23, 23, 2323, 2323, 37_215, 60_001, 34_567, 9_000];
    const HAJIME: [u16; 5] = [23, 5_358, 5_555, 7_547, 8_291];
    veth.outside.inside(|| -> anyhow::Result<()> {
        let wire = Wire::open(OUTSIDE)?;
        let mut random = Random::new(2019);
        while !over.load(Ordering::Relaxed) {
            let src = Ipv4Addr::from(0xc612_0200 | random.word() & 0xff);
            let dst = Ipv4Addr::from(0xc612_0001 + random.word() % 16);
            let frame = if random.once_in(4) {
                craft::hajime(src, dst, random.pick(&HAJIME))
            } else {
                craft::mirai(src, dst, random.pick(&MIRAI))
            };
            wire.send(&frame)?;
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    })?
}

/// Real scanners, one after the other; those that are not there are replaced by SYNs as masscan makes them.
fn tools(veth: &VethPair, over: &AtomicBool) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let mac = veth.sensor_mac()?;
    let scans = [
        format!(
            "masscan 198.18.0.1-198.18.0.16 -p1-100 --rate 400 --wait 0 -e {OUTSIDE} --router-mac {mac} --source-ip \
             198.18.0.100"
        ),
        "nmap -sS -n -Pn --max-retries 0 --max-rate 300 198.18.0.1-4 -p1-200".to_owned(),
        format!(
            "zmap -p 8080 -i {OUTSIDE} -G {mac} -S 198.18.0.100 --blacklist-file=/dev/null -r 100 -c 1 -q -o /dev/null \
             198.18.0.0/28"
        ),
        "nmap -sT -n -Pn --max-retries 0 --max-rate 300 198.18.0.1-2 -p1-100".to_owned(),
    ];
    while !over.load(Ordering::Relaxed) {
        let mut found = false;
        for scan in &scans {
            let mut words = scan.split_whitespace();
            let program = words.next().context("an empty command")?;
            if over.load(Ordering::Relaxed) || !installed(program) {
                continue;
            }
            found = true;
            // Ctrl-C is for the sensor, and masscan would answer it with a file to resume from.
            let mut child = veth
                .outside
                .command(program)
                .args(words)
                .process_group(0)
                .current_dir(directory.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?;
            while child.try_wait()?.is_none() {
                if over.load(Ordering::Relaxed) {
                    child.kill()?;
                    child.wait()?;
                    return Ok(());
                }
                thread::sleep(Duration::from_millis(50));
            }
        }
        if !found {
            let frames: Vec<Vec<u8>> =
                (1..200).map(|port| craft::masscan([198, 18, 0, 100].into(), [198, 18, 0, 1].into(), port)).collect();
            veth.send(&frames)?;
            thread::sleep(Duration::from_secs(1));
        }
    }
    Ok(())
}

fn installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}
