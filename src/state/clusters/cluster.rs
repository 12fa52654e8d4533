//! What is remembered of one cluster.
//!
//! Most have a handful of members, which are remembered one by one. Only when the 65th comes, the earliest is let go: its
//! author goes on a list of authors, and its minute is counted.

use crate::event::Millis;
use crate::state::clock::{AT_MAX, clamp};
use crate::state::clusters::ClusterCounts;
use crate::state::clusters::people::People;
use crate::state::clusters::windows::Windows;
use crate::state::codec::{Broken, Reader, put_signed, put_u32, put_var};
use crate::state::ring::{HOUR, MINUTE};

/// Members that are remembered one by one.
pub(super) const LOG_MAX: usize = 64;

/// What is older than this is counted in no window: the longest, and an hour for members that come late.
const HORIZON_MS: Millis = 2 * HOUR;

/// A member so far ahead of the stream says nothing about what the present windows have lost.
const AHEAD_MS: Millis = HOUR;

/// A member: 12 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member {
    /// Event time, its lower half first.
    at: [u32; 2],
    /// 0 for nobody.
    author: u32,
}

impl Member {
    fn new(at: Millis, author: u32) -> Self {
        Self { at: [at as u32, (at >> 32) as u32], author }
    }

    fn at(self) -> Millis {
        Millis::from(self.at[1]) << 32 | Millis::from(self.at[0])
    }
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cluster {
    first_at: Millis,
    /// When it was active last; a member dated ahead of the stream counts as one of now.
    pub(super) active_at: Millis,
    members: u32,
    /// The last members in the order in which they came, as a ring once there is more.
    log: Vec<Member>,
    more: Option<Box<More>>,
}

/// What there is beside a full log.
#[derive(Clone, Debug, PartialEq, Eq)]
struct More {
    /// Where the log begins.
    first: u8,
    /// The latest time of a member that has left the log: windows that begin after it are counted exactly.
    forgotten: Millis,
    people: People,
    /// Members that have left the log.
    windows: Option<Box<Windows>>,
}

impl Cluster {
    /// With its first member alone.
    pub(super) fn new(first_at: Millis, first_author: u32, now: Millis) -> Self {
        let mut log = Vec::with_capacity(2);
        log.push(Member::new(first_at, first_author));
        Self { first_at, active_at: first_at.min(now + AHEAD_MS), members: 1, log, more: None }
    }

    /// Adds a member; `now` is the time of the stream.
    pub(super) fn add(&mut self, at: Millis, author: u32, now: Millis) {
        self.members = self.members.saturating_add(1);
        self.active_at = self.active_at.max(at.min(now + AHEAD_MS));
        let member = Member::new(at, author);
        if self.log.len() < LOG_MAX {
            self.log.push(member);
            return;
        }
        let log = &mut self.log;
        let more = self.more.get_or_insert_with(|| {
            let mut people = People::new();
            log.iter().for_each(|member| people.add(member.author, member.at()));
            Box::new(More { first: 0, forgotten: -1, people, windows: None })
        });
        let first = usize::from(more.first);
        more.first = ((first + 1) % LOG_MAX) as u8;
        more.forget(std::mem::replace(&mut log[first], member), now);
        more.people.add(author, at);
    }

    /// What is known at a member of that time, which was added before.
    pub(super) fn counts(&self, at: Millis) -> ClusterCounts {
        let logged = Logged::of(&self.log, at);
        let [members_10m, members_20m, members_1h] = [(10, 0), (20, 1), (60, 2)]
            .map(|(minutes, index)| logged.members[index].saturating_add(self.forgotten_members(at, minutes)));
        let authors = self.more.as_ref().map_or(logged.authors, |more| more.people.count()).min(self.members);
        let earlier = members_20m.saturating_sub(members_10m);
        ClusterCounts {
            members: self.members,
            authors,
            authors_10m: self.authors_10m(at, logged.authors_10m).min(authors),
            members_10m,
            members_1h,
            growth: if earlier == 0 { 0.0 } else { (f64::from(members_10m) / f64::from(earlier)) as f32 },
            age_ms: (at - self.first_at).max(0),
        }
    }

    /// Members of the window that have left the log.
    fn forgotten_members(&self, at: Millis, minutes: u32) -> u32 {
        let Some(more) = &self.more else { return 0 };
        match &more.windows {
            Some(windows) if more.forgotten > at - Millis::from(minutes) * MINUTE => windows.members(at, minutes),
            _ => 0,
        }
    }

    fn authors_10m(&self, at: Millis, logged: u32) -> u32 {
        let Some(more) = self.more.as_ref().filter(|more| more.forgotten > at - 10 * MINUTE) else { return logged };
        if let Some(known) = more.people.within(at, 10 * MINUTE) {
            return known;
        }
        let Some(windows) = &more.windows else { return logged };
        let mut authors = windows.authors(at);
        self.log
            .iter()
            .filter(|member| is_within(**member, at, 10 * MINUTE))
            .for_each(|member| authors.add(member.author));
        authors.estimate().max(logged)
    }

    /// Lets go of the minutes where they are past the horizon. What was dated ahead before the time of the stream was known
    /// counts as active now.
    pub(super) fn rest(&mut self, now: Millis) {
        self.active_at = self.active_at.min(now + AHEAD_MS);
        if let Some(more) = self.more.as_mut().filter(|_| self.active_at < now - HORIZON_MS) {
            more.windows = None;
        }
    }

    /// Forgets who an author's members are of; the members stay counted.
    pub(super) fn scrub(&mut self, author: u32) {
        self.log.iter_mut().filter(|member| member.author == author).for_each(|member| member.author = 0);
        if let Some(more) = &mut self.more {
            more.people.scrub(author);
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_var(out, self.first_at as u64);
        put_signed(out, self.active_at - self.first_at);
        put_var(out, self.members.into());
        put_var(out, self.log.len() as u64);
        let (late, early) = self.log.split_at(self.more.as_ref().map_or(0, |more| more.first.into()));
        for member in early.iter().chain(late) {
            put_signed(out, member.at() - self.first_at);
            put_u32(out, member.author);
        }
        out.push(self.more.is_some().into());
        if let Some(more) = &self.more {
            put_signed(out, more.forgotten);
            more.people.encode(out);
            out.push(more.windows.is_some().into());
            if let Some(windows) = &more.windows {
                windows.encode(out);
            }
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let first_at = time(reader.var(WHAT)? as Millis)?;
        let active_at = time(reader.signed(WHAT)?.wrapping_add(first_at))?;
        let members = reader.var_u32(WHAT)?;
        let count = reader.count(MEMBER_BYTES_MIN, WHAT)?;
        if count > LOG_MAX || count == 0 || count > members as usize {
            return Err(Broken(WHAT));
        }
        let mut log = Vec::with_capacity(count);
        for _ in 0..count {
            let at = time(reader.signed(WHAT)?.wrapping_add(first_at))?;
            log.push(Member::new(at, reader.u32(WHAT)?));
        }
        let more = match reader.u8(WHAT)? {
            0 if count == members as usize => None,
            1 if count == LOG_MAX && members as usize > count => Some(Box::new(More::decode(reader)?)),
            _ => return Err(Broken(WHAT)),
        };
        Ok(Self { first_at, active_at, members, log, more })
    }
}

const WHAT: &str = "a cluster";
const MEMBER_BYTES_MIN: usize = 5;

/// The least bytes that a cluster takes.
pub(super) const CLUSTER_BYTES_MIN: usize = 5 + MEMBER_BYTES_MIN;

fn time(at: Millis) -> Result<Millis, Broken> {
    if clamp(at) == at { Ok(at) } else { Err(Broken(WHAT)) }
}

impl More {
    /// Counts a member that has left the log.
    fn forget(&mut self, member: Member, now: Millis) {
        let at = member.at();
        if at <= now + AHEAD_MS {
            self.forgotten = self.forgotten.max(at);
        }
        if at > now - HORIZON_MS {
            self.windows.get_or_insert_default().add(at, member.author, now);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let forgotten = reader.signed(WHAT)?;
        if !(-1..=AT_MAX).contains(&forgotten) {
            return Err(Broken(WHAT));
        }
        let people = People::decode(reader)?;
        let windows = match reader.u8(WHAT)? {
            0 => None,
            1 => Some(Box::new(Windows::decode(reader)?)),
            _ => return Err(Broken(WHAT)),
        };
        Ok(Self { first: 0, forgotten, people, windows })
    }
}

fn is_within(member: Member, at: Millis, ms: Millis) -> bool {
    // What is later wraps to a great age.
    ((at - member.at()) as u64) < ms as u64
}

/// What the log says.
struct Logged {
    /// Within 10, 20 and 60 minutes.
    members: [u32; 3],
    authors: u32,
    authors_10m: u32,
}

impl Logged {
    fn of(log: &[Member], at: Millis) -> Self {
        let mut members = [0; 3];
        // Different authors; which of them wrote in the last ten minutes; and a bit for each 64th of the marks, by which most
        // new ones are seen to be new.
        let (mut met, mut len, mut recent, mut seen) = ([0; LOG_MAX], 0, 0_u64, 0_u64);
        for &member in log {
            for (count, minutes) in members.iter_mut().zip([10, 20, 60]) {
                *count += u32::from(is_within(member, at, minutes * MINUTE));
            }
            if member.author == 0 {
                continue;
            }
            let bit = 1 << (member.author >> 26);
            let known = if seen & bit == 0 { None } else { met[..len].iter().position(|met| *met == member.author) };
            let place = known.unwrap_or(len);
            if known.is_none() {
                met[len] = member.author;
                len += 1;
                seen |= bit;
            }
            recent |= u64::from(is_within(member, at, 10 * MINUTE)) << place;
        }
        Self { members, authors: len as u32, authors_10m: recent.count_ones() }
    }
}

/// Bytes of the busiest cluster, beside its slot.
#[cfg(test)]
pub(super) fn busy_bytes_max() -> usize {
    use super::people::{ALL, PEOPLE_MAX};
    // A list of 65 authors has room for 128.
    LOG_MAX * size_of::<Member>() + size_of::<More>() + 2 * PEOPLE_MAX * 16 + ALL + size_of::<Windows>()
}
