//! Every kind of source gives the same records, and the rest of them from every position.

use std::io::Cursor;

use tempfile::TempDir;

use super::*;

const LINE_BYTES_MAX: usize = 1000;

fn options() -> ReadOptions {
    ReadOptions { line_bytes_max: LINE_BYTES_MAX, ..ReadOptions::default() }
}

/// A kind of source: makes one over the text, in the folder, as often as asked.
type Make = fn(&TempDir, &[u8]) -> Box<dyn Source>;

fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> Box<dyn Source> {
    let path = folder.path().join(name);
    put(&path, bytes);
    Box::new(FileSource::files(&[path], options()).expect("it was just written"))
}

fn two_files(folder: &TempDir, text: &[u8]) -> Box<dyn Source> {
    let half = text.iter().take(text.len() / 2).rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
    let paths = [folder.path().join("one.jsonl"), folder.path().join("two.jsonl.gz")];
    put(&paths[0], &text[..half]);
    put(&paths[1], &gz(&text[half..]));
    Box::new(FileSource::files(&paths, options()).expect("they were just written"))
}

fn pipe(text: Vec<u8>) -> Box<dyn Source> {
    Box::new(FileSource::pipe("stdin", Box::new(Cursor::new(text)), options()))
}

fn follow(folder: &TempDir, name: &str, bytes: &[u8]) -> Box<dyn Source> {
    put(&folder.path().join(name), bytes);
    let quick = FollowOptions { read: options(), poll: Duration::from_millis(5), settle: Duration::ZERO, files_max: 9 };
    Box::new(FolderSource::open(folder.path(), quick).expect("the folder is there"))
}

/// Kinds that read lines; all but the pipes give the same text again after a seek back.
const KINDS: [(&str, Make); 8] = [
    ("plain file", |folder, text| file(folder, "a.jsonl", text)),
    ("zst file", |folder, text| file(folder, "a.jsonl.zst", &zst(text))),
    ("gz file", |folder, text| file(folder, "a.jsonl.gz", &gz(text))),
    ("two files", two_files),
    ("pipe", |_, text| pipe(text.to_vec())),
    ("zst pipe", |_, text| pipe(zst(text))),
    ("followed file", |folder, text| follow(folder, "a.jsonl", text)),
    ("followed gz file", |folder, text| follow(folder, "a.jsonl.gz", &gz(text))),
];

/// LF, CRLF, blank lines, a line too long in the middle, bytes that are not UTF-8, and a last line without an end.
fn awkward_text() -> (Vec<u8>, Vec<Got>) {
    let long = "x".repeat(5000);
    let mut text = format!("{{\"a\":1}}\r\n\n\r\nzwei\n{long}\nlast but one\n").into_bytes();
    text.extend_from_slice(b"\xff\xfe\nno end");
    let whole = |bytes: &[u8]| (bytes.to_vec(), None, bytes.len() as u64);
    let too_long = (long.into_bytes(), Some(wire::LINE_TOO_LONG), 5000);
    let records =
        [whole(b"{\"a\":1}"), whole(b"zwei"), too_long, whole(b"last but one"), whole(b"\xff\xfe"), whole(b"no end")];
    (text, records.into())
}

#[test]
fn every_kind_gives_every_line_for_every_size_of_batch() {
    let (text, expected) = awkward_text();
    for (kind, make) in KINDS {
        for records_max in [1, 2, 100] {
            let folder = TempDir::new().expect("a folder");
            let batches = drain(&mut *make(&folder, &text), &limits(records_max)).expect(kind);
            assert!(batches.iter().all(|(records, _)| records.len() <= records_max), "{kind}");
            let records: Vec<_> = batches.into_iter().flat_map(|(records, _)| records).collect();
            assert_eq!(records, expected, "{kind}, batches of {records_max}");
        }
    }
}

#[test]
fn from_every_position_every_kind_gives_the_rest() {
    let (text, expected) = awkward_text();
    for (kind, make) in KINDS {
        let folder = TempDir::new().expect("a folder");
        let batches = drain(&mut *make(&folder, &text), &limits(1)).expect(kind);
        let mut done = 0;
        for (records, position) in batches {
            done += records.len();
            let mut again = make(&folder, &text);
            again.seek(&position).expect(kind);
            again.commit(&position).expect(kind);
            let rest = drain(&mut *again, &limits(100)).expect(kind);
            let rest: Vec<_> = rest.into_iter().flat_map(|(records, _)| records).collect();
            assert_eq!(rest, expected[done..], "{kind} from {position:?}");
        }
    }
}

#[test]
fn a_list_gives_the_rest_from_every_position() {
    let mut source = MemorySource::new(["a", "", "c"]);
    let batches = drain(&mut source, &limits(1)).expect("a list is whole");
    assert_eq!(batches.len(), 3);
    for (index, (_, position)) in batches.iter().enumerate() {
        source.seek(position).expect("it is a position of the list");
        assert_eq!(texts(&mut source).len(), 2 - index);
    }
    source.commit(&batches[1].1).expect("a list takes all");
    assert_eq!(source.clone().committed(), batches[1].1);
}

#[test]
fn a_batch_keeps_to_its_bytes_unless_one_record_is_longer() {
    let folder = TempDir::new().expect("a folder");
    let mut source = file(&folder, "a.jsonl", b"12345678\n12345678\n123456789012345\n1\n");
    let limits = BatchLimits { bytes_max: 10, ..limits(100) };
    let sizes: Vec<_> = drain(&mut *source, &limits).expect("it is whole").iter().map(|(r, _)| r.len()).collect();
    assert_eq!(sizes, [1, 1, 1, 1]);
}

#[test]
fn offsets_count_blank_lines_and_decompressed_bytes() {
    let folder = TempDir::new().expect("a folder");
    let mut source = file(&folder, "a.jsonl.zst", &zst(b"\xef\xbb\xbfone\n\ntwo\r\nthree"));
    let mut batch = RawBatch::default();
    source.fill(&mut batch, &limits(100)).expect("it is whole");
    let places: Vec<_> = batch.iter().map(|raw| (raw.bytes.to_vec(), raw.offset.place)).collect();
    let line = |line, byte| Place::Line { line, byte };
    assert_eq!(
        places,
        [(b"one".to_vec(), line(1, 0)), (b"two".to_vec(), line(3, 8)), (b"three".to_vec(), line(4, 13))]
    );
    assert!(batch.get(0).offset.to_string().ends_with("a.jsonl.zst:1 (byte 0)"));
}

#[test]
fn a_line_longer_than_many_blocks_costs_only_its_first_64_kib() {
    let folder = TempDir::new().expect("a folder");
    let text = format!("{}\nafter\n", "y".repeat(3 << 20));
    let mut source = file(&folder, "a.jsonl", text.as_bytes());
    let batches = drain(&mut *source, &limits(100)).expect("it is whole");
    let records: Vec<_> = batches.into_iter().flat_map(|(records, _)| records).collect();
    assert_eq!((records[0].0.len(), records[0].2), (64 << 10, 3 << 20));
    assert_eq!(records[1].0, b"after");
}

#[test]
fn damaged_files_give_their_whole_lines_and_then_name_the_byte() {
    let text: String = (0..20_000).map(|i| format!("line {i} {}\n", i * 7919 % 10007)).collect();
    for (name, whole) in [("a.gz", gz(text.as_bytes())), ("a.zst", zst_checked(text.as_bytes()))] {
        let mut flipped = whole.clone();
        let middle = whole.len() / 2;
        flipped[middle..middle + 8].iter_mut().for_each(|byte| *byte ^= 0x55);
        for (what, damaged) in [("cut", &whole[..whole.len() / 2]), ("flipped", &flipped[..]), ("empty", &[])] {
            let folder = TempDir::new().expect("a folder");
            let mut source = file(&folder, name, damaged);
            let (lines, error) = until_error(&mut *source);
            // Flipped bytes may decompress to other ones until the checksum tells.
            assert!(what == "flipped" || text.as_bytes().starts_with(&lines), "{name} {what}");
            assert!(what == "empty" || lines.len() > 1000, "{name} {what}: only {} bytes", lines.len());
            let SourceError::Corrupt { compressed_byte, line, .. } = error else { panic!("{name} {what}: {error}") };
            assert!(compressed_byte <= damaged.len() as u64, "{name} {what}");
            assert_eq!(line, 1 + lines.iter().filter(|&&b| b == b'\n').count() as u64, "{name} {what}");
            assert!(source.fill(&mut RawBatch::default(), &limits(9)).is_err(), "{name} {what} forgot its damage");
        }
    }
}

/// With a checksum, as the `zstd` command writes it.
fn zst_checked(bytes: &[u8]) -> Vec<u8> {
    let mut out = zstd::Encoder::new(Vec::new(), 1).expect("memory takes all");
    out.include_checksum(true).expect("it is an option");
    out.write_all(bytes).expect("memory takes all");
    out.finish().expect("memory takes all")
}

fn until_error(source: &mut dyn Source) -> (Vec<u8>, SourceError) {
    let (mut batch, mut lines) = (RawBatch::default(), Vec::new());
    loop {
        match source.fill(&mut batch, &limits(100)) {
            Ok(flow) => assert_ne!(flow, Flow::End, "damage was taken for the end"),
            Err(error) => return (lines, error),
        }
        for raw in batch.iter() {
            lines.extend_from_slice(raw.bytes);
            lines.push(b'\n');
        }
    }
}

#[test]
fn a_position_is_refused_where_the_input_is_another_one() {
    let folder = TempDir::new().expect("a folder");
    let position = |source: &mut dyn Source| drain(source, &limits(1)).expect("it is whole")[1].1.clone();
    let of_file = position(&mut *file(&folder, "a.jsonl", b"one\ntwo\nthree\n"));
    let of_pipe = position(&mut *pipe(b"one\ntwo\nthree\n".to_vec()));
    let cases: [(&str, Box<dyn Source>, &Position); 6] = [
        ("shorter", file(&folder, "a.jsonl", b"one\n"), &of_file),
        ("other text", file(&folder, "a.jsonl", b"ONE\ntwo\nthree\n"), &of_file),
        ("other name", file(&folder, "b.jsonl", b"one\ntwo\nthree\n"), &of_file),
        ("other pipe", pipe(b"ONE\ntwo\nthree\n".to_vec()), &of_pipe),
        ("shorter pipe", pipe(b"one\n".to_vec()), &of_pipe),
        ("other kind", Box::new(MemorySource::new(["one"])), &of_file),
    ];
    for (what, mut source, position) in cases {
        // The case before last wrote over the file: each case writes its own again.
        if what == "shorter" {
            put(&folder.path().join("a.jsonl"), b"one\n");
        } else if what == "other text" {
            put(&folder.path().join("a.jsonl"), b"ONE\ntwo\nthree\n");
        }
        // What a pipe holds shows when it is read, and every time that it is.
        let refused = source.seek(position).and_then(|()| drain(&mut *source, &limits(9)).map(drop));
        assert!(matches!(refused, Err(SourceError::Position(_))), "{what}");
        let is_pipe = what.contains("pipe");
        assert!(!is_pipe || drain(&mut *source, &limits(9)).is_err(), "{what} was taken on the second try");
    }
}

#[test]
fn a_file_that_grew_after_its_end_is_read_on() {
    let folder = TempDir::new().expect("a folder");
    let mut source = file(&folder, "a.jsonl", b"one\n");
    let end = drain(&mut *source, &limits(9)).expect("it is whole").pop().expect("a batch").1;
    let mut source = file(&folder, "a.jsonl", b"one\ntwo\n");
    source.seek(&end).expect("it begins as before");
    assert_eq!(texts(&mut *source), ["two"]);
}

#[test]
fn a_live_pipe_goes_on_with_what_comes() {
    let live = ReadOptions { pipe_resumes: PipeResumes::Live, ..options() };
    let mut source = pipe(b"one\ntwo\n".to_vec());
    let end = drain(&mut *source, &limits(9)).expect("it is whole").pop().expect("a batch").1;
    let mut source = FileSource::pipe("stdin", Box::new(Cursor::new(b"three\n".to_vec())), live);
    source.seek(&end).expect("a live pipe takes any position of a pipe");
    let mut batch = RawBatch::default();
    source.fill(&mut batch, &limits(9)).expect("it is whole");
    assert_eq!(batch.get(0).offset.place, Place::Line { line: 3, byte: 8 });
}

#[test]
fn a_resumed_pipe_is_never_waited_for_longer_than_asked() {
    let end = drain(&mut *pipe(b"one\ntwo\n".to_vec()), &limits(9)).expect("it is whole").pop().expect("a batch").1;
    for (pipe_resumes, sent, rest) in
        [(PipeResumes::FromStart, &b"one\ntwo\nthree\n"[..], 7), (PipeResumes::Live, b"three\n", 5)]
    {
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        let mut source = FileSource::pipe("stdin", Box::new(reader), ReadOptions { pipe_resumes, ..options() });
        source.seek(&end).expect("a seek reads nothing from a pipe");
        let mut batch = RawBatch::default();
        let mut silent = |source: &mut FileSource, last: bool| {
            let flow = source.fill(&mut batch, &limits(9)).expect("it is open");
            assert!(batch.is_empty() && flow == Flow::Idle, "{pipe_resumes:?}");
            assert!(last || *batch.end() == end, "{pipe_resumes:?} forgot where it stands");
        };
        silent(&mut source, pipe_resumes == PipeResumes::Live);
        writer.write_all(&sent[..rest - 3]).expect("the pipe takes it");
        silent(&mut source, pipe_resumes == PipeResumes::Live);
        writer.write_all(&sent[rest - 3..]).expect("the pipe takes it");
        drop(writer);
        assert_eq!(texts(&mut source), ["three"], "{pipe_resumes:?}");
    }
}

#[test]
fn what_is_passed_over_is_passed_over_in_pieces() {
    let text: String = (0..50_000).map(|i| format!("line {i}\n")).collect();
    let end = drain(&mut *pipe(text.clone().into_bytes()), &limits(1_000_000)).expect("it is whole");
    let end = end.last().expect("a batch").1.clone();
    let mut source = pipe(zst(format!("{text}last\n").as_bytes()));
    source.seek(&end).expect("a seek reads nothing from a pipe");
    let (mut batch, mut fills) = (RawBatch::default(), 0);
    let no_wait = BatchLimits { wait: Duration::ZERO, ..limits(9) };
    loop {
        let flow = source.fill(&mut batch, &no_wait).expect("it begins as before");
        fills += 1;
        if flow == Flow::End || !batch.is_empty() {
            break;
        }
        assert_eq!(*batch.end(), end);
    }
    assert!(fills > 5, "{fills} fills for {} bytes", text.len());
    assert_eq!(batch.get(0).bytes, b"last");
    assert_eq!(batch.get(0).offset.place, Place::Line { line: 50_001, byte: text.len() as u64 });
}

#[test]
fn bounds_beyond_what_a_batch_can_hold_are_clamped() {
    let all = BatchLimits { records_max: usize::MAX, bytes_max: usize::MAX, wait: Duration::ZERO };
    let endless = ReadOptions { line_bytes_max: usize::MAX, ..ReadOptions::default() };
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("a.jsonl");
    put(&path, &b"a line\n".repeat(100_000));
    let mut source = FileSource::files(&[&path], endless).expect("it was just written");
    let mut batch = RawBatch::default();
    assert_eq!(source.fill(&mut batch, &all).expect("it is whole"), Flow::End);
    assert_eq!(batch.len(), 100_000);
    let mut source = MemorySource::new([b"a".to_vec(), vec![0; (1 << 30) + 1], b"b".to_vec()]);
    let records: Vec<_> = drain(&mut source, &all).expect("a list").into_iter().flat_map(|(got, _)| got).collect();
    let lengths: Vec<_> = records.iter().map(|(bytes, fault, total)| (bytes.len(), *fault, *total)).collect();
    assert_eq!(lengths, [(1, None, 1), (64 << 10, Some(wire::LINE_TOO_LONG), (1 << 30) + 1), (1, None, 1)]);
}

#[test]
fn neither_lines_too_long_nor_blank_ones_grow_a_batch_beyond_its_bytes() {
    let folder = TempDir::new().expect("a folder");
    let limits = BatchLimits { bytes_max: 100 << 10, ..limits(1000) };
    let long = format!("{}\n", "y".repeat(300 << 10)).repeat(10);
    let batches = drain(&mut *file(&folder, "a.jsonl", long.as_bytes()), &limits).expect("it is whole");
    let sizes: Vec<_> = batches.iter().map(|(records, _)| records.len()).filter(|&size| size > 0).collect();
    assert_eq!(sizes, [2; 5], "each long line keeps 64 KiB");
    let mut source = file(&folder, "b.jsonl", &b"\n".repeat(1 << 20));
    let mut batch = RawBatch::default();
    assert_eq!(source.fill(&mut batch, &limits).expect("it is whole"), Flow::End);
    assert_eq!((batch.len(), batch.bytes_len()), (0, 0));
}

#[test]
fn a_message_does_not_repeat_its_cause() {
    let missing = Path::new("no/such/file");
    let Err(error) = FileSource::files(&[missing], options()) else { panic!("there is no such file") };
    assert_eq!(error.to_string(), "cannot open no/such/file");
    let cause = std::error::Error::source(&error).expect("the system said something").to_string();
    assert!(cause.contains("No such file"), "{cause}");
    let error = FileSink::open(missing).expect_err("there is no such folder");
    assert_eq!(error.to_string(), "cannot open no/such/file");
    assert!(std::error::Error::source(&error).is_some());
    let error = StoreError::Refused("why".into());
    assert_eq!(error.to_string(), "what was saved cannot be used");
    assert_eq!(std::error::Error::source(&error).expect("the visitor said something").to_string(), "why");
}

#[test]
fn a_silent_pipe_does_not_hold_back_what_came() {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    let mut source = FileSource::pipe("stdin", Box::new(reader), options());
    writer.write_all(b"one\ntwo\nhal").expect("the pipe takes it");
    let mut batch = RawBatch::default();
    let long_wait = BatchLimits { wait: Duration::from_secs(60), ..limits(100) };
    let mut count = 0;
    while count < 2 {
        assert_eq!(source.fill(&mut batch, &long_wait).expect("it is open"), Flow::Idle);
        count += batch.len();
    }
    let flow = source.fill(&mut batch, &limits(100)).expect("it is open");
    assert_eq!((flow, batch.len()), (Flow::Idle, 0));
    writer.write_all(b"f\n").expect("the pipe takes it");
    drop(writer);
    assert_eq!(texts(&mut source), ["half"]);
}

#[test]
fn progress_counts_the_bytes_of_the_file_as_it_lies_there() {
    let folder = TempDir::new().expect("a folder");
    let packed = zst(&b"a line\n".repeat(10_000));
    let mut source = file(&folder, "a.zst", &packed);
    assert_eq!(source.progress(), Progress { done_bytes: 0, total_bytes: Some(packed.len() as u64) });
    drain(&mut *source, &limits(999)).expect("it is whole");
    let all = packed.len() as u64;
    assert_eq!(source.progress(), Progress { done_bytes: all, total_bytes: Some(all) });
}

#[test]
fn inputs_are_opened_by_what_they_are() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("a.jsonl");
    put(&path, b"one\n");
    let quick = FollowOptions { poll: Duration::from_millis(1), ..FollowOptions::default() };
    let mut source = open_input(&[&path], &quick).expect("a file");
    assert_eq!(texts(&mut *source), ["one"]);
    let mut source = open_input(&[folder.path()], &quick).expect("a folder");
    assert_eq!(texts(&mut *source), ["one"]);
    for inputs in [vec![], vec![path.as_path(), folder.path()], vec![Path::new("-"), &path], vec![Path::new("none")]] {
        assert!(open_input(&inputs, &quick).is_err(), "{inputs:?}");
    }
}
