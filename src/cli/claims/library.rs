//! Reading a library, whatever it is kept in.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::claims::{Claim, Purpose, read_lines};
use crate::cli::Output;
use crate::problem::Problem;

/// Reads libraries one after the other. What cannot be taken is told, and the rest is taken.
///
/// # Errors
/// If a file cannot be read, or nothing in any of them can be taken.
pub(in crate::cli) fn read(paths: &[PathBuf], purpose: Purpose, output: &Output) -> anyhow::Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for path in paths {
        let (found, problems) = read_file(path, purpose)?;
        claims.extend(found);
        tell(&problems, output);
    }
    if claims.is_empty() {
        bail!("no claim could be taken from {}", names(paths));
    }
    Ok(claims)
}

fn names(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

pub(super) fn read_file(path: &Path, purpose: Purpose) -> anyhow::Result<(Vec<Claim>, Vec<Problem>)> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(read_lines(&path.display().to_string().into(), &text, purpose))
}

/// How many problems are told one by one.
const TOLD_MAX: usize = 20;

/// Says on standard error what could not be taken, the first ones one by one.
pub(super) fn tell(problems: &[Problem], output: &Output) {
    for problem in problems.iter().take(TOLD_MAX) {
        eprint!("{}", output.err.problem(problem, None));
    }
    if problems.len() > TOLD_MAX {
        eprintln!("and {} more", problems.len() - TOLD_MAX);
    }
}
