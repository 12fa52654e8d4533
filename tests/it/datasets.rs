//! The sample stream is what its manifest says, and anybody can compose it again.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::bless::is_blessing;

const RECORDS: u64 = 4000;
const FAULTS: u64 = 8;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets")
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What follows `tidegate` in the command that composes the sample.
fn command() -> String {
    format!("synth --events {RECORDS} --seed 1 --faults {FAULTS}")
}

fn composed() -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate")).args(command().split(' ')).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn manifest(stream: &[u8]) -> String {
    format!(
        "# What lies in this folder, where it comes from, and under which licence. A test composes it again and compares.

[[dataset]]
file = \"sample.jsonl.zst\"
about = \"One day of a small platform: ordinary talk and all that rules are there for, in Chinese and English\"
records = {RECORDS}
faults = {FAULTS}
source = \"composed by this product: tidegate {}\"
licence = \"Apache-2.0\"
# Of the bytes before compression, so that the compressor's version does not matter.
bytes = {}
sha256 = \"{}\"

[[dataset]]
folder = \"claims\"
about = \"Texts about refuted claims: what matching is trained and tested on\"
source = \"written for this product\"
licence = \"Apache-2.0\"

[[dataset]]
folder = \"classify\"
about = \"Messages with labels: what the shipped classifier learns from\"
source = \"written for this product\"
licence = \"Apache-2.0\"

[[dataset]]
file = \"train.toml\"
about = \"Which sources the classifier learns from, their licences among them\"
source = \"written for this product\"
licence = \"Apache-2.0\"
",
        command(),
        stream.len(),
        sha256(stream)
    )
}

#[test]
fn the_sample_is_what_the_composer_gives_and_the_manifest_says() {
    let stream = composed();
    let (manifest_file, sample_file) = (folder().join("MANIFEST.toml"), folder().join("sample.jsonl.zst"));
    if is_blessing() {
        fs::write(&manifest_file, manifest(&stream)).unwrap();
        fs::write(&sample_file, zstd::encode_all(&*stream, 19).unwrap()).unwrap();
    }
    let kept = zstd::decode_all(fs::File::open(&sample_file).unwrap()).unwrap();
    assert_eq!(fs::read_to_string(&manifest_file).unwrap(), manifest(&stream), "if this is meant: make bless");
    assert_eq!(sha256(&kept), sha256(&stream), "sample.jsonl.zst is another stream; if this is meant: make bless");
}

#[test]
fn every_file_of_the_folder_is_in_the_manifest() {
    let manifest: toml::Table = fs::read_to_string(folder().join("MANIFEST.toml")).unwrap().parse().unwrap();
    let name = |dataset: &'_ toml::Value| dataset.get("file").or_else(|| dataset.get("folder")).unwrap().clone();
    let listed: Vec<String> =
        manifest["dataset"].as_array().unwrap().iter().map(|d| name(d).as_str().unwrap().to_owned()).collect();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_known = listed.contains(&name) || name == "MANIFEST.toml" || name == "README.md";
        assert!(is_known, "datasets/{name} has no source, licence and sha256 in MANIFEST.toml");
    }
}
