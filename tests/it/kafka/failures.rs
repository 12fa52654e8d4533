//! Instances that are killed, come and go, or sleep through their eviction; brokers that stall, stop and die. What comes out
//! is what one undisturbed run gives out, every time.

use std::thread;
use std::time::Duration;

use super::broker::{Broker, shared};
use super::delivery::{PATIENCE, holds, records};
use super::stream::Record;
use super::trial::{Instance, Trial, pause};

/// A dead instance's partitions are given to others after this long.
const SETTINGS: &str = "session_timeout_ms = 2000\ndrain_ms = 3000\n";

/// Feeds a stream while something is done to who works on it, then waits until all is committed.
fn under_load(trial: &Trial, records: &[Record], per_second: u32, disturb: impl FnOnce()) {
    thread::scope(|scope| {
        let feed = scope.spawn(|| trial.feed(records, Some(per_second)));
        disturb();
        feed.join().unwrap();
    });
}

#[test]
fn killed_at_random_points_nothing_is_lost_or_doubled() {
    let trial = Trial::new(shared().bootstrap(), "killed", 4, SETTINGS);
    let records = records(12_000, 12, 4);
    let mut random = fastrand::Rng::with_seed(3);
    let mut instances: Vec<_> = ["a", "b"].map(|name| (name, Some(trial.start(name)))).into();
    under_load(&trial, &records, 300, || {
        for _ in 0..30 {
            pause(Duration::from_millis(random.u64(100..2200)));
            let (name, instance) = &mut instances[random.usize(0..2)];
            instance.take().unwrap().kill();
            *instance = Some(trial.start(name));
        }
    });
    trial.drained(PATIENCE);
    drop(instances);
    holds(&trial, &records);
}

#[test]
fn instances_come_and_go_under_load() {
    let trial = Trial::new(shared().bootstrap(), "moved", 6, SETTINGS);
    let records = records(6000, 0, 6);
    let first = trial.start("a");
    under_load(&trial, &records, 400, || {
        pause(Duration::from_secs(4));
        let (second, third) = (trial.start("b"), trial.start("c"));
        pause(Duration::from_secs(5));
        assert!(first.stop().success(), "it ends in order");
        trial.drained(PATIENCE);
        assert!(second.stop().success() && third.stop().success());
    });
    let last = trial.start("a");
    trial.drained(PATIENCE);
    drop(last);
    holds(&trial, &records);
}

/// It sleeps past its session with a batch in hand; another one takes over and goes on; it wakes and knows nothing of it.
#[test]
fn who_slept_through_its_eviction_doubles_nothing() {
    let trial = Trial::new(shared().bootstrap(), "zombie", 2, SETTINGS);
    let records = records(6000, 0, 2);
    let mut zombie = trial.start("zombie");
    let mut heir: Option<Instance> = None;
    under_load(&trial, &records, 400, || {
        for _ in 0..3 {
            pause(Duration::from_secs(2));
            zombie.freeze();
            heir.get_or_insert_with(|| trial.start("heir"));
            pause(Duration::from_secs(3));
            zombie.thaw();
        }
    });
    trial.drained(PATIENCE);
    assert!(zombie.lives(), "one that was fenced goes on with what the group gives it: {}", zombie.log());
    drop((zombie, heir));
    holds(&trial, &records);
}

/// The broker answers nothing for a while (a slow sink), is stopped, and dies; each time it comes back with what it has.
#[test]
fn a_broker_that_stalls_stops_or_dies_costs_time_and_nothing_else() {
    let broker = Broker::start(1);
    let trial = Trial::new(broker.bootstrap(), "restarted", 2, SETTINGS);
    let records = records(5000, 6, 2);
    let mut instance = trial.start("a");
    under_load(&trial, &records, 300, || {
        for _ in 0..3 {
            pause(Duration::from_secs(1));
            broker.stall_node(1, Duration::from_millis(1500));
        }
        broker.stop_node(1);
        broker.start_node(1);
        pause(Duration::from_secs(1));
        broker.kill_node(1);
        broker.start_node(1);
    });
    trial.drained(PATIENCE);
    assert!(instance.lives(), "{}", instance.log());
    holds(&trial, &records);
}

#[test]
fn three_nodes_go_on_when_one_is_down() {
    let brokers = Broker::start(3);
    let trial = Trial::new(brokers.bootstrap(), "three", 3, SETTINGS);
    let records = records(4000, 0, 3);
    let instances = [trial.start("a"), trial.start("b")];
    under_load(&trial, &records, 250, || {
        pause(Duration::from_secs(4));
        brokers.kill_node(2);
        // What was sent by now gets through without it.
        trial.drained(PATIENCE);
    });
    trial.drained(PATIENCE);
    brokers.start_node(2);
    drop(instances);
    holds(&trial, &records);
}
