//! Properties of the whole room, on seeded streams.

#![allow(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod counts;
mod durable;
mod judging;
mod model;

use super::*;
use crate::state::ring::DAY;

/// Some day in 2026.
pub(super) const T0: Millis = 1_790_000_000_000;

pub(super) fn keys() -> Keys {
    Keys::new(b"a secret of the tests")
}

pub(super) fn options() -> Options {
    Options::default()
}

pub(super) fn state() -> State {
    State::new(&options(), keys())
}

/// A post by this author in this room (0 for none), with an id of its own.
pub(super) fn fact(id: usize, author: usize, room: usize, at: Millis) -> Fact {
    let keys = keys();
    Fact {
        id: keys.event(&id.to_string()),
        author: keys.author(&author.to_string()),
        room: if room == 0 { 0 } else { keys.room(&room.to_string()) },
        at,
        links: (id % 3) as u16,
        word_hit: id.is_multiple_of(5),
        content: (id % 7) as u32,
        twin: None,
        follow: id
            .is_multiple_of(3)
            .then(|| Follow { root: keys.event(&(id % 11).to_string()), doubts: id.is_multiple_of(2) }),
    }
}

/// A stream of mostly advancing times over so many authors and rooms, the first of them busy; some ids come twice, some
/// events late, some early, none by more than half a day.
pub(super) fn stream(seed: u64, len: usize, authors: usize, rooms: usize) -> Vec<Fact> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut now = T0;
    (0..len)
        .map(|i| {
            now += rng.i64(0..=20_000);
            let skewed = |rng: &mut fastrand::Rng, n: usize| rng.usize(0..n).min(rng.usize(0..n)).min(rng.usize(0..n));
            let odd = match rng.u32(0..50) {
                0 => rng.i64(-DAY / 2..DAY / 2),
                1..10 => rng.i64(-5000..=0),
                _ => 0,
            };
            let id = if i > 0 && rng.u32(0..20) == 0 { rng.usize(0..i) } else { i };
            let author = skewed(&mut rng, authors);
            let room = skewed(&mut rng, rooms + 1);
            Fact { content: rng.u32(1..4), ..fact(id, author, room, now + odd) }
        })
        .collect()
}

/// Remembers the stream in batches of these lengths, over and over, on so many threads.
pub(super) fn run(state: &mut State, facts: &[Fact], batches: &[usize], threads: usize) -> Vec<Counts> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let mut all = Vec::new();
        let mut counts = Vec::new();
        let mut rest = facts;
        for len in batches.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (batch, left) = rest.split_at(rest.len().min(*len));
            state.remember(batch, &mut counts);
            all.append(&mut counts);
            rest = left;
        }
        all
    })
}

pub(super) fn snapshot(state: &State) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    state.save(&mut |chunk| chunks.push(chunk.to_vec()));
    chunks
}
