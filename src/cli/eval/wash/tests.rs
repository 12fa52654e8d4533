//! What holds of every wash.

use std::sync::LazyLock;

use fastrand::Rng;
use proptest::prelude::*;

use super::*;
use crate::text::fold_to_string;

static COLLECTION: LazyLock<[String; 4]> = LazyLock::new(|| {
    [
        "今天傍晚江边要放烟花，大家早点出门，别开车，地铁会加开到十二点。",
        "Fireworks by the river tonight; leave early, take the train, they run until midnight.",
        "楼下新开的面馆味道不错！牛肉面18元，加微信 mianguan88 送小菜。",
        "Our reading club meets on Tuesday at 7, room 204, bring a friend and a book you did not like.",
    ]
    .map(str::to_owned)
});

static WASHER: LazyLock<Washer<'static>> = LazyLock::new(|| Washer::new(&*COLLECTION));

fn letters(text: &str) -> Vec<char> {
    text.chars().filter(|&c| is_letter(c)).collect()
}

/// How many insertions, deletions, substitutions and swaps of neighbours lead from one to the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect::<Vec<usize>>(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        rows[2][0] = i;
        for j in 1..=b.len() {
            let changed = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[1][j] + 1).min(rows[2][j - 1] + 1).min(rows[1][j - 1] + changed);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[0][j - 2] + 1);
            }
            rows[2][j] = least;
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

fn any_wash() -> impl Strategy<Value = Wash> {
    prop_oneof![
        (1..=60u8).prop_map(Wash::Edits),
        (1..=200u8).prop_map(Wash::Added),
        (1..=100u8).prop_map(Wash::Kept),
        (1..=4u8).prop_map(Wash::Embedded),
        prop::sample::select(vec![Wash::Noise, Wash::Traditional, Wash::Reordered, Wash::Contacts]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_wash_changes_any_text_and_repeats_for_a_seed(text in "\\PC{0,60}", wash in any_wash(), seed: u64) {
        let washed = WASHER.wash(&mut Rng::with_seed(seed), wash, &text);
        prop_assert_ne!(washed.as_deref(), Some(&*text));
        prop_assert_eq!(&washed, &WASHER.wash(&mut Rng::with_seed(seed), wash, &text));
    }

    #[test]
    fn edits_are_at_most_as_many_as_the_rate_says(text in "[一-十a-z0-9，。 ]{1,80}", percent in 1..=60u8, seed: u64) {
        let washed = WASHER.wash(&mut Rng::with_seed(seed), Wash::Edits(percent), &text);
        let before = letters(&text);
        prop_assert_eq!(washed.is_none(), before.is_empty());
        if let Some(washed) = washed {
            prop_assert!(distance(&before, &letters(&washed)) <= edits(before.len(), percent));
        }
    }
}

#[test]
fn edits_come_in_the_shares_that_are_promised() {
    let text: String = COLLECTION[0].chars().filter(|&c| is_letter(c)).cycle().take(2_000).collect();
    let before = letters(&text);
    for percent in [5, 10, 20] {
        let washed = WASHER.wash(&mut Rng::with_seed(7), Wash::Edits(percent), &text).unwrap();
        let found = distance(&before, &letters(&washed)) * 100;
        // One edit of ten is a sign, which leaves the letters alone; a drawn letter may be the one that stood beside it.
        let promised = before.len() * usize::from(percent);
        assert!(found >= promised * 8 / 10 && found <= promised, "{percent} %: {found} of {promised}");
        assert!(washed.chars().any(|c| !is_letter(c)), "signs were put in");
    }
}

#[test]
fn a_short_text_has_one_edit_at_least() {
    for seed in 0..200 {
        let washed = WASHER.wash(&mut Rng::with_seed(seed), Wash::Edits(2), "一二三四五六七八九十").unwrap();
        assert_ne!(washed, "一二三四五六七八九十");
        assert!(washed.chars().count().abs_diff(10) <= 1, "{washed}");
    }
}

#[test]
fn letters_come_from_their_own_script() {
    let mut rng = Rng::with_seed(3);
    for seed in 0..100 {
        rng.seed(seed);
        assert!(WASHER.letter_like(&mut rng, '好').chars().all(|c| script(c) == script('好')));
        assert!(WASHER.letter_like(&mut rng, 'e').chars().all(|c| c.is_alphabetic() && c.is_ascii()));
        assert!(WASHER.letter_like(&mut rng, '9').chars().all(|c| c.is_ascii_digit() && c != '9'));
    }
}

#[test]
fn attacks_do_what_they_are_called() {
    let text = &COLLECTION[0];
    let length = text.chars().count();
    for seed in 0..100 {
        let wash = |wash| WASHER.wash(&mut Rng::with_seed(seed), wash, text).unwrap();
        let noisy = wash(Wash::Noise);
        assert_eq!(letters(&noisy), letters(text));
        assert_eq!(wash(Wash::Kept(50)).chars().count(), length.div_ceil(2));
        assert!(text.contains(&wash(Wash::Kept(30))));
        let added = wash(Wash::Added(100));
        assert!(added.contains(text.as_str()) && added.chars().count() == 2 * length, "{added}");
        let embedded = wash(Wash::Embedded(3));
        assert!(embedded.contains(text.as_str()) && embedded.chars().count() == 4 * length, "{embedded}");
        let (mut before, mut after) = (letters(text), letters(&wash(Wash::Reordered)));
        assert_ne!(before, after);
        before.sort_unstable();
        after.sort_unstable();
        assert_eq!(before, after, "the same letters in another order");
    }
}

#[test]
fn traditional_characters_fold_back() {
    let washed = WASHER.wash(&mut Rng::with_seed(1), Wash::Traditional, "兑换红包，点这里领优惠").unwrap();
    assert_eq!(fold_to_string(&washed), fold_to_string("兑换红包，点这里领优惠"));
    assert_eq!(WASHER.wash(&mut Rng::with_seed(1), Wash::Traditional, "plain English"), None);
}
