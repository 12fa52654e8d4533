//! What indexing a case costs, and how long searches take.
//!
//! `cargo bench --bench index -- MESSAGES.jsonl [LETTERS]`: every message is filed, one in twenty with a decision, committed twice a
//! second. Where LETTERS is given, messages are joined until they have so many, because real ones are shorter than what budgets
//! speak of. Indexing is processor time of the process, reading and folding included; searches are wall time, each asked until
//! two seconds or two hundred times are over.

#![expect(clippy::disallowed_methods, reason = "a bench measures wall time beside processor time")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cpu_time::ProcessTime;
use tidegate::case::Case;
use tidegate::decision::{Action, ActionKind, Decision, Reason};
use tidegate::event::Event;
use tidegate::index::{Ask, Day, Options, Order, Query, Reader, Writer, parse};
use tidegate::text::fold_to_string;

/// The product's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// 2026-11-23T08:00:00Z: what `now` means; no query here says it.
const NOW: i64 = 1_795_420_800_000;
const COMMIT_EVERY: Duration = Duration::from_millis(500);
const ROUNDS_MAX: usize = 200;
const ROUNDS_TIME: Duration = Duration::from_secs(2);

const QUERIES: [&str; 13] = [
    "铁观音",
    "\"铁观音\"",
    "\"转发微博\"",
    "\"加微信\"",
    "的",
    "我们",
    "\"地震\" at:[2012-01-01 TO 2012-06-01]",
    "rule:rule.3",
    "rule:rule.* \"紧急\"",
    "channel:post -\"转发\"",
    "(地震 OR 爆炸) action:fold",
    "\"请大家\" \"小心\"",
    "*",
];

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with('-'));
    let Some(messages) = args.next() else {
        println!("name a JSONL file of messages: cargo bench --bench index -- MESSAGES.jsonl [LETTERS]");
        return Ok(());
    };
    let letters = args.next().map(|letters| letters.parse()).transpose().context("LETTERS is a number")?;
    let dir = tempfile::tempdir()?;
    fill(dir.path(), Path::new(&messages), letters.unwrap_or(0))?;
    ask(&Reader::open(dir.path(), fold_to_string)?)
}

fn fill(dir: &Path, messages: &Path, letters: usize) -> Result<()> {
    let today: Day = "2026-11-23".parse()?;
    let lines = BufReader::new(std::fs::File::open(messages)?).lines();
    let mut writer = Writer::open(Options { dir: dir.to_owned(), heap_bytes: 64 << 20, days_max: None })?;
    let (started, used, mut committed) = (Instant::now(), ProcessTime::now(), Instant::now());
    let (mut cases, mut chars, mut held) = (0_usize, 0_usize, String::new());
    for line in lines {
        let line = line?;
        let Ok(mut event) = serde_json::from_str::<Event<'_>>(&line) else { continue };
        if letters > 0 {
            held.push_str(&event.text);
            if held.chars().count() < letters {
                continue;
            }
            event.text = std::mem::take(&mut held).into();
        }
        chars += event.text.chars().count();
        let plain = fold_to_string(&event.text);
        let decision = cases.is_multiple_of(20).then(|| decision(&event, cases));
        writer.add(&Case { event: Some(event), plain, decision, ..Case::default() }, today)?;
        cases += 1;
        if committed.elapsed() >= COMMIT_EVERY {
            writer.commit(&cases.to_string(), today)?;
            committed = Instant::now();
        }
    }
    writer.commit("end", today)?;
    writer.close()?;
    let (used, count) = (used.elapsed(), cases.max(1));
    println!(
        "{cases} cases of {:.1} characters: {:.1} µs of processor time and {} bytes each, {:.0} a second",
        chars as f64 / count as f64,
        used.as_secs_f64() * 1e6 / count as f64,
        bytes(dir)? / count as u64,
        cases as f64 / started.elapsed().as_secs_f64()
    );
    Ok(())
}

fn decision(event: &Event<'_>, number: usize) -> Decision {
    Decision {
        id: format!("d-{number}"),
        event: event.id.to_string(),
        channel: event.channel,
        author: event.author.to_string(),
        room: None,
        at: event.at,
        edition: "bench".into(),
        actions: vec![Action { kind: ActionKind::Fold { level: 1 }, reason: 0 }],
        reasons: vec![Reason { rule: format!("rule.{}", number % 37).into(), signals: Vec::new() }],
        missing: Vec::new(),
        shadow: Vec::new(),
    }
}

fn bytes(dir: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        sum += if entry.path().is_dir() { bytes(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(sum)
}

fn ask(reader: &Reader) -> Result<()> {
    println!("{:<52} {:>9} {:>9} {:>10}", "wall time", "p50 ms", "p99 ms", "found");
    for text in QUERIES {
        let query = parse(text, NOW)?;
        for (order, name) in [(Order::Newest, "time"), (Order::Score, "score")] {
            let ask = Ask { order, limit: 20, after: None };
            measure(&format!("{text} by {name}"), || Ok(reader.search(&query, &ask)?.total))?;
        }
    }
    let month = 30 * 86_400_000;
    measure("the most frequent rules over all", || Ok(reader.top(&Query::All, "rule", 10)?.len() as u64))?;
    measure("months over all", || Ok(reader.histogram(&Query::All, month, None)?.len() as u64))?;
    measure("months by rule over all", || Ok(reader.histogram(&Query::All, month, Some(("rule", 10)))?.len() as u64))?;
    measure("different authors over all", || Ok(reader.distinct(&Query::All, "author")?))
}

fn measure(name: &str, ask: impl Fn() -> Result<u64>) -> Result<()> {
    let (mut times, mut found, started) = (Vec::new(), 0, Instant::now());
    while times.len() < ROUNDS_MAX && started.elapsed() < ROUNDS_TIME {
        let begun = Instant::now();
        found = ask()?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    println!("{name:<52} {:>9.2} {:>9.2} {found:>10}", at(50), at(99));
    Ok(())
}
