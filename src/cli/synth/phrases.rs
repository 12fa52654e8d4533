//! Phrases from small grammars: sections of alternatives that take one another. The grammars are the text files beside
//! this one; `zh_words.txt` says how they are written.

use std::collections::BTreeMap;

use fastrand::Rng;

/// A piece of an alternative.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// As it stands.
    Words(&'static str),
    /// One alternative of that section.
    Section(&'static str),
    /// One of these.
    OneOf(Vec<&'static str>),
    /// A number from the first to the last.
    Number(u32, u32),
}

/// Sections by name, each with its alternatives.
#[derive(Clone, Debug, Default)]
pub(super) struct Grammar {
    sections: BTreeMap<&'static str, Vec<Vec<Part>>>,
}

impl Grammar {
    /// What Chinese speakers say.
    pub(super) fn chinese() -> Self {
        Self::read(&[
            include_str!("phrases/zh_words.txt"),
            include_str!("phrases/zh_talk.txt"),
            include_str!("phrases/zh_harm.txt"),
            include_str!("phrases/zh_long.txt"),
        ])
    }

    /// What English speakers say.
    pub(super) fn english() -> Self {
        Self::read(&[
            include_str!("phrases/en_words.txt"),
            include_str!("phrases/en_talk.txt"),
            include_str!("phrases/en_harm.txt"),
            include_str!("phrases/en_long.txt"),
        ])
    }

    fn read(files: &[&'static str]) -> Self {
        let mut grammar = Self::default();
        for file in files {
            let mut section = "";
            for line in file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
                if let Some(name) = heading(line) {
                    section = name;
                    assert!(grammar.sections.insert(name, Vec::new()).is_none(), "section {name} stands twice");
                } else {
                    let alternatives = alternatives(line).into_iter().map(parts);
                    grammar.sections.get_mut(section).expect("a heading comes first").extend(alternatives);
                }
            }
        }
        grammar
    }

    /// One phrase of that section.
    ///
    /// # Panics
    /// If there is no such section, which a test rules out for every name that the scenes use.
    pub(super) fn phrase(&self, rng: &mut Rng, section: &str) -> String {
        let mut phrase = String::new();
        self.speak(rng, section, &mut phrase);
        phrase.trim().to_owned()
    }

    fn speak(&self, rng: &mut Rng, section: &str, phrase: &mut String) {
        let alternatives = self.sections.get(section).unwrap_or_else(|| panic!("no section {section}"));
        for part in &alternatives[rng.usize(..alternatives.len())] {
            match part {
                Part::Words(words) => phrase.push_str(words),
                Part::Section(name) => self.speak(rng, name, phrase),
                Part::OneOf(choices) => phrase.push_str(choices[rng.usize(..choices.len())]),
                Part::Number(first, last) => phrase.push_str(&rng.u32(first..=last).to_string()),
            }
        }
    }
}

/// `[name]`, and not a phrase that begins with an emoticon in brackets.
fn heading(line: &'static str) -> Option<&'static str> {
    let name = line.strip_prefix('[')?.strip_suffix(']')?;
    name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_').then_some(name)
}

/// Cuts a line at the bars that stand outside braces.
fn alternatives(line: &'static str) -> Vec<&'static str> {
    let mut found = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b'|' if depth == 0 => {
                found.push(line[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(line[start..].trim());
    found
}

fn parts(alternative: &'static str) -> Vec<Part> {
    let mut found = Vec::new();
    let mut rest = alternative;
    while let Some((words, tail)) = rest.split_once('{') {
        let (inside, tail) = tail.split_once('}').expect("a brace is closed");
        found.extend((!words.is_empty()).then_some(Part::Words(words)));
        found.push(choice(inside));
        rest = tail;
    }
    found.extend((!rest.is_empty()).then_some(Part::Words(rest)));
    found
}

fn choice(inside: &'static str) -> Part {
    if inside.contains('|') {
        return Part::OneOf(inside.split('|').collect());
    }
    let range = inside.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    range.map_or(Part::Section(inside), |(first, last)| Part::Number(first, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How deep a section goes; a cycle would never end.
    fn depth(grammar: &Grammar, section: &str, path: &mut Vec<String>) -> usize {
        assert!(!path.iter().any(|name| name == section), "{path:?} comes back to {section}");
        path.push(section.to_owned());
        let alternatives = grammar.sections.get(section).unwrap_or_else(|| panic!("{path:?}: no such section"));
        let deeper = alternatives.iter().flatten().map(|part| match part {
            Part::Section(name) => depth(grammar, name, path),
            Part::Number(first, last) if first > last => panic!("{section}: {first}-{last} is no range"),
            Part::Number(..) | Part::Words(_) | Part::OneOf(_) => 0,
        });
        let deepest = deeper.max().unwrap_or_else(|| panic!("{section} is empty"));
        path.pop();
        deepest + 1
    }

    #[test]
    fn every_section_ends_and_every_name_in_it_is_there() {
        for grammar in [Grammar::chinese(), Grammar::english()] {
            for section in grammar.sections.keys() {
                assert!(depth(&grammar, section, &mut Vec::new()) < 8, "{section}");
            }
        }
    }

    #[test]
    fn alternatives_choices_and_numbers_are_read() {
        let grammar = Grammar::read(&["# words\n[a]\nx {b} | y{3-3} |\n[b]\n{p|q r}\n[捂脸] z"]);
        assert_eq!(grammar.sections["a"].len(), 3);
        assert_eq!(grammar.sections["a"][1], [Part::Words("y"), Part::Number(3, 3)]);
        assert!(grammar.sections["a"][2].is_empty());
        assert_eq!(grammar.sections["b"], [vec![Part::OneOf(vec!["p", "q r"])], vec![Part::Words("[捂脸] z")]]);
        let mut rng = Rng::with_seed(1);
        for _ in 0..50 {
            let phrase = grammar.phrase(&mut rng, "a");
            assert!(["x p", "x q r", "x [捂脸] z", "y3", ""].contains(&phrase.as_str()), "{phrase}");
        }
    }
}
