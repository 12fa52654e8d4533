//! `tidegate explain`: one message → every signal, rule and action, with the found places marked.

mod beside;

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use serde_json::json;

use crate::event::{Channel, Event, Millis, Record};
use crate::io::wire::{self, Bounds};
use crate::io::{Clock, ManualClock, SystemClock};
use crate::pipeline::{Edition, Explained, explain};
use crate::signal::{Field, Span, Value};

use self::beside::Beside;
use super::edition::{self, EditionArgs};
use super::term::{Column, Mark, Role, Table, json_line};
use super::{Output, setting};

/// Explains what is decided on one message, and why.
///
/// The message is taken as the first one of its author and room; --given sets what only the stream would know.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  tidegate explain '加 薇 信 领 彩 金'
  tidegate explain --channel ad --title 'Miracle' 'Cures everything, 100% guaranteed'
  tidegate explain --given author.same_1h=12 --channel group '加群领福利'
  tidegate explain '春天的山谷里，溪水绕过老磨坊' --beside @original.txt
  sed -n 42p events.jsonl | tidegate explain --event -")]
pub(super) struct ExplainArgs {
    /// The text of the message.
    #[arg(required_unless_present = "event", conflicts_with = "event")]
    text: Option<String>,
    /// A whole event as JSON instead; - reads it from standard input.
    #[arg(long, value_name = "JSON")]
    event: Option<String>,
    /// Its title.
    #[arg(long)]
    title: Option<String>,
    /// Where it is published.
    #[arg(long, value_enum, default_value = "post")]
    channel: ChannelArg,
    /// Its language, such as zh or en.
    #[arg(long)]
    lang: Option<String>,
    /// When it is published (RFC 3339 or epoch milliseconds), for rules that expire; now if absent.
    #[arg(long, value_name = "TIME", value_parser = setting::time)]
    at: Option<Millis>,
    /// Sets a signal, as NAME=VALUE.
    #[arg(long, value_name = "NAME=VALUE")]
    given: Vec<String>,
    /// An earlier text, or @FILE with one: shows how much of the message stands there, and where.
    #[arg(long, value_name = "TEXT")]
    beside: Option<String>,
    /// Show rules that stay silent too.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    edition: EditionArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ChannelArg {
    Article,
    Video,
    Ad,
    Post,
    Group,
}

impl From<ChannelArg> for Channel {
    fn from(channel: ChannelArg) -> Self {
        match channel {
            ChannelArg::Article => Self::Article,
            ChannelArg::Video => Self::Video,
            ChannelArg::Ad => Self::Ad,
            ChannelArg::Post => Self::Post,
            ChannelArg::Group => Self::Group,
        }
    }
}

pub(super) fn run(args: &ExplainArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let edition = edition::open(&args.edition, output)?;
    let given = args.given.iter().map(|one| given(&edition, one)).collect::<anyhow::Result<Vec<_>>>()?;
    let event = event(args)?;
    let explained = explain(&edition, &event, &given);
    let beside = args.beside.as_deref().map(|earlier| Beside::new(&event.text, earlier)).transpose()?;
    let mut out = io::stdout().lock();
    if output.json {
        let mut explained = machine(&edition, &explained);
        if let Some(beside) = &beside {
            explained["beside"] = beside.machine();
        }
        json_line(&mut out, &explained)?;
    } else {
        people(args, &edition, &event, &explained, output, &mut out)?;
        beside.map_or(Ok(()), |beside| beside.people(output, &mut out))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The message that the arguments describe.
fn event(args: &ExplainArgs) -> anyhow::Result<Event<'static>> {
    let json = match args.event.as_deref() {
        Some("-") => {
            let mut line = String::new();
            io::stdin().lock().read_line(&mut line).context("cannot read the event from standard input")?;
            line
        }
        Some(json) => json.to_owned(),
        None => return Ok(typed_event(args)),
    };
    match wire::parse(json.trim().as_bytes(), &Bounds::default(), ManualClock::of_recordings().now()) {
        Ok(Record::Event(event)) => Ok(event.into_owned()),
        Ok(_) => Err(anyhow!("--event takes a message, not a verdict or an erasure")),
        Err(fault) => Err(anyhow!("the event cannot be taken: {fault}")),
    }
}

fn typed_event(args: &ExplainArgs) -> Event<'static> {
    let channel = args.channel.into();
    Event {
        id: "explained".into(),
        channel,
        author: "author".into(),
        at: args.at.unwrap_or_else(|| SystemClock.now()),
        room: (channel == Channel::Group).then(|| "room".into()),
        title: args.title.clone().map(Into::into),
        text: args.text.clone().unwrap_or_default().into(),
        lang: args.lang.clone().map(Into::into),
        region: None,
        forward_of: None,
        reply_to: None,
        links: Vec::new(),
        media: Vec::new(),
        account: None,
        audience: None,
        reach: None,
    }
}

/// Reads `NAME=VALUE` by the signal's type.
fn given(edition: &Edition, text: &str) -> anyhow::Result<(crate::signal::Slot, Value)> {
    use crate::problem::nearest;
    use crate::signal::Type;
    let (name, value) = text.split_once('=').with_context(|| format!("--given {text}: write NAME=VALUE"))?;
    let names = || edition.catalogue.iter().map(|(_, definition)| &*definition.name);
    let slot = edition.catalogue.slot(name).with_context(|| match nearest(name, names()) {
        Some(near) => format!("there is no signal `{name}`; did you mean `{near}`?"),
        None => format!("there is no signal `{name}`; `tidegate signals` lists all"),
    })?;
    let ty = edition.catalogue.definition(slot).ty;
    let wrong = || format!("--given {text}: `{value}` is no {}", ty.cel_name());
    let value = match ty {
        Type::Bool => Value::Bool(value.parse().with_context(wrong)?),
        Type::Int => Value::Int(value.parse().with_context(wrong)?),
        Type::Float => Value::Float(value.parse().with_context(wrong)?),
        Type::Text => Value::Text(value.into()),
        Type::Texts => Value::Texts(value.split(',').map(Into::into).collect()),
    };
    Ok((slot, value))
}

fn machine(edition: &Edition, explained: &Explained) -> serde_json::Value {
    let rule = |(index, truth): &(crate::rules::RuleIndex, Option<bool>)| {
        let rule = edition.rulebook.rule(*index);
        json!({ "rule": rule.id, "status": rule.status.name(), "fires": truth })
    };
    let place = |name: &str, spans: &[Span]| json!({ name: spans });
    json!({
        "edition": edition.id,
        "signals": explained.signals.iter().map(|(name, value, spans)| json!({ "name": name, "value": value, "spans": spans })).collect::<Vec<_>>(),
        "hits": explained.hits.iter().map(|(list, term, spans)| {
            let mut hit = place("spans", spans);
            hit["list"] = json!(list);
            hit["term"] = json!(term);
            hit
        }).collect::<Vec<_>>(),
        "rules": explained.rules.iter().map(rule).collect::<Vec<_>>(),
        "decision": explained.decision,
    })
}

fn people(
    args: &ExplainArgs,
    edition: &Edition,
    event: &Event<'_>,
    explained: &Explained,
    output: &Output,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    texts(event, explained, output, out)?;
    let mut table = Table::new(output.out, &[Column::Words("signal"), Column::Words("value")]);
    for (name, value, _) in &explained.signals {
        table.row([name.to_string(), serde_json::to_string(value)?]);
    }
    writeln!(out, "\n{}\n{table}", output.out.paint(Role::Heading, "What is known"))?;
    rules(args, edition, explained, output, out)?;
    decision(explained, output, out)
}

/// The texts of the message, what was found in them marked, with a legend of the terms.
fn texts(event: &Event<'_>, explained: &Explained, output: &Output, out: &mut impl Write) -> io::Result<()> {
    let media =
        event.media.iter().enumerate().filter_map(|(i, media)| Some((Field::Media(i as u8), media.text.as_deref()?)));
    let title = event.title.as_deref().map(|title| (Field::Title, title));
    for (field, text) in title.into_iter().chain([(Field::Text, &*event.text)]).chain(media) {
        let marks = explained.hits.iter().enumerate().flat_map(|(kind, (_, _, spans))| {
            spans.iter().filter(move |span| span.field == field).map(move |span| Mark { bytes: span.range(), kind })
        });
        writeln!(out, "{}", output.out.highlight(text, &marks.collect::<Vec<_>>()))?;
    }
    if !explained.hits.is_empty() {
        writeln!(out)?;
    }
    for (kind, (list, term, _)) in explained.hits.iter().enumerate() {
        writeln!(out, "  {}  {}", output.out.mark(kind, term), output.out.paint(Role::Quiet, format!("words.{list}")))?;
    }
    Ok(())
}

fn rules(
    args: &ExplainArgs,
    edition: &Edition,
    explained: &Explained,
    output: &Output,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let shown = explained.rules.iter().filter(|(_, truth)| args.all || *truth == Some(true));
    let columns = [Column::Words("rule"), Column::Words("status"), Column::Words("condition"), Column::Words("when")];
    let mut table = Table::new(output.out, &columns);
    for (index, truth) in shown {
        let rule = edition.rulebook.rule(*index);
        let truth = truth.map_or("missing", |truth| if truth { "true" } else { "false" });
        table.row([&*rule.id, rule.status.name(), truth, rule.when.trim()]);
    }
    if table.is_empty() {
        let rules = explained.rules.len();
        writeln!(out, "\nNone of the {rules} rules of this channel fires; --all shows them.")?;
        return Ok(());
    }
    writeln!(out, "\n{}\n{table}", output.out.paint(Role::Heading, "Rules"))?;
    Ok(())
}

fn decision(explained: &Explained, output: &Output, out: &mut impl Write) -> anyhow::Result<()> {
    let Some(decision) = &explained.decision else {
        writeln!(out, "\n{}", output.out.paint(Role::Good, "Nothing is done."))?;
        return Ok(());
    };
    writeln!(out, "\n{}", output.out.paint(Role::Heading, "What is done"))?;
    for action in &decision.actions {
        let reason = decision.reasons.get(usize::from(action.reason)).map_or("", |reason| &*reason.rule);
        let what = serde_json::to_string(&action.kind)?;
        writeln!(out, "  {}  {}", what, output.out.paint(Role::Quiet, format!("because of {reason}")))?;
    }
    for shadow in &decision.shadow {
        let what = serde_json::to_string(&shadow.actions)?;
        let note = format!("in shadow, because of {}", shadow.reason.rule);
        writeln!(out, "  {}  {}", what, output.out.paint(Role::Quiet, note))?;
    }
    Ok(())
}
