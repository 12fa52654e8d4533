//! The fourth noun: an event with what was found out about it and what was decided. What analysts search, and what goes to
//! the topic of records past one machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decision::Decision;
use crate::event::Event;

/// One event and everything that is said about it. One JSON object, one line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Case<'a> {
    /// The message; absent where an earlier decision is undone, which needs no text.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event<'a>>,
    /// Its title and texts as the senses read them: disguises taken off. Lines are its texts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub plain: String,
    /// The terms of word lists that stand in it, as the lists write them, by list.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub terms: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// The first event of the near-duplicates that it is one of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// How like that one it is, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub similarity: Option<f32>,
    /// The refuted claim that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<Arc<str>>,
    /// What it thinks of that claim: `asserting`, `refuting`, `questioning`, `reporting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stance: Option<Arc<str>>,
    /// What the classifier says, by label, 0 to 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: BTreeMap<Arc<str>, f32>,
    /// What was decided, if anything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// One line for the index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::large_enum_variant, reason = "nearly every line is a case")]
pub enum Filing<'a> {
    /// To be found from now on.
    #[serde(borrow)]
    Case(Case<'a>),
    /// An author who is to be forgotten.
    Erase(String),
}

impl Filing<'_> {
    /// How the line of an erasure begins, and no other: whoever lets lines go unread must keep these.
    pub const ERASE: &'static [u8] = b"{\"erase\":";

    /// Writes it as one line.
    pub fn write(&self, lines: &mut Vec<u8>) {
        serde_json::to_writer(&mut *lines, self).expect("strings and numbers are written to memory");
        lines.push(b'\n');
    }
}
