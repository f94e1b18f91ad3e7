//! Listening sockets. They are bound before the program is attached, so that a wrong --listen fails at once.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

/// Mode of unix sockets: owner and group may connect.
const MODE: u32 = 0o660;

/// A bound socket.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// Bound sockets of a server that has not started.
#[derive(Debug, Default)]
pub struct Bound(Vec<Listener>);

impl Bound {
    /// Binds one more address.
    ///
    /// # Errors
    /// Returns an error if the address is in use or not local.
    pub fn tcp(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        let bind = || -> io::Result<TcpListener> {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let listener = bind().with_context(|| match address.port() {
            0 => format!("cannot listen on {address}; name another address with --listen"),
            port => format!("cannot listen on {address}; name an address of this machine and another port than {port} with --listen, or `none`"),
        })?;
        self.0.push(Listener::Tcp(listener));
        Ok(())
    }

    /// Binds one more unix socket, with mode 0660. A file that a killed sensor left is replaced.
    ///
    /// # Errors
    /// Returns an error if a process listens there, or if no socket can be created at the path.
    pub fn unix(&mut self, path: &Path) -> anyhow::Result<()> {
        let (listener, file) = SocketFile::bind(path)?;
        self.0.push(Listener::Unix(listener, file));
        Ok(())
    }

    /// Whether there is nothing to listen on.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Addresses, as `--connect` accepts them.
    pub fn addresses(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|listener| match listener {
                Listener::Tcp(listener) => {
                    listener.local_addr().map_or_else(|error| error.to_string(), |address| format!("http://{address}/"))
                }
                Listener::Unix(_, file) => format!("unix:{}", file.path.display()),
            })
            .collect()
    }

    pub(super) fn into_listeners(self) -> Vec<Listener> {
        self.0
    }
}

/// File of a unix socket. It is removed on drop, unless another process has replaced it.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    id: (u64, u64),
}

impl SocketFile {
    fn bind(path: &Path) -> anyhow::Result<(UnixListener, Self)> {
        let shown = path.display();
        match fs::symlink_metadata(path) {
            Ok(there) if !there.file_type().is_socket() => {
                bail!("{shown} is there and is no socket; name another path with --listen unix:/path")
            }
            Ok(_) if UnixStream::connect(path).is_ok() => {
                bail!("somebody answers on {shown}; end that one, or name another path with --listen unix:/path")
            }
            _ => {}
        }
        // Bound under a temporary name and renamed: a stale socket is replaced atomically, with the right mode from the start.
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        let bind = || -> io::Result<(UnixListener, Self)> {
            if fs::symlink_metadata(&temporary).is_ok_and(|there| there.file_type().is_socket()) {
                fs::remove_file(&temporary)?;
            }
            let listener = UnixListener::bind(&temporary)?;
            fs::set_permissions(&temporary, fs::Permissions::from_mode(MODE))?;
            let metadata = fs::symlink_metadata(&temporary)?;
            fs::rename(&temporary, path)?;
            listener.set_nonblocking(true)?;
            Ok((listener, Self { path: path.to_owned(), id: (metadata.dev(), metadata.ino()) }))
        };
        bind().with_context(|| {
            format!(
                "cannot make the socket {shown}; name a path in a directory that can be written, of less than 100 bytes"
            )
        })
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|there| (there.dev(), there.ino()) == self.id);
        if ours {
            // The next start replaces what is left.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_a_live_one_and_a_file_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.sock");
        let (listener, file) = SocketFile::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        let error = SocketFile::bind(&path).unwrap_err().to_string();
        assert!(error.contains("somebody answers on"), "{error}");

        // As after kill -9: the file stays and nobody listens.
        drop(listener);
        let (_listener, second) = SocketFile::bind(&path).unwrap();
        drop(file);
        assert!(path.exists(), "the first one removed the second one's socket");
        drop(second);
        assert!(!path.exists());

        fs::write(&path, "mine").unwrap();
        let error = SocketFile::bind(&path).unwrap_err().to_string();
        assert!(error.contains("is no socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }

    #[test]
    fn a_path_that_is_too_long_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let error = SocketFile::bind(&directory.path().join("x".repeat(120))).unwrap_err();
        assert!(format!("{error:#}").contains("of less than 100 bytes"), "{error:#}");
    }
}
