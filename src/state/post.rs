//! One post as it is remembered: 16 bytes.

use crate::event::Millis;
use crate::state::clock::clamp;
use crate::state::codec::{Broken, Reader, put_u32, put_u64};

/// When, how many links, whether a word list hit, what was said, and who said it (of a room's post) or where (of an
/// author's). Marks are 32 bits, 0 for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Post {
    /// `at` in the upper 44 bits, then `links`, then 3 spare bits and `hit`.
    packed: u64,
    pub(crate) content: u32,
    pub(crate) other: u32,
}

const LINKS_SHIFT: u32 = 4;
const AT_SHIFT: u32 = 20;

impl Post {
    /// What stands in an empty place.
    pub(crate) const NONE: Self = Self { packed: 0, content: 0, other: 0 };

    pub(crate) fn new(at: Millis, links: u16, hit: bool, content: u32, other: u32) -> Self {
        let packed = (clamp(at) as u64) << AT_SHIFT | u64::from(links) << LINKS_SHIFT | u64::from(hit);
        Self { packed, content, other }
    }

    pub(crate) fn at(self) -> Millis {
        (self.packed >> AT_SHIFT) as Millis
    }

    pub(crate) fn links(self) -> u16 {
        (self.packed >> LINKS_SHIFT) as u16
    }

    pub(crate) fn hit(self) -> bool {
        self.packed & 1 == 1
    }

    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        put_u64(out, self.packed);
        put_u32(out, self.content);
        put_u32(out, self.other);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "a post";
        let packed = reader.u64(WHAT)?;
        if packed & 0b1110 != 0 {
            return Err(Broken(WHAT));
        }
        Ok(Self { packed, content: reader.u32(WHAT)?, other: reader.u32(WHAT)? })
    }
}

/// Bytes of a post in a snapshot.
pub(crate) const POST_BYTES: usize = 16;
