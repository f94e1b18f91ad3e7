//! What is in the virtual machine: a file system in memory, with the tests at the paths that they were built for.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::kernel::Kernel;
use crate::{
    command::{find, output, repository, say},
    test::Built,
};

/// The sensor's program, as the tests call it.
const SENSOR: &str = "honeyxdp-under-test";

/// The executable of the kernel tests.
const KERNEL_TESTS: &str = "kernel";

/// Programs that the tests call and that are to be the real ones; busybox stands in for the rest.
const PROGRAMS: &[&str] = &["ip", "sysctl", "mount", "umount", "nsenter", "unshare", "setpriv", "curl"];

/// Modules that the tests need, in the order in which they load.
const MODULES: &[&str] = &["llc", "stp", "garp", "mrp", "8021q", "dummy", "veth"];

/// An initramfs.
pub(super) struct Image {
    /// Uncompressed: emulated processors take long to unpack.
    pub(super) file: PathBuf,
    _directory: TempDir,
}

impl Image {
    /// Puts kernel modules, tests and programs together.
    pub(super) fn build(kernel: &Kernel, built: &Built, tests: &[(&str, Vec<&str>)]) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("image-").tempdir_in(super::directory())?;
        let root = Root { directory: directory.path().join("root") };
        for made in ["proc", "sys", "dev", "tmp", "run", "root", "etc", "bin", "modules"] {
            fs::create_dir_all(root.directory.join(made))?;
        }
        root.busybox()?;
        for name in PROGRAMS {
            root.program(&find(name).with_context(|| format!("There is no program {name}."))?)?;
        }
        let sensor = built.executable(SENSOR)?;
        root.stripped(sensor)?;
        let kernel_tests = built.executable(KERNEL_TESTS)?;
        root.stripped(kernel_tests)?;
        let mut lines = String::new();
        for (module, tests) in tests {
            let names: Vec<String> = tests.iter().map(|test| format!("{module}::{test}")).collect();
            lines += &format!("{module} {} --exact {}\n", kernel_tests.display(), names.join(" "));
        }
        let mut order = String::new();
        for name in MODULES {
            if kernel.module(name, &root.directory.join("modules"))? {
                order += &format!("{name}\n");
            }
        }
        let tests_directory = repository().join("tests");
        fs::create_dir_all(root.place(&tests_directory))?;
        for (file, text) in [
            ("modules/order", order.as_str()),
            ("tests", &lines),
            ("sensor", &sensor.display().to_string()),
            ("directory", &tests_directory.display().to_string()),
            ("init", include_str!("init.sh")),
            ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"),
            ("etc/group", "root:x:0:\n"),
            ("etc/hostname", "vm\n"),
        ] {
            fs::write(root.directory.join(file), text)?;
        }
        fs::set_permissions(root.directory.join("init"), fs::Permissions::from_mode(0o755))?;
        let file = directory.path().join("initramfs");
        root.pack(&file)?;
        say(format!("{}: {} MiB of programs and tests", kernel.release, fs::metadata(&file)?.len() >> 20));
        Ok(Self { file, _directory: directory })
    }
}

/// The root directory of the machine to be.
struct Root {
    directory: PathBuf,
}

impl Root {
    /// Where a file of this machine lies in the other one: at the same path.
    fn place(&self, path: &Path) -> PathBuf {
        self.directory.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn busybox(&self) -> Result<()> {
        fs::copy("/bin/busybox", self.directory.join("bin/busybox"))?;
        for applet in output(Command::new("/bin/busybox").arg("--list"))?.lines() {
            if applet != "busybox" && !PROGRAMS.contains(&applet) {
                symlink("busybox", self.directory.join("bin").join(applet))?;
            }
        }
        Ok(())
    }

    /// A program with its libraries.
    fn program(&self, path: &Path) -> Result<PathBuf> {
        let place = self.copy(path)?;
        // A program that is linked statically has none, which makes ldd fail.
        let libraries = Command::new("ldd").arg(path).output()?;
        let libraries = String::from_utf8_lossy(&libraries.stdout).into_owned();
        for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
            self.copy(Path::new(library))?;
        }
        Ok(place)
    }

    fn stripped(&self, path: &Path) -> Result<()> {
        let place = self.program(path)?;
        let status = Command::new("strip").arg(&place).status()?;
        ensure!(status.success(), "`strip {}` failed ({status}).", place.display());
        Ok(())
    }

    /// What a link leads to is copied, under the link's name.
    fn copy(&self, path: &Path) -> Result<PathBuf> {
        let place = self.place(path);
        if !place.exists() {
            fs::create_dir_all(place.parent().context("A file lies in a directory.")?)?;
            fs::copy(path, &place).with_context(|| format!("{} cannot be copied.", path.display()))?;
        }
        Ok(place)
    }

    fn pack(&self, file: &Path) -> Result<()> {
        let list = output(Command::new("find").arg(".").current_dir(&self.directory))?;
        let mut cpio = Command::new("cpio")
            .args(["--create", "--format=newc", "--quiet"])
            .current_dir(&self.directory)
            .stdin(Stdio::piped())
            .stdout(fs::File::create(file)?)
            .spawn()?;
        std::io::Write::write_all(&mut cpio.stdin.take().context("cpio has an input.")?, list.as_bytes())?;
        let status = cpio.wait()?;
        ensure!(status.success(), "cpio failed ({status}).");
        Ok(())
    }
}
