//! `[index]`

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[index]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Index {
    /// Whether what was decided is kept for search; `run --index` says it for one run. Where nobody says so, it is kept beside files,
    /// and not on Kafka, where each instance would have a part.
    pub enabled: Option<bool>,
    /// The folder of the index; without it, `index` below the output folder.
    pub dir: Option<PathBuf>,
    /// What was decided on is always kept. This is the share of everything else, from 0 to 1, chosen by the event's id: each
    /// costs about 100 µs of processor time beside the stream and 700 bytes of disk.
    pub ordinary_share: f64,
    /// How many days are kept, counted by when they came in; 0 keeps all.
    pub days: u32,
    /// How long a case waits to be found, in milliseconds, once it is read from the queue.
    pub commit_every_ms: u64,
    /// Memory for what is not written yet, in bytes.
    pub heap_bytes: usize,
    /// The most disk that cases take which wait for the index, in bytes; beyond it the oldest are let go, and counted.
    pub queue_bytes_max: u64,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            enabled: None,
            dir: None,
            ordinary_share: 0.01,
            days: 90,
            commit_every_ms: 500,
            heap_bytes: 64 << 20,
            queue_bytes_max: 4 << 30,
        }
    }
}

impl Index {
    /// Every number with the least and the most that it may be.
    pub(super) fn numbers(&self) -> [(&'static str, u64, u64, u64); 4] {
        [
            ("index.days", self.days.into(), 0, 36_525),
            ("index.commit_every_ms", self.commit_every_ms, 10, 60_000),
            ("index.heap_bytes", self.heap_bytes as u64, 15 << 20, 2 << 30),
            ("index.queue_bytes_max", self.queue_bytes_max, 32 << 20, 1 << 40),
        ]
    }
}
