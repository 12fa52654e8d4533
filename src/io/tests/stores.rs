//! What was saved is there after a restart, in order; what a snapshot covers is gone.

use tempfile::TempDir;

use super::*;

type Open = Box<dyn Fn() -> Box<dyn StateStore>>;

/// Every kind of store, opened as a process that starts does.
fn kinds(folder: &TempDir) -> Vec<(&'static str, Open)> {
    let (memory, path) = (MemoryStore::default(), folder.path().join("journal.redb"));
    let late = folder.path().join("late.redb");
    let eventual = StoreOptions { durability: Durability::Eventual { every: 3 }, ..StoreOptions::default() };
    vec![
        ("memory", Box::new(move || Box::new(memory.clone()))),
        ("redb", Box::new(move || Box::new(RedbStore::open(&path, StoreOptions::default()).expect("it opens")))),
        ("redb, eventual", Box::new(move || Box::new(RedbStore::open(&late, eventual).expect("it opens")))),
    ]
}

/// What a store says, as text.
fn recovered(store: &mut dyn StateStore) -> Vec<String> {
    let mut pieces = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let read = store.recover(&mut |saved| {
        pieces.push(match saved {
            Saved::Snapshot { seq, input, marks } => {
                let marks: Vec<_> = marks.iter().map(|mark| text(&mark.0)).collect();
                format!("snapshot {seq} at {} [{}]", text(&input.0), marks.join(" "))
            }
            Saved::Chunk(chunk) => format!("chunk {}", text(chunk)),
            Saved::Entry(entry) => {
                let outputs = entry.outputs.iter().map(|o| format!("{}:{}", text(&o.mark.0), text(o.lines)));
                let outputs: Vec<_> = outputs.collect();
                format!("{} at {} {} [{}]", entry.seq, text(&entry.input.0), text(entry.deltas), outputs.join(" "))
            }
        });
        Ok(())
    });
    read.expect("it can be read");
    pieces
}

fn append(store: &mut dyn StateStore, seq: u64) -> Result<(), StoreError> {
    let (input, mark) = (Position(format!("p{seq}").into_bytes()), Mark(format!("m{seq}").into_bytes()));
    let (deltas, lines) = (format!("d{seq}"), format!("l{seq}"));
    let outputs = [Output { mark: &mark, lines: lines.as_bytes() }, Output { mark: &mark, lines: b"" }];
    let entry = Entry { seq, input: &input, deltas: deltas.as_bytes(), outputs: &outputs, owes_compaction: false };
    store.append(&entry)
}

fn snapshot(store: &mut dyn StateStore, seq: u64, chunks: &[&str]) -> Result<(), StoreError> {
    let input = Position(format!("p{seq}").into_bytes());
    let marks = [Mark(format!("m{seq}").into_bytes()), Mark::default()];
    store.snapshot(seq, &input, &marks, &mut chunks.iter().map(|chunk| chunk.as_bytes().to_vec()))
}

#[test]
fn every_kind_gives_back_what_was_saved() {
    let folder = TempDir::new().expect("a folder");
    for (kind, open) in kinds(&folder) {
        assert_eq!(recovered(&mut *open()), [""; 0], "{kind}");
        let mut store = open();
        (1..=4).for_each(|seq| append(&mut *store, seq).expect(kind));
        snapshot(&mut *store, 3, &["a", "", "b"]).expect(kind);
        append(&mut *store, 5).expect(kind);
        drop(store);
        let expected = [
            "snapshot 3 at p3 [m3 ]",
            "chunk a",
            "chunk ",
            "chunk b",
            "4 at p4 d4 [m4:l4 m4:]",
            "5 at p5 d5 [m5:l5 m5:]",
        ];
        let mut store = open();
        assert_eq!(recovered(&mut *store), expected, "{kind}");
        store.compact().expect(kind);
        assert_eq!(recovered(&mut *store), expected, "{kind} after compaction");
        append(&mut *store, 6).expect(kind);
        snapshot(&mut *store, 6, &["c"]).expect(kind);
        drop(store);
        assert_eq!(recovered(&mut *open()), ["snapshot 6 at p6 [m6 ]", "chunk c"], "{kind}");
    }
}

#[test]
fn an_entry_must_follow_the_last_one() {
    let folder = TempDir::new().expect("a folder");
    for (kind, open) in kinds(&folder) {
        let mut store = open();
        append(&mut *store, 7).expect("the first entry may have any number");
        for seq in [7, 9, 6] {
            let refused = append(&mut *store, seq);
            assert!(matches!(refused, Err(StoreError::Sequence { last: 7, .. })), "{kind} {seq}");
        }
        snapshot(&mut *store, 7, &[]).expect(kind);
        drop(store);
        let mut store = open();
        assert!(append(&mut *store, 7).is_err(), "{kind}: a snapshot keeps the number");
        append(&mut *store, 8).expect(kind);
    }
}

#[test]
fn a_visitor_can_refuse_what_was_saved() {
    let folder = TempDir::new().expect("a folder");
    for (kind, open) in kinds(&folder) {
        let mut store = open();
        append(&mut *store, 1).expect(kind);
        let refused = store.recover(&mut |_| Err("no".into()));
        assert!(matches!(refused, Err(StoreError::Refused(_))), "{kind}");
    }
}

#[test]
fn a_failure_that_was_asked_for_comes_once_and_where_it_was_asked_for() {
    use Failure::{AfterAppend, AfterSnapshot, BeforeAppend, BeforeSnapshot};
    for (point, entries) in [(BeforeAppend, 1), (AfterAppend, 2), (BeforeSnapshot, 2), (AfterSnapshot, 0)] {
        let mut store = MemoryStore::default();
        let nth = usize::from(matches!(point, BeforeAppend | AfterAppend));
        store.fail(point, nth);
        let run = append(&mut store, 1).and_then(|()| append(&mut store, 2));
        let run = run.and_then(|()| snapshot(&mut store, 2, &["s"]));
        assert!(matches!(run, Err(StoreError::Injected(_))), "{point:?}");
        assert_eq!(store.clone().journal_len(), entries, "{point:?}");
        snapshot(&mut store, 2, &["s"]).expect("it fails once");
    }
}

#[test]
fn a_store_in_use_says_so() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("journal.redb");
    let _open = RedbStore::open(&path, StoreOptions::default()).expect("it opens");
    let error = RedbStore::open(&path, StoreOptions::default()).expect_err("it is open");
    assert!(matches!(error, StoreError::Locked { .. }) && error.retry(), "{error}");
}

#[test]
fn what_is_no_store_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("journal.redb");
    put(&path, &b"{\"id\":1}\n".repeat(1000));
    assert!(RedbStore::open(&path, StoreOptions::default()).is_err());
    let path = folder.path().join("other.redb");
    redb_store::write_format(&path, 99);
    let error = RedbStore::open(&path, StoreOptions::default()).expect_err("format 99");
    assert!(error.to_string().contains("has format 99; this version reads format 1"), "{error}");
}

#[test]
fn compaction_leaves_no_byte_of_what_was_erased() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("journal.redb");
    let mut store = RedbStore::open(&path, StoreOptions::default()).expect("it opens");
    let secret = "author-to-be-forgotten ".repeat(500);
    snapshot(&mut store, 0, &[&secret, "kept"]).expect("it is writable");
    let (input, mark) = (Position::default(), Mark::default());
    let outputs = [Output { mark: &mark, lines: secret.as_bytes() }];
    let entry = Entry { seq: 1, input: &input, deltas: secret.as_bytes(), outputs: &outputs, owes_compaction: false };
    store.append(&entry).expect("it is writable");
    snapshot(&mut store, 1, &["kept"]).expect("it is writable");
    store.compact().expect("it is writable");
    drop(store);
    for file in std::fs::read_dir(folder.path()).expect("it is there") {
        let bytes = std::fs::read(file.expect("it is there").path()).expect("it is readable");
        let found = memchr::memmem::find(&bytes, b"forgotten");
        assert_eq!(found, None, "of {} bytes", bytes.len());
    }
    assert_eq!(recovered(&mut RedbStore::open(&path, StoreOptions::default()).expect("it opens")).len(), 2);
}

fn forget(store: &mut dyn StateStore, seq: u64, secret: &str) -> Result<(), StoreError> {
    let (input, mark) = (Position::default(), Mark::default());
    let outputs = [Output { mark: &mark, lines: secret.as_bytes() }];
    store.append(&Entry { seq, input: &input, deltas: secret.as_bytes(), outputs: &outputs, owes_compaction: true })
}

/// Which of the saved entries owe a compaction.
fn owing(store: &mut dyn StateStore) -> Vec<(u64, bool)> {
    let mut entries = Vec::new();
    let read = store.recover(&mut |saved| {
        if let Saved::Entry(entry) = saved {
            entries.push((entry.seq, entry.owes_compaction));
        }
        Ok(())
    });
    read.expect("it can be read");
    entries
}

#[test]
fn what_is_owed_is_owed_until_a_compaction_after_a_snapshot_that_covers_it() {
    let folder = TempDir::new().expect("a folder");
    for (kind, open) in kinds(&folder) {
        assert!(open().keeps() && !open().owes_compaction(), "{kind}");
        let mut store = open();
        append(&mut *store, 1).expect(kind);
        snapshot(&mut *store, 1, &["one"]).expect(kind);
        forget(&mut *store, 2, "x").expect(kind);
        append(&mut *store, 3).expect(kind);
        forget(&mut *store, 4, "y").expect(kind);
        drop(store);
        let mut store = open();
        assert_eq!(owing(&mut *store), [(2, true), (3, false), (4, true)], "{kind}");
        store.compact().expect(kind);
        assert!(store.owes_compaction(), "{kind}: no snapshot covers them");
        snapshot(&mut *store, 3, &["three"]).expect(kind);
        store.compact().expect(kind);
        drop(store);
        let mut store = open();
        assert!(store.owes_compaction(), "{kind}: the snapshot covers one of them");
        assert_eq!(owing(&mut *store), [(4, true)], "{kind}");
        snapshot(&mut *store, 4, &["four"]).expect(kind);
        assert!(store.owes_compaction(), "{kind}: a snapshot leaves the bytes");
        store.compact().expect(kind);
        assert!(!store.owes_compaction(), "{kind}");
        drop(store);
        assert!(!open().owes_compaction(), "{kind}");
    }
    assert!(!NullStore.keeps() && !NullStore.owes_compaction());
}

/// Leaves in a new folder what a process that is killed now leaves.
fn kill(folder: &TempDir) -> TempDir {
    let next = TempDir::new().expect("a folder");
    for file in std::fs::read_dir(folder.path()).expect("it is there") {
        let file = file.expect("it is there");
        std::fs::copy(file.path(), next.path().join(file.file_name())).expect("the test's folder is writable");
    }
    next
}

fn open_in(folder: &TempDir, durability: Durability) -> RedbStore {
    let options = StoreOptions { durability, ..StoreOptions::default() };
    RedbStore::open(folder.path().join("journal.redb"), options).expect("it opens")
}

fn holds(folder: &TempDir, text: &str) -> bool {
    let bytes = std::fs::read(folder.path().join("journal.redb")).expect("it is there");
    memchr::memmem::find(&bytes, text.as_bytes()).is_some()
}

#[test]
fn a_kill_between_erasure_and_compaction_does_not_lose_the_debt() {
    let secret = "author-to-be-forgotten ".repeat(500);
    let folder = TempDir::new().expect("a folder");
    let mut store = open_in(&folder, Durability::Immediate);
    snapshot(&mut store, 0, &[&secret, "kept"]).expect("it is writable");
    forget(&mut store, 1, &secret).expect("it is writable");

    let after_append = kill(&folder);
    let mut store = open_in(&after_append, Durability::Immediate);
    assert!(store.owes_compaction(), "killed after append");
    snapshot(&mut store, 1, &["kept"]).expect("it is writable");

    let after_snapshot = kill(&after_append);
    let mut store = open_in(&after_snapshot, Durability::Immediate);
    assert!(store.owes_compaction(), "killed after snapshot");
    assert!(holds(&after_snapshot, "to-be-forgotten"), "this is what compaction is for");
    store.compact().expect("it is writable");
    assert!(!store.owes_compaction());

    let after_compaction = kill(&after_snapshot);
    let mut store = open_in(&after_compaction, Durability::Immediate);
    assert!(!store.owes_compaction(), "killed after compaction");
    assert!(!holds(&after_compaction, "forgotten"));
    assert_eq!(recovered(&mut store), ["snapshot 1 at p1 [m1 ]", "chunk kept"]);
    append(&mut store, 2).expect("it goes on");
}

#[test]
fn an_erasing_entry_is_on_the_disk_at_once_with_its_debt() {
    let folder = TempDir::new().expect("a folder");
    let mut store = open_in(&folder, Durability::Eventual { every: 9 });
    append(&mut store, 1).expect("it is writable");
    append(&mut store, 2).expect("it is writable");
    forget(&mut store, 3, "secret").expect("it is writable");
    append(&mut store, 4).expect("it is writable");
    let killed = kill(&folder);
    let mut again = open_in(&killed, Durability::Eventual { every: 9 });
    assert!(again.owes_compaction());
    assert_eq!(
        owing(&mut again),
        [(1, false), (2, false), (3, true)],
        "what it rests on is there, what came after is not"
    );
}

#[test]
fn a_kill_loses_what_eventual_says_and_an_end_in_order_nothing() {
    let folder = TempDir::new().expect("a folder");
    let eventual = Durability::Eventual { every: 3 };
    let mut store = open_in(&folder, eventual);
    for (seq, kept) in (1..=8).zip([1, 1, 1, 4, 4, 4, 7, 7]) {
        append(&mut store, seq).expect("it is writable");
        assert_eq!(open_in(&kill(&folder), eventual).last_seq(), Some(kept), "killed after {seq}");
    }
    drop(store);
    assert_eq!(open_in(&folder, eventual).last_seq(), Some(8));
}

#[test]
fn a_store_says_which_of_its_appends_will_be_on_the_disk() {
    let folder = TempDir::new().expect("a folder");
    for (kind, open) in kinds(&folder) {
        let mut store = open();
        let mut durable = String::new();
        for seq in 1..=9 {
            durable.push(if store.next_is_durable() { 'd' } else { '-' });
            append(&mut *store, seq).expect(kind);
            if seq == 5 {
                snapshot(&mut *store, 5, &[]).expect(kind);
            }
        }
        assert_eq!(durable, if kind.ends_with("eventual") { "d--d---d-" } else { "ddddddddd" }, "{kind}");
    }
}
