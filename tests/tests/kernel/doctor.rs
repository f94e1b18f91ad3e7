//! `honeyxdp doctor` on real interfaces: what it finds, and that the commands which it prints fix it.

use std::{
    fs, io,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::{Command, Output},
};

use honeyxdp::{kernel::needed_capabilities, sandbox::Capability};
use lab::{
    network::{Namespace, SENSOR, VethPair},
    rights,
    sensor::Sensor,
};
use serde_json::Value;

use crate::BINARY;

/// What one run of doctor said.
struct Report {
    code: Option<i32>,
    json: Value,
    errors: String,
}

impl Report {
    fn of(output: &Output) -> Self {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"));
        Self { code: output.status.code(), json, errors }
    }

    /// Level and text of a check, and the command that fixes it.
    fn find(&self, check: &str) -> Option<(&str, &str, Option<&str>)> {
        let finding = self.json["checks"].as_array().unwrap().iter().find(|finding| finding["check"] == check)?;
        Some((finding["level"].as_str().unwrap(), finding["text"].as_str().unwrap(), finding["fix"].as_str()))
    }

    fn get(&self, check: &str) -> (&str, &str, Option<&str>) {
        self.find(check).unwrap_or_else(|| panic!("no check {check}: {}", self.json))
    }

    fn level(&self, check: &str) -> &str {
        self.get(check).0
    }
}

fn doctor(namespace: &Namespace, args: &str) -> Report {
    Report::of(&namespace.command(BINARY).arg("doctor").args(args.split_whitespace()).arg("--json").output().unwrap())
}

/// Runs the command that a check printed, as an operator would.
fn fix(namespace: &Namespace, report: &Report, check: &str) {
    let command = report.get(check).2.unwrap_or_else(|| panic!("{check} has no command"));
    let output = namespace.command("sh").args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_cable_is_fit_for_a_sensor() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let report = doctor(&veth.sensor, &format!("-i {SENSOR} --out {}", directory.path().display()));
    assert_eq!(report.code, Some(0), "{}", report.json);
    assert_eq!(report.json["schema"], "honeyxdp.doctor/1");
    for check in ["kernel", "jit", "capabilities", "program", "memory", "interface", "xdp_program", "native_xdp", "out"]
    {
        assert_eq!(report.level(check), "ok", "{check}: {}", report.json);
    }
    assert!(report.get("interface").1.contains("driver \"veth\""), "{}", report.json);
    // ip-netns(8) gives the namespace a /sys of its own, without a BPF file system.
    assert_eq!(report.get("bpffs").2, Some("mount -t bpf bpf /sys/fs/bpf"));

    let plain = veth.sensor.run(&format!("{BINARY} doctor -i {SENSOR} --out {}", directory.path().display())).unwrap();
    assert!(plain.contains("ok    in0 native_xdp"), "{plain}");
    assert!(plain.contains("-> mount -t bpf bpf /sys/fs/bpf"), "{plain}");
}

#[test]
fn the_default_route_names_the_interface_where_nobody_does() {
    let veth = VethPair::new().unwrap();
    let report = doctor(&veth.sensor, "--out /tmp");
    assert_eq!(report.code, Some(1));
    assert_eq!(report.level("interface"), "bad");
    assert!(report.get("interface").1.contains("name one with -i"), "{}", report.json);
    assert!(report.errors.contains("one check is bad"), "{}", report.errors);
    veth.sensor.ip(&format!("route add default dev {SENSOR}")).unwrap();
    let report = doctor(&veth.sensor, "--out /tmp");
    assert_eq!(report.code, Some(0), "{}", report.json);
    assert!(report.get("interface").1.contains("the default route's interface"), "{}", report.json);
}

#[test]
fn another_xdp_program_is_bad_until_it_is_taken_off_and_our_own_is_not() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} --interval 200ms")).unwrap();
    sensor.wait_for(|_| true).unwrap();
    let own = doctor(&veth.sensor, &format!("-i {SENSOR} --out {}", sensor.directory().display()));
    assert_eq!(own.code, Some(0), "{}", own.json);
    assert!(own.get("xdp_program").1.contains("a sensor is at work"), "{}", own.json);

    let other = doctor(&veth.sensor, &format!("-i {SENSOR} --out /tmp"));
    assert_eq!(other.code, Some(1));
    let (level, text, fix) = other.get("xdp_program");
    assert_eq!((level, fix), ("bad", Some("ip link set dev in0 xdpdrv off")));
    assert!(text.contains("(\"honeyxdp\"), native is there"), "{text}");
    sensor.stop().unwrap();
}

#[test]
fn a_program_without_a_link_is_taken_off_by_the_printed_command() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let object = directory.path().join("stray.o");
    fs::write(&object, lab::clang::compile("stray").unwrap()).unwrap();
    veth.sensor.ip(&format!("link set dev {SENSOR} xdpgeneric obj {} sec xdp", object.display())).unwrap();
    let report = doctor(&veth.sensor, &format!("-i {SENSOR} --out /tmp"));
    let (level, text, command) = report.get("xdp_program");
    assert_eq!(level, "bad");
    assert!(text.contains("(\"stray\"), generic is there"), "{text}");
    assert_eq!(command, Some("ip link set dev in0 xdpgeneric off"));
    fix(&veth.sensor, &report, "xdp_program");
    assert_eq!(doctor(&veth.sensor, &format!("-i {SENSOR} --out /tmp")).level("xdp_program"), "ok");
}

#[test]
fn queues_offloads_and_a_link_that_is_down_are_mended_by_the_printed_commands() {
    let namespace = Namespace::new("in").unwrap();
    namespace.ip("link add va numrxqueues 2 numtxqueues 2 type veth peer name vb").unwrap();
    namespace.run("ethtool -L va rx 1").unwrap();
    let report = doctor(&namespace, "-i va --out /tmp");
    assert_eq!(report.level("interface"), "warn");
    fix(&namespace, &report, "interface");
    if std::thread::available_parallelism().unwrap().get() > 1 {
        assert_eq!(report.get("queues").2, Some("ethtool -L va rx 2"));
        fix(&namespace, &report, "queues");
    }
    let report = doctor(&namespace, "-i va --out /tmp");
    assert_eq!((report.level("interface"), report.level("queues")), ("ok", "ok"), "{}", report.json);

    assert!(report.get("vlan_tags").1.contains("ethtool -K va rxvlan off"), "{}", report.json);
    namespace.run("ethtool -K va rxvlan off rx-vlan-stag-hw-parse off").unwrap();
    let report = doctor(&namespace, "-i va --out /tmp");
    assert_eq!(report.get("vlan_tags").1, "VLAN tags are left in the frames");
}

#[test]
fn large_frames_and_drivers_without_native_xdp_are_told_apart() {
    let veth = VethPair::silent(9_000).unwrap();
    let report = doctor(&veth.sensor, &format!("-i {SENSOR} --out /tmp"));
    assert_eq!(report.get("mtu").1, "9000, and the driver does XDP on frames of several buffers");

    // A TAP device has native XDP, but not on frames of several buffers; a bridge has none.
    let namespace = Namespace::new("in").unwrap();
    namespace.ip("tuntap add tap0 mode tap").unwrap();
    namespace.ip("link set tap0 mtu 9000").unwrap();
    namespace.ip("link add br0 type bridge").unwrap();
    let report = doctor(&namespace, "-i tap0 --out /tmp");
    assert_eq!((report.level("native_xdp"), report.level("mtu")), ("ok", "warn"), "{}", report.json);
    fix(&namespace, &report, "mtu");
    assert_eq!(doctor(&namespace, "-i tap0 --out /tmp").level("mtu"), "ok");
    let report = doctor(&namespace, "-i br0 --out /tmp");
    assert_eq!(report.level("native_xdp"), "warn", "{}", report.json);
    assert_eq!(report.code, Some(0));
}

#[test]
fn an_interface_without_ethernet_frames_is_bad_and_one_that_is_not_there_too() {
    let namespace = Namespace::new("in").unwrap();
    namespace.ip("tuntap add tun0 mode tun").unwrap();
    let report = doctor(&namespace, "-i none0,tun0 --out /tmp");
    assert_eq!(report.code, Some(1));
    assert_eq!(report.level("ethernet"), "bad");
    assert!(report.get("interface").1.contains("there is no interface \"none0\""), "{}", report.json);
    assert!(report.errors.contains("2 checks are bad"), "{}", report.errors);
}

/// doctor with no capabilities but these.
fn with_capabilities(veth: &VethPair, keep: &[Capability]) -> Report {
    let mut command = veth.sensor.command("setpriv");
    command.args(rights::only(keep)).arg(BINARY);
    Report::of(&command.args(["doctor", "-i", SENSOR, "--out", "/tmp", "--json"]).output().unwrap())
}

#[test]
fn without_capabilities_it_says_which_are_missing_and_still_looks_at_the_rest() {
    let veth = VethPair::silent(1_500).unwrap();
    let needed = needed_capabilities();
    for (missing, keep) in rights::each_left_out(needed) {
        let report = with_capabilities(&veth, &keep);
        assert_eq!(report.code, Some(1));
        assert!(report.get("capabilities").1.contains(&format!("lacks {missing};")), "{}", report.json);
        assert!(report.find("program").is_none(), "nothing is loaded without rights");
        for check in ["kernel", "native_xdp", "mtu", "vlan_tags"] {
            assert_eq!(report.level(check), "ok", "{check}: {}", report.json);
        }
    }
    let report = with_capabilities(&veth, needed);
    assert_eq!((report.code, report.level("program")), (Some(0), "ok"), "{}", report.json);
}

#[test]
fn a_seccomp_filter_that_forbids_bpf_is_found_by_trying() {
    let veth = VethPair::silent(1_500).unwrap();
    let mut command = veth.sensor.command(BINARY);
    command.args(["doctor", "-i", SENSOR, "--out", "/tmp", "--json"]);
    // SAFETY: only system calls between fork and exec.
    unsafe { command.pre_exec(forbid_bpf) };
    let report = Report::of(&command.output().unwrap());
    assert_eq!(report.code, Some(1), "{}", report.json);
    assert_eq!((report.level("seccomp"), report.level("program")), ("warn", "bad"), "{}", report.json);
    assert!(report.get("program").1.contains("seccomp filter is in force"), "{}", report.json);
}

/// bpf(2) answers with EPERM from now on, as in a container.
fn forbid_bpf() -> io::Result<()> {
    fn statement(code: u32, otherwise: u8, k: u32) -> libc::sock_filter {
        libc::sock_filter { code: u16::try_from(code).unwrap_or(0), jt: 0, jf: otherwise, k }
    }
    let bpf = u32::try_from(libc::SYS_bpf).unwrap_or(0);
    let mut filter = [
        // The system call's number is the first word of struct seccomp_data.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, bpf),
        statement(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned()),
        statement(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: 4, filter: filter.as_mut_ptr() };
    // SAFETY: the filter is initialized and outlives the call, which copies it.
    let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// doctor after `script`, in a mount namespace where nothing that is mounted stays.
fn mounted(script: &str, out: &Path) -> Report {
    let doctor = format!("exec {BINARY} doctor -i lo --json --out {}", out.display());
    let mut command = Command::new("unshare");
    Report::of(&command.args(["--mount", "--net", "sh", "-c", &format!("{script}\n{doctor}")]).output().unwrap())
}

#[test]
fn directories_are_looked_at_as_the_process_would_write_them() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path();
    let path = out.display();
    for (script, check, level, text) in [
        (format!("mount -t tmpfs -o size=4m none {path}"), "out", "bad", "has room for 4.0 MiB only"),
        (format!("mount -t tmpfs -o size=64m none {path}"), "out", "warn", "has room for 64.0 MiB only"),
        (format!("mount -t tmpfs -o ro none {path}"), "out", "bad", "is on a read-only file system"),
        ("mount -t bpf bpf /sys/fs/bpf".to_owned(), "bpffs", "ok", "can be written"),
        ("mount -t tmpfs none /sys/fs/bpf".to_owned(), "bpffs", "warn", "no BPF file system"),
    ] {
        let report = mounted(&script, out);
        let (found, said, _) = report.get(check);
        assert_eq!(found, level, "{script}: {said}");
        assert!(said.contains(text), "{script}: {said}");
    }
}

#[test]
fn another_user_is_told_what_it_may_not_write() {
    let directory = tempfile::tempdir().unwrap();
    let script = "mount -t bpf bpf /sys/fs/bpf && mkdir /sys/fs/bpf/honeyxdp && chmod 0750 /sys/fs/bpf/honeyxdp\n\
                  exec setpriv --reuid=65534 --clear-groups";
    // tempdir's directory is root's alone, and so may be the way to the tested binary: root opens it.
    let binary = directory.path().join("honeyxdp");
    fs::copy(BINARY, &binary).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let line = format!("{script} {} doctor -i lo --json --out {}", binary.display(), directory.path().display());
    let report = Report::of(&Command::new("unshare").args(["--mount", "--net", "sh", "-c", &line]).output().unwrap());
    assert_eq!(report.code, Some(1));
    assert_eq!(report.level("capabilities"), "bad");
    assert!(report.get("bpffs").1.contains("belongs to another user"), "{}", report.json);
    assert!(report.get("out").1.contains("cannot be written by this user"), "{}", report.json);
}
