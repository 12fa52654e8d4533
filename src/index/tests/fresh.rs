//! What a reader takes in anew, and when it ends early.

use std::fs;

use serde_json::json;

use super::super::stop::Stop;
use super::*;

/// So many cases of one day, in one segment.
fn many(dir: &Path, count: usize) -> Reader {
    let ids: Vec<String> = (0..count).map(|n| format!("p-{n}")).collect();
    let cases: Vec<Case<'_>> =
        ids.iter().zip(NOW..).map(|(id, at)| case(event(id, "a", at, "one day"), Some("r.a"))).collect();
    indexed(dir, &cases)
}

#[test]
fn a_search_ends_within_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let mut reader = many(dir.path(), 300);
    let ask = |order| Ask { order, limit: 5, after: None };
    let query = Query::is("author", "a");
    // The first look is before the day, the second before its segment, the third within it.
    type Asks<'a> = (&'a str, Box<dyn Fn(&Reader) -> Result<(), IndexError> + 'a>);
    let asks: [Asks<'_>; 6] = [
        ("count", Box::new(|reader| reader.count(&query).map(drop))),
        ("newest", Box::new(|reader| reader.search(&query, &ask(Order::Newest)).map(drop))),
        ("score", Box::new(|reader| reader.search(&query, &ask(Order::Score)).map(drop))),
        ("histogram", Box::new(|reader| reader.histogram(&query, 1000, None).map(drop))),
        ("top", Box::new(|reader| reader.top(&query, "rule", 5).map(drop))),
        (
            "elastic",
            Box::new(|reader| {
                let body = json!({ "size": 0, "aggs": { "1": { "terms": { "field": "rule" } } } });
                match elastic::Search::read(body, NOW).unwrap().answer(reader, &elastic::source) {
                    Err(elastic::ElasticError::Index(error)) => Err(error),
                    answer => answer.map(drop).map_err(|error| panic!("{error}")),
                }
            }),
        ),
    ];
    for (name, asks) in &asks {
        for look in 1..=4 {
            reader.stop = Stop::at_look(look);
            assert!(matches!(asks(&reader), Err(IndexError::Stopped)), "{name} at look {look}");
        }
        reader.stop = Stop::at_look(1000);
        asks(&reader).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    reader.stop = Stop::at_look(1000);
    assert_eq!(reader.count(&query).unwrap(), 300, "and one that goes on counts all");
    assert_eq!(reader.top(&query, "rule", 5).unwrap()[0].count, 300);
    let best = reader.search(&query, &ask(Order::Score)).unwrap();
    reader.stop = Stop::default();
    assert_eq!(best, reader.search(&query, &ask(Order::Score)).unwrap());
}

#[test]
fn what_was_erased_is_not_counted_by_a_search_that_can_be_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let mut reader = indexed(
        dir.path(),
        &[case(event("p-1", "ann", NOW, "a word"), None), case(event("p-2", "bob", NOW, "a word"), None)],
    );
    let before = reader.generation();
    let mut writer = Writer::open(options(dir.path())).unwrap();
    writer.erase(&["ann"]).unwrap();
    writer.close().unwrap();
    reader.refresh().unwrap();
    assert_ne!(reader.generation(), before);
    reader.stop = Stop::at_look(1000);
    for order in [Order::Newest, Order::Score] {
        let page = reader.search(&parse("word", NOW).unwrap(), &Ask { order, limit: 9, after: None }).unwrap();
        assert_eq!((page.total, page.hits.len()), (1, 1));
    }
}

#[test]
fn only_days_that_changed_are_loaded_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::open(options(dir.path())).unwrap();
    let yesterday = today().before(1);
    writer.add(&case(event("p-1", "ann", NOW, "old"), None), yesterday).unwrap();
    writer.commit("1", today()).unwrap();
    let reader = Reader::open(dir.path(), fold).unwrap();
    let first = reader.loads();
    for (position, id) in [("2", "p-2"), ("3", "p-3")] {
        writer.add(&case(event(id, "ann", NOW, "new"), None), today()).unwrap();
        writer.commit(position, today()).unwrap();
        let before = reader.cases();
        reader.refresh().unwrap();
        assert_eq!(reader.cases(), before + 1);
    }
    reader.refresh().unwrap();
    assert_eq!(reader.loads(), [first[0], 1], "one once more, the other not at all");
    writer.close().unwrap();
    let folder = dir.path().join("days").join(yesterday.to_string());
    fs::remove_file(folder.join("meta.json")).unwrap();
    reader.refresh().unwrap();
    assert_eq!(reader.cases(), 2, "a day that is half removed is none");
}
