//! From a place in a condition to the place in its file, whatever way of writing strings YAML was asked for.
//!
//! Quotes, escapes, indentation and folded lines change only what stands between the visible characters of a scalar,
//! not their order. So the value is laid along the source, visible character by visible character.

use std::ops::Range;

use super::yaml::{Kind, Node, Place, Style};

/// A file's text with the start of every line.
pub(crate) struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self { text, starts: std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect() }
    }

    /// The text from a line (from 1) on.
    fn from(&self, line: u32) -> &'t str {
        self.starts.get(line as usize - 1).map_or("", |start| &self.text[*start..])
    }
}

/// The place in the file of `at`, a range of bytes of the scalar's value.
pub(crate) fn place_in(node: &Node<'_>, value: &str, at: Range<usize>, lines: &Lines<'_>) -> Place {
    let Kind::Scalar(_, style) = &node.kind else { return node.place };
    let mut cursor = Cursor::new(node.place, *style, lines);
    let mut first: Option<(u32, u32)> = None;
    let (mut last, mut width) = ((node.place.line, node.place.column), 0);
    for (offset, c) in value.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        if first.is_some() && offset >= at.end {
            break;
        }
        let Some(place) = cursor.find(c) else { return node.place };
        if offset >= at.start && first.is_none() {
            first = Some(place);
        }
        if first.is_none_or(|first| first.0 == place.0) {
            (last, width) = (place, 1);
        }
    }
    match first {
        Some((line, column)) => Place { line, column, length: last.1 - column + 1 },
        None => Place { line: last.0, column: last.1 + width, length: 1 },
    }
}

/// Walks the source of a scalar and gives its visible characters with line and column.
struct Cursor<'t> {
    rest: std::str::Chars<'t>,
    style: Style,
    line: u32,
    column: u32,
}

impl<'t> Cursor<'t> {
    fn new(start: Place, style: Style, lines: &Lines<'t>) -> Self {
        let mut cursor = Self { rest: lines.from(start.line).chars(), style, line: start.line, column: 1 };
        let quote = u32::from(matches!(style, Style::Single | Style::Double));
        for _ in 1..start.column + quote {
            cursor.next();
        }
        cursor
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    /// The place of the next visible character, which must be this one.
    fn find(&mut self, wanted: char) -> Option<(u32, u32)> {
        loop {
            let place = (self.line, self.column);
            let mut c = self.next()?;
            match (self.style, c) {
                (Style::Double, '\\') => c = self.escape()?,
                (Style::Single, '\'') => c = self.next()?,
                _ => {}
            }
            if c == wanted {
                return Some(place);
            }
            if !c.is_whitespace() {
                return None;
            }
        }
    }

    /// The character that an escape of a double-quoted scalar stands for.
    fn escape(&mut self) -> Option<char> {
        let digits = match self.next()? {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            'n' | 't' | 'r' | 'v' | 'f' | '_' | 'N' | 'L' | 'P' => return Some(' '),
            other => return Some(other),
        };
        let hex: Option<String> = (0..digits).map(|_| self.next()).collect();
        char::from_u32(u32::from_str_radix(&hex?, 16).ok()?)
    }
}
