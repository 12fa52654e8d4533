//! What a message thinks of the claim that stands in it. Who refutes a claim repeats it word for word; what tells them apart
//! stands around it: before (网传, "rumor has it"), after (不实, "is false"), in a second sentence that says it again with a
//! "not", or in the form of a question.

mod cues;
mod doubt;

use std::ops::Range;

use self::cues::{Cue, FINDER, Family};
pub use self::doubt::{doubts, doubts_plainly};
use crate::text::Folded;

/// The stance towards a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stance {
    /// It says so.
    #[default]
    Asserting,
    /// It says that it is not so.
    Refuting,
    /// It asks.
    Questioning,
    /// It says that others say so.
    Reporting,
}

impl Stance {
    /// Every one, in the order of the weights.
    pub const ALL: [Self; 4] = [Self::Asserting, Self::Refuting, Self::Questioning, Self::Reporting];

    /// The word in outputs and rules.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Asserting => "asserting",
            Self::Refuting => "refuting",
            Self::Questioning => "questioning",
            Self::Reporting => "reporting",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stance| stance.name() == name)
    }
}

/// How many features there are.
pub const STANCE_FEATURES: usize = 24;

/// Their names, in order.
pub const STANCE_NAMES: [&str; STANCE_FEATURES] = [
    "refute_near",
    "refute_any",
    "refute_head",
    "again_negated",
    "span_negated",
    "negate_after",
    "hearsay_before",
    "question_mark",
    "question_cue",
    "explain_after",
    "official",
    "push",
    "quoted",
    "rest",
    "question_then_more",
    "hearsay_then_more",
    "explain_many",
    "refute_many",
    "negate_density",
    "question_last",
    "label_head",
    "debunk",
    "headed_by_question",
    "constant",
];

const SPAN_NEGATED: usize = 4;
const QUESTION_MARK: usize = 7;
const DEBUNK: usize = 21;
const HEADED_BY_QUESTION: usize = 22;

/// What speaks for a stance.
pub type StanceFeatures = [f32; STANCE_FEATURES];

/// A message as stances are read from it. Buffers are used again.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    text: String,
    /// The byte of `text` at which each unit begins; its length last.
    bytes: Vec<u32>,
    cues: Vec<Cue>,
    /// Where sentences end, in bytes.
    ends: Vec<usize>,
    claim: String,
    claim_cues: Vec<Cue>,
}

/// Bytes before a claim's place in which a cue is taken to be about it, and after it.
const BEFORE_BYTES: usize = 48;
const AFTER_BYTES: usize = 90;

/// What follows the claim within so many bytes is about it.
const TAIL_BYTES: usize = 120;

/// A text no longer than this that ends as a question is one; in longer ones such questions are rhetorical.
const SHORT_BYTES: usize = 90;

/// A headline is no longer than this.
const HEAD_BYTES: usize = 130;

/// A question with less of the claim than this, by the weight of its terms, is not about it.
const ASKED_SHARE_MIN: f32 = 0.2;

/// In texts with a "not" for each so many bytes something is denied throughout.
const NEGATION_BYTES: f32 = 75.0;

impl Reading {
    /// Reads a message.
    pub(crate) fn read(&mut self, folded: &Folded) {
        self.text.clear();
        self.bytes.clear();
        self.ends.clear();
        for &unit in folded.units() {
            self.bytes.push(self.text.len() as u32);
            let c = char::from_u32(unit).unwrap_or(' ');
            self.text.push(if c == '\u{2019}' { '\'' } else { c });
        }
        self.bytes.push(self.text.len() as u32);
        FINDER.find(&self.text, &mut self.cues);
        self.find_sentences();
    }

    fn find_sentences(&mut self) {
        let mut chars = self.text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let is_end = match c {
                '。' | '!' | '?' | '\n' | '…' | ';' | '】' => true,
                '.' => chars.peek().is_none_or(|&(_, next)| next == ' '),
                _ => false,
            };
            if is_end {
                self.ends.push(at + c.len_utf8());
            }
        }
        self.ends.push(self.text.len());
    }

    /// What speaks for the stances towards a claim that stands at `units`. `claim` is what it says, and `shares` tells how much
    /// of its weight stands among some units of the message.
    pub(crate) fn features(
        &mut self,
        units: Range<usize>,
        claim: &str,
        shares: impl Fn(Range<usize>) -> f32,
    ) -> StanceFeatures {
        self.claim.clear();
        self.claim.push_str(claim);
        FINDER.find(&self.claim, &mut self.claim_cues);
        let in_claim = |family| self.claim_cues.iter().filter(|cue| cue.family == family).count();
        let span = self.bytes[units.start] as usize..self.bytes[units.end] as usize;
        let near = span.start.saturating_sub(BEFORE_BYTES)..span.end + AFTER_BYTES;
        let after = span.end..self.text.len();
        let count = |family: Family, range: Range<usize>| {
            let is_in = |cue: &&Cue| cue.family == family && range.contains(&cue.start);
            self.cues.iter().filter(is_in).count()
        };
        let whole = 0..self.text.len();
        let own = in_claim(Family::Refute);
        let refute_near = count(Family::Refute, near.clone()).saturating_sub(own);
        let refute_any = count(Family::Refute, whole.clone()).saturating_sub(own);
        let negated = count(Family::Negate, span.clone()) + count(Family::Refute, span.clone());
        let tail = &self.text[span.end..];
        let ends_asking = tail.trim_start_matches(['。', ' ', '」', '”', '"', '吗', '么', '呢']).starts_with('?');
        let asks = count(Family::Question, whole.clone()).saturating_sub(in_claim(Family::Question));
        let asks_here = count(Family::Ask, self.sentence(&span)).saturating_sub(in_claim(Family::Ask));
        let is_short_tail = after.len() <= TAIL_BYTES;
        let negations = count(Family::Negate, whole.clone()).saturating_sub(in_claim(Family::Negate));
        let rest = after.len() as f32 / self.text.len().max(1) as f32;
        let hearsay = count(Family::Hearsay, span.start.saturating_sub(BEFORE_BYTES)..span.start + 1);
        let is = |what: bool| f32::from(u8::from(what));
        let many = |count: usize, of: f32| (count as f32 / of).min(1.0);
        let asked_near = count(Family::Question, near.clone()) > in_claim(Family::Question);
        let sentence_asks = self.text.len() <= SHORT_BYTES && self.text[self.sentence(&span)].trim_end().ends_with('?');
        let asking = ends_asking || asked_near || sentence_asks || self.text[span.clone()].ends_with('?');
        [
            is(refute_near > 0),
            is(refute_any > 0),
            is(count(Family::Refute, 0..36) > own),
            self.again_negated(&span, in_claim(Family::Negate) + own, &shares),
            is(negated > in_claim(Family::Negate) + own),
            is(count(Family::Negate, span.end..span.end + AFTER_BYTES) > 0),
            is(hearsay > 0),
            is(asking),
            is(asks + asks_here > 0),
            is(count(Family::Explain, after.clone()) > 0),
            is(count(Family::Official, whole.clone()) > in_claim(Family::Official)),
            is(count(Family::Push, whole.clone()) > in_claim(Family::Push)),
            is(self.is_quoted(&span)),
            rest,
            is(ends_asking) * is(after.len() > 60),
            is(hearsay > 0) * is(count(Family::Negate, after.clone()) + count(Family::Explain, after.clone()) > 0),
            many(count(Family::Explain, whole.clone()), 4.0),
            many(refute_any, 3.0),
            many(negations, 1.0 + self.text.len() as f32 / NEGATION_BYTES),
            is(is_short_tail && self.text.trim_end().ends_with(['?', '吗'])),
            is(self.has_label_head()),
            is(count(Family::Debunk, whole.clone()) > in_claim(Family::Debunk)),
            is(self.is_headed_by_question(&shares)),
            1.0,
        ]
    }

    /// The sentences in which these bytes stand.
    fn sentence(&self, span: &Range<usize>) -> Range<usize> {
        let after = self.ends.partition_point(|&end| end < span.end);
        let before = self.ends.partition_point(|&end| end <= span.start);
        let start = before.checked_sub(1).map_or(0, |at| self.ends[at]);
        start..self.ends.get(after).copied().unwrap_or(self.text.len()).max(start)
    }

    /// The greatest share of the claim that stands in a sentence with a "not" in it, past the place where the claim stands.
    fn again_negated(&self, span: &Range<usize>, in_claim: usize, shares: impl Fn(Range<usize>) -> f32) -> f32 {
        let (mut start, mut most) = (0, 0.0_f32);
        for &end in &self.ends {
            let sentence = std::mem::replace(&mut start, end)..end;
            let is_other = sentence.start >= span.end || sentence.end <= span.start;
            let denials = self.cues.iter().filter(|cue| matches!(cue.family, Family::Negate | Family::Refute));
            let denied = denials.filter(|cue| sentence.contains(&cue.start)).count();
            if is_other && denied > in_claim {
                most = most.max(shares(self.units(&sentence)));
            }
        }
        most
    }

    /// Whether it is written as authorities and the press write: a headline in brackets, and who says so.
    pub(crate) fn is_notice(&self) -> bool {
        let has_headline = self.text.trim_start().starts_with(['【', '[']);
        has_headline && self.cues.iter().any(|cue| cue.family == Family::Official)
    }

    /// The units of some bytes.
    fn units(&self, bytes: &Range<usize>) -> Range<usize> {
        let unit = |byte: usize| self.bytes.partition_point(|&start| (start as usize) < byte).min(self.bytes.len() - 1);
        unit(bytes.start)..unit(bytes.end)
    }

    /// Whether the claim stands in quotation marks.
    fn is_quoted(&self, span: &Range<usize>) -> bool {
        let before = self.text[..span.start].chars().rev().take(3);
        let after = self.text[span.end..].chars().take(4);
        let opens = before.into_iter().any(|c| "“「『\"‘'《".contains(c));
        opens && after.into_iter().any(|c| "”」』\"’'》".contains(c))
    }

    /// Whether it begins with a question about the claim and goes on with an answer that is longer. Questions about anything
    /// else are rhetorical: "did you know?".
    fn is_headed_by_question(&self, shares: impl Fn(Range<usize>) -> f32) -> bool {
        let Some((&head, rest)) = self.ends.split_first() else { return false };
        let asks = self.text[..head].trim_end_matches(['】', ']', '"', '”', '」']).ends_with('?');
        let is_answered = asks && head <= HEAD_BYTES && !rest.is_empty() && self.text.len() >= 3 * head;
        is_answered && shares(self.units(&(0..head))) >= ASKED_SHARE_MIN
    }

    /// Whether it begins as fact-checks do: `谣言：…`, `Claim: …`, `Myth #3: …`.
    fn has_label_head(&self) -> bool {
        const LABELS: [&str; 14] = [
            "谣言", "流言", "误区", "传言", "网传", "问:", "q:", "claim", "myth", "rumor", "rumour", "fact", "辟谣",
            "说法",
        ];
        let head = self.text.trim_start_matches(['【', '[', '#', ' ', '「', '“']);
        let colon = head.char_indices().take(16).any(|(_, c)| matches!(c, ':' | '】' | ']' | '|'));
        colon && LABELS.iter().any(|label| head.starts_with(label))
    }
}

/// Weights of each feature for each stance but asserting, which is what remains.
#[derive(Clone, Debug, PartialEq)]
pub struct StanceModel {
    /// Refuting, questioning, reporting.
    pub weights: [[f32; STANCE_FEATURES]; 3],
    /// From which likelihood on of not asserting a message does not assert: whoever labels must be sure.
    pub doubt_at: f32,
}

impl StanceModel {
    /// How likely each stance is, in the order of [`Stance::ALL`].
    #[must_use]
    pub fn likelihoods(&self, features: &StanceFeatures) -> [f32; 4] {
        let logit = |weights: &[f32; STANCE_FEATURES]| weights.iter().zip(features).map(|(w, f)| w * f).sum::<f32>();
        let [a, b, c] = self.weights.each_ref().map(|weights| logit(weights).clamp(-30.0, 30.0).exp());
        let sum = 1.0 + a + b + c;
        [1.0 / sum, a / sum, b / sum, c / sum]
    }

    /// The stance. Whatever the weights say, who uses the words of fact-checks, sets the claim as a question, or puts a "not" into it, is
    /// not taken to assert it: the few rumors that do so are not worth one fact-checker who is labelled.
    #[must_use]
    pub fn stance(&self, features: &StanceFeatures) -> Stance {
        let likely = self.likelihoods(features);
        let is_plain = [SPAN_NEGATED, QUESTION_MARK, DEBUNK, HEADED_BY_QUESTION].iter().all(|&at| features[at] == 0.0);
        if is_plain && 1.0 - likely[0] < self.doubt_at {
            return Stance::Asserting;
        }
        let best = (1..4).max_by(|&a, &b| likely[a].total_cmp(&likely[b]).then(b.cmp(&a)));
        Stance::ALL[best.unwrap_or(1)]
    }
}

/// Whether a text has words such as rumors are refuted or asked about with.
pub(super) fn is_doubting(folded: &Folded) -> bool {
    let mut reading = Reading::default();
    reading.read(folded);
    reading.cues.iter().any(|cue| matches!(cue.family, Family::Debunk | Family::Refute | Family::Question))
}
