//! The real process stopped in every way and started again: killed, asked to stop, limited, fed by a pipe or a folder.
//! What it gives out in all is byte for byte what one undisturbed run gives out.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stage::{path, sample};

/// Waits until something is so. The deadline is there for a stage that hangs, not for one that is slow.
fn until(what: &str, is_so: impl FnMut() -> bool) {
    until_within(300, what, is_so);
}

#[expect(clippy::disallowed_methods, reason = "another process is looked at, and it wakes nobody")]
fn until_within(seconds: u64, what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !is_so() {
        assert!(Instant::now() < deadline, "{seconds} s have passed and not yet: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Decisions and rejects of an output folder.
#[derive(PartialEq)]
struct GivenOut {
    actions: Vec<u8>,
    rejects: Vec<u8>,
}

impl GivenOut {
    /// The same with rejects that name another source.
    fn with_source_renamed(mut self, old: &str, new: &str) -> Self {
        let rejects = String::from_utf8(self.rejects).unwrap();
        self.rejects = rejects.replace(&format!("\"source\":\"{old}\""), &format!("\"source\":\"{new}\"")).into();
        self
    }

    #[track_caller]
    fn assert_is(&self, expected: &Self, what: &str) {
        assert_same(&self.actions, &expected.actions, &format!("{what}: actions"));
        assert_same(&self.rejects, &expected.rejects, &format!("{what}: rejects"));
    }
}

/// Tells the first line that differs, because a difference of megabytes tells nobody anything.
#[track_caller]
fn assert_same(found: &[u8], expected: &[u8], what: &str) {
    if found == expected {
        return;
    }
    let lines = |bytes| text(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
    let (found, expected) = (lines(found), lines(expected));
    let at = found.iter().zip(&expected).take_while(|(found, expected)| found == expected).count();
    panic!(
        "{what} differ from line {} on ({} lines, {} expected)\n   found {:?}\nexpected {:?}",
        at + 1,
        found.len(),
        expected.len(),
        found.get(at),
        expected.get(at)
    );
}

/// A folder of inputs and outputs. Runs are started in it, so that inputs of the same name are named alike in rejects.
struct Yard(tempfile::TempDir);

impl Yard {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file under another name and renames it; `.zst` is compressed.
    fn write(&self, name: &str, bytes: &[u8]) {
        let (path, unfinished) = (self.at(name), self.at(&format!("{name}.tmp")));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let packed = name.ends_with(".zst").then(|| zstd::encode_all(bytes, 1).unwrap());
        fs::write(&unfinished, packed.as_deref().unwrap_or(bytes)).unwrap();
        fs::rename(unfinished, path).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(args).env("NO_COLOR", "1").current_dir(self.0.path());
        command
    }

    /// `tidegate run` with the small edition, not started yet.
    fn run(&self, args: &[&str]) -> Command {
        let mut command = self.command(&["run", "--json", "--edition", path("tests/it/edition").to_str().unwrap()]);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn start(&self, args: &[&str]) -> Running {
        Running(self.run(args).spawn().unwrap())
    }

    /// Runs to the end of the input and gives the report.
    #[track_caller]
    fn finish(&self, args: &[&str]) -> Value {
        report(&self.start(args).end(), args)
    }

    /// The same with that file as standard input.
    #[track_caller]
    fn finish_piped(&self, stdin: &str, args: &[&str]) -> Value {
        let mut command = self.run(args);
        report(&Running(command.stdin(File::open(self.at(stdin)).unwrap()).spawn().unwrap()).end(), args)
    }

    /// What that output folder holds; nothing where the run has not made it yet.
    fn given_out(&self, output: &str) -> GivenOut {
        let read = |name: &str| fs::read(self.at(output).join(name)).unwrap_or_default();
        GivenOut { actions: read("actions.jsonl"), rejects: read("rejects.jsonl") }
    }

    fn actions_bytes(&self, output: &str) -> u64 {
        fs::metadata(self.at(output).join("actions.jsonl")).map_or(0, |known| known.len())
    }

    /// One undisturbed run over these inputs.
    #[track_caller]
    fn expected(&self, inputs: &[&str], output: &str) -> GivenOut {
        self.finish(&[&["--input"], inputs, &["--output", output]].concat());
        self.given_out(output)
    }
}

#[track_caller]
fn report(output: &Output, args: &[&str]) -> Value {
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The error of a run that has to be refused: exit 2.
#[track_caller]
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    text(&output.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A process that does not outlive its test.
struct Running(Child);

impl Running {
    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// Waits for its end, which may be that of a long input. What it prints is small enough to lie in the pipes until
    /// then.
    fn end(mut self) -> Output {
        drop(self.0.stdin.take());
        until_within(300, "the stage ends", || self.has_ended());
        let mut output = Output { status: self.0.wait().unwrap(), stdout: Vec::new(), stderr: Vec::new() };
        self.0.stdout.take().unwrap().read_to_end(&mut output.stdout).unwrap();
        self.0.stderr.take().unwrap().read_to_end(&mut output.stderr).unwrap();
        output
    }

    /// Asks it to stop, which it must say that it does, and do.
    #[track_caller]
    fn stop(mut self, signal: &str) -> Value {
        // A pipe is left open: the stage must not wait for its end.
        let stdin = self.0.stdin.take();
        let is_asked = Command::new("kill").args([signal, &self.0.id().to_string()]).status().unwrap().success();
        let output = self.end();
        drop(stdin);
        assert!(is_asked && text(&output.stderr).contains("stopping"), "{signal}: {}", text(&output.stderr));
        report(&output, &[signal])
    }

    /// No process sees that coming.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn lines(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect()
}

/// The sample stream so many times, each time under other ids.
fn repeated(times: usize) -> Vec<u8> {
    let once = lines(&sample());
    (0..times).flat_map(|time| renamed(&once, time)).collect()
}

/// Every `"e-…` becomes `"e-<time>-…`.
fn renamed(stream: &[u8], time: usize) -> Vec<u8> {
    let (mut renamed, mut done) = (Vec::with_capacity(stream.len() + (stream.len() >> 4)), 0);
    for at in memchr::memmem::find_iter(stream, b"\"e-") {
        renamed.extend_from_slice(&stream[done..at]);
        write!(renamed, "\"e-{time}-").unwrap();
        done = at + 3;
    }
    renamed.extend_from_slice(&stream[done..]);
    renamed
}

/// Runs to the end in up to six lives: five are ended by `end_life`, each when a sixth more is given out.
fn live_six_times(yard: &Yard, args: &[&str], whole_bytes: u64, end_life: fn(Running)) -> Value {
    let output = args.last().unwrap();
    let mut ended = 0;
    for life in 1..=5 {
        let mut running = yard.start(args);
        until("a sixth more is given out", || {
            yard.actions_bytes(output) > whole_bytes * life / 6 || running.has_ended()
        });
        if !running.has_ended() {
            end_life(running);
            ended += 1;
        }
    }
    assert!(ended >= 3, "only {ended} of five lives were ended before they came to their end");
    yard.finish(args)
}

/// Lives six times in each way and compares with one life over the plain file.
fn live_in_every_way(times: usize, cases: &[(&str, &str)], end_life: fn(Running)) {
    let yard = Yard::new();
    let events = repeated(times);
    yard.write("events.jsonl", &events);
    yard.write("events.jsonl.zst", &events);
    yard.write("power.toml", b"[store]\nsurvives = \"power\"\n");
    yard.write("replay.toml", b"[store]\nsurvives = \"replay\"\nsnapshot_journal_bytes = 400000\n");
    let expected = yard.expected(&["events.jsonl"], "whole");
    let (actions, rejects) = (expected.actions.len(), expected.rejects.len());
    assert!(actions > 20_000 * times && rejects > 2000 * times, "little to compare: {actions} and {rejects} bytes");
    for (case, &(input, config)) in cases.iter().enumerate() {
        let output = format!("lives-{case}");
        let args = ["--config", config, "--input", input, "--batch", "512", "--output", &output];
        let last = live_six_times(&yard, &args, expected.actions.len() as u64, end_life);
        assert!(
            last["records"].as_u64().unwrap() < 3000 * times as u64,
            "the last life began at the beginning: {last}"
        );
        yard.given_out(&output)
            .with_source_renamed(input, "events.jsonl")
            .assert_is(&expected, &format!("{input}, {config}"));
    }
}

#[test]
fn killed_five_times_it_gives_out_what_one_life_gives_out() {
    live_in_every_way(20, &[("events.jsonl", "power.toml"), ("events.jsonl.zst", "replay.toml")], Running::kill);
}

#[test]
fn stopped_five_times_it_gives_out_what_one_life_gives_out() {
    live_in_every_way(8, &[("events.jsonl", "power.toml")], |running| drop(running.stop("-TERM")));
}

#[test]
fn killed_while_it_recovers_it_recovers_again() {
    let yard = Yard::new();
    yard.write("events.jsonl", &repeated(5));
    let expected = yard.expected(&["events.jsonl"], "whole");
    let half = expected.actions.len() as u64 / 2;
    let args = ["--input", "events.jsonl", "--batch", "64", "--output", "again"];
    let mut running = yard.start(&args);
    until("half is given out", || yard.actions_bytes("again") > half || running.has_ended());
    running.kill();
    for _ in 0..5 {
        // A life that recovers puts its output back to the last snapshot first.
        let before = yard.actions_bytes("again");
        let mut running = yard.start(&args);
        until("its output is written", || yard.actions_bytes("again") != before || running.has_ended());
        running.kill();
    }
    yard.finish(&args);
    yard.given_out("again").assert_is(&expected, "after six deaths");
}

#[test]
fn ten_runs_of_a_hundred_records_are_one_of_a_thousand() {
    let yard = Yard::new();
    yard.write("events.jsonl", &lines(&sample()));
    let run =
        |limit: &str, output: &str| yard.finish(&["--input", "events.jsonl", "--limit", limit, "--output", output]);
    for _ in 0..10 {
        assert_eq!(run("100", "parts")["records"], 100);
    }
    assert_eq!(run("1000", "whole")["records"], 1000);
    yard.given_out("parts").assert_is(&yard.given_out("whole"), "ten runs of a hundred");
    assert!(yard.actions_bytes("whole") > 10_000, "there is little to compare");
    assert_eq!(run("9000", "parts")["records"], 3008);
    yard.given_out("parts").assert_is(&yard.expected(&["events.jsonl"], "all"), "and the rest");
}

#[test]
fn a_pipe_is_resumed_from_the_start_of_the_same_text() {
    let yard = Yard::new();
    let events = lines(&sample());
    yard.write("events.jsonl", &events);
    yard.write("events.jsonl.zst", &events);
    yard.write("other.jsonl", &repeated(1));
    let expected = yard.expected(&["events.jsonl"], "whole").with_source_renamed("events.jsonl", "stdin");
    for input in ["events.jsonl", "events.jsonl.zst"] {
        let output = format!("piped-{input}");
        let args = |limit: &'static str| ["--input", "-", "--output", &output, "--limit", limit].map(str::to_owned);
        let run = |stdin: &str, limit| {
            let args = args(limit);
            yard.finish_piped(stdin, &args.each_ref().map(String::as_str))
        };
        assert_eq!(run(input, "1500")["records"], 1500);
        assert_eq!(run(input, "1")["records"], 1);
        let mut other = yard.run(&["--input", "-", "--output", &output]);
        let other = other.stdin(File::open(yard.at("other.jsonl")).unwrap()).output().unwrap();
        assert!(refusal(&other).contains("does not begin as it did"), "{}", text(&other.stderr));
        assert_eq!(run(input, "9000")["records"], 4008 - 1501);
        yard.given_out(&output).assert_is(&expected, input);
    }
}

#[test]
fn a_pipe_that_stays_open_does_not_hold_up_a_stop() {
    let yard = Yard::new();
    let sample = sample();
    yard.write("events.jsonl", &lines(&sample));
    yard.write("begin.jsonl", &lines(&sample[..1000]));
    let begin = yard.expected(&["begin.jsonl"], "begin").with_source_renamed("begin.jsonl", "stdin");
    let whole = yard.expected(&["events.jsonl"], "whole").with_source_renamed("events.jsonl", "stdin");
    for signal in ["-TERM", "-INT"] {
        let output = format!("piped{signal}");
        let args = ["--input", "-", "--output", &output];
        let mut running = Running(yard.run(&args).stdin(Stdio::piped()).spawn().unwrap());
        running.0.stdin.as_mut().unwrap().write_all(&lines(&sample[..1000])).unwrap();
        until("what came is decided", || yard.given_out(&output) == begin || running.has_ended());
        assert_eq!(running.stop(signal)["records"], 1000);
        assert_eq!(yard.finish_piped("events.jsonl", &args)["records"], 3008);
        yard.given_out(&output).assert_is(&whole, signal);
    }
}

/// The sample in three files of a folder, as they come in.
fn inbox() -> [(&'static str, Vec<u8>); 3] {
    let sample = sample();
    let part = |range: std::ops::Range<usize>| lines(&sample[range]);
    [
        ("inbox/a.jsonl", part(0..1300)),
        ("inbox/b.jsonl.zst", part(1300..2600)),
        ("inbox/c.jsonl", part(2600..sample.len())),
    ]
}

#[test]
fn a_followed_folder_is_one_run_over_its_files() {
    let files = inbox();
    let names = files.each_ref().map(|(name, _)| *name);
    let undisturbed = Yard::new();
    files.iter().for_each(|(name, bytes)| undisturbed.write(name, bytes));
    let expected = [1, 2, 3].map(|n| undisturbed.expected(&names[..n], &format!("first-{n}")));

    let yard = Yard::new();
    fs::create_dir(yard.at("inbox")).unwrap();
    let args = ["--input", "inbox", "--follow", "--output", "out"];
    let decided = |running: &mut Running, n: usize| {
        until("what came is decided", || yard.given_out("out") == expected[n - 1] || running.has_ended());
        yard.given_out("out").assert_is(&expected[n - 1], &format!("{n} files"));
    };
    let mut running = yard.start(&args);
    for (n, (name, bytes)) in files[..2].iter().enumerate() {
        yard.write(name, bytes);
        decided(&mut running, n + 1);
    }
    assert_eq!(running.stop("-TERM")["records"], 2600);
    let (name, bytes) = &files[2];
    yard.write(name, bytes);
    let mut running = yard.start(&args);
    decided(&mut running, 3);
    running.kill();
    let report = yard.finish(&["--input", "inbox", "--follow", "--limit", "0", "--output", "out"]);
    assert_eq!(report["records"], 0);
    yard.given_out("out").assert_is(&expected[2], "resumed after a kill");
}

#[test]
fn a_configuration_file_says_what_arguments_say() {
    let yard = Yard::new();
    yard.write("events.jsonl", &lines(&sample()));
    let config = |input: &str, output: &str| {
        let edition = path("tests/it/edition");
        format!("[input]\npaths = [{input:?}]\n[output]\ndir = {output:?}\n[edition]\ndir = {edition:?}\n")
    };
    yard.write("right.toml", config("events.jsonl", "by-file").as_bytes());
    let run = yard.command(&["run", "--config", "right.toml"]).output().unwrap();
    assert!(run.status.success(), "{}", text(&run.stderr));
    let expected = yard.expected(&["events.jsonl"], "by-arguments");
    yard.given_out("by-file").assert_is(&expected, "by file");

    // Arguments go before the file.
    yard.write("other.toml", config("nowhere.jsonl", "nowhere").as_bytes());
    yard.finish(&["--config", "other.toml", "--input", "events.jsonl", "--output", "by-both"]);
    yard.given_out("by-both").assert_is(&expected, "by both");
    assert!(!yard.at("nowhere").exists());
}

#[test]
fn a_misspelt_key_is_told_with_its_line_and_the_right_key() {
    let yard = Yard::new();
    yard.write("events.jsonl", &lines(&sample()[..10]));
    let cases = [
        ("[input]\npath = [\"events.jsonl\"]\n", "site.toml:2:1", "`paths`"),
        ("[run]\nthreads = 1\n\nbatch_record_max = 8\n", "site.toml:4:1", "`batch_records_max`"),
        ("# site\n[stroe]\nsurvives = \"power\"\n", "site.toml:2:2", "`store`"),
        ("[store]\nsurvives = \"powr\"\n", "site.toml:2:12", "`power`"),
    ];
    for (config, place, right) in cases {
        yard.write("site.toml", config.as_bytes());
        let run = yard.run(&["--config", "site.toml", "--input", "events.jsonl", "--output", "out"]).output().unwrap();
        let told = refusal(&run);
        assert!(told.contains(place) && told.contains(right), "{config}: {told}");
        assert!(!yard.at("out").exists(), "{config}");
    }
}

/// What a GET of that path brings; nothing while nobody listens.
fn get(address: SocketAddr, path: &str) -> String {
    let ask = || {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    ask().unwrap_or_default()
}

/// A port that was free a moment ago.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn metrics_are_served_while_a_folder_is_followed() {
    let yard = Yard::new();
    let [(name, bytes), ..] = inbox();
    yard.write(name, &bytes);
    // Somebody else may have taken the port since; then the run says so and another is tried.
    let served = (0..5).any(|attempt| {
        let (address, output) = (free_address(), format!("out-{attempt}"));
        let args = ["--input", "inbox", "--follow", "--metrics", &address.to_string(), "--output", &output];
        let mut running = yard.start(&args);
        let mut answer = String::new();
        until("the events are counted", || {
            answer = get(address, "/metrics");
            answer.contains("tidegate_records_emitted_total 1300") || running.has_ended()
        });
        if running.has_ended() {
            assert!(refusal(&running.end()).contains(&address.to_string()));
            return false;
        }
        for expected in ["200 OK", "# TYPE tidegate_events_total counter", "tidegate_events_total{channel=\"group\"} "]
        {
            assert!(answer.contains(expected), "{expected} in {answer}");
        }
        running.stop("-TERM");
        true
    });
    assert!(served, "five ports were taken");
}

#[test]
fn another_input_is_refused_and_nothing_is_changed() {
    let yard = Yard::new();
    let sample = sample();
    let events = lines(&sample);
    let whole = ["--input", "events.jsonl", "--output", "out"];
    yard.write("other.jsonl", &repeated(1));
    yard.write("inbox/events.jsonl", &events);
    yard.write("events.jsonl", &events);
    yard.finish(&[&whole[..], &["--limit", "500"]].concat());
    let before = yard.given_out("out");
    assert!(before.actions.len() > 5000, "there is little to change");
    let cases: [(&[&str], &[u8], &str); 5] = [
        (&["--input", "other.jsonl"], &events, "input 1 was events.jsonl and is other.jsonl"),
        (&["--input", "-"], &events, "input 1 was events.jsonl and is stdin"),
        (&["--input", "inbox", "--follow"], &events, "cannot resume"),
        (&["--input", "events.jsonl"], &repeated(1), "events.jsonl does not begin as it did"),
        (&["--input", "events.jsonl"], &lines(&sample[..400]), "events.jsonl was read up to byte"),
    ];
    for (args, content, why) in cases {
        yard.write("events.jsonl", content);
        let run = yard.start(&[args, &["--output", "out"]].concat()).end();
        let told = refusal(&run);
        assert!(told.contains(why) && told.contains("a new --output folder"), "{args:?}: {told}");
        yard.given_out("out").assert_is(&before, why);
    }
    yard.write("events.jsonl", &events);
    assert_eq!(yard.finish(&whole)["records"], 3508);
    yard.given_out("out").assert_is(&yard.expected(&["events.jsonl"], "whole"), "the right input goes on");
}

#[test]
fn an_output_folder_in_use_is_refused_and_its_run_goes_on() {
    let yard = Yard::new();
    let [(first, first_bytes), _, (second, second_bytes)] = inbox();
    yard.write(first, &first_bytes);
    yard.write("events.jsonl", &first_bytes);
    let mut running = yard.start(&["--input", "inbox", "--follow", "--output", "out"]);
    let first_out = yard.expected(&[first], "first");
    until("the first file is decided", || yard.given_out("out") == first_out || running.has_ended());
    for input in ["events.jsonl", first] {
        let told = refusal(&yard.start(&["--input", input, "--output", "out"]).end());
        assert!(told.contains("out/journal.redb is in use"), "{told}");
        yard.given_out("out").assert_is(&first_out, "refused");
    }
    yard.write(second, &second_bytes);
    let both = yard.expected(&[first, second], "both");
    until("the second file is decided", || yard.given_out("out") == both || running.has_ended());
    running.stop("-TERM");
    yard.given_out("out").assert_is(&both, "the first run");
}

#[test]
fn rejects_are_played_into_another_run() {
    let yard = Yard::new();
    let sample = sample();
    yard.write("events.jsonl", &lines(&sample));
    yard.write("narrow.toml", b"[bounds]\ntext_bytes_max = 60\narticle_text_bytes_max = 60\n");
    yard.finish(&["--config", "narrow.toml", "--input", "events.jsonl", "--output", "narrow"]);
    let rejects = text(&yard.given_out("narrow").rejects);
    let places = rejects.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["offset"]["line"].clone());
    let mended: Vec<_> = places.map(|line| sample[line.as_u64().unwrap() as usize - 1].clone()).collect();
    assert!(mended.len() > 500 && mended.len() < sample.len(), "{} were rejected", mended.len());

    let replay = yard.command(&["rejects", "replay", "narrow/rejects.jsonl"]).stdout(Stdio::piped()).spawn();
    let mut replay = Running(replay.unwrap());
    let stdout = replay.0.stdout.take().unwrap();
    let mut run = yard.run(&["--input", "-", "--output", "again"]);
    let again = report(&Running(run.stdin(stdout).spawn().unwrap()).end(), &["replayed"]);
    assert!(replay.0.wait().unwrap().success());
    assert_eq!(again["records"], mended.len());
    yard.write("mended.jsonl", &lines(&mended));
    let expected = yard.expected(&["mended.jsonl"], "mended").with_source_renamed("mended.jsonl", "stdin");
    assert!(expected.actions.len() > 1000, "there is little to compare");
    yard.given_out("again").assert_is(&expected, "played again");
}

#[test]
fn a_refused_run_leaves_the_folder_of_another_alone() {
    let yard = Yard::new();
    let [(first, bytes), ..] = inbox();
    yard.write(first, &bytes);
    let mut running = yard.start(&["--input", "inbox", "--follow", "--output", "out"]);
    until("the first file is decided", || yard.actions_bytes("out") > 0 || running.has_ended());
    // What the first run rewrites its journal into, after an erasure, belongs to it until it is done.
    yard.write("out/journal.redb.rewritten", b"half");
    refusal(&yard.start(&["--input", first, "--output", "out"]).end());
    assert!(yard.at("out/journal.redb.rewritten").exists(), "a refused run removed a file of the run that is going on");
    running.stop("-TERM");
}

#[test]
fn an_output_folder_in_use_is_refused_with_the_way_out() {
    let yard = Yard::new();
    let [(first, bytes), ..] = inbox();
    yard.write(first, &bytes);
    let mut running = yard.start(&["--input", "inbox", "--follow", "--output", "out"]);
    until("the first file is decided", || yard.actions_bytes("out") > 0 || running.has_ended());
    let told = refusal(&yard.start(&["--input", first, "--output", "out"]).end());
    assert!(told.contains("give another folder"), "{told}");
    fs::create_dir(yard.at("strange")).unwrap();
    fs::write(yard.at("strange/actions.jsonl"), "{}\n").unwrap();
    let told = refusal(&yard.start(&["--input", first, "--output", "strange"]).end());
    assert!(told.contains("a new --output folder"), "{told}");
    running.stop("-TERM");
}

#[test]
fn a_reject_that_was_cut_is_not_played_as_if_it_were_whole() {
    let yard = Yard::new();
    let text_of = "x".repeat(200_000);
    let long =
        format!("{{\"id\":\"x\",\"channel\":\"post\",\"author\":\"a\",\"at\":1788220800000,\"text\":\"{text_of}\"}}\n");
    yard.write("events.jsonl", long.as_bytes());
    yard.write("narrow.toml", b"[input]\nline_bytes_max = 1000\n[bounds]\narticle_text_bytes_max = 100\n");
    yard.finish(&["--config", "narrow.toml", "--input", "events.jsonl", "--output", "out"]);
    let replay = yard.command(&["rejects", "replay", "out/rejects.jsonl"]).output().unwrap();
    assert!(replay.stdout.is_empty(), "{} bytes of {} were played", replay.stdout.len(), long.len());
    assert!(text(&replay.stderr).contains("events.jsonl:1"), "and nothing was said: {}", text(&replay.stderr));
}
