//! Names of conditions: dotted paths to slots, and what to say about those that lead nowhere.

use std::ops::Range;

use cel::common::ast::{Expr, IdedExpr};

use crate::problem::nearest;
use crate::signal::{Slot, Type};

use super::check::{Checker, Typed};
use super::numbers::{Float, Int, Number};
use super::tree::{Bool, Text, Texts};

impl<'a> Checker<'a> {
    pub(super) fn has(&mut self, node: &'a IdedExpr) -> Option<Typed> {
        let path = path(node).filter(|path| !self.items.contains(&path[0]));
        let Some(path) = path else {
            let hint = "such as has(account.age_days)".to_owned();
            self.fault(self.parsed.extent(node), "`has` takes the name of a signal", hint);
            return None;
        };
        let within = self.parsed.extent(node);
        let from = self.parsed.text(within.clone()).find(path[0]).map_or(within.start, |i| within.start + i);
        let slot = self.resolve(&path, from..within.end.saturating_sub(1).max(from))?;
        Some(Typed::Bool(Bool::Has(slot)))
    }

    pub(super) fn name(&mut self, node: &'a IdedExpr) -> Option<Typed> {
        let Some(path) = path(node) else {
            self.fault(self.parsed.extent(node), "only signals have fields", None);
            return None;
        };
        if let Some(up) = self.items.iter().rev().position(|item| *item == path[0]) {
            if path.len() == 1 {
                return Some(Typed::Text(Text::Item(up)));
            }
            self.fault(self.parsed.extent(node), format!("`{}` is a string and has no fields", path[0]), None);
            return None;
        }
        let slot = self.resolve(&path, self.parsed.extent(node))?;
        Some(match self.catalogue.definition(slot).ty {
            Type::Bool => Typed::Bool(Bool::Slot(slot)),
            Type::Int => Typed::Number(Number::Int(Int::Slot(slot))),
            Type::Float => Typed::Number(Number::Float(Float::Slot(slot))),
            Type::Text => Typed::Text(Text::Slot(slot)),
            Type::Texts => Typed::Texts(Texts::Slot(slot)),
        })
    }

    pub(super) fn resolve(&mut self, path: &[&str], at: Range<usize>) -> Option<Slot> {
        let name = path.join(".");
        if let Some(slot) = self.catalogue.slot(&name) {
            if !self.grounds.contains(&slot) {
                self.grounds.push(slot);
            }
            return Some(slot);
        }
        self.unknown(path, &name, at);
        None
    }

    pub(super) fn unknown(&mut self, path: &[&str], name: &str, at: Range<usize>) {
        if let ["words", list, _] = path {
            let lists = || self.catalogue.iter().filter_map(|(_, d)| d.name.strip_prefix("words.")?.split_once('.'));
            if !lists().any(|(known, _)| known == *list) {
                let hint = match nearest(list, lists().map(|(known, _)| known)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("make rules/words/{list}.txt"),
                };
                let offset = self.parsed.text(at.clone())["words".len()..].find(list).unwrap_or(0) + "words".len();
                let from = at.start + offset;
                return self.fault(from..from + list.len(), format!("there is no word list `{list}`"), hint);
            }
        }
        let group = format!("{name}.");
        let members = self.catalogue.iter().map(|(_, d)| &*d.name).filter(|known| known.starts_with(&group));
        let members: Vec<_> = members.take(8).collect();
        if !members.is_empty() {
            let message = format!("`{name}` is a group of signals, not a signal");
            return self.fault(at, message, format!("such as {}", members.join(", ")));
        }
        let near = nearest(name, self.catalogue.iter().map(|(_, d)| &*d.name));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        self.fault(at, format!("there is no signal `{name}`"), hint);
    }
}

/// The names of `a.b.c`, if that is what it is.
fn path(node: &IdedExpr) -> Option<Vec<&str>> {
    match &node.expr {
        Expr::Ident(name) => Some(vec![name]),
        Expr::Select(select) => {
            let mut names = path(&select.operand)?;
            if matches!(&select.operand.expr, Expr::Select(inner) if inner.test) {
                return None;
            }
            names.push(&select.field);
            Some(names)
        }
        _ => None,
    }
}
