//! The configuration file: TOML → [`Config`], every bound checked. `cli` turns it into the rooms' own options, with
//! nothing optional left.
//!
//! Each field's comment is its line in `docs/config.md`; a test keeps the page true. Rooms never read configuration.

mod claims;
mod index;
mod kafka;
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::claims::Claims;
pub use self::index::Index;
pub use self::kafka::{Begin, Compression, Delivery, EditionsFrom, Health, Kafka, Standing, Twins};
pub use self::serve::Serve;
use crate::problem::{Problem, nearest};

/// Everything that can be configured. Unknown keys are refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where events come from.
    pub input: Input,
    /// Where decisions and rejects go.
    pub output: Output,
    /// The rules, word lists and ladders.
    pub edition: Edition,
    /// How work is cut and shared out.
    pub run: Run,
    /// What an event may be.
    pub bounds: Bounds,
    /// What is remembered, and for how long.
    pub state: State,
    /// What near-duplicates are looked for in.
    pub neardup: Neardup,
    /// How decisions and state are made safe.
    pub store: Store,
    /// What analysts can search.
    pub index: Index,
    /// Looking back for claims that come into force.
    pub claims: Claims,
    /// Personal data.
    pub privacy: Privacy,
    /// Metrics.
    pub metrics: Metrics,
    /// Whether the stage lives and is ready.
    pub health: Health,
    /// Kafka in place of files.
    pub kafka: Kafka,
    /// The HTTP service.
    pub serve: Serve,
}

/// `[input]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Input {
    /// JSONL files (plain, `.gz` or `.zst`), one folder, or `-` for standard input.
    pub paths: Vec<PathBuf>,
    /// Whether to wait for more when a folder's files are read to their end.
    pub follow: bool,
    /// The longest line that is read whole, in bytes; longer ones are rejected.
    pub line_bytes_max: usize,
    /// What a resumed run finds on standard input: the `whole` text again from its start (what was read is checked and
    /// passed over), or only what comes after, as from a `live` feed.
    pub pipe: Pipe,
}

/// What a resumed run finds on standard input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Pipe {
    /// The same text from its first byte.
    #[default]
    Whole,
    /// What comes after the last run.
    Live,
}

impl Default for Input {
    fn default() -> Self {
        Self { paths: vec!["-".into()], follow: false, line_bytes_max: 4 << 20, pipe: Pipe::Whole }
    }
}

/// `[output]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Output {
    /// The folder that gets `actions.jsonl`, `rejects.jsonl` and the journal. `-` writes decisions to standard output
    /// and keeps no journal.
    pub dir: PathBuf,
}

impl Default for Output {
    fn default() -> Self {
        Self { dir: "out".into() }
    }
}

/// `[edition]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Edition {
    /// The folder of rules; without it, the rules that ship.
    pub dir: Option<PathBuf>,
    /// A site's own folder, laid over the rules by rule id, list name and channel.
    pub overlay: Option<PathBuf>,
    /// Whether to look for changes in these folders and swap the edition when they are right.
    pub watch: bool,
    /// How often to look, in milliseconds.
    pub watch_every_ms: u64,
}

impl Default for Edition {
    fn default() -> Self {
        Self { dir: None, overlay: None, watch: true, watch_every_ms: 1000 }
    }
}

/// `[run]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Run {
    /// Threads that observe; 0 takes one for each core.
    pub threads: usize,
    /// The most records in a batch. Decisions do not depend on it.
    pub batch_records_max: usize,
    /// The most bytes in a batch.
    pub batch_bytes_max: usize,
    /// How long a batch may wait to fill up, in milliseconds.
    pub batch_wait_ms: u64,
}

impl Default for Run {
    fn default() -> Self {
        Self { threads: 0, batch_records_max: 4096, batch_bytes_max: 8 << 20, batch_wait_ms: 50 }
    }
}

/// `[bounds]`: an event that breaks one goes to the rejects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    /// The longest text, in bytes.
    pub text_bytes_max: usize,
    /// The longest text of an article, in bytes.
    pub article_text_bytes_max: usize,
    /// The longest title, in bytes.
    pub title_bytes_max: usize,
    /// The most links.
    pub links_max: usize,
    /// The most media.
    pub media_max: usize,
    /// How far ahead of the clock an event's time may be, in milliseconds.
    pub future_ms_max: i64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            text_bytes_max: 64 << 10,
            article_text_bytes_max: 1 << 20,
            title_bytes_max: 4 << 10,
            links_max: 256,
            media_max: 64,
            future_ms_max: 24 * 60 * 60 * 1000,
        }
    }
}

/// `[state]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// The most authors whose counters are kept; the longest silent go first.
    pub authors_max: usize,
    /// The most rooms whose counters are kept.
    pub rooms_max: usize,
    /// How many of the latest event ids are remembered, to drop repeats.
    pub ids_max: usize,
    /// How long a decision can be overturned, in days of event time.
    pub ledger_days: u32,
    /// The most decisions that can be overturned.
    pub ledger_max: usize,
    /// The most events whose forwards and replies are counted, for the share of them that doubts; those not followed for longest go first.
    pub followed_max: usize,
    /// Seeds every hash that state rests on. Set a random number of your own, once, and keep it: without it, texts can
    /// be crafted to collide.
    pub seed: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            authors_max: 4_000_000,
            rooms_max: 500_000,
            ids_max: 4_000_000,
            ledger_days: 180,
            ledger_max: 1_000_000,
            followed_max: 500_000,
            seed: 0,
        }
    }
}

/// `[neardup]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Neardup {
    /// Whether near-duplicates are looked for at all; without it, no `twin.*` signal is ever raised.
    pub enabled: bool,
    /// The most different texts that a message is compared with, 85 bytes of memory each; the oldest go first.
    pub entries_max: usize,
    /// How far back a message is compared with others, in hours of event time.
    pub window_hours: u32,
    /// The most disk that the texts of the window take, in bytes; the oldest go first.
    pub texts_bytes_max: u64,
    /// The most articles that are held against later ones, about 250 bytes of memory each; the oldest go first.
    pub articles_max: usize,
    /// How far back an article is compared with others, in days of event time.
    pub articles_days: u32,
    /// The most disk that the texts of articles take, in bytes; the oldest go first.
    pub articles_bytes_max: u64,
    /// The most clusters whose members are counted; those least lately active go first.
    pub clusters_max: usize,
}

impl Default for Neardup {
    fn default() -> Self {
        Self {
            enabled: true,
            entries_max: 1_000_000,
            window_hours: 72,
            texts_bytes_max: 4 << 30,
            articles_max: 200_000,
            articles_days: 365,
            articles_bytes_max: 4 << 30,
            clusters_max: 200_000,
        }
    }
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// `power`: every batch is synced to disk before it is given out, and survives a power cut. `replay`: batches are
    /// synced now and then, which is faster; after a crash, up to 64 batches are read, decided and written again.
    pub survives: Survives,
    /// The journal is folded into a snapshot when it has grown by this many bytes.
    pub snapshot_journal_bytes: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self { survives: Survives::Power, snapshot_journal_bytes: 256 << 20 }
    }
}

/// What a saved batch survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Survives {
    /// A power cut: every batch is synced to disk before it is given out.
    Power,
    /// Nothing by itself: the last batches are decided again after a crash, so the input must still be there.
    Replay,
}

/// `[privacy]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Privacy {
    /// A file with the key (32 bytes in hexadecimal) that authors are pseudonymised with at the door. Without it, authors
    /// are taken as they come: the platform is trusted to have pseudonymised them.
    pub pseudonym_key_file: Option<PathBuf>,
}

/// `[metrics]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Where Prometheus finds them, such as `127.0.0.1:9464`; without it, nowhere.
    pub listen: Option<SocketAddr>,
}

impl Config {
    /// Reads a configuration file's text. Everything that is wrong comes back with its place.
    ///
    /// # Errors
    /// A list of problems, at least one of them an error.
    pub fn read(file: &Arc<str>, text: &str) -> Result<Self, Vec<Problem>> {
        let config: Self = toml::from_str(text).map_err(|error| vec![toml_problem(file, text, &error)])?;
        let problems = config.check(file, text);
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }

    /// The bounds that types cannot hold.
    fn check(&self, file: &Arc<str>, text: &str) -> Vec<Problem> {
        let rooms = self
            .kafka
            .numbers()
            .into_iter()
            .chain(self.index.numbers())
            .chain(self.claims.numbers())
            .chain(self.serve.numbers());
        let numbers = self.numbers().into_iter().chain(rooms);
        let outside = numbers.filter(|&(_, value, min, max)| !(min..=max).contains(&value));
        let mut problems: Vec<Problem> = outside
            .map(|(key, value, min, max)| {
                at_key(Problem::error(file, format!("`{key}` is {value}, and must be from {min} to {max}")), text, key)
            })
            .collect();
        if self.input.paths.is_empty() {
            let problem = Problem::error(file, "`input.paths` is empty").hint("name files, a folder, or \"-\"");
            problems.push(at_key(problem, text, "input.paths"));
        }
        if !(0.0..=1.0).contains(&self.index.ordinary_share) {
            let message = format!("`index.ordinary_share` is {}, and must be from 0 to 1", self.index.ordinary_share);
            let problem = Problem::error(file, message).hint("0 files what was decided on alone, 1 everything");
            problems.push(at_key(problem, text, "index.ordinary_share"));
        }
        if self.input.line_bytes_max < self.bounds.article_text_bytes_max {
            let (line, article) = (self.input.line_bytes_max, self.bounds.article_text_bytes_max);
            let message = format!("`input.line_bytes_max` is {line}, below `bounds.article_text_bytes_max`, {article}");
            let problem = Problem::error(file, message).hint("a line holds a text and the rest of its event");
            problems.push(at_key(problem, text, "input.line_bytes_max"));
        }
        if self.claims.back_days > self.state.ledger_days {
            let (back, ledger) = (self.claims.back_days, self.state.ledger_days);
            let message = format!("`claims.back_days` is {back}, above `state.ledger_days`, {ledger}");
            let hint = "lower claims.back_days or raise state.ledger_days: of what is older nobody knows whether it has its label";
            problems.push(at_key(Problem::error(file, message).hint(hint), text, "claims.back_days"));
        }
        if self.kafka.twins == Twins::Shared && self.kafka.standing == Standing::Local {
            let problem = Problem::error(file, "`kafka.twins` is shared and `kafka.standing` is local")
                .hint("set standing = \"shared\" as well: what is erased is made known to all partitions that way");
            problems.push(at_key(problem, text, "kafka.twins"));
        }
        problems
    }

    /// Every number with the least and the most that it may be.
    fn numbers(&self) -> [(&'static str, u64, u64, u64); 26] {
        const GIB: u64 = 1 << 30;
        const DAY_MS: u64 = 24 * 60 * 60 * 1000;
        let (run, bounds, state, neardup) = (&self.run, &self.bounds, &self.state, &self.neardup);
        let number = |n: usize| n as u64;
        [
            ("input.line_bytes_max", number(self.input.line_bytes_max), 1, GIB),
            ("edition.watch_every_ms", self.edition.watch_every_ms, 10, DAY_MS),
            ("run.threads", number(run.threads), 0, 1024),
            ("run.batch_records_max", number(run.batch_records_max), 1, 1 << 20),
            ("run.batch_bytes_max", number(run.batch_bytes_max), 1, GIB),
            ("run.batch_wait_ms", run.batch_wait_ms, 0, 60_000),
            ("bounds.text_bytes_max", number(bounds.text_bytes_max), 1, GIB),
            ("bounds.article_text_bytes_max", number(bounds.article_text_bytes_max), 1, GIB),
            ("bounds.title_bytes_max", number(bounds.title_bytes_max), 1, GIB),
            ("bounds.links_max", number(bounds.links_max), 0, 65_535),
            // A span names the medium that it points into in one byte.
            ("bounds.media_max", number(bounds.media_max), 0, 256),
            ("bounds.future_ms_max", bounds.future_ms_max.try_into().unwrap_or(u64::MAX), 0, 366 * DAY_MS),
            ("state.authors_max", number(state.authors_max), 1, 1 << 32),
            ("state.rooms_max", number(state.rooms_max), 1, 1 << 32),
            ("state.ids_max", number(state.ids_max), 1, 1 << 32),
            ("state.ledger_days", state.ledger_days.into(), 1, 36_525),
            ("state.ledger_max", number(state.ledger_max), 1, 1 << 32),
            ("state.followed_max", number(state.followed_max), 4, 1 << 32),
            ("neardup.entries_max", number(neardup.entries_max), 1024, 60_000_000),
            ("neardup.window_hours", neardup.window_hours.into(), 1, 24 * 366),
            // Addresses on the disk are told apart within 64 GiB.
            ("neardup.texts_bytes_max", neardup.texts_bytes_max, 1 << 20, 48 * GIB),
            ("neardup.articles_max", number(neardup.articles_max), 1024, 10_000_000),
            ("neardup.articles_days", neardup.articles_days.into(), 1, 3660),
            ("neardup.articles_bytes_max", neardup.articles_bytes_max, 1 << 20, 48 * GIB),
            ("neardup.clusters_max", number(neardup.clusters_max), 1, 1 << 32),
            ("store.snapshot_journal_bytes", self.store.snapshot_journal_bytes, 1, 1 << 40),
        ]
    }
}

/// The problem at the line of its key, where the file has it: `section.key` stands as `key =` below `[section]`.
fn at_key(problem: Problem, text: &str, key: &str) -> Problem {
    let (section, name) = key.split_once('.').unwrap_or(("", key));
    let below = text.lines().enumerate().skip_while(|(_, line)| line.trim() != format!("[{section}]"));
    let is_key = |line: &str| line.split('=').next().is_some_and(|left| left.trim() == name);
    match below.skip(1).take_while(|(_, line)| !line.trim_start().starts_with('[')).find(|(_, line)| is_key(line)) {
        Some((number, line)) => {
            let column = line.chars().take_while(|c| c.is_whitespace()).count() + 1;
            problem.at(number as u32 + 1, column as u32, name.chars().count() as u32)
        }
        None => problem,
    }
}

/// A parser's error with its place, and the nearest key where one was misspelt.
fn toml_problem(file: &Arc<str>, text: &str, error: &toml::de::Error) -> Problem {
    let problem = Problem::error(file, error.message());
    let problem = match error.span() {
        Some(span) => {
            let (line, column) = place(text, span.start);
            let length = text.get(span.clone()).map_or(1, |s| s.chars().count().max(1));
            problem.at(line, column, u32::try_from(length).unwrap_or(u32::MAX))
        }
        None => problem,
    };
    match misspelt(error.message()) {
        Some(right) => problem.hint(format!("did you mean `{right}`?")),
        None => problem,
    }
}

/// Line and column, both from 1, of a byte of the text.
fn place(text: &str, byte: usize) -> (u32, u32) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// The nearest of the names that serde's message lists: "unknown field `a`, expected one of `b`, `c`".
fn misspelt(message: &str) -> Option<&str> {
    let mut names = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let wrong = names.next()?;
    nearest(wrong, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Config, Vec<Problem>> {
        Config::read(&"tidegate.toml".into(), text)
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(read("").expect("nothing is wrong with nothing"), Config::default());
    }

    #[test]
    fn mistakes_are_told_with_their_place_and_the_way_out() {
        let cases = [
            ("[run]\nthread = 2\n", 2, 1, "did you mean `threads`?"),
            ("[input]\npaths = []\n", 2, 1, "name files, a folder, or \"-\""),
            (
                "[state]\nledger_days = 40\n[claims]\nback_days = 41\n",
                4,
                1,
                "lower claims.back_days or raise state.ledger_days: of what is older nobody knows whether it has its label",
            ),
            ("[input]\nline_bytes_max = 1000\n", 2, 1, "a line holds a text and the rest of its event"),
        ];
        for (text, line, column, hint) in cases {
            let problems = read(text).expect_err(text);
            assert_eq!((problems[0].line, problems[0].column), (line, column), "{text}");
            assert_eq!(problems[0].hint.as_deref(), Some(hint), "{text}");
        }
    }

    #[test]
    fn a_wrong_type_names_its_place() {
        let problems = read("[run]\nthreads = \"two\"\n").expect_err("a string is no number");
        assert_eq!((problems[0].line, problems[0].column), (2, 11));
    }
}
