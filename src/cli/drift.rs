//! Have the scores moved since? The population stability index of each label, against answers that were kept; and how much of what
//! comes in the model never saw.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::json;

use super::Output;
use super::term::{Column, Role, Table, json_line};
use crate::classify::measure::stability_index;
use crate::classify::{LABELS, Label, Scores};

/// Scores that are compared, at most; later ones are passed over.
const SCORES_MAX: usize = 5_000_000;
/// From so much on something changed, by the usual reading of the index.
const MOVED: f64 = 0.25;
const MOVING: f64 = 0.1;

/// A line of `tidegate classify`.
#[derive(Deserialize)]
struct Answer {
    scores: BTreeMap<String, f32>,
}

/// Scores of an earlier time and of now.
pub(super) struct Drift {
    before: [Vec<f32>; LABELS],
    now: [Vec<f32>; LABELS],
    /// Grams, and those among them that no text of the training had.
    grams: u64,
    unseen: u64,
}

impl Drift {
    /// Reads the earlier answers.
    pub(super) fn from(path: &Path) -> anyhow::Result<Self> {
        let file = std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut drift = Self { before: Default::default(), now: Default::default(), grams: 0, unseen: 0 };
        for (number, line) in (1..).zip(BufReader::new(file).lines().take(SCORES_MAX)) {
            let line = line.with_context(|| format!("cannot read {}", path.display()))?;
            let answer: Answer = serde_json::from_str(&line)
                .with_context(|| format!("{}:{number} is no answer of `tidegate classify`", path.display()))?;
            for label in Label::ALL {
                drift.before[label as usize].extend(answer.scores.get(label.name()));
            }
        }
        if drift.before.iter().all(Vec::is_empty) {
            bail!("{} holds no answers of `tidegate classify`", path.display());
        }
        Ok(drift)
    }

    /// Takes the scores of a text; of so many grams, so many are in rows that no text taught.
    pub(super) fn take(&mut self, scores: &Scores, (grams, unseen): (usize, usize)) {
        self.grams += grams as u64;
        self.unseen += unseen as u64;
        if self.now[0].len() < SCORES_MAX {
            self.now.iter_mut().zip(scores).for_each(|(now, &score)| now.push(score));
        }
    }

    /// Says on standard error how far each label moved, and what share of the grams is new.
    pub(super) fn tell(&self, output: &Output) -> anyhow::Result<()> {
        let index = |label: Label| stability_index(&self.before[label as usize], &self.now[label as usize]);
        let mut err = std::io::stderr().lock();
        if output.json {
            let labels: serde_json::Map<_, _> =
                Label::ALL.into_iter().map(|label| (label.name().to_owned(), json!(index(label)))).collect();
            return Ok(json_line(&mut err, &json!({ "psi": labels, "unseen": self.unseen_share() }))?);
        }
        let mut table = Table::new(output.err, &[Column::Words("label"), Column::Figures("PSI"), Column::Words("")]);
        for label in Label::ALL {
            let index = index(label);
            let said = match index {
                MOVED.. => "moved: look at what comes in, and measure again",
                MOVING.. => "moving",
                _ => "",
            };
            table.row([label.name().to_owned(), format!("{index:.3}"), said.to_owned()]);
        }
        writeln!(err, "{}\n{table}", output.err.paint(Role::Heading, "Scores against the earlier ones"))?;
        let unseen = self.unseen_share() * 100.0;
        writeln!(err, "{unseen:.2} % of the grams are in rows of the table that no text of the training had")?;
        Ok(())
    }

    fn unseen_share(&self) -> f64 {
        self.unseen as f64 / self.grams.max(1) as f64
    }
}
