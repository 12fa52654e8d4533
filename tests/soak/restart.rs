//! Back after a restart: an instance fills its state through the loop, is stopped in order, and then killed; each time, how long it
//! takes until it is ready again.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use crate::args::Args;
use crate::client;
use crate::trial::{Instance, Trial, now, pause};

/// For a stage that hangs, not for one that is slow.
const PATIENCE: Duration = Duration::from_secs(3600);
/// The group waits so long for who was killed before it gives the partitions to anybody.
const SESSION_MS: u64 = 3000;
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Characters of a text: no two have enough in common to be copies.
const TEXT_CHARS: usize = 28;
/// 2025-09-13.
const BEGIN_MS: u64 = 1_757_721_600_000;

pub(crate) fn run(bootstrap: &str, args: &Args) {
    let port = free_port();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let settings = format!("session_timeout_ms = {SESSION_MS}\n[health]\nlisten = \"{address}\"\n");
    let trial = Trial::new(bootstrap, "restart", args.partitions, &settings).with_shipped_rules();
    // Authors are spread by their names, not quite evenly.
    let trial = trial.with_window(args.restart_entries / args.partitions * 5 / 4);
    let instance = trial.start("a");
    ready(&trial, address);
    let (entries, authors) = (args.restart_entries, args.restart_authors);
    println!(
        "restart: {entries} entries in the window, {authors} authors, {} partitions, one instance",
        args.partitions
    );
    let begun = now();
    feed(&trial, args, 0..entries);
    trial.drained(PATIENCE);
    let elapsed = begun.elapsed().as_secs_f64();
    println!("  filled through the loop in {elapsed:.0} s, {:.0} messages a second", entries as f64 / elapsed);
    assert!(instance.stop().success());
    println!("  its copy on the disk {} MiB", bytes_below(&trial.at("a")) >> 20);
    let instance = again(&trial, address, "stopped in order");
    feed(&trial, args, entries..entries + entries / 100);
    trial.drained(PATIENCE);
    instance.kill();
    let instance = again(&trial, address, "killed");
    instance.kill();
    std::fs::remove_dir_all(trial.at("a")).unwrap();
    drop(again(&trial, address, "killed, and its disk lost"));
}

/// Starts it again and says when it was ready.
fn again(trial: &Trial, address: SocketAddr, after: &str) -> Instance {
    let begun = now();
    let instance = trial.start("a");
    ready(trial, address);
    println!(
        "  ready again {:.1} s after its start ({after}); {} MiB of memory",
        begun.elapsed().as_secs_f64(),
        memory_mib(&instance)
    );
    instance
}

fn ready(trial: &Trial, address: SocketAddr) {
    let begun = now();
    while !is_ready(address) {
        assert!(begun.elapsed() < PATIENCE, "it is not ready; {}", trial.logs());
        pause(LOOK_EVERY);
    }
}

fn is_ready(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        stream.write_all(b"GET /ready HTTP/1.1\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).unwrap().port()
}

/// Messages of texts that are not alike, by all authors in turn, eight milliseconds of event time apart.
fn feed(trial: &Trial, args: &Args, numbers: std::ops::Range<usize>) {
    let (producer, topic) = (client::producer(trial.bootstrap()), trial.topic("events"));
    for number in numbers {
        let mut random = fastrand::Rng::with_seed(args.seed ^ (number as u64) << 20);
        let text: String = (0..TEXT_CHARS).map(|_| random.char('\u{4e00}'..'\u{9000}')).collect();
        let author = number.wrapping_mul(7919) % args.restart_authors;
        let at = BEGIN_MS + number as u64 * 8;
        let post = format!(
            "{{\"id\":\"r{number}\",\"channel\":\"post\",\"author\":\"author-{author}\",\"at\":{at},\"text\":\"{text}\"}}"
        );
        let partition = i32::try_from(author % args.partitions).unwrap();
        client::send(&producer, &topic, partition, format!("author-{author}").as_bytes(), post.as_bytes());
    }
    client::flush(&producer);
}

fn bytes_below(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else { return path.metadata().map_or(0, |metadata| metadata.len()) };
    entries.flatten().map(|entry| bytes_below(&entry.path())).sum()
}

/// Memory that it holds; nothing where there is no /proc.
fn memory_mib(instance: &Instance) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", instance.pid())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib >> 10)
}
