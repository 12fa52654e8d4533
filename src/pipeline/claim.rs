//! What rules do about refuted claims: which claim a message repeats, and what people are told of it.

use std::sync::Arc;

use crate::claims::{Claim, Match};
use crate::decision::ActionKind;
use crate::event::Event;
use crate::signal::Span;
use crate::state::{Fate, State};

use super::edition::Edition;
use super::observe::Observed;

/// The code of the label on what asserts a refuted claim.
pub(crate) const REFUTED: &str = "refuted";

/// The claim that a message repeats.
pub(crate) fn known<'a>(edition: &'a Edition, observed: &'a Observed<'_>) -> Option<(&'a Claim, &'a Match)> {
    let (_, found) = &**observed.claim.as_ref()?;
    Some((edition.claims.as_ref()?.claims().get(found.claim)?, found))
}

/// The label of a refuted claim on the event that this one passes on, if it stands.
pub(crate) fn inherited(event: &Event<'_>, state: &State) -> Option<ActionKind> {
    let root = state.keys().event(event.forward_of.as_ref()?);
    let (entry, fate) = state.ledger().get(root)?;
    let is_refuted = |kind: &ActionKind| matches!(kind, ActionKind::Label { code, .. } if **code == *REFUTED);
    entry.actions.into_iter().find(is_refuted).filter(|_| fate != Fate::Overturned)
}

/// Where the claim stands, for the signals about it.
pub(crate) fn span(signal: &str, observed: &Observed<'_>) -> Option<Span> {
    let (field, found) = &**observed.claim.as_ref().filter(|_| signal.starts_with("claim."))?;
    Some(Span { field: *field, start: found.span.start as u32, end: found.span.end as u32 })
}

/// An action with its words filled in: `{claim.text}`, `{claim.authority}`, `{claim.url}` and `{claim.date}` of labels and
/// notices. A message that only passes another one on gets the label of that one.
pub(crate) fn told(kind: ActionKind, claim: Option<(&Claim, &Match)>, root: Option<&ActionKind>) -> ActionKind {
    let is_asked = |words: &Option<Arc<str>>| words.as_ref().is_some_and(|words| words.contains("{claim."));
    let fill = |words: Option<Arc<str>>| words.and_then(|words| filled(&words, claim.map(|(claim, _)| claim)));
    match kind {
        ActionKind::Label { code, text, link, until } if is_asked(&text) || is_asked(&link) => {
            if let (None, Some(ActionKind::Label { text, link, .. })) = (claim, root) {
                return ActionKind::Label { code, text: text.clone(), link: link.clone(), until };
            }
            ActionKind::Label { code, text: fill(text), link: fill(link), until }
        }
        ActionKind::Notice { to, code, text } if is_asked(&text) => ActionKind::Notice { to, code, text: fill(text) },
        other => other,
    }
}

/// `None` where there is no claim to take the words from: nothing is said rather than braces.
fn filled(words: &Arc<str>, claim: Option<&Claim>) -> Option<Arc<str>> {
    if !words.contains("{claim.") {
        return Some(Arc::clone(words));
    }
    let claim = claim?;
    let date = claim.published.map(|day| day.to_string()).unwrap_or_default();
    let fields = [
        ("{claim.text}", &*claim.claim),
        ("{claim.authority}", &claim.authority),
        ("{claim.url}", &claim.url),
        ("{claim.date}", &date),
    ];
    Some(fields.iter().fold(words.to_string(), |words, (field, value)| words.replace(field, value)).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::{Day, Stance};

    fn label(text: &str, link: &str) -> ActionKind {
        ActionKind::Label { code: REFUTED.into(), text: Some(text.into()), link: Some(link.into()), until: None }
    }

    #[test]
    fn labels_say_who_found_what_and_where_to_read_it() {
        let claim = Claim {
            claim: "c".into(),
            authority: "WHO".into(),
            url: "https://w.example/".into(),
            published: Day::parse("2020-02-03"),
            ..Claim::default()
        };
        let found = Match { claim: 0, score: 1.0, stance: Stance::Asserting, span: 0..1, act: true, coverage: 1.0 };
        let asked = label("{claim.authority}, {claim.date}: {claim.text}", "{claim.url}");
        let said = label("WHO, 2020-02-03: c", "https://w.example/");
        assert_eq!(told(asked.clone(), Some((&claim, &found)), None), said);
        assert_eq!(told(asked.clone(), None, Some(&said)), said, "what is passed on has the label of its root");
        let nothing = ActionKind::Label { code: REFUTED.into(), text: None, link: None, until: None };
        assert_eq!(told(asked, None, None), nothing);
        assert_eq!(told(label("as it is", "x"), None, None), label("as it is", "x"));
    }
}
