//! A window and the log of its texts, which bring each other back.

use std::sync::Arc;

use crate::event::Millis;

use super::Options;
use super::record::{self, Keys, Record};
use super::texts::{Texts, TextsError};
use super::twins::Arrival;
use super::window::{Age, Window};

/// The first member of a cluster, or an article that others copied, as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct First {
    /// The event's id.
    pub id: String,
    /// The text, as far as marks look at it.
    pub text: String,
    /// When it was published, to the second.
    pub at: Millis,
    /// Its author.
    pub author: u32,
}

/// How much is held, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TwinSizes {
    /// Entries within the bounds.
    pub entries: u64,
    /// Bytes of stored text that are still asked for.
    pub text_bytes: u64,
    /// Bytes of memory once the window is full; touched as it fills.
    pub memory_bytes_max: usize,
}

/// See the module.
pub(super) struct Shelf {
    pub(super) window: Window,
    pub(super) texts: Arc<dyn Texts>,
}

impl Shelf {
    pub(super) fn new(options: &Options, keys_each: usize, texts: Arc<dyn Texts>) -> Self {
        Self { window: Window::new(options, keys_each), texts }
    }

    /// Enters everything that the log still has.
    pub(super) fn restore(&mut self) -> Result<(), TextsError> {
        let Self { window, texts } = self;
        let mut is_first = true;
        texts.scan(&mut |address, bytes| {
            let broken = |what| TextsError::Broken { address, what };
            let record = Record::decode(bytes).map_err(broken)?;
            if std::mem::take(&mut is_first) {
                window.begin(record.number);
            }
            if record.number != window.next() {
                return Err(broken("entries are missing before it"));
            }
            window.enter(&record, address);
            Ok(())
        })
    }

    /// The record of an entry; `bytes` is a buffer.
    pub(super) fn read<'a>(&self, age: Age, bytes: &'a mut Vec<u8>) -> Result<Record<'a>, TextsError> {
        let address = self.window.address(age);
        self.texts.read(address, bytes)?;
        Record::decode(bytes).map_err(|what| TextsError::Broken { address, what })
    }

    /// Stores a text and enters it under these keys; `bytes` is a buffer.
    pub(super) fn enter(&mut self, arrival: &Arrival<'_>, keys: &[[u8; 4]], bytes: &mut Vec<u8>) {
        let at = seconds(arrival.at);
        let record = Record {
            number: self.window.next(),
            kept_from: self.window.kept_from_with(at, self.texts.end()),
            at,
            author: arrival.author.max(1),
            exact: arrival.mark.exact,
            sketch: arrival.mark.sketch,
            keys: Keys(keys),
            id: arrival.id,
            text: read_part(arrival),
        };
        record.encode(bytes);
        let address = self.texts.append(bytes);
        self.window.enter(&record, address);
    }

    /// Stores and enters the record of another shelf, and gives its number here; `bytes` is a buffer.
    pub(super) fn adopt(&mut self, record: &Record<'_>, bytes: &mut Vec<u8>) -> u64 {
        let number = self.window.next();
        let kept_from = self.window.kept_from_with(record.at, self.texts.end());
        let record = Record { number, kept_from, ..record.clone() };
        record.encode(bytes);
        let address = self.texts.append(bytes);
        self.window.enter(&record, address);
        number
    }

    /// Where the next text will be stored.
    pub(super) fn end(&self) -> u64 {
        self.texts.end()
    }

    pub(super) fn first(&self, number: u64) -> Result<Option<First>, TextsError> {
        self.window.find(number).map(|age| self.stored(self.window.address(age))).transpose()
    }

    /// What stands at an address that an answer named.
    pub(super) fn stored(&self, address: u64) -> Result<First, TextsError> {
        let mut bytes = Vec::new();
        self.texts.read(address, &mut bytes)?;
        let record = Record::decode(&bytes).map_err(|what| TextsError::Broken { address, what })?;
        let (id, text) = (record.id.to_owned(), record.text.to_owned());
        Ok(First { id, text, at: millis(record.at), author: record.author })
    }

    pub(super) fn forget(&mut self, author: u32) -> Result<usize, TextsError> {
        let (mut bytes, mut blank) = (Vec::new(), Vec::new());
        let ages = self.window.of_author(author);
        for &age in &ages {
            let address = self.window.address(age);
            match self.texts.read(address, &mut bytes) {
                Ok(()) => {
                    record::forget(&bytes, &mut blank).map_err(|what| TextsError::Broken { address, what })?;
                    self.texts.overwrite(address, &blank)?;
                }
                // Released already.
                Err(TextsError::Nothing { .. }) => {}
                Err(error) => return Err(error),
            }
            self.window.forget(age);
        }
        self.forget_released(author)?;
        Ok(ages.len())
    }

    /// What the window has let go of may still lie on the first page that is kept.
    fn forget_released(&self, author: u32) -> Result<(), TextsError> {
        let (kept_from, end) = (self.kept_from(), self.texts.end());
        let (mut blanks, mut is_done) = (Vec::new(), false);
        let scanned = self.texts.scan(&mut |address, bytes| {
            if address >= kept_from {
                is_done = true;
                return Err(TextsError::Nothing { address, first: kept_from, end });
            }
            let broken = |what| TextsError::Broken { address, what };
            if author != 0 && Record::decode(bytes).map_err(broken)?.author == author {
                let mut blank = Vec::new();
                record::forget(bytes, &mut blank).map_err(broken)?;
                blanks.push((address, blank));
            }
            Ok(())
        });
        if !is_done {
            scanned?;
        }
        blanks.iter().try_for_each(|(address, blank)| self.texts.overwrite(*address, blank))
    }

    pub(super) fn kept_from(&self) -> u64 {
        self.window.kept_from_address().unwrap_or_else(|| self.texts.end())
    }

    pub(super) fn sizes(&self) -> TwinSizes {
        TwinSizes {
            entries: self.window.next() - self.window.kept_from(),
            text_bytes: self.texts.end() - self.kept_from(),
            memory_bytes_max: self.window.bytes(),
        }
    }
}

/// The part of the text that its mark was made of.
pub(super) fn read_part<'a>(arrival: &Arrival<'a>) -> &'a str {
    arrival.text.get(..arrival.mark.bytes as usize).unwrap_or(arrival.text)
}

/// Event time as entries hold it: whole seconds since 1970, until 2106.
pub(super) fn seconds(at: Millis) -> u32 {
    u32::try_from((at / 1000).max(0)).unwrap_or(u32::MAX)
}

pub(super) fn millis(at: u32) -> Millis {
    Millis::from(at) * 1000
}
