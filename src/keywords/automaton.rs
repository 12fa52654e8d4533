//! The linear-time automaton over units: what literals, crowded words and the tests' oracle are found with.

use aho_corasick::automaton::OverlappingState;
use aho_corasick::{AhoCorasick, AhoCorasickKind, Input};

use crate::text::{Folded, Kind, is_word};

/// All of a set of unit strings, found at once. Units are spelled in UTF-8, so a match begins and ends at units.
#[derive(Clone, Debug)]
pub(crate) struct Automaton(Option<AhoCorasick>);

/// One unit of each string, so that texts without any of them need no search.
#[derive(Clone, Debug, Default)]
pub(crate) struct Anchors {
    /// All of them, by their lower 16 bits.
    bits: Box<[u64]>,
    /// All of them where they are few enough to be compared one by one, eight units of a text at once.
    few: Option<Box<[u32]>>,
}

/// So many anchors are few.
const FEW: usize = 3;

impl Anchors {
    /// The anchor is the highest scalar value: those below are the punctuation of every text.
    pub(crate) fn new<'a>(strings: impl IntoIterator<Item = &'a [u32]>) -> Self {
        let anchor = |string: &[u32]| string.iter().copied().filter(|&unit| !is_word(unit)).max();
        let mut anchors: Vec<u32> = strings.into_iter().filter_map(anchor).collect();
        anchors.sort_unstable();
        anchors.dedup();
        let mut bits = vec![0; 1 << 10];
        for unit in &anchors {
            bits[(unit >> 6 & 1023) as usize] |= 1 << (unit & 63);
        }
        Self { bits: bits.into(), few: (anchors.len() <= FEW).then(|| anchors.into()) }
    }

    /// Whether a separator of the text may be an anchor. Without branches, for separators stand where no processor expects
    /// them.
    pub(crate) fn stand_in(&self, folded: &Folded) -> bool {
        if let Some(few) = &self.few {
            let stands = |&anchor: &u32| folded.units().iter().fold(false, |any, &unit| any | (unit == anchor));
            return few.iter().any(stands);
        }
        let is_anchor = |unit: u32| self.bits[(unit >> 6 & 1023) as usize] >> (unit & 63) & 1 != 0;
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
