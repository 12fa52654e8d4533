//! Files one after the other, and pipes: plain, `.zst` or `.gz`.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::instant;
use super::decode::{Decoder, Got, Pipe};
use super::folder::{FolderSource, FollowOptions};
use super::lines::{Filled, Head, LineReader, Stand, Text};
use super::source::{BatchLimits, Flow, Position, Progress, RawBatch, Source, SourceError};

/// How texts are read.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// Longer lines are not kept: they come as rejects with their first 64 KiB and their length. More than 1 GiB counts
    /// as 1 GiB.
    pub line_bytes_max: usize,
    /// What a resumed run finds in a pipe.
    pub pipe_resumes: PipeResumes,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { line_bytes_max: 4 << 20, pipe_resumes: PipeResumes::FromStart }
    }
}

/// What a resumed run finds in a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipeResumes {
    /// The same text from its first byte (`zstdcat FILE | …`): what was read is checked and passed over.
    ///
    /// That is done by [`Source::fill`], never longer than its wait at a time, with empty batches until it is through.
    FromStart,
    /// What comes after the last run, as from a live pipe: nothing is passed over and nothing waited for. Lines and
    /// bytes are counted on from the last run.
    Live,
}

/// What `--input` names: `-` is standard input, one folder is followed, anything else is a file.
///
/// # Errors
/// If one of them is not there, or if standard input or a folder is one of several.
pub fn open_input<P: AsRef<Path>>(inputs: &[P], options: &FollowOptions) -> Result<Box<dyn Source>, SourceError> {
    let is_alone = |path: &Path| path == Path::new("-") || path.is_dir();
    match inputs {
        [input] if input.as_ref() == Path::new("-") => Ok(Box::new(FileSource::stdin(options.read))),
        [input] if input.as_ref().is_dir() => Ok(Box::new(FolderSource::open(input.as_ref(), *options)?)),
        [] => Err(SourceError::Other("no input is given".into())),
        inputs => match inputs.iter().map(AsRef::as_ref).find(|path| is_alone(path)) {
            Some(path) => {
                Err(SourceError::Other(format!("{} cannot be one of several inputs: give it alone", path.display())))
            }
            None => Ok(Box::new(FileSource::files(inputs, options.read)?)),
        },
    }
}

/// Files in the order in which they are given, or one pipe.
pub struct FileSource {
    inputs: Vec<Input>,
    options: ReadOptions,
    /// The input that is being read.
    index: usize,
    reader: Option<LineReader>,
    /// The pipe, while what an earlier run read of it is passed over.
    passing: Option<Passing>,
    /// Where to begin the input that is not open yet.
    stand: Stand,
    /// Whether the last input has ended. It stays open: a later run reads what was added to it since.
    ended: bool,
}

struct Input {
    name: Arc<str>,
    path: PathBuf,
    bytes: Option<u64>,
    /// Taken when it is opened.
    pipe: Option<Box<dyn Read + Send>>,
}

/// `{"input":0,"name":"a.jsonl","byte":120,"line":3,"head":{…}}`
#[derive(Serialize, Deserialize)]
struct FilePosition {
    input: usize,
    name: String,
    #[serde(flatten)]
    stand: Stand,
}

impl FileSource {
    /// These files, one after the other.
    ///
    /// # Errors
    /// If one of them does not exist or cannot be looked at.
    pub fn files<P: AsRef<Path>>(paths: &[P], options: ReadOptions) -> Result<Self, SourceError> {
        let inputs = paths.iter().map(|path| Input::file(path.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self::new(inputs, options))
    }

    /// Standard input.
    #[must_use]
    pub fn stdin(options: ReadOptions) -> Self {
        Self::pipe("stdin", Box::new(io::stdin()), options)
    }

    /// Anything that can be read once, from where it stands.
    #[must_use]
    pub fn pipe(name: &str, reader: Box<dyn Read + Send>, options: ReadOptions) -> Self {
        Self::new(vec![Input { name: name.into(), path: name.into(), bytes: None, pipe: Some(reader) }], options)
    }

    fn new(inputs: Vec<Input>, options: ReadOptions) -> Self {
        Self { inputs, options, index: 0, reader: None, passing: None, stand: Stand::default(), ended: false }
    }

    fn position(&self) -> Position {
        let stand = self.reader.as_ref().map_or_else(|| self.stand.clone(), LineReader::stand);
        let name = self.inputs.get(self.index).map_or("", |input| &input.name).to_owned();
        Position::write(&FilePosition { input: self.index, name, stand })
    }

    /// Opens the next input, if there is one. Reads nothing from a pipe.
    fn open(&mut self) -> Result<(), SourceError> {
        if self.reader.is_some() || self.passing.is_some() {
            return Ok(());
        }
        let Some(input) = self.inputs.get_mut(self.index) else { return Ok(()) };
        if input.bytes.is_some() {
            let reader = open_file(&input.path, &input.name, self.options.line_bytes_max, &self.stand)?;
            self.reader = Some(reader);
            return Ok(());
        }
        let pipe = input.open_pipe()?;
        if self.options.pipe_resumes == PipeResumes::FromStart && self.stand.byte > 0 {
            self.passing = Some(Passing { pipe, begins: Vec::new(), passed: 0 });
        } else {
            self.reader = Some(input.lines(pipe, &self.options, &self.stand, Vec::new()));
        }
        Ok(())
    }

    /// Passes over what an earlier run read of a pipe, no longer than `wait`; true if nothing is left to pass over.
    fn pass(&mut self, wait: Duration) -> Result<bool, SourceError> {
        let input = &self.inputs[self.index];
        if let Some(passing) = &mut self.passing
            && !passing.go_on(input, &self.stand, wait)?
        {
            return Ok(false);
        }
        if let Some(Passing { pipe, begins, .. }) = self.passing.take() {
            self.reader = Some(input.lines(pipe, &self.options, &self.stand, begins));
        }
        Ok(true)
    }

    /// The next records, or what stands in the way of the first of them.
    fn gather(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<Flow, SourceError> {
        while !self.ended {
            self.open()?;
            if self.passing.is_some() {
                return Ok(if self.pass(limits.wait)? { Flow::More } else { Flow::Idle });
            }
            let Some(reader) = &mut self.reader else { break };
            match reader.fill(batch, limits)? {
                Filled::Full => return Ok(Flow::More),
                Filled::Dry => return Ok(Flow::Idle),
                Filled::End => reader.finish(batch),
            }
            self.next_input();
        }
        Ok(Flow::End)
    }

    fn next_input(&mut self) {
        self.ended = self.index + 1 >= self.inputs.len();
        if !self.ended {
            (self.index, self.reader, self.stand) = (self.index + 1, None, Stand::default());
        }
    }
}

impl Input {
    fn file(path: &Path) -> Result<Self, SourceError> {
        let meta = std::fs::metadata(path).map_err(|error| SourceError::io("open", path, error))?;
        let name = path.to_string_lossy().into();
        Ok(Self { name, path: path.to_owned(), bytes: Some(meta.len()), pipe: None })
    }

    fn open_pipe(&mut self) -> Result<Pipe, SourceError> {
        let Some(pipe) = self.pipe.take() else {
            return Err(SourceError::Position(format!("{} can be read only once", self.name)));
        };
        Pipe::new(pipe).map_err(|error| SourceError::io("read", &self.path, error))
    }

    fn lines(&self, pipe: Pipe, options: &ReadOptions, stand: &Stand, begins: Vec<u8>) -> LineReader {
        LineReader::new(Text::Pipe(pipe), &self.name, self.path.clone(), options.line_bytes_max, stand, begins)
    }
}

/// A pipe that is read up to where an earlier run left it.
struct Passing {
    pipe: Pipe,
    /// What the text begins with, as far as an earlier run kept its hash.
    begins: Vec<u8>,
    passed: u64,
}

impl Passing {
    /// Reads on for no longer than `wait`; true when all of it is passed over.
    fn go_on(&mut self, input: &Input, stand: &Stand, wait: Duration) -> Result<bool, SourceError> {
        let start = instant();
        let mut block = vec![0; PASSED_BLOCK_BYTES];
        loop {
            let left = usize::try_from(stand.byte - self.passed).unwrap_or(usize::MAX);
            let is_known = left == 0 || self.begins.len() == stand.head.bytes;
            if is_known && !stand.head.fits(&self.begins) {
                return Err(begins_otherwise(&input.name));
            }
            if left == 0 {
                return Ok(true);
            }
            let (block, rest) = (&mut block[..left.min(PASSED_BLOCK_BYTES)], wait.saturating_sub(start.elapsed()));
            match self.pipe.read(block, rest) {
                Ok(Got::Bytes(n)) => self.take(&block[..n], &stand.head),
                Ok(Got::Nothing) => return Ok(false),
                Ok(Got::End) => {
                    return Err(too_short(&input.name, &input.path, stand, io::ErrorKind::UnexpectedEof.into()));
                }
                Err(error) => return Err(too_short(&input.name, &input.path, stand, error)),
            }
            if rest.is_zero() && self.passed < stand.byte {
                return Ok(false);
            }
        }
    }

    fn take(&mut self, bytes: &[u8], head: &Head) {
        let missing = head.bytes.saturating_sub(self.begins.len()).min(bytes.len());
        self.begins.extend_from_slice(&bytes[..missing]);
        self.passed += bytes.len() as u64;
    }
}

/// How much of a pipe is passed over at a time.
const PASSED_BLOCK_BYTES: usize = 64 << 10;

/// Opens a file where it was left, after a look at what it begins with.
pub(super) fn open_file(
    path: &Path,
    name: &Arc<str>,
    line_bytes_max: usize,
    stand: &Stand,
) -> Result<LineReader, SourceError> {
    let mut decoder = Decoder::open(path).map_err(|error| SourceError::io("open", path, error))?;
    if decoder.is_plain() && path.extension().is_some_and(|ending| ending == "zst" || ending == "gz") {
        let reason = "it does not begin as its name says".into();
        return Err(SourceError::Corrupt { file: Arc::clone(name), compressed_byte: 0, byte: 0, line: 1, reason });
    }
    let begins = read_head(&mut decoder, &stand.head).map_err(|error| SourceError::io("read", path, error))?;
    let begins = begins.ok_or_else(|| begins_otherwise(name))?;
    decoder.skip_to(begins.len() as u64, stand.byte).map_err(|error| too_short(name, path, stand, error))?;
    Ok(LineReader::new(Text::File(decoder), name, path.to_owned(), line_bytes_max, stand, begins))
}

/// Whether the file may be the one that was left there: it begins as that one and, if plain, is as long.
///
/// A file that is not there is not the one. One that the system refuses to read is an error: it may be the one.
pub(super) fn begins_as(path: &Path, stand: &Stand) -> Result<bool, SourceError> {
    let begins = || {
        let mut decoder = Decoder::open(path)?;
        if decoder.is_plain() && std::fs::metadata(path)?.len() < stand.byte {
            return Ok(false);
        }
        Ok(read_head(&mut decoder, &stand.head)?.is_some())
    };
    match begins() {
        Err(error) if is_refusal(&error) && error.kind() != io::ErrorKind::NotFound => {
            Err(SourceError::io("read", path, error))
        }
        begins => Ok(begins.unwrap_or(false)),
    }
}

/// Whether the system refused, which says nothing about what the file holds.
fn is_refusal(error: &io::Error) -> bool {
    error.raw_os_error().is_some()
}

/// Reads what the text begins with; `None` if that is not what it began with.
fn read_head(text: &mut impl Read, head: &Head) -> io::Result<Option<Vec<u8>>> {
    let mut begins = vec![0; head.bytes];
    match text.read_exact(&mut begins) {
        Err(error) if is_refusal(&error) => Err(error),
        read => Ok((read.is_ok() && head.fits(&begins)).then_some(begins)),
    }
}

fn begins_otherwise(name: &str) -> SourceError {
    SourceError::Position(format!("{name} does not begin as it did when it was read"))
}

fn too_short(name: &str, path: &Path, stand: &Stand, error: io::Error) -> SourceError {
    if is_refusal(&error) {
        return SourceError::io("read", path, error);
    }
    let (byte, line) = (stand.byte, stand.line);
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is shorter".to_owned(),
        _ => error.to_string(),
    };
    SourceError::Position(format!("{name} was read up to byte {byte} (line {line}) and cannot be now: {why}"))
}

impl Source for FileSource {
    fn fill(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<Flow, SourceError> {
        batch.clear();
        let flow = match self.gather(batch, limits) {
            Ok(flow) => flow,
            // What was read goes first; the next call meets the same error.
            Err(_) if !batch.is_empty() => Flow::More,
            Err(error) => return Err(error),
        };
        *batch.end_mut() = self.position();
        Ok(flow)
    }

    fn seek(&mut self, position: &Position) -> Result<(), SourceError> {
        let FilePosition { input, name, stand } = position.read()?;
        let here = self.inputs.get(input).map_or("", |input| &input.name);
        if name != here {
            return Err(SourceError::Position(format!(
                "input {} was {name} and is {}",
                input + 1,
                if here.is_empty() { "not given" } else { here }
            )));
        }
        (self.index, self.stand, self.reader, self.passing, self.ended) = (input, stand, None, None, false);
        self.open()
    }

    fn commit(&mut self, _: &Position) -> Result<(), SourceError> {
        Ok(())
    }

    fn progress(&self) -> Progress {
        let passed = self.passing.as_ref().map_or(0, |passing| passing.pipe.used());
        let before: u64 = self.inputs[..self.index].iter().filter_map(|input| input.bytes).sum();
        Progress {
            done_bytes: before + self.reader.as_ref().map_or(passed, LineReader::used),
            total_bytes: self.inputs.iter().map(|input| input.bytes).sum(),
        }
    }
}
