//! The whole state as chunks of canonical bytes, and back.
//!
//! The same state always gives the same chunks: a header, what judging wrote, then one chunk a shard, each followed by
//! its checksum.

use crate::state::back::Back;
use crate::state::caps::Caps;
use crate::state::clock::Clock;
use crate::state::codec::{Broken, Reader, put_u32, put_u64};
use crate::state::following::Following;
use crate::state::journal;
use crate::state::keys::{Keys, checksum};
use crate::state::ledger::Ledger;
use crate::state::memory::SHARDS;
use crate::state::pulse::Pulses;
use crate::state::recent::Recent;
use crate::state::standing::Standing;
use crate::state::{Options, State, TOLD_MAX};

const MAGIC: &[u8; 14] = b"tidegate state";

/// Format of a snapshot.
const VERSION: u32 = 4;

/// Header, judging, shards.
const CHUNKS: usize = 2 + SHARDS;

/// Why a snapshot was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Something else altogether.
    #[error(
        "this is not a snapshot of Tidegate's state: it begins with {found:?} and not with \"tidegate state\"; point the store at the right file"
    )]
    Foreign {
        /// How it begins.
        found: String,
    },
    /// Written by another release. Formats are not converted.
    #[error(
        "the snapshot is of format {found} and this release knows format {known}: use the release that wrote it, or begin with an empty store"
    )]
    Format {
        /// The format of the snapshot.
        found: u32,
        /// The format that is known.
        known: u32,
    },
    /// Keys under another secret mean nothing here.
    #[error(
        "the snapshot was written under the secret with check value {found:016x} and this deployment's has {known:016x}: give the secret that it was written under, or begin with an empty store"
    )]
    Secret {
        /// The check value of the snapshot.
        found: u64,
        /// The check value of the deployment.
        known: u64,
    },
    /// Too few or too many chunks.
    #[error("the snapshot has {found} chunks and should have {expected}: it was cut off, use the one before it")]
    Chunks {
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// Not what was written.
    #[error("chunk {chunk} of the snapshot is corrupt: {broken}; use the snapshot before it")]
    Corrupt {
        /// Which chunk, from 0.
        chunk: usize,
        /// What of it.
        broken: Broken,
    },
}

impl State {
    /// Gives the state in chunks, in an order that [`State::load`] expects. What the journal still holds is part of it.
    pub fn save(&self, sink: &mut dyn FnMut(&[u8])) {
        let mut chunk = Vec::new();
        self.encode_header(&mut chunk);
        emit(&mut chunk, sink);
        self.encode_judging(&mut chunk);
        emit(&mut chunk, sink);
        for shard in 0..SHARDS {
            self.memory.encode_shard(shard, &mut chunk);
            self.clusters.encode_shard(shard, &mut chunk);
            emit(&mut chunk, sink);
        }
    }

    /// Reads what [`State::save`] gave. Options may have changed: a bound that is lower now takes effect with the next
    /// events.
    ///
    /// # Errors
    /// [`LoadError`], naming what was found and what was expected.
    pub fn load<C: AsRef<[u8]>>(
        options: &Options,
        keys: Keys,
        chunks: impl IntoIterator<Item = C>,
    ) -> Result<Self, LoadError> {
        let mut state = Self::new(options, keys);
        let mut found = 0;
        for chunk in chunks {
            if found < CHUNKS {
                state.decode_chunk(found, chunk.as_ref(), options)?;
            }
            found += 1;
        }
        if found == CHUNKS { Ok(state) } else { Err(LoadError::Chunks { found, expected: CHUNKS }) }
    }

    fn encode_header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC);
        put_u32(out, VERSION);
        put_u64(out, self.keys.check());
        put_u32(out, CHUNKS as u32);
    }

    fn encode_judging(&self, out: &mut Vec<u8>) {
        self.clock.encode(out);
        self.standing.encode(out);
        self.ledger.encode(out);
        self.caps.encode(out);
        self.told.encode(out);
        self.following.encode(out);
        self.texts_end.iter().for_each(|end| put_u64(out, *end));
        // Of a state that never judged there is nothing more; each of these came with a later release.
        let (looks, pulses) = (!self.back.is_blank(), !self.pulses.is_blank());
        if !self.heard.is_empty() || looks || pulses {
            journal::put_heard(out, self.heard.iter().map(|(source, offset)| (*source, *offset)));
        }
        if looks || pulses {
            self.back.encode(out);
        }
        if pulses {
            self.pulses.encode(out);
        }
    }

    fn decode_chunk(&mut self, index: usize, chunk: &[u8], options: &Options) -> Result<(), LoadError> {
        if index == 0 {
            check_format(chunk)?;
        }
        let corrupt = |broken| LoadError::Corrupt { chunk: index, broken };
        let bytes = verified(chunk).map_err(corrupt)?;
        match index {
            0 => return self.check_secret(bytes),
            1 => self.decode_judging(bytes, options),
            _ => self.decode_shard(index - 2, bytes, options),
        }
        .map_err(corrupt)
    }

    fn check_secret(&self, header: &[u8]) -> Result<(), LoadError> {
        let mut reader = Reader::new(&header[MAGIC.len() + 4..]);
        let found = reader.u64("the header").map_err(|broken| LoadError::Corrupt { chunk: 0, broken })?;
        let known = self.keys.check();
        if found == known { Ok(()) } else { Err(LoadError::Secret { found, known }) }
    }

    fn decode_judging(&mut self, bytes: &[u8], options: &Options) -> Result<(), Broken> {
        let mut reader = Reader::new(bytes);
        self.clock = Clock::decode(&mut reader)?;
        self.standing = Standing::decode(options.accounts_max, &mut reader)?;
        self.ledger = Ledger::decode(options.ledger_ms, options.ledger_max, &mut reader)?;
        self.caps = Caps::decode(&mut reader)?;
        self.told = Recent::decode(TOLD_MAX, &mut reader)?;
        self.following = Following::decode(options.followed_max, &mut reader)?;
        for end in &mut self.texts_end {
            *end = reader.u64("the end of the stored texts")?;
        }
        if !reader.is_empty() {
            self.heard = journal::heard(&mut reader)?.into_iter().collect();
        }
        if !reader.is_empty() {
            self.back = Back::decode(&mut reader)?;
        }
        if !reader.is_empty() {
            self.pulses = Pulses::decode(&mut reader)?;
        }
        reader.finish("what judging wrote")
    }

    fn decode_shard(&mut self, shard: usize, bytes: &[u8], options: &Options) -> Result<(), Broken> {
        let mut reader = Reader::new(bytes);
        self.memory.decode_shard(shard, options, &mut reader)?;
        self.clusters.decode_shard(shard, &mut reader)?;
        reader.finish("a shard")
    }
}

fn emit(chunk: &mut Vec<u8>, sink: &mut dyn FnMut(&[u8])) {
    put_u64(chunk, checksum(chunk));
    sink(chunk);
    chunk.clear();
}

fn verified(chunk: &[u8]) -> Result<&[u8], Broken> {
    let (bytes, sum) = chunk.split_last_chunk::<8>().ok_or(Broken("the checksum"))?;
    if checksum(bytes) == u64::from_le_bytes(*sum) { Ok(bytes) } else { Err(Broken("the checksum")) }
}

/// Says what it is before anything else is believed, so that a newer format is named as such.
fn check_format(header: &[u8]) -> Result<(), LoadError> {
    let Some(rest) = header.strip_prefix(MAGIC) else {
        let found = String::from_utf8_lossy(&header[..header.len().min(MAGIC.len())]).into_owned();
        return Err(LoadError::Foreign { found });
    };
    let found = Reader::new(rest).u32("the header").map_err(|broken| LoadError::Corrupt { chunk: 0, broken })?;
    if found == VERSION { Ok(()) } else { Err(LoadError::Format { found, known: VERSION }) }
}
