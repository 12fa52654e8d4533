//! `tidegate claims`: the library of fact-checked claims, and what repeats it.

mod find;
mod library;

use std::process::ExitCode;

use clap::Subcommand;

use super::Output;

/// Keeps the library of fact-checked claims, and finds what repeats them.
#[derive(Subcommand, Debug)]
pub(super) enum ClaimsCommand {
    Match(find::MatchArgs),
}

pub(super) fn run(command: &ClaimsCommand, output: &Output) -> anyhow::Result<ExitCode> {
    match command {
        ClaimsCommand::Match(args) => find::run(args, output),
    }
}
