//! Word lists as people write them: many files in, one [`Lists`] out, with every mistake told in one go.
//!
//! The format is `docs/word-lists.md`'s: a term a line, after a TAB its tags, weight and expansions; `@` sets defaults,
//! `!` excepts, `A+B-C` and `A~5~B` combine. Files of one name are one list; of two that give the same term in different
//! files the later one holds, which is how a site's folder overlays the shipped one.

use std::ops::Range;
use std::sync::Arc;

use super::compile::Strings;
use super::pattern::{self, Unfit, Word};
use super::syntax::{self, Attributes, Expr, Mistake, Wishes, expr, is_name};
use crate::problem::Problem;
use crate::text::Folded;

/// A list's place among [`Lists`], which stand in the order of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListId(pub u16);

impl ListId {
    /// Its index into tables beside the lists.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// One file: its name as the user knows it, whose stem is the list's name, and what stands in it.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// `rules/words/gambling.txt`
    pub file: Arc<str>,
    /// The text of the file.
    pub text: &'a str,
}

/// How large lists may be. The defaults are far above what people write and far below what hurts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Lists.
    pub lists_max: usize,
    /// Terms and exceptions in all lists together.
    pub terms_max: usize,
    /// Characters of one word of a term, escapes undone.
    pub term_chars_max: usize,
    /// Words of one term: `A+B-C` has three.
    pub term_parts_max: usize,
    /// The largest distance in `A~5~B`, in characters.
    pub near_chars_max: u16,
    /// Problems told before the rest of the files is left unread.
    pub problems_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            lists_max: 1_000,
            terms_max: 4_000_000,
            term_chars_max: 64,
            term_parts_max: 8,
            near_chars_max: 100,
            problems_max: 1_000,
        }
    }
}

/// All word lists of an edition, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lists {
    pub(crate) lists: Vec<List>,
    pub(crate) files: Vec<Arc<str>>,
}

impl Lists {
    /// Reads files; those with an error in a line give the list without that line.
    #[must_use]
    pub fn parse(sources: &[Source<'_>], bounds: &Bounds) -> (Self, Vec<Problem>) {
        let mut reader = Reader::new(bounds);
        for source in sources {
            let first = reader.problems.len();
            reader.file(source);
            reader.problems[first..].sort_by_key(|problem| (problem.line, problem.column));
        }
        (
            Self { lists: reader.lists.into_iter().map(|draft| draft.list).collect(), files: reader.files }.sorted(),
            reader.problems,
        )
    }

    /// The lists.
    #[must_use]
    pub fn all(&self) -> &[List] {
        &self.lists
    }

    /// Terms in all lists together, exceptions apart.
    #[must_use]
    pub fn terms(&self) -> usize {
        self.lists.iter().map(|list| list.terms.len()).sum()
    }

    fn sorted(mut self) -> Self {
        self.lists.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }
}

/// One word list.
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    pub(crate) name: Arc<str>,
    pub(crate) terms: Vec<Term>,
    pub(crate) exceptions: Vec<Term>,
}

impl List {
    /// Its name, the stem of its files.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How many terms it has, exceptions apart.
    #[must_use]
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// Whether it has no terms.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

/// One line of a list: what it says, what it carries, and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Term {
    pub(crate) text: Arc<str>,
    pub(crate) weight: f64,
    pub(crate) tags: Arc<[Arc<str>]>,
    pub(crate) wishes: Wishes,
    pub(crate) expr: Expr,
    pub(crate) place: Place,
}

/// Where a term stands: a file of [`Lists::files`], a line, a column and a length in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: u32,
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) chars: u32,
}

impl Place {
    /// The problem, put at this place.
    pub(crate) fn of(self, problem: Problem) -> Problem {
        problem.at(self.line, self.column, self.chars)
    }
}

/// A list while its files are read: which lines say the same.
struct Draft {
    list: List,
    seen: Strings,
    /// Where each string of `seen` stands among the terms or the exceptions.
    places: Vec<u32>,
}

struct Reader<'b> {
    bounds: &'b Bounds,
    lists: Vec<Draft>,
    files: Vec<Arc<str>>,
    problems: Vec<Problem>,
    lines: usize,
    folded: Folded,
    key: Vec<u32>,
    tags: Arc<[Arc<str>]>,
}

/// One line being read.
struct Line<'a> {
    text: &'a str,
    number: u32,
    body: Range<usize>,
}

impl<'b> Reader<'b> {
    fn new(bounds: &'b Bounds) -> Self {
        let (lists, files, problems, folded, key) = Default::default();
        Self { bounds, lists, files, problems, lines: 0, folded, key, tags: Arc::new([]) }
    }

    fn file(&mut self, source: &Source<'_>) {
        let Some(list) = self.list_of(&source.file) else { return };
        self.files.push(Arc::clone(&source.file));
        let text = source.text.strip_prefix('\u{feff}').unwrap_or(source.text);
        let mut defaults = Attributes::default();
        for (index, line) in text.lines().enumerate() {
            if self.is_full() {
                return;
            }
            self.line(list, index as u32 + 1, line, &mut defaults);
        }
    }

    /// Whether nothing more may be read; says so once.
    fn is_full(&mut self) -> bool {
        let Some(file) = self.files.last().cloned() else { return false };
        if self.problems.len() == self.bounds.problems_max {
            self.problems
                .push(Problem::error(&file, "too many mistakes; the rest was not read").hint("mend these first"));
        }
        let bound = self.bounds.terms_max;
        if self.lines == bound {
            let message = format!("more terms than terms_max = {bound}; the rest was not read");
            self.problems.push(Problem::error(&file, message).hint("raise terms_max or take terms out"));
            self.lines += 1;
        }
        self.problems.len() > self.bounds.problems_max || self.lines > bound
    }

    /// The list that the file is of; made where there is none.
    fn list_of(&mut self, file: &Arc<str>) -> Option<usize> {
        let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let name = base.split_once('.').map_or(base, |(stem, _)| stem);
        if !is_name(name) {
            let message = format!("`{name}` is no name for a list");
            self.problems.push(Problem::error(file, message).hint("name the file [a-z][a-z0-9_]*.txt"));
            return None;
        }
        if let Some(known) = self.lists.iter().position(|draft| &*draft.list.name == name) {
            return Some(known);
        }
        if self.lists.len() >= self.bounds.lists_max {
            let message = format!("more lists than lists_max = {}", self.bounds.lists_max);
            self.problems.push(Problem::error(file, message).hint("join lists and tell their terms apart by tags"));
            return None;
        }
        let list = List { name: name.into(), terms: Vec::new(), exceptions: Vec::new() };
        self.lists.push(Draft { list, seen: Strings::default(), places: Vec::new() });
        Some(self.lists.len() - 1)
    }

    fn line(&mut self, list: usize, number: u32, text: &str, defaults: &mut Attributes) {
        let text = text.trim_end();
        let end = text.find('\t').unwrap_or(text.len());
        let start = text.len() - text.trim_start_matches([' ', '\u{3000}']).len();
        let body = start.min(end)..start.min(end) + text[start.min(end)..end].trim_end().len();
        let line = Line { text, number, body };
        match line.text[line.body.clone()].chars().next() {
            None if text.is_empty() => {}
            Some('#') => {}
            None => self.mistake(
                &line,
                Mistake::new(0..1, "attributes without a term").hint("write `@` before the TAB for defaults"),
            ),
            Some('@') => *defaults = self.defaults(&line),
            Some(_) => self.term(list, &line, defaults),
        }
    }

    fn defaults(&mut self, line: &Line<'_>) -> Attributes {
        if line.body.len() > 1 {
            let mistake = Mistake::new(line.body.clone(), "a line that begins with `@` sets defaults and has no term");
            self.mistake(line, mistake.hint("write `\\@` for the character, or `@`, a TAB and the attributes"));
        }
        self.attributes(line)
    }

    fn attributes(&mut self, line: &Line<'_>) -> Attributes {
        let Some(tab) = line.text.find('\t') else { return Attributes::default() };
        let mut mistakes = Vec::new();
        let attributes = syntax::attributes(line.text, tab, &mut mistakes);
        mistakes.into_iter().for_each(|mistake| self.mistake(line, mistake));
        attributes
    }

    fn term(&mut self, list: usize, line: &Line<'_>, defaults: &Attributes) {
        self.lines += 1;
        let attributes = self.attributes(line).over(defaults);
        let is_exception = line.text[line.body.clone()].starts_with('!');
        let body = line.body.start + usize::from(is_exception)..line.body.end;
        let expr = match expr(line.text, body.clone(), self.bounds.near_chars_max) {
            Ok(expr) => expr,
            Err(mistakes) => return mistakes.into_iter().for_each(|mistake| self.mistake(line, mistake)),
        };
        let mistakes = self.unfit(line, &expr, is_exception);
        let is_fit = mistakes.iter().all(|mistake| mistake.is_warning);
        mistakes.into_iter().for_each(|mistake| self.mistake(line, mistake));
        if is_fit {
            let whole = &line.text[body];
            let text = expr
                .plain()
                .filter(|atom| *atom.text == *whole)
                .map_or_else(|| whole.into(), |atom| Arc::clone(&atom.text));
            let tags = self.shared(attributes.tags);
            let place = self.place(line, &line.body);
            let weight = attributes.weight.unwrap_or(1.0);
            let term = Term { text, weight, tags, wishes: attributes.wishes, expr, place };
            self.add(list, line, term, is_exception);
        }
    }

    /// The tags, shared with the line before where they are the same.
    fn shared(&mut self, tags: Vec<Arc<str>>) -> Arc<[Arc<str>]> {
        if *self.tags != *tags {
            self.tags = tags.into();
        }
        Arc::clone(&self.tags)
    }

    /// What keeps the words of a term from being matched or meant.
    fn unfit(&mut self, line: &Line<'_>, expr: &Expr, is_exception: bool) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        let parts = expr.atoms().count();
        if parts > self.bounds.term_parts_max {
            let message =
                format!("{parts} words in one term, more than term_parts_max = {}", self.bounds.term_parts_max);
            mistakes.push(Mistake::new(line.body.clone(), message).hint("say less in one line, or combine in a rule"));
        }
        if is_exception && expr.plain().is_none() {
            let hint = "write one exception a line; escape + - ~ with a backslash where you mean the character";
            mistakes.push(Mistake::new(line.body.clone(), "an exception is one word or phrase").hint(hint));
        }
        for atom in expr.atoms() {
            let bytes = atom.bytes.start as usize..atom.bytes.end as usize;
            mistakes.extend(self.unfit_atom(&atom.text, bytes, expr.plain().is_some()));
        }
        mistakes.extend(suspicious(line, expr));
        mistakes
    }

    fn unfit_atom(&mut self, text: &str, bytes: Range<usize>, is_alone: bool) -> Option<Mistake> {
        let chars = text.chars().count();
        if chars > self.bounds.term_chars_max {
            let message = format!("{chars} characters, more than term_chars_max = {}", self.bounds.term_chars_max);
            return Some(Mistake::new(bytes, message).hint("shorten it to what is peculiar to it"));
        }
        self.folded.fold(text);
        let (message, hint) = match pattern::unfit(&self.folded)? {
            Unfit::Nothing => ("folds to nothing", "write characters that can be seen"),
            Unfit::OneLetter if is_alone => {
                ("is a single Latin letter", "write a longer word, or combine it with another")
            }
            Unfit::OneDigit if is_alone => ("is a single digit", "write a longer number, or combine it with a word"),
            Unfit::OneLetter | Unfit::OneDigit => return None,
        };
        Some(Mistake::new(bytes, format!("`{text}` {message}")).hint(hint))
    }

    fn add(&mut self, list: usize, line: &Line<'_>, term: Term, is_exception: bool) {
        self.key_of(&term.expr, is_exception);
        let draft = &mut self.lists[list];
        let terms = if is_exception { &mut draft.list.exceptions } else { &mut draft.list.terms };
        let number = draft.seen.number(&self.key) as usize;
        if number == draft.places.len() {
            draft.places.push(terms.len() as u32);
            terms.push(term);
            return;
        }
        let known = &mut terms[draft.places[number] as usize];
        let Place { file, line: line_before, .. } = std::mem::replace(known, term).place;
        if file as usize == self.files.len() - 1 {
            let message = format!("the same term as line {line_before}, once both are folded");
            let mistake = Mistake::new(line.body.clone(), message).hint("keep one of them; the later one holds");
            self.mistake(line, mistake.warning());
        }
    }

    /// What two lines have in common that say the same: what their words are searched for by, and what joins them.
    fn key_of(&mut self, expr: &Expr, is_exception: bool) {
        const OPERATOR: u32 = 1 << 24;
        self.key.clear();
        self.key.push(OPERATOR | u32::from(is_exception));
        for group in &expr.0 {
            self.key.push(OPERATOR | 2 | u32::from(group.is_negated));
            for (index, atom) in group.atoms().enumerate() {
                if index > 0 {
                    self.key.push(OPERATOR | 0x10000 | u32::from(group.rest[index - 1].0));
                }
                self.folded.fold(&atom.text);
                match pattern::word(self.folded.units(), &[]) {
                    Some(Word::Runs { heads, steps }) => {
                        self.key.extend_from_slice(&heads);
                        self.key.extend(steps.iter().flatten().map(|step| OPERATOR | 0x20000 | step.number()));
                    }
                    Some(Word::Literal(_)) | None => self.key.extend_from_slice(self.folded.units()),
                }
            }
        }
    }

    fn place(&self, line: &Line<'_>, bytes: &Range<usize>) -> Place {
        let column = line.text[..bytes.start].chars().count() as u32 + 1;
        let chars = (line.text[bytes.clone()].chars().count() as u32).max(1);
        Place { file: self.files.len() as u32 - 1, line: line.number, column, chars }
    }

    fn mistake(&mut self, line: &Line<'_>, mistake: Mistake) {
        let file = self.files.last().expect("a line stands in a file");
        let problem = match mistake.is_warning {
            true => Problem::warning(file, mistake.message),
            false => Problem::error(file, mistake.message),
        };
        let problem = self.place(line, &mistake.bytes).of(problem);
        self.problems.push(Problem { hint: mistake.hint, ..problem });
    }
}

/// Lines that can be read and are rarely meant as they are read.
fn suspicious(line: &Line<'_>, expr: &Expr) -> Option<Mistake> {
    let has_tab = line.text.contains('\t');
    expr.0.iter().skip(1).find_map(|group| {
        let bytes = group.first.bytes.start as usize..group.first.bytes.end as usize;
        let before = line.text[..bytes.start - 1].chars().next_back();
        let is_hyphen = group.is_negated && before.is_some_and(char::is_alphanumeric) && group.first.text.is_ascii();
        if !has_tab && !group.is_negated && Wishes::is_named(&group.first.text) {
            let mistake = Mistake::new(bytes, format!("`+{}` is read as a second word", group.first.text));
            return Some(mistake.hint("write a TAB before the attributes").warning());
        }
        (is_hyphen && before.is_some_and(|c| c.is_ascii())).then(|| {
            let mistake = Mistake::new(bytes, format!("`-{}` is read as `and not`", group.first.text));
            mistake.hint("write `\\-` for a hyphen, or blanks around the `-`").warning()
        })
    })
}
