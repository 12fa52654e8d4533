//! From configuration and arguments to what the loop is given.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueHint};

use crate::config::{self, Config};
use crate::io::wire::Bounds;
use crate::io::{BatchLimits, FileSource, FolderSource, FollowOptions, Pseudonyms, ReadOptions, Source, open_input};
use crate::problem::Problem;
use crate::state::{self, Keys};
use crate::stream;

use super::Output;

/// Which events to read, for commands that only look.
#[derive(Args, Clone, Debug)]
pub(super) struct InputArgs {
    /// JSONL files (plain, .gz, .zst), one folder, or - for standard input.
    #[arg(long, short, value_name = "PATH", num_args = 1.., default_value = "-", value_hint = ValueHint::AnyPath)]
    pub(super) input: Vec<PathBuf>,
    /// Stop after so many records.
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
    /// Threads that observe; 0 takes one for each core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) threads: usize,
}

impl InputArgs {
    /// The configuration of a command that has no configuration file.
    pub(super) fn config(&self) -> Config {
        let mut config = Config::default();
        config.input.paths.clone_from(&self.input);
        config.run.threads = self.threads;
        config
    }
}

/// Reads the configuration file, if one is named; its problems are shown with their places.
pub(super) fn read_config(path: Option<&Path>, output: &Output) -> anyhow::Result<Config> {
    let Some(path) = path else { return Ok(Config::default()) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Config::read(&path.to_string_lossy().into(), &text).map_err(|problems| {
        let shown: Vec<String> =
            problems.iter().map(|problem: &Problem| output.err.problem(problem, Some(&text))).collect();
        eprint!("{}", shown.join("\n"));
        anyhow!("the configuration has mistakes; `tidegate schema config` and docs/config.md list every key")
    })
}

/// A source over what the configuration names. A folder that is not followed is read file by file and ends.
pub(super) fn source(input: &config::Input) -> anyhow::Result<Box<dyn Source>> {
    let read = ReadOptions { line_bytes_max: input.line_bytes_max, ..ReadOptions::default() };
    let follow = FollowOptions { read, ..FollowOptions::default() };
    match input.paths.as_slice() {
        [folder] if folder.is_dir() && input.follow => Ok(Box::new(FolderSource::open(folder, follow)?)),
        [folder] if folder.is_dir() => Ok(Box::new(FileSource::files(&files_in(folder)?, read)?)),
        _ if input.follow => bail!("only a folder can be followed: name one folder with --input"),
        paths => Ok(open_input(paths, &follow)?),
    }
}

/// The files of a folder that the followed folder would read, by name.
fn files_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|path| path.is_file() && !is_passed_over(path));
    files.sort_unstable();
    if files.is_empty() {
        bail!("{} holds no files to read", folder.display());
    }
    Ok(files)
}

fn is_passed_over(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.starts_with('.') || [".tmp", ".part", "~"].iter().any(|end| name.ends_with(end))
}

/// What the loop is given.
pub(super) fn options(config: &Config, limit: Option<u64>) -> anyhow::Result<stream::Options> {
    let Config { run, state, .. } = config;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(stream::Options {
        threads: if run.threads == 0 { cores } else { run.threads },
        batch: BatchLimits {
            records_max: run.batch_records_max,
            bytes_max: run.batch_bytes_max,
            wait: Duration::from_millis(run.batch_wait_ms),
        },
        records_max: limit,
        snapshot_journal_bytes: config.store.snapshot_journal_bytes,
        bounds: bounds(&config.bounds),
        pseudonyms: config.privacy.pseudonym_key_file.as_deref().map(pseudonyms).transpose()?,
        state: state::Options {
            ids_max: state.ids_max,
            authors_max: state.authors_max,
            rooms_max: state.rooms_max,
            accounts_max: state.authors_max,
            ledger_ms: i64::from(state.ledger_days) * 24 * 60 * 60 * 1000,
            ledger_max: state.ledger_max,
        },
        keys: Keys::new(&state.seed.to_le_bytes()),
    })
}

fn bounds(bounds: &config::Bounds) -> Bounds {
    Bounds {
        text_bytes_max: bounds.text_bytes_max,
        article_text_bytes_max: bounds.article_text_bytes_max,
        title_bytes_max: bounds.title_bytes_max,
        links_max: bounds.links_max,
        media_max: bounds.media_max,
        future_ms_max: bounds.future_ms_max,
        ..Bounds::default()
    }
}

/// Reads a key: 64 hexadecimal digits.
fn pseudonyms(path: &Path) -> anyhow::Result<Pseudonyms> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the key {}", path.display()))?;
    let key = blake3::Hash::from_hex(text.trim()).with_context(|| {
        format!("{} does not hold 64 hexadecimal digits: make them with `openssl rand -hex 32`", path.display())
    })?;
    Ok(Pseudonyms::keyed(*key.as_bytes()))
}

/// The time with which the edition's matcher is seeded apart from the state's keys.
pub(super) fn build_options(config: &Config) -> crate::pipeline::BuildOptions {
    crate::pipeline::BuildOptions { seed: config.state.seed }
}

/// An error of the loop with what to do about it.
pub(super) fn explain_stream_error(error: stream::StreamError) -> anyhow::Error {
    let hint = error.hint().to_owned();
    anyhow::Error::new(error).context(Arc::<str>::from(hint).to_string())
}
