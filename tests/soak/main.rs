//! `make soak`: the stage on Apache Kafka for as long as it takes to believe it. Three instances work on a stream of a
//! million messages while they are killed and moved; what a `read_committed` consumer then sees is held against undisturbed
//! embedded runs, message by message. Then, undisturbed: what Kafka adds to the cost of a message, and how long a message
//! takes from topic to topic.
#![allow(clippy::unwrap_used, reason = "a soak that cannot go on should stop here")]

mod args;
mod chaos;
mod cost;
mod latency;
mod restart;

#[allow(dead_code, reason = "shared with the tests, which use all of it")]
#[path = "../it/kafka/broker.rs"]
mod broker;
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
#[path = "../it/kafka/client.rs"]
mod client;
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
#[path = "../it/kafka/stream.rs"]
mod stream;
#[allow(dead_code, reason = "shared with the tests, which use all of it")]
#[path = "../it/kafka/trial.rs"]
mod trial;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{ExitCode, Stdio};

use clap::Parser;

use args::{Args, Part};

fn main() -> ExitCode {
    let args = Args::parse();
    let bootstrap = broker::shared().bootstrap();
    let wants = |part| args.only.is_none_or(|only| only == part);
    let mut holds = true;
    if wants(Part::Chaos) {
        holds &= chaos::run(bootstrap, &args);
    }
    if wants(Part::Cost) {
        cost::run(bootstrap, &args);
    }
    if wants(Part::Latency) {
        latency::run(bootstrap, &args);
    }
    if args.only == Some(Part::Restart) {
        restart::run(bootstrap, &args);
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The stream of a part: the first `messages` lines of the file that was named, or a composed one.
fn lines(args: &Args, messages: usize) -> Vec<Vec<u8>> {
    let Some(path) = &args.events else {
        let events = messages.to_string();
        let mut command = trial::tidegate(&["synth", "--seed", "1", "--faults", "100", "--events", &events]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("tidegate synth runs");
        let lines = read_lines(child.stdout.take().expect("it was piped"), usize::MAX);
        assert!(child.wait().expect("it ends").success(), "tidegate synth failed");
        return lines;
    };
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_some_and(|extension| extension == "zst") {
        return read_lines(zstd::Decoder::new(file).expect("a zstd stream"), messages);
    }
    read_lines(file, messages)
}

fn read_lines(reader: impl Read, most: usize) -> Vec<Vec<u8>> {
    let lines = BufReader::with_capacity(1 << 20, reader).split(b'\n').take(most);
    lines.map(|line| line.expect("the input can be read")).filter(|line| !line.is_empty()).collect()
}
