//! A progress bar with rate and time left, on standard error, and only where somebody is looking.

use std::borrow::Cow;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Terminal;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Messages, rules, files.
    Items,
    /// Bytes of input, where the number of messages is not known before the end.
    Bytes,
}

/// Draws at most ten times a second; not at all where standard error is not a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar over `total` units, or a counter where the total is not known. `terminal` is that of standard error.
    #[must_use]
    pub fn new(terminal: Terminal, unit: Unit, total: Option<u64>, what: impl Into<Cow<'static, str>>) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
        bar.set_style(style(unit, total.is_some(), terminal.is_colored()));
        bar.set_message(what);
        Self { bar }
    }

    /// So many more units are done.
    pub fn advance(&self, units: u64) {
        self.bar.inc(units);
    }

    /// Prints a line above the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn style(unit: Unit, has_total: bool, colors: bool) -> ProgressStyle {
    ProgressStyle::with_template(&template(unit, has_total, colors))
        .expect("the template is one of ours")
        .progress_chars("━╸─")
}

fn template(unit: Unit, has_total: bool, colors: bool) -> String {
    let (done, total, rate) = match unit {
        Unit::Items => ("{human_pos}", "{human_len}", "{per_sec}"),
        Unit::Bytes => ("{decimal_bytes}", "{decimal_total_bytes}", "{decimal_bytes_per_sec}"),
    };
    let bar = if colors { "{wide_bar:.cyan/dim}" } else { "{wide_bar}" };
    if has_total {
        format!("{{msg}} {bar} {done} of {total}  {rate}  {{eta}} left")
    } else {
        format!("{{spinner}} {{msg}} {done}  {rate}  {{elapsed}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_valid_and_a_bar_counts_without_a_terminal() {
        for unit in [Unit::Items, Unit::Bytes] {
            for total in [None, Some(10)] {
                for terminal in [Terminal::plain(), Terminal::colored(80)] {
                    let progress = Progress::new(terminal, unit, total, "reading");
                    progress.advance(3);
                    assert_eq!(progress.bar.position(), 3);
                }
            }
        }
    }
}
