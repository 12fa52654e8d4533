//! What crafted texts and lists cost, in units looked at: never more than twenty times what ordinary ones do.

use std::fmt::Write as _;

use super::{Bounds, BuildOptions, Hits, Lists, Matcher, Scratch, Source};
use crate::signal::Field;
use crate::text::Folded;

/// Letters of a text, about.
const LENGTH: usize = 1_000;

fn matcher(list: &str) -> Matcher {
    let (lists, problems) = Lists::parse(&[Source { file: "a.txt".into(), text: list }], &Bounds::default());
    assert!(problems.iter().all(|problem| problem.message.contains("same term")), "{problems:?}");
    Matcher::build(&lists, &BuildOptions::default()).0
}

/// Units looked at for each unit of the text, and whether the budget ended it.
fn cost(matcher: &Matcher, text: &str) -> (f64, bool) {
    let (mut scratch, mut hits, mut folded) = (Scratch::default(), Hits::default(), Folded::default());
    folded.fold(text);
    matcher.scan(Field::Text, &folded, &mut scratch);
    matcher.finish(&mut scratch, &mut hits);
    (scratch.work() as f64 / folded.units().len() as f64, hits.is_truncated())
}

/// Characters from a range of 2,000, as a seeded generator draws them.
fn draw(random: &mut fastrand::Rng, letters: usize) -> String {
    (0..letters).filter_map(|_| char::from_u32(0x4E00 + random.u32(..2_000))).collect()
}

fn ordinary_terms() -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..3_000)
        .map(|_| {
            let letters = random.usize(2..6);
            draw(&mut random, letters)
        })
        .collect()
}

fn ordinary_cost() -> f64 {
    let text = draw(&mut fastrand::Rng::with_seed(8), LENGTH);
    cost(&matcher(&ordinary_terms().join("\n")), &text).0
}

fn fill(pieces: impl Iterator<Item = String>) -> String {
    let mut text = String::new();
    for piece in pieces {
        if text.chars().count() >= LENGTH {
            break;
        }
        text += &piece;
    }
    text
}

#[test]
fn crafted_texts_cost_at_most_twenty_times_ordinary_ones() {
    let terms = ordinary_terms();
    let matcher = matcher(&terms.join("\n"));
    let apart = |term: &String, by: &str| term.chars().fold(String::new(), |text, c| format!("{text}{c}{by}"));
    let longest = terms.iter().max_by_key(|term| term.chars().count()).expect("there are terms");
    let texts = [
        ("terms in a row", fill(terms.iter().cloned())),
        ("one term", fill(std::iter::repeat(longest.clone()))),
        (
            "terms without their last letter",
            fill(terms.iter().map(|term| {
                let mut cut = term.clone();
                cut.pop();
                cut
            })),
        ),
        ("terms set apart", fill(terms.iter().map(|term| apart(term, "*")))),
        ("terms set too far apart", fill(terms.iter().map(|term| apart(term, "*********")))),
        ("terms of one phrase each", fill(terms.iter().map(|term| apart(term, "。")))),
        ("terms drawn out", fill(terms.iter().map(|term| term.chars().flat_map(|c| [c; 40]).collect()))),
        ("one letter", "一".repeat(LENGTH)),
        ("separators", "*".repeat(LENGTH)),
    ];
    let ordinary = ordinary_cost();
    for (name, text) in texts {
        let (cost, is_truncated) = cost(&matcher, &text);
        assert!(cost <= 20.0 * ordinary, "{name}: {cost} against {ordinary}");
        assert!(!is_truncated, "{name}: an ordinary list never ends a scan");
    }
}

/// Periodic, drawn-out and spaced-out texts of the letters that the crafted lists are made of.
fn crafted_texts(alphabet: &[char]) -> Vec<String> {
    vec![
        "甲乙".repeat(LENGTH / 2),
        "甲乙丙丁戊己庚辛".repeat(LENGTH / 8),
        "甲乙甲乙甲乙甲。".repeat(LENGTH / 8),
        format!("{}*********", "甲乙".repeat(30)).repeat(LENGTH / 70),
        "甲甲乙乙丙丙丁丁戊戊己己庚庚辛辛".repeat(LENGTH / 16),
        "ab".repeat(LENGTH / 2),
        "a b ".repeat(LENGTH / 4),
        "a".repeat(LENGTH),
        "a ".repeat(LENGTH / 2),
        "aaab".repeat(LENGTH / 4),
        format!("{}b", "a".repeat(40)).repeat(LENGTH / 41),
        alphabet.iter().cycle().take(LENGTH).collect(),
    ]
}

#[test]
fn crafted_lists_cost_at_most_twenty_times_ordinary_ones() {
    let alphabet: Vec<char> = "甲乙丙丁戊己庚辛壬癸子丑".chars().collect();
    let mut triples = String::new();
    for (a, b, c) in
        alphabet.iter().flat_map(|a| alphabet.iter().flat_map(move |b| "甲乙丙丁戊己".chars().map(move |c| (a, b, c))))
    {
        let _ = writeln!(triples, "{a}{b}{c}");
    }
    let nested: String = (1..=32).map(|n| format!("{}\n", "甲乙".repeat(n))).collect();
    let runs: String = (0..1 << 8)
        .map(|n: u32| {
            let word = "甲乙丙丁戊己庚辛"
                .chars()
                .enumerate()
                .flat_map(|(i, c)| std::iter::repeat_n(c, 1 + (n >> i & 1) as usize));
            word.chain(['\n']).collect::<String>()
        })
        .collect();
    let near: String = (0..500).map(|n| format!("甲~{}~乙~{}~甲\n", n % 100, n / 5)).collect();
    let both: String = (0..2_000)
        .map(|n: usize| {
            let words = (0..4).map(|i| alphabet[n / 12_usize.pow(i) % 12].to_string().repeat(1 + i as usize));
            words.collect::<Vec<_>>().join("+") + "\n"
        })
        .collect();
    let latin: String = (1..=32).map(|n| format!("{}\n", "ab".repeat(n))).collect();
    let middle: String = (0..2_000)
        .filter_map(|n| char::from_u32(0x4E00 + n).map(|c| format!("甲乙甲乙甲乙甲{c}乙丙丁\n{c}甲乙{c}\n")))
        .collect();
    let blanks: String = (0..1 << 5)
        .map(|n: u32| {
            let word = "ababab".chars().enumerate();
            word.flat_map(|(i, c)| [Some(c), (n >> i & 1 == 1).then_some(' ')])
                .flatten()
                .chain(['\n'])
                .collect::<String>()
        })
        .collect();
    let repeated: String = (2..=33).map(|n| format!("{}\n", "a".repeat(n))).collect();
    let excepted: String = (1..=30).map(|n| format!("!{0}\n{0}丙\n", "甲乙".repeat(n))).collect();
    let texts = crafted_texts(&alphabet);
    let ordinary = ordinary_cost();
    for (name, list) in [
        ("triples", triples),
        ("nested", nested),
        ("runs", runs),
        ("near", near),
        ("both", both),
        ("latin", latin),
        ("excepted", excepted),
        ("middle", middle),
        ("blanks", blanks),
        ("repeated", repeated),
    ] {
        let matcher = matcher(&list);
        for text in &texts {
            let (cost, _) = cost(&matcher, text);
            assert!(cost <= 20.0 * ordinary, "{name} in {}…: {cost} against {ordinary}", &text[..12]);
        }
    }
}

/// Terms that share windows, differ in the middle only, or have the most variants: below the bounds all is found.
#[test]
fn crafted_lists_lose_nothing() {
    let join = |terms: &mut dyn Iterator<Item = String>| terms.collect::<Vec<_>>().join("\n");
    let letters: Vec<char> = ('\u{4E00}'..'\u{4E40}').collect();
    let middle = join(&mut letters.iter().map(|c| format!("甲乙丙{c}丁戊己")));
    let ends = join(&mut letters.iter().map(|c| format!("{c}甲乙丙丁{c}")));
    let nested = join(&mut (1..=24).map(|n| "甲乙丙".repeat(n)));
    let latin = join(&mut (1..=24).map(|n| "ab".repeat(n)));
    let blanks = join(&mut (0..32).map(|n: u32| {
        let word = "abcde".chars().enumerate();
        word.flat_map(|(i, c)| [c].into_iter().chain((n >> i & 1 == 1).then_some(' '))).collect()
    }));
    let alike = join(&mut (0..32).map(|n: u32| {
        let word = "甲乙丙丁戊".chars().enumerate();
        word.flat_map(|(i, c)| std::iter::repeat_n(c, 1 + (n >> i & 1) as usize)).collect()
    }));
    let lists = [middle, ends, nested, latin, blanks, alike];
    let texts = [
        "甲乙丙一丁戊己".repeat(4) + "甲乙丙万丁戊己",
        "一甲乙丙丁一甲乙丙丁一万甲乙丙丁万".repeat(2),
        "甲乙丙".repeat(8),
        "甲甲乙乙丙丙丁丁戊戊*甲乙**丙丁戊".repeat(2),
        "abab ab a b a b ab abababab abab.".to_owned(),
        "ab cde a bcd e abcde a b c d e".to_owned(),
        "aaaabbbb ab aaa*bbb*aaa*bbb,ab".to_owned(),
    ];
    for list in &lists {
        for text in &texts {
            super::oracle::check(std::slice::from_ref(list), std::slice::from_ref(text), 5);
        }
    }
}

/// What passes the bounds is said, and which hits are left is the same each time.
#[test]
fn what_is_left_out_is_said() {
    let nested: String = (1..=32).map(|n| format!("{}\n", "甲乙".repeat(n))).collect();
    let matcher = matcher(&nested);
    let (mut scratch, mut hits, mut folded) = (Scratch::default(), Hits::default(), Folded::default());
    let mut scan = |text: &str| {
        folded.fold(text);
        matcher.scan(Field::Text, &folded, &mut scratch);
        matcher.finish(&mut scratch, &mut hits);
        hits.clone()
    };
    let crafted = scan(&"甲乙".repeat(LENGTH / 2));
    assert!(crafted.is_truncated());
    assert_eq!(crafted.len(), super::engine::found_max(LENGTH));
    assert!(!scan("甲乙甲乙").is_truncated());
    assert_eq!(scan(&"甲乙".repeat(LENGTH / 2)).all(), crafted.all());
}

/// Words that no window has room for are still all found.
#[test]
fn crowded_words_go_to_the_automaton() {
    let nested: String = (1..=32).map(|n| format!("{}\n", "甲乙".repeat(n))).collect();
    let matcher = matcher(&nested);
    assert!(matcher.crowded() > 0);
    let found = super::tests::found(&matcher, &["甲乙甲乙甲乙"]);
    assert_eq!(
        found,
        "甲乙[甲乙] 甲乙[甲乙] 甲乙[甲乙] 甲乙甲乙[甲乙甲乙] 甲乙甲乙[甲乙甲乙] 甲乙甲乙甲乙[甲乙甲乙甲乙]"
    );
}

#[test]
fn a_scan_allocates_nothing_once_it_is_warm() {
    let terms = ordinary_terms();
    let matcher = matcher(
        &format!("{}\n{}+{}\n!{}\n+v\n", terms.join("\n"), terms[0], terms[1], terms[2]).replace("\n+v", "\n\\+v"),
    );
    let texts: Vec<String> = terms.chunks(20).map(|terms| terms.concat() + "+v ").collect();
    let (mut scratch, mut hits, mut folded) = (Scratch::default(), Hits::default(), Folded::default());
    let mut pass = || {
        for text in &texts {
            folded.fold(text);
            matcher.scan(Field::Text, &folded, &mut scratch);
            matcher.finish(&mut scratch, &mut hits);
        }
        hits.len()
    };
    assert!(pass() > 0);
    let info = allocation_counter::measure(|| {
        pass();
    });
    assert_eq!(info.count_total, 0);
}
