//! The command line: one file a subcommand. Arguments are parsed and checked here, at the door; what runs is told.
//!
//! Exit codes: 0 all is well; 1 something was found (a rule is wrong, a test fails, editions differ with
//! `--fail-on-change`); 2 the command cannot run (wrong arguments, missing files, a failed disk).

mod check;
mod diff;
mod edition;
mod explain;
mod man;
mod observe;
mod rejects;
mod replay;
mod run;
mod schema;
mod signals;
mod synth;
mod term;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueHint};

/// Folds, limits and labels what flows by, and says why.
///
/// Messages go in (a file, a folder, standard input); fold, limit and label actions come out, each with the evidence that
/// explains it.
#[derive(Parser, Debug)]
#[command(name = "tidegate", version, propagate_version = true, max_term_width = 110)]
#[command(after_help = "Start with:\n  tidegate run --input events.jsonl --output out\n  tidegate explain --text '加薇信领彩金'\n  \
tidegate check --edition rules")]
pub struct Cli {
    #[command(flatten)]
    terminal: term::Terminal,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Run(run::RunArgs),
    Observe(observe::ObserveArgs),
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    Replay(replay::ReplayArgs),
    Diff(diff::DiffArgs),
    Rejects(rejects::RejectsArgs),
    Signals(signals::SignalsArgs),
    Schema(schema::SchemaArgs),
    Synth(synth::SynthArgs),
    Completions(man::CompletionsArgs),
    Man(man::ManArgs),
}

/// Which rules to judge by.
#[derive(Args, Clone, Debug, Default)]
struct EditionArgs {
    /// The folder of rules; without it, the rules that ship.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    edition: Option<PathBuf>,
    /// A site's own folder, laid over the rules by rule id, list name and channel.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    overlay: Option<PathBuf>,
}

/// Which events to read.
#[derive(Args, Clone, Debug)]
struct InputArgs {
    /// JSONL files (plain, .gz, .zst), a folder of them, or - for standard input.
    #[arg(long, short, value_name = "PATH", required = true, num_args = 1.., value_hint = ValueHint::AnyPath)]
    input: Vec<PathBuf>,
}

/// Parses the process's arguments and does what they say.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let terminal = cli.terminal.open();
    let done = match cli.command {
        Command::Run(args) => run::run(&args, &terminal),
        Command::Observe(args) => observe::run(&args, &terminal),
        Command::Check(args) => check::run(&args, &terminal),
        Command::Explain(args) => explain::run(&args, &terminal),
        Command::Replay(args) => replay::run(&args, &terminal),
        Command::Diff(args) => diff::run(&args, &terminal),
        Command::Rejects(args) => rejects::run(&args, &terminal),
        Command::Signals(args) => signals::run(&args, &terminal),
        Command::Schema(args) => schema::run(&args),
        Command::Synth(args) => synth::run(&args, &terminal),
        Command::Completions(args) => man::completions(&args),
        Command::Man(args) => man::man(&args),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            terminal.error(&error);
            ExitCode::from(2)
        }
    }
}
