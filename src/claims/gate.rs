//! The gate before retrieval: does this message have two neighbouring pairs of terms of one claim?
//!
//! Nearly every message repeats nothing, and must cost next to nothing however large the library is. Single terms do not help:
//! a hundred thousand claims have all the ordinary ones. Pairs of neighbouring terms do: for each form its rarest ones, its
//! *anchors*, are kept in a filter of one bit each (Bloom 1970), behind it in a table that names the forms. A form is worth
//! comparing if two of its anchors stand in the message, or the only one that it has.

use super::index::FormId;

/// Anchors of a form.
const ANCHORS_MAX: usize = 12;

/// Forms that one message is compared with.
pub(crate) const FORMS_MAX: usize = 16;

/// Anchors that are counted in one message; what it has beyond says no more.
const HITS_MAX: usize = 512;

/// Forms that one pair may name: what more of them share is no anchor.
const SHARED_MAX: usize = 24;

const BITS_PER_ANCHOR: usize = 16;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    bits: Vec<u64>,
    /// Open addressing with linear steps; the form is one more than its number, 0 for an empty slot.
    slots: Vec<(u32, u32)>,
    /// The forms that have one anchor alone: whether one is enough.
    single: Vec<bool>,
}

/// What a thread uses again.
#[derive(Debug, Default)]
pub(crate) struct GateScratch {
    hits: Vec<(FormId, u64)>,
    /// The forms that are worth comparing, those with most anchors first.
    pub(crate) forms: Vec<(u32, FormId)>,
}

impl Gate {
    /// A gate for forms: the terms of each, with how rare each is.
    pub(crate) fn new(forms: &[Vec<(u64, f32)>]) -> Self {
        let mut anchors: Vec<(u64, FormId)> = Vec::with_capacity(forms.len() * ANCHORS_MAX / 2);
        let mut single = Vec::with_capacity(forms.len());
        let mut rarest: Vec<(f32, u64)> = Vec::new();
        for (form, terms) in (0..).zip(forms) {
            rarest.clear();
            rarest.extend(terms.windows(2).map(|two| (two[0].1 + two[1].1, pair(two[0].0, two[1].0))));
            rarest.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            rarest.dedup_by_key(|one| one.1);
            rarest.truncate(ANCHORS_MAX);
            single.push(rarest.len() == 1);
            anchors.extend(rarest.iter().map(|&(_, pair)| (pair, form)));
        }
        // What many forms share tells none of them; in a small library everything may be shared.
        anchors.sort_unstable();
        let anchors: Vec<(u64, FormId)> =
            anchors.chunk_by(|a, b| a.0 == b.0).filter(|of| of.len() <= SHARED_MAX).flatten().copied().collect();
        let mut gate = Self {
            bits: vec![0; (anchors.len() * BITS_PER_ANCHOR / 64).max(1).next_power_of_two()],
            slots: vec![(0, 0); (anchors.len() * 2).max(2).next_power_of_two()],
            single,
        };
        anchors.into_iter().for_each(|(pair, form)| gate.enter(pair, form));
        gate
    }

    fn enter(&mut self, pair: u64, form: FormId) {
        let (word, bit) = self.bit(pair);
        self.bits[word] |= bit;
        let mut at = pair as usize & (self.slots.len() - 1);
        while self.slots[at].1 != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = (mark(pair), form + 1);
    }

    fn bit(&self, pair: u64) -> (usize, u64) {
        let bit = (pair >> 24) as usize & (self.bits.len() * 64 - 1);
        (bit / 64, 1 << (bit % 64))
    }

    /// Leaves the forms that are worth comparing in the scratch. Whether there are any.
    pub(crate) fn open(&self, terms: impl Iterator<Item = u64>, scratch: &mut GateScratch) -> bool {
        scratch.hits.clear();
        scratch.forms.clear();
        let mut before = None;
        for term in terms {
            if let Some(pair) = before.map(|before| pair(before, term)) {
                let (word, bit) = self.bit(pair);
                if self.bits.get(word).is_some_and(|bits| bits & bit != 0) {
                    self.name(pair, &mut scratch.hits);
                }
            }
            before = Some(term);
        }
        if !scratch.hits.is_empty() {
            self.count(scratch);
        }
        !scratch.forms.is_empty()
    }

    #[cold]
    fn name(&self, pair: u64, hits: &mut Vec<(FormId, u64)>) {
        let mut at = pair as usize & (self.slots.len() - 1);
        while self.slots[at].1 != 0 && hits.len() < HITS_MAX {
            if self.slots[at].0 == mark(pair) {
                hits.push((self.slots[at].1 - 1, pair));
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    fn count(&self, scratch: &mut GateScratch) {
        scratch.hits.sort_unstable();
        scratch.hits.dedup();
        for of_form in scratch.hits.chunk_by(|a, b| a.0 == b.0) {
            let (form, anchors) = (of_form[0].0, of_form.len() as u32);
            if anchors > 1 || self.single[form as usize] {
                scratch.forms.push((anchors, form));
            }
        }
        scratch.forms.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        scratch.forms.truncate(FORMS_MAX);
    }
}

/// A hash of two neighbours.
#[inline]
fn pair(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9E37_79B9_7F4A_7C15) * u128::from(b | 1);
    product as u64 ^ (product >> 64) as u64
}

fn mark(pair: u64) -> u32 {
    (pair >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(forms: &[&[u64]], terms: &[u64]) -> Vec<FormId> {
        let forms: Vec<Vec<(u64, f32)>> =
            forms.iter().map(|terms| terms.iter().map(|&term| (term * 0x1234_5679, 1.0)).collect()).collect();
        let mut scratch = GateScratch::default();
        Gate::new(&forms).open(terms.iter().map(|term| term * 0x1234_5679), &mut scratch);
        scratch.forms.iter().map(|&(_, form)| form).collect()
    }

    #[test]
    fn two_anchors_of_one_form_open_it() {
        let forms: [&[u64]; 3] = [&[1, 2, 3, 4], &[1, 2, 8, 9], &[5, 6]];
        assert_eq!(opened(&forms, &[1, 2, 3, 4]), [0]);
        assert_eq!(opened(&forms, &[7, 1, 2, 7, 8, 9]), [1]);
        assert_eq!(opened(&forms, &[1, 2]), [] as [FormId; 0]);
        assert_eq!(opened(&forms, &[5, 6]), [2]);
        assert_eq!(opened(&forms, &[6, 5]), [] as [FormId; 0]);
        assert_eq!(opened(&[], &[1, 2, 3]), [] as [FormId; 0]);
    }
}
