//! Pins: the maps and links that outlive the process, as names in a BPF file system.
//!
//! Map `about` records who created the map set, when, and with which sizes and rules. It is written last: a directory without it
//! is left over from a killed start and is cleared. The sensor that reads the maps holds a lock on the directory; the kernel
//! releases it with the process.

mod begun;

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
};

use aya::maps::{Array, Map, MapData};
use honeyxdp_common::{Family, counters::LAYOUT};
use jiff::Timestamp;
use rustix::fs::statfs;
use serde::{Deserialize, Serialize};

use self::begun::Begun;
use super::{
    map_set::{MapId, MapSet, MapSetError, remedy},
    memory::Sizes,
    syscall::{self, LinkInfo},
};

/// Default directory of the pins.
pub const DIRECTORY: &str = "/sys/fs/bpf/honeyxdp";

/// BPF_FS_MAGIC of linux/magic.h.
const BPF_FS: i64 = 0xcafe_4a11;
/// Name of the map that describes the others.
const ABOUT: &str = "about";
/// Its size: JSON, padded with zeros.
const ABOUT_BYTES: usize = 4_096;

/// Why pins cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// The directory is not in a BPF file system.
    #[error(
        "{directory} is not in a BPF file system: mount one with `mount -t bpf bpf /sys/fs/bpf`, or name a directory in one with \
         --pin-path"
    )]
    NoFileSystem {
        /// What was asked for.
        directory: PathBuf,
    },
    /// Another process has it.
    #[error("another honeyxdp{} uses the pins in {directory}; stop it, or give this one a directory of its own with --pin-path", pid.map_or_else(String::new, |pid| format!(" (process {pid})")))]
    InUse {
        /// The directory.
        directory: PathBuf,
        /// Who, as far as it says.
        pid: Option<u32>,
    },
    /// What lies there was made by a version that counts differently.
    #[error(
        "what is pinned in {directory} cannot go on: {reason}; `honeyxdp detach --all` takes it off and ends its counts, and the \
         next run begins anew"
    )]
    Mismatch {
        /// The directory.
        directory: PathBuf,
        /// What is different.
        reason: String,
    },
    /// A system call failed.
    #[error("cannot {what} {path}: {error}{}", advice(error))]
    Io {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
}

fn advice(error: &io::Error) -> String {
    match (error.kind(), error.raw_os_error()) {
        (_, Some(libc::EACCES)) => "; it belongs to another user: be that one, or root".to_owned(),
        (ErrorKind::OutOfMemory | ErrorKind::PermissionDenied, _) => format!("; {}", remedy(error)),
        _ => String::new(),
    }
}

/// Who began a map_set, and what has to be the same for whoever goes on with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Version of the maps' layout, `honeyxdp_common::counters::LAYOUT`.
    pub layout: u32,
    /// Ids of the rules whose counts are in it, by family: a count goes on only under the same rule.
    pub rules: Vec<String>,
    /// Version of honeyxdp that last went on with it.
    pub version: String,
    /// Process that last went on with it.
    pub pid: u32,
    /// Since when it counts.
    pub started_at: Timestamp,
    /// Names of the interfaces, each in its slot.
    pub interfaces: Vec<String>,
    /// How large the maps are.
    pub sizes: Sizes,
    /// What hashes begin with.
    seed: u64,
}

impl About {
    /// Of a map_set that begins now.
    pub(super) fn begin(map_set: &MapSet, now: Timestamp) -> Self {
        Self {
            layout: LAYOUT,
            rules: rules(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started_at: now,
            interfaces: Vec::new(),
            sizes: map_set.sizes(),
            seed: map_set.seed(),
        }
    }

    /// Why this version cannot go on with it.
    fn mismatch(&self, cpus: usize) -> Option<String> {
        if self.layout != LAYOUT {
            Some(format!("its maps have layout {}, and this version has {LAYOUT}", self.layout))
        } else if self.rules != rules() {
            let changed: Vec<&str> =
                self.rules.iter().filter(|rule| !rules().contains(rule)).map(String::as_str).collect();
            Some(format!("its counts are under other rules than this version's ({})", changed.join(", ")))
        } else if self.sizes.cpus != cpus {
            Some(format!("its maps are for {} CPUs, and this machine has {cpus}", self.sizes.cpus))
        } else {
            None
        }
    }
}

/// Ids of all rules, in the order of the wire ids.
fn rules() -> Vec<String> {
    Family::ALL.iter().flat_map(|family| family.rules()).map(|rule| rule.id.to_owned()).collect()
}

/// A directory of pins that this process alone uses.
#[derive(Debug)]
pub struct Pins {
    directory: PathBuf,
    about: OwnedFd,
    /// Before the lock: it needs it.
    begun: Begun,
    _lock: File,
}

/// What was found in a directory of pins, or begun in it.
pub(super) struct Opened {
    pub(super) pins: Pins,
    pub(super) map_set: MapSet,
    pub(super) about: About,
    /// Whether somebody else began it.
    pub(super) resumed: bool,
}

impl Pins {
    /// Opens a directory, makes it if need be, and the map_set in it: the one that is there, or a new one by `create`.
    pub(super) fn open(
        directory: &Path,
        cpus: usize,
        now: Timestamp,
        create: impl FnOnce() -> Result<MapSet, MapSetError>,
    ) -> Result<Opened, super::InstallError> {
        let parent = directory.parent().unwrap_or(directory);
        if !statfs(parent).is_ok_and(|fs| i128::from(fs.f_type) == i128::from(BPF_FS)) {
            return Err(PinError::NoFileSystem { directory: directory.to_owned() }.into());
        }
        let made = match fs::create_dir(directory) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(io("make", directory)(error).into()),
            made => made.is_ok(),
        };
        let lock = lock(directory)?;
        if let Some((about_map, mut about)) = read_about(directory)? {
            let mismatch = |reason| PinError::Mismatch { directory: directory.to_owned(), reason };
            if let Some(reason) = about.mismatch(cpus) {
                return Err(mismatch(reason).into());
            }
            let map_set = MapSet::open(about.sizes, about.seed, |name| syscall::pinned(&directory.join(name)))
                .map_err(|error| mismatch(error.to_string()))?;
            let pins = Self { directory: directory.to_owned(), about: about_map, begun: Begun::default(), _lock: lock };
            (about.pid, about.version) = (std::process::id(), env!("CARGO_PKG_VERSION").to_owned());
            pins.write_about(&about)?;
            return Ok(Opened { pins, map_set, about, resumed: true });
        }
        clear(directory)?;
        let begun = Begun::new(directory.to_owned(), made);
        let map_set = create()?;
        for kept in MapId::ALL {
            let path = directory.join(kept.name());
            syscall::pin(map_set.fd(kept), &path).map_err(io("pin", &path))?;
        }
        let about = About::begin(&map_set, now);
        let size = u32::try_from(ABOUT_BYTES).unwrap_or(0);
        let path = directory.join(ABOUT);
        let map = syscall::create_array(ABOUT, size, 1, 0).map_err(io("make", &path))?;
        let pins = Self { directory: directory.to_owned(), about: map, begun, _lock: lock };
        pins.write_about(&about)?;
        syscall::pin(pins.about.as_fd(), &path).map_err(io("pin", &path))?;
        Ok(Opened { pins, map_set, about, resumed: false })
    }

    /// The start has succeeded: what it has begun stays when the process ends.
    pub(super) fn keep(&mut self) {
        self.begun.keep();
    }

    /// Says who has the map_set now.
    pub(super) fn write_about(&self, about: &About) -> Result<(), PinError> {
        let mut bytes = [0; ABOUT_BYTES];
        let json = serde_json::to_vec(about).unwrap_or_default();
        let failed = io("write", &self.directory.join(ABOUT));
        let Some(place) = bytes.get_mut(..json.len()) else {
            return Err(failed(io::Error::other(format!("{} bytes are too many", json.len()))));
        };
        place.copy_from_slice(&json);
        let write = || -> io::Result<()> {
            let fd = self.about.try_clone()?;
            let map = MapData::from_fd(fd).map(Map::Array).map_err(io::Error::other)?;
            let mut map: Array<_, [u8; ABOUT_BYTES]> = Array::try_from(map).map_err(io::Error::other)?;
            map.set(0, bytes, 0).map_err(io::Error::other)
        };
        write().map_err(failed)
    }

    /// The link of the interface in a slot, if there is one.
    pub(super) fn link(&self, slot: usize) -> Option<(OwnedFd, LinkInfo)> {
        pinned_link(&self.directory.join(link_name(slot)))
    }

    /// Keeps the link of the interface in a slot.
    pub(super) fn keep_link(&self, slot: usize, link: &OwnedFd) -> Result<(), PinError> {
        let path = self.directory.join(link_name(slot));
        syscall::pin(link.as_fd(), &path).map_err(io("pin", &path))
    }

    /// Takes the interface's link off, and forgets it.
    pub(super) fn drop_link(&self, slot: usize) -> Result<(), PinError> {
        let path = self.directory.join(link_name(slot));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", &path)(error)),
            _ => Ok(()),
        }
    }
}

/// Contents of a pin directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pinned {
    /// Where.
    pub directory: PathBuf,
    /// Whose.
    pub about: About,
    /// Whether a process reads it now.
    pub in_use: bool,
    /// Its interfaces.
    pub links: Vec<PinnedLink>,
}

/// A pinned link and its interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PinnedLink {
    /// Name of the interface at the time of attaching.
    pub interface: String,
    /// Interface index; `None` if the interface is gone or was never attached.
    pub index: Option<u32>,
    /// The kernel's id of the program.
    pub program_id: Option<u32>,
}

/// Reads what is pinned in a directory; `None` if nothing is.
///
/// # Errors
/// Returns an error if the pins cannot be read.
pub fn pinned(directory: &Path) -> Result<Option<Pinned>, PinError> {
    let Some((_, about)) = read_about(directory)? else {
        return Ok(None);
    };
    let links = about.interfaces.iter().enumerate().map(|(slot, name)| {
        let link =
            pinned_link(&directory.join(link_name(slot))).map(|(_, info)| info).filter(|info| info.interface != 0);
        PinnedLink {
            interface: name.clone(),
            index: link.map(|info| info.interface),
            program_id: link.map(|info| info.program),
        }
    });
    let links = links.collect();
    let in_use = matches!(lock(directory), Err(PinError::InUse { .. }));
    Ok(Some(Pinned { directory: directory.to_owned(), about, in_use, links }))
}

/// Detaches one interface. Returns whether it was attached.
///
/// # Errors
/// Returns an error if a sensor uses the pins, or the kernel refuses.
pub fn detach(directory: &Path, interface: &str) -> Result<bool, PinError> {
    let _lock = lock(directory)?;
    let Some((_, about)) = read_about(directory)? else {
        return Ok(false);
    };
    let Some(slot) = about.interfaces.iter().position(|name| name == interface) else {
        return Ok(false);
    };
    remove_link(&directory.join(link_name(slot)))
}

/// Removes all links and maps in the directory, and with them all counts. Returns the number of detached links.
///
/// # Errors
/// Returns an error if a sensor uses the pins, or the kernel refuses.
pub fn detach_all(directory: &Path) -> Result<usize, PinError> {
    let lock = lock(directory)?;
    let links = clear(directory)?;
    drop(lock);
    // A directory that was created for us (tmpfiles.d) may not be removable; it stays, empty.
    let _ = fs::remove_dir(directory);
    Ok(links)
}

/// Whether anything is pinned in the directory.
pub fn is_there(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some())
}

/// Removes everything in the directory: links first, so that no program writes to maps without a name.
fn clear(directory: &Path) -> Result<usize, PinError> {
    let entries = fs::read_dir(directory).map_err(io("read", directory))?;
    let mut names: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    names.sort_by_key(|path| !is_link(path));
    let mut links = 0;
    for path in names {
        if is_link(&path) {
            links += usize::from(remove_link(&path)?);
        } else {
            fs::remove_file(&path).map_err(io("remove", &path))?;
        }
    }
    Ok(links)
}

/// Detaches and removes a link, even if a process still holds it. Returns whether it was attached.
fn remove_link(path: &Path) -> Result<bool, PinError> {
    // Another object under a link's name would block the next link.
    let link = pinned_link(path).filter(|(_, info)| info.interface != 0);
    if let Some((link, _)) = &link {
        syscall::detach_link(link.as_fd()).map_err(io("detach", path))?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", path)(error)),
        _ => Ok(link.is_some()),
    }
}

fn pinned_link(path: &Path) -> Option<(OwnedFd, LinkInfo)> {
    let link = syscall::pinned(path).ok().filter(|link| syscall::is_link(link.as_fd()))?;
    let info = syscall::link_info(link.as_fd()).ok()?;
    Some((link, info))
}

const LINK: &str = "link_";

/// Not the interface's name, which may contain a dot.
fn link_name(slot: usize) -> String {
    format!("{LINK}{slot}")
}

fn is_link(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(LINK))
}

fn lock(directory: &Path) -> Result<File, PinError> {
    let file = File::open(directory).map_err(io("open", directory))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let pid = read_about(directory).ok().flatten().map(|(_, about)| about.pid);
            Err(PinError::InUse { directory: directory.to_owned(), pid })
        }
        Err(TryLockError::Error(error)) => Err(io("lock", directory)(error)),
    }
}

/// The map `about` and its contents.
fn read_about(directory: &Path) -> Result<Option<(OwnedFd, About)>, PinError> {
    let path = directory.join(ABOUT);
    let fd = match syscall::pinned(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(io("open", &path))?,
    };
    let read = || -> io::Result<About> {
        let map = MapData::from_fd(fd.try_clone()?).map(Map::Array).map_err(io::Error::other)?;
        let map: Array<_, [u8; ABOUT_BYTES]> = Array::try_from(map).map_err(io::Error::other)?;
        let bytes = map.get(&0, 0).map_err(io::Error::other)?;
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        Ok(serde_json::from_slice(&bytes[..end])?)
    };
    match read() {
        Ok(about) => Ok(Some((fd, about))),
        // Another version may write another document.
        Err(error) => {
            Err(PinError::Mismatch { directory: directory.to_owned(), reason: format!("{}: {error}", path.display()) })
        }
    }
}

fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PinError + use<> {
    let path = path.to_owned();
    move |error| PinError::Io { what, path, error }
}
