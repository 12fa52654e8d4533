//! From the queue of cases into the index, beside the stream and never in its way.
//!
//! A commit of the index says up to where each queue is in it, so a stop at any point neither doubles a case nor loses one:
//! whoever comes next reads on from there. Only then are files of the queue let go.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::case::Filing;
use crate::index::{self, Day, IndexError, Writer};
use crate::io::{Clock, Piece, SinkError, Spool, SpoolOptions, Waited, instant};

use super::measure;

/// How the index is kept.
#[derive(Clone, Debug)]
pub struct IndexOptions {
    /// Where and how much.
    pub writer: index::Options,
    /// What was read waits no longer than this to be found.
    pub commit_every: Duration,
    /// How large queues may get.
    pub spool: SpoolOptions,
}

/// Keeps an index up to the queues that feed it.
pub struct Indexer {
    options: IndexOptions,
    clock: Arc<dyn Clock>,
    /// Queues by name, and up to where each is in the index.
    queues: Mutex<BTreeMap<String, Queue>>,
    /// The writer, until the work begins.
    writer: Mutex<Option<Writer>>,
    /// Up to where the index has each queue, as of its last commit.
    committed: Mutex<BTreeMap<String, u64>>,
    /// Wakes when the index has committed, or cannot.
    commits: Condvar,
    /// Whether the last try failed.
    is_troubled: AtomicBool,
    is_ended: Mutex<bool>,
    ends: Condvar,
}

impl fmt::Debug for Indexer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Indexer").field("options", &self.options).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
struct Queue {
    spool: Arc<Spool>,
    /// Up to where it was indexed when it was opened.
    read: u64,
}

/// Why the index stands still.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Queue(#[from] SinkError),
}

impl Trouble {
    fn hint(&self) -> &'static str {
        match self {
            Self::Index(error) => error.hint(),
            Self::Queue(error) => error.hint(),
        }
    }
}

/// What is read of a queue at once.
const PIECE_BYTES: usize = 1 << 20;
/// How long a silent queue is waited for at a time.
const WAIT: Duration = Duration::from_millis(50);
/// The waits between two tries where the index cannot be written.
const RETRY_MIN: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(30);
/// Tries after the stream has ended.
const LAST_TRIES: u32 = 3;

impl Indexer {
    /// Opens the index, or makes it.
    ///
    /// # Errors
    /// [`IndexError`], if it is of another version or cannot be read.
    pub fn open(options: IndexOptions, clock: Arc<dyn Clock>) -> Result<Self, IndexError> {
        let writer = Writer::open(options.writer.clone())?;
        // Known before anybody opens a queue: one that began too early would write where nobody reads any more.
        let committed = Mutex::new(positions(Some(&writer)));
        Ok(Self {
            options,
            clock,
            queues: Mutex::default(),
            writer: Mutex::new(Some(writer)),
            committed,
            commits: Condvar::new(),
            is_troubled: AtomicBool::new(false),
            is_ended: Mutex::default(),
            ends: Condvar::new(),
        })
    }

    /// Whether nothing was ever indexed here.
    #[must_use]
    pub fn is_new(&self) -> bool {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.as_ref().is_some_and(|writer| writer.position().is_none())
    }

    /// The queue of that name, opened where the index stands with it.
    ///
    /// # Errors
    /// If its files cannot be read.
    pub fn spool(&self, name: &str) -> Result<Arc<Spool>, SinkError> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(name) {
            return Ok(Arc::clone(&queue.spool));
        }
        let read = self.committed.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or(0);
        let dir = self.options.writer.dir.join("queue").join(name);
        let spool = Arc::new(Spool::open(dir, self.options.spool, read)?);
        queues.insert(name.to_owned(), Queue { spool: Arc::clone(&spool), read });
        Ok(spool)
    }

    /// Opens the queues that an earlier process left under names that begin so, for what is known to be saved in them: whoever
    /// wrote them may never come back.
    ///
    /// # Errors
    /// If their files cannot be read.
    #[cfg(feature = "kafka")]
    pub(super) fn take_up(&self, prefix: &str) -> Result<(), SinkError> {
        let dir = self.options.writer.dir.join("queue");
        let failed = |source| SinkError::Io { doing: "read", path: dir.clone(), source };
        if !dir.exists() {
            return Ok(());
        }
        for entry in std::fs::read_dir(&dir).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if let Some(name) = name.to_str().filter(|name| name.starts_with(prefix)) {
                self.spool(name)?.settle_known()?;
            }
        }
        Ok(())
    }

    /// The folder of the index.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.options.writer.dir
    }

    /// Waits until all of a queue up to that address can be found, for so long at most; whether it can.
    #[must_use]
    pub fn wait_for(&self, queue: &str, up_to: u64, wait: Duration) -> bool {
        let begun = self.queues().get(queue).map_or(0, |queue| queue.read);
        let is_behind = |committed: &mut BTreeMap<String, u64>| {
            committed.get(queue).copied().unwrap_or(begun) < up_to && !self.is_troubled()
        };
        let committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.commits.wait_timeout_while(committed, wait, is_behind);
        let (committed, _) = waited.unwrap_or_else(PoisonError::into_inner);
        committed.get(queue).copied().unwrap_or(begun) >= up_to
    }

    /// Whether the index stands still because something is wrong.
    #[must_use]
    pub fn is_troubled(&self) -> bool {
        self.is_troubled.load(Ordering::Relaxed)
    }

    /// Nothing more will be written to any queue.
    pub fn end(&self) {
        *self.is_ended.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.ends.notify_all();
        self.queues().values().for_each(|queue| queue.spool.end());
    }

    /// Waits for the [end](Self::end), for so long at most; whether it has come.
    fn has_ended(&self, wait: Duration) -> bool {
        let is_ended = self.is_ended.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ends.wait_timeout_while(is_ended, wait, |is_ended| !*is_ended);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Indexes until [`Indexer::end`] and every queue is read; with `is_hurried`, until the end. Trouble is logged and counted, and tried again: the stream does not wait for it. Gives how many cases were indexed, and what stood in the way
    /// at the end: what is left in the queues then is indexed by the next run.
    pub fn run(&self, is_hurried: impl Fn() -> bool) -> (u64, Option<String>) {
        let (mut cases, mut wait, mut tries_left) = (0, RETRY_MIN, LAST_TRIES);
        loop {
            let before = cases;
            let Err(trouble) = self.once(&is_hurried, &mut cases) else { return (cases, None) };
            measure::index_failed();
            self.is_troubled.store(true, Ordering::Relaxed);
            self.commits.notify_all();
            let (hint, wait_ms) = (trouble.hint(), wait.as_millis() as u64);
            tracing::error!(error = ?trouble, hint, wait_ms, "the index stands still, decisions do not wait for it");
            (wait, tries_left) = if cases > before { (RETRY_MIN, LAST_TRIES) } else { (wait, tries_left) };
            let has_ended = self.has_ended(wait);
            if has_ended {
                tries_left -= 1;
            }
            if has_ended && (tries_left == 0 || is_hurried()) {
                return (cases, Some(format!("{trouble}; {hint}")));
            }
            wait = (wait * 2).min(RETRY_MAX);
        }
    }

    fn queues(&self) -> BTreeMap<String, Queue> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn today(&self) -> Day {
        Day::of(self.clock.now())
    }

    /// From what was committed last to the end, or to the first trouble.
    fn once(&self, is_hurried: &impl Fn() -> bool, cases: &mut u64) -> Result<(), Trouble> {
        let taken = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let writer = taken.map_or_else(|| Writer::open(self.options.writer.clone()), Ok)?;
        let committed = positions(Some(&writer));
        self.committed.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&committed);
        let mut work = Work { indexer: self, writer, positions: committed, since: None, added: 0, cases };
        work.run(is_hurried)?;
        if !is_hurried() {
            // What is being merged is finished, so that the next run finds few files.
            work.writer.close()?;
        }
        Ok(())
    }
}

/// The positions that the last commit names.
fn positions(writer: Option<&Writer>) -> BTreeMap<String, u64> {
    let position = writer.and_then(Writer::position);
    position.and_then(|position| serde_json::from_str(position).ok()).unwrap_or_default()
}

/// Authors to be forgotten, one after the other in a queue, and where the first of them stands.
#[derive(Default)]
struct Erasures {
    at: u64,
    authors: Vec<String>,
}

impl Erasures {
    fn add(&mut self, author: String, at: u64) {
        if self.authors.is_empty() {
            self.at = at;
        }
        self.authors.push(author);
    }
}

/// One life of a writer.
struct Work<'a> {
    indexer: &'a Indexer,
    writer: Writer,
    /// Up to where each queue is added.
    positions: BTreeMap<String, u64>,
    /// When the first of what is not committed was added.
    since: Option<Instant>,
    /// Cases that are not committed.
    added: u64,
    cases: &'a mut u64,
}

impl Work<'_> {
    fn run(&mut self, is_hurried: &impl Fn() -> bool) -> Result<(), Trouble> {
        let mut today = self.indexer.today();
        self.retire(today)?;
        loop {
            let queues = self.indexer.queues();
            // Asked before the queues: what is written until then is read below.
            let has_ended = self.indexer.has_ended(if queues.is_empty() { WAIT } else { Duration::ZERO });
            let (mut has_more, wait) = (false, WAIT / queues.len().max(1) as u32);
            for (name, queue) in queues {
                let from = self.positions.get(&name).copied().unwrap_or(queue.read);
                if queue.spool.wait(from, if has_more || has_ended { Duration::ZERO } else { wait }) == Waited::More {
                    self.take(&name, &queue.spool, from)?;
                    has_more = true;
                }
            }
            let is_over = has_ended && (!has_more || is_hurried());
            let is_due =
                self.since.is_some_and(|since| instant().duration_since(since) >= self.indexer.options.commit_every);
            if is_due || is_over {
                self.commit()?;
            }
            self.show();
            if is_over {
                return Ok(());
            }
            let now = self.indexer.today();
            if now != today {
                today = now;
                self.retire(today)?;
            }
        }
    }

    /// Reads a piece of a queue and adds its cases.
    fn take(&mut self, name: &str, spool: &Spool, from: u64) -> Result<(), Trouble> {
        let Piece { from, to, lines } = spool.read(from, PIECE_BYTES)?;
        let today = self.indexer.today();
        self.since.get_or_insert_with(instant);
        let (mut at, mut erasures) = (from, Erasures::default());
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            let filing = serde_json::from_slice::<Filing<'_>>(line);
            if !erasures.authors.is_empty() && matches!(filing, Ok(Filing::Case(_))) {
                self.erase(name, spool, &std::mem::take(&mut erasures))?;
            }
            match filing {
                Ok(Filing::Case(case)) => {
                    self.writer.add(&case, today)?;
                    self.added += 1;
                }
                Ok(Filing::Erase(author)) => erasures.add(author, at),
                Err(_) if line.starts_with(b"{\"batch\":") => {}
                Err(error) => tracing::error!(queue = name, at, %error, "a line of the queue is no case: passed over"),
            }
            at += line.len() as u64;
        }
        if !erasures.authors.is_empty() {
            self.erase(name, spool, &erasures)?;
        }
        self.positions.insert(name.to_owned(), to);
        Ok(())
    }

    /// Forgets authors in what came before: in the index, and in the queue's own files. What was added before is committed with
    /// the place of the erasure, so that a stop in between has it done again.
    fn erase(&mut self, name: &str, spool: &Spool, erasures: &Erasures) -> Result<(), Trouble> {
        self.positions.insert(name.to_owned(), erasures.at);
        self.commit()?;
        let authors: Vec<&str> = erasures.authors.iter().map(String::as_str).collect();
        self.writer.erase(&authors)?;
        spool.seal();
        self.since = Some(instant());
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Trouble> {
        let started = instant();
        let position = serde_json::to_string(&self.positions).expect("names and numbers are written to memory");
        self.writer.commit(&position, self.indexer.today())?;
        *self.cases += self.added;
        self.indexer.committed.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&self.positions);
        self.indexer.is_troubled.store(false, Ordering::Relaxed);
        self.indexer.commits.notify_all();
        measure::indexed(std::mem::take(&mut self.added), instant().duration_since(started));
        self.since = None;
        for (name, queue) in self.indexer.queues() {
            queue.spool.release(self.positions.get(&name).copied().unwrap_or(0))?;
        }
        Ok(())
    }

    fn retire(&mut self, today: Day) -> Result<(), Trouble> {
        for day in self.writer.retire(today)? {
            tracing::info!(%day, "a day of the index is no longer kept");
        }
        Ok(())
    }

    fn show(&self) {
        let queues = self.indexer.queues();
        let behind = |(name, queue): (&String, &Queue)| {
            queue.spool.behind_bytes(self.positions.get(name).copied().unwrap_or(queue.read))
        };
        let waits = self.since.map_or(Duration::ZERO, |since| instant().duration_since(since));
        let dropped = queues.values().map(|queue| queue.spool.dropped_bytes()).sum();
        measure::index_behind(queues.iter().map(behind).sum(), waits, dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::SystemClock;

    #[test]
    fn a_queue_begins_where_the_index_stands_with_it_whoever_has_the_writer() {
        let dir = tempfile::tempdir().unwrap();
        let options = || IndexOptions {
            writer: index::Options { dir: dir.path().to_owned(), heap_bytes: 15 << 20, days_max: None },
            commit_every: Duration::ZERO,
            spool: SpoolOptions::default(),
        };
        let open = || Indexer::open(options(), Arc::new(SystemClock)).unwrap();
        let indexer = open();
        let today = indexer.today();
        let mut writer = indexer.writer.lock().unwrap().take().unwrap();
        writer.commit(r#"{"p-1":100}"#, today).unwrap();
        drop((writer, indexer));
        let indexer = open();
        // As the work does when it begins: no moment may be left in which a queue is opened at its beginning.
        let _writer = indexer.writer.lock().unwrap().take();
        assert_eq!(indexer.spool("p-1").unwrap().written(), 100);
    }
}
