//! `tidegate run`: the stage itself.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum, ValueHint};
use metrics_exporter_prometheus::PrometheusBuilder;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, Survives};
use crate::io::{
    Clock, Durability, FileSink, NullStore, PipeSink, RedbStore, Sink, Source, StateStore, StoreOptions, SystemClock,
    instant,
};
#[cfg(not(feature = "kafka"))]
use crate::pipeline::BuildOptions;
use crate::pipeline::Edition;
use crate::problem::Problem;
use crate::stream::{self, Control, EditionFolders, Editions, Ends};

use super::edition::{self, EditionArgs};
use super::indexing::Indexing;
use super::report::{self, Report};
use super::{Output, health, indexing, progress, serve, setting};

/// Decides on a stream: events in, fold / limit / label out.
///
/// OUTPUT gets actions.jsonl (one decision a line, in input order), rejects.jsonl (what could not be taken, with reason and
/// raw bytes), index/ (what `tidegate search` finds), and journal.redb and texts/, from which a stopped run goes on: run the same
/// command again.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate run --input events.jsonl.zst --output out
  zstdcat events.zst | tidegate run --input - --output - > decisions.jsonl
  tidegate run --config deploy/tidegate.toml
  tidegate run --config deploy/kafka.toml
  tidegate run --input inbox/ --follow --output out --metrics 127.0.0.1:9464
  tidegate run --input inbox/ --follow --output out --serve 127.0.0.1:8080

Stopped by SIGINT or SIGTERM, it saves what it has read and exits with 0.")]
pub(super) struct RunArgs {
    /// Settings; arguments go before them. See docs/config.md.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// JSONL files (plain, .gz, .zst), one folder, or - for standard input.
    #[arg(long, short, value_name = "PATH", num_args = 1.., value_hint = ValueHint::AnyPath)]
    input: Vec<PathBuf>,
    /// Where decisions, rejects and the journal go; - writes decisions to standard output and keeps no journal.
    #[arg(long, short, value_name = "DIR", value_hint = ValueHint::DirPath)]
    output: Option<PathBuf>,
    #[command(flatten)]
    edition: EditionArgs,
    /// A file for what could not be taken, where decisions go to standard output; without it, only counts are printed.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    rejects: Option<PathBuf>,
    /// Threads that observe; 0 takes one for each core. Decisions do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Stop after so many records.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Records in a batch, at most. Decisions do not depend on it.
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Wait for more when a folder's files are read to their end.
    #[arg(long)]
    follow: bool,
    /// What is kept for `tidegate search`, besides what was decided on: `none` of the rest, `all`, a share such as 0.01 (the
    /// default, chosen by the event's id); `off` keeps nothing.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    index: Option<Share>,
    /// Show over HTTP there what is decided, beside the stream: the reading half of `tidegate serve`. See docs/api.md.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "metrics")]
    serve: Option<SocketAddr>,
    /// Serve metrics for Prometheus there.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// How log lines are written to standard error; `TIDEGATE_LOG` sets which (default: warn).
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log: LogFormat,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For machines: one object a line.
    Json,
}

/// `--index`
#[derive(Clone, Copy, Debug, PartialEq)]
enum Share {
    Off,
    Of(f64),
}

fn share(text: &str) -> Result<Share, String> {
    let share = match text {
        "off" => Some(Share::Off),
        "none" => Some(Share::Of(0.0)),
        "all" => Some(Share::Of(1.0)),
        _ => text.parse().ok().filter(|share| (0.0..=1.0).contains(share)).map(Share::Of),
    };
    share.ok_or_else(|| "write off, none, all, or a share from 0 to 1".to_owned())
}

impl RunArgs {
    /// The configuration with the arguments over it.
    fn config(&self, output: &Output) -> anyhow::Result<Config> {
        let mut config = setting::read_config(self.config.as_deref(), output)?;
        if !self.input.is_empty() {
            config.input.paths.clone_from(&self.input);
        }
        if let Some(dir) = &self.output {
            config.output.dir.clone_from(dir);
        }
        config.input.follow |= self.follow;
        config.edition.dir = self.edition.edition.clone().or(config.edition.dir);
        config.edition.overlay = self.edition.overlay.clone().or(config.edition.overlay);
        config.run.threads = self.threads.unwrap_or(config.run.threads);
        config.run.batch_records_max = self.batch.unwrap_or(config.run.batch_records_max).max(1);
        match self.index {
            Some(Share::Off) => config.index.enabled = Some(false),
            Some(Share::Of(share)) => (config.index.enabled, config.index.ordinary_share) = (Some(true), share),
            None => {}
        }
        config.metrics.listen = self.metrics.or(config.metrics.listen);
        config.serve.listen = self.serve.unwrap_or(config.serve.listen);
        if self.serve.is_some() {
            self.check_serve(&config)?;
        }
        Ok(config)
    }

    /// What is shown is what one folder holds, with /metrics beside it.
    fn check_serve(&self, config: &Config) -> anyhow::Result<()> {
        if is_stdout(&config.output.dir) {
            bail!("--serve shows what is kept: name a folder with --output");
        }
        if !config.kafka.brokers.is_empty() {
            bail!("--serve shows one folder, and on a cluster each instance has a part: leave --serve or [kafka] out");
        }
        if config.metrics.listen.is_some() {
            bail!("--serve has /metrics itself: leave [metrics] listen out");
        }
        Ok(())
    }
}

pub(super) fn run(args: &RunArgs, output: &Output) -> anyhow::Result<ExitCode> {
    start_logging(args.log, output)?;
    let config = args.config(output)?;
    let is_of_files = !args.input.is_empty() || args.follow || args.limit.is_some() || args.rejects.is_some();
    if is_of_files && !config.kafka.brokers.is_empty() {
        bail!(
            "--input, --follow, --limit and --rejects are for files, and [kafka] brokers names a cluster: leave one out"
        );
    }
    let served = args.serve.map(|_| serve::start_metrics()).transpose()?;
    start_metrics(config.metrics.listen)?;
    let options = setting::options(&config, args.limit)?;
    let folders = EditionFolders { base: config.edition.dir.clone(), overlay: config.edition.overlay.clone() };
    let build = setting::build_options(&config);
    let mut cluster = Cluster::open(&config, &build, output)?;
    let edition = match cluster.as_mut().and_then(Cluster::take_edition) {
        Some(published) => published,
        None => edition::open_folders(&folders, &build, output, stream::build_checked)?,
    };
    tracing::info!(edition = &*edition.id, rules = edition.rulebook.rules().len(), "edition in force");
    let control = Arc::new(Control::default());
    stop_on_signal(&control)?;
    let started = instant();
    let watches = config.edition.watch && !cluster.as_ref().is_some_and(Cluster::gives_editions);
    let watched = watches.then_some(&folders).filter(|folders| folders.base.is_some() || folders.overlay.is_some());
    let indexing = indexing::open(&config)?;
    let summary = alongside(&config, watched, edition, &control, output, |editions| match cluster {
        None => {
            let ends = ends(&config, &options, args.rejects.as_deref(), indexing.as_ref())?;
            if let Some(address) = config.health.listen {
                health::serve(address, Arc::new(|| true))?;
            }
            let work = |ends| -> anyhow::Result<_> { Ok(stream::run(ends, editions, &options, &control)?) };
            indexing::beside(indexing.as_ref(), &control, output, || match served {
                None => work(ends),
                Some(metrics) => {
                    serve::first_token(&config.output.dir)?;
                    let hub = serve::open(&config, &options, &folders, editions, None, metrics)?;
                    serve::beside(&hub, ends, output, work)
                }
            })
        }
        Some(cluster) => {
            let work = || cluster.run(&config, &options, editions, &control, indexing.as_ref());
            indexing::beside(indexing.as_ref(), &control, output, work)
        }
    });
    let summary = summary?;
    let report = Report { summary: &summary, elapsed: started.elapsed(), dir: &config.output.dir };
    if is_stdout(&config.output.dir) {
        report::print(&report, &mut io::stderr().lock(), output.err, output.json)?;
    } else {
        report::print(&report, &mut io::stdout().lock(), output.out, output.json)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "kafka")]
use super::kafka::Cluster;

/// What a build without Kafka has in its place: nothing.
#[cfg(not(feature = "kafka"))]
enum Cluster {}

#[cfg(not(feature = "kafka"))]
impl Cluster {
    fn open(config: &Config, _: &BuildOptions, _: &Output) -> anyhow::Result<Option<Self>> {
        if config.kafka.brokers.is_empty() {
            return Ok(None);
        }
        bail!("this build has no Kafka: build it with `--features kafka`, or leave [kafka] out")
    }

    fn take_edition(&mut self) -> Option<Arc<Edition>> {
        match *self {}
    }

    fn gives_editions(&self) -> bool {
        match *self {}
    }

    fn run(
        self,
        _: &Config,
        _: &stream::Options,
        _: &Editions,
        _: &Control,
        _: Option<&Indexing>,
    ) -> anyhow::Result<stream::Summary> {
        match self {}
    }
}

/// Runs `work` with the progress bar drawn and the edition's folders, if any are to be, watched beside it.
pub(super) fn alongside<T>(
    config: &Config,
    folders: Option<&EditionFolders>,
    edition: Arc<Edition>,
    control: &Control,
    output: &Output,
    work: impl FnOnce(&Arc<Editions>) -> T,
) -> T {
    let editions = Arc::new(Editions::new(edition));
    thread::scope(|scope| {
        let (watch_until, watched) = mpsc::channel();
        if let Some(folders) = folders {
            let every = Duration::from_millis(config.edition.watch_every_ms);
            let options = setting::build_options(config);
            let editions = &editions;
            scope.spawn(move || stream::watch(folders, &options, every, editions, &watched, tell));
        }
        let done = progress::alongside(control, output, || work(&editions));
        drop(watch_until);
        done
    })
}

/// Logs what became of a changed edition.
pub(super) fn tell(outcome: Result<&str, &[Problem]>) {
    match outcome {
        Ok(edition) => tracing::info!(edition, "edition in force"),
        Err(problems) => {
            tracing::error!(problems = problems.len(), "the changed edition is refused, the old one stays");
            problems.iter().for_each(|problem| tracing::error!(problem = %problem, "problem of the refused edition"));
        }
    }
}

/// What the loop stands between.
fn ends(
    config: &Config,
    options: &stream::Options,
    rejects: Option<&Path>,
    indexing: Option<&Indexing>,
) -> anyhow::Result<Ends> {
    let source = setting::source(&config.input)?;
    let dir = &config.output.dir;
    if is_stdout(dir) {
        let (actions, rejects) = (Box::new(PipeSink::stdout()), setting::rejects(rejects)?);
        let texts = setting::temporary_texts(options)?;
        let (store, clock) = (Box::new(NullStore), Arc::new(SystemClock));
        return Ok(Ends { source, actions, rejects, store, texts, cases: None, clock });
    }
    kept(config, options, source, indexing)
}

/// What it stands between where all of it is kept in the output folder.
pub(super) fn kept(
    config: &Config,
    options: &stream::Options,
    source: Box<dyn Source>,
    indexing: Option<&Indexing>,
) -> anyhow::Result<Ends> {
    let dir = &config.output.dir;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make the output folder {}", dir.display()))?;
    let durability = match config.store.survives {
        Survives::Power => Durability::Immediate,
        Survives::Replay => Durability::Eventual { every: 64 },
    };
    let store = RedbStore::open(dir.join("journal.redb"), StoreOptions { durability, ..StoreOptions::default() })?;
    let is_resumed = store.last_seq().is_some();
    let (actions, rejects) =
        (sink(&dir.join("actions.jsonl"), is_resumed)?, sink(&dir.join("rejects.jsonl"), is_resumed)?);
    let texts = setting::texts(options, dir, is_resumed)?;
    let cases = indexing.map(|indexing| indexing.cases(is_resumed)).transpose()?;
    Ok(Ends { source, actions, rejects, store: Box::new(store) as Box<dyn StateStore>, texts, cases, clock })
}

/// A new file, or one that the journal knows.
pub(super) fn sink(path: &Path, is_resumed: bool) -> anyhow::Result<Box<dyn Sink>> {
    Ok(Box::new(if is_resumed { FileSink::open(path)? } else { FileSink::create(path)? }))
}

pub(super) fn is_stdout(dir: &Path) -> bool {
    dir.as_os_str() == "-"
}

pub(super) fn start_logging(format: LogFormat, output: &Output) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().with_env_var("TIDEGATE_LOG").with_default_directive(tracing::Level::WARN.into());
    let filter =
        filter.from_env().context("TIDEGATE_LOG is not a list of levels such as `info` or `tidegate=debug`")?;
    let log =
        tracing_subscriber::fmt().with_writer(io::stderr).with_env_filter(filter).with_ansi(output.err.is_colored());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

/// From a millisecond to the ten seconds at which somebody should have looked long ago.
pub(super) const LATENCY_BUCKETS_SECONDS: [f64; 11] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0];

fn start_metrics(listen: Option<SocketAddr>) -> anyhow::Result<()> {
    let Some(address) = listen else { return Ok(()) };
    PrometheusBuilder::new()
        .with_http_listener(address)
        .set_buckets(&LATENCY_BUCKETS_SECONDS)
        .context("latency buckets")?
        .install()
        .with_context(|| format!("cannot serve metrics on {address}"))?;
    stream::describe_metrics();
    tracing::info!(%address, "metrics are served");
    Ok(())
}

/// The first signal asks the loop to finish; the second one ends the process, which resumes like any other.
fn stop_on_signal(control: &Arc<Control>) -> anyhow::Result<()> {
    let control = Arc::clone(control);
    on_signal(move || control.stop())
}

/// Calls `stop` at every signal to end; where it says that it was asked before, the process ends at once.
pub(super) fn on_signal(stop: impl Fn() -> bool + Send + 'static) -> anyhow::Result<()> {
    let asked = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if stop() && !asked.swap(true, Ordering::Relaxed) {
            let _ = writeln!(io::stderr(), "stopping: saving what was read; once more to stop at once");
        } else {
            #[expect(clippy::disallowed_methods, reason = "asked twice; what was saved is safe at any point")]
            std::process::exit(130);
        }
    })
    .context("cannot listen for signals")
}
