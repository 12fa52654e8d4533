//! Stored texts in memory, packed on pages: as little as they can take, so that windows of many millions fit.

use std::sync::{PoisonError, RwLock};

use tidegate::neardup::{ALIGN_BYTES, Texts, TextsError, Visit};

const PAGE_BYTES: u64 = 64 << 20;

/// A record is its length in four bytes and its bytes; none lies on two pages.
#[derive(Default)]
pub(crate) struct Pages {
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    pages: Vec<Vec<u8>>,
    end: u64,
}

impl Texts for Pages {
    fn append(&self, record: &[u8]) -> u64 {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let needed = (record.len() as u64 + 4).next_multiple_of(ALIGN_BYTES);
        assert!(needed <= PAGE_BYTES, "a record fits on a page");
        if state.end % PAGE_BYTES + needed > PAGE_BYTES {
            state.end = state.end.next_multiple_of(PAGE_BYTES);
        }
        let (page, at) = ((state.end / PAGE_BYTES) as usize, (state.end % PAGE_BYTES) as usize);
        if page == state.pages.len() {
            state.pages.push(Vec::with_capacity(PAGE_BYTES as usize));
        }
        let bytes = &mut state.pages[page];
        bytes.extend_from_slice(&(record.len() as u32).to_le_bytes());
        bytes.extend_from_slice(record);
        bytes.resize(at + needed as usize, 0);
        let address = state.end;
        state.end += needed;
        address
    }

    fn read(&self, address: u64, out: &mut Vec<u8>) -> Result<(), TextsError> {
        out.clear();
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let nothing = || TextsError::Nothing { address, first: 0, end: state.end };
        let page = state.pages.get((address / PAGE_BYTES) as usize).ok_or_else(nothing)?;
        let record = page.get((address % PAGE_BYTES) as usize..).ok_or_else(nothing)?;
        let (length, record) = record.split_first_chunk::<4>().ok_or_else(nothing)?;
        out.extend_from_slice(record.get(..u32::from_le_bytes(*length) as usize).ok_or_else(nothing)?);
        Ok(())
    }

    fn end(&self) -> u64 {
        self.state.read().unwrap_or_else(PoisonError::into_inner).end
    }

    fn release_before(&self, _address: u64) {}

    fn scan(&self, visit: &mut Visit<'_>) -> Result<(), TextsError> {
        let (mut address, mut bytes) = (0, Vec::new());
        while address < self.end() {
            match self.read(address, &mut bytes) {
                Ok(()) => {
                    visit(address, &bytes)?;
                    address += (bytes.len() as u64 + 4).next_multiple_of(ALIGN_BYTES);
                }
                // The rest of a page that the next record did not fit on.
                Err(_) => address = (address + 1).next_multiple_of(PAGE_BYTES),
            }
        }
        Ok(())
    }

    fn overwrite(&self, address: u64, _record: &[u8]) -> Result<(), TextsError> {
        Err(TextsError::Broken { address, what: "this log is never overwritten" })
    }
}
