//! The engine: remembers and judges observed records, in the order in which they came.
//!
//! A batch is cut at every erasure, because what an author writes afterwards is remembered afterwards; apart from that,
//! where batches begin and end makes no difference.

use std::sync::Arc;

use crate::decision::Decision;
use crate::event::{Millis, Outcome as Says, Relay, Verdict};
use crate::neardup::{Arrival, Texts, TextsError, Twin, TwinSizes};
use crate::state::{Beat, Beats, Board, Counts, Fact, Member, State, author_mark};

use super::claim;
use super::copies::{Copies, CopyOptions, Found, LOGS, Others};
use super::deferred::Blank;
use super::edition::Edition;
use super::filing::{Drawer, FilingOptions};
use super::judge::{self, Aside, Bench};
use super::ladder;
use super::late::InForce;
use super::observe::{Item, Observed, Refused};
use super::remembered::{self, Remembered};
use super::tally::Tally;

/// Owns the state and is the only one to change it.
pub struct Engine {
    pub(super) state: State,
    /// Where near-duplicates are looked for, if they are.
    copies: Option<Copies>,
    /// What is filed for search, if anything is.
    pub(super) filing: Option<FilingOptions>,
    pub(super) bench: Option<Bench>,
    /// Where the claims in force stand in their library, where they are looked for in what was said before.
    pub(super) in_force: Option<InForce>,
    /// Whether there may be decisions that rest on claims which the edition has retracted.
    retracts: bool,
    aside: Aside,
    facts: Vec<Fact>,
    counts: Vec<Counts>,
    /// What each event that has a mark is a near-duplicate of.
    found: Vec<Found>,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Outcome {
    /// In input order; nothing for a message that nobody has anything to say about.
    pub decisions: Vec<Decision>,
    /// Records that were not decided on, by their place in the batch.
    pub rejected: Vec<(usize, Refused)>,
    /// What changed in the state, for the journal.
    pub deltas: Vec<u8>,
    /// All of it, counted.
    pub tally: Tally,
    /// The keys of authors who were forgotten: the journal still knows them until the next snapshot.
    pub erased: Vec<u64>,
    /// Rules whose caps tripped them into shadow in this batch.
    pub tripped: Vec<Arc<str>>,
    /// What other lanes of the stage are to be told.
    pub relays: Vec<Relay>,
    /// Where the logs of stored texts end after it, which are to be written before it is saved; `None` where none are kept.
    pub texts_end: Option<[u64; LOGS]>,
    /// Stored texts of people who are forgotten, by log, to be overwritten once it is saved.
    pub blanks: [Vec<Blank>; LOGS],
    /// Lines for the index, in input order: cases, and authors who are to be forgotten ([`crate::case::Filing`]).
    pub filings: Vec<u8>,
}

impl Engine {
    /// An engine that knows what `state` knows, and looks for no near-duplicates.
    #[must_use]
    pub fn new(state: State) -> Self {
        Self {
            state,
            copies: None,
            filing: None,
            bench: None,
            in_force: None,
            retracts: false,
            aside: Aside::default(),
            facts: Vec::new(),
            counts: Vec::new(),
            found: Vec::new(),
        }
    }

    /// The same engine as one of several lanes over which the messages of an author are spread: strikes go to the lane that keeps
    /// the author's standing, and of authors that others keep `board` tells.
    #[must_use]
    pub fn sharing(mut self, board: Arc<Board>) -> Self {
        self.aside.board = Some(board);
        self
    }

    /// An engine that knows what `state` knows, and looks for near-duplicates of the texts that were stored until then.
    ///
    /// # Errors
    /// [`TextsError`], if they cannot be read.
    pub fn looking(state: State, options: &CopyOptions, texts: [Arc<dyn Texts>; LOGS]) -> Result<Self, TextsError> {
        Self::looking_beside(state, options, texts, None)
    }

    /// The same as one of several lanes, where `others` says what the others hold and which one this is.
    ///
    /// # Errors
    /// [`TextsError`], if the stored texts cannot be read.
    pub fn looking_beside(
        state: State,
        options: &CopyOptions,
        texts: [Arc<dyn Texts>; LOGS],
        others: Option<Others>,
    ) -> Result<Self, TextsError> {
        Ok(Self { copies: Some(Copies::open(&state, options, texts, others)?), ..Self::new(state) })
    }

    /// The same, which also writes down what analysts will search. No decision depends on it.
    #[must_use]
    pub fn filing(self, options: FilingOptions) -> Self {
        Self { filing: Some(options), ..self }
    }

    /// What it knows.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether it has judged, or looked back, by that edition last.
    #[must_use]
    pub fn knows(&self, edition: &Edition) -> bool {
        self.bench.as_ref().is_some_and(|bench| bench.fits(edition))
    }

    /// How much it holds to compare with, where it looks for near-duplicates.
    #[must_use]
    pub fn copy_sizes(&self) -> Option<[TwinSizes; LOGS]> {
        self.copies.as_ref().map(Copies::sizes)
    }

    /// Remembers and judges a batch; `chunks` hold its records in input order. Call it where a pool of threads is
    /// installed, for remembering is shared out over its threads.
    ///
    /// # Errors
    /// [`TextsError`], if a stored text cannot be read. Part of the batch is remembered then, so go on from what was saved.
    pub fn process(&mut self, edition: &Edition, chunks: &[Vec<Item<'_>>]) -> Result<Outcome, TextsError> {
        let items: Vec<&Item<'_>> = chunks.iter().flatten().collect();
        let mut outcome = Outcome::default();
        let mut bench = self.bench_of(edition);
        if self.retracts {
            self.retracts = self.retract(edition, &mut outcome);
        }
        let mut first = 0;
        self.copies.iter_mut().for_each(|copies| copies.begin_batch(&mut self.state));
        let is_erasure = |item: &&Item<'_>| matches!(item, Item::Erase(_) | Item::Relay(Relay::Forget { .. }));
        if items.is_empty() {
            // What a new edition takes back is filed all the same.
            self.judge(edition, &mut bench, &[], 0, &mut outcome)?;
        }
        for segment in items.split_inclusive(is_erasure) {
            self.remember(segment)?;
            self.judge(edition, &mut bench, segment, first, &mut outcome)?;
            first += segment.len();
        }
        self.bench = Some(bench);
        if let Some(copies) = &mut self.copies {
            self.aside.relays.extend(copies.take_told());
            let (ends, blanks) = copies.end_batch();
            self.state.note_texts(ends, addresses(&blanks));
            (outcome.texts_end, outcome.blanks) = (Some(ends), blanks);
        }
        outcome.deltas = self.state.take_journal();
        outcome.tripped = std::mem::take(&mut self.aside.tripped);
        outcome.relays = std::mem::take(&mut self.aside.relays);
        outcome.tally.trip(&outcome.tripped);
        Ok(outcome)
    }

    /// What the edition is judged with; a new one's claims are put in force, or taken back.
    pub(super) fn bench_of(&mut self, edition: &Edition) -> Bench {
        self.bench.take().filter(|bench| bench.fits(edition)).unwrap_or_else(|| {
            self.retracts = true;
            if let Some(in_force) = &mut self.in_force {
                in_force.note(edition, &mut self.state);
            }
            Bench::new(edition)
        })
    }

    fn remember(&mut self, segment: &[&Item<'_>]) -> Result<(), TextsError> {
        let events = || events(segment);
        self.facts.clear();
        self.facts.extend(events().map(|observed| observed.fact));
        self.found.clear();
        if let Some(copies) = &mut self.copies {
            let arrivals: Vec<Arrival<'_>> = events().filter_map(arrival).collect();
            copies.take(&arrivals, &mut self.found)?;
            copies.note_joined(&arrivals, &self.found, &mut self.state);
            let marked = self.facts.iter_mut().zip(events()).filter(|(_, observed)| observed.mark.is_some());
            for ((fact, _), Found { twin, .. }) in marked.zip(&self.found) {
                fact.twin = (!twin.is_new).then(|| member(twin));
            }
        }
        self.counts.clear();
        self.state.remember(&self.facts, &mut self.counts);
        Ok(())
    }

    fn judge(
        &mut self,
        edition: &Edition,
        bench: &mut Bench,
        segment: &[&Item<'_>],
        first: usize,
        outcome: &mut Outcome,
    ) -> Result<(), TextsError> {
        let (counts, found) = (std::mem::take(&mut self.counts), std::mem::take(&mut self.found));
        let (mut of_events, mut of_marks) = (counts.iter(), found.iter());
        if !counts.is_empty() {
            self.state.begin_pulses();
        }
        let mut drawer = Drawer::new(self.filing);
        // What was taken back before the first record, because a claim was retracted.
        let retracted = if first == 0 { outcome.decisions.len() } else { 0 };
        (0..retracted).for_each(|decision| drawer.restored(decision));
        for (place, item) in (first..).zip(segment) {
            let decided = outcome.decisions.len();
            match item {
                Item::Event(observed) => {
                    let counts = of_events.next().expect("each event was remembered");
                    let found = observed.mark.as_ref().and_then(|_| of_marks.next());
                    if self.event(edition, bench, observed, (counts, found), place, outcome) {
                        let decision = (outcome.decisions.len() > decided).then_some(decided);
                        drawer.event(observed, found.map(|found| found.twin), decision);
                    }
                }
                Item::Verdict(verdict) => {
                    self.verdict(edition, verdict, place, outcome);
                    (decided..outcome.decisions.len()).for_each(|decision| drawer.restored(decision));
                }
                Item::Erase(erase) => {
                    drawer.empty(edition, self.copies.as_ref(), &outcome.decisions, &mut outcome.filings);
                    drawer.erase(&erase.author, &mut outcome.filings);
                    self.erase(&erase.author, erase.at, outcome)?;
                    self.tell(|| Relay::Forget { author: erase.author.clone(), at: erase.at });
                }
                Item::Relay(relay) => {
                    if let Relay::Forget { author, .. } = relay {
                        drawer.empty(edition, self.copies.as_ref(), &outcome.decisions, &mut outcome.filings);
                        drawer.erase(author, &mut outcome.filings);
                    }
                    self.relay(edition, relay, outcome)?;
                    (decided..outcome.decisions.len()).for_each(|decision| drawer.restored(decision));
                }
                Item::Refused(refused) => outcome.reject(place, refused.clone()),
            }
        }
        drawer.empty(edition, self.copies.as_ref(), &outcome.decisions, &mut outcome.filings);
        (self.counts, self.found) = (counts, found);
        Ok(())
    }

    /// Judges an event; false where it is one that was taken before.
    fn event(
        &mut self,
        edition: &Edition,
        bench: &mut Bench,
        observed: &Observed<'_>,
        (counts, found): (&Counts, Option<&Found>),
        place: usize,
        outcome: &mut Outcome,
    ) -> bool {
        if counts.duplicate {
            let message = format!("an event with the id \"{}\" was taken before", observed.event.id);
            outcome.reject(place, Refused { code: "duplicate_id", message });
            return false;
        }
        outcome.tally.events[observed.event.channel as usize] += 1;
        outcome.tally.copies += u64::from(found.is_some_and(|found| !found.twin.is_new));
        let fact =
            Fact { twin: found.filter(|found| !found.twin.is_new).map(|found| member(&found.twin)), ..observed.fact };
        let claim = claim::asserted(edition, observed).map(|claim| self.state.keys().claim(&claim.id));
        let (room, cluster, at) = self.state.pulse(&fact);
        let of_claim = claim.map_or_else(Beat::default, |claim| self.state.pulse_claim(claim, at));
        let counts = Counts { beats: Beats { room, cluster, claim: of_claim }, ..*counts };
        let remembered = Remembered { counts: &counts, found, copies: self.copies.as_ref() };
        if let Some(decision) = bench.judge(edition, observed, &remembered, &mut self.state, &mut self.aside) {
            if judge::has_acted(&decision) {
                self.state.pulse_acted(&fact, claim, at);
            }
            outcome.decide(decision);
        }
        true
    }

    fn verdict(&mut self, edition: &Edition, verdict: &Verdict, place: usize, outcome: &mut Outcome) {
        let event = self.state.keys().event(&verdict.event);
        // What was done when it came, and what was done about it later.
        let late = Some(self.state.keys().late(event)).filter(|late| self.state.ledger().get(*late).is_some());
        let decided = std::iter::once(event).chain(late);
        let is_known = match verdict.outcome {
            Says::Upheld => decided.filter(|key| self.state.uphold(*key)).count() > 0,
            Says::Overturned => {
                let reversals: Vec<_> = decided.filter_map(|key| self.state.overturn(key, verdict.at)).collect();
                for reversal in reversals.iter().filter(|reversal| reversal.entry.points > 0) {
                    self.tell(|| ladder::revoked(verdict, &reversal.entry));
                }
                // What nothing is left of to undo, such as a notice, is taken back without a word to the sinks.
                ladder::restore(edition, verdict, &reversals).into_iter().for_each(|restored| outcome.decide(restored));
                !reversals.is_empty()
            }
        };
        if is_known {
            outcome.tally.verdicts += 1;
        } else {
            outcome.reject(place, Refused { code: "unknown_event", message: ladder::unknown_event(verdict) });
        }
    }

    fn erase(&mut self, author: &str, at: Millis, outcome: &mut Outcome) -> Result<(), TextsError> {
        let author = self.state.keys().author(author);
        self.state.forget_author(author);
        if let Some(copies) = &mut self.copies {
            copies.forget(author_mark(author), at)?;
        }
        outcome.tally.erasures += 1;
        outcome.erased.push(author);
        Ok(())
    }

    /// Takes back what rests on claims that this edition has retracted. Whether there may be more.
    fn retract(&mut self, edition: &Edition, outcome: &mut Outcome) -> bool {
        let taken = claim::retract(edition, &mut self.state);
        let may_have_more = taken.len() == claim::RETRACTED_MAX;
        for (restored, revoked) in taken {
            restored.into_iter().for_each(|restored| outcome.decide(restored));
            revoked.into_iter().for_each(|relay| self.tell(|| relay));
        }
        may_have_more
    }

    /// Tells other lanes, if there are any to tell.
    fn tell(&mut self, relay: impl FnOnce() -> Relay) {
        if self.aside.board.is_some() {
            self.aside.relays.push(relay());
        }
    }

    /// Does what another lane says, or this one said to itself. The author's standing is kept here.
    fn relay(&mut self, edition: &Edition, relay: &Relay, outcome: &mut Outcome) -> Result<(), TextsError> {
        let (author, at) = match relay {
            Relay::Strike { author, at, .. } => {
                ladder::keep(edition, relay, &mut self.state).into_iter().for_each(|step| outcome.decide(step));
                (author, *at)
            }
            Relay::Revoke { author, at, .. } => {
                ladder::lift(edition, relay, &mut self.state).into_iter().for_each(|lifted| outcome.decide(lifted));
                (author, *at)
            }
            Relay::Forget { author, at } => {
                self.erase(author, *at, outcome)?;
                (author, *at)
            }
            // Nobody tells a lane of what all can read.
            Relay::Standing { .. } | Relay::Entered { .. } | Relay::Joined { .. } => return Ok(()),
        };
        let (strikes, steps) = self.state.standing().told(self.state.keys().author(author), at);
        self.tell(|| Relay::Standing { author: author.clone(), at, strikes, steps });
        Ok(())
    }
}

/// The messages of a segment.
fn events<'i, 'a>(segment: &'i [&'i Item<'a>]) -> impl Iterator<Item = &'i Observed<'a>> {
    segment.iter().filter_map(|item| match item {
        Item::Event(observed) => Some(observed),
        _ => None,
    })
}

/// A message as near-duplicates are looked for with it; `None` where its text says too little.
fn arrival<'i>(observed: &'i Observed<'_>) -> Option<Arrival<'i>> {
    let event = &observed.event;
    observed.mark.as_ref().map(|mark| Arrival {
        mark,
        id: &event.id,
        author: author_mark(observed.fact.author),
        at: event.at,
        text: &event.text,
        is_forward: event.forward_of.is_some(),
    })
}

/// Which records of which log are to be overwritten.
fn addresses(blanks: &[Vec<Blank>; LOGS]) -> Vec<(u8, u64)> {
    let of_log = |(log, blanks): (u8, &Vec<Blank>)| blanks.iter().map(move |(address, _)| (log, *address)).collect();
    (0..).zip(blanks).flat_map::<Vec<_>, _>(of_log).collect()
}

fn member(twin: &Twin) -> Member {
    Member { cluster: remembered::cluster(twin), first_at: twin.first_at, first_author: twin.first_author }
}

impl Outcome {
    pub(super) fn decide(&mut self, decision: Decision) {
        self.tally.decision(&decision);
        self.decisions.push(decision);
    }

    fn reject(&mut self, place: usize, refused: Refused) {
        *self.tally.rejects.entry(refused.code).or_default() += 1;
        self.rejected.push((place, refused));
    }
}
