//! Counters of authors and rooms, and the ids that came lately.
//!
//! A fixed number of shards by key, whatever the threads: a shard takes its facts in input order, and what it answers
//! depends on nothing else. So counts and snapshots are the same for any number of threads and any cut into batches.

use rayon::prelude::*;

use crate::event::Millis;
use crate::state::Options;
use crate::state::clusters::ClusterCounts;
use crate::state::codec::{Broken, Reader};
use crate::state::following::{Follow, FollowCounts};
use crate::state::ids::Ids;
use crate::state::post::Post;
use crate::state::pulse::Beat;
use crate::state::shard::{Known, Place, Shard};
use crate::state::track::{AUTHORS, Kind, ROOMS};

/// Shards of each table. Part of the snapshot format.
pub(crate) const SHARDS: usize = 64;

/// Fewer facts than this are not worth waking other threads for.
const PARALLEL_FACTS_MIN: usize = 1024;

/// Facts whose memory is touched ahead of being worked on.
const TOUCH_FACTS: usize = 64;

/// What one event adds: the compact input of [`super::State::remember`]. Keys come from [`super::Keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The event's id.
    pub id: u64,
    /// Its author.
    pub author: u64,
    /// Its room; 0 for none.
    pub room: u64,
    /// Event time.
    pub at: Millis,
    /// How many links it carries.
    pub links: u16,
    /// Whether any word list hit.
    pub word_hit: bool,
    /// The mark of its folded text.
    pub content: u32,
    /// The cluster of near-duplicates that it joined, if it did.
    pub twin: Option<Member>,
    /// What it passes on or answers, if it does.
    pub follow: Option<Follow>,
}

/// That an event is a near-duplicate of an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// The number of the cluster; never 0.
    pub cluster: u64,
    /// Event time of its first member.
    pub first_at: Millis,
    /// The mark of its first member's author.
    pub first_author: u32,
}

/// What is known at one event, that event included. Windows are `(at - window, at]` in event time.
///
/// Counts are exact while a window holds no more than the last 64 posts of the key. Beyond them they come from buckets
/// of a tenth (1 m, 10 m) or a twelfth (1 h, 1 d) of the window: never less than those 64, never less than the posts
/// of the window less one bucket, never more than those of the window and one bucket at each end. Two numbers stop there:
/// `author_same_1h` looks at the last 64 posts only, and distinct authors and rooms are estimated once the log no longer covers their window (standard error about
/// 10 %; rooms of an author up to a few hundred).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// The id came lately: the event is counted nowhere and all else here is 0.
    pub duplicate: bool,
    /// Posts of the author.
    pub author_posts_1m: u32,
    /// Posts of the author.
    pub author_posts_10m: u32,
    /// Posts of the author.
    pub author_posts_1h: u32,
    /// Posts of the author.
    pub author_posts_1d: u32,
    /// Links in the author's posts.
    pub author_links_1h: u32,
    /// Posts of the author in which a word list hit.
    pub author_hits_1d: u32,
    /// Posts of the author with the same folded text, this one included.
    pub author_same_1h: u32,
    /// Different rooms that the author posted in.
    pub author_rooms_1h: u32,
    /// The author was not known before (or was forgotten).
    pub author_first: bool,
    /// Whole days since the author's earliest known post, to the minute.
    pub author_known_days: u32,
    /// Posts in the room; 0 without a room, like all that follow.
    pub room_posts_1m: u32,
    /// Posts in the room.
    pub room_posts_10m: u32,
    /// Posts in the room.
    pub room_posts_1h: u32,
    /// Different authors in the room.
    pub room_authors_10m: u32,
    /// Posts in the room in which a word list hit.
    pub room_hits_1h: u32,
    /// What is known of the cluster that it joined; nothing where it joined none.
    pub cluster: ClusterCounts,
    /// What is known of the event that it passes on or answers.
    pub follow: FollowCounts,
    /// Bursts of its room, its cluster and the claim that it asserts: filled in when it is judged.
    pub beats: Beats,
}

/// The bursts that an event is in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Beats {
    /// Of its room.
    pub room: Beat,
    /// Of its cluster of near-duplicates.
    pub cluster: Beat,
    /// Of the claim that it asserts.
    pub claim: Beat,
}

impl Counts {
    fn set_author(&mut self, known: &Known) {
        let [m1, m10, h1, d1] = known.seen.tallies;
        self.author_posts_1m = m1.posts;
        self.author_posts_10m = m10.posts;
        self.author_posts_1h = h1.posts;
        self.author_posts_1d = d1.posts;
        self.author_links_1h = h1.links;
        self.author_hits_1d = d1.hits;
        self.author_same_1h = known.seen.same_1h;
        self.author_rooms_1h = known.seen.others;
        self.author_first = known.first;
        self.author_known_days = known.days;
    }

    fn set_room(&mut self, known: &Known) {
        let [m1, m10, h1, _] = known.seen.tallies;
        self.room_posts_1m = m1.posts;
        self.room_posts_10m = m10.posts;
        self.room_posts_1h = h1.posts;
        self.room_authors_10m = known.seen.others;
        self.room_hits_1h = h1.hits;
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    pub(crate) ids: Vec<Ids>,
    pub(crate) authors: Vec<Shard>,
    pub(crate) rooms: Vec<Shard>,
}

impl Memory {
    /// Nothing known yet.
    #[must_use]
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            ids: vec![Ids::new(options.ids_max / SHARDS); SHARDS],
            authors: vec![Shard::new(options.authors_max / SHARDS); SHARDS],
            rooms: vec![Shard::new(options.rooms_max / SHARDS); SHARDS],
        }
    }

    /// Applies the facts in order and gives what is known at each, one [`Counts`] a fact. Runs on the rayon pool it is
    /// called from where the batch is worth it.
    pub(crate) fn remember(&mut self, facts: &[Fact], counts: &mut Vec<Counts>) {
        counts.clear();
        counts.resize(facts.len(), Counts::default());
        if facts.len() >= PARALLEL_FACTS_MIN && rayon::current_num_threads() > 1 {
            self.remember_on_all_threads(facts, counts);
        } else {
            self.remember_here(facts, counts);
        }
    }

    fn remember_here(&mut self, facts: &[Fact], counts: &mut [Counts]) {
        let (mut authors, mut rooms) = ([Place::default(); TOUCH_FACTS], [Place::default(); TOUCH_FACTS]);
        for (facts, counts) in facts.chunks(TOUCH_FACTS).zip(counts.chunks_mut(TOUCH_FACTS)) {
            touch_ids(facts.iter().map(|fact| (&self.ids[shard_of(fact.id)], fact.id)));
            touch_keys(facts.iter().map(|fact| (&self.authors[shard_of(fact.author)], fact.author)), &mut authors);
            touch_keys(facts.iter().map(|fact| (&self.rooms[shard_of(fact.room)], fact.room)), &mut rooms);
            for (i, (fact, counts)) in facts.iter().zip(counts).enumerate() {
                counts.duplicate = !self.ids[shard_of(fact.id)].insert(fact.id);
                if counts.duplicate {
                    continue;
                }
                let shard = &mut self.authors[shard_of(fact.author)];
                counts.set_author(&shard.take(&AUTHORS, authors[i], fact.author, author_post(fact)));
                if fact.room != 0 {
                    let shard = &mut self.rooms[shard_of(fact.room)];
                    counts.set_room(&shard.take(&ROOMS, rooms[i], fact.room, room_post(fact)));
                }
            }
        }
    }

    fn remember_on_all_threads(&mut self, facts: &[Fact], counts: &mut [Counts]) {
        let by_id = Partition::new(facts.iter().map(|fact| Some(fact.id)));
        let fresh = by_id.run(&mut self.ids, |ids, places, fresh| {
            touch_ids(places.iter().map(|&i| (&*ids, facts[i as usize].id)));
            for (&i, fresh) in places.iter().zip(fresh) {
                *fresh = ids.insert(facts[i as usize].id);
            }
        });
        for (i, fresh) in fresh {
            counts[i].duplicate = !fresh;
        }
        let unless_duplicate = |key: u64, counts: &Counts| (!counts.duplicate && key != 0).then_some(key);

        let keys = facts.iter().zip(&*counts).map(|(fact, counts)| (!counts.duplicate).then_some(fact.author));
        let author = |i: u32| (facts[i as usize].author, author_post(&facts[i as usize]));
        let known = Partition::new(keys).run(&mut self.authors, |shard, places, known| {
            take_all(shard, &AUTHORS, places, author, known);
        });
        for (i, known) in known {
            counts[i].set_author(&known);
        }

        let keys = facts.iter().zip(&*counts).map(|(fact, counts)| unless_duplicate(fact.room, counts));
        let room = |i: u32| (facts[i as usize].room, room_post(&facts[i as usize]));
        let known = Partition::new(keys).run(&mut self.rooms, |shard, places, known| {
            take_all(shard, &ROOMS, places, room, known);
        });
        for (i, known) in known {
            counts[i].set_room(&known);
        }
    }

    /// Forgets an author: their counters go, and their mark in the posts of rooms. Whether they were known.
    /// Walks over all rooms, as an erasure is rare.
    pub(crate) fn forget_author(&mut self, author: u64) -> bool {
        let mark = mark(author);
        self.rooms.par_iter_mut().for_each(|shard| shard.scrub(mark));
        self.authors[shard_of(author)].forget(author)
    }
}

/// Reads where the ids will be looked for.
///
/// The lookups of a chunk do not depend on one another, so the processor overlaps their cache misses; done one event at a
/// time, each would wait for the one before. Short loops, one for each step of the way, so that many fit into the
/// processor's window at once.
fn touch_ids<'a>(ids: impl Iterator<Item = (&'a Ids, u64)>) {
    std::hint::black_box(ids.fold(0, |sum, (ids, id)| sum ^ u32::from(ids.knows(id))));
}

/// The same for the slots of keys, and for what they point to. Says where the slots stand.
fn touch_keys<'a>(keys: impl Iterator<Item = (&'a Shard, u64)> + Clone, places: &mut [Place; TOUCH_FACTS]) {
    for ((shard, key), place) in keys.clone().zip(&mut *places) {
        *place = if key == 0 { Place::default() } else { shard.place(key) };
    }
    std::hint::black_box(keys.zip(places).fold(0, |sum, ((shard, _), place)| sum ^ shard.touch(*place)));
}

/// Gives the posts of these places to their shard, in order.
fn take_all(shard: &mut Shard, kind: &Kind, places: &[u32], post: impl Fn(u32) -> (u64, Post), known: &mut [Known]) {
    let mut stand = [Place::default(); TOUCH_FACTS];
    for (places, known) in places.chunks(TOUCH_FACTS).zip(known.chunks_mut(TOUCH_FACTS)) {
        touch_keys(places.iter().map(|&i| (&*shard, post(i).0)), &mut stand);
        for ((&i, known), place) in places.iter().zip(known).zip(stand) {
            let (key, post) = post(i);
            *known = shard.take(kind, place, key, post);
        }
    }
}

/// Bits that the table inside the shard uses neither for its tags (the upper 7) nor, below 2^48 keys, for its places.
pub(crate) fn shard_of(key: u64) -> usize {
    (key >> 48) as usize % SHARDS
}

/// The 32 bits by which a room or a cluster knows an author; never 0.
#[must_use]
pub fn author_mark(author: u64) -> u32 {
    mark(author)
}

/// The 32 bits by which a room knows an author and an author a room; 0 is kept for nobody and nowhere.
fn mark(key: u64) -> u32 {
    (key as u32).max(1)
}

fn author_post(fact: &Fact) -> Post {
    let room = if fact.room == 0 { 0 } else { mark(fact.room) };
    Post::new(fact.at, fact.links, fact.word_hit, fact.content, room)
}

fn room_post(fact: &Fact) -> Post {
    Post::new(fact.at, fact.links, fact.word_hit, 0, mark(fact.author))
}

/// The places of a batch in the order of their shards, and within a shard in input order: a counting sort.
struct Partition {
    order: Vec<u32>,
    ends: [usize; SHARDS],
}

impl Partition {
    /// Of the keys; places without a key are left out.
    fn new(keys: impl Iterator<Item = Option<u64>> + Clone) -> Self {
        let mut ends = [0; SHARDS];
        for key in keys.clone().flatten() {
            ends[shard_of(key)] += 1;
        }
        let mut total = 0;
        for end in &mut ends {
            total += std::mem::replace(end, total);
        }
        let mut order = vec![0; total];
        for (i, key) in keys.enumerate() {
            if let Some(key) = key {
                let next = &mut ends[shard_of(key)];
                order[*next] = i as u32;
                *next += 1;
            }
        }
        Self { order, ends }
    }

    /// Has `f` answer for each shard and its places in order, the shards in parallel; gives the answer for each place.
    fn run<S: Send, A: Clone + Default + Send>(
        self,
        shards: &mut [S],
        f: impl Fn(&mut S, &[u32], &mut [A]) + Sync,
    ) -> impl Iterator<Item = (usize, A)> {
        let mut answers = vec![A::default(); self.order.len()];
        let mut tasks = Vec::with_capacity(SHARDS);
        let (mut places, mut rest, mut start) = (&*self.order, &mut *answers, 0);
        for (shard, &end) in shards.iter_mut().zip(&self.ends) {
            let (mine, others) = places.split_at(end - start);
            let (out, left) = rest.split_at_mut(end - start);
            (places, rest, start) = (others, left, end);
            tasks.push((shard, mine, out));
        }
        tasks.into_par_iter().for_each(|(shard, places, out)| f(shard, places, out));
        self.order.into_iter().map(|place| place as usize).zip(answers)
    }
}

impl Memory {
    /// One chunk for each shard: its ids, its authors, its rooms.
    pub(crate) fn encode_shard(&self, index: usize, out: &mut Vec<u8>) {
        self.ids[index].encode(out);
        self.authors[index].encode(out);
        self.rooms[index].encode(out);
    }

    pub(crate) fn decode_shard(
        &mut self,
        index: usize,
        options: &Options,
        reader: &mut Reader<'_>,
    ) -> Result<(), Broken> {
        self.ids[index] = Ids::decode(options.ids_max / SHARDS, reader)?;
        self.authors[index] = Shard::decode(&AUTHORS, options.authors_max / SHARDS, reader)?;
        self.rooms[index] = Shard::decode(&ROOMS, options.rooms_max / SHARDS, reader)?;
        Ok(())
    }
}
