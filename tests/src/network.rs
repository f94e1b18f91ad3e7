//! Private network namespaces with a veth between them, without a way out.
//!
//! Namespaces are called `hx-<pid>-<n>-<side>` after the process that made them, so that `cargo xtask` can tell and
//! remove those of a dead one.

use std::{
    ffi::CString,
    fs::File,
    io,
    os::fd::{AsFd as _, AsRawFd as _, FromRawFd as _, OwnedFd},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::sensor::patience;

/// Every namespace of ours begins with this.
const PREFIX: &str = "hx-";
/// Where ip-netns(8) keeps them.
const NAMESPACES: &str = "/run/netns";

/// A network namespace. It is removed when this is dropped.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one with nothing in it but a loopback interface that is down.
    ///
    /// # Errors
    /// Without root or iproute2.
    pub fn new(side: &str) -> anyhow::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{PREFIX}{}-{}-{side}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        ip(&["netns", "add", &name])?;
        Ok(Self { name })
    }

    /// Its name, for `ip netns`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `ip` with these words, in this namespace.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub fn ip(&self, words: &str) -> anyhow::Result<()> {
        let mut args = vec!["-n", &self.name];
        args.extend(words.split_whitespace());
        ip(&args)
    }

    /// A command that will run in this namespace, with the default disposition of signals: under nohup SIGHUP is ignored, and a
    /// process inherits that.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program).stdin(Stdio::null());
        // As people see it, though no terminal is there.
        command.env("HONEYXDP_LOG_FORMAT", "text");
        let restore = || {
            for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
                // SAFETY: a system call without pointers, which may be called between fork and exec.
                if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(())
        };
        // SAFETY: only system calls between fork and exec.
        unsafe { command.pre_exec(restore) };
        command
    }

    /// Runs a command in this namespace to its end, and returns what it printed.
    ///
    /// # Errors
    /// When it fails, with what it said.
    pub fn run(&self, words: &str) -> anyhow::Result<String> {
        let mut parts = words.split_whitespace();
        let program = parts.next().context("an empty command")?;
        let output = self.command(program).args(parts).output()?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.success(), "`{words}` failed: {text}");
        Ok(text)
    }

    /// Runs `work` on a thread that is in this namespace.
    ///
    /// # Errors
    /// When the namespace cannot be entered.
    ///
    /// # Panics
    /// When `work` does.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
        thread::scope(|scope| {
            let thread = scope.spawn(|| self.enter().map(|()| work()));
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Moves the calling thread into this namespace, for good.
    ///
    /// # Errors
    /// Without root.
    pub fn enter(&self) -> anyhow::Result<()> {
        let file = File::open(Path::new(NAMESPACES).join(&self.name))?;
        Ok(move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))?)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // A process that still runs in it keeps it alive, but no name and no veth of it stays.
        if let Err(error) = ip(&["netns", "del", &self.name]) {
            eprintln!("{error:#}");
        }
    }
}

fn ip(args: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("ip").args(args).stdin(Stdio::null()).output().context("`ip` of iproute2 is needed")?;
    if !output.status.success() {
        bail!(
            "`ip {}` failed: {}(network namespaces need root)",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// Name of the interface on the scanners' side.
pub const OUTSIDE: &str = "out0";
/// Name of the interface on the sensor's side.
pub const SENSOR: &str = "in0";

/// Two namespaces and a veth pair between them: scanners outside, the sensor inside.
///
/// Outside is 198.18.0.100 and 2001:db8::100; inside are 198.18.0.1 to 198.18.0.16 and 2001:db8::1. Nothing else is
/// routed, and there is no default route.
#[derive(Debug)]
pub struct VethPair {
    /// Where scanners run.
    pub outside: Namespace,
    /// Where the sensor runs.
    pub sensor: Namespace,
}

impl VethPair {
    /// Lays a veth with addresses on both ends.
    ///
    /// # Errors
    /// See [`Namespace::new`].
    pub fn new() -> anyhow::Result<Self> {
        let veth = Self::bare(1_500)?;
        veth.outside.ip(&format!("addr add 198.18.0.100/24 dev {OUTSIDE}"))?;
        veth.outside.ip(&format!("addr add 2001:db8::100/64 dev {OUTSIDE} nodad"))?;
        for host in 1..=16 {
            veth.sensor.ip(&format!("addr add 198.18.0.{host}/24 dev {SENSOR}"))?;
        }
        veth.sensor.ip(&format!("addr add 2001:db8::1/64 dev {SENSOR} nodad"))?;
        veth.up()?;
        Ok(veth)
    }

    /// Lays a veth on which nobody speaks: no addresses, no IPv6, no ARP. What is sent is all that there is.
    ///
    /// # Errors
    /// See [`Namespace::new`].
    pub fn silent(mtu: u32) -> anyhow::Result<Self> {
        let veth = Self::bare(mtu)?;
        veth.silence()?;
        veth.up()?;
        Ok(veth)
    }

    /// Lays a silent veth once more, after one of its ends was removed. The ends have the same names and other indices.
    ///
    /// # Errors
    /// See [`Namespace::new`].
    pub fn again(&self) -> anyhow::Result<()> {
        self.lay(1_500)?;
        self.silence()?;
        self.up()
    }

    fn silence(&self) -> anyhow::Result<()> {
        for (namespace, interface) in [(&self.outside, OUTSIDE), (&self.sensor, SENSOR)] {
            namespace.run(&format!("sysctl -q -w net.ipv6.conf.{interface}.disable_ipv6=1"))?;
            namespace.ip(&format!("link set {interface} arp off"))?;
        }
        Ok(())
    }

    fn bare(mtu: u32) -> anyhow::Result<Self> {
        let veth = Self { outside: Namespace::new("out")?, sensor: Namespace::new("in")? };
        veth.lay(mtu)?;
        Ok(veth)
    }

    fn lay(&self, mtu: u32) -> anyhow::Result<()> {
        let there = self.sensor.name();
        self.outside.ip(&format!("link add {OUTSIDE} mtu {mtu} type veth peer name {SENSOR} mtu {mtu} netns {there}"))
    }

    fn up(&self) -> anyhow::Result<()> {
        self.outside.ip("link set lo up")?;
        self.sensor.ip("link set lo up")?;
        self.outside.ip(&format!("link set {OUTSIDE} up"))?;
        self.sensor.ip(&format!("link set {SENSOR} up"))
    }

    /// Hardware address of the sensor's interface, as raw scanners want it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn sensor_mac(&self) -> anyhow::Result<String> {
        let output = self.sensor.run(&format!("cat /sys/class/net/{SENSOR}/address"))?;
        Ok(output.trim().to_owned())
    }

    /// Sends frames from outside, as they are.
    ///
    /// # Errors
    /// When the socket does not take one. One for which the veth has no room is sent again.
    pub fn send(&self, frames: &[Vec<u8>]) -> anyhow::Result<()> {
        self.outside.inside(|| -> anyhow::Result<()> {
            let socket = Wire::open(OUTSIDE)?;
            for frame in frames {
                let start = Instant::now();
                while let Err(error) = socket.send(frame) {
                    // The veth has no room: the frame was not sent.
                    if error.raw_os_error() != Some(libc::ENOBUFS) || start.elapsed() > patience() {
                        return Err(error).with_context(|| format!("sending a frame of {} bytes", frame.len()));
                    }
                    thread::sleep(Duration::from_millis(1));
                }
            }
            Ok(())
        })?
    }
}

/// Index of an interface of the calling thread's namespace.
///
/// # Errors
/// When there is no such interface.
pub fn index(interface: &str) -> anyhow::Result<u32> {
    let name = CString::new(interface)?;
    // SAFETY: the name is a C string.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    ensure!(index != 0, "no interface {interface}: {}", io::Error::last_os_error());
    Ok(index)
}

/// A packet(7) socket that sends whole frames on one interface.
pub struct Wire(OwnedFd);

impl Wire {
    /// Opens it on an interface of the calling thread's namespace.
    ///
    /// # Errors
    /// Without CAP_NET_RAW, or when there is no such interface.
    pub fn open(interface: &str) -> anyhow::Result<Self> {
        let index = index(interface)?;
        // SAFETY: plain system call without pointers. Protocol 0: it receives nothing.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        ensure!(fd >= 0, "packet socket: {}", io::Error::last_os_error());
        // SAFETY: the descriptor is new and nobody else owns it.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: all zero is a valid value of this plain structure.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = u16::try_from(libc::AF_PACKET)?;
        address.sll_ifindex = i32::try_from(index)?;
        let length = libc::socklen_t::try_from(size_of_val(&address))?;
        // SAFETY: the address is initialized and as long as said.
        let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) };
        ensure!(result == 0, "packet socket: {}", io::Error::last_os_error());
        Ok(Self(socket))
    }

    /// Sends one frame.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        // SAFETY: the kernel reads `len` bytes of the frame.
        let sent = unsafe { libc::send(self.0.as_raw_fd(), frame.as_ptr().cast(), frame.len(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}
