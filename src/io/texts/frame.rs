//! One record as it lies in the log, and where the next one goes.

use crate::state::checksum;

/// Length and checksum, four bytes each, stand before a record.
pub(super) const FRAME_BYTES: usize = 8;

/// Addresses are multiples of this.
const ALIGN_BYTES: u64 = crate::state::ALIGN_BYTES;

/// Bytes of a record with its frame and what fills it up to the next address.
pub(super) fn size(record_bytes: usize) -> u64 {
    ((FRAME_BYTES + record_bytes) as u64).next_multiple_of(ALIGN_BYTES)
}

/// Where a record goes in a log that ends at `end`: what does not fit into the rest of a segment begins the next one.
/// `None` where no segment could hold it.
pub(super) fn place(end: u64, record_bytes: usize, segment_bytes: u64) -> Option<u64> {
    let size = size(record_bytes);
    let room = segment_bytes - end % segment_bytes;
    let fits = size <= segment_bytes && u32::try_from(record_bytes).is_ok();
    fits.then(|| if size <= room { end } else { end + room })
}

/// Writes a record as it lies at that address.
pub(super) fn put(address: u64, record: &[u8], out: &mut Vec<u8>) {
    let filled = out.len() + size(record.len()) as usize;
    out.extend_from_slice(&(record.len() as u32).to_le_bytes());
    out.extend_from_slice(&sum(address, record).to_le_bytes());
    out.extend_from_slice(record);
    out.resize(filled, 0);
}

/// The length of the record whose frame this is.
pub(super) fn length(frame: [u8; FRAME_BYTES]) -> usize {
    let [a, b, c, d, ..] = frame;
    u32::from_le_bytes([a, b, c, d]) as usize
}

/// The record that begins these bytes, which lie at that address; or what is wrong.
pub(super) fn record(address: u64, bytes: &[u8]) -> Result<&[u8], &'static str> {
    let (frame, rest) = bytes.split_first_chunk::<FRAME_BYTES>().ok_or("its frame is cut off")?;
    let record = rest.get(..length(*frame)).ok_or("it is cut off, or no record begins there")?;
    let [.., a, b, c, d] = *frame;
    let is_ours = sum(address, record) == u32::from_le_bytes([a, b, c, d]);
    is_ours.then_some(record).ok_or("its checksum is another one, or no record begins there")
}

/// The checksum knows the address, so that bytes of another place are not believed, and is never 0, so that zeros are
/// no record.
fn sum(address: u64, record: &[u8]) -> u32 {
    let sum = checksum(record) ^ address.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((sum >> 32) as u32 ^ sum as u32).max(1)
}
