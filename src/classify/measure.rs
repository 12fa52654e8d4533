//! How good scores are: what is measured of a model on texts whose truth is known.

use super::corpus::Mask;
use super::labels::{LABELS, Label, Language};
use super::model::Scores;

/// A text that was judged: what is known, what was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What is known of it.
    pub truth: Mask,
    /// The probabilities.
    pub scores: Scores,
    /// By which language it was judged.
    pub language: Language,
}

/// Truth and probability of one label on each text where it is known.
pub type Pairs = Vec<(bool, f32)>;

/// The pairs of one label.
#[must_use]
pub fn pairs(judged: &[Judged], label: Label) -> Pairs {
    let of = |judged: &Judged| judged.truth[label as usize].map(|truth| (truth, judged.scores[label as usize]));
    judged.iter().filter_map(of).collect()
}

/// Right and wrong at one threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confusion {
    /// Has it, and was said to.
    pub hits: u64,
    /// Has it, and was not said to.
    pub misses: u64,
    /// Has it not, and was said to.
    pub false_alarms: u64,
    /// Has it not, and was not said to.
    pub silences: u64,
}

impl Confusion {
    /// What is said from `threshold` on.
    #[must_use]
    pub fn at(pairs: &[(bool, f32)], threshold: f32) -> Self {
        let mut confusion = Self::default();
        for &(truth, score) in pairs {
            *match (truth, score >= threshold) {
                (true, true) => &mut confusion.hits,
                (true, false) => &mut confusion.misses,
                (false, true) => &mut confusion.false_alarms,
                (false, false) => &mut confusion.silences,
            } += 1;
        }
        confusion
    }

    /// The share that was said rightly.
    #[must_use]
    pub fn accuracy(self) -> f64 {
        ratio(self.hits + self.silences, self.hits + self.misses + self.false_alarms + self.silences)
    }

    /// The share of those that have it which was found.
    #[must_use]
    pub fn recall(self) -> f64 {
        ratio(self.hits, self.hits + self.misses)
    }

    /// The share of those that were said to have it which do.
    #[must_use]
    pub fn precision(self) -> f64 {
        ratio(self.hits, self.hits + self.false_alarms)
    }

    /// The harmonic mean of precision and recall of those that have it.
    #[must_use]
    pub fn f1(self) -> f64 {
        ratio(2 * self.hits, 2 * self.hits + self.false_alarms + self.misses)
    }

    /// The mean of [`f1`](Self::f1) and of the same of those that have it not.
    #[must_use]
    pub fn macro_f1(self) -> f64 {
        let of_silent = ratio(2 * self.silences, 2 * self.silences + self.false_alarms + self.misses);
        (self.f1() + of_silent) / 2.0
    }

    /// How many of a million that have it not were said to.
    #[must_use]
    pub fn false_per_million(self) -> f64 {
        ratio(self.false_alarms, self.false_alarms + self.silences) * 1e6
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The chance that a text with the label scores above one without (ties count half); `None` where one kind is missing.
#[must_use]
pub fn auc(pairs: &[(bool, f32)]) -> Option<f64> {
    let mut sorted = pairs.to_vec();
    sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
    let with = sorted.iter().filter(|pair| pair.0).count();
    let without = sorted.len() - with;
    if with == 0 || without == 0 {
        return None;
    }
    let (mut below, mut wins) = (0_usize, 0.0);
    for tied in sorted.chunk_by(|a, b| a.1 == b.1) {
        let with = tied.iter().filter(|pair| pair.0).count();
        wins += with as f64 * (below as f64 + (tied.len() - with) as f64 / 2.0);
        below += tied.len() - with;
    }
    Some(wins / (with as f64 * without as f64))
}

/// Bins of the reliability plot.
pub const BINS: usize = 10;

/// One bin of probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// How many texts fell into it.
    pub texts: u64,
    /// Their mean probability.
    pub said: f64,
    /// The share that has the label.
    pub are: f64,
}

/// Ten bins of equal width: what was said, and what came true.
#[must_use]
pub fn reliability(pairs: &[(bool, f32)]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for &(truth, score) in pairs {
        let bin = &mut bins[((score * BINS as f32) as usize).min(BINS - 1)];
        bin.texts += 1;
        bin.said += f64::from(score);
        bin.are += f64::from(u8::from(truth));
    }
    for bin in bins.iter_mut().filter(|bin| bin.texts > 0) {
        bin.said /= bin.texts as f64;
        bin.are /= bin.texts as f64;
    }
    bins
}

/// The expected calibration error: how far apart both are, over the bins, weighted by their texts (Guo et al. 2017).
#[must_use]
pub fn calibration_error(pairs: &[(bool, f32)]) -> f64 {
    let off = |bin: &Bin| bin.texts as f64 * (bin.said - bin.are).abs();
    reliability(pairs).iter().map(off).sum::<f64>() / pairs.len().max(1) as f64
}

/// How far two samples of scores lie apart, by the population stability index over ten bins: below 0.1 they are alike, above 0.25
/// something changed. Empty bins count as half a text.
#[must_use]
pub fn stability_index(before: &[f32], now: &[f32]) -> f64 {
    let shares = |scores: &[f32]| {
        let mut bins = [0.5; BINS];
        scores.iter().for_each(|&score| bins[((score * BINS as f32) as usize).min(BINS - 1)] += 1.0);
        let total: f64 = bins.iter().sum();
        bins.map(|bin| bin / total)
    };
    let pairs = shares(before).into_iter().zip(shares(now));
    pairs.map(|(before, now)| (now - before) * (now / before).ln()).sum()
}

/// The probability from which no more than `allowed` of these texts would be flagged; never below `least`.
#[must_use]
pub fn threshold(scores: &[f32], allowed: usize, least: f32) -> f32 {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let first_silent = sorted.get(allowed).copied().unwrap_or(0.0);
    // Steps of a thousandth, upwards, so that a threshold can be written down.
    (((first_silent * 1000.0).floor() + 1.0) / 1000.0).clamp(least, 1.0)
}

/// Scores at the upper end that say how fast the end thins out: one in so many, and so many at least.
const TAIL_SHARE: usize = 50;
const TAIL_MIN: usize = 20;

/// The probability that a share of texts like these will reach, where that share is smaller than a sample can show: the end of
/// the logits is taken for exponential, by the mean of what its largest exceed the next one by (peaks over a threshold, Pickands
/// 1975). Never below `least`, nor below what the sample itself shows, which is all that is said of few texts.
#[must_use]
pub fn tail_threshold(scores: &[f32], share: f64, least: f32) -> f32 {
    let logit = |score: &f32| {
        let score = f64::from(*score).clamp(1e-6, 1.0 - 1e-6);
        (score / (1.0 - score)).ln()
    };
    let mut logits: Vec<f64> = scores.iter().map(logit).collect();
    logits.sort_by(|a, b| b.total_cmp(a));
    let largest = (logits.len() / TAIL_SHARE).max(TAIL_MIN);
    let shown = threshold(scores, (logits.len() as f64 * share).round() as usize, least);
    let Some(&next) = logits.get(largest) else { return shown };
    let mean = logits[..largest].iter().map(|logit| logit - next).sum::<f64>() / largest as f64;
    let beyond = (largest as f64 / (share * logits.len() as f64)).ln().max(0.0);
    let reached = 1.0 / (1.0 + (-(next + mean * beyond)).exp());
    (((reached * 1e4).ceil() / 1e4) as f32).clamp(shown, 1.0)
}

/// The mean over labels of the macro-F1 at one half, of the labels of which both kinds are known.
#[must_use]
pub fn mean_macro_f1(judged: &[Judged]) -> Option<f64> {
    let of = |label| {
        let pairs = pairs(judged, label);
        let with = pairs.iter().filter(|pair| pair.0).count();
        (with > 0 && with < pairs.len()).then(|| Confusion::at(&pairs, 0.5).macro_f1())
    };
    let all: Vec<f64> = Label::ALL.into_iter().filter_map(of).collect();
    (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
}

/// Truth of a label that nobody asked about.
pub const UNKNOWN: Mask = [None; LABELS];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_worked_out_by_hand() {
        let pairs = [(true, 0.9), (true, 0.6), (true, 0.2), (false, 0.7), (false, 0.1), (false, 0.1)];
        let confusion = Confusion::at(&pairs, 0.5);
        assert_eq!(confusion, Confusion { hits: 2, misses: 1, false_alarms: 1, silences: 2 });
        assert!((confusion.f1() - 2.0 / 3.0).abs() < 1e-9 && (confusion.macro_f1() - 2.0 / 3.0).abs() < 1e-9);
        assert!((confusion.accuracy() - 4.0 / 6.0).abs() < 1e-9);
        // Of nine pairs: 0.9 wins three, 0.6 two, 0.2 two.
        assert!((auc(&pairs).unwrap() - 7.0 / 9.0).abs() < 1e-9);
        assert_eq!(auc(&pairs[..3]), None);
        assert!((confusion.false_per_million() - 1e6 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn calibration_is_measured_by_bins() {
        let sure: Pairs = (0..100).map(|at| (at < 80, 0.8)).collect();
        assert!(calibration_error(&sure) < 1e-6);
        let boastful: Pairs = (0..100).map(|at| (at < 50, 0.95)).collect();
        assert!((calibration_error(&boastful) - 0.45).abs() < 1e-6);
    }

    #[test]
    fn equal_samples_are_stable_and_shifted_ones_are_not() {
        let low: Vec<f32> = (0..1000).map(|at| at as f32 / 2000.0).collect();
        let high: Vec<f32> = low.iter().map(|score| score + 0.5).collect();
        assert!(stability_index(&low, &low) < 1e-9);
        assert!(stability_index(&low, &high) > 0.25);
    }

    #[test]
    fn a_tail_is_followed_beyond_what_a_sample_shows() {
        let mut rng = fastrand::Rng::with_seed(3);
        let sigmoid = |logit: f64| (1.0 / (1.0 + (-logit).exp())) as f32;
        // Exponential beyond −4 with a mean of 0.8: one in 20,000 lies above −4 + 0.8 · ln 20,000 = 3.92.
        let mut draw =
            |texts: usize| -> Vec<f32> { (0..texts).map(|_| sigmoid(-4.0 - 0.8 * (1.0 - rng.f64()).ln())).collect() };
        // Of one sample it is uncertain by half a logit; of twenty the mean is not.
        let samples: Vec<Vec<f32>> = (0..20).map(|_| draw(4000)).collect();
        let logit = |p: f32| (f64::from(p) / (1.0 - f64::from(p))).ln();
        let logits = samples.iter().map(|scores| logit(tail_threshold(scores, 5e-5, 0.5)));
        let found = logits.sum::<f64>() / samples.len() as f64;
        assert!((found - 3.92).abs() < 0.4, "{found}");
        let scores = &samples[0];
        assert_eq!(tail_threshold(&scores[..10], 5e-5, 0.5), threshold(&scores[..10], 0, 0.5));
    }

    #[test]
    fn a_threshold_lets_no_more_through_than_allowed() {
        let scores: Vec<f32> = (0..100).map(|at| at as f32 / 100.0).collect();
        for allowed in [0, 1, 7] {
            let threshold = threshold(&scores, allowed, 0.0);
            assert!(scores.iter().filter(|&&score| score >= threshold).count() <= allowed);
        }
        assert!((threshold(&scores, 90, 0.5) - 0.5).abs() < 1e-6);
    }
}
