//! What saving a batch costs: one append of 120 KB (deltas, decisions and rejects of some 4,096 messages), a snapshot,
//! a compaction and a recovery. The rival is the least that a durable journal can do: write and `fsync` on a file.
//!
//! `cargo bench --bench journal [-- --folder DIR]`: wall time (most of it is the disk's) and processor time.

#![expect(clippy::disallowed_methods, reason = "a bench measures wall time beside processor time")]

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use tidegate::io::{Durability, Entry, Mark, Output, Position, RedbStore, StateStore, StoreOptions};

const APPENDS: u64 = 200;
const BATCH_MESSAGES: u64 = 4096;

fn main() {
    let given = std::env::args().skip_while(|arg| arg != "--folder").nth(1).map(PathBuf::from);
    let folder = given.map_or_else(tempfile::tempdir, tempfile::tempdir_in).expect("a folder to write in");
    let deltas = noise(100_000);
    let lines = noise(20_000);
    let kinds = [("immediate", Durability::Immediate), ("eventual, every 16", Durability::Eventual { every: 16 })];
    for (name, durability) in kinds {
        let path = folder.path().join("journal.redb");
        let mut store =
            RedbStore::open(&path, StoreOptions { durability, ..StoreOptions::default() }).expect("it opens");
        report(&format!("redb append, {name}"), |seq| append(&mut store, seq, &deltas, &lines));
        once("snapshot of 100 MB in 1 MB chunks", || {
            let chunk = noise(1 << 20);
            let position = Position::default();
            store.snapshot(APPENDS, &position, &[], &mut (0..100).map(|_| chunk.clone())).expect("the disk has room");
        });
        once("compact", || store.compact().expect("the disk has room"));
        drop(store);
        let mut store = RedbStore::open(&path, StoreOptions::default()).expect("it opens");
        once("recover", || store.recover(&mut |_| Ok(())).expect("it is whole"));
        drop(store);
        std::fs::remove_file(&path).expect("it was there");
    }
    let mut file = std::fs::File::create(folder.path().join("floor")).expect("the folder is writable");
    report("floor: write + fdatasync", |_| {
        file.write_all(&deltas).and_then(|()| file.write_all(&lines)).expect("the disk has room");
        file.sync_data().expect("the disk answers");
    });
}

fn append(store: &mut RedbStore, seq: u64, deltas: &[u8], lines: &[u8]) {
    let (input, mark) = (Position(vec![b'x'; 100]), Mark(vec![b'y'; 40]));
    let outputs = [Output { mark: &mark, lines }, Output { mark: &mark, lines: b"" }];
    store
        .append(&Entry { seq, input: &input, deltas, outputs: &outputs, owes_compaction: false })
        .expect("the disk has room");
}

fn report(name: &str, mut append: impl FnMut(u64)) {
    let mut walls: Vec<Duration> = Vec::new();
    let cpu = ProcessTime::now();
    for seq in 1..=APPENDS {
        let start = Instant::now();
        append(seq);
        walls.push(start.elapsed());
    }
    let cpu = cpu.elapsed().as_nanos() as f64 / APPENDS as f64;
    walls.sort();
    println!(
        "{name:<34} wall p50 {:>7.0} µs  p99 {:>7.0} µs   processor {:>6.0} µs = {:>5.1} ns a message of {BATCH_MESSAGES}",
        walls[walls.len() / 2].as_nanos() as f64 / 1e3,
        walls[walls.len() * 99 / 100].as_nanos() as f64 / 1e3,
        cpu / 1e3,
        cpu / BATCH_MESSAGES as f64
    );
}

fn once(name: &str, work: impl FnOnce()) {
    let (start, cpu) = (Instant::now(), ProcessTime::now());
    work();
    println!("  {name:<32} wall {:>5} ms  processor {:>5} ms", start.elapsed().as_millis(), cpu.elapsed().as_millis());
}

/// Bytes without a pattern that a disk could save on.
fn noise(length: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(7);
    std::iter::repeat_with(|| rng.u8(..)).take(length).collect()
}
