//! What can happen in a folder while it is followed.

use std::fs::{OpenOptions, remove_file, rename};

use tempfile::TempDir;

use super::*;

struct Followed {
    folder: TempDir,
    options: FollowOptions,
    source: FolderSource,
}

impl Followed {
    /// Quick to look and, unless told otherwise, never taking half a line for a whole one.
    fn new(settle: Duration) -> Self {
        let folder = TempDir::new().expect("a folder");
        let options =
            FollowOptions { poll: Duration::from_millis(2), settle, files_max: 5, ..FollowOptions::default() };
        let source = FolderSource::open(folder.path(), options).expect("the folder is there");
        Self { folder, options, source }
    }

    fn patient() -> Self {
        Self::new(Duration::from_secs(3600))
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        put(&self.folder.path().join(name), bytes);
    }

    fn add(&self, name: &str, bytes: &[u8]) {
        let file = OpenOptions::new().append(true).open(self.folder.path().join(name));
        file.expect("it is there").write_all(bytes).expect("the test's folder is writable");
    }

    fn rename(&self, from: &str, to: &str) {
        rename(self.folder.path().join(from), self.folder.path().join(to)).expect("it is there");
    }

    fn texts(&mut self) -> Vec<String> {
        texts(&mut self.source)
    }

    /// Ends the process and starts another one at the last position.
    fn restart(&mut self) {
        let mut batch = RawBatch::default();
        self.source.fill(&mut batch, &limits(0)).expect("the folder is there");
        self.source = FolderSource::open(self.folder.path(), self.options).expect("the folder is there");
        self.source.seek(batch.end()).expect("it is a position of this folder");
    }
}

#[test]
fn files_come_in_the_order_of_their_names_and_temporary_names_are_passed_over() {
    let mut folder = Followed::patient();
    folder.put("2.jsonl", b"c\n");
    folder.put("1.jsonl.gz", &gz(b"a\nb\n"));
    for name in [".hidden", "3.tmp", "3.part", "3.jsonl~"] {
        folder.put(name, b"no\n");
    }
    assert_eq!(folder.texts(), ["a", "b", "c"]);
    folder.rename("3.tmp", "3.jsonl");
    folder.put("0.jsonl", b"late\n");
    assert_eq!(folder.texts(), ["late", "no"]);
}

#[test]
fn a_growing_file_is_read_on_and_half_a_line_waited_for() {
    let mut folder = Followed::patient();
    folder.put("a.jsonl", b"one\nhal");
    assert_eq!(folder.texts(), ["one"]);
    folder.restart();
    assert_eq!(folder.texts(), [""; 0]);
    folder.add("a.jsonl", b"f\nthree\n");
    assert_eq!(folder.texts(), ["half", "three"]);
}

#[test]
fn a_line_without_an_end_counts_when_its_file_has_settled() {
    let mut folder = Followed::new(Duration::from_millis(20));
    folder.put("a.jsonl", b"one\ntwo");
    assert_eq!(folder.texts(), ["one", "two"]);
    assert_eq!(folder.texts(), [""; 0]);
}

#[test]
fn rotation_neither_repeats_nor_loses_lines() {
    for restart in [false, true] {
        let mut folder = Followed::patient();
        folder.put("a.jsonl", b"one\ntwo\n");
        assert_eq!(folder.texts(), ["one", "two"]);
        if restart {
            folder.restart();
        }
        folder.add("a.jsonl", b"three\n");
        folder.rename("a.jsonl", "a.jsonl.1");
        folder.put("a.jsonl", b"four\n");
        assert_eq!(folder.texts(), ["four", "three"], "restart: {restart}");
        folder.put("a.jsonl.2.gz", &gz(b"one\ntwo\nthree\n"));
        remove_file(folder.folder.path().join("a.jsonl.1")).expect("it is there");
        if restart {
            folder.restart();
        }
        assert_eq!(folder.texts(), [""; 0], "restart: {restart}");
    }
}

#[test]
fn a_file_cut_to_nothing_begins_anew() {
    let mut folder = Followed::patient();
    folder.put("a.jsonl", b"one\ntwo\n");
    assert_eq!(folder.texts(), ["one", "two"]);
    folder.put("a.jsonl", b"3\n");
    assert_eq!(folder.texts(), ["3"]);
}

#[test]
fn a_damaged_file_stops_the_source_until_it_is_mended() {
    let mut folder = Followed::patient();
    let whole = gz("a line\n".repeat(5000).as_bytes());
    folder.put("a.gz", &whole[..whole.len() / 2]);
    folder.put("b.jsonl", b"after\n");
    let mut lines = 0;
    let mut batch = RawBatch::default();
    let error = loop {
        match folder.source.fill(&mut batch, &limits(1000)) {
            Ok(_) => lines += batch.len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SourceError::Corrupt { .. }), "{error}");
    folder.put("a.gz", &whole);
    let rest = folder.texts();
    assert_eq!(lines + rest.len(), 5001);
    assert_eq!(rest.last().map(String::as_str), Some("after"));
}

#[test]
fn too_many_files_are_an_error_that_names_the_bound() {
    let mut folder = Followed::patient();
    for name in ["1", "2", "3", "4", "5", "6"] {
        folder.put(name, b"x\n");
    }
    let error = drain(&mut folder.source, &limits(100)).expect_err("there are six");
    assert!(error.to_string().contains("6 files; at most 5"), "{error}");
}

#[test]
fn a_folder_that_is_away_for_a_while_is_not_read_again() {
    let parent = TempDir::new().expect("a folder");
    let (here, away) = (parent.path().join("in"), parent.path().join("away"));
    std::fs::create_dir(&here).expect("the test's folder is writable");
    put(&here.join("a.jsonl"), b"one\ntwo\n");
    // It looks again on every call.
    let options = FollowOptions { poll: Duration::ZERO, ..FollowOptions::default() };
    let mut source = FolderSource::open(&here, options).expect("the folder is there");
    let mut batch = RawBatch::default();
    source.fill(&mut batch, &limits(1)).expect("the folder is there");
    rename(&here, &away).expect("it is there");
    // What was read before the folder could not be listed comes first, with a position that knows of it.
    assert_eq!(source.fill(&mut batch, &limits(9)).expect("a line was read"), Flow::More);
    assert_eq!(batch.get(0).bytes, b"two");
    let position = batch.end().clone();
    let error = source.fill(&mut batch, &limits(9)).expect_err("the folder is away");
    assert!(matches!(error, SourceError::Io { doing: "list", .. }), "{error}");
    rename(&away, &here).expect("it is there");
    let no_wait = BatchLimits { wait: Duration::ZERO, ..limits(1) };
    put(&here.join("b.jsonl"), b"three\n");
    source.fill(&mut batch, &no_wait).expect("the folder is back");
    assert_eq!((batch.len(), batch.get(0).bytes), (1, &b"three"[..]));
    let mut again = FolderSource::open(&here, options).expect("the folder is there");
    again.seek(&position).expect("it is a position of this folder");
    again.fill(&mut batch, &no_wait).expect("the folder is there");
    assert_eq!((batch.len(), batch.get(0).bytes), (1, &b"three"[..]));
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_looked_at_for_a_while_is_not_read_again() {
    let mut folder = Followed::patient();
    folder.put("a.jsonl", b"one\n");
    assert_eq!(folder.texts(), ["one"]);
    folder.rename("a.jsonl", "a.tmp");
    let path = folder.folder.path().join("a.jsonl");
    // A link to itself is there and cannot be looked at, whoever the user is.
    std::os::unix::fs::symlink(&path, &path).expect("the test's folder is writable");
    let error = drain(&mut folder.source, &limits(9)).expect_err("it cannot be looked at");
    assert!(matches!(error, SourceError::Io { .. }), "{error}");
    remove_file(&path).expect("it is there");
    folder.rename("a.tmp", "a.jsonl");
    folder.add("a.jsonl", b"two\n");
    assert_eq!(folder.texts(), ["two"]);
}

#[test]
fn a_compressed_file_that_became_shorter_stops_the_source() {
    let mut folder = Followed::patient();
    let text: String = (0..1000).map(|i| format!("line {i}\n")).collect();
    folder.put("a.gz", &gz(text.as_bytes()));
    assert_eq!(folder.texts().len(), 1000);
    folder.put("a.gz", &gz(&text.as_bytes()[..600]));
    let error = drain(&mut folder.source, &limits(9)).expect_err("it cannot be read on");
    assert!(error.to_string().contains("it is shorter"), "{error}");
}

#[test]
fn names_of_files_that_are_being_written_are_passed_over() {
    for name in [".hidden", "a.tmp", "a.jsonl.part", "a.jsonl~"] {
        assert!(is_passed_over(name), "{name}");
    }
    for name in ["a.jsonl", "a.tmp.gz", "part", "~a"] {
        assert!(!is_passed_over(name), "{name}");
    }
}
