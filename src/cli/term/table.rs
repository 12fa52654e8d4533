//! Tables in one house style: a bold head, a thin line under it, figures to the right, nothing else.

use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, TableStyle};

use super::Terminal;

const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none());

/// Whether a column holds words or figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column<'a> {
    /// Words, to the left.
    Words(&'a str),
    /// Figures, to the right.
    Figures(&'a str),
}

impl<'a> Column<'a> {
    fn title(self) -> &'a str {
        match self {
            Self::Words(title) | Self::Figures(title) => title,
        }
    }

    fn alignment(self) -> CellAlignment {
        match self {
            Self::Words(_) => CellAlignment::Left,
            Self::Figures(_) => CellAlignment::Right,
        }
    }
}

/// A table that is filled row by row. Cells are plain text: their widths are those of the characters in a terminal.
#[derive(Debug)]
pub struct Table {
    table: comfy_table::Table,
}

impl Table {
    /// A table with these columns.
    #[must_use]
    pub fn new(terminal: Terminal, columns: &[Column<'_>]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(STYLE);
        table.set_header(columns.iter().map(|column| Cell::new(column.title()).add_attribute(Attribute::Bold)));
        if terminal.colors {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(terminal.width);
        for (column, kind) in table.column_iter_mut().zip(columns) {
            column.set_padding((0, 1)).set_cell_alignment(kind.alignment());
        }
        Self { table }
    }

    /// Adds a row.
    pub fn row<I: IntoIterator<Item = T>, T: Into<String>>(&mut self, cells: I) -> &mut Self {
        self.table.add_row(cells.into_iter().map(|cell| Cell::new(super::printable(&cell.into()))));
        self
    }

    /// Whether no row was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

impl std::fmt::Display for Table {
    /// Lines without trailing spaces, the last one without a line feed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.table.trim_fmt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(terminal: Terminal) -> String {
        let mut table = Table::new(terminal, &[Column::Words("rule"), Column::Figures("events")]);
        table.row(["group.gambling", "1,204"]).row(["群内赌博", "7"]);
        table.to_string()
    }

    #[test]
    fn words_stand_left_figures_right_and_chinese_is_two_wide() {
        let expected = "\
rule            events
───────────────────────
group.gambling   1,204
群内赌博             7";
        assert_eq!(sample(Terminal::plain()), expected);
    }

    #[test]
    fn a_coloured_head_is_bold() {
        assert!(sample(Terminal::colored(80)).contains("\u{1b}[1m"));
        assert!(!sample(Terminal::plain()).contains('\u{1b}'));
    }

    #[test]
    fn a_narrow_terminal_wraps_and_loses_nothing() {
        let mut table = Table::new(Terminal { colors: false, width: 24 }, &[Column::Words("text")]);
        table.row(["一句很长的话一句很长的话一句很长的话"]);
        let shown = table.to_string();
        assert_eq!(shown.matches('句').count(), 3, "\n{shown}");
        assert!(shown.lines().all(|line| unicode_width::UnicodeWidthStr::width(line) <= 24), "\n{shown}");
    }
}
