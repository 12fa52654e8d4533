//! The second noun: what is known of an event. Senses and state raise signals; rules read them; nobody else acts.
//!
//! A [`Catalogue`] is the closed list of names that an edition knows, each with a type. [`Signals`] is one event's
//! values, a flat table indexed by [`Slot`], so that a compiled rule reads a signal with one load.

use std::ops::Range;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which text of the event a span points into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// `text`
    Text,
    /// `title`
    Title,
    /// `media[n].text`
    Media(u8),
}

/// A piece of the original text, in bytes of that text as it came, always on character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// Which text.
    pub field: Field,
    /// The first byte.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

impl Span {
    /// The bytes as a range, for slicing.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// The type of a signal, as rules see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// CEL `bool`
    Bool,
    /// CEL `int`, 64 bits
    Int,
    /// CEL `double`
    Float,
    /// CEL `string`
    Text,
    /// CEL `list(string)`
    Texts,
}

impl Type {
    /// The name that CEL gives it.
    #[must_use]
    pub fn cel_name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Float => "double",
            Self::Text => "string",
            Self::Texts => "list(string)",
        }
    }
}

/// One value. `Missing` means that the sense failed or that the event does not say: rules can test it with `has()`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// Not known.
    #[default]
    Missing,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A number.
    Float(f64),
    /// A string.
    Text(Arc<str>),
    /// A list of strings.
    Texts(Arc<[Arc<str>]>),
}

impl Value {
    /// Its type; `None` for `Missing`.
    #[must_use]
    pub fn kind(&self) -> Option<Type> {
        match self {
            Self::Missing => None,
            Self::Bool(_) => Some(Type::Bool),
            Self::Int(_) => Some(Type::Int),
            Self::Float(_) => Some(Type::Float),
            Self::Text(_) => Some(Type::Text),
            Self::Texts(_) => Some(Type::Texts),
        }
    }
}

/// The place of a signal in a [`Signals`] table. Only the [`Catalogue`] that gave it can say what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u32);

impl Slot {
    /// Its index into dense tables beside the signals.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a signal is: its dotted name, its type, the value of an event that raises nothing, and a line for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// `words.gambling.count`
    pub name: Arc<str>,
    /// Its type.
    pub ty: Type,
    /// What it is where nothing was raised: 0, false, "" or `Missing`.
    pub default: Value,
    /// One sentence for `docs/signals.md`, `explain` and the editors' schema.
    pub about: Arc<str>,
}

/// Every signal that an edition knows.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    definitions: Vec<Definition>,
    by_name: hashbrown::HashMap<Arc<str>, Slot, foldhash::fast::FixedState>,
}

impl Catalogue {
    /// Adds a signal and gives its slot; a name that is known already gives the slot that it has.
    ///
    /// # Panics
    /// If the default's type is not `ty`, which is a mistake in the product and not in anybody's file.
    pub fn define(&mut self, name: &str, ty: Type, default: Value, about: &str) -> Slot {
        assert!(default.kind().is_none_or(|kind| kind == ty), "the default of {name} is not of its type");
        if let Some(&slot) = self.by_name.get(name) {
            return slot;
        }
        let slot = Slot(u32::try_from(self.definitions.len()).expect("fewer than 2^32 signals"));
        let name: Arc<str> = name.into();
        self.by_name.insert(Arc::clone(&name), slot);
        self.definitions.push(Definition { name, ty, default, about: about.into() });
        slot
    }

    /// The slot of that name.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<Slot> {
        self.by_name.get(name).copied()
    }

    /// What that slot is.
    #[must_use]
    pub fn definition(&self, slot: Slot) -> &Definition {
        &self.definitions[slot.index()]
    }

    /// Every slot with its definition, in the order of definition.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Definition)> {
        self.definitions.iter().enumerate().map(|(i, definition)| (Slot(i as u32), definition))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.definitions.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.definitions.is_empty()
    }
}

/// One event's values. Made once a thread and used for every event: [`Signals::clear`] costs only what was raised.
#[derive(Clone, Debug)]
pub struct Signals {
    values: Box<[Value]>,
    defaults: Arc<[Value]>,
    raised: Vec<Slot>,
    is_raised: Box<[bool]>,
}

impl Signals {
    /// A table in which nothing is raised.
    #[must_use]
    pub fn new(catalogue: &Catalogue) -> Self {
        let defaults: Arc<[Value]> = catalogue.definitions.iter().map(|d| d.default.clone()).collect();
        let is_raised = vec![false; defaults.len()].into();
        Self { values: defaults.iter().cloned().collect(), defaults, raised: Vec::new(), is_raised }
    }

    /// Back to nothing raised.
    pub fn clear(&mut self) {
        for slot in self.raised.drain(..) {
            self.values[slot.index()] = self.defaults[slot.index()].clone();
            self.is_raised[slot.index()] = false;
        }
    }

    /// Raises a signal unless it has that value already, as most have. Small, so that where the caller's value is known to
    /// be a number, a comparison of numbers is all that is left of it.
    #[inline(always)]
    pub fn raise(&mut self, slot: Slot, value: Value) {
        let is_held = match (&value, &self.values[slot.index()]) {
            (Value::Int(value), Value::Int(held)) => value == held,
            (Value::Float(value), Value::Float(held)) => value == held,
            (Value::Bool(value), Value::Bool(held)) => value == held,
            (Value::Missing, Value::Missing) => true,
            (Value::Text(value), Value::Text(held)) => value == held,
            (Value::Texts(value), Value::Texts(held)) => value == held,
            _ => false,
        };
        if !is_held {
            self.set(slot, value);
        }
    }

    /// Raises a signal.
    pub fn set(&mut self, slot: Slot, value: Value) {
        if !std::mem::replace(&mut self.is_raised[slot.index()], true) {
            self.raised.push(slot);
        }
        self.values[slot.index()] = value;
    }

    /// What is known.
    #[must_use]
    #[inline]
    pub fn get(&self, slot: Slot) -> &Value {
        &self.values[slot.index()]
    }

    /// The slots that were set since the last [`Signals::clear`], in the order of setting, each once.
    #[must_use]
    pub fn raised(&self) -> &[Slot] {
        &self.raised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_restores_defaults_and_forgets_what_was_raised() {
        let mut catalogue = Catalogue::default();
        let count = catalogue.define("words.a.count", Type::Int, Value::Int(0), "");
        let age = catalogue.define("account.age_days", Type::Int, Value::Missing, "");
        let mut signals = Signals::new(&catalogue);
        signals.set(count, Value::Int(3));
        signals.set(count, Value::Int(4));
        assert_eq!(signals.raised(), [count]);
        assert_eq!(signals.get(count), &Value::Int(4));
        signals.clear();
        assert_eq!(signals.get(count), &Value::Int(0));
        assert_eq!(signals.get(age), &Value::Missing);
        assert!(signals.raised().is_empty());
    }

    #[test]
    fn defining_a_name_twice_gives_the_same_slot() {
        let mut catalogue = Catalogue::default();
        let first = catalogue.define("a", Type::Bool, Value::Bool(false), "");
        assert_eq!(catalogue.define("a", Type::Bool, Value::Bool(false), ""), first);
        assert_eq!(catalogue.len(), 1);
    }
}
