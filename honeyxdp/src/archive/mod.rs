//! Flow records on their way into an archive: from whoever reads them ([`ArchiveQueue`]) over a bounded queue to a thread that writes
//! ([`Archiver`]). Who reads never waits for a disk: what finds no room in the queue is counted as not written.

mod queue;
mod ticks;
mod writer;

pub use queue::ArchiveQueue;
pub use writer::{Archiver, Opened, Options};
