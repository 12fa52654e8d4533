//! Members and authors a minute, in fixed memory, of clusters that are too busy to remember member by member.

use crate::event::Millis;
use crate::state::clock::AT_MAX;
use crate::state::clusters::people::Sketch;
use crate::state::codec::{Broken, Reader, put_u32, put_var};
use crate::state::ring::MINUTE;

/// Minutes of members: the hour that is asked for, and one for members that come late or are dated ahead.
const MEMBER_MINUTES: usize = 128;

/// Minutes of authors: the ten that are asked for, one that is cut, and what comes late or is dated ahead.
const AUTHOR_MINUTES: usize = 16;

/// A member so many minutes ahead of the stream would take a place that is still asked for.
const MEMBERS_AHEAD: u32 = 60;
const AUTHORS_AHEAD: u32 = 4;

/// Registers of a minute's authors: standard error 1.04 / √128 = 9.2 %.
pub(super) type MinuteSketch = Sketch<128>;

/// Which minute since 1970, plus 1; 0 is none.
fn stamp(at: Millis) -> u32 {
    (at / MINUTE + 1) as u32
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Members {
    stamp: u32,
    count: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Authors {
    stamp: u32,
    sketch: MinuteSketch,
}

/// See the module. A minute that is forgotten stays so: newer ones keep their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Windows {
    members: [Members; MEMBER_MINUTES],
    authors: [Authors; AUTHOR_MINUTES],
}

impl Default for Windows {
    fn default() -> Self {
        Self { members: [Members::default(); MEMBER_MINUTES], authors: Default::default() }
    }
}

impl Windows {
    pub(super) fn add(&mut self, at: Millis, author: u32, now: Millis) {
        let (stamp, now) = (stamp(at), stamp(now));
        let members = &mut self.members[stamp as usize % MEMBER_MINUTES];
        if members.stamp < stamp && stamp <= now + MEMBERS_AHEAD {
            *members = Members { stamp, count: 0 };
        }
        if members.stamp == stamp {
            members.count = members.count.saturating_add(1);
        }
        let authors = &mut self.authors[stamp as usize % AUTHOR_MINUTES];
        if authors.stamp < stamp && stamp <= now + AUTHORS_AHEAD {
            *authors = Authors { stamp, sketch: Sketch::default() };
        }
        if authors.stamp == stamp {
            authors.sketch.add(author);
        }
    }

    /// Members of the window of so many minutes that ends with `at`: whole minutes up to that of `at`, and the oldest in
    /// proportion to what of it lies in the window.
    pub(super) fn members(&self, at: Millis, minutes: u32) -> u32 {
        let newest = stamp(at);
        let edge = newest.saturating_sub(minutes);
        let within = self.members.iter().filter(|members| members.stamp > edge && members.stamp <= newest);
        let whole = within.fold(0_u32, |sum, members| sum.saturating_add(members.count));
        let cut = self.members[edge as usize % MEMBER_MINUTES];
        let share =
            if edge > 0 && cut.stamp == edge { i64::from(cut.count) * (MINUTE - 1 - at % MINUTE) / MINUTE } else { 0 };
        whole.saturating_add(share as u32)
    }

    /// Authors of the ten minutes up to `at`: whole minutes, the oldest if half of it or more lies in the window.
    pub(super) fn authors(&self, at: Millis) -> MinuteSketch {
        let newest = stamp(at);
        let oldest = newest.saturating_sub(if at % MINUTE < MINUTE / 2 { 10 } else { 9 }).max(1);
        let mut union = MinuteSketch::default();
        for authors in self.authors.iter().filter(|authors| (oldest..=newest).contains(&authors.stamp)) {
            union.join(&authors.sketch);
        }
        union
    }

    /// Those that are not empty, in order: index + 1, stamp, content; then 0.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for (index, members) in self.members.iter().enumerate().filter(|(_, members)| members.stamp != 0) {
            out.push(index as u8 + 1);
            put_u32(out, members.stamp);
            put_var(out, members.count.into());
        }
        out.push(0);
        for (index, authors) in self.authors.iter().enumerate().filter(|(_, authors)| authors.stamp != 0) {
            out.push(index as u8 + 1);
            put_u32(out, authors.stamp);
            authors.sketch.encode(out);
        }
        out.push(0);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut windows = Self::default();
        let mut next = 0;
        while let Some((index, stamp)) = place(reader, &mut next, MEMBER_MINUTES)? {
            windows.members[index] = Members { stamp, count: reader.var_u32(WHAT)? };
        }
        next = 0;
        while let Some((index, stamp)) = place(reader, &mut next, AUTHOR_MINUTES)? {
            windows.authors[index] = Authors { stamp, sketch: Sketch::decode(reader)? };
        }
        Ok(windows)
    }
}

const WHAT: &str = "the minutes of a cluster";

/// The next minute that is not empty: its place and its stamp, which belong together.
fn place(reader: &mut Reader<'_>, next: &mut usize, minutes: usize) -> Result<Option<(usize, u32)>, Broken> {
    let Some(index) = usize::from(reader.u8(WHAT)?).checked_sub(1) else { return Ok(None) };
    let found = reader.u32(WHAT)?;
    let is_right = index >= *next && found != 0 && found as usize % minutes == index && found <= stamp(AT_MAX);
    *next = index + 1;
    if is_right { Ok(Some((index, found))) } else { Err(Broken(WHAT)) }
}
