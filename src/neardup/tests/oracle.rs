//! Every entry in turn, in place of keys, sets and a ring.

use proptest::prelude::*;

use super::*;
use crate::neardup::twins::ENTERED_BELOW;
use crate::neardup::window::{COMPARED_MAX, is_promising};

#[derive(Default)]
struct Oracle {
    entries: Vec<(u64, Post)>,
    numbers: u64,
    /// More entries were worth comparing than the window compares: it may answer otherwise.
    is_beyond_bounds: bool,
}

impl Oracle {
    /// Entries before `kept_from` are gone.
    fn take(&mut self, post: &Post, window_ms: Millis, kept_from: u64) -> Twin {
        let may_match = |number: u64, entry: &Post| {
            let stored: Vec<u32> = entry.mark.keys_stored().collect();
            let at = |post: &Post| post.at / 1000;
            let keys = post.mark.keys_asked().filter(|key| stored.contains(key)).count() as u32;
            number >= kept_from
                && (at(entry) - at(post)).abs() * 1000 <= window_ms
                && keys > 0
                && is_promising(post.mark.script, keys, entry.mark.sketch.agreement(&post.mark.sketch).similarity())
        };
        let candidates: Vec<&(u64, Post)> =
            self.entries.iter().filter(|(number, entry)| may_match(*number, entry)).collect();
        self.is_beyond_bounds |= candidates.len() > COMPARED_MAX;
        let near = candidates.into_iter().find_map(|(number, entry)| {
            // Equal texts are copies however few grams they have.
            let is_equal = post.mark.exact == entry.mark.exact;
            let comparison = if is_equal { Comparison::EQUAL } else { compare(&post.text, &entry.text) };
            comparison.is_near(post.mark.script).then_some((*number, entry, comparison))
        });
        let twin = match near {
            Some((cluster, entry, comparison)) => Twin {
                cluster,
                first_at: entry.at / 1000 * 1000,
                first_author: entry.author,
                similarity: comparison.similarity(),
                containment: comparison.containment(),
                address: 0,
                is_new: false,
            },
            None => Twin {
                cluster: self.numbers,
                first_at: post.at / 1000 * 1000,
                first_author: post.author,
                similarity: 0.0,
                containment: 0.0,
                address: 0,
                is_new: true,
            },
        };
        if twin.similarity < ENTERED_BELOW {
            self.entries.push((self.numbers, post.clone()));
            self.numbers += 1;
        }
        twin
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Within its bounds the window finds what looking at everything finds.
    #[test]
    fn the_window_finds_what_a_list_finds(seed: u64, posts in 1_usize..60, bases in 1_usize..12, seconds in 1_i64..90) {
        let posts = stream(&mut fastrand::Rng::with_seed(seed), posts, bases);
        let options = Options { entries_max: 500, window_ms: seconds * 1000, ..Options::default() };
        let (mut twins, _) = twins(&options);
        let mut oracle = Oracle::default();
        for post in &posts {
            let kept_from = oracle.numbers - twins.sizes().entries;
            let expected = oracle.take(post, options.window_ms, kept_from);
            let found = take(&mut twins, std::slice::from_ref(post));
            prop_assume!(!oracle.is_beyond_bounds);
            // A list has no addresses. The first member may have left the window with this very arrival; its text is still read.
            let stored = twins.stored(found[0].address).unwrap();
            prop_assert!(twins.first(found[0].cluster).unwrap().is_none_or(|first| first == stored));
            prop_assert_eq!(&found[..], [Twin { address: found[0].address, ..expected }]);
        }
    }
}

#[test]
fn the_property_above_is_about_something() {
    let posts = stream(&mut fastrand::Rng::with_seed(1), 60, 8);
    let (mut twins, _) = twins(&Options { entries_max: 500, ..Options::default() });
    let found = take(&mut twins, &posts);
    let copies = found.iter().filter(|twin| !twin.is_new).count();
    assert!((20..55).contains(&copies), "{copies} of 60 are copies");
}
