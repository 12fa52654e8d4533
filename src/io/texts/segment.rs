//! The files of the log: their names, their header, and reading and writing at a place.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::FileTextsOptions;
use super::error::FileTextsError;
use super::frame::{self, FRAME_BYTES};
use crate::state::checksum;

const MAGIC: &[u8; 16] = b"tidegate texts\r\n";
/// The layout of header and frames. A change of either is another number.
const FORMAT: u32 = 1;
pub(super) const HEADER_BYTES: u64 = 64;
const SUFFIX: &str = ".texts";

/// Bytes that a walk over a segment reads at once.
const WALK_BYTES: usize = 1 << 20;

/// The first bytes of a file: of which log it is a part, and where that log ended before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) first: u64,
    /// Where the last record of the segment before ends: so a segment that is missing or cut is noticed.
    pub(super) previous_end: u64,
}

impl Header {
    pub(super) fn encode(self, options: &FileTextsOptions) -> [u8; HEADER_BYTES as usize] {
        let mut bytes = [0; HEADER_BYTES as usize];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..20].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[20..24].copy_from_slice(&options.content_version.to_le_bytes());
        let words = [options.check, options.segment_bytes, self.first, self.previous_end];
        for (place, word) in bytes[24..56].as_chunks_mut().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        let sum = checksum(&bytes[..56]);
        bytes[56..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Says what the file is before anything else is believed, so that another release is named as such.
    pub(super) fn decode(
        bytes: &[u8; HEADER_BYTES as usize],
        options: &FileTextsOptions,
        path: &Path,
    ) -> Result<Self, FileTextsError> {
        if !bytes.starts_with(MAGIC) {
            let found = String::from_utf8_lossy(&bytes[..MAGIC.len()]).into_owned();
            return Err(FileTextsError::Foreign { path: path.to_owned(), found });
        }
        let (halves, words) = (bytes[16..24].as_chunks().0, bytes[24..].as_chunks().0);
        let half = |index: usize| u64::from(u32::from_le_bytes(halves[index]));
        let word = |index: usize| u64::from_le_bytes(words[index]);
        let fits = |what, found, wanted| {
            if found == wanted {
                return Ok(());
            }
            Err(FileTextsError::Unfit { path: path.to_owned(), what, found, wanted })
        };
        fits("format", half(0), FORMAT.into())?;
        let first = word(2);
        if checksum(&bytes[..56]) != word(4) {
            return Err(FileTextsError::Damaged {
                path: path.to_owned(),
                address: first,
                what: "its header is broken",
            });
        }
        fits("content version", half(1), options.content_version.into())?;
        fits("check value of the secret", word(0), options.check)?;
        fits("segment length", word(1), options.segment_bytes)?;
        Ok(Self { first, previous_end: word(3) })
    }
}

pub(super) fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:016x}{SUFFIX}"))
}

/// The first addresses of the segments in a folder, in order. Files with other names are nobody's business here.
pub(super) fn list(folder: &Path) -> Result<Vec<u64>, FileTextsError> {
    let mut firsts = Vec::new();
    for entry in fs::read_dir(folder).map_err(FileTextsError::io("read", folder))? {
        let name = entry.map_err(FileTextsError::io("read", folder))?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)).filter(|digits| digits.len() == 16);
        firsts.extend(digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// A segment that is there already.
pub(super) fn open(path: &Path) -> Result<File, FileTextsError> {
    OpenOptions::new().read(true).write(true).open(path).map_err(FileTextsError::io("open", path))
}

/// A new segment, with its header. What a write that failed left of it is written over.
pub(super) fn create(path: &Path, header: Header, options: &FileTextsOptions) -> Result<File, FileTextsError> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path);
    let file = file.map_err(FileTextsError::io("create", path))?;
    write_at(&file, &header.encode(options), 0).map_err(FileTextsError::io("write", path))?;
    Ok(file)
}

/// A name is on the disk when its folder is.
pub(super) fn sync_folder(folder: &Path) -> Result<(), FileTextsError> {
    // Windows keeps folders by itself and does not open them as files.
    if cfg!(windows) {
        return Ok(());
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(FileTextsError::io("sync", folder))
}

#[cfg(unix)]
fn read_some(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, out, offset)
}

#[cfg(windows)]
fn read_some(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, out, offset)
}

#[cfg(unix)]
fn write_some(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, offset)
}

#[cfg(windows)]
fn write_some(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_write(file, bytes, offset)
}

/// Reads until `out` is full or the file ends; gives how much it was.
pub(super) fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < out.len() {
        match read_some(file, &mut out[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all of it.
pub(super) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match write_some(file, &bytes[done..], offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Goes over the records of a segment, from its first, reading ahead.
pub(super) struct Walk<'a> {
    path: &'a Path,
    file: &'a File,
    first: u64,
    /// The address after the record that was given last.
    pub(super) at: u64,
    end: u64,
    buffer: Vec<u8>,
    /// The address of the first byte in the buffer.
    start: u64,
}

impl<'a> Walk<'a> {
    /// Over the records from `first` to `end`.
    pub(super) fn new(path: &'a Path, file: &'a File, first: u64, end: u64) -> Self {
        Self { path, file, first, at: first, end, buffer: Vec::new(), start: first }
    }

    /// The next record and its address.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &[u8])>, FileTextsError> {
        if self.at >= self.end {
            return Ok(None);
        }
        self.hold(FRAME_BYTES)?;
        if let Some(head) = self.held().first_chunk() {
            self.hold(FRAME_BYTES + frame::length(*head))?;
        }
        let (address, path) = (self.at, self.path);
        let held = &self.buffer[(address - self.start) as usize..];
        let whole = frame::record(address, held).and_then(|record| {
            let next = address + frame::size(record.len());
            if next <= self.end { Ok((record, next)) } else { Err("what fills it up is cut off") }
        });
        let (record, next) = whole.map_err(|what| FileTextsError::Damaged { path: path.to_owned(), address, what })?;
        self.at = next;
        Ok(Some((address, record)))
    }

    fn held(&self) -> &[u8] {
        &self.buffer[(self.at - self.start) as usize..]
    }

    /// Brings so many bytes from `at` into the buffer, or as many as there are before the end.
    fn hold(&mut self, bytes: usize) -> Result<(), FileTextsError> {
        let left = (self.end - self.at) as usize;
        if self.held().len() >= bytes.min(left) {
            return Ok(());
        }
        self.buffer.drain(..(self.at - self.start) as usize);
        self.start = self.at;
        let kept = self.buffer.len();
        self.buffer.resize(left.min(bytes.max(WALK_BYTES)), 0);
        let offset = HEADER_BYTES + (self.at - self.first) + kept as u64;
        let read =
            read_at(self.file, &mut self.buffer[kept..], offset).map_err(FileTextsError::io("read", self.path))?;
        self.buffer.truncate(kept + read);
        Ok(())
    }
}
