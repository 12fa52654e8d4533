//! `tidegate eval`: how well a sense does on texts that you bring.

mod claims;
pub(super) mod classify;
mod contacts;
mod kin;
mod neardup;
mod texts;
mod wash;

use std::process::ExitCode;

use clap::Subcommand;

use super::Output;

/// Measures a sense on your own texts.
#[derive(Subcommand, Debug)]
pub(super) enum EvalCommand {
    Claims(claims::ClaimsArgs),
    Neardup(neardup::NeardupArgs),
    Classify(classify::ClassifyArgs),
}

pub(super) fn run(command: &EvalCommand, output: &Output) -> anyhow::Result<ExitCode> {
    match command {
        EvalCommand::Claims(args) => claims::run(args, output),
        EvalCommand::Neardup(args) => neardup::run(args, output),
        EvalCommand::Classify(args) => classify::run(args, output),
    }
}
