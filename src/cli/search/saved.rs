//! Saved queries: a TOML file that a team shares.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};

use crate::problem::nearest;

use super::super::Output;
use super::super::term::{self, Column, Table};

/// `[name]` with `query = "…"` and `about = "…"`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    /// In the language of queries.
    pub(super) query: String,
    /// What it is for.
    #[serde(default)]
    pub(super) about: String,
}

/// A larger file is no list of queries.
const FILE_BYTES_MAX: u64 = 1 << 20;

fn read(path: &Path) -> anyhow::Result<BTreeMap<String, Saved>> {
    let about = std::fs::metadata(path).with_context(|| {
        format!("there are no saved queries in {}: write one as docs/search.md shows", path.display())
    })?;
    if about.len() > FILE_BYTES_MAX {
        return Err(anyhow!("{} has {} bytes; at most {FILE_BYTES_MAX} are read", path.display(), about.len()));
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is no list of saved queries", path.display()))
}

/// The query of that name.
pub(super) fn find(path: &Path, name: &str) -> anyhow::Result<Saved> {
    let mut all = read(path)?;
    all.remove(name).ok_or_else(|| {
        let hint = nearest(name, all.keys().map(String::as_str))
            .map_or_else(|| "--saved list lists them".to_owned(), |near| format!("did you mean {near}?"));
        anyhow!("{} has no query named {name}: {hint}", path.display())
    })
}

/// Lists all.
pub(super) fn list(path: &Path, output: &Output) -> anyhow::Result<()> {
    let out = &mut io::stdout().lock();
    let all = read(path)?;
    if output.json {
        for (name, saved) in &all {
            term::json_line(out, &serde_json::json!({ "name": name, "query": saved.query, "about": saved.about }))?;
        }
        return Ok(());
    }
    let mut table = Table::new(output.out, &[Column::Words("name"), Column::Words("query"), Column::Words("about")]);
    for (name, saved) in &all {
        table.row([name, &saved.query, &saved.about]);
    }
    writeln!(out, "{table}")?;
    Ok(())
}
