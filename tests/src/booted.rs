//! A systemd that is booted for a test: this machine's files, seen through an overlay that is gone afterwards, with
//! processes, mounts, control groups and a network of their own.

use std::{
    fs, io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

use crate::{network::Namespace, sensor::patience};

/// Runs in namespaces of its own, in `$1`, and becomes systemd. `$2` is a directory that is copied over the system's files.
const BOOT: &str = r#"
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" none "$1/root"
cd "$1/root"
rm -rf etc/systemd/system/*.wants etc/fstab
cp -rT "$2" .
mount -t proc none proc
mount -t sysfs none sys
mount -t cgroup2 none sys/fs/cgroup
mount -t bpf none sys/fs/bpf
mount -t tmpfs -o mode=0755 none run
mount -t tmpfs none tmp
mount -t tmpfs -o mode=0755 none dev
for device in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 0666 "dev/${device%:*}" c 1 "${device#*:}"; done
mknod -m 0666 dev/tty c 5 0
mkdir dev/shm dev/pts old
mount -t devpts -o newinstance,ptmxmode=0666 none dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
pivot_root . old
umount -l old
exec env -i container=lab PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --system --unit=basic.target --show-status=no
"#;

/// A booted systemd. Everything in it ends when this is dropped.
pub struct Booted {
    unshare: Child,
    systemd: u32,
    group: Group,
    _root: TempDir,
}

impl Booted {
    /// Boots it in a network namespace, with the files of a directory over the system's own.
    ///
    /// # Errors
    /// Without root or systemd, or when it does not come up.
    pub fn new(network: &Namespace, files: &Path) -> anyhow::Result<Self> {
        let root = tempfile::tempdir()?;
        let group = Group::new()?;
        let mut command = network.command("unshare");
        command.args(["--fork", "--kill-child=SIGKILL", "--pid", "--mount", "--uts", "--ipc", "--cgroup"]);
        command.args(["sh", "-c", BOOT, "sh"]).arg(root.path()).arg(files).stdout(Stdio::null()).stderr(Stdio::null());
        let members = group.0.join("cgroup.procs");
        let join = move || {
            // A test that is killed drops nothing: its machine goes with it all the same.
            // SAFETY: plain system call without pointers.
            if unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) } != 0 {
                return Err(io::Error::last_os_error());
            }
            fs::write(&members, "0")
        };
        // SAFETY: only system calls between fork and exec, and the path was made before.
        unsafe { command.pre_exec(join) };
        let unshare = command.spawn()?;
        let mut booted = Self { unshare, systemd: 0, group, _root: root };
        booted.wait()?;
        Ok(booted)
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        let children = format!("/proc/{0}/task/{0}/children", self.unshare.id());
        loop {
            if let Some(status) = self.unshare.try_wait()? {
                bail!("systemd does not boot ({status}); it takes root, overlayfs and the package systemd");
            }
            self.systemd = fs::read_to_string(&children)?.trim().parse().unwrap_or(0);
            let state = || self.command("systemctl").arg("is-system-running").output();
            if self.systemd != 0
                && state().is_ok_and(|state| ["running\n", "degraded\n"].iter().any(|up| state.stdout == up.as_bytes()))
            {
                return Ok(());
            }
            ensure!(start.elapsed() < patience(), "systemd does not come up");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// A command that will run in it, as root.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.systemd.to_string(), "--all"]).arg(program).stdin(Stdio::null());
        command
    }

    /// Runs a line of shell in it, and returns what it printed.
    ///
    /// # Errors
    /// When it fails, with what it printed.
    pub fn run(&self, line: &str) -> anyhow::Result<String> {
        let output = self.command("sh").args(["-c", line]).output().context("nsenter of util-linux is needed")?;
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        ensure!(output.status.success(), "`{line}` failed: {text}");
        Ok(text)
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        // systemd dies with unshare, and all its processes with systemd.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        let systemd = PathBuf::from(format!("/proc/{}", self.systemd));
        let start = Instant::now();
        while self.systemd != 0 && systemd.exists() && start.elapsed() < patience() {
            thread::sleep(Duration::from_millis(10));
        }
        self.group.remove();
    }
}

/// A control group, so that those which systemd makes are below one of ours.
struct Group(PathBuf);

impl Group {
    fn new() -> anyhow::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let mount = mounts
            .lines()
            .map(|line| line.split(' ').collect::<Vec<_>>())
            .find(|mount| mount.get(2) == Some(&"cgroup2"));
        let root = mount.context("no control groups of version 2 are mounted")?[1].to_owned();
        let group = Self(
            Path::new(&root).join(format!("hx-{}-{:?}", process::id(), thread::current().id()).replace(['(', ')'], "")),
        );
        fs::create_dir(&group.0).with_context(|| format!("cannot make {}", group.0.display()))?;
        Ok(group)
    }

    fn remove(&self) {
        let start = Instant::now();
        while let Err(error) = remove_groups(&self.0) {
            if start.elapsed() > Duration::from_secs(5) {
                eprintln!("cannot remove {}: {error}", self.0.display());
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Only the directories: the files in them are the kernel's.
fn remove_groups(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_groups(&entry.path())?;
        }
    }
    fs::remove_dir(directory)
}
