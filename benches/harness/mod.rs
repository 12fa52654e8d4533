//! What the benches share: real messages as material, processor time as the measure, rivals in the same run.

use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use cpu_time::ProcessTime;

/// Messages are measured this many times over; the best time is reported, since whatever else runs only adds to it.
const ROUNDS: usize = 7;

/// The `text` fields of a JSONL file, the first argument of the bench; without one, a few composed messages, many times.
pub(crate) fn messages() -> Vec<String> {
    let path = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    path.map_or_else(composed, |path| read(&path))
}

fn read(path: &str) -> Vec<String> {
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let texts = BufReader::new(file).lines().map(|line| {
        let event: serde_json::Value = serde_json::from_str(&line.expect("UTF-8")).expect("a line is one JSON object");
        event["text"].as_str().expect("an event has a text").to_owned()
    });
    texts.collect()
}

fn composed() -> Vec<String> {
    const MESSAGES: [&str; 4] = [
        "今天下班路上看到一家新开的面馆，味道不错，老板也很热情，周末一起去吧",
        "刷單兼職，日入５００，加 薇 信 ａｂｃ１２３，名額有限！！！",
        "Meeting moved to 3pm tomorrow, please bring the signed forms with you.",
        "哈哈哈哈哈 @小明 快来看 👍🏽 #周末去哪儿# https://example.com/a?b=c",
    ];
    MESSAGES.iter().cycle().take(20_000).map(|&text| text.to_owned()).collect()
}

/// Prints what was measured on, as the head of the table.
pub(crate) fn describe(messages: &[String]) {
    let bytes: usize = messages.iter().map(String::len).sum();
    let chars: usize = messages.iter().map(|text| text.chars().count()).sum();
    let count = messages.len().max(1);
    println!("{} messages, {} bytes and {} characters each on average", messages.len(), bytes / count, chars / count);
    println!("{:<44} {:>10} {:>10}", "", "ns/message", "MB/s");
}

/// Processor time of `work` over all messages, best of several rounds, printed as one line.
pub(crate) fn measure<T>(name: &str, messages: &[String], mut work: impl FnMut(&str) -> T) -> Duration {
    let best = (0..ROUNDS).map(|_| round(messages, &mut work)).min().expect("there is a round");
    let bytes: usize = messages.iter().map(String::len).sum();
    let nanoseconds = best.as_nanos() as f64 / messages.len().max(1) as f64;
    println!("{name:<44} {nanoseconds:>10.1} {:>10.0}", bytes as f64 / best.as_secs_f64().max(1e-9) / 1e6);
    best
}

fn round<T>(messages: &[String], work: &mut impl FnMut(&str) -> T) -> Duration {
    let start = ProcessTime::now();
    for message in messages {
        black_box(work(black_box(message)));
    }
    start.elapsed()
}
