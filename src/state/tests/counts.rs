//! Memory against the model.

use proptest::prelude::*;

use super::model::{Model, window};
use super::*;
use crate::state::ring::{HOUR, MINUTE};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// With at most 64 posts a key, every number is exact, however late or early by half a day the events come.
    #[test]
    fn quiet_keys_are_counted_exactly(seed: u64, step in 1_i64..400_000) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut now = T0;
        let mut posts = [0; 60];
        let facts: Vec<Fact> = (0..3000).filter_map(|i| {
            now += rng.i64(0..=step);
            let odd = if rng.u32(0..30) == 0 { rng.i64(-DAY / 2..DAY / 2) } else { 0 };
            let author = rng.usize(0..60);
            posts[author] += 1;
            let id = if i > 0 && rng.u32(0..20) == 0 { rng.usize(0..i) } else { i };
            // A room of its own for each post of an author but the last digit: no room has more than 64 posts either.
            let room = if rng.bool() { 0 } else { 1 + author * 3 + rng.usize(0..3) };
            (posts[author] <= 64).then(|| Fact { content: rng.u32(1..4), ..fact(id, author, room, now + odd) })
        }).collect();
        let mut model = Model::default();
        let expected: Vec<Counts> = facts.iter().map(|fact| model.remember(fact)).collect();
        let found = run(&mut state(), &facts, &[512], 1);
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            prop_assert_eq!(found, expected, "event {} at {:?}", i, facts[i].at - T0);
        }
    }

    /// Busy keys are counted within a bucket at either end of the window, and never below what the log holds.
    #[test]
    fn busy_keys_are_counted_within_a_bucket(seed: u64, pace in 1_i64..60_000) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut now = T0;
        let facts: Vec<Fact> = (0..1200).map(|i| {
            now += if rng.u32(0..40) == 0 { rng.i64(0..20 * MINUTE) } else { rng.i64(0..=pace) };
            fact(i, rng.usize(0..2), 1, now - if rng.u32(0..10) == 0 { rng.i64(0..45_000) } else { 0 })
        }).collect();
        let found = run(&mut state(), &facts, &[64], 1);
        for author in 0..2 {
            let key = keys().author(&author.to_string());
            let mine = |fact: &&Fact| fact.author == key;
            check_bounds(&facts, &found, mine, |counts| [
                (MINUTE, 6_000, counts.author_posts_1m),
                (10 * MINUTE, MINUTE, counts.author_posts_10m),
                (HOUR, 5 * MINUTE, counts.author_posts_1h),
                (DAY, 2 * HOUR, counts.author_posts_1d),
            ])?;
        }
        check_bounds(&facts, &found, |_| true, |counts| [
            (MINUTE, 6_000, counts.room_posts_1m),
            (10 * MINUTE, MINUTE, counts.room_posts_10m),
            (HOUR, 5 * MINUTE, counts.room_posts_1h),
            (HOUR, 5 * MINUTE, counts.room_posts_1h),
        ])?;
    }

    /// Same counts and same bytes for any threads and any cut into batches.
    #[test]
    fn threads_and_batches_do_not_show(seed: u64, a in 1_usize..3000, b in 1_usize..3000) {
        let small = Options { ids_max: 64 * 64, authors_max: 64 * 8, rooms_max: 64 * 2, ..options() };
        let facts = stream(seed, 6000, 2000, 300);
        let mut one = State::new(&small, keys());
        let expected = run(&mut one, &facts, &[1], 1);
        for (batches, threads) in [(vec![a, b, 1], 1), (vec![4096], 4), (vec![a, b], 3)] {
            let mut other = State::new(&small, keys());
            let found = run(&mut other, &facts, &batches, threads);
            prop_assert!(found == expected, "batches {batches:?} on {threads} threads");
            prop_assert_eq!(snapshot(&other), snapshot(&one));
            prop_assert_eq!(other.watermark(), one.watermark());
        }
    }
}

/// Each count lies between the window less one bucket and the window with a bucket at each end, is no less than what of
/// the last 64 posts lies in the window, and is exact where no earlier post does.
fn check_bounds(
    facts: &[Fact],
    found: &[Counts],
    mine: impl Fn(&&Fact) -> bool,
    windows: impl Fn(&Counts) -> [(Millis, Millis, u32); 4],
) -> Result<(), TestCaseError> {
    let mut posts = Vec::new();
    for (fact, counts) in facts.iter().zip(found).filter(|(fact, _)| mine(fact)) {
        posts.push(*fact);
        let (early, logged) = posts.split_at(posts.len().saturating_sub(63));
        let forgotten = early.iter().map(|post| post.at).max().unwrap_or(0);
        for (ms, grain, found) in windows(counts) {
            let at = fact.at;
            let exact = window(&posts, at, ms).count() as u32;
            let least = (window(&posts, at, ms - grain).count() as u32).max(window(logged, at, ms).count() as u32);
            let most = window(&posts, at + grain, ms + 2 * grain).count() as u32;
            prop_assert!((least..=most).contains(&found), "{ms} ms: {least} <= {found} <= {most}, exactly {exact}");
            prop_assert!(forgotten > at - ms || found == exact, "{ms} ms: {found} instead of {exact}");
        }
    }
    Ok(())
}

#[test]
fn a_duplicate_counts_nowhere() {
    let mut state = state();
    let facts = [fact(1, 1, 1, T0), fact(1, 2, 1, T0 + 1), fact(2, 1, 1, T0 + 2)];
    let counts = run(&mut state, &facts, &[3], 1);
    assert_eq!(counts[1], Counts { duplicate: true, ..Counts::default() });
    assert_eq!((counts[2].author_posts_1m, counts[2].room_posts_1m, counts[2].room_authors_10m), (2, 2, 1));
}

#[test]
fn ids_are_known_for_at_least_half_the_bound_and_held_up_to_it() {
    let mut ids = ids::Ids::new(100);
    for id in 0..10_000_u64 {
        assert!(ids.insert(id << 1));
        assert!((id.saturating_sub(49)..=id).all(|id| ids.knows(id << 1)));
        assert!(ids.len() <= 100);
    }
    assert!(!ids.knows(0));
}

#[test]
fn an_event_dated_a_day_ahead_wipes_nothing() {
    let mut state = state();
    let mut facts: Vec<Fact> = (0..500).map(|i| fact(i, 1, 1, T0 + i as Millis * 100)).collect();
    facts.push(fact(1000, 1, 1, T0 + 50_000 + DAY));
    facts.extend((500..600).map(|i| fact(i, 1, 1, T0 + i as Millis * 100)));
    let counts = run(&mut state, &facts, &[7], 1);
    let last = counts.last().unwrap();
    // 600 posts in 60 s: the minute less 6 s holds 540.
    assert!((540..=600).contains(&last.author_posts_1m), "{last:?}");
    assert!((550..=600).contains(&last.author_posts_1h) && (550..=600).contains(&last.room_posts_1h), "{last:?}");
    assert_eq!(last.room_authors_10m, 1);
}

#[test]
fn a_single_event_a_day_ahead_does_not_hide_what_comes_before_it() {
    let facts = [fact(1, 1, 0, T0 + DAY), fact(2, 1, 0, T0), fact(3, 1, 0, T0 + 1000), fact(4, 1, 0, T0 + DAY + 10)];
    let counts = run(&mut state(), &facts, &[1], 1);
    let posts: Vec<_> = counts.iter().map(|counts| (counts.author_posts_1m, counts.author_posts_1d)).collect();
    // The last one: itself, the first one and, a second within the day, the third.
    assert_eq!(posts, [(1, 1), (1, 1), (2, 2), (2, 3)]);
}

#[test]
fn times_outside_the_years_that_are_kept_count_as_the_nearer_end() {
    let mut state = state();
    let facts: Vec<Fact> =
        [Millis::MIN, -1, 0, Millis::MAX, T0].iter().enumerate().map(|(i, at)| fact(i, 1, 1, *at)).collect();
    let counts = run(&mut state, &facts, &[2], 1);
    assert_eq!(counts.iter().map(|counts| counts.author_posts_1m).collect::<Vec<_>>(), [1, 2, 3, 1, 1]);
    assert_eq!(counts[4].author_known_days, (T0 / DAY) as u32);
}

#[test]
fn over_the_bound_the_least_recently_active_go() {
    let small = Options { authors_max: 6400, ..options() };
    let mut state = State::new(&small, keys());
    let facts: Vec<Fact> = (0..20_000).map(|i| fact(i, i, 0, T0 + i as Millis * 1000)).collect();
    run(&mut state, &facts, &[1000], 1);
    let sizes = state.sizes();
    assert!(sizes.authors <= 6400 && sizes.authors > 5000, "{sizes:?}");
    assert_eq!(sizes.authors as u64 + sizes.authors_evicted, 20_000);
    let again: Vec<Fact> = [19_999, 17_000, 10, 9].iter().map(|i| fact(100_000 + i, *i, 0, T0 + 20_000_000)).collect();
    let counts = run(&mut state, &again, &[4], 1);
    assert_eq!(counts.iter().map(|counts| counts.author_first).collect::<Vec<_>>(), [false, false, true, true]);
}

#[test]
fn what_is_held_of_a_key_is_small() {
    // A slot of the table: key, first minute, newest post, a pointer to the rest. One byte of tag comes with it.
    assert_eq!(shard::slot_bytes(), 48);
    // A busy key adds its log and its rings, whatever it does.
    assert!(track::busy_bytes_max(&track::AUTHORS) < 3100, "{}", track::busy_bytes_max(&track::AUTHORS));
    assert!(track::busy_bytes_max(&track::ROOMS) < 5700, "{}", track::busy_bytes_max(&track::ROOMS));
}

/// In 999 of 1,000 cases it is within 15 %, at every size.
#[test]
fn the_estimate_of_distinct_names_is_near() {
    const CASES: usize = 1000;
    const SIZES: [u32; 8] = [65, 100, 200, 400, 800, 1600, 3200, 12_800];
    let shape = track::ROOMS.shape();
    let mut errors = [const { Vec::new() }; SIZES.len()];
    for seed in 0..CASES as u64 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut distinct, mut names) = (distinct::Distinct::new(shape), 0);
        for (errors, size) in errors.iter_mut().zip(SIZES) {
            (names..size).for_each(|_| distinct.add(shape, rng.u32(1..), T0));
            names = size;
            errors.push((f64::from(distinct.estimate(shape, T0)) / f64::from(size) - 1.0).abs());
        }
    }
    for (errors, size) in errors.iter_mut().zip(SIZES) {
        errors.sort_unstable_by(f64::total_cmp);
        let standard = (errors.iter().map(|error| error * error).sum::<f64>() / CASES as f64).sqrt();
        let most = errors[CASES - 2];
        println!("{size} names: standard error {standard:.3}, 99.9 % within {most:.3}");
        assert!(standard < 0.045 && most < 0.15, "{size} names: standard error {standard:.3}, 99.9 % within {most:.3}");
    }
}

/// However long a count lasts, and whatever gaps lie in it, no stamp is taken for one a round later.
#[test]
fn distinct_names_of_long_ago_never_come_round_again() {
    let shape = track::ROOMS.shape();
    for gap in [1, 9, 54, 55, 56, 199, 200, 201, 254, 255, 256, 510, 100_000] {
        let mut distinct = distinct::Distinct::new(shape);
        (1..=100_u32).for_each(|who| distinct.add(shape, who.wrapping_mul(0x9e37_79b9), T0));
        let mut at = T0;
        for _ in 0..600 / gap + 2 {
            at += gap * MINUTE;
            distinct.add(shape, 7, at);
            let left = if at < T0 + 10 * MINUTE { 80..120 } else { 0..12 };
            let found = distinct.estimate(shape, at);
            assert!(left.contains(&found), "{found} after {} minutes in steps of {gap}", (at - T0) / MINUTE);
        }
        // One that comes very late is nobody's business.
        let before = distinct.estimate(shape, at);
        distinct.add(shape, 8, at - 300 * MINUTE);
        assert_eq!(distinct.estimate(shape, at), before);
    }
}

#[test]
fn distinct_names_leave_the_window() {
    let shape = track::ROOMS.shape();
    let mut distinct = distinct::Distinct::new(shape);
    (1..=100_u32).for_each(|who| distinct.add(shape, who.wrapping_mul(0x9e37_79b9), T0));
    assert!(distinct.estimate(shape, T0 + 5 * MINUTE) > 80);
    assert_eq!(distinct.estimate(shape, T0 + 11 * MINUTE), 0);
}
