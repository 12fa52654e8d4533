//! What survives a stop: the contract of snapshot and journal.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use super::sink::Mark;
use super::source::Position;

/// Keeps the last snapshot of the state and, in order, every batch saved since.
pub trait StateStore: Send {
    /// Gives everything that was saved: the snapshot, its chunks, then the entries after it in order. One piece at a
    /// time, so that a large state is never in memory twice. Nothing is given where nothing was saved.
    ///
    /// # Errors
    /// If it cannot be read, or `visit` refuses a piece.
    fn recover(&mut self, visit: &mut dyn FnMut(Saved<'_>) -> Result<(), Refusal>) -> Result<(), StoreError>;

    /// Saves a batch: all of it or nothing, and for good when it returns, unless the kind of store was asked for less
    /// ([`super::Durability`]).
    ///
    /// # Errors
    /// If it cannot be written, or its number does not follow the last one.
    fn append(&mut self, entry: &Entry<'_>) -> Result<(), StoreError>;

    /// Keeps the stored texts as well, up to these ends of the logs, as part of the entry that is appended next: for a store that
    /// must be able to give them back on another machine. What lies before the ends was flushed.
    ///
    /// # Errors
    /// If they cannot be read or written.
    fn keep_texts(&mut self, _ends: &[u64]) -> Result<(), StoreError> {
        Ok(())
    }

    /// Forgets what was overwritten at these addresses of a log, as part of the entry that was appended last.
    ///
    /// # Errors
    /// Those of [`StateStore::keep_texts`].
    fn forget_texts(&mut self, _log: usize, _addresses: &[u64]) -> Result<(), StoreError> {
        Ok(())
    }

    /// Ends what [`StateStore::append`] began, once everything of it was emitted: where store, sinks and source share a
    /// transaction, all of it becomes visible here, or nothing. Other kinds have nothing left to do.
    ///
    /// # Errors
    /// If it cannot be ended; nothing of the batch is visible then.
    fn commit(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Replaces the snapshot by the state after entry `seq` and drops the entries up to it: all of it or nothing.
    /// `input` and `marks` say where the source and, in the loop's order, the sinks stood then, with everything emitted.
    ///
    /// # Errors
    /// If it cannot be written.
    fn snapshot(
        &mut self,
        seq: u64,
        input: &Position,
        marks: &[Mark],
        chunks: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), StoreError>;

    /// Leaves no byte of what was replaced or dropped in the store's files. Slow; for erasure, after a snapshot.
    ///
    /// # Errors
    /// If it cannot be written; what was saved is still there.
    fn compact(&mut self) -> Result<(), StoreError>;

    /// Whether an entry that forgot somebody ([`Entry::owes_compaction`]) still waits for a snapshot that covers it and
    /// the compaction after that. It is saved with the entry, so that a stop in between does not lose the debt: who
    /// finds it true at the start takes a snapshot and compacts. A compaction without such a snapshot leaves it true,
    /// because what was forgotten may lie in the entries that it keeps.
    fn owes_compaction(&self) -> bool;

    /// Whether the next append will be on the disk when it returns: what it speaks of has to be there before.
    fn next_is_durable(&self) -> bool {
        true
    }

    /// Whether a batch outlasts this machine once it is committed, however long its own disk may take: what is kept beside it and
    /// nowhere else has to be on the disk before, and may be read at once.
    fn outlasts_the_machine(&self) -> bool {
        false
    }

    /// The last batch that was saved by whoever keeps a queue beside this store, where `last` is the last that was saved at all: others
    /// may have had the store in between. Asked after [`StateStore::recover`].
    fn own_until(&self, last: u64) -> u64 {
        last
    }

    /// Makes what was appended so far survive a loss of power, where the kind of store was asked for less.
    ///
    /// # Errors
    /// If it cannot be written.
    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether anything that is saved here can be recovered; where it cannot, nobody needs to make snapshots.
    fn keeps(&self) -> bool {
        true
    }
}

/// What one call of [`StateStore::recover`]'s visitor gets.
#[derive(Clone, Copy, Debug)]
pub enum Saved<'a> {
    /// There is a snapshot: the state after entry `seq`, which had read the input up to `input`.
    Snapshot {
        /// The last entry that it covers.
        seq: u64,
        /// Where the source stood.
        input: &'a Position,
        /// Where the sinks stood, with everything emitted.
        marks: &'a [Mark],
    },
    /// The next chunk of the snapshot, as it was given.
    Chunk(&'a [u8]),
    /// The next entry of the journal.
    Entry(Entry<'a>),
}

/// One batch, as it is saved before anything of it is emitted.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its number: one more than the entry before.
    pub seq: u64,
    /// Where the source stands after it.
    pub input: &'a Position,
    /// What it changes in the state.
    pub deltas: &'a [u8],
    /// What it emits, for each sink in the loop's order.
    pub outputs: &'a [Output<'a>],
    /// Whether it forgot somebody, so that a snapshot and a compaction have to follow.
    pub owes_compaction: bool,
}

/// What a batch emits to one sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Output<'a> {
    /// Where the sink stood before.
    pub mark: &'a Mark,
    /// The very bytes.
    pub lines: &'a [u8],
}

/// Why a visitor refuses what was saved.
pub type Refusal = Box<dyn Error + Send + Sync>;

/// Why state cannot be saved or read. A message does not repeat its source's: print the chain.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {doing} {path}", path = path.display())]
    Io {
        /// `open`, `create`, `rename`.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the store open.
    #[error("{path} is in use by another process", path = path.display())]
    Locked {
        /// Which file.
        path: PathBuf,
    },
    /// The store was written in another format.
    #[error("{path} has format {found}; this version reads format {wanted}", path = path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What it says of itself.
        found: String,
        /// What this version reads.
        wanted: u64,
    },
    /// What is saved does not hold together.
    #[error("{path} is damaged: {reason}", path = path.display())]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An entry's number does not follow the last one.
    #[error("entry {seq} does not follow entry {last}")]
    Sequence {
        /// Its number.
        seq: u64,
        /// The last one saved.
        last: u64,
    },
    /// The embedded database failed.
    #[error("the store {path} failed: {reason}", path = path.display())]
    Database {
        /// Which file.
        path: PathBuf,
        /// What it said.
        reason: String,
    },
    /// What was saved does not fit who reads it.
    #[error("what was saved cannot be used")]
    Refused(#[source] Refusal),
    /// The cluster that keeps it failed.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] super::kafka::KafkaError),
    /// The stored texts cannot be kept.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Texts(#[from] super::texts::FileTextsError),
    /// A test asked for this failure.
    #[error("injected failure: {0}")]
    Injected(&'static str),
}

impl StoreError {
    /// Whether trying again later may help without anybody's help.
    #[must_use]
    pub fn retry(&self) -> bool {
        match self {
            #[cfg(feature = "kafka")]
            Self::Kafka(error) => error.retry(),
            error => matches!(error, Self::Locked { .. }),
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "check space and rights on that path",
            Self::Locked { .. } => "stop the other run that uses this --output folder, or give another folder",
            Self::Format { .. } => "use the version that wrote it, or give a new --output folder to start over",
            Self::Corrupt { .. } | Self::Database { .. } => {
                "restore the folder from a copy, or give a new --output folder to start over"
            }
            Self::Sequence { .. } | Self::Injected(_) => "this is a mistake in the product: please report it",
            Self::Refused(_) => "see the cause",
            #[cfg(feature = "kafka")]
            Self::Kafka(error) => error.hint(),
            #[cfg(feature = "kafka")]
            Self::Texts(error) => error.hint(),
        }
    }
}
