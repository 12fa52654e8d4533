//! Overwriting records so that a stop in the middle leaves no record half overwritten: what is to be written is written
//! to a file of its own first, and written again from there at the next start.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::FileTextsOptions;
use super::error::FileTextsError;
use super::frame::{self, FRAME_BYTES};
use super::segment::{self, HEADER_BYTES};
use crate::state::checksum;

const NAME: &str = "texts.rewrite";
const MAGIC: &[u8; 16] = b"tidegate rewrit\n";

/// A record as it will lie in the log.
pub(super) struct Patch {
    pub(super) address: u64,
    pub(super) frame: Vec<u8>,
}

fn path(folder: &Path) -> PathBuf {
    folder.join(NAME)
}

/// Puts the records in their places, on the disk when it returns.
pub(super) fn write(folder: &Path, options: &FileTextsOptions, patches: &[Patch]) -> Result<(), FileTextsError> {
    let path = note(folder, patches)?;
    apply(folder, options, patches)?;
    fs::remove_file(&path).map_err(FileTextsError::io("remove", &path))
}

fn note(folder: &Path, patches: &[Patch]) -> Result<PathBuf, FileTextsError> {
    let path = path(folder);
    let mut bytes = MAGIC.to_vec();
    for Patch { address, frame } in patches {
        bytes.extend_from_slice(&address.to_le_bytes());
        bytes.extend_from_slice(frame);
    }
    bytes.extend_from_slice(&checksum(&bytes).to_le_bytes());
    let noted = File::create(&path).and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()));
    noted.map_err(FileTextsError::io("write", &path))?;
    segment::sync_folder(folder)?;
    Ok(path)
}

/// Ends what a stop interrupted. A note that is not whole was the first thing interrupted: no record was touched.
pub(super) fn resume(folder: &Path, options: &FileTextsOptions) -> Result<(), FileTextsError> {
    let path = path(folder);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        bytes => bytes.map_err(FileTextsError::io("read", &path))?,
    };
    if let Some(patches) = decode(&bytes) {
        apply(folder, options, &patches)?;
    }
    fs::remove_file(&path).map_err(FileTextsError::io("remove", &path))
}

/// `None` if it is not whole.
fn decode(bytes: &[u8]) -> Option<Vec<Patch>> {
    let (noted, sum) = bytes.split_last_chunk::<8>()?;
    let mut rest = noted.strip_prefix(MAGIC)?;
    if checksum(noted) != u64::from_le_bytes(*sum) {
        return None;
    }
    let mut patches = Vec::new();
    while let Some((address, frames)) = rest.split_first_chunk::<8>() {
        let address = u64::from_le_bytes(*address);
        let size = frame::size(frame::record(address, frames).ok()?.len()) as usize;
        let (frame, others) = frames.split_at_checked(size)?;
        patches.push(Patch { address, frame: frame.to_vec() });
        rest = others;
    }
    Some(patches)
}

fn apply(folder: &Path, options: &FileTextsOptions, patches: &[Patch]) -> Result<(), FileTextsError> {
    let segments = patches.chunk_by(|a, b| a.address / options.segment_bytes == b.address / options.segment_bytes);
    for patches in segments {
        let Some(first) = patches.first().map(|patch| patch.address / options.segment_bytes * options.segment_bytes)
        else {
            continue;
        };
        let path = segment::path(folder, first);
        let file = segment::open(&path)?;
        for Patch { address, frame } in patches {
            let offset = HEADER_BYTES + (address - first);
            let mut there = [0; FRAME_BYTES];
            let read = segment::read_at(&file, &mut there, offset).map_err(FileTextsError::io("read", &path))?;
            let same = read == FRAME_BYTES && Some(&there[..4]) == frame.get(..4);
            if !same {
                let what = "a record that is to be overwritten has another length";
                return Err(FileTextsError::Damaged { path, address: *address, what });
            }
            segment::write_at(&file, frame, offset).map_err(FileTextsError::io("write", &path))?;
        }
        file.sync_data().map_err(FileTextsError::io("sync", &path))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::FileTexts;
    use super::*;
    use crate::state::Texts as _;

    const OPTIONS: FileTextsOptions = FileTextsOptions { segment_bytes: 64, content_version: 1, check: 2 };

    fn patch(address: u64, record: &[u8]) -> Patch {
        let mut frame = Vec::new();
        frame::put(address, record, &mut frame);
        Patch { address, frame }
    }

    fn records(folder: &Path) -> Vec<Vec<u8>> {
        let log = FileTexts::open(folder, OPTIONS).expect("the log is whole");
        let mut records = Vec::new();
        let read = log.scan(&mut |_, record| {
            records.push(record.to_vec());
            Ok(())
        });
        read.expect("the log is whole");
        records
    }

    /// A stop at any byte of the note leaves the old records, a stop at any byte of the records the new ones.
    #[test]
    fn a_stop_leaves_every_record_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = FileTexts::open(folder.path(), OPTIONS).expect("a new log");
        let old: Vec<Vec<u8>> = (0..4_u8).map(|i| vec![b'a' + i; 20]).collect();
        let addresses: Vec<u64> = old.iter().map(|record| log.append(record)).collect();
        log.flush(true).expect("the folder is writable");
        drop(log);
        let (patches, new) = ([patch(addresses[1], &[b'-'; 20]), patch(addresses[2], &[b'-'; 20])], {
            let mut new = old.clone();
            (new[1], new[2]) = (vec![b'-'; 20], vec![b'-'; 20]);
            new
        });
        let noted = note(folder.path(), &patches).expect("the folder is writable");
        let whole = fs::read(&noted).expect("it was written");
        for cut in 0..whole.len() {
            fs::write(&noted, &whole[..cut]).expect("the folder is writable");
            assert_eq!(records(folder.path()), old, "the note cut at {cut}");
            assert!(!noted.exists());
        }
        for (index, patch) in patches.iter().enumerate() {
            for cut in 0..patch.frame.len() {
                patches[..index].iter().for_each(|before| put(folder.path(), before, before.frame.len()));
                put(folder.path(), patch, cut);
                fs::write(&noted, &whole).expect("the folder is writable");
                assert_eq!(records(folder.path()), new, "record {index} cut at {cut}");
            }
        }
    }

    fn put(folder: &Path, patch: &Patch, bytes: usize) {
        let first = patch.address / OPTIONS.segment_bytes * OPTIONS.segment_bytes;
        let file = segment::open(&segment::path(folder, first)).expect("it is there");
        let offset = HEADER_BYTES + patch.address - first;
        segment::write_at(&file, &patch.frame[..bytes], offset).expect("it is writable");
    }
}
