//! Looking back: what was said before a claim came into force gets the label that it would get today, and those who passed it on
//! are told, once each.
//!
//! Who finds what may repeat a claim knows nothing of it; here each is judged by the same matcher, stance, gates and rules as what
//! comes in now, on the text as it was stored. Nothing but labels about refuted claims is given, marked as late: nobody gets a
//! strike for what was not known when they wrote it.

use std::sync::Arc;

use crate::claims::{Claim, Matcher, Status};
use crate::decision::{Action, ActionKind, Decision, Recipient};
use crate::event::Millis;
use crate::state::{Entry, Fate, Keys, Reach, Resting, State};

use super::claim;
use super::edition::Edition;
use super::engine::{Engine, Outcome};
use super::filing::Drawer;
use super::judge::{Late, decision_id};
use super::observe::Observed;

/// The claims in force, by their keys.
#[derive(Default)]
pub(super) struct InForce {
    /// Key and place in the library, by key.
    places: Vec<(u64, usize)>,
}

impl InForce {
    /// Notes which claims of an edition are in force.
    pub(super) fn note(&mut self, edition: &Edition, state: &mut State) {
        self.note_those(edition, state, state.watermark(), |_| true);
    }

    fn note_those(&mut self, edition: &Edition, state: &mut State, since: Millis, is_asked: impl Fn(&Claim) -> bool) {
        let claims = edition.claims.as_ref().map_or(&[][..], Matcher::claims);
        let keys = state.keys();
        let in_force = claims.iter().enumerate().filter(|(_, claim)| may_act(claim) && is_asked(claim));
        let mut acting: Vec<(u64, u64, usize)> =
            in_force.map(|(place, claim)| (keys.claim(&claim.id), mark(keys, claim), place)).collect();
        acting.sort_unstable();
        acting.dedup_by_key(|(key, ..)| *key);
        self.places = acting.iter().map(|(key, _, place)| (*key, *place)).collect();
        let marks: Vec<(u64, u64)> = acting.into_iter().map(|(key, mark, _)| (key, mark)).collect();
        state.note_claims(&marks, since);
    }

    fn claim<'e>(&self, edition: &'e Edition, key: u64) -> Option<&'e Claim> {
        let at = self.places.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        edition.claims.as_ref()?.claims().get(self.places[at].1)
    }
}

/// Whether there are days on which messages that repeat it may be acted on.
fn may_act(claim: &Claim) -> bool {
    claim.verdict.is_refuted() && claim.status == Status::Active && claim.lacks().is_empty()
}

/// A hash of what makes it another search: its revision and its wordings.
fn mark(keys: Keys, claim: &Claim) -> u64 {
    let mut text = claim.revision.to_string();
    for wording in wordings(claim) {
        text.push('\n');
        text.push_str(wording);
    }
    keys.revision(&text)
}

fn wordings(claim: &Claim) -> impl Iterator<Item = &str> {
    std::iter::once(&*claim.claim).chain(claim.variants.iter().map(|variant| &*variant.text))
}

/// A claim that is to be looked for in what was said before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its key.
    pub key: u64,
    /// What of it is looked for, as a hash.
    pub mark: u64,
    /// Its id in the library.
    pub id: Arc<str>,
    /// The ways in which it is said.
    pub wordings: Vec<String>,
    /// Event time of the stream when it came into force.
    pub since: Millis,
    /// What was looked at already.
    pub reach: Reach,
}

/// What is noted of a search once these messages were judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// There is more of that kind.
    More,
    /// It is further.
    To(Reach),
    /// It is done.
    Done,
}

impl Engine {
    /// The same, which also notes which claims come into force, so that they are looked for in what was said before.
    #[must_use]
    pub fn looking_back(mut self) -> Self {
        self.in_force = Some(InForce::default());
        self
    }

    /// The claim that is to be looked for first; those that follow wait for it.
    #[must_use]
    pub fn wanted(&self, edition: &Edition) -> Option<Wanted> {
        let in_force = self.in_force.as_ref()?;
        let of = |(&key, search): (&u64, &crate::state::Search)| {
            let claim = in_force.claim(edition, key)?;
            Some(Wanted {
                key,
                mark: search.mark,
                id: (*claim.id).into(),
                wordings: wordings(claim).map(str::to_owned).collect(),
                since: search.since,
                reach: search.reach,
            })
        };
        self.state.back().searches().iter().find_map(of)
    }

    /// Has claims of an edition looked for as if they came into force at that time, and nothing had been before: for whoever wants
    /// to see what would be labelled. `None`: all of them.
    pub fn want(&mut self, edition: &Edition, only: Option<&[String]>, since: Millis) {
        let mut in_force = self.in_force.take().unwrap_or_default();
        self.state.note_claims(&[], since);
        let is_asked = |claim: &Claim| only.is_none_or(|only| only.iter().any(|id| **id == *claim.id));
        in_force.note_those(edition, &mut self.state, since, is_asked);
        self.in_force = Some(in_force);
        self.bench = Some(super::judge::Bench::new(edition));
    }

    /// Judges messages that may repeat a claim, or pass on what was labelled for it, and notes how far the search is.
    pub fn look_back(&mut self, edition: &Edition, wanted: &Wanted, looks: &[Observed<'_>], looked: Looked) -> Outcome {
        let mut outcome = Outcome::default();
        let mut bench = self.bench_of(edition);
        let mut drawer = Drawer::new(self.filing);
        for observed in looks {
            outcome.tally.late.looked += 1;
            if is_decided(observed, wanted.since, &self.state) {
                continue;
            }
            let Some(late) = bench.judge_late(edition, observed, wanted.since, &self.state) else { continue };
            let Some((decision, claim)) = self.say_late(edition, observed, wanted, late) else { continue };
            let is_told = decision.actions.iter().any(|action| matches!(action.kind, ActionKind::Notice { .. }));
            outcome.tally.late.labelled += 1;
            outcome.tally.late.told += u64::from(is_told);
            drawer.late(observed, outcome.decisions.len(), claim);
            outcome.decide(decision);
        }
        match looked {
            Looked::More => {}
            Looked::To(reach) => self.state.reach(wanted.key, reach),
            Looked::Done => self.state.searched(wanted.key),
        }
        drawer.empty(edition, None, &outcome.decisions, &mut outcome.filings);
        self.bench = Some(bench);
        outcome.deltas = self.state.take_journal();
        outcome
    }

    /// Completes a late decision, and enters it for the day that the claim is retracted or somebody appeals. Gives it with the claim.
    fn say_late(
        &mut self,
        edition: &Edition,
        observed: &Observed<'_>,
        wanted: &Wanted,
        late: Late,
    ) -> Option<(Decision, Arc<str>)> {
        let Late { mut decision, inherited } = late;
        let keys = self.state.keys();
        let own = claim::known(edition, observed).map(|(claim, _)| claim).filter(|_| is_own(&decision));
        let by_key = |key: u64| self.in_force.as_ref()?.claim(edition, key);
        let claim = own.or_else(|| by_key(inherited.unwrap_or(wanted.key)))?;
        let (claim_key, author) = (keys.claim(&claim.id), observed.fact.author);
        decision.id = decision_id("late", &format!("{}\0{}\0{}", claim.id, claim.revision, decision.event));
        decision.at = wanted.since;
        if self.state.tell_author(author, keys.revised(claim_key, claim.revision), wanted.since) {
            decision.actions.extend(notice(&decision.actions, claim));
        }
        let actions = (1_u64 << decision.actions.len().min(63)) - 1;
        self.state.record(&Entry {
            decision: decision.id.as_str().into(),
            event: keys.late(observed.fact.id),
            author,
            author_name: decision.author.as_str().into(),
            channel: decision.channel,
            room: decision.room.as_deref().map(Arc::from),
            actions: decision.actions.iter().map(|action| action.kind.clone()).collect(),
            points: 0,
            at: decision.at,
            cluster: 0,
            claim: Some(Resting { claim: claim_key, event: decision.event.as_str().into(), actions }),
        });
        Some((decision, (*claim.id).into()))
    }
}

/// Whether what it is labelled for is what it says itself, and not what it passes on.
fn is_own(decision: &Decision) -> bool {
    let grounds = decision.reasons.iter().flat_map(|reason| &reason.signals);
    grounds.into_iter().any(|ground| &*ground.name == "claim.act")
}

/// Whether something was said of it already that a late look must not say again: it has such a label, or a label was taken back. Of
/// what is older than the ledger nobody knows that.
fn is_decided(observed: &Observed<'_>, since: Millis, state: &State) -> bool {
    let (key, ledger) = (observed.fact.id, state.ledger());
    let is_taken_back = |entry: &Entry| entry.claim.as_ref().is_some_and(|resting| resting.actions == 0);
    let says = |(entry, fate): (Entry, Fate)| {
        fate == Fate::Overturned || is_taken_back(&entry) || entry.actions.iter().any(claim::is_refuted)
    };
    observed.event.at < ledger.covers_since(since)
        || ledger.get(key).is_some_and(says)
        || ledger.get(state.keys().late(key)).is_some()
}

/// What the author is told: the claim, what the label says of it, and where to read more.
fn notice(actions: &[Action], claim: &Claim) -> Option<Action> {
    actions.iter().find_map(|action| match &action.kind {
        ActionKind::Label { code, text, .. } => {
            let said = text.as_deref().unwrap_or_default();
            let text = format!("“{}” {said} {}", claim.claim, claim.url);
            let kind = ActionKind::Notice { to: Recipient::Author, code: Arc::clone(code), text: Some(text.into()) };
            Some(Action { kind, reason: action.reason })
        }
        _ => None,
    })
}
