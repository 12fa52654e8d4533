//! The index beside a run: opened where the configuration says so, kept up to the stream, closed after it.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::bail;

use crate::config::{self, Config};
use crate::index::{self, RepeatOptions};
use crate::io::{SpoolOptions, SystemClock};
use crate::pipeline::FilingOptions;
use crate::stream::{BackOptions, BackSearch, Cases, Control, IndexOptions, Indexer};
use crate::text::fold_to_string;

use super::Output;
use super::term::{self, Role};

/// An index that a run feeds.
pub(super) struct Indexing {
    pub(super) indexer: Arc<Indexer>,
    dir: PathBuf,
    pub(super) filing: FilingOptions,
    /// How claims are looked for in what was filed, if they are.
    back: Option<BackOptions>,
}

/// Opens the index of a run, if it has one: a run that keeps no journal has none, for nobody could say what is in it.
pub(super) fn open(config: &Config) -> anyhow::Result<Option<Indexing>> {
    let is_piped = config.output.dir.as_os_str() == "-";
    // On a cluster each instance would have a part of the cases: there it has to be asked for.
    let is_enabled = config.index.enabled.unwrap_or(config.kafka.brokers.is_empty());
    if !is_enabled || is_piped {
        return Ok(None);
    }
    let dir = config.index.dir.clone().unwrap_or_else(|| config.output.dir.join("index"));
    let options = IndexOptions {
        writer: index::Options {
            dir: dir.clone(),
            heap_bytes: config.index.heap_bytes,
            days_max: (config.index.days > 0).then_some(config.index.days),
        },
        commit_every: Duration::from_millis(config.index.commit_every_ms),
        spool: SpoolOptions { bytes_max: config.index.queue_bytes_max, ..SpoolOptions::default() },
    };
    let indexer = Arc::new(Indexer::open(options, Arc::new(SystemClock))?);
    let filing = FilingOptions { ordinary_share: config.index.ordinary_share };
    Ok(Some(Indexing { indexer, dir, filing, back: back(&config.claims) }))
}

/// How claims are looked for, if they are.
fn back(config: &config::Claims) -> Option<BackOptions> {
    (config.back_days > 0).then(|| BackOptions { repeats: repeats(config), per_second: config.late_per_second })
}

pub(super) fn repeats(config: &config::Claims) -> RepeatOptions {
    const DAY_MS: i64 = 86_400_000;
    RepeatOptions { back_ms: i64::from(config.back_days) * DAY_MS, per_day_max: config.back_per_day_max }
}

impl Indexing {
    /// Where the loop puts its cases.
    pub(super) fn cases(&self, is_resumed: bool) -> anyhow::Result<Cases> {
        if !is_resumed && !self.indexer.is_new() {
            bail!(
                "{} holds cases and the journal knows of none: remove that folder, or give a new --output folder",
                self.dir.display()
            );
        }
        let queue: Arc<str> = "stream".into();
        let spool = self.indexer.spool(&queue)?;
        let indexer = Arc::clone(&self.indexer);
        let back = self.back.map(|options| BackSearch { indexer, queue, fold: fold_to_string, options });
        Ok(Cases { spool, options: self.filing, back })
    }
}

/// Does `work` with the index kept up to it; then what is left is indexed, unless somebody asked for a stop: then the next run
/// does it.
pub(super) fn beside<T>(
    indexing: Option<&Indexing>,
    control: &Control,
    output: &Output,
    work: impl FnOnce() -> T,
) -> T {
    let Some(indexing) = indexing else { return work() };
    thread::scope(|scope| {
        let index = scope.spawn(|| indexing.indexer.run(|| control.is_stopping()));
        let done = {
            let _end = End(&indexing.indexer);
            work()
        };
        let (cases, trouble) = index.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        tracing::info!(cases, "the index is closed");
        if let Some(trouble) = trouble {
            let shown = output.err.paint(Role::Warning, "warning");
            let _ = writeln!(
                std::io::stderr(),
                "{shown}: the index in {} is behind, and the next run goes on with it: {}",
                indexing.dir.display(),
                term::printable(&trouble)
            );
        }
        done
    })
}

/// Tells the index that nothing more comes, on every way out.
struct End<'a>(&'a Indexer);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
