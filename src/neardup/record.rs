//! What is stored of an entry: enough to show its text, to compare with it, and to build the window again without
//! folding or sketching anything.

use super::sketch::Sketch;

/// Layout of these bytes; [`super::Seed::check`] changes with it too.
const VERSION: u8 = 1;
/// Bytes before the keys.
const HEAD_BYTES: usize = 68;
const KEYS_MAX: usize = 64;

/// One record, borrowed from its bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record<'a> {
    /// Number of the entry.
    pub(super) number: u64,
    /// The first entry that was still kept after this one was entered.
    pub(super) kept_from: u64,
    /// Seconds since 1970.
    pub(super) at: u32,
    /// 0 where the author was erased: keys and times are all that is left.
    pub(super) author: u32,
    pub(super) exact: u64,
    pub(super) sketch: Sketch,
    pub(super) keys: Keys<'a>,
    pub(super) id: &'a str,
    pub(super) text: &'a str,
}

/// Keys, in memory or as they are stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Keys<'a>(pub(super) &'a [[u8; 4]]);

impl Keys<'_> {
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + Clone {
        self.0.iter().map(|bytes| u32::from_le_bytes(*bytes))
    }
}

impl<'a> Record<'a> {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&[VERSION, self.keys.0.len() as u8, 0, 0]);
        out.extend_from_slice(&self.at.to_le_bytes());
        out.extend_from_slice(&self.author.to_le_bytes());
        for word in [self.number, self.number - self.kept_from, self.exact] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        for word in self.sketch.0 {
            out.extend_from_slice(&word.to_le_bytes());
        }
        out.extend_from_slice(self.keys.0.as_flattened());
        out.extend_from_slice(&(self.id.len() as u32).to_le_bytes());
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(self.text.as_bytes());
    }

    /// `None`, or what is wrong, where the bytes are not a record of ours.
    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "it is cut off";
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>().ok_or(SHORT)?;
        let [version, key_count, 0, 0, words @ ..] = head else { return Err("it is no record") };
        if *version != VERSION {
            return Err("it is of another version");
        }
        let (short, long) = words.split_at(8);
        let u32_at = |i: usize| u32::from_le_bytes(short.as_chunks::<4>().0[i]);
        let u64_at = |i: usize| u64::from_le_bytes(long.as_chunks::<8>().0[i]);
        let key_count = usize::from(*key_count);
        if key_count > KEYS_MAX {
            return Err("it has too many keys");
        }
        let (keys, rest) = rest.split_at_checked(key_count * 4).ok_or(SHORT)?;
        let (id_bytes, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        let (id, text) = rest.split_at_checked(u32::from_le_bytes(*id_bytes) as usize).ok_or(SHORT)?;
        let number = u64_at(0);
        Ok(Self {
            number,
            kept_from: number.checked_sub(u64_at(1)).ok_or("it keeps entries that never were")?,
            at: u32_at(0),
            author: u32_at(1),
            exact: u64_at(2),
            sketch: Sketch([3, 4, 5, 6].map(u64_at)),
            keys: Keys(keys.as_chunks().0),
            id: str::from_utf8(id).map_err(|_| "its id is no text")?,
            text: str::from_utf8(text).map_err(|_| "its text is no text")?,
        })
    }
}

/// The same record without what its author wrote: blanks of the same length in place of id and text, and nothing by which
/// the text could be guessed at but the keys, 32 bits each under the seed, which the order of the window rests on.
pub(super) fn forget(bytes: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let record = Record::decode(bytes)?;
    let (id, text) = (" ".repeat(record.id.len()), " ".repeat(record.text.len()));
    let (author, exact, sketch) = (0, 0, Sketch::default());
    let blank = Record { id: &id, text: &text, author, exact, sketch, ..record };
    blank.encode(out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn record<'a>(keys: &'a [[u8; 4]], id: &'a str, text: &'a str) -> Record<'a> {
        let sketch = Sketch([1, 2, 3, u64::MAX]);
        Record {
            number: 77,
            kept_from: 70,
            at: 1_700_000_000,
            author: 9,
            exact: 0x1234_5678_9ABC_DEF0,
            sketch,
            keys: Keys(keys),
            id,
            text,
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(keys in proptest::collection::vec(any::<[u8; 4]>(), 0..9), id in ".{0,9}", text in ".{0,40}") {
            let record = record(&keys, &id, &text);
            let mut bytes = Vec::new();
            record.encode(&mut bytes);
            prop_assert_eq!(Record::decode(&bytes), Ok(record));
        }

        #[test]
        fn cut_or_foreign_bytes_are_refused_or_read_but_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..120), is_ours: bool
        ) {
            let mut bytes = bytes;
            if is_ours && bytes.len() > 4 {
                bytes[..4].copy_from_slice(&[VERSION, 3, 0, 0]);
            }
            let _ = Record::decode(&bytes);
        }
    }

    #[test]
    fn what_is_forgotten_is_blank_and_of_the_same_length() {
        let (mut bytes, mut blank) = (Vec::new(), Vec::new());
        record(&[[1, 2, 3, 4]], "id-1", "what somebody wrote").encode(&mut bytes);
        forget(&bytes, &mut blank).unwrap();
        assert_eq!(bytes.len(), blank.len());
        let kept = Record::decode(&blank).unwrap();
        assert_eq!((kept.author, kept.exact, kept.sketch), (0, 0, Sketch::default()));
        assert_eq!((kept.id.trim(), kept.text.trim(), kept.number, kept.at), ("", "", 77, 1_700_000_000));
    }
}
