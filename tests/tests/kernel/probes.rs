//! Real clients at addresses where nobody listens: what they say is drawn out, kept and labelled.

#[expect(dead_code, reason = "the labels' own tests ask for more of them")]
#[path = "../../../honeyxdp-signatures/tests/signatures/payloads/mod.rs"]
mod payloads;

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use honeyxdp::snapshot::{Payloads, Snapshot};
use honeyxdp_archive::{Archive, Reader, Table};
use honeyxdp_signatures::Signatures;
use lab::{
    bpffs::BpfFs,
    craft::{self, Ipv4, SYN, Tcp},
    network::{OUTSIDE, SENSOR, VethPair},
    sensor::Sensor,
};
use rustix::process::Signal;

use crate::BINARY;
const PORTS: &str = "23,80,5555,37215,52869,60001";
const DARK: &str = "198.19.0.0/16,2001:db8:dead::/48";
const PATIENCE: Duration = Duration::from_secs(10);

/// A veth whose outside is routed to a darknet behind the sensor, and a responder there.
struct Dark {
    veth: VethPair,
    sensor: Sensor,
    /// A veth takes frames that a native program sends back only when its own end has a native program too.
    _other: Option<Sensor>,
}

impl Dark {
    fn new(mode: &str, args: &str) -> Self {
        let veth = VethPair::new().unwrap();
        for (prefix, gateway) in [("198.19.0.0/16", "198.18.0.1"), ("2001:db8:dead::/48", "2001:db8::1")] {
            veth.outside.ip(&format!("route add {prefix} via {gateway}")).unwrap();
        }
        let native = mode == "native";
        let other = native.then(|| {
            Sensor::start(BINARY, &veth.outside, &format!("-i {OUTSIDE} --mode native --interval 1h")).unwrap()
        });
        let all = format!("-i {SENSOR} --mode {mode} --interval 500ms --respond {PORTS} --respond-to {DARK} {args}");
        let sensor = Sensor::start(BINARY, &veth.sensor, &all).unwrap();
        Self { veth, sensor, _other: other }
    }

    /// Connects as any program does, says something, and returns what it hears until the end.
    fn say(&self, to: &str, words: &[&[u8]]) -> Vec<u8> {
        let to: SocketAddr = to.parse().unwrap();
        let talk = || {
            let mut stream = TcpStream::connect_timeout(&to, PATIENCE).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut heard = Vec::new();
            for (at, words) in words.iter().enumerate() {
                if at > 0 || to.port() == 23 {
                    let mut buffer = [0; 64];
                    let read = stream.read(&mut buffer).unwrap();
                    heard.extend(&buffer[..read]);
                }
                stream.write_all(words).unwrap();
            }
            let mut rest = Vec::new();
            match stream.read_to_end(&mut rest) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
            }
            heard.extend(rest);
            heard
        };
        self.veth.outside.inside(talk).unwrap()
    }

    fn wait_for(&self, property: impl Fn(&Payloads) -> bool) -> Payloads {
        let snapshot = self.sensor.wait_for(|snapshot| property(of(snapshot))).unwrap();
        of(&snapshot).clone()
    }

    fn run(&self, words: &str) -> String {
        self.veth.outside.run(words).unwrap()
    }
}

fn of(snapshot: &Snapshot) -> &Payloads {
    snapshot.payloads.as_ref().expect("somebody looks at payloads")
}

/// Exploit, family, what decided it, port.
type Kind = (Option<String>, String, String, u16);

fn kinds(payloads: &Payloads) -> BTreeMap<Kind, u64> {
    let kinds = payloads.classifications.iter();
    kinds
        .map(|label| {
            (
                (label.exploit.clone(), label.family.clone(), label.attribution_source.clone(), label.port),
                label.payloads,
            )
        })
        .collect()
}

/// What was said, as the rules have it.
fn expected<'a>(said: impl IntoIterator<Item = (u16, &'a [u8])>) -> BTreeMap<Kind, u64> {
    let rules = Signatures::built_in().unwrap();
    let mut expected = BTreeMap::new();
    for (port, payload) in said {
        let label = rules.classify(&payload[..payload.len().min(512)]);
        let family = label.family.map(|found| found.signature.name.clone());
        let attribution_source = if family.is_some() { "payload" } else { "none" };
        let exploit = label.exploit.map(|found| found.signature.name.clone());
        let family = family.unwrap_or_else(|| "unknown".to_owned());
        *expected.entry((exploit, family, attribution_source.to_owned(), port)).or_default() += 1;
    }
    expected
}

#[test]
fn what_every_rule_is_for_is_drawn_out_of_a_real_client_and_labelled() {
    for mode in ["native", "generic"] {
        let archive = tempfile::tempdir().unwrap();
        let args = format!(
            "--archive {} --payload-rate-per-source 1000 --respond-rate-per-source 1000",
            archive.path().display()
        );
        let mut dark = Dark::new(mode, &args);
        let cases = payloads::cases();
        let hits = cases.iter().flat_map(|case| &case.hits).map(Vec::as_slice);
        let benign = payloads::BENIGN.iter().map(|(_, payload)| &payload[..]);
        let said: Vec<(u16, &[u8])> = hits
            .chain(benign)
            .filter(|payload| !payload.is_empty())
            .zip([80, 5555, 37215, 52869, 60001].into_iter().cycle())
            .map(|(payload, port)| (port, payload))
            .collect();
        for (at, (port, payload)) in said.iter().enumerate() {
            let to = if at % 3 == 0 {
                format!("[2001:db8:dead::{at:x}]:{port}")
            } else {
                format!("198.19.7.{}:{port}", at % 256)
            };
            assert_eq!(dark.say(&to, &[payload]), b"", "nothing is said on the way");
        }
        let count = said.len() as u64;
        let payloads = dark.wait_for(|payloads| payloads.classified >= count);
        // The snapshot lists the most frequent kinds and the sum of the others.
        let expected = expected(said.iter().copied());
        let listed = kinds(&payloads);
        assert!(listed.iter().all(|(kind, count)| expected.get(kind) == Some(count)), "{mode}: {listed:?}");
        assert_eq!(listed.len(), expected.len().min(40), "{mode}");
        let sum: u64 = listed.values().sum();
        assert_eq!(sum + payloads.other_classifications.payloads, count, "{mode}");
        let responder = payloads.responder.unwrap();
        assert_eq!((payloads.classified, payloads.rate_limited, payloads.lost), (count, 0, 0));
        assert_eq!((responder.answered, responder.accepted, responder.ended), (count, count, count));
        assert_eq!((responder.failed, responder.unsupported), (0, 0));

        // And all of it is in the archive, byte for byte.
        dark.sensor.signal(Signal::INT).unwrap();
        assert!(dark.sensor.wait().unwrap().success());
        assert_eq!(archived(&Archive::new(archive.path())).len(), said.len());
        let checked = honeyxdp_archive::check(&Archive::new(archive.path())).unwrap();
        assert_eq!(checked.problems, [""; 0]);
    }
}

/// Payloads in an archive.
fn archived(archive: &Archive) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    for date in archive.dates(Table::Payloads).unwrap() {
        for file in archive.files(Table::Payloads, date).unwrap() {
            for batch in Reader::open(&file).unwrap().batches(1_024).unwrap() {
                let batch = batch.unwrap();
                let column = batch.column_by_name("payload").unwrap();
                let column = arrow_array::cast::AsArray::as_binary::<i32>(column);
                payloads.extend(column.iter().flatten().map(<[u8]>::to_vec));
            }
        }
    }
    payloads
}

#[test]
fn a_login_is_asked_for_and_its_source_is_told_by_its_mark() {
    let dark = Dark::new("native", "");
    // The client's own address knocks with Mirai's mark first, as its scanner does.
    dark.veth.send(&[craft::mirai([198, 18, 0, 100].into(), [198, 19, 1, 1].into(), 2323)]).unwrap();
    let heard = dark.say("198.19.1.1:23", &[b"root\r\n", b"xc3511\r\n"]);
    assert_eq!(heard, b"login: Password: ");
    assert_eq!(dark.say("[2001:db8:dead::23]:23", &[b"admin\r\n", b"admin\r\n"]), b"login: Password: ");
    let payloads = dark.wait_for(|payloads| payloads.logins >= 2);
    let kind = |family: &str, decided: &str| (None, family.to_owned(), decided.to_owned(), 23);
    assert_eq!(kinds(&payloads), [(kind("mirai", "fingerprint"), 1), (kind("unknown", "none"), 1)].into());
}

#[test]
fn curl_netcat_nmap_and_masscan_take_the_handshake_for_real() {
    let dark = Dark::new("native", "--respond-rate-per-source 1000 --payload-rate-per-source 1000");
    let output = dark
        .veth
        .outside
        .command("curl")
        .args(["-sS", "--max-time", "10", "http://198.19.2.2/shell?id"])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("reset by peer"), "{output:?}");
    let mut netcat = dark.veth.outside.command("nc");
    netcat.args(["-w", "5", "198.19.2.3", "37215"]).stdin(Stdio::piped());
    let mut netcat = netcat.spawn().unwrap();
    netcat.stdin.take().unwrap().write_all(b"POST /ctrlt/DeviceUpgrade_1 HTTP/1.1\r\n\r\n").unwrap();
    netcat.wait().unwrap();

    let scan = dark.run("nmap -n -Pn -sT -p 23,80,81,5555 198.19.2.4");
    for (port, state) in [("23/tcp", "open"), ("80/tcp", "open"), ("81/tcp", "filtered"), ("5555/tcp", "open")] {
        let line = scan.lines().find(|line| line.starts_with(port)).unwrap();
        assert!(line.contains(state), "{scan}");
    }
    let scan = dark.run("nmap -n -Pn -sS -p 80 198.19.2.5");
    assert!(scan.contains("80/tcp open"), "{scan}");
    // It sends its probes, and each of them is a first payload.
    let versions = dark.run("nmap -n -Pn -sV --version-intensity 1 -p 60001 198.19.2.6");
    assert!(versions.contains("60001/tcp open"), "{versions}");

    let mac = dark.veth.sensor_mac().unwrap().replace(':', "-");
    let masscan = dark.run(&format!(
        "masscan 198.19.3.0/30 -p80 --banners --rate 200 --wait 3 --adapter {OUTSIDE} --adapter-ip 198.18.0.99 --router-mac {mac}"
    ));
    assert_eq!(masscan.matches("Discovered open port 80/tcp").count(), 4, "{masscan}");

    let payloads = dark.wait_for(|payloads| {
        let kinds = kinds(payloads);
        let of = |exploit: &str, port| {
            let found = kinds.iter().filter(|((other, _, _, at), _)| other.as_deref() == Some(exploit) && *at == port);
            found.map(|(_, count)| count).sum::<u64>()
        };
        of("EDB-41471", 80) >= 1 && of("CVE-2017-17215", 37215) >= 1 && payloads.classified >= 2 + 1 + 4
    });
    let responder = payloads.responder.unwrap();
    assert_eq!((responder.failed, responder.unsupported), (0, 0));
}

#[test]
fn a_flood_is_answered_within_its_limits_and_counted_beyond() {
    const SYNS: u32 = 40_000;
    let dark = Dark::new("generic", "--respond-rate 100 --respond-rate-per-source 3");
    dark.wait_for(|_| true);
    let before = dark.sensor.resident().unwrap();
    let start = Instant::now();
    let frames: Vec<_> = (0..SYNS)
        .map(|number| {
            let [_, a, b, c] = number.to_be_bytes();
            let ip = Ipv4 { src: [198, 18, 64 + a, b].into(), dst: [198, 19, b, c].into(), ..Ipv4::default() };
            craft::v4(&ip, &Tcp { dport: 80, seq: number, flags: SYN, ..Tcp::default() })
        })
        .collect();
    dark.veth.send(&frames).unwrap();
    let sum = |payloads: &Payloads| {
        let responder = payloads.responder.as_ref().unwrap();
        (responder.answered, responder.answered + responder.rate_limited_source + responder.rate_limited_total)
    };
    let payloads = dark.wait_for(|payloads| sum(payloads).1 >= u64::from(SYNS));
    let seconds = start.elapsed().as_secs() + 2;
    let (answered, all) = sum(&payloads);
    assert_eq!(all, u64::from(SYNS), "every SYN is answered, or counted as not answered");
    assert!((100..=100 * seconds).contains(&answered), "{answered} in {seconds} s");
    // Nobody has acknowledged anything.
    assert_eq!((payloads.classified, payloads.responder.unwrap().accepted), (0, 0));
    let after = dark.sensor.resident().unwrap();
    assert!(after < before + (16 << 20), "{before} bytes became {after}");
}

#[test]
fn nobody_answers_for_a_sensor_that_is_gone_or_for_an_address_of_the_host() {
    let bpffs = BpfFs::mount().unwrap();
    let mut dark = Dark::new("generic", &format!("--pin --pin-path {}", bpffs.directory("honeyxdp").display()));
    let connect = |dark: &Dark, to: &str| {
        let to: SocketAddr = to.parse().unwrap();
        dark.veth
            .outside
            .inside(|| TcpStream::connect_timeout(&to, Duration::from_secs(2)).err().map(|e| e.kind()))
            .unwrap()
    };
    assert_eq!(connect(&dark, "198.19.0.77:80"), None);
    // The host gets that address: its own stack answers now, and refuses.
    dark.veth.sensor.ip(&format!("addr add 198.19.0.77/32 dev {SENSOR}")).unwrap();
    let start = Instant::now();
    while connect(&dark, "198.19.0.77:80") != Some(ErrorKind::ConnectionRefused) {
        assert!(start.elapsed() < PATIENCE, "the host's own address is still answered for");
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(connect(&dark, "198.19.0.78:80"), None);

    dark.sensor.signal(Signal::KILL).unwrap();
    dark.sensor.wait().unwrap();
    assert_eq!(connect(&dark, "198.19.0.78:80"), Some(ErrorKind::TimedOut), "nobody looks after the answers");
}

#[test]
fn what_cannot_be_meant_is_refused_in_words() {
    let directory = tempfile::tempdir().unwrap();
    for (args, status, words) in [
        (&["--respond", "80"][..], 2, "--respond-to"),
        (&["--respond-to", "198.19.0.0/16"], 2, "--respond"),
        (&["--respond", "80", "--respond-to", "0.0.0.0/0"], 1, "of your darknet"),
        (&["--respond", "80", "--respond-to", "darknet"], 1, "is no prefix"),
        (&["--observe", "80", "--signatures", "/proc/nowhere"], 1, "cannot read /proc/nowhere"),
        (&["--observe", "http"], 2, "http"),
    ] {
        let output = Command::new(BINARY)
            .arg("run")
            .args(["-i", "lo", "--out"])
            .arg(directory.path())
            .args(args)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
}

#[test]
fn a_honeypots_own_connections_are_observed_and_go_on() {
    for mode in ["native", "generic"] {
        let veth = VethPair::new().unwrap();
        let args = format!("-i {SENSOR} --mode {mode} --interval 500ms --observe 80,2323");
        let sensor = Sensor::start(BINARY, &veth.sensor, &args).unwrap();
        let listener = veth.sensor.inside(|| TcpListener::bind("0.0.0.0:80").unwrap()).unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut heard = Vec::new();
            stream.read_to_end(&mut heard).unwrap();
            heard
        });
        // A large first segment, and more behind it.
        let mut request = b"GET /setup.cgi?next_file=netgear.cfg&todo=syscmd&cmd=id HTTP/1.1\r\nX: ".to_vec();
        request.resize(100_000, b'x');
        veth.outside
            .inside(|| {
                let mut stream = TcpStream::connect("198.18.0.1:80").unwrap();
                stream.write_all(&request).unwrap();
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                let mut end = Vec::new();
                stream.read_to_end(&mut end).unwrap();
            })
            .unwrap();
        assert_eq!(server.join().unwrap(), request, "nothing is taken from the honeypot");
        let snapshot = sensor.wait_for(|snapshot| of(snapshot).classified > 0).unwrap();
        let payloads = of(&snapshot);
        assert_eq!(kinds(payloads), expected([(80, &request[..])]), "{mode}");
        assert_eq!((payloads.classified, payloads.lost, &payloads.responder), (1, 0, &None));
    }
}
