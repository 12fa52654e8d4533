//! The saver: save → emit → commit, one batch after the other, on a thread of its own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::io::{Entry, Fault, Mark, Output, Position, RawBatch, Sink, Spool, StateStore, instant, rejects, wire};
use crate::pipeline::{Blank, LOGS, Outcome, Refused};

use super::back::Ask;
use super::{Control, StreamError, TextLogs, measure};

/// A judged batch, as bytes: what is saved is what is given out.
pub(super) struct Job {
    input: Position,
    records: u64,
    read_at: Instant,
    deltas: Vec<u8>,
    actions: Vec<u8>,
    rejects: Vec<u8>,
    /// Lines for the index.
    filings: Vec<u8>,
    /// Where the logs of stored texts end after it.
    texts_end: Option<[u64; LOGS]>,
    /// What is overwritten in them once it is saved.
    blanks: [Vec<Blank>; LOGS],
    pub(super) erased: bool,
}

/// The whole state after the batches before it.
pub(super) struct Snapshot {
    pub(super) chunks: Vec<Vec<u8>>,
    /// Whether the store is to be rewritten without what was replaced: somebody was forgotten.
    pub(super) compacts: bool,
}

/// What the saver is given.
pub(super) enum Task {
    Batch(Job),
    /// To be passed on once everything before it waits for the index.
    Ask(Ask),
    Snapshot(Snapshot),
}

impl Job {
    /// What was judged beside the input, which stands where it stood.
    pub(super) fn beside(input: Position, at: Instant, outcome: Outcome) -> Self {
        let mut batch = RawBatch::default();
        *batch.end_mut() = input;
        Self::new(&batch, at, outcome)
    }

    /// Writes decisions and rejects as they will be saved and emitted.
    pub(super) fn new(batch: &RawBatch, read_at: Instant, outcome: Outcome) -> Self {
        let (mut actions, mut refused) = (Vec::new(), Vec::new());
        for decision in &outcome.decisions {
            wire::write_decision(decision, &mut actions);
        }
        outcome.relays.iter().for_each(|relay| wire::write_relay(relay, &mut actions));
        for (index, Refused { code, message }) in outcome.rejected {
            rejects::write_reject(&batch.get(index), &Fault { code, message }, &mut refused);
        }
        Self {
            input: batch.end().clone(),
            records: batch.len() as u64,
            read_at,
            deltas: outcome.deltas,
            actions,
            rejects: refused,
            filings: outcome.filings,
            texts_end: outcome.texts_end,
            blanks: outcome.blanks,
            erased: !outcome.erased.is_empty(),
        }
    }

    /// What it adds to the journal.
    pub(super) fn bytes(&self) -> u64 {
        (self.deltas.len() + self.actions.len() + self.rejects.len()) as u64
    }
}

/// The longest time that is told apart: an hour, in microseconds.
const LATENCY_MICROS_MAX: u64 = 3_600_000_000;

/// From the reading of a record's batch to the emission of its decision, over all records.
#[derive(Clone, Debug)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new(3).expect("three significant digits are allowed"))
    }
}

impl Latency {
    fn record(&mut self, elapsed: Duration, records: u64) {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).min(LATENCY_MICROS_MAX);
        self.0.record_n(micros, records).expect("the histogram grows with its values");
    }

    /// Adds what another loop took.
    #[cfg(feature = "kafka")]
    pub(super) fn add(&mut self, other: &Self) {
        self.0.add(&other.0).expect("both have three significant digits");
    }

    /// The time within which that percentage of records was through; `None` before the first.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> Option<Duration> {
        (!self.0.is_empty()).then(|| Duration::from_micros(self.0.value_at_percentile(percent)))
    }

    /// The longest.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        (!self.0.is_empty()).then(|| Duration::from_micros(self.0.max()))
    }
}

/// Owns everything that a batch is written to.
pub(super) struct Saver {
    store: Box<dyn StateStore>,
    sinks: [Box<dyn Sink>; 2],
    texts: Option<TextLogs>,
    /// Where cases wait for the index.
    spool: Option<Arc<Spool>>,
    seq: u64,
    /// Where the source stands after the last batch.
    input: Position,
    latency: Latency,
    /// Where questions to the index go.
    asks: Option<Sender<(Ask, u64)>>,
}

impl Saver {
    /// A saver whose next batch is number `seq` + 1.
    pub(super) fn new(
        store: Box<dyn StateStore>,
        sinks: [Box<dyn Sink>; 2],
        texts: Option<TextLogs>,
        spool: Option<Arc<Spool>>,
        seq: u64,
        input: Option<Position>,
    ) -> Self {
        Self {
            store,
            sinks,
            texts,
            spool,
            seq,
            input: input.unwrap_or_default(),
            latency: Latency::default(),
            asks: None,
        }
    }

    /// The same, which passes questions to the index on.
    pub(super) fn asking(self, asks: Sender<(Ask, u64)>) -> Self {
        Self { asks: Some(asks), ..self }
    }

    /// Takes batches until there are no more.
    pub(super) fn run(
        mut self,
        judged: &Receiver<Task>,
        saved: &Sender<Position>,
        control: &Control,
    ) -> Result<Latency, StreamError> {
        for task in judged {
            match task {
                Task::Batch(job) => self.batch(job, saved, control)?,
                Task::Snapshot(snapshot) => self.snapshot(snapshot)?,
                Task::Ask(ask) => self.ask(ask)?,
            }
        }
        for sink in &mut self.sinks {
            sink.sync()?;
        }
        // The same order as within a batch: texts and cases are safe before the journal that knows of them.
        self.texts.iter().flatten().try_for_each(|texts| texts.flush(true))?;
        self.spool.iter().try_for_each(|spool| spool.append(self.seq, &[], true))?;
        self.store.sync()?;
        self.spool.iter().for_each(|spool| spool.publish());
        Ok(self.latency)
    }

    fn batch(&mut self, job: Job, saved: &Sender<Position>, control: &Control) -> Result<(), StreamError> {
        // What is erased cannot be brought back, so the batch that says so must outlast a stop as well.
        let is_durable = self.store.next_is_durable() || job.erased;
        self.save(&job, is_durable)?;
        self.emit(&job)?;
        self.store.commit()?;
        match &self.spool {
            Some(spool) if self.store.outlasts_the_machine() => spool.publish_saved(self.seq)?,
            Some(spool) if is_durable => spool.publish(),
            _ => {}
        }
        let elapsed = instant().duration_since(job.read_at);
        self.latency.record(elapsed, job.records);
        measure::emitted(elapsed, job.records);
        control.gave_out(job.records);
        self.input.clone_from(&job.input);
        // The reader is gone only when it failed; its error is the one to tell.
        let _ = saved.send(job.input);
        Ok(())
    }

    /// What was judged before must be found, so it is made to last and may be read; then the question goes on.
    fn ask(&mut self, ask: Ask) -> Result<(), StreamError> {
        let Some((spool, asks)) = self.spool.as_ref().zip(self.asks.as_ref()) else { return Ok(()) };
        self.texts.iter().flatten().try_for_each(|texts| texts.flush(true))?;
        spool.append(self.seq, &[], true)?;
        self.store.sync()?;
        spool.publish();
        // The road is gone only when the run ends.
        let _ = asks.send((ask, spool.written()));
        Ok(())
    }

    fn marks(&self) -> [Mark; 2] {
        [self.sinks[0].mark(), self.sinks[1].mark()]
    }

    fn save(&mut self, job: &Job, is_durable: bool) -> Result<(), StreamError> {
        // Texts first: the journal must not know of any that are not there.
        self.texts.iter().flatten().try_for_each(|texts| texts.flush(is_durable))?;
        if let Some(ends) = job.texts_end.as_ref().filter(|_| self.texts.is_some()) {
            self.store.keep_texts(ends)?;
        }
        self.seq += 1;
        // Cases too: what is cut off after a stop is what the journal does not know.
        let outlasts = is_durable || self.store.outlasts_the_machine();
        self.spool.iter().try_for_each(|spool| spool.append(self.seq, &job.filings, outlasts))?;
        let marks = self.marks();
        let outputs =
            [Output { mark: &marks[0], lines: &job.actions }, Output { mark: &marks[1], lines: &job.rejects }];
        self.store.append(&Entry {
            seq: self.seq,
            input: &job.input,
            deltas: &job.deltas,
            outputs: &outputs,
            owes_compaction: job.erased,
        })?;
        let Some((texts, ends)) = self.texts.as_ref().zip(job.texts_end) else { return Ok(()) };
        for (log, ((texts, blanks), end)) in texts.iter().zip(&job.blanks).zip(ends).enumerate() {
            let blanks: Vec<(u64, &[u8])> = blanks.iter().map(|(address, bytes)| (*address, &**bytes)).collect();
            if !blanks.is_empty() {
                texts.overwrite_all(&blanks)?;
                let addresses: Vec<u64> = blanks.iter().map(|(address, _)| *address).collect();
                self.store.forget_texts(log, &addresses)?;
            }
            if is_durable {
                texts.settled(end)?;
            }
        }
        Ok(())
    }

    fn emit(&mut self, job: &Job) -> Result<(), StreamError> {
        for (sink, lines) in self.sinks.iter_mut().zip([&job.actions, &job.rejects]) {
            if !lines.is_empty() {
                sink.emit(lines)?;
            }
        }
        Ok(())
    }

    /// A snapshot drops the saved lines that could be emitted again, so the sinks are made safe first.
    fn snapshot(&mut self, snapshot: Snapshot) -> Result<(), StreamError> {
        let started = instant();
        for sink in &mut self.sinks {
            sink.sync()?;
        }
        self.texts.iter().flatten().try_for_each(|texts| texts.flush(true))?;
        // It makes durable what was saved before it: so the cases of those batches have to be, and may be found.
        self.spool.iter().try_for_each(|spool| spool.append(self.seq, &[], true))?;
        let marks = self.marks();
        self.store.snapshot(self.seq, &self.input, &marks, &mut snapshot.chunks.into_iter())?;
        self.spool.iter().for_each(|spool| spool.publish());
        if snapshot.compacts {
            self.store.compact()?;
        }
        let (elapsed_ms, compacted) = (started.elapsed().as_millis() as u64, snapshot.compacts);
        tracing::info!(batch = self.seq, elapsed_ms, compacted, "snapshot taken");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{NullSink, Refusal, Saved, SpoolOptions, StoreError, Waited};

    /// Keeps nothing on this machine's disk for long; what is committed is elsewhere, if it is.
    struct Elsewhere {
        outlasts: bool,
        fails: bool,
    }

    impl StateStore for Elsewhere {
        fn recover(&mut self, _: &mut dyn FnMut(Saved<'_>) -> Result<(), Refusal>) -> Result<(), StoreError> {
            Ok(())
        }

        fn append(&mut self, _: &Entry<'_>) -> Result<(), StoreError> {
            Ok(())
        }

        fn commit(&mut self) -> Result<(), StoreError> {
            if self.fails { Err(StoreError::Injected("a commit")) } else { Ok(()) }
        }

        fn snapshot(
            &mut self,
            _: u64,
            _: &Position,
            _: &[Mark],
            _: &mut dyn Iterator<Item = Vec<u8>>,
        ) -> Result<(), StoreError> {
            Ok(())
        }

        fn compact(&mut self) -> Result<(), StoreError> {
            Ok(())
        }

        fn owes_compaction(&self) -> bool {
            false
        }

        fn next_is_durable(&self) -> bool {
            false
        }

        fn outlasts_the_machine(&self) -> bool {
            self.outlasts
        }
    }

    #[test]
    fn cases_are_read_when_their_batch_is_safe_wherever_that_is() {
        for (outlasts, fails, expected) in
            [(true, false, Waited::More), (true, true, Waited::Nothing), (false, false, Waited::Nothing)]
        {
            let dir = tempfile::tempdir().unwrap();
            let spool = Arc::new(Spool::open(dir.path(), SpoolOptions::default(), 0).unwrap());
            let sinks: [Box<dyn Sink>; 2] = [Box::new(NullSink), Box::new(NullSink)];
            let store = Box::new(Elsewhere { outlasts, fails });
            let mut saver = Saver::new(store, sinks, None, Some(Arc::clone(&spool)), 0, None);
            let job = Job {
                input: Position::default(),
                records: 1,
                read_at: instant(),
                deltas: vec![],
                actions: vec![],
                rejects: vec![],
                filings: b"a case\n".to_vec(),
                texts_end: None,
                blanks: Default::default(),
                erased: false,
            };
            let (saved, _reader) = std::sync::mpsc::channel();
            assert_eq!(saver.batch(job, &saved, &Control::default()).is_err(), fails);
            assert_eq!(spool.wait(0, Duration::ZERO), expected, "outlasts: {outlasts}, fails: {fails}");
        }
    }
}
