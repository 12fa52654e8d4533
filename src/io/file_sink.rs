//! Lines into a file that can be cut back to a mark, and into a pipe that cannot.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::sink::{Mark, Sink, SinkError};

/// So many bytes before a mark say whether the file is still the one that it was set in.
const TAIL_BYTES_MAX: usize = 64;

/// A file of lines, written at its end.
///
/// A line that a killed process left half written is cut off by the rewind to the mark before it.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    file: File,
    length: u64,
    /// The last bytes of the file.
    tail: Vec<u8>,
    /// Whether a failed write may have left bytes after `length`.
    torn: bool,
}

/// `{"length":120,"tail":"9f…"}`
#[derive(Serialize, Deserialize)]
struct FileMark {
    length: u64,
    tail: String,
}

impl FileSink {
    /// A new output; one that holds lines already is refused, because nobody could say which run they are of.
    ///
    /// # Errors
    /// If the file cannot be made or is not empty.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, SinkError> {
        let sink = Self::open(path)?;
        if sink.length > 0 {
            let reason = format!("it holds {} bytes and the journal knows of none", sink.length);
            return Err(SinkError::NotOurs { path: sink.path, reason });
        }
        Ok(sink)
    }

    /// An output that is written on; it is made where it is not there. Rewind it to the journal's mark first.
    ///
    /// # Errors
    /// If the file cannot be opened or read.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, SinkError> {
        let path = path.into();
        let open = || {
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
            let length = file.metadata()?.len();
            let tail = tail_before(&mut file, length)?;
            io::Result::Ok((file, length, tail))
        };
        match open() {
            Ok((file, length, tail)) => Ok(Self { path, file, length, tail, torn: false }),
            Err(source) => Err(SinkError::Io { doing: "open", path, source }),
        }
    }

    fn failed(&self, doing: &'static str, source: io::Error) -> SinkError {
        SinkError::Io { doing, path: self.path.clone(), source }
    }

    fn not_ours(&self, reason: String) -> SinkError {
        SinkError::NotOurs { path: self.path.clone(), reason }
    }

    fn cut(&mut self, length: u64) -> Result<(), SinkError> {
        self.file.set_len(length).map_err(|error| self.failed("truncate", error))?;
        self.torn = false;
        Ok(())
    }

    fn remember_tail(&mut self, lines: &[u8]) {
        let kept = lines.len().min(TAIL_BYTES_MAX);
        let old = self.tail.len().min(TAIL_BYTES_MAX - kept);
        self.tail.drain(..self.tail.len() - old);
        self.tail.extend_from_slice(&lines[lines.len() - kept..]);
    }
}

fn tail_before(file: &mut File, length: u64) -> io::Result<Vec<u8>> {
    let bytes = length.min(TAIL_BYTES_MAX as u64);
    let mut tail = Vec::with_capacity(TAIL_BYTES_MAX);
    file.seek(SeekFrom::Start(length - bytes))?;
    file.take(bytes).read_to_end(&mut tail)?;
    Ok(tail)
}

fn digest(tail: &[u8]) -> String {
    blake3::hash(tail).to_hex()[..16].to_owned()
}

impl Sink for FileSink {
    fn mark(&self) -> Mark {
        Mark::write(&FileMark { length: self.length, tail: digest(&self.tail) })
    }

    fn rewind(&mut self, mark: &Mark) -> Result<(), SinkError> {
        let FileMark { length, tail } = mark.read()?;
        let held = self.file.metadata().map_err(|error| self.failed("open", error))?.len();
        if held < length {
            return Err(self.not_ours(format!("it has {held} bytes and the journal's mark is at {length}")));
        }
        let found = tail_before(&mut self.file, length).map_err(|error| self.failed("read", error))?;
        if digest(&found) != tail {
            return Err(self.not_ours(format!("the bytes before the journal's mark at {length} are others")));
        }
        self.tail = found;
        if held > length {
            self.cut(length)?;
        }
        (self.length, self.torn) = (length, false);
        Ok(())
    }

    fn emit(&mut self, lines: &[u8]) -> Result<(), SinkError> {
        if self.torn {
            self.cut(self.length)?;
        }
        self.torn = true;
        self.file.write_all(lines).map_err(|error| self.failed("write", error))?;
        self.torn = false;
        self.length += lines.len() as u64;
        self.remember_tail(lines);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        self.file.sync_data().map_err(|error| self.failed("sync", error))
    }
}

/// A pipe, such as standard output: what went in cannot be taken back.
#[derive(Debug)]
pub struct PipeSink<W> {
    pipe: W,
    name: PathBuf,
}

impl PipeSink<io::Stdout> {
    /// Standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::new(io::stdout(), "standard output")
    }
}

impl<W: Write> PipeSink<W> {
    /// Lines into that pipe, which people know by that name.
    pub fn new(pipe: W, name: impl AsRef<Path>) -> Self {
        Self { pipe, name: name.as_ref().to_owned() }
    }
}

impl<W: Write + Send> Sink for PipeSink<W> {
    fn mark(&self) -> Mark {
        Mark::default()
    }

    fn rewind(&mut self, _: &Mark) -> Result<(), SinkError> {
        Ok(())
    }

    fn emit(&mut self, lines: &[u8]) -> Result<(), SinkError> {
        let written = self.pipe.write_all(lines).and_then(|()| self.pipe.flush());
        written.map_err(|source| SinkError::Io { doing: "write", path: self.name.clone(), source })
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn rewinds(&self) -> bool {
        false
    }
}
