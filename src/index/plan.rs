//! From a query as people write it to one that the library runs.

use std::ops::Bound;

use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, EmptyQuery, ExistsQuery, Occur, PhraseQuery, Query as Runs, RangeQuery, RegexQuery,
    TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};

use super::Fold;
use super::days::Words;
use super::document::moment;
use super::query::{Query, Test};
use super::schema::{Fields, Kind, kind};
use super::tokens::letters;

/// Wordings of one claim that are looked for.
const WORDINGS_MAX: usize = 32;
/// Parts of a wording that are looked for.
const PARTS_MAX: usize = 64;
/// The share of a wording's parts that must stand in a text. Whoever decides whether it says the same asks for more.
const PARTS_SHARE_MIN: f64 = 0.3;
/// Shorter words stand in most texts.
const WORD_CHARS_MIN: usize = 3;

/// What a plan is made with.
pub(super) struct Planner<'a> {
    pub(super) fields: &'a Fields,
    pub(super) jieba: &'a Words,
    pub(super) fold: Fold,
}

impl Planner<'_> {
    pub(super) fn plan(&self, query: &Query) -> tantivy::Result<Box<dyn Runs>> {
        Ok(match query {
            Query::All => Box::new(AllQuery),
            Query::Clause { field, test } => self.clause(field, test)?,
            Query::And(all) => self.both(all)?,
            Query::Or(any) => {
                let any = any.iter().map(|query| Ok((Occur::Should, self.plan(query)?)));
                Box::new(BooleanQuery::new(any.collect::<tantivy::Result<_>>()?))
            }
            Query::Not(_) => self.both(std::slice::from_ref(query))?,
        })
    }

    /// All of these; what must not be there needs something that it is taken from.
    fn both(&self, all: &[Query]) -> tantivy::Result<Box<dyn Runs>> {
        let mut parts: Vec<(Occur, Box<dyn Runs>)> = Vec::with_capacity(all.len() + 1);
        for query in all {
            parts.push(match query {
                Query::Not(inner) => (Occur::MustNot, self.plan(inner)?),
                _ => (Occur::Must, self.plan(query)?),
            });
        }
        if parts.iter().all(|(occur, _)| *occur == Occur::MustNot) {
            parts.push((Occur::Must, Box::new(AllQuery)));
        }
        Ok(Box::new(BooleanQuery::new(parts)))
    }

    fn clause(&self, name: &str, test: &Test) -> tantivy::Result<Box<dyn Runs>> {
        let field = self.fields.named(name);
        Ok(match test {
            Test::Is { value, is_quoted: false } if value == "*" => self.exists(name),
            Test::Is { value, is_quoted } if kind(name) == Some(Kind::Text) => self.text(value, *is_quoted),
            Test::Is { value, is_quoted: false } if value.contains('*') => {
                Box::new(RegexQuery::from_pattern(&pattern(value), field)?)
            }
            Test::Is { value, .. } if name == "cluster" => {
                let first = term(self.fields.named("event"), value);
                Box::new(BooleanQuery::new(vec![(Occur::Should, term(field, value)), (Occur::Should, first)]))
            }
            Test::Is { value, .. } => term(field, value),
            Test::Alike(wordings) => self.alike(wordings),
            Test::Between(from, to) => {
                let bound = |at: &Option<i64>| {
                    at.map_or(Bound::Unbounded, |at| Bound::Included(Term::from_field_date(field, moment(at))))
                };
                range(bound(from), bound(to))
            }
            Test::Within(from, to) => {
                let bound = |number: &Option<f64>| {
                    number.map_or(Bound::Unbounded, |number| Bound::Included(Term::from_field_f64(field, number)))
                };
                match (from, to) {
                    (None, None) => self.exists(name),
                    _ => range(bound(from), bound(to)),
                }
            }
        })
    }

    /// Whatever has any value of the field.
    fn exists(&self, name: &str) -> Box<dyn Runs> {
        match (name, kind(name)) {
            // Every decision names its edition, and every case its event.
            ("decision", _) => Box::new(ExistsQuery::new("edition".to_owned(), false)),
            (_, Some(Kind::Name | Kind::Number)) => Box::new(ExistsQuery::new(name.to_owned(), false)),
            _ => Box::new(AllQuery),
        }
    }

    /// Whatever has a good part of one of the wordings: pairs of neighbouring letters, or words, whichever the script has.
    fn alike(&self, wordings: &[String]) -> Box<dyn Runs> {
        let wordings = wordings.iter().take(WORDINGS_MAX).map(|wording| (Occur::Should, self.part_of(wording)));
        Box::new(BooleanQuery::new(wordings.collect()))
    }

    fn part_of(&self, wording: &str) -> Box<dyn Runs> {
        let folded = (self.fold)(wording);
        let tokens: Vec<&str> = letters(&folded).map(|(from, to)| &folded[from..to]).collect();
        let is_letter = |token: &str| token.chars().nth(1).is_none();
        let pairs = tokens.windows(2).filter(|pair| is_letter(pair[0]) && is_letter(pair[1])).map(<[&str]>::concat);
        let words = tokens.iter().filter(|word| word.chars().count() >= WORD_CHARS_MIN).map(ToString::to_string);
        let mut parts: Vec<String> = pairs.chain(words).collect();
        parts.sort_unstable();
        parts.dedup();
        // Of a long wording, parts from all of it; what is left is asked for in the same share.
        let step = parts.len().div_ceil(PARTS_MAX).max(1);
        let parts: Vec<_> =
            parts.iter().step_by(step).map(|part| (Occur::Should, phrase(self.fields.text, part))).collect();
        let enough = ((parts.len() as f64 * PARTS_SHARE_MIN).ceil() as usize).max(parts.len().min(2));
        Box::new(BooleanQuery::with_minimum_required_clauses(parts, enough))
    }

    /// A phrase letter by letter; where it was not quoted, all of its words anywhere are enough.
    fn text(&self, value: &str, is_quoted: bool) -> Box<dyn Runs> {
        let folded = (self.fold)(value);
        let phrase = phrase(self.fields.text, &folded);
        if is_quoted {
            return phrase;
        }
        let words = self.jieba.cut(&folded, false).into_iter().map(|word| word.word);
        let words: Vec<&str> = words.filter(|word| word.chars().any(char::is_alphanumeric)).collect();
        if words.len() < 2 {
            return phrase;
        }
        let words = words.into_iter().map(|word| (Occur::Must, term(self.fields.words, word))).collect();
        Box::new(BooleanQuery::new(vec![
            (Occur::Should, phrase),
            (Occur::Should, Box::new(BooleanQuery::new(words)) as Box<dyn Runs>),
        ]))
    }
}

fn term(field: Field, value: &str) -> Box<dyn Runs> {
    Box::new(TermQuery::new(Term::from_field_text(field, value), IndexRecordOption::WithFreqs))
}

/// A range of numbers and times is read from their columns.
fn range(from: Bound<Term>, to: Bound<Term>) -> Box<dyn Runs> {
    if matches!((&from, &to), (Bound::Unbounded, Bound::Unbounded)) {
        return Box::new(AllQuery);
    }
    Box::new(RangeQuery::new(from, to))
}

fn phrase(field: Field, folded: &str) -> Box<dyn Runs> {
    let mut terms: Vec<Term> =
        letters(folded).map(|(from, to)| Term::from_field_text(field, &folded[from..to])).collect();
    match terms.len() {
        0 => Box::new(EmptyQuery),
        1 => Box::new(TermQuery::new(terms.remove(0), IndexRecordOption::WithFreqs)),
        _ => Box::new(PhraseQuery::new(terms)),
    }
}

/// The regular expression of a name with `*` in it.
fn pattern(value: &str) -> String {
    let mut pattern = String::with_capacity(value.len() + 8);
    for c in value.chars() {
        match c {
            '*' => pattern.push_str(".*"),
            _ if c.is_alphanumeric() || c == '_' => pattern.push(c),
            _ => pattern.extend(['\\', c]),
        }
    }
    pattern
}
