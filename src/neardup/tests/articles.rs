//! Who published it first, and what counts as a copy.

use super::*;

const MINUTES: Millis = MINUTE;

/// So many sentences that no other seed gives.
fn article(seed: u64, sentences: usize) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let sentence = |random: &mut fastrand::Rng| -> String {
        (0..20).map(|_| random.char('一'..='龥')).collect::<String>() + "。"
    };
    (0..sentences).map(|_| sentence(&mut random)).collect()
}

fn post(id: &str, author: u32, at: Millis, text: &str) -> Post {
    let mut folded = Folded::default();
    folded.fold(text);
    let mark = Sketcher::default().mark(&folded, Form::Article, SEED).expect("a text that says something");
    assert!(mark.is_article(), "{} letters", mark.letters());
    Post { id: id.to_owned(), author, at, text: text.to_owned(), mark }
}

fn index(options: &Options) -> (Articles, Arc<MemoryTexts>) {
    let texts = Arc::new(MemoryTexts::new());
    (Articles::new(options, SEED, Arc::<MemoryTexts>::clone(&texts)), texts)
}

fn take(articles: &mut Articles, posts: &[Post]) -> Vec<Option<Copied>> {
    let arrivals: Vec<Arrival<'_>> = posts.iter().map(Post::arrival).collect();
    let mut out = Vec::new();
    articles.take(&arrivals, &mut out).expect("a log in memory can be read");
    out
}

fn options() -> Options {
    Options { entries_max: 300, window_ms: 1000 * MINUTES, text_bytes_max: 1 << 24 }
}

#[test]
fn a_copy_names_the_earlier_one_and_how_much_of_it() {
    let original = article(1, 30);
    let half = article(1, 15) + &article(2, 15);
    let (mut articles, _) = index(&options());
    let found = take(
        &mut articles,
        &[
            post("a", 1, 0, &original),
            post("b", 2, MINUTES, &original),
            post("c", 3, MINUTES, &half),
            post("d", 4, 0, &article(3, 30)),
        ],
    );
    assert_eq!(found[0], None);
    let copied = found[1].expect("a whole copy");
    assert_eq!((copied.article, copied.first_at, copied.first_author), (0, 0, 1));
    assert_eq!((copied.containment, copied.is_attributed), (1.0, false));
    let part = found[2].expect("half a copy");
    assert!((0.45..0.55).contains(&part.containment), "{part:?}");
    assert_eq!(found[3], None);
    assert_eq!(articles.first(copied.article).unwrap().map(|first| first.id), Some("a".into()));
    // The whole copy was not entered, the half one was.
    assert_eq!(articles.sizes().entries, 3);
}

#[test]
fn event_time_says_who_was_first_not_arrival() {
    let text = article(1, 30);
    let (mut articles, _) = index(&options());
    let late_original = post("original", 1, MINUTES, &text);
    let found = take(
        &mut articles,
        &[post("copy", 2, 5 * MINUTES, &text), late_original, post("third", 3, 9 * MINUTES, &text)],
    );
    assert_eq!(found[0], None, "nothing earlier was known");
    assert_eq!(found[1], None, "it was published before the copy");
    assert_eq!(found[2].map(|copied| (copied.first_at, copied.first_author)), Some((MINUTES, 1)));
}

#[test]
fn ones_own_earlier_article_is_no_copy() {
    let text = article(1, 30);
    let (mut articles, _) = index(&options());
    assert_eq!(take(&mut articles, &[post("a", 1, 0, &text), post("b", 1, MINUTES, &text)]), [None, None]);
}

#[test]
fn forwards_sources_and_quotations_are_attributed() {
    let text = article(1, 30);
    let cases = [
        (text.clone(), false, false),
        (text.clone(), true, true),
        (format!("转载自：江边日报\n{text}"), false, true),
        (format!("{text}\n来源：网络"), false, false),
        (format!("他说：“{text}”，大家怎么看？"), false, true),
    ];
    for (copy, is_forward, is_attributed) in cases {
        let (mut articles, _) = index(&options());
        let (original, copy) = (post("a", 1, 0, &text), post("b", 2, MINUTES, &copy));
        let arrivals = [original.arrival(), Arrival { is_forward, ..copy.arrival() }];
        let mut out = Vec::new();
        articles.take(&arrivals, &mut out).unwrap();
        let head: String = copy.text.chars().take(20).collect();
        assert_eq!(out[1].map(|copied| copied.is_attributed), Some(is_attributed), "{head}");
    }
}

#[test]
fn a_copy_is_found_however_it_is_washed_or_embedded() {
    let original = article(1, 40);
    let mut random = fastrand::Rng::with_seed(9);
    let washed: String = original.chars().map(|c| if random.u8(0..10) == 0 { '某' } else { c }).collect();
    for (copy, least) in [(washed, 0.6), (article(2, 40) + &original + &article(3, 40), 0.3), (article(1, 14), 0.99)] {
        let (mut articles, _) = index(&options());
        let found = take(&mut articles, &[post("a", 1, 0, &original), post("b", 2, 0, &copy)]);
        assert!(found[1].is_some_and(|copied| copied.containment >= least), "{:?}", found[1]);
    }
}

#[test]
fn a_restart_and_an_erasure_leave_what_they_should() {
    let (mut articles, texts) = index(&options());
    let posts: Vec<Post> =
        (0..20).map(|at| post("p", at as u32 % 4 + 1, at * MINUTES, &article(at as u64, 20))).collect();
    take(&mut articles, &posts);
    assert_eq!(articles.forget(2).unwrap(), 5);
    let mut restored = Articles::restore(&options(), SEED, texts).unwrap();
    assert_eq!(restored.sizes(), articles.sizes());
    let copies: Vec<Post> = (0..20).map(|at| post("c", 9, at * MINUTES + 1000, &article(at as u64, 20))).collect();
    let found = take(&mut restored, &copies);
    for (at, copied) in found.iter().enumerate() {
        assert_eq!(copied.map(|copied| copied.article), (at % 4 != 1).then_some(at as u64));
    }
}

#[test]
fn short_texts_are_no_articles() {
    assert!(!mark(&article(1, 24)).unwrap().is_article(), "480 letters that did not come as an article");
    assert!(mark(&article(1, 26)).unwrap().is_article(), "520 letters");
    assert_eq!(mark(&article(1, 26)).unwrap().article_keys().map(<[u32]>::len), Some(32));
}
