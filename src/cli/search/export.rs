//! All hits, for other programs.

use std::io::Write;

use clap::ValueEnum;

use crate::event::rfc3339;
use crate::index::{Ask, Hit};

use super::Search;
use super::show::{Seen, rules};

/// `--export`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// One case a line, as it is stored.
    Jsonl,
    /// One row a case, for spreadsheets: what such a program would take for a formula has a ' before it.
    Csv,
}

/// Hits that are read at a time.
const PAGE_HITS: usize = 1000;

const COLUMNS: [&str; 12] =
    ["at", "event", "channel", "author", "room", "actions", "rules", "claim", "stance", "cluster", "title", "text"];

/// Writes all hits, page by page.
pub(super) fn export(search: &Search<'_>, form: Form, out: &mut impl Write) -> anyhow::Result<()> {
    if form == Form::Csv {
        writeln!(out, "{}", COLUMNS.join(","))?;
    }
    let mut left = search.args.limit.unwrap_or(usize::MAX);
    let mut after = search.args.after;
    while left > 0 {
        let ask = Ask { order: search.args.sort.into(), limit: left.min(PAGE_HITS), after };
        let page = search.reader.search(&search.query, &ask)?;
        for hit in &page.hits {
            match form {
                Form::Jsonl => {
                    out.write_all(hit.json())?;
                    out.write_all(b"\n")?;
                }
                Form::Csv => row(hit, out)?,
            }
        }
        left -= page.hits.len();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(())
}

fn row(hit: &Hit, out: &mut impl Write) -> anyhow::Result<()> {
    let case = hit.case()?;
    let seen = Seen::of(&case);
    let event = case.event.as_ref();
    let cells = [
        rfc3339(seen.at),
        seen.event.to_owned(),
        seen.channel.to_owned(),
        seen.author.to_owned(),
        seen.room.unwrap_or_default().to_owned(),
        seen.actions.join(" "),
        rules(&case).join(" "),
        case.claim.as_deref().unwrap_or_default().to_owned(),
        case.stance.as_deref().unwrap_or_default().to_owned(),
        case.cluster.clone().unwrap_or_default(),
        event.and_then(|event| event.title.as_deref()).unwrap_or_default().to_owned(),
        event.map_or("", |event| &*event.text).to_owned(),
    ];
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    writeln!(out, "{}", cells.join(","))?;
    Ok(())
}

/// One cell, quoted where it must be.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if guard.is_empty() && !text.contains(['"', ',', '\n', '\r']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_neither_two_nor_a_formula() {
        assert_eq!(cell("加微信"), "加微信");
        assert_eq!(cell("a,\"b\"\nc"), "\"a,\"\"b\"\"\nc\"");
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("-5"), "\"'-5\"");
    }
}
