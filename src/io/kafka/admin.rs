//! What a cluster's topics are, and making those that the stage needs.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as Native, RDKafkaErrorCode as Code};
use rdkafka::metadata::Metadata;

use super::error::KafkaError;
use super::heard::{EVENTS_MAX, Heard};
use super::options::KafkaOptions;
use super::topics::{TopicFacts, TopicNeed};
use crate::io::clock::instant;

/// How long a cluster may take to answer one question.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// How long a question may take before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(3);

/// A connection that asks for topics and makes them.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
    /// What is asked first, because it hears why a connection fails.
    scout: BaseConsumer<Heard>,
}

/// A topic's name and its settings.
type NamedSettings = (String, BTreeMap<String, String>);

impl Admin {
    /// Prepares a connection; the first question opens it.
    ///
    /// # Errors
    /// If a setting is refused.
    pub fn connect(options: &KafkaOptions) -> Result<Self, KafkaError> {
        let failed = |native: &Native| KafkaError::new("prepare a connection to the cluster", native, None);
        let mut config = options.client("tidegate-topics")?;
        let client = config.create().map_err(|native| failed(&native))?;
        config.set("group.id", &options.group);
        let scout = config.create_with_context(Heard::default()).map_err(|native| failed(&native))?;
        Ok(Self { client, scout })
    }

    fn metadata(&self, doing: &str) -> Result<Metadata, KafkaError> {
        let until = instant() + ANSWER_MAX;
        loop {
            // All of them: to ask for one that is absent would make it, where brokers make topics by themselves.
            let native = match self.scout.fetch_metadata(None, ASK_AGAIN) {
                Ok(metadata) => return Ok(metadata),
                Err(native) => native,
            };
            (0..EVENTS_MAX).for_each(|_| drop(self.scout.poll(Duration::ZERO)));
            let error = KafkaError::new(doing, &native, self.scout.context().last().as_deref());
            if !error.retry() || instant() >= until {
                return Err(error);
            }
        }
    }

    /// Each of these topics as the cluster has it, in the same order; `None` for one that it does not have.
    ///
    /// # Errors
    /// If the cluster does not answer, or this user may not describe topics.
    pub fn look(&self, names: &[&str]) -> Result<Vec<Option<TopicFacts>>, KafkaError> {
        let doing = "ask the cluster for its topics";
        let metadata = self.metadata(doing)?;
        let mut found: BTreeMap<&str, TopicFacts> = BTreeMap::new();
        for topic in metadata.topics().iter().filter(|topic| names.contains(&topic.name())) {
            let replicas = topic.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
            let leaderless = topic.partitions().iter().filter(|partition| partition.leader() < 0).count();
            let facts = TopicFacts {
                name: topic.name().to_owned(),
                partitions: topic.partitions().len(),
                replicas,
                leaderless,
                settings: BTreeMap::new(),
            };
            found.insert(topic.name(), facts);
        }
        let present: Vec<&str> = found.keys().copied().collect();
        for (name, settings) in self.settings(&present)? {
            if let Some(facts) = found.get_mut(name.as_str()) {
                facts.settings = settings;
            }
        }
        Ok(names.iter().map(|name| found.get(name).cloned()).collect())
    }

    fn settings(&self, names: &[&str]) -> Result<Vec<NamedSettings>, KafkaError> {
        let doing = "ask the cluster how its topics are set";
        if names.is_empty() {
            return Ok(vec![]);
        }
        let asked: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let answers = pollster::block_on(self.client.describe_configs(&asked, &options()));
        let answers = answers.map_err(|e| failed(doing, &e))?;
        // Answers come in the order of the questions.
        let of = |(name, answer): (&&str, Result<rdkafka::admin::ConfigResource, Code>)| {
            let resource = answer.map_err(|code| failed(doing, &Native::AdminOp(code)))?;
            let values = resource.entries.into_iter().filter_map(|entry| entry.value.map(|value| (entry.name, value)));
            Ok(((*name).to_owned(), values.collect()))
        };
        names.iter().zip(answers).map(of).collect()
    }

    /// How many records a topic keeps, all partitions together: those of aborted transactions and markers among them.
    ///
    /// # Errors
    /// If the cluster does not answer.
    pub fn offsets_kept(&self, topic: &TopicFacts) -> Result<u64, KafkaError> {
        let mut kept = 0;
        for partition in 0..i32::try_from(topic.partitions).unwrap_or(i32::MAX) {
            let ends = self.client.inner().fetch_watermarks(&topic.name, partition, ANSWER_MAX);
            let (low, high) = ends.map_err(|e| failed(&format!("ask where {} begins and ends", topic.name), &e))?;
            kept += u64::try_from(high - low).unwrap_or(0);
        }
        Ok(kept)
    }

    /// Makes a topic. Whether it was made: one that is there already is left as it is.
    ///
    /// # Errors
    /// If the cluster refuses it: no permission, more copies than brokers, a name or a setting that it does not know.
    pub fn create(&self, need: &TopicNeed) -> Result<bool, KafkaError> {
        let doing = format!("make the topic {}", need.name);
        let partitions = i32::try_from(need.partitions).unwrap_or(i32::MAX);
        let replicas = need.replicas.map_or(-1, i32::from);
        let mut topic = NewTopic::new(&need.name, partitions, TopicReplication::Fixed(replicas));
        for (key, value) in &need.settings {
            topic = topic.set(key, value);
        }
        match one(pollster::block_on(self.client.create_topics([&topic], &options()))) {
            Ok(()) => Ok(true),
            Err(Native::AdminOp(Code::TopicAlreadyExists)) => Ok(false),
            Err(native) => Err(failed(&doing, &native)),
        }
    }

    /// Adds partitions to a topic until it has so many.
    ///
    /// # Errors
    /// If the cluster refuses it.
    pub fn grow(&self, name: &str, partitions: usize) -> Result<(), KafkaError> {
        let wanted = NewPartitions::new(name, partitions);
        one(pollster::block_on(self.client.create_partitions([&wanted], &options())))
            .map_err(|native| failed(&format!("add partitions to the topic {name}"), &native))
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ANSWER_MAX)).operation_timeout(Some(ANSWER_MAX))
}

/// The answer for the one topic that was asked for.
fn one(answers: Result<Vec<rdkafka::admin::TopicResult>, Native>) -> Result<(), Native> {
    answers?.into_iter().try_for_each(|answer| answer.map(drop).map_err(|(_, code)| Native::AdminOp(code)))
}

fn failed(doing: &str, native: &Native) -> KafkaError {
    KafkaError::new(doing, native, None)
}
