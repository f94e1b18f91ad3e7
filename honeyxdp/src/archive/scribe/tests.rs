use std::fs;

use honeyxdp_archive::{Checked, check};
use honeyxdp_common::Disposition;
use tempfile::TempDir;

use super::*;
use crate::Counts;

/// A thread that does not run: it works when it is told to.
struct Still {
    scribe: Scribe,
    feed: Feed,
    queue: mpsc::Sender<Message>,
    messages: mpsc::Receiver<Message>,
    counts: Counts,
    folder: TempDir,
}

impl Still {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            folder: folder.path().to_owned(),
            sensor: "ours".to_owned(),
            country: None,
            asn: None,
            upkeep: None,
            live: true,
        };
        let Opened { scribe, jiffies, known } = options.open().unwrap();
        let (queue, messages) = mpsc::channel();
        let mut feed = Feed::new(queue.clone(), Arc::clone(&scribe.queued), jiffies, known);
        feed.begin(Timestamp::now(), &Counts::default());
        Self { scribe, feed, queue, messages, counts: Counts::default(), folder }
    }

    /// An interval with so many records of two SYNs each.
    fn interval(&mut self, records: u32) {
        let mut flow = Flow::default();
        flow.packets = 2;
        for _ in 0..records {
            self.feed.record(&flow, None);
            self.counts.frame(Disposition::Syn, 60);
            self.counts.frame(Disposition::Syn, 60);
        }
        // No two begin in the same millisecond.
        thread::sleep(Duration::from_millis(2));
        self.feed.interval(Timestamp::now(), &self.counts);
    }

    /// Works on all that waits. Returns whether everything was written.
    fn work(&mut self) -> bool {
        let (answer, answered) = mpsc::channel();
        self.queue.send(Message::End(answer)).unwrap();
        self.scribe.work(&self.messages);
        answered.recv().unwrap()
    }

    fn check(&self) -> Checked {
        let checked = check(&Archive::new(self.folder.path())).unwrap();
        assert_eq!(checked.problems, [""; 0]);
        checked
    }
}

#[test]
fn what_finds_no_room_in_the_queue_is_accounted_for() {
    let mut still = Still::new();
    still.interval(600_000);
    still.interval(10);
    assert!(!still.work());
    let checked = still.check();
    // The queue holds 524,288 records; the chunk that did not fit, and those behind it, are missing.
    assert_eq!((checked.syns, checked.packets), (1_200_020, 2 * 524_288));
    assert_eq!(checked.missing, checked.syns - checked.packets);

    still.interval(10);
    still.work();
    assert_eq!(still.check().packets, checked.packets + 20, "there is room again");
}

#[test]
fn what_has_no_room_in_memory_while_the_disk_fails_is_accounted_for() {
    let mut still = Still::new();
    still.interval(10);
    assert!(still.work());
    // Nothing can be written where a file is in the place of a folder.
    let (flows, away) = (still.folder.path().join("flows"), still.folder.path().join("away"));
    fs::rename(&flows, &away).unwrap();
    fs::write(&flows, "").unwrap();
    still.interval(300_000);
    still.interval(1_000);
    assert!(!still.work());
    fs::remove_file(&flows).unwrap();
    fs::rename(&away, &flows).unwrap();
    still.interval(10);
    still.work();
    let checked = still.check();
    assert_eq!(checked.syns, 2 * 301_020);
    // 262,144 rows were given up when one more came.
    assert_eq!((checked.packets, checked.missing), (checked.syns - 2 * 262_144, 2 * 262_144));
}
