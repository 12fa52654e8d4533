//! What is remembered of one author or one room.
//!
//! Most have one post: it stands in the track itself. Those with more get a log of up to [`LOG_POSTS_MAX`] posts beside
//! it, which is exact. Only where a post that still matters must leave the log are rings of buckets begun; and even then
//! a window that the log still covers is counted from the log.

use crate::event::Millis;
use crate::state::clock::AT_MAX;
use crate::state::codec::{Broken, Reader, put_signed, put_var};
use crate::state::distinct::{Distinct, Shape};
use crate::state::log::{EMPTY, LOG_POSTS_MAX, Log, LogMut, LogRef};
use crate::state::post::{POST_BYTES, Post};
use crate::state::ring::{DAY, HOUR, MINUTE, Rings, Tally, Window};

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

impl Seen {
    /// At the first post of its key, as most are.
    pub(crate) fn alone(post: Post) -> Self {
        let posts = Tally { posts: 1, ..Tally::default() };
        let mut all = Tally::default();
        all.add_few(post);
        Self { tallies: [posts, posts, all, all], same_1h: 1, others: u32::from(post.other != 0) }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    /// The newest post by time.
    last: Post,
    past: Past,
}

/// The posts before the newest. Which block they stand in does not show.
#[derive(Clone, Debug)]
enum Past {
    None,
    Few(Box<Log<3>>),
    More(Box<Log<15>>),
    Full(Box<Log<LOG_POSTS_MAX>>),
    Busy(Box<Busy>),
}

#[derive(Clone, Debug)]
struct Busy {
    log: Log<LOG_POSTS_MAX>,
    rings: Rings,
    others: Distinct,
}

impl Busy {
    /// With the posts of the log counted.
    fn new(kind: &Kind, log: LogRef<'_>, now: Millis) -> Box<Self> {
        let mut busy = Box::new(Self { log: Log::of(log), rings: Rings::default(), others: Distinct::new(kind.shape) });
        log.iter().for_each(|post| busy.count(kind, post, now));
        busy
    }

    fn count(&mut self, kind: &Kind, post: Post, now: Millis) {
        if post.at() <= now + AHEAD_MS {
            self.rings.add(post);
            self.others.add(kind.shape, post.other, post.at());
        }
    }
}

impl Past {
    fn log(&self) -> LogRef<'_> {
        match self {
            Self::None => EMPTY,
            Self::Few(log) => log.view(),
            Self::More(log) => log.view(),
            Self::Full(log) => log.view(),
            Self::Busy(busy) => busy.log.view(),
        }
    }

    fn log_mut(&mut self) -> Option<LogMut<'_>> {
        match self {
            Self::None => None,
            Self::Few(log) => Some(log.edit()),
            Self::More(log) => Some(log.edit()),
            Self::Full(log) => Some(log.edit()),
            Self::Busy(busy) => Some(busy.log.edit()),
        }
    }

    /// Lets go of what is past the horizon, seen from `at` or from now, whichever is earlier.
    fn age(&mut self, at: Millis, now: Millis) {
        let horizon = at.min(now) - HORIZON_MS;
        while self.log().first().is_some_and(|post| post.at() < horizon) {
            self.forget_first(now);
        }
        if self.log().forgotten() >= horizon {
            return;
        }
        if let Self::Busy(busy) = self {
            *self = Self::Full(Box::new(Log::of(busy.log.view())));
        }
        if self.log().len() == 0 {
            *self = Self::None;
        }
    }

    fn forget_first(&mut self, now: Millis) {
        if let Some(mut log) = self.log_mut()
            && let Some(first) = log.pop().filter(|post| post.at() <= now + AHEAD_MS)
        {
            log.head.forgotten = log.head.forgotten.max(first.at());
        }
    }

    /// Adds a post to the log, in a larger block if need be; the largest lets go of its first.
    fn push(&mut self, post: Post, now: Millis) {
        if self.log().is_full() {
            match self {
                Self::None => *self = Self::Few(Box::new(Log::of(EMPTY))),
                Self::Few(log) => *self = Self::More(Box::new(Log::of(log.view()))),
                Self::More(log) => *self = Self::Full(Box::new(Log::of(log.view()))),
                Self::Full(_) | Self::Busy(_) => self.forget_first(now),
            }
        }
        if let Some(mut log) = self.log_mut() {
            log.push(post);
        }
    }

    /// Begins rings where a post must leave the log now that may still be asked for.
    fn keep_count(&mut self, kind: &Kind, last: Post, at: Millis, now: Millis) {
        if let Self::Full(log) = self
            && log.view().is_full()
            && log.view().first().is_some_and(|first| first.at() + 2 * kind.longest.ms() > at)
        {
            let mut busy = Busy::new(kind, log.view(), now);
            busy.count(kind, last, now);
            *self = Self::Busy(busy);
        }
    }
}

impl Track {
    pub(crate) fn new(post: Post) -> Self {
        Self { last: post, past: Past::None }
    }

    /// The greatest time of a post.
    pub(crate) fn last_at(&self) -> Millis {
        self.last.at()
    }

    /// Reads what the next change will read first.
    pub(crate) fn touch(&self) -> u32 {
        self.past.log().touch()
    }

    /// Remembers one more post; `now` is the shard's clock.
    pub(crate) fn add(&mut self, kind: &Kind, post: Post, now: Millis) {
        let at = post.at();
        self.past.age(at, now);
        self.past.keep_count(kind, self.last, at.min(now), now);
        if let Past::Busy(busy) = &mut self.past {
            busy.count(kind, post, now);
        }
        let older = if at >= self.last.at() { std::mem::replace(&mut self.last, post) } else { post };
        if older.at() + HORIZON_MS >= at.min(now) {
            self.past.push(older, now);
        }
    }

    /// Lets go of all but the newest post where that is past the horizon.
    pub(crate) fn rest(&mut self, now: Millis) {
        if self.last.at() < now - HORIZON_MS {
            self.past = Past::None;
        }
    }

    /// What is known at `post`, which was added before.
    pub(crate) fn seen(&self, kind: &Kind, post: Post) -> Seen {
        let (at, log) = (post.at(), self.past.log());
        let (front, back) = log.slices();
        let last = std::slice::from_ref(&self.last);
        let sums = Sums::default().with(post, last).with(post, front).with(post, back);
        let met = || if sums.has_others { Met::within(kind.others.ms(), at, [last, front, back]) } else { 0 };
        let Past::Busy(busy) = &self.past else {
            return sums.seen(met());
        };
        let covered = log.forgotten() <= at - kind.others.ms();
        let mut seen = sums.seen(if covered { met() } else { busy.others.estimate(kind.shape, at) });
        busy.widen(kind, at, &mut seen);
        seen
    }

    /// Scrubs the mark of an author from a room's posts.
    pub(crate) fn scrub(&mut self, other: u32) {
        let past = self.past.log_mut().map(|log| log.posts).into_iter().flatten();
        for post in past.chain([&mut self.last]).filter(|post| post.other == other) {
            post.other = 0;
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.last.encode(out);
        if let Past::None = self.past {
            out.push(0);
            return;
        }
        let log = self.past.log();
        put_var(out, log.len() as u64 + 1);
        log.iter().for_each(|post| post.encode(out));
        put_signed(out, log.forgotten());
        match &self.past {
            Past::Busy(busy) => {
                out.push(1);
                busy.rings.encode(out);
                busy.others.encode(out);
            }
            _ => out.push(0),
        }
    }

    pub(crate) fn decode(kind: &Kind, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let last = Post::decode(reader)?;
        let past = match reader.var("a log of posts")? {
            0 => Past::None,
            len => Past::decode(kind, len - 1, reader)?,
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
        let mut past = Self::Few(Box::new(Log::of(EMPTY)));
        for _ in 0..len {
            past.push(Post::decode(reader)?, 0);
        }
        let forgotten = reader.signed(WHAT)?;
        if !(-1..=AT_MAX).contains(&forgotten) {
            return Err(Broken(WHAT));
        }
        if let Some(log) = past.log_mut() {
            log.head.forgotten = forgotten;
        }
        match reader.u8(WHAT)? {
            0 => Ok(past),
            1 => {
                let (log, rings) = (Log::of(past.log()), Rings::decode(reader)?);
                Ok(Self::Busy(Box::new(Busy { log, rings, others: Distinct::decode(kind.shape, reader)? })))
            }
            _ => Err(Broken(WHAT)),
        }
    }
}

/// Sums over the log. Of the short windows only posts are asked for.
#[derive(Clone, Copy, Default)]
struct Sums {
    m1: u32,
    m10: u32,
    h1: Tally,
    d1: Tally,
    same_1h: u32,
    /// Whether a post of the last hour has another; authors who post in no room have none to count.
    has_others: bool,
}

impl Sums {
    /// With the posts of a piece of the log that lie before or at `post`.
    fn with(mut self, post: Post, posts: &[Post]) -> Self {
        for other in posts {
            // What is later wraps to a great age.
            let age = (post.at() - other.at()) as u64;
            if age < DAY as u64 {
                self.d1.add_few(*other);
                if age < HOUR as u64 {
                    self.h1.add_few(*other);
                    self.same_1h += u32::from(other.content == post.content);
                    self.has_others |= other.other != 0;
                    self.m10 += u32::from(age < Window::M10.ms() as u64);
                    self.m1 += u32::from(age < MINUTE as u64);
                }
            }
        }
        self
    }

    fn seen(self, others: u32) -> Seen {
        let posts = |posts| Tally { posts, ..Tally::default() };
        Seen { tallies: [posts(self.m1), posts(self.m10), self.h1, self.d1], same_1h: self.same_1h, others }
    }
}

/// Different others, one by one.
struct Met {
    met: [u32; LOG_POSTS_MAX + 1],
    len: usize,
    /// A bit for each 256th of the marks: most new marks are seen to be new by it.
    marks: [u64; 4],
}

impl Met {
    /// Those in a log within so long before `at`.
    fn within(ms: Millis, at: Millis, pieces: [&[Post]; 3]) -> u32 {
        let mut met = Self { met: [0; LOG_POSTS_MAX + 1], len: 0, marks: [0; 4] };
        for post in pieces.into_iter().flatten() {
            if ((at - post.at()) as u64) < ms as u64 {
                met.meet(post.other);
            }
        }
        met.len as u32
    }

    fn meet(&mut self, other: u32) {
        let (word, bit) = ((other >> 30) as usize, 1 << (other >> 24 & 63));
        let new = self.marks[word] & bit == 0 || !self.met[..self.len].contains(&other);
        if other != 0 && new {
            self.marks[word] |= bit;
            self.met[self.len] = other;
            self.len += 1;
        }
    }
}

impl Busy {
    /// Takes the rings' word where they hold more and the log no longer covers the window.
    fn widen(&self, kind: &Kind, at: Millis, seen: &mut Seen) {
        let forgotten = self.log.view().forgotten();
        for (window, tally) in Window::ALL.into_iter().zip(&mut seen.tallies) {
            if forgotten > at - window.ms() && window.ms() <= kind.longest.ms() {
                *tally = tally.max(self.rings.tally(window, at));
            }
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
    size_of::<Busy>() + Distinct::new(kind.shape).bytes()
}
