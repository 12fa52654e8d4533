//! An author's messages spread over lanes, and the standing kept by one of them: the same as where one loop sees all.
//!
//! Compared are, at the end: the strikes in force of each author (channel, points, expiry), exactly; and the highest step of each
//! ladder, exactly, for whoever no reviewer's word and no erasure concerned. What depends on the order across lanes is not: which
//! strike took a step, and so when the step ends; and what a rule read of the points meanwhile.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use tidegate::event::{Channel, Relay, StandingStep, StandingStrike};
use tidegate::io::MemorySource;
use tidegate::pipeline::{Edition, Engine, Item};
use tidegate::state::{Board, State};
use tidegate::stream::{self, Control, EditionFolders, StreamError, build_checked, scan};

use crate::stage::{Cut, NOW, options, path, sample};

/// Rules that strike for what a message says, whoever saw what before; and one that reads the points of the author.
const RULES: &str = "\
- id: strikes.lure
  when: words.lure.count >= 1
  do: [{fold: {level: 2}}]
  points: 2
  owner: tests
  expires: 2099-01-01
  status: live
  tests: [{text: 领彩金, expect: fires}, {text: 你好, expect: silent}]
- id: strikes.contact
  when: words.contact.count >= 1
  do: [{fold: {level: 1}}]
  points: 1
  owner: tests
  expires: 2099-01-01
  status: live
  tests: [{text: 加我微信, expect: fires}, {text: 你好, expect: silent}]
- id: strikes.offender
  when: author.points >= 3 && words.any >= 1
  do: [{limit: {scope: reach, factor: 0.2, for: 1h}}]
  owner: tests
  expires: 2099-01-01
  status: live
  tests: [{text: 彩金, given: {author.points: 4}, expect: fires}, {text: 彩金, expect: silent}]
";

/// A folder with that edition.
pub(crate) fn edition_folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("rules.yaml"), RULES).unwrap();
    fs::copy(path("tests/it/edition/ladder.yaml"), dir.path().join("ladder.yaml")).unwrap();
    fs::create_dir(dir.path().join("words")).unwrap();
    for list in ["contact.txt", "lure.txt"] {
        let from = path("tests/it/edition/words").join(list);
        fs::copy(from, dir.path().join("words").join(list)).unwrap();
    }
    dir
}

/// What is held against one author: strikes in some order, and the step of each channel without its end.
pub(crate) type Held = (Vec<(Channel, u32, i64)>, Vec<(Channel, u32)>);

pub(crate) fn held(strikes: &[StandingStrike], steps: &[StandingStep]) -> Held {
    let mut strikes: Vec<_> = strikes.iter().map(|strike| (strike.channel, strike.points, strike.expires_at)).collect();
    strikes.retain(|(_, _, expires_at)| *expires_at > NOW);
    strikes.sort_unstable_by_key(|(channel, points, expires_at)| (channel.name(), *points, *expires_at));
    (strikes, steps.iter().map(|step| (step.channel, step.at_points)).collect())
}

/// The edition of that folder.
fn build(folder: &TempDir) -> Edition {
    let folders = EditionFolders { base: Some(folder.path().to_owned()), overlay: None };
    let (edition, problems) = build_checked(&folders.read().unwrap(), &Default::default());
    edition.unwrap_or_else(|| panic!("{problems:?}"))
}

/// Who is spoken of in these records, and of whom somebody took something back.
pub(crate) struct People {
    pub(crate) all: BTreeSet<String>,
    pub(crate) concerned: BTreeSet<String>,
}

impl People {
    pub(crate) fn of(records: &[Vec<u8>]) -> Self {
        let (mut all, mut concerned, mut authors) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        for record in records {
            let record: Value = serde_json::from_slice(record).unwrap_or_default();
            let text = |name: &str| record[name].as_str().map(str::to_owned);
            match (
                text("kind").as_deref(),
                text("author"),
                text("event").and_then(|event| authors.get(&event).cloned()),
            ) {
                (Some("erase"), Some(author), _) | (Some("verdict"), _, Some(author)) => drop(concerned.insert(author)),
                (None, Some(author), _) => {
                    text("id").map(|id| authors.insert(id, author.clone()));
                    all.insert(author);
                }
                _ => {}
            }
        }
        Self { all, concerned }
    }
}

/// What one loop over all of it holds against each author in the end.
pub(crate) fn of_one_loop(records: &[Vec<u8>], folder: &TempDir) -> BTreeMap<String, Held> {
    let (edition, options) = (build(folder), stream::Options { copies: None, ..options(Cut::default()) });
    let mut engine = Engine::new(State::new(&options.state, options.keys));
    let source = Box::new(MemorySource::new(records.to_vec()));
    let clock = Arc::new(tidegate::io::ManualClock::at(NOW));
    let process = |front: &stream::Front, batch: &tidegate::io::RawBatch| {
        let items = front.observe(&edition, batch);
        front.install(|| engine.process(&edition, &items)).unwrap();
        Ok::<_, StreamError>(())
    };
    scan(source, clock, &options, &Control::default(), process).unwrap();
    let of = |author: &String| {
        let (strikes, steps) = engine.state().standing().told(options.keys.author(author), NOW);
        (author.clone(), held(&strikes, &steps))
    };
    let all = People::of(records).all;
    all.iter().map(of).filter(|(_, held)| *held != Held::default()).collect()
}

fn place(name: &str, lanes: usize) -> usize {
    name.bytes().fold(7, |hash: usize, byte| hash.wrapping_mul(31).wrapping_add(byte.into())) % lanes
}

/// Lanes, and what is on its way between them.
struct Lanes<'a> {
    edition: &'a Edition,
    engines: Vec<Engine>,
    board: Arc<Board>,
    /// Due when so many records were taken.
    told: VecDeque<(usize, usize, Relay)>,
    delay: usize,
    taken: usize,
    standing: BTreeMap<String, Held>,
    /// Decisions of keepers, by id.
    steps: BTreeSet<String>,
}

impl Lanes<'_> {
    fn take(&mut self, lane: usize, item: Item<'_>) {
        let outcome = self.engines[lane].process(self.edition, &[vec![item]]).unwrap();
        let is_step = |rule: &str| rule.starts_with("ladder.");
        let steps = outcome.decisions.iter().filter(|decision| decision.reasons.iter().any(|r| is_step(&r.rule)));
        steps.for_each(|decision| assert!(self.steps.insert(decision.id.clone()), "{} twice", decision.id));
        for relay in outcome.relays {
            let (due, lanes) = (self.taken + self.delay, self.engines.len());
            match &relay {
                Relay::Strike { author, .. } | Relay::Revoke { author, .. } => {
                    self.told.push_back((due, place(author, lanes), relay));
                }
                Relay::Forget { .. } => self.told.extend((0..lanes).map(|lane| (due, lane, relay.clone()))),
                Relay::Entered { .. } | Relay::Joined { .. } => {}
                Relay::Standing { author, strikes, steps, .. } => {
                    self.board.put(options(Cut::default()).keys.author(author), strikes);
                    self.standing.insert(author.clone(), held(strikes, steps));
                }
            }
        }
    }

    fn deliver(&mut self, until: usize) {
        while self.told.front().is_some_and(|(due, ..)| *due <= until) {
            let Some((_, lane, relay)) = self.told.pop_front() else { return };
            self.take(lane, Item::Relay(relay));
        }
    }
}

#[test]
fn standing_kept_by_one_lane_is_that_of_one_loop() {
    let (folder, records) = (edition_folder(), sample());
    let people = People::of(&records);
    let expected = of_one_loop(&records, &folder);
    assert!(expected.len() > 20 && expected.values().any(|(_, steps)| !steps.is_empty()), "{}", expected.len());
    let edition = build(&folder);
    for (lanes, delay) in [(1, 0), (4, 0), (4, 60), (7, 400)] {
        let options = stream::Options { copies: None, ..options(Cut { batch: 1, ..Cut::default() }) };
        let board = Arc::new(Board::new(100_000));
        let engine = || Engine::new(State::new(&options.state, options.keys)).sharing(Arc::clone(&board));
        let engines = (0..lanes).map(|_| engine()).collect();
        let mut all = Lanes {
            edition: &edition,
            engines,
            board: Arc::clone(&board),
            told: VecDeque::new(),
            delay,
            taken: 0,
            standing: BTreeMap::new(),
            steps: BTreeSet::new(),
        };
        let mut homes: BTreeMap<String, usize> = BTreeMap::new();
        let clock = Arc::new(tidegate::io::ManualClock::at(NOW));
        let source = Box::new(MemorySource::new(records.clone()));
        let spread = |front: &stream::Front, batch: &tidegate::io::RawBatch| {
            for (item, raw) in front.observe(&edition, batch).into_iter().flatten().zip(batch.iter()) {
                let record: Value = serde_json::from_slice(raw.bytes).unwrap_or_default();
                let text = |name: &str| record[name].as_str().map(str::to_owned);
                // By room, as a platform may key it; a verdict goes where its message went.
                let key = text("room").or_else(|| text("id")).or_else(|| text("author")).unwrap_or_default();
                let home = text("event").and_then(|event| homes.get(&event).copied()).unwrap_or(place(&key, lanes));
                text("id").map(|id| homes.insert(id, home));
                all.deliver(all.taken);
                all.take(home, item);
                all.taken += 1;
            }
            Ok::<_, StreamError>(())
        };
        scan(source, clock, &options, &Control::default(), spread).unwrap();
        all.deliver(usize::MAX);
        all.standing.retain(|_, held| *held != Held::default());
        let unconcerned = |all: &BTreeMap<String, Held>| -> BTreeMap<String, Held> {
            all.iter()
                .filter(|(author, _)| !people.concerned.contains(*author))
                .map(|(a, h)| (a.clone(), h.clone()))
                .collect()
        };
        assert_eq!(unconcerned(&all.standing), unconcerned(&expected), "{lanes} lanes, {delay} records late");
        assert!(board.len() >= all.standing.len());
    }
}
