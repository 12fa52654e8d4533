//! A stage in memory: what the tests of the loop run and look at.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tidegate::io::wire::Bounds;
use tidegate::io::{BatchLimits, FileTexts, FileTextsOptions, ManualClock, MemorySink, MemorySource, MemoryStore};
use tidegate::pipeline::{BuildOptions, CopyOptions, Edition, TwinOptions};
use tidegate::state::{self, Keys};
use tidegate::stream::{self, Control, EditionFolders, Editions, Ends, StreamError, Summary, TextLogs};

/// A path below the repository's root.
pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The small edition of the tests, with this folder laid over it.
pub(crate) fn edition_with(overlay: Option<PathBuf>) -> Arc<Edition> {
    let folders = EditionFolders { base: Some(path("tests/it/edition")), overlay };
    let (edition, problems) = Edition::build(&folders.read().unwrap(), &BuildOptions::default());
    Arc::new(edition.unwrap_or_else(|| panic!("{problems:?}")))
}

/// The small edition of the tests.
pub(crate) fn edition() -> Arc<Edition> {
    edition_with(None)
}

/// The lines of the sample stream.
pub(crate) fn sample() -> Vec<Vec<u8>> {
    let file = std::fs::File::open(path("datasets/sample.jsonl.zst")).unwrap();
    let bytes = zstd::decode_all(file).unwrap();
    bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}

/// How a run of a test is cut and shared out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) threads: usize,
    pub(crate) batch: usize,
    pub(crate) snapshot_journal_bytes: u64,
}

impl Default for Cut {
    fn default() -> Self {
        Self { threads: 2, batch: 256, snapshot_journal_bytes: u64::MAX }
    }
}

/// What outlives a run: records on one side, everything that was saved and given out on the other.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) records: MemorySource,
    pub(crate) actions: MemorySink,
    pub(crate) rejects: MemorySink,
    pub(crate) store: MemoryStore,
    /// The folder of the stored texts.
    pub(crate) texts: Arc<TempDir>,
}

impl World {
    pub(crate) fn new(records: Vec<Vec<u8>>) -> Self {
        Self {
            records: MemorySource::new(records),
            actions: MemorySink::default(),
            rejects: MemorySink::default(),
            store: MemoryStore::default(),
            texts: Arc::new(TempDir::new().unwrap()),
        }
    }

    /// One life of a process on this world.
    pub(crate) fn run(&self, editions: &Editions, cut: Cut) -> Result<Summary, StreamError> {
        let ends = Ends {
            source: Box::new(self.records.clone()),
            actions: Box::new(self.actions.clone()),
            rejects: Box::new(self.rejects.clone()),
            store: Box::new(self.store.clone()),
            texts: Some(self.open_texts()),
            cases: None,
            clock: Arc::new(ManualClock::at(NOW)),
        };
        stream::run(ends, editions, &options(cut), &Control::default())
    }

    /// The stored texts as another life finds them, in files so small that many are begun and let go.
    pub(crate) fn open_texts(&self) -> TextLogs {
        let options = FileTextsOptions { segment_bytes: 16 << 10, ..FileTextsOptions::default() };
        LOG_NAMES.map(|name| Arc::new(FileTexts::open(self.texts.path().join(name), options).unwrap()))
    }

    /// What was given out: decisions and rejects.
    pub(crate) fn given_out(&self) -> (String, String) {
        let text = |sink: &MemorySink| String::from_utf8(sink.bytes()).unwrap();
        (text(&self.actions), text(&self.rejects))
    }
}

/// The folders of the stored texts.
pub(crate) const LOG_NAMES: [&str; 2] = ["window", "articles"];

/// A day after the sample stream.
pub(crate) const NOW: i64 = 1_788_393_600_000;

/// The loop's options for a test.
pub(crate) fn options(cut: Cut) -> stream::Options {
    stream::Options {
        threads: cut.threads,
        batch: BatchLimits { records_max: cut.batch, bytes_max: 8 << 20, wait: Duration::from_millis(1) },
        records_max: None,
        snapshot_journal_bytes: cut.snapshot_journal_bytes,
        bounds: Bounds::default(),
        pseudonyms: None,
        state: state::Options::default(),
        // Fewer texts than the sample has, so that the oldest make room.
        copies: Some(CopyOptions {
            twins: TwinOptions { entries_max: 1024, ..TwinOptions::default() },
            ..CopyOptions::default()
        }),
        board: None,
        others: None,
        keys: Keys::new(b"test"),
    }
}

/// An uninterrupted run over these records.
pub(crate) fn given_out(records: Vec<Vec<u8>>, cut: Cut) -> (String, String) {
    let world = World::new(records);
    world.run(&Editions::new(edition()), cut).unwrap();
    world.given_out()
}
