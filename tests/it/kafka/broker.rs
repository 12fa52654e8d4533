//! Apache Kafka itself, on loopback ports, started by `.ci/kafka`: one node that the tests of this process share, and
//! nodes of one's own for tests that stop them.
//!
//! `KAFKA_BOOTSTRAP` names a running broker to use in place of the shared one.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use tempfile::TempDir;

use super::trial::{pause, signal};

/// A set of nodes that ends when it is dropped, or when this process is gone, however it went.
pub(crate) struct Broker {
    bootstrap: String,
    /// The nodes' storage and logs; `None` for a broker that somebody else runs.
    dir: Option<TempDir>,
}

#[expect(clippy::disallowed_methods, reason = "a switch for who runs the tests, not for the product")]
fn given() -> Option<String> {
    std::env::var("KAFKA_BOOTSTRAP").ok().filter(|bootstrap| !bootstrap.is_empty())
}

/// The broker that the tests of this process share. It ends with the process: the script looks whether we live.
pub(crate) fn shared() -> &'static Broker {
    static SHARED: OnceLock<Broker> = OnceLock::new();
    SHARED.get_or_init(|| match given() {
        Some(bootstrap) => Broker { bootstrap, dir: None },
        None => Broker::start(1),
    })
}

/// A name that no earlier run has used: a broker that somebody else runs may have been here before.
pub(crate) fn fresh(name: &str) -> String {
    let random = TempDir::with_prefix(format!("{name}-")).unwrap();
    random.path().file_name().unwrap().to_str().unwrap().replace('.', "-")
}

impl Broker {
    /// Starts `nodes` nodes (1 or 3) of our own and waits until all of them answer.
    ///
    /// # Panics
    /// Where no broker can be had: what must be tested on Kafka is not passed over.
    pub(crate) fn start(nodes: usize) -> Self {
        Self::start_with(&["--nodes", &nodes.to_string()])
    }

    /// Starts a node that has a listener with TLS for each `<name>.pem` of the folder.
    #[cfg(feature = "kafka-tls")]
    pub(crate) fn start_secured(certificates: &Path) -> Self {
        Self::start_with(&["--tls", certificates.to_str().expect("a temporary folder has a plain name")])
    }

    fn start_with(words: &[&str]) -> Self {
        let dir = TempDir::with_prefix("tidegate-kafka-").unwrap();
        let owner = std::process::id().to_string();
        let said = script(&dir, &[&["start", "--owner", &owner], words].concat());
        let bootstrap = said.trim().strip_prefix("KAFKA_BOOTSTRAP=").expect("the script says where the broker listens");
        Self { bootstrap: bootstrap.to_owned(), dir: Some(dir) }
    }

    /// What clients are given as `bootstrap.servers`.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Where the first node asks who one is: `stage`, with the password `open-sesame`, who may do everything, or `guest` with the same,
    /// who may do nothing; by PLAIN, `stage` also by SCRAM. `None` for a broker that somebody else runs.
    pub(crate) fn asking(&self) -> Option<String> {
        self.listener("SASL")
    }

    /// Where the listener of that name is.
    pub(crate) fn listener(&self, name: &str) -> Option<String> {
        let dir = self.dir.as_ref()?;
        let settings = fs::read_to_string(dir.path().join("nodes/1/server.properties")).unwrap();
        let listeners = settings.lines().find_map(|line| line.strip_prefix("advertised.listeners=")).unwrap();
        listeners.split(',').find_map(|listener| listener.strip_prefix(name)?.strip_prefix("://")).map(str::to_owned)
    }

    /// Ends a node as a failing machine does; its storage stays.
    pub(crate) fn kill_node(&self, node: usize) {
        self.node("kill", node);
    }

    /// Asks a node to end in order, and waits until it has.
    pub(crate) fn stop_node(&self, node: usize) {
        self.node("stop", node);
    }

    /// Starts a node again on the storage that it has, and waits until it answers.
    pub(crate) fn start_node(&self, node: usize) {
        self.node("start", node);
    }

    /// Lets a node answer nothing for so long: connections stay, and what is sent waits.
    pub(crate) fn stall_node(&self, node: usize, time: Duration) {
        let dir = self.dir.as_ref().expect("a broker of our own");
        let pid = fs::read_to_string(dir.path().join(format!("nodes/{node}/pid"))).unwrap();
        let pid = pid.trim().parse().unwrap();
        signal(pid, "STOP");
        pause(time);
        signal(pid, "CONT");
    }

    fn node(&self, action: &str, node: usize) {
        let dir = self.dir.as_ref().expect("a broker of our own");
        script(dir, &["node", action, &node.to_string()]);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(dir) = &self.dir {
            let _ = run(dir, &["stop"]);
        }
    }
}

fn run(dir: &TempDir, words: &[&str]) -> std::io::Result<Output> {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/kafka"))
        .args(words)
        .arg("--dir")
        .arg(dir.path().join("nodes"))
        .output()
}

/// What the script printed.
fn script(dir: &TempDir, words: &[&str]) -> String {
    let output = run(dir, words).unwrap_or_else(|error| panic!(".ci/kafka cannot run: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "no broker to test against (.ci/kafka {}): {said}", words.join(" "));
    String::from_utf8(output.stdout).unwrap()
}
