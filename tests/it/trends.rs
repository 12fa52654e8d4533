//! Bursts on the stream: a campaign is told, wishes on a festive evening are not, and nothing of it depends on how the work is
//! shared out or where a life ended.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate::io::MemorySource;
use tidegate::pipeline::{BuildOptions, Edition};
use tidegate::stream::{EditionFolders, Editions};

use crate::stage::{Cut, NOW, World, path};

const HOUR: i64 = 3_600_000;
/// Hours before the evening that is looked at.
const PAST_HOURS: i64 = 40;

/// The shipped rules about bursts, and one that folds adverts.
const FOLDS: &str = "\
- id: test.advert
  when: text.links >= 1
  do: [{fold: {level: 1}}]
  owner: tests
  expires: 2099-01-01
  status: live
  tests: [{text: 'see https://a.example/', expect: fires}, {text: hello, expect: silent}]
";

fn editions() -> Editions {
    let dir = TempDir::new().unwrap();
    fs::copy(path("rules/trends.yaml"), dir.path().join("trends.yaml")).unwrap();
    fs::write(dir.path().join("rules.yaml"), FOLDS).unwrap();
    fs::write(
        dir.path().join("ladder.yaml"),
        "post:\n  expires: 90d\n  steps:\n    - {at: 99, do: [{limit: {scope: author, for: 1h}}]}\n",
    )
    .unwrap();
    let folders = EditionFolders { base: Some(dir.path().to_owned()), overlay: None };
    let (edition, problems) = Edition::build(&folders.read().unwrap(), &BuildOptions::default());
    Editions::new(Arc::new(edition.unwrap_or_else(|| panic!("{problems:?}"))))
}

struct Stream {
    records: Vec<Vec<u8>>,
    ids: usize,
}

impl Stream {
    fn say(&mut self, at: i64, author: usize, room: usize, text: &str) {
        self.ids += 1;
        let event = json!({"id": format!("e{}", self.ids), "channel": "group", "room": format!("g{room}"), "lang": "zh",
            "author": format!("a{author}"), "at": at, "text": text});
        self.records.push(event.to_string().into_bytes());
    }
}

/// Two days of five rooms, busier in the evenings; then an evening on which all of them are full of wishes, in one room somebody
/// sends out adverts, and what else is said is said more often as well.
fn stream() -> Vec<Vec<u8>> {
    let mut stream = Stream { records: Vec::new(), ids: 0 };
    let begin = NOW - 72 * HOUR;
    for hour in 0..PAST_HOURS {
        let count = if hour % 24 >= 18 { 6 } else { 3 };
        for nth in 0..count {
            for room in 0..5 {
                let text = format!("第{hour}小时第{nth}次在{room}群里聊起今天的天气和晚饭");
                stream.say(begin + hour * HOUR + nth * 60_000 + room, (nth * 5 + room) as usize, room as usize, &text);
            }
        }
    }
    for nth in 0..60_i64 {
        let at = begin + PAST_HOURS * HOUR + nth * 50_000;
        for room in 0..5 {
            stream.say(
                at + room,
                100 + (nth * 5 + room) as usize,
                room as usize,
                "新年快乐！祝大家新的一年身体健康，万事如意，阖家幸福",
            );
        }
        stream.say(
            at + 10,
            900 + nth as usize % 7,
            3,
            "内部渠道名额有限，点开就能领取见面礼 https://pick.example/now 先到先得",
        );
    }
    stream.records
}

fn told(decisions: &[Value], rule: &str) -> Vec<Value> {
    let of = |decision: &&Value| decision["reasons"].as_array().unwrap().iter().any(|reason| reason["rule"] == rule);
    decisions.iter().filter(of).cloned().collect()
}

#[test]
fn a_campaign_is_told_as_it_grows_and_festive_wishes_are_not() {
    let world = World::new(stream());
    world.run(&editions(), Cut::default()).unwrap();
    let decisions: Vec<Value> = world.given_out().0.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let campaign = told(&decisions, "trends.cluster");
    assert!((2..=4).contains(&campaign.len()), "the first of it, and each time that it doubled: {campaign:#?}");
    let authors: BTreeSet<&str> = campaign.iter().map(|decision| decision["author"].as_str().unwrap()).collect();
    assert!(authors.iter().all(|author| author.starts_with("a90")), "{authors:?}");
    for decision in &campaign {
        let reasons = decision["reasons"].as_array().unwrap();
        let reason = reasons.iter().position(|reason| reason["rule"] == "trends.cluster").unwrap();
        let names: Vec<&str> = reasons[reason]["signals"]
            .as_array()
            .unwrap()
            .iter()
            .map(|ground| ground["name"].as_str().unwrap())
            .collect();
        assert!(names.contains(&"trend.cluster.acted"), "{names:?}");
        let actions = decision["actions"].as_array().unwrap();
        assert!(actions.iter().any(|action| action["action"] == "review" && action["queue"] == "trends"));
    }
    let rooms: BTreeSet<String> =
        told(&decisions, "trends.room").iter().map(|decision| decision["room"].as_str().unwrap().to_owned()).collect();
    assert_eq!(rooms, ["g3".to_owned()].into(), "all rooms grow alike but the one with the campaign");
}

#[test]
fn bursts_are_the_same_for_any_threads_batches_and_lives() {
    let records = stream();
    let alone = World::new(records.clone());
    alone.run(&editions(), Cut { threads: 1, batch: 4096, ..Cut::default() }).unwrap();
    let expected = alone.given_out();
    for (threads, batch) in [(1, 1), (2, 7), (8, 300)] {
        let other = World::new(records.clone());
        other.run(&editions(), Cut { threads, batch, ..Cut::default() }).unwrap();
        assert!(other.given_out() == expected, "{threads} threads, batches of {batch}");
    }
    // From the journal alone, and from snapshots.
    for snapshot_journal_bytes in [u64::MAX, 5000] {
        let cut = Cut { batch: 64, snapshot_journal_bytes, ..Cut::default() };
        let mut life = World::new(records[..400].to_vec());
        for end in [400, 700, 870, 880, records.len()] {
            life = World { records: MemorySource::new(records[..end].to_vec()), ..life };
            life.run(&editions(), cut).unwrap();
        }
        assert!(life.given_out() == expected, "snapshots after {snapshot_journal_bytes} bytes");
    }
}
