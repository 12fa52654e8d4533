//! Golden scores: texts of our own and what the model says of them, kept beside it. A test asks the shipped model again.

use serde::{Deserialize, Serialize};

use crate::classify::{Classifier, Label};

/// One text and its probabilities, by the order of the labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::cli) struct Golden {
    pub(in crate::cli) text: String,
    pub(in crate::cli) scores: Vec<f32>,
}

const TEXTS: &str = include_str!("golden.txt");

/// The lines of `expected.jsonl`.
pub(in crate::cli) fn expected(classifier: &Classifier) -> anyhow::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for text in TEXTS.lines().filter(|line| !line.is_empty()) {
        let scores = classifier.scores_of(&[text])[0];
        let scores = Label::ALL.map(|label| (scores[label as usize] * 1e4).round() / 1e4).to_vec();
        serde_json::to_writer(&mut lines, &Golden { text: text.to_owned(), scores })?;
        lines.push(b'\n');
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The model that ships says what it said when it was measured.
    #[test]
    fn the_shipped_model_says_what_is_written_beside_it() {
        let classifier = Classifier::shipped().unwrap();
        let kept = include_str!("../../../../models/guard/expected.jsonl");
        let now = String::from_utf8(expected(&classifier).unwrap()).unwrap();
        assert_eq!(kept.lines().count(), now.lines().count());
        for (kept, now) in kept.lines().zip(now.lines()) {
            let (kept, now): (Golden, Golden) =
                (serde_json::from_str(kept).unwrap(), serde_json::from_str(now).unwrap());
            assert_eq!(kept.text, now.text);
            let off = kept.scores.iter().zip(&now.scores).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off <= 2e-3, "{}: {:?} {:?}", now.text, kept.scores, now.scores);
        }
    }
}
