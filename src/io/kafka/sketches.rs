//! What lanes tell one another of near-duplicates: every instance reads the topic from as far back as it can hold.
//!
//! A record is a batch's: its partition is the lane's, and its first byte says what follows. `e`: records that were entered, each
//! behind its length. `j`: members that joined clusters, twenty bytes each. `f`: the time, and the name of an author who is to be
//! forgotten.

use std::time::Duration;

use rdkafka::message::Message;

use super::error::KafkaError;
use super::options::{KafkaOptions, RECORD_BYTES_MAX};
use super::whole::{Since, WholeTopic};
use crate::event::Millis;

/// What is behind is caught up with for so long before lanes begin: less is found until the rest is read.
const WHOLE_MAX: Duration = Duration::from_secs(60);

const ENTERED: u8 = b'e';
const JOINED: u8 = b'j';
const FORGET: u8 = b'f';
const MEMBER_BYTES: usize = 20;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Records that a lane entered, each behind its length.
    Entered(&'a [u8]),
    /// Members that joined its clusters: which, when, by whom.
    Joined(Vec<(u64, Millis, u32)>),
    /// An author is forgotten, at that time.
    Forget(&'a str, Millis),
}

/// What is given of each record: the lane, the offset, and what it says.
pub type Hear<'a> = dyn FnMut(u32, i64, Said<'_>) + 'a;

/// The topic of sketches.
pub struct SketchTopic(WholeTopic);

impl SketchTopic {
    /// Begins to read it; `None` where each lane looks at its own partition alone. `entries_max`: as many as can be held.
    ///
    /// # Errors
    /// If the cluster cannot be reached, refuses us, or does not have the topic.
    pub fn open(options: &KafkaOptions, entries_max: usize) -> Result<Option<Self>, KafkaError> {
        let Some(topic) = &options.topics.sketches else { return Ok(None) };
        WholeTopic::open(options, topic, "sketches", Since::Last(entries_max)).map(|topic| Some(Self(topic)))
    }

    /// Reads to the end, for so long as it is worth waiting for. Whether the end was reached.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn catch_up(&mut self, hear: &mut Hear<'_>) -> Result<bool, KafkaError> {
        self.0.read(WHOLE_MAX, &mut |message| take(message, hear))
    }

    /// Reads what came since, at most so long.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(&mut self, longest: Duration, hear: &mut Hear<'_>) -> Result<(), KafkaError> {
        self.0.read(longest, &mut |message| take(message, hear)).map(drop)
    }
}

fn take(message: &impl Message, hear: &mut Hear<'_>) {
    let (source, offset) = (message.partition().unsigned_abs(), message.offset());
    match said(message.payload().unwrap_or_default()) {
        Some(said) => hear(source, offset, said),
        None => tracing::warn!(source, offset, "what another lane says of its texts cannot be read"),
    }
}

fn said(value: &[u8]) -> Option<Said<'_>> {
    match value.split_first()? {
        (&ENTERED, records) => Some(Said::Entered(records)),
        (&JOINED, members) => {
            let (members, []) = members.as_chunks::<MEMBER_BYTES>() else { return None };
            Some(Said::Joined(members.iter().map(member).collect()))
        }
        (&FORGET, rest) => {
            let (at, author) = rest.split_first_chunk()?;
            Some(Said::Forget(std::str::from_utf8(author).ok()?, Millis::from_le_bytes(*at)))
        }
        _ => None,
    }
}

fn member(bytes: &[u8; MEMBER_BYTES]) -> (u64, Millis, u32) {
    let word = |from: usize| *bytes[from..].first_chunk().expect("a member has twenty bytes");
    let author = *bytes[16..].first_chunk().expect("a member has twenty bytes");
    (u64::from_le_bytes(word(0)), Millis::from_le_bytes(word(8)), u32::from_le_bytes(author))
}

/// Records that were entered, in as many values as they need: none is cut.
pub(super) fn entered(mut records: &[u8]) -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = Vec::new();
    while let Some((length, _)) = records.split_first_chunk::<4>() {
        let (record, rest) = records.split_at((4 + u32::from_le_bytes(*length) as usize).min(records.len()));
        records = rest;
        match values.last_mut().filter(|value| value.len() + record.len() <= RECORD_BYTES_MAX) {
            Some(value) => value.extend_from_slice(record),
            None => values.push([&[ENTERED][..], record].concat()),
        }
    }
    values
}

/// Members that joined, in as many values as they need.
pub(super) fn joined(members: &[(u64, Millis, u32)]) -> Vec<Vec<u8>> {
    let value = |members: &[(u64, Millis, u32)]| {
        let mut value = vec![JOINED];
        for (origin, at, author) in members {
            value.extend_from_slice(&origin.to_le_bytes());
            value.extend_from_slice(&at.to_le_bytes());
            value.extend_from_slice(&author.to_le_bytes());
        }
        value
    };
    members.chunks(RECORD_BYTES_MAX / MEMBER_BYTES).map(value).collect()
}

/// An author is to be forgotten.
pub(super) fn forget(author: &str, at: Millis) -> Vec<u8> {
    [&[FORGET][..], &at.to_le_bytes(), author.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_said_is_heard(members in proptest::collection::vec(any::<(u64, i64, u32)>(), 0..9), author in ".{1,9}", at: i64) {
            for value in joined(&members) {
                prop_assert_eq!(said(&value), Some(Said::Joined(members.clone())));
            }
            let value = forget(&author, at);
            prop_assert_eq!(said(&value), Some(Said::Forget(&author, at)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = said(&bytes);
            let _ = entered(&bytes);
        }
    }

    #[test]
    fn records_are_kept_whole() {
        let record = |bytes: usize| [&(bytes as u32).to_le_bytes()[..], &vec![7; bytes]].concat();
        let all = [record(10), record(RECORD_BYTES_MAX - 10), record(30)].concat();
        let values = entered(&all);
        assert_eq!(values.iter().map(Vec::len).collect::<Vec<_>>(), [15, RECORD_BYTES_MAX - 5, 35]);
        let heard: Vec<u8> = values.iter().flat_map(|value| value[1..].to_vec()).collect();
        assert_eq!(heard, all);
    }
}
