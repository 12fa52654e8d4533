//! The stream as it is played: ordinary talk as the clock moves on, a scene now and then, everything in order of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use fastrand::Rng;

use super::cast::{Cast, Lang, Person, Room, mix};
use super::phrases::Grammar;
use super::scenes::{DECK, Scene, ordinary};
use crate::event::{Channel, Erase, Event, Media, Millis, Outcome, Record, Verdict};

/// 2026-09-01T00:00:00Z, eight in the morning in Beijing.
const START: Millis = 1_788_220_800_000;
const DAY: Millis = 86_400_000;
const HOUR: Millis = 3_600_000;

/// How much longer than at the busiest hour people wait before they speak, in tenths, by hour of `START`'s morning.
const GAPS: [Millis; 24] = [12, 10, 9, 9, 8, 10, 9, 9, 9, 9, 8, 7, 6, 6, 7, 9, 14, 25, 40, 50, 50, 40, 25, 15];

/// Of so many turns one is a scene; scenes make up about a third of what is said.
const TURNS_PER_SCENE: u32 = 8;

/// How many recent messages can be answered, and how many suspects a reviewer has before them.
const REMEMBERED: usize = 64;

/// What somebody says, before it has an id and a time.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// How long from now.
    pub(super) after: Millis,
    pub(super) channel: Channel,
    pub(super) text: String,
    pub(super) title: Option<String>,
    pub(super) room: Option<Room>,
    pub(super) forward_of: Option<String>,
    pub(super) reply_to: Option<String>,
    pub(super) media: Vec<Media>,
    pub(super) reach: Option<u64>,
}

impl Message {
    pub(super) fn new(channel: Channel, text: String) -> Self {
        Self {
            after: 0,
            channel,
            text,
            title: None,
            room: None,
            forward_of: None,
            reply_to: None,
            media: Vec::new(),
            reach: None,
        }
    }

    /// Said in that group.
    pub(super) fn inside(room: Room, text: String) -> Self {
        Self { room: Some(room), ..Self::new(Channel::Group, text) }
    }
}

/// A message that can be answered.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) id: String,
    pub(super) room: Option<Room>,
    pub(super) lang: Lang,
}

/// Ordered by time, then by when it was planned, so that the order is one and the same everywhere.
struct Planned {
    at: Millis,
    order: u64,
    record: Record<'static>,
    /// What others can answer once it is said.
    said: Option<Said>,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl Planned {
    fn key(&self) -> (Millis, u64) {
        (self.at, self.order)
    }
}

/// The records of a stream, in order.
pub(super) struct Script {
    pub(super) rng: Rng,
    pub(super) cast: Cast,
    chinese: Grammar,
    english: Grammar,
    seed: u64,
    wanted: u64,
    given: u64,
    clock: Millis,
    planned: BinaryHeap<Reverse<Planned>>,
    orders: u64,
    deck: Vec<Scene>,
    said: VecDeque<Said>,
    suspects: VecDeque<String>,
}

impl Script {
    pub(super) fn new(seed: u64, wanted: u64) -> Self {
        Self {
            rng: Rng::with_seed(mix(seed, 6)),
            cast: Cast::new(wanted, START),
            chinese: Grammar::chinese(),
            english: Grammar::english(),
            seed,
            wanted,
            given: 0,
            clock: START,
            planned: BinaryHeap::new(),
            orders: 0,
            deck: Vec::new(),
            said: VecDeque::with_capacity(REMEMBERED),
            suspects: VecDeque::with_capacity(REMEMBERED),
        }
    }

    pub(super) fn now(&self) -> Millis {
        self.clock
    }

    /// One in so many.
    pub(super) fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(..n) == 0
    }

    /// A phrase of that section, in that language.
    pub(super) fn phrase(&mut self, lang: Lang, section: &str) -> String {
        let grammar = match lang {
            Lang::Zh => &self.chinese,
            Lang::En => &self.english,
        };
        grammar.phrase(&mut self.rng, section)
    }

    /// Plans a message; gives its id.
    pub(super) fn say(&mut self, person: &Person, message: Message) -> String {
        let id = format!("e-{:016x}", mix(self.orders, self.seed.wrapping_add(7)));
        let at = self.clock + message.after;
        let has_lang = !self.one_in(10);
        let links = links(&message.text);
        let event = Event {
            id: id.clone().into(),
            channel: message.channel,
            author: person.id.clone().into(),
            at: self.jittered(at),
            room: message.room.map(|room| room.id().into()),
            title: message.title.map(Into::into),
            text: message.text.into(),
            lang: has_lang.then(|| person.lang.code().into()),
            region: None,
            forward_of: message.forward_of.map(Into::into),
            reply_to: message.reply_to.map(Into::into),
            links,
            media: message.media,
            account: Some(person.account.clone()),
            audience: message.room.filter(|room| room.minors).map(|_| crate::event::Audience { minors: true }),
            reach: message.reach,
        };
        let said = Some(Said { id: id.clone(), room: message.room, lang: person.lang });
        self.plan(at, Record::Event(event), said);
        id
    }

    /// Upstream systems deliver some messages a little late; one in twenty here.
    fn jittered(&mut self, at: Millis) -> Millis {
        if self.one_in(20) { (at - self.rng.i64(0..3_000)).max(START) } else { at }
    }

    /// Puts a message before the reviewers.
    pub(super) fn suspect(&mut self, id: String) {
        remember(&mut self.suspects, id);
    }

    /// A reviewer's word on a suspect, an hour or more after it was said; nothing where there is no suspect.
    pub(super) fn review(&mut self, outcome: Outcome) {
        let Some(event) = self.suspects.pop_front() else { return };
        let at = self.clock + self.rng.i64(HOUR..2 * HOUR);
        let by = format!("r-{:02}", self.rng.u32(1..12));
        self.plan(at, Record::Verdict(Verdict { event, outcome, by, at }), None);
    }

    /// A message to answer or pass on, in a group or not, if there is one.
    pub(super) fn recent(&mut self, lang: Lang, room: Option<Room>) -> Option<Said> {
        let fits = |said: &&Said| said.lang == lang && said.room == room;
        let among = self.said.iter().filter(fits).count();
        let chosen = (among > 0).then(|| self.rng.usize(..among))?;
        self.said.iter().filter(fits).nth(chosen).cloned()
    }

    fn plan(&mut self, at: Millis, record: Record<'static>, said: Option<Said>) {
        self.planned.push(Reverse(Planned { at, order: self.orders, record, said }));
        self.orders += 1;
    }

    /// The clock moves on, and somebody speaks or a scene begins.
    fn turn(&mut self) {
        let hour = usize::try_from((self.clock - START) / HOUR % 24).expect("an hour of the day");
        // Scenes say more than a message a turn, and nights are slow: with this mean the stream lasts about a day.
        let mean = (DAY * 3 / 2 / i64::try_from(self.wanted).unwrap_or(DAY)).max(1);
        self.clock += self.rng.i64(0..=2 * mean) * GAPS[hour] / 10;
        let lang = if self.rng.u8(..10) < 7 { Lang::Zh } else { Lang::En };
        if self.rng.u32(..TURNS_PER_SCENE) == 0 {
            let scene = self.draw();
            scene(self, lang);
        } else {
            ordinary(self, lang);
        }
    }

    /// The next scene of a shuffled deck: every scene comes up before any comes up more often than it should.
    fn draw(&mut self) -> Scene {
        if self.deck.is_empty() {
            self.deck = DECK.iter().flat_map(|&(scene, times)| std::iter::repeat_n(scene, times)).collect();
            self.rng.shuffle(&mut self.deck);
        }
        self.deck.pop().expect("the deck was filled")
    }

    /// Late in the day somebody who has spoken asks to be forgotten.
    fn erase(&mut self) {
        let author = self.cast.somebody(&mut self.rng, Lang::Zh).id;
        self.plan(self.clock, Record::Erase(Erase { author, at: self.clock }), None);
    }
}

impl Iterator for Script {
    type Item = Record<'static>;

    fn next(&mut self) -> Option<Record<'static>> {
        if self.given == self.wanted {
            return None;
        }
        if self.wanted >= 100 && self.given == self.wanted / 5 * 4 {
            self.erase();
        }
        while self.planned.peek().is_none_or(|Reverse(next)| next.at > self.clock) {
            self.turn();
        }
        self.given += 1;
        let Reverse(next) = self.planned.pop()?;
        if let Some(said) = next.said {
            remember(&mut self.said, said);
        }
        Some(next.record)
    }
}

fn remember<T>(ring: &mut VecDeque<T>, item: T) {
    if ring.len() == REMEMBERED {
        ring.pop_front();
    }
    ring.push_back(item);
}

/// The links of a text, as a platform would take them out.
fn links(text: &str) -> Vec<std::borrow::Cow<'static, str>> {
    let starts = text.match_indices("http").map(|(at, _)| &text[at..]);
    let ends = |link: &str| link.find(|c: char| !c.is_ascii_graphic() || c == ',').unwrap_or(link.len());
    starts.map(|link| link[..ends(link)].to_owned().into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_end_where_the_chinese_goes_on() {
        assert_eq!(links("点https://a12.example/345，需填写"), ["https://a12.example/345"]);
        assert_eq!(links("no link"), Vec::<String>::new());
    }

    #[test]
    fn the_start_is_the_first_of_september() {
        assert_eq!(crate::event::rfc3339(START), "2026-09-01T00:00:00Z");
    }

    #[test]
    fn the_stream_lasts_about_a_day() {
        for wanted in [400, 4_000] {
            let last = Script::new(1, wanted).last().expect("there are records").at();
            let hours = (last - START) / HOUR;
            assert!((18..30).contains(&hours), "{wanted} records in {hours} hours");
        }
    }
}
