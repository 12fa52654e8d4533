//! Stepped penalties: points add up to steps, and a reviewer's word takes them back.

use std::sync::Arc;

use crate::claims::Claim;
use crate::decision::{Action, ActionKind, Decision, Ground, Reason};
use crate::event::{Channel, Millis, Relay, Verdict};
use crate::rules::{self, Penalties};
use crate::signal::Value;
use crate::state::{Entry, Resting, Reversal, State, Step, Strike};

use super::edition::Edition;
use super::judge::decision_id;
use super::observe::Observed;
use super::plan;

/// Adds a strike to the author's name and, where that reaches a step, the step's actions to the decision. Gives the
/// reason under which they stand there.
pub(crate) fn strike(
    edition: &Edition,
    observed: &Observed<'_>,
    points: u32,
    decision: &mut Decision,
    state: &mut State,
) -> Option<u16> {
    let (event, fact) = (&observed.event, &observed.fact);
    let penalties = edition.ladder.of(event.channel)?;
    let before = state.points(fact.author, event.channel, event.at).points;
    let expires_at = event.at.saturating_add(penalties.expires_ms);
    let strike = Strike { event: fact.id, channel: event.channel, points, at: event.at, expires_at };
    let after = state.add_strike(fact.author, strike).points;
    let step = due(penalties, before, after)?;
    let reason = add_step(step, after, (event.channel, event.at, event.lang.as_deref()), decision);
    let actions = resting_on(decision, |of| of == reason);
    let decision = decision.id.as_str().into();
    let (channel, at) = (event.channel, event.at);
    state.impose(fact.author, &Step { channel, at_points: step.at, event: fact.id, decision, actions, at });
    Some(reason)
}

/// The step that going from `before` to `after` points reaches: the highest one passed, and once at the top, the top one
/// again each time.
fn due(penalties: &Penalties, before: u32, after: u32) -> Option<&rules::Step> {
    let step = penalties.steps.iter().rev().find(|step| step.at <= after)?;
    let is_top = penalties.steps.last().is_some_and(|top| top.at == step.at);
    (step.at > before || is_top).then_some(step)
}

/// Adds a step's actions and gives their reason.
fn add_step(
    step: &rules::Step,
    points: u32,
    (channel, at, lang): (Channel, Millis, Option<&str>),
    decision: &mut Decision,
) -> u16 {
    let reason = decision.reasons.len() as u16;
    decision.reasons.push(Reason {
        rule: format!("ladder.{channel}.{}", step.at).into(),
        signals: vec![Ground { name: "author.points".into(), value: Value::Int(points.into()), spans: Vec::new() }],
    });
    let actions = step.actions.iter().map(|spec| spec.act(at, lang));
    actions.for_each(|kind| plan::add_step(&mut decision.actions, kind, reason));
    reason
}

/// What goes out for the reasons asked for, for the day that it must be undone. Rules and ladder may wish for actions of
/// one sort; then one of the wishes goes out, and what never went out is nobody's to undo.
fn resting_on(decision: &Decision, asked: impl Fn(u16) -> bool) -> Vec<ActionKind> {
    decision.actions.iter().filter(|action| asked(action.reason)).map(|action| action.kind.clone()).collect()
}

/// A strike on its way to the lane that keeps the author's standing; `None` where the channel has no ladder.
pub(crate) fn relayed(edition: &Edition, observed: &Observed<'_>, points: u32) -> Option<Relay> {
    let event = &observed.event;
    edition.ladder.of(event.channel)?;
    Some(Relay::Strike {
        event: event.id.to_string(),
        channel: event.channel,
        author: event.author.to_string(),
        room: event.room.as_deref().map(str::to_owned),
        lang: event.lang.as_deref().map(str::to_owned),
        points,
        at: event.at,
    })
}

/// What the keeper of the author's standing is told when a decision that struck is overturned.
pub(crate) fn revoked(verdict: &Verdict, entry: &Entry) -> Relay {
    Relay::Revoke {
        event: verdict.event.clone(),
        channel: entry.channel,
        author: entry.author_name.to_string(),
        room: entry.room.as_deref().map(str::to_owned),
        by: verdict.by.clone(),
        at: verdict.at,
    }
}

/// Adds a relayed strike to its author's name and, where that reaches a step, gives the step's actions as a decision of their
/// own: the one of the message is out, and has its own id.
pub(crate) fn keep(edition: &Edition, relay: &Relay, state: &mut State) -> Option<Decision> {
    let Relay::Strike { event, channel, author, lang, points, at, .. } = relay else { return None };
    let (channel, at) = (*channel, *at);
    let penalties = edition.ladder.of(channel)?;
    let (key, event_key) = (state.keys().author(author), state.keys().event(event));
    let before = state.points(key, channel, at).points;
    let expires_at = at.saturating_add(penalties.expires_ms);
    let strike = Strike { event: event_key, channel, points: *points, at, expires_at };
    let after = state.add_strike(key, strike).points;
    let step = due(penalties, before, after)?;
    let mut decision = bare(edition, decision_id("ladder", event), relay)?;
    add_step(step, after, (channel, at, lang.as_deref()), &mut decision);
    let actions = resting_on(&decision, |_| true);
    let id = decision.id.as_str().into();
    state.impose(key, &Step { channel, at_points: step.at, event: event_key, decision: id, actions, at });
    Some(decision)
}

/// Takes a relayed strike back and gives the steps that are lifted with it as a decision; `None` where none are.
pub(crate) fn lift(edition: &Edition, relay: &Relay, state: &mut State) -> Option<Decision> {
    let Relay::Revoke { event, channel, author, by, at, .. } = relay else { return None };
    let (key, event_key) = (state.keys().author(author), state.keys().event(event));
    let lifted = state.revoke(key, *channel, event_key, *at);
    let mut actions = Vec::new();
    for step in &lifted {
        undo(&mut actions, &step.decision, &step.actions);
    }
    let decision = bare(edition, decision_id("ladder.verdict", event), relay)?;
    (!actions.is_empty()).then(|| Decision { actions, reasons: vec![verdict_by(by)], ..decision })
}

/// A decision on the author of a relayed message, with nothing in it yet.
fn bare(edition: &Edition, id: String, relay: &Relay) -> Option<Decision> {
    let (Relay::Strike { event, channel, author, room, at, .. }
    | Relay::Revoke { event, channel, author, room, at, .. }) = relay
    else {
        return None;
    };
    Some(Decision {
        id,
        event: event.clone(),
        channel: *channel,
        author: author.clone(),
        room: room.clone(),
        at: *at,
        edition: Arc::clone(&edition.id),
        actions: Vec::new(),
        reasons: Vec::new(),
        missing: Vec::new(),
        shadow: Vec::new(),
    })
}

/// The reason of whatever a verdict undoes.
fn verdict_by(by: &str) -> Reason {
    let ground = Ground { name: "verdict.by".into(), value: Value::Text(by.into()), spans: Vec::new() };
    Reason { rule: "verdict".into(), signals: vec![ground] }
}

/// Enters what the rules did to an event, for the day that somebody appeals. What went out for the ladder's reason, if
/// there is one, is not among it: that rests on the sum of the points, and stays where the sum stays high enough.
/// `began` is the cluster of near-duplicates that the event began.
pub(crate) fn enter(
    observed: &Observed<'_>,
    began: Option<u64>,
    points: u32,
    ladder: Option<u16>,
    claim: Option<Resting>,
    decision: &Decision,
    state: &mut State,
) {
    state.record(&Entry {
        decision: decision.id.as_str().into(),
        event: observed.fact.id,
        author: observed.fact.author,
        author_name: decision.author.as_str().into(),
        channel: decision.channel,
        room: decision.room.as_deref().map(Arc::from),
        actions: resting_on(decision, |reason| Some(reason) != ladder),
        points,
        at: decision.at,
        cluster: began.unwrap_or(0),
        claim,
    });
}

/// What goes out when what was decided on an event is overturned: everything that rules did and that can be undone, at once and
/// later, and every step of the ladder that is lifted with it, whichever decision imposed it. `None` if that is nothing: the points
/// are gone all the same.
pub(crate) fn restore(edition: &Edition, verdict: &Verdict, reversals: &[Reversal]) -> Option<Decision> {
    let entry = &reversals.first()?.entry;
    let actions: Vec<Action> = reversals.iter().flat_map(undone).collect();
    if actions.is_empty() {
        return None;
    }
    Some(taken_back(edition, "verdict", &verdict.event, entry, verdict.at, actions, verdict_by(&verdict.by)))
}

/// What goes out when the claim is retracted that a decision rests on. The same event may have one for what was said of it at once,
/// and another for what was said later.
pub(crate) fn retracted(edition: &Edition, claim: &Claim, reversal: &Reversal, at: Millis) -> Option<Decision> {
    let actions = undone(reversal);
    let event = &reversal.entry.claim.as_ref()?.event;
    if actions.is_empty() {
        return None;
    }
    let signals = vec![ground("claim.id", &claim.id), ground("claim.authority", &claim.authority)];
    let reason = Reason { rule: "claim.retracted".into(), signals };
    let restored = taken_back(edition, "retraction", event, &reversal.entry, at, actions, reason);
    let id = decision_id("retraction", &format!("{}\0{}", reversal.entry.decision, claim.revision));
    Some(Decision { id, ..restored })
}

fn taken_back(
    edition: &Edition,
    kind: &str,
    event: &str,
    entry: &Entry,
    at: Millis,
    actions: Vec<Action>,
    reason: Reason,
) -> Decision {
    Decision {
        id: decision_id(kind, event),
        event: event.to_owned(),
        channel: entry.channel,
        author: entry.author_name.to_string(),
        room: entry.room.as_deref().map(str::to_owned),
        at,
        edition: Arc::clone(&edition.id),
        actions,
        reasons: vec![reason],
        missing: Vec::new(),
        shadow: Vec::new(),
    }
}

/// A ground that is a text.
fn ground(name: &str, value: &str) -> Ground {
    Ground { name: name.into(), value: Value::Text(value.into()), spans: Vec::new() }
}

/// What is undone of a decision and of the steps that are lifted with it.
fn undone(reversal: &Reversal) -> Vec<Action> {
    let mut actions = Vec::new();
    undo(&mut actions, &reversal.entry.decision, &reversal.entry.actions);
    for step in &reversal.lifted {
        undo(&mut actions, &step.decision, &step.actions);
    }
    actions
}

/// Adds to what is undone of one decision.
fn undo(actions: &mut Vec<Action>, decision: &Arc<str>, done: &[ActionKind]) {
    let more = done.iter().filter(|kind| plan::is_undone(kind)).cloned();
    for action in actions.iter_mut() {
        if let ActionKind::Restore { decision: known, undone } = &mut action.kind
            && known == decision
        {
            return undone.extend(more);
        }
    }
    let undone: Vec<_> = more.collect();
    if !undone.is_empty() {
        let kind = ActionKind::Restore { decision: Arc::clone(decision), undone };
        actions.push(Action { kind, reason: 0 });
    }
}

/// What a verdict is refused with when no decision is held that it could be about.
pub(crate) fn unknown_event(verdict: &Verdict) -> String {
    format!(
        "no open decision is held on event \"{}\": nothing was done about it, it is older than state.ledger_days, or it \
         was overturned before",
        verdict.event
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::Scope;
    use crate::event::{Outcome as Says, Record};
    use crate::pipeline::edition::{BuildOptions, Sources};
    use crate::pipeline::engine::{Engine, Outcome};
    use crate::pipeline::observe::{ObserveScratch, observe};
    use crate::state::{Keys, Options};

    const HOUR: Millis = 3_600_000;

    /// A rule for each length of text: what it does, and its points.
    const RULES: &[(usize, &str, u32)] = &[
        (2, "{fold: {level: 1}}", 2),
        (3, "{fold: {level: 1}}, {limit: {scope: author, for: 10m}}", 1),
        (4, "{fold: {level: 1}}, {limit: {scope: author, for: 48h}}", 1),
        (5, "{fold: {level: 1}}, {limit: {scope: author, for: 1h}}", 1),
        (6, "{notice: {to: author, code: hint}}", 2),
    ];

    const LADDER: &str = "post:\n  expires: 90d\n  steps:\n    - {at: 3, do: [{limit: {scope: author, for: 1h}}]}\n    \
                          - {at: 6, do: [{limit: {scope: author, for: 24h}}]}\n";

    fn edition() -> Edition {
        let rule = |&(chars, does, points): &(usize, &str, u32)| {
            format!(
                "- id: test.chars_{chars}\n  when: text.chars == {chars}\n  do: [{does}]\n  \
                 points: {points}\n  owner: tests\n  expires: 2099-01-01\n  status: live\n  \
                 tests: [{{text: {}, expect: fires}}, {{text: a, expect: silent}}]\n",
                "a".repeat(chars)
            )
        };
        let mut sources = Sources::default();
        sources.base.add("rules.yaml".as_ref(), "rules.yaml", &RULES.iter().map(rule).collect::<String>());
        sources.base.add("ladder.yaml".as_ref(), "ladder.yaml", LADDER);
        let (edition, problems) = Edition::build(&sources, &BuildOptions::default());
        edition.unwrap_or_else(|| panic!("{problems:#?}"))
    }

    /// One author who says such texts, one an hour, and a reviewer. Each message is named by the hour.
    struct Play {
        edition: Edition,
        engine: Engine,
        hour: Millis,
    }

    impl Play {
        fn after(texts: &[usize]) -> Self {
            let engine = Engine::new(State::new(&Options::default(), Keys::new(b"test")));
            let mut play = Self { edition: edition(), engine, hour: 0 };
            texts.iter().for_each(|&chars| drop(play.say(chars)));
            play
        }

        fn take(&mut self, record: Record<'_>) -> Outcome {
            let item = observe(&self.edition, record, &Keys::new(b"test"), &mut ObserveScratch::default());
            self.engine.process(&self.edition, &[vec![item]]).expect("no stored text is read")
        }

        /// What is done about a message, with the reasons.
        fn say(&mut self, chars: usize) -> Decision {
            self.hour += 1;
            let (id, text, at) = (self.hour, "a".repeat(chars), self.hour * HOUR);
            let json = format!(r#"{{"id":"{id}","channel":"post","author":"ann","at":{at},"text":"{text}"}}"#);
            let mut outcome = self.take(Record::Event(serde_json::from_str(&json).unwrap()));
            outcome.decisions.pop().expect("each of them is decided on")
        }

        fn verdict(&mut self, hour: Millis, outcome: Says) -> Outcome {
            let (event, by, at) = (hour.to_string(), "rita".to_string(), self.hour * HOUR);
            self.take(Record::Verdict(Verdict { event, outcome, by, at }))
        }

        /// The limits that go when a message is overturned: of which message, and until which hour they were.
        fn overturn(&mut self, hour: Millis) -> Vec<(Millis, Millis)> {
            let outcome = self.verdict(hour, Says::Overturned);
            let mut limits = Vec::new();
            for action in outcome.decisions.iter().flat_map(|decision| &decision.actions) {
                let ActionKind::Restore { decision, undone } = &action.kind else { panic!("{action:?}") };
                let of = (1..=self.hour).find(|hour| decision_id("event", &hour.to_string()) == **decision).unwrap();
                limits.extend(undone.iter().filter_map(until).map(|until| (of, until)));
            }
            limits
        }
    }

    /// The hour until which an author is limited.
    fn until(kind: &ActionKind) -> Option<Millis> {
        match kind {
            ActionKind::Limit { scope: Scope::Author, until, .. } => until.map(|at| at / HOUR),
            _ => None,
        }
    }

    #[test]
    fn a_verdict_undoes_what_went_out_and_nothing_else() {
        // What was said; then each overturned message with the limits that go, of which message and until when.
        type Case<'a> = (&'a [usize], &'a [(Millis, &'a [(Millis, Millis)])]);
        let cases: &[Case<'_>] = &[
            // The step's hour swallowed the rule's ten minutes, and stays while the points do.
            (&[2, 3, 2], &[(2, &[]), (3, &[(2, 3)])]),
            (&[2, 3], &[(1, &[(2, 3)]), (2, &[])]),
            // The rule's two days swallowed the step's hour: they are the rule's, whatever becomes of the step.
            (&[2, 4, 2], &[(2, &[(2, 50)]), (3, &[])]),
            (&[2, 4], &[(1, &[]), (2, &[(2, 50)])]),
            // The same hour for both stays with the step.
            (&[2, 5, 2], &[(2, &[]), (3, &[(2, 3)])]),
            // The top, twice: below its points both go; at them only that of the message itself.
            (&[2, 2, 2, 3], &[(3, &[(3, 27), (4, 28)]), (4, &[])]),
            (&[2, 2, 2, 2], &[(3, &[(3, 27)]), (4, &[(4, 28)]), (1, &[(2, 3)])]),
            (&[2, 2, 2, 2], &[(4, &[(4, 28)]), (3, &[(3, 27)])]),
        ];
        for (said, verdicts) in cases {
            let mut play = Play::after(said);
            for (hour, limits) in *verdicts {
                assert_eq!(play.overturn(*hour), *limits, "{hour} of {said:?}");
            }
        }
    }

    #[test]
    fn a_verdict_with_nothing_to_undo_sends_nothing_and_takes_the_points_back() {
        let mut play = Play::after(&[6]);
        let outcome = play.verdict(1, Says::Overturned);
        assert_eq!((outcome.decisions, outcome.rejected, outcome.tally.verdicts), (vec![], vec![], 1));
        assert!(play.say(3).actions.iter().all(|action| until(&action.kind) != Some(3)), "the two points are gone");
        for says in [Says::Overturned, Says::Upheld] {
            let again = play.verdict(1, says);
            assert_eq!(
                (again.decisions.len(), again.tally.verdicts, again.rejected[0].1.code),
                (0, 0, "unknown_event")
            );
        }
    }

    #[test]
    fn one_limit_goes_out_with_the_reason_that_it_rests_on() {
        for (chars, rule, hours) in [(3, "ladder.post.3", 1), (4, "test.chars_4", 48), (5, "ladder.post.3", 1)] {
            let decision = Play::after(&[2]).say(chars);
            let limits = decision.actions.iter().filter_map(|action| Some((action.reason, until(&action.kind)?)));
            let named = |(reason, until): (u16, Millis)| (&*decision.reasons[usize::from(reason)].rule, until - 2);
            assert_eq!(limits.map(named).collect::<Vec<_>>(), [(rule, hours)]);
        }
    }

    fn penalties(steps: &[u32]) -> Penalties {
        let step = |&at: &u32| rules::Step { at, actions: Vec::new(), file: "ladder.yaml".into(), line: 0 };
        Penalties { expires_ms: i64::MAX, steps: steps.iter().map(step).collect() }
    }

    #[test]
    fn a_step_is_due_when_it_is_passed_and_the_top_one_every_time() {
        let penalties = penalties(&[2, 4, 8]);
        let cases = [
            (0, 1, None),
            (1, 2, Some(2)),
            (2, 3, None),
            (0, 5, Some(4)),
            (5, 7, None),
            (7, 8, Some(8)),
            (8, 9, Some(8)),
        ];
        for (before, after, expected) in cases {
            assert_eq!(due(&penalties, before, after).map(|step| step.at), expected, "{before} → {after}");
        }
    }
}
