//! YAML as a tree that remembers where everything stood, and what is wrong with its syntax.
//!
//! Tags, anchors and aliases are refused: a rule that is read out of order or written elsewhere cannot be reviewed.

use std::borrow::Cow;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use crate::problem::Problem;

/// The longest file: ten thousand long rules fit.
pub(crate) const FILE_BYTES_MAX: usize = 16 << 20;

/// The deepest nesting; a rule needs six.
const DEPTH_MAX: usize = 24;

/// Where something stands: line and column from 1, columns and lengths in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
    pub(crate) length: u32,
}

impl Place {
    fn of(span: Span, first_line: u32) -> Self {
        let line = span.start.line() as u32 + first_line;
        let length = if span.end.line() == span.start.line() { span.len() } else { 1 };
        Self { line, column: span.start.col() as u32 + 1, length: length.max(1) as u32 }
    }
}

/// How a scalar was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes: may be a number, a truth value or null.
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|` or `>`
    Block,
}

/// A node and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) place: Place,
    pub(crate) kind: Kind<'a>,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Kind<'a> {
    Scalar(Cow<'a, str>, Style),
    List(Vec<Node<'a>>),
    Map(Vec<(Node<'a>, Node<'a>)>),
    /// Something that was refused, and that no second problem is worth.
    Refused,
}

impl Node<'_> {
    /// Nothing, or the word for it.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(text, Style::Plain) if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What to call it in a message.
    pub(crate) fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
            Kind::Refused => "this",
            Kind::Scalar(..) if self.is_null() => "nothing",
            Kind::Scalar(text, Style::Plain) => match &**text {
                "true" | "false" => "a truth value",
                text if text.parse::<f64>().is_ok() => "a number",
                _ => "a string",
            },
            Kind::Scalar(..) => "a string",
        }
    }
}

/// How many mistakes of syntax are worth showing of one file.
const SYNTAX_PROBLEMS_MAX: usize = 50;

/// Reads a file's documents one after another. A mistake of syntax costs the top-level item that it stands in: reading
/// goes on at the next line that begins with `- `, so that one run shows the mistakes of all items.
pub(crate) fn read<'a>(file: &Arc<str>, text: &'a str, problems: &mut Vec<Problem>) -> Vec<Node<'a>> {
    let mut roots = Vec::new();
    if text.len() > FILE_BYTES_MAX {
        let message = format!("the file has {} bytes; at most {FILE_BYTES_MAX} are read", text.len());
        problems.push(Problem::error(file, message).hint("split it"));
        return roots;
    }
    if let Some(place) = lone_return(text) {
        let message = "a carriage return stands alone: YAML takes it for the end of a line, and most editors do not";
        let hint = "save the file with line feeds, or with carriage returns and line feeds";
        problems.push(Problem::error(file, message).at(place.line, place.column, place.length).hint(hint));
        return roots;
    }
    let (mut rest, mut first_line) = (text.strip_prefix('\u{feff}').unwrap_or(text), 0);
    for _ in 0..SYNTAX_PROBLEMS_MAX {
        let mut builder = Builder { file, first_line, open: Vec::new(), roots: &mut roots, problems };
        let Err(error) = builder.read(rest) else { return roots };
        let stopped_at = builder.abandon(&error, rest);
        match next_item(rest, stopped_at) {
            Some((line, offset)) => {
                rest = &rest[offset..];
                first_line += line;
            }
            None => return roots,
        }
    }
    roots
}

/// Where the first carriage return stands that no line feed follows. Every place after it would be another one to YAML
/// than to whoever shows the line.
fn lone_return(text: &str) -> Option<Place> {
    let at = text.bytes().zip(text.bytes().skip(1).chain([0])).position(|pair| pair.0 == b'\r' && pair.1 != b'\n')?;
    let before = &text[..at];
    let column = before.chars().rev().take_while(|c| *c != '\n').count() as u32 + 1;
    Some(Place { line: before.matches('\n').count() as u32 + 1, column, length: 1 })
}

/// The first line after `line` (from 1) that begins an item of a top-level list: lines skipped and byte offset.
fn next_item(text: &str, line: u32) -> Option<(u32, usize)> {
    let mut offset = 0;
    for (i, content) in text.split_inclusive('\n').enumerate() {
        let i = i as u32;
        if i >= line.max(1) && content.starts_with("- ") {
            return Some((i, offset));
        }
        offset += content.len();
    }
    None
}

/// A list or map that has begun and not ended; of a map, the key that waits for its value.
struct Open<'a> {
    node: Node<'a>,
    is_bracket: bool,
    key: Option<Node<'a>>,
}

struct Builder<'a, 'b> {
    file: &'b Arc<str>,
    first_line: u32,
    open: Vec<Open<'a>>,
    roots: &'b mut Vec<Node<'a>>,
    problems: &'b mut Vec<Problem>,
}

impl<'a> Builder<'a, '_> {
    fn read(&mut self, text: &'a str) -> Result<(), ScanError> {
        for event in Parser::new_from_str(text) {
            let (event, span) = event?;
            self.take(event, span)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'a>, span: Span) -> Result<(), ScanError> {
        let place = Place::of(span, self.first_line);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_refused = self.refuse(place, anchor != 0, tag.is_some());
                let kind = if is_refused { Kind::Refused } else { Kind::Scalar(text, style_of(style)) };
                self.put(Node { place, kind });
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse(place, anchor != 0, tag.is_some());
                self.begin(span, Node { place, kind: Kind::List(Vec::new()) })?;
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse(place, anchor != 0, tag.is_some());
                self.begin(span, Node { place, kind: Kind::Map(Vec::new()) })?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(_) => {
                self.refuse(place, true, false);
                self.put(Node { place, kind: Kind::Refused });
            }
            _ => {}
        }
        Ok(())
    }

    fn refuse(&mut self, place: Place, anchor: bool, tag: bool) -> bool {
        let what = match (anchor, tag) {
            (true, _) => "anchors and aliases (`&`, `*`) are not read here",
            (_, true) => "tags (`!`) are not read here",
            _ => return false,
        };
        let problem = Problem::error(self.file, what).at(place.line, place.column, place.length);
        self.problems.push(problem.hint("a value that begins with one of these characters needs quotes"));
        true
    }

    fn begin(&mut self, span: Span, node: Node<'a>) -> Result<(), ScanError> {
        if self.open.len() == DEPTH_MAX {
            return Err(ScanError::new(span.start, format!("nested more than {DEPTH_MAX} deep")));
        }
        self.open.push(Open { node, is_bracket: !span.is_empty(), key: None });
        Ok(())
    }

    fn end(&mut self) {
        if let Some(open) = self.open.pop() {
            self.put(open.node);
        }
    }

    fn put(&mut self, node: Node<'a>) {
        let Some(open) = self.open.last_mut() else {
            self.roots.push(node);
            return;
        };
        match &mut open.node.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(pairs) => match open.key.take() {
                Some(key) => pairs.push((key, node)),
                None => open.key = Some(node),
            },
            Kind::Scalar(..) | Kind::Refused => {}
        }
    }

    /// Notes the mistake and keeps the complete items of an open top-level list. Gives the line, from 1 in `text`, of
    /// the item that is lost.
    fn abandon(&mut self, error: &ScanError, text: &str) -> u32 {
        let (line, column) = visible_place(text, error.marker().index());
        let hint = match self.open.iter().rev().find(|open| open.is_bracket).map(|open| open.node.place) {
            Some(open) => format!("is the bracket that opens in line {}, column {} closed?", open.line, open.column),
            None => "check indentation and quotes; a value that begins with ! & * ' or \" needs quotes".into(),
        };
        let problem = Problem::error(self.file, format!("this is not YAML: {}", error.info()));
        self.problems.push(problem.at(line + self.first_line, column, 1).hint(hint));
        let lost = self.open.get(1).map_or(line, |item| item.node.place.line - self.first_line);
        if !self.open.is_empty() {
            let root = self.open.swap_remove(0).node;
            self.roots.push(root);
        }
        lost
    }
}

/// Line and column of a character, or of the end of the text's last line with something on it if that comes first.
fn visible_place(text: &str, index: usize) -> (u32, u32) {
    let before = text.trim_end().chars().take(index);
    before.fold((1, 1), |(line, column), c| if c == '\n' { (line + 1, 1) } else { (line, column + 1) })
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::Single,
        ScalarStyle::DoubleQuoted => Style::Double,
        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> (Vec<Node<'_>>, Vec<Problem>) {
        let mut problems = Vec::new();
        let nodes = read(&"r.yaml".into(), text, &mut problems);
        (nodes, problems)
    }

    #[test]
    fn places_count_lines_and_characters() {
        let (roots, problems) = check("# c\n- id: 群内\n  x: [1, two]\n");
        assert!(problems.is_empty());
        let Kind::List(items) = &roots[0].kind else { panic!() };
        let Kind::Map(pairs) = &items[0].kind else { panic!() };
        assert_eq!(pairs[0].1.place, Place { line: 2, column: 7, length: 2 });
        let Kind::List(inner) = &pairs[1].1.kind else { panic!() };
        assert_eq!(inner[1].place, Place { line: 3, column: 10, length: 3 });
    }

    /// Found by fuzzing: a problem stood in line 2 of a file of one line.
    #[test]
    fn a_carriage_return_that_ends_no_line_is_refused_where_it_stands() {
        for (text, place) in [("\r)", (1, 1)), ("- a: 1\n- b\r: 2\n", (2, 4)), ("a\r", (1, 2))] {
            let (roots, problems) = check(text);
            let found: Vec<_> = problems.iter().map(|p| (p.line, p.column)).collect();
            assert_eq!((roots.len(), &found[..]), (0, &[place][..]), "{text:?}: {problems:?}");
        }
        assert_eq!(check("- a: 1\r\n- b: 2\r\n").1, []);
    }

    #[test]
    fn reading_goes_on_behind_a_mistake_of_syntax() {
        let (roots, problems) = check("- a: 1\n- b: [1, 2\n- c: 3\n- d: 'x\n    y'\n- e: }\n- f: 6\n");
        let lines: Vec<_> = problems.iter().map(|p| p.line).collect();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(lines[0] >= 2 && lines[1] >= 6, "{lines:?}");
        let items: usize = roots.iter().map(|r| if let Kind::List(items) = &r.kind { items.len() } else { 0 }).sum();
        assert!(items >= 3, "the items without mistakes are read: {roots:?}");
    }

    #[test]
    fn anchors_and_tags_are_refused_where_they_stand() {
        let (_, problems) = check("- a: &x 1\n- b: *x\n- c: !!str 2\n");
        assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
