//! The command line: one file a subcommand. Arguments are parsed and checked here, at the door; what runs is told.
//!
//! Exit codes: 0 all is well; 1 something was found (a rule is wrong, a test fails, editions differ under
//! `--fail-on-change`); 2 the command cannot run (wrong arguments, missing files, a failed disk).

mod audit;
mod check;
mod claims;
mod classify;
mod diff;
mod drift;
mod edition;
#[cfg(feature = "kafka")]
mod editions;
mod eval;
mod explain;
mod feedback;
mod health;
mod indexing;
#[cfg(feature = "kafka")]
mod kafka;
mod line;
mod man;
mod near;
mod observe;
mod progress;
mod rejects;
mod replay;
mod report;
mod run;
mod schema;
mod search;
mod serve;
mod setting;
mod signals;
mod synth;
pub mod term;
mod token;
#[cfg(feature = "kafka")]
mod topics;
mod train;
mod trends;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use term::{ColorChoice, Role, Terminal};

use crate::index::IndexError;
#[cfg(feature = "kafka")]
use crate::io::kafka::KafkaError;
use crate::io::{FileTextsError, SinkError, SourceError, StoreError};
use crate::serve::ServeError;
use crate::stream::StreamError;

/// Folds, limits and labels what flows by, and says why.
///
/// Messages go in (files, a folder, standard input); fold, limit and label actions come out, each with the evidence that
/// explains it.
#[derive(Parser, Debug)]
#[command(name = "tidegate", version, propagate_version = true, max_term_width = 110)]
#[command(after_help = "Begin with:
  tidegate run --input events.jsonl --output out     decide on a stream
  tidegate search --index out/index 加微信             find what was said, decided and why
  tidegate explain '加 薇 信 领 彩 金'                 see why one message is acted on
  tidegate check rules                               lint rules and run their tests

Exit codes: 0 all is well, 1 something was found, 2 the command cannot run.")]
struct Cli {
    #[command(flatten)]
    look: Look,
    #[command(subcommand)]
    command: Command,
}

/// How output looks; the same for every command.
#[derive(Args, Clone, Copy, Debug)]
struct Look {
    /// When to use colours; NO_COLOR turns them off too.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    color: ColorChoice,
    /// Machine-readable output: one JSON object a line.
    #[arg(long, global = true, help_heading = "Output")]
    json: bool,
}

#[derive(Subcommand, Debug)]
enum Command {
    Run(run::RunArgs),
    Serve(serve::ServeArgs),
    #[command(subcommand)]
    Token(token::TokenCommand),
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    Check(check::CheckArgs),
    Explain(explain::ExplainArgs),
    Observe(observe::ObserveArgs),
    Replay(replay::ReplayArgs),
    Diff(diff::DiffArgs),
    #[command(subcommand)]
    Rejects(rejects::RejectsCommand),
    Signals(signals::SignalsArgs),
    Schema(schema::SchemaArgs),
    Search(Box<search::SearchArgs>),
    Trends(trends::TrendsArgs),
    Synth(synth::SynthArgs),
    Near(near::NearArgs),
    #[cfg(feature = "kafka")]
    #[command(subcommand)]
    Topics(topics::TopicsCommand),
    #[cfg(feature = "kafka")]
    #[command(subcommand)]
    Edition(editions::EditionCommand),
    #[command(subcommand)]
    Claims(claims::ClaimsCommand),
    Classify(classify::ClassifyArgs),
    Train(train::TrainArgs),
    Feedback(feedback::FeedbackArgs),
    #[command(subcommand)]
    Eval(eval::EvalCommand),
    Completions(man::CompletionsArgs),
    Man(man::ManArgs),
}

/// What a command writes to.
#[derive(Clone, Copy, Debug)]
struct Output {
    out: Terminal,
    err: Terminal,
    json: bool,
}

impl Output {
    fn new(look: Look) -> Self {
        Self { out: Terminal::stdout(look.color), err: Terminal::stderr(look.color), json: look.json }
    }

    /// Says on standard error why the command cannot run: what, because of what, and what to do next.
    fn fail(&self, error: &anyhow::Error) {
        let mut shown = format!("{}: {error}\n", self.err.paint(Role::Bad, "error"));
        for cause in error.chain().skip(1) {
            shown.push_str(&format!("  {} {cause}\n", self.err.paint(Role::Quiet, "because")));
        }
        if let Some(hint) = error.chain().find_map(hint) {
            shown.push_str(&format!("  {} {hint}\n", self.err.paint(Role::Quiet, "hint:")));
        }
        let _ = io::stderr().write_all(shown.as_bytes());
    }
}

/// Parses the process's arguments and does what they say.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.look);
    let done = match cli.command {
        Command::Run(args) => run::run(&args, &output),
        Command::Serve(args) => serve::run(&args, &output),
        Command::Token(command) => token::run(&command, &output),
        Command::Audit(command) => audit::run(&command, &output),
        Command::Check(args) => check::run(&args, &output),
        Command::Explain(args) => explain::run(&args, &output),
        Command::Observe(args) => observe::run(&args, &output),
        Command::Replay(args) => replay::run(&args, &output),
        Command::Diff(args) => diff::run(&args, &output),
        Command::Rejects(command) => rejects::run(&command, &output),
        Command::Signals(args) => signals::run(&args, &output),
        Command::Schema(args) => schema::run(&args),
        Command::Search(args) => search::run(&args, &output),
        Command::Trends(args) => trends::run(&args, &output),
        Command::Synth(args) => synth::run(&args, &output),
        Command::Near(args) => near::run(&args, &output),
        #[cfg(feature = "kafka")]
        Command::Topics(command) => topics::run(&command, &output),
        #[cfg(feature = "kafka")]
        Command::Edition(command) => editions::run(&command, &output),
        Command::Claims(command) => claims::run(&command, &output),
        Command::Classify(args) => classify::run(&args, &output),
        Command::Train(args) => train::run(&args, &output),
        Command::Feedback(args) => feedback::run(&args, &output),
        Command::Eval(command) => eval::run(&command, &output),
        Command::Completions(args) => man::completions(&args),
        Command::Man(args) => man::man(&args),
    };
    match done {
        Ok(code) => code,
        // Whoever reads us has seen enough: `tidegate … | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output.fail(&error);
            ExitCode::from(2)
        }
    }
}

/// What an error of the edges says is to be done next.
fn hint<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a str> {
    let of_stream = error.downcast_ref::<StreamError>().map(StreamError::hint);
    let of_source = || error.downcast_ref::<SourceError>().map(SourceError::hint);
    let of_sink = || error.downcast_ref::<SinkError>().map(SinkError::hint);
    let of_store = || error.downcast_ref::<StoreError>().map(StoreError::hint);
    let of_texts = || error.downcast_ref::<FileTextsError>().map(FileTextsError::hint);
    let of_index = || error.downcast_ref::<IndexError>().map(IndexError::hint);
    let of_service = || error.downcast_ref::<ServeError>().map(ServeError::hint);
    let of_edges = || of_source().or_else(of_sink).or_else(of_store).or_else(of_texts);
    let known = of_stream.or_else(of_edges).or_else(of_index).or_else(of_service);
    #[cfg(feature = "kafka")]
    let known = known.or_else(|| error.downcast_ref::<KafkaError>().map(KafkaError::hint));
    known
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let cause = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The whole command line, for completions and the manual.
fn command() -> clap::Command {
    Cli::command()
}
