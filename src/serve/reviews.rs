//! The queue of decisions that a person is to look at, and who is looking at which.
//!
//! A decision waits here from its `review` action until somebody's word on it. Whoever claims one has it for themselves for a
//! while; claims end by themselves and with the process. A verdict goes through the stage like any other record; what stands is
//! noted in `reviews.jsonl`, because a decision that was upheld leaves no line behind it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::event::{Millis, rfc3339};
use crate::io::Clock;

use super::ServeError;
use super::book::Line;

/// Where words are noted.
const FILE: &str = "reviews.jsonl";
/// Decisions that wait, at most; beyond, the oldest leave the queue and can still be claimed by name.
const WAITING_MAX: usize = 200_000;
/// Claims at a time, at most.
const CLAIMS_MAX: usize = 10_000;

/// See the module.
pub(super) struct Reviews {
    claim_ms: Millis,
    /// By the number of the decision's line.
    waiting: BTreeMap<u64, Waiting>,
    by_event: BTreeMap<Box<str>, u64>,
    /// Events on which there is a word already.
    done: BTreeSet<Box<str>>,
    claims: BTreeMap<Box<str>, Claim>,
}

/// A decision that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) event: Box<str>,
    pub(super) queue: Box<str>,
}

/// Who is looking at one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) by: Arc<str>,
    pub(super) until: Millis,
}

/// A word on a decision.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) event: Box<str>,
    /// `upheld` or `overturned`.
    pub(super) outcome: String,
    pub(super) by: String,
    /// Nothing is noted of a decision that does not wait.
    pub(super) only_if_waiting: bool,
}

/// One line of `reviews.jsonl`.
#[derive(Serialize, Deserialize)]
struct Noted<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    outcome: Cow<'a, str>,
    #[serde(borrow)]
    by: Cow<'a, str>,
    #[serde(borrow)]
    at: Cow<'a, str>,
}

impl Reviews {
    /// Reads what earlier runs noted.
    pub(super) fn open(dir: &Path, claim: Duration) -> Result<Self, ServeError> {
        let path = dir.join(FILE);
        let failed = |source| ServeError::Io { doing: "read", path: path.clone(), source };
        let mut done = BTreeSet::new();
        match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => {
                for line in BufReader::new(opened.map_err(failed)?).split(b'\n') {
                    // A line that a stop left half written is a verdict that was saved and will be seen again as waiting.
                    if let Ok(line) = serde_json::from_slice::<Noted<'_>>(&line.map_err(failed)?) {
                        done.insert(line.event.as_ref().into());
                    }
                }
            }
        }
        let claim_ms = Millis::try_from(claim.as_millis()).unwrap_or(Millis::MAX);
        let (waiting, by_event, claims) = Default::default();
        Ok(Self { claim_ms, waiting, by_event, done, claims })
    }

    /// Sees a decision that went out.
    pub(super) fn see(&mut self, number: u64, line: &Line<'_>) {
        if line.is_verdict() {
            return self.leave(&line.event);
        }
        let Some(review) = line.actions.iter().find(|action| action.action == "review") else { return };
        if self.done.contains(&*line.event) {
            return;
        }
        let queue = review.queue.as_deref().unwrap_or_default().into();
        self.by_event.insert((&*line.event).into(), number);
        self.waiting.insert(number, Waiting { event: (&*line.event).into(), queue });
        if self.waiting.len() > WAITING_MAX
            && let Some((_, oldest)) = self.waiting.pop_first()
        {
            self.by_event.remove(&oldest.event);
        }
    }

    fn leave(&mut self, event: &str) {
        if let Some(number) = self.by_event.remove(event) {
            self.waiting.remove(&number);
        }
    }

    /// Those that wait from that line on, oldest first.
    pub(super) fn waiting(&self, from: u64) -> impl Iterator<Item = (u64, &Waiting)> {
        self.waiting.range(from..).map(|(number, waiting)| (*number, waiting))
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The queue in which that event's decision waits.
    pub(super) fn queue_of(&self, event: &str) -> Option<&str> {
        self.by_event.get(event).and_then(|number| self.waiting.get(number)).map(|waiting| &*waiting.queue)
    }

    /// Who has that event's decision now.
    pub(super) fn claim_of(&self, event: &str, now: Millis) -> Option<&Claim> {
        self.claims.get(event).filter(|claim| claim.until > now)
    }

    /// Takes a decision for one person; one's own claim is renewed. Fails with who has it.
    pub(super) fn claim(&mut self, event: &str, by: &Arc<str>, now: Millis) -> Result<Claim, Option<Claim>> {
        if let Some(other) = self.claim_of(event, now).filter(|claim| claim.by != *by) {
            return Err(Some(other.clone()));
        }
        if self.claims.len() >= CLAIMS_MAX {
            self.claims.retain(|_, claim| claim.until > now);
        }
        if self.claims.len() >= CLAIMS_MAX && !self.claims.contains_key(event) {
            return Err(None);
        }
        let claim = Claim { by: Arc::clone(by), until: now.saturating_add(self.claim_ms) };
        self.claims.insert(event.into(), claim.clone());
        Ok(claim)
    }

    /// Gives a claim back; whether it was theirs.
    pub(super) fn release(&mut self, event: &str, by: &str, now: Millis) -> bool {
        let is_theirs = self.claim_of(event, now).is_some_and(|claim| &*claim.by == by);
        if is_theirs {
            self.claims.remove(event);
        }
        is_theirs
    }

    /// Whether there is something to note of a word.
    fn takes(&self, done: &Done) -> bool {
        !done.only_if_waiting || self.by_event.contains_key(&done.event)
    }

    /// A word was noted: the decision waits no longer.
    fn settled(&mut self, done: &Done) {
        self.leave(&done.event);
        self.claims.remove(&done.event);
        self.done.insert(done.event.clone());
    }
}

/// The words of one batch, and who waits until they are noted.
type Words = (Vec<Done>, oneshot::Sender<io::Result<()>>);

/// Notes words that were saved, on a thread of its own: nobody else waits for the disk, and no stop comes between a word that was saved
/// and its line.
pub(super) struct Settler {
    words: Mutex<Option<mpsc::Sender<Words>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Settler {
    pub(super) fn start(dir: &Path, reviews: &Arc<Mutex<Reviews>>, clock: &Arc<dyn Clock>) -> Result<Self, ServeError> {
        let (words, heard) = mpsc::channel::<Words>();
        let (path, reviews, clock) = (dir.join(FILE), Arc::clone(reviews), Arc::clone(clock));
        let work = move || {
            for (said, tell) in heard {
                let _ = tell.send(note(&path, &reviews, &said, clock.now()));
            }
        };
        let thread = std::thread::Builder::new().name("reviews".into()).spawn(work).map_err(ServeError::Threads)?;
        Ok(Self { words: Mutex::new(Some(words)), thread: Mutex::new(Some(thread)) })
    }

    /// Hands words over; what is given back comes when they are noted. Nothing where nothing was said.
    pub(super) fn settle(&self, said: Vec<Done>) -> Option<oneshot::Receiver<io::Result<()>>> {
        if said.is_empty() {
            return None;
        }
        let (tell, told) = oneshot::channel();
        if let Some(words) = &*self.words.lock().unwrap_or_else(PoisonError::into_inner) {
            let _ = words.send((said, tell));
        }
        Some(told)
    }

    /// Returns when everything is noted that was handed over.
    pub(super) fn end(&self) {
        self.words.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        self.end();
    }
}

/// Notes each word, the others too where one cannot be; then tells of the first that could not.
fn note(path: &Path, reviews: &Mutex<Reviews>, said: &[Done], now: Millis) -> io::Result<()> {
    let held = || reviews.lock().unwrap_or_else(PoisonError::into_inner);
    let mut result = Ok(());
    for done in said {
        if !held().takes(done) {
            continue;
        }
        match append(path, done, now) {
            Ok(()) => held().settled(done),
            Err(error) => {
                tracing::error!(%error, event = &*done.event, "a word on a decision was saved and cannot be noted");
                result = result.and(Err(error));
            }
        }
    }
    result
}

fn append(path: &Path, done: &Done, now: Millis) -> io::Result<()> {
    let at = rfc3339(now).into();
    let noted = Noted { event: (&*done.event).into(), outcome: (&*done.outcome).into(), by: (&*done.by).into(), at };
    // A line of its own even where a stop left half of one behind: blank lines are passed over.
    let mut line = b"\n".to_vec();
    serde_json::to_writer(&mut line, &noted)?;
    line.push(b'\n');
    let mut file = File::options().append(true).create(true).open(path)?;
    file.write_all(&line)?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(event: &str, action: &str, rule: &str) -> String {
        format!(
            "{{\"id\":\"d\",\"event\":\"{event}\",\"channel\":\"post\",\"author\":\"a\",\"at\":\"2026-01-01T00:00:00Z\",\"edition\":\"e\",\
             \"actions\":[{{\"action\":\"{action}\",\"queue\":\"fraud\",\"reason\":0}}],\"reasons\":[{{\"rule\":\"{rule}\"}}]}}"
        )
    }

    #[test]
    fn one_person_at_a_time_and_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let mut reviews = Reviews::open(dir.path(), Duration::from_millis(100)).unwrap();
        let (li, wang): (Arc<str>, Arc<str>) = ("li".into(), "wang".into());
        assert_eq!(reviews.claim("e", &li, 0).unwrap().until, 100);
        assert_eq!(reviews.claim("e", &wang, 99).unwrap_err().unwrap().by, li);
        assert_eq!(reviews.claim("e", &li, 50).unwrap().until, 150);
        assert_eq!(reviews.claim("e", &wang, 150).unwrap().by, wang);
        assert!(!reviews.release("e", "li", 160) && reviews.release("e", "wang", 160));
        assert!(reviews.claim_of("e", 161).is_none());
    }

    #[test]
    fn a_decision_waits_until_there_is_a_word_and_over_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Reviews::open(dir.path(), Duration::from_secs(1)).unwrap();
        let lines = [decision("x", "review", "r"), decision("y", "review", "r"), decision("z", "fold", "r")];
        let see = |reviews: &mut Reviews| {
            (0..).zip(&lines).for_each(|(number, line)| reviews.see(number, &Line::read(line.as_bytes()).unwrap()));
            reviews.waiting(0).map(|(_, waiting)| waiting.event.to_string()).collect::<Vec<_>>()
        };
        let reviews = Arc::new(Mutex::new(open()));
        assert_eq!(see(&mut reviews.lock().unwrap()), ["x", "y"]);
        let word = |event: &str, only_if_waiting| Done {
            event: event.into(),
            outcome: "upheld".into(),
            by: "li".into(),
            only_if_waiting,
        };
        let clock: Arc<dyn Clock> = Arc::new(crate::io::ManualClock::of_recordings());
        let settler = Settler::start(dir.path(), &reviews, &clock).unwrap();
        // Nobody waits for it; a stop that comes at once waits for it all the same.
        drop(settler.settle(vec![word("x", false), word("unheard", true)]));
        settler.end();
        assert!(!std::fs::read_to_string(dir.path().join("reviews.jsonl")).unwrap().contains("unheard"));
        assert_eq!(
            reviews.lock().unwrap().waiting(0).next().unwrap().1,
            &Waiting { event: "y".into(), queue: "fraud".into() }
        );
        let mut later = open();
        assert_eq!(see(&mut later), ["y"]);
        later.see(9, &Line::read(decision("y", "restore", "verdict").as_bytes()).unwrap());
        assert_eq!(later.len(), 0);
    }
}
