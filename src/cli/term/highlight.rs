//! Texts from outside, made safe to print, with the found places marked.

use std::fmt::Write as _;
use std::ops::Range;

use anstyle::{AnsiColor, Effects, Style};

use super::Terminal;

/// A place in a text, in bytes, and which of the legend's colours it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Bytes of the text. What lies outside the text or inside a character is drawn in to whole characters.
    pub bytes: Range<usize>,
    /// Marks of one kind look the same; kinds past the colours start again.
    pub kind: usize,
}

const COLORS: [AnsiColor; 6] =
    [AnsiColor::Red, AnsiColor::Yellow, AnsiColor::Cyan, AnsiColor::Magenta, AnsiColor::Green, AnsiColor::Blue];

impl Terminal {
    /// The text with its marks underlined in colour, or in `[[…]]` where there are no colours. Where marks overlap, the
    /// first in the list is seen.
    #[must_use]
    pub fn highlight(self, text: &str, marks: &[Mark]) -> String {
        let mut shown = String::with_capacity(text.len() + marks.len() * 8);
        for (piece, kind) in pieces(text, marks) {
            let piece = printable(piece);
            match kind {
                None => shown.push_str(&piece),
                Some(kind) if self.colors => shown.push_str(&self.mark(kind, &piece)),
                Some(_) => {
                    let _ = write!(shown, "[[{piece}]]");
                }
            }
        }
        shown
    }

    /// A word in the colour of a kind of mark: the legend beside a highlighted text.
    #[must_use]
    pub fn mark(self, kind: usize, text: &str) -> String {
        let color = COLORS[kind % COLORS.len()];
        self.styled(Style::new().fg_color(Some(color.into())).effects(Effects::UNDERLINE), text)
    }
}

/// Cuts a text where its marks begin and end; neighbours of one kind stay together.
fn pieces<'a>(text: &'a str, marks: &[Mark]) -> Vec<(&'a str, Option<usize>)> {
    let marks: Vec<Mark> = marks.iter().filter_map(|mark| within(text, mark)).collect();
    let mut cuts: Vec<usize> = marks.iter().flat_map(|mark| [mark.bytes.start, mark.bytes.end]).collect();
    cuts.extend([0, text.len()]);
    cuts.sort_unstable();
    cuts.dedup();
    let mut pieces: Vec<(Range<usize>, Option<usize>)> = Vec::new();
    for pair in cuts.windows(2) {
        let (start, end) = (pair[0], pair[1]);
        let kind = marks.iter().find(|mark| mark.bytes.start <= start && end <= mark.bytes.end).map(|mark| mark.kind);
        match pieces.last_mut() {
            Some((last, last_kind)) if *last_kind == kind => last.end = end,
            _ => pieces.push((start..end, kind)),
        }
    }
    pieces.into_iter().map(|(bytes, kind)| (&text[bytes], kind)).collect()
}

/// The mark, drawn in to whole characters of the text; `None` where nothing is left of it.
fn within(text: &str, mark: &Mark) -> Option<Mark> {
    let start = (mark.bytes.start..text.len()).find(|&at| text.is_char_boundary(at))?;
    let end = (0..=mark.bytes.end.min(text.len())).rfind(|&at| text.is_char_boundary(at))?;
    (start < end).then_some(Mark { bytes: start..end, kind: mark.kind })
}

/// The text without anything that a terminal would obey or hide. A message must not be able to clear the screen of who
/// looks at it, nor to pass its own words off as ours; and what evades a filter by being invisible should be seen.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => safe.push('⏎'),
            '\t' => safe.push('⇥'),
            '\0'..='\u{1f}' => safe.extend(char::from_u32(0x2400 + u32::from(c))),
            '\u{7f}' => safe.push('␡'),
            c if is_invisible(c) => {
                let _ = write!(safe, "‹{:X}›", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

/// C1 controls, soft hyphen, zero-width characters, and the marks that turn or hide text. A joiner between emoji is one
/// of them: it is as invisible as the others.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' |
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' |
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark(start: usize, end: usize, kind: usize) -> Mark {
        Mark { bytes: start..end, kind }
    }

    #[test]
    fn marks_are_bracketed_where_there_are_no_colours() {
        let plain = Terminal::plain();
        let cases: [(&str, &[Mark], &str); 6] = [
            ("加薇信领彩金", &[mark(3, 9, 0)], "加[[薇信]]领彩金"),
            ("abcdef", &[mark(0, 2, 0), mark(4, 6, 1)], "[[ab]]cd[[ef]]"),
            ("abcdef", &[mark(0, 3, 0), mark(3, 6, 0)], "[[abcdef]]"),
            ("abcdef", &[mark(0, 4, 0), mark(2, 6, 1)], "[[abcd]][[ef]]"),
            ("abc", &[mark(1, 99, 0), mark(7, 9, 0)], "a[[bc]]"),
            ("abc", &[], "abc"),
        ];
        for (text, marks, expected) in cases {
            assert_eq!(plain.highlight(text, marks), expected);
        }
    }

    #[test]
    fn a_mark_inside_a_character_is_drawn_in() {
        assert_eq!(Terminal::plain().highlight("加薇信", &[mark(1, 7, 0)]), "加[[薇]]信");
    }

    #[test]
    fn colours_are_those_of_the_kind() {
        let shown = Terminal::colored(80).highlight("ab", &[mark(0, 1, 1)]);
        assert_eq!(shown, "\u{1b}[4m\u{1b}[33ma\u{1b}[0mb");
    }

    #[test]
    fn what_a_terminal_would_obey_or_hide_is_shown() {
        assert_eq!(printable("a\u{1b}[2Jb\r\n\tc"), "a␛[2Jb␍⏎⇥c");
        assert_eq!(printable("薇\u{200b}信\u{202e}"), "薇‹200B›信‹202E›");
        assert_eq!(printable("👍 é 、"), "👍 é 、");
    }

    proptest! {
        #[test]
        fn any_mark_on_any_text_keeps_every_character(text in ".{0,40}", marks in prop::collection::vec((0_usize..140, 0_usize..140, 0_usize..9), 0..6)) {
            let marks: Vec<Mark> = marks.into_iter().map(|(start, end, kind)| mark(start, end, kind)).collect();
            let joined: String = pieces(&text, &marks).into_iter().map(|(piece, _)| piece).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
