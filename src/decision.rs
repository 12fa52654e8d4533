//! The third noun: what is to be done about an event, and why. Only rules, the ladder and reviewers make decisions.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{At, Channel, Millis, rfc3339_or_millis, rfc3339_or_millis_option};
use crate::signal::{Span, Value};

/// Everything decided about one record, with its reasons. One JSON object, one line of `actions.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// Deterministic: the same record always gets the same id, so that at-least-once readers can drop repeats.
    pub id: String,
    /// The event decided on.
    pub event: String,
    /// Its channel.
    pub channel: Channel,
    /// Its author.
    pub author: String,
    /// Its room, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The event time of the record that led to the decision.
    #[serde(with = "rfc3339_or_millis")]
    #[schemars(with = "At")]
    pub at: Millis,
    /// The edition that decided.
    pub edition: Arc<str>,
    /// What is to be done, in order.
    pub actions: Vec<Action>,
    /// Why: every action names its reason.
    pub reasons: Vec<Reason>,
    /// Senses that failed on this event, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Arc<str>>,
    /// What rules in shadow would have done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadow: Vec<Shadow>,
}

/// One thing to be done. `reason` is an index into the decision's `reasons`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Action {
    /// What.
    #[serde(flatten)]
    pub kind: ActionKind,
    /// Which of the decision's reasons it rests on.
    pub reason: u16,
}

/// The kinds of action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "lowercase")]
pub enum ActionKind {
    /// Show less of it: 1 collapsed, 2 collapsed with notice, 3 out of recommendation and search.
    Fold {
        /// 1, 2 or 3.
        level: u8,
    },
    /// Let it, or its author, do less.
    Limit {
        /// What is limited.
        scope: Scope,
        /// What remains of the reach, from 0 to 1; absent where the scope is all or nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        factor: Option<f64>,
        /// When the limit ends; absent where only a verdict ends it.
        #[serde(default, with = "rfc3339_or_millis_option", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<At>")]
        until: Option<Millis>,
    },
    /// Say something beside it.
    Label {
        /// For machines: `gambling`, `self_harm_help`, `refuted`.
        code: Arc<str>,
        /// For people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Arc<str>>,
        /// Where people can read more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        link: Option<Arc<str>>,
        /// When the label ends.
        #[serde(default, with = "rfc3339_or_millis_option", skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<At>")]
        until: Option<Millis>,
        /// Whether it comes after the fact: the claim came into force when the message was out already.
        #[serde(default, skip_serializing_if = "is_not")]
        late: bool,
    },
    /// Have a person look at it.
    Review {
        /// The queue, named by the trust team.
        queue: Arc<str>,
    },
    /// Tell somebody.
    Notice {
        /// Whom.
        to: Recipient,
        /// For machines.
        code: Arc<str>,
        /// For people.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<Arc<str>>,
    },
    /// Undo what an earlier decision did.
    Restore {
        /// The decision that is undone.
        decision: Arc<str>,
        /// What of it is undone; the order is that of the earlier decision.
        undone: Vec<ActionKind>,
    },
}

impl ActionKind {
    /// The name on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fold { .. } => "fold",
            Self::Limit { .. } => "limit",
            Self::Label { .. } => "label",
            Self::Review { .. } => "review",
            Self::Notice { .. } => "notice",
            Self::Restore { .. } => "restore",
        }
    }

    /// When it ends by itself; `None` for what does not last and for what only a verdict ends.
    #[must_use]
    pub fn until(&self) -> Option<Millis> {
        match self {
            Self::Limit { until, .. } | Self::Label { until, .. } => *until,
            _ => None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_not(flag: &bool) -> bool {
    !flag
}

/// What a limit takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// How many people the message reaches.
    Reach,
    /// Passing it on.
    Forward,
    /// Answering it.
    Reply,
    /// What its author may publish in this channel (a mute).
    Author,
}

/// Whom a notice goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Recipient {
    /// The author of the event.
    Author,
    /// Those who passed it on.
    Forwarders,
    /// The room that it was said in.
    Room,
}

/// Why: the rule, and the signals that it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// The rule's id; `ladder.<channel>.<points>` for a step of the ladder, `verdict` for a reviewer's word.
    pub rule: Arc<str>,
    /// The signals that made it true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Ground>,
}

/// One signal that a decision rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Ground {
    /// The signal's name.
    pub name: Arc<str>,
    /// Its value.
    pub value: Value,
    /// Where in the original text it was found; empty for signals that are not about a place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
}

/// What a rule in shadow would have done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Shadow {
    /// Why.
    #[serde(flatten)]
    pub reason: Reason,
    /// What.
    pub actions: Vec<ActionKind>,
}
