//! `tidegate observe`: events in, evidence out; nothing is judged.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, json};

use crate::pipeline::{Item, Stage, named_hits};
use crate::stream::{self, Control, StreamError};

use super::edition::{self, EditionArgs};
use super::setting::{self, InputArgs};
use super::term::json_line;
use super::{Output, progress};

/// Shows what the senses see in each event, one JSON line each, in input order: signals, and word hits with their places.
///
/// Every message is seen as the first of its author and room: counters are the stream's business.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  tidegate observe --input events.jsonl | jq 'select(.signals[\"words.any\"] > 0)'")]
pub(super) struct ObserveArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    edition: EditionArgs,
}

pub(super) fn run(args: &ObserveArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let config = args.input.config(output)?;
    // Every message is seen by itself: there is nothing that it could be a near-duplicate of.
    let options = stream::Options { copies: None, ..setting::options(&config, args.input.limit)? };
    let edition = edition::open(&args.edition, output)?;
    let mut stage = Stage::new(&edition);
    let mut out = BufWriter::new(io::stdout().lock());
    let source = setting::source(&config.input)?;
    let control = Control::default();
    let scanned = || {
        stream::scan(source, args.input.clock(), &options, &control, |front, batch| {
            let chunks = front.observe(&edition, batch);
            for (item, raw) in chunks.iter().flatten().zip(batch.iter()) {
                let line = match item {
                    Item::Event(observed) => {
                        let hits = observed.hits.iter().flat_map(|hits| named_hits(&edition, hits));
                        let hits: Vec<_> = hits
                            .map(|(list, term, spans)| json!({ "list": list, "term": term, "spans": spans }))
                            .collect();
                        let signals = stage.evidence(observed);
                        let signals: Map<_, _> =
                            signals.into_iter().map(|(name, value, _)| (name.to_string(), json!(value))).collect();
                        json!({ "id": observed.event.id, "signals": signals, "hits": hits })
                    }
                    Item::Verdict(verdict) => json!({ "kind": "verdict", "event": verdict.event }),
                    Item::Erase(_) => json!({ "kind": "erase" }),
                    Item::Relay(_) => json!({ "kind": "relay" }),
                    Item::Refused(refused) => {
                        json!({ "refused": refused.code, "reason": refused.message, "offset": raw.offset })
                    }
                };
                json_line(&mut out, &line)?;
            }
            Ok::<_, ObserveError>(())
        })
    };
    progress::alongside(&control, output, scanned)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Either end may fail.
#[derive(Debug, thiserror::Error)]
enum ObserveError {
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
}
