//! Other ways to write a word, made at build time for the terms that wish for them.
//!
//! A word is a row of places; each place keeps its own unit or takes another writing of it. Whole spellings come first (all
//! pinyin, all initials, all digits in one style), then every word with one place changed, then two, and so on until the
//! bound on spellings for one term. Nothing here is done to texts.

use super::syntax::Wishes;
use crate::text;

/// One way to write a word: folded units, and before which of them separators may stand although both sides are Latin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spelling {
    pub(crate) units: Vec<u32>,
    pub(crate) joints: Vec<bool>,
}

/// The spellings of one word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spellings {
    pub(crate) spellings: Vec<Spelling>,
    /// Whether the bound left out a whole spelling or a word with one place changed.
    pub(crate) is_cut: bool,
}

/// Another writing of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Other {
    units: Vec<u32>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A whole syllable of pinyin.
    Syllable,
    /// Its first letter.
    Initial,
    /// A letter's look-alike.
    Leet,
    /// A digit in another style.
    Digit,
    /// Other characters.
    Plain,
}

/// A unit of the word with its other writings.
struct Place {
    own: u32,
    others: Vec<Other>,
}

/// The spellings of these folded units beside their own, at most `most`.
pub(crate) fn spellings(units: &[u32], wishes: Wishes, most: usize) -> Spellings {
    let share = most / 2 / units.len().max(1);
    let places: Vec<Place> = units.iter().map(|&own| Place { own, others: others(own, wishes, share) }).collect();
    let deep = (most as f64).powf(1.0 / places.len().max(1) as f64).max(4.0) as usize;
    let mut speller = Speller { places: &places, most, deep, found: Spellings::default(), seen: Default::default() };
    speller.seen.insert((units.to_vec(), vec![false; units.len()]));
    let mut choice = vec![None; places.len()];
    for kind in [Kind::Syllable, Kind::Initial] {
        speller.whole(kind, 0, 0);
    }
    let styles = places.iter().map(|place| place.of(Kind::Digit).count()).max().unwrap_or(0);
    for (style, zero) in (0..styles).flat_map(|style| (0..styles).map(move |zero| (style, zero))) {
        speller.whole(Kind::Digit, style, zero);
    }
    for changed in 1..=places.len() {
        let is_done = speller.change(changed, 0, &mut choice);
        speller.found.is_cut |= changed == 1 && !is_done;
        if !is_done {
            break;
        }
    }
    speller.found
}

impl Place {
    fn of(&self, kind: Kind) -> impl Iterator<Item = usize> {
        self.others.iter().enumerate().filter(move |(_, other)| other.kind == kind).map(|(index, _)| index)
    }
}

/// Other writings of a unit; of its homophones the `share` commonest.
fn others(unit: u32, wishes: Wishes, share: usize) -> Vec<Other> {
    let mut others: Vec<Other> = Vec::new();
    let mut push = |units: Vec<u32>, kind| {
        let other = Other { units, kind };
        if other.units != [unit] && !others.contains(&other) {
            others.push(other);
        }
    };
    let letters = |reading: &str| reading.chars().map(u32::from).collect::<Vec<_>>();
    if wishes.has(Wishes::PINYIN) {
        text::readings(unit).for_each(|reading| push(letters(reading), Kind::Syllable));
    }
    if wishes.has(Wishes::INITIALS) {
        text::readings(unit).for_each(|reading| push(letters(reading)[..1].to_vec(), Kind::Initial));
    }
    if wishes.has(Wishes::DIGITS) {
        text::digit_styles(unit).iter().for_each(|&style| push(vec![style], Kind::Digit));
    }
    if wishes.has(Wishes::SPLIT) {
        text::splits(unit).into_iter().for_each(|parts| push(letters(parts), Kind::Plain));
    }
    if wishes.has(Wishes::LEET) {
        text::leet(unit).iter().for_each(|&other| push(vec![other], Kind::Leet));
    }
    if wishes.has(Wishes::HOMOPHONE) {
        text::homophones(unit)
            .iter()
            .filter(|&&other| other != unit)
            .take(share)
            .for_each(|&other| push(vec![other], Kind::Plain));
    }
    others
}

struct Speller<'a> {
    places: &'a [Place],
    most: usize,
    /// How many writings of a place are tried where another place is changed too.
    deep: usize,
    found: Spellings,
    seen: hashbrown::HashSet<(Vec<u32>, Vec<bool>), foldhash::fast::FixedState>,
}

impl Speller<'_> {
    /// All places that have a writing of this kind take their `nth` one, or their last; noughts, of which each style has
    /// several, the one at `zero`.
    fn whole(&mut self, kind: Kind, nth: usize, zero: usize) {
        let nth = |place: &Place| if place.own == u32::from('0') { zero } else { nth };
        let pick = |place: &Place| place.of(kind).take(nth(place) + 1).last();
        let choice: Vec<Option<usize>> = self.places.iter().map(pick).collect();
        if choice.iter().any(Option::is_some) {
            self.found.is_cut |= !self.push(&choice);
        }
    }

    /// Every word with `changed` more places changed from `from` on; false when there is no room for more.
    fn change(&mut self, changed: usize, from: usize, choice: &mut [Option<usize>]) -> bool {
        if changed == 0 {
            return self.push(choice);
        }
        let room = if changed == 1 && choice.iter().all(Option::is_none) { usize::MAX } else { self.deep };
        for at in from..self.places.len() {
            for other in 0..self.places[at].others.len().min(room) {
                choice[at] = Some(other);
                if !self.change(changed - 1, at + 1, choice) {
                    return false;
                }
            }
            choice[at] = None;
        }
        true
    }

    /// Takes a spelling in, unless it was seen or says too little; false when there is no room.
    fn push(&mut self, choice: &[Option<usize>]) -> bool {
        if !self.is_telling(choice) {
            return true;
        }
        let spelling = self.spell(choice);
        let name = (spelling.units.clone(), spelling.joints.clone());
        if self.seen.contains(&name) {
            return true;
        }
        if self.found.spellings.len() == self.most {
            return false;
        }
        self.seen.insert(name);
        self.found.spellings.push(spelling);
        true
    }

    /// Whether enough is left of the word: half of its letters where leet replaces some (`45s` is no `ass`), and two
    /// units in all.
    fn is_telling(&self, choice: &[Option<usize>]) -> bool {
        let picked = self.places.iter().zip(choice).filter_map(|(place, pick)| pick.map(|pick| &place.others[pick]));
        let leet = picked.clone().filter(|other| other.kind == Kind::Leet).count();
        leet * 2 <= choice.len() && choice.len() > 1
    }

    fn spell(&self, choice: &[Option<usize>]) -> Spelling {
        let mut spelling = Spelling::default();
        let mut after_syllable = false;
        for (place, pick) in self.places.iter().zip(choice) {
            let other = pick.map(|pick| &place.others[pick]);
            let units = other.map_or(std::slice::from_ref(&place.own), |other| &other.units);
            let is_syllable = other.is_some_and(|other| other.kind == Kind::Syllable);
            let is_joint = is_syllable || after_syllable;
            spelling.joints.extend((0..units.len()).map(|index| index == 0 && is_joint && !spelling.units.is_empty()));
            spelling.units.extend_from_slice(units);
            after_syllable = is_syllable;
        }
        spelling
    }
}
