//! What a rule or a step of the ladder does: the `do` lists of both kinds of file.

use std::sync::Arc;

use crate::decision::{ActionKind, Recipient, Scope};
use crate::event::Millis;

use super::keys::{self, Key};
use super::reader::{Fields, Reader};
use super::yaml::{Kind, Node};

/// Words for people: the same for all, or by language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// In the order of the file; the language is empty where the file gives one string for all.
    by_language: Vec<(Arc<str>, Arc<str>)>,
}

impl Wording {
    /// The words for a language (BCP 47): of that tag, else of its language alone, else the first in the file.
    #[must_use]
    pub fn pick(&self, lang: Option<&str>) -> &Arc<str> {
        let lang = lang.unwrap_or_default();
        let primary = lang.split(['-', '_']).next().unwrap_or_default();
        let of = |tag: &str| self.by_language.iter().find(|(key, _)| key.eq_ignore_ascii_case(tag));
        let found = of(lang).or_else(|| of(primary)).or_else(|| self.by_language.first());
        &found.expect("a wording that was read has words").1
    }

    /// Every language with its words, in the order of the file; the language is empty where one string serves all.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.by_language.iter().map(|(lang, words)| (&**lang, &**words))
    }
}

/// An action as a file writes it: durations instead of times, wordings instead of texts.
#[derive(Clone, Debug, PartialEq)]
pub enum ActionSpec {
    /// Show less of it.
    Fold {
        /// 1, 2 or 3.
        level: u8,
    },
    /// Let it, or its author, do less.
    Limit {
        /// What is limited.
        scope: Scope,
        /// What remains of the reach, from 0 to 1.
        factor: Option<f64>,
        /// How long.
        for_ms: Option<Millis>,
    },
    /// Say something beside it.
    Label {
        /// For machines.
        code: Arc<str>,
        /// For people.
        text: Option<Wording>,
        /// Where people can read more.
        link: Option<Arc<str>>,
        /// How long.
        for_ms: Option<Millis>,
    },
    /// Tell somebody.
    Notice {
        /// Whom.
        to: Recipient,
        /// For machines.
        code: Arc<str>,
        /// For people.
        text: Option<Wording>,
    },
    /// Have a person look at it.
    Review {
        /// The queue.
        queue: Arc<str>,
    },
}

impl ActionSpec {
    /// The action for an event at that time and in that language: `for: 24h` becomes `until`.
    #[must_use]
    pub fn act(&self, at: Millis, lang: Option<&str>) -> ActionKind {
        let until = |for_ms: &Option<Millis>| for_ms.map(|ms| at.saturating_add(ms));
        let say = |text: &Option<Wording>| text.as_ref().map(|text| Arc::clone(text.pick(lang)));
        match self {
            Self::Fold { level } => ActionKind::Fold { level: *level },
            Self::Limit { scope, factor, for_ms } => {
                ActionKind::Limit { scope: *scope, factor: *factor, until: until(for_ms) }
            }
            Self::Label { code, text, link, for_ms } => {
                let (code, link, until) = (Arc::clone(code), link.clone(), until(for_ms));
                ActionKind::Label { code, text: say(text), link, until, late: false }
            }
            Self::Notice { to, code, text } => ActionKind::Notice { to: *to, code: Arc::clone(code), text: say(text) },
            Self::Review { queue } => ActionKind::Review { queue: Arc::clone(queue) },
        }
    }
}

/// The most actions of one `do` list.
const ACTIONS_MAX: usize = 16;

/// Which file an action stands in: the keys of both differ only in what lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ActionKeys {
    action: &'static [Key],
    limit: &'static [Key],
    label: &'static [Key],
}

/// Of a rule.
pub(crate) const OF_RULE: ActionKeys = ActionKeys { action: keys::ACTION, limit: keys::LIMIT, label: keys::LABEL };

/// Of a step of the ladder.
pub(crate) const OF_STEP: ActionKeys =
    ActionKeys { action: keys::STEP_ACTION, limit: keys::STEP_LIMIT, label: keys::STEP_LABEL };

impl Reader<'_> {
    /// Reads a `do` list.
    pub(crate) fn actions(&mut self, node: &Node<'_>, known: &ActionKeys) -> Vec<ActionSpec> {
        let items = self.list(node, "`do`");
        if items.is_empty() && matches!(node.kind, Kind::List(_)) {
            self.error(
                node.place,
                "`do` is an empty list",
                Some("say at least one action, such as `- fold: {level: 1}`".into()),
            );
        }
        if items.len() > ACTIONS_MAX {
            self.error(node.place, format!("`do` has {} actions; at most {ACTIONS_MAX}", items.len()), None);
        }
        items.iter().filter_map(|item| self.action(item, known)).collect()
    }

    fn action(&mut self, node: &Node<'_>, known: &ActionKeys) -> Option<ActionSpec> {
        let problems = self.problems.len();
        let choice = self.fields(node, "an action", known.action)?;
        let Some((name, node)) = choice.only() else {
            if self.problems.len() == problems {
                self.error(
                    node.place,
                    "an action has exactly one key",
                    Some("begin each action with its own `-`".into()),
                );
            }
            return None;
        };
        match name {
            "fold" => self.fold(node),
            "limit" => self.limit(node, known.limit),
            "label" => self.label(node, known.label),
            "notice" => self.notice(node),
            _ => self.review(node),
        }
    }

    fn fold(&mut self, node: &Node<'_>) -> Option<ActionSpec> {
        let fields = self.fields(node, "`fold`", keys::FOLD)?;
        let level = self.integer(fields.get("level")?, "`level` of `fold`", 1, 3)?;
        Some(ActionSpec::Fold { level: u8::try_from(level).ok()? })
    }

    fn limit(&mut self, node: &Node<'_>, known: &[Key]) -> Option<ActionSpec> {
        let fields = self.fields(node, "`limit`", known)?;
        let factor = fields.get("factor").and_then(|node| self.number(node, "`factor` of `limit`", 0.0, 1.0));
        let for_ms = fields.get("for").and_then(|node| self.duration(node, "`for` of `limit`"));
        let scope = match self.one_of(fields.get("scope")?, "`scope` of `limit`", keys::SCOPES)? {
            "reach" => Scope::Reach,
            "forward" => Scope::Forward,
            "reply" => Scope::Reply,
            _ => Scope::Author,
        };
        Some(ActionSpec::Limit { scope, factor, for_ms })
    }

    fn label(&mut self, node: &Node<'_>, known: &[Key]) -> Option<ActionSpec> {
        let fields = self.fields(node, "`label`", known)?;
        let text = self.wording_of(&fields, "text", "`text` of `label`");
        let link = fields.get("link").and_then(|node| self.string(node, "`link` of `label`")).map(Into::into);
        let for_ms = fields.get("for").and_then(|node| self.duration(node, "`for` of `label`"));
        let code = self.string(fields.get("code")?, "`code` of `label`")?.into();
        Some(ActionSpec::Label { code, text, link, for_ms })
    }

    fn notice(&mut self, node: &Node<'_>) -> Option<ActionSpec> {
        let fields = self.fields(node, "`notice`", keys::NOTICE)?;
        let text = self.wording_of(&fields, "text", "`text` of `notice`");
        let code = fields.get("code").and_then(|node| self.string(node, "`code` of `notice`"));
        let to = match self.one_of(fields.get("to")?, "`to` of `notice`", keys::RECIPIENTS)? {
            "author" => Recipient::Author,
            "forwarders" => Recipient::Forwarders,
            _ => Recipient::Room,
        };
        Some(ActionSpec::Notice { to, code: code?.into(), text })
    }

    fn review(&mut self, node: &Node<'_>) -> Option<ActionSpec> {
        let fields = self.fields(node, "`review`", keys::REVIEW)?;
        let queue = self.string(fields.get("queue")?, "`queue` of `review`")?.into();
        Some(ActionSpec::Review { queue })
    }

    fn wording_of(&mut self, fields: &Fields<'_, '_>, key: &str, what: &str) -> Option<Wording> {
        fields.get(key).and_then(|node| self.wording(node, what))
    }

    /// One string, or a map from language to string.
    pub(crate) fn wording(&mut self, node: &Node<'_>, what: &str) -> Option<Wording> {
        let by_language: Vec<(Arc<str>, Arc<str>)> = match &node.kind {
            Kind::Map(pairs) => pairs.iter().filter_map(|(lang, words)| self.translation(lang, words, what)).collect(),
            Kind::Scalar(..) => vec![("".into(), self.string(node, what)?.into())],
            _ => {
                self.wrong_type(what, "a string or a map from language to string", node);
                return None;
            }
        };
        (!by_language.is_empty()).then_some(Wording { by_language })
    }

    fn translation(&mut self, lang: &Node<'_>, words: &Node<'_>, what: &str) -> Option<(Arc<str>, Arc<str>)> {
        let tag = self.string(lang, &format!("a language of {what}"))?;
        let shaped =
            tag.split('-').all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()));
        if !shaped || tag.split('-').next().is_none_or(|first| !(2..=3).contains(&first.len())) {
            let hint = Some("a language tag such as zh, en or zh-TW".into());
            self.error(lang.place, format!("{what}: `{tag}` is not a language"), hint);
            return None;
        }
        Some((tag.into(), self.string(words, &format!("{what} ({tag})"))?.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wording_falls_back_to_the_language_and_then_to_the_first() {
        let wording = Wording { by_language: vec![("zh".into(), "中".into()), ("en".into(), "E".into())] };
        for (lang, words) in [(Some("en-GB"), "E"), (Some("zh"), "中"), (Some("fr"), "中"), (None, "中")] {
            assert_eq!(&**wording.pick(lang), words);
        }
    }

    #[test]
    fn for_becomes_until() {
        let limit = ActionSpec::Limit { scope: Scope::Forward, factor: Some(0.2), for_ms: Some(1000) };
        let expected = ActionKind::Limit { scope: Scope::Forward, factor: Some(0.2), until: Some(5000) };
        assert_eq!(limit.act(4000, None), expected);
    }
}
