//! Lanes: one loop for each partition that the group gives this instance, all with one pool of threads and one edition.
//!
//! A lane that fails is begun anew from what it had saved: what it had in hand was never visible. One whose partition another
//! instance took over waits until the group has said so; one that only a person can help is tried again now and then, and while
//! no lane at all can work the instance ends and says why.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use crate::io::kafka::{Inlet, KafkaError, KafkaOptions, Lane, LocalCopy, Member};
use crate::io::{Clock, FileTexts, FileTextsError, FileTextsOptions, SinkError, StoreError};
use crate::pipeline::{Elsewhere, FilingOptions, Tally};

use super::hearing::Hearing;
use super::{
    Cases, Control, Editions, Ends, Front, Indexer, Latency, Options, StreamError, Summary, TextLogs, join, measure,
    run_with,
};

/// The first wait before another try, and the longest.
const WAIT_MIN: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How often metrics are shown.
const SHOW_EVERY: Duration = Duration::from_secs(1);

/// What the names of lanes' folders and queues begin with; the partition's number follows.
const LANE: &str = "p-";

/// Where lanes keep their copies of state and their texts.
#[derive(Clone, Debug)]
pub struct Folders {
    /// Each has `p-<n>` below it; `None`: no copy is kept, and texts go with the process.
    pub dir: Option<PathBuf>,
    /// What their logs of texts are.
    pub texts: FileTextsOptions,
    /// The index that they feed, and what they file for it, if they do.
    pub cases: Option<(Arc<Indexer>, FilingOptions)>,
}

impl Folders {
    /// Makes the folder ours for as long as the file is held: two instances would take each other's copies for damaged ones.
    fn lock(&self) -> Result<Option<File>, StoreError> {
        let Some(dir) = &self.dir else { return Ok(None) };
        std::fs::create_dir_all(dir).map_err(in_folder("create", dir))?;
        let path = dir.join("instance.lock");
        let file = File::create(&path).map_err(in_folder("create", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: dir.clone() }),
            Err(TryLockError::Error(error)) => Err(in_folder("lock", &path)(error)),
        }
    }
}

/// What all lanes share.
struct Lanes<'a> {
    member: &'a Member,
    front: Front,
    folders: &'a Folders,
    editions: &'a Editions,
    options: &'a Options,
    /// What they tell one another of near-duplicates.
    others: Option<Arc<Elsewhere>>,
    clock: Arc<dyn Clock>,
    control: &'a Control,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    tally: Tally,
    latency: Latency,
    resumed_batches: u64,
    /// Lanes at work, or trying to be.
    lanes: usize,
    /// The ones that only a person can help, and why.
    wrong: BTreeMap<i32, StreamError>,
    /// Why none of them can work.
    fatal: Option<StreamError>,
}

/// Joins the group and works on what it gives, until `control` says stop or nothing of it can be worked on. `joined` gets the
/// member once it is in, for those who want to know whether it is ready.
///
/// # Errors
/// See [`StreamError`]. Everything committed before it is kept.
pub fn run_lanes(
    kafka: &Arc<KafkaOptions>,
    folders: &Folders,
    clock: Arc<dyn Clock>,
    editions: &Editions,
    options: &Options,
    control: &Control,
    joined: &(dyn Fn(Weak<Member>) + Sync),
) -> Result<Summary, StreamError> {
    let _ours = folders.lock()?;
    if let Some((indexer, _)) = &folders.cases {
        indexer.take_up(LANE)?;
    }
    let (give, given) = mpsc::channel();
    let member = Arc::new(Member::join(kafka, options.batch, give)?);
    joined(Arc::downgrade(&member));
    let front = Front::new(options, options.copies.is_some(), Arc::clone(&clock))?;
    let mut hearing = Hearing::open(kafka, folders, options)?;
    hearing.catch_up()?;
    let options = &Options { board: hearing.board.clone(), ..options.clone() };
    let others = hearing.elsewhere.clone();
    let lanes =
        Lanes { member: &member, front, folders, editions, options, others, clock, control, done: Mutex::default() };
    thread::scope(|scope| {
        let (show_until, shown) = mpsc::channel::<()>();
        let show = scope.spawn({
            let member = &member;
            move || {
                while shown.recv_timeout(SHOW_EVERY) == Err(RecvTimeoutError::Timeout) {
                    measure::kafka(member);
                }
            }
        });
        let (listen_until, listened) = mpsc::channel::<()>();
        let listener = scope.spawn(move || hearing.listen(&listened));
        let reader = scope.spawn(|| member.run(|| control.stopping() || lanes.done().fatal.is_some()));
        let mut working: BTreeMap<i32, ScopedJoinHandle<'_, ()>> = BTreeMap::new();
        while !reader.is_finished() {
            match given.recv_timeout(SHOW_EVERY) {
                Ok(inlet) => {
                    // The lane that had the partition before lets go of its copy first.
                    let (partition, before) = (inlet.partition(), working.remove(&inlet.partition()));
                    let lanes = &lanes;
                    let lane = scope.spawn(move || {
                        before.map(join);
                        lanes.keep_going(&inlet);
                    });
                    working.insert(partition, lane);
                }
                Err(RecvTimeoutError::Timeout) => working.retain(|_, lane| !lane.is_finished()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // Nothing more comes: inlets have ended, and lanes with them.
        given.try_iter().for_each(|inlet| inlet.stopped());
        working.into_values().for_each(join);
        drop((show_until, listen_until));
        join(show);
        join(listener);
        Ok::<_, StreamError>(join(reader)?)
    })?;
    lanes.summary()
}

impl Done {
    /// A lane cannot work without a person's help; the last one to say so ends them all.
    fn is_wrong(&mut self, partition: i32, error: StreamError) {
        self.wrong.insert(partition, error);
        if self.wrong.len() == self.lanes {
            self.fatal = self.wrong.pop_first().map(|(_, error)| error);
        }
    }
}

impl Lanes<'_> {
    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn summary(self) -> Result<Summary, StreamError> {
        let done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Done { tally, latency, resumed_batches, fatal, .. } = done;
        fatal.map_or(Ok(()), Err)?;
        Ok(Summary { tally, latency, resumed_batches, stopped: self.control.stopping() })
    }

    /// Works on a partition as long as it is ours.
    fn keep_going(&self, inlet: &Arc<Inlet>) {
        self.done().lanes += 1;
        let (mut wait, mut doubts_copy) = (WAIT_MIN, false);
        while !inlet.is_ended() {
            let control = self.control.of_lane();
            let outcome = self.once(inlet, doubts_copy, &control);
            inlet.stopped();
            self.done().wrong.remove(&inlet.partition());
            let error = match outcome {
                Ok(summary) => {
                    let mut done = self.done();
                    done.tally.add(&summary.tally);
                    done.latency.add(&summary.latency);
                    done.resumed_batches += summary.resumed_batches;
                    continue;
                }
                Err(error) => error,
            };
            if inlet.is_ended() {
                tracing::warn!(partition = inlet.partition(), %error, "the lane ended with its partition");
                break;
            }
            let kafka = of_kafka(&error);
            let is_fenced = kafka.is_some_and(KafkaError::is_fenced);
            let is_passing = kafka.is_some_and(KafkaError::retry) || (kafka.is_none() && !doubts_copy);
            doubts_copy |= kafka.is_none();
            let longest = if is_fenced { self.member.options().session_timeout * 2 } else { wait };
            let longest = if is_fenced || is_passing { longest } else { WAIT_MAX };
            let wait_ms = longest.as_millis() as u64;
            let (partition, hint) = (inlet.partition(), error.hint());
            if is_fenced || is_passing {
                tracing::warn!(partition, %error, hint, wait_ms, "the lane is begun anew from what was saved");
            } else {
                tracing::error!(partition, %error, hint, wait_ms, "the lane cannot work");
                self.done().is_wrong(partition, error);
            }
            inlet.pause(longest, is_fenced);
            wait = (wait * 2).min(WAIT_MAX);
        }
        let mut done = self.done();
        done.lanes -= 1;
        done.wrong.remove(&inlet.partition());
    }

    /// One try, from what was saved to the end of the partition's time with us.
    fn once(&self, inlet: &Arc<Inlet>, doubts_copy: bool, control: &Control) -> Result<Summary, StreamError> {
        let dir = self.folders.dir.as_ref().map(|dir| dir.join(format!("{LANE}{}", inlet.partition())));
        if let Some(dir) = dir.as_ref().filter(|dir| doubts_copy && dir.exists()) {
            tracing::warn!(dir = %dir.display(), "the copy of the state is begun anew");
            std::fs::remove_dir_all(dir).map_err(in_folder("remove", dir))?;
        }
        if let Some(dir) = &dir {
            std::fs::create_dir_all(dir).map_err(in_folder("create", dir))?;
        }
        let local = dir.as_ref().map(|dir| dir.join("journal.redb"));
        let texts = self.options.copies.map(|_| self.texts(dir.as_deref())).transpose()?;
        let cases = self.cases(inlet)?;
        let queue = cases.as_ref().map(|cases| cases.spool.identity()).transpose()?;
        let copy = LocalCopy { path: local.as_deref(), texts: texts.clone(), queue };
        let Lane { source, actions, rejects, store } = Lane::open(self.member, inlet, copy)?;
        let ends = Ends {
            source: Box::new(source),
            actions: Box::new(actions),
            rejects: Box::new(rejects),
            store: Box::new(store),
            texts,
            cases,
            clock: Arc::clone(&self.clock),
        };
        let others = self.others.as_ref().map(|others| (Arc::clone(others), inlet.partition().unsigned_abs()));
        run_with(&self.front, ends, self.editions, &Options { others, ..self.options.clone() }, control)
    }

    fn cases(&self, inlet: &Inlet) -> Result<Option<Cases>, SinkError> {
        let Some((indexer, options)) = &self.folders.cases else { return Ok(None) };
        let spool = indexer.spool(&format!("{LANE}{}", inlet.partition()))?;
        // What a lane's index knows may be of any partition's authors: looking back is for one loop.
        Ok(Some(Cases { spool, options: *options, back: None }))
    }

    fn texts(&self, dir: Option<&Path>) -> Result<TextLogs, FileTextsError> {
        let open = |name: &str| match dir {
            Some(dir) => FileTexts::open(dir.join("texts").join(name), self.folders.texts).map(Arc::new),
            None => FileTexts::temporary(self.folders.texts).map(Arc::new),
        };
        Ok([open("window")?, open("articles")?])
    }
}

fn in_folder<'a>(doing: &'static str, dir: &'a Path) -> impl Fn(std::io::Error) -> StoreError + 'a {
    move |source| StoreError::Io { doing, path: dir.to_owned(), source }
}

fn of_kafka(error: &StreamError) -> Option<&KafkaError> {
    match error {
        StreamError::Kafka(error)
        | StreamError::Store(StoreError::Kafka(error))
        | StreamError::Sink(SinkError::Kafka(error)) => Some(error),
        _ => None,
    }
}
