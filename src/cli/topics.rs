//! `tidegate topics`: makes the topics of a stage, shows them, and says what about them is not as it should be.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use clap::{Args, Subcommand, ValueHint};
use serde::Serialize;

use crate::io::kafka::{Admin, KafkaOptions, TopicFacts, TopicNeed, TopicShape, Weight, differences, needs};

use super::Output;
use super::kafka;
use super::setting;
use super::term::{self, Column, Role, Table, json_line};

/// Makes, checks and lists the stage's topics on Kafka.
#[derive(Subcommand, Debug)]
pub(super) enum TopicsCommand {
    /// Makes the topics that are absent; those that are there stay as they are, but the state gets as many partitions as the
    /// input.
    #[command(after_help = "Example:
  tidegate topics create --config deploy/kafka.toml --partitions 24 --replicas 3")]
    Create(CreateArgs),
    /// Says what about them is not as the stage needs it, and what to do; ends with 1 if anything is wrong.
    #[command(after_help = "Example:
  tidegate topics check --config deploy/kafka.toml --json")]
    Check(ClusterArgs),
    /// Shows them: partitions, copies, how long they keep, how much they hold.
    List(ClusterArgs),
}

/// Which cluster.
#[derive(Args, Debug)]
pub(super) struct ClusterArgs {
    /// Settings of the stage, with its `[kafka]`. See docs/config.md.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: PathBuf,
}

/// How they are made.
#[derive(Args, Debug)]
pub(super) struct CreateArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Partitions of topics that are yet to be made; no more instances than that can work. An existing input decides for the
    /// state.
    #[arg(long, value_name = "N", default_value_t = TopicShape::default().partitions, value_parser = number(1, 10_000))]
    partitions: usize,
    /// Copies of each; without it, as many as the brokers make by themselves. With three, one broker may fail.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    replicas: Option<u16>,
    /// Days for which events and decisions are kept.
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..))]
    days: u16,
    /// Days for which rejects are kept.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    rejects_days: u16,
}

fn number(min: usize, max: usize) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| {
        let value = text.parse().ok().filter(|value| (min..=max).contains(value));
        value.ok_or_else(|| format!("a number from {min} to {max}"))
    }
}

pub(super) fn run(command: &TopicsCommand, output: &Output) -> anyhow::Result<ExitCode> {
    match command {
        TopicsCommand::Create(args) => create(args, output),
        TopicsCommand::Check(args) => check(args, output),
        TopicsCommand::List(args) => list(args, output),
    }
}

/// The stage's topics: what is needed of them, and what there is.
struct Stage {
    admin: Admin,
    needs: Vec<TopicNeed>,
    found: Vec<Option<TopicFacts>>,
}

impl Stage {
    fn look(cluster: &ClusterArgs, shape: &TopicShape, output: &Output) -> anyhow::Result<Self> {
        let config = setting::read_config(Some(&cluster.config), output)?;
        let options: KafkaOptions = kafka::options(&config.kafka)?;
        let admin = Admin::connect(&options)?;
        let names: Vec<String> = needs(&options.topics, shape, None).into_iter().map(|need| need.name).collect();
        let found = admin.look(&names.iter().map(String::as_str).collect::<Vec<_>>())?;
        let input = found.first().and_then(Option::as_ref).map(|facts| facts.partitions);
        Ok(Self { admin, needs: needs(&options.topics, shape, input), found })
    }
}

/// What became of a topic, for machines.
#[derive(Serialize)]
struct Made<'a> {
    topic: &'a str,
    role: &'a str,
    partitions: usize,
    outcome: &'a str,
}

fn create(args: &CreateArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let days = |days: u16| Duration::from_secs(u64::from(days) * 24 * 60 * 60);
    let shape = TopicShape {
        partitions: args.partitions,
        replicas: args.replicas,
        retention: days(args.days),
        rejects_retention: days(args.rejects_days),
    };
    let stage = Stage::look(&args.cluster, &shape, output)?;
    let mut out = io::stdout().lock();
    for (need, found) in stage.needs.iter().zip(&stage.found) {
        let (outcome, partitions) = match found {
            None if stage.admin.create(need)? => ("made", need.partitions),
            None => ("made meanwhile by somebody else", need.partitions),
            Some(facts) if need.role == "state" && facts.partitions < need.partitions => {
                stage.admin.grow(&need.name, need.partitions)?;
                ("grown to the partitions of the input", need.partitions)
            }
            Some(facts) => ("there already", facts.partitions),
        };
        if output.json {
            json_line(&mut out, &Made { topic: &need.name, role: need.role, partitions, outcome })?;
        } else {
            let name = output.out.paint(Role::Name, &need.name);
            writeln!(out, "{name}  {}, {partitions} partitions: {outcome}", need.role)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A difference, for machines.
#[derive(Serialize)]
struct Row<'a> {
    topic: &'a str,
    what: &'a str,
    is: &'a str,
    should: &'a str,
    next: &'a str,
    wrong: bool,
}

fn check(args: &ClusterArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let stage = Stage::look(args, &TopicShape::default(), output)?;
    let told = differences(&stage.needs, &stage.found);
    let wrong = told.iter().filter(|difference| difference.weight == Weight::Wrong).count();
    let mut out = io::stdout().lock();
    for difference in &told {
        let is_wrong = difference.weight == Weight::Wrong;
        if output.json {
            let crate::io::kafka::Difference { topic, what, is, should, next, .. } = difference;
            json_line(&mut out, &Row { topic, what, is, should, next, wrong: is_wrong })?;
            continue;
        }
        let word = if is_wrong { output.out.paint(Role::Bad, "wrong") } else { output.out.paint(Role::Quiet, "weak ") };
        let name = output.out.paint(Role::Name, &difference.topic);
        writeln!(out, "{word}  {name}  {} is {}; should be {}", difference.what, difference.is, difference.should)?;
        writeln!(out, "       {} {}", output.out.paint(Role::Quiet, "do:"), difference.next)?;
    }
    if !output.json {
        let weak = told.len() - wrong;
        writeln!(out, "{} topics: {wrong} wrong, {weak} weak", stage.needs.len())?;
    }
    Ok(if wrong > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A topic, for machines.
#[derive(Serialize)]
struct Listed<'a> {
    topic: &'a str,
    role: &'a str,
    exists: bool,
    partitions: usize,
    replicas: usize,
    min_in_sync: Option<&'a str>,
    policy: Option<&'a str>,
    retention_ms: Option<&'a str>,
    /// Offsets kept: records, and the markers of transactions among them.
    offsets: u64,
}

fn list(args: &ClusterArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let stage = Stage::look(args, &TopicShape::default(), output)?;
    ensure!(stage.needs.len() == stage.found.len(), "the cluster answered for other topics than were asked for");
    let mut rows = Vec::new();
    for (need, facts) in stage.needs.iter().zip(&stage.found) {
        let setting = |key: &str| facts.as_ref().and_then(|facts| facts.settings.get(key)).map(String::as_str);
        rows.push(Listed {
            topic: &need.name,
            role: need.role,
            exists: facts.is_some(),
            partitions: facts.as_ref().map_or(0, |facts| facts.partitions),
            replicas: facts.as_ref().map_or(0, |facts| facts.replicas),
            min_in_sync: setting("min.insync.replicas"),
            policy: setting("cleanup.policy"),
            retention_ms: setting("retention.ms"),
            offsets: facts.as_ref().map_or(Ok(0), |facts| stage.admin.offsets_kept(facts))?,
        });
    }
    let mut out = io::stdout().lock();
    if output.json {
        rows.iter().try_for_each(|row| json_line(&mut out, row))?;
    } else {
        writeln!(out, "{}", table(&rows, output))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(rows: &[Listed<'_>], output: &Output) -> Table {
    let columns = [
        Column::Words("topic"),
        Column::Words("role"),
        Column::Figures("partitions"),
        Column::Figures("copies"),
        Column::Figures("in sync"),
        Column::Words("keeps"),
        Column::Figures("offsets"),
    ];
    let mut table = Table::new(output.out, &columns);
    for row in rows {
        if !row.exists {
            let nothing = String::new;
            let name = row.topic.to_owned();
            table.row([name, row.role.into(), nothing(), nothing(), nothing(), "absent".into(), nothing()]);
            continue;
        }
        let days = row.retention_ms.and_then(|ms| ms.parse::<i64>().ok()).map(|ms| ms / (24 * 60 * 60 * 1000));
        let keeps = match (row.policy, days) {
            (Some("delete"), Some(days)) if days > 0 => format!("{days} days"),
            (Some("delete"), Some(0)) => "less than a day".into(),
            (Some("delete"), _) => "for ever".into(),
            (policy, _) => policy.unwrap_or_default().to_owned(),
        };
        let cells = [
            row.topic.to_owned(),
            row.role.to_owned(),
            row.partitions.to_string(),
            row.replicas.to_string(),
            row.min_in_sync.unwrap_or_default().to_owned(),
            keeps,
            term::count(row.offsets),
        ];
        table.row(cells);
    }
    table
}
