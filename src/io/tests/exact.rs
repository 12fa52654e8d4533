//! The promise of this room: whatever the point at which a process is killed, the next ones write what one without a
//! stop would have written, byte for byte.

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

const RECORDS: usize = 25;

/// A loop as small as can be. Its state is a count, which every line of the output shows.
struct Run {
    folder: PathBuf,
    durability: Durability,
    /// The point at which it is killed, counted over the whole run.
    stop: usize,
    passed: usize,
}

/// The process is gone.
struct Killed;

impl Run {
    /// Passes a point; at the last one, what lies in the folder is what the next process finds.
    fn pass(&mut self, next: &Path) -> Result<(), Killed> {
        self.passed += 1;
        if self.passed <= self.stop {
            return Ok(());
        }
        for file in std::fs::read_dir(&self.folder).expect("it is there") {
            let file = file.expect("it is there");
            std::fs::copy(file.path(), next.join(file.file_name())).expect("the test's folder is writable");
        }
        Err(Killed)
    }

    fn go_on(&mut self, input: &Path, next: &Path) -> Result<(), Killed> {
        let options = StoreOptions { durability: self.durability, ..StoreOptions::default() };
        let mut source = FileSource::files(&[input], ReadOptions::default()).expect("it is there");
        let mut store = RedbStore::open(self.folder.join("journal.redb"), options).expect("it opens");
        let output = self.folder.join("out.jsonl");
        let mut sink = FileSink::open(&output).expect("it opens");
        let (mut seq, mut count) = resume(&mut store, &mut source, &mut sink, &output);
        let mut batch = RawBatch::default();
        loop {
            let flow = source.fill(&mut batch, &limits(3)).expect("it is whole");
            let (mark, mut lines) = (sink.mark(), Vec::new());
            for raw in batch.iter() {
                count += 1;
                lines.extend_from_slice(format!("{count}:{}\n", raw.bytes.escape_ascii()).as_bytes());
            }
            seq += 1;
            self.pass(next)?;
            let outputs = [Output { mark: &mark, lines: &lines }];
            let deltas = (batch.len() as u64).to_le_bytes();
            let entry = Entry { seq, input: batch.end(), deltas: &deltas, outputs: &outputs, owes_compaction: false };
            store.append(&entry).expect("it is saved");
            self.pass(next)?;
            let half = lines.len() / 2;
            sink.emit(&lines[..half]).expect("it is writable");
            self.pass(next)?;
            sink.emit(&lines[half..]).expect("it is writable");
            self.pass(next)?;
            source.commit(batch.end()).expect("files keep no positions");
            if seq % 4 == 0 {
                sink.sync().expect("it is writable");
                let state = std::iter::once(count.to_le_bytes().to_vec());
                store.snapshot(seq, batch.end(), &[sink.mark()], &mut state.into_iter()).expect("it is saved");
                self.pass(next)?;
            }
            if flow == Flow::End {
                return Ok(());
            }
        }
    }
}

/// The number of the last entry, and the state.
fn resume(store: &mut RedbStore, source: &mut FileSource, sink: &mut FileSink, output: &Path) -> (u64, u64) {
    let (mut last, mut count, mut position) = (0, 0, None);
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("eight bytes were saved"));
    let mut reissue = Reissue::new(sink);
    let read = store.recover(&mut |saved| {
        match saved {
            Saved::Snapshot { seq, input, marks } => {
                (last, position) = (seq, Some(input.clone()));
                reissue.snapshot(&marks[0])?;
            }
            Saved::Chunk(state) => count = number(state),
            Saved::Entry(entry) => {
                (last, position) = (entry.seq, Some(entry.input.clone()));
                count += number(entry.deltas);
                reissue.entry(entry.outputs[0].mark, entry.outputs[0].lines)?;
            }
        }
        Ok(())
    });
    read.expect("it is whole");
    reissue.finish().expect("it is writable");
    match position {
        Some(position) => source.seek(&position).expect("it is the same input"),
        None => assert!(FileSink::create(output).is_ok(), "nothing is emitted before it is saved"),
    }
    (last, count)
}

fn input(folder: &TempDir) -> PathBuf {
    let text: String = (0..RECORDS).map(|i| format!("record {i}\n")).collect();
    let path = folder.path().join("input.zst");
    put(&path, &zst(text.as_bytes()));
    path
}

#[test]
fn the_output_is_the_same_whatever_the_point_of_the_kill() {
    let folder = TempDir::new().expect("a folder");
    let input = input(&folder);
    let expected: String = (0..RECORDS).map(|i| format!("{}:record {i}\n", i + 1)).collect();
    for durability in [Durability::Immediate, Durability::Eventual { every: 3 }] {
        for stop in 0.. {
            let folders: Vec<_> = (0..3).map(|_| TempDir::new().expect("a folder")).collect();
            let run = |index: usize, stop| Run { folder: folders[index].path().into(), durability, stop, passed: 0 };
            let killed = run(0, stop).go_on(&input, folders[1].path()).is_err();
            // The second process is killed too, so that what was emitted again is emitted yet again.
            let again = killed && run(1, stop % 7).go_on(&input, folders[2].path()).is_err();
            if again {
                assert!(run(2, usize::MAX).go_on(&input, Path::new("")).is_ok());
            }
            let last = usize::from(killed) + usize::from(again);
            let output = std::fs::read(folders[last].path().join("out.jsonl")).expect("it was written");
            assert_eq!(String::from_utf8_lossy(&output), expected, "{durability:?}, killed at {stop}");
            if !killed {
                assert!(stop > 30, "there are many points");
                break;
            }
        }
    }
}

#[test]
fn an_output_that_was_lost_after_a_snapshot_is_noticed() {
    let folder = TempDir::new().expect("a folder");
    let mut store = RedbStore::open(folder.path().join("journal.redb"), StoreOptions::default()).expect("it opens");
    let path = folder.path().join("out.jsonl");
    let mut sink = FileSink::create(&path).expect("it is new");
    sink.emit(b"one\n").expect("it is writable");
    store.snapshot(1, &Position::default(), &[sink.mark()], &mut std::iter::empty()).expect("it is saved");
    std::fs::remove_file(&path).expect("it is there");
    let mut sink = FileSink::open(&path).expect("it opens");
    let mut reissue = Reissue::new(&mut sink);
    let read = store.recover(&mut |saved| match saved {
        Saved::Snapshot { marks, .. } => Ok(reissue.snapshot(&marks[0])?),
        _ => Ok(()),
    });
    let StoreError::Refused(error) = read.expect_err("the output is gone") else { panic!("the visitor refused") };
    let error = error.to_string();
    assert!(error.contains("it has 0 bytes and the journal's mark is at 4"), "{error}");
}
