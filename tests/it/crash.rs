//! A seeded simulator: the process dies before or after a save or a snapshot, or in the middle of an emission, starts
//! again on what was saved, and what it gives out in all is byte for byte that of a life without a death. The real
//! process is killed in `stops.rs`.

use tidegate::io::Failure;
use tidegate::stream::Editions;

use crate::stage::{Cut, World, edition, given_out, sample};

/// What kills a life.
#[derive(Clone, Copy, Debug)]
enum Death {
    Store(Failure, usize),
    /// The actions' sink takes so many bytes of its next emission.
    Torn(usize),
    /// The rejects' sink does.
    TornRejects(usize),
}

impl Death {
    fn any(random: &mut fastrand::Rng) -> Self {
        let nth = random.usize(0..6);
        match random.usize(0..6) {
            0 => Self::Store(Failure::BeforeAppend, nth),
            1 => Self::Store(Failure::AfterAppend, nth),
            2 => Self::Store(Failure::BeforeSnapshot, nth / 3),
            3 => Self::Store(Failure::AfterSnapshot, nth / 3),
            4 => Self::Torn(random.usize(0..2000)),
            _ => Self::TornRejects(random.usize(0..300)),
        }
    }

    fn await_in(self, world: &World) {
        match self {
            Self::Store(point, nth) => world.store.fail(point, nth),
            Self::Torn(bytes) => world.actions.tear_after(bytes),
            Self::TornRejects(bytes) => world.rejects.tear_after(bytes),
        }
    }
}

/// Lives until one of them comes to its end; gives how many died.
fn live_to_the_end(world: &World, random: &mut fastrand::Rng, deaths_max: usize) -> usize {
    let editions = Editions::new(edition());
    for deaths in 0.. {
        let cut = Cut {
            threads: random.usize(1..4),
            batch: random.usize(1..400),
            snapshot_journal_bytes: random.u64(2_000..200_000),
        };
        if deaths < deaths_max {
            Death::any(random).await_in(world);
        }
        if world.run(&editions, cut).is_ok() {
            return deaths;
        }
        assert!(deaths <= deaths_max + 20, "injected failures run out");
    }
    unreachable!("the loop returns")
}

#[test]
fn nothing_is_lost_or_doubled_whenever_the_process_dies() {
    let records: Vec<_> = sample().into_iter().take(1500).collect();
    let expected = given_out(records.clone(), Cut::default());
    let mut died = 0;
    for seed in 0..24 {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::new(records.clone());
        died += live_to_the_end(&world, &mut random, 6);
        assert!(world.given_out() == expected, "seed {seed}: what came out differs from a life without a death");
    }
    assert!(died > 48, "only {died} deaths: the simulator does not reach its points");
}

#[test]
fn a_finished_run_that_is_started_again_gives_out_nothing_more() {
    let world = World::new(sample());
    let editions = Editions::new(edition());
    world.run(&editions, Cut::default()).unwrap();
    let first = world.given_out();
    let again = world.run(&editions, Cut::default()).unwrap();
    assert_eq!(again.tally.records_total(), 0);
    assert!(world.given_out() == first);
}

#[test]
fn another_secret_is_refused_and_nothing_is_touched() {
    let world = World::new(sample());
    let editions = Editions::new(edition());
    world.run(&editions, Cut::default()).unwrap();
    let before = world.given_out();
    let mut options = crate::stage::options(Cut::default());
    options.keys = tidegate::state::Keys::new(b"another");
    let ends = tidegate::stream::Ends {
        source: Box::new(world.records.clone()),
        actions: Box::new(world.actions.clone()),
        rejects: Box::new(world.rejects.clone()),
        store: Box::new(world.store.clone()),
        texts: Some(world.open_texts()),
        cases: None,
        clock: std::sync::Arc::new(tidegate::io::ManualClock::at(crate::stage::NOW)),
    };
    let error = tidegate::stream::run(ends, &editions, &options, &tidegate::stream::Control::default()).unwrap_err();
    let chain: Vec<String> = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source())
        .map(ToString::to_string)
        .collect();
    assert!(chain.iter().any(|cause| cause.contains("secret")), "{chain:?}");
    assert!(world.given_out() == before);
}
