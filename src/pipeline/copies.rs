//! Where the engine looks for copies: the window of what was written lately, and the index of articles.

use std::sync::Arc;

use crate::neardup::{
    self, Arrival, Articles, Copied, First, Options, Seed, Texts, TextsError, Twin, TwinSizes, Twins,
};
use crate::state::State;

use super::deferred::{Blank, Deferred};

/// The bounds of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyOptions {
    /// Of what was written lately.
    pub twins: Options,
    /// Of articles, which are held longer.
    pub articles: Options,
}

impl Default for CopyOptions {
    fn default() -> Self {
        Self { twins: Options::default(), articles: Options::of_articles() }
    }
}

/// The logs of stored texts, in the order in which they are named everywhere: of the window, of the articles.
pub const LOGS: usize = 2;

/// What one text is a copy of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) twin: Twin,
    pub(crate) copied: Option<Copied>,
}

/// See the module.
pub(crate) struct Copies {
    twins: Twins,
    articles: Articles,
    logs: [Arc<Deferred>; LOGS],
    found: Vec<Twin>,
    copied: Vec<Option<Copied>>,
}

impl Copies {
    /// As they were when `state` was saved.
    pub(crate) fn open(
        state: &State,
        options: &CopyOptions,
        texts: [Arc<dyn Texts>; LOGS],
    ) -> Result<Self, TextsError> {
        let seed = Seed::new(state.keys().neardup_seed());
        for &(log, address) in state.blanks() {
            if let Some(texts) = texts.get(usize::from(log)) {
                finish_erasure(&**texts, address)?;
            }
        }
        let logs = texts.map(|texts| Arc::new(Deferred::new(texts)));
        let [of_twins, of_articles] = logs.each_ref().map(|log| Arc::clone(log) as Arc<dyn Texts>);
        Ok(Self {
            twins: Twins::restore(&options.twins, seed, of_twins)?,
            articles: Articles::restore(&options.articles, seed, of_articles)?,
            logs,
            found: Vec::new(),
            copied: Vec::new(),
        })
    }

    /// Takes the marked texts of a batch in order and gives what each is a copy of.
    pub(crate) fn take(&mut self, arrivals: &[Arrival<'_>], out: &mut Vec<Found>) -> Result<(), TextsError> {
        self.twins.take(arrivals, &mut self.found)?;
        self.articles.take(arrivals, &mut self.copied)?;
        out.clear();
        out.extend(self.found.iter().zip(&self.copied).map(|(&twin, &copied)| Found { twin, copied }));
        Ok(())
    }

    /// The message that began a cluster.
    pub(crate) fn first(&self, twin: &Twin) -> Result<First, TextsError> {
        self.twins.stored(twin.address)
    }

    /// The article that was published before.
    pub(crate) fn original(&self, copied: &Copied) -> Result<First, TextsError> {
        self.articles.stored(copied.address)
    }

    pub(crate) fn forget(&mut self, author: u32) -> Result<(), TextsError> {
        self.twins.forget(author)?;
        self.articles.forget(author)?;
        Ok(())
    }

    /// Ends a batch: where each log ends, and what is to be overwritten in it once the batch is saved.
    pub(crate) fn end_batch(&self) -> ([u64; LOGS], [Vec<Blank>; LOGS]) {
        for (log, kept_from) in self.logs.iter().zip([self.twins.kept_from(), self.articles.kept_from()]) {
            log.release_before(kept_from);
        }
        (self.logs.each_ref().map(|log| log.end()), self.logs.each_ref().map(|log| log.take()))
    }

    /// How much is held: of the window, of articles.
    pub(crate) fn sizes(&self) -> [TwinSizes; LOGS] {
        [self.twins.sizes(), self.articles.sizes()]
    }
}

/// Overwrites what a life that ended between a save and its erasures left to us.
fn finish_erasure(texts: &dyn Texts, address: u64) -> Result<(), TextsError> {
    let (mut record, mut blank) = (Vec::new(), Vec::new());
    match texts.read(address, &mut record) {
        Ok(()) => {
            neardup::blank(&record, &mut blank).map_err(|what| TextsError::Broken { address, what })?;
            texts.overwrite(address, &blank)
        }
        Err(TextsError::Nothing { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}
