//! How records come in, how decisions go out, and how what was learnt survives a stop.
//!
//! Four traits, each with a kind that needs nothing but memory and a kind that works on files:
//!
//! | trait | asks | kinds |
//! | --- | --- | --- |
//! | [`Source`] | what is next, and how do I stand there again? | [`MemorySource`], [`FileSource`] (files, `.zst`, `.gz`, stdin), [`FolderSource`], [`RejectsSource`], [`DeskSource`] |
//! | [`Sink`] | take these lines; take back what came after that mark | [`MemorySink`], [`FileSink`], [`PipeSink`] (stdout), [`NullSink`] |
//! | [`StateStore`] | save this batch in one piece; what was saved? | [`MemoryStore`], [`RedbStore`] |
//! | [`Clock`] | what time is it? | [`SystemClock`], [`ManualClock`] |
//!
//! **The order that makes the stage exact.** A batch is *saved* ([`StateStore::append`]: input position, state deltas,
//! the very bytes that go out and where each sink stood before), then *emitted* ([`Sink::emit`]), then *committed*
//! ([`Source::commit`]). After a stop at any point the saved entries are emitted again over what they left
//! ([`Reissue`]) and the source seeks to the position of the last one, so that the output is byte for byte that of a
//! run without a stop.
//!
//! **In a transaction** (`kafka`) the three calls fall together: `append` and `emit` write into the open transaction,
//! [`StateStore::commit`] adds the input offset and ends it. Marks are empty there and `rewind` has nothing to do, because what
//! an aborted transaction wrote was never visible; a position is a partition's offset.
//!
//! [`FileTexts`] keeps the texts that near-duplicates are compared with, as [`crate::state::Texts`] asks for it: flushed before
//! the batch that appended them is saved, cut back to what was saved after a stop.
//!
//! [`Spool`] is the queue of cases between the saver and the analysts' index.
//!
//! [`wire`] turns bytes into records with every bound checked; what fails becomes a line of [`rejects`].
//! Invariant: nothing here knows a sense, a rule or a signal.

mod clock;
mod decode;
mod desk;
mod file_sink;
mod files;
mod folder;
#[cfg(feature = "kafka")]
pub mod kafka;
mod lines;
mod memory;
mod pseudonyms;
pub mod rejects;
mod redb_store;
mod sink;
mod source;
mod spool;
mod store;
mod texts;
pub mod wire;
mod witness;

#[cfg(test)]
mod tests;

pub(crate) use clock::instant;
pub use clock::{Clock, ManualClock, SystemClock};
pub use desk::{Answer, Desk, DeskOptions, DeskSource, Offered, Tell, Turned};
pub use file_sink::{FileSink, PipeSink};
pub use files::{FileSource, PipeResumes, ReadOptions, open_input};
pub use folder::{FolderSource, FollowOptions, is_passed_over};
pub use memory::{Failure, MemorySink, MemorySource, MemoryStore, NullSink, NullStore};
pub use pseudonyms::Pseudonyms;
pub use redb_store::{Durability, RedbStore, StoreOptions};
pub use rejects::RejectsSource;
pub use sink::{Mark, Reissue, Sink, SinkError};
pub use source::{BatchLimits, Fault, Flow, Offset, Place, Position, Progress, Raw, RawBatch, Source, SourceError};
pub use spool::{Piece, Spool, SpoolOptions, Waited};
pub use store::{Entry, Output, Refusal, Saved, StateStore, StoreError};
pub use texts::{FileTexts, FileTextsError, FileTextsOptions};
pub use witness::{Witness, WitnessedSource, WitnessedStore};
