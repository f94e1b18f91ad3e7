//! Output to a reader that may have stopped: a full pipe, or a terminal held by Ctrl-S, must not block the sensor.

use std::{
    io::{self, Write},
    os::fd::AsFd,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Bytes that a writable pipe accepts at once: PIPE_BUF of limits.h.
const PIECE: usize = 4_096;
/// Time allowed to a reader that was not slow before. A pipe buffers 64 KiB until then.
const PATIENCE: Duration = Duration::from_millis(100);

static PATIENT: AtomicBool = AtomicBool::new(true);
static LEFT_OUT: AtomicU64 = AtomicU64::new(0);

/// From now on, lines that the reader does not accept at once are dropped.
pub fn never_wait() {
    PATIENT.store(false, Ordering::Relaxed);
}

/// Number of dropped lines, once standard error accepts lines again; 0 until then.
pub fn left_out() -> u64 {
    if LEFT_OUT.load(Ordering::Relaxed) == 0 || !takes(io::stderr()) {
        return 0;
    }
    LEFT_OUT.swap(0, Ordering::Relaxed)
}

/// Whether a write would not block. A closed stream accepts everything.
pub fn takes(stream: impl AsFd) -> bool {
    writable(&stream, Duration::ZERO)
}

/// Writes a line to a stream. Errors are ignored: there is nowhere to report them, and counting continues.
pub(super) fn write(mut stream: impl Write + AsFd, line: &[u8]) {
    if PATIENT.load(Ordering::Relaxed) {
        let _ = stream.write_all(line);
        return;
    }
    for piece in line.chunks(PIECE) {
        let patience = if LEFT_OUT.load(Ordering::Relaxed) == 0 { PATIENCE } else { Duration::ZERO };
        if !writable(&stream, patience) {
            LEFT_OUT.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let _ = stream.write_all(piece).and_then(|()| stream.flush());
    }
}

/// Prints a line to standard output in the same way.
pub fn print(line: &str) {
    write(io::stdout().lock(), format!("{line}\n").as_bytes());
}

fn writable(stream: &impl AsFd, patience: Duration) -> bool {
    let mut streams = [PollFd::new(stream, PollFlags::OUT)];
    let patience = Timespec::try_from(patience).unwrap_or_default();
    // After an error here, the write fails too, and that is handled.
    poll(&mut streams, Some(&patience)).map_or(true, |ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read as _};

    use super::*;

    #[test]
    fn a_full_pipe_takes_nothing_until_it_is_read() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut filler = File::from(std::os::fd::OwnedFd::from(writer.try_clone().unwrap()));
        while takes(&writer) {
            filler.write_all(&[b'x'; PIECE]).unwrap();
        }
        assert!(!writable(&writer, Duration::from_millis(1)));
        reader.read_exact(&mut [0; PIECE]).unwrap();
        assert!(takes(&writer));
        // The write returns at once, with an error.
        drop(reader);
        assert!(takes(&writer));
    }
}
