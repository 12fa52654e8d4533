//! Strikes, and the ladder's steps that they led to. Written by judging alone, in input order.

use std::sync::Arc;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;

use crate::decision::ActionKind;
use crate::event::{Channel, Millis, StandingStep, StandingStrike};
use crate::state::codec::{Broken, Reader, put_bytes, put_signed, put_u64, put_var};

/// Strikes of one author that are held; of more, the one that expires first goes.
const STRIKES_MAX: usize = 256;

/// Steps of one author that are held; of more, the oldest that was imposed again since goes.
const STEPS_MAX: usize = 64;

/// Points for one event, until they expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// The key of the event: an event strikes once, with the points of the heaviest of its rules.
    pub event: u64,
    /// Strikes count within their channel.
    pub channel: Channel,
    /// How many.
    pub points: u32,
    /// Event time of the event.
    pub at: Millis,
    /// From then on it counts no more.
    pub expires_at: Millis,
}

/// The sum of the strikes in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Points {
    /// Their points.
    pub points: u32,
    /// How many they are.
    pub strikes: u32,
}

/// A step of the ladder in force, and the decision that imposed it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The channel of the ladder.
    pub channel: Channel,
    /// The points at which the step stands: it is lifted when fewer are left.
    pub at_points: u32,
    /// The key of the event that led to it.
    pub event: u64,
    /// The decision that imposed it.
    pub decision: Arc<str>,
    /// What it did, for the reversal.
    pub actions: Vec<ActionKind>,
    /// Event time of the event.
    pub at: Millis,
}

/// All of one author's.
#[derive(Clone, Debug)]
struct Account {
    author: u64,
    strikes: Vec<Strike>,
    /// Sorted by [`HeldStep::key`]. The top of a ladder is imposed again by each further strike, and each imposition
    /// is held: what it did can only be undone under its own decision.
    steps: Vec<HeldStep>,
}

/// A step with its actions as JSON: their bytes pass through journals and snapshots unchanged.
#[derive(Clone, Debug)]
pub(crate) struct HeldStep {
    channel: Channel,
    at_points: u32,
    event: u64,
    decision: Arc<str>,
    actions: Actions,
    at: Millis,
    /// The end of what it did that ends last; not written, as the actions say it.
    until: Millis,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Standing {
    accounts: HashTable<Account>,
    accounts_max: usize,
    pub(crate) evicted: u64,
}

impl Standing {
    pub(crate) fn new(accounts_max: usize) -> Self {
        Self { accounts: HashTable::new(), accounts_max: accounts_max.max(1), evicted: 0 }
    }

    /// How many authors have strikes or steps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.accounts.len()
    }

    /// Whether no author has any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty()
    }

    /// The strikes in force at that time.
    #[must_use]
    pub fn points(&self, author: u64, channel: Channel, at: Millis) -> Points {
        self.account(author).map_or_else(Points::default, |account| account.points(channel, at))
    }

    /// The steps in force at that time, the lowest first.
    #[must_use]
    pub fn steps(&self, author: u64, channel: Channel, at: Millis) -> Vec<Step> {
        let Some(account) = self.account(author) else {
            return Vec::new();
        };
        let points = account.points(channel, at).points;
        let is_in_force = |step: &&HeldStep| step.channel == channel && (step.at_points <= points || step.until > at);
        let steps = account.steps.iter().filter(is_in_force);
        steps.map(HeldStep::open).collect()
    }

    /// Adds a strike and gives the new sum. What expired is dropped first, and with it the steps that rested on it and
    /// have ended: a penalty stands to its own end, however soon its points expire. A second strike for the same event
    /// changes nothing.
    pub(crate) fn add_strike(&mut self, author: u64, strike: Strike) -> Points {
        let account = self.account_or_new(author);
        account.settle(strike.channel, strike.at);
        if account.strikes.iter().all(|known| known.event != strike.event) {
            account.strikes.push(strike);
            account.bound_strikes();
        }
        let points = account.points(strike.channel, strike.at);
        self.bound();
        points
    }

    /// Notes that an event imposed a step. A step already in force is held once more, for the event that imposed it anew.
    pub(crate) fn impose(&mut self, author: u64, step: HeldStep) {
        let account = self.account_or_new(author);
        if let Err(index) = account.steps.binary_search_by_key(&step.key(), HeldStep::key) {
            account.steps.insert(index, step);
            account.bound_steps();
        }
        self.bound();
    }

    /// Takes the strike of an event back. Lifted are all steps that its author no longer has the points for, neither at
    /// `at` nor, without this strike, when they were imposed; and what the event imposed where another event imposed the same step, so that it is in force without this one.
    pub(crate) fn take_back(&mut self, author: u64, channel: Channel, event: u64, at: Millis) -> (Points, Vec<Step>) {
        let Ok(mut entry) = self.accounts.find_entry(author, |account| account.author == author) else {
            return (Points::default(), Vec::new());
        };
        let account = entry.get_mut();
        account.strikes.retain(|strike| strike.event != event);
        let points = account.points(channel, at);
        let lifted = account.lift_without(channel, event, at).iter().map(HeldStep::open).collect();
        if account.is_empty() {
            entry.remove();
        }
        (points, lifted)
    }

    /// What everybody is told of an author: the strikes that do not expire before `at`, and the highest step of each ladder, with
    /// the end of what its last imposition did.
    #[must_use]
    pub fn told(&self, author: u64, at: Millis) -> (Vec<StandingStrike>, Vec<StandingStep>) {
        let Some(account) = self.account(author) else { return Default::default() };
        let in_force = account.strikes.iter().filter(|strike| strike.expires_at > at);
        let told = |strike: &Strike| {
            let Strike { channel, points, expires_at, .. } = *strike;
            StandingStrike { channel, points, expires_at }
        };
        let strikes = in_force.map(told).collect();
        let mut steps: Vec<StandingStep> = Vec::new();
        // Sorted by channel, then by points, then by time: the last one of a channel is the highest, imposed last.
        for step in &account.steps {
            let HeldStep { channel, at_points, until, .. } = *step;
            steps.retain(|known| known.channel != channel);
            steps.push(StandingStep { channel, at_points, until: (until > Millis::MIN).then_some(until) });
        }
        (strikes, steps)
    }

    /// Puts an author's strikes in place of those that were known.
    pub(crate) fn replace(&mut self, author: u64, strikes: &[StandingStrike]) {
        self.forget(author);
        if strikes.is_empty() {
            return;
        }
        // Which events they were for is their keeper's business; here they only count.
        let held = |(event, strike): (u64, &StandingStrike)| {
            let StandingStrike { channel, points, expires_at } = *strike;
            Strike { event, channel, points, at: Millis::MIN, expires_at }
        };
        self.account_or_new(author).strikes = (0..).zip(strikes.iter().take(STRIKES_MAX)).map(held).collect();
        self.bound();
    }

    /// Forgets an author. Whether there was anything to forget.
    pub(crate) fn forget(&mut self, author: u64) -> bool {
        let entry = self.accounts.find_entry(author, |account| account.author == author);
        entry.map(hashbrown::hash_table::OccupiedEntry::remove).is_ok()
    }

    fn account(&self, author: u64) -> Option<&Account> {
        self.accounts.find(author, |account| account.author == author)
    }

    fn account_or_new(&mut self, author: u64) -> &mut Account {
        match self.accounts.entry(author, |account| account.author == author, |account| account.author) {
            Slot::Occupied(entry) => entry.into_mut(),
            Slot::Vacant(entry) => entry.insert(Account { author, strikes: Vec::new(), steps: Vec::new() }).into_mut(),
        }
    }

    /// Over the bound, an eighth goes: those whose last strike expires first.
    fn bound(&mut self) {
        if self.accounts.len() <= self.accounts_max {
            return;
        }
        let drop = self.accounts.len() - (self.accounts_max - self.accounts_max / 8);
        let mut order: Vec<(Millis, u64)> = self.accounts.iter().map(Account::rank).collect();
        let (_, &mut last, _) = order.select_nth_unstable(drop - 1);
        self.accounts.retain(|account| account.rank() > last);
        self.evicted = self.evicted.saturating_add(drop as u64);
    }
}

impl Account {
    fn points(&self, channel: Channel, at: Millis) -> Points {
        let mut sum = Points::default();
        for strike in self.strikes.iter().filter(|strike| strike.channel == channel && strike.expires_at > at) {
            sum.points = sum.points.saturating_add(strike.points);
            sum.strikes += 1;
        }
        sum
    }

    /// Drops what has expired in a channel: the steps that neither points nor an end in the future hold, and the strikes
    /// that neither count nor carry a step that is left.
    fn settle(&mut self, channel: Channel, at: Millis) {
        let points = self.points(channel, at).points;
        self.steps.retain(|step| step.channel != channel || step.at_points <= points || step.until > at);
        let steps = &self.steps;
        self.strikes.retain(|strike| {
            strike.channel != channel || strike.expires_at > at || steps.iter().any(|step| step.rests_on(strike))
        });
    }

    /// Takes out the steps that the strikes carry no longer, and what an event merely imposed again.
    fn lift_without(&mut self, channel: Channel, event: u64, at: Millis) -> Vec<HeldStep> {
        let points = self.points(channel, at).points;
        let others = self.steps.iter().filter(|step| step.event != event);
        let by_others: Vec<_> = others.map(HeldStep::rank).collect();
        let strikes = &self.strikes;
        let goes = |step: &HeldStep| {
            step.at_points > points.max(step.carried_by(strikes))
                || (step.event == event && by_others.binary_search(&step.rank()).is_ok())
        };
        self.steps.extract_if(.., |step| step.channel == channel && goes(step)).collect()
    }

    /// A step that is held once stays, as it says what is in force.
    fn bound_steps(&mut self) {
        if self.steps.len() > STEPS_MAX {
            let is_repeat = |&i: &usize| self.steps.get(i + 1).is_some_and(|next| next.rank() == self.steps[i].rank());
            let age = |&i: &usize| (self.steps[i].at, self.steps[i].event);
            let all = 0..self.steps.len();
            let first = all.clone().filter(is_repeat).min_by_key(age).or_else(|| all.min_by_key(age));
            first.map(|i| self.steps.remove(i));
        }
    }

    fn bound_strikes(&mut self) {
        if self.strikes.len() > STRIKES_MAX {
            let first = (0..self.strikes.len()).min_by_key(|&i| (self.strikes[i].expires_at, self.strikes[i].event));
            first.map(|i| self.strikes.remove(i));
        }
    }

    fn is_empty(&self) -> bool {
        self.strikes.is_empty() && self.steps.is_empty()
    }

    fn rank(&self) -> (Millis, u64) {
        let ends = self.strikes.iter().map(|strike| strike.expires_at).chain(self.steps.iter().map(|step| step.until));
        (ends.max().unwrap_or(Millis::MIN), self.author)
    }
}

impl HeldStep {
    /// Whether a strike counted when the step was imposed.
    fn rests_on(&self, strike: &Strike) -> bool {
        strike.channel == self.channel && strike.at <= self.at && strike.expires_at > self.at
    }

    /// The points that counted when the step was imposed.
    fn carried_by(&self, strikes: &[Strike]) -> u32 {
        strikes.iter().filter(|strike| self.rests_on(strike)).fold(0, |sum, strike| sum.saturating_add(strike.points))
    }

    /// Which step of which ladder.
    fn rank(&self) -> (Channel, u32) {
        (self.channel, self.at_points)
    }

    /// Which step, imposed by which event; of one step, the oldest first.
    fn key(&self) -> (Channel, u32, Millis, u64) {
        (self.channel, self.at_points, self.at, self.event)
    }

    fn open(&self) -> Step {
        Step {
            channel: self.channel,
            at_points: self.at_points,
            event: self.event,
            decision: Arc::clone(&self.decision),
            actions: self.actions.open(),
            at: self.at,
        }
    }
}

impl From<&Step> for HeldStep {
    fn from(step: &Step) -> Self {
        Self {
            channel: step.channel,
            at_points: step.at_points,
            event: step.event,
            decision: Arc::clone(&step.decision),
            until: last_end(&step.actions),
            actions: Actions::seal(&step.actions),
            at: step.at,
        }
    }
}

/// When the last of these actions ends; at once where none of them lasts.
fn last_end(actions: &[ActionKind]) -> Millis {
    actions.iter().filter_map(ActionKind::until).max().unwrap_or(Millis::MIN)
}

/// Actions as the JSON that they were first written as: a number read and written again might differ in its last bit,
/// and snapshots must not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actions(Box<[u8]>);

impl Actions {
    pub(crate) fn seal(actions: &[ActionKind]) -> Self {
        Self(serde_json::to_vec(actions).expect("actions are plain data").into())
    }

    pub(crate) fn open(&self) -> Vec<ActionKind> {
        serde_json::from_slice(&self.0).expect("sealed by us, or checked when read")
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, &self.0);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "actions";
        let bytes = reader.bytes(WHAT)?;
        serde_json::from_slice::<Vec<ActionKind>>(bytes).map_err(|_| Broken(WHAT))?;
        Ok(Self(bytes.into()))
    }
}

pub(crate) fn put_channel(out: &mut Vec<u8>, channel: Channel) {
    let index = Channel::ALL.iter().position(|known| *known == channel).expect("all channels are in ALL");
    out.push(index as u8);
}

pub(crate) fn channel(reader: &mut Reader<'_>) -> Result<Channel, Broken> {
    const WHAT: &str = "a channel";
    let index = usize::from(reader.u8(WHAT)?);
    Channel::ALL.get(index).copied().ok_or(Broken(WHAT))
}

impl Strike {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_u64(out, self.event);
        put_channel(out, self.channel);
        put_var(out, self.points.into());
        put_signed(out, self.at);
        put_signed(out, self.expires_at.wrapping_sub(self.at));
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "a strike";
        let (event, channel, points) = (reader.u64(WHAT)?, channel(reader)?, reader.var_u32(WHAT)?);
        let at = reader.signed(WHAT)?;
        Ok(Self { event, channel, points, at, expires_at: at.wrapping_add(reader.signed(WHAT)?) })
    }
}

impl HeldStep {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_channel(out, self.channel);
        put_var(out, self.at_points.into());
        put_u64(out, self.event);
        put_bytes(out, self.decision.as_bytes());
        self.actions.encode(out);
        put_signed(out, self.at);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "a step";
        let (channel, at_points, event) = (channel(reader)?, reader.var_u32(WHAT)?, reader.u64(WHAT)?);
        let decision = reader.str(WHAT)?.into();
        let actions = Actions::decode(reader)?;
        let until = last_end(&actions.open());
        Ok(Self { channel, at_points, event, decision, actions, at: reader.signed(WHAT)?, until })
    }
}

impl Standing {
    /// Canonical: sorted by author.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        put_var(out, self.evicted);
        let mut accounts: Vec<&Account> = self.accounts.iter().collect();
        accounts.sort_unstable_by_key(|account| account.author);
        put_var(out, accounts.len() as u64);
        for account in accounts {
            put_u64(out, account.author);
            put_var(out, account.strikes.len() as u64);
            account.strikes.iter().for_each(|strike| strike.encode(out));
            put_var(out, account.steps.len() as u64);
            account.steps.iter().for_each(|step| step.encode(out));
        }
    }

    pub(crate) fn decode(accounts_max: usize, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "standing";
        let mut standing = Self::new(accounts_max);
        standing.evicted = reader.var(WHAT)?;
        let mut last = None;
        for _ in 0..reader.count(10, WHAT)? {
            let account = Account::decode(reader)?;
            if last.is_some_and(|last| last >= account.author) {
                return Err(Broken(WHAT));
            }
            last = Some(account.author);
            standing.accounts.insert_unique(account.author, account, |account| account.author);
        }
        Ok(standing)
    }
}

impl Account {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        const WHAT: &str = "the standing of an author";
        let author = reader.u64(WHAT)?;
        let strikes = (0..reader.count(12, WHAT)?).map(|_| Strike::decode(reader)).collect::<Result<Vec<_>, _>>()?;
        let steps = (0..reader.count(13, WHAT)?).map(|_| HeldStep::decode(reader)).collect::<Result<Vec<_>, _>>()?;
        let sorted = steps.is_sorted_by(|a, b| a.key() < b.key());
        if strikes.len() > STRIKES_MAX || steps.len() > STEPS_MAX || !sorted {
            return Err(Broken(WHAT));
        }
        Ok(Self { author, strikes, steps })
    }
}
