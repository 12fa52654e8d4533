//! Types: names become slots, operators find their overloads, constants are folded, and every mistake is noted with its
//! place. Checking goes on behind a mistake, so that one run shows them all.

use std::ops::Range;
use std::sync::Arc;

use cel::common::ast::{CallExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators as op};

use crate::signal::{Catalogue, Slot};

use super::Condition;
use super::fold::{constant_float, folded, join, not};
use super::numbers::{Arith, Float, Int, Number};
use super::syntax::{Fault, Parsed, parse};
use super::tree::{Bool, Cmp, Seek, Text, Texts};

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
pub(super) enum Typed {
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
    pub(super) fn name(&self) -> &'static str {
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

/// A condition being checked. `names.rs` resolves names, `functions.rs` types calls.
pub(super) struct Checker<'a> {
    pub(super) parsed: &'a Parsed<'a>,
    pub(super) catalogue: &'a Catalogue,
    faults: Vec<Fault>,
    /// The names of the items that are being walked, outermost first.
    pub(super) items: Vec<&'a str>,
    pub(super) grounds: Vec<Slot>,
}

impl<'a> Checker<'a> {
    pub(super) fn fault(&mut self, at: Range<usize>, message: impl Into<String>, hint: impl Into<Option<String>>) {
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

    pub(super) fn typed(&mut self, node: &'a IdedExpr) -> Option<Typed> {
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

    pub(super) fn truth(&mut self, node: &'a IdedExpr, what: &str) -> Option<Bool> {
        match self.typed(node)? {
            Typed::Bool(tree) => Some(tree),
            other => {
                self.wrong(node, what, "bool", &other);
                None
            }
        }
    }

    pub(super) fn wrong(&mut self, node: &IdedExpr, what: &str, wanted: &str, found: &Typed) {
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

/// A list of strings, if it is one; the empty list is one too.
pub(super) fn texts(typed: &Typed) -> Option<Texts> {
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
