//! Word lists as texts to learn from: a few of a list's terms put side by side, as adverts put them.
//!
//! A list knows words that no message of a training happens to have. It teaches its own label alone: what else such a text would be
//! depends on the message.

use std::sync::Arc;

use fastrand::Rng;

use super::corpus::{Mask, Row, hash_of, name_of};

/// Texts for each term, about.
const TIMES: usize = 3;
/// Terms of one text: one alone is a word that anybody may say.
const TERMS: std::ops::RangeInclusive<usize> = 3..=6;
/// Terms with less weight are everybody's words.
const WEIGHT_MIN: f32 = 2.0;
const GLUE: [&str; 9] = ["，", "，", "", "", " ", "！", "、", "。", "🔥"];

/// Texts of the terms of one word list.
#[must_use]
pub fn read_terms(file: &Arc<str>, text: &str, truth: Mask, seed: u64) -> Vec<Row> {
    let terms = terms(text);
    let mut rng = Rng::with_seed(seed ^ hash_of(name_of(file)));
    let count = if terms.is_empty() { 0 } else { terms.len() * TIMES / 2 };
    let compose = |_| {
        let mut text = String::new();
        for _ in 0..rng.usize(TERMS) {
            text.push_str(&terms[rng.usize(..terms.len())]);
            text.push_str(GLUE[rng.usize(..GLUE.len())]);
        }
        Row::new(text, truth)
    };
    (0..count).map(compose).collect()
}

/// The terms that say something by themselves, the parts of those with several parts joined.
fn terms(text: &str) -> Vec<String> {
    let mut weight = 1.0;
    let mut terms = Vec::new();
    for line in text.lines() {
        let (term, tags) = line.split_once('\t').unwrap_or((line, ""));
        let own = tags.split_whitespace().find_map(|tag| tag.parse().ok());
        match term.trim() {
            "@" => weight = own.unwrap_or(1.0),
            "" => {}
            term if term.starts_with(['#', '!']) || term.contains('-') => {}
            term if own.unwrap_or(weight) >= WEIGHT_MIN => terms.push(joined(term)),
            _ => {}
        }
    }
    terms
}

/// `A+B` and `A~5~B` as one run of letters.
fn joined(term: &str) -> String {
    let distance = |part: &&str| !part.chars().all(|c| c.is_ascii_digit());
    term.split('+')
        .flat_map(|part| part.split('~').enumerate().filter(|(at, part)| at % 2 == 0 || distance(part)))
        .map(|(_, part)| part)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::{LABELS, Label};

    #[test]
    fn heavy_terms_become_texts_of_their_label() {
        let list = "# list\n@\t3 invite\n首存+送\n提现~5~秒到\n!彩金鱼\n赌-戒赌\n@\t1\n赌场\n返水\t2 house\n";
        assert_eq!(terms(list), ["首存送", "提现秒到", "返水"]);
        let mut truth = [None; LABELS];
        truth[Label::Gambling as usize] = Some(true);
        let rows = read_terms(&"words/gambling.txt".into(), list, truth, 1);
        assert!(rows.len() == 4 && rows.iter().all(|row| row.truth == truth && !row.text.is_empty()));
        assert_eq!(rows, read_terms(&"gambling.txt".into(), list, truth, 1));
        assert!(read_terms(&"a".into(), "", truth, 1).is_empty());
    }
}
