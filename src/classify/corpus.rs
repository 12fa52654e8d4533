//! Texts with what is known of them, and the files that people write them in.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::problem::{Problem, nearest};

use crate::text::{Folded, content_hash};

use super::grammar::Grammar;
use super::labels::{LABELS, Label};

/// For each label: it has it, it does not, or nobody said.
pub type Mask = [Option<bool>; LABELS];

/// Characters of one text of a corpus.
const TEXT_CHARS_MAX: usize = 10_000;
/// Lines that stand together in a file share their subject, so they are held out together.
const BLOCK_LINES: usize = 20;

/// One text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// As it was written.
    pub text: String,
    /// What is known of it.
    pub truth: Mask,
    /// Rows of one group (a block of lines, the texts of a pattern) are all trained on, or all held out.
    pub group: u64,
}

impl Row {
    /// A text whose group is its letters, so that copies stay together.
    #[must_use]
    pub fn new(text: String, truth: Mask) -> Self {
        let group = hash_of(&text);
        Self { text, truth, group }
    }
}

/// What a foreign file's labels mean here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelMap(BTreeMap<String, Mask>);

impl LabelMap {
    /// Gives a label of the file its meaning.
    pub fn define(&mut self, name: &str, meaning: Mask) {
        self.0.insert(name.to_owned(), meaning);
    }

    /// Reads lines of a label, a tab and a text. A row's group is its letters, so that copies stay together.
    ///
    /// What cannot be taken is told, line by line.
    #[must_use]
    pub fn read(&self, file: &Arc<str>, text: &str) -> (Vec<Row>, Vec<Problem>) {
        let (mut rows, mut problems) = (Vec::new(), Vec::new());
        for (line, content) in (1..).zip(text.lines()) {
            match self.row(content) {
                Ok(row) => rows.push(row),
                Err(message) => problems.push(Problem::error(file, message).at(line, 0, 0)),
            }
        }
        (rows, problems)
    }

    fn row(&self, line: &str) -> Result<Row, String> {
        let (label, text) = line.split_once('\t').ok_or("no tab between a label and a text")?;
        let truth = self.0.get(label).ok_or_else(|| {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            format!("the label \"{label}\" has no meaning in the manifest; it knows {}", known.join(", "))
        })?;
        checked(text)?;
        Ok(Row::new(text.to_owned(), *truth))
    }
}

fn checked(text: &str) -> Result<(), String> {
    let chars = text.chars().count();
    match chars {
        0 => Err("the text is empty".into()),
        1..=TEXT_CHARS_MAX => Ok(()),
        _ => Err(format!("the text has {chars} characters; {TEXT_CHARS_MAX} can be taken")),
    }
}

/// Reads our own labels, `-` or names with commas between: every label is known then.
pub(super) fn mask(names: &str) -> Result<Mask, String> {
    let mut mask = [Some(false); LABELS];
    if names.trim() == "-" {
        return Ok(mask);
    }
    for name in names.split(',').map(str::trim) {
        let label = Label::of_name(name).ok_or_else(|| {
            let known = Label::ALL.map(Label::name);
            let near = nearest(name, known).map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
            format!("there is no label \"{name}\"{near}; there are {}", known.join(", "))
        })?;
        mask[label as usize] = Some(true);
    }
    Ok(mask)
}

/// Reads a file of our own: `labels<TAB>text`, `#` begins a comment line.
#[must_use]
pub fn read_own(file: &Arc<str>, text: &str) -> (Vec<Row>, Vec<Problem>) {
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    let block = |line: usize| hash_of(&format!("{}:{}", name_of(file), line / BLOCK_LINES));
    for (line, content) in text.lines().enumerate() {
        if content.starts_with('#') || content.trim().is_empty() {
            continue;
        }
        let row = content.split_once('\t').ok_or_else(|| "no tab between labels and a text".to_owned());
        let row = row.and_then(|(names, text)| {
            checked(text)?;
            Ok(Row { text: text.to_owned(), truth: mask(names)?, group: block(line) })
        });
        match row {
            Ok(row) => rows.push(row),
            Err(message) => problems.push(Problem::error(file, message).at(line as u32 + 1, 0, 0)),
        }
    }
    (rows, problems)
}

/// Reads a grammar and makes `each` texts of every pattern.
#[must_use]
pub fn read_grammar(file: &Arc<str>, text: &str, each: usize, seed: u64) -> (Vec<Row>, Vec<Problem>) {
    let (grammar, problems) = Grammar::read(file, text);
    (grammar.rows(each, seed), problems)
}

/// The same for texts with the same letters.
pub(super) fn hash_of(text: &str) -> u64 {
    let mut folded = Folded::default();
    folded.fold(text);
    content_hash(&folded, 0)
}

/// A file is the same wherever its folder lies.
pub(super) fn name_of(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_rows_know_every_label() {
        let text = "# heading\n-\t警惕刷单骗局\ngambling, spam_ads\t注册送彩金\n\nfraud\tno-tab\n";
        let (rows, problems) = read_own(&"own.tsv".into(), text);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].truth, [Some(false); LABELS]);
        assert_eq!(rows[1].truth[Label::Gambling as usize], Some(true));
        assert_eq!(rows[1].truth[Label::SpamAds as usize], Some(true));
        assert_eq!(rows[1].truth[Label::Fraud as usize], Some(false));
        assert_eq!(rows[0].group, rows[2].group);
    }

    #[test]
    fn mistakes_name_the_line_and_the_nearest_label() {
        let (rows, problems) = read_own(&"own.tsv".into(), "gamblin\ta\nfraud text\n-\t\n-\tgood\n");
        assert_eq!(rows.len(), 1);
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(
            shown[0].starts_with("own.tsv:1: error: there is no label \"gamblin\" (did you mean gambling?)"),
            "{shown:?}"
        );
        assert!(shown[1].starts_with("own.tsv:2: error: no tab"), "{shown:?}");
        assert!(shown[2].starts_with("own.tsv:3: error: the text is empty"), "{shown:?}");
    }

    #[test]
    fn a_foreign_label_means_what_the_map_says() {
        let mut map = LabelMap::default();
        let mut meaning = [None; LABELS];
        meaning[Label::Hate as usize] = Some(true);
        map.define("0", meaning);
        let (rows, problems) = map.read(&"f.tsv".into(), "0\ta\n0\ta\n7\tb\n");
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].truth, rows[0].group), (meaning, rows[1].group));
        assert!(problems[0].message.contains("\"7\" has no meaning"), "{problems:?}");
    }
}
