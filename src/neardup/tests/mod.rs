//! The window against a plain list of everything, and against itself: other batches, other threads, a restart between.

mod articles;
mod bounds;
mod oracle;
mod same;

use std::sync::Arc;

use super::*;
use crate::text::Folded;

pub(crate) const SEED: Seed = Seed::new(0x5EED);
const MINUTE: Millis = 60_000;

/// A message, before it is marked.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    pub(crate) id: String,
    pub(crate) author: u32,
    pub(crate) at: Millis,
    pub(crate) text: String,
    pub(crate) mark: Mark,
}

impl Post {
    /// # Panics
    /// If the text is too short for a mark.
    pub(crate) fn new(id: &str, author: u32, at: Millis, text: &str) -> Self {
        Self {
            id: id.to_owned(),
            author,
            at,
            text: text.to_owned(),
            mark: mark(text).expect("a text that says something"),
        }
    }

    pub(crate) fn arrival(&self) -> Arrival<'_> {
        Arrival {
            mark: &self.mark,
            id: &self.id,
            author: self.author,
            at: self.at,
            text: &self.text,
            is_forward: false,
        }
    }
}

pub(crate) fn mark(text: &str) -> Option<Mark> {
    let mut folded = Folded::default();
    folded.fold(text);
    Sketcher::default().mark(&folded, Form::Message, SEED)
}

/// A stream of texts, most of them washed copies of a few, some of them new, about a second apart and a little out of order.
pub(crate) fn stream(random: &mut fastrand::Rng, posts: usize, bases: usize) -> Vec<Post> {
    let bases: Vec<String> = (0..bases).map(|_| text(random)).collect();
    let mut stream = Vec::with_capacity(posts);
    while stream.len() < posts {
        let text = match random.u8(0..10) {
            0 | 1 => text(random),
            2 | 3 => random.choice(&bases).expect("there are bases").clone(),
            _ => wash(random, random.clone().choice(&bases).expect("there are bases")),
        };
        let number = stream.len();
        let at = number as Millis * 1000 + random.i64(-5000..5000) + 100 * MINUTE;
        if let Some(mark) = mark(&text) {
            stream.push(Post { id: format!("p{number}"), author: random.u32(1..9), at, text, mark });
        }
    }
    stream
}

/// Chinese characters or Latin letters, few enough that some grams repeat.
fn text(random: &mut fastrand::Rng) -> String {
    let (letters, length) = (random.u8(0..4), random.usize(8..70));
    (0..length)
        .map(|_| match letters {
            0 => random.char('a'..='q'),
            _ => random.char('一'..='丿'),
        })
        .collect()
}

fn wash(random: &mut fastrand::Rng, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..random.usize(0..=chars.len() / 6) {
        let at = random.usize(0..chars.len());
        match random.u8(0..4) {
            0 => drop(chars.remove(at)),
            1 => chars.insert(at, random.char('丁'..='丽')),
            2 => chars.insert(at, '，'),
            _ => chars[at] = random.char('a'..='f'),
        }
    }
    if random.u8(0..6) == 0 {
        chars.truncate(chars.len() / 2 + 1);
    }
    chars.into_iter().collect()
}

pub(crate) fn take(twins: &mut Twins, posts: &[Post]) -> Vec<Twin> {
    let arrivals: Vec<Arrival<'_>> = posts.iter().map(Post::arrival).collect();
    let mut out = Vec::new();
    twins.take(&arrivals, &mut out).expect("a log in memory can be read");
    out
}

pub(crate) fn twins(options: &Options) -> (Twins, Arc<MemoryTexts>) {
    let texts = Arc::new(MemoryTexts::new());
    (Twins::new(options, SEED, Arc::<MemoryTexts>::clone(&texts)), texts)
}
