//! The model's card and its labels: what people read before they trust it, written from what was measured.

use std::fmt::Write as _;

use super::report::{Line, Report, figure};
use crate::classify::train::Options;
use crate::classify::{Classifier, DIM, HIDDEN, Label, Language, UNLEARNT};
use crate::cli::train::manifest::{Loaded, Role};

/// How far the probabilities that are served may be off their reference.
pub(in crate::cli) const AGREEMENT_MAX: f32 = 0.02;

/// `labels.toml`: the labels in order with their act thresholds, and those that are not learnt.
pub(in crate::cli) fn labels(classifier: &Classifier) -> String {
    let mut text = format!(
        "# Written by `tidegate train`; the model's file holds the same.\nmodel = \"{}\"\nhash = \"{}\"\n",
        classifier.name, classifier.id
    );
    for label in Label::ALL {
        let _ = write!(text, "\n[[label]]\nname = \"{}\"\n", label.name());
        for language in Language::ALL {
            let act = classifier.model.act()[language as usize][label as usize];
            let _ = writeln!(text, "act_{} = {act:.4}", language.name());
        }
    }
    for name in UNLEARNT {
        let _ = write!(text, "\n[[label]]\nname = \"{name}\"\nlearnt = false\nwhy = \"no data, rules only\"\n");
    }
    text
}

/// `card.md`.
pub(in crate::cli) fn card(
    classifier: &Classifier,
    loaded: &[Loaded],
    options: &Options,
    report: &Report,
    off: f32,
) -> String {
    let mut text = format!("# Model card: {}\n\n", classifier.name);
    let rows = classifier.model.rows();
    let _ = writeln!(
        text,
        "Hash `{}`. A bag of hashed grams ({rows} rows × {DIM} numbers of 8 bits), a hidden layer of {HIDDEN} units, one \
         calibrated probability a label. Written by `tidegate train`; every figure below was measured by it on texts that the model \
         did not learn from: one half of what is held out chose the epoch, the calibration and the thresholds, the other half was only \
         measured on.\n",
        classifier.id
    );
    text.push_str(INTENDED);
    data(&mut text, loaded);
    let _ = writeln!(
        text,
        "\nTraining: seed {}, {} epochs at most, {} rows a step, {} % of grams left out, {} % of texts written as evaders write, {} % with \
         numbers, links and names masked. What serves is at most {off:.4} off the trained weights run by candle.\n",
        options.seed,
        options.epochs_max,
        options.batch_rows,
        options.dropout_percent,
        options.evaded_percent,
        options.masked_percent
    );
    thresholds(&mut text, classifier);
    table(&mut text, "By source", "source", &report.labels);
    table(&mut text, "By language, sources together", "language", &report.languages);
    confusions(&mut text, &report.labels);
    others(&mut text, report);
    text.push_str(LIMITS);
    text
}

const INTENDED: &str = "\
## What it is for

A second signal for rules (`class.<label>`), and an order for people who review. It never acts alone: the rules that ship ask for
another signal beside it, or send to review. It is no judge of people and of no use as evidence against them.

| label | what it means |
| --- | --- |
| abuse | insult or attack on a person or group, threats among them |
| hate | attack on people for a protected trait |
| sexual | pornographic content, sexual services, solicitation |
| gambling | an invitation to gamble |
| fraud | deceiving for money or data |
| spam_ads | unsolicited adverts and bulk promotion, illicit trade among them |
| clickbait | a headline that baits |

Not learnt, for want of data, and left to word lists and rules: drugs, violence, self_harm, minors.

";

const LIMITS: &str = "\
## Limits

- Figures on a source's held-out part say how it does on more of the same. On texts of another kind expect less: the sources
  of the role `measure` show how much.
- Settings and weights of sources were chosen while figures like these were looked at, those of the role `measure` among them, so all
  of them flatter somewhat.
- Our own texts were written for this product by few people; they are broad, and not what a platform sees. Held out are whole
  blocks and patterns of them, which share their authors with the rest.
- Ordinary messages that swear among friends are counted as false alarms of `abuse` here, so that its act threshold is high.
- It reads letters, not context: quotation, irony and who speaks to whom are beyond it.
- Other languages than Chinese and English were not measured.

![Said against what came true](reliability.svg)
";

fn data(text: &mut String, loaded: &[Loaded]) {
    text.push_str(
        "## Texts\n\n| source | texts | held out | role | licence | origin |\n| --- | --: | --: | --- | --- | --- |\n",
    );
    for loaded in loaded {
        let source = &loaded.source;
        let role = match source.role {
            Role::Teach => "learnt from",
            Role::Hold => "held out whole",
            Role::Benign => "learnt from, as ordinary",
            Role::Measure => "measured on only",
            Role::Identity => "measured on only: identity sentences",
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} % | {role} | {} | {} |",
            source.name,
            loaded.rows.len(),
            loaded.held_percent(),
            source.licence,
            source.origin
        );
    }
}

fn thresholds(text: &mut String, classifier: &Classifier) {
    text.push_str("## Thresholds\n\nThe act threshold of a label is where 15 in a million ordinary messages of the language are expected, by how fast the highest scores of those that choose it thin out.\n\n| label | zh | en |\n| --- | --: | --: |\n");
    for label in Label::ALL {
        let [zh, en] = Language::ALL.map(|language| classifier.model.act()[language as usize][label as usize]);
        let _ = writeln!(text, "| {} | {zh:.4} | {en:.4} |", label.name());
    }
    text.push('\n');
}

fn table(text: &mut String, title: &str, first: &str, lines: &[Line]) {
    let _ = writeln!(
        text,
        "## {title}\n\nAt one half, and at the act threshold.\n\n| {first} | label | texts | with | accuracy | precision | recall | macro-F1 | AUC | ECE | recall at act | false /M at act |\n| --- | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |"
    );
    for line in lines {
        let figures = [line.accuracy, line.precision, line.recall, line.macro_f1].map(figure).join(" | ");
        let auc = line.auc.map_or_else(|| "–".to_owned(), figure);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {figures} | {auc} | {} | {} | {:.0} |",
            line.source,
            line.label,
            line.texts,
            line.with,
            figure(line.ece),
            figure(line.recall_at_act),
            line.false_per_million_at_act
        );
    }
    text.push('\n');
}

fn confusions(text: &mut String, lines: &[Line]) {
    text.push_str("## Confusion at one half\n\n| source | label | hits | misses | false alarms | silences |\n| --- | --- | --: | --: | --: | --: |\n");
    for line in lines {
        let counts = line.confusion.map(|count| count.to_string()).join(" | ");
        let _ = writeln!(text, "| {} | {} | {counts} |", line.source, line.label);
    }
    text.push('\n');
}

fn others(text: &mut String, report: &Report) {
    if !report.benign.is_empty() {
        text.push_str("## Ordinary messages flagged\n\nWhatever is flagged is false. In a million, any label.\n\n| source | texts | at act | at one half |\n| --- | --: | --: | --: |\n");
        for line in &report.benign {
            let (act, half) = (line.any_at_act_per_million, line.any_at_half_per_million);
            let _ = writeln!(text, "| {} | {} | {act:.0} | {half:.0} |", line.source, line.texts);
        }
        text.push('\n');
    }
    if !report.evasions.is_empty() {
        text.push_str("## Evasions\n\nA third of the letters changed. Mean over labels of the recall where one in a hundred of the texts without the label is flagged, written alike.\n\n| evasion | recall | plain | loss |\n| --- | --: | --: | --: |\n");
        for line in &report.evasions {
            let figures = [line.recall, line.plain, line.plain - line.recall].map(figure).join(" | ");
            let _ = writeln!(text, "| {} | {figures} |", line.evasion);
        }
        text.push('\n');
    }
    if let Some(share) = report.identity_share() {
        let _ = writeln!(
            text,
            "## Identity sentences\n\nNot flagged as hate or abuse at one half: {:.1} %.\n\n| group | texts | flagged |\n| --- | --: | --: |",
            share * 100.0
        );
        for line in &report.identity {
            let _ = writeln!(text, "| {} | {} | {} |", line.group, line.texts, line.flagged);
        }
        text.push('\n');
    }
}
