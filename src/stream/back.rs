//! The road back: a claim that comes into force is looked for in what was said before, beside the stream and in small steps.
//!
//! ```text
//!  loop ── ask ──► saver: all that was judged is in the index's queue ──► road: waits for the index, asks it, day by day
//!   ▲                                                                      │
//!   └──── between two batches, so many a second: judged, saved, emitted ◄──┘ candidates
//! ```
//!
//! What is found is judged like what comes in, by a batch of its own: so it is saved, given out and committed like any other, and a
//! stop at any point loses nothing and says nothing twice. How far a search is, is part of the state; asking again from there is
//! all that a restart does. First come the repeats, the latest day first; then, round by round, what passes on what was labelled.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

use crate::event::{Event, Millis};
use crate::index::{Fold, IndexError, KIN_OF_MAX, Reader, RepeatOptions, Repeats};
use crate::io::{Clock, instant};
use crate::pipeline::{Edition, Engine, LateTally, Looked, Outcome, Wanted};
use crate::state::{Keys, Reach, State};

use super::{Control, Front, Indexer, Options, StreamError, measure};

/// Where is looked, and how fast.
#[derive(Clone, Debug)]
pub struct BackSearch {
    /// Who keeps the index.
    pub indexer: Arc<Indexer>,
    /// The queue of this loop's cases.
    pub queue: Arc<str>,
    /// How texts are read: as the index was told.
    pub fold: Fold,
    /// The bounds.
    pub options: BackOptions,
}

/// The bounds of looking back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackOptions {
    /// How far back, and how much a day.
    pub repeats: RepeatOptions,
    /// Messages that are judged again in a second, at most; at least 1.
    pub per_second: u32,
}

/// Messages that are judged again between two batches, at most.
const STEP_MAX: usize = 64;
/// Messages that the road gives at once.
const PIECE_MAX: usize = 256;
/// Pieces that wait for the loop.
pub(super) const PIECES_MAX: usize = 2;
/// How long the loop waits for records while it looks back, and while it does not: then it looks for a new edition.
const BUSY_WAIT: Duration = Duration::from_millis(20);
const IDLE_WAIT: Duration = Duration::from_secs(1);
/// How long the road waits for the index before it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(50);
/// When it is tried again after the index could not be asked.
const RETRY: Duration = Duration::from_secs(30);

/// What the loop asks for.
#[derive(Debug)]
pub(super) struct Ask {
    generation: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Repeats { wordings: Vec<String>, since: Millis, before: Millis },
    Kin { of: Vec<Arc<str>>, since: Millis },
}

/// What the road answers.
#[derive(Debug)]
pub(super) struct Found {
    generation: u64,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    Piece(Piece),
    /// That was all.
    End,
    /// The index could not be asked.
    Failed,
}

/// Candidates, and what is noted once they were judged.
#[derive(Debug)]
struct Piece {
    events: VecDeque<Event<'static>>,
    looked: Looked,
}

impl Piece {
    fn leave_out(&mut self, authors: &BTreeSet<u64>, keys: Keys) {
        if !authors.is_empty() {
            self.events.retain(|event| !authors.contains(&keys.author(&event.author)));
        }
    }
}

/// The road's own side: asks the index, and gives what it finds to the loop.
pub(super) struct Road<'a> {
    pub(super) back: &'a BackSearch,
    pub(super) generation: &'a AtomicU64,
    pub(super) found: SyncSender<Found>,
    pub(super) control: &'a Control,
}

/// Why the road gives up on a question.
enum Stopped {
    /// Nobody wants the answer any longer.
    Unwanted,
    Index(IndexError),
    /// The index stands still.
    Behind,
}

impl From<IndexError> for Stopped {
    fn from(error: IndexError) -> Self {
        Self::Index(error)
    }
}

impl Road<'_> {
    /// Answers until nobody asks any longer. Each question comes with the address up to which the index must be.
    pub(super) fn run(&self, asks: &Receiver<(Ask, u64)>) {
        for (ask, up_to) in asks {
            let answer = match self.answer(&ask, up_to) {
                Ok(()) => Answer::End,
                Err(Stopped::Unwanted) => continue,
                Err(Stopped::Behind) => Answer::Failed,
                Err(Stopped::Index(error)) => {
                    measure::index_failed();
                    tracing::error!(error = ?error, hint = error.hint(), "looking back waits: the index cannot be asked");
                    Answer::Failed
                }
            };
            if self.give(&ask, answer).is_err() {
                return;
            }
        }
    }

    fn answer(&self, ask: &Ask, up_to: u64) -> Result<(), Stopped> {
        while !self.back.indexer.wait_for(&self.back.queue, up_to, LOOK) {
            self.check(ask)?;
            if self.back.indexer.is_troubled() {
                return Err(Stopped::Behind);
            }
        }
        let reader = Reader::open(self.back.indexer.dir(), self.back.fold)?;
        match &ask.what {
            What::Repeats { wordings, since, before } => {
                let options = &self.back.options.repeats;
                each_day(&reader, (wordings, *since, *before), options, &mut |page, looked| {
                    self.pieces(ask, unlabelled(page), looked)
                })
            }
            What::Kin { of, since } => {
                let from = since.saturating_sub(self.back.options.repeats.back_ms);
                each_kin(&reader, of, from, &mut |page| self.pieces(ask, unlabelled(page), Looked::More))
            }
        }
    }

    fn pieces(&self, ask: &Ask, events: Vec<Event<'static>>, looked: Looked) -> Result<(), Stopped> {
        let mut events = VecDeque::from(events);
        while events.len() > PIECE_MAX {
            let rest = events.split_off(PIECE_MAX);
            self.give(ask, Answer::Piece(Piece { events, looked: Looked::More }))?;
            events = rest;
        }
        self.give(ask, Answer::Piece(Piece { events, looked }))
    }

    fn give(&self, ask: &Ask, answer: Answer) -> Result<(), Stopped> {
        self.check(ask)?;
        self.found.send(Found { generation: ask.generation, answer }).map_err(|_| Stopped::Unwanted)
    }

    fn check(&self, ask: &Ask) -> Result<(), Stopped> {
        let is_wanted = self.generation.load(Ordering::Relaxed) == ask.generation;
        let goes_on = !self.control.stopping() && !self.control.halted.load(Ordering::Relaxed);
        if is_wanted && goes_on { Ok(()) } else { Err(Stopped::Unwanted) }
    }
}

/// The candidates of a page that have no label of a refuted claim: whoever lost the memory of a label does not give it again.
fn unlabelled(mut page: Repeats) -> Vec<Event<'static>> {
    page.events.retain(|event| !page.labelled.contains(&*event.id));
    page.events
}

/// Gives the candidates of each day, the latest first, and how far the search is once they were judged.
fn each_day<E: From<IndexError>>(
    reader: &Reader,
    (wordings, since, before): (&[String], Millis, Millis),
    options: &RepeatOptions,
    give: &mut impl FnMut(Repeats, Looked) -> Result<(), E>,
) -> Result<(), E> {
    for (day, _) in reader.days_of_repeats(wordings, since, before, options)? {
        let mut turn = None;
        loop {
            let page = reader.repeats(wordings, day, before, options, turn)?;
            let (total, taken) = (page.total, options.per_day_max);
            turn = page.next;
            if turn.is_none() {
                if total > taken as u64 {
                    tracing::info!(day, total, taken, "of the candidates of a day only the likeliest are looked at");
                }
                give(page, Looked::To(Reach::Before(day)))?;
                break;
            }
            give(page, Looked::More)?;
        }
    }
    give(Repeats::default(), Looked::To(Reach::Kin))
}

/// Gives what passes these events on, page by page.
fn each_kin<E: From<IndexError>>(
    reader: &Reader,
    of: &[Arc<str>],
    from: Millis,
    give: &mut impl FnMut(Repeats) -> Result<(), E>,
) -> Result<(), E> {
    for of in of.chunks(KIN_OF_MAX) {
        let of: Vec<&str> = of.iter().map(AsRef::as_ref).collect();
        let mut turn = None;
        loop {
            let page = reader.kin(&of, from, turn)?;
            turn = page.next;
            give(page)?;
            if turn.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// The loop's side.
pub(super) struct Looking {
    options: BackOptions,
    found: Receiver<Found>,
    generation: Arc<AtomicU64>,
    active: Option<Active>,
    /// Messages that may be judged again now.
    allowed: f64,
    counted: Instant,
    /// Nobody says anything on it: it is waited on.
    timer: (Sender<()>, Receiver<()>),
}

/// The search that is under way.
struct Active {
    wanted: (u64, u64),
    /// Whether the road has not answered in full yet.
    waits: bool,
    pieces: VecDeque<Piece>,
    /// Events whose kin were asked for.
    asked: BTreeSet<Arc<str>>,
    /// Who was forgotten since the road was asked last: what it found may speak of them still.
    forgotten: BTreeSet<u64>,
    /// When it may be asked again after a failure.
    retry: Option<Instant>,
    begun: Instant,
    tally: LateTally,
}

/// What is to be done next.
pub(super) enum Next {
    /// No claim is looked for.
    Idle,
    /// The road, or the next second, is waited for.
    Wait,
    /// To be given to the road, once all that was judged before is in the index's queue.
    Ask(Ask),
    /// To be saved and given out.
    Judged(Box<Outcome>),
}

impl Looking {
    pub(super) fn new(options: BackOptions, found: Receiver<Found>, generation: Arc<AtomicU64>) -> Self {
        let timer = mpsc::channel();
        Self { options, found, generation, active: None, allowed: 0.0, counted: instant(), timer }
    }

    /// How long the loop may wait for records.
    pub(super) fn wait(&self) -> Duration {
        if self.active.is_some() { BUSY_WAIT } else { IDLE_WAIT }
    }

    /// Waits a moment.
    pub(super) fn rest(&self) {
        let _: Result<(), RecvTimeoutError> = self.timer.1.recv_timeout(BUSY_WAIT);
    }

    /// What was found of these authors is let go, and so is what is yet to be heard of them.
    pub(super) fn forget(&mut self, authors: &[u64], keys: Keys) {
        if let Some(active) = self.active.as_mut().filter(|_| !authors.is_empty()) {
            active.forgotten.extend(authors);
            let Active { pieces, forgotten, .. } = active;
            pieces.iter_mut().for_each(|piece| piece.leave_out(forgotten, keys));
        }
    }

    /// Nothing that was found is wanted any longer; the road, which may wait to be rid of it, is told.
    fn let_go(&mut self) {
        if self.active.take().is_some() {
            self.generation.fetch_add(1, Ordering::Relaxed);
        }
        while self.found.try_recv().is_ok() {}
    }

    /// Whether the index cannot be asked now.
    pub(super) fn is_stuck(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.retry.is_some())
    }

    /// One small step.
    pub(super) fn next(&mut self, engine: &mut Engine, edition: &Edition, front: &Front) -> Next {
        let wanted = engine.wanted(edition);
        measure::looking_for(engine.state().back().searches().len());
        let Some(wanted) = wanted else {
            self.let_go();
            return Next::Idle;
        };
        if self.active.as_ref().is_none_or(|active| active.wanted != (wanted.key, wanted.mark)) {
            self.let_go();
            let goes_on = wanted.reach != Reach::Before(Millis::MAX);
            tracing::info!(claim = &*wanted.id, goes_on, "a claim is looked for in what was said before");
            self.active = Some(Active::new(&wanted));
        }
        self.hear(engine.state().keys());
        let allowed = self.allowance();
        let Some(active) = &mut self.active else { return Next::Idle };
        if let Some(piece) = active.pieces.front_mut() {
            // Each step is saved: many small ones would cost more than what they judge.
            let count = piece.events.len().min(STEP_MAX).min(self.options.per_second.max(1) as usize);
            if allowed < count {
                return Next::Wait;
            }
            let events: Vec<Event<'static>> = piece.events.drain(..count).collect();
            let looked = if piece.events.is_empty() { piece.looked } else { Looked::More };
            if piece.events.is_empty() {
                active.pieces.pop_front();
            }
            self.allowed -= count as f64;
            let looks = front.observe_again(edition, events);
            let outcome = engine.look_back(edition, &wanted, &looks, looked);
            active.tally.add(&outcome.tally.late);
            return Next::Judged(Box::new(outcome));
        }
        self.ask(engine, edition, &wanted)
    }

    fn ask(&mut self, engine: &mut Engine, edition: &Edition, wanted: &Wanted) -> Next {
        let Some(active) = &mut self.active else { return Next::Idle };
        if active.waits || active.retry.is_some_and(|at| instant() < at) {
            return Next::Wait;
        }
        let what = match wanted.reach {
            Reach::Before(before) => What::Repeats { wordings: wanted.wordings.clone(), since: wanted.since, before },
            Reach::Kin => {
                let new = active.new_of(&engine.state().labelled_late(wanted.key));
                if new.is_empty() {
                    active.tell_done(wanted);
                    self.active = None;
                    return Next::Judged(Box::new(engine.look_back(edition, wanted, &[], Looked::Done)));
                }
                What::Kin { of: new, since: wanted.since }
            }
        };
        (active.waits, active.retry) = (true, None);
        // All that was judged is in the index before it is asked, erasures among it.
        active.forgotten.clear();
        Next::Ask(Ask { generation: self.generation.load(Ordering::Relaxed), what })
    }

    /// Takes in what the road says, as much as there is room for.
    fn hear(&mut self, keys: Keys) {
        let Some(active) = &mut self.active else { return };
        while active.pieces.is_empty() {
            let Ok(Found { generation, answer }) = self.found.try_recv() else { return };
            if generation != self.generation.load(Ordering::Relaxed) {
                continue;
            }
            match answer {
                Answer::Piece(mut piece) => {
                    piece.leave_out(&active.forgotten, keys);
                    active.pieces.push_back(piece);
                }
                Answer::End => active.waits = false,
                Answer::Failed => {
                    active.waits = false;
                    active.asked.clear();
                    active.retry = Some(instant() + RETRY);
                }
            }
        }
    }

    /// How many may be judged again now.
    fn allowance(&mut self) -> usize {
        let now = instant();
        let rate = f64::from(self.options.per_second.max(1));
        self.allowed = (self.allowed + now.duration_since(self.counted).as_secs_f64() * rate).min(rate);
        self.counted = now;
        (self.allowed as usize).min(STEP_MAX)
    }
}

impl Active {
    fn new(wanted: &Wanted) -> Self {
        Self {
            wanted: (wanted.key, wanted.mark),
            waits: false,
            pieces: VecDeque::new(),
            asked: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            retry: None,
            begun: instant(),
            tally: LateTally::default(),
        }
    }

    /// Those whose kin were not asked for yet; they are from now on.
    fn new_of(&mut self, labelled: &[Arc<str>]) -> Vec<Arc<str>> {
        labelled.iter().filter(|event| self.asked.insert(Arc::clone(event))).cloned().collect()
    }

    fn tell_done(&self, wanted: &Wanted) {
        let LateTally { looked, labelled, told } = self.tally;
        let elapsed_ms = self.begun.elapsed().as_millis() as u64;
        tracing::info!(claim = &*wanted.id, looked, labelled, told, elapsed_ms, "a claim was looked for");
    }
}

/// What looking back would label.
#[derive(Debug)]
pub struct Preview<'a> {
    /// The index.
    pub dir: PathBuf,
    /// How texts are read.
    pub fold: Fold,
    /// The bounds.
    pub options: RepeatOptions,
    /// The claims that are looked for, by id; all of them where it is `None`.
    pub claims: Option<&'a [String]>,
    /// Event time at which they come into force.
    pub since: Millis,
}

/// One step of a [`Preview`].
#[derive(Debug)]
pub struct Previewed<'a> {
    /// The claim that is looked for.
    pub claim: &'a str,
    /// How far it is.
    pub reach: Reach,
    /// What this step came to.
    pub outcome: &'a Outcome,
    /// What was looked at in this step.
    pub events: &'a [Event<'static>],
    /// Messages that were left out, as a run leaves them out: what was filed of them has the label.
    pub already: &'a BTreeSet<String>,
}

/// Looks for claims in an index as a run would in which they came into force at `preview.since`: what was filed with the label is
/// left out, and so is what only passes that on. Nothing is kept.
///
/// # Errors
/// [`IndexError`], if the index cannot be read; those of `tell`, and of starting threads.
pub fn preview<E: From<IndexError> + From<StreamError>>(
    preview: &Preview<'_>,
    edition: &Edition,
    options: &Options,
    clock: Arc<dyn Clock>,
    tell: &mut dyn FnMut(&Previewed<'_>) -> Result<(), E>,
) -> Result<LateTally, E> {
    let reader = Reader::open(&preview.dir, preview.fold)?;
    let front = Front::new(options, false, clock)?;
    let mut engine = Engine::new(State::new(&options.state, options.keys));
    engine.want(edition, preview.claims, preview.since);
    let mut tally = LateTally::default();
    while let Some(wanted) = engine.wanted(edition) {
        let mut look = |page: Repeats, looked: Looked| {
            // A label that was given late is filed by itself, and may stand on another page than the message.
            let already = reader.labelled(&page.events.iter().map(|event| &*event.id).collect::<Vec<_>>())?;
            let mut events = unlabelled(page);
            events.retain(|event| !already.contains(&*event.id));
            let looks = front.observe_again(edition, events.clone());
            let outcome = engine.look_back(edition, &wanted, &looks, looked);
            tally.add(&outcome.tally.late);
            let reach = if let Looked::To(reach) = looked { reach } else { wanted.reach };
            tell(&Previewed { claim: &wanted.id, reach, outcome: &outcome, events: &events, already: &already })?;
            Ok::<_, E>(engine.state().labelled_late(wanted.key))
        };
        let asked = (&*wanted.wordings, wanted.since, Millis::MAX);
        each_day(&reader, asked, &preview.options, &mut |page, looked| look(page, looked).map(drop))?;
        let mut known = BTreeSet::new();
        let mut labelled = look(Repeats::default(), Looked::More)?;
        loop {
            let new: Vec<Arc<str>> = labelled.into_iter().filter(|event| known.insert(Arc::clone(event))).collect();
            if new.is_empty() {
                break;
            }
            labelled = Vec::new();
            let from = wanted.since.saturating_sub(preview.options.back_ms);
            each_kin(&reader, &new, from, &mut |page| {
                labelled = look(page, Looked::More)?;
                Ok::<_, E>(())
            })?;
        }
        look(Repeats::default(), Looked::Done)?;
    }
    Ok(tally)
}

#[cfg(test)]
mod tests;
