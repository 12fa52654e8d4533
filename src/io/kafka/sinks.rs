//! Lines into topics: decisions as CloudEvents keyed by author, and what could not be taken as it came, with the reason beside
//! it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rdkafka::message::{Header, OwnedHeaders};
use serde::Deserialize;

use super::options::RECORD_BYTES_MAX;
use super::outbox::{Outbox, Outgoing, Shared};
use crate::io::sink::{Mark, Sink, SinkError};
use crate::io::source::LONG_RECORD_KEPT_BYTES;

/// What a decision's `ce_type` header says.
pub const DECISION_TYPE: &str = "tidegate.decision.v1";

/// Which lines a sink is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    Actions,
    Rejects,
}

/// A topic as a sink. It takes part in its lane's transaction: what was not committed was never there, so that nothing is ever
/// to be taken back.
pub struct KafkaSink {
    outbox: Shared,
    lines: Lines,
}

impl KafkaSink {
    pub(super) fn new(outbox: &Shared, lines: Lines) -> Self {
        Self { outbox: outbox.clone(), lines }
    }
}

impl Sink for KafkaSink {
    fn mark(&self) -> Mark {
        Mark::default()
    }

    fn rewind(&mut self, _: &Mark) -> Result<(), SinkError> {
        Ok(())
    }

    fn emit(&mut self, lines: &[u8]) -> Result<(), SinkError> {
        let mut outbox = self.outbox.lock();
        for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            match self.lines {
                Lines::Actions => send_action(&mut outbox, line)?,
                Lines::Rejects => send_reject(&mut outbox, line)?,
            }
        }
        Ok(())
    }

    /// The lane's store has committed it.
    fn sync(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

/// What a decision's headers and key say of it.
#[derive(Deserialize)]
struct ActionLine<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    author: Cow<'a, str>,
    #[serde(borrow)]
    at: Cow<'a, str>,
}

fn header(headers: OwnedHeaders, key: &str, value: &str) -> OwnedHeaders {
    headers.insert(Header { key, value: Some(value) })
}

fn send_action(outbox: &mut Outbox, line: &[u8]) -> Result<(), SinkError> {
    let ActionLine { id, event, author, at } = serde_json::from_slice(line).map_err(|error| not_ours(&error))?;
    let options = outbox.options().clone();
    let source = format!("/tidegate/{}", options.group);
    let pairs = [
        ("ce_specversion", "1.0"),
        ("ce_type", DECISION_TYPE),
        ("ce_source", &source),
        ("ce_id", &id),
        ("ce_subject", &event),
        ("ce_time", &at),
        ("content-type", "application/json"),
    ];
    let headers = OwnedHeaders::new_with_capacity(pairs.len());
    let headers = pairs.into_iter().fold(headers, |headers, (key, value)| header(headers, key, value));
    Ok(outbox.send(Outgoing {
        topic: &options.topics.actions,
        partition: None,
        key: Some(author.as_bytes()),
        value: Some(line),
        headers: Some(headers),
        is_marked: false,
    })?)
}

/// A line of rejects, as [`crate::io::rejects`] writes it.
#[derive(Deserialize)]
struct RejectLine<'a> {
    offset: RejectOffset,
    #[serde(borrow)]
    code: Cow<'a, str>,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    #[serde(borrow)]
    raw: Option<Cow<'a, str>>,
    #[serde(borrow)]
    raw_base64: Option<Cow<'a, str>>,
    raw_bytes: u64,
}

#[derive(Deserialize)]
struct RejectOffset {
    index: u64,
}

/// A dead letter holds the very bytes that came, so that whoever mends what was wrong can send them again.
fn send_reject(outbox: &mut Outbox, line: &[u8]) -> Result<(), SinkError> {
    let line: RejectLine<'_> = serde_json::from_slice(line).map_err(|error| not_ours(&error))?;
    let raw = match (&line.raw, &line.raw_base64) {
        (Some(raw), _) => Cow::Borrowed(raw.as_bytes()),
        (None, Some(coded)) => Cow::Owned(STANDARD.decode(coded.as_bytes()).map_err(|error| not_ours(&error))?),
        (None, None) => Cow::Borrowed(&[][..]),
    };
    // What came may be as long as a record can be, and no room is left for the headers then.
    let raw = if raw.len() > RECORD_BYTES_MAX { &raw[..LONG_RECORD_KEPT_BYTES] } else { &raw };
    let options = outbox.options().clone();
    let (partition, index) = (outbox.partition().to_string(), line.offset.index.to_string());
    let raw_bytes = line.raw_bytes.to_string();
    let pairs = [
        ("source.topic", options.topics.input.as_str()),
        ("source.partition", &partition),
        ("source.offset", &index),
        ("code", &line.code),
        ("reason", &line.reason),
        ("raw_bytes", &raw_bytes),
    ];
    let headers = OwnedHeaders::new_with_capacity(pairs.len());
    let headers = pairs.into_iter().fold(headers, |headers, (key, value)| header(headers, key, value));
    Ok(outbox.send(Outgoing {
        topic: &options.topics.rejects,
        partition: None,
        key: None,
        value: Some(raw),
        headers: Some(headers),
        is_marked: false,
    })?)
}

fn not_ours(error: &dyn std::fmt::Display) -> SinkError {
    SinkError::Mark(format!("a line that is none of ours: {error}"))
}
