//! What was rejected can be read back byte for byte.

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::io::rejects::write_reject;

/// The code of the judge, not of this room.
const DUPLICATE_ID: &str = "duplicate_id";

fn raw<'a>(bytes: &'a [u8], bytes_total: u64, place: Place) -> Raw<'a> {
    Raw { bytes, bytes_total, offset: Offset { source: "events.jsonl", place }, fault: None }
}

fn replay(lines: &[u8]) -> RawBatch {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("rejects.jsonl");
    put(&path, lines);
    let mut source = RejectsSource::files(&[path], ReadOptions::default()).expect("it was just written");
    let mut batch = RawBatch::default();
    assert_eq!(source.fill(&mut batch, &limits(100)).expect("it is whole"), Flow::End);
    batch
}

#[test]
fn a_reject_is_one_line_that_people_can_read() {
    let fault = Fault::new(wire::MISSING_FIELD, "id is missing");
    let mut out = Vec::new();
    write_reject(&raw("{\"文\":1}".as_bytes(), 9, Place::Line { line: 3, byte: 40 }), &fault, &mut out);
    write_reject(&raw(b"\xff", 1, Place::Index(7)), &fault, &mut out);
    let expected = concat!(
        r#"{"offset":{"source":"events.jsonl","line":3,"byte":40},"code":"missing_field","reason":"id is missing","#,
        r#""raw":"{\"文\":1}","raw_bytes":9}"#,
        "\n",
        r#"{"offset":{"source":"events.jsonl","index":7},"code":"missing_field","reason":"id is missing","#,
        r#""raw_base64":"/w==","raw_bytes":1}"#,
        "\n"
    );
    assert_eq!(String::from_utf8(out).expect("rejects are UTF-8"), expected);
}

#[test]
fn a_line_that_was_cut_or_is_no_reject_is_rejected_again() {
    let mut lines = Vec::new();
    let place = Place::Line { line: 1, byte: 0 };
    write_reject(&raw(b"cut", 99, place), &Fault::new(wire::LINE_TOO_LONG, "long"), &mut lines);
    lines.extend_from_slice(
        b"{\"id\":\"not a reject\"}\n{\"offset\":{\"source\":\"a\"},\"raw\":\"\",\"raw_bytes\":0}\n",
    );
    let batch = replay(&lines);
    let codes: Vec<_> = batch.iter().map(|raw| raw.fault.map(|fault| fault.code)).collect();
    assert_eq!(codes, [Some(wire::LINE_TOO_LONG), Some(wire::BAD_REJECT), Some(wire::BAD_REJECT)]);
    assert_eq!(batch.get(0).bytes_total, 99);
}

proptest! {
    #[test]
    fn any_bytes_come_back_with_their_offset(bytes in proptest::collection::vec(any::<u8>(), 1..200), line in 1u64..9) {
        let place = Place::Line { line, byte: line * 10 };
        let mut lines = Vec::new();
        write_reject(&raw(&bytes, bytes.len() as u64, place), &Fault::new(wire::BAD_JSON, "x"), &mut lines);
        let batch = replay(&lines);
        prop_assert_eq!(batch.len(), 1);
        prop_assert_eq!(batch.get(0).bytes, &bytes[..]);
        prop_assert_eq!(batch.get(0).offset, Offset { source: "events.jsonl", place });
        prop_assert!(batch.get(0).fault.is_none());
    }
}

#[test]
fn rejects_that_are_not_wanted_are_passed_over_and_positions_stay() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("rejects.jsonl");
    let mut lines = Vec::new();
    let codes = [DUPLICATE_ID, wire::BAD_JSON, DUPLICATE_ID, wire::LINE_TOO_LONG];
    for (index, code) in codes.into_iter().enumerate() {
        let bytes = index.to_string().into_bytes();
        write_reject(&raw(&bytes, 1, Place::Index(index as u64)), &Fault::new(code, "x"), &mut lines);
    }
    lines.extend_from_slice(b"no reject\n");
    put(&path, &lines);
    let open = |wanted: fn(&str) -> bool| {
        let mut source = RejectsSource::files(&[&path], ReadOptions::default()).expect("it was just written");
        source.keep(wanted);
        source
    };
    let read = |wanted, records_max| drain(&mut open(wanted), &limits(records_max)).expect("it is whole");
    let texts = |batches: &[(Vec<Got>, Position)]| -> Vec<String> {
        let records = batches.iter().flat_map(|(records, _)| records);
        records.map(|(bytes, ..)| String::from_utf8_lossy(bytes).into_owned()).collect()
    };
    let without_duplicates = read(|code| code != DUPLICATE_ID, 1);
    assert_eq!(texts(&without_duplicates), ["1", "3", "no reject"]);
    assert_eq!(texts(&read(|code| code == DUPLICATE_ID, 100)), ["0", "2", "no reject"]);
    let positions = |batches: Vec<(Vec<Got>, Position)>| -> Vec<Position> {
        batches.into_iter().map(|(_, position)| position).collect()
    };
    let all = positions(read(|_| true, 1));
    assert_eq!(positions(without_duplicates), all);
    let mut source = open(|code| code != DUPLICATE_ID);
    source.seek(&all[1]).expect("it is a position of this file");
    assert_eq!(texts(&drain(&mut source, &limits(100)).expect("it is whole")), ["3", "no reject"]);
}
