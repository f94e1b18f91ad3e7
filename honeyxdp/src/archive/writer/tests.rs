use std::fs;

use honeyxdp_archive::{Checked, check};
use honeyxdp_common::Disposition;
use tempfile::TempDir;

use super::*;
use crate::Counts;

/// When the counters began.
const RUN: Timestamp = Timestamp::constant(1_572_998_340, 0);

/// A thread that does not run: it works when it is told to.
struct Still {
    writer: ArchiveWriter,
    queue: ArchiveQueue,
    sender: mpsc::Sender<Message>,
    messages: mpsc::Receiver<Message>,
    counts: Counts,
    directory: TempDir,
}

impl Still {
    fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    fn within(directory: TempDir) -> Self {
        let options = Options {
            directory: directory.path().to_owned(),
            sensor: "ours".to_owned(),
            site: None,
            country: None,
            asn: None,
            upkeep: None,
            live: true,
        };
        let Opened { writer, jiffies, known } = options.open().unwrap();
        let (sender, messages) = mpsc::channel();
        let mut queue = ArchiveQueue::new(sender.clone(), Arc::clone(&writer.queued), jiffies, known);
        queue.begin(Timestamp::now(), &Counts::default());
        Self { writer, queue, sender, messages, counts: Counts::default(), directory }
    }

    /// Killed with all that it has in memory. The next one takes over the counters.
    fn killed(self) -> Self {
        let Self { writer, directory, counts, .. } = self;
        drop(writer);
        let mut next = Self { counts, ..Self::within(directory) };
        assert!(next.queue.go_on(RUN));
        next
    }

    /// So many records of two SYNs each.
    fn records(&mut self, records: u32) {
        let mut flow = Flow::default();
        flow.packets = 2;
        for _ in 0..records {
            self.queue.record(&flow, None);
            self.counts.frame(Disposition::Syn, 60);
            self.counts.frame(Disposition::Syn, 60);
        }
    }

    /// An interval with so many records.
    fn interval(&mut self, records: u32) {
        self.records(records);
        self.queue.interval(Timestamp::now(), &self.counts);
    }

    /// Works on all that waits. Returns whether everything was written.
    fn work(&mut self) -> bool {
        let (answer, answered) = mpsc::channel();
        self.sender.send(Message::End(answer)).unwrap();
        self.writer.work(&self.messages);
        answered.recv().unwrap()
    }

    fn check(&self) -> Checked {
        let checked = check(&Archive::new(self.directory.path())).unwrap();
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
    // Nothing can be written where a file is in the place of a directory.
    let (flows, away) = (still.directory.path().join("flows"), still.directory.path().join("away"));
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

#[test]
fn a_process_that_was_killed_anywhere_leaves_every_syn_to_one_account() {
    // Before the account of what it had written, with and without rows; after it, with records that nobody wrote.
    let mut first = Still::new();
    assert!(!first.queue.go_on(RUN), "nothing is there");
    first.interval(10);
    first.interval(0);
    assert!(first.work());
    first.records(5);

    let mut second = first.killed();
    second.interval(20);
    assert!(second.work(), "what the one before has lost is not this one's failure");
    let checked = second.check();
    assert_eq!((checked.syns, checked.packets, checked.missing), (70, 60, 10));

    second.interval(7);
    for message in second.messages.try_iter().collect::<Vec<_>>() {
        if let Message::Records(records, ticks, start) = message {
            second.writer.records(&records, &ticks, start);
        }
    }
    second.writer.spill();
    assert_eq!(second.check().packets, 74, "rows are there, and no account");

    let mut third = second.killed();
    third.interval(3);
    assert!(third.work());
    let checked = third.check();
    assert_eq!((checked.syns, checked.packets, checked.missing), (90, 80, 10));
}

#[test]
fn who_is_killed_before_its_first_account_has_said_where_accounts_begin() {
    let mut first = Still::new();
    assert!(!first.queue.go_on(RUN), "nothing is there");
    let Still { writer, queue, sender, messages, .. } = &mut first;
    thread::scope(|scope| {
        let worker = scope.spawn(move || writer.work(messages));
        queue.begin_accounts();
        let (answer, _answered) = mpsc::channel();
        sender.send(Message::End(answer)).unwrap();
        worker.join().unwrap();
    });
    // Read, perhaps in a snapshot, and not written.
    first.interval(5);
    let mut second = first.killed();
    second.interval(3);
    assert!(second.work());
    let checked = second.check();
    assert_eq!((checked.syns, checked.packets, checked.missing), (16, 6, 10));
}

#[test]
fn counters_that_began_at_another_time_are_accounted_for_from_their_begin() {
    let mut first = Still::new();
    first.queue.go_on(RUN);
    first.interval(10);
    assert!(first.work());
    let Still { writer, directory, .. } = first;
    drop(writer);
    let mut second = Still::within(directory);
    assert!(!second.queue.go_on(Timestamp::now()));
    second.interval(4);
    assert!(second.work());
    let checked = second.check();
    assert_eq!((checked.syns, checked.packets, checked.missing), (28, 28, 0));
}
