//! How every command looks: colours only where they are wanted, one house style for tables, numbers for people, and
//! texts from outside made safe to print.

mod highlight;
mod numbers;
mod problems;
mod progress;
mod table;

use std::io::{self, Write};

use anstyle::{AnsiColor, Effects, Style};
use serde::Serialize;

pub use highlight::{Mark, printable};
pub use numbers::{bytes, count, duration, percent, rate};
pub use problems::summary;
pub use progress::{Progress, Unit};
pub use table::{Column, Table};

/// When to use colours; `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`.
    #[default]
    Auto,
    /// Even into a pipe or file.
    Always,
    /// Never.
    Never,
}

/// What a piece of output is; colours follow from it, so that one thing looks the same in every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The title of a section.
    Heading,
    /// What stands back: units, file names, line numbers.
    Quiet,
    /// It went well.
    Good,
    /// Somebody should look.
    Warning,
    /// It is refused, or it failed.
    Bad,
    /// A name: a rule, a signal, a command.
    Name,
}

impl Role {
    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Heading => Style::new().effects(Effects::BOLD),
            Self::Quiet => Style::new().effects(Effects::DIMMED),
            Self::Good => color(AnsiColor::Green),
            Self::Warning => color(AnsiColor::Yellow).effects(Effects::BOLD),
            Self::Bad => color(AnsiColor::Red).effects(Effects::BOLD),
            Self::Name => color(AnsiColor::Cyan),
        }
    }
}

/// How wide tables and source lines are where there is no terminal. Machines read `--json`; who reads this is a person.
const COLUMNS: u16 = 120;
/// A terminal that says it is narrower than this is not believed.
const COLUMNS_MIN: u16 = 20;

/// Where output goes, as far as its looks depend on it. A value, so that tests need no terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    colors: bool,
    /// Columns that tables and source lines keep to.
    width: u16,
}

impl Terminal {
    /// Standard output.
    #[must_use]
    pub fn stdout(choice: ColorChoice) -> Self {
        let width = terminal_size::terminal_size_of(io::stdout()).map_or(COLUMNS, |(width, _)| width.0);
        Self { colors: choice.resolve(&io::stdout()), width: width.max(COLUMNS_MIN) }
    }

    /// Standard error.
    #[must_use]
    pub fn stderr(choice: ColorChoice) -> Self {
        let width = terminal_size::terminal_size_of(io::stderr()).map_or(COLUMNS, |(width, _)| width.0);
        Self { colors: choice.resolve(&io::stderr()), width: width.max(COLUMNS_MIN) }
    }

    /// What a file or a pipe gets: no colours, and lines that a person can read.
    #[must_use]
    pub const fn plain() -> Self {
        Self { colors: false, width: COLUMNS }
    }

    /// Colours and this width, in columns.
    #[must_use]
    pub const fn colored(width: u16) -> Self {
        Self { colors: true, width }
    }

    /// Whether colours are used.
    #[must_use]
    pub fn is_colored(self) -> bool {
        self.colors
    }

    /// The text in the colours of its role.
    #[must_use]
    pub fn paint(self, role: Role, text: impl AsRef<str>) -> String {
        self.styled(role.style(), text.as_ref())
    }

    fn styled(self, style: Style, text: &str) -> String {
        if self.colors && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

impl ColorChoice {
    fn resolve(self, stream: &impl anstream::stream::RawStream) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never,
        }
    }
}

/// One value as one line of JSON: what every command prints under `--json`.
///
/// # Errors
/// If the stream refuses it.
pub fn json_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_painted_only_where_colours_are_on() {
        assert_eq!(Terminal::plain().paint(Role::Bad, "no"), "no");
        assert_eq!(Terminal::colored(80).paint(Role::Bad, "no"), "\u{1b}[1m\u{1b}[31mno\u{1b}[0m");
        assert_eq!(Terminal::colored(80).paint(Role::Bad, ""), "");
    }

    #[test]
    fn a_choice_is_kept_whatever_the_stream_is() {
        assert!(ColorChoice::Always.resolve(&io::stdout()));
        assert!(!ColorChoice::Never.resolve(&io::stdout()));
    }

    #[test]
    fn json_is_one_line_a_value() {
        let mut out = Vec::new();
        json_line(&mut out, &("a\nb", 1)).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "[\"a\\nb\",1]\n");
    }
}
