//! The stored texts of a lane in its changelog: the bytes of the logs, as they lie on the disk, under their addresses. They stay
//! there as long as the window needs them, so that a partition that moves is compared with what it was compared with before.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::changelog::{Held, texts_key, texts_of};
use super::error::KafkaError;
use super::options::RECORD_BYTES_MAX;
use super::outbox::{Outbox, Outgoing};
use crate::io::sink::Mark;
use crate::io::store::StoreError;
use crate::io::texts::{FileTexts, FileTextsError};

/// Window and articles.
const LOGS: usize = 2;

/// Two logs, and what of them the changelog holds.
pub(super) struct CarriedTexts {
    logs: [Arc<FileTexts>; LOGS],
    /// Address and end of each piece that the changelog holds.
    sent: [BTreeMap<u64, u64>; LOGS],
    /// What the open transaction added to it: log, address, end.
    added: Vec<(u8, u64, u64)>,
}

impl CarriedTexts {
    pub(super) fn new(logs: [Arc<FileTexts>; LOGS]) -> Self {
        Self { logs, sent: Default::default(), added: Vec::new() }
    }

    fn end(&self, log: usize) -> u64 {
        self.sent[log].last_key_value().map_or(0, |(_, end)| *end)
    }

    /// Sends what came to the logs up to these ends, and deletes what they no longer keep.
    pub(super) fn send(&mut self, outbox: &mut Outbox, ends: &[u64]) -> Result<(), StoreError> {
        self.added.clear();
        for (log, &end) in ends.iter().enumerate().take(LOGS) {
            for (start, run) in self.logs[log].run_between(self.end(log), end)? {
                let mut address = start;
                for piece in run.chunks(RECORD_BYTES_MAX) {
                    put(outbox, log, address, Some(piece))?;
                    let end = address + piece.len() as u64;
                    self.sent[log].insert(address, end);
                    self.added.push((log as u8, address, end));
                    address = end;
                }
            }
            let kept_from = self.logs[log].kept_from();
            while let Some(first) = self.sent[log].first_entry().filter(|first| *first.get() <= kept_from) {
                put(outbox, log, *first.key(), None)?;
                first.remove();
            }
        }
        Ok(())
    }

    /// Sends again what was overwritten: the broker drops what lay there before when it compacts the topic.
    pub(super) fn send_again(&self, outbox: &mut Outbox, log: usize, addresses: &[u64]) -> Result<(), StoreError> {
        let piece_of = |address: &u64| self.sent[log].range(..=address).next_back().filter(|(_, end)| *end > address);
        let touched: BTreeMap<u64, u64> = addresses
            .iter()
            .filter_map(piece_of)
            // A record may go on in the pieces after it.
            .flat_map(|(start, _)| self.sent[log].range(start..).take(2))
            .map(|(start, end)| (*start, *end))
            .collect();
        for (start, end) in touched {
            for (address, run) in self.logs[log].run_between(start, end)? {
                put(outbox, log, address, Some(&run))?;
            }
        }
        Ok(())
    }

    /// All from the changelog.
    pub(super) fn rebuild(&mut self, held: &Held) -> Result<(), StoreError> {
        self.logs.iter().try_for_each(|log| log.truncate(0))?;
        self.sent = Default::default();
        self.take_up(held)
    }

    /// What came after the copy of the logs, and what was overwritten in it since.
    pub(super) fn take_up(&mut self, held: &Held) -> Result<(), StoreError> {
        for (key, bytes) in held {
            let Some((log, address)) = texts_of(key).filter(|(log, _)| usize::from(*log) < LOGS) else { continue };
            let (index, end) = (usize::from(log), address + bytes.len() as u64);
            if end <= self.end(index) {
                self.logs[index].replace_run(address, bytes)?;
            } else {
                self.logs[index].add_run(address, bytes.clone())?;
            }
            self.sent[index].insert(address, end);
        }
        Ok(())
    }

    /// The copy of the logs ends where the copy of the state says.
    pub(super) fn cut(&self) -> Result<(), FileTextsError> {
        self.logs.iter().enumerate().try_for_each(|(index, log)| log.truncate(self.end(index)))
    }

    /// What the copy of the state is told of the changelog's pieces: with a snapshot all of them, with a batch what it added.
    pub(super) fn mark(&self, is_snapshot: bool) -> Mark {
        let mut bytes = Vec::new();
        let mut write = |(log, address, end): (u8, u64, u64)| {
            bytes.push(log);
            bytes.extend_from_slice(&address.to_le_bytes());
            bytes.extend_from_slice(&end.to_le_bytes());
        };
        if is_snapshot {
            let all = self.sent.iter().enumerate();
            all.flat_map(|(log, sent)| sent.iter().map(move |(at, end)| (log as u8, *at, *end))).for_each(&mut write);
        } else {
            self.added.iter().copied().for_each(&mut write);
        }
        Mark(bytes)
    }

    /// Reads what [`CarriedTexts::mark`] wrote.
    pub(super) fn read(&mut self, mark: &Mark) {
        let word = |bytes: &[u8]| u64::from_le_bytes(*bytes.first_chunk().expect("a row has seventeen bytes"));
        for row in mark.0.chunks_exact(17).filter(|row| usize::from(row[0]) < LOGS) {
            self.sent[usize::from(row[0])].insert(word(&row[1..]), word(&row[9..]));
        }
    }
}

fn put(outbox: &mut Outbox, log: usize, address: u64, value: Option<&[u8]>) -> Result<(), KafkaError> {
    let (topic, partition) = (outbox.options().topics.state.clone(), Some(outbox.partition()));
    let key = texts_key(log as u8, address);
    outbox.send(Outgoing { topic: &topic, partition, key: Some(&key), value, headers: None, is_marked: false })
}
