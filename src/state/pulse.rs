//! What is said more this hour than it used to be: rooms, clusters of near-duplicates and claims, each held against its own past.
//!
//! The arithmetic is that of the index's trends (`index/trends.rs`), on what the state holds. The past of a key is what it had in
//! the 24 hours before, and at the same hour of the same weekday in the weeks before (a mean in which the last week weighs a
//! quarter); of the two, the one that expects more. Where the whole stream grows, what is expected of each key grows with it. How far
//! a count lies above that is the root of the Poisson deviance. Hours are those of event time, UTC.
//!
//! A burst is attention, never a verdict: on a festive evening everybody writes the same wishes. So with each burst it is said which
//! share of the hour's messages rules acted on, and rules ask for both.

use hashbrown::HashMap;

use crate::event::Millis;
use crate::state::clock::{Clock, clamp};
use crate::state::codec::{Broken, Reader, put_signed, put_u64, put_var};
use crate::state::journal::Delta;
use crate::state::{Fact, State};

/// What an event is told of a key that is in a burst; zero of one that is not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Beat {
    /// How far this hour's count lies above what was expected of the whole hour, in standard deviations; 0 below [`SCORE_MIN`].
    pub score: f32,
    /// The share of this hour's events before this one that rules acted on.
    pub acted: f32,
    /// Whether this is the event at which the burst is to be told: the first, and each time that the count has doubled since.
    pub is_news: bool,
}

/// What is counted, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulsing {
    /// A room.
    Room,
    /// A cluster of near-duplicates.
    Cluster,
    /// A claim that is asserted.
    Claim,
}

const KINDS: usize = 3;
/// Keys of each kind that are held; beyond, those that were silent longest go, and where all of them speak this hour, new ones are
/// not counted.
const KEYS_MAX: [usize; KINDS] = [100_000, 50_000, 20_000];

/// Below this many events in an hour nothing is a burst.
const COUNT_MIN: u32 = 10;
/// Below this score, in standard deviations, nothing is a burst. An index is asked now and then; this is asked at every event.
pub(crate) const SCORE_MIN: f64 = 5.0;
/// Hours of the past that must be known: of the stream, and of a room.
const KNOWN_HOURS_MIN: i64 = 24;

const HOUR_MS: Millis = 3_600_000;
const DAY_HOURS: i64 = 24;
/// The hours of a day and the one that runs.
const DAY_SLOTS: usize = DAY_HOURS as usize + 1;
const WEEK_HOURS: i64 = 168;
/// Hours that are passed through one by one; what was silent for longer has no past.
const ROLLED_HOURS_MAX: i64 = 5 * WEEK_HOURS;
/// Means are held in parts of this.
const PARTS: u64 = 256;

/// One key's count and past.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pulse {
    hour: i64,
    first_hour: i64,
    count: u32,
    acted: u32,
    /// The count at which it was told last, in this hour; 0 where it was not.
    told: u32,
    /// The last 24 hours, by their number; that of the hour that runs is 0.
    day: [u32; DAY_SLOTS],
    /// The means of the hours of the week in which there ever was anything, by hour.
    week: Vec<(u8, u64)>,
}

fn hour_of(at: Millis) -> i64 {
    clamp(at) / HOUR_MS
}

/// Clamped times are never negative.
fn in_day(hour: i64) -> usize {
    hour as usize % DAY_SLOTS
}

fn in_week(hour: i64) -> u8 {
    (hour % WEEK_HOURS) as u8
}

impl Pulse {
    fn new(hour: i64) -> Self {
        Self { hour, first_hour: hour, ..Self::default() }
    }

    /// Goes to a later hour; what ended becomes past.
    fn roll(&mut self, hour: i64) {
        if hour - self.hour > ROLLED_HOURS_MAX {
            *self = Self::new(hour);
            return;
        }
        while self.hour < hour {
            let ended = std::mem::take(&mut self.count);
            self.day[in_day(self.hour)] = ended;
            self.learn(in_week(self.hour), ended);
            self.hour += 1;
            // The hour that now begins is not among the 24 before it.
            self.day[in_day(self.hour)] = 0;
            (self.acted, self.told) = (0, 0);
        }
    }

    fn learn(&mut self, slot: u8, ended: u32) {
        let now = u64::from(ended) * PARTS;
        match self.week.binary_search_by_key(&slot, |(slot, _)| *slot) {
            Ok(at) => {
                let mean = &mut self.week[at].1;
                *mean = *mean - *mean / 4 + now / 4;
                if *mean < PARTS / 8 {
                    self.week.remove(at);
                }
            }
            Err(at) if ended > 0 => self.week.insert(at, (slot, now)),
            Err(_) => {}
        }
    }

    /// Counts an event of that hour; false where that hour is over.
    fn count(&mut self, hour: i64) -> bool {
        self.roll(hour);
        if hour == self.hour {
            self.count = self.count.saturating_add(1);
            return true;
        }
        if self.hour - hour <= DAY_HOURS && hour >= self.first_hour {
            let of_hour = &mut self.day[in_day(hour)];
            *of_hour = of_hour.saturating_add(1);
        }
        false
    }

    fn of_day(&self) -> f64 {
        self.day.iter().map(|&count| f64::from(count)).sum()
    }

    fn of_week(&self) -> Option<f64> {
        let slot = in_week(self.hour);
        let at = self.week.binary_search_by_key(&slot, |(slot, _)| *slot).ok()?;
        Some(self.week[at].1 as f64 / PARTS as f64)
    }

    fn known_hours(&self) -> i64 {
        self.hour - self.first_hour
    }

    /// What its past leads one to expect of this hour.
    fn expected(&self, all: &Self) -> f64 {
        let (day, all_day) = (self.of_day(), all.of_day());
        let others = f64::from(all.count.saturating_sub(self.count));
        let hours = self.known_hours().clamp(1, DAY_HOURS) as f64;
        let by_day = (day / hours).max(day / all_day.max(1.0) * others);
        let by_week = self
            .of_week()
            .zip(all.of_week())
            .map_or(0.0, |(week, all_week)| week.max(week / all_week.max(1.0) * others));
        by_day.max(by_week)
    }

    /// What the event that was just counted is told.
    fn beat(&self, all: &Self, needs_past: bool) -> Beat {
        let is_known = !needs_past || self.known_hours() >= KNOWN_HOURS_MIN;
        // After a day of silence there is nothing to hold anything against.
        let has_past = all.known_hours() >= KNOWN_HOURS_MIN && all.of_day() > 0.0;
        if self.count < COUNT_MIN || !has_past || !is_known {
            return Beat::default();
        }
        let score = deviance(f64::from(self.count), self.expected(all));
        if score < SCORE_MIN {
            return Beat::default();
        }
        let is_news = self.told == 0 || self.count >= self.told.saturating_mul(2);
        Beat { score: score as f32, acted: self.acted.min(self.count) as f32 / self.count as f32, is_news }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_signed(out, self.hour);
        put_signed(out, self.first_hour);
        [self.count, self.acted, self.told].into_iter().chain(self.day).for_each(|count| put_var(out, count.into()));
        put_var(out, self.week.len() as u64);
        for (slot, mean) in &self.week {
            out.push(*slot);
            put_var(out, *mean);
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "the past of what is counted by the hour";
        let mut pulse = Self { hour: reader.signed(WHAT)?, first_hour: reader.signed(WHAT)?, ..Self::default() };
        for count in [&mut pulse.count, &mut pulse.acted, &mut pulse.told].into_iter().chain(&mut pulse.day) {
            *count = reader.var_u32(WHAT)?;
        }
        for _ in 0..reader.count(2, WHAT)? {
            let slot = reader.u8(WHAT)?;
            if pulse.week.last().is_some_and(|(last, _)| *last >= slot) || i64::from(slot) >= WEEK_HOURS {
                return Err(Broken(WHAT));
            }
            let mean = reader.var(WHAT)?;
            if mean > u64::from(u32::MAX) * PARTS {
                return Err(Broken(WHAT));
            }
            pulse.week.push((slot, mean));
        }
        let is_within = |hour: i64| (0..=hour_of(Millis::MAX)).contains(&hour);
        if !is_within(pulse.hour) || !is_within(pulse.first_hour) || pulse.first_hour > pulse.hour {
            return Err(Broken(WHAT));
        }
        Ok(pulse)
    }
}

/// How far a count lies above what was expected, in standard deviations; 0 where it does not. See `index/trends.rs`.
fn deviance(count: f64, expected: f64) -> f64 {
    let expected = expected.max(0.5);
    if count <= expected {
        return 0.0;
    }
    (2.0 * (count * (count / expected).ln() - (count - expected))).max(0.0).sqrt()
}

/// What is noted of a key besides that an event was counted for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PulseChange {
    pub(crate) kind: Pulsing,
    pub(crate) key: u64,
    /// When, as [`Pulses::take`] gave it.
    pub(crate) at: Millis,
    pub(crate) what: PulseNote,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PulseNote {
    /// One more event.
    Counted,
    /// Rules acted on one of the events that were counted.
    Acted,
    /// A burst was told when so many were counted.
    Told(u32),
}

impl PulseChange {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let (what, count) = match self.what {
            PulseNote::Counted => (0, 0),
            PulseNote::Acted => (1, 0),
            PulseNote::Told(count) => (2, count),
        };
        out.extend([self.kind as u8, what]);
        put_u64(out, self.key);
        put_signed(out, self.at);
        put_var(out, count.into());
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "a change of what is counted by the hour";
        let kind = match reader.u8(WHAT)? {
            0 => Pulsing::Room,
            1 => Pulsing::Cluster,
            2 => Pulsing::Claim,
            _ => return Err(Broken(WHAT)),
        };
        let what = reader.u8(WHAT)?;
        let (key, at, count) = (reader.u64(WHAT)?, reader.signed(WHAT)?, reader.var_u32(WHAT)?);
        let what = match what {
            0 => PulseNote::Counted,
            1 => PulseNote::Acted,
            2 => PulseNote::Told(count),
            _ => return Err(Broken(WHAT)),
        };
        Ok(Self { kind, key, at, what })
    }
}

/// See the module. Events are counted one by one in the order of the stream, as they are judged. A journal counts the events of a
/// batch first and notes the rest after: so no key that is noted of may go within its hour, or begin again in an hour that is over.
#[derive(Clone, Debug)]
pub(crate) struct Pulses {
    clock: Clock,
    all: Option<Pulse>,
    kinds: [Keyed; KINDS],
}

/// The keys of one kind.
#[derive(Clone, Debug)]
struct Keyed {
    pulses: HashMap<u64, Pulse, foldhash::fast::FixedState>,
    keys_max: usize,
    /// The latest hour in which one was counted.
    hour: i64,
    /// The hour in which none is left that was silent.
    full: Option<i64>,
}

impl Keyed {
    fn new(keys_max: usize) -> Self {
        Self { pulses: HashMap::default(), keys_max, hour: 0, full: None }
    }

    fn count(&mut self, key: u64, hour: i64) {
        self.hour = self.hour.max(hour);
        if let Some(pulse) = self.pulses.get_mut(&key) {
            pulse.count(hour);
        } else if hour == self.hour && self.has_room() {
            let mut pulse = Pulse::new(hour);
            pulse.count(hour);
            self.pulses.insert(key, pulse);
        }
    }

    /// Lets a quarter go where all places are taken: those that were silent longest, and none that speaks this hour.
    fn has_room(&mut self) -> bool {
        if self.pulses.len() < self.keys_max {
            return true;
        }
        if self.full == Some(self.hour) {
            return false;
        }
        let silent = self.pulses.iter().filter(|(_, pulse)| pulse.hour < self.hour);
        let mut ages: Vec<(i64, u64)> = silent.map(|(&key, pulse)| (pulse.hour, key)).collect();
        let surplus = self.pulses.len() - self.keys_max * 3 / 4;
        if surplus < ages.len() {
            ages.select_nth_unstable(surplus);
            ages.truncate(surplus);
        } else {
            self.full = Some(self.hour);
        }
        for (_, key) in ages {
            self.pulses.remove(&key);
        }
        self.pulses.len() < self.keys_max
    }
}

impl Default for Pulses {
    fn default() -> Self {
        Self { clock: Clock::default(), all: None, kinds: KEYS_MAX.map(Keyed::new) }
    }
}

impl Pulses {
    /// Counts an event of the stream, and says for when: one that is dated ahead counts for now.
    pub(crate) fn take(&mut self, at: Millis) -> Millis {
        let at = clamp(at);
        let at = match self.clock.tick(at) {
            0 => at,
            now => at.min(now),
        };
        let hour = hour_of(at);
        self.all.get_or_insert_with(|| Pulse::new(hour)).count(hour);
        at
    }

    /// Counts an event of a key that was counted as one of the stream.
    pub(crate) fn count(&mut self, kind: Pulsing, key: u64, at: Millis) {
        self.kinds[kind as usize].count(key, hour_of(at));
    }

    /// What an event is told that was counted for that key last; and how many were counted, where that is to be noted.
    pub(crate) fn beat(&self, kind: Pulsing, key: u64, at: Millis) -> (Beat, u32) {
        let hour = hour_of(at);
        let all = self.all.as_ref().filter(|all| all.hour == hour);
        let pulse = self.kinds[kind as usize].pulses.get(&key).filter(|pulse| pulse.hour == hour);
        let Some((all, pulse)) = all.zip(pulse) else { return (Beat::default(), 0) };
        // Rooms have habits; what a cluster or a claim has is news from the first hour on.
        (pulse.beat(all, kind == Pulsing::Room), pulse.count)
    }

    /// Notes something of a key.
    pub(crate) fn change(&mut self, PulseChange { kind, key, at, what }: PulseChange) {
        if what == PulseNote::Counted {
            return self.count(kind, key, at);
        }
        let pulse = self.kinds[kind as usize].pulses.get_mut(&key).filter(|pulse| pulse.hour == hour_of(at));
        match (pulse, what) {
            (Some(pulse), PulseNote::Acted) => pulse.acted = pulse.acted.saturating_add(1),
            (Some(pulse), PulseNote::Told(count)) => pulse.told = count,
            _ => {}
        }
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.all.is_none()
    }

    /// Canonical: sorted by key.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.clock.encode(out);
        self.all.clone().unwrap_or_default().encode(out);
        for Keyed { pulses, .. } in &self.kinds {
            let mut sorted: Vec<(&u64, &Pulse)> = pulses.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| **key);
            put_var(out, sorted.len() as u64);
            for (key, pulse) in sorted {
                put_u64(out, *key);
                pulse.encode(out);
            }
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "what is counted by the hour";
        let clock = Clock::decode(reader)?;
        let mut pulses = Self { clock, all: Some(Pulse::decode(reader)?), ..Self::default() };
        for keyed in &mut pulses.kinds {
            for _ in 0..reader.count(8 + 31, WHAT)? {
                let (key, pulse) = (reader.u64(WHAT)?, Pulse::decode(reader)?);
                keyed.hour = keyed.hour.max(pulse.hour);
                if keyed.pulses.insert(key, pulse).is_some() {
                    return Err(Broken(WHAT));
                }
            }
        }
        Ok(pulses)
    }
}

impl State {
    /// Says that the facts which were remembered last are now counted by the hour, by [`State::pulse`], those aside whose ids came
    /// before.
    pub fn begin_pulses(&mut self) {
        Delta::Pulses.encode(self.open_journal());
    }

    /// Counts one of these facts by the hour: whether its room and its cluster are in a burst, and when it counts for.
    pub fn pulse(&mut self, fact: &Fact) -> (Beat, Beat, Millis) {
        let at = self.count_pulses(fact);
        let room = self.beat((fact.room != 0).then_some(fact.room), Pulsing::Room, at);
        let cluster = self.beat(fact.twin.map(|twin| twin.cluster), Pulsing::Cluster, at);
        (room, cluster, at)
    }

    /// Counts that a claim was asserted at a time that [`State::pulse`] gave: whether it is in a burst.
    pub fn pulse_claim(&mut self, claim: u64, at: Millis) -> Beat {
        self.change_pulse(PulseChange { kind: Pulsing::Claim, key: claim, at, what: PulseNote::Counted });
        self.beat(Some(claim), Pulsing::Claim, at)
    }

    /// Notes that rules acted on an event, for the bursts of its room, its cluster and its claim.
    pub fn pulse_acted(&mut self, fact: &Fact, claim: Option<u64>, at: Millis) {
        let room = (fact.room != 0).then_some((Pulsing::Room, fact.room));
        let cluster = fact.twin.map(|twin| (Pulsing::Cluster, twin.cluster));
        for (kind, key) in room.into_iter().chain(cluster).chain(claim.map(|claim| (Pulsing::Claim, claim))) {
            self.change_pulse(PulseChange { kind, key, at, what: PulseNote::Acted });
        }
    }

    fn beat(&mut self, key: Option<u64>, kind: Pulsing, at: Millis) -> Beat {
        let Some(key) = key else { return Beat::default() };
        let (beat, count) = self.pulses.beat(kind, key, at);
        if beat.is_news {
            self.change_pulse(PulseChange { kind, key, at, what: PulseNote::Told(count) });
        }
        beat
    }

    pub(crate) fn count_pulses(&mut self, fact: &Fact) -> Millis {
        let at = self.pulses.take(fact.at);
        if fact.room != 0 {
            self.pulses.count(Pulsing::Room, fact.room, at);
        }
        if let Some(twin) = fact.twin {
            self.pulses.count(Pulsing::Cluster, twin.cluster, at);
        }
        at
    }

    fn change_pulse(&mut self, change: PulseChange) {
        Delta::Pulse(change).encode(self.open_journal());
        self.pulses.change(change);
    }
}

#[cfg(test)]
mod tests;
