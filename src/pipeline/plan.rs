//! From many rules' wishes to one list of actions: what is asked twice is done once, and the stronger wish stands.

use crate::decision::{Action, ActionKind, Scope};
use crate::event::Millis;

/// Adds an action unless a stronger one of its sort is there; takes the place of a weaker one.
///
/// The sort of an action is its kind together with what it is about: a limit's scope, a label's code, a queue, a notice's
/// recipient and code. The order of the list is that in which its sorts were first asked for.
pub(crate) fn add(actions: &mut Vec<Action>, kind: ActionKind, reason: u16) {
    merge(actions, kind, reason, false);
}

/// The same for an action of the ladder. Of two equal limits the ladder's stands: a verdict on this one event may leave
/// the step in force, and must then leave the limit.
pub(crate) fn add_step(actions: &mut Vec<Action>, kind: ActionKind, reason: u16) {
    let wins_ties = matches!(kind, ActionKind::Limit { .. });
    merge(actions, kind, reason, wins_ties);
}

fn merge(actions: &mut Vec<Action>, kind: ActionKind, reason: u16, wins_ties: bool) {
    let Some(action) = actions.iter_mut().find(|action| same_sort(&action.kind, &kind)) else {
        return actions.push(Action { kind, reason });
    };
    let (new, old) = (strength(&kind), strength(&action.kind));
    if new > old || (wins_ties && new == old) {
        *action = Action { kind, reason };
    }
}

/// Whether an action takes something away from the message or its author: what a protected account is spared, and what
/// a reviewer's word can give back.
pub(crate) fn restricts(kind: &ActionKind) -> bool {
    matches!(kind, ActionKind::Fold { .. } | ActionKind::Limit { .. })
}

/// Whether an overturned decision has it undone: what restricts, and what was said beside the message. A notice cannot
/// be unsaid, and a place in a queue has served.
pub(crate) fn is_undone(kind: &ActionKind) -> bool {
    restricts(kind) || matches!(kind, ActionKind::Label { .. })
}

fn same_sort(a: &ActionKind, b: &ActionKind) -> bool {
    use ActionKind as K;
    #[expect(clippy::match_same_arms, reason = "a line for each kind; that two compare alike is chance")]
    match (a, b) {
        (K::Fold { .. }, K::Fold { .. }) => true,
        (K::Limit { scope: a, .. }, K::Limit { scope: b, .. }) => a == b,
        (K::Label { code: a, .. }, K::Label { code: b, .. }) => a == b,
        (K::Review { queue: a }, K::Review { queue: b }) => a == b,
        (K::Notice { to: a, code: c, .. }, K::Notice { to: b, code: d, .. }) => (a, c) == (b, d),
        (K::Restore { decision: a, .. }, K::Restore { decision: b, .. }) => a == b,
        _ => false,
    }
}

/// Compared only within a sort: the level of a fold, how little a limit leaves and for how long, how long a label stays.
fn strength(kind: &ActionKind) -> (u32, Millis) {
    let forever = |until: &Option<Millis>| until.unwrap_or(Millis::MAX);
    match kind {
        ActionKind::Fold { level } => (u32::from(*level), 0),
        ActionKind::Limit { factor, until, .. } => (taken_away(*factor), forever(until)),
        ActionKind::Label { until, .. } => (0, forever(until)),
        ActionKind::Review { .. } | ActionKind::Notice { .. } | ActionKind::Restore { .. } => (0, 0),
    }
}

/// Thousandths of what is taken away; a limit without a factor takes all.
fn taken_away(factor: Option<f64>) -> u32 {
    let left = factor.unwrap_or(0.0).clamp(0.0, 1.0);
    ((1.0 - left) * 1000.0).round() as u32
}

/// The name under which a limit's scope is counted.
pub(crate) fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Reach => "reach",
        Scope::Forward => "forward",
        Scope::Reply => "reply",
        Scope::Author => "author",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(factor: f64, until: Option<Millis>) -> ActionKind {
        ActionKind::Limit { scope: Scope::Reach, factor: Some(factor), until }
    }

    fn label(code: &str) -> ActionKind {
        ActionKind::Label { code: code.into(), text: None, link: None, until: None, late: false }
    }

    #[test]
    fn the_stronger_wish_stands_whatever_the_order() {
        let cases: &[(ActionKind, ActionKind)] = &[
            (ActionKind::Fold { level: 1 }, ActionKind::Fold { level: 3 }),
            (limit(0.5, None), limit(0.1, Some(1))),
            (limit(0.5, Some(10)), limit(0.5, Some(20))),
            (limit(0.5, Some(10)), limit(0.5, None)),
        ];
        for (weak, strong) in cases {
            for order in [[weak, strong], [strong, weak]] {
                let mut actions = Vec::new();
                order.iter().enumerate().for_each(|(i, kind)| add(&mut actions, (*kind).clone(), i as u16));
                assert_eq!(actions.len(), 1);
                assert_eq!(&actions[0].kind, strong);
            }
        }
    }

    #[test]
    fn different_sorts_stand_side_by_side() {
        let mut actions = Vec::new();
        for kind in [label("a"), label("b"), label("a"), ActionKind::Fold { level: 1 }] {
            add(&mut actions, kind, 0);
        }
        assert_eq!(actions.len(), 3);
    }
}
