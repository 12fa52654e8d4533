//! The manifest of a training: which texts it learns from, under which licence, and what their labels mean here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use serde::Deserialize;

use crate::classify::train::{Material, Options};
use crate::classify::{LABELS, Label, LabelMap, Mask, Row, read_grammar, read_own, read_terms};
use crate::cli::Output;
use crate::problem::Problem;

/// Bytes of one file of texts.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Files of one folder of texts.
const FILES_MAX: usize = 1000;
/// How many mistakes of the texts are shown.
const SHOWN_MAX: usize = 20;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Manifest {
    /// The name of the model.
    pub(in crate::cli) model: String,
    #[serde(default)]
    train: Settings,
    #[serde(rename = "source")]
    pub(in crate::cli) sources: Vec<Source>,
}

/// Everything that may be set; what is not keeps its default.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    table_rows: Option<usize>,
    seed: Option<u64>,
    epochs_max: Option<usize>,
    patience: Option<usize>,
    batch_rows: Option<usize>,
    table_rate: Option<f32>,
    head_rate: Option<f32>,
    decay: Option<f32>,
    dropout_percent: Option<u8>,
    evaded_percent: Option<u8>,
    masked_percent: Option<u8>,
    cropped_percent: Option<u8>,
}

/// What a source is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum Role {
    /// It is learnt from, apart from what is held out.
    #[default]
    Teach,
    /// All of it is held out: it chooses the epoch, calibrates and is measured on.
    Hold,
    /// Ordinary messages: whatever is found in what is held out of them is a false alarm.
    Benign,
    /// It is measured on and has no influence on the model.
    Measure,
    /// Sentences that say who somebody is, a group and a text a line: measured on, and nothing of it is hate.
    Identity,
}

/// One source.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Source {
    pub(in crate::cli) name: String,
    /// A file or folder beside the manifest …
    path: Option<PathBuf>,
    /// … or a file in the folder that `--data` names; without that folder the source is left out.
    data: Option<PathBuf>,
    pub(in crate::cli) licence: String,
    pub(in crate::cli) origin: String,
    #[serde(default)]
    pub(in crate::cli) role: Role,
    #[serde(default = "one")]
    weight: f32,
    #[serde(default)]
    held_percent: u8,
    /// Whether texts of it are learnt from as people disguise, mask and cut them, too.
    #[serde(default = "yes")]
    disguised: bool,
    /// Texts of each pattern of a grammar.
    #[serde(default = "twenty")]
    composed_each: usize,
    /// What the labels of the file mean; without it they are our own.
    labels: Option<BTreeMap<String, Meaning>>,
    /// Word lists of the folder `path`, by name, and what their terms mean.
    lists: Option<BTreeMap<String, Meaning>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meaning {
    #[serde(default)]
    has: Vec<String>,
    #[serde(default)]
    lacks: Vec<String>,
}

fn yes() -> bool {
    true
}

fn one() -> f32 {
    1.0
}

fn twenty() -> usize {
    20
}

/// A source with its texts.
pub(in crate::cli) struct Loaded {
    pub(in crate::cli) source: Source,
    pub(in crate::cli) rows: Vec<Row>,
    /// The label of each row as the file has it, of the role `identity`; else none.
    pub(in crate::cli) notes: Vec<String>,
}

impl Source {
    /// Verdicts, which no manifest names.
    pub(super) fn of_feedback(name: &str, role: Role) -> Self {
        Self {
            name: name.to_owned(),
            path: None,
            data: None,
            licence: "the deployment's own".to_owned(),
            origin: "reviewers' verdicts".to_owned(),
            role,
            weight: 1.0,
            held_percent: 0,
            disguised: true,
            composed_each: 0,
            labels: None,
            lists: None,
        }
    }
}

impl Manifest {
    pub(in crate::cli) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Self =
            toml::from_str(&text).with_context(|| format!("{} is no manifest of a training", path.display()))?;
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if manifest.model.is_empty() || !manifest.model.chars().all(is_name) {
            bail!("{}: `model` is \"{}\"; a-z, 0-9 and - make a name", path.display(), manifest.model);
        }
        Ok(manifest)
    }

    pub(in crate::cli) fn options(&self) -> anyhow::Result<Options> {
        let (default, set) = (Options::default(), &self.train);
        let options = Options {
            table_rows: set.table_rows.unwrap_or(default.table_rows),
            seed: set.seed.unwrap_or(default.seed),
            epochs_max: set.epochs_max.unwrap_or(default.epochs_max),
            patience: set.patience.unwrap_or(default.patience),
            batch_rows: set.batch_rows.unwrap_or(default.batch_rows),
            table_rate: set.table_rate.unwrap_or(default.table_rate),
            head_rate: set.head_rate.unwrap_or(default.head_rate),
            decay: set.decay.unwrap_or(default.decay),
            dropout_percent: set.dropout_percent.unwrap_or(default.dropout_percent),
            evaded_percent: set.evaded_percent.unwrap_or(default.evaded_percent),
            masked_percent: set.masked_percent.unwrap_or(default.masked_percent),
            cropped_percent: set.cropped_percent.unwrap_or(default.cropped_percent),
        };
        let within = [
            ("table_rows", (16..=1 << 22).contains(&options.table_rows)),
            ("epochs_max", (1..=1000).contains(&options.epochs_max)),
            ("patience", (1..=1000).contains(&options.patience)),
            ("batch_rows", (1..=4096).contains(&options.batch_rows)),
            ("table_rate", options.table_rate > 0.0 && options.table_rate <= 1.0),
            ("head_rate", options.head_rate > 0.0 && options.head_rate <= 1.0),
            ("decay", (0.0..=1.0).contains(&options.decay)),
            ("dropout_percent", options.dropout_percent < 100),
            ("evaded_percent", options.evaded_percent <= 100),
            ("cropped_percent", options.cropped_percent <= 100),
            ("masked_percent", options.masked_percent <= 100 - options.evaded_percent.min(100)),
        ];
        match within.into_iter().find(|(_, is_within)| !is_within) {
            Some((key, _)) => Err(anyhow!("`train.{key}` is out of bounds; docs/classifier.md lists them")),
            None => Ok(options),
        }
    }

    /// Reads the texts of every source that is at hand. `seed` composes those of grammars.
    pub(in crate::cli) fn load(
        self,
        path: &Path,
        data: Option<&Path>,
        seed: u64,
        output: &Output,
    ) -> anyhow::Result<Vec<Loaded>> {
        let beside = path.parent().unwrap_or(Path::new(""));
        let mut loaded = Vec::new();
        for source in self.sources {
            let place = match (&source.path, &source.data, data) {
                (Some(path), None, _) => beside.join(path),
                (None, Some(file), Some(data)) => data.join(file),
                (None, Some(_), None) => continue,
                _ => bail!("the source {} names neither `path` nor `data`, or both; give it one", source.name),
            };
            if source.role == Role::Identity {
                loaded.push(identity(source, &place)?);
                continue;
            }
            if let Some(lists) = &source.lists {
                let rows = read_lists(&place, lists, seed).with_context(|| source.name.clone())?;
                loaded.push(Loaded { source, rows, notes: Vec::new() });
                continue;
            }
            let map = source.labels.as_ref().map(label_map).transpose().with_context(|| source.name.clone())?;
            let (rows, problems) = read(&place, map.as_ref(), source.composed_each, seed)?;
            show(&problems, output);
            loaded.push(Loaded { source, rows, notes: Vec::new() });
        }
        Ok(loaded)
    }
}

impl Loaded {
    /// What a trainer takes; `None` where it has no influence on the model.
    pub(in crate::cli) fn material(&self) -> Option<Material> {
        let source = &self.source;
        let (weight, held_percent) = match source.role {
            Role::Measure | Role::Identity => return None,
            Role::Hold => (0.0, 100),
            Role::Teach | Role::Benign => (source.weight, source.held_percent),
        };
        let (name, rows, is_disguised) = (source.name.clone(), self.rows.clone(), source.disguised);
        Some(Material { name, rows, weight, held_percent, is_disguised })
    }

    /// Of a hundred groups of its rows, so many are never learnt from.
    pub(in crate::cli) fn held_percent(&self) -> u8 {
        match self.source.role {
            Role::Measure | Role::Identity | Role::Hold => 100,
            Role::Teach | Role::Benign => self.source.held_percent,
        }
    }
}

fn identity(source: Source, place: &Path) -> anyhow::Result<Loaded> {
    let text = std::fs::read_to_string(place).with_context(|| format!("cannot read {}", place.display()))?;
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('#') && !line.is_empty()) {
        let Some((group, text)) = line.split_once('\t') else {
            bail!("{}:{number}: no tab between a group and a text", place.display());
        };
        rows.push(Row::new(text.to_owned(), [Some(false); LABELS]));
        notes.push(group.to_owned());
    }
    Ok(Loaded { source, rows, notes })
}

fn read_lists(folder: &Path, lists: &BTreeMap<String, Meaning>, seed: u64) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (list, meaning) in lists {
        let path = folder.join(format!("{list}.txt"));
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        rows.extend(read_terms(&path.to_string_lossy().into(), &text, meaning.mask()?, seed));
    }
    Ok(rows)
}

impl Meaning {
    fn mask(&self) -> anyhow::Result<Mask> {
        let mut mask: Mask = [None; LABELS];
        for (names, value) in [(&self.lacks, false), (&self.has, true)] {
            for name in names {
                let label = Label::of_name(name).ok_or_else(|| anyhow!("there is no label \"{name}\""))?;
                mask[label as usize] = Some(value);
            }
        }
        Ok(mask)
    }
}

fn label_map(labels: &BTreeMap<String, Meaning>) -> anyhow::Result<LabelMap> {
    let mut map = LabelMap::default();
    for (name, meaning) in labels {
        map.define(name, meaning.mask()?);
    }
    Ok(map)
}

fn read(place: &Path, map: Option<&LabelMap>, each: usize, seed: u64) -> anyhow::Result<(Vec<Row>, Vec<Problem>)> {
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for file in files(place)? {
        let size = std::fs::metadata(&file).with_context(|| format!("cannot read {}", file.display()))?.len();
        if size > FILE_BYTES_MAX {
            bail!("{} has {size} bytes; {FILE_BYTES_MAX} can be taken: split it", file.display());
        }
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name: Arc<str> = file.to_string_lossy().into();
        let (found, wrong) = match (map, file.extension().and_then(|extension| extension.to_str())) {
            (Some(map), _) => map.read(&name, &text),
            (None, Some("grammar")) => read_grammar(&name, &text, each, seed),
            (None, _) => read_own(&name, &text),
        };
        rows.extend(found);
        problems.extend(wrong);
    }
    Ok((rows, problems))
}

/// The file itself, or the `.tsv` and `.grammar` files of a folder and of those in it, by name.
fn files(place: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !place.is_dir() {
        return Ok(vec![place.to_owned()]);
    }
    let mut found = Vec::new();
    let entries = std::fs::read_dir(place).with_context(|| format!("cannot read {}", place.display()))?;
    for entry in entries {
        let path = entry?.path();
        let is_text = path.extension().is_some_and(|extension| extension == "tsv" || extension == "grammar");
        if is_text && path.is_file() {
            found.push(path);
        }
    }
    found.sort_unstable();
    if found.len() > FILES_MAX {
        bail!("{} holds {} files; {FILES_MAX} can be taken", place.display(), found.len());
    }
    Ok(found)
}

/// What cannot be taken is told and left out: a line of a large set must not stop a training.
fn show(problems: &[Problem], output: &Output) {
    for problem in problems.iter().take(SHOWN_MAX) {
        eprintln!("{}", output.err.problem(problem, None));
    }
    if problems.len() > SHOWN_MAX {
        eprintln!("… and {} more lines that were left out", problems.len() - SHOWN_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings_say_what_a_label_has_and_lacks() {
        let labels = [("1".to_owned(), Meaning { has: vec!["abuse".into()], lacks: vec!["fraud".into()] })];
        let map = label_map(&labels.into()).unwrap();
        let (rows, _) = map.read(&"a".into(), "1\tx");
        assert_eq!(rows[0].truth[Label::Abuse as usize], Some(true));
        assert_eq!(rows[0].truth[Label::Fraud as usize], Some(false));
        assert_eq!(rows[0].truth[Label::Hate as usize], None);
        let wrong = [("1".to_owned(), Meaning { has: vec!["abuze".into()], lacks: vec![] })];
        assert!(label_map(&wrong.into()).unwrap_err().to_string().contains("abuze"));
    }

    #[test]
    fn unknown_keys_and_bad_bounds_are_refused() {
        let head = "model = \"m\"\n[[source]]\nname=\"a\"\nlicence=\"x\"\norigin=\"y\"\n";
        assert!(toml::from_str::<Manifest>(&format!("{head}pth=\"z\"\n")).is_err());
        let text = format!("{head}path=\"z\"\n[train]\ndropout_percent = 100\n");
        let manifest: Manifest = toml::from_str(&text).unwrap();
        assert!(manifest.options().unwrap_err().to_string().contains("train.dropout_percent"));
    }
}
