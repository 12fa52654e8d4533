//! Rules that cannot mean what they say: conditions that are never true or always true, by intervals, equalities and
//! presence of single signals. A choice (`?:`) is taken apart wherever it stands, as far as [`Formula`] takes it apart and as
//! the cases are not too many. What involves several signals at once is taken as possible.

use crate::signal::{Catalogue, Slot, Value};

use super::cel::{Bool, Cmp};
use super::formula::{Formula, Test};

/// How many tests are looked at before a condition is taken as possible.
const CASES_MAX: u32 = 1024;

/// What is wrong with a condition as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Futile {
    /// It is never true; where one signal is to blame, that one.
    Never(Option<Slot>),
    /// It is always true.
    Always,
}

/// Whether a condition can be true and can be otherwise.
pub(crate) fn futile(tree: &Bool, catalogue: &Catalogue) -> Option<Futile> {
    search(tree, catalogue).0
}

/// What was found, and whether the search may have missed something, because it was given up at [`CASES_MAX`] or because
/// part of the condition is not taken apart.
fn search(tree: &Bool, catalogue: &Catalogue) -> (Option<Futile>, bool) {
    let when_true = Formula::when(tree, true);
    let mut search = Search::default();
    if !search.possible(&mut vec![&when_true]) {
        return (Some(Futile::Never(search.blame)), false);
    }
    let otherwise = otherwise(&when_true, catalogue);
    let mut opposite = Search::default();
    let always = !opposite.possible(&mut vec![&otherwise]);
    (always.then_some(Futile::Always), search.gave_up() || opposite.gave_up() || has_tree(&when_true))
}

/// Whether part of a formula is not taken apart, and so taken as possible either way.
fn has_tree(formula: &Formula) -> bool {
    match formula {
        Formula::Test(test) => matches!(test, Test::Tree(..)),
        Formula::All(terms) | Formula::Any(terms) => terms.iter().any(has_tree),
    }
}

/// When a formula does not hold: some test fails, or meets a signal that may be missing.
fn otherwise(formula: &Formula, catalogue: &Catalogue) -> Formula {
    let each = |terms: &[Formula]| terms.iter().map(|term| otherwise(term, catalogue)).collect();
    match formula {
        Formula::All(terms) => Formula::Any(each(terms)),
        Formula::Any(terms) => Formula::All(each(terms)),
        Formula::Test(test) => {
            let Some(opposite) = opposite(test) else { return Formula::All(Vec::new()) };
            let is_of_value = !matches!(test, Test::Known(_) | Test::Unknown(_));
            let may_be_missing = |slot: &Slot| is_of_value && catalogue.definition(*slot).default == Value::Missing;
            let slot = test.slot().filter(may_be_missing);
            let unknown = slot.map(|slot| Formula::Test(Test::Unknown(slot)));
            Formula::Any(std::iter::once(Formula::Test(opposite)).chain(unknown).collect())
        }
    }
}

fn opposite(test: &Test) -> Option<Test> {
    Some(match test {
        Test::Int(slot, cmp, value) => Test::Int(*slot, cmp.negated(), *value),
        Test::Float(slot, cmp, value) => Test::Float(*slot, cmp.negated(), *value),
        Test::Len(slot, cmp, value) => Test::Len(*slot, cmp.negated(), *value),
        Test::Flag(slot, value) => Test::Flag(*slot, !value),
        Test::Known(slot) => Test::Unknown(*slot),
        Test::Unknown(slot) => Test::Known(*slot),
        Test::Text(slot, text, equal) => Test::Text(*slot, text.clone(), !equal),
        Test::Item(slot, text, inside) => Test::Item(*slot, text.clone(), !inside),
        Test::Tree(..) => return None,
    })
}

/// A search through the cases of a formula for one whose tests do not contradict each other.
#[derive(Default)]
struct Search<'f> {
    chosen: Vec<&'f Test>,
    cases: u32,
    blame: Option<Slot>,
    cleared: bool,
}

impl<'f> Search<'f> {
    fn possible(&mut self, pending: &mut Vec<&'f Formula>) -> bool {
        let Some(next) = pending.pop() else { return true };
        let depth = pending.len();
        let found = match next {
            Formula::Test(test) => self.with_test(test, pending),
            Formula::All(terms) => {
                pending.extend(terms);
                self.possible(pending)
            }
            Formula::Any(terms) => terms.iter().any(|term| {
                let mut pending = pending.clone();
                pending.push(term);
                self.possible(&mut pending)
            }),
        };
        if !found {
            pending.truncate(depth);
        }
        found
    }

    fn with_test(&mut self, test: &'f Test, pending: &mut Vec<&'f Formula>) -> bool {
        self.cases += 1;
        if self.gave_up() {
            return true;
        }
        self.chosen.push(test);
        let slot = test.slot();
        let fits = slot.is_none_or(|slot| fits(self.chosen.iter().copied().filter(|t| t.slot() == Some(slot))));
        if !fits {
            self.accuse(slot);
        }
        let found = fits && self.possible(pending);
        self.chosen.pop();
        found
    }

    fn gave_up(&self) -> bool {
        self.cases > CASES_MAX
    }

    /// One signal is to blame if every case fails by it.
    fn accuse(&mut self, slot: Option<Slot>) {
        if self.blame.is_some() && self.blame != slot {
            self.cleared = true;
        }
        self.blame = if self.cleared { None } else { slot };
    }
}

/// What tests of one signal leave of its values.
struct Domain<'t> {
    ints: (i64, i64),
    floats: (f64, f64),
    len: (i64, i64),
    flags: [bool; 2],
    known: bool,
    unknown: bool,
    text: Option<&'t str>,
    holds: Vec<&'t str>,
    lacks: Vec<&'t str>,
    other_than: Vec<&'t str>,
    not_ints: Vec<i64>,
    not_lens: Vec<i64>,
    not_floats: Vec<f64>,
    clash: bool,
}

/// Whether some value, or its absence, passes all these tests.
fn fits<'t>(tests: impl Iterator<Item = &'t Test>) -> bool {
    let mut domain = Domain {
        ints: (i64::MIN, i64::MAX),
        floats: (f64::NEG_INFINITY, f64::INFINITY),
        len: (0, i64::MAX),
        flags: [true; 2],
        known: false,
        unknown: false,
        text: None,
        holds: Vec::new(),
        lacks: Vec::new(),
        other_than: Vec::new(),
        not_ints: Vec::new(),
        not_lens: Vec::new(),
        not_floats: Vec::new(),
        clash: false,
    };
    tests.for_each(|test| domain.narrow(test));
    domain.leaves_any()
}

impl<'t> Domain<'t> {
    fn narrow(&mut self, test: &'t Test) {
        self.known |= !matches!(test, Test::Unknown(_));
        match test {
            Test::Int(_, Cmp::Ne, value) => self.not_ints.push(*value),
            Test::Int(_, cmp, value) => self.clash |= narrow_ints(&mut self.ints, *cmp, *value),
            Test::Len(_, Cmp::Ne, value) => self.not_lens.push(*value),
            Test::Len(_, cmp, value) => self.clash |= narrow_ints(&mut self.len, *cmp, *value),
            Test::Float(_, Cmp::Ne, value) => self.not_floats.push(*value),
            Test::Float(_, cmp, value) => narrow_floats(&mut self.floats, *cmp, *value),
            Test::Flag(_, value) => self.flags[usize::from(!value)] = false,
            Test::Known(_) | Test::Tree(..) => {}
            Test::Unknown(_) => self.unknown = true,
            Test::Text(_, text, true) => self.clash |= self.text.replace(text).is_some_and(|other| other != &**text),
            Test::Text(_, text, false) => self.other_than.push(text),
            Test::Item(_, text, true) => self.holds.push(text),
            Test::Item(_, text, false) => self.lacks.push(text),
        }
    }

    fn leaves_any(mut self) -> bool {
        let (ints, len) = (without(self.ints, &self.not_ints), without(self.len, &self.not_lens));
        self.holds.sort_unstable();
        self.holds.dedup();
        let only_float = self.floats.0 == self.floats.1 && self.not_floats.contains(&self.floats.0);
        let too_short = i64::try_from(self.holds.len()).is_ok_and(|held| held > len.1);
        !(self.clash
            || (self.known && self.unknown)
            || ints.0 > ints.1
            || self.floats.0 > self.floats.1
            || only_float
            || len.0 > len.1
            || too_short
            || self.flags == [false; 2]
            || self.text.is_some_and(|text| self.other_than.contains(&text))
            || self.holds.iter().any(|text| self.lacks.contains(text)))
    }
}

/// An interval without these numbers at its ends; nothing is left of it where its low end lies above its high one.
fn without(mut range: (i64, i64), taken: &[i64]) -> (i64, i64) {
    while range.0 < range.1 && taken.contains(&range.0) {
        range.0 += 1;
    }
    while range.0 < range.1 && taken.contains(&range.1) {
        range.1 -= 1;
    }
    if range.0 == range.1 && taken.contains(&range.0) { (1, 0) } else { range }
}

/// Narrows an interval; whether nothing can be left of it at the ends of 64 bits.
fn narrow_ints(range: &mut (i64, i64), cmp: Cmp, value: i64) -> bool {
    let (low, high) = match cmp {
        Cmp::Lt => (i64::MIN, value.checked_sub(1)),
        Cmp::Le => (i64::MIN, Some(value)),
        Cmp::Gt => match value.checked_add(1) {
            Some(low) => (low, Some(i64::MAX)),
            None => return true,
        },
        Cmp::Ge => (value, Some(i64::MAX)),
        Cmp::Eq => (value, Some(value)),
        // What a value is not is kept apart, as it narrows nothing before the interval ends there.
        Cmp::Ne => return false,
    };
    let Some(high) = high else { return true };
    *range = (range.0.max(low), range.1.min(high));
    false
}

fn narrow_floats(range: &mut (f64, f64), cmp: Cmp, value: f64) {
    let (low, high) = match cmp {
        Cmp::Lt => (f64::NEG_INFINITY, value.next_down()),
        Cmp::Le => (f64::NEG_INFINITY, value),
        Cmp::Gt => (value.next_up(), f64::INFINITY),
        Cmp::Ge => (value, f64::INFINITY),
        Cmp::Eq => (value, value),
        Cmp::Ne => return,
    };
    *range = (range.0.max(low), range.1.min(high));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::cel::{Scope, check};
    use super::super::oracle::catalogue;
    use super::*;
    use crate::signal::Signals;

    /// Comparisons of choices.
    fn chosen() -> impl Strategy<Value = String> {
        const CONDITIONS: [&str; 4] = ["event.forward", "text.chars > 1", "account.age_days == 2", "channel == 'a'"];
        let condition = || proptest::sample::select(&CONDITIONS[..]);
        let ops = || proptest::sample::select(&["<", "<=", ">", ">=", "==", "!="][..]);
        let of_numbers =
            (condition(), 0..4, ops(), 0..4).prop_map(|(c, a, op, b)| format!("({c} ? {a} : text.chars) {op} {b}"));
        let of_sides = (condition(), 0..4, ops(), 0..4).prop_map(|(c, a, op, b)| format!("{a} {op} ({c} ? {b} : 2)"));
        let of_texts = (condition(), proptest::bool::ANY).prop_map(|(c, equal)| {
            let op = if equal { "==" } else { "!=" };
            format!("({c} ? channel : 'b') {op} 'a'")
        });
        prop_oneof![of_numbers, of_sides, of_texts]
    }

    /// Choices of which every engine must see through: what they say of the signals, and what becomes of them.
    #[test]
    fn choices_are_taken_apart() {
        let cases = [
            ("event.forward ? !event.forward : false", Some(Futile::Never(None))),
            ("(event.forward ? 1 : 2) == 3", Some(Futile::Never(None))),
            ("(event.forward ? text.chars : 3) >= 0 || text.chars < 0", Some(Futile::Always)),
            (
                "((event.forward ? event.forward : true) ? text.chars > 2 : false) && text.chars < 2",
                Some(Futile::Never(None)),
            ),
            ("(event.forward ? text.chars > 2 : text.chars > 3) ? text.chars > 5 : text.chars > 1", None),
        ];
        for (source, expected) in cases {
            let tree = check(source, &catalogue()).expect("well-typed").tree;
            let found = search(&tree, &catalogue());
            let alike = match (found.0, expected) {
                (Some(Futile::Never(_)), Some(Futile::Never(_))) => true,
                (found, expected) => found == expected,
            };
            assert!(alike && !found.1, "{source}: {found:?}");
        }
    }

    /// Conditions over five signals whose values can be enumerated: comparisons are with 0 to 3.
    fn condition(depth: u32) -> BoxedStrategy<String> {
        const NUMBERS: [&str; 3] = ["text.chars", "account.age_days", "words.fraud.tags.size()"];
        let ops = proptest::sample::select(&["<", "<=", ">", ">=", "==", "!="][..]);
        let leaf = prop_oneof![
            4 => (proptest::sample::select(&NUMBERS[..]), ops, 0..4).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            1 => Just("event.forward".to_owned()),
            1 => Just("has(account.age_days)".to_owned()),
            1 => proptest::sample::select(&["channel == 'a'", "channel != 'b'", "channel in ['a', 'b']"][..]).prop_map(Into::into),
            2 => chosen(),
            1 => proptest::sample::select(&["'a' in words.fraud.tags", "'b' in words.fraud.tags"][..]).prop_map(Into::into),
        ];
        if depth == 0 {
            return leaf.boxed();
        }
        let sub = || condition(depth - 1);
        prop_oneof![
            1 => leaf,
            4 => (sub(), sub()).prop_map(|(a, b)| format!("({a} && {b})")),
            3 => (sub(), sub()).prop_map(|(a, b)| format!("({a} || {b})")),
            1 => sub().prop_map(|a| format!("!({a})")),
            1 => (sub(), sub(), sub()).prop_map(|(c, a, b)| format!("({c} ? {a} : {b})")),
        ]
        .boxed()
    }

    fn lists() -> Vec<Value> {
        let known = [vec![], vec!["a"], vec!["b"], vec!["a", "b"]];
        let padded = known.iter().flat_map(|list| (0..5).map(move |n| list.iter().copied().chain(vec!["c"; n])));
        padded.map(|list| Value::Texts(list.map(Arc::from).collect())).collect()
    }

    /// Calls with every combination of values that a condition can tell apart.
    fn every_case(catalogue: &Catalogue, mut call: impl FnMut(&Signals)) {
        let slot = |name| catalogue.slot(name).expect("the test catalogue has it");
        let mut signals = Signals::new(catalogue);
        let ages: Vec<_> = (-1..5).map(Value::Int).chain([Value::Missing]).collect();
        for list in lists() {
            signals.set(slot("words.fraud.tags"), list);
            for chars in -1..5 {
                signals.set(slot("text.chars"), Value::Int(chars));
                for age in &ages {
                    signals.set(slot("account.age_days"), age.clone());
                    for (channel, forward) in
                        [("a", true), ("a", false), ("b", true), ("b", false), ("c", true), ("c", false)]
                    {
                        signals.set(slot("channel"), Value::Text(channel.into()));
                        signals.set(slot("event.forward"), Value::Bool(forward));
                        call(&signals);
                    }
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

        #[test]
        fn what_is_found_is_so_and_unless_given_up_all_is_found(source in condition(3)) {
            let catalogue = catalogue();
            let tree = check(&source, &catalogue).expect("well-typed").tree;
            let (mut some_true, mut some_not) = (false, false);
            every_case(&catalogue, |signals| match tree.truth(&Scope::new(signals)) {
                Some(true) => some_true = true,
                _ => some_not = true,
            });
            let (found, gave_up) = search(&tree, &catalogue);
            // A search that was given up finds nothing; what it says it finds must be so all the same.
            prop_assert!(found != Some(Futile::Always) || !some_not, "{} {:?}", source, found);
            prop_assert!(!matches!(found, Some(Futile::Never(_))) || !some_true, "{} {:?}", source, found);
            prop_assert!(found.is_some() || gave_up || (some_true && some_not), "{} {:?}", source, found);
        }
    }
}
