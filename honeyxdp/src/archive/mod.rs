//! Flow records on their way into an archive: from the reader of the kernel's rings ([`ArchiveQueue`]) over a bounded queue to a
//! thread that writes ([`Archiver`]). The reader never waits for a disk: records that do not fit into the queue are counted as
//! dropped by the archive.

mod accounting;
mod queue;
mod ticks;
mod writer;

pub use accounting::Start;
pub use queue::ArchiveQueue;
pub use writer::{Archiver, Opened, Options};
