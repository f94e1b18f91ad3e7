//! The systemd unit, started by a real systemd: its user, its rights, its watchdog.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use honeyxdp::{kernel::needed_capabilities, sandbox::Capability};
use lab::{booted::Booted, craft, network::VethPair, rights};
use tempfile::TempDir;

use crate::BINARY;

/// What the package installs, with settings for the veth.
fn files() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let contrib = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contrib/systemd");
    let install = |from: &Path, to: &str| {
        let to = root.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, &to).unwrap();
        to
    };
    let binary = install(Path::new(BINARY), "usr/bin/honeyxdp");
    fs::set_permissions(binary, fs::Permissions::from_mode(0o755)).unwrap();
    install(&contrib.join("honeyxdp.service"), "usr/lib/systemd/system/honeyxdp.service");
    install(&contrib.join("sysusers.d/honeyxdp.conf"), "usr/lib/sysusers.d/honeyxdp.conf");
    install(&contrib.join("tmpfiles.d/honeyxdp.conf"), "usr/lib/tmpfiles.d/honeyxdp.conf");
    install(&contrib.join("honeyxdp.default"), "etc/default/honeyxdp");
    let settings = install(&contrib.join("../honeyxdp.toml"), "etc/honeyxdp/honeyxdp.toml");
    fs::write(settings, SETTINGS).unwrap();
    fs::create_dir_all(root.path().join("etc/systemd/system/honeyxdp.service.d")).unwrap();
    let own = "[Service]\nWatchdogSec=3\n";
    fs::write(root.path().join("etc/systemd/system/honeyxdp.service.d/test.conf"), own).unwrap();
    root
}

const SETTINGS: &str = "interface = \"in0\"\ninterval = \"300ms\"\n";

/// Waits until a line of shell prints this.
fn wait_for(machine: &Booted, line: &str, expected: impl Fn(&str) -> bool) -> String {
    let start = Instant::now();
    loop {
        // A file may not be there yet.
        let said = machine.run(line).unwrap_or_else(|error| format!("{error:#}"));
        if expected(said.trim()) {
            return said.trim().to_owned();
        }
        assert!(start.elapsed() < Duration::from_secs(30), "{line}: {said}");
        thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn it_runs_as_its_own_user_with_few_capabilities_and_the_watchdog_bites() {
    let veth = VethPair::silent(1_500).unwrap();
    let files = files();
    let machine = Booted::new(&veth.sensor, files.path()).unwrap();
    // Comes back when the sensor says that it is ready.
    if let Err(error) = machine.run("systemctl start honeyxdp") {
        panic!("{error:#}\n{}", machine.run("journalctl --no-pager -u honeyxdp | tail -n 20").unwrap());
    }
    let pid = machine.run("systemctl show -P MainPID honeyxdp").unwrap();
    let status = machine.run(&format!("cat /proc/{}/status", pid.trim())).unwrap();
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    let user = machine.run("id -u honeyxdp").unwrap();
    assert_eq!(value("Uid:"), user.trim());
    assert_ne!(user.trim(), "0");
    // It may have given up some after the start, and never has others. Who lacks CAP_SETPCAP cannot make the bounding set smaller.
    let needed = rights::bits(needed_capabilities());
    for set in ["CapPrm:", "CapEff:", "CapInh:", "CapAmb:"] {
        let held = u64::from_str_radix(&value(set), 16).unwrap();
        assert_eq!(held & !needed, 0, "{set} {held:x}");
    }
    let bound = u64::from_str_radix(&value("CapBnd:"), 16).unwrap();
    assert_eq!(
        bound & !rights::bits(&[Capability::CAP_BPF, Capability::CAP_PERFMON, Capability::CAP_NET_ADMIN]),
        0,
        "{bound:x}"
    );
    assert_eq!((value("NoNewPrivs:").as_str(), value("Seccomp:").as_str()), ("1", "2"));

    veth.send(&vec![craft::mirai([198, 18, 0, 100].into(), [198, 18, 0, 1].into(), 23); 7]).unwrap();
    wait_for(
        &machine,
        "jq '.families[] | select(.name == \"mirai\").packets' /var/lib/honeyxdp/snapshot.json",
        |packets| packets == "7",
    );
    let told = wait_for(&machine, "systemctl show -P StatusText honeyxdp", |text| text.contains("frames"));
    assert!(told.contains("syn "), "{told}");
    let owners = machine.run("stat -c '%U %a %n' /var/lib/honeyxdp /sys/fs/bpf/honeyxdp").unwrap();
    assert_eq!(owners, "honeyxdp 755 /var/lib/honeyxdp\nhoneyxdp 750 /sys/fs/bpf/honeyxdp\n");
    assert_ne!(machine.run("ls /sys/fs/bpf/honeyxdp").unwrap(), "", "nothing is pinned");

    machine.run("printf '[filters]\\nport = 23\\n' >> /etc/honeyxdp/honeyxdp.toml").unwrap();
    machine.run("systemctl reload honeyxdp").unwrap();
    wait_for(&machine, "jq -r .filters.port /var/lib/honeyxdp/snapshot.json", |port| port == "23");

    // The sandbox, from the inside.
    for (line, error) in [
        ("touch /var/lib/other", "Read-only file system"),
        ("cat /proc/sys/vm/swappiness", "No such file or directory"),
        ("ls /home", "Permission denied"),
        ("chown 0 /var/lib/honeyxdp/snapshot.json", "Operation not permitted"),
    ] {
        let inside = format!(
            "nsenter --target {} --mount --wd=/ setpriv --reuid=honeyxdp --regid=honeyxdp --clear-groups --inh-caps=-all sh -c \
             '{line}' 2>&1 || true",
            pid.trim()
        );
        let said = machine.run(&inside).unwrap();
        assert!(said.contains(error), "{line}: {said}");
    }

    machine.run(&format!("kill -STOP {}", pid.trim())).unwrap();
    wait_for(&machine, "systemctl show -P NRestarts honeyxdp", |restarts| restarts == "1");
    wait_for(&machine, "systemctl is-active honeyxdp || true", |state| state == "active");
    let journal = machine.run("journalctl --no-pager -u honeyxdp").unwrap();
    assert!(journal.contains("Watchdog timeout"), "{journal}");
    // The one after it goes on counting where it was.
    let packets = "jq '.families[] | select(.name == \"mirai\").packets' /var/lib/honeyxdp/snapshot.json";
    veth.send(&vec![craft::mirai([198, 18, 0, 100].into(), [198, 18, 0, 1].into(), 23); 4]).unwrap();
    wait_for(&machine, packets, |packets| packets == "11");

    machine.run("systemctl stop honeyxdp").unwrap();
    assert_eq!(machine.run("systemctl show -P Result honeyxdp").unwrap(), "success\n");
}
