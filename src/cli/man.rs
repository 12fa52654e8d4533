//! `tidegate completions` and `tidegate man`: from the same definition as the arguments themselves.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, ValueHint};
use clap_complete::Shell;

/// Prints completions for a shell.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate completions bash > /etc/bash_completion.d/tidegate
  tidegate completions zsh > ~/.zfunc/_tidegate")]
pub(super) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Writes the manual pages, or prints the first one.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate man | man -l -
  tidegate man --out man/")]
pub(super) struct ManArgs {
    /// A folder to write every page into.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "tidegate", &mut script);
    io::stdout().write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn man(args: &ManArgs) -> anyhow::Result<ExitCode> {
    match &args.out {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            clap_mangen::generate_to(super::command(), folder)
                .with_context(|| format!("cannot write manual pages into {}", folder.display()))?;
        }
        None => clap_mangen::Man::new(super::command()).render(&mut io::stdout())?,
    }
    Ok(ExitCode::SUCCESS)
}
