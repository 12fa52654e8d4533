//! Editions from the cluster: what is published there is built and checked beside the edition in force, swapped between two
//! batches, or refused with everything that is wrong with it; and who runs what is said there.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use crate::event::Millis;
use crate::io::kafka::{
    BundleFile, EditionTopic, KafkaError, KafkaOptions, Manifest, Publisher, RefusedEdition, Report, Reporter,
};
use crate::io::{Clock, instant};
use crate::pipeline::{BuildOptions, Edition};
use crate::problem::{Problem, Severity};

use super::editions::{EditionFile, Editions, build_checked, sources_of};
use super::measure;

/// How long one look at the topic takes: a stop is noticed that late.
const LOOK: Duration = Duration::from_millis(200);
/// How often an instance says what it runs where nothing changes: who was not heard of for three times as long is away.
const REPORT_EVERY: Duration = Duration::from_secs(60);
/// The last report of an instance that ends is waited for so long.
const LAST_REPORT_MAX: Duration = Duration::from_secs(5);

/// Why a published edition is not taken.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the published edition {edition} is refused: {first}", first = problems.first().map(ToString::to_string).unwrap_or_default())]
pub struct NotTaken {
    /// Which.
    pub edition: String,
    /// Everything that is wrong with it.
    pub problems: Vec<Problem>,
}

/// Puts the files of an edition in force on the cluster. The edition was checked.
///
/// # Errors
/// If the cluster refuses it, or it is too large.
pub fn publish(
    kafka: &KafkaOptions,
    edition: &Edition,
    files: Vec<EditionFile>,
    at: Millis,
) -> Result<Manifest, KafkaError> {
    let files: Vec<BundleFile> =
        files.into_iter().map(|EditionFile { path, bytes }| BundleFile { path, bytes }).collect();
    // Whoever else is publishing is stopped first; then the topic is read, and it stays as it is.
    let publisher = Publisher::open(kafka)?;
    let mut topic = EditionTopic::open(kafka)?;
    topic.read_whole()?;
    publisher.publish(&edition.id, &files, at, &topic)
}

/// The topic of editions as an instance follows it.
pub struct Published {
    topic: EditionTopic,
    reporter: Reporter,
    build: BuildOptions,
    clock: Arc<dyn Clock>,
    /// The bundle that was last looked at.
    seen: Option<String>,
    report: Report,
    reported: Option<Instant>,
}

impl Published {
    /// Reads the topic to its end.
    ///
    /// # Errors
    /// If the cluster cannot be used.
    pub fn open(kafka: &KafkaOptions, build: BuildOptions, clock: Arc<dyn Clock>) -> Result<Self, KafkaError> {
        let mut topic = EditionTopic::open(kafka)?;
        topic.read_whole()?;
        let report = Report {
            instance: kafka.instance.clone(),
            group: kafka.group.clone(),
            edition: String::new(),
            since: clock.now(),
            at: clock.now(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            refused: None,
        };
        Ok(Self { topic, reporter: Reporter::open(kafka)?, build, clock, seen: None, report, reported: None })
    }

    /// What is published and was not looked at yet, built and checked; `None` where there is nothing such.
    ///
    /// # Errors
    /// [`NotTaken`], which is reported as well.
    pub fn newest(&mut self) -> Result<Option<Edition>, NotTaken> {
        let told = |edition: &str, problem: &str| NotTaken {
            edition: edition.to_owned(),
            problems: vec![Problem::error(&"edition".into(), problem)],
        };
        let built = match self.topic.manifest() {
            Ok(Some(manifest)) if self.seen.as_ref() != Some(&manifest.bundle) => {
                self.seen = Some(manifest.bundle.clone());
                let built = self.topic.files(&manifest).map_err(|what| told(&manifest.edition, &what));
                self.topic.release(&manifest);
                built.and_then(|files| self.build(&manifest, files))
            }
            Ok(_) => return Ok(None),
            Err(error) => Err(told("unknown", &error.to_string())),
        };
        if let Err(refusal) = &built {
            let errors = refusal.problems.iter().filter(|problem| problem.severity == Severity::Error);
            let problems: Vec<String> = errors.map(ToString::to_string).collect();
            self.report.refused = Some(RefusedEdition::new(&refusal.edition, &problems));
            self.say();
            measure::refused();
        }
        built.map(Some)
    }

    fn build(&self, manifest: &Manifest, files: Vec<BundleFile>) -> Result<Edition, NotTaken> {
        let edition = manifest.edition.clone();
        let files = files.into_iter().map(|BundleFile { path, bytes }| EditionFile { path, bytes }).collect();
        let refused = |problems| NotTaken { edition: edition.clone(), problems };
        let sources = sources_of(files).map_err(refused)?;
        match build_checked(&sources, &self.build) {
            (Some(built), _) if *built.id == *edition => Ok(built),
            (Some(built), _) => {
                let what = format!(
                    "it is {} where it was published and {} here: the versions of the program differ in the model that ships \
                     ({} published it, this is {})",
                    edition, built.id, manifest.version, self.report.version
                );
                let hint = "give all instances one version, or put the model into the edition's folder";
                Err(refused(vec![Problem::error(&"edition".into(), what).hint(hint)]))
            }
            (None, problems) => Err(refused(problems)),
        }
    }

    /// Reports the edition that is in force here.
    pub fn runs(&mut self, edition: &Edition) {
        let now = self.clock.now();
        (self.report.edition, self.report.since, self.report.refused) = (edition.id.to_string(), now, None);
        self.say();
    }

    /// Waits until what was reported has arrived: for one that ends before it follows anything.
    pub fn flush(&self) {
        self.reporter.flush(LAST_REPORT_MAX);
    }

    fn say(&mut self) {
        self.report.at = self.clock.now();
        self.reporter.report(&self.report);
        self.reported = Some(instant());
    }

    /// Takes what is published from now on, until `stop` is dropped. `tell` gets the outcome of every change: the id of the
    /// new edition, or what is wrong with it.
    pub fn follow(mut self, editions: &Editions, stop: &Receiver<()>, tell: impl Fn(Result<&str, &[Problem]>)) {
        while stop.try_recv() != Err(TryRecvError::Disconnected) {
            if let Err(error) = self.topic.read(LOOK) {
                tracing::warn!(%error, hint = error.hint(), "editions that are published now are not seen");
            }
            match self.newest() {
                Ok(Some(edition)) if edition.id == editions.current().id => self.runs(&edition),
                Ok(Some(edition)) => {
                    let edition = Arc::new(edition);
                    editions.publish(Arc::clone(&edition));
                    self.runs(&edition);
                    tell(Ok(&edition.id));
                }
                Ok(None) => {}
                Err(refusal) => tell(Err(&refusal.problems)),
            }
            if self.reported.is_none_or(|at| instant().duration_since(at) >= REPORT_EVERY) {
                self.say();
            }
            self.reporter.serve();
        }
        self.reporter.ends(&self.report.instance);
    }
}
