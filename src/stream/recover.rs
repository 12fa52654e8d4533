//! What an earlier run saved: read back, applied, and given out again over what it left.

use crate::io::{Entry, Position, Refusal, Reissue, Saved, Sink, StateStore};
use crate::state::{self, Loader, State};

use super::StreamError;

/// Where an earlier run stopped.
pub(super) struct Recovered {
    pub(super) state: State,
    pub(super) input: Option<Position>,
    pub(super) seq: u64,
    pub(super) journal_bytes: u64,
    pub(super) batches: u64,
}

/// Reads everything back and brings the sinks to where the last saved batch leaves them.
pub(super) fn recover(
    store: &mut dyn StateStore,
    sinks: [&mut dyn Sink; 2],
    options: &state::Options,
) -> Result<Recovered, StreamError> {
    let mut found = Found { loader: Some(Loader::new(options)), state: None, input: None, seq: 0, bytes: 0, batches: 0 };
    let [actions, rejects] = sinks;
    let mut reissues = [Reissue::new(actions), Reissue::new(rejects)];
    let mut sink_error = None;
    let recovered = store.recover(&mut |saved| found.take(saved, &mut reissues, &mut sink_error));
    if let Some(error) = sink_error {
        return Err(error);
    }
    recovered?;
    reissues.into_iter().try_for_each(Reissue::finish)?;
    found.finish(options)
}
