//! Types: names become slots, operators find their overloads, constants are folded, and every mistake is noted with its
//! place. Checking goes on behind a mistake, so that one run shows them all.

use std::ops::Range;
use std::sync::Arc;

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators as op};
use regex::RegexBuilder;

use crate::problem::nearest;
use crate::signal::{Catalogue, Slot, Type};

use super::Condition;
use super::numbers::{Arith, Float, Int, Number};
use super::syntax::{Fault, Parsed, parse};
use super::tree::{Bool, Cmp, Scope, Seek, Text, Texts};

/// The longest pattern of `matches`, and the most memory that it may compile to.
const PATTERN_BYTES_MAX: usize = 1024;
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Parses and checks a condition.
///
/// # Errors
/// Every mistake that was found, in the order of the source.
pub(crate) fn check(source: &str, catalogue: &Catalogue) -> Result<Condition, Vec<Fault>> {
    let parsed = parse(source).map_err(|fault| vec![fault])?;
    let mut checker =
        Checker { parsed: &parsed, catalogue, faults: Vec::new(), items: Vec::new(), grounds: Vec::new() };
    let tree = checker.condition(&parsed.root);
    match tree {
        Some(tree) if checker.faults.is_empty() => Ok(Condition { tree, grounds: checker.grounds }),
        _ => {
            checker.faults.sort_by_key(|fault| fault.at.start);
            Err(checker.faults)
        }
    }
}

/// An expression of any type.
#[derive(Clone, Debug)]
enum Typed {
    Bool(Bool),
    Number(Number),
    Text(Text),
    Texts(Texts),
    /// A list literal of integers, doubles or nothing at all: only `in` takes these.
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Empty,
}

impl Typed {
    fn name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::Number(Number::Int(_)) => "int",
            Self::Number(Number::Float(_)) => "double",
            Self::Text(_) => "string",
            Self::Texts(_) => "list(string)",
            Self::Ints(_) => "list(int)",
            Self::Floats(_) => "list(double)",
            Self::Empty => "list",
        }
    }
}

struct Checker<'a> {
    parsed: &'a Parsed<'a>,
    catalogue: &'a Catalogue,
    faults: Vec<Fault>,
    /// The names of the items that are being walked, outermost first.
    items: Vec<&'a str>,
    grounds: Vec<Slot>,
}

/// The functions that there are, for hints.
const FUNCTIONS: &[&str] =
    &["has", "size", "int", "double", "contains", "startsWith", "endsWith", "matches", "exists", "all"];

impl<'a> Checker<'a> {
    fn fault(&mut self, at: Range<usize>, message: impl Into<String>, hint: impl Into<Option<String>>) {
        self.faults.push(Fault { at, message: message.into(), hint: hint.into() });
    }

    fn condition(&mut self, node: &'a IdedExpr) -> Option<Bool> {
        match self.typed(node)? {
            Typed::Bool(tree) => Some(tree),
            other => {
                let hint = "compare it with something, such as `> 0`".to_owned();
                let message = format!("the condition is of type {}, not bool", other.name());
                self.fault(self.parsed.extent(node), message, hint);
                None
            }
        }
    }

    fn typed(&mut self, node: &'a IdedExpr) -> Option<Typed> {
        match &node.expr {
            Expr::Literal(literal) => self.literal(node, literal),
            Expr::Select(select) if select.test => self.has(node),
            Expr::Ident(_) | Expr::Select(_) => self.name(node),
            Expr::Call(call) => self.call(node, call),
            Expr::List(list) => self.list(node, list),
            Expr::Comprehension(walk) => self.walk(node, walk),
            Expr::Map(_) | Expr::Struct(_) => self.unsupported(node, "maps and messages"),
            Expr::Unspecified => self.unsupported(node, "this"),
        }
    }

    fn unsupported(&mut self, node: &IdedExpr, what: &str) -> Option<Typed> {
        self.fault(self.parsed.extent(node), format!("{what} cannot be used in conditions"), None);
        None
    }

    fn literal(&mut self, node: &IdedExpr, literal: &LiteralValue) -> Option<Typed> {
        Some(match literal {
            LiteralValue::Boolean(value) => Typed::Bool(Bool::Const(*value.inner())),
            LiteralValue::Int(value) => Typed::Number(Number::Int(Int::Const(*value.inner()))),
            LiteralValue::Double(value) => Typed::Number(Number::Float(Float::Const(*value.inner()))),
            LiteralValue::String(value) => Typed::Text(Text::Const(value.inner().into())),
            LiteralValue::UInt(_) => return self.unsupported(node, "unsigned numbers"),
            LiteralValue::Bytes(_) => return self.unsupported(node, "bytes"),
            LiteralValue::Null => {
                let hint = "whether a signal is known is asked by has(name)".to_owned();
                self.fault(self.parsed.extent(node), "null cannot be used in conditions", hint);
                return None;
            }
        })
    }

    fn list(&mut self, node: &'a IdedExpr, list: &'a ListExpr) -> Option<Typed> {
        let items: Vec<_> = list.elements.iter().map(|item| (item, self.typed(item))).collect();
        let items: Vec<(&IdedExpr, Typed)> = items.into_iter().map(|(n, t)| Some((n, t?))).collect::<Option<_>>()?;
        let Some((_, first)) = items.first() else { return Some(Typed::Empty) };
        if let Some((other, typed)) = items.iter().find(|(_, typed)| typed.name() != first.name()) {
            let message = format!("the list mixes {} and {}", first.name(), typed.name());
            self.fault(self.parsed.extent(other), message, None);
            return None;
        }
        let typed: Vec<Typed> = items.into_iter().map(|(_, typed)| typed).collect();
        let constants = constants(&typed);
        if constants.is_none() {
            let hint = "compare one by one and join with ||".to_owned();
            self.fault(self.parsed.extent(node), "a list may hold constant strings and numbers only", hint);
        }
        constants
    }

    fn call(&mut self, node: &'a IdedExpr, call: &'a CallExpr) -> Option<Typed> {
        if let Some(target) = &call.target {
            return self.method(node, target, call);
        }
        if let [a, b] = &call.args[..] {
            if let Some(cmp) = comparison(&call.func_name) {
                return self.compare(node, cmp, a, b);
            }
            if let Some(arith) = arithmetic(&call.func_name) {
                return self.arith(node, arith, a, b);
            }
        }
        match (call.func_name.as_str(), &call.args[..]) {
            (op::LOGICAL_AND, [a, b]) => self.logic(a, b, false),
            (op::LOGICAL_OR, [a, b]) => self.logic(a, b, true),
            (op::LOGICAL_NOT, [a]) => Some(Typed::Bool(not(self.truth(a, "`!`")?))),
            (op::NEGATE, [a]) => self.negate(a),
            (op::CONDITIONAL, [c, a, b]) => self.conditional(node, c, a, b),
            (op::IN, [a, b]) => self.member(node, a, b),
            (op::INDEX | op::OPT_INDEX, _) => self.unsupported(node, "indexing"),
            (op::OPT_SELECT, _) => self.unsupported(node, "optional fields"),
            ("size", [a]) => self.size(a),
            ("int" | "double", [a]) => self.convert(node, &call.func_name, a),
            ("contains" | "startsWith" | "endsWith" | "matches", [a, ..]) => {
                let hint = format!("write {}.{}(…)", self.parsed.text(self.parsed.extent(a)), call.func_name);
                self.fault(self.parsed.function(node), format!("`{}` is called on a string", call.func_name), hint);
                None
            }
            (name, _) => self.no_function(node, name),
        }
    }

    fn method(&mut self, node: &'a IdedExpr, target: &'a IdedExpr, call: &'a CallExpr) -> Option<Typed> {
        match (call.func_name.as_str(), &call.args[..]) {
            ("size", []) => self.size(target),
            ("contains", [a]) => self.seek(target, a, "contains", Seek::Contains),
            ("startsWith", [a]) => self.seek(target, a, "startsWith", Seek::Starts),
            ("endsWith", [a]) => self.seek(target, a, "endsWith", Seek::Ends),
            ("matches", [a]) => self.matches(target, a),
            (name, _) => self.no_function(node, name),
        }
    }

    fn no_function(&mut self, node: &IdedExpr, name: &str) -> Option<Typed> {
        let at = self.parsed.function(node);
        if FUNCTIONS.contains(&name) {
            self.fault(at, format!("`{name}` does not take such arguments"), Some(usage(name).to_owned()));
        } else {
            let hint = nearest(name, FUNCTIONS.iter().copied()).map_or_else(
                || format!("the functions are {}", FUNCTIONS.join(", ")),
                |function| format!("did you mean `{function}`?"),
            );
            self.fault(at, format!("there is no function `{name}`"), hint);
        }
        None
    }

    fn truth(&mut self, node: &'a IdedExpr, what: &str) -> Option<Bool> {
        match self.typed(node)? {
            Typed::Bool(tree) => Some(tree),
            other => {
                self.wrong(node, what, "bool", &other);
                None
            }
        }
    }

    fn wrong(&mut self, node: &IdedExpr, what: &str, wanted: &str, found: &Typed) {
        self.fault(self.parsed.extent(node), format!("{what} takes {wanted}, not {}", found.name()), None);
    }

    fn logic(&mut self, a: &'a IdedExpr, b: &'a IdedExpr, any: bool) -> Option<Typed> {
        let what = if any { "`||`" } else { "`&&`" };
        let (a, b) = (self.truth(a, what), self.truth(b, what));
        Some(Typed::Bool(join(any, a?, b?)))
    }

    fn negate(&mut self, a: &'a IdedExpr) -> Option<Typed> {
        let typed = self.typed(a)?;
        let number = match typed {
            Typed::Number(Number::Int(Int::Const(value))) if value != i64::MIN => Number::Int(Int::Const(-value)),
            Typed::Number(Number::Int(int)) => Number::Int(Int::Neg(Box::new(int))),
            Typed::Number(Number::Float(Float::Const(value))) => Number::Float(Float::Const(-value)),
            Typed::Number(Number::Float(float)) => Number::Float(Float::Neg(Box::new(float))),
            other => {
                self.wrong(a, "`-`", "a number", &other);
                return None;
            }
        };
        Some(Typed::Number(number))
    }

    fn conditional(&mut self, node: &IdedExpr, c: &'a IdedExpr, a: &'a IdedExpr, b: &'a IdedExpr) -> Option<Typed> {
        let (c, a, b) = (self.truth(c, "the condition before `?`"), self.typed(a), self.typed(b));
        let (c, a, b) = (c?, a?, b?);
        if let Bool::Const(value) = c {
            self.fault(self.parsed.extent(node), format!("the condition before `?` is always {value}"), None);
            return None;
        }
        Some(match (a, b) {
            (Typed::Bool(a), Typed::Bool(b)) => Typed::Bool(Bool::If(Box::new((c, a, b)))),
            (Typed::Number(Number::Int(a)), Typed::Number(Number::Int(b))) => {
                Typed::Number(Number::Int(Int::If(Box::new((c, a, b)))))
            }
            (Typed::Number(Number::Float(a)), Typed::Number(Number::Float(b))) => {
                Typed::Number(Number::Float(Float::If(Box::new((c, a, b)))))
            }
            (Typed::Text(a), Typed::Text(b)) => Typed::Text(Text::If(Box::new((c, a, b)))),
            (a, b) => {
                if let (Some(a), Some(b)) = (texts(&a), texts(&b)) {
                    return Some(Typed::Texts(Texts::If(Box::new((c, a, b)))));
                }
                let message = format!("the two sides of `:` are {} and {}", a.name(), b.name());
                self.fault(self.parsed.extent(node), message, None);
                return None;
            }
        })
    }

    fn compare(&mut self, node: &IdedExpr, cmp: Cmp, a: &'a IdedExpr, b: &'a IdedExpr) -> Option<Typed> {
        let (left, right) = (self.typed(a), self.typed(b));
        let tree = match (left?, right?) {
            (Typed::Number(left), Typed::Number(right)) => Bool::Numbers(cmp, Box::new((left, right))),
            (Typed::Text(left), Typed::Text(right)) => Bool::Strings(cmp, Box::new((left, right))),
            (Typed::Bool(left), Typed::Bool(right)) => Bool::Bools(cmp, Box::new((left, right))),
            (left, right) => match (cmp, texts(&left), texts(&right)) {
                (Cmp::Eq | Cmp::Ne, Some(l), Some(r)) => Bool::Lists(cmp == Cmp::Eq, Box::new((l, r))),
                _ => return self.incomparable(node, a, &left, b, &right),
            },
        };
        Some(Typed::Bool(folded(tree)))
    }

    fn incomparable(&mut self, node: &IdedExpr, a: &IdedExpr, l: &Typed, b: &IdedExpr, r: &Typed) -> Option<Typed> {
        let (at, hint) = match (l, r) {
            (Typed::Number(_), Typed::Text(Text::Const(text))) => (self.parsed.extent(b), unquoted(text)),
            (Typed::Text(Text::Const(text)), Typed::Number(_)) => (self.parsed.extent(a), unquoted(text)),
            (Typed::Texts(_), Typed::Text(_)) => {
                (self.parsed.extent(node), Some("a list holds a string: write `string in list`".to_owned()))
            }
            (Typed::Texts(_), Typed::Number(_)) => {
                (self.parsed.extent(a), Some("count its items with `.size()`".to_owned()))
            }
            _ => (self.parsed.extent(b), None),
        };
        self.fault(at, format!("{} cannot be compared with {}", l.name(), r.name()), hint);
        None
    }

    fn arith(&mut self, node: &IdedExpr, arith: Arith, a: &'a IdedExpr, b: &'a IdedExpr) -> Option<Typed> {
        let (left, right) = (self.typed(a), self.typed(b));
        let number = match (left?, right?) {
            (Typed::Number(Number::Int(left)), Typed::Number(Number::Int(right))) => {
                return self.int_arith(node, arith, left, right);
            }
            (Typed::Number(Number::Float(left)), Typed::Number(Number::Float(right))) if arith != Arith::Rem => {
                let float = Float::Arith(arith, Box::new((left, right)));
                Number::Float(constant_float(&float).map_or(float, Float::Const))
            }
            (left, right) => {
                let hint = match (&left, &right) {
                    (Typed::Number(Number::Float(_)), Typed::Number(Number::Float(_))) => {
                        Some("take the remainder of whole numbers: int(…)".to_owned())
                    }
                    (Typed::Number(_), Typed::Number(_)) => {
                        Some("convert one side with double(…) or int(…)".to_owned())
                    }
                    _ => None,
                };
                let message = format!("there is no arithmetic on {} and {}", left.name(), right.name());
                self.fault(self.parsed.extent(node), message, hint);
                return None;
            }
        };
        Some(Typed::Number(number))
    }

    fn int_arith(&mut self, node: &IdedExpr, arith: Arith, left: Int, right: Int) -> Option<Typed> {
        let by_zero = matches!((arith, &right), (Arith::Div | Arith::Rem, Int::Const(0)));
        let int = match (&left, &right) {
            (Int::Const(a), Int::Const(b)) => arith.ints(*a, *b).map(Int::Const),
            _ if by_zero => None,
            _ => Some(Int::Arith(arith, Box::new((left, right)))),
        };
        if int.is_none() {
            let message = if by_zero { "this divides by zero" } else { "this number does not fit into 64 bits" };
            self.fault(self.parsed.extent(node), message, None);
        }
        Some(Typed::Number(Number::Int(int?)))
    }

    fn member(&mut self, node: &IdedExpr, a: &'a IdedExpr, b: &'a IdedExpr) -> Option<Typed> {
        let (item, list) = (self.typed(a), self.typed(b));
        let tree = match (item?, list?) {
            (Typed::Number(Number::Int(item)), Typed::Ints(list)) => Bool::InInts(Box::new(item), list.into()),
            (Typed::Number(Number::Int(item)), Typed::Empty) => Bool::InInts(Box::new(item), [].into()),
            (Typed::Number(Number::Float(item)), Typed::Floats(list)) => Bool::InFloats(Box::new(item), list.into()),
            (Typed::Text(item), Typed::Texts(list)) => Bool::InTexts(Box::new((item, list))),
            (Typed::Text(item), Typed::Empty) => Bool::InTexts(Box::new((item, Texts::Const([].into())))),
            (Typed::Text(_), Typed::Text(_)) => {
                let (part, whole) = (self.parsed.extent(a), self.parsed.extent(b));
                let hint = format!("write {}.contains({})", self.parsed.text(whole), self.parsed.text(part));
                self.fault(self.parsed.extent(node), "`in` looks into lists, not into strings", hint);
                return None;
            }
            (item, list) => {
                let message = format!("{} cannot be in {}", item.name(), list.name());
                self.fault(self.parsed.extent(node), message, None);
                return None;
            }
        };
        Some(Typed::Bool(folded(tree)))
    }

    fn size(&mut self, a: &'a IdedExpr) -> Option<Typed> {
        let int = match self.typed(a)? {
            Typed::Text(Text::Const(text)) => Int::Const(i64::try_from(text.chars().count()).ok()?),
            Typed::Text(text) => Int::Chars(Box::new(text)),
            Typed::Empty => Int::Const(0),
            Typed::Texts(Texts::Const(list)) => Int::Const(i64::try_from(list.len()).ok()?),
            Typed::Texts(list) => Int::Len(Box::new(list)),
            other => {
                self.wrong(a, "`size`", "a string or a list", &other);
                return None;
            }
        };
        Some(Typed::Number(Number::Int(int)))
    }

    fn convert(&mut self, node: &IdedExpr, function: &str, a: &'a IdedExpr) -> Option<Typed> {
        let number = match (function, self.typed(a)?) {
            ("int", Typed::Number(Number::Int(int))) => Number::Int(int),
            ("int", Typed::Number(Number::Float(float))) => Number::Int(Int::Truncate(Box::new(float))),
            ("double", Typed::Number(Number::Int(int))) => Number::Float(Float::Widen(Box::new(int))),
            ("double", Typed::Number(Number::Float(float))) => Number::Float(float),
            (_, other) => {
                let message = format!("`{function}` takes a number, not {}", other.name());
                self.fault(self.parsed.extent(node), message, None);
                return None;
            }
        };
        Some(Typed::Number(number))
    }

    fn string(&mut self, node: &'a IdedExpr, what: &str) -> Option<Text> {
        match self.typed(node)? {
            Typed::Text(text) => Some(text),
            other => {
                self.wrong(node, what, "a string", &other);
                None
            }
        }
    }

    fn seek(&mut self, target: &'a IdedExpr, a: &'a IdedExpr, name: &str, seek: fn(Text) -> Seek) -> Option<Typed> {
        let what = format!("`{name}`");
        let whole = match self.typed(target) {
            Some(Typed::Texts(_)) => {
                let (list, item) = (self.parsed.extent(target), self.parsed.extent(a));
                let hint = format!("write {} in {}", self.parsed.text(item), self.parsed.text(list.clone()));
                self.fault(list, format!("`{name}` looks into strings, not into lists"), hint);
                None
            }
            Some(Typed::Text(text)) => Some(text),
            Some(other) => {
                self.wrong(target, &what, "a string", &other);
                None
            }
            None => None,
        };
        let part = self.string(a, &what);
        Some(Typed::Bool(folded(Bool::Seek(Box::new((whole?, seek(part?)))))))
    }

    fn matches(&mut self, target: &'a IdedExpr, a: &'a IdedExpr) -> Option<Typed> {
        let (text, pattern) = (self.string(target, "`matches`"), self.string(a, "`matches`"));
        let Text::Const(pattern) = pattern? else {
            self.fault(self.parsed.extent(a), "the pattern of `matches` must be a constant", None);
            return None;
        };
        if pattern.len() > PATTERN_BYTES_MAX {
            let message = format!("the pattern has {} bytes; at most {PATTERN_BYTES_MAX}", pattern.len());
            self.fault(self.parsed.extent(a), message, None);
            return None;
        }
        let builder = RegexBuilder::new(&pattern).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build();
        match builder {
            Ok(regex) => Some(Typed::Bool(folded(Bool::Seek(Box::new((text?, Seek::Matches(regex))))))),
            Err(error) => {
                let message = match error {
                    regex::Error::CompiledTooBig(_) => "the pattern compiles to more than 1 MiB".to_owned(),
                    other => format!("the pattern is wrong: {}", last_line(&other.to_string())),
                };
                self.fault(self.parsed.extent(a), message, None);
                None
            }
        }
    }

    fn walk(&mut self, node: &'a IdedExpr, walk: &'a ComprehensionExpr) -> Option<Typed> {
        let Expr::Call(step) = &walk.loop_step.expr else { return self.unsupported_walk(node) };
        let all = match (step.func_name.as_str(), &walk.accu_init.expr) {
            (op::LOGICAL_AND, Expr::Literal(LiteralValue::Boolean(_))) => true,
            (op::LOGICAL_OR, Expr::Literal(LiteralValue::Boolean(_))) => false,
            _ => return self.unsupported_walk(node),
        };
        let what = if all { "`all`" } else { "`exists`" };
        let list = match self.typed(&walk.iter_range) {
            Some(typed) => {
                let list = texts(&typed);
                if list.is_none() {
                    self.wrong(&walk.iter_range, what, "list(string)", &typed);
                }
                list
            }
            None => None,
        };
        self.items.push(&walk.iter_var);
        let body = step.args.get(1).and_then(|body| self.truth(body, what));
        self.items.pop();
        Some(Typed::Bool(Bool::Walk(all, Box::new((list?, body?)))))
    }

    fn unsupported_walk(&mut self, node: &IdedExpr) -> Option<Typed> {
        let hint = "of the list macros there are `exists` and `all`".to_owned();
        self.fault(self.parsed.extent(node), "this list macro cannot be used in conditions", hint);
        None
    }

    fn has(&mut self, node: &'a IdedExpr) -> Option<Typed> {
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

    fn name(&mut self, node: &'a IdedExpr) -> Option<Typed> {
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

    fn resolve(&mut self, path: &[&str], at: Range<usize>) -> Option<Slot> {
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

    fn unknown(&mut self, path: &[&str], name: &str, at: Range<usize>) {
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

fn comparison(name: &str) -> Option<Cmp> {
    Some(match name {
        op::LESS => Cmp::Lt,
        op::LESS_EQUALS => Cmp::Le,
        op::GREATER => Cmp::Gt,
        op::GREATER_EQUALS => Cmp::Ge,
        op::EQUALS => Cmp::Eq,
        op::NOT_EQUALS => Cmp::Ne,
        _ => return None,
    })
}

fn arithmetic(name: &str) -> Option<Arith> {
    Some(match name {
        op::ADD => Arith::Add,
        op::SUBSTRACT => Arith::Sub,
        op::MULTIPLY => Arith::Mul,
        op::DIVIDE => Arith::Div,
        op::MODULO => Arith::Rem,
        _ => return None,
    })
}

fn usage(function: &str) -> &'static str {
    match function {
        "has" => "has(account.age_days)",
        "size" => "words.fraud.terms.size()",
        "int" | "double" => "double(text.links)",
        "matches" => "lang.matches('^zh')",
        "exists" | "all" => "words.fraud.tags.exists(tag, tag == 'bank')",
        _ => "lang.startsWith('zh')",
    }
}

/// A list of strings, if it is one; the empty list is one too.
fn texts(typed: &Typed) -> Option<Texts> {
    match typed {
        Typed::Texts(texts) => Some(texts.clone()),
        Typed::Empty => Some(Texts::Const([].into())),
        _ => None,
    }
}

/// A list of constants of one type.
fn constants(items: &[Typed]) -> Option<Typed> {
    match items.first()? {
        Typed::Text(_) => {
            let texts = items.iter().map(|item| match item {
                Typed::Text(Text::Const(text)) => Some(Arc::clone(text)),
                _ => None,
            });
            Some(Typed::Texts(Texts::Const(texts.collect::<Option<_>>()?)))
        }
        Typed::Number(Number::Int(_)) => {
            let ints = items.iter().map(|item| match item {
                Typed::Number(Number::Int(Int::Const(value))) => Some(*value),
                _ => None,
            });
            Some(Typed::Ints(ints.collect::<Option<_>>()?))
        }
        Typed::Number(Number::Float(_)) => {
            let floats = items.iter().map(|item| match item {
                Typed::Number(Number::Float(Float::Const(value))) => Some(*value),
                _ => None,
            });
            Some(Typed::Floats(floats.collect::<Option<_>>()?))
        }
        _ => None,
    }
}

fn unquoted(text: &str) -> Option<String> {
    text.parse::<f64>().is_ok().then(|| format!("write {text} without quotes"))
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ")
}

fn not(tree: Bool) -> Bool {
    match tree {
        Bool::Const(value) => Bool::Const(!value),
        Bool::Not(inner) => *inner,
        other => Bool::Not(Box::new(other)),
    }
}

/// `a && b` or `a || b`, flat and without constants.
fn join(any: bool, a: Bool, b: Bool) -> Bool {
    let mut terms = Vec::new();
    for side in [a, b] {
        match side {
            Bool::Const(value) if value == any => return Bool::Const(any),
            Bool::Const(_) => {}
            Bool::Or(inner) if any => terms.extend(inner),
            Bool::And(inner) if !any => terms.extend(inner),
            other => terms.push(other),
        }
    }
    match terms.len() {
        0 => Bool::Const(!any),
        1 => terms.remove(0),
        _ if any => Bool::Or(terms),
        _ => Bool::And(terms),
    }
}

/// The constant that a comparison of constants comes to; anything else stays.
fn folded(tree: Bool) -> Bool {
    let is_constant = match &tree {
        Bool::Numbers(_, pair) => constant_number(&pair.0) && constant_number(&pair.1),
        Bool::Strings(_, pair) => matches!(**pair, (Text::Const(_), Text::Const(_))),
        Bool::Bools(_, pair) => matches!(**pair, (Bool::Const(_), Bool::Const(_))),
        Bool::Lists(_, pair) => matches!(**pair, (Texts::Const(_), Texts::Const(_))),
        Bool::InInts(item, _) => matches!(**item, Int::Const(_)),
        Bool::InFloats(item, _) => matches!(**item, Float::Const(_)),
        Bool::InTexts(pair) => matches!(**pair, (Text::Const(_), Texts::Const(_))),
        Bool::Seek(pair) => matches!(
            **pair,
            (
                Text::Const(_),
                Seek::Contains(Text::Const(_))
                    | Seek::Starts(Text::Const(_))
                    | Seek::Ends(Text::Const(_))
                    | Seek::Matches(_)
            )
        ),
        _ => false,
    };
    if !is_constant {
        return tree;
    }
    let nothing = crate::signal::Signals::new(&Catalogue::default());
    tree.truth(&Scope::new(&nothing)).map_or(tree, Bool::Const)
}

fn constant_number(number: &Number) -> bool {
    matches!(number, Number::Int(Int::Const(_)) | Number::Float(Float::Const(_)))
}

fn constant_float(float: &Float) -> Option<f64> {
    let Float::Arith(_, pair) = float else { return None };
    let (Float::Const(_), Float::Const(_)) = **pair else { return None };
    let nothing = crate::signal::Signals::new(&Catalogue::default());
    float.eval(&Scope::new(&nothing))
}
