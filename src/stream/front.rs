//! The pure half of a batch: bytes → record → observation, on all cores, in the order in which they came.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::event::{Event, Millis, Record};
use crate::io::wire::{self, Bounds};
use crate::io::{Clock, Fault, Pseudonyms, Raw, RawBatch};
use crate::pipeline::{Edition, Item, ObserveScratch, Observed, Refused, observe};
use crate::state::Keys;

use super::{Options, StreamError};

/// Records that one thread takes at a time: enough to pay for the hand-over, few enough to share a small batch out.
const CHUNK_RECORDS: usize = 64;

/// The pool, and what its threads use again and again.
pub struct Front {
    pool: ThreadPool,
    scratch: Vec<Mutex<ObserveScratch>>,
    /// Whether near-duplicates are looked for.
    marks: bool,
    /// Emptied chunks of earlier batches: their memory is large, and was freed on another thread than it came from.
    spare: Mutex<Vec<Vec<Item<'static>>>>,
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    pseudonyms: Option<Pseudonyms>,
    keys: Keys,
}

impl Front {
    /// Starts the pool. `marks`: whether near-duplicates are looked for.
    pub(super) fn new(options: &Options, marks: bool, clock: Arc<dyn Clock>) -> Result<Self, StreamError> {
        let threads = options.threads;
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("observe-{i}"))
            .build()
            .map_err(|error| StreamError::Threads { threads, reason: error.to_string() })?;
        Ok(Self {
            scratch: (0..threads).map(|_| Mutex::new(scratch(marks, &options.keys))).collect(),
            marks,
            spare: Mutex::default(),
            pool,
            clock,
            bounds: options.bounds.clone(),
            pseudonyms: options.pseudonyms.clone(),
            keys: options.keys,
        })
    }

    /// Runs `work` where its parallel parts find the pool.
    pub fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.pool.install(work)
    }

    /// What is to be known of each record without knowing what came before it.
    #[must_use]
    pub fn observe<'a>(&self, edition: &Edition, batch: &'a RawBatch) -> Vec<Vec<Item<'a>>> {
        let now = self.clock.now();
        let starts: Vec<usize> = (0..batch.len()).step_by(CHUNK_RECORDS).collect();
        self.pool.install(|| starts.into_par_iter().map(|start| self.chunk(edition, batch, start, now)).collect())
    }

    /// Observes stored messages again, as the edition sees them now. One on which that fails is left out, and told.
    #[must_use]
    pub fn observe_again(&self, edition: &Edition, events: Vec<Event<'static>>) -> Vec<Observed<'static>> {
        let again = |event: Event<'static>| {
            let thread = rayon::current_thread_index().expect("messages are observed in the pool");
            let mut scratch = self.scratch[thread].lock().unwrap_or_else(PoisonError::into_inner);
            match self.guarded(edition, Record::Event(event), &mut scratch) {
                Item::Event(observed) => Some(observed),
                _ => None,
            }
        };
        self.pool.install(|| events.into_par_iter().filter_map(again).collect())
    }

    /// Takes back what [`Front::observe`] gave, for batches to come.
    pub(super) fn take_back(&self, chunks: Vec<Vec<Item<'_>>>) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.extend(chunks.into_iter().map(emptied));
    }

    fn chunk<'a>(&self, edition: &Edition, batch: &'a RawBatch, start: usize, now: Millis) -> Vec<Item<'a>> {
        let thread = rayon::current_thread_index().expect("chunks are observed in the pool");
        let mut scratch = self.scratch[thread].lock().unwrap_or_else(PoisonError::into_inner);
        let end = batch.len().min(start + CHUNK_RECORDS);
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut chunk = spare.map_or_else(|| Vec::with_capacity(CHUNK_RECORDS), emptied);
        if batch.is_relayed() {
            chunk.extend((start..end).map(|i| relayed(batch.get(i))));
        } else {
            chunk.extend((start..end).map(|i| self.item(edition, batch.get(i), now, &mut scratch)));
        }
        chunk
    }

    fn item<'a>(&self, edition: &Edition, raw: Raw<'a>, now: Millis, scratch: &mut ObserveScratch) -> Item<'a> {
        if let Some(fault) = raw.fault {
            return refused(fault.clone());
        }
        match wire::parse(raw.bytes, &self.bounds, now) {
            Ok(mut record) => {
                if let Some(pseudonyms) = &self.pseudonyms {
                    pseudonyms.apply(&mut record);
                }
                self.guarded(edition, record, scratch)
            }
            Err(fault) => refused(fault),
        }
    }

    /// Observes a record. A mistake of ours on one text must not stop the stream, nor stop it again at every restart: such
    /// a record goes to the rejects.
    fn guarded<'a>(&self, edition: &Edition, record: Record<'a>, scratch: &mut ObserveScratch) -> Item<'a> {
        let observed = panic::catch_unwind(AssertUnwindSafe(|| observe(edition, record, &self.keys, &mut *scratch)));
        observed.unwrap_or_else(|_| {
            *scratch = self::scratch(self.marks, &self.keys);
            tracing::error!("a record could not be observed; it is in the rejects with the code internal_error");
            let message = "observing it failed: this is a mistake in the product, please report it".into();
            Item::Refused(Refused { code: "internal_error", message })
        })
    }
}

/// What another lane says: its names are those of the stage already.
fn relayed(raw: Raw<'_>) -> Item<'static> {
    let read = raw.fault.map_or_else(|| wire::parse_relay(raw.bytes), |fault| Err(fault.clone()));
    read.map_or_else(refused, Item::Relay)
}

/// The same memory, for items that borrow from another batch: the library collects a vector in its own place.
fn emptied<'a>(mut chunk: Vec<Item<'_>>) -> Vec<Item<'a>> {
    chunk.clear();
    chunk.into_iter().map_while(|_| None).collect()
}

/// What one thread observes with.
fn scratch(marks: bool, keys: &Keys) -> ObserveScratch {
    if marks { ObserveScratch::marking(keys) } else { ObserveScratch::default() }
}

/// The wire's fault as the pipeline carries it.
fn refused(Fault { code, message }: Fault) -> Item<'static> {
    Item::Refused(Refused { code, message })
}
