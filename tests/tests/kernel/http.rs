//! What a sensor says over HTTP, and what clients cannot do to it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use honeyxdp::snapshot::Snapshot;
use lab::{
    craft,
    http::{self, Answer},
    network::{SENSOR, VethPair},
    sensor::Sensor,
};
use rustix::process::Signal;

use crate::BINARY;
/// Where a sensor listens by default; every test has a loopback interface of its own.
const DEFAULT: &str = "127.0.0.1:7823";

fn start(veth: &VethPair, args: &str) -> Sensor {
    Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} {args}")).unwrap()
}

fn socket(sensor: &Sensor) -> PathBuf {
    sensor.directory().join("honeyxdp.sock")
}

/// Asks over TCP from within the sensor's namespace.
fn get(veth: &VethPair, path: &str, headers: &[&str]) -> Answer {
    ask(veth, "GET", path, headers)
}

fn ask(veth: &VethPair, method: &str, path: &str, headers: &[&str]) -> Answer {
    let address: SocketAddr = DEFAULT.parse().unwrap();
    veth.sensor.inside(|| http::tcp(address, method, path, headers)).unwrap().unwrap()
}

fn mirai(frames: usize) -> Vec<Vec<u8>> {
    vec![craft::mirai([198, 18, 0, 100].into(), [198, 18, 0, 1].into(), 23); frames]
}

/// Waits until a path answers with this status.
fn wait_for(veth: &VethPair, path: &str, status: u16) -> Answer {
    let start = Instant::now();
    loop {
        let answer = get(veth, path, &[]);
        if answer.status == status {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{path} still says {}: {}", answer.status, answer.text());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_snapshot_is_the_one_in_the_directory_compressed_for_those_who_take_it_and_sent_once() {
    let veth = VethPair::silent(1_500).unwrap();
    // One drain at once, and none while we compare.
    let sensor = start(&veth, "--interval 4s");
    veth.send(&mirai(100)).unwrap();
    assert_eq!(get(&veth, "/snapshot.json", &[]).status, 503, "there cannot be a snapshot yet");
    let plain = wait_for(&veth, "/snapshot.json", 200);
    let file = std::fs::read(sensor.directory().join("snapshot.json")).unwrap();
    assert_eq!(plain.body, file, "the bytes are not those of snapshot.json");
    let snapshot: Snapshot = serde_json::from_slice(&plain.body).unwrap();
    assert_eq!(snapshot.family("mirai").packets, 100);
    assert_eq!(snapshot.interfaces[0].frames["syn"], 100);

    let gzip = get(&veth, "/snapshot.json", &["Accept-Encoding: br, gzip"]);
    assert_eq!((gzip.status, gzip.header("content-encoding")), (200, "gzip"));
    assert_eq!(gzip.header("vary"), "Accept-Encoding");
    assert_ne!(gzip.header("etag"), plain.header("etag"), "two forms with one strong tag");
    assert!(gzip.body.len() * 2 < plain.body.len());
    let packed = sensor.directory().join("packed.gz");
    std::fs::write(&packed, &gzip.body).unwrap();
    assert_eq!(Command::new("gzip").arg("-dc").arg(&packed).output().unwrap().stdout, plain.body);

    // A tag validates its own variant and no other.
    for (own, other, accept) in [(&plain, &gzip, "identity"), (&gzip, &plain, "gzip")] {
        let ask = |tag: &str| {
            let headers = [format!("If-None-Match: W/{tag}"), format!("Accept-Encoding: {accept}")];
            get(&veth, "/snapshot.json", &headers.each_ref().map(String::as_str))
        };
        let again = ask(own.header("etag"));
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, own.header("etag")));
        assert_eq!(ask(other.header("etag")).status, 200, "{accept}");
    }
    let metrics = get(&veth, "/metrics", &["Accept-Encoding: gzip"]);
    assert_eq!((metrics.header("content-encoding"), metrics.header("vary")), ("gzip", "Accept, Accept-Encoding"));
    assert_eq!(get(&veth, "/snapshot.json", &["If-None-Match: \"another\""]).status, 200);
    let over_unix = http::unix(&socket(&sensor), "GET", "/snapshot.json", &[]).unwrap();
    assert_eq!(over_unix.body, plain.body);

    // The next snapshot has another tag.
    sensor.wait_for(|snapshot| snapshot.sequence == 2).unwrap();
    let start = Instant::now();
    while get(&veth, "/snapshot.json", &[&format!("If-None-Match: {}", plain.header("etag"))]).status == 304 {
        assert!(start.elapsed() < Duration::from_secs(5), "the next snapshot is not published");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn nothing_can_be_changed_and_every_answer_is_guarded() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = start(&veth, "--interval 200ms");
    wait_for(&veth, "/readyz", 200);
    for path in ["/", "/dashboard.js", "/dashboard.css", "/snapshot.json", "/live.json", "/metrics", "/healthz"] {
        let answer = get(&veth, path, &[]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(
            answer.header("content-security-policy").starts_with("default-src 'none'; script-src 'self'"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
            let answer = ask(&veth, method, path, &["Content-Length: 0"]);
            assert_eq!((answer.status, answer.header("allow")), (405, "GET,HEAD"), "{method} {path}");
        }
        assert_eq!(ask(&veth, "HEAD", path, &[]).body, b"", "{path}");
    }
    assert_eq!(get(&veth, "/filters", &[]).status, 404);
    assert_eq!(get(&veth, "/../../etc/passwd", &[]).status, 404);
    let live = get(&veth, "/live.json?after=%00<script>", &[]);
    assert_eq!(live.status, 400);

    // A page of another site, whose name was made to lead here (DNS rebinding).
    let rebound = get(&veth, "/snapshot.json", &["Host: evil.example:7823"]);
    assert_eq!(rebound.status, 421, "{}", rebound.text());
    for host in ["Host: 127.0.0.1:7823", "Host: [::1]:7823", "Host: localhost"] {
        assert_eq!(get(&veth, "/healthz", &[host]).status, 200, "{host}");
    }
    // A unix socket is no browser's.
    assert_eq!(http::unix(&socket(&sensor), "GET", "/healthz", &["Host: sensor"]).unwrap().status, 200);
}

#[test]
fn ready_is_who_is_attached_and_drains() {
    let veth = VethPair::silent(1_500).unwrap();
    // In its sandbox it could not make a directory that was removed again.
    let sensor = start(&veth, "--interval 1s --no-sandbox");
    let first = get(&veth, "/readyz", &[]);
    assert_eq!(first.status, 503);
    assert!(first.text().contains("the first drain comes"), "{}", first.text());
    assert_eq!(get(&veth, "/healthz", &[]).text(), "ok\n");
    wait_for(&veth, "/readyz", 200);

    // A disk that is full: what was drained cannot be stored.
    let directory = sensor.directory().to_owned();
    std::fs::remove_dir_all(&directory).unwrap();
    std::fs::write(&directory, "in the way").unwrap();
    let late = wait_for(&veth, "/readyz", 503);
    assert!(late.text().contains("more than two intervals of 1s: cannot make the directory"), "{}", late.text());
    assert_eq!(get(&veth, "/healthz", &[]).status, 200);
    std::fs::remove_file(&directory).unwrap();
    wait_for(&veth, "/readyz", 200);

    // Stopped, as by a debugger: nobody answers, and afterwards all is well again.
    sensor.signal(Signal::STOP).unwrap();
    thread::sleep(Duration::from_millis(100));
    sensor.signal(Signal::CONT).unwrap();
    wait_for(&veth, "/readyz", 200);
}

#[test]
fn an_interface_that_is_gone_makes_it_unready() {
    let veth = VethPair::silent(1_500).unwrap();
    veth.sensor.ip("link add in1 type veth peer name in2").unwrap();
    veth.sensor.ip("link set in1 up").unwrap();
    let sensor = start(&veth, "-i in1 --mode generic --interval 500ms");
    wait_for(&veth, "/readyz", 200);
    veth.sensor.ip("link del in1").unwrap();
    let answer = wait_for(&veth, "/readyz", 503);
    assert!(answer.text().contains("the program is not attached to in1"), "{}", answer.text());
    let metrics = get(&veth, "/metrics", &[]);
    let attached =
        |interface: &str, mode: &str| format!("honeyxdp_attached{{interface=\"{interface}\",mode=\"{mode}\"}}");
    assert!(metrics.text().contains(&format!("{} 0", attached("in1", "none"))), "{}", metrics.text());
    assert!(metrics.text().contains(&format!("{} 1", attached(SENSOR, "generic"))), "{}", metrics.text());
    drop(sensor);
}

#[test]
fn the_socket_is_the_operators_is_taken_up_after_a_kill_and_goes_with_the_sensor() {
    let veth = VethPair::silent(1_500).unwrap();
    let mut sensor = start(&veth, "--interval 200ms");
    let path = socket(&sensor);
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    sensor.signal(Signal::KILL).unwrap();
    sensor.wait().unwrap();
    assert!(path.exists(), "nobody could have removed it");

    let mut command = veth.sensor.command(BINARY);
    command.args(["run", "-i", SENSOR, "--interval", "200ms", "--out"]).arg(sensor.directory());
    let mut second = Sensor::spawn(command, sensor.directory().to_owned()).unwrap();
    assert_eq!(http::unix(&path, "GET", "/healthz", &[]).unwrap().text(), "ok\n");
    assert!(!second.printed().contains("warning"), "{}", second.printed());

    // Another sensor must not take a socket away from one that lives, nor its port.
    let taken = |listen: &str| {
        let directory = tempfile::tempdir().unwrap();
        let mut command = veth.sensor.command(BINARY);
        command.args(["run", "-i", "lo", "--listen", listen, "--out"]).arg(directory.path());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "--listen {listen}");
        String::from_utf8(output.stderr).unwrap()
    };
    let error = taken(&format!("unix:{}", path.display()));
    assert!(error.contains("somebody answers on"), "{error}");
    let error = taken(DEFAULT);
    assert!(error.contains("cannot listen on 127.0.0.1:7823") && error.contains("--listen"), "{error}");

    second.signal(Signal::INT).unwrap();
    assert!(second.wait().unwrap().success(), "{}", second.printed());
    assert!(!path.exists(), "the socket stays behind");
}

#[test]
fn a_default_port_that_is_taken_is_a_warning_and_none_turns_it_off() {
    let veth = VethPair::silent(1_500).unwrap();
    let first = start(&veth, "--interval 200ms");
    veth.sensor.ip("link add in1 type veth peer name in2").unwrap();
    let second = Sensor::start(BINARY, &veth.sensor, "-i in1 --mode generic --interval 200ms").unwrap();
    assert!(second.printed().contains("continuing without it"), "{}", second.printed());
    assert_eq!(http::unix(&socket(&second), "GET", "/healthz", &[]).unwrap().status, 200);
    drop((first, second));

    let silent = start(&veth, "--listen none");
    assert!(!socket(&silent).exists());
    assert!(!silent.printed().contains("listening"), "{}", silent.printed());
    assert!(veth.sensor.inside(|| TcpStream::connect(DEFAULT)).unwrap().is_err());
    silent.stop().unwrap();

    let several = start(&veth, "--listen 127.0.0.1:0,[::1]:9000 --listen unix:/tmp/../tmp/hx-two.sock");
    let printed = several.printed();
    assert!(printed.contains("http://[::1]:9000/"), "{printed}");
    assert_eq!(http::unix("/tmp/hx-two.sock".as_ref(), "GET", "/healthz", &[]).unwrap().status, 200);
    several.stop().unwrap();
    assert!(!PathBuf::from("/tmp/hx-two.sock").exists());
}

#[test]
fn slow_large_and_many_requests_are_bounded() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = start(&veth, "--interval 500ms");
    wait_for(&veth, "/readyz", 200);
    veth.sensor
        .inside(|| {
            // A head that never ends, and one that is too large.
            let mut stream = TcpStream::connect(DEFAULT).unwrap();
            let endless = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(1 << 20));
            assert_eq!(http::raw(&mut stream, endless.as_bytes()).unwrap().status, 431);
            let mut stream = TcpStream::connect(DEFAULT).unwrap();
            let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(1_000));
            assert_eq!(http::raw(&mut stream, many.as_bytes()).unwrap().status, 431);
            let mut stream = TcpStream::connect(DEFAULT).unwrap();
            assert_eq!(http::raw(&mut stream, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").unwrap().status, 400);

            // One that comes a byte a second, and one that says nothing: both are dropped within seconds.
            let begin = Instant::now();
            let mut slow = TcpStream::connect(DEFAULT).unwrap();
            let mut idle = TcpStream::connect(DEFAULT).unwrap();
            idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
            slow.write_all(b"GET / HTTP/1.1\r\n").unwrap();
            let mut dripping = slow.try_clone().unwrap();
            let drip = thread::spawn(move || {
                while dripping.write_all(b"X").is_ok() && begin.elapsed().as_secs() < 20 {
                    thread::sleep(Duration::from_secs(1));
                }
            });
            for stream in [&mut slow, &mut idle] {
                stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
                let mut rest = Vec::new();
                match stream.read_to_end(&mut rest) {
                    Ok(_) => {}
                    Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}"),
                }
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "they are dropped after {:?} only", begin.elapsed());
            drip.join().unwrap();

            // Thousands that say nothing: those who do speak wait for a while and are answered.
            rustix::process::setrlimit(
                rustix::process::Resource::Nofile,
                rustix::process::Rlimit {
                    current: Some(8_192),
                    ..rustix::process::getrlimit(rustix::process::Resource::Nofile)
                },
            )
            .unwrap();
            let address: SocketAddr = DEFAULT.parse().unwrap();
            let crowd: Vec<TcpStream> = (0..3_000)
                .filter_map(|_| TcpStream::connect_timeout(&address, Duration::from_millis(5)).ok())
                .collect();
            assert!(crowd.len() > 300, "{}", crowd.len());
            let open = std::fs::read_dir(format!("/proc/{}/fd", sensor.pid())).unwrap().count();
            assert!(open < 400, "{open} open files");
            let answer = http::unix(&socket(&sensor), "GET", "/healthz", &[]).unwrap();
            assert_eq!(answer.status, 200, "the crowd on TCP keeps the operator out");
            drop(crowd);
            let start = Instant::now();
            assert_eq!(http::tcp(DEFAULT.parse().unwrap(), "GET", "/healthz", &[]).unwrap().status, 200);
            assert!(start.elapsed() < Duration::from_secs(10));
        })
        .unwrap();
    let newest = sensor.wait_for(|snapshot| snapshot.sequence > 3).unwrap();
    assert!(newest.interval.seconds < 0.6, "a drain was late: {}", newest.interval.seconds);
    sensor.stop().unwrap();
}
