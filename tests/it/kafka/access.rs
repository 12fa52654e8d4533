//! A listener that asks who one is: the right name and password are let in, and each mistake is said with what to do.

use std::fs;
use std::process::Output;

use tempfile::TempDir;

use super::broker::{Broker, fresh, shared};
use super::trial::tidegate;

/// What `tidegate edition list` says with these settings and that password.
fn list(broker: &str, settings: &str, password: &str) -> Output {
    asks(&["edition", "list", "--config"], broker, settings, password)
}

/// What a command says with these settings and that password.
pub(super) fn asks(command: &[&str], broker: &str, settings: &str, password: &str) -> Output {
    let (dir, name) = (TempDir::new().unwrap(), fresh("access"));
    let secret = dir.path().join("secret");
    fs::write(&secret, password).unwrap();
    let config = dir.path().join("kafka.toml");
    let brokers = format!("brokers = [{broker:?}]\nprefix = \"{name}.\"\n");
    fs::write(&config, format!("[kafka]\n{brokers}{settings}").replace("$SECRET", secret.to_str().unwrap())).unwrap();
    tidegate(command).arg(config).output().unwrap()
}

#[test]
fn who_is_not_let_in_is_told_why() {
    let own = shared().asking().is_none().then(|| Broker::start(1));
    let broker = own.as_ref().unwrap_or(shared()).asking().expect("a broker of our own asks");
    const PLAIN: &str = "sasl_mechanism = \"PLAIN\"\nusername = \"stage\"\npassword_file = \"$SECRET\"\n";
    let scram = PLAIN.replace("PLAIN", "SCRAM-SHA-256");
    // Let in like the first, where the build can.
    let scram_hint = if cfg!(feature = "kafka-tls") { "tidegate topics create" } else { "kafka-tls" };
    // Settings, password, and what is said: the first is let in, and finds no topic.
    let cases: [(&str, &str, &[&str]); 7] = [
        (PLAIN, "open-sesame\n", &["editions", "tidegate topics create"]),
        (PLAIN, "open sesame", &["password_file"]),
        (&PLAIN.replace("stage", "nobody"), "open-sesame", &["username"]),
        (
            &PLAIN.replace("stage", "guest"),
            "open-sesame",
            &["authoriz", "READ on the input topic", "transactional ids"],
        ),
        (&scram, "open-sesame", &[scram_hint]),
        ("", "", &["sasl_mechanism", "listener"]),
        ("sasl_mechanism = \"PLAIN\"\n", "", &["belong together"]),
    ];
    std::thread::scope(|scope| {
        for (settings, password, expected) in cases {
            let broker = &broker;
            scope.spawn(move || {
                let output = list(broker, settings, password);
                let said = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(2), "{settings}: {said}");
                for words in expected {
                    assert!(said.contains(words), "{settings}: {words:?} is not in\n{said}");
                }
                assert!(!said.contains("sesame"), "a password is told: {said}");
            });
        }
    });
}
