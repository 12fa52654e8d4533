//! Kills and moves under load.

use std::time::Duration;

use crate::args::Args;
use crate::stream::{Differences, compare, keyed};
use crate::trial::{Instance, Trial, now, pause};

const SETTINGS: &str = "session_timeout_ms = 3000\ndrain_ms = 5000\n";
/// Real messages break the rules of the tests' edition too seldom for anybody to be penalised. Links are common enough.
const STRIKE: &str = "\
- id: trial.strike
  when: text.links >= 1
  do:
    - review: {queue: links}
  points: 1
  owner: tests
  expires: 2099-01-01
  status: live
  tests:
    - {text: 'see https://a.example/b', expect: fires}
    - {text: anything, expect: silent}
";
/// For a stage that hangs, not for one that is slow.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is done to the instances at a point of the stream.
#[derive(Clone, Copy)]
enum Act {
    Kill,
    Join,
    Leave,
}

/// Instances by their names, and who is next to be begun.
struct Crew<'a> {
    trial: &'a Trial,
    working: Vec<(String, Instance)>,
    begun: usize,
    random: fastrand::Rng,
    kills: usize,
    moves: usize,
}

impl Crew<'_> {
    fn join(&mut self) {
        self.begun += 1;
        let name = format!("instance-{}", self.begun);
        let instance = self.trial.start(&name);
        self.working.push((name, instance));
    }

    fn act(&mut self, act: Act) {
        let chosen = self.random.usize(0..self.working.len());
        match act {
            Act::Kill => {
                let (name, instance) = self.working.swap_remove(chosen);
                instance.kill();
                self.kills += 1;
                // Every third one comes back on an empty disk: what it knew has to come from the broker.
                if self.random.usize(0..3) == 0 {
                    self.join();
                } else {
                    let instance = self.trial.start(&name);
                    self.working.push((name, instance));
                }
            }
            Act::Join => {
                self.join();
                self.moves += 1;
            }
            Act::Leave => {
                let (name, instance) = self.working.swap_remove(chosen);
                assert!(instance.stop().success(), "{name} leaves in order");
                self.moves += 1;
            }
        }
    }
}

/// The acts in the order of the stream: moves lie evenly between the kills, joining and leaving in turn.
fn acts(args: &Args) -> Vec<Act> {
    let all = args.kills + args.moves;
    let mut acts = Vec::new();
    let mut moved = 0;
    for number in 0..all {
        if (number + 1) * args.moves / all.max(1) > moved {
            acts.push(if moved % 2 == 0 { Act::Join } else { Act::Leave });
            moved += 1;
        } else {
            acts.push(Act::Kill);
        }
    }
    acts
}

/// Whether nothing was lost, doubled or changed; the report says it in figures.
pub(crate) fn run(bootstrap: &str, args: &Args) -> bool {
    let trial = Trial::new(bootstrap, "soak", args.partitions, SETTINGS).with_rule(STRIKE);
    let trial = args.edition.iter().fold(trial, |trial, edition| trial.with_edition(edition));
    let records = keyed(crate::lines(args, args.messages), args.partitions);
    eprintln!("{} records; the embedded runs decide on them", records.len());
    let expected = trial.expected(&records);
    assert!(expected.penalties() > 0, "nobody is penalised in this stream: that penalties are right would not be seen");
    eprintln!("{} decisions expected; now through Kafka", expected.decisions());
    trial.feed(&records, None);
    let begun = now();
    let random = fastrand::Rng::with_seed(args.seed);
    let mut crew = Crew { trial: &trial, working: vec![], begun: 0, random, kills: 0, moves: 0 };
    (0..args.instances).for_each(|_| crew.join());
    let acts = acts(args);
    let total = i64::try_from(records.len()).unwrap();
    for (number, act) in (1i64..).zip(&acts) {
        // At this point of the stream, or where it hangs about: a kill just after a kill is one more to be survived.
        let point = total * number / (i64::try_from(acts.len()).unwrap() + 1);
        let waited = now();
        while total - trial.lag() < point {
            assert!(waited.elapsed() < PATIENCE, "no progress to record {point}; {}", trial.logs());
            pause(Duration::from_millis(100));
        }
        crew.act(*act);
    }
    trial.drained(PATIENCE);
    let elapsed = begun.elapsed();
    let (kills, moves) = (crew.kills, crew.moves);
    drop(crew);
    let found = trial.given_out();
    let told = compare(&expected, &found);
    let Differences { lost, doubled, invented, changed, disordered } = told;
    println!(
        "soak: {} messages through Apache Kafka, {} partitions, {} instances",
        records.len(),
        args.partitions,
        args.instances
    );
    println!("  disturbed     {kills} kills (SIGKILL), {moves} moves (join or leave), {:.0} s", elapsed.as_secs_f64());
    println!(
        "  decisions     {} expected, {} seen by a read_committed consumer",
        expected.decisions(),
        found.decisions()
    );
    println!("  rejects       {} expected, {} seen", expected.rejects(), found.rejects());
    println!("  penalties     {} expected, {} seen", expected.penalties(), found.penalties());
    println!(
        "  lost {lost}, doubled {doubled}, invented {invented}, changed {changed}, authors out of order {disordered}"
    );
    let holds = told == Differences::default();
    println!(
        "  {}",
        if holds { "it holds: what came out is what undisturbed embedded runs give out" } else { "IT DOES NOT HOLD" }
    );
    holds
}
