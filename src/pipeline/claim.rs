//! What rules do about refuted claims: which claim a message repeats, and what people are told of it.

use std::sync::Arc;

use crate::claims::{Claim, Match, Matcher, Stance, Status};
use crate::decision::{Action, ActionKind, Decision, Ground, Recipient};
use crate::event::{Event, Millis, Outcome, Relay, Verdict};
use crate::signal::Span;
use crate::state::{Fate, Keys, Resting, State};

use super::edition::Edition;
use super::ladder;
use super::observe::Observed;

/// The code of the label on what asserts a refuted claim.
pub(crate) const REFUTED: &str = "refuted";

/// The claim that a message repeats.
pub(crate) fn known<'a>(edition: &'a Edition, observed: &'a Observed<'_>) -> Option<(&'a Claim, &'a Match)> {
    let (_, found) = &**observed.claim.as_ref()?;
    Some((edition.claims.as_ref()?.claims().get(found.claim)?, found))
}

/// The claim that a message asserts.
pub(crate) fn asserted<'a>(edition: &'a Edition, observed: &'a Observed<'_>) -> Option<&'a Claim> {
    known(edition, observed).filter(|(_, found)| found.stance == Stance::Asserting).map(|(claim, _)| claim)
}

/// What was said of the event that this one passes on.
pub(crate) struct Root {
    label: ActionKind,
    /// The key of the claim that it was said for.
    pub(crate) claim: Option<u64>,
}

/// The label of a refuted claim on the event that this one passes on, if it stands.
pub(crate) fn inherited(event: &Event<'_>, state: &State) -> Option<Root> {
    let root = state.keys().event(event.forward_of.as_ref()?);
    [root, state.keys().late(root)].into_iter().find_map(|root| {
        let (entry, fate) = state.ledger().get(root)?;
        let label = entry.actions.into_iter().find(is_refuted).filter(|_| fate != Fate::Overturned)?;
        Some(Root { label, claim: entry.claim.map(|resting| resting.claim) })
    })
}

/// Whether it is the label on what asserts a refuted claim.
pub(crate) fn is_refuted(kind: &ActionKind) -> bool {
    matches!(kind, ActionKind::Label { code, .. } if **code == *REFUTED)
}

/// What of a decision rests on the claim that the message repeats, or that what it passes on was labelled for. What the ladder
/// did is no part of the decision as it is held.
pub(crate) fn resting(
    decision: &Decision,
    ladder: Option<u16>,
    claim: Option<(&Claim, &Match)>,
    root: Option<&Root>,
    keys: Keys,
) -> Option<Resting> {
    let is_refuted = |action: &Action| is_refuted(&action.kind);
    let inherited = root.filter(|_| decision.actions.iter().any(is_refuted)).and_then(|root| root.claim);
    let own = |claim: (&Claim, &Match)| keys.claim(&claim.0.id);
    // At most one of a message's matches acts, so one claim is enough; one that does not act has labelled nobody as refuted.
    let claim = claim.filter(|(_, found)| found.act).map(own).or(inherited).or_else(|| claim.map(own))?;
    let is_about = |ground: &Ground| ground.name.starts_with("claim.") && &*ground.name != "claim.doubts";
    let rests = |reason: u16| decision.reasons[usize::from(reason)].signals.iter().any(is_about);
    let entered = decision.actions.iter().filter(|action| Some(action.reason) != ladder);
    let actions = entered
        .take(64)
        .enumerate()
        .filter(|(_, action)| rests(action.reason))
        .fold(0, |bits, (index, _)| bits | 1 << index);
    (actions != 0).then(|| Resting { claim, event: decision.event.as_str().into(), actions })
}

/// Undoes what was done for claims that the edition's library has retracted since, as far as it is held: one decision an event,
/// and what is to be told where the author's standing is kept elsewhere. At most [`RETRACTED_MAX`] at a time: fewer are all.
pub(crate) fn retract(edition: &Edition, state: &mut State) -> Vec<(Option<Decision>, Option<Relay>)> {
    let claims = edition.claims.iter().flat_map(Matcher::claims);
    let mut restored = Vec::new();
    for claim in claims.filter(|claim| claim.status == Status::Retracted) {
        for event in state.ledger().resting_on(state.keys().claim(&claim.id)) {
            if restored.len() == RETRACTED_MAX {
                return restored;
            }
            let at = state.watermark();
            let Some(reversal) = state.retract(event, at) else { continue };
            let entry = &reversal.entry;
            let revoked = entry.claim.as_ref().filter(|_| entry.points > 0).map(|resting| {
                let (event, by) = (resting.event.to_string(), format!("claim.retracted {}", claim.id));
                ladder::revoked(&Verdict { event, outcome: Outcome::Overturned, by, at }, entry)
            });
            restored.push((ladder::retracted(edition, claim, &reversal, at), revoked));
        }
    }
    restored
}

/// Whole hours since the room was told about the claim that the message repeats.
pub(crate) fn told_hours(observed: &Observed<'_>, claim: &Claim, state: &State) -> Option<Millis> {
    let told_at = state.told_at(told_key(observed, claim, state.keys())?)?;
    Some((observed.event.at - told_at).max(0) / HOUR_MS)
}

/// Notes that the room is told about the claim, where it is.
pub(crate) fn note_told(
    decision: &Decision,
    observed: &Observed<'_>,
    claim: Option<(&Claim, &Match)>,
    state: &mut State,
) {
    let is_notice = |action: &Action| matches!(action.kind, ActionKind::Notice { to: Recipient::Room, .. });
    let Some((claim, _)) = claim.filter(|_| decision.actions.iter().any(is_notice)) else { return };
    if let Some(key) = told_key(observed, claim, state.keys()) {
        state.tell(key, observed.event.at);
    }
}

fn told_key(observed: &Observed<'_>, claim: &Claim, keys: Keys) -> Option<u64> {
    let room = observed.fact.room;
    (room != 0).then(|| keys.told(room, keys.claim(&claim.id)))
}

/// Decisions that are undone in one batch for claims that were retracted.
pub(crate) const RETRACTED_MAX: usize = 4096;

const HOUR_MS: Millis = 60 * 60 * 1000;

/// Where the claim stands, for the signals about it.
pub(crate) fn span(signal: &str, observed: &Observed<'_>) -> Option<Span> {
    let (field, found) = &**observed.claim.as_ref().filter(|_| signal.starts_with("claim."))?;
    Some(Span { field: *field, start: found.span.start as u32, end: found.span.end as u32 })
}

/// An action with its words filled in: `{claim.text}`, `{claim.authority}`, `{claim.url}` and `{claim.date}` of labels and
/// notices. A message that only passes another one on gets the label of that one, also where it is like another claim that
/// does not act.
pub(crate) fn told(kind: ActionKind, claim: Option<(&Claim, &Match)>, root: Option<&Root>) -> ActionKind {
    let is_asked = |words: &Option<Arc<str>>| words.as_ref().is_some_and(|words| words.contains("{claim."));
    let fill = |words: Option<Arc<str>>| words.and_then(|words| filled(&words, claim.map(|(claim, _)| claim)));
    match kind {
        ActionKind::Label { code, text, link, until, late } if is_asked(&text) || is_asked(&link) => {
            let acts = claim.is_some_and(|(_, found)| found.act) || claim.is_some() && *code != *REFUTED;
            if let (false, Some(ActionKind::Label { text, link, .. })) = (acts, root.map(|root| &root.label)) {
                return ActionKind::Label { code, text: text.clone(), link: link.clone(), until, late };
            }
            ActionKind::Label { code, text: fill(text), link: fill(link), until, late }
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
    use crate::claims::Day;
    use crate::event::{Channel, Record};
    use crate::pipeline::edition::{BuildOptions, Sources};
    use crate::pipeline::engine::Engine;
    use crate::pipeline::observe::{ObserveScratch, observe};
    use crate::state::Options;

    fn label(text: &str, link: &str) -> ActionKind {
        let (text, link) = (Some(text.into()), Some(link.into()));
        ActionKind::Label { code: REFUTED.into(), text, link, until: None, late: false }
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
        let root = Root { label: said.clone(), claim: None };
        assert_eq!(told(asked.clone(), None, Some(&root)), said, "what is passed on has the label of its root");
        let other = Claim { authority: "Other".into(), ..claim.clone() };
        let suggested = Match { act: false, ..found.clone() };
        assert_eq!(
            told(asked.clone(), Some((&other, &suggested)), Some(&root)),
            said,
            "nobody else's words are put on it"
        );
        let nothing = ActionKind::Label { code: REFUTED.into(), text: None, link: None, until: None, late: false };
        assert_eq!(told(asked, None, None), nothing);
        assert_eq!(told(label("as it is", "x"), None, None), label("as it is", "x"));
    }

    const RULES: &str = r#"
- id: test.refuted
  when: claim.act
  do: [{label: {code: refuted}}]
  owner: tests
  expires: 2099-01-01
  status: live
  tests: [{text: a, given: {claim.act: true}, expect: fires}, {text: a, expect: silent}]
- id: test.told
  when: claim.act && claim.told_hours >= 24
  do: [{notice: {to: room, code: refuted}}]
  owner: tests
  expires: 2099-01-01
  status: live
  tests: [{text: a, given: {claim.act: true}, expect: fires}, {text: a, expect: silent}]
- id: test.inherited
  when: claim.inherited
  do: [{label: {code: refuted}}]
  owner: tests
  expires: 2099-01-01
  status: live
  tests: [{text: a, given: {claim.inherited: true}, expect: fires}, {text: a, expect: silent}]
- id: test.long
  when: text.chars >= 100
  do: [{fold: {level: 1}}]
  points: 1
  owner: tests
  expires: 2099-01-01
  status: live
  tests: [{text: "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789", expect: fires}, {text: a, expect: silent}]
- id: test.doubted
  when: rumor.doubt_rate >= 0.2
  do: [{review: {queue: rumors}}]
  owner: tests
  expires: 2099-01-01
  status: live
  tests: [{text: a, given: {rumor.doubt_rate: 0.5}, expect: fires}, {text: a, expect: silent}]
"#;

    const CLAIM: &str = "Drinking warm lemon water every morning cures diabetes within thirty days";

    fn edition(status: &str) -> Edition {
        let mut sources = Sources::default();
        sources.base.add("rules.yaml".as_ref(), "rules.yaml", RULES);
        sources.base.add(
            "ladder.yaml".as_ref(),
            "ladder.yaml",
            "group:\n  expires: 90d\n  steps:\n    - {at: 9, do: [{limit: {scope: author, for: 1h}}]}\n",
        );
        let library = format!(
            r#"{{"id":"c1","claim":"{CLAIM}","verdict":"false","authority":"Health Agency","tier":1,"url":"https://health.example/1","published":"2020-01-01","status":"{status}"}}"#
        );
        sources.base.add("claims/test.jsonl".as_ref(), "claims/test.jsonl", &library);
        let (edition, problems) = Edition::build(&sources, &BuildOptions::default());
        edition.unwrap_or_else(|| panic!("{problems:#?}"))
    }

    struct Play {
        engine: Engine,
        edition: Edition,
    }

    impl Play {
        fn new() -> Self {
            let engine = Engine::new(State::new(&Options::default(), Keys::new(b"test")));
            Self { engine, edition: edition("active") }
        }

        fn say(&mut self, id: &str, hour: i64, text: &str, more: &str) -> Vec<Decision> {
            let at = 1_700_000_000_000 + hour * HOUR_MS;
            let json = format!(
                r#"{{"id":"{id}","channel":"group","room":"r","author":"ann","at":{at},"lang":"en","text":"{text}"{more}}}"#
            );
            let record = Record::Event(serde_json::from_str(&json).unwrap());
            let item = observe(&self.edition, record, &Keys::new(b"test"), &mut ObserveScratch::default());
            self.engine.process(&self.edition, &[vec![item]]).expect("no stored text is read").decisions
        }

        /// The names of what is done about a message.
        fn actions(&mut self, id: &str, hour: i64, text: &str, more: &str) -> Vec<&'static str> {
            let decisions = self.say(id, hour, text, more);
            decisions.iter().flat_map(|decision| &decision.actions).map(|action| action.kind.name()).collect()
        }
    }

    #[test]
    fn a_room_is_told_once_a_day_for_each_claim() {
        let mut play = Play::new();
        let told = |hour: i64, play: &mut Play| play.actions(&format!("e{hour}"), hour, CLAIM, "").contains(&"notice");
        let hours: Vec<i64> = [0, 1, 23, 24, 25, 47, 49].into_iter().filter(|&hour| told(hour, &mut play)).collect();
        assert_eq!(hours, [0, 24, 49]);
    }

    #[test]
    fn a_retracted_claim_takes_back_its_labels_and_nothing_else() {
        let mut play = Play::new();
        let long = format!("{CLAIM}, and this is a long message that is folded for its length as well");
        assert_eq!(play.actions("own", 0, CLAIM, ""), ["label", "notice"]);
        assert_eq!(play.actions("passed", 1, "look", r#","forward_of":"own""#), ["label"]);
        assert_eq!(play.actions("long", 2, &long, ""), ["label", "fold"]);
        assert!(play.say("other", 3, "something else", "").is_empty());

        play.edition = edition("retracted");
        let restored = play.say("next", 4, "something else", "");
        let undone = |decision: &Decision| match &decision.actions[0].kind {
            ActionKind::Restore { undone, .. } => undone.iter().map(ActionKind::name).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        let said: Vec<_> = restored.iter().map(|decision| (decision.event.as_str(), undone(decision))).collect();
        assert_eq!(said, [("own", vec!["label"]), ("passed", vec!["label"]), ("long", vec!["label"])]);
        assert!(restored.iter().all(|decision| &*decision.reasons[0].rule == "claim.retracted"));
        assert!(play.say("after", 5, "something else", "").is_empty(), "it is said once");
        let author = Keys::new(b"test").author("ann");
        assert_eq!(
            play.engine.state().points(author, Channel::Group, 1_700_000_000_000).points,
            1,
            "the fold has its points still"
        );
    }

    /// Looks back at what was said, as if an index had given it.
    fn look_back(play: &mut Play, since: Option<Millis>, said: &[(&str, i64, &str)]) -> Vec<Decision> {
        let mut wanted = play.engine.wanted(&play.edition).expect("a claim came into force");
        wanted.since = since.unwrap_or(wanted.since);
        let looks = said.iter().filter_map(|(id, hour, text)| {
            let at = 1_700_000_000_000 + hour * HOUR_MS;
            let json = format!(
                r#"{{"id":"{id}","channel":"group","room":"r","author":"ann","at":{at},"lang":"en","text":"{text}"}}"#
            );
            let record = Record::Event(serde_json::from_str::<Event<'_>>(&json).unwrap().into_owned());
            match observe(&play.edition, record, &Keys::new(b"test"), &mut ObserveScratch::default()) {
                crate::pipeline::observe::Item::Event(observed) => Some(observed),
                _ => None,
            }
        });
        let looks: Vec<Observed<'static>> = looks.collect();
        play.engine.look_back(&play.edition, &wanted, &looks, crate::pipeline::Looked::More).decisions
    }

    /// A play in which the claim comes into force after it began.
    fn play_looking_back(options: &Options) -> Play {
        let engine = Engine::new(State::new(options, Keys::new(b"test"))).looking_back();
        Play { engine, edition: edition("active") }
    }

    fn events(decisions: &[Decision]) -> Vec<&str> {
        decisions.iter().map(|decision| decision.event.as_str()).collect()
    }

    #[test]
    fn what_a_retraction_took_back_is_not_labelled_again_whatever_else_was_done() {
        let mut play = play_looking_back(&Options::default());
        let long = format!("{CLAIM}, and this is a long message that is folded for its length as well");
        assert_eq!(play.actions("long", 0, &long, ""), ["label", "notice", "fold"]);
        play.edition = edition("retracted");
        let mut ids: Vec<String> = play.say("a", 1, "something else", "").into_iter().map(|one| one.id).collect();
        assert_eq!(ids.len(), 1);

        play.edition = edition("active");
        play.say("b", 2, "something else", "");
        let late = look_back(&mut play, None, &[("long", 0, &long), ("quiet", 0, CLAIM)]);
        assert_eq!(events(&late), ["quiet"], "what never had a label gets it");
        play.edition = edition("retracted");
        let restored = play.say("c", 3, "something else", "");
        assert_eq!(events(&restored), ["quiet"]);
        ids.extend(restored.into_iter().map(|one| one.id));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 2);
    }

    #[test]
    fn nothing_is_labelled_late_of_which_the_ledger_knows_no_more_or_by_a_rule_that_has_expired() {
        let year = 365 * 24 * HOUR_MS;
        let said = [("then", 0, CLAIM)];
        let now = 1_700_000_000_000;
        for (ledger_ms, since, expected) in [
            (200 * year, now + 10 * HOUR_MS, 1),
            (9 * HOUR_MS, now + 10 * HOUR_MS, 0),
            // The rules end with the year 2098.
            (200 * year, now + 80 * year, 0),
        ] {
            let mut play = play_looking_back(&Options { ledger_ms, ..Options::default() });
            play.edition = edition("retracted");
            play.say("a", 0, "something else", "");
            play.edition = edition("active");
            play.say("b", 1, "something else", "");
            assert_eq!(look_back(&mut play, Some(since), &said).len(), expected, "{ledger_ms} {since}");
        }
    }

    #[test]
    fn what_many_doubt_is_for_people_to_look_at() {
        let mut play = Play::new();
        let mut asked = Vec::new();
        for n in 1..=60 {
            let text = if n % 4 == 0 { "is this true? source?" } else { "wow" };
            let decisions = play.say(&format!("r{n}"), n, text, r#","reply_to":"root""#);
            asked.extend(decisions.into_iter().map(|decision| (n, decision)));
        }
        let at: Vec<i64> = asked.iter().map(|(n, _)| *n).collect();
        assert_eq!(at, [20, 50]);
        let grounds = &asked[0].1.reasons[0].signals;
        let root = grounds.iter().find(|ground| &*ground.name == "rumor.of").expect("it says of which message");
        assert_eq!(root.value, crate::signal::Value::Text("root".into()));
    }
}
