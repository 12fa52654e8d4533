//! Ends a search within a day, when nobody waits for it any longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::query::Weight;
use tantivy::schema::Schema;
use tantivy::{COLLECT_BLOCK_BUFFER_LEN, DocSet, SegmentReader, TERMINATED, TantivyError};

/// How many documents that match are taken in before it is looked whether somebody waits still; few in tests.
const LOOK_EVERY: usize = if cfg!(test) { COLLECT_BLOCK_BUFFER_LEN } else { 64 * COLLECT_BLOCK_BUFFER_LEN };

/// Whether a search is to go on.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop {
    flag: Option<Arc<AtomicBool>>,
    /// After so many looks it is set.
    #[cfg(test)]
    looks: Option<Arc<std::sync::atomic::AtomicUsize>>,
}

impl Stop {
    pub(super) fn new(flag: Arc<AtomicBool>) -> Self {
        Self {
            flag: Some(flag),
            #[cfg(test)]
            looks: None,
        }
    }

    /// One that is set while it is looked at for the last of so many times.
    #[cfg(test)]
    pub(super) fn at_look(looks: usize) -> Self {
        let looks = Arc::new(std::sync::atomic::AtomicUsize::new(looks));
        Self { flag: Some(Arc::default()), looks: Some(looks) }
    }

    pub(super) fn may_come(&self) -> bool {
        self.flag.is_some()
    }

    pub(super) fn is_set(&self) -> bool {
        let Some(flag) = &self.flag else { return false };
        #[cfg(test)]
        if self.looks.as_ref().is_some_and(|looks| looks.fetch_sub(1, Ordering::Relaxed) == 1) {
            flag.store(true, Ordering::Relaxed);
        }
        flag.load(Ordering::Relaxed)
    }

    fn go_on(&self) -> tantivy::Result<()> {
        if self.is_set() { Err(TantivyError::InternalError("the search was stopped".to_owned())) } else { Ok(()) }
    }
}

/// A collector that ends with an error soon after the stop is set; where there is none, it is what it holds.
pub(super) struct Until<'c, C> {
    pub(super) collector: &'c C,
    pub(super) stop: &'c Stop,
}

impl<C: Collector> Collector for Until<'_, C> {
    type Fruit = C::Fruit;
    type Child = C::Child;

    fn check_schema(&self, schema: &Schema) -> tantivy::Result<()> {
        self.collector.check_schema(schema)
    }

    fn for_segment(&self, at: u32, segment: &SegmentReader) -> tantivy::Result<C::Child> {
        self.collector.for_segment(at, segment)
    }

    fn requires_scoring(&self) -> bool {
        self.collector.requires_scoring()
    }

    fn merge_fruits(&self, fruits: Vec<<C::Child as SegmentCollector>::Fruit>) -> tantivy::Result<C::Fruit> {
        self.collector.merge_fruits(fruits)
    }

    /// The library's own loops cannot be left, so this one asks for the documents itself.
    fn collect_segment(
        &self,
        weight: &dyn Weight,
        at: u32,
        reader: &SegmentReader,
    ) -> tantivy::Result<<C::Child as SegmentCollector>::Fruit> {
        if !self.stop.may_come() {
            return self.collector.collect_segment(weight, at, reader);
        }
        self.stop.go_on()?;
        let mut child = self.for_segment(at, reader)?;
        let alive = reader.alive_bitset();
        let is_alive = |doc| alive.is_none_or(|alive| alive.is_alive(doc));
        let mut found = weight.scorer(reader, 1.0)?;
        let mut taken = 0;
        if self.requires_scoring() {
            while found.doc() != TERMINATED {
                if is_alive(found.doc()) {
                    child.collect(found.doc(), found.score());
                }
                found.advance();
                taken += 1;
                if taken % LOOK_EVERY == 0 {
                    self.stop.go_on()?;
                }
            }
            return Ok(child.harvest());
        }
        let mut block = [0; COLLECT_BLOCK_BUFFER_LEN];
        loop {
            let count = found.fill_buffer(&mut block);
            if alive.is_none() {
                child.collect_block(&block[..count]);
            } else {
                block[..count].iter().filter(|doc| is_alive(**doc)).for_each(|doc| child.collect(*doc, 0.0));
            }
            if count < block.len() {
                return Ok(child.harvest());
            }
            taken += count;
            if taken % LOOK_EVERY == 0 {
                self.stop.go_on()?;
            }
        }
    }
}
