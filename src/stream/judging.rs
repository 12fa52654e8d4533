//! The loop's own thread: raw batches in, judged batches out, and a snapshot behind them where one is due.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

use crate::io::{Position, RawBatch, instant};
use crate::pipeline::{Edition, Engine, Outcome, Tally};

use super::back::{Looking, Next};
use super::saver::{Job, Snapshot, Task};
use super::{Control, Editions, Front, Options, Read, StreamError, measure};

/// How long an erasure may wait for others before the store is rewritten without the erased bytes. The journal says in
/// the meantime that it is owed, so that a crash does not forget it.
const COMPACTION_EVERY: Duration = Duration::from_secs(60);

/// The engine, and what decides when its state is saved as a whole.
pub(super) struct Judging<'a> {
    pub(super) engine: Engine,
    pub(super) editions: &'a Editions,
    pub(super) options: &'a Options,
    /// What the journal has grown by since the last snapshot.
    pub(super) journal_bytes: u64,
    /// Whether the store keeps anything at all.
    pub(super) keeps: bool,
    /// Whether the store still holds bytes of somebody who was forgotten.
    pub(super) owes_compaction: bool,
    pub(super) compacted: Option<Instant>,
    pub(super) shown: measure::Shown,
    /// What is looked for in what was said before, if anything is.
    pub(super) looking: Option<Looking>,
    /// Where the source stands after the last batch.
    pub(super) input: Option<Position>,
}

impl Judging<'_> {
    /// Takes batches in order until there are no more, or nobody saves them any longer.
    ///
    /// # Errors
    /// If a stored text cannot be read.
    pub(super) fn run(
        mut self,
        front: &Front,
        raw: &Receiver<Read>,
        to_saver: &SyncSender<Task>,
        give_back: &Sender<RawBatch>,
        control: &Control,
    ) -> Result<Tally, StreamError> {
        let mut tally = Tally::default();
        self.tell_tripped();
        loop {
            let wait = self.looking.as_ref().map_or(COMPACTION_EVERY, Looking::wait);
            let Read { batch, at } = match raw.recv_timeout(wait) {
                Ok(read) => read,
                Err(RecvTimeoutError::Disconnected) => break,
                // The stream is silent; what is owed is not put off until it speaks again.
                Err(RecvTimeoutError::Timeout) => {
                    if !self.look_back(front, &mut tally, to_saver)?.goes_on() || !self.send_snapshot(to_saver) {
                        return Ok(tally);
                    }
                    continue;
                }
            };
            let edition = self.editions.current();
            let items = front.observe(&edition, &batch);
            let outcome = front.install(|| self.engine.process(&edition, &items))?;
            warn_tripped(&edition, &outcome);
            measure::batch(&outcome.tally);
            let (state, copies) = (self.engine.state(), self.engine.copy_sizes());
            self.shown.show(&state.sizes(), copies.as_ref(), state.watermark());
            tally.add(&outcome.tally);
            if let Some(looking) = &mut self.looking {
                looking.forget(&outcome.erased, self.engine.state().keys());
            }
            let job = self.job(&batch, at, outcome);
            self.input = Some(batch.end().clone());
            front.take_back(items);
            // The reader is gone when it has read everything.
            let _ = give_back.send(batch);
            if to_saver.send(Task::Batch(job)).is_err() || !self.send_snapshot(to_saver) {
                return Ok(tally);
            }
            if !self.look_back(front, &mut tally, to_saver)?.goes_on() {
                return Ok(tally);
            }
        }
        self.finish_looking(front, &mut tally, to_saver, control)?;
        if self.keeps && self.owes_compaction {
            // The saver is gone only when it failed; its error is the one to tell.
            let _ = to_saver.send(Task::Snapshot(self.snapshot()));
        }
        Ok(tally)
    }

    /// One step of looking back, where there is something to look for.
    fn look_back(
        &mut self,
        front: &Front,
        tally: &mut Tally,
        to_saver: &SyncSender<Task>,
    ) -> Result<Step, StreamError> {
        let (Some(looking), Some(input)) = (&mut self.looking, &self.input) else { return Ok(Step::Idle) };
        let edition = self.editions.current();
        let (next, at) = if self.engine.knows(&edition) {
            (looking.next(&mut self.engine, &edition, front), instant())
        } else {
            // The stream is silent, and the edition in force is a new one.
            (Next::Judged(Box::new(front.install(|| self.engine.process(&edition, &[]))?)), instant())
        };
        let task = match next {
            Next::Idle => return Ok(Step::Idle),
            Next::Wait => return Ok(Step::Waits),
            Next::Ask(ask) => Task::Ask(ask),
            Next::Judged(outcome) => {
                measure::batch(&outcome.tally);
                tally.add(&outcome.tally);
                if outcome.deltas.is_empty() && outcome.decisions.is_empty() {
                    return Ok(Step::Done);
                }
                let job = Job::beside(input.clone(), at, *outcome);
                self.journal_bytes += job.bytes();
                Task::Batch(job)
            }
        };
        Ok(if to_saver.send(task).is_ok() { Step::Done } else { Step::Over })
    }

    /// The input has ended; what is looked for is found first, unless somebody asked for a stop or the index stands still: then the
    /// next run goes on with it.
    fn finish_looking(
        &mut self,
        front: &Front,
        tally: &mut Tally,
        to_saver: &SyncSender<Task>,
        control: &Control,
    ) -> Result<(), StreamError> {
        while !control.stopping() && !control.halted.load(Ordering::Relaxed) {
            match self.look_back(front, tally, to_saver)? {
                Step::Idle | Step::Over => break,
                Step::Done => {}
                Step::Waits if self.looking.as_ref().is_some_and(Looking::is_stuck) => {
                    tracing::warn!("the index stands still: claims are looked for further by the next run");
                    break;
                }
                Step::Waits => self.looking.iter().for_each(Looking::rest),
            }
            if !self.send_snapshot(to_saver) {
                break;
            }
        }
        Ok(())
    }

    /// Has a snapshot taken if one is due. False if nobody takes it any longer.
    fn send_snapshot(&mut self, to_saver: &SyncSender<Task>) -> bool {
        !self.is_snapshot_due() || to_saver.send(Task::Snapshot(self.snapshot())).is_ok()
    }

    fn job(&mut self, batch: &RawBatch, read_at: Instant, outcome: Outcome) -> Job {
        let job = Job::new(batch, read_at, outcome);
        self.journal_bytes += job.bytes();
        self.owes_compaction |= job.erased;
        job
    }

    fn is_snapshot_due(&self) -> bool {
        let may_compact = self.compacted.is_none_or(|at| instant().duration_since(at) >= COMPACTION_EVERY);
        let is_large = self.journal_bytes >= self.options.snapshot_journal_bytes;
        self.keeps && (is_large || (self.owes_compaction && may_compact))
    }

    fn snapshot(&mut self) -> Snapshot {
        let mut chunks = Vec::new();
        self.engine.state().save(&mut |chunk| chunks.push(chunk.to_vec()));
        self.journal_bytes = 0;
        let compacts = std::mem::take(&mut self.owes_compaction);
        if compacts {
            self.compacted = Some(instant());
        }
        Snapshot { chunks, compacts }
    }

    /// A rule that tripped stays in shadow over restarts; so somebody is told at each.
    fn tell_tripped(&self) {
        let (state, edition) = (self.engine.state(), self.editions.current());
        for rule in edition.rulebook.rules() {
            if state.caps().is_tripped(state.keys().rule(&rule.id), rule.revision) {
                tracing::warn!(
                    rule = &*rule.id,
                    "a rule is in shadow since its cap tripped: look at it, then change it"
                );
            }
        }
    }
}

/// What one step of looking back came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Nothing is looked for.
    Idle,
    /// Something is waited for.
    Waits,
    /// Something was done.
    Done,
    /// Nobody saves any longer.
    Over,
}

impl Step {
    fn goes_on(self) -> bool {
        self != Self::Over
    }
}

fn warn_tripped(edition: &Edition, outcome: &Outcome) {
    for rule in &outcome.tripped {
        let cap = edition.rulebook.rules().iter().find(|known| known.id == *rule).and_then(|known| known.cap_per_hour);
        tracing::warn!(rule = &**rule, per_hour = cap, "a rule went over its cap and fell back to shadow: look at it");
    }
}
