//! A lane's state as a compacted topic holds it: one partition for each of the input.
//!
//! | key | value | there until |
//! | --- | --- | --- |
//! | `f` number, piece | a piece of a batch's entry: input position and deltas | a snapshot covers it |
//! | `h` | the number of the snapshot that counts, and the group that wrote it | the next snapshot |
//! | `s` number, piece | a piece of a snapshot: input position, then chunks | the next snapshot |
//! | `w` | who had the partition from which batch on, as far as it is remembered | for good |
//! | `t` log, address | stored texts that lie from there on in that log | nobody asks for them any longer |
//!
//! Entry and snapshot are the parts that the journal on disk holds; a number is that of the last batch. Numbers are big-endian, so
//! that keys sort as they count. What is written is written within the lane's transactions, so a reader of committed records finds
//! whole batches only; without transactions an entry counts when all of its pieces are there and every one before it.

use std::collections::BTreeMap;

use super::options::RECORD_BYTES_MAX;

/// Everything that a partition holds, by key.
pub(super) type Held = BTreeMap<Vec<u8>, Vec<u8>>;

pub(super) const HEAD: &[u8] = b"h";
pub(super) const KEEPERS: &[u8] = b"w";

pub(super) fn frame_key(seq: u64, piece: u32) -> Vec<u8> {
    numbered(b'f', seq, piece)
}

pub(super) fn snapshot_key(seq: u64, piece: u32) -> Vec<u8> {
    numbered(b's', seq, piece)
}

fn numbered(kind: u8, seq: u64, piece: u32) -> Vec<u8> {
    [&[kind][..], &seq.to_be_bytes(), &piece.to_be_bytes()].concat()
}

pub(super) fn texts_key(log: u8, address: u64) -> Vec<u8> {
    [&[b't', log][..], &address.to_be_bytes()].concat()
}

/// Which log and address a key of texts names.
pub(super) fn texts_of(key: &[u8]) -> Option<(u8, u64)> {
    match key {
        [b't', log, address @ ..] => Some((*log, u64::from_be_bytes(address.try_into().ok()?))),
        _ => None,
    }
}

/// The number in a key of that kind.
pub(super) fn number_of(key: &[u8], kind: u8) -> Option<u64> {
    let (found, rest) = key.split_first()?;
    (*found == kind).then_some(())?;
    Some(u64::from_be_bytes(*rest.first_chunk()?))
}

/// Parts one after the other, each behind its length.
pub(super) fn put_part(out: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).expect("a part is a batch or a chunk, far below 4 GiB");
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(part);
}

/// Reads them; `None` if the lengths do not add up.
pub(super) fn parts(mut bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let (part, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        parts.push(part);
        bytes = rest;
    }
    Some(parts)
}

/// The pieces that bytes are sent in: how many there are stands before each.
pub(super) fn pieces(bytes: &[u8]) -> Vec<Vec<u8>> {
    let count = bytes.len().div_ceil(RECORD_BYTES_MAX).max(1);
    let piece = |index: usize| {
        let (start, end) = (index * RECORD_BYTES_MAX, bytes.len().min((index + 1) * RECORD_BYTES_MAX));
        [&(count as u32).to_be_bytes()[..], &bytes[start..end]].concat()
    };
    (0..count).map(piece).collect()
}

/// The bytes whose pieces stand under keys of that kind and number; `None` if not all of them do.
pub(super) fn joined(held: &Held, kind: u8, seq: u64) -> Option<Vec<u8>> {
    let first = held.get(&numbered(kind, seq, 0))?;
    let count = u32::from_be_bytes(*first.first_chunk()?);
    let mut whole = Vec::new();
    for piece in 0..count {
        let bytes = held.get(&numbered(kind, seq, piece))?;
        whole.extend_from_slice(bytes.get(4..)?);
    }
    Some(whole)
}

/// What stands under [`HEAD`]: the number of the snapshot that counts, and the group whose state it is.
pub(super) fn head(seq: u64, group: &str) -> Vec<u8> {
    [&seq.to_be_bytes()[..], group.as_bytes()].concat()
}

/// The number of the snapshot that counts, and whose it is.
pub(super) fn head_of(held: &Held) -> Option<(u64, &[u8])> {
    let (seq, group) = held.get(HEAD)?.split_first_chunk()?;
    Some((u64::from_be_bytes(*seq), group))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_that_were_put_are_read(parts_in in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6)) {
            let mut bytes = Vec::new();
            parts_in.iter().for_each(|part| put_part(&mut bytes, part));
            prop_assert_eq!(parts(&bytes).unwrap(), parts_in);
        }

        #[test]
        fn cut_parts_are_refused_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = parts(&bytes);
        }
    }

    #[test]
    fn large_bytes_are_whole_again_only_when_every_piece_is_there() {
        let bytes: Vec<u8> = (0..RECORD_BYTES_MAX * 2 + 7).map(|i| (i % 251) as u8).collect();
        let mut held = Held::new();
        for (index, piece) in pieces(&bytes).into_iter().enumerate() {
            assert!(piece.len() <= RECORD_BYTES_MAX + 4);
            held.insert(frame_key(9, index as u32), piece);
        }
        assert_eq!(held.len(), 3);
        assert_eq!(joined(&held, b'f', 9).as_deref(), Some(&bytes[..]));
        held.remove(&frame_key(9, 1));
        assert_eq!(joined(&held, b'f', 9), None);
    }

    #[test]
    fn keys_sort_as_numbers_count() {
        let held: Held = [3, 255, 256, 70_000].map(|seq| (frame_key(seq, 0), vec![])).into_iter().collect();
        let numbers: Vec<u64> = held.keys().filter_map(|key| number_of(key, b'f')).collect();
        assert_eq!(numbers, [3, 255, 256, 70_000]);
        assert_eq!(texts_of(&texts_key(1, 4096)), Some((1, 4096)));
    }
}
