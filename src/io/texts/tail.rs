//! What was appended and is not on the disk yet.

use std::collections::VecDeque;
use std::sync::Arc;

use super::frame;

/// Room that is kept for the next batch.
const SPARE_BYTES_MAX: usize = 8 << 20;

/// Frames that follow one another within one segment.
#[derive(Clone, Debug, Default)]
pub(super) struct Piece {
    /// Address of the first.
    pub(super) base: u64,
    pub(super) bytes: Vec<u8>,
}

impl Piece {
    pub(super) fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }
}

/// Sealed pieces belong to whoever writes them; the open one grows.
#[derive(Debug, Default)]
pub(super) struct Tail {
    sealed: VecDeque<Arc<Piece>>,
    open: Piece,
    /// The length of the first record that no segment could hold.
    pub(super) too_long: Option<usize>,
}

impl Tail {
    /// Empty, in a log that ends there.
    pub(super) fn new(end: u64) -> Self {
        Self { open: Piece { base: end, bytes: Vec::new() }, ..Self::default() }
    }

    /// Where the next record goes, unless it begins a segment.
    pub(super) fn end(&self) -> u64 {
        self.open.end()
    }

    /// The first address that is held here.
    pub(super) fn base(&self) -> u64 {
        self.sealed.front().map_or(self.open.base, |piece| piece.base)
    }

    /// Adds a record and gives its address. One that is too long leaves an empty one in its place.
    pub(super) fn append(&mut self, record: &[u8], segment_bytes: u64) -> u64 {
        let end = self.end();
        let (record, address) = match frame::place(end, record.len(), segment_bytes) {
            Some(address) => (record, address),
            None => {
                self.too_long = self.too_long.or(Some(record.len()));
                (&[][..], frame::place(end, 0, segment_bytes).unwrap_or(end))
            }
        };
        // An address that begins a segment begins a piece, too.
        if address % segment_bytes == 0 {
            self.seal();
            self.open.base = address;
        }
        frame::put(address, record, &mut self.open.bytes);
        address
    }

    fn seal(&mut self) {
        if !self.open.bytes.is_empty() {
            let next = Piece { base: self.open.end(), bytes: Vec::new() };
            self.sealed.push_back(Arc::new(std::mem::replace(&mut self.open, next)));
        }
    }

    /// Seals what is there and gives it all, in order. It stays here, to be read, until [`Tail::drop_before`].
    pub(super) fn seal_all(&mut self) -> Vec<Arc<Piece>> {
        self.seal();
        self.sealed.iter().cloned().collect()
    }

    /// Lets go of the pieces that end there or before.
    pub(super) fn drop_before(&mut self, written: u64) {
        while self.sealed.front().is_some_and(|piece| piece.end() <= written) {
            if let Some(Piece { mut bytes, .. }) = self.sealed.pop_front().and_then(Arc::into_inner)
                && self.open.bytes.capacity() == 0
                && bytes.capacity() <= SPARE_BYTES_MAX
            {
                bytes.clear();
                self.open.bytes = bytes;
            }
        }
    }

    /// Cuts off what lies at or after `end`, which is after [`Tail::base`]. Whether a record ended there.
    pub(super) fn cut(&mut self, end: u64) -> bool {
        self.seal();
        let is_boundary = end == self.end() || self.ends_at(end);
        if is_boundary && end < self.end() {
            while self.sealed.back().is_some_and(|piece| piece.base >= end) {
                self.sealed.pop_back();
            }
            self.open = self.sealed.pop_back().map(Arc::unwrap_or_clone).unwrap_or_default();
            self.open.bytes.truncate((end - self.open.base.min(end)) as usize);
            if self.open.bytes.is_empty() {
                self.open.base = end;
            }
        }
        is_boundary
    }

    fn ends_at(&self, end: u64) -> bool {
        let Some(piece) = self.pieces().find(|piece| piece.base < end && end <= piece.end()) else { return false };
        let mut at = piece.base;
        while at < end {
            let Ok(record) = frame::record(at, &piece.bytes[(at - piece.base) as usize..]) else { return false };
            at += frame::size(record.len());
        }
        at == end
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.sealed.iter().map(|piece| &**piece).chain([&self.open])
    }

    /// The record at an address that is held here; or what is wrong.
    pub(super) fn record(&self, address: u64) -> Result<&[u8], &'static str> {
        let piece = self.pieces().find(|piece| piece.base <= address && address < piece.end());
        let piece = piece.ok_or("no record begins there")?;
        frame::record(address, &piece.bytes[(address - piece.base) as usize..])
    }

    /// Puts another record of the same length in the place of one that is held here.
    pub(super) fn overwrite(&mut self, address: u64, record: &[u8]) {
        let sealed = self.sealed.iter_mut().find(|piece| piece.base <= address && address < piece.end());
        let piece = sealed.map_or(&mut self.open, Arc::make_mut);
        let mut bytes = Vec::new();
        frame::put(address, record, &mut bytes);
        let start = (address - piece.base) as usize;
        piece.bytes[start..start + bytes.len()].copy_from_slice(&bytes);
    }

    /// A copy of all that is held.
    pub(super) fn copy(&self) -> Vec<Piece> {
        self.pieces().cloned().collect()
    }
}
