//! Flow records on their way into an archive: from whoever reads them ([`Feed`]) over a bounded queue to a thread that writes
//! ([`Archiver`]). Who reads never waits for a disk: what finds no room in the queue is counted as not written.

mod feed;
mod scribe;
mod ticks;

pub use feed::Feed;
pub use scribe::{Archiver, Opened, Options};
