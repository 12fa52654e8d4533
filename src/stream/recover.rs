//! What an earlier run saved: read back, applied, and given out again over what it left.

use crate::io::{Entry, Mark, Position, Refusal, Reissue, Saved, Sink, SinkError, StateStore, StoreError};
use crate::state::{self, Keys, State};

use super::StreamError;

/// Where an earlier run stopped.
pub(super) struct Recovered {
    pub(super) state: State,
    pub(super) input: Option<Position>,
    pub(super) seq: u64,
    pub(super) journal_bytes: u64,
}

/// Reads everything back and brings the sinks to where the last saved batch leaves them.
pub(super) fn recover(
    store: &mut dyn StateStore,
    sinks: [&mut dyn Sink; 2],
    options: &state::Options,
    keys: Keys,
) -> Result<Recovered, StreamError> {
    let [actions, rejects] = sinks;
    let marks = [actions.mark(), rejects.mark()];
    let mut reading = Reading {
        options,
        keys,
        chunks: Vec::new(),
        state: None,
        recovered: (None, 0, 0),
        reissues: [Reissue::new(actions), Reissue::new(rejects)],
        marks: Vec::new(),
        failed: None,
        is_fresh: true,
    };
    let read = store.recover(&mut |saved| reading.take(saved));
    if let Some(error) = reading.failed {
        return Err(error.into());
    }
    read?;
    reading.ready().map_err(StoreError::Refused)?;
    reading.reissues.into_iter().try_for_each(Reissue::finish)?;
    let (input, seq, journal_bytes) = reading.recovered;
    let state = reading.state.unwrap_or_else(|| State::new(options, keys));
    if reading.is_fresh {
        begin(store, &marks, &state)?;
    }
    Ok(Recovered { state, input, seq, journal_bytes })
}

struct Reading<'a> {
    options: &'a state::Options,
    keys: Keys,
    chunks: Vec<Vec<u8>>,
    state: Option<State>,
    /// Input, sequence number, bytes of the journal.
    recovered: (Option<Position>, u64, u64),
    reissues: [Reissue<'a>; 2],
    /// Where the sinks stood at the snapshot.
    marks: Vec<Mark>,
    failed: Option<SinkError>,
    is_fresh: bool,
}

/// A fresh store begins with a snapshot of nothing, so that a later run with other keys is refused from the first batch on.
fn begin(store: &mut dyn StateStore, marks: &[Mark], state: &State) -> Result<(), StoreError> {
    let mut chunks = Vec::new();
    state.save(&mut |chunk| chunks.push(chunk.to_vec()));
    store.snapshot(0, &Position::default(), marks, &mut chunks.into_iter())
}

impl Reading<'_> {
    fn take(&mut self, saved: Saved<'_>) -> Result<(), Refusal> {
        match saved {
            Saved::Snapshot { seq, input, marks } => {
                // The snapshot that a fresh store begins with stands nowhere.
                let input = (!input.0.is_empty()).then(|| input.clone());
                (self.recovered.0, self.recovered.1) = (input, seq);
                self.is_fresh = false;
                self.marks = marks.to_vec();
            }
            Saved::Chunk(chunk) => self.chunks.push(chunk.to_vec()),
            Saved::Entry(entry) => self.entry(&entry)?,
        }
        Ok(())
    }

    /// The state of the snapshot, once all its chunks were given.
    fn ready(&mut self) -> Result<&mut State, Refusal> {
        if self.state.is_none() {
            let chunks = std::mem::take(&mut self.chunks);
            let state = if chunks.is_empty() {
                State::new(self.options, self.keys)
            } else {
                State::load(self.options, self.keys, chunks.iter().map(Vec::as_slice))?
            };
            self.state = Some(state);
            // Only now, when the snapshot is known to be ours, may the sinks be touched.
            for (reissue, mark) in self.reissues.iter_mut().zip(&self.marks) {
                let done = reissue.snapshot(mark);
                note(&mut self.failed, done)?;
            }
        }
        Ok(self.state.as_mut().expect("it was just made"))
    }

    fn entry(&mut self, entry: &Entry<'_>) -> Result<(), Refusal> {
        self.is_fresh = false;
        self.ready()?.apply(entry.deltas)?;
        let (input, seq, bytes) = &mut self.recovered;
        (*input, *seq) = (Some(entry.input.clone()), entry.seq);
        *bytes += entry.deltas.len() as u64;
        for (reissue, output) in self.reissues.iter_mut().zip(entry.outputs) {
            *bytes += output.lines.len() as u64;
            let done = reissue.entry(output.mark, output.lines);
            note(&mut self.failed, done)?;
        }
        Ok(())
    }
}

/// Keeps a sink's error for the loop, which can say more of it than a store can.
fn note(failed: &mut Option<SinkError>, done: Result<(), SinkError>) -> Result<(), Refusal> {
    done.map_err(|error| {
        let refusal = error.to_string();
        *failed = Some(error);
        refusal.into()
    })
}
