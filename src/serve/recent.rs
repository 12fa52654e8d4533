//! What the index holds of the last hours, as a stream that rules are tried on.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::event::Millis;
use crate::index::{Ask, Cursor, IndexError, Order, Query, Reader, Test};
use crate::io::{BatchLimits, Flow, Place, Position, Progress, RawBatch, Source, SourceError};

use super::page::{PAGE_BYTES_MAX, PAGE_MAX};

/// Events of a span, the earliest first, read from the index a page at a time.
pub(super) struct Recent {
    reader: Arc<Reader>,
    query: Query,
    after: Option<Cursor>,
    held: VecDeque<Vec<u8>>,
    is_read: bool,
    given: u64,
    name: Arc<str>,
}

impl Recent {
    /// The last so many hours up to the latest event, or up to now where that is earlier.
    pub(super) fn new(reader: Arc<Reader>, hours: u32, now: Millis) -> Result<Self, IndexError> {
        let end = reader.span(&Query::All)?.map_or(now, |(_, last)| last.min(now));
        let begin = end.saturating_sub(Millis::from(hours) * 3_600_000);
        let query = Query::Clause { field: "at", test: Test::Between(Some(begin), Some(end)) };
        let name = "index".into();
        Ok(Self { reader, query, after: None, held: VecDeque::new(), is_read: false, given: 0, name })
    }

    fn turn_page(&mut self) -> Result<(), SourceError> {
        let other = |error: IndexError| SourceError::Other(error.to_string());
        let ask = Ask { order: Order::Oldest, limit: PAGE_MAX, after: self.after };
        let page = self.reader.search_within(&self.query, &ask, PAGE_BYTES_MAX).map_err(other)?;
        for hit in &page.hits {
            // What undoes an earlier decision has no event.
            if let Some(event) = hit.case().map_err(other)?.event {
                self.held.push_back(serde_json::to_vec(&event).map_err(|error| SourceError::Other(error.to_string()))?);
            }
        }
        self.after = page.next;
        self.is_read = self.after.is_none();
        Ok(())
    }
}

impl Source for Recent {
    fn fill(&mut self, batch: &mut RawBatch, limits: &BatchLimits) -> Result<Flow, SourceError> {
        batch.clear();
        batch.set_source(&self.name);
        if self.held.is_empty() && !self.is_read {
            self.turn_page()?;
        }
        while let Some(record) = self.held.front() {
            let full = batch.len() >= limits.records_max || batch.bytes_len() + record.len() > limits.bytes_max;
            if full && !batch.is_empty() {
                break;
            }
            batch.push(record, Place::Index(self.given));
            self.given += 1;
            self.held.pop_front();
        }
        *batch.end_mut() = Position(self.given.to_string().into_bytes());
        Ok(if self.held.is_empty() && self.is_read { Flow::End } else { Flow::More })
    }

    fn seek(&mut self, _: &Position) -> Result<(), SourceError> {
        Err(SourceError::Position("what the index holds is read once, from its beginning".into()))
    }

    fn commit(&mut self, _: &Position) -> Result<(), SourceError> {
        Ok(())
    }

    fn progress(&self) -> Progress {
        Progress { done_bytes: self.given, total_bytes: None }
    }
}
