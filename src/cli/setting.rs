//! From configuration and arguments to what the loop is given.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueHint};

use crate::config::{self, Config};
use crate::event::{Millis, parse_rfc3339};
use crate::io::wire::Bounds;
use crate::io::{
    BatchLimits, Clock, FileSource, FileTexts, FileTextsError, FileTextsOptions, FolderSource, FollowOptions,
    ManualClock, NullSink, PipeResumes, PipeSink, Pseudonyms, ReadOptions, Sink, Source, is_passed_over, open_input,
};
use crate::neardup::Seed;
use crate::pipeline::{CopyOptions, TwinOptions};
use crate::problem::Problem;
use crate::state::{self, Keys};
use crate::stream::{self, TextLogs};

use super::Output;

/// Which events to read, for commands that only look.
#[derive(Args, Clone, Debug)]
pub(super) struct InputArgs {
    /// JSONL files (plain, .gz, .zst), one folder, or - for standard input.
    #[arg(long, short, value_name = "PATH", num_args = 1.., default_value = "-", value_hint = ValueHint::AnyPath)]
    pub(super) input: Vec<PathBuf>,
    /// The settings that `run` had: its bounds, seed and pseudonyms belong to its decisions.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) config: Option<PathBuf>,
    /// Stop after so many records.
    #[arg(long, value_name = "N")]
    pub(super) limit: Option<u64>,
    /// The time that it was when the stream came in (RFC 3339 or epoch milliseconds): records dated further ahead of it
    /// than the configuration allows are refused, as they were then. Without it nobody knows, and only what is dated past
    /// 2099 is refused; the clock of today is never asked.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(super) now: Option<Millis>,
    /// Threads that observe; 0 takes one for each core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) threads: usize,
}

impl InputArgs {
    /// The configuration with the arguments over it: bounds, seed and pseudonyms are those of `run`.
    pub(super) fn config(&self, output: &Output) -> anyhow::Result<Config> {
        let mut config = read_config(self.config.as_deref(), output)?;
        config.input.paths.clone_from(&self.input);
        config.run.threads = self.threads;
        Ok(config)
    }

    /// What future times are held against: a recorded stream is judged the same whenever it is looked at.
    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.now.map_or_else(ManualClock::of_recordings, ManualClock::at))
    }
}

/// Reads a time of an argument.
pub(super) fn time(text: &str) -> Result<Millis, String> {
    parse_rfc3339(text)
        .or_else(|| text.parse().ok())
        .ok_or_else(|| "write RFC 3339, such as 2026-09-01T08:00:00Z, or epoch milliseconds".into())
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
    let pipe_resumes = match input.pipe {
        config::Pipe::Whole => PipeResumes::FromStart,
        config::Pipe::Live => PipeResumes::Live,
    };
    let read = ReadOptions { line_bytes_max: input.line_bytes_max, pipe_resumes };
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
    files
        .retain(|path| path.is_file() && !path.file_name().is_some_and(|name| is_passed_over(&name.to_string_lossy())));
    files.sort_unstable();
    if files.is_empty() {
        bail!("{} holds no files to read", folder.display());
    }
    Ok(files)
}

/// What the loop is given.
pub(super) fn options(config: &Config, limit: Option<u64>) -> anyhow::Result<stream::Options> {
    let Config { run, state, .. } = config;
    let key = config.privacy.pseudonym_key_file.as_deref().map(pseudonym_key).transpose()?;
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
        pseudonyms: key.map(Pseudonyms::keyed),
        state: state::Options {
            ids_max: state.ids_max,
            authors_max: state.authors_max,
            rooms_max: state.rooms_max,
            accounts_max: state.authors_max,
            ledger_ms: i64::from(state.ledger_days) * 24 * 60 * 60 * 1000,
            ledger_max: state.ledger_max,
            followed_max: state.followed_max,
            clusters_max: config.neardup.clusters_max,
            // As long as a copy may come, and a day for what comes late.
            clusters_ms: (i64::from(config.neardup.window_hours) + 24) * HOUR_MS,
        },
        copies: config.neardup.enabled.then(|| copies(&config.neardup)),
        board: None,
        others: None,
        keys: keys(state.seed, key.as_ref()),
    })
}

const HOUR_MS: i64 = 60 * 60 * 1000;

fn copies(neardup: &config::Neardup) -> CopyOptions {
    CopyOptions {
        twins: TwinOptions {
            entries_max: neardup.entries_max,
            window_ms: i64::from(neardup.window_hours) * HOUR_MS,
            text_bytes_max: neardup.texts_bytes_max,
        },
        articles: TwinOptions {
            entries_max: neardup.articles_max,
            window_ms: i64::from(neardup.articles_days) * 24 * HOUR_MS,
            text_bytes_max: neardup.articles_bytes_max,
        },
    }
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

/// The state's keys depend on the pseudonyms' key too: state that was kept under other pseudonyms is refused, because
/// its strikes would match nobody and its authors could not be forgotten.
fn keys(seed: u64, pseudonym_key: Option<&[u8; 32]>) -> Keys {
    let mut secret = seed.to_le_bytes().to_vec();
    secret.extend(pseudonym_key.iter().flat_map(|key| *blake3::hash(*key).as_bytes()));
    Keys::new(&secret)
}

/// Reads a key: 64 hexadecimal digits.
fn pseudonym_key(path: &Path) -> anyhow::Result<[u8; 32]> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the key {}", path.display()))?;
    let key = blake3::Hash::from_hex(text.trim()).with_context(|| {
        format!("{} does not hold 64 hexadecimal digits: make them with `openssl rand -hex 32`", path.display())
    })?;
    Ok(*key.as_bytes())
}

/// The edition's matcher hashes under the deployment's seed.
pub(super) fn build_options(config: &Config) -> crate::pipeline::BuildOptions {
    crate::pipeline::BuildOptions { seed: config.state.seed }
}

/// Logs for the texts that later ones are compared with, which go when the command ends; `None` where copies are not looked for.
pub(super) fn temporary_texts(options: &stream::Options) -> anyhow::Result<Option<TextLogs>> {
    Ok(open_temporary_texts(options)?)
}

/// The same, for those who tell what failed themselves.
pub(super) fn open_temporary_texts(options: &stream::Options) -> Result<Option<TextLogs>, FileTextsError> {
    let open = || FileTexts::temporary(texts_options(options)).map(Arc::new);
    options.copies.map(|_| Ok([open()?, open()?])).transpose()
}

/// The logs below an output folder. Where the journal begins anew, so do they.
pub(super) fn texts(options: &stream::Options, dir: &Path, is_resumed: bool) -> anyhow::Result<Option<TextLogs>> {
    let dirs = ["window", "articles"].map(|name| dir.join("texts").join(name));
    for dir in dirs.iter().filter(|_| !is_resumed) {
        remove_segments(dir).with_context(|| format!("cannot begin {} anew", dir.display()))?;
    }
    let open = |dir: &PathBuf| FileTexts::open(dir, texts_options(options)).map(Arc::new);
    let [window, articles] = &dirs;
    Ok(options.copies.map(|_| Ok::<_, FileTextsError>([open(window)?, open(articles)?])).transpose()?)
}

pub(super) fn texts_options(options: &stream::Options) -> FileTextsOptions {
    let check = Seed::new(options.keys.neardup_seed()).check();
    FileTextsOptions { check, ..FileTextsOptions::default() }
}

/// Removes what an earlier run left, and nothing else that may stand there.
fn remove_segments(dir: &Path) -> std::io::Result<()> {
    if !dir.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "texts") {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Where rejects go beside a stream of decisions: a file, or nowhere but into the counts.
pub(super) fn rejects(path: Option<&Path>) -> anyhow::Result<Box<dyn Sink>> {
    Ok(match path {
        None => Box::new(NullSink),
        Some(path) => {
            let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
            Box::new(PipeSink::new(file, path))
        }
    })
}
