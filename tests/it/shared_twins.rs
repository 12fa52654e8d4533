//! Near-duplicates over several lanes that tell one another what they entered: how many of the copies are found that one window
//! would find, and what a lane that comes back still knows.

use std::collections::VecDeque;
use std::sync::Arc;

use tidegate::event::Relay;
use tidegate::io::{ManualClock, MemorySource, RawBatch};
use tidegate::pipeline::{CopyOptions, Edition, Elsewhere, Engine, Item, Joined, Outcome, TwinOptions, elsewhere};
use tidegate::state::{Board, State, Texts};
use tidegate::stream::{self, Control, Front, Options, StreamError, scan};

use crate::stage::{Cut, NOW, edition, options, sample};

fn texts() -> Arc<dyn Texts> {
    Arc::new(tidegate::neardup::MemoryTexts::default())
}

/// The options of a lane: one record at a time comes to it.
fn lane_options() -> Options {
    // No window is full: what several of them hold together is not the question.
    let twins = TwinOptions { entries_max: 50_000, ..TwinOptions::default() };
    let copies = Some(CopyOptions { twins, ..CopyOptions::default() });
    Options { copies, ..options(Cut { batch: 1, ..Cut::default() }) }
}

/// A lane, and what others hold as it hears of it.
struct Lane {
    engine: Engine,
    heard: Arc<Elsewhere>,
    logs: [Arc<dyn Texts>; 2],
    /// What it said, so far.
    said: i64,
}

impl Lane {
    /// A lane that goes on from that state and those texts, and has heard of nothing.
    fn open(number: u32, state: State, logs: [Arc<dyn Texts>; 2], options: &Options) -> Self {
        let copies = options.copies.as_ref().unwrap();
        let heard = Arc::new(elsewhere(copies, &options.keys, texts()));
        let others = Some((Arc::clone(&heard), number));
        let engine = Engine::looking_beside(state, copies, logs.clone(), others).unwrap();
        Self { engine: engine.sharing(Arc::new(Board::new(1000))), heard, logs, said: 0 }
    }

    fn hear(&self, source: u32, offset: i64, relay: &Relay) {
        match relay {
            Relay::Entered { records } => self.heard.entered(source, offset, records).unwrap(),
            Relay::Joined { members } => {
                let joined = |&(origin, at, author): &(u64, i64, u32)| Joined { origin, at, author };
                self.heard.joined(source, offset, &members.iter().map(joined).collect::<Vec<_>>());
            }
            _ => {}
        }
    }

    fn take(&mut self, edition: &Edition, front: &Front, item: Item<'_>) -> Outcome {
        let chunk = [vec![item]];
        front.install(|| self.engine.process(edition, &chunk)).unwrap()
    }
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Found {
    copies: u64,
    campaigns: u64,
    /// Of what the lanes told one another.
    bytes: usize,
}

impl Found {
    fn add(&mut self, outcome: &Outcome) {
        self.copies += outcome.tally.copies;
        self.campaigns += outcome.tally.rules.get("test.campaign").map_or(0, |rule| rule.live);
    }
}

/// Shares the sample out over lanes message by message, whoever wrote it; what a lane says is heard so many seconds of event time
/// later, and never without a delay.
fn over(lanes: usize, delay: Option<i64>) -> Found {
    let (edition, options) = (edition(), lane_options());
    let state = || State::new(&options.state, options.keys);
    let mut all: Vec<Lane> = (0..lanes).map(|n| Lane::open(n as u32, state(), [texts(), texts()], &options)).collect();
    let mut told: VecDeque<(i64, usize, i64, Relay)> = VecDeque::new();
    let (mut found, mut taken, mut now) = (Found::default(), 0_usize, 0);
    let spread = |front: &Front, batch: &RawBatch| {
        for item in front.observe(&edition, batch).into_iter().flatten() {
            if let Item::Event(observed) = &item {
                now = observed.event.at.max(now);
            }
            while told.front().is_some_and(|(due, ..)| *due <= now) {
                let Some((_, from, offset, relay)) = told.pop_front() else { break };
                // Everybody hears everything, the one who said it too.
                all.iter().for_each(|lane| lane.hear(from as u32, offset, &relay));
            }
            // A hash of the number: neighbours go to different lanes, and an author's messages everywhere.
            let home = taken.wrapping_mul(0x9E37_79B9) / 65_536 % lanes;
            let outcome = all[home].take(&edition, front, item);
            found.add(&outcome);
            for relay in outcome.relays {
                found.bytes += match &relay {
                    Relay::Entered { records } => records.len(),
                    Relay::Joined { members } => members.len() * 20,
                    _ => 0,
                };
                all[home].said += 1;
                if let Some(delay) = delay {
                    told.push_back((now + delay * 1000, home, all[home].said, relay));
                }
            }
            taken += 1;
        }
        Ok::<_, StreamError>(())
    };
    let clock = Arc::new(ManualClock::at(NOW));
    scan(Box::new(MemorySource::new(sample())), clock, &options, &Control::default(), spread).unwrap();
    found
}

/// What one window finds in the sample.
fn of_one_window() -> Found {
    let (edition, options) = (edition(), lane_options());
    let copies = options.copies.as_ref().unwrap();
    let mut engine = Engine::looking(State::new(&options.state, options.keys), copies, [texts(), texts()]).unwrap();
    let mut found = Found::default();
    let take = |front: &Front, batch: &RawBatch| {
        let items = front.observe(&edition, batch);
        found.add(&front.install(|| engine.process(&edition, &items)).unwrap());
        Ok::<_, StreamError>(())
    };
    let clock = Arc::new(ManualClock::at(NOW));
    scan(Box::new(MemorySource::new(sample())), clock, &options, &Control::default(), take).unwrap();
    found
}

/// The bounds of docs/kafka.md, "What is shared".
#[test]
fn lanes_that_tell_one_another_find_what_one_window_finds() {
    let whole = of_one_window();
    assert!(whole.copies > 200 && whole.campaigns > 50, "{whole:?}");
    let share = |part: u64, of: u64| part as f64 / of as f64;
    // Lanes, seconds of event time until what one says is heard, and the least shares of copies and of campaigns found.
    let cases = [(4, 0, 0.99, 0.98), (16, 10, 0.98, 0.96)];
    for (lanes, delay, copies, campaigns) in cases {
        let found = over(lanes, Some(delay));
        let shares = (share(found.copies, whole.copies), share(found.campaigns, whole.campaigns));
        println!(
            "{lanes} lanes, {delay} s late: {:.3} of copies, {:.3} of campaigns, {} bytes",
            shares.0, shares.1, found.bytes
        );
        assert!(shares.0 >= copies && shares.1 >= campaigns, "{lanes} lanes, {delay} s late: {found:?} of {whole:?}");
        assert!(shares.0 <= 1.02 && shares.1 <= 1.05, "nothing is invented: {found:?} of {whole:?}");
    }
    // Each for itself, for comparison: what is never heard is not found.
    let alone = over(16, None);
    let shares = (share(alone.copies, whole.copies), share(alone.campaigns, whole.campaigns));
    println!("16 lanes, each for itself: {:.3} of copies, {:.3} of campaigns", shares.0, shares.1);
    assert!(share(alone.copies, whole.copies) < 0.8, "{alone:?} of {whole:?}: nothing would be shown by this test");
}

/// One message by that author, observed and taken by the lane.
fn say(lane: &mut Lane, edition: &Edition, author: &str, text: &str) -> Outcome {
    let line = format!(
        "{{\"id\":\"of-{author}\",\"channel\":\"post\",\"author\":\"{author}\",\"at\":{},\"text\":\"{text}\"}}",
        NOW - 1000
    );
    take_line(lane, edition, line)
}

fn take_line(lane: &mut Lane, edition: &Edition, line: String) -> Outcome {
    let mut outcome = Outcome::default();
    let take = |front: &Front, batch: &RawBatch| {
        let item = front.observe(edition, batch).into_iter().flatten().next().unwrap();
        outcome = lane.take(edition, front, item);
        Ok::<_, StreamError>(())
    };
    let source = Box::new(MemorySource::new(vec![line.into_bytes()]));
    let clock = Arc::new(ManualClock::at(NOW));
    scan(source, clock, &lane_options(), &Control::default(), take).unwrap();
    outcome
}

const TEXT: &str = "各位邻居注意了今天晚上八点小区广场有免费体检活动请大家带好证件准时参加";

/// A lane that found a text of another lane holds it as its own: after a restart on another machine, where nothing was heard yet,
/// it answers the same, counts on, and forgets it when its author is to be forgotten.
#[test]
fn what_a_lane_took_over_is_part_of_its_state() {
    let (edition, options) = (edition(), lane_options());
    let state = || State::new(&options.state, options.keys);
    let [mut first, mut second] = [0, 1].map(|n| Lane::open(n, state(), [texts(), texts()], &options));
    let deliver = |from: u32, to: &Lane, outcome: &Outcome, offset: i64| {
        outcome.relays.iter().for_each(|relay| to.hear(from, offset, relay));
    };
    deliver(0, &second, &say(&mut first, &edition, "a", TEXT), 0);
    // Two more in the first lane, told as members; one in the second, which takes the text over with what was counted of it.
    deliver(0, &second, &say(&mut first, &edition, "b", TEXT), 1);
    deliver(0, &second, &say(&mut first, &edition, "c", TEXT), 2);
    let outcome = say(&mut second, &edition, "d", TEXT);
    let members = |outcome: &Outcome| {
        let grounds = outcome.decisions.iter().flat_map(|d| &d.reasons).flat_map(|reason| &reason.signals);
        let named = |name: &str| {
            let mut found = grounds.clone().filter(|ground| &*ground.name == name);
            found.next().map(|ground| serde_json::to_value(&ground.value).unwrap())
        };
        (named("twin.members"), named("twin.cluster"))
    };
    let expected = (Some(4.into()), Some("of-a".into()));
    assert_eq!(members(&outcome), expected, "{:?}", outcome.decisions);
    assert_eq!(second.heard.adopted(), 1);
    // What was heard of is told once: the member that was counted before is not counted again.
    let mut chunks = Vec::new();
    second.engine.state().save(&mut |chunk| chunks.push(chunk.to_vec()));
    let back = State::load(&options.state, options.keys, &chunks).unwrap();
    assert_eq!(back.heard(), second.engine.state().heard());
    let mut back = Lane::open(1, back, second.logs.clone(), &options);
    for (offset, relay) in [0, 1, 2].into_iter().zip(first_relays(&edition, &options)) {
        relay.iter().for_each(|relay| back.hear(0, offset, relay));
    }
    let outcome = say(&mut back, &edition, "e", TEXT);
    assert_eq!(members(&outcome), (Some(5.into()), Some("of-a".into())), "{:?}", outcome.decisions);
    // Forgotten is forgotten, whichever lane wrote it and whatever is heard of it afterwards.
    let erase = format!("{{\"kind\":\"erase\",\"author\":\"a\",\"at\":{}}}", NOW - 500);
    assert_eq!(take_line(&mut back, &edition, erase).erased.len(), 1);
    for (offset, relay) in [3, 4, 5].into_iter().zip(first_relays(&edition, &options)) {
        relay.iter().for_each(|relay| back.hear(0, offset, relay));
    }
    let outcome = say(&mut back, &edition, "f", TEXT);
    assert_eq!(outcome.tally.copies, 0, "nobody's text is left to be a copy of: {:?}", outcome.decisions);
}

/// What the first lane says of its three messages.
fn first_relays(edition: &Edition, options: &stream::Options) -> Vec<Vec<Relay>> {
    let mut lane = Lane::open(0, State::new(&options.state, options.keys), [texts(), texts()], options);
    ["a", "b", "c"].map(|author| say(&mut lane, edition, author, TEXT).relays).into()
}
