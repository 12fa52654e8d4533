//! The sense as the stage has it: marks, the window, exact comparison; filled once, and asked from the same state again
//! and again.

use std::sync::Arc;
use std::time::Duration;

use cpu_time::ProcessTime;
use rayon::prelude::*;

use crate::cli::term::Progress;
use crate::event::Millis;
use crate::neardup::{Arrival, Form, Mark, MemoryTexts, Options, Seed, Sketcher, Texts, Twin, Twins};
use crate::text::Folded;

const BATCH: usize = 4096;

/// Everything is published at one moment: expiry is not what is measured.
const AT: Millis = 1_790_000_000_000;

/// A window that was filled.
pub(super) struct Detector {
    options: Options,
    seed: Seed,
    log: MemoryTexts,
    /// Texts that have a mark.
    pub(super) marked: u64,
    pub(super) entries: u64,
    /// Processor time of asking and entering.
    pub(super) took: Duration,
    /// Memory of an entry, stored texts apart.
    pub(super) bytes_an_entry: usize,
}

impl Detector {
    /// Fills a window with texts under their names, in order.
    pub(super) fn fill(texts: &[(String, &str)], seed: u64, progress: &Progress) -> anyhow::Result<Self> {
        let options = Options { entries_max: texts.len() + texts.len() / 8 + BATCH, ..Options::default() };
        let seed = Seed::new(seed);
        let log = Arc::new(MemoryTexts::new());
        let mut twins = Twins::new(&options, seed, Arc::clone(&log) as Arc<dyn Texts>);
        let (mut marked, mut took, mut out) = (0, Duration::ZERO, Vec::new());
        for batch in texts.chunks(BATCH) {
            let marks = marks(batch.iter().map(|(_, text)| *text), seed);
            let arrivals: Vec<Arrival<'_>> = batch
                .iter()
                .zip(&marks)
                .filter_map(|((id, text), mark)| Some(arrival(id, text, mark.as_ref()?)))
                .collect();
            let start = ProcessTime::now();
            twins.take(&arrivals, &mut out)?;
            took += start.elapsed();
            marked += arrivals.len() as u64;
            progress.advance(batch.len() as u64);
        }
        let sizes = twins.sizes();
        let bytes_an_entry = sizes.memory_bytes_max.div_ceil(options.entries_max);
        drop(twins);
        Ok(Self { options, seed, log: copy(&log)?, marked, entries: sizes.entries, took, bytes_an_entry })
    }

    /// What the window finds each text to be, as if all of them came after what it was filled with; `None` for a text
    /// without a mark, else whether it was found, in what, and how similar.
    pub(super) fn ask(&self, texts: &[&str]) -> anyhow::Result<Vec<Option<Answer>>> {
        let log = Arc::new(copy(&self.log)?);
        let mut twins = Twins::restore(&self.options, self.seed, log)?;
        let (mut answers, mut out) = (Vec::with_capacity(texts.len()), Vec::new());
        for batch in texts.chunks(BATCH) {
            let marks = marks(batch.iter().copied(), self.seed);
            let arrivals: Vec<Arrival<'_>> =
                batch.iter().zip(&marks).filter_map(|(text, mark)| Some(arrival("", text, mark.as_ref()?))).collect();
            twins.take(&arrivals, &mut out)?;
            let mut found = out.iter();
            for mark in &marks {
                let twin = mark.as_ref().and_then(|_| found.next());
                answers.push(twin.map(|twin| Answer::new(&twins, twin)).transpose()?);
            }
        }
        Ok(answers)
    }
}

/// What a text was found to be.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The name of what it is a copy of; `None` where it is new.
    pub(super) of: Option<String>,
    /// The text of that.
    pub(super) first: String,
    pub(super) similarity: f32,
    pub(super) containment: f32,
}

impl Answer {
    fn new(twins: &Twins, twin: &Twin) -> anyhow::Result<Self> {
        let first = if twin.is_new { None } else { twins.first(twin.cluster)? };
        let (of, first) = first.map_or((None, String::new()), |first| (Some(first.id), first.text));
        Ok(Self { of, first, similarity: twin.similarity, containment: twin.containment })
    }
}

fn arrival<'a>(id: &'a str, text: &'a str, mark: &'a Mark) -> Arrival<'a> {
    Arrival { mark, id, author: 1, at: AT, text, is_forward: false }
}

/// The marks of texts, made on all cores.
fn marks<'a>(texts: impl Iterator<Item = &'a str>, seed: Seed) -> Vec<Option<Mark>> {
    let texts: Vec<&str> = texts.collect();
    let tools = || (Folded::default(), Sketcher::default());
    let mark = |(folded, sketcher): &mut (Folded, Sketcher), text: &&str| {
        folded.fold(text);
        sketcher.mark(folded, Form::Message, seed)
    };
    texts.par_iter().map_init(tools, mark).collect()
}

/// Addresses follow from the lengths of the records, so those of a copy are the same.
fn copy(log: &MemoryTexts) -> anyhow::Result<MemoryTexts> {
    let copy = MemoryTexts::new();
    log.scan(&mut |_, record| {
        copy.append(record);
        Ok(())
    })?;
    Ok(copy)
}
