//! Reviewers' verdicts as rows of a training.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::manifest::{Loaded, Role, Source};
use crate::classify::{LABELS, Label, Row};

/// Lines of one file, at most.
pub(in crate::cli) const LINES_MAX: usize = 5_000_000;

/// How a text came before a reviewer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Sample {
    /// Something was found in it: it says nothing of what was not found, so it is learnt from and never measured on.
    #[default]
    Queue,
    /// It was drawn at random: it says how good the model is, so it is never learnt from.
    Random,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::cli) struct Line {
    pub(in crate::cli) id: String,
    pub(in crate::cli) text: String,
    /// What the reviewer said of labels; of those that are not here, nothing is known.
    pub(in crate::cli) labels: BTreeMap<String, bool>,
    #[serde(default)]
    pub(in crate::cli) sample: Sample,
    /// Who said so.
    #[serde(default)]
    pub(in crate::cli) by: String,
    /// The rules whose decision was looked at.
    #[serde(default)]
    pub(in crate::cli) reasons: Vec<String>,
}

impl Line {
    fn row(self) -> anyhow::Result<Row> {
        let mut truth = [None; LABELS];
        for (name, value) in &self.labels {
            let label = Label::of_name(name).ok_or_else(|| anyhow!("there is no label \"{name}\""))?;
            truth[label as usize] = Some(*value);
        }
        Ok(Row::new(self.text, truth))
    }
}

/// The rows of a file, as two sources: those of the queue, and the random samples.
pub(super) fn load(path: &Path) -> anyhow::Result<[Loaded; 2]> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines().filter(|line| !line.trim().is_empty())) {
        let place = || format!("{}:{number}", path.display());
        if number > LINES_MAX {
            bail!("{}: more than {LINES_MAX} lines; split the file", path.display());
        }
        let line: Line = serde_json::from_str(line).with_context(place)?;
        let (id, sample) = (line.id.clone(), line.sample);
        // Whoever appends the same verdicts again says nothing more; the last word on a message counts.
        lines.insert(id, (sample, line.row().with_context(place)?));
    }
    let (mut queue, mut random) = (Vec::new(), Vec::new());
    for (sample, row) in lines.into_values() {
        if sample == Sample::Random { random.push(row) } else { queue.push(row) }
    }
    let source = |name: &str, role| Source::of_feedback(name, role);
    Ok([
        Loaded { source: source("feedback-queue", Role::Teach), rows: queue, notes: Vec::new() },
        Loaded { source: source("feedback-random", Role::Hold), rows: random, notes: Vec::new() },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_verdicts_are_learnt_from_and_random_ones_are_held() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines = "{\"id\":\"a\",\"text\":\"x\",\"labels\":{\"fraud\":true}}\n{\"id\":\"b\",\"text\":\"y\",\"labels\":{\"fraud\":false},\"sample\":\"random\"}\n";
        std::fs::write(file.path(), lines).unwrap();
        let [queue, random] = load(file.path()).unwrap();
        assert_eq!((queue.rows.len(), random.rows.len()), (1, 1));
        assert_eq!(queue.rows[0].truth[Label::Fraud as usize], Some(true));
        assert_eq!(queue.rows[0].truth[Label::Abuse as usize], None);
        assert_eq!((queue.held_percent(), random.held_percent()), (0, 100));
        std::fs::write(file.path(), "{\"id\":\"a\",\"text\":\"x\",\"labels\":{\"frod\":true}}").unwrap();
        assert!(format!("{:#}", load(file.path()).err().unwrap()).contains("frod"));
    }
}
