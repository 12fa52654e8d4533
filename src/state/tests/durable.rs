//! Snapshots, journals, erasure and damage.

use proptest::prelude::*;

use super::judging::{act, strike};
use super::*;
use crate::decision::{ActionKind, Scope};
use crate::state::keys::checksum;

/// Everything that can happen, in a seeded order: facts in batches, and what judging does between them.
fn live(state: &mut State, seed: u64, batches: usize, mut after_batch: impl FnMut(&mut State)) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut facts = stream(seed, batches * 50, 300, 20);
    for (i, fact) in facts.iter_mut().enumerate().filter(|(i, _)| i.is_multiple_of(3)) {
        let first_at = fact.at.saturating_sub(60_000);
        fact.twin = Some(Member { cluster: 1 + i as u64 / 30, first_at, first_author: 1 + (i % 4) as u32 });
    }
    let mut counts = Vec::new();
    for batch in facts.chunks(50) {
        state.remember(batch, &mut counts);
        for (fact, counts) in batch.iter().zip(&counts) {
            if !counts.duplicate && rng.u32(0..4) == 0 {
                act(state, &mut rng, fact);
            }
        }
        if rng.u32(0..10) == 0 {
            state.forget_author(batch[rng.usize(0..batch.len())].author);
        }
        let ends = state.texts_end().map(|end| end + rng.u64(0..500));
        state.note_texts(ends, Vec::new());
        after_batch(state);
    }
}

fn small() -> Options {
    Options {
        ids_max: 64 * 20,
        authors_max: 64 * 4,
        rooms_max: 64,
        accounts_max: 60,
        ledger_max: 200,
        ledger_ms: DAY,
        clusters_max: 64,
        followed_max: 64,
        clusters_ms: DAY,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// A stage that stopped anywhere and came back from snapshot and journal is the stage that never stopped.
    #[test]
    fn snapshot_and_journal_are_the_state(seed: u64, cut in 0_usize..40) {
        let mut whole = State::new(&small(), keys());
        let (mut saved, mut journal) = (snapshot(&whole), Vec::new());
        let mut batch = 0;
        live(&mut whole, seed, 40, |state| {
            journal.push(state.take_journal());
            batch += 1;
            if batch == cut {
                saved = snapshot(state);
                journal.clear();
            }
        });
        let mut back = State::load(&small(), keys(), &saved).unwrap();
        for block in &journal {
            back.apply(block).unwrap();
        }
        prop_assert!(back.take_journal().is_empty());
        prop_assert_eq!(snapshot(&back), snapshot(&whole));

        // And it goes on like it, too.
        live(&mut whole, seed ^ 1, 10, |_| ());
        live(&mut back, seed ^ 1, 10, |_| ());
        prop_assert_eq!(snapshot(&back), snapshot(&whole));
    }

    /// Damage is refused or, where the checksum was made to fit, at least survived.
    #[test]
    fn damaged_snapshots_never_panic(seed in 0_u64..4, at: prop::sample::Index, byte: u8, resum: bool, shard in 0_usize..66) {
        let mut state = State::new(&small(), keys());
        live(&mut state, seed, 20, |_| ());
        let mut chunks = snapshot(&state);
        let chunk = &mut chunks[shard];
        let len = chunk.len() - 8;
        let index = at.index(len);
        prop_assume!(chunk[index] != byte);
        chunk[index] = byte;
        if resum {
            let sum = checksum(&chunk[..len]);
            chunk[len..].copy_from_slice(&sum.to_le_bytes());
        }
        let loaded = State::load(&small(), keys(), &chunks);
        prop_assert!(resum || loaded.is_err());
        if let Ok(mut odd) = loaded {
            live(&mut odd, seed + 1, 20, |_| ());
        }
    }

    /// A damaged block is refused whole, or read as something else, but never panics.
    #[test]
    fn damaged_journals_never_panic(seed in 0_u64..4, at: prop::sample::Index, byte: u8, cut: bool) {
        let mut state = State::new(&small(), keys());
        live(&mut state, seed, 5, |_| ());
        let mut block = state.take_journal();
        let index = at.index(block.len());
        if cut { block.truncate(index) } else { block[index] = byte }
        let mut other = State::new(&small(), keys());
        if other.apply(&block).is_err() {
            prop_assert_eq!(snapshot(&other), snapshot(&State::new(&small(), keys())));
        }
        live(&mut other, seed + 1, 5, |_| ());
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut state = state();
        let _ = state.apply(&bytes);
        let _ = state.apply(&[&[journal::VERSION], &bytes[..]].concat());
        prop_assert!(State::load(&options(), keys(), [&bytes]).is_err());
    }
}

#[test]
fn a_snapshot_that_is_not_ours_says_what_it_is() {
    let chunks = snapshot(&state());
    let load = |keys: Keys, chunks: &[Vec<u8>]| State::load(&options(), keys, chunks).unwrap_err().to_string();

    let other = load(Keys::new(b"another secret"), &chunks);
    assert!(other.contains("secret") && other.contains(&format!("{:016x}", keys().check())), "{other}");
    let short = load(keys(), &chunks[..9]);
    assert!(short.contains("has 9 chunks and should have 66"), "{short}");
    let foreign = load(keys(), &[b"SQLite format 3\0".to_vec()]);
    assert!(foreign.contains("\"SQLite format \""), "{foreign}");
    // Format 1 held whole stamps of distinct names.
    for format in [1, 9] {
        let mut other = chunks.clone();
        other[0][14] = format;
        let other = load(keys(), &other);
        assert!(other.contains(&format!("format {format}")) && other.contains("format 4"), "{other}");
        assert!(other.contains("empty store"), "{other}");
    }
    let newer = state().apply(&[7]).unwrap_err().to_string();
    assert!(newer.contains("format 7") && newer.contains("format 3"), "{newer}");
}

#[test]
fn bounds_may_change_between_two_runs() {
    let mut state = state();
    run(&mut state, &stream(1, 4000, 1000, 50), &[500], 1);
    let before = state.sizes().authors;
    let mut lower = State::load(&small(), keys(), snapshot(&state)).unwrap();
    assert_eq!(lower.sizes().authors, before);
    let mut more = stream(2, 8000, 1000, 50);
    more.iter_mut().for_each(|fact| fact.id ^= 2);
    run(&mut lower, &more, &[500], 1);
    assert!(lower.sizes().authors <= small().authors_max && lower.sizes().ids <= small().ids_max);
}

#[test]
fn a_fact_costs_few_bytes_in_the_journal() {
    let mut state = state();
    // An author's only post in no room, then posts of one room.
    let facts: Vec<Fact> = (0..1000).map(|i| Fact { follow: None, ..fact(i, i, 0, T0 + i as Millis * 9) }).collect();
    run(&mut state, &facts, &[1000], 1);
    let alone = state.take_journal().len() as f64 / 1000.0;
    let facts: Vec<Fact> = (1000..2000).map(|i| Fact { follow: None, ..fact(i, i, 1, T0 + i as Millis * 9) }).collect();
    run(&mut state, &facts, &[1000], 1);
    let in_room = state.take_journal().len() as f64 / 1000.0;
    assert!(alone <= 23.0 && in_room <= 24.0, "{alone} and {in_room} bytes");
}

#[test]
fn an_erased_author_leaves_no_trace() {
    let mut state = state();
    let mut facts: Vec<Fact> = (0..400).map(|i| fact(i, i % 4, 1 + i % 3, T0 + i as Millis * 1000)).collect();
    facts.push(fact(400, 9, 1, T0 + 500_000));
    run(&mut state, &facts, &[100], 1);
    let author = keys().author("1");
    state.record(&Entry {
        decision: "d1".into(),
        event: facts[1].id,
        author,
        author_name: "1@erasable.example".into(),
        channel: Channel::Post,
        room: None,
        actions: vec![ActionKind::Limit { scope: Scope::Reach, factor: Some(0.1 + 0.2), until: Some(T0) }],
        points: 2,
        at: T0,
        cluster: 0,
        claim: None,
    });
    state.add_strike(author, strike(facts[1].id, 2, T0));
    let bytes = |state: &State| snapshot(state).concat();
    let holds = |bytes: &[u8], needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    let needles: [&[u8]; 3] = [&author.to_le_bytes(), &(author as u32).to_le_bytes(), b"erasable.example"];
    assert!(needles.iter().all(|needle| holds(&bytes(&state), needle)));

    let erased = state.forget_author(author);
    assert_eq!(erased, Erased { counters: true, standing: true, entries: 1 });
    assert!(needles.iter().all(|needle| !holds(&bytes(&state), needle)));
    assert_eq!(state.forget_author(author), Erased::default());

    let counts = run(&mut state, &[fact(500, 1, 0, T0 + 600_000)], &[1], 1);
    assert!(counts[0].author_first && counts[0].author_posts_1d == 1);
    let counts = run(&mut state, &[fact(501, 9, 1, T0 + 500_001)], &[1], 1);
    assert_eq!(counts[0].author_posts_1d, 2, "others are untouched");
}
