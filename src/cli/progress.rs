//! The progress bar beside a command that reads a stream.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::stream::Control;

use super::Output;
use super::term::{Progress, Unit};

/// Runs `work` with its progress drawn, where somebody is looking.
pub(super) fn alongside<T>(control: &Control, output: &Output, work: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        let (until, drawn) = mpsc::channel();
        scope.spawn(move || draw(control, output, &drawn));
        let done = work();
        drop(until);
        done
    })
}

/// Draws until the other end is dropped. The bar begins when the source has said how much there is.
fn draw(control: &Control, output: &Output, until: &Receiver<()>) {
    let mut bar = None;
    let mut done = 0;
    while until.recv_timeout(Duration::from_millis(100)) == Err(RecvTimeoutError::Timeout) {
        let progress = control.progress();
        if progress.done_bytes == 0 {
            continue;
        }
        let bar = bar.get_or_insert_with(|| Progress::new(output.err, Unit::Bytes, progress.total_bytes, "deciding"));
        bar.advance(progress.done_bytes.saturating_sub(done));
        done = progress.done_bytes;
    }
}
