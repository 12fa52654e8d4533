//! Records that are handed over one by one, each with somebody who waits for what becomes of it: the source behind an HTTP
//! call.
//!
//! ```text
//!  offer ─► waiting (bounded) ─► DeskSource ─► the loop ─► Witnessed store ─► answer ─► whoever offered
//! ```
//!
//! The answer is given when the batch is saved and emitted ([`StateStore::commit`](super::StateStore::commit)), so what was
//! answered survives a stop. What comes while a batch is on its way shares the next one: so the cost of making a batch safe is
//! paid once for all that came meanwhile. There is no going back to a record that was not saved: nobody was told that it was
//! taken, and whoever offered it offers it again under the same id.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::instant;
use super::source::{BatchLimits, Flow, Place, Position, Progress, RawBatch, Source, SourceError};

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeskOptions {
    /// Records that wait or are on their way, at most.
    pub records_max: usize,
    /// Their bytes, at most.
    pub bytes_max: usize,
}

impl Default for DeskOptions {
    fn default() -> Self {
        Self { records_max: 8192, bytes_max: 64 << 20 }
    }
}

/// What became of a record, once that is safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was taken. The decisions that it led to, as the lines that went out: for most events none.
    Taken(Vec<Box<[u8]>>),
    /// It was refused: the line that went to the rejects.
    Refused(Box<[u8]>),
}

/// One record as it is handed in.
#[derive(Clone, Debug)]
pub struct Offered {
    /// Its bytes: a JSON object, or whatever came in its place.
    pub bytes: Box<[u8]>,
    /// What its decision will be found by, if it can be told: whoever answers for the batch says what that is.
    pub key: Option<Box<str>>,
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// Too much waits: try again in a moment.
    Full,
    /// The stage is stopping.
    Closed,
}

/// Who is told: called once, with one answer a record, in their order. Dropped uncalled if the stage stops before.
pub type Tell = Box<dyn FnOnce(Vec<Answer>) + Send>;

/// Where records are handed in. Share it between those who offer, the source and the witness.
pub struct Desk {
    inner: Mutex<Inner>,
    arrived: Condvar,
    options: DeskOptions,
    name: Arc<str>,
}

#[derive(Default)]
struct Inner {
    waiting: VecDeque<Box<[u8]>>,
    /// Records that are not answered yet, in order: the first has the index `answered`.
    open: VecDeque<Open>,
    bytes: usize,
    /// The index of the first record that is not answered.
    answered: u64,
    /// The index of the first record that no batch has taken.
    taken: u64,
    closed: bool,
}

struct Open {
    bytes: usize,
    key: Option<Box<str>>,
    offer: Arc<Mutex<Offer>>,
}

/// Records that came together are answered together.
struct Offer {
    left: usize,
    answers: Vec<Answer>,
    tell: Option<Tell>,
}

/// `{"records":120}`
#[derive(Serialize, Deserialize)]
struct DeskPosition {
    records: u64,
}

/// A panic elsewhere leaves what is behind it whole: every change is made in one piece.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// An empty one; `name` is what rejects say that their records came from.
    #[must_use]
    pub fn new(name: &str, options: DeskOptions) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), arrived: Condvar::new(), options, name: name.into() })
    }

    /// Hands records in, all of them or none.
    ///
    /// # Errors
    /// [`Turned`], at once: nobody waits for room here.
    pub fn offer(&self, records: Vec<Offered>, tell: Tell) -> Result<(), Turned> {
        let bytes: usize = records.iter().map(|record| record.bytes.len()).sum();
        let mut inner = lock(&self.inner);
        if inner.closed {
            return Err(Turned::Closed);
        }
        // What alone is more than fits is taken when nothing else waits: the caller has bounded it.
        let full =
            inner.open.len() + records.len() > self.options.records_max || inner.bytes + bytes > self.options.bytes_max;
        if full && !inner.open.is_empty() {
            return Err(Turned::Full);
        }
        let left = records.len();
        let offer = Offer { left, answers: Vec::with_capacity(left), tell: Some(tell) };
        if left == 0 {
            drop(inner);
            offer.done();
            return Ok(());
        }
        let offer = Arc::new(Mutex::new(offer));
        inner.bytes += bytes;
        for Offered { bytes, key } in records {
            inner.open.push_back(Open { bytes: bytes.len(), key, offer: Arc::clone(&offer) });
            inner.waiting.push_back(bytes);
        }
        drop(inner);
        self.arrived.notify_one();
        Ok(())
    }

    /// Takes nothing more; what waits is still decided, and then the source ends.
    pub fn close(&self) {
        lock(&self.inner).closed = true;
        self.arrived.notify_all();
    }

    /// Turns away everything, also what waits: the loop has ended and nobody will decide it.
    pub fn abandon(&self) {
        let mut inner = lock(&self.inner);
        inner.closed = true;
        inner.waiting.clear();
        inner.bytes = 0;
        let open = std::mem::take(&mut inner.open);
        drop(inner);
        drop(open);
    }

    /// Records that are not answered yet.
    #[must_use]
    pub fn open(&self) -> usize {
        lock(&self.inner).open.len()
    }

    /// Gives everybody of a saved batch their answer. `input` is where the source stood after it; `of` gives the answers of
    /// records with these keys, the first of which has that index.
    pub fn answer(&self, input: &Position, of: impl FnOnce(u64, &[Option<&str>]) -> Vec<Answer>) {
        let Ok(DeskPosition { records: end }) = input.read::<DeskPosition>() else { return };
        let mut inner = lock(&self.inner);
        let first = inner.answered;
        let count = usize::try_from(end.saturating_sub(first)).unwrap_or(0).min(inner.open.len());
        let open: Vec<Open> = inner.open.drain(..count).collect();
        inner.answered = first + count as u64;
        inner.bytes -= open.iter().map(|open| open.bytes).sum::<usize>();
        drop(inner);
        // Room was made, and a batch is no longer on its way.
        self.arrived.notify_all();
        let keys: Vec<Option<&str>> = open.iter().map(|open| open.key.as_deref()).collect();
        let answers = of(first, &keys);
        for (open, answer) in open.iter().zip(answers) {
            let mut offer = lock(&open.offer);
            offer.answers.push(answer);
            offer.left -= 1;
            if offer.left == 0 {
                let whole = std::mem::replace(&mut *offer, Offer { left: 0, answers: Vec::new(), tell: None });
                drop(offer);
                whole.done();
            }
        }
    }
}

impl Offer {
    fn done(self) {
        if let Some(tell) = self.tell {
            tell(self.answers);
        }
    }
}

/// The desk as the loop reads it.
pub struct DeskSource(pub Arc<Desk>);

impl Source for DeskSource {
    /// Waits for records, and then for the batch before to be answered, all together `limits.wait` at most; a batch that is full
    /// waits for nobody.
    fn fill(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<Flow, SourceError> {
        let limits = limits.clamped();
        let desk = &self.0;
        batch.clear();
        batch.set_source(&desk.name);
        let until = instant() + limits.wait;
        let mut inner = lock(&desk.inner);
        loop {
            let on_its_way = inner.taken > inner.answered;
            let full = inner.waiting.len() >= limits.records_max;
            if full || inner.closed || (!inner.waiting.is_empty() && !on_its_way) {
                break;
            }
            let left = until.saturating_duration_since(instant());
            if left == Duration::ZERO {
                break;
            }
            inner = desk.arrived.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        while let Some(record) = inner.waiting.front() {
            let full = batch.len() >= limits.records_max || batch.bytes_len() + record.len() > limits.bytes_max;
            if full && !batch.is_empty() {
                break;
            }
            let place = Place::Index(inner.taken);
            if let Some(record) = inner.waiting.pop_front() {
                batch.push(&record, place);
            }
            inner.taken += 1;
        }
        *batch.end_mut() = Position::write(&DeskPosition { records: inner.taken });
        Ok(match (inner.waiting.is_empty(), inner.closed) {
            (false, _) => Flow::More,
            (true, false) => Flow::Idle,
            (true, true) => Flow::End,
        })
    }

    /// Goes on counting where an earlier process stopped.
    fn seek(&mut self, position: &Position) -> Result<(), SourceError> {
        let DeskPosition { records } = position.read()?;
        let mut inner = lock(&self.0.inner);
        (inner.taken, inner.answered) = (records, records);
        Ok(())
    }

    fn commit(&mut self, _: &Position) -> Result<(), SourceError> {
        Ok(())
    }

    fn progress(&self) -> Progress {
        Progress { done_bytes: lock(&self.0.inner).answered, total_bytes: None }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn record(text: &str) -> Offered {
        Offered { bytes: text.as_bytes().into(), key: Some(text.into()) }
    }

    fn limits() -> BatchLimits {
        BatchLimits { wait: Duration::from_millis(1), ..BatchLimits::default() }
    }

    #[test]
    fn what_comes_meanwhile_shares_the_next_batch_and_each_gets_its_own_answer() {
        let desk = Desk::new("http", DeskOptions::default());
        let mut source = DeskSource(Arc::clone(&desk));
        let (tell, told) = mpsc::channel();
        let offer = |records: &[&str]| {
            let tell = tell.clone();
            let records = records.iter().map(|text| record(text)).collect();
            desk.offer(records, Box::new(move |answers| tell.send(answers).unwrap())).unwrap();
        };
        let mut batch = RawBatch::default();
        offer(&["a"]);
        assert_eq!(source.fill(&mut batch, &limits()).unwrap(), Flow::Idle);
        assert_eq!(batch.len(), 1);
        let first = batch.end().clone();
        offer(&["b", "c"]);
        offer(&["d"]);
        let answers = |from: u64, keys: &[Option<&str>]| {
            let lines = (from..).zip(keys).map(|(i, key)| format!("{i}{}", key.unwrap_or_default()));
            lines.map(|line| Answer::Refused(line.as_bytes().into())).collect::<Vec<_>>()
        };
        let told_of = |from, keys: &[&str]| answers(from, &keys.iter().copied().map(Some).collect::<Vec<_>>());
        assert!(told.try_recv().is_err(), "nothing is answered before it is safe");
        desk.answer(&first, answers);
        assert_eq!(told.try_recv().unwrap(), told_of(0, &["a"]));
        source.fill(&mut batch, &limits()).unwrap();
        assert_eq!(batch.iter().map(|raw| raw.bytes.to_vec()).collect::<Vec<_>>(), [b"b", b"c", b"d"]);
        desk.answer(&batch.end().clone(), answers);
        assert_eq!((told.try_recv().unwrap(), told.try_recv().unwrap()), (told_of(1, &["b", "c"]), told_of(3, &["d"])));
        assert_eq!(desk.open(), 0);
    }

    #[test]
    fn more_than_the_bound_is_turned_away_whole() {
        let desk = Desk::new("http", DeskOptions { records_max: 2, bytes_max: 10 });
        let offer = |records: &[&str]| desk.offer(records.iter().map(|text| record(text)).collect(), Box::new(drop));
        assert_eq!(offer(&["a"]), Ok(()));
        assert_eq!(offer(&["b", "c"]), Err(Turned::Full));
        assert_eq!(offer(&["0123456789"]), Err(Turned::Full));
        assert_eq!(offer(&["b"]), Ok(()));
        assert_eq!(desk.open(), 2);
    }

    #[test]
    fn closing_drains_and_abandoning_tells_nobody() {
        let desk = Desk::new("http", DeskOptions::default());
        let mut source = DeskSource(Arc::clone(&desk));
        let (tell, told) = mpsc::channel::<Vec<Answer>>();
        desk.offer(vec![record("a")], Box::new(move |answers| tell.send(answers).unwrap())).unwrap();
        desk.close();
        assert_eq!(desk.offer(vec![record("b")], Box::new(drop)), Err(Turned::Closed));
        let mut batch = RawBatch::default();
        assert_eq!(source.fill(&mut batch, &limits()).unwrap(), Flow::End);
        assert_eq!(batch.len(), 1);
        desk.abandon();
        assert_eq!(told.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }

    #[test]
    fn a_later_process_counts_on() {
        let desk = Desk::new("http", DeskOptions::default());
        let mut source = DeskSource(Arc::clone(&desk));
        source.seek(&Position(br#"{"records":7}"#.to_vec())).unwrap();
        desk.offer(vec![record("a")], Box::new(drop)).unwrap();
        let mut batch = RawBatch::default();
        source.fill(&mut batch, &limits()).unwrap();
        assert_eq!(batch.get(0).offset.place, Place::Index(7));
        assert_eq!(batch.end(), &Position(br#"{"records":8}"#.to_vec()));
        assert!(source.seek(&Position(b"{}".to_vec())).is_err());
    }
}
