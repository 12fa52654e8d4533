//! The door: what comes in, what is turned away, and with which words.

use proptest::prelude::*;

use super::wire::{Bounds, CODES, parse, write_decision};
use super::*;
use crate::decision::Decision;
use crate::event::{Account, Audience, Channel, Event, Media, Millis, Outcome, Record};

/// 2026-11-23T00:00:00Z
const NOW: Millis = 1_795_392_000_000;

const FULL: &str = concat!(
    r#"{"id":"e1","channel":"group","author":"李雷","at":"2026-11-22T08:00:00.5+08:00","room":"r1","title":"a\"b","#,
    r#""text":"你好\n世界","lang":"zh","region":"CN-44","forward_of":"e0","reply_to":"e2","#,
    r#""links":["https://example.org/","a\/b"],"media":[{"kind":"image","alg":"pdq","hash":"ff","text":"t","x":1}],"#,
    r#""account":{"created_at":1500000000000,"verified":true,"authority":"who.int","followers":7},"#,
    r#""audience":{"minors":true},"reach":12,"unknown":{"a":[1,2,{"b":null}]}}"#
);

fn event(line: &str) -> Event<'_> {
    match parse(line.as_bytes(), &Bounds::default(), NOW) {
        Ok(Record::Event(event)) => event,
        other => panic!("{line}: {other:?}"),
    }
}

fn fault(line: &[u8]) -> Fault {
    parse(line, &Bounds::default(), NOW).expect_err("it breaks a rule")
}

#[test]
fn a_full_event_is_read_as_the_published_form_says() {
    let derived: Event<'_> = serde_json::from_str(FULL).expect("it is the published form");
    assert_eq!(event(FULL), derived);
    assert_eq!(
        derived.media,
        [Media { kind: "image".into(), alg: Some("pdq".into()), hash: Some("ff".into()), text: Some("t".into()) }]
    );
}

#[test]
fn strings_without_escapes_are_borrowed() {
    use std::borrow::Cow::{Borrowed, Owned};
    let event = event(FULL);
    assert!(matches!((&event.id, &event.author, &event.text), (Borrowed(_), Borrowed(_), Owned(_))));
    assert!(matches!((&event.room, &event.lang, &event.title), (Some(Borrowed(_)), Some(Borrowed(_)), Some(Owned(_)))));
    assert!(matches!(event.links[..], [Borrowed(_), Owned(_)]));
}

#[test]
fn null_is_the_same_as_absent_and_an_empty_text_is_a_text() {
    let line = r#"{"id":"e","channel":"post","author":"a","at":1700000000000,"text":"","room":null,"links":null,
        "media":null,"account":null,"audience":null,"reach":null,"kind":null,"outcome":null,"title":null}"#;
    let event = event(line);
    assert_eq!((event.channel, event.room, event.account, event.reach), (Channel::Post, None, None, None));
}

#[test]
fn null_is_absent_inside_objects_too() {
    let line = r#"{"id":"e","channel":"post","author":"a","at":1700000000000,"text":"","audience":{"minors":null},
        "account":{"verified":null,"followers":null,"created_at":null,"authority":null},"media":[{"kind":null}]}"#;
    let event = event(line);
    assert_eq!((event.account, event.audience), (Some(Account::default()), Some(Audience::default())));
    assert_eq!(event.media, [Media::default()]);
}

#[test]
fn verdicts_and_erasures_are_records_of_the_same_stream() {
    let line = br#"{"event":"e1","kind":"verdict","by":"rev-1","outcome":"overturned","at":1700000000000}"#;
    let Ok(Record::Verdict(verdict)) = parse(line, &Bounds::default(), NOW) else { panic!("it is a verdict") };
    assert_eq!((verdict.event.as_str(), verdict.outcome, verdict.by.as_str()), ("e1", Outcome::Overturned, "rev-1"));
    let line = br#"{"author":"a","at":"2023-11-14T22:13:20Z","kind":"erase"}"#;
    let Ok(Record::Erase(erase)) = parse(line, &Bounds::default(), NOW) else { panic!("it is an erasure") };
    assert_eq!((erase.author.as_str(), erase.at), ("a", 1_700_000_000_000));
}

/// `FULL` with one key's value replaced, or the key taken out.
fn full_with(key: &str, value: Option<serde_json::Value>) -> String {
    let mut form: serde_json::Map<_, _> = serde_json::from_str(FULL).expect("it is JSON");
    match value {
        Some(value) => form.insert(key.into(), value),
        None => form.remove(key),
    };
    serde_json::Value::Object(form).to_string()
}

#[test]
fn a_fault_names_key_bound_and_value() {
    use serde_json::json;
    let long = |bytes: usize| Some(json!("x".repeat(bytes)));
    let cases = [
        ("id", None, "missing_field", "id is missing"),
        ("id", Some(json!("")), "out_of_bounds", "id is empty"),
        ("id", long(257), "out_of_bounds", "id has 257 bytes; at most 256 are taken"),
        ("id", Some(json!(5)), "bad_value", "id: invalid type: integer `5`, expected a string (byte "),
        ("author", Some(json!(null)), "missing_field", "author is missing"),
        ("channel", None, "missing_field", "channel is missing"),
        ("channel", Some(json!("vidoe")), "bad_value", "unknown channel \"vidoe\" (did you mean video?)"),
        ("channel", Some(json!("x")), "bad_value", "(known: article, video, ad, post, group)"),
        ("room", None, "missing_field", "room is missing: channel group requires it"),
        ("room", Some(json!("")), "out_of_bounds", "room is empty"),
        ("text", None, "missing_field", "text is missing"),
        ("text", long(65_537), "out_of_bounds", "text has 65537 bytes; at most 65536 are taken"),
        ("title", long(4097), "out_of_bounds", "title has 4097 bytes"),
        ("lang", long(65), "out_of_bounds", "lang has 65 bytes"),
        ("at", None, "missing_field", "at is missing"),
        ("at", Some(json!("gestern")), "bad_value", "at: invalid value: string \"gestern\", expected a time"),
        ("at", Some(json!(1.5)), "bad_value", "at: invalid type: floating point"),
        ("at", Some(json!(900_000_000_000_i64)), "bad_time", "at is 1998-07-09T16:00:00Z, before at_min (2000-01-01"),
        (
            "at",
            Some(json!("2026-11-24T00:00:01Z")),
            "bad_time",
            "after the clock plus future_ms_max (2026-11-24T00:00:00Z)",
        ),
        ("at", Some(json!(i64::MAX)), "bad_time", "at is 9223372036854775807, after"),
        ("links", Some(json!(vec!["x"; 257])), "out_of_bounds", "links has 257 entries; at most 256"),
        ("links", Some(json!(["x".repeat(8193)])), "out_of_bounds", "a link has 8193 bytes"),
        ("links", Some(json!("x")), "bad_value", "links: invalid type: string"),
        ("media", Some(json!(vec![json!({}); 65])), "out_of_bounds", "media has 65 entries"),
        ("media", Some(json!([{"text": "x".repeat(65_537)}])), "out_of_bounds", "media text has 65537 bytes"),
        ("account", Some(json!({"created_at": -1})), "bad_time", "account.created_at is 1969-12-31"),
        ("account", Some(json!({"followers": -1})), "bad_value", "account: invalid value: integer `-1`"),
        ("account", Some(json!({"followers": u64::MAX})), "out_of_bounds", "account.followers is 18446744073709551615"),
        ("reach", Some(json!(u64::MAX)), "out_of_bounds", "reach is 18446744073709551615"),
        ("kind", Some(json!("verdikt")), "bad_value", "unknown kind \"verdikt\" (did you mean verdict?)"),
        ("kind", Some(json!("verdict")), "missing_field", "event is missing"),
        ("outcome", Some(json!("upheldd")), "bad_value", "(did you mean upheld?)"),
    ];
    for (key, value, code, words) in cases {
        let line = full_with(key, value);
        let fault = fault(line.as_bytes());
        assert!(fault.code == code && fault.message.contains(words), "{key}: {fault}; expected {code}: {words}");
    }
}

#[test]
fn what_is_not_one_object_of_utf8_says_where() {
    let cases: [(&[u8], &str, &str); 9] = [
        (b"", "bad_json", "EOF while parsing a value at byte 0"),
        (b"{\"id\":\"a\"", "bad_json", "EOF while parsing an object at byte 9"),
        (b"{\"id\":\"a\"} {}", "bad_json", "trailing characters at byte 12"),
        (b"[1]", "bad_json", "expected a JSON object"),
        (b"null", "bad_json", "expected a JSON object"),
        (b"{\"id\":\"\xff\"}", "bad_utf8", "byte 7 (0xff) is not UTF-8"),
        (b"{\"id\":\"a\",\"id\":\"b\"}", "duplicate_field", "id stands twice"),
        (b"{\"text\":\"a\nb\"}", "bad_json", "control character"),
        (b"{\"text\":\"\\ud800\"}", "bad_json", "unexpected end of hex escape at byte 16"),
    ];
    for (line, code, words) in cases {
        let fault = fault(line);
        assert!(fault.code == code && fault.message.contains(words), "{}: {fault}", line.escape_ascii());
    }
    let deep = [b"{\"x\":".repeat(100_000), b"1".to_vec(), b"}".repeat(100_000)].concat();
    assert_eq!(fault(&deep).code, "missing_field", "depth is passed over without recursion");
}

#[test]
fn articles_may_be_longer() {
    let line = |channel: &str, bytes: usize| {
        let text = "x".repeat(bytes);
        format!(r#"{{"id":"e","channel":"{channel}","author":"a","at":1700000000000,"text":"{text}"}}"#)
    };
    assert_eq!(event(&line("article", 1 << 20)).text.len(), 1 << 20);
    assert_eq!(fault(line("article", (1 << 20) + 1).as_bytes()).code, "out_of_bounds");
    assert_eq!(fault(line("post", 1 << 20).as_bytes()).code, "out_of_bounds");
}

#[test]
fn a_decision_is_one_line_that_reads_back() {
    let decision: Decision = serde_json::from_value(serde_json::json!({
        "id": "d", "event": "e", "channel": "post", "author": "a", "at": NOW, "edition": "x",
        "actions": [{"action": "fold", "level": 2, "reason": 0}], "reasons": [{"rule": "r"}],
    }))
    .expect("it is the published form");
    let mut out = b"before\n".to_vec();
    write_decision(&decision, &mut out);
    let line = out.strip_prefix(b"before\n").and_then(|rest| rest.strip_suffix(b"\n")).expect("one line is appended");
    assert!(!line.contains(&b'\n'));
    assert_eq!(serde_json::from_slice::<Decision>(line).expect("it reads back"), decision);
}

fn is_known(fault: &Fault) -> bool {
    CODES.iter().any(|(code, _)| *code == fault.code) && !fault.message.is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn mutated_lines_are_read_or_turned_away_with_a_known_code(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..4),
    ) {
        let mut line = FULL.as_bytes().to_vec();
        for (index, byte, kind) in edits {
            let at = index.index(line.len().max(1));
            match kind {
                _ if line.is_empty() => line.push(byte),
                0 => line[at] = byte,
                1 => line.insert(at, byte),
                2 => { line.remove(at); }
                _ => line.truncate(at + 1),
            }
        }
        if let Err(fault) = parse(&line, &Bounds::default(), NOW) {
            prop_assert!(is_known(&fault), "{}", fault);
        }
    }

    #[test]
    fn any_bytes_are_turned_away_with_a_known_code(line in proptest::collection::vec(any::<u8>(), 0..100)) {
        let fault = fault(&line);
        prop_assert!(is_known(&fault), "{}", fault);
    }

    #[test]
    fn any_event_reads_as_the_derived_reader_reads_it(
        (id, author, text) in ("\\PC{1,20}", "\\PC{1,20}", any::<String>()),
        at in 946_684_800_000..NOW,
        title in proptest::option::of(any::<String>().prop_filter("bound", |title| title.len() < 4096)),
        links in proptest::collection::vec(any::<String>(), 0..3),
        reach in proptest::option::of(0..=i64::MAX as u64),
    ) {
        let form = serde_json::json!({
            "id": id, "author": author, "channel": "post", "at": at, "text": text, "title": title, "links": links,
            "reach": reach,
        });
        let line = form.to_string();
        let derived: Event<'_> = serde_json::from_str(&line).expect("it is the published form");
        prop_assert_eq!(event(&line), derived);
    }
}
