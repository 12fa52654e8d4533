//! From topic to topic: when a producer has handed a message over, until a `read_committed` consumer holds its decision.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rdkafka::consumer::Consumer;
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::Value;

use crate::args::Args;
use crate::client;
use crate::stream::{Record, keyed};
use crate::trial::{Trial, now, pause};

/// The first part is not counted: groups form, caches fill, the broker's code is compiled.
const WARM: Duration = Duration::from_secs(20);

type Sent = Mutex<BTreeMap<String, Instant>>;

pub(crate) fn run(bootstrap: &str, args: &Args) {
    let seconds = Duration::from_secs(args.seconds.into()) + WARM;
    let messages = usize::try_from(u64::from(args.rate) * seconds.as_secs()).unwrap();
    let records = keyed(crate::lines(args, messages), args.partitions);
    println!(
        "latency: {} messages a second for {} s, {} partitions, one instance",
        args.rate, args.seconds, args.partitions
    );
    for ((delivery, wait_ms), shipped) in [("exactly_once", 20), ("at_least_once", 5)]
        .into_iter()
        .flat_map(|delivery| [(delivery, true), (delivery, false)])
    {
        let settings = format!("delivery = \"{delivery}\"\n[run]\nbatch_wait_ms = {wait_ms}");
        let trial = Trial::new(bootstrap, "latency", args.partitions, &settings);
        let (trial, rules) =
            if shipped { (trial.with_shipped_rules(), "shipped rules") } else { (trial, "a decision for each") };
        let instance = trial.start("a");
        pause(Duration::from_secs(5));
        let (micros, late) = measure(bootstrap, &trial, &records, args.rate);
        assert!(instance.stop().success());
        let ms = |percentile| micros.value_at_quantile(percentile) as f64 / 1000.0;
        println!(
            "  {delivery:13} {rules:19} p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms over {} decisions; the feed was at most {late:?} late",
            ms(0.5),
            ms(0.99),
            micros.max() as f64 / 1000.0,
            micros.len()
        );
    }
}

fn measure(bootstrap: &str, trial: &Trial, records: &[Record], rate: u32) -> (Histogram<u64>, Duration) {
    let ids: Vec<Option<String>> = records.iter().map(|record| id(&record.value)).collect();
    let (sent, ended) = (Sent::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        let reader = scope.spawn(|| read(bootstrap, &trial.topic("actions"), &sent, &ended));
        let late = feed(bootstrap, trial, records, &ids, rate, &sent);
        trial.drained(Duration::from_secs(120));
        pause(Duration::from_secs(1));
        ended.store(true, Ordering::Relaxed);
        (reader.join().unwrap(), late)
    })
}

fn id(value: &[u8]) -> Option<String> {
    let record: Value = serde_json::from_slice(value).ok()?;
    record.get("id")?.as_str().map(str::to_owned)
}

/// Sends at a steady rate, in steps of two milliseconds; gives how far it fell behind at most.
fn feed(
    bootstrap: &str,
    trial: &Trial,
    records: &[Record],
    ids: &[Option<String>],
    rate: u32,
    sent: &Sent,
) -> Duration {
    let (producer, topic, begun) = (client::low_latency_producer(bootstrap), trial.topic("events"), now());
    let step = usize::try_from(rate / 500).unwrap().max(1);
    let mut late = Duration::ZERO;
    for (number, (records, ids)) in (0u32..).zip(records.chunks(step).zip(ids.chunks(step))) {
        let due = Duration::from_secs(1) * number * u32::try_from(step).unwrap() / rate;
        match due.checked_sub(begun.elapsed()) {
            Some(early) => pause(early),
            None => late = late.max(begun.elapsed() - due),
        }
        let at = now();
        if begun.elapsed() > WARM {
            let mut sent = sent.lock().unwrap();
            sent.extend(ids.iter().flatten().map(|id| (id.clone(), at)));
        }
        for record in records {
            let partition = i32::try_from(record.partition).unwrap();
            client::send(&producer, &topic, partition, record.key.as_bytes(), &record.value);
        }
        client::serve(&producer);
    }
    client::flush(&producer);
    late
}

/// Reads decisions as they become visible, and takes the time of those that are waited for.
fn read(bootstrap: &str, topic: &str, sent: &Sent, ended: &AtomicBool) -> Histogram<u64> {
    let consumer = client::reader(bootstrap, "latency", "read_committed");
    let mut all = TopicPartitionList::new();
    for partition in client::partition_numbers(&consumer, topic) {
        all.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&all).unwrap();
    let mut micros = Histogram::new(3).unwrap();
    while !ended.load(Ordering::Relaxed) {
        let Some(Ok(record)) = consumer.poll(Duration::from_millis(50)) else { continue };
        let at = now();
        let subject = record.headers().and_then(|headers| headers.iter().find(|header| header.key == "ce_subject"));
        let Some(event) = subject.and_then(|header| std::str::from_utf8(header.value?).ok()) else { continue };
        if let Some(sent) = sent.lock().unwrap().remove(event) {
            let elapsed = u64::try_from((at - sent).as_micros()).unwrap();
            micros.record(elapsed.max(1)).unwrap();
        }
    }
    micros
}
