//! A hit for people: when, who and where; the text with what it was acted on for; what was done, and why.

use std::io::Write;
use std::ops::Range;

use crate::case::Case;
use crate::decision::{ActionKind, Decision};
use crate::event::{Millis, rfc3339};
use crate::index::{Hit, Query, Test};
use crate::signal::Field;
use crate::text::{Folded, Kind};

use super::super::term::{self, Mark, Role};
use super::Search;

/// Characters of a text that are shown.
const TEXT_CHARS: usize = 160;
/// Characters before the first mark that are shown.
const LEAD_CHARS: usize = 20;

/// What a case says of itself, from its event or, where there is none, from its decision.
pub(super) struct Seen<'a> {
    pub(super) at: Millis,
    pub(super) event: &'a str,
    pub(super) channel: &'static str,
    pub(super) author: &'a str,
    pub(super) room: Option<&'a str>,
    pub(super) actions: Vec<String>,
}

impl<'a> Seen<'a> {
    pub(super) fn of(case: &'a Case<'_>) -> Self {
        let actions = case.decision.iter().flat_map(|decision| &decision.actions);
        let actions = actions.map(|action| action_name(&action.kind)).collect();
        match (&case.event, &case.decision) {
            (Some(event), _) => Self {
                at: event.at,
                event: &event.id,
                channel: event.channel.name(),
                author: &event.author,
                room: event.room.as_deref(),
                actions,
            },
            (None, Some(decision)) => Self {
                at: decision.at,
                event: &decision.event,
                channel: decision.channel.name(),
                author: &decision.author,
                room: decision.room.as_deref(),
                actions,
            },
            (None, None) => Self { at: 0, event: "", channel: "", author: "", room: None, actions },
        }
    }
}

/// An action in a word or two.
fn action_name(kind: &ActionKind) -> String {
    match kind {
        ActionKind::Fold { level } => format!("fold:{level}"),
        ActionKind::Label { code, .. } => format!("label:{code}"),
        ActionKind::Review { queue } => format!("review:{queue}"),
        ActionKind::Notice { code, .. } => format!("notice:{code}"),
        ActionKind::Limit { .. } | ActionKind::Restore { .. } => crate::pipeline::action_name(kind),
    }
}

/// The rules that acted, each once, in the order of their reasons.
pub(super) fn rules(case: &Case<'_>) -> Vec<String> {
    let reasons = case.decision.iter().flat_map(|decision| &decision.reasons);
    let mut rules: Vec<String> = Vec::new();
    for reason in reasons {
        if !rules.iter().any(|rule| **rule == *reason.rule) {
            rules.push(reason.rule.to_string());
        }
    }
    rules
}

/// Shows a hit, or writes it as one line of JSON.
pub(super) fn hit(hit: &Hit, search: &Search<'_>, out: &mut impl Write) -> anyhow::Result<()> {
    if search.output.json {
        return json(hit, out);
    }
    let terminal = search.output.out;
    let case = hit.case()?;
    let seen = Seen::of(&case);
    let time: String = rfc3339(seen.at).chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect();
    let mut head = format!("{}  {}  {}", terminal.paint(Role::Heading, time), seen.channel, name(seen.event, terminal));
    head.push_str(&format!("  by {}", name(seen.author, terminal)));
    if let Some(room) = seen.room {
        head.push_str(&format!("  in {}", name(room, terminal)));
    }
    if let Some(score) = hit.score {
        head.push_str(&terminal.paint(Role::Quiet, format!("  score {score:.2}")));
    }
    writeln!(out, "{head}")?;
    let decision = case.decision.as_ref();
    if let Some(event) = &case.event {
        let marks = |field, text: &str| marks(decision, &search.query, field, text);
        if let Some(title) = &event.title {
            writeln!(out, "  {}", excerpt(title, &marks(Field::Title, title), terminal))?;
        }
        writeln!(out, "  {}", excerpt(&event.text, &marks(Field::Text, &event.text), terminal))?;
        for (word, id) in [("passes on", &event.forward_of), ("answers", &event.reply_to)] {
            if let Some(id) = id {
                writeln!(out, "  {} {}", terminal.paint(Role::Quiet, word), name(id, terminal))?;
            }
        }
    }
    done(&case, &seen, terminal, out)?;
    writeln!(out)?;
    Ok(())
}

/// What was done, why, and what it belongs to.
fn done(case: &Case<'_>, seen: &Seen<'_>, terminal: term::Terminal, out: &mut impl Write) -> anyhow::Result<()> {
    if !seen.actions.is_empty() {
        let rules = rules(case).join(" ");
        let because = terminal.paint(Role::Quiet, "because of");
        writeln!(out, "  {}  {because} {rules}", terminal.paint(Role::Warning, seen.actions.join(" ")))?;
    }
    let shadows = case.decision.iter().flat_map(|decision| &decision.shadow);
    let shadows: Vec<&str> = shadows.map(|shadow| &*shadow.reason.rule).collect();
    if !shadows.is_empty() {
        writeln!(out, "  {} {}", terminal.paint(Role::Quiet, "in shadow"), shadows.join(" "))?;
    }
    if let Some(cluster) = &case.cluster {
        let similarity =
            case.similarity.map_or_else(String::new, |similarity| format!(" ({:.0} %)", similarity * 100.0));
        writeln!(out, "  {} {}{similarity}", terminal.paint(Role::Quiet, "like"), name(cluster, terminal))?;
    }
    if let Some(claim) = &case.claim {
        let stance = case.stance.as_deref().unwrap_or("names");
        writeln!(out, "  {} {}", terminal.paint(Role::Quiet, format!("{stance} claim")), name(claim, terminal))?;
    }
    Ok(())
}

fn name(text: &str, terminal: term::Terminal) -> String {
    terminal.paint(Role::Name, term::printable(text))
}

/// The stored case as it is, with its score before it.
fn json(hit: &Hit, out: &mut impl Write) -> anyhow::Result<()> {
    match (hit.score, hit.json().strip_prefix(b"{")) {
        (Some(score), Some(rest)) => {
            write!(out, "{{\"score\":{score},")?;
            out.write_all(rest)?;
        }
        _ => out.write_all(hit.json())?,
    }
    out.write_all(b"\n")?;
    Ok(())
}

/// The places of the evidence, and of the words of the query.
fn marks(decision: Option<&Decision>, query: &Query, field: Field, text: &str) -> Vec<Mark> {
    let reasons = decision
        .into_iter()
        .flat_map(|decision| decision.reasons.iter().chain(decision.shadow.iter().map(|shadow| &shadow.reason)));
    let spans = reasons.flat_map(|reason| &reason.signals).flat_map(|ground| &ground.spans);
    let mut ranges: Vec<Range<usize>> = spans.filter(|span| span.field == field).map(|span| span.range()).collect();
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    ranges.dedup();
    let mut marks: Vec<Mark> = Vec::new();
    let mut folded = Folded::default();
    folded.fold(text);
    for phrase in phrases(query) {
        marks.extend(places(&folded, &phrase).into_iter().map(|bytes| Mark { bytes, kind: 1 }));
    }
    marks.extend(ranges.into_iter().map(|bytes| Mark { bytes, kind: 0 }));
    marks
}

/// The texts that the query asks for, but for those that must not be there.
fn phrases(query: &Query) -> Vec<String> {
    match query {
        Query::Clause { field: "text", test: Test::Is { value, .. } } => vec![value.clone()],
        Query::And(all) | Query::Or(all) => all.iter().flat_map(phrases).collect(),
        _ => Vec::new(),
    }
}

/// Where a phrase stands, letter by letter, whatever stands between its letters.
fn places(text: &Folded, phrase: &str) -> Vec<Range<usize>> {
    let mut asked = Folded::default();
    asked.fold(phrase);
    let letters = |folded: &Folded| -> Vec<(usize, u32)> {
        let units = folded.units().iter().zip(folded.kinds()).enumerate();
        units.filter(|(_, (_, kind))| kind.is(Kind::WORD)).map(|(at, (&unit, _))| (at, unit)).collect()
    };
    let (text_letters, asked) = (letters(text), letters(&asked));
    if asked.is_empty() {
        return Vec::new();
    }
    let is_it = |window: &&[(usize, u32)]| window.iter().zip(&asked).all(|((_, a), (_, b))| a == b);
    let found = text_letters.windows(asked.len()).filter(is_it);
    found.map(|window| text.span(window[0].0..window[window.len() - 1].0 + 1)).collect()
}

/// The text, cut to what fits, around its first mark.
fn excerpt(text: &str, marks: &[Mark], terminal: term::Terminal) -> String {
    let first = marks.iter().map(|mark| mark.bytes.start.min(text.len())).min().unwrap_or(0);
    let chars: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    if chars.len() <= TEXT_CHARS {
        return terminal.highlight(text, marks);
    }
    let at = chars.partition_point(|&at| at < first);
    let from =
        if at + TEXT_CHARS / 2 < TEXT_CHARS { 0 } else { at.saturating_sub(LEAD_CHARS).min(chars.len() - TEXT_CHARS) };
    let (start, end) = (chars[from], chars.get(from + TEXT_CHARS).copied().unwrap_or(text.len()));
    let moved = marks.iter().filter(|mark| mark.bytes.end > start && mark.bytes.start < end).map(|mark| Mark {
        bytes: mark.bytes.start.saturating_sub(start)..mark.bytes.end.min(end) - start,
        kind: mark.kind,
    });
    let shown = terminal.highlight(&text[start..end], &moved.collect::<Vec<_>>());
    let (before, after) = (if from > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
    format!("{before}{shown}{after}")
}
