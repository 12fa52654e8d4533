//! The pure first half: what one record says of itself, whatever came before it. Any thread may do it.

use crate::claims::{self, Context, Day, Match, MatchScratch, Stance};
use crate::classify::{Features, Scores};
use crate::event::{Channel, Erase, Event, Record, Relay, Verdict};
use crate::keywords::{self, Hits};
use crate::neardup::{Form, Mark, Seed, Sketcher};
use crate::signal::Field;
use crate::state::{Fact, Follow, Keys};
use crate::text::{self, Folded, Shape};

use super::edition::Edition;

/// One record, observed, in its place in the stream.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every record is an event; a box would cost each of them an allocation"
)]
pub enum Item<'a> {
    /// A message.
    Event(Observed<'a>),
    /// A reviewer's word.
    Verdict(Verdict),
    /// A request to forget.
    Erase(Erase),
    /// What another lane of the stage says.
    Relay(Relay),
    /// Something that could not be taken.
    Refused(Refused),
}

/// Why a record is not decided on. The code is for machines and never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// One of those of `docs/rejects.md`.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

/// What is known of a message without knowing what came before it.
pub struct Observed<'a> {
    /// The message.
    pub event: Event<'a>,
    /// Counts over its texts.
    pub shape: Shape,
    /// What the word lists found; `None` where they found nothing, which is nearly always.
    pub hits: Option<Box<Hits>>,
    /// What near-duplicates of its text are found by; `None` where they are not looked for, or the text says too little.
    pub mark: Option<Mark>,
    /// The refuted claim that it repeats, and in which of its texts; `None` for nearly every message.
    pub claim: Option<Box<(Field, Match)>>,
    /// Whether it passes on or answers another event and doubts it: asks for a source, calls it a rumor, says that it is not so.
    pub doubts: bool,
    /// How probable each label of the classifier is; `None` where no rule asks.
    pub class: Option<Class>,
    /// What it adds to memory.
    pub fact: Fact,
}

/// What the classifier says of title and text: of each label the higher probability.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Class {
    /// By label.
    pub scores: Scores,
    /// A bit for each label whose probability reaches its act threshold.
    pub acted: u8,
}

/// What a thread uses again for every record.
#[derive(Default)]
pub struct ObserveScratch {
    folded: Folded,
    keywords: keywords::Scratch,
    hits: Hits,
    sketcher: Sketcher,
    claims: MatchScratch,
    matches: Vec<Match>,
    features: Features,
    /// Whether the classifier is asked though no rule does.
    classifies: bool,
    /// The seed of the marks; without it, none are made.
    seed: Option<Seed>,
}

/// Observes one record.
pub fn observe<'a>(edition: &Edition, record: Record<'a>, keys: &Keys, scratch: &mut ObserveScratch) -> Item<'a> {
    match record {
        Record::Event(event) => Item::Event(observe_event(edition, event, keys, scratch)),
        Record::Verdict(verdict) => Item::Verdict(verdict),
        Record::Erase(erase) => Item::Erase(erase),
    }
}

fn observe_event<'a>(edition: &Edition, event: Event<'a>, keys: &Keys, scratch: &mut ObserveScratch) -> Observed<'a> {
    let mut shape = scratch.read(edition, Field::Text, &event.text);
    let content = text::content_hash(&scratch.folded, keys.content_seed());
    let mark = scratch.mark(event.channel);
    let mut claim = scratch.claim(edition, &event, Field::Text, &event.text);
    let is_about_another = event.forward_of.is_some() || event.reply_to.is_some();
    let is_asked = edition.claims.is_some() || edition.filler.reads_doubts;
    let doubts = is_about_another && is_asked && claims::doubts(&scratch.folded);
    let doubts_plainly = doubts && claims::doubts_plainly(&scratch.folded);
    let mut class = scratch.class(edition);
    if let Some(title) = &event.title {
        shape = join(shape, scratch.read(edition, Field::Title, title));
        claim = claim.or_else(|| scratch.claim(edition, &event, Field::Title, title));
        class = class.zip(scratch.class(edition)).map(|(text, title)| text.or(&title));
    }
    for (i, media) in event.media.iter().enumerate().take(usize::from(u8::MAX) + 1) {
        if let Some(text) = &media.text {
            shape = join(shape, scratch.read(edition, Field::Media(i as u8), text));
        }
    }
    shape.links += event.links.len();
    edition.matcher.finish(&mut scratch.keywords, &mut scratch.hits);
    let is_worth_keeping = !scratch.hits.is_empty() || scratch.hits.is_truncated();
    let hits = is_worth_keeping.then(|| Box::new(scratch.hits.clone()));
    let fact = Fact {
        follow: follow(&event, doubts_plainly, keys),
        ..fact(&event, &shape, !scratch.hits.is_empty(), content, keys)
    };
    Observed { event, shape, hits, mark, claim, doubts, class, fact }
}

impl ObserveScratch {
    /// Buffers of one that also makes the marks that near-duplicates are found by.
    #[must_use]
    pub fn marking(keys: &Keys) -> Self {
        Self { seed: Some(Seed::new(keys.neardup_seed())), ..Self::default() }
    }

    /// Buffers of one that asks every sense, whether or not a rule reads what it says.
    #[must_use]
    pub fn curious() -> Self {
        Self { classifies: true, ..Self::default() }
    }

    /// What the classifier says of the text that was folded last.
    fn class(&mut self, edition: &Edition) -> Option<Class> {
        let classifier = &edition.classifier;
        (edition.reads_class || self.classifies).then(|| {
            let scores = classifier.scores(&self.folded, &mut self.features);
            let acted = classifier.acted(&scores, self.features.language());
            Class { scores, acted: acted.fold(0, |bits, label| bits | 1 << label as u8) }
        })
    }

    /// The mark of the text that was folded last.
    fn mark(&mut self, channel: Channel) -> Option<Mark> {
        let form = if channel == Channel::Article { Form::Article } else { Form::Message };
        self.sketcher.mark(&self.folded, form, self.seed?)
    }

    /// The claim that the text which was folded last repeats.
    fn claim(&mut self, edition: &Edition, event: &Event<'_>, field: Field, text: &str) -> Option<Box<(Field, Match)>> {
        let context = Context { day: Some(Day::of_millis(event.at)), region: event.region.as_deref() };
        let library = edition.claims.as_ref()?;
        let mut found = library.find((text, &self.folded), &context, &mut self.claims, &mut self.matches)?;
        // Who links to the fact-check shows people where to read it, in whichever words.
        let url = &library.claims()[found.claim].url;
        if !url.is_empty() && event.links.iter().any(|link| **link == **url) {
            (found.act, found.stance) = (false, Stance::Refuting);
        }
        Some(Box::new((field, found)))
    }

    /// Folds one text, looks for words in it and takes its shape.
    fn read(&mut self, edition: &Edition, field: Field, text: &str) -> Shape {
        self.folded.fold(text);
        edition.matcher.scan(field, &self.folded, &mut self.keywords);
        text::shape(text, &self.folded)
    }
}

impl Class {
    fn or(&self, other: &Self) -> Self {
        let scores = std::array::from_fn(|label| self.scores[label].max(other.scores[label]));
        Self { scores, acted: self.acted | other.acted }
    }
}

fn fact(event: &Event<'_>, shape: &Shape, word_hit: bool, content: u64, keys: &Keys) -> Fact {
    Fact {
        id: keys.event(&event.id),
        author: keys.author(&event.author),
        room: event.room.as_deref().map_or(0, |room| keys.room(room)),
        at: event.at,
        links: u16::try_from(shape.links).unwrap_or(u16::MAX),
        word_hit,
        content: content as u32,
        twin: None,
        follow: None,
    }
}

/// What it passes on or answers.
fn follow(event: &Event<'_>, doubts: bool, keys: &Keys) -> Option<Follow> {
    let root = event.forward_of.as_ref().or(event.reply_to.as_ref())?;
    Some(Follow { root: keys.event(root), doubts })
}

/// The shape of two texts as of one: counts add up, runs do not join, shares are weighted by length.
fn join(a: Shape, b: Shape) -> Shape {
    let total = (a.chars + b.chars).max(1) as f64;
    let share = |of_a: f64, of_b: f64| (of_a * a.chars as f64 + of_b * b.chars as f64) / total;
    Shape {
        chars: a.chars + b.chars,
        links: a.links + b.links,
        mentions: a.mentions + b.mentions,
        hashtags: a.hashtags + b.hashtags,
        digits_run: a.digits_run.max(b.digits_run),
        emoji: a.emoji + b.emoji,
        invisible: a.invisible + b.invisible,
        repeat_max: a.repeat_max.max(b.repeat_max),
        han_share: share(a.han_share, b.han_share),
        latin_share: share(a.latin_share, b.latin_share),
        upper_share: share(a.upper_share, b.upper_share),
        spaced_share: share(a.spaced_share, b.spaced_share),
    }
}
