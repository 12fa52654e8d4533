//! The linear-time automaton over units: what literals, crowded words and the tests' oracle are found with.

use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, AhoCorasickKind, Input};

use crate::text::{Folded, Kind, is_word};

/// All of a set of unit strings, found at once. Units are spelled in UTF-8, so a match begins and ends at units.
#[derive(Clone, Debug)]
pub(crate) struct Automaton(Option<AhoCorasick>);

/// One unit of each string, so that texts without any of them need no search.
#[derive(Clone, Debug, Default)]
pub(crate) struct Anchors(Box<[u64]>);

impl Anchors {
    /// The anchor is the highest scalar value: those below are the punctuation of every text.
    pub(crate) fn new<'a>(strings: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let mut bits = vec![0; 1 << 10];
        for unit in strings.into_iter().filter_map(|string| string.iter().filter(|&&unit| !is_word(unit)).max()) {
            bits[(unit >> 6 & 1023) as usize] |= 1 << (unit & 63);
        }
        Self(bits.into())
    }

    /// Whether a separator of the text may be an anchor; told by its lower 16 bits. Without branches, for separators stand
    /// where no processor expects them.
    pub(crate) fn stand_in(&self, folded: &Folded) -> bool {
        let is_anchor = |unit: u32| self.0[(unit >> 6 & 1023) as usize] >> (unit & 63) & 1 != 0;
        let units = folded.units().iter().zip(folded.kinds());
        units.fold(false, |any, (&unit, kind)| any | (is_anchor(unit) & !kind.is(Kind::WORD)))
    }
}

/// The buffers of a search, kept from text to text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bytes {
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

impl Automaton {
    /// The automaton of these strings, numbered in their order; `None` where they are too many for one.
    pub(crate) fn new<'a>(strings: impl IntoIterator<Item = &'a [u32]>) -> Option<Self> {
        let spelled = strings.into_iter().map(|units| {
            let mut bytes = Bytes::default();
            bytes.spell(units);
            bytes.bytes
        });
        let spelled: Vec<Vec<u8>> = spelled.collect();
        if spelled.is_empty() {
            return Some(Self(None));
        }
        AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(spelled)
            .ok()
            .map(|built| Self(Some(built)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Calls `found` with the number of the string and the units that it stands at, by ascending end, for every
    /// occurrence, until `found` says stop.
    pub(crate) fn find(
        &self,
        units: &[u32],
        bytes: &mut Bytes,
        mut found: impl FnMut(usize, std::ops::Range<usize>) -> bool,
    ) {
        let Some(automaton) = &self.0 else { return };
        bytes.spell(units);
        let mut state = OverlappingState::start();
        loop {
            automaton.find_overlapping(Input::new(&bytes.bytes), &mut state);
            let Some(hit) = state.get_match() else { return };
            if !found(hit.pattern().as_usize(), bytes.unit(hit.start())..bytes.unit(hit.end())) {
                return;
            }
        }
    }
}

impl Bytes {
    fn spell(&mut self, units: &[u32]) {
        self.bytes.clear();
        self.starts.clear();
        for &unit in units {
            self.starts.push(self.bytes.len() as u32);
            let c = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
            self.bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        self.starts.push(self.bytes.len() as u32);
    }

    fn unit(&self, byte: usize) -> usize {
        self.starts.partition_point(|&start| (start as usize) < byte)
    }
}
