//! `tidegate token`: who may use the service.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueHint};
use serde::Serialize;

use crate::event::Millis;
use crate::io::{Clock, SystemClock};
use crate::serve::{Audit, Role, Tokens};

use super::Output;
use super::term::{Column, Table, json_line};

/// Makes, lists and revokes the tokens of a service's folder.
#[derive(Subcommand, Debug)]
pub(super) enum TokenCommand {
    /// Makes a token and prints it, once.
    Add(AddArgs),
    /// Lists who has which role; never the tokens, which nobody keeps.
    List(ListArgs),
    /// Takes a token back; a running service refuses it within a second.
    Revoke(RevokeArgs),
}

/// The folder of a service.
#[derive(Args, Debug)]
pub(super) struct DirArgs {
    /// The folder that `tidegate serve --output` has.
    #[arg(long, short, value_name = "DIR", default_value = "out", value_hint = ValueHint::DirPath)]
    pub(super) output: PathBuf,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Roles: viewer (texts masked), analyst (reads texts, reviews), editor (checks and tries rules), approver \
(reads the audit log), admin (everything), platform (hands messages in, reads nothing).

Examples:
  tidegate token add li --role analyst
  tidegate token add forum --role platform --output /var/lib/tidegate"
)]
pub(super) struct AddArgs {
    /// Whose it is: what the audit log says.
    name: String,
    /// What it may do.
    #[arg(long, value_parser = role)]
    role: Role,
    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Args, Debug)]
pub(super) struct ListArgs {
    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Args, Debug)]
pub(super) struct RevokeArgs {
    /// Whose it is.
    name: String,
    #[command(flatten)]
    dir: DirArgs,
}

fn role(name: &str) -> Result<Role, String> {
    let known = || Role::ALL.map(Role::name).join(", ");
    Role::from_name(name).ok_or_else(|| format!("the roles are {}", known()))
}

/// Makes a token. The audit log has it before anybody can use it.
pub(super) fn add(dir: &Path, name: &str, role: Role, now: Millis) -> anyhow::Result<String> {
    Audit::of(dir).add("-", "token.add", &format!("{name} as {}", role.name()), now)?;
    Ok(Tokens::of(dir).add(name, role, now)?)
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    role: Role,
    made: &'a str,
}

pub(super) fn run(command: &TokenCommand, output: &Output) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    match command {
        TokenCommand::Add(args) => {
            let token = add(&args.dir.output, &args.name, args.role, SystemClock.now())?;
            writeln!(out, "{token}")?;
        }
        TokenCommand::List(args) => {
            let tokens = Tokens::of(&args.dir.output).list()?;
            if output.json {
                for token in &tokens {
                    json_line(&mut out, &Line { name: &token.name, role: token.role, made: &token.made })?;
                }
                return Ok(ExitCode::SUCCESS);
            }
            let columns = [Column::Words("name"), Column::Words("role"), Column::Words("made")];
            let mut table = Table::new(output.out, &columns);
            for token in tokens {
                table.row([token.name.to_string(), token.role.name().to_owned(), token.made]);
            }
            writeln!(out, "{table}")?;
        }
        TokenCommand::Revoke(args) => {
            Audit::of(&args.dir.output).add("-", "token.revoke", &args.name, SystemClock.now())?;
            Tokens::of(&args.dir.output).revoke(&args.name)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
