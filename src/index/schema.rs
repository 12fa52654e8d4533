//! What the index knows of a case, field by field, and how each is asked for.

use tantivy::schema::{
    DateOptions, DateTimePrecision, Field, IndexRecordOption, NumericOptions, STORED, Schema, TextFieldIndexing,
    TextOptions,
};

use super::IndexError;
use super::tokens::{LETTERS, WORDS};

/// Which version of the schema a folder was written with.
pub(super) const VERSION: u32 = 1;

/// A field that people may name in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text: words and phrases.
    Text,
    /// A name, matched as a whole; `*` stands for any letters.
    Name,
    /// A name that one case has, or two: it cannot be counted by.
    Id,
    /// A time.
    Time,
    /// A number.
    Number,
}

/// Every field that a query may name: its name, its kind, what it holds.
pub const FIELDS: [(&str, Kind, &str); 25] = [
    ("text", Kind::Text, "title and text, with disguises taken off; where no field is named"),
    ("event", Kind::Id, "the event's id"),
    ("decision", Kind::Id, "the decision's id"),
    ("channel", Kind::Name, "article, video, ad, post, group"),
    ("author", Kind::Name, "who published it, as the stream names them"),
    ("room", Kind::Name, "the group that it was said in"),
    ("lang", Kind::Name, "the language that the event names"),
    ("region", Kind::Name, "the region that the event names"),
    ("root", Kind::Name, "the event that this one passes on or answers"),
    ("action", Kind::Name, "fold, limit, label, review, notice, restore"),
    ("rule", Kind::Name, "rules that acted"),
    ("shadow", Kind::Name, "rules in shadow that would have acted"),
    ("label", Kind::Name, "codes of labels"),
    ("queue", Kind::Name, "the review queue that it went to"),
    ("claim", Kind::Name, "the refuted claim that it is about"),
    ("stance", Kind::Name, "what it thinks of the claim: asserting, refuting, questioning, reporting"),
    ("cluster", Kind::Name, "the first event of its near-duplicates; that event itself is found too"),
    ("list", Kind::Name, "word lists of which terms stand in it"),
    ("term", Kind::Name, "those terms, as the lists write them"),
    ("class", Kind::Name, "labels that the classifier gives even odds or more, where rules ask it"),
    ("link", Kind::Name, "hosts of links"),
    ("edition", Kind::Name, "the edition that decided"),
    ("missing", Kind::Name, "senses that failed on it"),
    ("at", Kind::Time, "when it was published"),
    ("similarity", Kind::Number, "how like the first of its cluster it is, 0 to 1"),
];

/// The kind of a field, if there is one of that name.
#[must_use]
pub fn kind(name: &str) -> Option<Kind> {
    FIELDS.iter().find(|(known, ..)| *known == name).map(|&(_, kind, _)| kind)
}

/// The name of a field that can be counted by.
pub(super) fn countable(name: &str) -> Result<&str, IndexError> {
    if kind(name) == Some(Kind::Name) { Ok(name) } else { Err(IndexError::Field(name.to_owned())) }
}

/// The fields' handles.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub(super) schema: Schema,
    pub(super) text: Field,
    pub(super) words: Field,
    /// The case as it came, but for its plain text.
    pub(super) case: Field,
}

impl Fields {
    pub(super) fn new() -> Self {
        let mut builder = Schema::builder();
        let indexed = |cut, option| {
            TextOptions::default()
                .set_indexing_options(TextFieldIndexing::default().set_tokenizer(cut).set_index_option(option))
        };
        let whole = || TextFieldIndexing::default().set_tokenizer("raw").set_fieldnorms(false);
        let text = builder.add_text_field("text", indexed(LETTERS, IndexRecordOption::WithFreqsAndPositions));
        let words = builder.add_text_field("words", indexed(WORDS, IndexRecordOption::WithFreqs));
        for (name, kind, _) in FIELDS {
            match kind {
                Kind::Text => {}
                // No name is scored, so none needs to know its length.
                Kind::Name => {
                    builder.add_text_field(name, TextOptions::default().set_indexing_options(whole()).set_fast("raw"));
                }
                Kind::Id => {
                    builder.add_text_field(name, TextOptions::default().set_indexing_options(whole()));
                }
                Kind::Time => {
                    let millis = DateOptions::default().set_precision(DateTimePrecision::Milliseconds);
                    builder.add_date_field(name, millis.set_fast().set_indexed());
                }
                Kind::Number => {
                    builder.add_f64_field(name, NumericOptions::default().set_fast());
                }
            }
        }
        let case = builder.add_bytes_field("case", STORED);
        Self { schema: builder.build(), text, words, case }
    }

    /// The handle of a field that a query may name.
    pub(super) fn named(&self, name: &str) -> Field {
        self.schema.get_field(name).expect("every named field is in the schema")
    }
}
