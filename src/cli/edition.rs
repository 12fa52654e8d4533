//! Which rules to judge by: found, read, compiled, and their problems shown.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use clap::{Args, ValueHint};

use crate::pipeline::{BuildOptions, Edition, Sources};
use crate::problem::{Problem, Severity, has_errors};
use crate::stream::EditionFolders;

use super::Output;
use super::term;

/// Which rules to judge by.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct EditionArgs {
    /// The folder of rules; without it, the rules that ship.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) edition: Option<PathBuf>,
    /// A site's own folder, laid over the rules by rule id, list name and channel.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) overlay: Option<PathBuf>,
}

impl EditionArgs {
    pub(super) fn folders(&self) -> EditionFolders {
        EditionFolders { base: self.edition.clone(), overlay: self.overlay.clone() }
    }
}

/// Opens an edition with the seed that needs no deployment: for every command but `run`.
pub(super) fn open(args: &EditionArgs, output: &Output) -> anyhow::Result<Arc<Edition>> {
    open_folders(&args.folders(), &BuildOptions::default(), output, Edition::build)
}

/// Opens an edition. Errors are shown with their places, and the command cannot run. `build` says whether the rules' tests
/// are run too.
pub(super) fn open_folders(
    folders: &EditionFolders,
    options: &BuildOptions,
    output: &Output,
    build: impl Fn(&Sources, &BuildOptions) -> (Option<Edition>, Vec<Problem>),
) -> anyhow::Result<Arc<Edition>> {
    let sources = folders.read()?;
    let (edition, problems) = build(&sources, options);
    if has_errors(&problems) {
        let errors: Vec<Problem> = problems.into_iter().filter(|p| p.severity == Severity::Error).collect();
        show(&errors, &sources, output)?;
        bail!("the edition has {}; `tidegate check` shows everything", term::summary(&errors));
    }
    match edition {
        Some(edition) => Ok(Arc::new(edition)),
        None => bail!("the edition cannot be built"),
    }
}

/// Prints problems to standard error, each with its source line.
pub(super) fn show(problems: &[Problem], sources: &Sources, output: &Output) -> anyhow::Result<()> {
    let mut err = std::io::stderr().lock();
    for problem in problems {
        writeln!(err, "{}", output.err.problem(problem, sources.text(&problem.file)))?;
    }
    Ok(())
}
