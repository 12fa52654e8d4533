//! Lists → the tables that a matcher searches with: words, what asks for them, and how they combine.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::BuildOptions;
use super::expand::{Spellings, spellings};
use super::lists::{ListId, Lists, Term};
use super::pattern::{Step, Word, word};
use super::syntax::{Atom, Group, Wishes};
use crate::problem::Problem;
use crate::text::Folded;

/// A term of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TermRef {
    pub(crate) list: ListId,
    pub(crate) term: u32,
}

/// What is to be done where a part occurs. A *part* is a word with its wishes, once for all terms that use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// It is a term by itself.
    Term(TermRef),
    /// It is an exception of this list.
    Exception(ListId),
    /// This combination is to be looked at; each one is asked for by one of its parts.
    Combination(u32),
}

/// Words that stand near one another: each part with the largest gap to the one before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chain {
    pub(crate) is_negated: bool,
    pub(crate) links: Box<[(u16, u32)]>,
}

/// A term of several words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Combination {
    pub(crate) term: TermRef,
    pub(crate) chains: Box<[Chain]>,
}

/// One way to write a part, under the runs that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Variant {
    pub(crate) part: u32,
    /// Where its steps stand in [`Words::steps`]; [`Variant::USUAL`] for none.
    steps: u32,
    pub(crate) is_inside: bool,
}

impl Variant {
    const USUAL: u32 = u32::MAX;
}

/// Distinct strings of units, numbered in the order in which they came.
#[derive(Clone, Debug)]
pub(crate) struct Strings {
    units: Vec<u32>,
    /// Where each string begins, and last the length.
    starts: Vec<u32>,
    numbers: HashTable<u32>,
}

impl Default for Strings {
    fn default() -> Self {
        Self { units: Vec::new(), starts: vec![0], numbers: HashTable::new() }
    }
}

impl Strings {
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    #[inline]
    pub(crate) fn get(&self, number: usize) -> &[u32] {
        &self.units[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.len()).map(|number| self.get(number))
    }

    /// The number of this string, new or known.
    pub(crate) fn number(&mut self, string: &[u32]) -> u32 {
        let hash = |string: &[u32]| foldhash::fast::FixedState::default().hash_one(string);
        let Self { units, starts, numbers } = self;
        let get = |&number: &u32| &units[starts[number as usize] as usize..starts[number as usize + 1] as usize];
        let entry = numbers.entry(hash(string), |number| get(number) == string, |number| hash(get(number)));
        if let Entry::Occupied(known) = entry {
            return *known.get();
        }
        let number = starts.len() as u32 - 1;
        entry.insert(number);
        units.extend_from_slice(string);
        starts.push(units.len() as u32);
        number
    }

    /// Gives up the way from string to number, which only building needs.
    fn freeze(mut self) -> Self {
        self.numbers = HashTable::new();
        self.units.shrink_to_fit();
        self.starts.shrink_to_fit();
        self
    }
}

/// Rows of values, one row a number.
#[derive(Clone, Debug)]
pub(crate) struct Rows<T> {
    values: Vec<T>,
    /// Where each row begins, and last the length.
    starts: Vec<u32>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { values: Vec::new(), starts: vec![0] }
    }
}

impl<T: Copy + Ord> Rows<T> {
    #[inline]
    pub(crate) fn row(&self, number: usize) -> &[T] {
        &self.values[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, T)> {
        (0..self.starts.len() - 1).flat_map(|row| self.row(row).iter().map(move |&value| (row as u32, value)))
    }

    fn new(mut pairs: Vec<(u32, T)>, rows: usize) -> Self {
        pairs.sort_unstable();
        let mut starts = vec![0; rows + 1];
        for &(row, _) in &pairs {
            starts[row as usize + 1] += 1;
        }
        (0..rows).for_each(|row| starts[row + 1] += starts[row]);
        Self { values: pairs.into_iter().map(|(_, value)| value).collect(), starts }
    }
}

/// Runs that a card holds.
const CARD_RUNS: usize = 4;

/// What an occurrence of a key usually needs, side by side: the other tables are for keys that need more.
#[derive(Clone, Copy, Debug)]
#[repr(align(32))]
pub(crate) struct Card {
    /// The first runs; after the last of a shorter key noughts.
    runs: [u32; CARD_RUNS],
    pub(crate) length: u8,
    /// The part of its only variant.
    pub(crate) part: u32,
    term: TermRef,
    is_term: bool,
    /// Whether it has one variant, and that one no steps of its own.
    pub(crate) is_plain: bool,
    pub(crate) is_inside: bool,
}

impl Card {
    /// The term that is all that its part is used for.
    #[inline]
    pub(crate) fn term(&self) -> Option<TermRef> {
        self.is_term.then_some(self.term)
    }

    fn new(runs: &[u32], variants: &[Variant], uses: &Rows<Use>) -> Self {
        let first = variants[0];
        let term = match *uses.row(first.part as usize) {
            [Use::Term(term)] => Some(term),
            _ => None,
        };
        let is_plain = variants.len() == 1 && first.steps == Variant::USUAL;
        let mut card = Self {
            runs: [0; CARD_RUNS],
            length: runs.len() as u8,
            part: first.part,
            term: term.unwrap_or(TermRef { list: ListId(0), term: 0 }),
            is_term: is_plain && term.is_some(),
            is_plain,
            is_inside: first.is_inside,
        };
        card.runs.iter_mut().zip(runs).for_each(|(to, &run)| *to = run);
        card
    }
}

/// All words that are searched for by their runs. A *key* is a distinct string of runs; several variants may share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    pub(crate) keys: Strings,
    cards: Vec<Card>,
    variants: Rows<Variant>,
    steps: Vec<Step>,
}

impl Words {
    #[inline]
    pub(crate) fn card(&self, key: usize) -> &Card {
        &self.cards[key]
    }

    /// Whether these are the runs of the key, which has as many.
    #[inline]
    pub(crate) fn is_key(&self, key: usize, runs: &[u32]) -> bool {
        let is_equal = self.cards[key].runs.iter().zip(runs).all(|(own, run)| own == run);
        is_equal && (runs.len() <= CARD_RUNS || self.keys.get(key) == runs)
    }

    /// Whether a key of one run occurs only where its letter is repeated.
    pub(crate) fn is_repeated(&self, key: usize) -> bool {
        self.variants(key).iter().all(|&variant| self.steps(variant, 1).is_some_and(|steps| steps[0].count > 1))
    }

    #[inline]
    pub(crate) fn variants(&self, key: usize) -> &[Variant] {
        self.variants.row(key)
    }

    #[inline]
    pub(crate) fn steps(&self, variant: Variant, length: usize) -> Option<&[Step]> {
        let start = variant.steps as usize;
        (variant.steps != Variant::USUAL).then(|| &self.steps[start..start + length])
    }
}

/// A part that is found by its folded units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Literal {
    pub(crate) units: Box<[u32]>,
    pub(crate) part: u32,
    pub(crate) is_inside: bool,
}

/// Everything that was compiled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) words: Words,
    pub(crate) literals: Vec<Literal>,
    pub(crate) combinations: Vec<Combination>,
    /// What is to be done where each part occurs.
    pub(crate) uses: Rows<Use>,
}

/// Compiles lists; what cannot be taken in is left out and told.
pub(crate) fn compile(lists: &Lists, options: &BuildOptions) -> (Compiled, Vec<Problem>) {
    let mut compiler = Compiler::new(lists, options);
    for (index, list) in lists.lists.iter().enumerate() {
        let id = ListId(index as u16);
        for (term, line) in list.terms.iter().enumerate() {
            compiler.term(TermRef { list: id, term: term as u32 }, line);
        }
        for line in &list.exceptions {
            let part = line.expr.plain().map(|atom| compiler.part(atom, line));
            compiler.uses.extend(part.map(|part| (part, Use::Exception(id))));
        }
    }
    compiler.finish()
}

/// The most ways to repeat and to space the same letters; a text that has them is compared with each.
const VARIANTS_MAX: u32 = 32;
/// The most combinations that one part may ask for.
const ASKED_MAX: u32 = 1_000;

struct Compiler<'a> {
    files: &'a [Arc<str>],
    options: &'a BuildOptions,
    /// The folded units of each part, and last its wishes.
    parts: Strings,
    keys: Strings,
    uses: Vec<(u32, Use)>,
    combinations: Vec<Combination>,
    /// How many combinations each part asks for.
    asked: Vec<u32>,
    variants: Vec<(u32, Variant)>,
    /// How many variants each key has.
    variant_counts: Vec<u32>,
    steps: Vec<Step>,
    literals: Vec<Literal>,
    expansions: usize,
    problems: Vec<Problem>,
    folded: Folded,
}

impl<'a> Compiler<'a> {
    fn new(lists: &'a Lists, options: &'a BuildOptions) -> Self {
        Self {
            files: &lists.files,
            options,
            parts: Strings::default(),
            keys: Strings::default(),
            uses: Vec::new(),
            combinations: Vec::new(),
            asked: Vec::new(),
            variants: Vec::new(),
            variant_counts: Vec::new(),
            steps: Vec::new(),
            literals: Vec::new(),
            expansions: 0,
            problems: Vec::new(),
            folded: Folded::default(),
        }
    }

    fn term(&mut self, term: TermRef, line: &Term) {
        if let Some(atom) = line.expr.plain() {
            let part = self.part(atom, line);
            self.uses.push((part, Use::Term(term)));
            return;
        }
        let chains: Box<[Chain]> = line.expr.0.iter().map(|group| self.chain(group, line)).collect();
        let positive = chains.iter().filter(|chain| !chain.is_negated).flat_map(|chain| chain.links.iter());
        let asking = positive.map(|&(_, part)| part).min_by_key(|&part| (self.asked[part as usize], part));
        let asking = asking.expect("a term begins with a word that is not negated");
        if self.asked[asking as usize] == ASKED_MAX {
            let message = format!("more than {ASKED_MAX} combinations of the same words; this one is left out");
            self.problem(line, message, "say less in one list, or combine in a rule");
            return;
        }
        self.asked[asking as usize] += 1;
        self.uses.push((asking, Use::Combination(self.combinations.len() as u32)));
        self.combinations.push(Combination { term, chains });
    }

    fn chain(&mut self, group: &Group, line: &Term) -> Chain {
        let distances = std::iter::once(0).chain(group.rest.iter().map(|&(distance, _)| distance));
        let links = distances.zip(group.atoms()).map(|(distance, atom)| (distance, self.part(atom, line))).collect();
        Chain { is_negated: group.is_negated, links }
    }

    /// The part of a word; compiled when it is met for the first time.
    fn part(&mut self, atom: &Atom, line: &Term) -> u32 {
        self.folded.fold(&atom.text);
        let mut name = self.folded.units().to_vec();
        name.push(line.wishes.number());
        let part = self.parts.number(&name);
        if part as usize == self.asked.len() {
            self.asked.push(0);
            name.pop();
            self.word(part, word(&name, &[]), line);
            self.expand(part, &name, line);
        }
        part
    }

    fn expand(&mut self, part: u32, units: &[u32], line: &Term) {
        if !line.wishes.expands() {
            return;
        }
        let left = self.options.expansions_max - self.expansions;
        let most = self.options.expansions_per_term_max.min(left);
        let Spellings { spellings, is_cut } = spellings(units, line.wishes, most);
        self.expansions += spellings.len();
        for spelling in &spellings {
            self.word(part, word(&spelling.units, &spelling.joints), line);
        }
        if is_cut {
            let bound = if most == left { "expansions_max" } else { "expansions_per_term_max" };
            let message = format!("only the first {most} other ways to write `{}` are made ({bound})", line.text);
            let file = &self.files[line.place.file as usize];
            let problem = line.place.of(Problem::warning(file, message));
            self.problems.push(problem.hint("ask for fewer expansions, or raise the bound"));
        }
    }

    fn word(&mut self, part: u32, word: Option<Word>, line: &Term) {
        let is_inside = line.wishes.has(Wishes::INSIDE);
        match word {
            Some(Word::Literal(units)) => self.literals.push(Literal { units, part, is_inside }),
            Some(Word::Runs { heads, steps }) => self.runs(part, &heads, steps.as_deref(), is_inside, line),
            None => self.problem(line, format!("`{}` cannot be searched for", line.text), "write a shorter word"),
        }
    }

    fn runs(&mut self, part: u32, heads: &[u32], steps: Option<&[Step]>, is_inside: bool, line: &Term) {
        let key = self.keys.number(heads);
        if key as usize == self.variant_counts.len() {
            self.variant_counts.push(0);
        }
        if self.variant_counts[key as usize] == VARIANTS_MAX {
            let message =
                format!("more than {VARIANTS_MAX} words that differ only in repeated letters, blanks or attributes");
            self.problem(line, message + "; this one is left out", "keep the shortest of them");
            return;
        }
        self.variant_counts[key as usize] += 1;
        let at = steps.map_or(Variant::USUAL, |_| self.steps.len() as u32);
        self.steps.extend_from_slice(steps.unwrap_or(&[]));
        self.variants.push((key, Variant { part, steps: at, is_inside }));
    }

    fn problem(&mut self, line: &Term, message: String, hint: &str) {
        let file = &self.files[line.place.file as usize];
        self.problems.push(line.place.of(Problem::error(file, message)).hint(hint));
    }

    fn finish(self) -> (Compiled, Vec<Problem>) {
        let variants = Rows::new(self.variants, self.keys.len());
        let uses = Rows::new(self.uses, self.parts.len());
        let keys = self.keys.freeze();
        let cards = keys.iter().enumerate().map(|(key, runs)| Card::new(runs, variants.row(key), &uses)).collect();
        let words = Words { keys, cards, variants, steps: self.steps };
        (Compiled { words, literals: self.literals, combinations: self.combinations, uses }, self.problems)
    }
}
