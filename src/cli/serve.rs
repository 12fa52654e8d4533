//! `tidegate serve`: the stage behind HTTP.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueHint};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::config::{self, Config};
use crate::io::{
    Clock, Desk, DeskOptions, DeskSource, StateStore, SystemClock, WitnessedSource, WitnessedStore, instant,
};
use crate::serve::{self, Hub, Options, Parts, Role, Server, Tokens};
use crate::stream::{self, Control, EditionFolders, Editions, Ends};
use crate::text::fold_to_string;

use super::edition::{self, EditionArgs};
use super::report::{self, Report};
use super::run::{self, LogFormat};
use super::{Output, indexing, setting};

/// Decides on what is handed in over HTTP, and answers who asks what was decided and why.
///
/// It has /metrics, /healthz and /readyz itself: [metrics] and [health] are for `run`. OUTPUT gets what `run` writes there, and tokens.json, audit.jsonl and reviews.jsonl. The first start makes a token of role
/// admin and prints it, once.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate serve --output out
  tidegate serve --config deploy/tidegate.toml --listen 127.0.0.1:9000
  curl -H \"Authorization: Bearer $TOKEN\" -d @event.json http://127.0.0.1:8080/v1/decide

Stopped by SIGINT or SIGTERM, it answers what it has begun and exits with 0.")]
pub(super) struct ServeArgs {
    /// Settings; arguments go before them. See docs/config.md.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Where decisions, rejects, the journal, tokens and the audit log go.
    #[arg(long, short, value_name = "DIR", value_hint = ValueHint::DirPath)]
    output: Option<PathBuf>,
    #[command(flatten)]
    edition: EditionArgs,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Listen beyond loopback without TLS: something before it speaks TLS.
    #[arg(long)]
    plain: bool,
    /// How log lines are written to standard error; `TIDEGATE_LOG` sets which (default: warn).
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log: LogFormat,
}

impl ServeArgs {
    fn config(&self, output: &Output) -> anyhow::Result<Config> {
        let mut config = setting::read_config(self.config.as_deref(), output)?;
        if let Some(dir) = &self.output {
            config.output.dir.clone_from(dir);
        }
        config.edition.dir = self.edition.edition.clone().or(config.edition.dir);
        config.edition.overlay = self.edition.overlay.clone().or(config.edition.overlay);
        config.serve.listen = self.listen.unwrap_or(config.serve.listen);
        config.serve.plain |= self.plain;
        if !config.kafka.brokers.is_empty() {
            bail!("[kafka] brokers names a cluster, and the service decides on what is handed in: leave one out");
        }
        if run::is_stdout(&config.output.dir) {
            bail!("the service keeps what it answers for: name a folder with --output");
        }
        Ok(config)
    }
}

pub(super) fn run(args: &ServeArgs, output: &Output) -> anyhow::Result<ExitCode> {
    run::start_logging(args.log, output)?;
    let config = args.config(output)?;
    let metrics = start_metrics()?;
    let options = setting::options(&config, None)?;
    let folders = EditionFolders { base: config.edition.dir.clone(), overlay: config.edition.overlay.clone() };
    let build = setting::build_options(&config);
    let edition = edition::open_folders(&folders, &build, output, stream::build_checked)?;
    let desk = Desk::new("http", desk_options(&config.serve));
    let indexing = indexing::open(&config)?;
    let ends = run::kept(&config, &options, Box::new(DeskSource(Arc::clone(&desk))), indexing.as_ref())?;
    first_token(&config.output.dir)?;
    let control = Arc::new(Control::default());
    let started = instant();
    let has_folders = folders.base.is_some() || folders.overlay.is_some();
    let watched = Some(&folders).filter(|_| config.edition.watch && has_folders);
    let summary = run::alongside(&config, watched, edition, &control, output, |editions| {
        let hub = open(&config, &options, &folders, editions, Some(&desk), metrics)?;
        indexing::beside(indexing.as_ref(), &control, output, || stand(&hub, &desk, ends, &options, &control, output))
    })?;
    let report = Report { summary: &summary, elapsed: started.elapsed(), dir: &config.output.dir };
    report::print(&report, &mut std::io::stdout().lock(), output.out, output.json)?;
    Ok(ExitCode::SUCCESS)
}

/// What the service is built over; without a desk, it only shows what another stream comes to.
pub(super) fn open(
    config: &Config,
    options: &stream::Options,
    folders: &EditionFolders,
    editions: &Arc<Editions>,
    desk: Option<&Arc<Desk>>,
    metrics: PrometheusHandle,
) -> anyhow::Result<Arc<Hub>> {
    let parts = Parts {
        dir: config.output.dir.clone(),
        index: config.index.dir.clone().unwrap_or_else(|| config.output.dir.join("index")),
        fold: fold_to_string,
        desk: desk.cloned(),
        editions: Arc::clone(editions),
        folders: folders.clone(),
        build: setting::build_options(config),
        stream: options.clone(),
        temporary_texts: Box::new({
            let options = options.clone();
            move || setting::open_temporary_texts(&options)
        }),
        clock: Arc::new(SystemClock),
        metrics: Some(metrics),
    };
    Ok(Hub::open(parts, serve_options(&config.serve)?)?)
}

/// What the loop stands between, with the service told of what is saved.
fn heard(ends: Ends, hub: &Arc<Hub>) -> Ends {
    let witness: Arc<Hub> = Arc::clone(hub);
    Ends {
        source: Box::new(WitnessedSource::new(ends.source, Arc::clone(&witness) as _)),
        store: Box::new(WitnessedStore::new(ends.store, witness)) as Box<dyn StateStore>,
        ..ends
    }
}

/// Begins to listen, and says where.
fn listen(hub: &Arc<Hub>, output: &Output) -> anyhow::Result<Server> {
    let server = serve::start(hub)?;
    let scheme = if hub.speaks_tls() { "https" } else { "http" };
    let told = output.err.paint(super::Role::Quiet, format!("listening on {scheme}://{}", server.address()));
    writeln!(std::io::stderr(), "{told}")?;
    Ok(server)
}

/// Does a run's `work` with a service beside it, which shows what it comes to.
pub(super) fn beside<T>(
    hub: &Arc<Hub>,
    ends: Ends,
    output: &Output,
    work: impl FnOnce(Ends) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut server = listen(hub, output)?;
    let done = work(heard(ends, hub));
    server.stop();
    done
}

/// Serves until a signal comes or the loop fails. A signal closes the door first, then lets the loop finish.
fn stand(
    hub: &Arc<Hub>,
    desk: &Arc<Desk>,
    ends: Ends,
    options: &stream::Options,
    control: &Arc<Control>,
    output: &Output,
) -> anyhow::Result<stream::Summary> {
    let ends = heard(ends, hub);
    let mut server = listen(hub, output)?;
    let (signal, signalled) = mpsc::channel();
    run::on_signal(move || signal.send(()).is_ok())?;
    let (end, ended) = mpsc::channel::<()>();
    let done = thread::scope(|scope| {
        scope.spawn(move || {
            // Waits for a signal, or for the loop to end by itself.
            while ended.try_recv() != Err(mpsc::TryRecvError::Disconnected) {
                if signalled.recv_timeout(LOOK_EVERY).is_ok() {
                    break;
                }
            }
            server.stop();
            desk.close();
        });
        let summary = stream::run(ends, hub.editions(), options, control);
        // Whoever waits still is told to come again.
        desk.abandon();
        drop(end);
        Ok(summary?)
    });
    hub.end();
    done
}

/// How often the service looks whether its loop has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub(super) fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new().set_buckets(&run::LATENCY_BUCKETS_SECONDS).context("latency buckets")?;
    let handle = builder.install_recorder().context("cannot count")?;
    stream::describe_metrics();
    Ok(handle)
}

/// Where nobody has a token yet, an admin's is made and shown: this once.
pub(super) fn first_token(dir: &Path) -> anyhow::Result<()> {
    let tokens = Tokens::of(dir);
    if !tokens.list()?.is_empty() {
        return Ok(());
    }
    let token = super::token::add(dir, "admin", Role::Admin, SystemClock.now())?;
    writeln!(std::io::stderr(), "the first token, of role admin, shown this once: {token}")?;
    Ok(())
}

fn desk_options(serve: &config::Serve) -> DeskOptions {
    DeskOptions { records_max: serve.queue_records_max, bytes_max: serve.queue_bytes_max }
}

fn serve_options(serve: &config::Serve) -> anyhow::Result<Options> {
    let tls = match (&serve.tls_certificate, &serve.tls_key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        _ => bail!("`serve.tls_certificate` and `serve.tls_key` go together: set both or neither"),
    };
    Ok(Options {
        listen: serve.listen,
        tls,
        plain: serve.plain,
        body_bytes_max: serve.body_bytes_max,
        bodies_bytes_max: serve.queue_bytes_max,
        records_max: serve.records_max,
        timeout: Duration::from_millis(serve.timeout_ms),
        connections_max: serve.connections_max,
        rate_per_second: serve.rate_per_second,
        rate_burst: serve.rate_burst,
        decisions_max: serve.decisions_max,
        claim: Duration::from_secs(u64::from(serve.review_minutes) * 60),
        drain: Duration::from_millis(serve.drain_ms),
        recordings: serve.recordings.clone(),
    })
}
