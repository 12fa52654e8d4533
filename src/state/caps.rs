//! How often each rule fired in the hour, and which rules have tripped over their cap.
//!
//! A rule that trips stays tripped until its revision changes: a person has to look at it.

use std::collections::BTreeMap;

use crate::event::Millis;
use crate::state::clock::clamp;
use crate::state::codec::{Broken, Reader, put_u64, put_var};
use crate::state::ring::HOUR;

/// Rules that are remembered; of more, the one whose last count is oldest goes.
const RULES_MAX: usize = 65_536;

/// Hours that are counted side by side, so that an event dated a day ahead or late by one disturbs no other hour.
const HOURS: usize = 49;

/// What the cap says about one more firing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// Within the cap.
    Allowed,
    /// The first one over it: raise the alarm. This firing and all later ones go to shadow.
    JustTripped,
    /// Over it before.
    Tripped,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rule {
    revision: u64,
    tripped: bool,
    /// The latest hour counted.
    last: u64,
    /// (hour, count), sorted by hour, at most [`HOURS`].
    hours: Vec<(u64, u64)>,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    rules: BTreeMap<u64, Rule>,
}

impl Caps {
    /// Counts a firing of a rule with a cap, in the event's own hour.
    pub(crate) fn count(&mut self, rule: u64, revision: u64, per_hour: u64, at: Millis) -> Cap {
        let state = self.rules.entry(rule).or_default();
        if state.revision != revision {
            *state = Rule { revision, ..Rule::default() };
        }
        if state.tripped {
            return Cap::Tripped;
        }
        state.tripped = state.count((clamp(at) / HOUR) as u64) > per_hour;
        let cap = if state.tripped { Cap::JustTripped } else { Cap::Allowed };
        self.bound();
        cap
    }

    /// Whether the rule, as it now is, tripped.
    #[must_use]
    pub fn is_tripped(&self, rule: u64, revision: u64) -> bool {
        self.rules.get(&rule).is_some_and(|state| state.revision == revision && state.tripped)
    }

    fn bound(&mut self) {
        if self.rules.len() > RULES_MAX {
            let oldest = self.rules.iter().min_by_key(|(key, rule)| (rule.last, **key)).map(|(key, _)| *key);
            oldest.and_then(|key| self.rules.remove(&key));
        }
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_var(out, self.rules.len() as u64);
        for (key, rule) in &self.rules {
            put_u64(out, *key);
            put_u64(out, rule.revision);
            out.push(rule.tripped.into());
            put_var(out, rule.last);
            put_var(out, rule.hours.len() as u64);
            for (hour, count) in &rule.hours {
                put_var(out, *hour);
                put_var(out, *count);
            }
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "caps of rules";
        let mut caps = Self::default();
        for _ in 0..reader.count(19, WHAT)? {
            let key = reader.u64(WHAT)?;
            caps.rules.insert(key, Rule::decode(reader)?);
        }
        Ok(caps)
    }
}

impl Rule {
    /// Counts in that hour and gives its count; an hour older than all that are held is no longer counted.
    fn count(&mut self, hour: u64) -> u64 {
        self.last = self.last.max(hour);
        let index = match self.hours.binary_search_by_key(&hour, |(hour, _)| *hour) {
            Ok(index) => index,
            Err(0) if self.hours.len() == HOURS => return 0,
            Err(index) => {
                self.hours.insert(index, (hour, 0));
                let surplus = self.hours.len().saturating_sub(HOURS);
                self.hours.drain(..surplus);
                index - surplus
            }
        };
        self.hours[index].1 += 1;
        self.hours[index].1
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "the cap of a rule";
        let revision = reader.u64(WHAT)?;
        let tripped = reader.u8(WHAT)? == 1;
        let last = reader.var(WHAT)?;
        let count = reader.count(2, WHAT)?;
        if count > HOURS {
            return Err(Broken(WHAT));
        }
        let mut hours = Vec::with_capacity(count);
        for _ in 0..count {
            let hour = (reader.var(WHAT)?, reader.var(WHAT)?);
            if hours.last().is_some_and(|last: &(u64, u64)| last.0 >= hour.0) || hour.1 >= u64::MAX / 2 {
                return Err(Broken(WHAT));
            }
            hours.push(hour);
        }
        Ok(Self { revision, tripped, last, hours })
    }
}
