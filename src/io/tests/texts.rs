//! The log of texts against a list in memory, through stops, damage and a full disk.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::state::{Texts, TextsError};

const OPTIONS: FileTextsOptions = FileTextsOptions { segment_bytes: 512, content_version: 3, check: 7 };

fn open(folder: &Path) -> FileTexts {
    FileTexts::open(folder, OPTIONS).expect("the log is whole")
}

fn get(log: &FileTexts, address: u64) -> Result<Vec<u8>, TextsError> {
    let mut out = b"what was there".to_vec();
    log.read(address, &mut out).map(|()| out)
}

fn all(log: &FileTexts) -> Result<Vec<(u64, Vec<u8>)>, TextsError> {
    let mut all = Vec::new();
    log.scan(&mut |address, record| {
        all.push((address, record.to_vec()));
        Ok(())
    })?;
    Ok(all)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[derive(Clone, Debug)]
enum Step {
    Append(usize),
    Flush(bool),
    /// The process is killed; the batch saved last is this many saves ago, and so many bytes of another write arrived.
    Stop(usize, usize),
    Truncate(prop::sample::Index),
    Release(prop::sample::Index),
    Overwrite(Vec<prop::sample::Index>),
    Read(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0_usize..200).prop_map(Step::Append),
        1 => (400_usize..=504).prop_map(Step::Append),
        4 => any::<bool>().prop_map(Step::Flush),
        2 => (0_usize..3, 0_usize..300).prop_map(|(back, torn)| Step::Stop(back, torn)),
        1 => any::<prop::sample::Index>().prop_map(Step::Truncate),
        2 => any::<prop::sample::Index>().prop_map(Step::Release),
        2 => prop::collection::vec(any::<prop::sample::Index>(), 1..4).prop_map(Step::Overwrite),
        4 => any::<prop::sample::Index>().prop_map(Step::Read),
    ];
    prop::collection::vec(step, 1..120)
}

/// What should be there.
#[derive(Default)]
struct Model {
    records: Vec<(u64, Vec<u8>)>,
    end: u64,
    /// Where the log ended at each flush, the last one at the back.
    saves: Vec<u64>,
    /// Nothing before is asked for.
    released: u64,
    count: u8,
}

impl Model {
    fn append(&mut self, len: usize) -> Vec<u8> {
        self.count = self.count.wrapping_add(1);
        let (record, size) = (vec![self.count; len], (len as u64 + 8).next_multiple_of(16));
        if self.end % OPTIONS.segment_bytes + size > OPTIONS.segment_bytes {
            self.end = self.end.next_multiple_of(OPTIONS.segment_bytes);
        }
        self.records.push((self.end, record.clone()));
        self.end += size;
        record
    }

    fn cut(&mut self, end: u64) {
        self.records.retain(|(address, _)| *address < end);
        self.saves.retain(|save| *save <= end);
        self.end = end;
    }

    /// What must be there, which may begin earlier.
    fn check(&self, log: &FileTexts) -> Result<(), TestCaseError> {
        let found = all(log).expect("the log is whole");
        let needed = self.records.iter().filter(|(address, _)| *address >= self.released).count();
        prop_assert!(found.len() >= needed, "{} of {needed}", found.len());
        prop_assert_eq!(&found[..], &self.records[self.records.len() - found.len()..]);
        prop_assert_eq!(log.end(), self.end);
        for (address, record) in &found {
            prop_assert_eq!(&get(log, *address).expect("it is kept"), record);
        }
        Ok(())
    }
}

fn run(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let folder = TempDir::new().unwrap();
    let (mut log, mut model) = (open(folder.path()), Model::default());
    for step in steps {
        match step {
            Step::Append(len) => {
                let record = model.append(len);
                prop_assert_eq!(Some(log.append(&record)), model.records.last().map(|(address, _)| *address));
            }
            Step::Flush(durably) => {
                log.flush(durably).unwrap();
                model.saves.push(model.end);
                log.settled(model.end).unwrap();
            }
            Step::Stop(back, torn) => {
                drop(log);
                tear(folder.path(), torn);
                log = open(folder.path());
                resume(&log, &mut model, back);
            }
            Step::Truncate(index) => cut(&log, &mut model, index)?,
            Step::Release(index) => {
                if !model.records.is_empty() {
                    let before = index.get(&model.records).0;
                    log.release_before(before);
                    model.released = model.released.max(before);
                    log.flush(false).unwrap();
                    model.saves.push(model.end);
                    log.settled(model.end).unwrap();
                }
            }
            Step::Overwrite(indexes) => {
                let kept: Vec<usize> =
                    (0..model.records.len()).filter(|i| model.records[*i].0 >= model.released).collect();
                if kept.is_empty() {
                    continue;
                }
                let places: Vec<usize> = indexes.iter().map(|index| *index.get(&kept)).collect();
                for &place in &places {
                    model.records[place].1.fill(b'-');
                }
                let records: Vec<(u64, &[u8])> =
                    places.iter().map(|place| (model.records[*place].0, &*model.records[*place].1)).collect();
                log.overwrite_all(&records).unwrap();
            }
            Step::Read(index) => {
                if let Some((address, record)) = (!model.records.is_empty()).then(|| index.get(&model.records)) {
                    match get(&log, *address) {
                        Ok(found) => prop_assert_eq!(&found, record),
                        Err(error) => prop_assert!(*address < model.released, "{error}"),
                    }
                    prop_assert!(get(&log, address + 16).is_err() || record.len() > 8 || *address + 16 < model.end);
                }
            }
        }
    }
    model.check(&log)?;
    log.flush(true).unwrap();
    model.check(&log)?;
    drop(log);
    model.check(&open(folder.path()))
}

/// Cuts the log at the end of a record that may still be cut at.
fn cut(log: &FileTexts, model: &mut Model, index: prop::sample::Index) -> Result<(), TestCaseError> {
    let ends = model.records.iter().map(|(address, record)| address + (record.len() as u64 + 8).next_multiple_of(16));
    let ends: Vec<u64> = ends.collect();
    let open: Vec<u64> = ends.iter().copied().filter(|end| *end > model.released + OPTIONS.segment_bytes).collect();
    if !open.is_empty() {
        let end = *index.get(&open);
        prop_assert!(ends.contains(&(end - 16)) || log.truncate(end - 16).is_err());
        let is_flushed = Some(end) <= model.saves.last().copied();
        model.cut(end);
        model.saves.extend(is_flushed.then_some(end));
        log.truncate(end).unwrap();
    }
    Ok(())
}

/// What a stage does that starts again on a batch so many saves ago.
fn resume(log: &FileTexts, model: &mut Model, back: usize) {
    let save = model.saves.len().checked_sub(back + 1).map_or(0, |index| model.saves[index]);
    if save <= model.released && save > 0 {
        // Nobody settles what is not saved, so that stop cannot be.
        model.cut(model.saves.last().copied().unwrap_or(0));
        log.truncate(model.end).unwrap();
    } else {
        log.truncate(save).unwrap();
        model.cut(save);
        if save == 0 {
            model.released = 0;
        }
    }
}

/// The beginning of a write that was not finished.
fn tear(folder: &Path, bytes: usize) {
    if let Some(last) = files(folder).last() {
        let mut content = fs::read(last).unwrap();
        content.extend((0..bytes).map(|byte| byte as u8));
        fs::write(last, content).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_log_is_a_list_whatever_stops_it(steps in steps()) {
        run(steps)?;
    }
}

/// A log of five segments, and where it ends.
fn small(folder: &Path) -> (Vec<(u64, Vec<u8>)>, u64) {
    let log = open(folder);
    for length in [100, 0, 300, 7, 200, 260, 40, 500, 1] {
        log.append(&vec![length as u8; length]);
    }
    log.flush(true).unwrap();
    (all(&log).unwrap(), log.end())
}

/// What is there after damage is what was written, or nothing: it is never read as something else.
fn is_refused_or_whole(folder: &Path, written: &[(u64, Vec<u8>)], end: u64) -> Result<bool, String> {
    let Ok(log) = FileTexts::open(folder, OPTIONS) else { return Ok(true) };
    if log.truncate(end).is_err() {
        return Ok(true);
    }
    for (address, record) in written {
        if get(&log, *address).is_ok_and(|found| found != *record) {
            return Err(format!("the record at {address} reads as another one"));
        }
    }
    match all(&log) {
        Err(_) => Ok(true),
        Ok(found) if found == written => Ok(false),
        Ok(found) => Err(format!("{} records of {}", found.len(), written.len())),
    }
}

fn put_byte(path: &Path, at: usize, byte: u8) {
    let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at as u64)).and_then(|_| file.write_all(&[byte])).unwrap();
}

#[test]
fn damage_of_any_byte_is_refused_or_does_not_matter() {
    let folder = TempDir::new().unwrap();
    let (written, end) = small(folder.path());
    let files: Vec<(PathBuf, Vec<u8>)> =
        files(folder.path()).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    assert_eq!(files.len(), 5);
    let (mut refused, mut tried) = (0, 0);
    for (path, whole) in &files {
        for (at, byte) in whole.iter().copied().enumerate() {
            for flip in [1, 0x80] {
                put_byte(path, at, byte ^ flip);
                let found = is_refused_or_whole(folder.path(), &written, end);
                refused += usize::from(found.unwrap_or_else(|what| panic!("{} byte {at}: {what}", path.display())));
                tried += 1;
                put_byte(path, at, byte);
            }
        }
    }
    assert!(files.iter().all(|(path, whole)| fs::read(path).unwrap() == *whole), "what was refused is as it was");
    // What does not matter fills a record up to the next address.
    let filled: usize =
        written.iter().map(|(_, record)| (record.len() + 8).next_multiple_of(16) - record.len() - 8).sum();
    assert_eq!(tried - refused, 2 * filled);
}

#[test]
fn a_file_that_is_cut_or_missing_is_refused() {
    let folder = TempDir::new().unwrap();
    let (written, end) = small(folder.path());
    for path in files(folder.path()) {
        let whole = fs::read(&path).unwrap();
        for cut in (0..whole.len()).step_by(5) {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(is_refused_or_whole(folder.path(), &written, end), Ok(true), "{} at {cut}", path.display());
            fs::write(&path, &whole).unwrap();
        }
        fs::remove_file(&path).unwrap();
        let is_first = path.ends_with("0000000000000000.texts");
        // Without its first file the log looks like one whose first texts were released; who asks for them is told.
        let found = is_refused_or_whole(folder.path(), &written, end);
        assert!(found == Ok(true) || is_first, "{}: {found:?}", path.display());
        assert!(!is_first || get(&open(folder.path()), 0).is_err());
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(is_refused_or_whole(folder.path(), &written, end), Ok(false));
}

#[test]
fn a_log_of_somebody_else_is_refused_with_what_to_do() {
    let folder = TempDir::new().unwrap();
    small(folder.path());
    let cases = [
        (FileTextsOptions { content_version: 4, ..OPTIONS }, "content version 0x3, and 0x4"),
        (FileTextsOptions { check: 8, ..OPTIONS }, "check value of the secret 0x7, and 0x8"),
        (FileTextsOptions { segment_bytes: 1024, ..OPTIONS }, "segment length 0x200, and 0x400"),
    ];
    for (options, expected) in cases {
        let error = FileTexts::open(folder.path(), options).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint().contains("--output"), "{}", error.hint());
    }
    let path = folder.path().join("0000000000000000.texts");
    let mut bytes = fs::read(&path).unwrap();
    bytes[16] = 9;
    fs::write(&path, &bytes).unwrap();
    let error = FileTexts::open(folder.path(), OPTIONS).unwrap_err();
    assert!(error.to_string().contains("format 0x9, and 0x1"), "{error}");
    fs::write(&path, [b'x'; 100]).unwrap();
    let error = FileTexts::open(folder.path(), OPTIONS).unwrap_err();
    assert!(
        error.to_string().contains("0000000000000000.texts is no file of stored texts: it begins with \"xxx"),
        "{error}"
    );
}

#[test]
fn a_log_that_the_journal_does_not_fit_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().unwrap();
    let (written, end) = small(folder.path());
    let log = open(folder.path());
    let error = log.truncate(end + 16).unwrap_err();
    let expected = format!("at address {end}, and the journal knows of texts up to {}", end + 16);
    assert!(error.to_string().contains(&expected), "{error}");
    assert!(log.truncate(16).is_err_and(|error| error.to_string().contains("no record ends where")));
    assert_eq!(all(&log).unwrap(), written);
    log.release_before(end);
    log.settled(end).unwrap();
    assert!(matches!(log.truncate(written[1].0), Err(FileTextsError::Gone { .. })));
    assert!(matches!(get(&log, 0), Err(TextsError::Nothing { address: 0, .. })));
    assert!(matches!(get(&log, end), Err(TextsError::Nothing { .. })));
    assert_eq!(all(&log).unwrap(), written[written.len() - 1..]);
}

/// What is appended next may begin a segment, and leave addresses behind in which no record ends.
#[test]
fn a_log_is_cut_before_and_after_the_end_of_a_segment() {
    let folder = TempDir::new().unwrap();
    let log = open(folder.path());
    log.append(&[1; 400]);
    log.flush(false).unwrap();
    let next = [log.append(&[2; 200]), log.append(&[3; 200])];
    assert_eq!(next, [512, 720]);
    assert!(log.truncate(512).is_err());
    log.truncate(720).unwrap();
    assert_eq!(all(&log).unwrap(), [(0, vec![1; 400]), (512, vec![2; 200])]);
    log.truncate(416).unwrap();
    assert_eq!((log.end(), log.append(&[4; 8])), (416, 416));
    log.flush(true).unwrap();
    assert_eq!(all(&open(folder.path())).unwrap(), [(0, vec![1; 400]), (416, vec![4; 8])]);
}

#[test]
fn segments_go_only_when_what_released_them_is_settled() {
    let folder = TempDir::new().unwrap();
    let (_, end) = small(folder.path());
    let log = open(folder.path());
    log.append(&[1; 100]);
    log.release_before(1024);
    log.append(&[2; 100]);
    log.flush(true).unwrap();
    log.settled(end).unwrap();
    assert_eq!(files(folder.path()).len(), 5, "the batch that released them is not saved yet");
    log.settled(log.end()).unwrap();
    assert_eq!(files(folder.path()).len(), 3);
    // All may be released: the last segment stays, because it knows where the log ends.
    log.release_before(log.end());
    log.settled(log.end()).unwrap();
    assert_eq!(files(folder.path()).len(), 1);
    let end = log.end();
    drop(log);
    assert_eq!(open(folder.path()).end(), end);
}

#[test]
fn what_was_deleted_before_it_could_be_overwritten_is_passed_over_and_the_rest_is_not() {
    let folder = TempDir::new().unwrap();
    let log = open(folder.path());
    let addresses: Vec<u64> = (0..12).map(|_| log.append(&[b'a'; 100])).collect();
    log.flush(true).unwrap();
    let kept = *addresses.last().unwrap();
    let blanks: Vec<(u64, &[u8])> = [addresses[0], kept].map(|address| (address, &[b' '; 100][..])).to_vec();
    log.release_before(kept);
    log.settled(log.end()).unwrap();
    assert!(get(&log, addresses[0]).is_err(), "it was deleted");
    log.overwrite_all(&blanks).unwrap();
    assert_eq!(get(&log, kept).unwrap(), [b' '; 100]);
    let never = log.overwrite_all(&[(log.end(), &[b' '; 100])]).unwrap_err();
    assert!(matches!(never, FileTextsError::Nothing { .. }), "{never}");
}

#[test]
fn a_scan_goes_on_where_segments_are_deleted_under_it() {
    let folder = TempDir::new().unwrap();
    let log = open(folder.path());
    let addresses: Vec<u64> = (0..12).map(|number| log.append(&[number; 100])).collect();
    log.flush(true).unwrap();
    let kept = *addresses.last().unwrap();
    let mut seen = Vec::new();
    log.scan(&mut |address, _| {
        if seen.is_empty() {
            log.release_before(kept);
            log.settled(log.end()).unwrap();
        }
        seen.push(address);
        Ok(())
    })
    .unwrap();
    assert!(seen.len() < addresses.len(), "segments were deleted");
    assert_eq!((seen.first(), seen.last()), (addresses.first(), Some(&kept)));
}

#[test]
fn a_record_that_no_segment_holds_is_told_at_the_flush() {
    let folder = TempDir::new().unwrap();
    let log = open(folder.path());
    let longest = log.append(&[1; 504]);
    assert_eq!(get(&log, longest).unwrap(), [1; 504]);
    log.flush(true).unwrap();
    let long = log.append(&[2; 505]);
    assert_eq!(get(&log, long).unwrap(), [0; 0]);
    let error = log.flush(true).unwrap_err();
    assert!(error.to_string().contains("505 bytes") && error.to_string().contains("holds: 504"), "{error}");
}

/// A full disk: what was appended stays, and is written when there is room again.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    let folder = TempDir::new().unwrap();
    let (mut written, _) = small(folder.path());
    let log = open(folder.path());
    let next = folder.path().join(format!("{:016x}.texts", 5 * OPTIONS.segment_bytes));
    std::os::unix::fs::symlink("/dev/full", &next).unwrap();
    for byte in 0..9 {
        written.push((log.append(&[byte; 200]), vec![byte; 200]));
    }
    for _ in 0..2 {
        let error = log.flush(true).unwrap_err();
        assert!(error.to_string().starts_with("cannot write "), "{error}");
        assert_eq!(all(&log).unwrap(), written);
    }
    fs::remove_file(&next).unwrap();
    log.flush(true).unwrap();
    assert_eq!(all(&log).unwrap(), written);
    drop(log);
    assert_eq!(all(&open(folder.path())).unwrap(), written);
}

#[test]
fn a_temporary_log_goes_with_its_value_and_forgets_as_it_is_told() {
    let log = FileTexts::temporary(OPTIONS).unwrap();
    let folder = log.folder().to_owned();
    for byte in 0..20 {
        log.append(&[byte; 100]);
        log.flush(false).unwrap();
    }
    assert_eq!(get(&log, 0).unwrap(), [0; 100]);
    log.release_before(1500);
    assert_eq!(files(&folder).len(), 3);
    drop(log);
    assert!(!folder.exists());
}

/// Readers on other threads see every record from the moment that its address is given, through flushes and segments.
#[test]
fn readers_see_what_was_appended_while_it_is_written() {
    let folder = TempDir::new().unwrap();
    let log = &open(folder.path());
    std::thread::scope(|scope| {
        let (sender, receiver) = std::sync::mpsc::sync_channel::<Vec<(u64, u8)>>(1);
        scope.spawn(move || {
            for (address, byte) in receiver.into_iter().flatten() {
                assert_eq!(get(log, address).unwrap(), [byte; 77]);
            }
        });
        let saver = scope.spawn(|| (0..200).for_each(|_| log.flush(false).unwrap()));
        for batch in 0..100_u8 {
            sender.send((0..20).map(|_| (log.append(&[batch; 77]), batch)).collect()).unwrap();
        }
        drop(sender);
        saver.join().unwrap();
    });
    log.flush(true).unwrap();
    assert_eq!(all(log).unwrap().len(), 2000);
}
