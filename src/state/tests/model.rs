//! What memory should say, from the full history of every key.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::state::clock::clamp;
use crate::state::ring::MINUTE;

#[derive(Default)]
pub(super) struct Model {
    ids: BTreeSet<u64>,
    authors: BTreeMap<u64, Vec<Fact>>,
    rooms: BTreeMap<u64, Vec<Fact>>,
    followers: BTreeMap<u64, Vec<bool>>,
}

impl Model {
    /// The counts of one event, with nothing forgotten and nothing rounded.
    pub(super) fn remember(&mut self, fact: &Fact) -> Counts {
        if !self.ids.insert(fact.id) {
            return Counts { duplicate: true, ..Counts::default() };
        }
        let author = self.authors.entry(fact.author).or_default();
        let author_first = author.is_empty();
        author.push(*fact);
        let mut counts = Counts { author_first, ..Counts::default() };
        of_author(author, fact, &mut counts);
        if fact.room != 0 {
            let room = self.rooms.entry(fact.room).or_default();
            room.push(*fact);
            of_room(room, fact, &mut counts);
        }
        if let Some(Follow { root, doubts }) = fact.follow {
            let followers = self.followers.entry(root).or_default();
            followers.push(doubts);
            if followers.len() <= 100 {
                let doubting = followers.iter().filter(|doubts| **doubts).count();
                counts.follow = FollowCounts { followers: followers.len() as u8, doubts: doubting as u8 };
            }
        }
        counts
    }
}

/// The posts of a window that ends with `at`.
pub(super) fn window(posts: &[Fact], at: Millis, ms: Millis) -> impl Iterator<Item = &Fact> {
    posts.iter().filter(move |post| post.at <= at && post.at > at - ms)
}

fn of_author(posts: &[Fact], fact: &Fact, counts: &mut Counts) {
    let within = |ms| window(posts, fact.at, ms);
    counts.author_posts_1m = within(MINUTE).count() as u32;
    counts.author_posts_10m = within(10 * MINUTE).count() as u32;
    counts.author_posts_1h = within(60 * MINUTE).count() as u32;
    counts.author_posts_1d = within(DAY).count() as u32;
    counts.author_links_1h = within(60 * MINUTE).map(|post| u32::from(post.links)).sum();
    counts.author_hits_1d = within(DAY).filter(|post| post.word_hit).count() as u32;
    counts.author_same_1h = within(60 * MINUTE).filter(|post| post.content == fact.content).count() as u32;
    let rooms: BTreeSet<u64> = within(60 * MINUTE).map(|post| post.room).filter(|room| *room != 0).collect();
    counts.author_rooms_1h = rooms.len() as u32;
    let first = posts.iter().map(|post| clamp(post.at)).min().unwrap_or(fact.at);
    counts.author_known_days = ((clamp(fact.at) / MINUTE - first / MINUTE) / (24 * 60)) as u32;
}

fn of_room(posts: &[Fact], fact: &Fact, counts: &mut Counts) {
    let within = |ms| window(posts, fact.at, ms);
    counts.room_posts_1m = within(MINUTE).count() as u32;
    counts.room_posts_10m = within(10 * MINUTE).count() as u32;
    counts.room_posts_1h = within(60 * MINUTE).count() as u32;
    counts.room_hits_1h = within(60 * MINUTE).filter(|post| post.word_hit).count() as u32;
    let authors: BTreeSet<u64> = within(10 * MINUTE).map(|post| post.author).collect();
    counts.room_authors_10m = authors.len() as u32;
}
