//! A lane's state: kept in the changelog together with what the lane gives out, and as a copy on this machine's disk, from which a
//! restart is quick.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::changelog::{
    HEAD, KEEPERS, frame_key, head, head_of, joined, number_of, parts, pieces, put_part, snapshot_key,
};
use super::error::KafkaError;
use super::inlet::{Inlet, offsets_of};
use super::keepers::Keepers;
use super::options::RECORD_BYTES_MAX;
use super::outbox::{Outbox, Outgoing, Shared};
use super::restore::{Anchor, Log, Restorer};
use super::texts::CarriedTexts;
use crate::io::redb_store::{Durability, RedbStore, StoreOptions};
use crate::io::sink::Mark;
use crate::io::source::Position;
use crate::io::store::{Entry, Output, Refusal, Saved, StateStore, StoreError};
use crate::io::texts::FileTexts;
use crate::state::checksum;

/// The copy is on the disk with every so-manieth batch: what it lacks after a stop is read from the changelog.
const LOCAL_EVERY: u32 = 64;
/// An entry that owes a compaction says so in its first part.
const OWES: u8 = 1;

/// The changelog of a partition, with a copy on the disk.
pub struct KafkaStore {
    outbox: Shared,
    inlet: Arc<Inlet>,
    restorer: Restorer,
    /// Where the copy is, if one is kept.
    path: Option<PathBuf>,
    local: Option<RedbStore>,
    last_seq: Option<u64>,
    /// What is in the open transaction, for the copy.
    pending: Option<Pending>,
    /// How many pieces there are of each entry that no snapshot covers.
    frames: BTreeMap<u64, u32>,
    /// Number and pieces of the snapshot that counts.
    snapshot: Option<(u64, u32)>,
    /// Keys that nobody needs, to be deleted with the next snapshot.
    stale: Vec<Vec<u8>>,
    owes_compaction: bool,
    /// The texts that later ones are compared with, where copies are looked for.
    texts: Option<CarriedTexts>,
    /// The number of the queue beside the lane.
    queue: u64,
    keepers: Keepers,
}

/// What a lane keeps on this machine.
#[derive(Clone, Debug, Default)]
pub struct LocalCopy<'a> {
    /// The file of the state's copy; none is kept where absent.
    pub path: Option<&'a Path>,
    /// The logs of texts that later ones are compared with: of the window, of articles.
    pub texts: Option<[Arc<FileTexts>; 2]>,
    /// The number of the queue of cases that the lane feeds, if it feeds one.
    pub queue: Option<u64>,
}

/// Where the copy stands in the changelog, and what else it would have to be read for from its beginning.
#[derive(Serialize, Deserialize)]
struct Stand {
    #[serde(flatten)]
    anchor: Anchor,
    #[serde(default)]
    keepers: Keepers,
}

struct Pending {
    seq: u64,
    input: Position,
    body: Vec<u8>,
    owes_compaction: bool,
}

/// An entry as the changelog holds it.
struct Body<'a> {
    owes_compaction: bool,
    input: Position,
    deltas: &'a [u8],
}

impl<'a> Body<'a> {
    fn write(entry: &Entry<'_>) -> Vec<u8> {
        let mut body = Vec::with_capacity(entry.deltas.len() + 64);
        put_part(&mut body, &[if entry.owes_compaction { OWES } else { 0 }]);
        put_part(&mut body, &entry.input.0);
        put_part(&mut body, entry.deltas);
        body
    }

    fn read(body: &'a [u8]) -> Option<Self> {
        let [flags, input, deltas] = parts(body)?.try_into().ok()?;
        Some(Self { owes_compaction: flags == [OWES], input: Position(input.to_vec()), deltas })
    }
}

impl KafkaStore {
    pub(super) fn new(outbox: &Shared, inlet: &Arc<Inlet>, restorer: Restorer, local: LocalCopy<'_>) -> Self {
        Self {
            outbox: outbox.clone(),
            inlet: Arc::clone(inlet),
            restorer,
            path: local.path.map(Path::to_owned),
            local: None,
            last_seq: None,
            pending: None,
            frames: BTreeMap::new(),
            snapshot: None,
            stale: Vec::new(),
            owes_compaction: false,
            texts: local.texts.map(CarriedTexts::new),
            // All lanes that feed none are one, for whoever feeds one.
            queue: local.queue.unwrap_or(0),
            keepers: Keepers::default(),
        }
    }

    /// What the copy is marked with.
    fn stand(&self, anchor: Anchor) -> Mark {
        Mark::write(&Stand { anchor, keepers: self.keepers.clone() })
    }

    fn open_local(&mut self) -> Result<(), StoreError> {
        let options =
            StoreOptions { durability: Durability::Eventual { every: LOCAL_EVERY }, ..StoreOptions::default() };
        self.local = self.path.as_ref().map(|path| RedbStore::open(path, options)).transpose()?;
        Ok(())
    }

    /// Begins the copy anew.
    fn renew_local(&mut self) -> Result<(), StoreError> {
        self.local = None;
        if let Some(path) = self.path.as_ref().filter(|path| path.exists()) {
            let removed = std::fs::remove_file(path);
            removed.map_err(|source| StoreError::Io { doing: "remove", path: path.clone(), source })?;
        }
        self.open_local()
    }

    /// Where the copy stands in the changelog; `None` where there is none, or none that says so.
    fn local_stand(&self) -> Option<Stand> {
        self.local.as_ref()?.last_mark().ok()??.read().ok()
    }

    /// Goes on from the copy, if all that came after it is in what was read of the changelog.
    fn resume_local(
        &mut self,
        log: &Log,
        visit: &mut dyn FnMut(Saved<'_>) -> Result<(), Refusal>,
    ) -> Result<bool, StoreError> {
        let Some(local) = &mut self.local else { return Ok(false) };
        let Some(from) = local.last_seq() else { return Ok(false) };
        if head_of(&log.held).is_some_and(|(covered, _)| covered > from) {
            return Ok(false);
        }
        let last = log.held.keys().filter_map(|key| number_of(key, b'f')).max().unwrap_or(from);
        let bodies: Option<Vec<(u64, Vec<u8>)>> =
            (from + 1..=last).map(|seq| Some((seq, joined(&log.held, b'f', seq)?))).collect();
        let Some(bodies) = bodies else { return Ok(false) };
        let mut owes = local.owes_compaction();
        let mut frames = BTreeMap::new();
        let mut texts = self.texts.take();
        let (mut covered, mut lengths) = (0, Vec::new());
        local.recover(&mut |saved| {
            match &saved {
                Saved::Snapshot { seq, input, marks } => {
                    (covered, lengths) = (*seq, vec![input.0.len()]);
                    texts.iter_mut().zip(marks.get(1)).for_each(|(texts, mark)| texts.read(mark));
                }
                Saved::Chunk(chunk) => lengths.push(chunk.len()),
                Saved::Entry(entry) => {
                    texts.iter_mut().zip(entry.outputs.get(1)).for_each(|(texts, output)| texts.read(output.mark));
                    frames.insert(entry.seq, pieces_of([1, entry.input.0.len(), entry.deltas.len()]));
                }
            }
            visit(saved)
        })?;
        if let Some(texts) = &mut texts {
            texts.cut()?;
            texts.take_up(&log.held)?;
        }
        self.texts = texts;
        for (seq, body) in &bodies {
            owes |= self.take_up((*seq, *seq == last), body, log, visit)?;
        }
        self.frames.append(&mut frames);
        self.snapshot = Some((covered, pieces_of(lengths)));
        self.owes_compaction = owes;
        Ok(true)
    }

    /// Gives an entry of the changelog, and adds it to the copy.
    fn take_up(
        &mut self,
        (seq, is_last): (u64, bool),
        body: &[u8],
        log: &Log,
        visit: &mut dyn FnMut(Saved<'_>) -> Result<(), Refusal>,
    ) -> Result<bool, StoreError> {
        let count = pieces_of_whole(body.len());
        let read = Body::read(body).ok_or_else(|| self.damaged(format!("entry {seq} cannot be read")))?;
        let Body { owes_compaction, input, deltas } = read;
        let anchor = log.anchor(&frame_key(seq, count - 1));
        let mark = anchor.map_or_else(Mark::default, |anchor| self.stand(anchor));
        // All pieces that were read, with the last entry: the copy only ever adds them up.
        let pieces = self.texts.as_ref().filter(|_| is_last).map_or_else(Mark::default, |texts| texts.mark(true));
        let outputs = [Output { mark: &mark, lines: b"" }, Output { mark: &pieces, lines: b"" }];
        visit(Saved::Entry(Entry { seq, input: &input, deltas, outputs: &[], owes_compaction }))
            .map_err(StoreError::Refused)?;
        if let Some(local) = &mut self.local {
            local.append(&Entry { seq, input: &input, deltas, outputs: &outputs, owes_compaction })?;
        }
        self.frames.insert(seq, count);
        self.last_seq = Some(seq);
        Ok(owes_compaction)
    }

    /// Two groups that wrote into one changelog would take each other's entries for their own.
    fn check_owner(&self, theirs: &[u8]) -> Result<(), StoreError> {
        let options = self.outbox.lock().options().clone();
        if theirs == options.group.as_bytes() {
            return Ok(());
        }
        let theirs = String::from_utf8_lossy(theirs);
        let what = format!("it holds the state of the group {theirs}, and this is the group {}", options.group);
        let hint = "give each group a `prefix` of its own below [kafka]";
        let doing = format!("use the topic {}", options.topics.state);
        Err(StoreError::Kafka(KafkaError::wrong(doing, what, hint)))
    }

    fn damaged(&self, reason: String) -> StoreError {
        let outbox = self.outbox.lock();
        let doing = format!("read partition {} of the topic {}", outbox.partition(), outbox.options().topics.state);
        let hint = "give another `prefix` below [kafka] to start over, or restore the topic from a copy";
        StoreError::Kafka(KafkaError::wrong(doing, reason, hint))
    }

    /// All from the changelog; the copy is begun anew.
    fn rebuild(
        &mut self,
        log: &Log,
        visit: &mut dyn FnMut(Saved<'_>) -> Result<(), Refusal>,
    ) -> Result<(), StoreError> {
        self.renew_local()?;
        if let Some(texts) = &mut self.texts {
            texts.rebuild(&log.held)?;
        }
        let head = head_of(&log.held);
        if let Some((_, theirs)) = head {
            self.check_owner(theirs)?;
        }
        let covered = head.map(|(seq, _)| seq);
        if let Some(seq) = covered {
            self.rebuild_snapshot(seq, log, visit)?;
        }
        let mut next = covered.map_or(0, |seq| seq + 1);
        let mut body = joined(&log.held, b'f', next);
        while let Some(entry) = body {
            body = joined(&log.held, b'f', next + 1);
            self.owes_compaction |= self.take_up((next, body.is_none()), &entry, log, visit)?;
            next += 1;
        }
        // What a stop left of a snapshot that was never finished, or of an entry.
        let is_live = |key: &[u8]| {
            number_of(key, b'f').is_some_and(|seq| self.frames.contains_key(&seq))
                || number_of(key, b's').is_some_and(|seq| Some(seq) == covered)
        };
        let numbered = |key: &&Vec<u8>| matches!(key.first(), Some(b'f' | b's'));
        self.stale = log.held.keys().filter(numbered).filter(|key| !is_live(key)).cloned().collect();
        if let Some(first) = self.stale.iter().filter_map(|key| number_of(key, b'f')).find(|seq| *seq >= next) {
            // Without transactions, entries may lie there that follow on one which never came.
            let outbox = self.outbox.lock();
            if outbox.is_transactional() {
                drop(outbox);
                return Err(self.damaged(format!("entry {next} is missing, and entry {first} is there")));
            }
        }
        Ok(())
    }

    fn rebuild_snapshot(
        &mut self,
        seq: u64,
        log: &Log,
        visit: &mut dyn FnMut(Saved<'_>) -> Result<(), Refusal>,
    ) -> Result<(), StoreError> {
        let broken = |store: &Self| store.damaged(format!("the snapshot after entry {seq} is not whole"));
        let Some(body) = joined(&log.held, b's', seq) else { return Err(broken(self)) };
        let Some(all) = parts(&body) else { return Err(broken(self)) };
        let Some((input, chunks)) = all.split_first() else { return Err(broken(self)) };
        let input = Position(input.to_vec());
        let mark = log.anchor(HEAD).map_or_else(Mark::default, |anchor| self.stand(anchor));
        visit(Saved::Snapshot { seq, input: &input, marks: &[] }).map_err(StoreError::Refused)?;
        chunks.iter().try_for_each(|chunk| visit(Saved::Chunk(chunk)).map_err(StoreError::Refused))?;
        let marks = [mark, self.texts.as_ref().map_or_else(Mark::default, |texts| texts.mark(true))];
        if let Some(local) = &mut self.local {
            local.snapshot(seq, &input, &marks, &mut chunks.iter().map(|chunk| chunk.to_vec()))?;
        }
        self.snapshot = Some((seq, pieces_of_whole(body.len())));
        self.last_seq = Some(seq);
        Ok(())
    }

    /// Sends an entry; where there is no transaction, once everything that it decided has arrived.
    fn send_frame(outbox: &mut Outbox, seq: u64, body: &[u8]) -> Result<(u32, u64), KafkaError> {
        let (topic, partition) = (outbox.options().topics.state.clone(), outbox.partition());
        let all = pieces(body);
        for (index, piece) in all.iter().enumerate() {
            let key = frame_key(seq, index as u32);
            let is_marked = index + 1 == all.len();
            let (key, value) = (Some(&key[..]), Some(&piece[..]));
            outbox.send(Outgoing {
                topic: &topic,
                partition: Some(partition),
                key,
                value,
                headers: None,
                is_marked,
            })?;
        }
        Ok((all.len() as u32, all.last().map_or(0, |piece| checksum(piece))))
    }
}

/// The pieces that parts of these lengths are sent in.
fn pieces_of(parts: impl IntoIterator<Item = usize>) -> u32 {
    pieces_of_whole(parts.into_iter().map(|part| 4 + part).sum())
}

fn pieces_of_whole(bytes: usize) -> u32 {
    bytes.div_ceil(RECORD_BYTES_MAX).max(1) as u32
}

impl StateStore for KafkaStore {
    fn recover(&mut self, visit: &mut dyn FnMut(Saved<'_>) -> Result<(), Refusal>) -> Result<(), StoreError> {
        self.open_local()?;
        if let Some(Stand { anchor, keepers }) = self.local_stand() {
            if let Some(log) = self.restorer.after(anchor)? {
                self.keepers = log.held.get(KEEPERS).map_or(keepers, |held| Keepers::read(held));
                self.last_seq = self.local.as_ref().and_then(RedbStore::last_seq);
                if self.resume_local(&log, visit)? {
                    tracing::info!(
                        partition = self.inlet.partition(),
                        seq = self.last_seq,
                        "state is back from the disk"
                    );
                    return Ok(());
                }
            }
            tracing::info!(
                partition = self.inlet.partition(),
                "the copy on the disk is not of this changelog, or too old"
            );
        }
        let log = self.restorer.all()?;
        self.keepers = log.held.get(KEEPERS).map_or_else(Keepers::default, |held| Keepers::read(held));
        self.rebuild(&log, visit)?;
        tracing::info!(partition = self.inlet.partition(), seq = self.last_seq, "state is back from the changelog");
        Ok(())
    }

    fn append(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        crate::io::memory::follows(entry.seq, self.last_seq)?;
        let body = Body::write(entry);
        self.outbox.lock().begin()?;
        self.pending =
            Some(Pending { seq: entry.seq, input: entry.input.clone(), body, owes_compaction: entry.owes_compaction });
        Ok(())
    }

    fn keep_texts(&mut self, ends: &[u64]) -> Result<(), StoreError> {
        self.texts.as_mut().map_or(Ok(()), |texts| texts.send(&mut self.outbox.lock(), ends))
    }

    fn forget_texts(&mut self, log: usize, addresses: &[u64]) -> Result<(), StoreError> {
        self.texts.as_ref().map_or(Ok(()), |texts| texts.send_again(&mut self.outbox.lock(), log, addresses))
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        let Some(Pending { seq, input, body, owes_compaction }) = self.pending.take() else { return Ok(()) };
        let offsets = offsets_of(&input).map_err(|error| StoreError::Refused(Box::new(error)))?;
        let mut outbox = self.outbox.lock();
        if !outbox.is_transactional() {
            // An entry says that its decisions are out: they are, before it is.
            outbox.flush()?;
        }
        if self.keepers.take_over(seq, self.queue) {
            let (topic, partition) = (outbox.options().topics.state.clone(), Some(outbox.partition()));
            let (key, value) = (Some(KEEPERS), self.keepers.write());
            let value = Some(&value[..]);
            outbox.send(Outgoing { topic: &topic, partition, key, value, headers: None, is_marked: false })?;
        }
        let (count, sum) = Self::send_frame(&mut outbox, seq, &body)?;
        outbox.commit(Some(&offsets))?;
        let anchor = Anchor { offset: outbox.marked(), sum };
        drop(outbox);
        self.frames.insert(seq, count);
        self.last_seq = Some(seq);
        self.owes_compaction |= owes_compaction;
        self.inlet.commits(&offsets);
        let deltas = Body::read(&body).map_or(&[][..], |body| body.deltas);
        let mark = self.stand(anchor);
        let pieces = self.texts.as_ref().map_or_else(Mark::default, |texts| texts.mark(false));
        let outputs = [Output { mark: &mark, lines: b"" }, Output { mark: &pieces, lines: b"" }];
        if let Some(local) = &mut self.local {
            local.append(&Entry { seq, input: &input, deltas, outputs: &outputs, owes_compaction })?;
        }
        Ok(())
    }

    fn snapshot(
        &mut self,
        seq: u64,
        input: &Position,
        _: &[Mark],
        chunks: &mut dyn Iterator<Item = Vec<u8>>,
    ) -> Result<(), StoreError> {
        let chunks: Vec<Vec<u8>> = chunks.collect();
        let mut body = Vec::with_capacity(chunks.iter().map(|chunk| chunk.len() + 4).sum::<usize>() + 64);
        put_part(&mut body, &input.0);
        chunks.iter().for_each(|chunk| put_part(&mut body, chunk));
        let mut outbox = self.outbox.lock();
        let (topic, partition) = (outbox.options().topics.state.clone(), outbox.partition());
        let send = |outbox: &mut Outbox, key: &[u8], value: Option<&[u8]>, is_marked: bool| {
            let (partition, key) = (Some(partition), Some(key));
            outbox.send(Outgoing { topic: &topic, partition, key, value, headers: None, is_marked })
        };
        let all = pieces(&body);
        drop(body);
        for (index, piece) in all.iter().enumerate() {
            send(&mut outbox, &snapshot_key(seq, index as u32), Some(piece), false)?;
        }
        if !outbox.is_transactional() {
            outbox.flush()?;
        }
        let head = head(seq, &outbox.options().group);
        send(&mut outbox, HEAD, Some(&head), true)?;
        let covered = self.frames.range(..=seq);
        let mut gone: Vec<Vec<u8>> =
            covered.flat_map(|(&seq, &count)| (0..count).map(move |piece| frame_key(seq, piece))).collect();
        let replaced = self.snapshot.filter(|(old, _)| *old != seq);
        gone.extend(
            replaced.into_iter().flat_map(|(old, count)| (0..count).map(move |piece| snapshot_key(old, piece))),
        );
        gone.append(&mut self.stale);
        for key in &gone {
            send(&mut outbox, key, None, false)?;
        }
        outbox.commit(None)?;
        let anchor = Anchor { offset: outbox.marked(), sum: checksum(&head) };
        drop(outbox);
        self.frames = self.frames.split_off(&(seq + 1));
        self.snapshot = Some((seq, all.len() as u32));
        self.last_seq = self.last_seq.max(Some(seq));
        let marks = [self.stand(anchor), self.texts.as_ref().map_or_else(Mark::default, |texts| texts.mark(true))];
        if let Some(local) = &mut self.local {
            local.snapshot(seq, input, &marks, &mut chunks.into_iter())?;
        }
        Ok(())
    }

    /// The copy is rewritten; what the topic still holds goes when its broker compacts it, within its
    /// `max.compaction.lag.ms`.
    fn compact(&mut self) -> Result<(), StoreError> {
        self.owes_compaction = false;
        self.local.as_mut().map_or(Ok(()), RedbStore::compact)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.local.as_mut().map_or(Ok(()), RedbStore::sync)
    }

    fn owes_compaction(&self) -> bool {
        self.owes_compaction
    }

    fn outlasts_the_machine(&self) -> bool {
        true
    }

    fn own_until(&self, last: u64) -> u64 {
        self.keepers.own_until(self.queue, last)
    }

    fn next_is_durable(&self) -> bool {
        self.local.as_ref().is_some_and(RedbStore::next_is_durable)
    }
}
