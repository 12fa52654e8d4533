//! What a folder holds when it is opened.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use super::FileTextsOptions;
use super::error::FileTextsError;
use super::segment::{self, HEADER_BYTES, Header, Walk};

/// The whole records of a folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Where the first segment begins.
    pub(super) first: u64,
    /// Where the last whole record ends.
    pub(super) end: u64,
    /// The last segment.
    pub(super) last: Option<(u64, Arc<File>)>,
    /// Whether something lies after the end: the half of a record, or of a segment.
    pub(super) is_torn: bool,
}

/// Reads the headers of all segments, and the records of the last one.
pub(super) fn find(folder: &Path, options: &FileTextsOptions) -> Result<Found, FileTextsError> {
    fs::create_dir_all(folder).map_err(FileTextsError::io("create", folder))?;
    let firsts = segment::list(folder)?;
    let mut found = Found { first: firsts.first().copied().unwrap_or(0), ..Found::default() };
    let mut end = None;
    for (index, &first) in firsts.iter().enumerate() {
        let path = segment::path(folder, first);
        let file = segment::open(&path)?;
        let length = file.metadata().map_err(FileTextsError::io("read", &path))?.len();
        let Some(header) = header(&path, &file, first, options)? else {
            if index + 1 < firsts.len() {
                return Err(FileTextsError::Damaged { path, address: first, what: "its header was never written" });
            }
            found.is_torn = true;
            break;
        };
        // Of the first one that is kept nobody can say what came before.
        if end.is_some_and(|end| end != header.previous_end) {
            let what = "the segment before it is missing, or has another length than this one says";
            return Err(FileTextsError::Damaged { path, address: first, what });
        }
        end = Some(first + length.saturating_sub(HEADER_BYTES));
        found.last = Some((first, Arc::new(file)));
    }
    super::rewrite::resume(folder, options)?;
    found.walk(folder, end.unwrap_or(0))?;
    Ok(found)
}

/// `None` where it was never wholly written.
fn header(path: &Path, file: &File, first: u64, options: &FileTextsOptions) -> Result<Option<Header>, FileTextsError> {
    let mut bytes = [0; HEADER_BYTES as usize];
    let read = segment::read_at(file, &mut bytes, 0).map_err(FileTextsError::io("read", path))?;
    if read < bytes.len() || bytes == [0; HEADER_BYTES as usize] {
        return Ok(None);
    }
    let header = Header::decode(&bytes, options, path)?;
    if header.first != first || !first.is_multiple_of(options.segment_bytes) {
        let what = "the file has another segment's name";
        return Err(FileTextsError::Damaged { path: path.to_owned(), address: header.first, what });
    }
    Ok(Some(header))
}

impl Found {
    /// Finds where the whole records of the last segment end. Nothing is changed: whoever opens the log may have another
    /// folder in mind.
    fn walk(&mut self, folder: &Path, end: u64) -> Result<(), FileTextsError> {
        let Some((first, file)) = &self.last else { return Ok(()) };
        let path = segment::path(folder, *first);
        let mut walk = Walk::new(&path, file, *first, end);
        loop {
            match walk.next() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(FileTextsError::Damaged { .. }) => {
                    self.is_torn = true;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        self.end = walk.at;
        Ok(())
    }
}
