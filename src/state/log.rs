//! The posts before the newest, one by one, in blocks that grow with them.

use crate::event::Millis;
use crate::state::post::Post;

/// Posts that the largest block holds.
pub(crate) const LOG_POSTS_MAX: usize = 63;

/// `N` posts in the order in which they came, as a ring. With `N` = 3, 15, 63 it fills 64, 256, 1,024 bytes.
#[derive(Clone, Debug)]
pub(crate) struct Log<const N: usize> {
    head: Head,
    posts: [Post; N],
}

/// Where the ring begins, and what has left it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// The latest time of a post that has left the log, -1 for none: windows that begin after it are counted exactly.
    pub(crate) forgotten: Millis,
    first: u8,
    len: u8,
}

impl<const N: usize> Log<N> {
    /// A block with the posts of another.
    pub(crate) fn of(other: LogRef<'_>) -> Self {
        let mut log = Self { head: Head { first: 0, len: 0, ..*other.head }, posts: [Post::NONE; N] };
        let mut posts = log.edit();
        other.iter().take(N).for_each(|post| posts.push(post));
        log
    }

    pub(crate) fn view(&self) -> LogRef<'_> {
        LogRef { head: &self.head, posts: &self.posts }
    }

    pub(crate) fn edit(&mut self) -> LogMut<'_> {
        LogMut { head: &mut self.head, posts: &mut self.posts }
    }
}

/// A block of any size, to read.
#[derive(Clone, Copy)]
pub(crate) struct LogRef<'a> {
    head: &'a Head,
    posts: &'a [Post],
}

/// No posts, and nothing forgotten.
pub(crate) const EMPTY: LogRef<'static> = LogRef { head: &Head { forgotten: -1, first: 0, len: 0 }, posts: &[] };

impl<'a> LogRef<'a> {
    pub(crate) fn forgotten(self) -> Millis {
        self.head.forgotten
    }

    /// Reads every cache line of the block.
    pub(crate) fn touch(self) -> u32 {
        self.posts.iter().step_by(4).fold(u32::from(self.head.len), |sum, post| sum ^ post.other)
    }

    pub(crate) fn len(self) -> usize {
        usize::from(self.head.len)
    }

    pub(crate) fn is_full(self) -> bool {
        self.len() == self.posts.len()
    }

    pub(crate) fn first(self) -> Option<Post> {
        self.slices().0.first().copied()
    }

    /// The posts in order, in two pieces.
    pub(crate) fn slices(self) -> (&'a [Post], &'a [Post]) {
        let first = usize::from(self.head.first);
        let to_end = (self.posts.len() - first).min(self.len());
        (&self.posts[first..first + to_end], &self.posts[..self.len() - to_end])
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Post> {
        let (front, back) = self.slices();
        front.iter().chain(back).copied()
    }
}

/// A block of any size, to change.
pub(crate) struct LogMut<'a> {
    pub(crate) head: &'a mut Head,
    /// All places of the block, whether or not a post is in them.
    pub(crate) posts: &'a mut [Post],
}

impl LogMut<'_> {
    /// Adds the latest arrival; there must be room.
    pub(crate) fn push(&mut self, post: Post) {
        let place = usize::from(self.head.first) + usize::from(self.head.len);
        let wrapped = if place >= self.posts.len() { place - self.posts.len() } else { place };
        self.posts[wrapped] = post;
        self.head.len += 1;
    }

    /// Takes out the earliest arrival, where there is one.
    pub(crate) fn pop(&mut self) -> Option<Post> {
        if self.head.len == 0 {
            return None;
        }
        let first = usize::from(self.head.first);
        self.head.first = if first + 1 == self.posts.len() { 0 } else { first as u8 + 1 };
        self.head.len -= 1;
        Some(std::mem::replace(&mut self.posts[first], Post::NONE))
    }
}
