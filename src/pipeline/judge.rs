//! Judging: signals → rules → one decision with its reasons, in input order, on one thread.
//!
//! What judging writes (strikes, standing, the ledger, caps) is read by judging alone, so that the order of the input is
//! the only order there is.

use std::ops::Range;
use std::sync::Arc;

use crate::decision::{ActionKind, Decision, Ground, Reason, Shadow};
use crate::event::{Event, Millis, Relay};
use crate::neardup::{Mark, fingerprint, matched};
use crate::rules::{self, Rule, RuleIndex, Status};
use crate::signal::{Field, Signals, Slot, Span, Value};
use crate::state::{Board, Cap, Counts, Points, State};
use crate::text::Folded;

use super::claim;
use super::edition::Edition;
use super::ladder;
use super::observe::Observed;
use super::plan;
use super::remembered::Remembered;
use super::signals::{Known, Standing};

/// What judging leaves besides decisions, and what it is told besides the lane's own state.
#[derive(Default)]
pub(crate) struct Aside {
    /// Rules whose caps tripped.
    pub(crate) tripped: Vec<Arc<str>>,
    /// What other lanes are to be told.
    pub(crate) relays: Vec<Relay>,
    /// How authors stand that other lanes keep; where it is there, strikes go to their keepers.
    pub(crate) board: Option<Arc<Board>>,
}

/// What the judge uses again for every event of an edition.
pub(crate) struct Bench {
    edition: Arc<str>,
    signals: Signals,
    docket: Docket,
    judged: Vec<Arc<str>>,
}

/// From signals to a decision, wherever the signals come from.
#[derive(Default)]
pub(crate) struct Docket {
    rules: rules::Scratch,
    fired: Vec<RuleIndex>,
}

impl Docket {
    /// What the rules want, as one decision. A text of which the word lists could not see the end is decided on too, even
    /// if nothing fires: that a sense is missing is never passed over in silence.
    pub(crate) fn decide(
        &mut self,
        edition: &Edition,
        observed: &Observed<'_>,
        remembered: &Remembered<'_>,
        signals: &Signals,
        state: &mut State,
        aside: &mut Aside,
    ) -> Option<Decision> {
        let event = &observed.event;
        let is_cut = observed.hits.as_ref().is_some_and(|hits| hits.is_truncated());
        self.fired.clear();
        edition.rulebook.fire(event.channel, event.at, signals, &mut self.rules, &mut self.fired);
        if self.fired.is_empty() && !is_cut {
            return None;
        }
        let root = observed.event.forward_of.as_ref().and_then(|_| claim::inherited(event, state));
        let mut case = Case::new(edition, observed, remembered, signals, root);
        for &index in &self.fired {
            let rule = edition.rulebook.rule(index);
            let is_live = rule.status == Status::Live && within_cap(rule, event.at, state, &mut aside.tripped);
            case.add(rule, is_live);
        }
        if is_cut {
            case.decision.missing.push("keywords".into());
        }
        Some(case.close(state, aside))
    }
}

impl Docket {
    /// The same for what was said before a claim came into force: labels about refuted claims are given, marked as late, and
    /// nothing else is done. What the rules that want them rest on is all that counts: they have no strikes, and caps are for live
    /// traffic, but a rule that tripped is in shadow here too.
    fn decide_late(
        &mut self,
        edition: &Edition,
        observed: &Observed<'_>,
        remembered: &Remembered<'_>,
        signals: &Signals,
        (since, state): (Millis, &State),
    ) -> Option<Late> {
        let event = &observed.event;
        self.fired.clear();
        // It is acted on now: a rule that has expired since says nothing any more.
        let at = event.at.max(since);
        edition.rulebook.fire(event.channel, at, signals, &mut self.rules, &mut self.fired);
        let root = event.forward_of.as_ref().and_then(|_| claim::inherited(event, state));
        let inherited = root.as_ref().and_then(|root| root.claim);
        let mut case = Case::new(edition, observed, remembered, signals, root);
        for &index in &self.fired {
            let rule = edition.rulebook.rule(index);
            let is_tripped = state.caps().is_tripped(state.keys().rule(&rule.id), rule.revision);
            if rule.status == Status::Live && !is_tripped {
                case.add_late(rule, since);
            }
        }
        (!case.decision.actions.is_empty()).then_some(Late { decision: case.decision, inherited })
    }
}

/// What is said of a message long after it.
pub(crate) struct Late {
    pub(crate) decision: Decision,
    /// The key of the claim that what it passes on was labelled for.
    pub(crate) inherited: Option<u64>,
}

impl Bench {
    /// Judges an event that was published before a claim came into force, as it is stored.
    pub(crate) fn judge_late(
        &mut self,
        edition: &Edition,
        observed: &Observed<'_>,
        since: Millis,
        state: &State,
    ) -> Option<Late> {
        let counts = Counts::default();
        let remembered = Remembered::only(&counts);
        self.raise(edition, observed, &remembered, state, None);
        self.docket.decide_late(edition, observed, &remembered, &self.signals, (since, state))
    }

    pub(crate) fn new(edition: &Edition) -> Self {
        Self {
            edition: Arc::clone(&edition.id),
            signals: Signals::new(&edition.catalogue),
            docket: Docket::default(),
            judged: Vec::new(),
        }
    }

    /// Whether it was made for that edition.
    pub(crate) fn fits(&self, edition: &Edition) -> bool {
        self.edition == edition.id
    }

    /// Judges one event. `None` where nobody has anything to say, which is nearly always.
    pub(crate) fn judge(
        &mut self,
        edition: &Edition,
        observed: &Observed<'_>,
        remembered: &Remembered<'_>,
        state: &mut State,
        aside: &mut Aside,
    ) -> Option<Decision> {
        self.raise(edition, observed, remembered, state, aside.board.as_deref());
        self.docket.decide(edition, observed, remembered, &self.signals, state, aside)
    }

    /// Raises everything that is known of the event.
    fn raise(
        &mut self,
        edition: &Edition,
        observed: &Observed<'_>,
        remembered: &Remembered<'_>,
        state: &State,
        board: Option<&Board>,
    ) {
        let event = &observed.event;
        let standing = if edition.filler.reads_standing {
            let (author, channel, at) = (observed.fact.author, event.channel, event.at);
            let own = state.points(author, channel, at);
            // Whose standing is kept by another lane has none here.
            let elsewhere = board.filter(|_| own.strikes == 0).map(|board| board.points(author, channel, at));
            let Points { points, strikes } = elsewhere.unwrap_or(own);
            Standing { points, strikes }
        } else {
            Standing::default()
        };
        self.judged.clear();
        if let Some(cluster) = remembered.joined().filter(|_| edition.filler.reads_judged) {
            let mut kinds: Vec<&str> = state.ledger().judged(cluster).iter().map(ActionKind::name).collect();
            kinds.sort_unstable();
            kinds.dedup();
            self.judged.extend(kinds.into_iter().map(Arc::from));
        }
        let known_claim = claim::known(edition, observed);
        let asked = known_claim.filter(|_| edition.filler.reads_told);
        let told_hours = asked.and_then(|(claim, _)| claim::told_hours(observed, claim, state));
        let known = Known {
            event,
            shape: &observed.shape,
            hits: observed.hits.as_deref(),
            counts: remembered.counts,
            standing,
            trusted: edition.trusts(event),
            class: observed.class.as_ref(),
            twin: remembered.found.map(|found| &found.twin),
            copied: remembered.copied(),
            is_article: observed.mark.as_ref().is_some_and(Mark::is_article),
            is_own: remembered.is_own(observed),
            claim: known_claim,
            is_inherited: edition.filler.reads_inherited && claim::inherited(event, state).is_some(),
            doubts: observed.doubts,
            told_hours,
            judged: &self.judged,
        };
        self.signals.clear();
        edition.filler.fill(&known, &edition.matcher, &mut self.signals);
    }
}

/// Counts a firing against the rule's cap. False where the rule has fallen back to shadow.
fn within_cap(rule: &Rule, at: Millis, state: &mut State, tripped: &mut Vec<Arc<str>>) -> bool {
    let Some(per_hour) = rule.cap_per_hour else { return true };
    let key = state.keys().rule(&rule.id);
    match state.count_cap(key, rule.revision, per_hour.into(), at) {
        Cap::Allowed => true,
        Cap::Tripped => false,
        Cap::JustTripped => {
            tripped.push(Arc::clone(&rule.id));
            false
        }
    }
}

/// A decision in the making.
struct Case<'a> {
    decision: Decision,
    points: u32,
    is_trusted: bool,
    event: &'a Event<'a>,
    edition: &'a Edition,
    observed: &'a Observed<'a>,
    remembered: &'a Remembered<'a>,
    signals: &'a Signals,
    /// The label of the event that this one passes on.
    root: Option<claim::Root>,
}

impl<'a> Case<'a> {
    fn new(
        edition: &'a Edition,
        observed: &'a Observed<'a>,
        remembered: &'a Remembered<'a>,
        signals: &'a Signals,
        root: Option<claim::Root>,
    ) -> Self {
        let event = &observed.event;
        let decision = Decision {
            id: decision_id("event", &event.id),
            event: event.id.to_string(),
            channel: event.channel,
            author: event.author.to_string(),
            room: event.room.as_deref().map(str::to_owned),
            at: event.at,
            edition: Arc::clone(&edition.id),
            actions: Vec::new(),
            reasons: Vec::new(),
            missing: Vec::new(),
            shadow: Vec::new(),
        };
        Self {
            decision,
            points: 0,
            is_trusted: edition.trusts(event),
            event,
            edition,
            observed,
            remembered,
            signals,
            root,
        }
    }

    /// Adds what one rule wants. Where several rules strike, the heaviest alone counts: one offence, one strike.
    fn add(&mut self, rule: &Rule, is_live: bool) {
        let reason = Reason { rule: Arc::clone(&rule.id), signals: self.grounds(&rule.grounds) };
        let lang = self.event.lang.as_deref();
        let claim = claim::known(self.edition, self.observed);
        let root = self.root.as_ref();
        let wanted = rule.actions.iter().map(|spec| claim::told(spec.act(self.event.at, lang), claim, root));
        let mut wanted = wanted.filter(|kind| !(self.is_trusted && plan::restricts(kind))).peekable();
        if !is_live {
            self.decision.shadow.push(Shadow { reason, actions: wanted.collect() });
            return;
        }
        if wanted.peek().is_none() {
            return;
        }
        let index = self.decision.reasons.len() as u16;
        wanted.for_each(|kind| plan::add(&mut self.decision.actions, kind, index));
        self.decision.reasons.push(reason);
        if !self.is_trusted {
            self.points = self.points.max(rule.points);
        }
    }

    /// Adds the labels that a rule wants for a refuted claim, from `since` on.
    fn add_late(&mut self, rule: &Rule, since: Millis) {
        let reason = Reason { rule: Arc::clone(&rule.id), signals: self.grounds(&rule.grounds) };
        if !reason.signals.iter().any(|ground| ground.name.starts_with(OF_CLAIMS)) {
            return;
        }
        let (lang, root) = (self.event.lang.as_deref(), self.root.as_ref());
        let claim = claim::known(self.edition, self.observed);
        let wanted = rule.actions.iter().map(|spec| claim::told(spec.act(since, lang), claim, root));
        let index = self.decision.reasons.len() as u16;
        let before = self.decision.actions.len();
        for kind in wanted.filter(claim::is_refuted) {
            if let ActionKind::Label { code, text, link, until, .. } = kind {
                let label = ActionKind::Label { code, text, link, until, late: true };
                plan::add(&mut self.decision.actions, label, index);
            }
        }
        if self.decision.actions.len() > before {
            self.decision.reasons.push(reason);
        }
    }

    /// The raised signals of a condition, with the places in the text where they were found.
    fn grounds(&self, slots: &[Slot]) -> Vec<Ground> {
        let raised = slots.iter().filter(|&&slot| {
            let value = self.signals.get(slot);
            *value != Value::Missing && *value != self.edition.catalogue.definition(slot).default
        });
        let mut grounds: Vec<Ground> = raised.map(|&slot| self.ground(slot)).collect();
        let followed = self.event.forward_of.as_ref().or(self.event.reply_to.as_ref());
        if let Some(followed) = followed.filter(|_| grounds.iter().any(|ground| ground.name.starts_with(OF_RUMORS))) {
            grounds.push(told("rumor.of", followed.to_string(), Vec::new()));
        }
        if grounds.iter().any(|ground| ground.name.starts_with(OF_TWINS)) {
            self.add_sources(&mut grounds);
        }
        grounds
    }

    /// Says which message or article this one is a copy of, and where in this one that stands.
    fn add_sources(&self, grounds: &mut Vec<Ground>) {
        let text = &self.observed.event.text;
        let place = |range: Range<usize>| Span { field: Field::Text, start: range.start as u32, end: range.end as u32 };
        let spans = |first: &str| matched(text, first, SPANS_MAX).into_iter().map(|run| place(run.this)).collect();
        if let Some(original) = self.remembered.original() {
            grounds.push(told("twin.original", original.id, spans(&original.text)));
        } else if let Some(first) = self.remembered.first() {
            grounds.push(told("twin.cluster", first.id, spans(&first.text)));
        }
        if self.observed.mark.as_ref().is_some_and(Mark::is_article) {
            let mut folded = Folded::default();
            folded.fold(text);
            grounds.push(told("twin.simhash", format!("{:016x}", fingerprint(&folded)), Vec::new()));
        }
    }

    fn ground(&self, slot: Slot) -> Ground {
        let definition = self.edition.catalogue.definition(slot);
        let list = self.edition.filler.list_of(slot);
        let is_any = &*definition.name == ANY_LIST;
        let hits =
            self.observed.hits.as_deref().into_iter().flat_map(|hits| hits.all().iter().map(move |hit| (hits, hit)));
        let found = hits.filter(|(_, hit)| is_any || Some(hit.list) == list).flat_map(|(hits, hit)| hits.spans(hit));
        let mut spans: Vec<_> = found.copied().collect();
        spans.extend(claim::span(&definition.name, self.observed));
        spans.sort_unstable();
        spans.dedup();
        spans.truncate(SPANS_MAX);
        Ground { name: Arc::clone(&definition.name), value: self.signals.get(slot).clone(), spans }
    }

    /// Adds the author's points, the ladder's step, and the entry that a verdict will need.
    fn close(mut self, state: &mut State, aside: &mut Aside) -> Decision {
        let observed = self.observed;
        let strikes = self.points > 0;
        if strikes && aside.board.is_some() {
            aside.relays.extend(ladder::relayed(self.edition, observed, self.points));
        }
        let step = (strikes && aside.board.is_none())
            .then(|| ladder::strike(self.edition, observed, self.points, &mut self.decision, state));
        if !self.decision.actions.is_empty() {
            let (step, began) = (step.flatten(), self.remembered.began());
            let claim = claim::known(self.edition, observed);
            let resting = claim::resting(&self.decision, step, claim, self.root.as_ref(), state.keys());
            claim::note_told(&self.decision, observed, claim, state);
            ladder::enter(observed, began, self.points, step, resting, &self.decision, state);
        }
        self.decision
    }
}

/// Whether rules did anything about it, besides telling people of a burst: that must not feed the burst.
pub(crate) fn has_acted(decision: &Decision) -> bool {
    let of_trend = |reason: &Reason| reason.signals.iter().any(|ground| ground.name.starts_with(OF_TRENDS));
    decision
        .actions
        .iter()
        .any(|action| decision.reasons.get(usize::from(action.reason)).is_some_and(|of| !of_trend(of)))
}

/// What the signals about bursts begin with.
const OF_TRENDS: &str = "trend.";

/// What the signals begin with that are about the event which is passed on or answered.
const OF_RUMORS: &str = "rumor.";

/// What the signals about claims begin with.
const OF_CLAIMS: &str = "claim.";

/// What the signals of near-duplicates begin with.
const OF_TWINS: &str = "twin.";

/// What no rule reads and people must know.
fn told(name: &str, value: String, spans: Vec<Span>) -> Ground {
    Ground { name: name.into(), value: Value::Text(value.into()), spans }
}

/// The signal that counts the hits of all lists: all of them are where it was found.
const ANY_LIST: &str = "words.any";

/// Places that one ground may name; a text that repeats a word a thousand times is explained as well by the first ones.
const SPANS_MAX: usize = 64;

/// The id of a decision: the same for the same record, whoever decides and however often.
pub(crate) fn decision_id(kind: &str, record: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(kind.as_bytes()).update(&[0]).update(record.as_bytes());
    format!("d-{}", &hasher.finalize().to_hex()[..24])
}
