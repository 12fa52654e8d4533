//! The same advert for the next customer: other telephone numbers, account names, links and prices in it.

use fastrand::Rng;

/// Words after which Latin letters are an account's name, in lower case.
const BEFORE_NAMES: [&str; 14] =
    ["微信", "薇信", "威信", "v信", "vx", "wx", "wechat", "qq", "telegram", "tg", "whatsapp", "line", "id", "@"];

/// The text with every number of two digits or more, every link and every account name changed; `None` where it has none.
pub(super) fn changed(rng: &mut Rng, text: &str) -> Option<String> {
    let mut changed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_of_contact) {
        let (before, from) = rest.split_at(at);
        changed.push_str(before);
        let (word, after) = from.split_at(from.find(|c| !is_of_contact(c)).unwrap_or(from.len()));
        let replaced = replace(rng, word, &changed);
        changed.push_str(&replaced);
        rest = after;
    }
    changed.push_str(rest);
    (changed != text).then_some(changed)
}

fn is_of_contact(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-./:@".contains(c)
}

fn replace(rng: &mut Rng, word: &str, before: &str) -> String {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    match () {
        () if is_link(word) => {
            let host = word.split_once("://").map_or(0, |(scheme, _)| scheme.len() + 3);
            format!("{}{}", &word[..host], mixed(rng, &word[host..]))
        }
        () if digits >= 2 && letters == 0 => mixed(rng, word),
        () if letters > 0 && letters + digits >= 5 && (digits > 0 || is_named(before)) => mixed(rng, word),
        () => word.to_owned(),
    }
}

fn is_link(word: &str) -> bool {
    word.contains("://") || word.starts_with("www.") || (word.contains('.') && word.contains('/'))
}

fn is_named(before: &str) -> bool {
    let end = before.trim_end_matches(|c: char| c.is_whitespace() || "：:是加号".contains(c));
    let tail: String = end.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
    BEFORE_NAMES.iter().any(|name| tail.to_lowercase().ends_with(name))
}

/// Another letter for each letter and another digit for each digit; signs stay.
fn mixed(rng: &mut Rng, word: &str) -> String {
    let next = |rng: &mut Rng, c: char, base: u8, of: u8| char::from(base + (c as u8 - base + rng.u8(1..of)) % of);
    word.chars()
        .map(|c| match c {
            '0'..='9' => next(rng, c, b'0', 10),
            'a'..='z' => next(rng, c, b'a', 26),
            'A'..='Z' => next(rng, c, b'A', 26),
            sign => sign,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_links_and_names_change_and_words_stay() {
        let text = "全新红木 ¥3980 加微信：mumu_zhang 电话138-0000-1234，看 https://example.com/a1 please call";
        for seed in 0..50 {
            let changed = changed(&mut Rng::with_seed(seed), text).unwrap();
            for gone in ["3980", "mumu_zhang", "138-0000-1234", "example.com/a1"] {
                assert!(!changed.contains(gone), "{changed}");
            }
            for kept in ["全新红木 ¥", "加微信：", "电话", "，看 https://", " please call"] {
                assert!(changed.contains(kept), "{changed}");
            }
            assert_eq!(changed.chars().count(), text.chars().count());
        }
    }

    #[test]
    fn a_text_without_contacts_is_not_washed() {
        for text in ["", "今天天气不错", "nothing to call here", "only 7 of us"] {
            assert_eq!(changed(&mut Rng::with_seed(1), text), None, "{text}");
        }
    }
}
