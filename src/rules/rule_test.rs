//! The tests that a rule carries: messages that it fires on and messages that it leaves alone.

use std::borrow::Cow;
use std::sync::Arc;

use crate::event::{Account, Audience, Channel, Event, Media, Millis};
use crate::problem::nearest;
use crate::signal::{Catalogue, Slot, Type, Value};

use super::keys;
use super::reader::{Fields, Reader};
use super::yaml::{Kind, Node};

/// What a rule does on a test's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Its condition is true.
    Fires,
    /// Its condition is false or an error.
    Silent,
}

/// One test.
#[derive(Clone, Debug)]
pub struct RuleTest {
    /// The message; empty where the file gives none.
    pub text: Arc<str>,
    /// Its title.
    pub title: Option<Arc<str>>,
    /// Where it is published; `None` means the first of the rule's channels.
    pub channel: Option<Channel>,
    /// Its language.
    pub lang: Option<Arc<str>>,
    /// Its region.
    pub region: Option<Arc<str>>,
    /// The group that it is said in.
    pub room: Option<Arc<str>>,
    /// When it is published; `None` leaves it to whoever runs the test.
    pub at: Option<Millis>,
    /// What the platform knows of the account.
    pub account: Option<Account>,
    /// Whether it passes another message on.
    pub forward: bool,
    /// Whether it answers another message.
    pub reply: bool,
    /// Whether minors are among its audience; `None` where the event does not say.
    pub minors: Option<bool>,
    /// How many people it reaches.
    pub reach: Option<u64>,
    /// Links that the platform took out of the text.
    pub links: Vec<Arc<str>>,
    /// Texts of its media.
    pub media: Vec<Arc<str>>,
    /// Signals that are set by hand over what the senses and the state say.
    pub given: Vec<(Slot, Value)>,
    /// What the rule does.
    pub expect: Expect,
    /// The line that it stands in.
    pub line: u32,
}

impl RuleTest {
    /// The test's message as an event, where the test does not say: in that channel and at that time, in the room
    /// `room` where the channel is `group`. The id is the test's line, the author `author`.
    #[must_use]
    pub fn event(&self, channel: Channel, at: Millis) -> Event<'static> {
        let own = |text: &Arc<str>| Cow::Owned(text.to_string());
        let earlier = |is: bool| is.then_some(Cow::Borrowed("earlier"));
        let channel = self.channel.unwrap_or(channel);
        let room = self.room.as_ref().map(own);
        Event {
            id: Cow::Owned(format!("test-{}", self.line)),
            channel,
            author: Cow::Borrowed("author"),
            at: self.at.unwrap_or(at),
            room: room.or((channel == Channel::Group).then_some(Cow::Borrowed("room"))),
            title: self.title.as_ref().map(own),
            text: own(&self.text),
            lang: self.lang.as_ref().map(own),
            region: self.region.as_ref().map(own),
            forward_of: earlier(self.forward),
            reply_to: earlier(self.reply),
            links: self.links.iter().map(own).collect(),
            media: self.media.iter().map(|text| media_of(text)).collect(),
            account: self.account.clone(),
            audience: self.minors.map(|minors| Audience { minors }),
            reach: self.reach,
        }
    }
}

fn media_of(text: &str) -> Media {
    Media { kind: "video".into(), text: Some(text.into()), ..Media::default() }
}

/// The most tests of one rule.
const TESTS_MAX: usize = 1000;

impl Reader<'_> {
    /// Reads a `tests` list.
    pub(crate) fn tests(&mut self, node: &Node<'_>, catalogue: &Catalogue) -> Vec<RuleTest> {
        let items = self.list(node, "`tests`");
        if items.len() > TESTS_MAX {
            self.error(node.place, format!("`tests` has {} tests; at most {TESTS_MAX}", items.len()), None);
        }
        items.iter().filter_map(|item| self.test(item, catalogue)).collect()
    }

    fn test(&mut self, node: &Node<'_>, catalogue: &Catalogue) -> Option<RuleTest> {
        let fields = self.fields(node, "a test", keys::TEST)?;
        let channel = fields.get("channel").and_then(|node| self.one_of(node, "`channel`", keys::CHANNELS));
        let expect = fields.get("expect").and_then(|node| self.one_of(node, "`expect`", keys::EXPECTATIONS));
        Some(RuleTest {
            text: self.anything(&fields, "text").unwrap_or_default(),
            title: self.anything(&fields, "title"),
            channel: channel.and_then(keys::channel),
            lang: self.anything(&fields, "lang"),
            region: self.anything(&fields, "region"),
            room: self.anything(&fields, "room"),
            at: fields.get("at").and_then(|node| self.time(node, "`at`")),
            account: fields.get("account").and_then(|node| self.account(node)),
            forward: self.flag_of(&fields, "forward").unwrap_or(false),
            reply: self.flag_of(&fields, "reply").unwrap_or(false),
            minors: self.flag_of(&fields, "minors"),
            reach: self.count_of(&fields, "reach"),
            links: self.strings(&fields, "links"),
            media: self.strings(&fields, "media"),
            given: fields.get("given").map(|node| self.given(node, catalogue)).unwrap_or_default(),
            expect: if expect? == "fires" { Expect::Fires } else { Expect::Silent },
            line: node.place.line,
        })
    }

    /// A test's text may be anything, the empty string and numbers included.
    fn anything(&mut self, fields: &Fields<'_, '_>, key: &str) -> Option<Arc<str>> {
        let node = fields.get(key)?;
        match &node.kind {
            Kind::Scalar(text, _) => Some((&**text).into()),
            _ => self.string(node, &format!("`{key}`")).map(Into::into),
        }
    }

    fn strings(&mut self, fields: &Fields<'_, '_>, key: &str) -> Vec<Arc<str>> {
        let what = format!("`{key}`");
        let items = fields.get(key).map(|node| self.list(node, &what)).unwrap_or_default();
        items.iter().filter_map(|item| self.string(item, &what).map(Into::into)).collect()
    }

    fn flag_of(&mut self, fields: &Fields<'_, '_>, key: &str) -> Option<bool> {
        self.flag(fields.get(key)?, &format!("`{key}`"))
    }

    fn count_of(&mut self, fields: &Fields<'_, '_>, key: &str) -> Option<u64> {
        let count = self.integer(fields.get(key)?, &format!("`{key}`"), 0, i64::MAX)?;
        u64::try_from(count).ok()
    }

    fn account(&mut self, node: &Node<'_>) -> Option<Account> {
        let fields = self.fields(node, "`account`", keys::ACCOUNT)?;
        Some(Account {
            created_at: fields.get("created_at").and_then(|node| self.time(node, "`created_at`")),
            verified: self.flag_of(&fields, "verified"),
            authority: self.anything(&fields, "authority").map(|text| text.to_string()),
            followers: self.count_of(&fields, "followers"),
        })
    }

    fn given(&mut self, node: &Node<'_>, catalogue: &Catalogue) -> Vec<(Slot, Value)> {
        let Kind::Map(pairs) = &node.kind else {
            self.wrong_type("`given`", "a map from signal to value", node);
            return Vec::new();
        };
        pairs.iter().filter_map(|(name, value)| self.given_signal(name, value, catalogue)).collect()
    }

    fn given_signal(&mut self, name: &Node<'_>, value: &Node<'_>, catalogue: &Catalogue) -> Option<(Slot, Value)> {
        let text = self.string(name, "the name of a signal")?;
        let Some(slot) = catalogue.slot(text) else {
            let near = nearest(text, catalogue.iter().map(|(_, definition)| &*definition.name));
            let hint = near.map(|name| format!("did you mean `{name}`?"));
            self.error(name.place, format!("there is no signal `{text}`"), hint);
            return None;
        };
        Some((slot, self.value(value, text, catalogue.definition(slot).ty)?))
    }

    fn value(&mut self, node: &Node<'_>, name: &str, ty: Type) -> Option<Value> {
        if node.is_null() {
            return Some(Value::Missing);
        }
        let what = format!("`{name}`");
        Some(match ty {
            Type::Bool => Value::Bool(self.flag(node, &what)?),
            Type::Int => Value::Int(self.integer(node, &what, i64::MIN, i64::MAX)?),
            Type::Float => Value::Float(self.number(node, &what, f64::MIN, f64::MAX)?),
            Type::Text => Value::Text(self.string(node, &what)?.into()),
            Type::Texts => {
                let items = self.list(node, &what);
                Value::Texts(items.iter().filter_map(|item| self.string(item, &what).map(Into::into)).collect())
            }
        })
    }
}
