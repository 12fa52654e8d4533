//! An edition: the immutable, content-hashed bundle of everything that people publish. Same edition, same state, same
//! event: same decision.
//!
//! It is built from texts and not from a folder: reading folders is the edge's work (`stream::editions`). Building returns the
//! edition only if nothing in it is wrong; everything that is wrong is told at once.

use std::path::Path;
use std::sync::Arc;

use crate::claims::{self, MatchOptions, Matcher as Claims, Purpose};
use crate::classify::Classifier;
use crate::event::Event;
use crate::keywords::{self, Lists, Matcher};
use crate::problem::{Problem, has_errors};
use crate::rules::{Ladder, Rulebook, SourceFile};
use crate::signal::Catalogue;

use super::signals::{self, Filler};

/// The files of an edition.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// What ships, or the folder that was named.
    pub base: Folder,
    /// The site's own folder, which is laid over it.
    pub overlay: Folder,
}

/// The texts of a folder, by kind.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    rules: Vec<SourceFile>,
    words: Vec<SourceFile>,
    ladder: Vec<SourceFile>,
    authorities: Vec<SourceFile>,
    claims: Vec<SourceFile>,
    model: Option<ModelFile>,
}

/// The file of a classifier's model.
#[derive(Clone, Debug)]
struct ModelFile {
    name: Arc<str>,
    bytes: Arc<[u8]>,
}

impl Folder {
    /// Sorts files into their kinds by their paths within the folder: `words/<list>.txt`, `ladder.yaml`,
    /// `authorities.txt`, `claims/<library>.jsonl`, and every other `.yaml` is rules. What is none of these is passed over. `shown` is the name
    /// that the user knows the file by.
    pub fn add(&mut self, path: &Path, shown: &str, text: &str) {
        let file = || SourceFile::new(shown, text);
        let extension = path.extension().and_then(|extension| extension.to_str());
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match (name, extension) {
            ("ladder.yaml" | "ladder.yml", _) => self.ladder.push(file()),
            ("authorities.txt", _) => self.authorities.push(file()),
            (_, Some("yaml" | "yml")) => self.rules.push(file()),
            (_, Some("txt")) if path.parent().is_some_and(|parent| parent.ends_with("words")) => {
                self.words.push(file());
            }
            (_, Some("jsonl")) if path.parent().is_some_and(|parent| parent.ends_with("claims")) => {
                self.claims.push(file());
            }
            _ => {}
        }
    }

    /// Adds the model that texts are classified by: the last one given holds.
    pub fn add_model(&mut self, shown: &str, bytes: impl Into<Arc<[u8]>>) {
        self.model = Some(ModelFile { name: shown.into(), bytes: bytes.into() });
    }

    /// Whether nothing in it is of any kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files().next().is_none() && self.model.is_none()
    }

    /// The text of a file, by the name that the user knows it by: for showing where a problem is.
    #[must_use]
    pub fn text(&self, shown: &str) -> Option<&str> {
        self.files().find(|file| &*file.name == shown).map(|file| &*file.text)
    }

    /// A folder has one ladder: of two, nobody could say which holds.
    fn second_ladders(&self) -> impl Iterator<Item = Problem> {
        let first = self.ladder.first().map(|file| Arc::clone(&file.name)).unwrap_or_default();
        let second = self.ladder.iter().skip(1);
        second.map(move |file| {
            Problem::error(&file.name, format!("there is a ladder already: {first}")).hint("put all channels into one")
        })
    }

    fn files(&self) -> impl Iterator<Item = &SourceFile> {
        let rules = self.rules.iter().chain(&self.words).chain(&self.ladder).chain(&self.authorities);
        rules.chain(&self.claims)
    }
}

impl Sources {
    /// The text of a file in either folder.
    #[must_use]
    pub fn text(&self, shown: &str) -> Option<&str> {
        self.overlay.text(shown).or_else(|| self.base.text(shown))
    }

    /// The model that the site or the folder brings, else the one that ships.
    fn classifier(&self) -> (Classifier, Option<Problem>) {
        let model = self.overlay.model.as_ref().or(self.base.model.as_ref());
        let shipped = || Classifier::shipped().expect("a test reads the shipped model");
        match model.map(|model| (model, Classifier::read(&model.bytes))) {
            None => (shipped(), None),
            Some((_, Ok(classifier))) => (classifier, None),
            Some((model, Err(error))) => (shipped(), Some(Problem::error(&model.name, error.to_string()))),
        }
    }

    /// Sixteen hexadecimal digits over every file, and over the model where rules ask it: the same texts give the same,
    /// whatever the folder is called.
    fn id(&self, model: Option<&Classifier>) -> Arc<str> {
        let mut hasher = blake3::Hasher::new();
        for (part, folder) in [("base", &self.base), ("overlay", &self.overlay)] {
            for file in folder.files() {
                let name = file.name.rsplit(['/', '\\']).next().unwrap_or_default();
                for piece in [part, name, &file.text] {
                    hasher.update(&(piece.len() as u64).to_le_bytes());
                    hasher.update(piece.as_bytes());
                }
            }
        }
        if let Some(model) = model {
            hasher.update(b"model");
            hasher.update(model.id.as_bytes());
        }
        hasher.finalize().to_hex()[..16].into()
    }

    /// The claims of both folders, one of each id: the site's stands where both have it.
    fn claims(&self) -> (Vec<claims::Claim>, Vec<Problem>) {
        let files = self.base.claims.iter().chain(&self.overlay.claims);
        let read = files.map(|file| claims::read_lines(&file.name, &file.text, Purpose::Act));
        let (claims, problems): (Vec<_>, Vec<_>) = read.unzip();
        (claims::merge(claims.into_iter().flatten()), problems.into_iter().flatten().collect())
    }

    fn word_sources(&self) -> Vec<keywords::Source<'_>> {
        let files = self.base.words.iter().chain(&self.overlay.words);
        files.map(|file| keywords::Source { file: Arc::clone(&file.name), text: &file.text }).collect()
    }
}

/// What an edition is built with besides its files.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// Seeds the matcher's hashes; the deployment's own.
    pub seed: u64,
}

/// Everything that people publish, compiled.
pub struct Edition {
    /// Sixteen hexadecimal digits over every file's name and text.
    pub id: Arc<str>,
    /// The signals that it knows.
    pub catalogue: Catalogue,
    /// Its word lists.
    pub matcher: Matcher,
    /// Its rules.
    pub rulebook: Rulebook,
    /// The claims that it knows to be refuted; `None` if it has no library.
    pub claims: Option<Claims>,
    /// Its stepped penalties.
    pub ladder: Ladder,
    /// What texts are classified by.
    pub classifier: Classifier,
    /// Whether some rule reads what the classifier says; else it is never asked, and no part of the edition.
    pub(crate) reads_class: bool,
    pub(crate) filler: Filler,
    authorities: Vec<Box<str>>,
}

impl Edition {
    /// Compiles an edition. `None` if anything in it is wrong; warnings come beside the edition.
    #[must_use]
    pub fn build(sources: &Sources, options: &BuildOptions) -> (Option<Self>, Vec<Problem>) {
        let (lists, mut problems) = Lists::parse(&sources.word_sources(), &keywords::Bounds::default());
        let catalogue = signals::catalogue(lists.all().iter().map(|list| &**list.name()));
        let (rulebook, found) = Rulebook::read(&sources.base.rules, &sources.overlay.rules, &catalogue);
        problems.extend(found);
        let (ladder, found) = Ladder::read(sources.base.ladder.first(), sources.overlay.ladder.first());
        problems.extend(found);
        problems.extend([&sources.base, &sources.overlay].into_iter().flat_map(Folder::second_ladders));
        let (matcher, found) =
            Matcher::build(&lists, &keywords::BuildOptions { seed: options.seed, ..keywords::BuildOptions::default() });
        problems.extend(found);
        let (claims, found) = sources.claims();
        problems.extend(found);
        let (classifier, found) = sources.classifier();
        problems.extend(found);
        if has_errors(&problems) {
            return (None, problems);
        }
        let filler = Filler::new(&catalogue, &matcher, |slot| rulebook.uses(slot));
        let authorities = authorities(sources);
        let claims = (!claims.is_empty()).then(|| Claims::new(claims, &MatchOptions::default()));
        let reads_class = filler.reads_class;
        let id = sources.id(reads_class.then_some(&classifier));
        let edition =
            Self { id, catalogue, matcher, rulebook, claims, ladder, classifier, reads_class, filler, authorities };
        (Some(edition), problems)
    }

    /// Whether the event comes from an authority on the edition's list: nothing folds or limits it.
    #[must_use]
    pub fn trusts(&self, event: &Event<'_>) -> bool {
        let authority = event.account.as_ref().and_then(|account| account.authority.as_deref());
        authority.is_some_and(|name| self.authorities.binary_search_by(|known| (**known).cmp(name)).is_ok())
    }
}

/// One authority a line, `#` comments; a site's list adds to the shipped one.
fn authorities(sources: &Sources) -> Vec<Box<str>> {
    let files = sources.base.authorities.iter().chain(&sources.overlay.authorities);
    let lines = files.flat_map(|file| file.text.lines()).map(|line| line.split('#').next().unwrap_or_default().trim());
    let mut names: Vec<Box<str>> = lines.filter(|line| !line.is_empty()).map(Into::into).collect();
    names.sort_unstable();
    names.dedup();
    names
}
