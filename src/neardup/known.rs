//! Comparisons that were made lately, so that the thousandth copy of a text costs no reading of the first.
//!
//! A comparison depends on two texts alone, so what is remembered here changes no answer, only its cost.

use super::compare::Comparison;
use super::seed::mix;

/// Comparisons remembered; each has one place and takes it from the one before. A quarter of a megabyte.
const PLACES: usize = 8192;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Known {
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    exact: u64,
    /// The entry's number and one; 0 for none.
    number: u64,
    comparison: Comparison,
}

impl Default for Known {
    fn default() -> Self {
        Self { places: vec![Place::default(); PLACES] }
    }
}

impl Known {
    /// What the text with this hash of its letters has in common with the entry of this number.
    pub(super) fn get(&self, exact: u64, number: u64) -> Option<Comparison> {
        let place = &self.places[place(exact, number)];
        (place.exact == exact && place.number == number + 1).then_some(place.comparison)
    }

    pub(super) fn insert(&mut self, exact: u64, number: u64, comparison: Comparison) {
        self.places[place(exact, number)] = Place { exact, number: number + 1, comparison };
    }
}

fn place(exact: u64, number: u64) -> usize {
    mix(exact ^ number, 0x9E37_79B9_7F4A_7C15) as usize % PLACES
}
