//! One word of a term as it is searched for, and what counts as an occurrence of it.
//!
//! A text is searched in one view, [`Runs`]: its letters (word units of the fold) without the separators between them,
//! each run of one letter taken as one. Every occurrence of a word, plain or evaded, is an occurrence of the word's own
//! runs there, so one pass finds all candidates. [`Runs::fit`] then decides, from what the view left out:
//!
//! - **repetition**: a Chinese character may be repeated any number of times; a Latin letter as often as written or three
//!   times and more, since doubled letters are other words (`god`, `good`); a digit exactly as often as written;
//! - **separators**: none inside a Latin word or a number, unless they stand between all letters (`w e c h a t`); at most
//!   eight elsewhere, and no end of phrase (`回家，教会` is not `家教`), unless three or more letters are all set apart;
//! - **boundaries**: a word that begins or ends in a Latin letter or a digit has no such neighbour there, unless the term
//!   says `+inside`. A letter beside a digit is a boundary: `vx123` has the word `vx`.
//!
//! A word with symbols in it (`+v`, `100%`, an emoji) is a [`Word::Literal`]: found exactly as folded, with boundaries.

use crate::text::{Folded, Kind, kind};

/// The most separators that may stand between two letters of one occurrence.
pub(crate) const GAP_UNITS_MAX: u32 = 8;
/// From so many on, a Latin letter counts as drawn out.
const REPEATED_MIN: u32 = 3;
/// Steps that a comparison with sums takes.
const SUMMED_COST: usize = 4;
/// The most runs that a word may have; longer expansions are not made.
pub(crate) const RUNS_MAX: usize = 255;

/// What neighbours of a letter continue its word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// Scripts without spaces: no boundaries.
    Free,
    /// Latin, Greek, Cyrillic, Armenian.
    Letter,
    /// `0` to `9`
    Digit,
}

impl Class {
    #[inline]
    pub(crate) fn of(kind: Kind) -> Self {
        if kind.is(Kind::LATIN) {
            Self::Letter
        } else if kind.is(Kind::DIGIT) {
            Self::Digit
        } else {
            Self::Free
        }
    }

    /// Whether a letter of this class has a boundary beside that one.
    #[inline]
    fn ends_beside(self, other: Self) -> bool {
        self == Self::Free || self != other
    }

    /// Whether a run of `found` letters may stand for `own` ones.
    #[inline]
    fn allows(self, own: u32, found: u32) -> bool {
        match self {
            Self::Free => found >= own,
            Self::Letter => found == own || (found >= own && found >= REPEATED_MIN),
            Self::Digit => found == own,
        }
    }
}

/// Whether separators may stand before a letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gap {
    /// None: inside a Latin word or a number.
    Tight,
    /// They may.
    Loose,
    /// At least one: between two Latin words.
    Required,
}

impl Gap {
    #[inline]
    fn between(left: Class, right: Class) -> Self {
        if left.ends_beside(right) { Self::Loose } else { Self::Tight }
    }
}

/// What one run of a word asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    pub(crate) count: u8,
    pub(crate) before: Gap,
    pub(crate) within: Gap,
}

impl Step {
    /// A number that tells this step from others.
    pub(crate) fn number(self) -> u32 {
        u32::from(self.count) << 4 | (self.before as u32) << 2 | self.within as u32
    }
}

/// A word as it is searched for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Word {
    /// By its runs. Without `steps` each run is one letter and gaps follow from the classes, as they do for most words.
    Runs { heads: Box<[u32]>, steps: Option<Box<[Step]>> },
    /// By its folded units, symbols included.
    Literal(Box<[u32]>),
}

/// Why a word cannot be searched for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unfit {
    Nothing,
    OneLetter,
    OneDigit,
}

/// Why the folded word cannot be searched for, if it cannot.
pub(crate) fn unfit(folded: &Folded) -> Option<Unfit> {
    if folded.units().iter().any(|&unit| is_symbol(unit)) {
        return None;
    }
    let mut letters = folded.kinds().iter().filter(|kind| kind.is(Kind::WORD));
    match (letters.next(), letters.next()) {
        (None, _) => Some(Unfit::Nothing),
        (Some(&only), None) if only.is(Kind::LATIN) => Some(Unfit::OneLetter),
        (Some(&only), None) if only.is(Kind::DIGIT) => Some(Unfit::OneDigit),
        _ => None,
    }
}

/// A separator that a word means: not a blank, and not what joins the parts of compounds and names.
fn is_symbol(unit: u32) -> bool {
    let is_soft = char::from_u32(unit).is_some_and(|c| c.is_whitespace() || "-_'’·・‧".contains(c));
    !is_soft && !kind(unit).is(Kind::WORD)
}

/// The word of these folded units. `joints` tells the units before which separators may stand although both sides are
/// Latin: the syllables of pinyin.
pub(crate) fn word(units: &[u32], joints: &[bool]) -> Option<Word> {
    if units.iter().any(|&unit| is_symbol(unit)) {
        return Some(Word::Literal(units.into()));
    }
    let (mut heads, mut steps): (Vec<u32>, Vec<Step>) = Default::default();
    let mut is_apart = false;
    for (index, &unit) in units.iter().enumerate() {
        if !kind(unit).is(Kind::WORD) {
            is_apart = true;
            continue;
        }
        let gap = gap(heads.last().copied(), unit, is_apart, joints.get(index) == Some(&true));
        is_apart = false;
        match steps.last_mut() {
            Some(step) if heads.last() == Some(&unit) => {
                step.count = step.count.checked_add(1)?;
                step.within = if gap == Gap::Tight { step.within } else { Gap::Loose };
            }
            _ => {
                steps.push(Step { count: 1, before: gap, within: Gap::between(class(unit), class(unit)) });
                heads.push(unit);
            }
        }
    }
    let is_usual =
        steps.iter().enumerate().all(|(i, &step)| step == usual(i.checked_sub(1).map(|i| heads[i]), heads[i]));
    let is_fit = (1..=RUNS_MAX).contains(&heads.len());
    is_fit.then(|| Word::Runs { heads: heads.into(), steps: (!is_usual).then(|| steps.into()) })
}

fn class(unit: u32) -> Class {
    Class::of(kind(unit))
}

fn gap(before: Option<u32>, unit: u32, is_apart: bool, is_joint: bool) -> Gap {
    match before.map_or(Gap::Loose, |before| Gap::between(class(before), class(unit))) {
        Gap::Tight if is_apart => Gap::Required,
        Gap::Tight if is_joint => Gap::Loose,
        gap => gap,
    }
}

/// The step of a run that says nothing of its own.
fn usual(before: Option<u32>, unit: u32) -> Step {
    Step { count: 1, before: gap(before, unit, false, false), within: Gap::between(class(unit), class(unit)) }
}

/// The buffers of [`Runs`], kept from text to text.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunsBuffer {
    starts: Vec<u32>,
    at: Vec<u32>,
    sums: Sums,
}

impl RunsBuffer {
    /// The view of a folded text. Where many words are to be compared with it, `with_sums` makes each comparison a few steps.
    #[inline]
    pub(crate) fn view<'a>(&'a mut self, folded: &'a Folded, with_sums: bool) -> Runs<'a> {
        let (units, kinds) = (folded.units(), folded.kinds());
        if self.at.len() <= units.len() {
            let length = (units.len() + 1).next_power_of_two();
            self.starts.resize(length + 1, 0);
            self.at.resize(length, 0);
        }
        let (mut runs, mut letters, mut last) = (0, 0, u32::MAX);
        // Written without branches: what does not count is overwritten by what comes next.
        for (index, (&unit, &kind)) in units.iter().zip(kinds).enumerate() {
            let is_word = kind.is(Kind::WORD);
            self.at[letters] = index as u32;
            self.starts[runs] = letters as u32;
            runs += usize::from(is_word & (unit != last));
            letters += usize::from(is_word);
            last = if is_word { unit } else { last };
        }
        self.starts[runs] = letters as u32;
        let view = Runs { starts: &self.starts[..=runs], at: &self.at[..letters], folded, sums: None };
        if with_sums {
            self.sums.fill(&view);
        }
        Runs { sums: with_sums.then_some(&self.sums), ..view }
    }
}

/// What is counted from the start of a text up to a letter, so that what stands between any two letters is told at once.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    /// Letters before which separators stand.
    gaps: u32,
    /// Of these, those where a word has none of its own accord.
    tight: u32,
    /// Of these, those with more separators than any word may have.
    long: u32,
    /// Of these, those where a phrase ends.
    breaks: u32,
    /// The last letter up to this one before which separators stand, or the first of all.
    last_gap: u32,
}

/// Such sums, kept from text to text.
#[derive(Clone, Debug, Default)]
struct Sums {
    letters: Vec<Sum>,
    /// The first letter from each one on before which separators stand, or how many letters there are.
    next_gaps: Vec<u32>,
    /// How many of the runs before each one may not stand for a single letter.
    odd_runs: Vec<u32>,
}

impl Sums {
    fn fill(&mut self, runs: &Runs<'_>) {
        self.letters.clear();
        let mut sum = Sum::default();
        for letter in 0..runs.at.len() as u32 {
            let gap = if letter == 0 { 0 } else { runs.gap(letter) };
            if gap > 0 {
                sum.gaps += 1;
                sum.tight += u32::from(Gap::between(runs.class(letter - 1), runs.class(letter)) == Gap::Tight);
                sum.long += u32::from(gap > GAP_UNITS_MAX);
                sum.breaks += u32::from(runs.has_break(letter));
                sum.last_gap = letter;
            }
            self.letters.push(sum);
        }
        let mut next = runs.at.len() as u32;
        self.next_gaps.clear();
        self.next_gaps.resize(runs.at.len() + 1, next);
        for letter in (1..next).rev() {
            next = if runs.gap(letter) > 0 { letter } else { next };
            self.next_gaps[letter as usize] = next;
        }
        self.odd_runs.clear();
        self.odd_runs.push(0);
        let mut odd = 0;
        for run in 0..runs.starts.len() - 1 {
            odd += u32::from(!runs.class_of_run(run).allows(1, runs.count(run)));
            self.odd_runs.push(odd);
        }
    }

    /// Whether the separators among these letters are such as a word without steps of its own allows.
    fn gaps_fit(&self, start: u32, end: u32) -> bool {
        let (before, after) = (self.letters[start as usize], self.letters[end as usize - 1]);
        let is_spelled = end - start > 1 && after.gaps - before.gaps == end - 1 - start;
        let is_loose = after.tight == before.tight;
        if after.long > before.long {
            return false;
        }
        if after.breaks > before.breaks { is_spelled && end - start >= 3 } else { is_spelled || is_loose }
    }
}

/// A text's letters without separators, in runs. A *letter index* counts letters from the start of the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs<'a> {
    /// The letter index at which each run starts, and last the number of letters.
    starts: &'a [u32],
    /// The folded index of each letter.
    at: &'a [u32],
    folded: &'a Folded,
    sums: Option<&'a Sums>,
}

/// A range of letter indices.
pub(crate) type Letters = (u32, u32);

impl Runs<'_> {
    /// The letters that are an occurrence of the word whose runs stand at `run`, if they are one: the fewest that do.
    pub(crate) fn fit(&self, run: usize, length: usize, steps: Option<&[Step]>, is_inside: bool) -> Option<Letters> {
        let wanted = Wanted { run, length, steps, is_inside };
        if length == 1 {
            return self.fit_single(&wanted);
        }
        if self.starts[run + length] - self.starts[run] != length as u32 || steps.is_some() {
            let is_allowed = |k| self.class_of_run(run + k).allows(wanted.count(k), self.count(run + k));
            let are_allowed = match self.sums.filter(|_| steps.is_none()) {
                Some(sums) => sums.odd_runs[run + 1] == sums.odd_runs[run + length - 1],
                None => (1..length - 1).all(is_allowed),
            };
            if !are_allowed {
                return None;
            }
        }
        let start = self.left_edge(&wanted)?;
        let end = self.right_edge(&wanted)?;
        self.gaps_fit(start, end, &wanted).then_some((start, end))
    }

    /// What looking closer costs: a step for each letter that the runs of a word have here, or with sums a few.
    #[inline]
    pub(crate) fn cost(&self, run: usize, length: usize, steps: Option<&[Step]>) -> usize {
        let is_summed = self.sums.is_some() && steps.is_none() && length > 1;
        if is_summed {
            return SUMMED_COST;
        }
        let letters = (self.starts[run + length] - self.starts[run]) as usize;
        // A word of one letter is tried at each place of a run.
        let tries = if length == 1 { steps.map_or(1, |steps| usize::from(steps[0].count)) } else { 1 };
        letters * tries
    }

    /// The folded units of these letters.
    pub(crate) fn units(&self, (start, end): Letters) -> std::ops::Range<usize> {
        self.at[start as usize] as usize..self.at[end as usize - 1] as usize + 1
    }

    /// How many letters stand before this folded index.
    pub(crate) fn letters_before(&self, unit: usize) -> u32 {
        self.at.partition_point(|&at| (at as usize) < unit) as u32
    }

    /// Whether a literal at these folded units has the boundaries that its ends ask for.
    pub(crate) fn literal_fits(&self, units: &std::ops::Range<usize>, is_inside: bool) -> bool {
        let class = |index: usize| Class::of(self.folded.kinds()[index]);
        let left = units.start == 0 || class(units.start).ends_beside(class(units.start - 1));
        let right = units.end == self.folded.units().len() || class(units.end - 1).ends_beside(class(units.end));
        is_inside || (left && right)
    }

    fn count(&self, run: usize) -> u32 {
        self.starts[run + 1] - self.starts[run]
    }

    #[inline]
    fn class(&self, letter: u32) -> Class {
        Class::of(self.folded.kinds()[self.at[letter as usize] as usize])
    }

    fn class_of_run(&self, run: usize) -> Class {
        self.class(self.starts[run])
    }

    /// How many separators stand before a letter that is not the first.
    #[inline]
    fn gap(&self, letter: u32) -> u32 {
        self.at[letter as usize] - self.at[letter as usize - 1] - 1
    }

    #[inline]
    fn is_boundary(&self, letter: u32, inner: Class) -> bool {
        letter == 0
            || letter as usize == self.at.len()
            || self.gap(letter) > 0
            || self.class(letter - 1) != self.class(letter)
            || inner == Class::Free
    }

    fn left_edge(&self, wanted: &Wanted<'_>) -> Option<u32> {
        let class = self.class_of_run(wanted.run);
        let end = self.starts[wanted.run + 1];
        let counts = wanted.count(0)..=self.count(wanted.run);
        let is_edge =
            |&n: &u32| class.allows(wanted.count(0), n) && (wanted.is_inside || self.is_boundary(end - n, class));
        let Some(sums) = self.sums else { return counts.into_iter().find(is_edge).map(|n| end - n) };
        if counts.is_empty() || is_edge(counts.start()) {
            return (!counts.is_empty()).then(|| end - counts.start());
        }
        // It is a Latin word that begins further back: after separators, or with the run.
        let least = (*counts.start()).max(REPEATED_MIN);
        let latest = end.checked_sub(least).filter(|_| class == Class::Letter && least <= *counts.end())?;
        let start = if wanted.is_inside { latest } else { sums.letters[latest as usize].last_gap };
        Some(start.max(self.starts[wanted.run])).filter(|&start| is_edge(&(end - start)))
    }

    fn right_edge(&self, wanted: &Wanted<'_>) -> Option<u32> {
        let last = wanted.length - 1;
        let start = self.starts[wanted.run + last];
        let class = self.class(start);
        let counts = wanted.count(last)..=self.count(wanted.run + last);
        let is_edge =
            |&n: &u32| class.allows(wanted.count(last), n) && (wanted.is_inside || self.is_boundary(start + n, class));
        let Some(sums) = self.sums else { return counts.into_iter().find(is_edge).map(|n| start + n) };
        if counts.is_empty() || is_edge(counts.start()) {
            return (!counts.is_empty()).then(|| start + counts.start());
        }
        let least = (*counts.start()).max(REPEATED_MIN);
        if class != Class::Letter || least > *counts.end() {
            return None;
        }
        let end = if wanted.is_inside { start + least } else { sums.next_gaps[(start + least) as usize] };
        Some(end.min(start + counts.end())).filter(|&end| is_edge(&(end - start)))
    }

    /// A word of one run: the first letters of the run that fit; a longer run is still one occurrence.
    fn fit_single(&self, wanted: &Wanted<'_>) -> Option<Letters> {
        let class = self.class_of_run(wanted.run);
        let (first, end, own) = (self.starts[wanted.run], self.starts[wanted.run + 1], wanted.count(0));
        let is_edge = |letter| wanted.is_inside || self.is_boundary(letter, class);
        (first..=end.checked_sub(own).filter(|&last| last >= first)?).filter(|&start| is_edge(start)).find_map(
            |start| {
                let mut counts = own..=end - start;
                let count = counts.find(|&n| class.allows(own, n) && is_edge(start + n))?;
                self.gaps_fit(start, start + count, wanted).then_some((start, start + count))
            },
        )
    }

    /// Whether the separators among these letters are such as the word allows.
    fn gaps_fit(&self, start: u32, end: u32, wanted: &Wanted<'_>) -> bool {
        let has_gaps = self.at[end as usize - 1] - self.at[start as usize] != end - 1 - start;
        if !has_gaps && wanted.steps.is_none() {
            return true;
        }
        if let Some(sums) = self.sums.filter(|_| wanted.steps.is_none()) {
            return sums.gaps_fit(start, end);
        }
        let (mut is_spelled, mut is_broken, mut is_loose) = (end - start > 1, false, true);
        let mut run = wanted.run;
        for letter in start + 1..end {
            let is_first = letter == self.starts[run + 1];
            run += usize::from(is_first);
            let gap = self.gap(letter);
            is_spelled &= gap > 0;
            match self.gap_wanted(letter, run, is_first, wanted) {
                Gap::Tight => is_loose &= gap == 0,
                Gap::Required => is_loose &= gap > 0,
                Gap::Loose => {}
            }
            if gap > GAP_UNITS_MAX || !(is_spelled || is_loose) {
                return false;
            }
            is_broken |= gap > 0 && self.has_break(letter);
        }
        if is_broken { is_spelled && end - start >= 3 } else { is_spelled || is_loose }
    }

    fn gap_wanted(&self, letter: u32, run: usize, is_first: bool, wanted: &Wanted<'_>) -> Gap {
        match wanted.steps {
            Some(steps) if is_first => steps[run - wanted.run].before,
            Some(steps) => steps[run - wanted.run].within,
            None => Gap::between(self.class(letter - 1), self.class(letter)),
        }
    }

    /// Whether a phrase ends between this letter and the one before.
    fn has_break(&self, letter: u32) -> bool {
        let between = self.at[letter as usize - 1] as usize + 1..self.at[letter as usize] as usize;
        let units = &self.folded.units()[between];
        units.iter().any(|&unit| is_break(unit)) || units.iter().filter(|&&unit| unit == u32::from('.')).count() > 1
    }
}

/// What ends a phrase in ordinary writing. A single `.` does not: it is what people put inside words to evade.
pub(crate) fn is_break(unit: u32) -> bool {
    char::from_u32(unit).is_some_and(|c| matches!(c, ',' | '、' | '。' | '!' | '?' | ';' | '\n' | '\r' | '…'))
}

/// The word that is looked for at a run.
struct Wanted<'a> {
    run: usize,
    length: usize,
    steps: Option<&'a [Step]>,
    is_inside: bool,
}

impl Wanted<'_> {
    #[inline]
    fn count(&self, k: usize) -> u32 {
        self.steps.map_or(1, |steps| u32::from(steps[k].count))
    }
}
