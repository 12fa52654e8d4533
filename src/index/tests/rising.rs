//! What rises and what does not.

use super::*;

const HOUR: Millis = 3_600_000;

/// So many cases of a text, spread over the hour that begins then.
fn hour<'a>(
    cases: &mut Vec<Case<'a>>,
    names: &'a [String],
    from: Millis,
    count: usize,
    text: &'a str,
    rule: Option<&str>,
) {
    let begun = cases.len();
    for n in 0..count {
        let id = &names[begun + n];
        cases.push(case(event(id, id, from + 1 + n as Millis * (HOUR - 2) / count as Millis, text), rule));
    }
}

fn rising(cases: &[Case<'_>], options: &TrendOptions) -> Vec<Trend> {
    let dir = tempfile::tempdir().unwrap();
    indexed(dir.path(), cases).trends(options).unwrap()
}

fn names() -> Vec<String> {
    (0..4000).map(|n| format!("n-{n:04}")).collect()
}

#[test]
fn a_campaign_that_rules_act_on_is_an_alarm_and_a_festive_evening_is_none() {
    let names = names();
    let mut cases = Vec::new();
    for back in 1..=24 {
        hour(&mut cases, &names, NOW - (back + 1) * HOUR, 20, "吃饭了吗", None);
    }
    hour(&mut cases, &names, NOW - HOUR, 20, "吃饭了吗", None);
    hour(&mut cases, &names, NOW - HOUR, 200, "春节快乐万事如意", None);
    hour(&mut cases, &names, NOW - HOUR, 60, "扫码领取彩金", Some("gambling.invite"));
    let trends = rising(&cases, &TrendOptions::at(NOW));
    let of = |word: &str| trends.iter().find(|trend| trend.value == word);
    let rises = |word: &str| of(word).unwrap_or_else(|| panic!("{word} is not among {trends:?}"));
    let (wishes, campaign) = (rises("春节快乐"), rises("领取"));
    assert!(!wishes.is_alarm && wishes.count == 200 && wishes.score > 4.0, "{wishes:?}");
    assert!(campaign.is_alarm && campaign.acted == 60 && campaign.authors > 50, "{campaign:?}");
    assert!(of("吃饭").is_none(), "what is said every hour is no news: {trends:?}");
    assert!(trends[0].is_alarm, "alarms come first");
}

#[test]
fn what_comes_every_week_at_this_hour_is_no_news() {
    let names = names();
    let mut cases = Vec::new();
    for week in 1..=4 {
        hour(&mut cases, &names, NOW - HOUR - week * 7 * 24 * HOUR, 100, "每周抽奖开始", Some("lottery"));
    }
    for back in 1..=24 {
        hour(&mut cases, &names, NOW - (back + 1) * HOUR, 20, "吃饭了吗", None);
    }
    hour(&mut cases, &names, NOW - HOUR, 100, "每周抽奖开始", Some("lottery"));
    let weekly = rising(&cases, &TrendOptions::at(NOW));
    assert!(weekly.iter().all(|trend| trend.value != "抽奖"), "{weekly:?}");
    let unaware = rising(&cases, &TrendOptions { weeks: 0, ..TrendOptions::at(NOW) });
    assert!(unaware.iter().any(|trend| trend.value == "抽奖" && trend.is_alarm), "{unaware:?}");
}

#[test]
fn where_the_whole_stream_grows_nothing_rises() {
    let names = names();
    let mut cases = Vec::new();
    let texts = ["看电影去了", "加班到很晚", "下雨没带伞"];
    for back in 1..=10 {
        texts.iter().for_each(|text| hour(&mut cases, &names, NOW - (back + 1) * HOUR, 10, text, None));
    }
    texts.iter().for_each(|text| hour(&mut cases, &names, NOW - HOUR, 40, text, None));
    assert_eq!(rising(&cases, &TrendOptions::at(NOW)), []);
}

#[test]
fn a_field_that_cannot_be_counted_by_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let reader = indexed(dir.path(), &[]);
    let options = TrendOptions { fields: vec!["text"], ..TrendOptions::at(NOW) };
    assert!(matches!(reader.trends(&options), Err(IndexError::Field(_))));
    assert_eq!(reader.trends(&TrendOptions::at(NOW)).unwrap(), []);
}
