//! What a flood of requests does to a sensor: nothing. A file of its own, so that no other test runs beside it.

use std::{
    io::Write as _,
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use honeyxdp::snapshot::store;
use lab::{
    craft,
    network::{SENSOR, VethPair},
    sensor::Sensor,
};

use crate::BINARY;
const SENSOR_AT: &str = "127.0.0.1:7823";

/// Seconds that a drain may come too late.
const LATE: f64 = 0.1;

#[test]
fn requests_at_full_speed_delay_no_drain_and_take_no_memory() {
    // What else runs on the machine can make a drain late as well, but not three times out of three.
    let mut late = Vec::new();
    while late.len() < 3 && late.last().is_none_or(|&late| late >= LATE) {
        late.push(under_load());
    }
    assert!(late.last().is_some_and(|&late| late < LATE), "drains were late, in seconds: {late:?}");
}

/// Asks at full speed while SYNs are counted. Returns by how many seconds the latest drain was late.
fn under_load() -> f64 {
    let veth = VethPair::silent(1_500).unwrap();
    // In memory: a disk that others keep busy delays drains too, and is not what this is about.
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let mut command = veth.sensor.command(BINARY);
    command.args(["run", "-i", SENSOR, "--interval", "500ms", "--history-age", "24h", "--out"]).arg(directory.path());
    let sensor = Sensor::spawn(command, directory.path().to_owned()).unwrap();
    let stop = AtomicBool::new(false);
    let mut report = String::new();
    thread::scope(|scope| {
        // Some thousands of SYNs a second, to all the ports and from all the sources that there are in a /24.
        scope.spawn(|| {
            let frames: Vec<Vec<u8>> = (0..250)
                .map(|host| craft::mirai([198, 18, 0, host].into(), [198, 18, 0, 1].into(), 1_000 + u16::from(host)))
                .collect();
            while !stop.load(Ordering::Relaxed) {
                veth.send(&frames).unwrap();
                thread::sleep(Duration::from_millis(50));
            }
        });
        let wrk = |path: &str, seconds: u32| {
            let words = format!("wrk -t1 -c64 -d{seconds}s --timeout 10s --latency http://{SENSOR_AT}{path}");
            veth.sensor.run(&words).expect("wrk is needed")
        };
        sensor.wait_for(|snapshot| snapshot.ports_seen() >= 250).unwrap();
        let first = [wrk("/snapshot.json", 4), wrk("/metrics", 4), wrk("/live.json", 2)];
        let before = sensor.resident().unwrap();
        let second = [wrk("/snapshot.json", 8), wrk("/metrics", 8), wrk("/live.json", 4)];
        // Clients that ask and do not read, and some that go away at once.
        veth.sensor
            .inside(|| {
                for _ in 0..500 {
                    let mut stream = TcpStream::connect(SENSOR_AT).unwrap();
                    let _ = stream.write_all(b"GET /live.json HTTP/1.1\r\nHost: localhost\r\n\r\n");
                }
            })
            .unwrap();
        let after = sensor.resident().unwrap();
        stop.store(true, Ordering::Relaxed);
        for text in first.iter().chain(&second) {
            assert!(!text.contains("Non-2xx"), "{text}");
            assert!(text.contains("Requests/sec"), "{text}");
        }
        assert!(after < before + (8 << 20), "resident memory grew from {before} to {after} bytes");
        report = format!("{}\nresident: {} KiB, later {} KiB", second.join("\n"), before >> 10, after >> 10);
    });
    let snapshots = store::history(sensor.directory()).unwrap();
    assert!(snapshots.len() > 40, "{} drains", snapshots.len());
    // The first interval begins when the program is loaded, and is as long as attaching takes on top.
    let late = snapshots.iter().skip(1).map(|snapshot| snapshot.interval.seconds - 0.5).fold(0.0, f64::max);
    println!("{report}\n{} drains, the latest {:.1} ms late", snapshots.len(), late * 1e3);
    sensor.stop().unwrap();
    late
}
