//! Texts composed from parts: slots with alternatives, and patterns that put them together.
//!
//! ```text
//! greeting = 亲 | 老板 | {name}您好
//! gambling,spam_ads => {greeting}，注册就送{amount}{tail?}
//! ```
//!
//! A slot may stand within another's alternatives; `{slot?}` is there half of the time.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;

use crate::problem::{Problem, nearest};

use super::corpus::{Mask, Row, hash_of, mask, name_of};

/// Slots within slots.
const DEPTH_MAX: usize = 8;
/// Characters of one composed text.
const CHARS_MAX: usize = 600;
/// Texts of one pattern.
pub(super) const EACH_MAX: usize = 1000;

/// A piece of an alternative.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot { name: String, is_optional: bool },
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    truth: Mask,
    pieces: Vec<Piece>,
    group: u64,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Grammar {
    slots: BTreeMap<String, Vec<Vec<Piece>>>,
    patterns: Vec<Pattern>,
}

impl Grammar {
    /// Reads a grammar; what cannot be taken is told and left out.
    pub(super) fn read(file: &Arc<str>, text: &str) -> (Self, Vec<Problem>) {
        let (mut grammar, mut problems) = (Self::default(), Vec::new());
        let (mut slot, mut lines) = (None, Vec::new());
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            match grammar.line(file, content, &mut slot) {
                Ok(true) => lines.push(line),
                Ok(false) => {}
                Err(message) => problems.push(Problem::error(file, message).at(line, 0, 0)),
            }
        }
        problems.extend(grammar.unknown_slots(file, &lines));
        (grammar, problems)
    }

    /// Takes one line; whether it was a pattern.
    fn line(&mut self, file: &str, line: &str, slot: &mut Option<String>) -> Result<bool, String> {
        if let Some(more) = line.strip_prefix('|') {
            let name = slot.as_ref().ok_or("the line goes on a slot, and none was begun before it")?;
            let alternatives = alternatives(more)?;
            self.slots.entry(name.clone()).or_default().extend(alternatives);
            return Ok(false);
        }
        if let Some((labels, template)) = line.split_once("=>").filter(|(labels, _)| !labels.contains('=')) {
            *slot = None;
            let group = hash_of(&format!("{}:{template}", name_of(file)));
            self.patterns.push(Pattern { truth: mask(labels)?, pieces: pieces(template.trim())?, group });
            return Ok(true);
        }
        let (name, body) = line.split_once('=').ok_or("neither `name = a | b` nor `labels => template`")?;
        let name = name.trim();
        if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
            return Err(format!("\"{name}\" is no name of a slot: letters, digits, _ and - make one"));
        }
        let alternatives = alternatives(body)?;
        self.slots.entry(name.to_owned()).or_default().extend(alternatives);
        *slot = Some(name.to_owned());
        Ok(false)
    }

    fn unknown_slots(&mut self, file: &Arc<str>, lines: &[u32]) -> Vec<Problem> {
        let is_known = |piece: &Piece| match piece {
            Piece::Text(_) => true,
            Piece::Slot { name, .. } => self.slots.contains_key(name) || is_built_in(name),
        };
        let unknown = |pieces: &[Piece]| pieces.iter().find(|piece| !is_known(piece)).cloned();
        let hint = |piece: &Piece| match piece {
            Piece::Slot { name, .. } => {
                let near = nearest(name, self.slots.keys().map(String::as_str));
                let near = near.map(|near| format!("; the nearest is {{{near}}}")).unwrap_or_default();
                format!("there is no slot {{{name}}}{near}")
            }
            Piece::Text(_) => unreachable!("a text is no slot"),
        };
        let mut problems = Vec::new();
        let mut bad_patterns = Vec::new();
        for (at, (pattern, &line)) in self.patterns.iter().zip(lines).enumerate() {
            if let Some(piece) = unknown(&pattern.pieces) {
                problems.push(Problem::error(file, hint(&piece)).at(line, 0, 0));
                bad_patterns.push(at);
            }
        }
        let of_slots = self.slots.iter().flat_map(|(name, all)| all.iter().map(move |pieces| (name, pieces)));
        for (name, pieces) in of_slots {
            if let Some(piece) = unknown(pieces) {
                problems.push(Problem::error(file, format!("in the slot {name}: {}", hint(&piece))));
            }
        }
        for at in bad_patterns.into_iter().rev() {
            self.patterns.remove(at);
        }
        problems
    }

    /// `each` texts of every pattern, those that came out twice once.
    pub(super) fn rows(&self, each: usize, seed: u64) -> Vec<Row> {
        let mut rows = Vec::new();
        for pattern in &self.patterns {
            let mut rng = Rng::with_seed(seed ^ pattern.group);
            let mut seen = std::collections::BTreeSet::new();
            for _ in 0..each.min(EACH_MAX) {
                let mut text = String::new();
                self.compose(&pattern.pieces, &mut rng, 0, &mut text);
                let text: String = text.trim().chars().take(CHARS_MAX).collect();
                if !text.is_empty() && seen.insert(text.clone()) {
                    rows.push(Row { text, truth: pattern.truth, group: pattern.group });
                }
            }
        }
        rows
    }

    fn compose(&self, pieces: &[Piece], rng: &mut Rng, depth: usize, text: &mut String) {
        for piece in pieces {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Slot { is_optional: true, .. } if rng.bool() => {}
                Piece::Slot { name, .. } => match self.slots.get(name) {
                    Some(alternatives) if depth < DEPTH_MAX && text.len() < 4 * CHARS_MAX => {
                        let at = rng.usize(..alternatives.len());
                        self.compose(&alternatives[at], rng, depth + 1, text);
                    }
                    Some(_) => {}
                    None => built_in(name, rng, text),
                },
            }
        }
    }
}

fn alternatives(text: &str) -> Result<Vec<Vec<Piece>>, String> {
    text.split('|').map(|alternative| pieces(alternative.trim())).collect()
}

fn pieces(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or_else(|| format!("{{ is never closed in \"{text}\""))?;
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        let (name, is_optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
        pieces.push(Piece::Slot { name: name.trim().to_owned(), is_optional });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

pub(super) const CITIES: &str = "北京 上海 广州 深圳 杭州 成都 重庆 武汉 南京 西安 长沙 郑州 苏州 青岛 厦门 福州 合肥 昆明 东莞 佛山 宁波 天津 沈阳 大连 济南 无锡 温州 南宁 贵阳 太原";
const FAMILY: &str = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗";
const GIVEN: &str = "伟芳娜敏静丽强磊洋艳勇军杰娟涛明超秀霞平刚桂英华建文玲辉鑫宇婷浩欣怡";
const LETTERS: &str = "abcdefghijkmnpqrstuvwxyz";

fn is_built_in(name: &str) -> bool {
    let (name, length) = name.split_once(':').map_or((name, None), |(name, length)| (name, Some(length)));
    match (name, length) {
        ("digits", Some(length)) => length.parse().is_ok_and(|length: usize| (1..=32).contains(&length)),
        ("handle" | "phone" | "url" | "amount" | "qq" | "time" | "city" | "name", None) => true,
        _ => false,
    }
}

fn digits(rng: &mut Rng, length: usize, text: &mut String) {
    (0..length).for_each(|_| text.push(rng.digit(10)));
}

fn of(rng: &mut Rng, letters: &str) -> char {
    let all: Vec<char> = letters.chars().collect();
    all[rng.usize(..all.len())]
}

fn built_in(name: &str, rng: &mut Rng, text: &mut String) {
    match name.split_once(':').map_or(name, |(name, _)| name) {
        "handle" => {
            (0..rng.usize(2..7)).for_each(|_| text.push(of(rng, LETTERS)));
            let length = rng.usize(2..6);
            digits(rng, length, text);
        }
        // Ranges that are given to nobody.
        "phone" => {
            text.push_str("1380000");
            digits(rng, 4, text);
        }
        "url" => {
            let host: String = (0..rng.usize(3..8)).map(|_| of(rng, LETTERS)).collect();
            let scheme = ["http://", "https://", "www.", ""][rng.usize(..4)];
            let end = [".example", ".example/", ".example/a", ".example/?id="][rng.usize(..4)];
            text.push_str(&format!("{scheme}{host}{end}"));
        }
        "amount" => {
            let amount = [
                18, 38, 58, 88, 99, 128, 188, 288, 300, 500, 588, 666, 800, 888, 1000, 1888, 3000, 5000, 8888, 10_000,
                50_000,
            ];
            text.push_str(&amount[rng.usize(..amount.len())].to_string());
        }
        "qq" => {
            text.push(rng.digit(9).max('1'));
            let length = rng.usize(5..10);
            digits(rng, length, text);
        }
        "time" => text.push_str(&format!("{}:{:02}", rng.u8(7..24), rng.u8(..12) * 5)),
        "city" => {
            let cities: Vec<&str> = CITIES.split(' ').collect();
            text.push_str(cities[rng.usize(..cities.len())]);
        }
        "name" => {
            text.push(of(rng, FAMILY));
            (0..rng.usize(1..3)).for_each(|_| text.push(of(rng, GIVEN)));
        }
        _ => {
            let length = name.split_once(':').and_then(|(_, length)| length.parse().ok()).unwrap_or(1);
            digits(rng, length, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Label;

    const TEXT: &str = "# slots\nwho = 亲 | {name}\n | 老板\ngambling,spam_ads => {who}，送{amount}，加{handle}{tail?}\n- => {who}好\ntail = ！ | ～";

    #[test]
    fn patterns_are_composed_by_seed() {
        let (grammar, problems) = Grammar::read(&"a.grammar".into(), TEXT);
        assert!(problems.is_empty(), "{problems:?}");
        let rows = grammar.rows(20, 1);
        assert_eq!(rows, grammar.rows(20, 1));
        assert_ne!(rows, grammar.rows(20, 2));
        let adverts: Vec<&Row> = rows.iter().filter(|row| row.truth[Label::Gambling as usize] == Some(true)).collect();
        assert!(adverts.len() > 15 && adverts.iter().all(|row| row.text.contains("，送") && !row.text.contains('{')));
        assert!(rows.iter().any(|row| row.text == "老板好") && rows.iter().any(|row| row.text == "亲好"));
        assert!(
            adverts.iter().any(|row| row.text.ends_with('！'))
                && adverts.iter().any(|row| row.text.ends_with(|c: char| c.is_ascii_digit()))
        );
    }

    #[test]
    fn every_built_in_composes_something() {
        for name in ["digits:7", "handle", "phone", "url", "amount", "qq", "time", "city", "name"] {
            assert!(is_built_in(name));
            let mut text = String::new();
            built_in(name, &mut Rng::with_seed(3), &mut text);
            assert!(!text.is_empty(), "{name}");
        }
        assert!(
            !is_built_in("digits") && !is_built_in("digits:x") && !is_built_in("digits:99") && !is_built_in("phone:3")
        );
    }

    #[test]
    fn a_slot_within_itself_ends() {
        let (grammar, problems) = Grammar::read(&"a.grammar".into(), "a = x{a}{a}\n- => {a}");
        assert!(problems.is_empty());
        assert!(grammar.rows(3, 1).iter().all(|row| row.text.chars().count() <= CHARS_MAX));
    }

    #[test]
    fn mistakes_are_told_with_their_lines() {
        let text = "| lost\nwho = a\n- => {whom}\nnonsense\nsapm => x\n- => {open\n";
        let (grammar, problems) = Grammar::read(&"a.grammar".into(), text);
        assert!(grammar.patterns.is_empty());
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        for expected in [
            "a.grammar:1: error: the line goes on",
            "a.grammar:3: error: there is no slot {whom}; the nearest is {who}",
            "a.grammar:4: error: neither",
            "a.grammar:5: error: there is no label",
            "a.grammar:6: error: { is never closed",
        ] {
            assert!(shown.iter().any(|shown| shown.starts_with(expected)), "{expected}: {shown:#?}");
        }
    }
}
