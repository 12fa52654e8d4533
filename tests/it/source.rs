//! As much of a Rust lexer as the architecture test needs: words and signs with their lines, paths, functions.
//! Comments, strings and characters are passed over, so that prose about a room is not a use of it.

/// A word or a sign of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    fn is_word(&self) -> bool {
        self.text.starts_with(is_word_char)
    }
}

fn is_word_char(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// The words and signs of a source file.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = length_of_next(rest, first);
        let (text, tail) = rest.split_at(length);
        let is_text = first == '"' || first == '\'' || is_raw_string(rest);
        if !first.is_whitespace() && !text.starts_with("//") && !text.starts_with("/*") && !is_text {
            found.push(Token { text: text.to_owned(), line });
        }
        line += text.matches('\n').count();
        rest = tail;
    }
    found
}

fn length_of_next(rest: &str, first: char) -> usize {
    if rest.starts_with("//") {
        rest.find('\n').unwrap_or(rest.len())
    } else if rest.starts_with("/*") {
        length_of_block_comment(rest)
    } else if is_raw_string(rest) {
        length_of_raw_string(rest)
    } else if first == '"' || rest.starts_with("b\"") || rest.starts_with("c\"") {
        let quote = rest.find('"').expect("looked for above");
        quote + length_of_quoted(&rest[quote..], '"')
    } else if first == '\'' {
        length_of_char_or_lifetime(rest)
    } else if is_word_char(first) {
        rest.find(|c| !is_word_char(c)).unwrap_or(rest.len())
    } else {
        first.len_utf8()
    }
}

fn length_of_block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let bytes = rest.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn is_raw_string(rest: &str) -> bool {
    let tail = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'));
    tail.is_some_and(|tail| tail.trim_start_matches('#').starts_with('"'))
}

fn length_of_raw_string(rest: &str) -> usize {
    let quote = rest.find('"').expect("a raw string has a quote");
    let hashes = rest[..quote].matches('#').count();
    let close = format!("\"{}", "#".repeat(hashes));
    rest[quote + 1..].find(&close).map_or(rest.len(), |end| quote + 1 + end + close.len())
}

fn length_of_quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// `'a'`, `'\n'`, or the lifetime `'a`.
fn length_of_char_or_lifetime(rest: &str) -> usize {
    let mut chars = rest.chars().skip(1);
    let (second, third) = (chars.next(), chars.next());
    if second == Some('\\') || third == Some('\'') {
        return length_of_quoted(rest, '\'');
    }
    1 + rest[1..].find(|c| !is_word_char(c)).unwrap_or(rest.len() - 1)
}

/// A path that a file refers to, from the crate's root, with the line that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
}

/// Every path under `crate::`, `super::` or (in the binary) `tidegate::`, resolved from the crate's root.
/// `module` is the file's own module path, such as `["text", "fold"]`.
pub(crate) fn paths(tokens: &[Token], module: &[String]) -> Vec<Path> {
    let mut found = Vec::new();
    let mut modules: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                modules.retain(|&(_, opened)| opened <= depth);
            }
            "mod" if word_at(tokens, at + 2) == "{" => modules.push((tokens[at + 1].text.clone(), depth + 1)),
            "crate" | "super" | "tidegate" if word_at(tokens, at + 1) == ":" && !is_preceded_by_path(tokens, at) => {
                let here: Vec<String> = module.iter().cloned().chain(modules.iter().map(|m| m.0.clone())).collect();
                let (base, start) = base(tokens, at, here);
                at = walk(tokens, start, &base, &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn word_at(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| token.text.as_str())
}

fn is_preceded_by_path(tokens: &[Token], at: usize) -> bool {
    at > 1 && tokens[at - 1].text == ":" && tokens[at - 2].text == ":"
}

/// Where `crate`, `super::super` and their like stand, and the token after their last `::`.
fn base(tokens: &[Token], mut at: usize, here: Vec<String>) -> (Vec<String>, usize) {
    if tokens[at].text != "super" {
        return (Vec::new(), at + 3);
    }
    let mut base = here;
    while word_at(tokens, at) == "super" {
        base.pop();
        at += 3;
    }
    (base, at)
}

/// Follows `a::b`, `a::{b, c::d}` and `a as b`; gives the token after the tree.
fn walk(tokens: &[Token], mut at: usize, prefix: &[String], found: &mut Vec<Path>) -> usize {
    let mut segments = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    loop {
        match tokens.get(at) {
            Some(token) if token.text == "{" => return walk_group(tokens, at + 1, &segments, found),
            Some(token) if token.is_word() && token.text != "self" => segments.push(token.text.clone()),
            Some(token) if token.text == "*" || token.text == "self" => {}
            _ => break,
        }
        at += 1;
        if word_at(tokens, at) == ":" && word_at(tokens, at + 1) == ":" {
            at += 2;
        } else {
            break;
        }
    }
    found.push(Path { segments, line });
    at
}

fn walk_group(tokens: &[Token], mut at: usize, prefix: &[String], found: &mut Vec<Path>) -> usize {
    while at < tokens.len() && tokens[at].text != "}" {
        let before = at;
        at = walk(tokens, at, prefix, found);
        while at < tokens.len() && tokens[at].text != "," && tokens[at].text != "}" {
            at += 1;
        }
        at += usize::from(word_at(tokens, at) == ",");
        assert!(at > before, "the walk moves on");
    }
    at + 1
}

/// A function with its first and last line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// Every function that has a body, nested ones too.
pub(crate) fn functions(tokens: &[Token]) -> Vec<Function> {
    let starts = tokens.windows(2).enumerate().filter(|(_, pair)| pair[0].text == "fn" && pair[1].is_word());
    starts.filter_map(|(at, pair)| function(tokens, at, &pair[1].text)).collect()
}

fn function(tokens: &[Token], at: usize, name: &str) -> Option<Function> {
    let mut depth = 0_usize;
    for token in &tokens[at..] {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => {
                let line = tokens[at].line;
                return Some(Function { name: name.to_owned(), line, lines: token.line - line + 1 });
            }
            "}" => depth = depth.checked_sub(1)?,
            ";" if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The words within `#[derive(…)]`, each with its line.
pub(crate) fn derives(tokens: &[Token]) -> Vec<&Token> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if tokens[at].text == "derive" && word_at(tokens, at + 1) == "(" {
            found.extend(tokens[at + 2..].iter().take_while(|token| token.text != ")").filter(|token| token.is_word()));
        }
    }
    found
}
