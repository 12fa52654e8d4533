//! What remembering an event costs, against the floor of any such memory: one hash table update of a 32-byte value.
//!
//! `cargo bench --bench state [-- AUTHORS EVENTS]`: processor time on one thread, best of five passes over the stream.
//! Each pass is over the same warm state with fresh ids, so that every author is known. Both sides run in this process,
//! over the same keys. `uniform` draws authors evenly (most events miss the cache), `skewed` by a power law with a busy
//! thousandth; `group` adds a room to each event.

use cpu_time::ProcessTime;
use tidegate::state::{Counts, Fact, Keys, Options, State};

/// The product's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PASSES: usize = 5;
const BATCH: usize = 4096;

fn main() {
    let mut args = std::env::args().skip(1).filter_map(|arg| arg.parse::<usize>().ok());
    let authors = args.next().unwrap_or(1_000_000);
    let events = args.next().unwrap_or(1_000_000);
    println!(
        "authors {authors}, events a pass {events}, batch {BATCH}, ns an event of processor time, best of {PASSES}"
    );
    for (name, skew, rooms) in [("uniform", false, 0), ("skewed", true, 0), ("group", true, 20_000)] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
        pool.install(|| bench(name, &stream(authors, events, skew, rooms), authors));
    }
}

fn bench(name: &str, facts: &[Fact], authors: usize) {
    let floor = floor(facts);
    let before = resident_bytes();
    let mut state = State::new(&Options::default(), Keys::new(b"bench"));
    let mut counts = Vec::new();
    warm(&mut state, authors, facts, &mut counts);
    let mut facts = facts.to_vec();
    let mut best = f64::MAX;
    let mut journal_bytes = 0;
    for _ in 0..PASSES {
        next_pass(&mut facts);
        let start = ProcessTime::now();
        for batch in facts.chunks(BATCH) {
            state.remember(batch, &mut counts);
            journal_bytes = journal_bytes.max(state.take_journal().len());
            std::hint::black_box(&counts);
        }
        best = best.min(start.elapsed().as_nanos() as f64 / facts.len() as f64);
    }
    let held = resident_bytes().saturating_sub(before) / 1_000_000;
    let saved = save(&state);
    println!(
        "{name:8} remember {best:6.1}  floor {floor:6.1}  ratio {:4.1}  journal {:4.1} B/event  resident {held} MB  \
         snapshot {} MB in {:.0} ms  {:?}",
        best / floor,
        journal_bytes as f64 / BATCH as f64,
        saved.0 / 1_000_000,
        saved.1,
        state.sizes()
    );
}

/// One 32-byte value a key, read and written: hashbrown and foldhash.
fn floor(facts: &[Fact]) -> f64 {
    let mut table: hashbrown::HashMap<u64, [u64; 4], foldhash::fast::FixedState> = hashbrown::HashMap::default();
    let mut best = f64::MAX;
    for pass in 0..=PASSES {
        let start = ProcessTime::now();
        for fact in facts {
            let value = table.entry(fact.author).or_default();
            value[0] += 1;
            value[1] = value[1].max(fact.at as u64);
            value[2] += u64::from(fact.links);
            value[3] ^= u64::from(fact.content);
        }
        if pass > 0 {
            best = best.min(start.elapsed().as_nanos() as f64 / facts.len() as f64);
        }
    }
    std::hint::black_box(&table);
    best
}

/// Every author posts once, then the stream passes once.
fn warm(state: &mut State, authors: usize, facts: &[Fact], counts: &mut Vec<Counts>) {
    let keys = Keys::new(b"bench");
    let first = facts.first().map_or(0, |fact| fact.at) - 3_600_000;
    let once: Vec<Fact> = (0..authors)
        .map(|i| Fact { id: keys.event(&format!("w{i}")), author: author(&keys, i), room: 0, at: first, ..facts[0] })
        .collect();
    for batch in once.chunks(BATCH).chain(facts.chunks(BATCH)) {
        state.remember(batch, counts);
        drop(state.take_journal());
    }
}

/// New ids, and times that go on where the last pass ended.
fn next_pass(facts: &mut [Fact]) {
    let span = facts[facts.len() - 1].at - facts[0].at + 1;
    for fact in facts {
        fact.id = fact.id.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) ^ fact.author;
        fact.at += span;
    }
}

fn author(keys: &Keys, i: usize) -> u64 {
    keys.author(&format!("author{i}"))
}

/// An author posts once a day on average, so a million of them 11.6 times a second.
fn stream(authors: usize, events: usize, skew: bool, rooms: usize) -> Vec<Fact> {
    let keys = Keys::new(b"bench");
    let mut rng = fastrand::Rng::with_seed(7);
    let day_ms = 86_400_000.0;
    (0..events)
        .map(|i| {
            let share: f64 = rng.f64();
            let rank = if skew { share.powi(4) } else { share };
            let room = rng.f64().powi(3);
            Fact {
                id: keys.event(&format!("e{i}")),
                author: author(&keys, (rank * authors as f64) as usize),
                room: if rooms == 0 { 0 } else { keys.room(&format!("room{}", (room * rooms as f64) as usize)) },
                at: 1_790_000_000_000 + (i as f64 * day_ms / authors as f64) as i64,
                links: u16::from(rng.u8(0..10) == 0),
                word_hit: rng.u8(0..20) == 0,
                content: rng.u32(..),
                twin: None,
                follow: None,
            }
        })
        .collect()
}

/// Bytes and milliseconds of a snapshot.
fn save(state: &State) -> (usize, f64) {
    let start = ProcessTime::now();
    let mut bytes = 0;
    state.save(&mut |chunk| bytes += chunk.len());
    (bytes, start.elapsed().as_secs_f64() * 1000.0)
}

/// What the process holds, where the system says.
fn resident_bytes() -> usize {
    let Ok(statm) = std::fs::read_to_string("/proc/self/statm") else {
        return 0;
    };
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}
