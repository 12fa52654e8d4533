//! Slope and offset of each label and language: logistic regression of the truth on the logit (Platt 1999).

use crate::classify::corpus::Mask;
use crate::classify::labels::{LABELS, LANGUAGES, Language};
use crate::classify::model::{Calibration, Calibrations, Scores, sigmoid};

/// Fewer texts of either kind say nothing sure: then both languages together are taken, or the score is left as it is.
const TEXTS_MIN: usize = 40;
/// No temperature makes a score more than so many times as sure, or as unsure.
const SLOPES: (f32, f32) = (0.25, 2.5);

/// A text, where it came from, and what the model says of it.
pub(super) struct Sample {
    pub(super) source: usize,
    pub(super) truth: Mask,
    pub(super) logits: Scores,
    pub(super) language: Language,
}

/// Fits all calibrations. Of each label, by the sources that have texts with it: the many that never do would only say how rare it
/// is among them, which is for whoever runs the product to know.
pub(super) fn calibrate(samples: &[Sample]) -> Calibrations {
    let sources = samples.iter().map(|sample| sample.source + 1).max().unwrap_or(0);
    let mut has_label = vec![[false; LABELS]; sources];
    for sample in samples {
        let has = &mut has_label[sample.source];
        has.iter_mut().zip(&sample.truth).for_each(|(has, truth)| *has |= *truth == Some(true));
    }
    let fitted = |language: Option<Language>, label: usize| {
        let here = samples.iter().filter(|sample| language.is_none_or(|language| sample.language == language));
        let pair = |sample: &Sample| {
            let truth = sample.truth[label].filter(|_| has_label[sample.source][label])?;
            Some((sample.logits[label], f32::from(u8::from(truth))))
        };
        fit(&here.filter_map(pair).collect::<Vec<_>>())
    };
    let mut calibrations = [[Calibration::default(); LABELS]; LANGUAGES];
    for language in Language::ALL {
        for (label, calibration) in calibrations[language as usize].iter_mut().enumerate() {
            let found = fitted(Some(language), label).or_else(|| fitted(None, label));
            *calibration = found.unwrap_or_default();
        }
    }
    calibrations
}

/// Newton's method on two numbers, with a little pull towards leaving scores as they are.
fn fit(pairs: &[(f32, f32)]) -> Option<Calibration> {
    const PULL: f64 = 1.0;
    let with = pairs.iter().filter(|pair| pair.1 > 0.5).count();
    if with < TEXTS_MIN || pairs.len() - with < TEXTS_MIN {
        return None;
    }
    let (mut slope, mut offset) = (1.0_f64, 0.0_f64);
    for _ in 0..50 {
        let mut gradient = [PULL * (slope - 1.0), PULL * offset];
        let mut curve = [PULL, 0.0, PULL];
        for &(logit, truth) in pairs {
            let logit = f64::from(logit);
            let said = f64::from(sigmoid((slope * logit + offset) as f32));
            let (off, weight) = (said - f64::from(truth), (said * (1.0 - said)).max(1e-9));
            gradient[0] += off * logit;
            gradient[1] += off;
            curve[0] += weight * logit * logit;
            curve[1] += weight * logit;
            curve[2] += weight;
        }
        let determinant = curve[0] * curve[2] - curve[1] * curve[1];
        let step = [
            (curve[2] * gradient[0] - curve[1] * gradient[1]) / determinant,
            (curve[0] * gradient[1] - curve[1] * gradient[0]) / determinant,
        ];
        slope -= step[0].clamp(-0.5, 0.5);
        offset -= step[1].clamp(-1.0, 1.0);
        if step.iter().all(|step| step.abs() < 1e-6) {
            break;
        }
    }
    Some(Calibration { slope: (slope as f32).clamp(SLOPES.0, SLOPES.1), offset: offset as f32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boastful_scores_are_cooled_and_right_ones_are_left() {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut draw = |heat: f32| -> Vec<(f32, f32)> {
            let pair = |_| {
                let logit = rng.f32() * 6.0 - 3.0;
                (logit * heat, f32::from(u8::from(rng.f32() < sigmoid(logit))))
            };
            (0..20_000).map(pair).collect()
        };
        let right = fit(&draw(1.0)).unwrap();
        let boastful = fit(&draw(2.0)).unwrap();
        assert!((right.slope - 1.0).abs() < 0.1 && right.offset.abs() < 0.1, "{right:?}");
        assert!((boastful.slope - 0.5).abs() < 0.05, "{boastful:?}");
        assert_eq!(fit(&[(1.0, 1.0); 100]), None);
    }
}
