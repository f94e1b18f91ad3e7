//! Real scanners on a veth: every SYN that a tool sends is counted, in its family, by the sensor and by a replay of what
//! tcpdump saw.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use honeyxdp::snapshot::{Snapshot, store};
use lab::{
    network::{Namespace, OUTSIDE, SENSOR, VethPair},
    sensor::Sensor,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::BINARY;
const SYNS: &str = "(tcp[tcpflags] & (tcp-syn|tcp-ack|tcp-rst|tcp-fin) == tcp-syn) or (ip6 and ip6[6] == 6 and \
                    ip6[53] & 0x17 == 0x02)";

/// tcpdump on the scanners' side, writing what leaves it.
struct Capture {
    child: Child,
    file: tempfile::NamedTempFile,
}

impl Capture {
    fn start(namespace: &Namespace, interface: &str) -> anyhow::Result<Self> {
        let file = tempfile::NamedTempFile::new()?;
        let child = namespace
            .command("tcpdump")
            .args(["-i", interface, "-Z", "root", "-U", "-s", "256", "-B", "65536", "-Q", "out", "-w"])
            .arg(file.path())
            .arg("tcp")
            .stderr(Stdio::piped())
            .spawn()
            .context("tcpdump is needed")?;
        // Its file header is the first thing that it writes once it listens.
        for _ in 0..500 {
            if file.as_file().metadata()?.len() >= 24 {
                return Ok(Self { child, file });
            }
            thread::sleep(Duration::from_millis(20));
        }
        anyhow::bail!("tcpdump does not start");
    }

    /// Ends it, and checks that it missed nothing.
    fn stop(self) -> anyhow::Result<tempfile::NamedTempFile> {
        // The kernel hands packets over a second late at most, and drops what it has not handed over.
        thread::sleep(Duration::from_millis(1_500));
        kill_process(Pid::from_raw(i32::try_from(self.child.id())?).context("a process has an id")?, Signal::INT)?;
        let said = String::from_utf8_lossy(&self.child.wait_with_output()?.stderr).into_owned();
        ensure!(said.contains("0 packets dropped by kernel"), "tcpdump lost packets: {said}");
        Ok(self.file)
    }
}

/// SYNs in a capture, as tcpdump counts them.
fn syns(file: &Path, filter: &str) -> anyhow::Result<u64> {
    let output = Command::new("tcpdump").arg("-nr").arg(file).arg(filter).output()?;
    Ok(output.stdout.iter().filter(|&&byte| byte == b'\n').count() as u64)
}

fn replay(file: &Path) -> anyhow::Result<Snapshot> {
    let directory = tempfile::tempdir()?;
    let status = Command::new(BINARY).args(["replay", "--quiet", "--out"]).arg(directory.path()).arg(file).status()?;
    ensure!(status.success(), "replay failed: {status}");
    store::read(directory.path())
}

/// What three counters saw of one scan.
struct Seen {
    sensor: Snapshot,
    replay: Snapshot,
    tcpdump: u64,
}

impl Seen {
    fn syn(&self) -> u64 {
        self.sensor.frames.dispositions["syn"]
    }

    /// Two of its SYNs together gave the one source away, and with it all its SYNs.
    fn is_attributed_to(&self, family: &str) {
        for snapshot in [&self.sensor, &self.replay] {
            let attributed = snapshot.attribution(family).unwrap();
            assert_eq!(
                (attributed.packets, attributed.unique_sources.value),
                (self.syn(), 1),
                "{:?}",
                snapshot.attributed
            );
        }
    }

    fn family(&self, family: &str) -> u64 {
        self.sensor.family(family).packets
    }

    /// Every SYN was counted once, and the three agree.
    fn check(&self) {
        assert_eq!(self.syn(), self.tcpdump, "sensor against tcpdump");
        assert_eq!(self.sensor.families, self.replay.families, "sensor against replay");
        assert_eq!(self.sensor.ports, self.replay.ports, "sensor against replay");
        let families: u64 = self.sensor.families.iter().map(|family| family.packets).sum();
        let ports: u64 = self.sensor.port_packets();
        assert_eq!((families, ports), (self.syn(), self.syn()), "families and ports against dispositions");
        assert_eq!(self.sensor.frames.seen, self.sensor.frames.dispositions.values().sum::<u64>());
    }
}

/// Runs a tool outside while the sensor counts and tcpdump watches. `{mac}` in the command is the sensor's address.
fn scan(veth: &VethPair, mode: &str, command: &str) -> anyhow::Result<Seen> {
    let sensor = Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} --mode {mode} --interval 1s"))?;
    let capture = Capture::start(&veth.outside, OUTSIDE)?;
    veth.outside.run(&command.replace("{mac}", &veth.sensor_mac()?))?;
    let file = capture.stop()?;
    let sensor = sensor.stop()?;
    assert_eq!(format!("{:?}", sensor.interfaces[0].mode).to_lowercase(), mode);
    let tcpdump = syns(file.path(), SYNS)?;
    Ok(Seen { sensor, replay: replay(file.path())?, tcpdump })
}

const MASSCAN: &str = "masscan 198.18.0.1-198.18.0.16 -p1-80 --rate 2000 --wait 1 -e out0 --router-mac {mac} \
                       --source-ip 198.18.0.100";

fn masscan(mode: &str) {
    let seen = scan(&VethPair::new().unwrap(), mode, MASSCAN).unwrap();
    seen.check();
    assert_eq!((seen.family("masscan"), seen.syn()), (1_280, 1_280));
    assert_eq!(seen.replay.family("masscan").packets, 1_280);
    assert_eq!(seen.sensor.family("masscan").rule, "masscan/1");
}

#[test]
fn masscan_native() {
    masscan("native");
}

#[test]
fn masscan_generic() {
    masscan("generic");
}

#[test]
fn masscan_over_ipv6() {
    let command = "masscan 2001:db8::1 -p1-256 --rate 2000 --wait 1 -e out0 --router-mac {mac} --router-mac-ipv6 {mac} \
                   --source-ip 2001:db8::100";
    let seen = scan(&VethPair::new().unwrap(), "native", command).unwrap();
    seen.check();
    let masscan = seen.sensor.family("masscan");
    assert_eq!((masscan.packets, masscan.packets_v6), (256, 256));
    assert_eq!(masscan.rule_v6.as_deref(), Some("masscan-v6/1"));
}

#[test]
fn zmap() {
    let command = "zmap -p 23 -i out0 -G {mac} -S 198.18.0.100 --blacklist-file=/dev/null -r 2000 -c 1 -q \
                   -o /dev/null 198.18.0.0/28";
    let seen = scan(&VethPair::new().unwrap(), "native", command).unwrap();
    seen.check();
    assert_eq!((seen.family("zmap"), seen.syn()), (16, 16));
    assert_eq!(seen.sensor.port(23).unwrap().packets, 16);
}

#[test]
fn nmap_syn_scan() {
    let command = "nmap -sS -n -Pn -T4 --max-retries 1 198.18.0.1-8 -p1-200";
    let seen = scan(&VethPair::new().unwrap(), "native", command).unwrap();
    seen.check();
    // Retransmissions count too; what matters is that nothing is in another family.
    assert!(seen.syn() >= 1_600, "{}", seen.syn());
    assert_eq!(seen.family("nmap"), seen.syn());
    seen.is_attributed_to("nmap");
}

#[test]
fn nmap_syn_scan_generic_over_ipv6() {
    let command = "nmap -6 -sS -n -Pn -T4 --max-retries 1 2001:db8::1 -p1-200";
    let seen = scan(&VethPair::new().unwrap(), "generic", command).unwrap();
    seen.check();
    assert!(seen.syn() >= 200, "{}", seen.syn());
    assert_eq!(seen.sensor.family("nmap").packets_v6, seen.syn());
    seen.is_attributed_to("nmap");
}

#[test]
fn nmap_connect_scan_has_no_mark() {
    let command = "nmap -sT -n -Pn -T4 --max-retries 1 198.18.0.1-2 -p1-100";
    let seen = scan(&VethPair::new().unwrap(), "native", command).unwrap();
    seen.check();
    assert!(seen.syn() >= 200, "{}", seen.syn());
    assert_eq!(seen.family("other"), seen.syn());
    assert!(seen.sensor.attributed.iter().all(|attributed| attributed.packets == 0), "{:?}", seen.sensor.attributed);
}

#[test]
fn kernel_syns_with_hajimes_window_have_no_mark() {
    // The route makes Linux announce the window that kernels from 2.6.39 to 3.x announced by default.
    let veth = VethPair::new().unwrap();
    veth.outside.run("ip route replace 198.18.0.0/24 dev out0 window 14600").unwrap();
    let capture = Capture::start(&veth.outside, OUTSIDE).unwrap();
    let sensor = Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} --interval 200ms")).unwrap();
    veth.outside.run("nmap -sT -n -Pn -T4 --max-retries 1 198.18.0.1-2 -p1-100").unwrap();
    let snapshot = sensor.stop().unwrap();
    let mut windows = 0;
    honeyxdp::replay::read(capture.stop().unwrap(), |packet| {
        windows += u64::from(honeyxdp_common::dissect(packet.data).is_ok_and(|syn| syn.window == 14_600));
    })
    .unwrap();
    let syns = snapshot.frames.dispositions["syn"];
    assert!(windows >= 200 && windows == syns, "{windows} of {syns} SYNs have the window");
    // A random sequence number has a zero half once in 33,000 SYNs: two of them here would be no chance.
    let [other, hajime] = ["other", "hajime"].map(|family| snapshot.family(family).packets);
    assert_eq!(other + hajime, syns);
    assert!(hajime <= 1, "{hajime} of {syns} SYNs were taken for Hajime's");
}

#[test]
fn hping3() {
    let seen = scan(&VethPair::new().unwrap(), "native", "hping3 -q -S -p 23 -c 20 -i u1000 198.18.0.1").unwrap();
    seen.check();
    assert_eq!((seen.family("hping3"), seen.syn()), (20, 20));
}

/// masscan's own frames with matched put in, as a trunk port would hand them over.
///
/// Put in by hand, because not every kernel that runs the tests has VLAN interfaces.
fn matched(mode: &str, matched: &[u8]) {
    let veth = VethPair::new().unwrap();
    let capture = Capture::start(&veth.outside, OUTSIDE).unwrap();
    veth.outside.run(&MASSCAN.replace("{mac}", &veth.sensor_mac().unwrap())).unwrap();
    let file = capture.stop().unwrap();
    let mut frames = Vec::new();
    honeyxdp::replay::read(file.reopen().unwrap(), |packet| {
        if honeyxdp_common::dissect(packet.data).is_ok() {
            frames.push([&packet.data[..12], matched, &packet.data[12..]].concat());
        }
    })
    .unwrap();
    assert_eq!(frames.len(), 1_280);

    let silent = VethPair::silent(1_500).unwrap();
    let sensor = Sensor::start(BINARY, &silent.sensor, &format!("-i {SENSOR} --mode {mode} --interval 200ms")).unwrap();
    silent.send(&frames).unwrap();
    sensor.wait_for(|snapshot| snapshot.frames.seen >= 1_280).unwrap();
    let snapshot = sensor.stop().unwrap();
    assert_eq!((snapshot.frames.seen, snapshot.frames.dispositions["syn"]), (1_280, 1_280));
    assert_eq!(snapshot.family("masscan").packets, 1_280);
}

const VLAN: &[u8] = &[0x81, 0x00, 0x00, 0x64];
const QINQ: &[u8] = &[0x88, 0xa8, 0x00, 0x14, 0x81, 0x00, 0x00, 0x64];

#[test]
fn masscan_in_a_vlan() {
    matched("native", VLAN);
}

#[test]
fn masscan_in_a_vlan_generic() {
    matched("generic", VLAN);
}

#[test]
fn masscan_behind_two_tags() {
    matched("native", QINQ);
}

#[test]
fn masscan_behind_two_tags_generic() {
    matched("generic", QINQ);
}
