//! `tidegate signals`: every name that a condition may use, with its type and meaning.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::signal::{Definition, Value};

use super::Output;
use super::edition::{self, EditionArgs};
use super::term::{Column, Table, json_line};

/// Lists the signals that conditions may use, those of the edition's word lists among them.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tidegate signals author")]
pub(super) struct SignalsArgs {
    /// Only signals whose name contains this.
    filter: Option<String>,
    #[command(flatten)]
    edition: EditionArgs,
}

/// One signal, for machines.
#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    r#type: &'a str,
    default: &'a Value,
    about: &'a str,
}

impl<'a> From<&'a Definition> for Row<'a> {
    fn from(definition: &'a Definition) -> Self {
        Self {
            name: &definition.name,
            r#type: definition.ty.cel_name(),
            default: &definition.default,
            about: &definition.about,
        }
    }
}

pub(super) fn run(args: &SignalsArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let edition = edition::open(&args.edition, output)?;
    let wanted = args.filter.as_deref().unwrap_or_default();
    let shown = edition.catalogue.iter().map(|(_, definition)| definition).filter(|d| d.name.contains(wanted));
    let mut out = io::stdout().lock();
    if output.json {
        shown.map(Row::from).try_for_each(|row| json_line(&mut out, &row))?;
        return Ok(ExitCode::SUCCESS);
    }
    let columns =
        [Column::Words("signal"), Column::Words("type"), Column::Words("otherwise"), Column::Words("meaning")];
    let mut table = Table::new(output.out, &columns);
    for definition in shown {
        let default = serde_json::to_string(&definition.default)?;
        let default = if definition.default == Value::Missing { "missing".to_owned() } else { default };
        table.row([&*definition.name, definition.ty.cel_name(), &default, &*definition.about]);
    }
    writeln!(out, "{table}")?;
    Ok(ExitCode::SUCCESS)
}
