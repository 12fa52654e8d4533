//! What the documentation says is held: links lead somewhere, examples are what the product reads, the index is whole.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tidegate::config::Config;
use tidegate::decision::Decision;
use tidegate::event::{Erase, Event, Verdict};

/// A page: its path from the repository's root, and its text.
struct Page {
    file: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<Page> {
    let mut found = Vec::new();
    collect(&root(), &mut found);
    found.sort_by(|a, b| a.file.cmp(&b.file));
    assert!(found.len() >= 8, "the pages were found");
    found
}

fn collect(folder: &Path, found: &mut Vec<Page>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "out", "node_modules"].contains(&&*name) {
                collect(&path, found);
            }
        } else if name.ends_with(".md") {
            let file = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            found.push(Page { file, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

/// The lines outside of code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        (!is_code && !is_fence).then_some((at + 1, line))
    })
}

/// The targets of `[text](target)` and `![text](target)` in a line, code spans left out.
fn links(line: &str) -> Vec<&str> {
    line.split('`')
        .step_by(2)
        .flat_map(|part| part.match_indices("](").map(move |(at, _)| &part[at + 2..]))
        .filter_map(|rest| rest.split_once(')').map(|(target, _)| target))
        .collect()
}

/// The anchor that a heading gets: lower case, spaces to hyphens, signs dropped.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text)
        .filter_map(|(_, line)| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    headings
        .map(|heading| {
            let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// What is wrong with a link, if anything is.
fn broken(page: &Page, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { root().join(&page.file) } else { root().join(&page.file).parent()?.join(file) };
    if !path.exists() {
        return Some(format!("{target} is not there"));
    }
    let is_there = anchor.is_empty() || anchors(&fs::read_to_string(path).unwrap_or_default()).contains(anchor);
    (!is_there).then(|| format!("{target}: no such heading"))
}

/// The code blocks opened by exactly this line, each with the number of its first line.
fn blocks<'a>(page: &'a Page, opening: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut lines = page.text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        if line == opening {
            let inside: Vec<&'a str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            found.push((at + 2, inside.join("\n")));
        }
    }
    found
}

#[test]
fn every_link_leads_somewhere() {
    let mut report = Vec::new();
    for page in pages() {
        for (at, line) in prose(&page.text) {
            let complaints = links(line).into_iter().filter_map(|target| broken(&page, target));
            report.extend(complaints.map(|complaint| format!("{}:{at}: {complaint}", page.file)));
        }
    }
    assert!(report.is_empty(), "{report:#?}");
}

#[test]
fn every_example_of_a_record_is_one() {
    let mut events = 0;
    for page in pages() {
        let place = |line: usize| format!("{}:{line}", page.file);
        for (line, text) in blocks(&page, "```json event") {
            let event: Event<'_> = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", place(line)));
            let again = serde_json::to_string(&event).unwrap();
            assert_eq!(serde_json::from_str::<Event<'_>>(&again).unwrap(), event, "{}", place(line));
            events += 1;
        }
        for (line, text) in blocks(&page, "```json verdict") {
            serde_json::from_str::<Verdict>(&text).unwrap_or_else(|e| panic!("{}: {e}", place(line)));
        }
        for (line, text) in blocks(&page, "```json erase") {
            serde_json::from_str::<Erase>(&text).unwrap_or_else(|e| panic!("{}: {e}", place(line)));
        }
        for (line, text) in blocks(&page, "```json decision") {
            let decision: Decision = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", place(line)));
            let is_grounded = decision.actions.iter().all(|action| usize::from(action.reason) < decision.reasons.len());
            assert!(is_grounded, "{}: an action without its reason", place(line));
        }
    }
    assert!(events >= 2, "docs/events.md shows events");
}

/// Spans in the documentation's decision point at whole words of the documentation's event.
#[test]
fn spans_of_the_example_are_those_of_its_event() {
    let page = pages().into_iter().find(|page| page.file == "docs/events.md").unwrap();
    let (_, event) = blocks(&page, "```json event").pop().unwrap();
    let (_, decision) = blocks(&page, "```json decision").pop().unwrap();
    let event: Event<'_> = serde_json::from_str(&event).unwrap();
    let decision: Decision = serde_json::from_str(&decision).unwrap();
    let spans = decision.reasons.iter().flat_map(|reason| &reason.signals).flat_map(|signal| &signal.spans);
    let words: Vec<&str> = spans.map(|span| &event.text[span.range()]).collect();
    assert_eq!(words, ["薇 信", "彩 金"]);
}

#[test]
fn the_index_names_every_page() {
    let pages = pages();
    let index = pages.iter().find(|page| page.file == "docs/README.md").unwrap();
    for page in pages.iter().filter(|page| page.file.starts_with("docs/") && page.file != index.file) {
        let name = page.file.trim_start_matches("docs/");
        assert!(index.text.contains(&format!("]({name})")), "docs/README.md does not name {name}");
    }
}

#[test]
fn a_broken_link_is_caught_and_code_is_not_a_link() {
    let page = Page { file: "docs/README.md".to_owned(), text: String::new() };
    assert_eq!(links("see [a](b.md), ![c](d.svg#e) and `[x](y)`"), ["b.md", "d.svg#e"]);
    assert!(broken(&page, "events.md").is_none() && broken(&page, "../ARCHITECTURE.md#the-one-idea").is_none());
    assert!(broken(&page, "nothing.md").is_some() && broken(&page, "events.md#no-such-heading").is_some());
    assert!(broken(&page, "https://example.invalid/").is_none());
}

/// What a command of the product says, and whether it went well.
fn tidegate(args: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate")).args(args).current_dir(root()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), said.concat())
}

/// The rules that the pages show are rules: they load over the shipped ones, and their own tests pass.
#[test]
fn every_example_of_a_rule_passes_its_tests() {
    let pages = pages();
    let examples = ["README.md", "README.zh-CN.md"].map(|file| {
        let page = pages.iter().find(|page| page.file == file).unwrap();
        blocks(page, "```yaml").pop().expect("a rule is shown").1
    });
    assert_eq!(examples[0], examples[1], "both READMEs show the same rule");
    let overlay = tempfile::tempdir().unwrap();
    fs::write(overlay.path().join("readme.yaml"), &examples[0]).unwrap();
    let (is_well, said) = tidegate(&["check", "rules", "--overlay", overlay.path().to_str().unwrap()]);
    assert!(is_well, "{said}");
}

#[test]
fn the_examples_of_a_configuration_are_some_and_name_every_key() {
    let files = ["deploy/tidegate.toml", "deploy/kafka.toml"];
    let [everything, of_kafka] = files.map(|file| {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let config = Config::read(&file.into(), &text).unwrap();
        assert!(config.input.follow || !config.kafka.brokers.is_empty(), "{file} is read, and not passed over");
        uncommented(&text)
    });
    let known: toml::Table = schema_keys();
    for (section, keys) in &known {
        for key in keys.as_table().unwrap().keys() {
            let names = |table: &toml::Table| table.get(section).and_then(|section| section.get(key)).is_some();
            assert!(names(&everything) || names(&of_kafka), "neither of {files:?} names {section}.{key}");
        }
    }
}

/// With the settings that stand in comments.
fn uncommented(text: &str) -> toml::Table {
    let is_taken = |rest: &&str| is_setting(rest) || (rest.starts_with('[') && rest.ends_with(']'));
    let lines = text.lines().map(|line| line.strip_prefix("# ").filter(is_taken).unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n").parse().unwrap()
}

/// `key = value`, and no sentence.
fn is_setting(line: &str) -> bool {
    line.split_once(" = ").is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

/// Sections and keys of the configuration, from the schema that editors are given.
fn schema_keys() -> toml::Table {
    let (is_well, said) = tidegate(&["schema", "config"]);
    assert!(is_well, "{said}");
    let schema: serde_json::Value = serde_json::from_str(&said).unwrap();
    let mut known = toml::Table::new();
    for (section, value) in schema["properties"].as_object().unwrap() {
        let name = value["$ref"].as_str().and_then(|path| path.rsplit('/').next()).expect("a section has a type");
        let keys = schema["$defs"][name]["properties"].as_object().unwrap().keys();
        let keys: toml::Table = keys.map(|key| (key.clone(), true.into())).collect();
        known.insert(section.clone(), keys.into());
    }
    assert!(known.len() >= 8, "the sections were found: {known}");
    known
}
