//! Reading a stream to its end with nothing saved and nothing given out: for looking, replaying and comparing.

use std::sync::Arc;

use crate::io::{BatchLimits, Clock, Flow, RawBatch, Source};

use super::{Control, Front, Options, StreamError};

/// Gives every batch of the source to `work`, until the source ends, `control` says stop or `work` fails.
///
/// # Errors
/// Those of the source and of `work`.
pub fn scan<E: From<StreamError>>(
    mut source: Box<dyn Source>,
    clock: Arc<dyn Clock>,
    options: &Options,
    control: &Control,
    mut work: impl FnMut(&Front, &RawBatch) -> Result<(), E>,
) -> Result<(), E> {
    let front = Front::new(options, options.copies.is_some(), clock)?;
    let mut batch = RawBatch::default();
    let mut left = options.records_max.unwrap_or(u64::MAX);
    while left > 0 && !control.stopping() {
        let records_max = options.batch.records_max.min(usize::try_from(left).unwrap_or(usize::MAX));
        let flow = source.fill(&mut batch, &BatchLimits { records_max, ..options.batch });
        control.saw(source.progress());
        left -= batch.len() as u64;
        if !batch.is_empty() {
            work(&front, &batch)?;
            control.gave_out(batch.len() as u64);
        }
        if flow.map_err(StreamError::from)? == Flow::End {
            break;
        }
    }
    Ok(())
}
