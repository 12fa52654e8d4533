//! What was emitted after a mark can be taken back, by the same sink or by the next process.

use tempfile::TempDir;

use super::*;

/// A kind of sink: opens it in the folder as a run that resumes does, and reads what is in it.
struct Kind {
    name: &'static str,
    open: Box<dyn Fn() -> Box<dyn Sink>>,
    read: Box<dyn Fn() -> Vec<u8>>,
}

fn kinds(folder: &TempDir) -> Vec<Kind> {
    let (path, memory) = (folder.path().join("out.jsonl"), MemorySink::default());
    let (read_path, read_memory) = (path.clone(), memory.clone());
    vec![
        Kind {
            name: "file",
            open: Box::new(move || Box::new(FileSink::open(&path).expect("the folder is writable"))),
            read: Box::new(move || std::fs::read(&read_path).expect("it is there")),
        },
        Kind {
            name: "memory",
            open: Box::new(move || Box::new(memory.clone())),
            read: Box::new(move || read_memory.bytes()),
        },
    ]
}

#[test]
fn every_kind_goes_back_to_every_mark() {
    let folder = TempDir::new().expect("a folder");
    for Kind { name, open, read } in kinds(&folder) {
        let mut sink = open();
        let mut marks = vec![sink.mark()];
        for line in ["one\n", "", "two\nthree\n", &"long ".repeat(100), "\n"] {
            sink.emit(line.as_bytes()).expect(name);
            marks.push(sink.mark());
        }
        sink.sync().expect(name);
        let all = read();
        for (index, mark) in marks.iter().enumerate().rev() {
            let mut again = open();
            again.rewind(mark).expect(name);
            assert_eq!(again.mark(), *mark, "{name} {index}");
            assert!(all.starts_with(&read()), "{name} {index}");
        }
        assert_eq!(read(), b"", "{name}");
    }
}

#[test]
fn an_output_that_is_shorter_or_not_ours_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("out.jsonl");
    let mut sink = FileSink::create(&path).expect("it is new");
    sink.emit(b"one\ntwo\n").expect("the folder is writable");
    let mark = sink.mark();
    for (content, why) in [(&b"one\n"[..], "it has 4 bytes"), (b"ONE\ntwo\nthree\n", "are others")] {
        put(&path, content);
        let error = FileSink::open(&path).expect("it is there").rewind(&mark).expect_err(why);
        assert!(matches!(error, SinkError::NotOurs { .. }) && error.to_string().contains(why), "{error}");
        assert_eq!(std::fs::read(&path).expect("it is there"), content, "a refused output is left alone");
    }
    assert!(matches!(FileSink::create(&path), Err(SinkError::NotOurs { .. })));
    assert!(matches!(
        FileSink::open(&path).expect("it is there").rewind(&Mark(b"?".to_vec())),
        Err(SinkError::Mark(_))
    ));
}

#[test]
fn saved_lines_come_out_once_whatever_a_stop_left_of_them() {
    let lines: [&[u8]; 3] = [b"one\n", b"two\ntwo\n", b"three\n"];
    let all = lines.concat();
    for left in 0..=all.len() {
        let folder = TempDir::new().expect("a folder");
        for Kind { name, open, read } in kinds(&folder) {
            let mut sink = open();
            let mut saved = Vec::new();
            for line in lines {
                saved.push((sink.mark(), line));
                sink.emit(line).expect(name);
            }
            let marks_of_stop = saved.iter().take_while(|(mark, _)| length_of(mark) <= left).count();
            drop(sink);
            cut(name, &folder, &open, left);
            let mut sink = open();
            let mut reissue = Reissue::new(&mut *sink);
            for (mark, line) in &saved[..marks_of_stop] {
                reissue.entry(mark, line).expect(name);
            }
            reissue.finish().expect(name);
            for (_, line) in &saved[marks_of_stop..] {
                sink.emit(line).expect(name);
            }
            assert_eq!(read(), all, "{name}, {left} bytes left");
        }
    }
}

fn length_of(mark: &Mark) -> usize {
    let form: serde_json::Value = serde_json::from_slice(&mark.0).expect("marks are JSON");
    form["length"].as_u64().expect("they have a length") as usize
}

fn cut(name: &str, folder: &TempDir, open: &dyn Fn() -> Box<dyn Sink>, left: usize) {
    if name == "memory" {
        return open().rewind(&Mark(format!("{{\"length\":{left}}}").into_bytes())).expect("it is as long");
    }
    let file = std::fs::OpenOptions::new().write(true).open(folder.path().join("out.jsonl"));
    file.expect("it is there").set_len(left as u64).expect("the folder is writable");
}

#[test]
fn a_pipe_gets_only_the_last_saved_lines_again() {
    let mut out = Vec::new();
    let mut sink = PipeSink::new(&mut out, "a pipe");
    let mut reissue = Reissue::new(&mut sink);
    for lines in ["one\n", "two\n"] {
        reissue.entry(&Mark::default(), lines.as_bytes()).expect("a buffer takes all");
    }
    reissue.finish().expect("a buffer takes all");
    assert_eq!(out, b"two\n");
}

#[test]
fn a_torn_emission_is_an_error_and_leaves_its_beginning() {
    let mut sink = MemorySink::default();
    sink.tear_after(2);
    assert!(sink.emit(b"one\n").is_err());
    assert_eq!(sink.bytes(), b"on");
    sink.emit(b"two\n").expect("it tears once");
}
