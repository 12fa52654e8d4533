//! `tidegate claims`: the library of fact-checked claims, and what repeats it.

mod back;
mod find;
pub(super) mod library;
mod train;

use std::process::ExitCode;

use clap::Subcommand;

use super::Output;

/// Keeps the library of fact-checked claims, and finds what repeats them.
#[derive(Subcommand, Debug)]
pub(super) enum ClaimsCommand {
    Match(find::MatchArgs),
    Backsearch(back::BacksearchArgs),
    Import(library::ImportArgs),
    Add(library::AddArgs),
    List(library::ListArgs),
    Show(library::ShowArgs),
    Retract(library::RetractArgs),
    Stats(library::StatsArgs),
    Train(train::TrainArgs),
}

pub(super) fn run(command: &ClaimsCommand, output: &Output) -> anyhow::Result<ExitCode> {
    match command {
        ClaimsCommand::Match(args) => find::run(args, output),
        ClaimsCommand::Backsearch(args) => back::run(args, output),
        ClaimsCommand::Import(args) => library::import(args, output),
        ClaimsCommand::Add(args) => library::add(args, output),
        ClaimsCommand::List(args) => library::list(args, output),
        ClaimsCommand::Show(args) => library::show(args, output),
        ClaimsCommand::Retract(args) => library::retract(args, output),
        ClaimsCommand::Stats(args) => library::stats(args, output),
        ClaimsCommand::Train(args) => train::run(args, output),
    }
}
