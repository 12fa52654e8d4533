//! What is remembered of one author or one room.
//!
//! Most have one post: it stands in the track itself. Those with more get a log of up to [`LOG_POSTS_MAX`] posts beside
//! it, which is exact. Only where a post that still matters must leave the log are rings of buckets begun; and even then
//! a window that the log still covers is counted from the log.

use std::collections::VecDeque;

use crate::event::Millis;
use crate::state::clock::AT_MAX;
use crate::state::codec::{Broken, Reader, put_signed, put_var};
use crate::state::distinct::{Distinct, Shape};
use crate::state::post::{POST_BYTES, Post};
use crate::state::ring::{DAY, HOUR, MINUTE, Rings, Tally, Window};

/// Posts beside the newest that are remembered one by one.
pub(crate) const LOG_POSTS_MAX: usize = 63;

/// What is older than this is let go: the longest window, and a day for events that come late.
pub(crate) const HORIZON_MS: Millis = 2 * DAY;

/// An event so far ahead of the others is kept in the log alone, so that it cannot push present counts out of the rings.
const AHEAD_MS: Millis = HOUR;

/// How authors and rooms differ.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// The longest window that is asked for.
    pub(crate) longest: Window,
    /// The window in which distinct others are counted.
    pub(crate) others: Window,
    shape: Shape,
}

/// Authors are asked for a day back, and for the rooms of an hour.
pub(crate) const AUTHORS: Kind =
    Kind { longest: Window::D1, others: Window::H1, shape: Shape { levels: 1, grain_ms: 5 * MINUTE, stamps: 12 } };

/// Rooms are asked for an hour back, and for the authors of ten minutes.
pub(crate) const ROOMS: Kind =
    Kind { longest: Window::H1, others: Window::M10, shape: Shape { levels: 6, grain_ms: MINUTE, stamps: 10 } };

/// What is known at one event, that event included: tallies in the order of [`Window::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) tallies: [Tally; 4],
    /// Posts of the last hour with the same content.
    pub(crate) same_1h: u32,
    /// Different others within [`Kind::others`].
    pub(crate) others: u32,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    /// The newest post by time.
    last: Post,
    past: Option<Box<Past>>,
}

/// The posts before the newest, in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Past {
    log: VecDeque<Post>,
    /// The latest time of a post that has left the log: windows that begin after it are counted exactly.
    forgotten: Millis,
    busy: Option<Box<Busy>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Busy {
    rings: Rings,
    others: Distinct,
}

impl Busy {
    fn add(&mut self, kind: &Kind, post: Post, now: Millis) {
        if post.at() <= now + AHEAD_MS {
            self.rings.add(post);
            self.others.add(kind.shape, post.other, post.at());
        }
    }
}

impl Past {
    fn new() -> Self {
        Self { log: VecDeque::new(), forgotten: -1, busy: None }
    }

    /// Lets go of what is past the horizon, seen from `at` or from now, whichever is earlier.
    fn age(&mut self, at: Millis, now: Millis) {
        let horizon = at.min(now) - HORIZON_MS;
        while self.log.front().is_some_and(|post| post.at() < horizon) {
            self.forget_first(now);
        }
        if self.forgotten < horizon {
            self.busy = None;
        }
    }

    fn forget_first(&mut self, now: Millis) {
        let first = self.log.pop_front().map(Post::at);
        self.forgotten = self.forgotten.max(first.filter(|&at| at <= now + AHEAD_MS).unwrap_or(-1));
    }

    /// Takes `post` as the newest arrival; `older` of it and the newest by time goes into the log.
    fn add(&mut self, kind: &Kind, post: Post, older: Post, newer: Post, now: Millis) {
        self.age(post.at(), now);
        if let Some(busy) = &mut self.busy {
            busy.add(kind, post, now);
        } else if self.log.len() == LOG_POSTS_MAX && self.matters(kind, now.min(post.at())) {
            self.begin_rings(kind, older, newer, now);
        }
        if self.log.len() == LOG_POSTS_MAX {
            self.forget_first(now);
        }
        self.log.push_back(older);
    }

    /// Whether the post that must leave the log now may still be asked for.
    fn matters(&self, kind: &Kind, at: Millis) -> bool {
        self.log.front().is_some_and(|first| first.at() + 2 * kind.longest.ms() > at)
    }

    fn begin_rings(&mut self, kind: &Kind, older: Post, newer: Post, now: Millis) {
        let mut busy = Busy { rings: Rings::default(), others: Distinct::new(kind.shape) };
        for &post in self.log.iter().chain([&older, &newer]) {
            busy.add(kind, post, now);
        }
        self.busy = Some(Box::new(busy));
    }
}

impl Track {
    pub(crate) fn new(post: Post) -> Self {
        Self { last: post, past: None }
    }

    /// The greatest time of a post.
    pub(crate) fn last_at(&self) -> Millis {
        self.last.at()
    }

    /// Remembers one more post; `now` is the shard's clock.
    pub(crate) fn add(&mut self, kind: &Kind, post: Post, now: Millis) {
        let (older, newer) = if post.at() >= self.last.at() { (self.last, post) } else { (post, self.last) };
        self.last = newer;
        if let Some(past) = &mut self.past {
            past.add(kind, post, older, newer, now);
        } else if older.at() + HORIZON_MS >= now.min(post.at()) {
            let mut past = Past::new();
            past.log.push_back(older);
            self.past = Some(Box::new(past));
        }
    }

    /// Lets go of all but the newest post where that is past the horizon.
    pub(crate) fn rest(&mut self, now: Millis) {
        if self.last.at() < now - HORIZON_MS {
            self.past = None;
        }
    }

    /// What is known at `post`, which was added before.
    pub(crate) fn seen(&self, kind: &Kind, post: Post) -> Seen {
        let at = post.at();
        let Some(past) = &self.past else {
            let mut scan = Scan::new(kind, post);
            scan.take(self.last);
            return scan.seen;
        };
        let mut scan = Scan::new(kind, post);
        let (front, back) = past.log.as_slices();
        front.iter().chain(back).chain([&self.last]).for_each(|&post| scan.take(post));
        if let Some(busy) = past.busy.as_deref().filter(|_| past.forgotten > at - kind.longest.ms()) {
            scan.widen(busy, past.forgotten);
        }
        scan.seen
    }

    /// Scrubs the mark of an author from a room's posts.
    pub(crate) fn scrub(&mut self, other: u32) {
        let past = self.past.iter_mut().flat_map(|past| past.log.iter_mut());
        for post in past.chain([&mut self.last]).filter(|post| post.other == other) {
            post.other = 0;
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.last.encode(out);
        let Some(past) = &self.past else {
            out.push(0);
            return;
        };
        put_var(out, past.log.len() as u64 + 1);
        past.log.iter().for_each(|post| post.encode(out));
        put_signed(out, past.forgotten);
        out.push(past.busy.is_some().into());
        if let Some(busy) = &past.busy {
            busy.rings.encode(out);
            busy.others.encode(out);
        }
    }

    pub(crate) fn decode(kind: &Kind, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let last = Post::decode(reader)?;
        let past = match reader.var("a log of posts")? {
            0 => None,
            len => Some(Box::new(Past::decode(kind, len - 1, reader)?)),
        };
        Ok(Self { last, past })
    }
}

impl Past {
    fn decode(kind: &Kind, len: u64, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "a log of posts";
        if len > LOG_POSTS_MAX as u64 {
            return Err(Broken(WHAT));
        }
        let mut log = VecDeque::with_capacity(len as usize);
        for _ in 0..len {
            log.push_back(Post::decode(reader)?);
        }
        let forgotten = reader.signed(WHAT)?;
        if !(-1..=AT_MAX).contains(&forgotten) {
            return Err(Broken(WHAT));
        }
        let busy = match reader.u8(WHAT)? {
            0 => None,
            1 => {
                let rings = Rings::decode(reader)?;
                Some(Box::new(Busy { rings, others: Distinct::decode(kind.shape, reader)? }))
            }
            _ => return Err(Broken(WHAT)),
        };
        Ok(Self { log, forgotten, busy })
    }
}

/// One pass over the log.
struct Scan<'a> {
    kind: &'a Kind,
    post: Post,
    seen: Seen,
    others: [u32; LOG_POSTS_MAX + 1],
}

impl<'a> Scan<'a> {
    fn new(kind: &'a Kind, post: Post) -> Self {
        Self { kind, post, seen: Seen::default(), others: [0; LOG_POSTS_MAX + 1] }
    }

    fn take(&mut self, post: Post) {
        let age = self.post.at() - post.at();
        if age < 0 {
            return;
        }
        for (window, tally) in Window::ALL.into_iter().zip(&mut self.seen.tallies).rev() {
            if age >= window.ms() {
                break;
            }
            tally.add(post);
        }
        self.seen.same_1h += u32::from(age < HOUR && post.content == self.post.content);
        if age < self.kind.others.ms() {
            self.meet(post.other);
        }
    }

    fn meet(&mut self, other: u32) {
        let met = self.seen.others as usize;
        if other != 0 && !self.others[..met].contains(&other) {
            self.others[met] = other;
            self.seen.others += 1;
        }
    }

    /// Takes the greater of log and rings, for the windows that the log no longer covers.
    fn widen(&mut self, busy: &Busy, forgotten: Millis) {
        let at = self.post.at();
        for (window, tally) in Window::ALL.into_iter().zip(&mut self.seen.tallies) {
            if forgotten > at - window.ms() && window.ms() <= self.kind.longest.ms() {
                *tally = tally.max(busy.rings.tally(window, at));
            }
        }
        if forgotten > at - self.kind.others.ms() {
            self.seen.others = self.seen.others.max(busy.others.estimate(self.kind.shape, at));
        }
    }
}

/// The least bytes that a track takes in a snapshot.
pub(crate) const TRACK_BYTES_MIN: usize = POST_BYTES + 1;

#[cfg(test)]
impl Kind {
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }
}

/// Bytes beside the slot of the busiest key.
#[cfg(test)]
pub(crate) fn busy_bytes_max(kind: &Kind) -> usize {
    let log = (LOG_POSTS_MAX + 1) * size_of::<Post>();
    size_of::<Past>() + log + size_of::<Busy>() + Distinct::new(kind.shape).bytes()
}
