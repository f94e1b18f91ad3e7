//! What a service manager hears of a sensor: sd_notify(3), on a real socket.

use std::{
    fs, io,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    ptr, thread,
    time::{Duration, Instant},
};

use lab::{
    craft,
    network::{SENSOR, VethPair},
    sensor::Sensor,
};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::BINARY;

/// The manager's end of the protocol.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    directory: TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        Self { socket, path, directory }
    }

    /// Starts a sensor as a manager does, with a watchdog of this period.
    fn start(&self, veth: &VethPair, args: &str, watchdog: Option<Duration>) -> Sensor {
        let out = self.directory.path().join("out");
        let mut command = veth.sensor.command(BINARY);
        command.args(["run", "-i", SENSOR, "--out"]).arg(&out).args(args.split_whitespace());
        command.env("NOTIFY_SOCKET", &self.path).env_remove("WATCHDOG_PID").env_remove("WATCHDOG_USEC");
        if let Some(period) = watchdog {
            command.env("WATCHDOG_USEC", period.as_micros().to_string());
        }
        Sensor::spawn(command, out).unwrap()
    }

    /// The lines of the messages that come within this time.
    fn hear(&self, time: Duration) -> Vec<String> {
        let end = Instant::now() + time;
        let mut lines = Vec::new();
        let mut buffer = [0; 4096];
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.socket.set_read_timeout(Some(left)).unwrap();
            if let Ok(length) = self.socket.recv(&mut buffer) {
                lines.extend(String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned));
            }
        }
        lines
    }

    /// Waits for a line that begins so, and returns it.
    fn wait_for(&self, start: &str) -> String {
        let since = Instant::now();
        while since.elapsed() < Duration::from_secs(30) {
            if let Some(line) = self.hear(Duration::from_millis(100)).into_iter().find(|line| line.starts_with(start)) {
                return line;
            }
        }
        panic!("nothing like {start:?} was told");
    }
}

#[test]
fn the_manager_hears_of_the_start_every_interval_and_the_end() {
    let veth = VethPair::silent(1_500).unwrap();
    let manager = Manager::new();
    let mut sensor = manager.start(&veth, "--interval 300ms", Some(Duration::from_secs(1)));
    manager.wait_for("READY=1");
    assert!(veth.sensor.run(&format!("ip -d link show {SENSOR}")).unwrap().contains("prog/xdp"), "ready, not attached");
    veth.send(&vec![craft::mirai([198, 18, 0, 100].into(), [198, 18, 0, 1].into(), 23); 7]).unwrap();
    let lines = manager.hear(Duration::from_secs(2));
    let statuses = lines.iter().filter(|line| line.starts_with("STATUS=2")).count();
    assert!((3..=8).contains(&statuses), "one every 300 ms: {lines:?}");
    let said = lines.join("\n");
    assert!(said.contains("syn 7: mirai 7"), "{said}");
    let watchdog = lines.iter().filter(|line| *line == "WATCHDOG=1").count();
    assert!((2..=5).contains(&watchdog), "twice a second: {lines:?}");

    sensor.signal(Signal::TERM).unwrap();
    assert!(sensor.wait().unwrap().success());
    let end = manager.hear(Duration::from_millis(200));
    let stopping = end.iter().position(|line| line == "STOPPING=1").expect("the end is told");
    assert!(end[stopping..].iter().all(|line| line != "WATCHDOG=1" && line != "READY=1"), "{end:?}");
}

#[test]
fn a_drain_that_hangs_lets_the_watchdog_bite() {
    let veth = VethPair::silent(1_500).unwrap();
    let manager = Manager::new();
    // Nobody asks the drain for anything: what is missed is its own progress.
    let sensor = manager.start(&veth, "--interval 1h", Some(Duration::from_millis(400)));
    manager.wait_for("READY=1");
    manager.wait_for("WATCHDOG=1");
    let hung = Hung::new(thread_named(sensor.pid(), "drain"));
    // One message may have been on its way.
    manager.hear(Duration::from_millis(400));
    assert_eq!(manager.hear(Duration::from_secs(2)), Vec::<String>::new(), "told that it is alive, and it is not");
    drop(hung);
    manager.wait_for("WATCHDOG=1");
    sensor.stop().unwrap();
}

#[test]
fn without_a_watchdog_none_is_fed_and_a_manager_that_is_gone_is_said_once() {
    let veth = VethPair::silent(1_500).unwrap();
    let manager = Manager::new();
    let sensor = manager.start(&veth, "--interval 200ms", None);
    manager.wait_for("READY=1");
    let lines = manager.hear(Duration::from_secs(1));
    assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with("STATUS=")), "{lines:?}");
    fs::remove_file(&manager.path).unwrap();
    let before = sensor.wait_for(|_| true).unwrap().sequence;
    sensor.wait_for(|snapshot| snapshot.sequence > before + 4).unwrap();
    let said = sensor.printed();
    assert_eq!(said.matches("cannot reach the service manager").count(), 1, "{said}");
    sensor.stop().unwrap();
}

/// Id of a process's thread.
fn thread_named(process: u32, name: &str) -> libc::pid_t {
    fs::read_dir(format!("/proc/{process}/task"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .find(|entry| fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim() == name))
        .and_then(|entry| entry.file_name().to_str()?.parse().ok())
        .expect("the thread is there")
}

/// A single thread of another process that stands still, wherever it is. It goes on when this is dropped, or with the
/// thread that made it.
struct Hung(libc::pid_t);

impl Hung {
    fn new(thread: libc::pid_t) -> Self {
        Self::trace(libc::PTRACE_SEIZE, thread).unwrap();
        Self::trace(libc::PTRACE_INTERRUPT, thread).unwrap();
        let mut status = 0;
        // SAFETY: the kernel writes the status, which outlives the call.
        let stopped = unsafe { libc::waitpid(thread, &raw mut status, libc::__WALL) };
        assert_eq!(stopped, thread, "{}", io::Error::last_os_error());
        // So that what is asserted next is about a thread that does stand still.
        thread::sleep(Duration::from_millis(10));
        Self(thread)
    }

    fn trace(request: libc::c_uint, thread: libc::pid_t) -> io::Result<()> {
        // SAFETY: these requests take no pointers.
        let result = unsafe { libc::ptrace(request, thread, ptr::null_mut::<()>(), ptr::null_mut::<()>()) };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        // It may have ended.
        let _ = Self::trace(libc::PTRACE_DETACH, self.0);
    }
}
