//! What is wrong with a file that a person wrote: where, what, and what to do next.
//!
//! Every room that reads such files (`keywords`, `rules`, `config`, later `claims`) returns what it could read together
//! with a list of these, so that one run shows all mistakes. How they are printed is the business of `cli`.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is taken, and somebody should look.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Whether the file can be used.
    pub severity: Severity,
    /// The file, as the user named it.
    pub file: Arc<str>,
    /// The line, from 1; 0 where the whole file is meant.
    pub line: u32,
    /// The column in characters, from 1; 0 where the whole line is meant.
    pub column: u32,
    /// How many characters are meant, at least 1 where `column` is given.
    pub length: u32,
    /// What is wrong: a sentence that names the key, the value and the bound.
    pub message: String,
    /// What to do next, such as the nearest right name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// An error about a whole file; narrow it with [`Problem::at`].
    #[must_use]
    pub fn error(file: &Arc<str>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: Arc::clone(file),
            line: 0,
            column: 0,
            length: 0,
            message: message.into(),
            hint: None,
        }
    }

    /// A warning about a whole file.
    #[must_use]
    pub fn warning(file: &Arc<str>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(file, message) }
    }

    /// The same, about a place.
    #[must_use]
    pub fn at(self, line: u32, column: u32, length: u32) -> Self {
        Self { line, column, length, ..self }
    }

    /// The same, with what to do next.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for Problem {
    /// One line, in the form that editors and CI systems parse: `file:line:column: error: message (hint)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, ": {severity}: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Whether any of them refuses the file.
#[must_use]
pub fn has_errors(problems: &[Problem]) -> bool {
    problems.iter().any(|problem| problem.severity == Severity::Error)
}

/// The known name nearest to a misspelt one, if one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|&(similarity, _)| similarity >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_only_where_it_is_near() {
        let known = ["account.age_days", "author.posts_1h"];
        assert_eq!(nearest("account.age_day", known), Some("account.age_days"));
        assert_eq!(nearest("weather", known), None);
    }
}
