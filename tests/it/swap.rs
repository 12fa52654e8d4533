//! An edition that is changed while the stage runs: taken when it is right, refused with its errors when it is not.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use tidegate::classify::{LABELS, LANGUAGES};
use tidegate::pipeline::BuildOptions;
use tidegate::problem::{Problem, Severity};
use tidegate::stream::{EditionFolders, Editions, watch};

use crate::stage::{edition_with, path};

const BROKEN: &str = "- id: site.broken\n  when: words.lure.cuont > 1\n  do: [{fold: {level: 1}}]\n";
const RIGHT: &str = "- id: site.right\n  when: words.lure.count > 1\n  do: [{fold: {level: 1}}]\n";
const FAILING: &str = "- id: site.failing\n  when: words.lure.count > 1\n  do: [{fold: {level: 1}}]\n  tests: [{text: hello, expect: fires}]\n";

#[test]
fn a_broken_edition_is_refused_and_a_right_one_is_put_in_force() {
    let site = tempfile::tempdir().unwrap();
    let rules = site.path().join("site.yaml");
    fs::write(&rules, "[]\n").unwrap();
    let folders = EditionFolders { base: Some(path("tests/it/edition")), overlay: Some(site.path().to_owned()) };
    let editions = Editions::new(edition_with(folders.overlay.clone()));
    let first = editions.current().id.clone();
    let (stop, stopped) = mpsc::channel();
    let (tell, heard) = mpsc::channel();
    std::thread::scope(|scope| {
        let (folders, editions) = (&folders, &editions);
        scope.spawn(move || {
            watch(folders, &BuildOptions::default(), Duration::from_millis(5), editions, &stopped, |outcome| {
                let first =
                    |problems: &[Problem]| problems.iter().find(|p| p.severity == Severity::Error).unwrap().to_string();
                tell.send(outcome.map(str::to_owned).map_err(first)).unwrap();
            });
        });
        let after = |text: &str| {
            let written = site.path().join(".site.yaml");
            fs::write(&written, text).unwrap();
            fs::rename(&written, &rules).unwrap();
            heard.recv_timeout(Duration::from_secs(60)).expect("the change is seen")
        };
        let refused = after(BROKEN).unwrap_err();
        assert!(refused.contains("site.yaml:2:9") && refused.contains("words.lure.count"), "{refused}");
        assert_eq!(editions.current().id, first);
        let refused = after(FAILING).unwrap_err();
        assert!(refused.contains("site.failing"), "{refused}");
        assert_eq!(editions.current().id, first);
        let id = after(RIGHT).unwrap();
        assert_ne!(*id, *first);
        // The callback comes before the swap; the next one proves that it was made.
        let other = after(&RIGHT.replace("> 1", "> 2")).unwrap();
        assert_ne!(other, id);
        drop(stop);
    });
    assert!(editions.current().rulebook.rules().iter().any(|rule| &*rule.id == "site.right"));
}

const READS_MODEL: &str =
    "- id: site.model\n  when: class.gambling >= 0.5\n  do: [{fold: {level: 1}}]\n  status: shadow\n";

/// Writes a file of an overlay so that no look finds half of it.
fn put(folder: &std::path::Path, name: &str, bytes: &[u8]) {
    let written = folder.join(format!(".{name}"));
    fs::write(&written, bytes).unwrap();
    fs::rename(&written, folder.join(name)).unwrap();
}

#[test]
fn a_model_is_put_in_force_between_two_batches_and_a_broken_one_is_refused() {
    let site = tempfile::tempdir().unwrap();
    put(site.path(), "site.yaml", READS_MODEL.as_bytes());
    let folders = EditionFolders { base: Some(path("tests/it/edition")), overlay: Some(site.path().to_owned()) };
    let editions = Editions::new(edition_with(folders.overlay.clone()));
    let first = editions.current();
    let cautious = (*first.classifier.model).clone().with_act([[0.999; LABELS]; LANGUAGES]).to_bytes("cautious");
    let (stop, stopped) = mpsc::channel();
    let (tell, heard) = mpsc::channel();
    std::thread::scope(|scope| {
        let (folders, editions) = (&folders, &editions);
        scope.spawn(move || {
            watch(folders, &BuildOptions::default(), Duration::from_millis(5), editions, &stopped, |outcome| {
                let first =
                    |problems: &[Problem]| problems.iter().find(|p| p.severity == Severity::Error).unwrap().to_string();
                tell.send(outcome.map(str::to_owned).map_err(first)).unwrap();
            });
        });
        let after = |bytes: &[u8]| {
            put(site.path(), "model.safetensors", bytes);
            heard.recv_timeout(Duration::from_secs(60)).expect("the change is seen")
        };
        let refused = after(&cautious[..1000]).unwrap_err();
        assert!(refused.contains("model.safetensors") && refused.contains("tidegate train"), "{refused}");
        assert_eq!(editions.current().id, first.id);
        let id = after(&cautious).unwrap();
        assert_ne!(*id, *first.id, "the model is part of the edition where a rule reads it");
        // The callback comes before the swap; the next one proves that it was made.
        put(site.path(), "site.yaml", READS_MODEL.replace("0.5", "0.6").as_bytes());
        heard.recv_timeout(Duration::from_secs(60)).expect("the change is seen").unwrap();
        drop(stop);
    });
    let now = editions.current();
    assert_eq!((&*now.classifier.name, &*first.classifier.name), ("cautious", "guard"));
    assert_ne!(now.classifier.id, first.classifier.id);
}
