//! Whatever comes in: no crash, every record is decided on or in the rejects with a reason, and the counts add up.

use tidegate::stream::Editions;

use crate::stage::{Cut, World, edition, sample};

/// One of the ways in which a line goes wrong.
fn mutate(line: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let text = String::from_utf8_lossy(line).into_owned();
    let key = ["id", "channel", "author", "at", "text", "room"][random.usize(0..6)];
    let with_value = |value: &str| {
        let mut event: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        if event.is_object() {
            event[key] = serde_json::from_str(value).unwrap();
        }
        event.to_string().into_bytes()
    };
    match random.usize(0..12) {
        0 => line[..random.usize(0..line.len())].to_vec(),
        1 => [line, b"}{"].concat(),
        2 => line
            .iter()
            .map(|&byte| if random.u32(0..50) == 0 { random.u8(..) } else { byte })
            .filter(|b| *b != b'\n')
            .collect(),
        3 => text.replacen(&format!("\"{key}\":"), "\"x\":", 1).into_bytes(),
        4 => with_value(["null", "true", "17", "[1]", "{\"a\":1}", "\"\""][random.usize(0..6)]),
        5 => text.replacen("\"at\":\"20", "\"at\":\"99", 1).into_bytes(),
        6 => text.replacen("\"at\":\"20", "\"at\":\"10", 1).into_bytes(),
        7 => with_value(&format!("\"{}\"", "长".repeat(random.usize(0..60_000)))),
        8 => random_bytes(random),
        9 => b"[".repeat(random.usize(1..4000)),
        10 => [line, &[0xff, 0xfe]].concat(),
        _ => line.to_vec(),
    }
}

fn random_bytes(random: &mut fastrand::Rng) -> Vec<u8> {
    let length = random.usize(1..300);
    (0..length).map(|_| random.u8(..)).filter(|&byte| byte != b'\n').collect()
}

#[test]
fn ten_thousand_mutated_lines_are_all_accounted_for() {
    let mut random = fastrand::Rng::with_seed(7);
    let sample = sample();
    let mut records: Vec<Vec<u8>> = (0..10_000)
        .map(|_| mutate(&sample[random.usize(0..sample.len())], &mut random))
        .filter(|l| !l.is_empty())
        .collect();
    let huge = format!(
        "{{\"id\":\"huge\",\"channel\":\"post\",\"author\":\"a\",\"at\":1788300000000,\"text\":\"{}\"}}",
        "x".repeat(10 << 20)
    );
    records.push(huge.into_bytes());
    let total = records.len() as u64;
    let world = World::new(records);
    let summary = world.run(&Editions::new(edition()), Cut { threads: 2, batch: 500, ..Cut::default() }).unwrap();
    let tally = summary.tally;
    assert_eq!(tally.records_total(), total, "{tally:?}");
    assert!(tally.events_total() > 500 && tally.rejects_total() > 3000, "{tally:?}");
    let (_, rejects) = world.given_out();
    assert_eq!(rejects.lines().count() as u64, tally.rejects_total());
    for line in rejects.lines() {
        let reject: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(reject["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{line:.200}");
        assert!(reject["raw"].is_string() || reject["raw_base64"].is_string(), "{line:.200}");
        assert!(reject["offset"]["index"].is_u64(), "{line:.200}");
    }
    for code in ["bad_json", "bad_utf8", "bad_time", "bad_value", "missing_field", "out_of_bounds", "duplicate_id"] {
        assert!(tally.rejects.contains_key(code), "no {code} among {:?}", tally.rejects);
    }
}
