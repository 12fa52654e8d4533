//! Strikes, steps, the ledger and caps.

use std::sync::Arc;

use super::*;
use crate::decision::{ActionKind, Scope};

/// Points for an event, for 90 days.
pub(super) fn strike(event: u64, points: u32, at: Millis) -> Strike {
    Strike { event, channel: Channel::Post, points, at, expires_at: at + 90 * DAY }
}

fn entry(event: u64, author: u64, at: Millis) -> Entry {
    Entry {
        decision: format!("d{event}").into(),
        event,
        author,
        author_name: "alice".into(),
        channel: Channel::Post,
        room: Some("room".into()),
        actions: vec![ActionKind::Fold { level: 2 }, mute(at)],
        points: 2,
        at,
        cluster: event,
        claim: event.is_multiple_of(2).then(|| Resting { claim: event % 3, event: "e".into(), actions: 1 }),
    }
}

fn mute(at: Millis) -> ActionKind {
    ActionKind::Limit { scope: Scope::Author, factor: Some(0.1 + 0.2), until: Some(at + DAY) }
}

fn step(at_points: u32, event: u64, at: Millis) -> Step {
    Step { channel: Channel::Post, at_points, event, decision: format!("d{event}").into(), actions: vec![mute(at)], at }
}

/// What judging might do about an event.
pub(super) fn act(state: &mut State, rng: &mut fastrand::Rng, fact: &Fact) {
    state.record(&entry(fact.id, fact.author, fact.at));
    let short = Strike { expires_at: fact.at + rng.i64(0..2 * DAY), ..strike(fact.id, rng.u32(1..4), fact.at) };
    let points = state.add_strike(fact.author, short).points;
    if points >= 3 {
        state.impose(fact.author, &step(points, fact.id, fact.at));
    }
    state.count_cap(rng.u64(0..5), rng.u64(0..2), 3, fact.at);
    match rng.u32(0..4) {
        0 => drop(state.overturn(fact.id, fact.at + 1000)),
        1 => drop(state.uphold(fact.id)),
        _ => (),
    }
}

#[test]
fn strikes_add_up_within_their_channel_until_they_expire() {
    let mut state = state();
    assert_eq!(state.add_strike(1, strike(10, 2, T0)), Points { points: 2, strikes: 1 });
    assert_eq!(state.add_strike(1, strike(11, 3, T0 + DAY)), Points { points: 5, strikes: 2 });
    assert_eq!(state.add_strike(1, strike(11, 3, T0 + DAY)), Points { points: 5, strikes: 2 }, "an event strikes once");
    let group = Strike { channel: Channel::Group, ..strike(12, 7, T0) };
    assert_eq!(state.add_strike(1, group), Points { points: 7, strikes: 1 });
    assert_eq!(state.points(1, Channel::Post, T0 + 90 * DAY), Points { points: 3, strikes: 1 });
    assert_eq!(state.points(1, Channel::Post, T0 + 91 * DAY), Points::default());
    assert_eq!(state.points(2, Channel::Post, T0), Points::default());
}

#[test]
fn a_reversal_takes_back_the_strike_and_lifts_the_steps_that_rested_on_it() {
    let mut state = state();
    for (event, points) in [(10, 2), (11, 2), (12, 1)] {
        state.add_strike(1, strike(event, points, T0));
        state.record(&entry(event, 1, T0));
    }
    state.impose(1, &step(2, 10, T0));
    state.impose(1, &step(4, 11, T0));
    state.impose(1, &step(4, 12, T0));
    assert_eq!(in_force(&state), [10, 11, 12]);

    let reversal = state.overturn(10, T0 + 5).unwrap();
    assert_eq!(reversal.entry, entry(10, 1, T0));
    assert_eq!(reversal.lifted, [step(4, 11, T0), step(4, 12, T0)]);
    assert_eq!(in_force(&state), [10], "the only one to impose a step that has its points");
    assert_eq!(reversal.points, Points { points: 3, strikes: 2 });
    assert_eq!(state.overturn(10, T0 + 6), None, "once");
    assert!(!state.uphold(10) && state.uphold(11));
    assert_eq!(state.ledger().get(11).unwrap().1, Fate::Upheld);
    assert!(state.overturn(11, T0 + 7).is_some(), "an appeal may be won after a reviewer upheld");
    assert_eq!(state.overturn(99, T0), None);
}

/// The events that imposed the steps in force on author 1.
fn in_force(state: &State) -> Vec<u64> {
    state.standing().steps(1, Channel::Post, T0).iter().map(|step| step.event).collect()
}

#[test]
fn a_step_stands_to_its_own_end_however_soon_its_points_expire() {
    let month = |event, at| Step {
        actions: vec![ActionKind::Limit { scope: Scope::Author, factor: None, until: Some(at + 30 * DAY) }],
        ..step(4, event, at)
    };
    let day = |event, at| Strike { expires_at: at + DAY, ..strike(event, 2, at) };
    // Two strikes that count for a day impose a month; a third one comes a week later, when neither counts.
    let imposed = || {
        let mut state = state();
        for (event, at) in [(10, T0), (11, T0 + 1), (12, T0 + 7 * DAY)] {
            state.record(&entry(event, 1, at));
            assert_eq!(state.add_strike(1, day(event, at)).points, if event == 11 { 4 } else { 2 });
            if event == 11 {
                state.impose(1, &month(11, at));
            }
        }
        state
    };
    let steps = |state: &State, at| state.standing().steps(1, Channel::Post, at).len();
    let mut state = imposed();
    assert_eq!((steps(&state, T0 + 8 * DAY), steps(&state, T0 + 31 * DAY)), (1, 0));
    assert_eq!(state.overturn(12, T0 + 8 * DAY).unwrap().lifted, [], "it did not rest on that one");
    for event in [10, 11] {
        let lifted = imposed().overturn(event, T0 + 8 * DAY).unwrap().lifted;
        assert_eq!(lifted, [month(11, T0 + 1)], "it rested on {event}");
    }
    let again = State::load(&options(), keys(), snapshot(&imposed())).unwrap();
    assert_eq!(steps(&again, T0 + 8 * DAY), 1);
    state.add_strike(1, day(13, T0 + 40 * DAY));
    assert_eq!(steps(&state, T0 + 8 * DAY), 0, "what has ended is forgotten with the next strike");
}

#[test]
fn a_step_that_was_imposed_again_is_undone_for_each_event_by_itself() {
    // Points of the events 10, 11, …, those that impose the step at 4, and after each reversal: what it lifts, what stays.
    type Case<'a> = (&'a [u32], &'a [u64], &'a [(u64, &'a [u64], &'a [u64])]);
    let cases: &[Case<'_>] = &[
        (&[4, 2], &[10, 11], &[(10, &[10, 11], &[]), (11, &[], &[])]),
        (&[4, 4], &[10, 11], &[(10, &[10], &[11]), (11, &[11], &[])]),
        (&[4, 4], &[10, 11], &[(11, &[11], &[10]), (10, &[10], &[])]),
        (&[4, 2, 2], &[10, 11, 12], &[(11, &[11], &[10, 12]), (10, &[10, 12], &[])]),
        (&[2, 2, 2], &[11], &[(11, &[], &[11]), (12, &[11], &[])]),
    ];
    for (points, imposing, reversals) in cases {
        let mut state = state();
        for (event, points) in (10..).zip(*points) {
            let at = T0 + event as Millis;
            state.record(&entry(event, 1, at));
            state.add_strike(1, strike(event, *points, at));
            if imposing.contains(&event) {
                state.impose(1, &step(4, event, at));
            }
        }
        for (event, lifted, stay) in *reversals {
            let reversal = state.overturn(*event, T0).unwrap();
            let found: Vec<_> = reversal.lifted.iter().map(|step| step.event).collect();
            assert_eq!((&found[..], &in_force(&state)[..]), (*lifted, *stay), "{event} of {points:?}");
        }
    }
}

#[test]
fn of_too_many_steps_the_oldest_that_were_imposed_again_go() {
    let mut state = state();
    state.add_strike(1, strike(1, 8, T0));
    state.impose(1, &step(2, 1000, T0 - 2));
    state.impose(1, &step(4, 1001, T0 - 1));
    for event in 0..100_u64 {
        state.impose(1, &step(8, event, T0 + event as Millis));
    }
    let expected: Vec<u64> = [1000, 1001].into_iter().chain(38..100).collect();
    assert_eq!(in_force(&state), expected);
    let again = State::load(&options(), keys(), snapshot(&state)).unwrap();
    assert_eq!(in_force(&again), expected);
}

#[test]
fn a_step_is_not_in_force_once_its_points_expire_and_may_be_imposed_anew() {
    let mut state = state();
    state.add_strike(1, strike(10, 4, T0));
    state.impose(1, &step(4, 10, T0));
    let later = T0 + 100 * DAY;
    assert!(state.standing().steps(1, Channel::Post, later).is_empty());
    assert_eq!(state.add_strike(1, strike(20, 4, later)), Points { points: 4, strikes: 1 });
    state.impose(1, &step(4, 20, later));
    assert_eq!(state.standing().steps(1, Channel::Post, later), [step(4, 20, later)]);
}

#[test]
fn the_ledger_keeps_so_long_and_so_many() {
    let options = Options { ledger_ms: 10 * DAY, ledger_max: 4, ..options() };
    let mut state = State::new(&options, keys());
    for event in 0..6 {
        state.record(&entry(event, event, T0 + event as Millis));
    }
    assert_eq!((0..6).filter(|event| state.ledger().get(*event).is_some()).collect::<Vec<_>>(), [2, 3, 4, 5]);
    // One decision dated far ahead ages nothing; two do.
    state.record(&entry(6, 6, T0 + 20 * DAY));
    assert_eq!(state.ledger().len(), 4);
    state.record(&entry(7, 7, T0 + 20 * DAY));
    assert_eq!(state.ledger().len(), 2);
}

#[test]
fn over_the_bound_those_go_whose_strikes_expire_first() {
    let mut state = State::new(&Options { accounts_max: 80, ..options() }, keys());
    for author in 0..100 {
        state.add_strike(author, strike(author, 1, T0 + author as Millis));
    }
    let held = |author: u64| state.points(author, Channel::Post, T0).strikes == 1;
    assert!(!held(0) && !held(19) && held(99) && held(40));
    assert_eq!(state.sizes().accounts as u64 + state.sizes().accounts_evicted, 100);
}

#[test]
fn a_cap_trips_once_and_stays_so_until_the_rule_changes() {
    let mut state = state();
    let mut count = |revision, at| state.count_cap(5, revision, 2, at);
    let hour = DAY / 24;
    let start = T0 - T0 % hour;
    assert_eq!([count(1, start), count(1, start + 1)], [Cap::Allowed; 2]);
    assert_eq!([count(1, start + hour), count(1, start + 24 * hour)], [Cap::Allowed; 2], "other hours");
    assert_eq!(count(1, start + 2), Cap::JustTripped);
    assert_eq!(count(1, start + 9 * hour), Cap::Tripped);
    assert_eq!(count(2, start + 9 * hour), Cap::Allowed);
    assert!(!state.caps().is_tripped(5, 1) && !state.caps().is_tripped(5, 2));
}

#[test]
fn names_are_shared_with_the_entry_they_came_in() {
    let mut state = state();
    let name: Arc<str> = "somebody".into();
    state.record(&Entry { author_name: Arc::clone(&name), ..entry(1, 1, T0) });
    assert_eq!(Arc::strong_count(&name), 2);
}

#[test]
fn what_was_done_to_the_first_of_a_cluster_is_known_until_it_is_undone_or_forgotten() {
    let mut state = state();
    state.record(&Entry { cluster: 7, ..entry(1, 1, T0) });
    state.record(&Entry { cluster: 0, ..entry(2, 2, T0) });
    let kinds =
        |state: &State, cluster| state.ledger().judged(cluster).iter().map(ActionKind::name).collect::<Vec<_>>();
    assert_eq!(kinds(&state, 7), ["fold", "limit"]);
    assert!(kinds(&state, 8).is_empty());
    assert!(kinds(&state, 0).is_empty(), "nought is no cluster");
    let mut chunks = Vec::new();
    state.save(&mut |chunk| chunks.push(chunk.to_vec()));
    let loaded = State::load(&options(), keys(), chunks).expect("what was saved");
    assert_eq!(kinds(&loaded, 7), ["fold", "limit"]);
    state.overturn(1, T0 + 1);
    assert!(kinds(&state, 7).is_empty());
    state.record(&Entry { cluster: 9, ..entry(3, 3, T0) });
    state.forget_author(3);
    assert!(kinds(&state, 9).is_empty());
}

#[test]
fn the_ledger_says_from_when_on_it_knows_everything() {
    let mut state = State::new(&Options { ledger_max: 3, ledger_ms: 10 * DAY, ..options() }, keys());
    assert_eq!(state.ledger().covers_since(T0 + 10 * DAY), T0, "nothing had to go: as long as it keeps what it has");
    (0..5).for_each(|event| state.record(&entry(event, 1, T0 + event as i64 * DAY)));
    assert_eq!(state.ledger().covers_since(T0 + 10 * DAY), T0 + DAY + 1, "two had to go");
    state.forget_author(1);
    let mut chunks = Vec::new();
    state.save(&mut |chunk| chunks.push(chunk.to_vec()));
    let again = State::load(&Options { ledger_max: 3, ledger_ms: 10 * DAY, ..options() }, keys(), &chunks).unwrap();
    assert_eq!(again.ledger().covers_since(T0 + 10 * DAY), T0 + DAY + 1, "and that stays so");
    assert_eq!(again.ledger().covers_since(T0 + 20 * DAY), T0 + 10 * DAY);
}

#[test]
fn what_was_taken_back_keeps_its_mark_and_is_taken_back_once() {
    let mut state = state();
    state.record(&entry(2, 1, T0));
    assert_eq!(state.ledger().resting_on(2), [2]);
    let gone = state.retract(2, T0 + 1).unwrap().entry;
    assert_eq!((gone.actions, gone.claim.unwrap().actions), (vec![ActionKind::Fold { level: 2 }], 1));
    let (kept, fate) = state.ledger().get(2).unwrap();
    assert_eq!((kept.actions, kept.claim.unwrap().actions, fate), (vec![mute(T0)], 0, Fate::Open));
    let mut chunks = Vec::new();
    state.save(&mut |chunk| chunks.push(chunk.to_vec()));
    let mut again = State::load(&options(), keys(), &chunks).unwrap();
    assert_eq!(again.ledger().get(2).unwrap().0.claim.unwrap().actions, 0);
    assert_eq!(again.ledger().resting_on(2), [0_u64; 0]);
    assert!(again.retract(2, T0 + 2).is_none());
}
