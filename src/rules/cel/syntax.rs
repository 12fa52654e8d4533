//! Parsing a condition, its bounds, and the place of every node in the source.

use std::ops::Range;

use cel::common::ast::{Expr, IdedExpr, SourceInfo, operators as op};

/// The longest condition.
pub(crate) const CONDITION_BYTES_MAX: usize = 16 << 10;

/// The deepest brackets, and the longest run of operators in one operand of `&&`, `||` or a list. The parser and
/// everything behind it recurse that deep.
const DEPTH_MAX: usize = 32;
const CHAIN_MAX: usize = 100;

/// What is wrong with a condition, in bytes of its source.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) at: Range<usize>,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

/// A parsed condition.
pub(crate) struct Parsed<'s> {
    source: &'s str,
    pub(crate) root: IdedExpr,
    places: SourceInfo,
}

/// Parses a condition.
///
/// # Errors
/// The first mistake of syntax: those behind it are mostly its consequences.
pub(crate) fn parse(source: &str) -> Result<Parsed<'_>, Fault> {
    check_bounds(source)?;
    match cel::parser::Parser::new().parse_with_source_info(source) {
        Ok((root, places)) => Ok(Parsed { source, root, places }),
        Err(errors) => {
            let (pos, message) = errors.errors.first().map_or(((1, 1), ""), |e| (e.pos, e.msg.as_str()));
            Err(syntax_fault(source, offset_of(source, pos, message.starts_with("Syntax error")), message))
        }
    }
}

/// The clauses of a condition: what `&&`, `||` and `!` join, in the order of the source. A condition without them is one
/// clause; one that does not parse has none.
pub(crate) fn clauses(source: &str) -> Vec<&str> {
    let Ok(parsed) = parse(source) else { return Vec::new() };
    let mut places = Vec::new();
    parsed.leaves(&parsed.root, &mut places);
    places.into_iter().filter_map(|place| source.get(place)).collect()
}

/// The byte at a line and column, both from 1. The lexer counts columns in characters, macros count them in bytes.
fn offset_of(source: &str, (line, column): (isize, isize), in_characters: bool) -> usize {
    let skipped = source.split_inclusive('\n').take(usize::try_from(line - 1).unwrap_or(0));
    let start: usize = skipped.map(str::len).sum();
    let column = usize::try_from(column - 1).unwrap_or(0);
    if !in_characters {
        let at = (start + column).min(source.len());
        return (0..=at).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0);
    }
    source[start..].char_indices().nth(column).map_or(source.len(), |(i, _)| start + i)
}

fn syntax_fault(source: &str, at: usize, message: &str) -> Fault {
    if source.trim().is_empty() {
        return Fault::new(0..source.len(), "the condition is empty");
    }
    let rest = &source[at..];
    if rest.trim().is_empty() {
        let end = source.trim_end().len();
        return Fault::new(end..end, "the condition ends too early")
            .hint("a value or a closing bracket is missing at its end");
    }
    if let Some(message) = message.strip_prefix("Recursion limit") {
        return Fault::new(0..source.len(), format!("the condition is nested too deep:{message}"));
    }
    if message.starts_with("invalid argument to has()") {
        return Fault::new(at..at + token_at(rest).len(), "`has` takes the name of a signal")
            .hint("such as has(account.age_days)");
    }
    let token = token_at(rest);
    let fault = Fault::new(at..at + token.len(), format!("`{token}` cannot stand here"));
    match token {
        "=" => fault.hint("compare with `==`"),
        "&" | "and" | "AND" => fault.hint("write `&&`"),
        "|" | "or" | "OR" => fault.hint("write `||`"),
        "not" | "NOT" => fault.hint("write `!`"),
        "“" | "”" | "‘" | "’" | "，" | "（" | "）" => fault.hint("use the ASCII character"),
        "'" | "\"" => fault.hint("the string is not closed, or not with the quote that opened it"),
        _ => fault,
    }
}

/// The word or the sign that a text begins with.
fn token_at(text: &str) -> &str {
    let word = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let sign = text.chars().next().map_or(0, char::len_utf8);
    &text[..word.max(sign)]
}

/// What the parser must not be given: it would recurse too deep.
fn check_bounds(source: &str) -> Result<(), Fault> {
    if source.len() > CONDITION_BYTES_MAX {
        let message = format!("the condition has {} bytes; at most {CONDITION_BYTES_MAX}", source.len());
        return Err(Fault::new(0..source.len(), message).hint("move long lists of words into a word list"));
    }
    let mut chains = vec![0];
    for (at, token) in outside_strings(source) {
        match token {
            b'(' | b'[' | b'{' if chains.len() > DEPTH_MAX => {
                let message = format!("the condition has brackets nested more than {DEPTH_MAX} deep");
                return Err(Fault::new(at..at + 1, message));
            }
            b'(' | b'[' | b'{' => chains.push(0),
            b')' | b']' | b'}' if chains.len() > 1 => drop(chains.pop()),
            b'&' | b'|' | b',' => *chains.last_mut().expect("the outermost stays") = 0,
            _ => {}
        }
        let links = chains.last_mut().expect("the outermost stays");
        *links += usize::from(b".([{+-*/%?!=<>:".contains(&token) || token == b'i');
        if *links > CHAIN_MAX {
            let message = format!("one operand has more than {CHAIN_MAX} operators");
            return Err(Fault::new(at..at + 1, message).hint("split it with && or ||, or into several rules"));
        }
    }
    Ok(())
}

/// Every byte that stands outside of strings and comments; the keyword `in` comes as one `i`, other letters not at all.
fn outside_strings(source: &str) -> impl Iterator<Item = (usize, u8)> {
    tokens(source).filter_map(move |token| match (token.kind, &source[token.at.clone()]) {
        (Token::Word, "in") => Some((token.at.start, b'i')),
        (Token::Sign, sign) => Some((token.at.start, sign.as_bytes()[0])),
        _ => None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Word,
    Sign,
    Quoted,
    Blank,
}

struct Lexeme {
    kind: Token,
    at: Range<usize>,
}

/// A rough lexer: enough to tell strings, comments, words and signs apart.
fn tokens(source: &str) -> impl Iterator<Item = Lexeme> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = source.get(at..).filter(|rest| !rest.is_empty())?;
        let (kind, length) = lexeme(rest);
        at += length;
        Some(Lexeme { kind, at: at - length..at })
    })
}

fn lexeme(rest: &str) -> (Token, usize) {
    let first = rest.chars().next().expect("the rest is not empty");
    if rest.starts_with("//") {
        return (Token::Blank, rest.find('\n').unwrap_or(rest.len()));
    }
    if first.is_whitespace() {
        return (Token::Blank, rest.len() - rest.trim_start().len());
    }
    let word = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let raw = word > 0 && rest[..word].bytes().all(|b| b.eq_ignore_ascii_case(&b'r') || b.eq_ignore_ascii_case(&b'b'));
    let may_be_quoted = word == 0 || (raw && rest[word..].starts_with(['"', '\'']));
    let is_raw = rest[..word].contains(['r', 'R']);
    if let Some(length) = may_be_quoted.then(|| quoted(&rest[word..], is_raw)).flatten() {
        return (Token::Quoted, word + length);
    }
    if word > 0 { (Token::Word, word) } else { (Token::Sign, first.len_utf8()) }
}

/// The length of the string literal that a text begins with.
fn quoted(text: &str, raw: bool) -> Option<usize> {
    let quote = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| text.starts_with(quote))?;
    let mut at = quote.len();
    while let Some(c) = text[at..].chars().next() {
        if text[at..].starts_with(quote) {
            return Some(at + quote.len());
        }
        at += c.len_utf8();
        if c == '\\' && !raw {
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
    }
    Some(text.len())
}

/// The condition without layout and comments: two conditions that normalise to the same text mean the same.
pub(crate) fn normalized(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut after_word = false;
    for token in tokens(source).filter(|token| token.kind != Token::Blank) {
        let is_word = token.kind == Token::Word;
        if is_word && after_word {
            out.push(' ');
        }
        out.push_str(&source[token.at]);
        after_word = is_word;
    }
    out
}

impl Parsed<'_> {
    /// The place of a node, from its first byte to the one after its last.
    pub(crate) fn extent(&self, node: &IdedExpr) -> Range<usize> {
        let own = self.own(node);
        match &node.expr {
            Expr::Ident(name) => own.start..own.start + name.trim_start_matches('.').len(),
            Expr::Select(select) if select.test => self.call(own.start, None),
            Expr::Select(select) => {
                let field = self.source[own.end..].len() - self.source[own.end..].trim_start().len();
                self.extent(&select.operand).start..own.end + field + select.field.len()
            }
            Expr::Call(call) => match (&call.target, self.source[own.clone()].starts_with('(')) {
                (Some(target), _) => self.call(own.start, Some(self.extent(target).start)),
                (None, true) => self.call(own.start, None),
                (None, false) if self.source[own.clone()].starts_with('[') => {
                    let start = call.args.first().map(|list| self.extent(list).start);
                    self.call(own.start, start)
                }
                (None, false) => call.args.iter().map(|arg| self.extent(arg)).fold(own, union),
            },
            Expr::Comprehension(walk) => self.call(own.start, Some(self.extent(&walk.iter_range).start)),
            Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => own.start..self.closing(own.start),
            Expr::Literal(_) | Expr::Unspecified => self.literal(own),
        }
    }

    fn leaves(&self, node: &IdedExpr, places: &mut Vec<Range<usize>>) {
        match &node.expr {
            Expr::Call(call) if matches!(&*call.func_name, op::LOGICAL_AND | op::LOGICAL_OR | op::LOGICAL_NOT) => {
                call.args.iter().for_each(|arg| self.leaves(arg, places));
            }
            _ => places.push(self.extent(node)),
        }
    }

    fn own(&self, node: &IdedExpr) -> Range<usize> {
        let (start, last) = self.places.offset_for(node.id).unwrap_or((0, 0));
        let start = (start as usize).min(self.source.len());
        let end = (last as usize + 1).clamp(start, self.source.len());
        start..end
    }

    /// From the function's name, or the given start, to the closing bracket of a call whose bracket opens at `open`.
    fn call(&self, open: usize, start: Option<usize>) -> Range<usize> {
        start.unwrap_or_else(|| self.name_before(open).start)..self.closing(open)
    }

    /// The place of a called function's name.
    pub(crate) fn function(&self, node: &IdedExpr) -> Range<usize> {
        self.name_before(self.own(node).start)
    }

    fn name_before(&self, open: usize) -> Range<usize> {
        let head = self.source[..open].trim_end();
        let start = head.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |i| i + 1);
        start..head.len().max(start)
    }

    fn closing(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (at, sign) in outside_strings(&self.source[open..]) {
            match sign {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' if depth <= 1 => return open + at + 1,
                b')' | b']' | b'}' => depth -= 1,
                _ => {}
            }
        }
        self.source.len()
    }

    /// The parser gives a negative number the place of its sign.
    fn literal(&self, own: Range<usize>) -> Range<usize> {
        if !self.source[own.clone()].starts_with('-') {
            return own;
        }
        let digits = self.source[own.end..].trim_start();
        let start = self.source.len() - digits.len();
        let length = digits.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(digits.len());
        own.start..start + length
    }

    /// The text of a place.
    pub(crate) fn text(&self, at: Range<usize>) -> &str {
        self.source.get(at).unwrap_or_default()
    }
}

fn union(a: Range<usize>, b: Range<usize>) -> Range<usize> {
    a.start.min(b.start)..a.end.max(b.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizing_drops_layout_and_keeps_strings() {
        assert_eq!(normalized("a.b  in\n [ 'x  y', r'\\' ] // c\n && c"), "a.b in['x  y',r'\\']&&c");
        assert_eq!(normalized("a in b"), "a in b");
    }

    #[test]
    fn extents_cover_whole_operands() {
        for (source, extent) in [
            ("a.b < 1", "a.b < 1"),
            ("( a . b <\n-12 )", "a . b <\n-12"),
            ("a.contains('赌)') && b", "a.contains('赌)') && b"),
            ("has(a.b)", "has(a.b)"),
            ("a.exists(t, t == ')')", "a.exists(t, t == ')')"),
            ("x in [1, 2]", "x in [1, 2]"),
            ("size(a) > 1.5", "size(a) > 1.5"),
        ] {
            let parsed = parse(source).unwrap();
            assert_eq!(parsed.text(parsed.extent(&parsed.root)), extent, "{source}");
        }
    }

    #[test]
    fn what_would_recurse_too_deep_is_refused() {
        let deep = format!("{}a{}", "(".repeat(500), ")".repeat(500));
        for source in [deep, "!".repeat(500), "a.b".repeat(500), "1+".repeat(500), "a ? ".repeat(500), "[".repeat(500)]
        {
            assert!(parse(&source).is_err_and(|fault| fault.message.contains("more than")), "{source}");
        }
        let wide = vec!["account.age_days < 7"; 500].join(" && ");
        assert!(parse(&wide).is_ok());
    }
}
