//! Pages and schemas that are printed from the code. A difference fails; `make bless` rewrites them.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use serde_json::Value;
use tidegate::io::wire::CODES;
use tidegate::stream::METRICS;

use crate::bless::is_blessing;
use crate::stage::path;

fn hold(file: &str, found: &str) {
    let path = path(file);
    if is_blessing() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == expected, "{file} is not what the code says: run `make bless`, look at the difference, commit it");
}

/// What the command prints.
fn printed(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate")).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const HEAD: &str = "<!-- Printed from the code by `make bless`; do not edit. -->\n\n";

#[test]
fn schemas() {
    for format in ["event", "verdict", "erase", "decision", "rules", "ladder", "claim", "config"] {
        hold(&format!("docs/schema/{format}.schema.json"), &printed(&["schema", format]));
    }
}

#[test]
fn openapi() {
    hold("docs/openapi.json", &tidegate::serve::openapi());
}

#[test]
fn metrics() {
    let mut page = format!(
        "{HEAD}# Metrics\n\n`tidegate run --metrics 127.0.0.1:9464` serves these to Prometheus at `/metrics`. No label is a user or \
         an event.\n\n| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n"
    );
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let _ = writeln!(page, "| `{}` | {kind} | {} | {} |", metric.name, labels.join(", "), metric.about);
    }
    hold("docs/metrics.md", &page);
}

#[test]
fn signals() {
    let mut page = format!(
        "{HEAD}# Signals\n\nWhat a rule's condition may read. *Otherwise* is the value where nothing was raised; `missing` can be \
         tested with `has(…)`. For each word list `NAME` there are `words.NAME.count`, `.distinct`, `.weight`, `.terms` and \
         `.tags`; `tidegate signals` prints those of your edition.\n\n| signal | type | otherwise | meaning |\n| --- | --- | --- | --- |\n"
    );
    let lines = printed(&["signals", "--json", "--edition", path("tests/it/edition").to_str().unwrap()]);
    let signals = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    for signal in signals.filter(|signal| !signal["name"].as_str().unwrap().starts_with("words.lure")) {
        let name = signal["name"].as_str().unwrap().replace("words.contact.", "words.NAME.");
        let about = signal["about"].as_str().unwrap().replace("`contact`", "`NAME`");
        let otherwise = if signal["default"].is_null() { "missing".to_owned() } else { signal["default"].to_string() };
        let _ = writeln!(page, "| `{name}` | {} | `{otherwise}` | {about} |", signal["type"].as_str().unwrap());
    }
    hold("docs/signals.md", &page);
}

#[test]
fn rejects() {
    let mut page = format!(
        "{HEAD}# Rejects\n\nWhat cannot be taken goes to `rejects.jsonl`, one object a line: `offset` (where it stood), `code` and \
         `reason`, and the raw bytes (`raw`, or `raw_base64` where they are not UTF-8; of a line that is too long the first \
         64 KiB, with its length in `raw_bytes`). `tidegate rejects show` counts them, `tidegate rejects replay` writes the raw \
         records again.\n\n| code | meaning |\n| --- | --- |\n"
    );
    let of_the_stream = [
        ("internal_error", "observing it failed: a mistake in the product, please report it"),
        ("duplicate_id", "an event with that id was taken before"),
        ("unknown_event", "a verdict on an event about which no open decision is held"),
    ];
    for (code, meaning) in CODES.iter().chain(&of_the_stream) {
        let _ = writeln!(page, "| `{code}` | {meaning} |");
    }
    hold("docs/rejects.md", &page);
}

#[test]
fn config() {
    let schema: Value = serde_json::from_str(&printed(&["schema", "config"])).unwrap();
    let mut page = format!(
        "{HEAD}# Configuration\n\n`tidegate run --config tidegate.toml`. Every key has a default; unknown keys are refused with the \
         nearest right one. Arguments go before the file.\n"
    );
    for (section, of_section) in schema["properties"].as_object().unwrap() {
        let _ = writeln!(
            page,
            "\n## `[{section}]`\n\n{}\n\n| key | default | meaning |\n| --- | --- | --- |",
            about(of_section)
        );
        let name = of_section["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let definition = &schema["$defs"][name];
        let defaults = &of_section["default"];
        for (key, of_key) in definition["properties"].as_object().unwrap() {
            let default = match &defaults[key] {
                Value::Null => "–".to_owned(),
                default => format!("`{default}`"),
            };
            let _ = writeln!(page, "| `{key}` | {default} | {} |", about(of_key));
        }
    }
    hold("docs/config.md", &page);
}

fn about(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ")
}
