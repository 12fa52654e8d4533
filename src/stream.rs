//! The loop: read → observe → remember → judge → save → emit → commit.
//!
//! Three threads and a pool. The *reader* fills raw batches ahead of need. The *loop* parses and observes a batch on all
//! cores, then lets the engine remember and judge it in order. The *saver* makes a batch safe, gives it out and commits
//! it, in that order, while the loop works on the next. Queues between them are bounded, so a slow sink slows the source.
//!
//! Invariants: nothing is emitted that was not saved; nothing is saved twice; an edition changes between two batches
//! only; where the batches end has no influence on any decision.

mod back;
mod compare;
mod editions;
mod front;
mod indexing;
mod judging;
#[cfg(feature = "kafka")]
mod hearing;
#[cfg(feature = "kafka")]
mod lanes;
mod measure;
#[cfg(feature = "kafka")]
mod published;
mod recover;
mod saver;
mod scan;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use crate::io::wire::Bounds;
use crate::io::{
    BatchLimits, Clock, FileTexts, FileTextsError, Flow, Position, Progress, Pseudonyms, RawBatch, Sink, SinkError,
    Source, SourceError, Spool, StateStore, StoreError, instant,
};
use crate::pipeline::{CopyOptions, Engine, FilingOptions, LOGS, Others, Tally};
use crate::state::{self, Board, Keys, State, Texts, TextsError};

use back::{Looking, Road};
use judging::Judging;
use saver::Saver;

pub use back::{BackOptions, BackSearch, Preview, Previewed, preview};
pub use compare::{Comparison, RuleDiff, Sample, Side, compare};
pub use editions::{EditionFile, EditionFolders, Editions, FolderError, build_checked, sources_of, watch};
pub use front::Front;
pub use indexing::{IndexOptions, Indexer};
#[cfg(feature = "kafka")]
pub use lanes::{Folders, run_lanes};
pub use measure::{METRICS, Metric, call as measure_call, describe as describe_metrics};
#[cfg(feature = "kafka")]
pub use published::{NotTaken, Published, publish};
pub use saver::Latency;
pub use scan::scan;

/// What the loop stands between.
pub struct Ends {
    /// Where records come from.
    pub source: Box<dyn Source>,
    /// Where decisions go.
    pub actions: Box<dyn Sink>,
    /// Where records go that cannot be taken.
    pub rejects: Box<dyn Sink>,
    /// What survives a stop.
    pub store: Box<dyn StateStore>,
    /// Where texts are kept that later ones are compared with: those of the window, and articles. Without it, copies are not
    /// looked for.
    pub texts: Option<TextLogs>,
    /// Where cases go that analysts will search, and which; without it, nothing is filed.
    pub cases: Option<Cases>,
    /// What time it is, for bounds and latencies.
    pub clock: Arc<dyn Clock>,
}

/// Cases for the index.
#[derive(Clone, Debug)]
pub struct Cases {
    /// Where they wait for it.
    pub spool: Arc<Spool>,
    /// Which events are filed.
    pub options: FilingOptions,
    /// How claims that come into force are looked for in what was filed, if they are.
    pub back: Option<BackSearch>,
}

/// The logs of stored texts: of the window, of articles.
pub type TextLogs = [Arc<FileTexts>; LOGS];

/// How the loop works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that observe; at least 1.
    pub threads: usize,
    /// How large a batch may be, and how long it may wait.
    pub batch: BatchLimits,
    /// Stop after so many records.
    pub records_max: Option<u64>,
    /// The journal is folded into a snapshot when it has grown by so many bytes.
    pub snapshot_journal_bytes: u64,
    /// What an event may be.
    pub bounds: Bounds,
    /// How authors are pseudonymised, if they are.
    pub pseudonyms: Option<Pseudonyms>,
    /// What is remembered.
    pub state: state::Options,
    /// What copies are looked for in, if they are.
    pub copies: Option<CopyOptions>,
    /// How authors stand whose standing other loops keep; with it, strikes go to their keepers.
    pub board: Option<Arc<Board>>,
    /// What other loops know of near-duplicates, and the number of this one.
    pub others: Option<Others>,
    /// What keys of names are made with.
    pub keys: Keys,
}

/// What others may look at, and the one thing that they may say, while the loop runs.
#[derive(Debug, Default)]
pub struct Control {
    stop: AtomicBool,
    /// Whether the loop or the saver has ended.
    halted: AtomicBool,
    all_records: Arc<AtomicU64>,
    done_bytes: AtomicU64,
    total_bytes: AtomicU64,
}

impl Control {
    /// Asks the loop to finish what it has read, save it and return. False if it was asked before.
    pub fn stop(&self) -> bool {
        !self.stop.swap(true, Ordering::Relaxed)
    }

    /// A control whose records count towards this one's as well: of one of several loops.
    #[cfg(feature = "kafka")]
    fn of_lane(&self) -> Self {
        Self { all_records: Arc::clone(&self.all_records), ..Self::default() }
    }

    /// Whether it was asked to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping()
    }

    /// Records given out so far.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.all_records.load(Ordering::Relaxed)
    }

    /// How far the source is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let total = self.total_bytes.load(Ordering::Relaxed);
        Progress { done_bytes: self.done_bytes.load(Ordering::Relaxed), total_bytes: (total > 0).then_some(total) }
    }

    fn gave_out(&self, records: u64) {
        self.all_records.fetch_add(records, Ordering::Relaxed);
    }

    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn saw(&self, progress: Progress) {
        self.done_bytes.store(progress.done_bytes, Ordering::Relaxed);
        self.total_bytes.store(progress.total_bytes.unwrap_or(0), Ordering::Relaxed);
    }
}

/// What a run did.
#[derive(Debug)]
pub struct Summary {
    /// Counts, of this run alone.
    pub tally: Tally,
    /// From the reading of a record's batch to the emission of its decision.
    pub latency: Latency,
    /// Batches that earlier runs had saved.
    pub resumed_batches: u64,
    /// Whether it ended because it was asked to.
    pub stopped: bool,
}

/// Why a run ended early. What was saved is safe, and the next run goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The input cannot be read on.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Decisions or rejects cannot be given out.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Batches cannot be saved or read back.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored text cannot be read.
    #[error("near-duplicates cannot be looked for")]
    Texts(#[from] TextsError),
    /// The stored texts cannot be kept.
    #[error(transparent)]
    TextLog(#[from] FileTextsError),
    /// The cluster cannot be used.
    #[cfg(feature = "kafka")]
    #[error(transparent)]
    Kafka(#[from] crate::io::kafka::KafkaError),
    /// The pool of threads cannot be made.
    #[error("cannot start {threads} threads: {reason}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// What the system said.
        reason: String,
    },
}

impl StreamError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &str {
        match self {
            Self::Source(error) => error.hint(),
            Self::Sink(error) => error.hint(),
            Self::Store(error) => error.hint(),
            Self::Texts(_) => "see the cause; run again once the disk can be read: what was saved is safe",
            Self::TextLog(error) => error.hint(),
            #[cfg(feature = "kafka")]
            Self::Kafka(error) => error.hint(),
            Self::Threads { .. } => "ask for fewer with --threads",
        }
    }
}

/// Batches that may wait between two threads.
const QUEUE_BATCHES_MAX: usize = 2;

/// A raw batch, and when its reading ended.
struct Read {
    batch: RawBatch,
    at: Instant,
}

/// Runs until the input ends, `control` says stop, or something fails.
///
/// # Errors
/// See [`StreamError`]. Everything saved before it is kept, and another call goes on from there.
pub fn run(ends: Ends, editions: &Editions, options: &Options, control: &Control) -> Result<Summary, StreamError> {
    let looks = options.copies.is_some() && ends.texts.is_some();
    let front = Front::new(options, looks, Arc::clone(&ends.clock))?;
    run_with(&front, ends, editions, options, control)
}

/// [`run`], with a pool that others use too.
fn run_with(
    front: &Front,
    ends: Ends,
    editions: &Editions,
    options: &Options,
    control: &Control,
) -> Result<Summary, StreamError> {
    let Ends { mut source, mut actions, mut rejects, mut store, texts, cases, clock: _ } = ends;
    let recovered =
        recover::recover(store.as_mut(), [actions.as_mut(), rejects.as_mut()], &options.state, options.keys)?;
    if let Some(input) = &recovered.input {
        tracing::info!(batches = recovered.seq, "resumed after what an earlier run had saved");
        source.seek(input)?;
    }
    let engine = engine(recovered.state, options, texts.as_ref())?;
    if let Some(cases) = &cases {
        cases.spool.settle(store.own_until(recovered.seq))?;
    }
    let back = cases.as_ref().and_then(|cases| cases.back.clone());
    let (to_looking, found) = mpsc::sync_channel(back::PIECES_MAX);
    let (to_road, asks) = mpsc::channel();
    let generation = Arc::new(AtomicU64::new(0));
    let engine = if back.is_some() { engine.looking_back() } else { engine };
    let judging = Judging {
        engine: match &cases {
            Some(cases) => engine.filing(cases.options),
            None => engine,
        },
        looking: back.as_ref().map(|back| Looking::new(back.options, found, Arc::clone(&generation))),
        input: recovered.input.clone(),
        editions,
        options,
        journal_bytes: recovered.journal_bytes,
        keeps: store.keeps(),
        owes_compaction: store.owes_compaction(),
        compacted: None,
        shown: measure::Shown::default(),
    };
    let spool = cases.map(|cases| cases.spool);
    let saver = Saver::new(store, [actions, rejects], texts, spool, recovered.seq, recovered.input).asking(to_road);
    control.halted.store(false, Ordering::Relaxed);
    let (tally, latency) = thread::scope(|scope| {
        let (to_loop, raw) = mpsc::sync_channel(QUEUE_BATCHES_MAX);
        let (to_saver, judged) = mpsc::sync_channel(QUEUE_BATCHES_MAX);
        let (to_reader, saved) = mpsc::channel();
        let (give_back, used) = mpsc::channel();
        if let Some(back) = &back {
            let road = Road { back, generation: &generation, found: to_looking, control };
            scope.spawn(move || road.run(&asks));
        }
        let reader = scope.spawn(move || read(source, to_loop, &used, &saved, options, control));
        let saver = scope.spawn(move || {
            let _halt = Halt(control);
            saver.run(&judged, &to_reader, control)
        });
        let judged = {
            let _halt = Halt(control);
            judging.run(front, &raw, &to_saver, &give_back, control)
        };
        drop((raw, to_saver));
        let latency = join(saver)?;
        join(reader)?;
        Ok::<_, StreamError>((judged?, latency))
    })?;
    let stopped = control.stopping();
    tracing::info!(records = tally.records_total(), stopped, "run ended, everything read is saved");
    Ok(Summary { tally, latency, resumed_batches: recovered.seq, stopped })
}

/// An engine that goes on from a state, with the stored texts as they were when that state was saved.
fn engine(state: State, options: &Options, texts: Option<&TextLogs>) -> Result<Engine, StreamError> {
    let (board, others) = (options.board.clone(), options.others.clone());
    let engine = match options.copies.as_ref().zip(texts) {
        None => Engine::new(state),
        Some((options, texts)) => {
            for (texts, end) in texts.iter().zip(state.texts_end()) {
                texts.truncate(end)?;
            }
            let texts = texts.each_ref().map(|texts| Arc::clone(texts) as Arc<dyn Texts>);
            Engine::looking_beside(state, options, texts, others)?
        }
    };
    Ok(match board {
        Some(board) => engine.sharing(board),
        None => engine,
    })
}

/// Tells the reader, on every way out, that nobody takes its batches any longer: one that waits on a silent source would
/// not see it from the closed queue.
struct Halt<'a>(&'a Control);

impl Drop for Halt<'_> {
    fn drop(&mut self) {
        self.0.halted.store(true, Ordering::Relaxed);
    }
}

/// A thread's result; its panic goes on here.
fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The reader: fills batches ahead of need, and tells the source what is saved.
fn read(
    mut source: Box<dyn Source>,
    to_loop: SyncSender<Read>,
    used: &Receiver<RawBatch>,
    saved: &Receiver<Position>,
    options: &Options,
    control: &Control,
) -> Result<(), StreamError> {
    let mut left = options.records_max.unwrap_or(u64::MAX);
    while left > 0 && !control.stopping() && !control.halted.load(Ordering::Relaxed) {
        let records_max = options.batch.records_max.min(usize::try_from(left).unwrap_or(usize::MAX));
        // Buffers come back from the loop, so that their memory is not handed to the system and fetched again.
        let mut batch = used.try_recv().unwrap_or_default();
        let flow = source.fill(&mut batch, &BatchLimits { records_max, ..options.batch });
        control.saw(source.progress());
        left -= batch.len() as u64;
        if !batch.is_empty() && to_loop.send(Read { batch, at: instant() }).is_err() {
            return Ok(());
        }
        for position in saved.try_iter() {
            source.commit(&position)?;
        }
        if flow? == Flow::End {
            break;
        }
    }
    drop(to_loop);
    saved.iter().try_for_each(|position| Ok(source.commit(&position)?))
}
