//! One partition's ends: made anew for each try, on the lane's own thread.

use std::sync::Arc;

use super::error::KafkaError;
use super::inlet::{Inlet, KafkaSource};
use super::member::Member;
use super::outbox::{Outbox, Shared};
use super::restore::Restorer;
use super::sinks::{KafkaSink, Lines};
use super::store::{KafkaStore, LocalCopy};

/// What a lane stands between.
pub struct Lane {
    /// The partition's records.
    pub source: KafkaSource,
    /// The topic of decisions.
    pub actions: KafkaSink,
    /// The topic of what could not be taken.
    pub rejects: KafkaSink,
    /// The partition's changelog.
    pub store: KafkaStore,
}

impl Lane {
    /// Takes the partition over. Exactly once: from here on nothing that another instance still has in hand for it becomes
    /// visible. `local`: what is kept on this machine.
    ///
    /// # Errors
    /// If the brokers cannot be reached or refuse it.
    pub fn open(member: &Member, inlet: &Arc<Inlet>, local: LocalCopy<'_>) -> Result<Self, KafkaError> {
        let (options, group) = (member.options(), member.group());
        let outbox = Shared::new(Outbox::open(options, inlet, group)?);
        let restorer = Restorer::new(options, group, inlet)?;
        let source = KafkaSource::new(inlet, group, restorer.begin()?);
        Ok(Self {
            source,
            actions: KafkaSink::new(&outbox, Lines::Actions),
            rejects: KafkaSink::new(&outbox, Lines::Rejects),
            store: KafkaStore::new(&outbox, inlet, restorer, local),
        })
    }
}
