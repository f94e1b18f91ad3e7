//! What a running sensor may still do: little, and enough.

use std::{
    collections::BTreeMap,
    fs, io,
    net::{TcpListener, TcpStream},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
    path::Path,
    process::Command,
};

use aya::programs::xdp::XdpMode;
use honeyxdp::{
    kernel::{Options, Program},
    sandbox::{self, Directories, Landlock},
};
use lab::{
    craft,
    network::{SENSOR, VethPair},
    rights,
    sensor::Sensor,
};
use rustix::process::Signal;

use crate::BINARY;

const NONE: &str = "0000000000000000";

fn start(veth: &VethPair, args: &str) -> Sensor {
    Sensor::start(BINARY, &veth.sensor, &format!("-i {SENSOR} --interval 200ms {args}")).unwrap()
}

fn mirai(frames: usize) -> Vec<Vec<u8>> {
    vec![craft::mirai([198, 18, 0, 100].into(), [198, 18, 0, 1].into(), 23); frames]
}

/// What the kernel says of every thread of a process: proc_pid_status(5).
fn threads(pid: u32) -> Vec<BTreeMap<String, String>> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let lines = status.lines().filter_map(|line| line.split_once(':'));
            lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
        })
        .collect()
}

#[test]
fn a_running_sensor_has_few_capabilities_in_every_thread_and_goes_on_to_its_end() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = start(&veth, "");
    veth.send(&mirai(7)).unwrap();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 7).unwrap();
    let found = threads(sensor.pid());
    let few = rights::few();
    let few = few.as_str();
    assert!(found.len() > 1, "{} threads", found.len());
    for thread in found {
        for (set, held) in [("CapPrm", few), ("CapEff", few), ("CapBnd", few), ("CapInh", NONE), ("CapAmb", NONE)] {
            assert_eq!(thread[set], held, "{set} of thread {}", thread["Name"]);
        }
        assert_eq!(thread["NoNewPrivs"], "1", "thread {}", thread["Name"]);
        assert_eq!(thread["Uid"].split_whitespace().next(), Some("0"));
    }
    veth.send(&mirai(3)).unwrap();
    assert_eq!(sensor.stop().unwrap().family("mirai").packets, 10, "the last drain");
}

#[test]
fn without_the_sandbox_every_right_stays() {
    let veth = VethPair::silent(1_500).unwrap();
    let sensor = start(&veth, "--no-sandbox");
    sensor.wait_for(|snapshot| snapshot.sequence > 0).unwrap();
    let ours = &threads(std::process::id())[0];
    for thread in threads(sensor.pid()) {
        assert_eq!((&thread["CapEff"], &thread["NoNewPrivs"]), (&ours["CapEff"], &ours["NoNewPrivs"]));
    }
    sensor.stop().unwrap();
}

/// Whether a sensor writes to a directory that its history leads to by a link.
fn leads_out(args: &str) {
    let veth = VethPair::silent(1_500).unwrap();
    let outside = tempfile::tempdir().unwrap();
    let mut sensor = start(&veth, args);
    let first = sensor.wait_for(|snapshot| snapshot.sequence > 0).unwrap();
    let history = sensor.directory().join("history");
    fs::rename(&history, sensor.directory().join("kept")).unwrap();
    symlink(outside.path(), &history).unwrap();
    if args.contains("--no-sandbox") {
        sensor.wait_for(|snapshot| snapshot.sequence > first.sequence + 3).unwrap();
        assert!(fs::read_dir(outside.path()).unwrap().count() > 0, "the link leads nowhere");
        sensor.stop().unwrap();
        return;
    }
    sensor.wait_for_line("Permission denied").unwrap();
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "it wrote outside of its directory");
    veth.send(&mirai(5)).unwrap();

    // It goes on as soon as it is let.
    fs::remove_file(&history).unwrap();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 5).unwrap();
    sensor.stop().unwrap();
}

#[test]
fn writing_outside_of_its_directory_is_refused_to_a_running_sensor() {
    leads_out("");
}

#[test]
fn without_the_sandbox_it_writes_where_it_is_led() {
    leads_out("--no-sandbox");
}

#[test]
fn in_the_sandbox_files_and_tcp_are_out_of_reach() {
    let veth = VethPair::new().unwrap();
    let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let denied = |result: io::Result<()>, what: &str| {
        assert_eq!(result.map_err(|error| error.kind()), Err(io::ErrorKind::PermissionDenied), "{what}");
    };
    veth.sensor
        .inside(|| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            TcpStream::connect(address).expect("it can be connected to");
            fs::write(outside.path().join("before"), "x").unwrap();

            let directories =
                Directories { writable: vec![inside.path().to_owned()], readable: vec!["/etc/hostname".into()] };
            let confined = sandbox::enter(&directories).unwrap();
            assert_eq!(confined.foreign, None);
            let said = confined.to_string();
            assert!(
                said.starts_with("rights left: CAP_BPF")
                    && said.contains("CAP_NET_ADMIN")
                    && said.contains("; its own files"),
                "{said}"
            );
            let connection = TcpStream::connect(address).map(drop);
            match confined.landlock {
                // Linux 6.7 is the first that forbids them.
                Landlock::Partial(..4) => {
                    assert!(said.contains("too old to forbid") && said.contains("TCP connections"), "{said}");
                    connection.expect("as it was said");
                }
                Landlock::Partial(_) | Landlock::Full => denied(connection, "a connection"),
                Landlock::Missing => panic!("{said}"),
            }
            denied(fs::write(outside.path().join("after"), "x"), "a new file");
            denied(fs::write(outside.path().join("before"), "y"), "an old file");
            denied(fs::remove_file(outside.path().join("before")), "removing");
            denied(fs::read("/etc/passwd").map(drop), "reading");
            denied(fs::rename(inside.path(), outside.path().join("moved")), "moving");

            fs::create_dir(inside.path().join("directory")).unwrap();
            fs::write(inside.path().join("directory/file"), "x").unwrap();
            fs::rename(inside.path().join("directory/file"), inside.path().join("file")).unwrap();
            fs::read("/sys/devices/system/cpu/possible").unwrap();
            fs::read("/proc/self/status").unwrap();
            fs::read("/etc/hostname").unwrap();
            let started = Command::new("true").status().map(drop);
            denied(started, "starting a program");

            // What live operations take: another program with maps of its own, on an interface.
            let (mut program, mut maps) = Program::load(&Options::default()).unwrap();
            let link = program.xdp().attach(SENSOR, XdpMode::Driver).unwrap();
            maps.flip().unwrap();
            program.xdp().detach(link).unwrap();
        })
        .unwrap();
}

#[test]
fn it_goes_on_as_another_user_who_owns_the_files() {
    let veth = VethPair::silent(1_500).unwrap();
    let parent = tempfile::tempdir().unwrap();
    fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let directory = parent.path().join("out");
    let spawn = |user: &str| {
        let mut command = veth.sensor.command(BINARY);
        command.args(["run", "-i", SENSOR, "--interval", "200ms", "--user", user, "--out"]).arg(&directory);
        command
    };
    let sensor = Sensor::spawn(spawn("nobody"), directory.clone()).unwrap();
    veth.send(&mirai(7)).unwrap();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 7).unwrap();
    for thread in threads(sensor.pid()) {
        assert_eq!([&thread["CapPrm"], &thread["CapEff"]], [&rights::few(); 2]);
        let ids: Vec<&str> = thread["Uid"].split_whitespace().collect();
        assert_eq!(ids, ["65534"; 4]);
        assert_eq!(thread["Groups"], "65534", "root's groups are left behind");
    }
    assert_eq!(fs::metadata(directory.join("snapshot.json")).unwrap().uid(), 65_534);
    sensor.stop().unwrap();

    // A directory that the user cannot write to is said at the start.
    chown(&directory, Some(0), Some(0)).unwrap();
    let output = spawn("nobody").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("nobody cannot write to "), "{said}");

    let output = spawn("no such user").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("there is no user \"no such user\""), "{said}");
}

#[test]
fn root_still_writes_to_a_directory_of_another_user_and_says_what_that_takes() {
    let veth = VethPair::silent(1_500).unwrap();
    let directory = tempfile::tempdir().unwrap();
    chown(directory.path(), Some(65_534), Some(65_534)).unwrap();
    let mut sensor = start_in(&veth, directory.path());
    sensor.wait_for_line("belongs to another user, so CAP_DAC_OVERRIDE is kept").unwrap();
    veth.send(&mirai(7)).unwrap();
    sensor.wait_for(|snapshot| snapshot.family("mirai").packets == 7).unwrap();
    assert_eq!(threads(sensor.pid())[0]["CapEff"], "0000008000001002");
    sensor.stop().unwrap();
}

fn start_in(veth: &VethPair, directory: &Path) -> Sensor {
    let mut command = veth.sensor.command(BINARY);
    command.args(["run", "-i", SENSOR, "--interval", "200ms", "--out"]).arg(directory);
    Sensor::spawn(command, directory.to_owned()).unwrap()
}

#[test]
fn a_directory_that_was_removed_is_said_and_the_totals_are_not_lost() {
    let veth = VethPair::silent(1_500).unwrap();
    let mut sensor = start(&veth, "");
    sensor.wait_for(|snapshot| snapshot.sequence > 0).unwrap();
    fs::remove_dir_all(sensor.directory()).unwrap();
    sensor.wait_for_line("was removed, and the sandbox keeps the sensor from making it again").unwrap();
    veth.send(&mirai(8)).unwrap();
    sensor.signal(Signal::INT).unwrap();
    assert_eq!(sensor.wait().unwrap().code(), Some(1));
    assert!(sensor.printed().contains("in all: 8 frames, 432 bytes: syn 8"), "{}", sensor.printed());
}
