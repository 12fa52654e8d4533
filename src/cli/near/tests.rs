//! What `near` answers, whatever the batches and threads.

use serde_json::Value;

use super::*;
use crate::io::Place;

fn batch(lines: &[String]) -> RawBatch {
    let mut batch = RawBatch::default();
    batch.set_source(&"test".into());
    for (line, number) in lines.iter().zip(1..) {
        batch.push(line.as_bytes(), Place::Line { line: number, byte: 0 });
    }
    batch
}

fn options() -> Options {
    Options { entries_max: 10_000, window_ms: 3_600_000, text_bytes_max: 1 << 30 }
}

/// Every answer, with the stream cut into batches of so many lines.
fn answers(lines: &[String], options: &Options, cut: usize) -> (Vec<Value>, Tally) {
    let mut near = Near::new(options, 7).unwrap();
    let mut answers = Vec::new();
    for lines in lines.chunks(cut) {
        near.take(&batch(lines)).unwrap();
        let out = std::str::from_utf8(&near.out).unwrap();
        answers.extend(out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    (answers, near.tally)
}

fn line(id: &str, text: &str) -> String {
    serde_json::json!({ "id": id, "text": text }).to_string()
}

#[test]
fn a_washed_copy_names_the_first_of_its_kind() {
    let lines = [
        line("a", "周末楼下的菜市场要翻修，想买菜的邻居记得去东门那家"),
        line("b", "转发"),
        line("c", "周末楼下的菜市场要翻新，想买菜的邻居们记得去东门那家！！"),
        line("d", "The library closes early on Friday because of the concert"),
        line("e", "周末樓下的菜市場要翻修 想買菜的鄰居記得去東門那家"),
    ];
    let (answers, tally) = answers(&lines, &options(), 10);
    let shown: Vec<(&str, &str, bool)> = answers
        .iter()
        .map(|a| (a["id"].as_str().unwrap(), a["cluster"].as_str().unwrap(), a["first"].as_bool().unwrap()))
        .collect();
    let expected = [("a", "a", true), ("b", "b", true), ("c", "a", false), ("d", "d", true), ("e", "a", false)];
    assert_eq!(shown, expected);
    assert_eq!(answers[4]["similarity"], 1.0);
    assert!(answers[2]["similarity"].as_f64().is_some_and(|s| s > 0.5 && s < 1.0) && answers[0]["similarity"] == 0.0);
    assert_eq!(tally, Tally { texts: 5, duplicates: 2, short: 1, refused: 0 });
}

#[test]
fn what_was_published_too_long_ago_is_forgotten() {
    let at = |id: &str, at: i64| {
        serde_json::json!({ "id": id, "text": "周末楼下的菜市场要翻修，想买菜的邻居记得去东门", "at": at }).to_string()
    };
    let hour = 3_600_000;
    let lines =
        [at("a", 0), at("b", hour), at("c", 3 * hour), line("d", "周末楼下的菜市场要翻修，想买菜的邻居记得去东门")];
    let (answers, _) = answers(&lines, &options(), 1);
    let clusters: Vec<&str> = answers.iter().map(|answer| answer["cluster"].as_str().unwrap()).collect();
    assert_eq!(clusters, ["a", "a", "c", "c"]);
}

#[test]
fn lines_that_cannot_be_taken_get_no_answer_and_are_counted() {
    let lines = ["{}".to_owned(), line("a", "周末楼下的菜市场要翻修，想买菜的邻居记得去东门"), "no".to_owned()];
    let mut near = Near::new(&options(), 7).unwrap();
    near.take(&batch(&lines)).unwrap();
    assert_eq!(near.out.iter().filter(|&&byte| byte == b'\n').count(), 1);
    assert_eq!(
        near.faults.iter().map(|(at, fault)| (*at, fault.code)).collect::<Vec<_>>(),
        [(0, "missing_field"), (2, "bad_json")]
    );
    assert_eq!(near.tally.refused, 2);
}

/// Few entries, so that first members go while their batch is still being answered.
#[test]
fn answers_do_not_depend_on_how_the_stream_is_cut() {
    let mut rng = fastrand::Rng::with_seed(5);
    let word = |rng: &mut fastrand::Rng| char::from_u32(0x4e00 + rng.u32(0..3_000)).unwrap();
    let texts: Vec<Vec<char>> = (0..60).map(|_| (0..24).map(|_| word(&mut rng)).collect()).collect();
    let lines: Vec<String> = (0..900)
        .map(|number| {
            let mut text = texts[rng.usize(..texts.len())].clone();
            for _ in 0..rng.usize(..5) {
                let at = rng.usize(..text.len());
                text[at] = word(&mut rng);
            }
            line(&format!("m{number}"), &text.iter().collect::<String>())
        })
        .collect();
    let options = Options { entries_max: 40, ..options() };
    let one_by_one = answers(&lines, &options, 1);
    assert!((100..890).contains(&one_by_one.1.duplicates), "{:?}", one_by_one.1);
    for cut in [7, 300, 900] {
        assert_eq!(answers(&lines, &options, cut), one_by_one, "batches of {cut}");
    }
}
