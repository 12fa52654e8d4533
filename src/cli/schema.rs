//! `tidegate schema`: the JSON Schemas of everything that people and machines write for us or read from us.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use schemars::schema_for;

use crate::claims;
use crate::config::Config;
use crate::decision::Decision;
use crate::event::{Erase, Event, Verdict};
use crate::rules;

/// Prints the JSON Schema of a format.
#[derive(Args, Debug)]
#[command(after_help = "Example, for editors that speak YAML language server:
  tidegate schema rules > rules.schema.json
  # then at the top of a rule file:
  # yaml-language-server: $schema=rules.schema.json")]
pub(super) struct SchemaArgs {
    /// Which format.
    #[arg(value_enum)]
    format: Format,
}

/// The formats that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A message of the stream.
    Event,
    /// A reviewer's word on a decision.
    Verdict,
    /// A request to forget an author.
    Erase,
    /// What comes out.
    Decision,
    /// A rule file.
    Rules,
    /// The ladder.
    Ladder,
    /// One line of a library of refuted claims.
    Claim,
    /// The configuration file.
    Config,
}

impl Format {
    /// The schema.
    pub(crate) fn schema(self) -> serde_json::Value {
        match self {
            Self::Event => schema_for!(Event<'static>).to_value(),
            Self::Verdict => schema_for!(Verdict).to_value(),
            Self::Erase => schema_for!(Erase).to_value(),
            Self::Decision => schema_for!(Decision).to_value(),
            Self::Rules => rules::schema(),
            Self::Ladder => rules::ladder_schema(),
            Self::Claim => claims::schema(),
            Self::Config => schema_for!(Config).to_value(),
        }
    }
}

pub(super) fn run(args: &SchemaArgs) -> anyhow::Result<ExitCode> {
    let text = serde_json::to_string_pretty(&args.format.schema())?;
    writeln!(io::stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}
