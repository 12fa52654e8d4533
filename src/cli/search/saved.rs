//! Saved queries: a TOML file that a team shares, and what people saved by the service.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};

use crate::problem::nearest;
use crate::serve;

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

/// Where saved queries stand: first the team's file, then what people saved by the service.
pub(super) struct Places {
    /// The file.
    pub(super) file: PathBuf,
    /// Whether somebody named it, so that it must be there.
    pub(super) is_named: bool,
    /// The output folder, where the service keeps its own.
    pub(super) output: PathBuf,
}

/// A saved query, and where it stands.
struct Known {
    saved: Saved,
    from: &'static str,
}

const FROM_FILE: &str = "file";
const FROM_SERVICE: &str = "service";

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

impl Places {
    /// All that are saved, by name: of two of one name, that of the file.
    fn read(&self) -> anyhow::Result<BTreeMap<String, Known>> {
        let of_service = serve::saved_queries(&self.output)?;
        let has_other = !self.is_named && !of_service.is_empty();
        let of_file = if has_other && !self.file.exists() { BTreeMap::new() } else { read(&self.file)? };
        let of_service = of_service.into_iter().map(|(name, serve::Saved { query, about, .. })| {
            (name, Known { saved: Saved { query, about }, from: FROM_SERVICE })
        });
        let of_file = of_file.into_iter().map(|(name, saved)| (name, Known { saved, from: FROM_FILE }));
        // What comes later counts.
        Ok(of_service.chain(of_file).collect())
    }

    /// The query of that name.
    pub(super) fn find(&self, name: &str) -> anyhow::Result<Saved> {
        let mut all = self.read()?;
        all.remove(name).map(|known| known.saved).ok_or_else(|| {
            let hint = nearest(name, all.keys().map(String::as_str))
                .map_or_else(|| "--saved list lists them".to_owned(), |near| format!("did you mean {near}?"));
            let service = self.output.join(serve::SEARCHES_FILE);
            anyhow!("neither {} nor {} has a query named {name}: {hint}", self.file.display(), service.display())
        })
    }

    /// Lists all.
    pub(super) fn list(&self, output: &Output) -> anyhow::Result<()> {
        let out = &mut io::stdout().lock();
        let all = self.read()?;
        if output.json {
            for (name, Known { saved: Saved { query, about }, from }) in &all {
                let line = serde_json::json!({ "name": name, "query": query, "about": about, "from": from });
                term::json_line(out, &line)?;
            }
            return Ok(());
        }
        let columns = ["name", "query", "about", "from"].map(Column::Words);
        let mut table = Table::new(output.out, &columns);
        for (name, Known { saved, from }) in &all {
            table.row([name, &saved.query, &saved.about, *from]);
        }
        writeln!(out, "{table}")?;
        Ok(())
    }
}
