//! Types of calls: the functions and list macros that conditions may use.

use cel::common::ast::{ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators as op};
use regex::RegexBuilder;

use crate::problem::nearest;

use super::check::{Checker, Typed, texts};
use super::fold::folded;
use super::numbers::{Float, Int, Number};
use super::tree::{Bool, Seek, Text, Texts};

/// The longest pattern of `matches`, and the most memory that it may compile to.
const PATTERN_BYTES_MAX: usize = 1024;
const REGEX_BYTES_MAX: usize = 1 << 20;

/// The functions that there are, for hints.
const FUNCTIONS: &[&str] =
    &["has", "size", "int", "double", "contains", "startsWith", "endsWith", "matches", "exists", "all"];

impl<'a> Checker<'a> {
    pub(super) fn no_function(&mut self, node: &IdedExpr, name: &str) -> Option<Typed> {
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

    pub(super) fn size(&mut self, a: &'a IdedExpr) -> Option<Typed> {
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

    pub(super) fn convert(&mut self, node: &IdedExpr, function: &str, a: &'a IdedExpr) -> Option<Typed> {
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

    pub(super) fn string(&mut self, node: &'a IdedExpr, what: &str) -> Option<Text> {
        match self.typed(node)? {
            Typed::Text(text) => Some(text),
            other => {
                self.wrong(node, what, "a string", &other);
                None
            }
        }
    }

    pub(super) fn seek(
        &mut self,
        target: &'a IdedExpr,
        a: &'a IdedExpr,
        name: &str,
        seek: fn(Text) -> Seek,
    ) -> Option<Typed> {
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

    pub(super) fn matches(&mut self, target: &'a IdedExpr, a: &'a IdedExpr) -> Option<Typed> {
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

    pub(super) fn walk(&mut self, node: &'a IdedExpr, walk: &'a ComprehensionExpr) -> Option<Typed> {
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

    pub(super) fn unsupported_walk(&mut self, node: &IdedExpr) -> Option<Typed> {
        let hint = "of the list macros there are `exists` and `all`".to_owned();
        self.fault(self.parsed.extent(node), "this list macro cannot be used in conditions", hint);
        None
    }
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

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ")
}
