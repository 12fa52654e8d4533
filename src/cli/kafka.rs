//! From `[kafka]` to what a cluster is spoken to with.

use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::config::{self, Config, Kafka};
use crate::io::kafka::{Begin, Compression, Delivery, KafkaOptions, Member, Sasl, Security, Topics};
use crate::io::{Clock, SystemClock};
use crate::stream::{self, Control, Editions, Folders, Summary};

use super::indexing::Indexing;
use super::{health, setting};

/// The options that `[kafka]` says; its password files are read.
pub(super) fn options(kafka: &Kafka) -> anyhow::Result<KafkaOptions> {
    if kafka.brokers.is_empty() {
        bail!("[kafka] brokers names none: write brokers = [\"host:9092\"]");
    }
    let ms = Duration::from_millis;
    Ok(KafkaOptions {
        brokers: kafka.brokers.clone(),
        group: kafka.group.clone(),
        topics: Topics::with_prefix(&kafka.topic, &kafka.prefix),
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
        client: kafka.client.clone(),
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

/// Runs the stage on a cluster.
pub(super) fn run(
    config: &Config,
    options: &stream::Options,
    editions: &Editions,
    control: &Control,
    indexing: Option<&Indexing>,
) -> anyhow::Result<Summary> {
    let kafka = Arc::new(self::options(&config.kafka)?);
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
    Ok(stream::run_lanes(&kafka, &folders, clock, editions, options, control, &joined)?)
}
