//! Counts in windows, in fixed memory, for the keys that are too busy to remember post by post.

use crate::event::Millis;
use crate::state::clock::AT_MAX;
use crate::state::codec::{Broken, Reader, put_u32, put_var};
use crate::state::post::Post;

pub(crate) const MINUTE: Millis = 60_000;
pub(crate) const HOUR: Millis = 60 * MINUTE;
pub(crate) const DAY: Millis = 24 * HOUR;

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) posts: u32,
    pub(crate) links: u32,
    pub(crate) hits: u32,
}

impl Tally {
    pub(crate) fn add(&mut self, post: Post) {
        self.posts = self.posts.saturating_add(1);
        self.links = self.links.saturating_add(u32::from(post.links()));
        self.hits = self.hits.saturating_add(u32::from(post.hit()));
    }

    /// The same for a handful of posts, whose sums cannot overflow.
    pub(crate) fn add_few(&mut self, post: Post) {
        self.posts += 1;
        self.links += u32::from(post.links());
        self.hits += u32::from(post.hit());
    }

    pub(crate) fn max(self, other: Self) -> Self {
        Self { posts: self.posts.max(other.posts), links: self.links.max(other.links), hits: self.hits.max(other.hits) }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            posts: self.posts.saturating_add(other.posts),
            links: self.links.saturating_add(other.links),
            hits: self.hits.saturating_add(other.hits),
        }
    }

    /// The part of it that falls to `part` of `whole` milliseconds, rounded down.
    fn share(self, part: Millis, whole: Millis) -> Self {
        let share = |n: u32| (i64::from(n) * part).div_euclid(whole).max(0) as u32;
        Self { posts: share(self.posts), links: share(self.links), hits: share(self.hits) }
    }
}

/// A bucket: the tally of one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    /// Which stretch since 1970, plus 1; 0 for none.
    stretch: u32,
    tally: Tally,
}

/// `N` buckets of `GRAIN_MS`, for a window of `WHOLE` of them: more than one and a half windows, so that late events find
/// their stretch. The sum of the newest window is kept up to date, as nearly all questions are about that one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ring<const N: usize, const WHOLE: u32, const GRAIN_MS: Millis> {
    buckets: [Bucket; N],
    newest: u32,
    /// Of the last `WHOLE` stretches up to the newest.
    sum: Tally,
}

impl<const N: usize, const WHOLE: u32, const GRAIN_MS: Millis> Default for Ring<N, WHOLE, GRAIN_MS> {
    fn default() -> Self {
        Self { buckets: [Bucket::default(); N], newest: 0, sum: Tally::default() }
    }
}

impl<const N: usize, const WHOLE: u32, const GRAIN_MS: Millis> Ring<N, WHOLE, GRAIN_MS> {
    /// Counts a post in its stretch. A stretch that is forgotten stays so: newer counts keep their bucket.
    fn add(&mut self, post: Post) {
        let stretch = stretch::<GRAIN_MS>(post.at());
        let bucket = &mut self.buckets[stretch as usize % N];
        if bucket.stretch < stretch {
            *bucket = Bucket { stretch, tally: Tally::default() };
        }
        if bucket.stretch == stretch {
            bucket.tally.add(post);
            if stretch > self.newest {
                self.newest = stretch;
                self.sum = self.whole(stretch);
            } else if stretch + WHOLE > self.newest {
                self.sum.add(post);
            }
        }
    }

    /// The tally of the window that ends with `at`: whole buckets up to that of `at`, and the oldest one in proportion
    /// to what of it lies in the window.
    fn tally(&self, at: Millis) -> Tally {
        let newest = stretch::<GRAIN_MS>(at);
        let sum = if newest == self.newest { self.sum } else { self.whole(newest) };
        let edge = newest.saturating_sub(WHOLE);
        let bucket = &self.buckets[edge as usize % N];
        if edge == 0 || bucket.stretch != edge {
            return sum;
        }
        sum.plus(bucket.tally.share(GRAIN_MS - 1 - at % GRAIN_MS, GRAIN_MS))
    }

    fn whole(&self, newest: u32) -> Tally {
        let oldest = newest.saturating_sub(WHOLE) + 1;
        let within = self.buckets.iter().filter(|bucket| (oldest..=newest).contains(&bucket.stretch));
        within.fold(Tally::default(), |sum, bucket| sum.plus(bucket.tally))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for (index, bucket) in self.buckets.iter().enumerate().filter(|(_, bucket)| bucket.stretch != 0) {
            out.push(index as u8 + 1);
            put_u32(out, bucket.stretch);
            for count in [bucket.tally.posts, bucket.tally.links, bucket.tally.hits] {
                put_var(out, count.into());
            }
        }
        out.push(0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "a ring of counts";
        let mut ring = Self::default();
        let mut next = 0;
        loop {
            let Some(index) = reader.u8(WHAT)?.checked_sub(1) else {
                ring.newest = ring.buckets.iter().map(|bucket| bucket.stretch).max().unwrap_or(0);
                ring.sum = ring.whole(ring.newest);
                return Ok(ring);
            };
            let stretch = reader.u32(WHAT)?;
            let index = usize::from(index);
            if index < next
                || index >= N
                || stretch as usize % N != index
                || stretch == 0
                || stretch > stretch_max::<GRAIN_MS>()
            {
                return Err(Broken(WHAT));
            }
            next = index + 1;
            let [posts, links, hits] = [reader.var_u32(WHAT)?, reader.var_u32(WHAT)?, reader.var_u32(WHAT)?];
            ring.buckets[index] = Bucket { stretch, tally: Tally { posts, links, hits } };
        }
    }
}

fn stretch<const GRAIN_MS: Millis>(at: Millis) -> u32 {
    (at / GRAIN_MS + 1) as u32
}

/// No event is later; sums of stretches and windows stay far from the end of `u32`.
fn stretch_max<const GRAIN_MS: Millis>() -> u32 {
    stretch::<GRAIN_MS>(AT_MAX)
}

/// One ring for each window, with buckets of a tenth or a twelfth of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rings {
    m1: Ring<20, 10, 6_000>,
    m10: Ring<20, 10, MINUTE>,
    h1: Ring<20, 12, { 5 * MINUTE }>,
    d1: Ring<20, 12, { 2 * HOUR }>,
}

impl Rings {
    pub(crate) fn add(&mut self, post: Post) {
        self.m1.add(post);
        self.m10.add(post);
        self.h1.add(post);
        self.d1.add(post);
    }

    pub(crate) fn tally(&self, window: Window, at: Millis) -> Tally {
        match window {
            Window::M1 => self.m1.tally(at),
            Window::M10 => self.m10.tally(at),
            Window::H1 => self.h1.tally(at),
            Window::D1 => self.d1.tally(at),
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.m1.encode(out);
        self.m10.encode(out);
        self.h1.encode(out);
        self.d1.encode(out);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        Ok(Self {
            m1: Ring::decode(reader)?,
            m10: Ring::decode(reader)?,
            h1: Ring::decode(reader)?,
            d1: Ring::decode(reader)?,
        })
    }
}

/// The windows that are counted in: the time up to and including an event, so long back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    M1,
    M10,
    H1,
    D1,
}

impl Window {
    pub(crate) const ALL: [Self; 4] = [Self::M1, Self::M10, Self::H1, Self::D1];

    pub(crate) const fn ms(self) -> Millis {
        match self {
            Self::M1 => MINUTE,
            Self::M10 => 10 * MINUTE,
            Self::H1 => HOUR,
            Self::D1 => DAY,
        }
    }
}
