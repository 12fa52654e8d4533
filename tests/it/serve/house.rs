//! A running service, and the plainest caller that there can be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::stage::path;

/// A service on a folder of its own.
pub(crate) struct House {
    pub(crate) dir: TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) admin: String,
    process: Child,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

pub(crate) fn tidegate(args: &[&str], dir: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tidegate")).args(args).arg("--output").arg(dir).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A token of that role.
pub(crate) fn token(dir: &Path, role: &str) -> String {
    tidegate(&["token", "add", &format!("of-{role}"), "--role", role], dir)
}

impl House {
    /// Starts one with these settings.
    pub(crate) fn new(settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("settings.toml"), settings).unwrap();
        let (process, address, admin) = start(dir.path());
        Self { address, admin: admin.unwrap(), dir, process }
    }

    /// A run over a folder that is followed, with the service beside it.
    pub(crate) fn beside(input: &Path, settings: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("settings.toml"), settings).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(["run", "--follow", "--serve", "127.0.0.1:0", "--input"]).arg(input);
        let (process, address, admin) = launch(&mut command, dir.path());
        Self { address, admin: admin.unwrap(), dir, process }
    }

    /// Starts again on what the last process left.
    pub(crate) fn again(&mut self) {
        let (process, address, admin) = start(self.dir.path());
        assert_eq!(admin, None, "the first token is made once");
        (self.process, self.address) = (process, address);
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to stop; whether it ended well.
    pub(crate) fn stop(&mut self) -> bool {
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        asked.success() && self.process.wait().unwrap().success()
    }

    pub(crate) fn call(&self, token: Option<&str>, call: &str, kind: &str, body: &[u8]) -> Reply {
        let (method, path) = call.split_once(' ').unwrap();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        if let Some(token) = token {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        if !kind.is_empty() {
            head.push_str(&format!("content-type: {kind}\r\n"));
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        reply(&answer)
    }

    /// The status alone, of a call whose answer may go on for ever.
    pub(crate) fn status(&self, token: Option<&str>, call: &str, body: &[u8]) -> u16 {
        let (method, path) = call.split_once(' ').unwrap();
        let token = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
        let head = format!("{method} {path} HTTP/1.1\r\nhost: t\r\n{token}content-length: {}\r\n\r\n", body.len());
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{call}: {line:?}"))
    }

    /// Hands a record in; nothing where no whole answer came back.
    pub(crate) fn try_call(&self, record: &[u8]) -> Option<Reply> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        let head = format!(
            "POST /v1/decide HTTP/1.1\r\nhost: t\r\nconnection: close\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\r\n",
            self.admin,
            record.len()
        );
        stream.write_all(&[head.as_bytes(), record].concat()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let reply = std::str::from_utf8(&answer).ok()?.contains("\r\n\r\n").then(|| reply(&answer))?;
        let length =
            reply.head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())?;
        (reply.body.len() == length).then_some(reply)
    }

    /// The same call over TLS, to a server that has that certificate.
    pub(crate) fn call_tls(&self, certificate: CertificateDer<'static>, call: &str) -> Reply {
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "localhost".try_into().unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = StreamOwned::new(session, TcpStream::connect(self.address).unwrap());
        write!(stream, "{call} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        reply(&answer)
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> Reply {
        self.call(Some(token), &format!("GET {path}"), "", b"")
    }

    pub(crate) fn decide(&self, token: &str, record: &Value) -> Reply {
        self.call(Some(token), "POST /v1/decide", "application/json", record.to_string().as_bytes())
    }
}

pub(crate) fn reply(answer: &[u8]) -> Reply {
    let answer = String::from_utf8_lossy(answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Until what was saved is back, every call is told to come again. A service that speaks TLS alone is not asked.
fn wait_until_ready(address: SocketAddr) {
    for _ in 0..600 {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        let is_plain = stream.read_to_end(&mut answer).is_ok() && answer.starts_with(b"HTTP/1.1 ");
        if !is_plain || answer.starts_with(b"HTTP/1.1 200") {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    panic!("it does not get ready");
}

fn start(dir: &Path) -> (Child, SocketAddr, Option<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    launch(command.args(["serve", "--listen", "127.0.0.1:0"]), dir)
}

/// Starts what listens, on this folder.
fn launch(command: &mut Command, dir: &Path) -> (Child, SocketAddr, Option<String>) {
    let mut process = command
        .arg("--edition")
        .arg(path("tests/it/edition"))
        .arg("--config")
        .arg(dir.join("settings.toml"))
        .arg("--output")
        .arg(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let (mut said, mut admin) = (Vec::new(), None);
    while let Some(Ok(line)) = lines.next() {
        if let Some((_, token)) = line.split_once("shown this once: ") {
            admin = Some(token.to_owned());
        }
        if let Some((_, address)) = line.split_once("://") {
            // Whatever else it has to say must not fill the pipe.
            std::thread::spawn(move || lines.for_each(drop));
            let address = address.trim_end_matches("\u{1b}[0m").parse().unwrap();
            wait_until_ready(address);
            return (process, address, admin);
        }
        said.push(line);
    }
    let ended = process.wait();
    panic!("it did not start ({ended:?}): {said:?}");
}
