//! How people make a text harmless before they hand it on: numbers, links, names and places masked in one of the usual ways, or
//! taken out. Seeded, for training on: what is left of a message must be enough, and a mask must say nothing by itself.

use fastrand::Rng;

use crate::text::is_han;

use super::grammar::CITIES;

/// One way to mask, kept up through a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// English words, run together with what stands beside them, no signs.
    Words,
    /// A star for each letter.
    Stars,
    /// A cross for each letter.
    Crosses,
    /// Tags.
    Tags,
    /// Chinese words in brackets.
    Brackets,
    /// Nothing is left, not even signs.
    Gone,
}

/// What is masked.
#[derive(Clone, Copy)]
enum Part {
    Number,
    Phone,
    Link,
    Handle,
    Place,
    Name,
}

/// Digits of a number that somebody can be called by, at least.
const PHONE_DIGITS_MIN: usize = 7;
/// Letters and digits of a name at some service, at least.
const HANDLE_CHARS_MIN: usize = 5;
/// Of a thousand Chinese characters, so many begin what is taken for a name.
const NAMES_PER_THOUSAND: u16 = 15;
const NAME_CHARS_MAX: usize = 3;

/// The text as somebody masked it.
pub(super) fn masked(rng: &mut Rng, text: &str) -> String {
    use Style::{Brackets, Crosses, Gone, Stars, Tags, Words};
    let style = [Words, Words, Words, Stars, Crosses, Tags, Brackets, Gone, Gone][rng.usize(..9)];
    let has_signs = !matches!(style, Words | Gone);
    let chars: Vec<char> = text.chars().collect();
    let mut masked = String::with_capacity(text.len() + 16);
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if let Some((part, length)) = part(rng, &chars[at..]) {
            write(rng, style, part, &chars[at..at + length], &mut masked);
            at += length;
            continue;
        }
        if has_signs || c.is_alphabetic() || c == ' ' {
            masked.push(c);
        }
        at += 1;
    }
    masked
}

/// What begins here that would be masked, and its length in characters.
fn part(rng: &mut Rng, chars: &[char]) -> Option<(Part, usize)> {
    let first = *chars.first()?;
    if is_han(first as u32) {
        if chars.len() > 1 && CITIES.split(' ').any(|city| city.chars().eq(chars[..2].iter().copied())) {
            return Some((Part::Place, 2));
        }
        if rng.u16(..1000) < NAMES_PER_THOUSAND {
            let length = chars.iter().take(rng.usize(1..=NAME_CHARS_MAX)).take_while(|&&c| is_han(c as u32)).count();
            return Some((Part::Name, length));
        }
        return None;
    }
    if !first.is_alphanumeric() {
        return None;
    }
    let in_link = |c: &&char| c.is_ascii_alphanumeric() || "-._~:/?#&=%+".contains(**c);
    let run = chars.iter().take_while(in_link).count();
    let is_link = |run: &[char]| {
        let dot = run.windows(3).any(|w| w[0].is_alphanumeric() && w[1] == '.' && w[2].is_alphabetic());
        dot || run.starts_with(&['h', 't', 't', 'p'])
    };
    if is_link(&chars[..run]) {
        return Some((Part::Link, run));
    }
    let in_number = |at: &usize| {
        chars[*at].is_numeric() || ("-., ".contains(chars[*at]) && chars.get(at + 1).is_some_and(|c| c.is_numeric()))
    };
    let number = (0..chars.len()).take_while(in_number).count();
    let digits = chars[..number].iter().filter(|c| c.is_numeric()).count();
    let word = chars.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').count();
    let is_mixed = |of: fn(&char) -> bool| chars[..word].iter().any(of);
    if word >= HANDLE_CHARS_MIN && is_mixed(char::is_ascii_digit) && is_mixed(char::is_ascii_alphabetic) {
        return Some((Part::Handle, word));
    }
    match digits {
        0 => None,
        PHONE_DIGITS_MIN.. => Some((Part::Phone, number)),
        _ => Some((Part::Number, number)),
    }
}

fn write(rng: &mut Rng, style: Style, part: Part, chars: &[char], masked: &mut String) {
    let one_of = |rng: &mut Rng, words: &[&'static str]| words[rng.usize(..words.len())];
    let word = match (style, part) {
        (Style::Gone, _) => "",
        (Style::Words, Part::Number) => one_of(rng, &["digit", "digit", "", "", "num"]),
        (Style::Words, Part::Phone) => one_of(rng, &["phone", "cellphone", "hotline", "tel", "digit"]),
        (Style::Words, Part::Link) => "url",
        (Style::Words, Part::Handle) => one_of(rng, &["wechat", "qq", "id", "name", ""]),
        (Style::Words, Part::Place) => "place",
        (Style::Words, Part::Name) => "name",
        (Style::Tags, Part::Number) => one_of(rng, &["<num>", "#", "<number>", "[NUM]"]),
        (Style::Tags, Part::Phone) => one_of(rng, &["<phone>", "#", "[PHONE]"]),
        (Style::Tags, Part::Link) => "<url>",
        (Style::Tags, _) => one_of(rng, &["<user>", "<name>", "[NAME]"]),
        (Style::Brackets, Part::Number) => one_of(rng, &["[数字]", "若干", "XX"]),
        (Style::Brackets, Part::Phone) => one_of(rng, &["[电话]", "[号码]"]),
        (Style::Brackets, Part::Link) => one_of(rng, &["[链接]", "[网址]"]),
        (Style::Brackets, Part::Handle) => one_of(rng, &["[账号]", "[微信]"]),
        (Style::Brackets, Part::Place) => one_of(rng, &["[地点]", "某地"]),
        (Style::Brackets, Part::Name) => one_of(rng, &["[姓名]", "某某", "XX"]),
        (Style::Stars | Style::Crosses, _) => {
            let mask = if style == Style::Stars { '*' } else { 'x' };
            masked.extend(chars.iter().map(|c| if c.is_alphanumeric() { mask } else { *c }));
            return;
        }
    };
    masked.push_str(word);
    if style == Style::Words && matches!(part, Part::Link) && rng.bool() {
        (0..rng.usize(1..5)).for_each(|_| masked.push(rng.lowercase()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_links_and_handles_are_gone_in_every_style_and_by_seed() {
        let text = "【某店】注册送88元，登录http://abc.example/a领取，加微信abc12345，电话13800001234，北京";
        let (mut words, mut bare) = (false, false);
        for seed in 0..200 {
            let found = masked(&mut Rng::with_seed(seed), text);
            assert_eq!(found, masked(&mut Rng::with_seed(seed), text));
            for part in ["88", "example", "abc12345", "13800001234", "北京"] {
                assert!(!found.contains(part), "{found}");
            }
            words |= found.contains("url") && found.contains("place");
            bare |= !found.contains('【') && found.chars().all(|c| is_han(c as u32));
        }
        assert!(words && bare);
    }

    #[test]
    fn what_holds_nothing_to_mask_loses_hardly_more_than_signs() {
        for seed in 0..50 {
            let found = masked(&mut Rng::with_seed(seed), "see you at the station, bring tickets");
            assert_eq!(found.replace(',', ""), "see you at the station bring tickets");
            assert_eq!(masked(&mut Rng::with_seed(seed), ""), "");
        }
    }
}
