use std::fs;

use honeyxdp_archive::{Checked, check};
use honeyxdp_common::Disposition;
use tempfile::TempDir;

use super::*;
use crate::{Counts, archive::Start};

/// Start of the counters.
const RUN: Timestamp = Timestamp::constant(1_572_998_340, 0);

/// A writer without a thread: it works when a test says so.
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
        let Opened { writer, jiffies, earlier } = options.open().unwrap();
        let (sender, messages) = mpsc::channel();
        let mut queue = ArchiveQueue::new(sender.clone(), Arc::clone(&writer.queued), jiffies, earlier);
        queue.begin(Timestamp::now(), &Counts::default());
        Self { writer, queue, sender, messages, counts: Counts::default(), directory }
    }

    /// Killed with all rows in memory. The next process resumes the counters.
    fn killed(self) -> Self {
        let Self { writer, directory, counts, .. } = self;
        drop(writer);
        let mut next = Self { counts, ..Self::within(directory) };
        next.queue.start(Start::Resumed { run: RUN, at: RUN });
        next.queue.resumed(None);
        assert!(next.messages.try_recv().is_err(), "the archive has a checkpoint of the run");
        next
    }

    /// Takes so many records of two SYNs each.
    fn records(&mut self, records: u32) {
        let mut flow = Flow::default();
        flow.packets = 2;
        for _ in 0..records {
            self.queue.record(&flow, None);
            self.counts.frame(Disposition::Syn, 60);
            self.counts.frame(Disposition::Syn, 60);
        }
    }

    /// Ends an interval with so many records.
    fn interval(&mut self, records: u32) {
        self.records(records);
        self.queue.interval(Timestamp::now(), &self.counts);
    }

    /// Handles all messages in the queue. Returns whether everything was written.
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
fn counts_records_that_do_not_fit_into_the_queue_as_dropped() {
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
fn counts_rows_that_do_not_fit_into_memory_as_dropped() {
    let mut still = Still::new();
    still.interval(10);
    assert!(still.work());
    // A file in place of the directory makes every write fail.
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
    // One more row made 262,144 be dropped.
    assert_eq!((checked.packets, checked.missing), (checked.syns - 2 * 262_144, 2 * 262_144));
}

#[test]
fn accounts_for_every_syn_once_after_a_kill_at_any_point() {
    // Before the account of what it had written, with and without rows; after it, with records that nobody wrote.
    let mut first = Still::new();
    first.queue.start(Start::Fresh { run: RUN });
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
fn opening_row_keeps_syns_of_a_process_killed_before_its_first_interval() {
    let mut first = Still::new();
    let Still { writer, queue, sender, messages, .. } = &mut first;
    thread::scope(|scope| {
        let worker = scope.spawn(move || writer.work(messages));
        queue.start(Start::FreshOnPins { run: RUN });
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
fn checkpoint_of_another_run_is_ignored() {
    let mut first = Still::new();
    first.queue.start(Start::Fresh { run: RUN });
    first.interval(10);
    assert!(first.work());
    let Still { writer, directory, .. } = first;
    drop(writer);
    let mut second = Still::within(directory);
    second.queue.start(Start::Fresh { run: Timestamp::now() });
    second.interval(4);
    assert!(second.work());
    let checked = second.check();
    assert_eq!((checked.syns, checked.packets, checked.missing), (28, 28, 0));
}
