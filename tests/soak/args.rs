//! What may be said to the soak.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Runs the stage on Apache Kafka under kills and moves, and measures it undisturbed.
#[derive(Parser, Debug)]
#[command(name = "soak", max_term_width = 110)]
pub(crate) struct Args {
    /// Messages that go through while instances die and move.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) messages: usize,
    /// Events to take in place of composed ones: JSONL, plain or .zst.
    #[arg(long, alias = "input")]
    pub(crate) events: Option<PathBuf>,
    /// Instances that work at a time.
    #[arg(long, default_value_t = 3)]
    pub(crate) instances: usize,
    /// Partitions of the input.
    #[arg(long, default_value_t = 6)]
    pub(crate) partitions: usize,
    /// Kills (SIGKILL), spread over the stream.
    #[arg(long, default_value_t = 36)]
    pub(crate) kills: usize,
    /// Times that one more instance joins, or one leaves in order: each moves partitions.
    #[arg(long, default_value_t = 8)]
    pub(crate) moves: usize,
    /// Which points of the stream, and who: the same seed chooses the same.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Messages of the cost's part.
    #[arg(long, default_value_t = 300_000)]
    pub(crate) cost_messages: usize,
    /// Messages a second of the latency's part.
    #[arg(long, default_value_t = 20_000)]
    pub(crate) rate: u32,
    /// Seconds that each latency is measured for.
    #[arg(long, default_value_t = 15)]
    pub(crate) seconds: u32,
    /// Entries in the window of near-duplicates that a restart has to bring back.
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) restart_entries: usize,
    /// Authors whose counters it has to bring back.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) restart_authors: usize,
    /// Only this part.
    #[arg(long, value_enum)]
    pub(crate) only: Option<Part>,
    /// The rules: those of the tests, where none are named.
    #[arg(long)]
    pub(crate) edition: Option<PathBuf>,
}

/// What the soak consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Kills and moves.
    Chaos,
    /// Processor time of a message.
    Cost,
    /// From topic to topic.
    Latency,
    /// How long an instance with much state takes until it is ready again. By this name only: it takes a while to fill.
    Restart,
}
