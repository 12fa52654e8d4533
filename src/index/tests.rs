//! The index as a whole: cases in, searches out.

mod dashboards;
mod fresh;
mod rising;

use std::path::Path;

use super::*;
use crate::case::Case;
use crate::decision::{Action, ActionKind, Decision, Reason};
use crate::event::{Channel, Event, Millis};

/// 2026-11-23T08:00:00Z
const NOW: Millis = 1_795_420_800_000;

/// Stands in for the fold of the senses, which this room does not know.
fn fold(text: &str) -> String {
    let plain = |c: char| match c {
        '！'..='～' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '氣' => '气',
        c => c,
    };
    text.chars().map(plain).flat_map(char::to_lowercase).collect()
}

fn event<'a>(id: &'a str, author: &'a str, at: Millis, text: &'a str) -> Event<'a> {
    Event {
        id: id.into(),
        channel: Channel::Post,
        author: author.into(),
        at,
        room: None,
        title: None,
        text: text.into(),
        lang: None,
        region: None,
        forward_of: None,
        reply_to: None,
        links: Vec::new(),
        media: Vec::new(),
        account: None,
        audience: None,
        reach: None,
    }
}

fn decision(event: &Event<'_>, rule: &str) -> Decision {
    Decision {
        id: format!("d-{}", event.id),
        event: event.id.to_string(),
        channel: event.channel,
        author: event.author.to_string(),
        room: None,
        at: event.at,
        edition: "e-1".into(),
        actions: vec![Action { kind: ActionKind::Fold { level: 1 }, reason: 0 }],
        reasons: vec![Reason { rule: rule.into(), signals: Vec::new() }],
        missing: Vec::new(),
        shadow: Vec::new(),
    }
}

fn case<'a>(event: Event<'a>, rule: Option<&str>) -> Case<'a> {
    let plain = fold(&event.text);
    Case { decision: rule.map(|rule| decision(&event, rule)), plain, event: Some(event), ..Case::default() }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn today() -> Day {
    day("2026-11-23")
}

fn options(dir: &Path) -> Options {
    Options { dir: dir.to_owned(), heap_bytes: 15 << 20, days_max: None }
}

fn indexed(dir: &Path, cases: &[Case<'_>]) -> Reader {
    let mut writer = Writer::open(options(dir)).unwrap();
    cases.iter().for_each(|case| writer.add(case, today()).unwrap());
    writer.commit("1", today()).unwrap();
    writer.close().unwrap();
    Reader::open(dir, fold).unwrap()
}

fn ids(reader: &Reader, query: &str) -> Vec<String> {
    let query = parse(query, NOW).unwrap_or_else(|error| panic!("{query}: {error}"));
    let page = reader.search(&query, &Ask { order: Order::Oldest, limit: 100, after: None }).unwrap();
    assert_eq!(page.total, page.hits.len() as u64);
    assert_eq!(reader.count(&query).unwrap(), page.total);
    page.hits.iter().map(|hit| hit.case().unwrap().event.unwrap().id.into_owned()).collect()
}

#[test]
fn a_page_ends_where_its_bytes_do_and_the_next_one_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let long = "长".repeat(2000);
    let ids: Vec<String> = (0..7).map(|n| format!("p-{n}")).collect();
    // Three of one moment among them.
    let cases: Vec<Case<'_>> =
        ids.iter().zip([0, 1, 2, 2, 2, 3, 4]).map(|(id, at)| case(event(id, "a", NOW + at, &long), None)).collect();
    let reader = indexed(dir.path(), &cases);
    for order in [Order::Oldest, Order::Newest, Order::Score] {
        let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let query = parse("长", NOW).unwrap();
            let page = reader.search_within(&query, &Ask { order, limit: 100, after }, 10_000).unwrap();
            assert!(page.hits.len() == 2 || page.next.is_none(), "two of them are over the bound");
            assert_eq!(page.total, 7);
            found.extend(page.hits.iter().map(|hit| hit.case().unwrap().event.unwrap().id.into_owned()));
            pages += 1;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        found.sort();
        assert_eq!((found.as_slice(), pages), (&*ids, 4), "{order:?}");
    }
}

#[test]
fn every_clause_finds_what_it_says() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = case(event("p-1", "a-1", NOW - 3_600_000, "加 薇 信 领 彩 金"), Some("group.gambling"));
    first.terms.insert("contact".into(), vec!["加微信".into()]);
    first.similarity = Some(0.75);
    first.claim = Some("c-1".into());
    let mut second = case(event("p-2", "a-2", NOW, "ＨＥＬＬＯ world，今天天氣很好"), None);
    second.cluster = Some("p-1".into());
    let mut third = case(event("p-3", "a-1", NOW + 1, "好天气，明天也好 https://x.example/a"), None);
    third.event.as_mut().unwrap().links = vec!["https://www.x.example/a".into()];
    third.event.as_mut().unwrap().forward_of = Some("p-2".into());
    let reader = indexed(dir.path(), &[first, second, third]);
    let cases: [(&str, &[&str]); 32] = [
        ("*", &["p-1", "p-2", "p-3"]),
        ("\"加薇信\"", &["p-1"]),
        ("\"加微信\"", &["p-1"]),
        ("term:加微信", &["p-1"]),
        ("list:contact", &["p-1"]),
        ("hello", &["p-2"]),
        ("\"Hello World\"", &["p-2"]),
        ("\"天气\"", &["p-2", "p-3"]),
        ("天气 好", &["p-2", "p-3"]),
        ("\"天气很好\"", &["p-2"]),
        ("天气 -明天", &["p-2"]),
        ("NOT 天气", &["p-1"]),
        ("author:a-1", &["p-1", "p-3"]),
        ("author:(a-1 OR a-2) 好", &["p-2", "p-3"]),
        ("rule:group.*", &["p-1"]),
        ("rule:\"group.*\"", &[]),
        ("action:fold edition:e-1", &["p-1"]),
        ("-action:*", &["p-2", "p-3"]),
        ("decision:*", &["p-1"]),
        ("event:* author:*", &["p-1", "p-2", "p-3"]),
        ("similarity:*", &["p-1"]),
        ("at:*", &["p-1", "p-2", "p-3"]),
        ("room:*", &[]),
        ("*加*", &["p-1"]),
        ("cluster:p-1", &["p-1", "p-2"]),
        ("root:p-2", &["p-3"]),
        ("link:x.example", &["p-3"]),
        ("claim:c-1", &["p-1"]),
        ("similarity:>=0.5", &["p-1"]),
        ("at:[now-2h TO now]", &["p-1", "p-2"]),
        ("at:>now", &["p-2", "p-3"]),
        ("channel:group", &[]),
    ];
    for (query, expected) in cases {
        assert_eq!(ids(&reader, query), expected, "{query}");
    }
}

#[test]
fn pages_give_every_hit_once_in_every_order() {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..50).map(|n| format!("p-{n:02}")).collect();
    // Seven at a moment, so that pages end in the middle of one.
    let cases: Vec<Case<'_>> = names
        .iter()
        .enumerate()
        .map(|(n, id)| case(event(id, "a-1", NOW + (n / 7) as Millis, "同一句话"), None))
        .collect();
    let reader = indexed(dir.path(), &cases);
    for (order, limit) in
        [(Order::Newest, 4), (Order::Oldest, 9), (Order::Score, 13), (Order::Newest, 7), (Order::Oldest, 1)]
    {
        let query = parse("同一句话", NOW).unwrap();
        let (mut after, mut found) = (None, Vec::new());
        loop {
            let page = reader.search(&query, &Ask { order, limit, after }).unwrap();
            assert_eq!(page.total, 50);
            found.extend(page.hits.iter().map(|hit| hit.case().unwrap().event.unwrap().id.into_owned()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        // The latest moment comes first, and within a moment the order of the stream.
        let expected: Vec<&String> = match order {
            Order::Newest => names.chunks(7).rev().flatten().collect(),
            Order::Oldest | Order::Score => names.iter().collect(),
        };
        assert!(found.iter().eq(expected), "{order:?} by {limit}: {found:?}");
    }
    let error =
        reader.search(&Query::All, &Ask { order: Order::Score, limit: 1, after: Some(Cursor::At { at: 0, given: 1 }) });
    assert!(matches!(error, Err(IndexError::Cursor)));
}

#[test]
fn what_is_counted_adds_up() {
    let dir = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..30).map(|n| format!("p-{n}")).collect();
    let rules = ["r.a", "r.b", "r.b"];
    let cases: Vec<Case<'_>> = names
        .iter()
        .enumerate()
        .map(|(n, id)| case(event(id, "a-1", NOW + n as Millis * 60_000, "x"), Some(rules[n % 3])))
        .collect();
    let reader = indexed(dir.path(), &cases);
    let count = |value: &str, count| Count { value: value.into(), count };
    assert_eq!(reader.top(&Query::All, "rule", 5).unwrap(), [count("r.b", 20), count("r.a", 10)]);
    assert_eq!(
        reader.distinct(&Query::All, "event").unwrap_err().to_string(),
        "`event` is no field that can be counted by"
    );
    assert_eq!(reader.distinct(&Query::All, "author").unwrap(), 1);
    let buckets = reader.histogram(&Query::All, 600_000, Some(("rule", 5))).unwrap();
    let shape: Vec<(Millis, u64)> = buckets.iter().map(|bucket| (bucket.at, bucket.count)).collect();
    assert_eq!(shape, [(NOW, 10), (NOW + 600_000, 10), (NOW + 1_200_000, 10)]);
    assert_eq!(buckets[0].by.iter().map(|count| count.count).sum::<u64>(), 10);
    assert!(matches!(reader.histogram(&Query::All, 1, None), Err(IndexError::Aggregation(_))));
    assert_eq!(reader.span(&Query::All).unwrap(), Some((NOW, NOW + 29 * 60_000)));
    assert_eq!(reader.span(&parse("author:nobody", NOW).unwrap()).unwrap(), None);
}

#[test]
fn a_commit_says_where_the_stream_stood_and_only_commits_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(options(dir.path())).unwrap();
    assert_eq!(writer.position(), None);
    writer.add(&case(event("p-1", "a-1", NOW, "one"), None), today()).unwrap();
    writer.commit("{\"a\":7}", today()).unwrap();
    writer.add(&case(event("p-2", "a-1", NOW, "two"), None), today()).unwrap();
    // The process dies here.
    drop(writer);
    let reader = Reader::open(dir.path(), fold).unwrap();
    assert_eq!(ids(&reader, "*"), ["p-1"]);
    let mut writer = Writer::open(options(dir.path())).unwrap();
    assert_eq!(writer.position(), Some("{\"a\":7}"));
    writer.add(&case(event("p-2", "a-1", NOW, "two"), None), day("2026-11-24")).unwrap();
    writer.commit("{\"a\":9}", day("2026-11-24")).unwrap();
    writer.close().unwrap();
    reader.refresh().unwrap();
    assert_eq!(ids(&reader, "*"), ["p-1", "p-2"]);
    assert_eq!(Writer::open(options(dir.path())).unwrap().position(), Some("{\"a\":9}"));
}

/// Whether any file below a folder holds these bytes.
fn holds(dir: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, bytes);
        }
        std::fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn who_is_erased_is_gone_from_every_day_and_from_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(options(dir.path())).unwrap();
    for (n, day) in [day("2026-11-21"), day("2026-11-22"), today()].into_iter().enumerate() {
        for (author, id) in [("secretive", "s"), ("other", "o")] {
            let (id, text) = (format!("{id}-{n}"), format!("{author} says {n}"));
            writer.add(&case(event(&id, author, NOW, &text), Some("r")), day).unwrap();
        }
        writer.commit(&format!("{n}"), day).unwrap();
        // A commit under another day closes the one before.
        writer.commit(&format!("{n}."), today()).unwrap();
    }
    assert!(
        holds(dir.path(), b"secretive") && holds(dir.path(), b"other"),
        "small files are not compressed beyond reading"
    );
    writer.erase(&["secretive"]).unwrap();
    writer.commit("after", today()).unwrap();
    writer.close().unwrap();
    let reader = Reader::open(dir.path(), fold).unwrap();
    assert_eq!(ids(&reader, "*"), ["o-0", "o-1", "o-2"]);
    assert!(!holds(dir.path(), b"secretive"), "a file still names them");
    assert!(holds(dir.path(), b"other"));
    assert_eq!(Writer::open(options(dir.path())).unwrap().position(), Some("after"));
}

#[test]
fn days_that_are_not_kept_go_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(Options { days_max: Some(2), ..options(dir.path()) }).unwrap();
    for (id, on) in [("p-1", "2026-11-20"), ("p-2", "2026-11-22"), ("p-3", "2026-11-23")] {
        writer.add(&case(event(id, "a-1", NOW, "x"), None), day(on)).unwrap();
        writer.commit(id, day(on)).unwrap();
        writer.commit(&format!("{id}."), today()).unwrap();
    }
    assert_eq!(writer.retire(today()).unwrap(), [day("2026-11-20")]);
    assert_eq!(ids(&Reader::open(dir.path(), fold).unwrap(), "*"), ["p-2", "p-3"]);
    assert_eq!(writer.position(), Some("p-3."));
}

#[test]
fn the_position_outlasts_the_day_that_it_was_committed_with() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { days_max: Some(2), ..options(dir.path()) };
    let mut writer = Writer::open(options.clone()).unwrap();
    writer.add(&case(event("p-1", "a-1", NOW, "x"), None), day("2026-10-01")).unwrap();
    writer.commit("p-1", day("2026-10-01")).unwrap();
    writer.close().unwrap();
    let mut writer = Writer::open(options.clone()).unwrap();
    assert_eq!(writer.retire(today()).unwrap(), [day("2026-10-01")]);
    drop(writer);
    assert_eq!(Writer::open(options).unwrap().position(), Some("p-1"), "what was indexed would be indexed again");
}

#[test]
fn a_folder_that_is_no_index_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Reader::open(dir.path(), fold), Err(IndexError::NoIndex(_))));
    std::fs::write(dir.path().join("index.json"), "{\"schema\":999}").unwrap();
    assert!(matches!(Writer::open(options(dir.path())), Err(IndexError::Schema { found: 999, .. })));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever is read can be run.
    #[test]
    fn any_query_that_is_read_is_answered(parts in proptest::collection::vec("[a-c]:[a-z*\"(\\[\\]]{0,5}|-?(text|rule|at|similarity|cluster):[a-z0-9*.微信\"]{1,6}|OR|NOT|\\(|\\)|.{1,3}", 0..6)) {
        static READER: std::sync::LazyLock<(tempfile::TempDir, Reader)> = std::sync::LazyLock::new(|| {
            let dir = tempfile::tempdir().unwrap();
            let reader = indexed(dir.path(), &[case(event("p-1", "a-1", NOW, "加微信"), Some("r.a"))]);
            (dir, reader)
        });
        if let Ok(query) = parse(&parts.join(" "), NOW) {
            proptest::prop_assert!(READER.1.count(&query).unwrap() <= 1);
        }
    }
}

#[test]
fn a_wording_finds_by_days_what_has_a_good_part_of_it_and_kin_what_passes_that_on() {
    let dir = tempfile::tempdir().unwrap();
    const DAY: Millis = 86_400_000;
    let day = |days: Millis| NOW - days * DAY;
    let forward = Event { forward_of: Some("zh".into()), ..event("forward", "e", day(1), "look") };
    let twin = Case { cluster: Some("zh".into()), ..case(event("twin", "f", day(2), "什么都不像"), None) };
    let cases = [
        case(event("zh", "a", day(3), "都来看看，大蒜真的能预防流感哦"), None),
        case(event("en", "b", day(2), "my aunt says garlic prevents the flu"), None),
        case(event("other", "c", day(2), "今天的晚饭有大蒜"), None),
        case(event("old", "d", day(40), "大蒜能预防流感"), None),
        case(forward, None),
        twin,
    ];
    let reader = indexed(dir.path(), &cases);
    let wordings = ["大蒜能预防流感".to_owned(), "Eating garlic prevents flu".to_owned()];
    let options = RepeatOptions { back_ms: 30 * DAY, per_day_max: 10 };
    let days = reader.days_of_repeats(&wordings, NOW, Millis::MAX, &options).unwrap();
    let midnight = |days: Millis| day(days) / DAY * DAY;
    assert_eq!(days, [(midnight(2), 1), (midnight(3), 1)], "the latest first, and none that is too old");
    let found = |before| -> Vec<String> {
        let days = reader.days_of_repeats(&wordings, NOW, before, &options).unwrap();
        let of_day = |(day, _)| reader.repeats(&wordings, day, before, &options, None).unwrap().events;
        days.into_iter().flat_map(of_day).map(|event| event.id.into_owned()).collect()
    };
    assert_eq!(found(Millis::MAX), ["en", "zh"]);
    assert_eq!(found(midnight(2)), ["zh"], "what was looked at is not given again");
    let kin: Vec<String> =
        reader.kin(&["zh"], day(30), None).unwrap().events.into_iter().map(|event| event.id.into_owned()).collect();
    assert_eq!(kin, ["forward", "twin", "zh"]);
}

fn repeats(limit: usize, back_ms: Millis) -> RepeatOptions {
    RepeatOptions { back_ms, per_day_max: limit }
}

/// All pages of candidates; each is small, and says as many in all.
fn turned(ask: impl Fn(Option<Turn>) -> Repeats) -> (Vec<String>, usize, u64) {
    let (mut ids, mut turn, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = ask(turn);
        assert!(page.events.len() <= 4, "a page is bounded in bytes");
        ids.extend(page.events.iter().map(|event| event.id.to_string()));
        (turn, pages) = (page.next, pages + 1);
        if turn.is_none() {
            ids.sort();
            return (ids, pages, page.total);
        }
    }
}

#[test]
fn candidates_come_page_by_page_and_all_of_them_come() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("大蒜 流感 {}", "长".repeat(200));
    let ids: Vec<String> = (0..40).map(|n| format!("p-{n:02}")).collect();
    let cases = ids.iter().enumerate().map(|(n, id)| {
        let mut event = event(id, "a", NOW + n as Millis / 3, &text);
        event.forward_of = (n % 2 == 0).then(|| format!("root-{}", n % 3).into());
        case(event, None)
    });
    let cases: Vec<Case<'_>> = cases.collect();
    let reader = indexed(dir.path(), &cases);
    let wordings = vec!["大蒜 流感".to_owned()];
    let day = NOW - NOW.rem_euclid(86_400_000);
    let of_day = |limit| turned(|turn| reader.repeats(&wordings, day, Millis::MAX, &repeats(limit, 1), turn).unwrap());
    let (found, pages, total) = of_day(1000);
    assert_eq!((&found, total), (&ids, 40));
    assert!(pages >= 10, "{pages}");
    assert_eq!(of_day(9).0.len(), 9, "no more than is asked for");

    let kin = |of: &[&str]| turned(|turn| reader.kin(of, 0, turn).unwrap());
    let even = |roots: &[usize]| -> Vec<String> {
        let of = |n: &usize| n.is_multiple_of(2) && roots.contains(&(n % 3));
        (0..40).filter(of).map(|n| ids[n].clone()).collect()
    };
    assert_eq!(kin(&["root-0", "root-2"]).0, even(&[0, 2]));
    assert_eq!(kin(&["root-1"]).0, even(&[1]));
}

#[test]
fn candidates_are_no_older_than_asked_and_say_which_have_their_label() {
    let dir = tempfile::tempdir().unwrap();
    let day = NOW - NOW.rem_euclid(86_400_000);
    let of = |id, at| case(event(id, "a", at, "大蒜 流感"), Some("claims.refuted"));
    let mut cases = [of("old", day + 1000), of("new", day + 3000), of("labelled", day + 4000)];
    let label = ActionKind::Label { code: "refuted".into(), text: None, link: None, until: None, late: false };
    cases[2].decision.as_mut().unwrap().actions.push(Action { kind: label, reason: 0 });
    let reader = indexed(dir.path(), &cases);
    let (wordings, options) = (vec!["大蒜 流感".to_owned()], repeats(100, 3000));
    let days = reader.days_of_repeats(&wordings, day + 5000, Millis::MAX, &options).unwrap();
    assert_eq!(days, [(day + 2000, 2)], "the last day is cut where the time ends");
    let page = reader.repeats(&wordings, days[0].0, Millis::MAX, &options, None).unwrap();
    assert_eq!(page.events.iter().map(|event| &*event.id).collect::<Vec<_>>(), ["labelled", "new"]);
    assert_eq!(page.labelled.into_iter().collect::<Vec<_>>(), ["labelled"]);
}
