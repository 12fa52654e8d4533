//! The queue of cases: nothing that was saved is lost, nothing that was not is read.

use std::time::Duration;

use crate::case::Filing;
use crate::io::{Spool, SpoolOptions, Waited};

fn open(dir: &std::path::Path, indexed: u64) -> Spool {
    Spool::open(dir, SpoolOptions { segment_bytes: 100, bytes_max: 1 << 20 }, indexed).unwrap()
}

fn line(n: u64) -> Vec<u8> {
    format!("{{\"case\":{n}}}\n").into_bytes()
}

/// The cases from that address on, read in pieces of so many bytes, and where they end.
fn cases(spool: &Spool, mut from: u64, piece: usize) -> (Vec<u64>, u64) {
    let mut found = Vec::new();
    while spool.wait(from, Duration::ZERO) == Waited::More {
        let read = spool.read(from, piece).unwrap();
        let text = String::from_utf8(read.lines).unwrap();
        found.extend(
            text.lines().filter_map(|line| line.strip_prefix("{\"case\":")?.strip_suffix('}')?.parse::<u64>().ok()),
        );
        from = read.to;
    }
    (found, from)
}

fn files(dir: &std::path::Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}

#[test]
fn what_is_published_is_read_once_in_order_whatever_the_pieces() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), 0);
    for seq in 1..=40 {
        spool.append(seq, &line(seq), seq % 3 == 0).unwrap();
    }
    assert_eq!(cases(&spool, 0, 64).0, [0; 0], "nothing is saved yet");
    spool.publish();
    for piece in [1, 7, 64, 100, 1 << 20] {
        assert_eq!(cases(&spool, 0, piece).0, (1..=40).collect::<Vec<_>>(), "{piece}");
    }
    assert!(files(dir.path()) > 5);
}

#[test]
fn a_stop_takes_back_what_was_not_saved_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    for saved in [0, 1, 9, 10, 11, 19, 20] {
        let folder = dir.path().join(saved.to_string());
        let spool = open(&folder, 0);
        (1..=20).for_each(|seq| spool.append(seq, &line(seq), true).unwrap());
        drop(spool);
        let spool = open(&folder, 0);
        spool.settle(saved).unwrap();
        (saved + 1..=saved + 3).for_each(|seq| spool.append(seq, &line(seq + 100), true).unwrap());
        spool.publish();
        let expected: Vec<u64> = (1..=saved).chain(saved + 101..=saved + 103).collect();
        assert_eq!(cases(&spool, 0, 1 << 20).0, expected, "{saved} were saved");
    }
}

#[test]
fn half_a_batch_is_cut_off_wherever_it_was_torn() {
    let dir = tempfile::tempdir().unwrap();
    let whole = {
        let spool = open(&dir.path().join("whole"), 0);
        (1..=3).for_each(|seq| spool.append(seq, &line(seq), true).unwrap());
        let file = std::fs::read_dir(dir.path().join("whole")).unwrap().next().unwrap().unwrap().path();
        (file.file_name().unwrap().to_owned(), std::fs::read(file).unwrap())
    };
    let batch = whole.1.len() / 3;
    for cut in 0..=whole.1.len() {
        let folder = dir.path().join(format!("cut-{cut}"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(&whole.0), &whole.1[..cut]).unwrap();
        let spool = open(&folder, 0);
        spool.settle(3).unwrap();
        let expected: Vec<u64> = (1..=(cut / batch) as u64).collect();
        assert_eq!(cases(&spool, 0, 64).0, expected, "cut at {cut} of {}", whole.1.len());
    }
}

#[test]
fn what_is_released_goes_and_addresses_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), 0);
    (1..=20).for_each(|seq| spool.append(seq, &line(seq), true).unwrap());
    spool.publish();
    let (_, end) = cases(&spool, 0, 64);
    let before = files(dir.path());
    spool.release(end / 2).unwrap();
    assert!(files(dir.path()) < before);
    let (left, _) = cases(&spool, end / 2, 64);
    assert_eq!(left.last(), Some(&20));
    spool.seal();
    spool.release(end).unwrap();
    assert_eq!(files(dir.path()), 0, "a sealed file goes when it is read");
    drop(spool);
    let spool = open(dir.path(), end);
    spool.settle(20).unwrap();
    spool.append(21, &line(21), true).unwrap();
    spool.publish();
    let (found, after) = cases(&spool, end, 64);
    assert!(found == [21] && after > end);
}

#[test]
fn a_full_queue_lets_the_oldest_go_and_counts_it() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::open(dir.path(), SpoolOptions { segment_bytes: 100, bytes_max: 300 }, 0).unwrap();
    (1..=40).for_each(|seq| spool.append(seq, &line(seq), true).unwrap());
    spool.publish();
    let (found, end) = cases(&spool, 0, 64);
    assert!(found.last() == Some(&40) && found.len() < 20, "{found:?}");
    assert!(spool.dropped_bytes() > 0 && spool.behind_bytes(end) == 0);
}

#[test]
fn who_was_to_be_forgotten_outlasts_a_full_queue_and_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    let options = SpoolOptions { segment_bytes: 100, bytes_max: 400 };
    let erasures = |spool: &Spool| {
        let (mut from, mut found) = (0, Vec::new());
        while spool.wait(from, Duration::ZERO) == Waited::More {
            let read = spool.read(from, 1 << 20).unwrap();
            for line in read.lines.split(|&byte| byte == b'\n') {
                if let Ok(Filing::Erase(author)) = serde_json::from_slice(line) {
                    found.push(author);
                }
            }
            from = read.to;
        }
        found
    };
    let spool = Spool::open(dir.path(), options, 0).unwrap();
    for seq in 1..=60 {
        let mut lines = line(seq);
        if seq == 3 || seq == 5 {
            Filing::Erase(format!("author-{seq}")).write(&mut lines);
        }
        spool.append(seq, &lines, true).unwrap();
    }
    spool.publish();
    assert_eq!(erasures(&spool), ["author-3", "author-5"]);
    let (found, _) = cases(&spool, 0, 1 << 20);
    assert!(found.len() < 20 && found.last() == Some(&60) && spool.dropped_bytes() > 0, "{found:?}");
    // Whoever had read a part of what was let go gets them as well, and once it has read them no more.
    let first = spool.read(0, 1).unwrap();
    assert!((0..first.to).step_by(7).all(|from| spool.read(from, 1).unwrap().lines == first.lines));
    assert!(!spool.read(first.to, 1 << 20).unwrap().lines.starts_with(Filing::ERASE));
    drop(spool);
    // However many of the last batches were not saved, who was to be forgotten before them still is.
    for saved in (40..60).rev() {
        let spool = Spool::open(dir.path(), options, 0).unwrap();
        spool.settle(saved).unwrap();
        assert_eq!(erasures(&spool), ["author-3", "author-5"], "{saved} were saved");
    }
}

#[test]
fn who_waits_is_told_of_more_and_of_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), 0);
    assert_eq!(spool.wait(0, Duration::ZERO), Waited::Nothing);
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| spool.wait(0, Duration::from_secs(60)));
        spool.append(1, &line(1), true).unwrap();
        spool.publish();
        assert_eq!(waits.join().unwrap(), Waited::More);
    });
    spool.end();
    assert_eq!(spool.wait(0, Duration::ZERO), Waited::More, "what is there is read first");
    assert_eq!(spool.wait(u64::MAX, Duration::from_secs(60)), Waited::Ended);
}

/// A later process that knows nothing of what was saved reads what the queue itself knows, and nothing else.
#[test]
fn what_is_known_to_be_saved_is_read_without_asking() {
    let dir = tempfile::tempdir().unwrap();
    for marked in [false, true] {
        let folder = dir.path().join(marked.to_string());
        let spool = open(&folder, 0);
        (1..=9).for_each(|seq| spool.append(seq, &line(seq), true).unwrap());
        if marked {
            spool.publish_saved(9).unwrap();
            spool.publish_saved(9).unwrap();
        }
        drop(spool);
        let spool = open(&folder, 0);
        assert_eq!(spool.wait(0, Duration::ZERO), Waited::Nothing, "nobody has said what was saved");
        spool.settle_known().unwrap();
        let known = if marked { 9 } else { 8 };
        let (found, read) = cases(&spool, 0, 64);
        assert_eq!(found, (1..=known).collect::<Vec<_>>());
        spool.settle(9).unwrap();
        assert_eq!(cases(&spool, read, 64).0, (known + 1..=9).collect::<Vec<_>>(), "and in the end each once");
    }
}

/// Should it be cut off all the same, what comes after it is read.
#[test]
fn no_address_is_used_twice() {
    let dir = tempfile::tempdir().unwrap();
    let spool = open(dir.path(), 0);
    (1..=9).for_each(|seq| spool.append(seq, &line(seq), true).unwrap());
    spool.publish();
    let (_, read) = cases(&spool, 0, 64);
    spool.settle(4).unwrap();
    spool.append(5, &line(50), true).unwrap();
    spool.publish();
    assert_eq!(cases(&spool, read, 64).0, [50]);
}

#[test]
fn a_queue_keeps_its_number_and_no_other_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["a", "b"].map(|name| open(&dir.path().join(name), 0).identity().unwrap());
    assert_eq!(open(&dir.path().join("a"), 0).identity().unwrap(), first);
    assert_ne!(first, second);
    std::fs::write(dir.path().join("a/identity"), "x").unwrap();
    assert!(open(&dir.path().join("a"), 0).identity().is_err());
}
