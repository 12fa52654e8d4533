//! Where the engine looks for copies: the window of what was written lately, and the index of articles.

use std::sync::Arc;

use crate::event::{Millis, Relay};
use crate::neardup::{
    self, Arrival, Articles, Copied, Elsewhere, First, Joined, Options, Seed, Texts, TextsError, Twin, TwinSizes, Twins,
};
use crate::state::{Keys, State};

use super::deferred::{Blank, Deferred};
use super::hearing::Hearing;

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
    /// What other lanes hold, where there are others.
    hearing: Option<Hearing>,
}

/// What other lanes hold, and the number of the one that is to hear of it.
pub type Others = (Arc<Elsewhere>, u32);

/// What the windows of several lanes give one another, with nothing in it yet; `texts` is empty. Bounded like one lane's window.
#[must_use]
pub fn elsewhere(options: &CopyOptions, keys: &Keys, texts: Arc<dyn Texts>) -> Elsewhere {
    Elsewhere::new(&options.twins, Seed::new(keys.neardup_seed()), texts)
}

impl Copies {
    /// As they were when `state` was saved.
    pub(crate) fn open(
        state: &State,
        options: &CopyOptions,
        texts: [Arc<dyn Texts>; LOGS],
        others: Option<Others>,
    ) -> Result<Self, TextsError> {
        let seed = Seed::new(state.keys().neardup_seed());
        for &(log, address) in state.blanks() {
            if let Some(texts) = texts.get(usize::from(log)) {
                finish_erasure(&**texts, address)?;
            }
        }
        let logs = texts.map(|texts| Arc::new(Deferred::new(texts)));
        let [of_twins, of_articles] = logs.each_ref().map(|log| Arc::clone(log) as Arc<dyn Texts>);
        let mut twins = Twins::restore(&options.twins, seed, of_twins)?;
        let mut hearing = None;
        if let Some((elsewhere, source)) = others {
            hearing = Some(Hearing::new(Arc::clone(&elsewhere), source, state, &twins));
            twins = twins.beside(elsewhere);
        }
        Ok(Self {
            twins,
            hearing,
            articles: Articles::restore(&options.articles, seed, of_articles)?,
            logs,
            found: Vec::new(),
            copied: Vec::new(),
        })
    }

    /// Takes in what other lanes said since the last batch.
    pub(crate) fn begin_batch(&mut self, state: &mut State) {
        self.hearing.iter_mut().for_each(|hearing| hearing.begin_batch(state));
    }

    /// Which of these messages joined clusters is told to other lanes, and what they know of those counts from here on.
    pub(crate) fn note_joined(&mut self, arrivals: &[Arrival<'_>], found: &[Found], state: &mut State) {
        let Some(hearing) = &mut self.hearing else { return };
        for (arrival, Found { twin, .. }) in arrivals.iter().zip(found).filter(|(_, found)| !found.twin.is_new) {
            if let Some((origin, ..)) = self.twins.origin(twin.cluster) {
                hearing.joins(twin, Joined { origin, at: arrival.at, author: arrival.author }, state);
            }
        }
    }

    /// What other lanes are to be told of a batch.
    pub(crate) fn take_told(&mut self) -> Vec<Relay> {
        let Some(hearing) = &mut self.hearing else { return Vec::new() };
        let (records, members) = (self.twins.take_told(), hearing.take_told());
        let members: Vec<_> = members.iter().map(|joined| (joined.origin, joined.at, joined.author)).collect();
        let entered = (!records.is_empty()).then_some(Relay::Entered { records });
        entered.into_iter().chain((!members.is_empty()).then_some(Relay::Joined { members })).collect()
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

    pub(crate) fn forget(&mut self, author: u32, at: Millis) -> Result<(), TextsError> {
        // Else what was just forgotten could be adopted again.
        self.hearing.iter().try_for_each(|hearing| hearing.forget(author, at))?;
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
