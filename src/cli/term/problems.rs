//! What is wrong with a file, as compilers show it: the place, the line, and carets under what is meant.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{Role, Terminal, printable};
use crate::problem::{Problem, Severity};

impl Terminal {
    /// One problem with its source line, where the source is at hand. Ends with a line feed.
    #[must_use]
    pub fn problem(self, problem: &Problem, source: Option<&str>) -> String {
        let (role, word) = match problem.severity {
            Severity::Error => (Role::Bad, "error"),
            Severity::Warning => (Role::Warning, "warning"),
        };
        let mut shown = format!(
            "{}{}\n",
            self.paint(role, word),
            self.paint(Role::Heading, format!(": {}", printable(&problem.message)))
        );
        let gutter = problem.line.max(1).ilog10() as usize + 1;
        let _ = writeln!(shown, "{:gutter$}{} {}", "", self.paint(Role::Quiet, "-->"), place(problem));
        let line = source.and_then(|source| source.lines().nth((problem.line as usize).checked_sub(1)?));
        if let Some(line) = line {
            shown.push_str(&self.snippet(problem, line, gutter, role));
        }
        if let Some(hint) = &problem.hint {
            let _ = writeln!(shown, "{:gutter$} {} {}", "", self.paint(Role::Good, "= hint:"), printable(hint));
        }
        shown
    }

    fn snippet(self, problem: &Problem, line: &str, gutter: usize, role: Role) -> String {
        let columns = usize::from(self.width).saturating_sub(gutter + 3);
        let (line, problem) = &cropped(line, problem, columns);
        let bar = self.paint(Role::Quiet, "|");
        let number = self.paint(Role::Quiet, format!("{:gutter$}", problem.line));
        let empty = format!("{:gutter$} {bar}\n", "");
        let mut shown = format!("{empty}{number} {bar} {}\n", printable(line));
        match carets(problem, line) {
            Some((indent, carets)) => {
                let _ = writeln!(shown, "{:gutter$} {bar} {:indent$}{}", "", "", self.paint(role, carets));
            }
            None => shown.push_str(&empty),
        }
        shown
    }
}

/// The part of a long line around what is meant, and the problem with its column in that part.
fn cropped<'a>(line: &'a str, problem: &Problem, columns: usize) -> (Cow<'a, str>, Problem) {
    if printable(line).width() <= columns {
        return (line.into(), problem.clone());
    }
    let before = (problem.column as usize).saturating_sub(1);
    let chars: Vec<char> = line.chars().collect();
    // A third of the room goes to what stands before, so that the meant part and what follows it can be read.
    let start = back_by(&chars, before, columns / 3);
    let (head, column) = if start == 0 { ("", problem.column) } else { ("…", problem.column - start as u32 + 1) };
    let mut part = head.to_owned();
    for &c in &chars[start.min(chars.len())..] {
        if printable(&part).width() + 2 >= columns {
            part.push('…');
            break;
        }
        part.push(c);
    }
    let length = (problem.length as usize).min(part.chars().count().saturating_sub(column.max(1) as usize) + 1) as u32;
    (part.into(), Problem { column, length, ..problem.clone() })
}

/// The first character of those before `at` that fit into so many columns.
fn back_by(chars: &[char], at: usize, columns: usize) -> usize {
    let mut width = 0;
    let fits = |c: &&char| {
        width += c.width().unwrap_or(1);
        width <= columns
    };
    let at = at.min(chars.len());
    at - chars[..at].iter().rev().take_while(fits).count()
}

/// `file:line:column`, as far as it is known: terminals and editors make it a link.
fn place(problem: &Problem) -> String {
    let numbers = [problem.line, problem.column].into_iter().take_while(|&number| number > 0);
    numbers.fold(problem.file.to_string(), |place, number| format!("{place}:{number}"))
}

/// How far to indent, and the carets: widths are those of the characters as they are printed.
fn carets(problem: &Problem, line: &str) -> Option<(usize, String)> {
    let before = (problem.column as usize).checked_sub(1)?;
    let width = |from: usize, count: usize| printable(&line.chars().skip(from).take(count).collect::<String>()).width();
    let marked = width(before, problem.length.max(1) as usize).max(1);
    Some((width(0, before), "^".repeat(marked)))
}

/// `2 errors, 1 warning`; empty where there is nothing to say.
#[must_use]
pub fn summary(problems: &[Problem]) -> String {
    let of = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let say = |n: usize, word: &str| match n {
        0 => None,
        1 => Some(format!("1 {word}")),
        n => Some(format!("{n} {word}s")),
    };
    let parts = [say(of(Severity::Error), "error"), say(of(Severity::Warning), "warning")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_is_shown_as_compilers_do() {
        let file = "rules/group.yaml".into();
        let source = "- id: a\n  when: account.age_day < 7\n";
        let problem = Problem::error(&file, "unknown signal `account.age_day`")
            .at(2, 9, 15)
            .hint("did you mean `account.age_days`?");
        let expected = "\
error: unknown signal `account.age_day`
 --> rules/group.yaml:2:9
  |
2 |   when: account.age_day < 7
  |         ^^^^^^^^^^^^^^^
  = hint: did you mean `account.age_days`?
";
        assert_eq!(Terminal::plain().problem(&problem, Some(source)), expected);
    }

    #[test]
    fn carets_stand_under_chinese_characters_and_tabs() {
        let file = "words/加群.txt".into();
        let problem = Problem::warning(&file, "duplicate").at(12, 3, 2);
        let source = format!("{}加\t彩金\n", "\n".repeat(11));
        let shown = Terminal::plain().problem(&problem, Some(&source));
        assert!(shown.ends_with("12 | 加⇥彩金\n   |    ^^^^\n"), "{shown}");
    }

    #[test]
    fn a_problem_without_a_place_or_a_source_is_still_told() {
        let file = "rules".into();
        let problem = Problem::error(&file, "no such folder");
        assert_eq!(Terminal::plain().problem(&problem, None), "error: no such folder\n --> rules\n");
        let past_the_end = Problem::error(&file, "cut short").at(9, 1, 1);
        assert_eq!(Terminal::plain().problem(&past_the_end, Some("one\n")), "error: cut short\n --> rules:9:1\n");
    }

    #[test]
    fn a_column_past_the_end_still_gets_a_caret() {
        let file = "a".into();
        let problem = Problem::error(&file, "expected `)`").at(1, 4, 1);
        assert!(Terminal::plain().problem(&problem, Some("f(x")).ends_with("1 | f(x\n  |    ^\n"));
    }

    #[test]
    fn a_long_line_is_cropped_around_what_is_meant() {
        let file = "a.yaml".into();
        let line = format!("{}坏坏{}", "字".repeat(200), "x".repeat(200));
        let problem = Problem::error(&file, "wrong").at(1, 201, 2);
        let shown = Terminal::colored(64).problem(&problem, Some(&line));
        let plain = anstream::adapter::strip_str(&shown).to_string();
        let lines: Vec<&str> = plain.lines().collect();
        assert!(lines.iter().all(|line| line.width() <= 64), "{plain}");
        assert!(lines[3].contains("字坏坏xx") && lines[3].contains("| …字") && lines[3].ends_with('…'), "{plain}");
        let indent = lines[4].find('^').expect("carets");
        let meant = lines[3].find('坏').expect("the meant part");
        assert_eq!(lines[4][..indent].width(), lines[3][..meant].width(), "{plain}");
        assert!(lines[4].ends_with("^^^^"), "{plain}");
    }

    #[test]
    fn any_place_in_any_line_can_be_shown() {
        let file = "a".into();
        for line in ["", "short", &"长".repeat(300), &"\t\u{200b}x".repeat(100)] {
            for column in [0, 1, 2, 150, 299, 300, 301, 9999] {
                for length in [0, 1, 5, 9999] {
                    let problem = Problem::error(&file, "wrong").at(1, column, length);
                    let shown = Terminal::plain().problem(&problem, Some(&format!("{line}\n")));
                    assert_eq!(shown.contains('^'), column > 0, "{column} {length} {shown}");
                }
            }
        }
    }

    #[test]
    fn sums() {
        let file = "a".into();
        let (error, warning) = (Problem::error(&file, ""), Problem::warning(&file, ""));
        assert_eq!(summary(&[error.clone(), warning, error]), "2 errors, 1 warning");
        assert_eq!(summary(&[]), "");
    }
}
