//! What every call shares: the desk, the book, the edition in force, tokens, audit log and reviews. It hears from the loop what
//! became safe, and gives everybody at the desk their answer.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use metrics_exporter_prometheus::PrometheusHandle;
use serde::Deserialize;

use crate::event::Millis;
use crate::index::Fold;
use crate::io::{Answer, Clock, Desk, FileTextsError, Position, Witness};
use crate::pipeline::BuildOptions;
use crate::stream::{self, EditionFolders, Editions, TextLogs};

use super::audit::Audit;
use super::bodies::Bodies;
use super::book::{Book, Line};
use super::fault::Fault;
use super::jobs::Jobs;
use super::live::LIVE_MAX;
use super::rate::Rates;
use super::reviews::{Reviews, Settler};
use super::saved::Searches;
use super::search::Searcher;
use super::tokens::{Tokens, Who};
use super::{Options, ServeError};

/// What the service is built over.
pub struct Parts {
    /// The output folder.
    pub dir: PathBuf,
    /// The folder of the analysts' index; there need be none.
    pub index: PathBuf,
    /// How its queries are read: disguises taken off.
    pub fold: Fold,
    /// Where records are handed in; without it, the stage reads another stream and the service only shows it.
    pub desk: Option<Arc<Desk>>,
    /// The edition in force.
    pub editions: Arc<Editions>,
    /// Where editions are read from.
    pub folders: EditionFolders,
    /// What they are built with.
    pub build: BuildOptions,
    /// What the loop works with: rules are tried out the same way.
    pub stream: stream::Options,
    /// Empty logs for the texts of a try-out, which go with it.
    pub temporary_texts: Box<dyn Fn() -> Result<Option<TextLogs>, FileTextsError> + Send + Sync>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The metrics' recorder.
    pub metrics: Option<PrometheusHandle>,
}

/// See the module.
pub struct Hub {
    pub(super) parts: Parts,
    pub(super) options: Options,
    pub(super) tokens: Tokens,
    pub(super) audit: Audit,
    pub(super) rates: Rates,
    pub(super) started: Millis,
    pub(super) searcher: Searcher,
    book: Mutex<Book>,
    reviews: Arc<Mutex<Reviews>>,
    pub(super) settler: Settler,
    is_ready: AtomicBool,
    is_stopping: AtomicBool,
    pub(super) searches: Searches,
    /// Searches that are followed.
    pub(super) tails: Arc<tokio::sync::Semaphore>,
    pub(super) jobs: Jobs,
    pub(super) bodies: Bodies,
}

/// The key under which a record waits at the desk: its kind and what it is about.
pub(super) fn desk_key(is_verdict: bool, event: &str) -> Box<str> {
    format!("{}{event}", if is_verdict { 'v' } else { 'e' }).into()
}

/// Which record of the desk a reject is about.
#[derive(Deserialize)]
struct RejectPlace {
    offset: PlaceIndex,
}

#[derive(Deserialize)]
struct PlaceIndex {
    index: Option<u64>,
}

impl Hub {
    /// Opens tokens, audit log, reviews and saved queries of the folder.
    ///
    /// # Errors
    /// If reviews or saved queries cannot be read, or the system has no random bytes.
    pub fn open(parts: Parts, options: Options) -> Result<Arc<Self>, ServeError> {
        let reviews = Reviews::open(&parts.dir, options.claim)?;
        let reviews = Arc::new(Mutex::new(reviews));
        let settler = Settler::start(&parts.dir, &reviews, &parts.clock)?;
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| ServeError::Random(error.to_string()))?;
        Ok(Arc::new(Self {
            tokens: Tokens::of(&parts.dir),
            audit: Audit::of(&parts.dir),
            rates: Rates::new(options.rate_per_second, options.rate_burst),
            started: parts.clock.now(),
            searcher: Searcher::new(parts.index.clone(), parts.fold),
            book: Mutex::new(Book::new(parts.dir.join("actions.jsonl"), options.decisions_max, key)),
            reviews,
            settler,
            is_ready: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            searches: Searches::open(&parts.dir)?,
            tails: Arc::new(tokio::sync::Semaphore::new(LIVE_MAX)),
            jobs: Jobs::default(),
            bodies: Bodies::new(options.bodies_bytes_max, options.body_bytes_max),
            parts,
            options,
        }))
    }

    /// The edition in force.
    #[must_use]
    pub fn editions(&self) -> &Editions {
        &self.parts.editions
    }

    /// Whether callers are to speak TLS.
    #[must_use]
    pub fn speaks_tls(&self) -> bool {
        self.options.tls.is_some()
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reviews(&self) -> MutexGuard<'_, Reviews> {
        self.reviews.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Millis {
        self.parts.clock.now()
    }

    /// Whether what was saved is back: until then there is nothing to be asked for.
    pub(super) fn has_started(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// Whether what was saved is back and the service is not about to stop.
    pub(super) fn is_ready(&self) -> bool {
        self.has_started() && !self.is_stopping()
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    /// The loop has ended: returns when every word that it saved is noted.
    pub fn end(&self) {
        self.settler.end();
    }

    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
    }

    /// Notes what somebody is about to see or change. What cannot be noted is not done.
    pub(super) fn note(&self, who: &Who, did: &str, about: &str) -> Result<(), Fault> {
        self.note_all(who, did, &[about])
    }

    /// Notes several lines at once.
    pub(super) fn note_all(&self, who: &Who, did: &str, about: &[impl AsRef<str>]) -> Result<(), Fault> {
        self.audit.add_all(&who.name, did, about, self.now()).map_err(|error| {
            tracing::error!(error = &error as &dyn std::error::Error, "the audit log cannot be written");
            Fault::unavailable(
                "audit_unavailable",
                "the audit log cannot be written, so nothing is shown or changed",
                30,
            )
        })
    }
}

impl Witness for Hub {
    fn ready(&self) {
        let (mut book, mut reviews) = (self.book(), self.reviews());
        if let Err(error) = book.catch_up(|number, line| reviews.see(number, line)) {
            tracing::error!(%error, "decisions of earlier runs cannot be read: they cannot be asked for");
        }
        drop((book, reviews));
        self.is_ready.store(true, Ordering::Release);
    }

    fn committed(&self, input: &Position, actions: &[u8], rejects: &[u8]) {
        let (mut book, mut reviews) = (self.book(), self.reviews());
        book.add(actions, |number, line| reviews.see(number, line));
        drop((book, reviews));
        if let Some(desk) = &self.parts.desk {
            desk.answer(input, |first, keys| answers(first, keys, actions, rejects));
        }
    }
}

/// What became of each record of a batch.
fn answers(first: u64, keys: &[Option<&str>], actions: &[u8], rejects: &[u8]) -> Vec<Answer> {
    let lines = |bytes: &'_ [u8]| -> Vec<Box<[u8]>> {
        bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(Into::into).collect()
    };
    let index = |line: &[u8]| serde_json::from_slice::<RejectPlace>(line).ok().and_then(|place| place.offset.index);
    let mut refused: BTreeMap<u64, Box<[u8]>> =
        lines(rejects).into_iter().filter_map(|line| Some((index(&line)?, line))).collect();
    let mut taken: BTreeMap<Box<str>, VecDeque<Box<[u8]>>> = BTreeMap::new();
    for line in lines(actions) {
        let key = Line::read(&line).map(|read| desk_key(read.is_verdict(), &read.event));
        if let Some(key) = key {
            taken.entry(key).or_default().push_back(line);
        }
    }
    let answer = |(index, key): (u64, &Option<&str>)| match refused.remove(&index) {
        Some(line) => Answer::Refused(line),
        None => Answer::Taken(key.and_then(|key| taken.get_mut(key)?.pop_front()).into_iter().collect()),
    };
    (first..).zip(keys).map(answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_of_a_batch_gets_what_is_its_own() {
        let decision = |event: &str, rule: &str| {
            format!(
                "{{\"id\":\"d\",\"event\":\"{event}\",\"channel\":\"post\",\"author\":\"a\",\"at\":\"2026-01-01T00:00:00Z\",\
                 \"edition\":\"e\",\"actions\":[],\"reasons\":[{{\"rule\":\"{rule}\"}}]}}"
            )
        };
        let (folded, restored) = (decision("x", "r"), decision("x", "verdict"));
        let reject =
            "{\"offset\":{\"source\":\"http\",\"index\":12},\"code\":\"duplicate_id\",\"reason\":\"\",\"raw_bytes\":1}";
        let keys = [Some("ex"), Some("ey"), Some("ex"), Some("vx"), None];
        let found = answers(10, &keys, format!("{folded}\n{restored}\n").as_bytes(), format!("{reject}\n").as_bytes());
        let taken = |line: &str| Answer::Taken(vec![line.as_bytes().into()]);
        assert_eq!(
            found,
            [
                taken(&folded),
                Answer::Taken(vec![]),
                Answer::Refused(reject.as_bytes().into()),
                taken(&restored),
                Answer::Taken(vec![]),
            ]
        );
    }
}
