//! From `[kafka]` to what a cluster is spoken to with.

use std::path::Path;
use std::sync::mpsc;
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};

use crate::config::{self, Config, Kafka};
use crate::io::kafka::{Begin, Compression, Delivery, KafkaOptions, Member, Sasl, Security, StandingTopics, Topics};
use crate::io::{Clock, SystemClock};
use crate::pipeline::{BuildOptions, Edition};
use crate::stream::{self, Control, Editions, Folders, Published, Summary};

use super::indexing::Indexing;
use super::{Output, health, run, setting};

/// The options that `[kafka]` says; its password files are read.
pub(super) fn options(config: &Config) -> anyhow::Result<KafkaOptions> {
    let kafka = &config.kafka;
    if kafka.brokers.is_empty() {
        bail!("[kafka] brokers names none: write brokers = [\"host:9092\"]");
    }
    let ms = Duration::from_millis;
    Ok(KafkaOptions {
        brokers: kafka.brokers.clone(),
        group: kafka.group.clone(),
        topics: topics(kafka),
        delivery: match kafka.delivery {
            config::Delivery::ExactlyOnce => Delivery::ExactlyOnce,
            config::Delivery::AtLeastOnce => Delivery::AtLeastOnce,
        },
        begin: match kafka.begin {
            config::Begin::Earliest => Begin::Earliest,
            config::Begin::Latest => Begin::Latest,
        },
        security: security(kafka)?,
        compression: match kafka.compression {
            config::Compression::None => Compression::None,
            config::Compression::Lz4 => Compression::Lz4,
            config::Compression::Zstd => Compression::Zstd,
            config::Compression::Gzip => Compression::Gzip,
            config::Compression::Snappy => Compression::Snappy,
        },
        session_timeout: ms(kafka.session_timeout_ms),
        transaction_timeout: ms(kafka.transaction_timeout_ms),
        drain: ms(kafka.drain_ms),
        queue_records_max: kafka.queue_records_max,
        instance: instance(config),
        client: kafka.client.clone(),
    })
}

/// The topics of what the stage is asked to do.
fn topics(kafka: &Kafka) -> Topics {
    let name = |topic: &str| format!("{}{topic}", kafka.prefix);
    let editions = (kafka.editions == config::EditionsFrom::Topic).then(|| name("editions"));
    let standing = (kafka.standing == config::Standing::Shared)
        .then(|| StandingTopics { strikes: name("strikes"), standing: name("standing") });
    let sketches = (kafka.twins == config::Twins::Shared).then(|| name("sketches"));
    Topics { editions, standing, sketches, ..Topics::with_prefix(&kafka.topic, &kafka.prefix) }
}

/// What this instance is called: no two of them work in one folder of one machine.
fn instance(config: &Config) -> String {
    config.kafka.instance.clone().unwrap_or_else(|| {
        let files = ["/proc/sys/kernel/hostname", "/etc/hostname"];
        let machine = files.iter().find_map(|file| secret(Path::new(file)).ok()).unwrap_or_else(|| "localhost".into());
        let dir = std::path::absolute(&config.output.dir).unwrap_or_else(|_| config.output.dir.clone());
        format!("{machine}:{}", dir.display())
    })
}

fn security(kafka: &Kafka) -> anyhow::Result<Security> {
    let sasl = match (&kafka.sasl_mechanism, &kafka.username, &kafka.password_file) {
        (None, None, None) => None,
        (Some(mechanism), Some(username), Some(file)) => {
            const KNOWN: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
            if !KNOWN.contains(&mechanism.as_str()) {
                bail!("[kafka] sasl_mechanism is {mechanism:?}; known are {}", KNOWN.join(", "));
            }
            let password = secret(file)?;
            Some(Sasl { mechanism: mechanism.clone(), username: username.clone(), password })
        }
        _ => bail!("[kafka] sasl_mechanism, username and password_file belong together: give all three or none"),
    };
    Ok(Security {
        tls: kafka.tls,
        ca_file: kafka.ca_file.clone(),
        certificate_file: kafka.certificate_file.clone(),
        key_file: kafka.key_file.clone(),
        key_password: kafka.key_password_file.as_deref().map(secret).transpose()?,
        sasl,
    })
}

/// A file's first line.
fn secret(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the secret {}", path.display()))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// The stage's cluster, and what of it is known before the work begins.
pub(super) struct Cluster {
    kafka: Arc<KafkaOptions>,
    published: Option<Published>,
    edition: Option<Arc<Edition>>,
}

impl Cluster {
    /// Looks for what is published; `None` where the configuration names no cluster.
    pub(super) fn open(config: &Config, build: &BuildOptions, output: &Output) -> anyhow::Result<Option<Self>> {
        if config.kafka.brokers.is_empty() {
            return Ok(None);
        }
        let kafka = Arc::new(options(config)?);
        let (mut published, mut edition) = (None, None);
        if kafka.topics.editions.is_some() {
            let mut found = Published::open(&kafka, build.clone(), Arc::new(SystemClock))?;
            let newest = found.newest().map_err(|refusal| {
                found.flush();
                let shown: Vec<String> =
                    refusal.problems.iter().map(|problem| output.err.problem(problem, None)).collect();
                eprintln!("{}", shown.join("\n"));
                // Other rules than all others would be worse than none: the others do its work.
                let edition = &refusal.edition;
                anyhow!(
                    "the published edition {edition} cannot be taken; publish one that can: `tidegate edition publish`"
                )
            })?;
            edition = newest.map(Arc::new);
            published = Some(found);
        }
        Ok(Some(Self { kafka, published, edition }))
    }

    /// What was published, for the one who asks first.
    pub(super) fn take_edition(&mut self) -> Option<Arc<Edition>> {
        self.edition.take()
    }

    /// Whether editions come from the cluster.
    pub(super) fn gives_editions(&self) -> bool {
        self.published.is_some()
    }

    /// Runs the stage on it.
    pub(super) fn run(
        self,
        config: &Config,
        options: &stream::Options,
        editions: &Editions,
        control: &Control,
        indexing: Option<&Indexing>,
    ) -> anyhow::Result<Summary> {
        let Self { kafka, published, .. } = self;
        thread::scope(|scope| {
            let (follow_until, followed) = mpsc::channel();
            if let Some(mut published) = published {
                published.runs(&editions.current());
                scope.spawn(move || published.follow(editions, &followed, run::tell));
            }
            let done = run_lanes(&kafka, config, options, editions, control, indexing);
            drop(follow_until);
            done
        })
    }
}

fn run_lanes(
    kafka: &Arc<KafkaOptions>,
    config: &Config,
    options: &stream::Options,
    editions: &Editions,
    control: &Control,
    indexing: Option<&Indexing>,
) -> anyhow::Result<Summary> {
    let dir = &config.output.dir;
    let dir = (dir.as_os_str() != "-").then(|| dir.clone());
    let cases = indexing.map(|indexing| (Arc::clone(&indexing.indexer), indexing.filing));
    let folders = Folders { dir, texts: setting::texts_options(options), cases };
    let member: Arc<OnceLock<Weak<Member>>> = Arc::default();
    if let Some(address) = config.health.listen {
        let member = Arc::clone(&member);
        health::serve(
            address,
            Arc::new(move || member.get().and_then(Weak::upgrade).is_some_and(|member| member.is_ready())),
        )?;
    }
    let joined = |joined: Weak<Member>| {
        // Only one is ever made.
        let _ = member.set(joined);
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ok(stream::run_lanes(kafka, &folders, clock, editions, options, control, &joined)?)
}
