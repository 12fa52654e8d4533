//! Does a text say that what it repeats is somebody else's? Named sources and quotation marks.

use std::ops::Range;

use crate::text::fold_to_string;

/// Where people name a source: in the first or the last so many characters.
const EDGE_CHARS: usize = 160;

/// Words that name a source, as the fold leaves them. What follows must say who it is.
const CREDITS: [&str; 24] = [
    "转载自",
    "转自",
    "转载于",
    "转载来源",
    "来源",
    "原文",
    "原文链接",
    "原作者",
    "作者",
    "出处",
    "原载",
    "摘自",
    "授权转载",
    "首发于",
    "文/",
    "via",
    "source:",
    "originally published",
    "reprinted from",
    "republished from",
    "reposted from",
    "courtesy of",
    "credit:",
    "author:",
];

/// Sources that name nobody.
const NOBODY: [&str; 8] = ["网络", "互联网", "网上", "未知", "佚名", "不详", "internet", "unknown"];

/// Marks before and after what is quoted.
const QUOTES: [(char, char); 6] = [('「', '」'), ('『', '』'), ('“', '”'), ('"', '"'), ('《', '》'), ('‘', '’')];

/// How much of what is repeated must stand in quotation marks.
const QUOTED_SHARE: f32 = 0.7;

/// Whether a text names where it is from, near its beginning or its end: `转载自某报`, not `来源：网络`.
#[must_use]
pub fn names_source(text: &str) -> bool {
    let chars = text.chars().count();
    let start = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    let head = &text[..start(EDGE_CHARS)];
    let tail = &text[start(chars.saturating_sub(EDGE_CHARS).max(EDGE_CHARS))..];
    [head, tail].into_iter().any(|edge| has_credit(&fold_to_string(edge)))
}

fn has_credit(folded: &str) -> bool {
    CREDITS.iter().any(|credit| {
        folded
            .match_indices(credit)
            .any(|(at, _)| stands_alone(folded, at, credit) && is_somebody(&folded[at + credit.len()..]))
    })
}

/// A Latin word is no part of a longer one.
fn stands_alone(folded: &str, at: usize, credit: &str) -> bool {
    let is_latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let after = folded[at + credit.len()..].chars().next();
    !(credit.is_ascii() && (is_latin(folded[..at].chars().next_back()) || is_latin(after) && !credit.ends_with(':')))
}

fn is_somebody(after: &str) -> bool {
    let name = after.trim_start_matches(|c: char| !c.is_alphanumeric() || "于自是".contains(c));
    let near = after.len() - name.len() <= 12;
    near && !name.is_empty() && !NOBODY.iter().any(|nobody| name.starts_with(nobody))
}

/// Whether most of these bytes of a text stand in quotation marks or in lines that begin with `>`.
#[must_use]
pub fn is_quoted(text: &str, spans: &[Range<usize>]) -> bool {
    let all: usize = spans.iter().map(ExactSizeIterator::len).sum();
    let quoted = quoted(text);
    let within = |span: &Range<usize>| -> usize {
        let common = |quote: &Range<usize>| quote.end.min(span.end).saturating_sub(quote.start.max(span.start));
        quoted.iter().map(common).sum()
    };
    all > 0 && spans.iter().map(within).sum::<usize>() as f32 >= all as f32 * QUOTED_SHARE
}

/// The bytes that are quoted, in order and without overlaps. A mark that is never closed quotes nothing.
fn quoted(text: &str) -> Vec<Range<usize>> {
    let mut quoted: Vec<Range<usize>> = Vec::new();
    // Whether a closing mark may still come, so that a text of nothing but opening marks is not searched for each of them.
    let mut may_close = [true; QUOTES.len()];
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let inner = at + c.len_utf8();
        let starts_line = at == 0 || text[..at].ends_with('\n');
        let end = if starts_line && (c == '>' || c == '＞') {
            Some(text[inner..].find('\n').map_or(text.len(), |length| inner + length))
        } else {
            QUOTES.iter().position(|(open, _)| *open == c).filter(|kind| may_close[*kind]).and_then(|kind| {
                let close = text[inner..].find(QUOTES[kind].1).map(|length| inner + length);
                may_close[kind] = close.is_some();
                close
            })
        };
        match end {
            Some(end) => {
                quoted.push(inner..end);
                at = end + text[end..].chars().next().map_or(0, char::len_utf8);
            }
            None => at = inner,
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_named_source_is_seen_and_an_unnamed_one_is_not() {
        let long = "很长的正文".repeat(100);
        for text in [
            "转载自《江边日报》。今天傍晚江边要放烟花",
            &format!("{long}\n来源：江边日报"),
            &format!("{long}（原作者 林小树，已获授权）"),
            "轉載自：江边日报",
            "Originally published in The River Post. Fireworks tonight",
            &format!("{long} via The River Post"),
            "Source: the River Post",
        ] {
            assert!(names_source(text), "{text}");
        }
        for text in [
            "",
            "今天傍晚江边要放烟花",
            &format!("{long}来源：网络"),
            &format!("{long}转载自互联网，侵删"),
            &format!("{long}来源：江边日报{long}"),
            "He was aviator of the year; sources say nothing",
            "来源",
        ] {
            assert!(!names_source(text), "{text}");
        }
    }

    fn quotes(text: &str, span: Range<usize>) -> bool {
        is_quoted(text, std::slice::from_ref(&span))
    }

    #[test]
    fn what_is_quoted_is_told_from_what_is_not() {
        let text = "他写道：「今天傍晚江边要放烟花」，我不信。";
        let span = |part: &str| text.find(part).map(|at| at..at + part.len()).unwrap();
        assert!(quotes(text, span("今天傍晚江边要放烟花")));
        assert!(!quotes(text, span("我不信")));
        assert!(!is_quoted(text, &[]));
        assert!(!quotes("「今天傍晚江边要放烟花", 3..33));
        assert!(quotes("> 今天傍晚\n是吗", 2..14));
        assert!(!quotes("a > 今天傍晚", 4..16));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}|[「」“”\">\n来源：a]{0,30}", start in 0_usize..60, end in 0_usize..60) {
            let _ = (names_source(&text), quotes(&text, start.min(end)..end.max(start)));
        }
    }
}
