//! How authors stand, as every instance reads it: what the keepers of their standing wrote last.

use std::time::Duration;

use rdkafka::message::Message;

use super::error::KafkaError;
use super::options::KafkaOptions;
use super::whole::{Since, WholeTopic};
use crate::event::{Relay, StandingStrike};

/// A million authors are read in seconds; a cluster that takes minutes is not well.
const WHOLE_MAX: Duration = Duration::from_secs(120);

/// The topic of standing.
pub struct StandingTopic(WholeTopic);

impl StandingTopic {
    /// Begins to read it; `None` where each lane keeps its own.
    ///
    /// # Errors
    /// If the cluster cannot be reached, refuses us, or does not have the topic.
    pub fn open(options: &KafkaOptions) -> Result<Option<Self>, KafkaError> {
        let topics = options.topics.standing.as_ref();
        topics
            .map(|topics| WholeTopic::open(options, &topics.standing, "standing", Since::Beginning).map(Self))
            .transpose()
    }

    /// Reads to the end: each author and the strikes in force, none where nothing is held against them any longer.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read_whole(&mut self, put: &mut dyn FnMut(&str, &[StandingStrike])) -> Result<(), KafkaError> {
        self.0.read_whole(WHOLE_MAX, &mut |message| take(message, put))
    }

    /// Reads what came since, at most so long.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&mut self, longest: Duration, put: &mut dyn FnMut(&str, &[StandingStrike])) -> Result<(), KafkaError> {
        self.0.read(longest, &mut |message| take(message, put)).map(drop)
    }
}

fn take(message: &impl Message, put: &mut dyn FnMut(&str, &[StandingStrike])) {
    let Some(value) = message.payload() else {
        let author = message.key().and_then(|key| std::str::from_utf8(key).ok());
        author.into_iter().for_each(|author| put(author, &[]));
        return;
    };
    match serde_json::from_slice(value) {
        Ok(Relay::Standing { author, strikes, .. }) => put(&author, &strikes),
        Ok(_) => tracing::warn!(offset = message.offset(), "a record of standing is none"),
        Err(error) => tracing::warn!(%error, offset = message.offset(), "a record of standing cannot be read"),
    }
}
