//! What the models learn from: texts, each with the claim that it is about and what it thinks of it.

use super::matcher::{Context, MatchOptions, MatchScratch, Matcher};
use super::model::{Model, WEIGHTS};
use super::models::Models;
use super::record::Claim;
use super::stance::{STANCE_FEATURES, Stance};
use super::train::{Example, fit};
use crate::text::Folded;

/// A text, and the claim that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// The id of the claim.
    pub claim: Box<str>,
    /// What was written.
    pub text: Box<str>,
    /// What it thinks of the claim; `None` for a text that shares words with it and is about something else.
    pub stance: Option<Stance>,
}

/// How strongly weights are held near the prior: the combiner's, because texts that are written for training share less with
/// claims, and libraries are larger, than where it is used; the stances'.
const COMBINER_STRENGTH: f64 = 20.0;
const STANCE_STRENGTH: f64 = 2.0;

/// How much a text that asserts counts beside one that does not: among what repeats a rumor they are more than among what was
/// written for training.
const ASSERTING_WEIGHT: f32 = 2.0;

/// Candidates of a text that are learnt from.
const CANDIDATES_MAX: usize = 20;

/// What was learnt from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// Pairs of a text and a claim.
    pub pairs: usize,
    /// Of them, those that belong together.
    pub matching: usize,
    /// Texts whose stance was learnt.
    pub stances: usize,
}

/// Learns models from texts about the claims of a library.
#[must_use]
pub fn learn(claims: Vec<Claim>, lessons: &[Lesson]) -> (Models, Learnt) {
    let prior = Models::prior();
    let matcher = Matcher::with(claims, &MatchOptions::default(), prior.clone().into());
    let mut pupil = Pupil { matcher, folded: Folded::default(), scratch: MatchScratch::default() };
    let mut pairs = Vec::new();
    let mut stances: [Vec<Example<STANCE_FEATURES>>; 4] = Default::default();
    for lesson in lessons {
        pupil.pairs(lesson, &mut pairs);
        if let Some((stance, inputs)) = lesson.stance.zip(pupil.stance(lesson)) {
            let is_one = stance != Stance::Asserting;
            let weight = if is_one { 1.0 } else { ASSERTING_WEIGHT };
            stances[stance as usize].push(Example { inputs, is_one, weight });
        }
    }
    let learnt = Learnt {
        pairs: pairs.len(),
        matching: pairs.iter().filter(|pair| pair.is_one).count(),
        stances: stances.iter().map(Vec::len).sum(),
    };
    let mut models = prior;
    models.combiner.weights = fit(&pairs, &models.combiner.weights, COMBINER_STRENGTH);
    // Each stance against asserting, apart from the others (Begg and Gray 1984).
    let [asserting, others @ ..] = stances;
    for (weights, other) in models.stances.weights.iter_mut().zip(others) {
        let both: Vec<_> = asserting.iter().chain(&other).cloned().collect();
        *weights = fit(&both, weights, STANCE_STRENGTH);
    }
    (models, learnt)
}

struct Pupil {
    matcher: Matcher,
    folded: Folded,
    scratch: MatchScratch,
}

impl Pupil {
    /// The candidates of a text; leaves them in the scratch.
    fn pairs(&mut self, lesson: &Lesson, pairs: &mut Vec<Example<WEIGHTS>>) {
        self.folded.fold(&lesson.text);
        self.matcher.compare_all(&lesson.text, &self.folded, &Context::default(), &mut self.scratch);
        for (_, compared) in self.scratch.compared.iter().take(CANDIDATES_MAX) {
            let is_its = *self.matcher.claims()[self.matcher.claim_of(compared)].id == *lesson.claim;
            let is_one = is_its && lesson.stance.is_some();
            pairs.push(Example { inputs: Model::inputs(&compared.features), is_one, weight: 1.0 });
        }
    }

    /// What speaks for each stance of the text that was compared last, if it has words of its claim.
    fn stance(&mut self, lesson: &Lesson) -> Option<[f32; STANCE_FEATURES]> {
        let matcher = &self.matcher;
        let is_its = |id: usize| *matcher.claims()[id].id == *lesson.claim;
        let at = self.scratch.compared.iter().position(|(_, compared)| is_its(matcher.claim_of(compared)))?;
        self.scratch.reading.read(&self.folded);
        Some(self.matcher.stance_features(at, &mut self.scratch).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lesson(text: &str, stance: Option<Stance>) -> Lesson {
        Lesson { claim: "a".into(), text: text.into(), stance }
    }

    #[test]
    fn the_same_lessons_teach_the_same() {
        let claims = || {
            let claim = |id: &str, claim: &str| Claim { id: id.into(), claim: claim.into(), ..Claim::default() };
            vec![claim("a", "吃大蒜可以预防流感"), claim("b", "喝白酒可以预防流感")]
        };
        let lessons = [
            lesson("吃大蒜可以预防流感，快转给家人", Some(Stance::Asserting)),
            lesson("吃大蒜可以预防流感？专家辟谣：没有依据", Some(Stance::Refuting)),
            lesson("大蒜的十种做法", None),
        ];
        let (models, learnt) = learn(claims(), &lessons);
        assert_eq!((learnt.matching, learnt.stances), (2, 2));
        assert!(learnt.pairs >= 4);
        assert_eq!(learn(claims(), &lessons).0, models);
        assert_ne!(models, Models::prior());
    }
}
