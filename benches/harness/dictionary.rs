//! Terms drawn from a dictionary crate: nothing of it is committed.

use anyhow::{Context, Result};
use tidegate::text::fold_to_string;

/// The dictionary's words with their frequency, from the sources of the dev-dependency `jieba-rs`.
#[expect(clippy::disallowed_methods, reason = "cargo names itself through the environment")]
pub(crate) fn dictionary() -> Result<Vec<(String, u64)>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let arguments =
        ["metadata", "--format-version", "1", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")];
    let output = std::process::Command::new(cargo).args(arguments).output()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let packages = metadata["packages"].as_array().context("cargo metadata has packages")?;
    let jieba = packages.iter().find(|package| package["name"] == "jieba-rs").context("the dev-dependency jieba-rs")?;
    let manifest = std::path::Path::new(jieba["manifest_path"].as_str().context("a manifest path")?);
    let text = std::fs::read_to_string(manifest.with_file_name("src/data/dict.txt"))?;
    let words = text.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
    });
    Ok(words.collect())
}

/// `count` different terms, seeded: words of two characters or more that the dictionary's corpus has at most ten times
/// (what people list is rare), or with `draw_any` all words; beyond them, pairs of words and words with digits.
pub(crate) fn terms(dictionary: &[(String, u64)], count: usize, draw_any: bool) -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(1);
    let is_drawn = |(word, frequency): &&(String, u64)| word.chars().count() >= 2 && (draw_any || *frequency <= 10);
    let mut words: Vec<&str> = dictionary.iter().filter(is_drawn).map(|(word, _)| word.as_str()).collect();
    random.shuffle(&mut words);
    let mut seen = hashbrown::HashSet::new();
    let mut terms = Vec::with_capacity(count);
    let mut push = |term: String| {
        if terms.len() < count && seen.insert(fold_to_string(&term)) {
            terms.push(term);
        }
        terms.len() < count
    };
    let mut is_open = words.iter().all(|word| push((*word).to_owned()));
    while is_open {
        let (a, b) = (words[random.usize(..words.len())], words[random.usize(..words.len())]);
        is_open = push(if random.bool() { format!("{a}{b}") } else { format!("{a}{}", random.u32(10..100_000)) });
    }
    terms
}
