//! A case as the fields of the index.

use tantivy::{DateTime, TantivyDocument};

use super::schema::Fields;
use super::tokens::whole;
use crate::case::Case;
use crate::decision::{ActionKind, Decision};
use crate::event::{Event, Millis};

/// Text of one case that is indexed, in bytes: the rest is stored, and not found by its words.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Terms of word lists that are added to the text of one case.
const TERMS_MAX: usize = 64;
/// A label of the classifier from here on is said of a case.
const EVEN_ODDS: f32 = 0.5;

/// The document of a case.
pub(super) fn document(fields: &Fields, case: &Case<'_>) -> TantivyDocument {
    let mut adding = Adding { fields, document: TantivyDocument::default() };
    if let Some(event) = &case.event {
        adding.event(event);
    }
    if let Some(decision) = &case.decision {
        adding.decision(decision, case.event.is_none());
    }
    adding.name("cluster", case.cluster.as_deref());
    adding.name("claim", case.claim.as_deref());
    adding.name("stance", case.stance.as_deref());
    adding.names("list", case.terms.keys().map(AsRef::as_ref));
    adding.names("term", case.terms.values().flatten().map(AsRef::as_ref));
    adding.names("class", case.classes.iter().filter(|(_, score)| **score >= EVEN_ODDS).map(|(label, _)| &**label));
    if let Some(similarity) = case.similarity {
        adding.document.add_f64(fields.named("similarity"), f64::from(similarity));
    }
    let plain = whole(&case.plain, TEXT_BYTES_MAX);
    adding.document.add_text(fields.text, plain);
    adding.document.add_text(fields.words, plain);
    // What a term of a list was disguised as is found by the term itself, however the disguise was taken off.
    let mut terms: Vec<&str> =
        case.terms.values().flatten().map(AsRef::as_ref).filter(|term| !plain.contains(term)).collect();
    terms.sort_unstable();
    terms.dedup();
    terms.iter().take(TERMS_MAX).for_each(|term| adding.document.add_text(fields.text, term));
    let stored = Case { plain: String::new(), ..case.clone() };
    let stored = serde_json::to_vec(&stored).expect("strings and numbers are written to memory");
    adding.document.add_bytes(fields.case, &stored);
    adding.document
}

/// The moment as the index counts it, which knows the years from 1678 to 2262.
pub(super) fn moment(at: Millis) -> DateTime {
    const MILLIS_MAX: Millis = i64::MAX / 1_000_000;
    DateTime::from_timestamp_millis(at.clamp(-MILLIS_MAX, MILLIS_MAX))
}

/// The host of a link, without what a browser does not show.
fn host(link: &str) -> &str {
    let rest = link.split_once("://").map_or(link, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    host.strip_prefix("www.").unwrap_or(host)
}

struct Adding<'a> {
    fields: &'a Fields,
    document: TantivyDocument,
}

impl Adding<'_> {
    fn name(&mut self, field: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.document.add_text(self.fields.named(field), value);
        }
    }

    /// Names that may come several times, each taken once.
    fn names<'v>(&mut self, field: &str, values: impl Iterator<Item = &'v str>) {
        let mut values: Vec<&str> = values.collect();
        values.sort_unstable();
        values.dedup();
        values.into_iter().for_each(|value| self.name(field, Some(value)));
    }

    fn event(&mut self, event: &Event<'_>) {
        self.name("event", Some(&event.id));
        self.name("channel", Some(event.channel.name()));
        self.name("author", Some(&event.author));
        self.name("room", event.room.as_deref());
        self.name("lang", event.lang.as_deref());
        self.name("region", event.region.as_deref());
        self.names("root", event.forward_of.iter().chain(&event.reply_to).map(AsRef::as_ref));
        self.names("link", event.links.iter().map(|link| host(link)));
        self.document.add_date(self.fields.named("at"), moment(event.at));
    }

    fn decision(&mut self, decision: &Decision, is_alone: bool) {
        if is_alone {
            self.name("event", Some(&decision.event));
            self.name("channel", Some(decision.channel.name()));
            self.name("author", Some(&decision.author));
            self.name("room", decision.room.as_deref());
            self.document.add_date(self.fields.named("at"), moment(decision.at));
        }
        self.name("decision", Some(&decision.id));
        self.name("edition", Some(&decision.edition));
        self.names("action", decision.actions.iter().map(|action| action.kind.name()));
        let acted = decision.actions.iter().filter_map(|action| decision.reasons.get(usize::from(action.reason)));
        self.names("rule", acted.map(|reason| &*reason.rule));
        self.names("shadow", decision.shadow.iter().map(|shadow| &*shadow.reason.rule));
        self.names("missing", decision.missing.iter().map(AsRef::as_ref));
        let labels = decision.actions.iter().filter_map(|action| match &action.kind {
            ActionKind::Label { code, .. } => Some(&**code),
            _ => None,
        });
        self.names("label", labels);
        let queues = decision.actions.iter().filter_map(|action| match &action.kind {
            ActionKind::Review { queue } => Some(&**queue),
            _ => None,
        });
        self.names("queue", queues);
    }
}
