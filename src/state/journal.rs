//! What was asked of the state, as bytes that can be asked again.
//!
//! A journal holds the questions, not the answers: as every answer depends on nothing but the state and the question,
//! replaying a journal on the state that it was begun on gives the same state, bit for bit.
//!
//! A fact costs 21 bytes and its time (1–3 bytes), a link count where there is one, and its room: 8 bytes, or 1 where
//! the room was named shortly before. Authors named shortly before cost 1 byte as well; a member of a cluster 6 to 16 more,
//! a forward or reply 9 more, or 2 where the same event was named shortly before.

use crate::event::{Channel, Millis};
use crate::state::back::BackChange;
use crate::state::clusters::ClusterFact;
use crate::state::codec::{Broken, Reader, put_signed, put_u32, put_u64, put_var};
use crate::state::following::Follow;
use crate::state::ledger::Held;
use crate::state::memory::{Fact, Member};
use crate::state::pulse::PulseChange;
use crate::state::standing::{HeldStep, Strike, channel, put_channel};

/// Format of a journal block; the first byte of each.
pub(crate) const VERSION: u8 = 3;

/// Why a journal block was refused. The state is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CorruptDelta {
    /// Written by a release that this one does not know.
    #[error(
        "the journal block is of format {found} and this release knows format {known}: use the release that wrote it or a later one"
    )]
    Newer {
        /// The format of the block.
        found: u8,
        /// The format that is known.
        known: u8,
    },
    /// Not what was written.
    #[error("the journal block is corrupt: {0}; the journal was damaged or cut off, restore it from a copy")]
    Corrupt(#[from] Broken),
}

/// One change.
#[derive(Clone, Debug)]
pub(crate) enum Delta {
    Facts(Vec<Fact>),
    Strike {
        author: u64,
        strike: Strike,
    },
    Impose {
        author: u64,
        step: HeldStep,
    },
    Revoke {
        author: u64,
        channel: Channel,
        event: u64,
        at: Millis,
    },
    Record(Held),
    Overturn {
        event: u64,
        at: Millis,
    },
    Uphold {
        event: u64,
    },
    Cap {
        rule: u64,
        revision: u64,
        per_hour: u64,
        at: Millis,
    },
    Forget {
        author: u64,
    },
    Texts {
        ends: [u64; 2],
        blanks: Vec<(u8, u64)>,
    },
    Tell {
        told: u64,
        at: Millis,
    },
    Retract {
        event: u64,
    },
    Heard {
        upto: Vec<(u32, i64)>,
        members: Vec<ClusterFact>,
    },
    Back(BackChange),
    /// The facts before it are counted by the hour.
    Pulses,
    Pulse(PulseChange),
}

const FACTS: u8 = 1;
const STRIKE: u8 = 2;
const IMPOSE: u8 = 3;
const RECORD: u8 = 4;
const OVERTURN: u8 = 5;
const UPHOLD: u8 = 6;
const CAP: u8 = 7;
const FORGET: u8 = 8;
const TEXTS: u8 = 9;
const REVOKE: u8 = 10;
const HEARD: u8 = 11;
const TELL: u8 = 12;
const RETRACT: u8 = 13;
const BACK: u8 = 14;
const PULSES: u8 = 15;
const PULSE: u8 = 16;

impl Delta {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Facts(facts) => put_facts(out, facts),
            Self::Strike { author, strike } => {
                put_head(out, STRIKE, *author);
                strike.encode(out);
            }
            Self::Impose { author, step } => {
                put_head(out, IMPOSE, *author);
                step.encode(out);
            }
            Self::Revoke { author, channel, event, at } => {
                put_head(out, REVOKE, *author);
                put_channel(out, *channel);
                put_u64(out, *event);
                put_signed(out, *at);
            }
            Self::Record(held) => {
                out.push(RECORD);
                held.encode(out);
            }
            Self::Overturn { event, at } => {
                put_head(out, OVERTURN, *event);
                put_signed(out, *at);
            }
            Self::Uphold { event } => put_head(out, UPHOLD, *event),
            Self::Cap { rule, revision, per_hour, at } => {
                put_head(out, CAP, *rule);
                put_u64(out, *revision);
                put_var(out, *per_hour);
                put_signed(out, *at);
            }
            Self::Forget { author } => put_head(out, FORGET, *author),
            Self::Tell { told, at } => {
                put_head(out, TELL, *told);
                put_signed(out, *at);
            }
            Self::Retract { event } => put_head(out, RETRACT, *event),
            Self::Pulses => out.push(PULSES),
            Self::Pulse(change) => {
                out.push(PULSE);
                change.encode(out);
            }
            Self::Back(change) => {
                out.push(BACK);
                change.encode(out);
            }
            Self::Heard { upto, members } => {
                out.push(HEARD);
                put_heard(out, upto.iter().map(|(source, offset)| (*source, *offset)));
                put_var(out, members.len() as u64);
                members.iter().for_each(|member| put_member(out, member));
            }
            Self::Texts { ends, blanks } => {
                out.push(TEXTS);
                ends.iter().for_each(|end| put_var(out, *end));
                put_var(out, blanks.len() as u64);
                for (log, address) in blanks {
                    out.push(*log);
                    put_var(out, *address);
                }
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "a change";
        Ok(match reader.u8(WHAT)? {
            FACTS => Self::Facts(facts(reader)?),
            STRIKE => Self::Strike { author: reader.u64(WHAT)?, strike: Strike::decode(reader)? },
            IMPOSE => Self::Impose { author: reader.u64(WHAT)?, step: HeldStep::decode(reader)? },
            REVOKE => Self::Revoke {
                author: reader.u64(WHAT)?,
                channel: channel(reader)?,
                event: reader.u64(WHAT)?,
                at: reader.signed(WHAT)?,
            },
            RECORD => Self::Record(Held::decode(reader)?),
            OVERTURN => Self::Overturn { event: reader.u64(WHAT)?, at: reader.signed(WHAT)? },
            UPHOLD => Self::Uphold { event: reader.u64(WHAT)? },
            CAP => Self::Cap {
                rule: reader.u64(WHAT)?,
                revision: reader.u64(WHAT)?,
                per_hour: reader.var(WHAT)?,
                at: reader.signed(WHAT)?,
            },
            FORGET => Self::Forget { author: reader.u64(WHAT)? },
            TELL => Self::Tell { told: reader.u64(WHAT)?, at: reader.signed(WHAT)? },
            RETRACT => Self::Retract { event: reader.u64(WHAT)? },
            PULSES => Self::Pulses,
            PULSE => Self::Pulse(PulseChange::decode(reader)?),
            BACK => Self::Back(BackChange::decode(reader)?),
            HEARD => {
                let upto = heard(reader)?;
                let count = reader.count(10, WHAT)?;
                Self::Heard { upto, members: (0..count).map(|_| read_member(reader)).collect::<Result<_, _>>()? }
            }
            TEXTS => {
                let ends = [reader.var(WHAT)?, reader.var(WHAT)?];
                let count = reader.count(2, WHAT)?;
                let blank = |_| Ok((reader.u8(WHAT)?, reader.var(WHAT)?));
                Self::Texts { ends, blanks: (0..count).map(blank).collect::<Result<_, Broken>>()? }
            }
            _ => return Err(Broken(WHAT)),
        })
    }

    /// All changes of a block. An empty block has none.
    pub(crate) fn decode_block(block: &[u8]) -> Result<Vec<Self>, CorruptDelta> {
        let Some((&found, rest)) = block.split_first() else {
            return Ok(Vec::new());
        };
        if found != VERSION {
            return Err(CorruptDelta::Newer { found, known: VERSION });
        }
        let mut reader = Reader::new(rest);
        let mut deltas = Vec::new();
        while !reader.is_empty() {
            deltas.push(Self::decode(&mut reader)?);
        }
        Ok(deltas)
    }
}

/// Up to where other lanes were heard.
pub(crate) fn put_heard(out: &mut Vec<u8>, heard: impl ExactSizeIterator<Item = (u32, i64)>) {
    put_var(out, heard.len() as u64);
    for (source, offset) in heard {
        put_var(out, source.into());
        put_signed(out, offset);
    }
}

/// Reads what [`put_heard`] wrote.
pub(crate) fn heard(reader: &mut Reader<'_>) -> Result<Vec<(u32, i64)>, Broken> {
    const WHAT: &str = "what was heard";
    let count = reader.count(2, WHAT)?;
    (0..count).map(|_| Ok((reader.var_u32(WHAT)?, reader.signed(WHAT)?))).collect()
}

fn put_member(out: &mut Vec<u8>, member: &ClusterFact) {
    put_var(out, member.cluster);
    put_signed(out, member.at);
    put_signed(out, member.at.wrapping_sub(member.first_at));
    put_u32(out, member.first_author);
    put_u32(out, member.author);
}

fn read_member(reader: &mut Reader<'_>) -> Result<ClusterFact, Broken> {
    const WHAT: &str = "a member";
    let (cluster, at) = (reader.var(WHAT)?, reader.signed(WHAT)?);
    let first_at = at.wrapping_sub(reader.signed(WHAT)?);
    Ok(ClusterFact { cluster, first_at, first_author: reader.u32(WHAT)?, at, author: reader.u32(WHAT)? })
}

fn put_head(out: &mut Vec<u8>, tag: u8, key: u64) {
    out.push(tag);
    put_u64(out, key);
}

const HIT: u8 = 1;
const LINKS: u8 = 2;
const AUTHOR_AGAIN: u8 = 4;
const ROOM: u8 = 8;
const ROOM_AGAIN: u8 = 16;
const TWIN: u8 = 32;
const FOLLOW: u8 = 64;
const DOUBTS: u8 = 128;

/// Room to set aside, so that the journal of a batch grows once.
const FACT_BYTES_USUAL: usize = 28;

/// The keys named lately: one for each value of eight of their bits. Writer and reader keep the same.
struct Lately([u64; 256]);

impl Lately {
    fn new() -> Self {
        Self([0; 256])
    }

    /// Whether the key is the one at its place; it is from now on.
    fn again(&mut self, key: u64) -> bool {
        std::mem::replace(&mut self.0[place(key)], key) == key
    }
}

fn place(key: u64) -> usize {
    (key >> 40) as usize % 256
}

/// Facts as they stand in a journal; written straight from the batch.
pub(crate) fn put_facts(out: &mut Vec<u8>, facts: &[Fact]) {
    out.reserve(facts.len() * FACT_BYTES_USUAL);
    out.push(FACTS);
    put_var(out, facts.len() as u64);
    let (mut authors, mut rooms, mut roots) = (Lately::new(), Lately::new(), Lately::new());
    let mut last_at = 0_i64;
    for fact in facts {
        let author_again = authors.again(fact.author);
        let room_again = fact.room != 0 && rooms.again(fact.room);
        out.push(flags(fact, author_again, room_again));
        put_u64(out, fact.id);
        put_u32(out, fact.content);
        put_signed(out, fact.at.wrapping_sub(last_at));
        last_at = fact.at;
        put_key(out, fact.author, author_again);
        if fact.room != 0 {
            put_key(out, fact.room, room_again);
        }
        if fact.links != 0 {
            put_var(out, fact.links.into());
        }
        if let Some(Member { cluster, first_at, first_author }) = fact.twin {
            put_var(out, cluster);
            put_signed(out, fact.at.wrapping_sub(first_at));
            put_u32(out, first_author);
        }
        if let Some(follow) = fact.follow {
            let is_again = roots.again(follow.root);
            out.push(is_again.into());
            put_key(out, follow.root, is_again);
        }
    }
}

fn flags(fact: &Fact, author_again: bool, room_again: bool) -> u8 {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    flag(fact.word_hit, HIT)
        | flag(fact.links != 0, LINKS)
        | flag(author_again, AUTHOR_AGAIN)
        | flag(fact.room != 0, ROOM)
        | flag(room_again, ROOM_AGAIN)
        | flag(fact.twin.is_some(), TWIN)
        | flag(fact.follow.is_some(), FOLLOW)
        | flag(fact.follow.is_some_and(|follow| follow.doubts), DOUBTS)
}

fn put_key(out: &mut Vec<u8>, key: u64, again: bool) {
    if again {
        out.push(place(key) as u8);
    } else {
        put_u64(out, key);
    }
}

fn facts(reader: &mut Reader<'_>) -> Result<Vec<Fact>, Broken> {
    const WHAT: &str = "facts";
    let count = reader.count(15, WHAT)?;
    let (mut authors, mut rooms, mut roots) = (Lately::new(), Lately::new(), Lately::new());
    let mut facts = Vec::with_capacity(count);
    let mut at = 0_i64;
    for _ in 0..count {
        let flags = reader.u8(WHAT)?;
        let (id, content) = (reader.u64(WHAT)?, reader.u32(WHAT)?);
        at = at.wrapping_add(reader.signed(WHAT)?);
        let author = key(reader, &mut authors, flags & AUTHOR_AGAIN != 0)?;
        let room = if flags & ROOM != 0 { key(reader, &mut rooms, flags & ROOM_AGAIN != 0)? } else { 0 };
        let links = if flags & LINKS != 0 { reader.var(WHAT)? } else { 0 };
        let links = u16::try_from(links).map_err(|_| Broken(WHAT))?;
        let twin = if flags & TWIN != 0 { Some(member(reader, at)?) } else { None };
        let follow = if flags & FOLLOW != 0 {
            let is_again = reader.u8(WHAT)? != 0;
            Some(Follow { root: key(reader, &mut roots, is_again)?, doubts: flags & DOUBTS != 0 })
        } else {
            None
        };
        facts.push(Fact { id, author, room, at, links, word_hit: flags & HIT != 0, content, twin, follow });
    }
    Ok(facts)
}

fn member(reader: &mut Reader<'_>, at: Millis) -> Result<Member, Broken> {
    const WHAT: &str = "a member of a cluster";
    let cluster = reader.var(WHAT)?;
    let first_at = at.wrapping_sub(reader.signed(WHAT)?);
    let first_author = reader.u32(WHAT)?;
    if cluster == 0 { Err(Broken(WHAT)) } else { Ok(Member { cluster, first_at, first_author }) }
}

fn key(reader: &mut Reader<'_>, lately: &mut Lately, again: bool) -> Result<u64, Broken> {
    if again {
        return Ok(lately.0[usize::from(reader.u8("facts")?)]);
    }
    let key = reader.u64("facts")?;
    lately.0[place(key)] = key;
    Ok(key)
}
