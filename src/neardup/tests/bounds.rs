//! What expires, what is pushed out, what is erased, and what may not push out the rest.

use super::*;

const A: &str = "今天下午三点在人民广场集合，大家记得带上身份证和水杯";
const B: &str = "这款保温杯采用双层真空不锈钢，保温效果可以达到十二小时以上";

fn options(entries_max: usize) -> Options {
    Options { entries_max, window_ms: 10 * MINUTE, text_bytes_max: 1 << 20 }
}

/// A text of its own: no two numbers give texts that share a gram.
fn other(number: u32) -> String {
    (0..12).filter_map(|at| char::from_u32(0x4E00 + (number * 12 + at) % 20_000)).collect()
}

#[test]
fn a_copy_is_found_within_the_window_and_not_after_it() {
    for (later, is_new) in [(0, false), (10 * MINUTE, false), (10 * MINUTE + 1000, true), (-10 * MINUTE, false)] {
        let (mut twins, _) = twins(&options(100));
        let at = 60 * MINUTE;
        let found = take(&mut twins, &[Post::new("a", 1, at, A), Post::new("b", 2, at + later, A)]);
        assert_eq!((found[0].is_new, found[1].is_new), (true, is_new), "{later} ms later");
        if !is_new {
            assert_eq!((found[1].cluster, found[1].first_at, found[1].first_author), (0, at, 1));
            assert_eq!((found[1].similarity, found[1].containment), (1.0, 1.0));
        }
    }
}

#[test]
fn the_oldest_entry_goes_when_the_ring_is_full() {
    for (between, is_new) in [(48, false), (49, false), (50, true)] {
        let (mut twins, _) = twins(&options(50));
        take(&mut twins, &[Post::new("a", 1, 0, A)]);
        for number in 0..between {
            take(&mut twins, &[Post::new("o", 2, 0, &other(number))]);
        }
        assert_eq!(take(&mut twins, &[Post::new("b", 3, 0, A)])[0].is_new, is_new, "{between} entries between");
    }
}

#[test]
fn texts_are_released_by_bytes_and_by_time() {
    let (mut by_bytes, texts) = twins(&Options { text_bytes_max: 4096, ..options(1000) });
    for number in 0..200 {
        take(&mut by_bytes, &[Post::new("o", 2, 0, &other(number))]);
    }
    let kept = texts.end() - by_bytes.kept_from();
    assert!((3500..=4096 + 200).contains(&kept), "{kept} bytes");

    let (mut by_time, texts) = twins(&options(1000));
    for number in 0..200 {
        take(&mut by_time, &[Post::new("o", 2, Millis::from(number) * MINUTE, &other(number))]);
    }
    assert!((9..=12).contains(&by_time.sizes().entries), "{:?}", by_time.sizes());
    texts.release_before(by_time.kept_from());
    assert!(!take(&mut by_time, &[Post::new("o", 2, 199 * MINUTE, &other(195))])[0].is_new);
}

#[test]
fn one_message_dated_ahead_ages_nothing() {
    let (mut twins, _) = twins(&options(1000));
    let day = 24 * 60 * MINUTE;
    let found = take(
        &mut twins,
        &[
            Post::new("a", 1, 0, A),
            Post::new("x", 2, 400 * day, &other(1)),
            Post::new("y", 2, MINUTE, &other(2)),
            Post::new("z", 2, MINUTE, &other(3)),
            Post::new("b", 3, MINUTE, A),
        ],
    );
    assert!(!found[4].is_new);
}

/// What comes before and after in a thousand texts is the same: a platform's template.
#[test]
fn a_template_pushes_nobody_else_out() {
    let template = |number: u32| format!("转发微博分享链接{}来自新版客户端", other(number).repeat(3));
    let (mut twins, _) = twins(&options(2000));
    take(&mut twins, &[Post::new("a", 1, 0, A), Post::new("b", 1, 0, B)]);
    for number in 0..1000 {
        assert!(take(&mut twins, &[Post::new("t", 2, 0, &template(number))])[0].is_new, "{number}");
    }
    for (text, cluster) in [(A, 0), (B, 1)] {
        assert_eq!(take(&mut twins, &[Post::new("c", 3, 0, text)])[0].cluster, cluster);
    }
    let kept =
        (0..1000).filter(|&number| !take(&mut twins, &[Post::new("t", 4, 0, &template(number))])[0].is_new).count();
    assert!(kept > 950, "{kept} of 1000 are found again");
}

#[test]
fn what_an_author_wrote_is_gone_once_they_are_forgotten() {
    let (mut twins, texts) = twins(&options(100));
    take(&mut twins, &[Post::new("id-of-a", 7, 0, A), Post::new("b", 8, 0, B)]);
    assert_eq!(twins.first(0).unwrap().map(|first| (first.id, first.text)), Some(("id-of-a".into(), A.into())));
    assert_eq!(twins.forget(7).unwrap(), 1);
    assert_eq!(twins.forget(7).unwrap(), 0);
    assert_eq!(twins.first(0).unwrap(), None);
    let mut all = Vec::new();
    texts
        .scan(&mut |_, record| {
            all.extend_from_slice(record);
            Ok(())
        })
        .unwrap();
    let holds = |text: &str| all.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(holds(B) && !holds(A) && !holds("id-of-a"));
    let found = take(&mut twins, &[Post::new("c", 9, 0, A), Post::new("d", 9, 0, B)]);
    assert!(found[0].is_new && !found[1].is_new);
}

#[test]
fn what_the_window_has_let_go_of_is_forgotten_as_well() {
    let (mut twins, texts) = twins(&options(100));
    take(&mut twins, &[Post::new("id-of-a", 7, 0, A)]);
    (0..400).for_each(|number| drop(take(&mut twins, &[Post::new("t", 8, 0, &other(number))])));
    assert_eq!(twins.first(0).unwrap(), None, "the window is too small for it");
    let holds = |text: &str| {
        let mut found = false;
        let mut visit = |_: u64, record: &[u8]| {
            found |= record.windows(text.len()).any(|bytes| bytes == text.as_bytes());
            Ok(())
        };
        texts.scan(&mut visit).unwrap();
        found
    };
    assert!(holds(A), "its text is still stored");
    assert_eq!(twins.forget(7).unwrap(), 0);
    assert!(!holds(A) && !holds("id-of-a"));
}

#[test]
fn nothing_is_chained() {
    // Each is like the one before it, and less and less like the first.
    let letters: Vec<char> = other(0).chars().chain(other(1).chars()).chain(other(2).chars()).collect();
    let step = |number: usize| -> String { letters[number..number + 16].iter().collect() };
    let (mut twins, _) = twins(&options(100));
    let posts: Vec<Post> = (0..16).map(|at| Post::new("s", 1, 0, &step(at))).collect();
    for (post, twin) in posts.iter().zip(take(&mut twins, &posts)).filter(|(_, twin)| !twin.is_new) {
        let first = twins.first(twin.cluster).unwrap().expect("it is kept");
        assert_eq!(compare(&post.text, &first.text).similarity(), twin.similarity);
        assert!(twin.similarity >= 0.4);
    }
}

#[test]
fn short_and_empty_texts_and_laughter_have_no_mark() {
    for text in [
        "",
        "转发微博",
        "哈哈哈哈哈哈哈哈哈哈哈哈哈哈哈",
        "lol lol lol",
        "！！！！！！！！！！！！",
        "haha haha haha haha haha",
    ] {
        assert_eq!(mark(text), None, "{text}");
    }
    assert!(mark("转发微博转发微博吧").is_some());
}

#[test]
fn an_entry_costs_at_most_85_bytes() {
    for entries_max in [1000, 1_000_000] {
        let (twins, _) = twins(&options(entries_max));
        let bytes = twins.sizes().memory_bytes_max as f64 / entries_max as f64;
        assert!(bytes <= 85.0, "{bytes}");
    }
}
