//! Where lines go: the contract, and how saved lines are emitted again after a stop.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Takes finished lines. What was emitted after a mark can be taken back, so that a batch is never written twice.
pub trait Sink: Send {
    /// Where it stands: what a later [`Sink::rewind`] goes back to, perhaps in another process.
    fn mark(&self) -> Mark;

    /// Takes back everything that was emitted after the mark.
    ///
    /// # Errors
    /// If what the mark stands on is no longer there: the output is shorter, or not the one that was written.
    fn rewind(&mut self, mark: &Mark) -> Result<(), SinkError>;

    /// Writes whole lines, each with its newline.
    ///
    /// # Errors
    /// If they cannot be written; a part of them may have been, which a rewind takes back.
    fn emit(&mut self, lines: &[u8]) -> Result<(), SinkError>;

    /// Returns when everything emitted would survive a loss of power. Call it before each snapshot, because a
    /// snapshot drops the saved lines that could be emitted again.
    ///
    /// # Errors
    /// If the system cannot say so.
    fn sync(&mut self) -> Result<(), SinkError>;

    /// Whether [`Sink::rewind`] takes back what was emitted. Where it cannot (a pipe), the last batch before a stop
    /// may come twice.
    fn rewinds(&self) -> bool {
        true
    }
}

/// Where a sink stands, opaque to everybody else: it goes into the journal as it is.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Mark(pub Vec<u8>);

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mark({})", String::from_utf8_lossy(&self.0))
    }
}

impl Mark {
    /// Writes the form that the kinds here share: JSON, so that a journal can be read by people too.
    pub(crate) fn write(form: &impl Serialize) -> Self {
        Self(serde_json::to_vec(form).expect("marks are numbers"))
    }

    /// Reads that form.
    pub(crate) fn read<'de, T: Deserialize<'de>>(&'de self) -> Result<T, SinkError> {
        serde_json::from_slice(&self.0).map_err(|_| SinkError::Mark(String::from_utf8_lossy(&self.0).into_owned()))
    }
}

/// Emits saved lines again over what they left in a sink before the stop.
///
/// Give it the snapshot's mark, then every saved entry's mark and lines in order, then call [`Reissue::finish`]. A sink that rewinds is put back
/// to the first mark and gets all lines since then: right after a killed process, and after a loss of power too. One
/// that does not rewind gets the last lines only, because nobody can know whether they arrived.
pub struct Reissue<'a> {
    sink: &'a mut dyn Sink,
    last: Vec<u8>,
}

impl<'a> Reissue<'a> {
    /// Begins.
    pub fn new(sink: &'a mut dyn Sink) -> Self {
        Self { sink, last: Vec::new() }
    }

    /// Where the sink stood when the snapshot was taken: what it holds must be as long and its own.
    ///
    /// # Errors
    /// Those of [`Sink::rewind`].
    pub fn snapshot(&mut self, mark: &Mark) -> Result<(), SinkError> {
        if self.sink.rewinds() { self.sink.rewind(mark) } else { Ok(()) }
    }

    /// The next saved lines, and where the sink stood before them.
    ///
    /// # Errors
    /// Those of [`Sink::rewind`] and [`Sink::emit`].
    pub fn entry(&mut self, mark: &Mark, lines: &[u8]) -> Result<(), SinkError> {
        if self.sink.rewinds() {
            self.sink.rewind(mark)?;
            return self.sink.emit(lines);
        }
        self.last.clear();
        self.last.extend_from_slice(lines);
        Ok(())
    }

    /// Ends.
    ///
    /// # Errors
    /// Those of [`Sink::emit`].
    pub fn finish(self) -> Result<(), SinkError> {
        if self.last.is_empty() { Ok(()) } else { self.sink.emit(&self.last) }
    }
}

/// Why lines cannot be written or taken back. A message does not repeat its source's: print the chain.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The system refused.
    #[error("cannot {doing} {path}", path = path.display())]
    Io {
        /// `open`, `write`, `truncate`, `sync`.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The output is not what the mark stands on.
    #[error("{path} is not the output that the journal describes: {reason}", path = path.display())]
    NotOurs {
        /// Which file.
        path: PathBuf,
        /// In what it differs.
        reason: String,
    },
    /// The cluster that takes them failed.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] super::kafka::KafkaError),
    /// The mark is of another kind of sink.
    #[error("the journal's mark {0} is not one of this sink")]
    Mark(String),
}

impl SinkError {
    /// Whether trying again later may help without anybody's help.
    #[must_use]
    pub fn retry(&self) -> bool {
        match self {
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::Interrupted | io::ErrorKind::StorageFull | io::ErrorKind::TimedOut
            ),
            #[cfg(feature = "kafka")]
            Self::Kafka(error) => error.retry(),
            _ => false,
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "check space and rights on that path, then start again: the run resumes",
            #[cfg(feature = "kafka")]
            Self::Kafka(error) => error.hint(),
            Self::NotOurs { .. } | Self::Mark(_) => {
                "put the output files back as they were, or give a new --output folder to start over"
            }
        }
    }
}
