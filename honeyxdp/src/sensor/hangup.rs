//! SIGHUP: the end of a login session, or a request to read the settings again.

use std::{io, os::fd::AsFd as _};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::DEFAULT_FILE;

/// The signal, unless it was ignored at the start, as under nohup.
pub(super) struct Hangup(Option<Signal>);

impl Hangup {
    pub(super) fn watch() -> io::Result<Self> {
        // SAFETY: all zero is a valid value of this plain structure, and a null pointer leaves the action as it is.
        let ignored = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            libc::sigaction(libc::SIGHUP, std::ptr::null(), &raw mut action) == 0
                && action.sa_sigaction == libc::SIG_IGN
        };
        Ok(Self(if ignored { None } else { Some(signal(SignalKind::hangup())?) }))
    }

    /// Waits for the next one.
    pub(super) async fn came(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}

/// Whether a SIGHUP is a request to read the settings again: there is a settings file, or a service manager that sends such
/// signals, and no terminal has closed.
pub(super) fn means_reload(has_file: bool) -> bool {
    let managed = std::env::var_os("INVOCATION_ID").is_some() && std::path::Path::new(DEFAULT_FILE).exists();
    (has_file || managed) && !terminal_is_gone()
}

fn terminal_is_gone() -> bool {
    let (input, output, error) = (io::stdin(), io::stdout(), io::stderr());
    [input.as_fd(), output.as_fd(), error.as_fd()].into_iter().any(|stream| {
        let mut polled = [PollFd::from_borrowed_fd(stream, PollFlags::empty())];
        let hung_up = poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok()
            && polled[0].revents().contains(PollFlags::HUP);
        // A pipe without a reader hangs up too, but it is no terminal. isatty(3) fails on a closed terminal.
        hung_up
            && rustix::fs::fstat(stream).is_ok_and(|stat| {
                rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::CharacterDevice
            })
    })
}
