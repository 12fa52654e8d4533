//! Files one after the other, and pipes: plain, `.zst` or `.gz`.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decode::{Decoder, Pipe, skip};
use super::folder::{FolderSource, FollowOptions};
use super::lines::{Filled, Head, LineReader, Stand, Text};
use super::source::{BatchLimits, Flow, Position, Progress, RawBatch, Source, SourceError};

/// How texts are read.
#[derive(Clone, Copy, Debug)]
pub struct ReadOptions {
    /// Longer lines are not kept: they come as rejects with their first 64 KiB and their length.
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
    FromStart,
    /// What comes after the last run, as from a live pipe: nothing is passed over.
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
        Self { inputs, options, index: 0, reader: None, stand: Stand::default(), ended: false }
    }

    fn position(&self) -> Position {
        let stand = self.reader.as_ref().map_or_else(|| self.stand.clone(), LineReader::stand);
        let name = self.inputs.get(self.index).map_or("", |input| &input.name).to_owned();
        Position::write(&FilePosition { input: self.index, name, stand })
    }

    /// Opens the next input, if there is one.
    fn open(&mut self) -> Result<Option<&mut LineReader>, SourceError> {
        if self.reader.is_none() {
            let Some(input) = self.inputs.get_mut(self.index) else { return Ok(None) };
            self.reader = Some(input.open(&self.options, &self.stand)?);
        }
        Ok(self.reader.as_mut())
    }

    /// The next records, or what stands in the way of the first of them.
    fn gather(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<Flow, SourceError> {
        while !self.ended {
            let Some(reader) = self.open()? else { break };
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

    fn open(&mut self, options: &ReadOptions, stand: &Stand) -> Result<LineReader, SourceError> {
        if self.bytes.is_some() {
            return open_file(&self.path, &self.name, options.line_bytes_max, stand);
        }
        let Some(mut pipe) = self.pipe.take() else {
            return Err(SourceError::Position(format!("{} can be read only once", self.name)));
        };
        let mut begins = Vec::new();
        if options.pipe_resumes == PipeResumes::FromStart && stand.byte > 0 {
            let mut decoder = Decoder::new(pipe).map_err(|error| SourceError::io("read", &self.path, error))?;
            begins = read_head(&mut decoder, &self.name, &stand.head)?;
            skip(&mut decoder, stand.byte - begins.len() as u64)
                .map_err(|error| too_short(&self.name, stand, &error))?;
            pipe = Box::new(decoder);
        }
        let text = Pipe::new(pipe).map_err(|error| SourceError::io("read", &self.path, error))?;
        Ok(LineReader::new(Text::Pipe(text), &self.name, self.path.clone(), options.line_bytes_max, stand, begins))
    }
}

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
    let begins = read_head(&mut decoder, name, &stand.head)?;
    decoder.skip_to(begins.len() as u64, stand.byte).map_err(|error| too_short(name, stand, &error))?;
    Ok(LineReader::new(Text::File(decoder), name, path.to_owned(), line_bytes_max, stand, begins))
}

/// Whether the file may be the one that was left there: it begins as that one and, if plain, is as long.
pub(super) fn begins_as(path: &Path, stand: &Stand) -> bool {
    let Ok(mut decoder) = Decoder::open(path) else { return false };
    let long_enough = || std::fs::metadata(path).is_ok_and(|meta| meta.len() >= stand.byte);
    (!decoder.is_plain() || long_enough()) && read_head(&mut decoder, "", &stand.head).is_ok()
}

/// Reads what the text begins with, which must be what it began with.
fn read_head(text: &mut impl Read, name: &str, head: &Head) -> Result<Vec<u8>, SourceError> {
    let mut begins = vec![0; head.bytes];
    match text.read_exact(&mut begins) {
        Ok(()) if head.bytes == 0 || Head::of(&begins) == *head => Ok(begins),
        _ => Err(SourceError::Position(format!("{name} does not begin as it did when it was read"))),
    }
}

fn too_short(name: &str, stand: &Stand, error: &io::Error) -> SourceError {
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
        (self.index, self.stand, self.reader, self.ended) = (input, stand, None, false);
        self.open().map(drop)
    }

    fn commit(&mut self, _: &Position) -> Result<(), SourceError> {
        Ok(())
    }

    fn progress(&self) -> Progress {
        let before: u64 = self.inputs[..self.index].iter().filter_map(|input| input.bytes).sum();
        Progress {
            done_bytes: before + self.reader.as_ref().map_or(0, LineReader::used),
            total_bytes: self.inputs.iter().map(|input| input.bytes).sum(),
        }
    }
}
