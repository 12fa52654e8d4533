//! A message beside an earlier text: how much of it stands there, and which words.

use std::io::Write;

use anyhow::Context;
use serde_json::json;

use crate::cli::Output;
use crate::cli::term::{Column, Mark, Role, Table};
use crate::neardup::{Comparison, Matched, compare, matched};

/// Runs that are shown, the longest ones.
const RUNS_MAX: usize = 12;

/// The text and the earlier one, compared.
pub(super) struct Beside<'a> {
    text: &'a str,
    earlier: String,
    comparison: Comparison,
    runs: Vec<Matched>,
}

impl<'a> Beside<'a> {
    /// Compares with a text, or with that of a file where the argument is `@FILE`.
    pub(super) fn new(text: &'a str, earlier: &str) -> anyhow::Result<Self> {
        let earlier = match earlier.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?,
            None => earlier.to_owned(),
        };
        let (comparison, runs) = (compare(text, &earlier), matched(text, &earlier, RUNS_MAX));
        Ok(Self { text, earlier, comparison, runs })
    }

    /// For machines: shares from 0 to 1, places in bytes of either text.
    pub(super) fn machine(&self) -> serde_json::Value {
        let place = |range: &std::ops::Range<usize>| json!({ "start": range.start, "end": range.end });
        json!({
            "similarity": self.comparison.similarity(),
            "containment": self.comparison.containment(),
            "matched": self.runs.iter().map(|run| json!({ "this": place(&run.this), "earlier": place(&run.first) })).collect::<Vec<_>>(),
        })
    }

    /// For people: both texts with what they share marked, then run beside run.
    pub(super) fn people(&self, output: &Output, out: &mut impl Write) -> anyhow::Result<()> {
        let percent = |share: f32| format!("{:.0} %", share * 100.0);
        let (similar, contained) = (percent(self.comparison.similarity()), percent(self.comparison.containment()));
        writeln!(out, "\n{}", output.out.paint(Role::Heading, "Beside the earlier text"))?;
        writeln!(out, "{contained} of it stands there, {similar} of both is common to both.\n")?;
        let mark = |places: Vec<std::ops::Range<usize>>| -> Vec<Mark> {
            places.into_iter().enumerate().map(|(kind, bytes)| Mark { bytes, kind }).collect()
        };
        let this = mark(self.runs.iter().map(|run| run.this.clone()).collect());
        let earlier = mark(self.runs.iter().map(|run| run.first.clone()).collect());
        writeln!(out, "{}\n", output.out.highlight(self.text, &this))?;
        writeln!(out, "{}", output.out.highlight(&self.earlier, &earlier))?;
        let mut table = Table::new(output.out, &[Column::Words("here"), Column::Words("in the earlier text")]);
        for run in &self.runs {
            table.row([&self.text[run.this.clone()], &self.earlier[run.first.clone()]]);
        }
        if !table.is_empty() {
            writeln!(out, "\n{table}")?;
        }
        Ok(())
    }
}
