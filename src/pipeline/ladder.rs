//! Stepped penalties: points add up to steps, and a reviewer's word takes them back.

use std::sync::Arc;

use crate::decision::{Action, ActionKind, Decision, Ground, Reason};
use crate::event::{Event, Verdict};
use crate::rules::{self, Penalties};
use crate::signal::Value;
use crate::state::{Entry, Reversal, State, Step, Strike};

use super::edition::Edition;
use super::judge::decision_id;
use super::observe::Observed;
use super::plan;

/// Adds a strike to the author's name and, where that reaches a step, the step's actions to the decision.
pub(crate) fn strike(
    edition: &Edition,
    observed: &Observed<'_>,
    points: u32,
    decision: &mut Decision,
    state: &mut State,
) {
    let (event, fact) = (&observed.event, &observed.fact);
    let Some(penalties) = edition.ladder.of(event.channel) else { return };
    let before = state.points(fact.author, event.channel, event.at).points;
    let expires_at = event.at.saturating_add(penalties.expires_ms);
    let strike = Strike { event: fact.id, channel: event.channel, points, at: event.at, expires_at };
    let after = state.add_strike(fact.author, strike).points;
    if let Some(step) = due(penalties, before, after) {
        let actions = add_step(step, after, event, decision);
        let decision = decision.id.as_str().into();
        let (channel, at) = (event.channel, event.at);
        state.impose(fact.author, &Step { channel, at_points: step.at, event: fact.id, decision, actions, at });
    }
}

/// The step that going from `before` to `after` points reaches: the highest one passed, and once at the top, the top one
/// again each time.
fn due(penalties: &Penalties, before: u32, after: u32) -> Option<&rules::Step> {
    let step = penalties.steps.iter().rev().find(|step| step.at <= after)?;
    let is_top = penalties.steps.last().is_some_and(|top| top.at == step.at);
    (step.at > before || is_top).then_some(step)
}

/// Adds a step's actions with their reason, and gives them for the day that they must be undone.
fn add_step(step: &rules::Step, points: u32, event: &Event<'_>, decision: &mut Decision) -> Vec<ActionKind> {
    let reason = decision.reasons.len() as u16;
    decision.reasons.push(Reason {
        rule: format!("ladder.{}.{}", event.channel, step.at).into(),
        signals: vec![Ground { name: "author.points".into(), value: Value::Int(points.into()), spans: Vec::new() }],
    });
    let actions: Vec<_> = step.actions.iter().map(|spec| spec.act(event.at, event.lang.as_deref())).collect();
    actions.iter().for_each(|kind| plan::add(&mut decision.actions, kind.clone(), reason));
    actions
}

/// Enters what the rules did to an event, for the day that somebody appeals. The ladder's actions are not among it:
/// they rest on the sum of the points, and stay where that sum stays high enough.
pub(crate) fn enter(observed: &Observed<'_>, points: u32, actions: &[Action], decision: &Decision, state: &mut State) {
    state.record(&Entry {
        decision: decision.id.as_str().into(),
        event: observed.fact.id,
        author: observed.fact.author,
        author_name: decision.author.as_str().into(),
        channel: decision.channel,
        room: decision.room.as_deref().map(Arc::from),
        actions: actions.iter().map(|action| action.kind.clone()).collect(),
        points,
        at: decision.at,
    });
}

/// What goes out when a decision is overturned: everything of it that can be undone, and every step of the ladder that
/// its author no longer has the points for, whichever decision imposed it.
pub(crate) fn restore(edition: &Edition, verdict: &Verdict, reversal: &Reversal) -> Decision {
    let entry = &reversal.entry;
    let mut actions = Vec::new();
    undo(&mut actions, &entry.decision, &entry.actions);
    for step in &reversal.lifted {
        undo(&mut actions, &step.decision, &step.actions);
    }
    let ground =
        |name: &str, value: &str| Ground { name: name.into(), value: Value::Text(value.into()), spans: Vec::new() };
    Decision {
        id: decision_id("verdict", &verdict.event),
        event: verdict.event.clone(),
        channel: entry.channel,
        author: entry.author_name.to_string(),
        room: entry.room.as_deref().map(str::to_owned),
        at: verdict.at,
        edition: Arc::clone(&edition.id),
        actions,
        reasons: vec![Reason { rule: "verdict".into(), signals: vec![ground("verdict.by", &verdict.by)] }],
        missing: Vec::new(),
        shadow: Vec::new(),
    }
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
