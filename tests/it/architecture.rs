//! The folder list is the architecture, and this test holds it: who may use whom, who may touch the outside, how long
//! files and functions get. `ARCHITECTURE.md` says why; a change of a table here is a change of the design.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path as FilePath, PathBuf};

use crate::source::{Path, Token, derives, functions, paths, tokens};

const NOUNS: &[&str] = &["event", "signal", "decision", "case", "problem"];

/// Which rooms a room may use, besides itself and the nouns.
const HOUSE: &[(&str, &[&str])] = &[
    // The sentence reads event → signal → decision, and a case is all three; what is wrong with a file stands beside it and knows none of them.
    ("event", &[]),
    ("signal", &["event"]),
    ("decision", &["event", "signal"]),
    ("case", &["event", "signal", "decision"]),
    ("problem", &[]),
    // Senses know nothing of one another's verdicts.
    ("text", &[]),
    ("keywords", &["text"]),
    ("neardup", &["text"]),
    ("claims", &["text"]),
    ("classify", &["text"]),
    ("rules", &[]),
    ("state", &["neardup"]),
    // Only the pipeline knows all senses.
    ("pipeline", &["text", "keywords", "neardup", "claims", "classify", "rules", "state"]),
    // Edges know no sense.
    ("io", &["state"]),
    ("index", &[]),
    ("stream", &["io", "state", "pipeline", "index"]),
    ("serve", &["stream", "index", "rules", "pipeline", "io"]),
    // TOML becomes what each room's `Options` are: those types and no others (see `is_options`).
    ("config", &[]),
    (
        "cli",
        &[
            "text", "keywords", "neardup", "claims", "classify", "rules", "state", "pipeline", "io", "index", "stream",
            "serve", "config",
        ],
    ),
    // `lib.rs` is the map: it declares the rooms and uses none. The binary is a door.
    ("lib", &[]),
    ("main", &["cli"]),
];

fn allowed(room: &str) -> Vec<&'static str> {
    let Some((_, rooms)) = HOUSE.iter().find(|(name, _)| *name == room) else {
        panic!("src/{room} is a room that the table does not know: give it a line here and one in ARCHITECTURE.md")
    };
    let knows_nouns = !NOUNS.contains(&room) && room != "lib" && room != "main";
    let nouns = if knows_nouns { NOUNS } else { &[] };
    nouns.iter().chain(*rooms).copied().collect()
}

/// Crates, and parts of the standard library, that only some rooms may touch.
const ONLY_IN: &[(&str, &[&str], &str)] = &[
    ("candle_core", &["classify"], "the classifier's room is the only one that knows candle"),
    ("candle_nn", &["classify"], "the classifier's room is the only one that knows candle"),
    ("tokio", &["serve"], "serve is the only async room"),
    ("axum", &["serve"], "serve is the only async room"),
    ("tantivy", &["index"], "the index is the only room that knows tantivy"),
    ("jieba_rs", &["index"], "texts are cut into words for the index alone"),
    ("rdkafka", &["io"], "the stream's kinds are known to io alone"),
    ("redb", &["io"], "stores are known to io alone"),
    ("cel", &["rules"], "conditions are the business of rules"),
    ("anyhow", &["cli", "main"], "rooms have error types of their own"),
    ("clap", &["cli"], "arguments are read at the door"),
    ("comfy_table", &["cli"], "only cli has a terminal"),
    ("indicatif", &["cli"], "only cli has a terminal"),
    ("SystemTime", &["io", "stream", "serve", "cli"], "a decision is a function of event time"),
    ("Instant", &["io", "stream", "serve", "cli"], "a decision is a function of event time"),
];

/// `std::fs` and `std::env`: the edges, the loading of configuration, and of an edition's folder.
const MAY_TOUCH_FILES: &[&str] =
    &["src/io", "src/index", "src/stream", "src/serve", "src/cli", "src/config", "src/pipeline/edition"];

/// serde lives on the nouns' published forms and on types that are a file or a wire: what io sends and journals, rule
/// files and their schema, TOML, HTTP, and what the commands print as JSON, the count of a run and the comparison of two among it.
const MAY_DERIVE_SERDE: &[&str] = &[
    "src/event",
    "src/signal",
    "src/decision",
    "src/case",
    "src/problem",
    "src/io",
    "src/index/days",
    "src/index/writer",
    "src/rules",
    "src/config",
    "src/serve",
    "src/cli",
    "src/pipeline/tally",
    "src/stream/compare",
];

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// `(file, function or "" for the whole file, why it may be longer)`.
const LONGER: &[(&str, &str, &str)] = &[];

/// A source file: its path from the repository's root, and its text.
struct Source {
    file: String,
    text: String,
}

impl Source {
    /// `["text", "fold"]` for `src/text/fold.rs`; `["text"]` for `src/text/mod.rs`.
    fn module(&self) -> Vec<String> {
        let path = self.file.trim_start_matches("src/").trim_end_matches(".rs");
        let mut segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        if segments.len() > 1 && segments.last().is_some_and(|last| last == "mod") {
            segments.pop();
        }
        segments
    }

    fn room(&self) -> String {
        self.module().swap_remove(0)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join("src"), &mut found);
    found.sort_by(|a, b| a.file.cmp(&b.file));
    assert!(found.len() >= 6, "src/ was found");
    found
}

fn collect(folder: &FilePath, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let file = path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
            found.push(Source { file, text: fs::read_to_string(&path).expect("UTF-8 source") });
        }
    }
}

/// Runs a check over every source and fails with all that it found.
fn hold(check: impl Fn(&Source, &[Token]) -> Vec<String>) {
    let mut report = String::new();
    for source in sources() {
        for complaint in check(&source, &tokens(&source.text)) {
            let _ = writeln!(report, "{complaint}");
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

fn is_options(path: &Path) -> bool {
    path.segments.last().is_some_and(|last| last.ends_with("Options"))
}

fn foreign_uses(source: &Source, tokens: &[Token]) -> Vec<String> {
    let room = source.room();
    let allowed = allowed(&room);
    let module = if room == "lib" || room == "main" { vec![] } else { source.module() };
    let is_fine = |path: &Path| match path.segments.first() {
        None => true,
        // A name that starts upper case is an item of `lib.rs` itself, such as an exported macro or type.
        Some(first) if first.starts_with(char::is_uppercase) => true,
        Some(first) => *first == room || allowed.contains(&first.as_str()) || (room == "config" && is_options(path)),
    };
    let complain = |path: Path| {
        let used = path.segments.join("::");
        format!("{}:{}: {room} uses crate::{used}; it may use: {}", source.file, path.line, allowed.join(", "))
    };
    paths(tokens, &module).into_iter().filter(|path| !is_fine(path)).map(complain).collect()
}

fn foreign_crates(source: &Source, tokens: &[Token]) -> Vec<String> {
    let room = source.room();
    let mut complaints = Vec::new();
    for token in tokens {
        for (name, rooms, why) in ONLY_IN {
            if token.text == *name && !rooms.contains(&room.as_str()) {
                let rooms = rooms.join(", ");
                complaints.push(format!("{}:{}: {name} is for {rooms}: {why}", source.file, token.line));
            }
        }
    }
    complaints
}

fn files_and_environment(source: &Source, tokens: &[Token]) -> Vec<String> {
    if MAY_TOUCH_FILES.iter().any(|place| source.file.starts_with(place)) {
        return vec![];
    }
    let names = tokens.windows(4).filter(|w| w[0].text == "std" && w[1].text == ":" && w[2].text == ":");
    names
        .filter(|w| w[3].text == "fs" || w[3].text == "env")
        .map(|w| format!("{}:{}: std::{} is for the edges: pass what was read", source.file, w[3].line, w[3].text))
        .collect()
}

fn serde_derives(source: &Source, tokens: &[Token]) -> Vec<String> {
    if MAY_DERIVE_SERDE.iter().any(|place| source.file.starts_with(place)) {
        return vec![];
    }
    derives(tokens)
        .into_iter()
        .filter(|token| token.text == "Serialize" || token.text == "Deserialize")
        .map(|t| format!("{}:{}: {} is for wire and file types, in: {MAY_DERIVE_SERDE:?}", source.file, t.line, t.text))
        .collect()
}

fn too_long(source: &Source, tokens: &[Token]) -> Vec<String> {
    let may_be_longer = |function: &str| LONGER.iter().any(|(file, name, _)| *file == source.file && *name == function);
    let mut complaints = Vec::new();
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX && !may_be_longer("") {
        complaints.push(format!(
            "{}: {lines} lines; the bound is {FILE_LINES_MAX}: split it by what it answers",
            source.file
        ));
    }
    for f in functions(tokens).into_iter().filter(|f| f.lines > FUNCTION_LINES_MAX && !may_be_longer(&f.name)) {
        let (name, line, lines) = (f.name, f.line, f.lines);
        complaints
            .push(format!("{}:{line}: fn {name} has {lines} lines; the bound is {FUNCTION_LINES_MAX}", source.file));
    }
    complaints
}

fn unfinished(source: &Source, _: &[Token]) -> Vec<String> {
    let marks = ["todo!", "unimplemented!", "FIXME", "TODO", "XXX"];
    let lines = source.text.lines().enumerate();
    let hits =
        lines.filter_map(|(at, line)| marks.iter().find(|mark| line.contains(**mark)).map(|mark| (at + 1, mark)));
    hits.map(|(line, mark)| format!("{}:{line}: {mark}: finish it, or file an issue and say nothing", source.file))
        .collect()
}

fn personal_paths(source: &Source, _: &[Token]) -> Vec<String> {
    let places = [concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];
    let lines = source.text.lines().enumerate();
    let hits = lines.filter(|(_, line)| places.iter().any(|place| line.contains(place)));
    hits.map(|(at, _)| format!("{}:{}: a path of somebody's own machine", source.file, at + 1)).collect()
}

#[test]
fn rooms_use_only_what_the_table_allows() {
    hold(foreign_uses);
}

#[test]
fn special_crates_and_clocks_stay_in_their_rooms() {
    hold(foreign_crates);
}

#[test]
fn only_the_edges_touch_files_and_the_environment() {
    hold(files_and_environment);
}

#[test]
fn serde_stays_on_wire_and_file_types() {
    hold(serde_derives);
}

#[test]
fn files_and_functions_stay_short() {
    hold(too_long);
}

#[test]
fn nothing_is_left_unfinished() {
    hold(unfinished);
}

#[test]
fn no_path_of_somebodys_machine_is_in_the_product() {
    hold(personal_paths);
}

/// The exceptions are held too: one that is no longer needed is taken off the list.
#[test]
fn every_longer_file_or_function_is_still_there_and_still_longer() {
    let sources = sources();
    for (file, function, why) in LONGER {
        assert!(!why.is_empty(), "{file} {function}: say why");
        let source = sources.iter().find(|source| source.file == *file).unwrap_or_else(|| panic!("{file} is gone"));
        let is_longer = if function.is_empty() {
            source.text.lines().count() > FILE_LINES_MAX
        } else {
            let all = functions(&tokens(&source.text));
            all.iter().any(|f| f.name == *function && f.lines > FUNCTION_LINES_MAX)
        };
        assert!(is_longer, "{file} {function} is within the bound again: take it off the list");
    }
}

fn source(file: &str, text: &str) -> Source {
    Source { file: file.to_owned(), text: text.to_owned() }
}

/// One case: a file, its text, and the start of each complaint that it must raise.
fn check(verify: fn(&Source, &[Token]) -> Vec<String>, file: &str, text: &str, expected: &[&str]) {
    let source = source(file, text);
    let found = verify(&source, &tokens(text));
    let is_as_expected = found.len() == expected.len() && found.iter().zip(expected).all(|(f, e)| f.starts_with(e));
    assert!(is_as_expected, "{file}:\n{text}\nfound {found:#?}\nexpected {expected:#?}");
}

#[test]
fn a_forbidden_use_is_caught_however_it_is_written() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("src/text/fold.rs", "use crate::rules::Rule;", &["src/text/fold.rs:1: text uses crate::rules::Rule; it may"]),
        ("src/text/fold.rs", "use crate::event::Event;\nuse crate::signal::{Field, Span};", &[]),
        (
            "src/rules/mod.rs",
            "use crate::{event, text::fold::{Fold, View}};",
            &[
                "src/rules/mod.rs:1: rules uses crate::text::fold::Fold;",
                "src/rules/mod.rs:1: rules uses crate::text::fold::View;",
            ],
        ),
        (
            "src/rules/plan.rs",
            "fn f() {\n  super::super::keywords::find() }",
            &["src/rules/plan.rs:2: rules uses crate::keywords"],
        ),
        ("src/rules/plan.rs", "mod tests { use super::super::parse; }", &[]),
        ("src/rules/mod.rs", "mod tests { use super::super::io; }", &["src/rules/mod.rs:1: rules uses crate::io;"]),
        ("src/event.rs", "mod tests { use super::*; use super::{At, Millis}; }", &[]),
        ("src/event.rs", "use crate::signal::Span;", &["src/event.rs:1: event uses crate::signal::Span; it may use: "]),
        ("src/text/mod.rs", "// crate::rules\nconst S: &str = \"crate::rules\"; /* crate::rules */", &[]),
        ("src/text/mod.rs", "const S: &str = r#\"\"crate::rules\"#; const C: char = '\"'; fn f<'a>() {}", &[]),
        ("src/config.rs", "use crate::stream::Options; use crate::io::journal::JournalOptions;", &[]),
        ("src/config.rs", "use crate::stream::run;", &["src/config.rs:1: config uses crate::stream::run"]),
        ("src/main.rs", "fn main() { tidegate::cli::main() }", &[]),
        (
            "src/main.rs",
            "fn main() { tidegate::stream::run() }",
            &["src/main.rs:1: main uses crate::stream::run; it may use: cli"],
        ),
        (
            "src/stream.rs",
            "pub fn run(engine: &crate::pipeline::Engine, word: crate::keywords::Hit) {}",
            &["src/stream.rs:1: stream uses crate::keywords::Hit"],
        ),
    ];
    for (file, text, expected) in cases {
        check(foreign_uses, file, text, expected);
    }
}

#[test]
fn a_clock_a_file_a_derive_and_a_crate_in_the_wrong_room_are_caught() {
    check(foreign_crates, "src/rules/mod.rs", "use std::time::Instant;", &["src/rules/mod.rs:1: Instant is for io"]);
    check(foreign_crates, "src/io/clock.rs", "use std::time::SystemTime;", &[]);
    check(
        foreign_crates,
        "src/text/mod.rs",
        "\nuse candle_core::Tensor;",
        &["src/text/mod.rs:2: candle_core is for classify"],
    );
    check(files_and_environment, "src/rules/file.rs", "fn f() { std::fs::read(p) }", &["src/rules/file.rs:1: std::fs"]);
    check(files_and_environment, "src/pipeline/edition/load.rs", "use std::fs;", &[]);
    check(
        serde_derives,
        "src/text/mod.rs",
        "#[derive(Clone, Serialize)]\nstruct A;",
        &["src/text/mod.rs:1: Serialize"],
    );
    check(serde_derives, "src/event.rs", "#[derive(Clone, Serialize)]\nstruct A;", &[]);
}

#[test]
fn what_is_too_long_or_unfinished_is_caught() {
    let body = "    x();\n".repeat(FUNCTION_LINES_MAX);
    let long = format!("trait T {{ fn none(&self); }}\nfn long() {{\n{body}}}\nfn short() {{\n{{ }}\n}}\n");
    check(too_long, "src/a.rs", &long, &["src/a.rs:2: fn long has 72 lines"]);
    check(too_long, "src/a.rs", &"\n".repeat(FILE_LINES_MAX + 1), &["src/a.rs: 601 lines"]);
    check(unfinished, "src/a.rs", "fn f() {\n  todo!()\n}", &["src/a.rs:2: todo!"]);
    check(personal_paths, "src/a.rs", concat!("\"/ho", "me/me\""), &["src/a.rs:1: a path"]);
}
