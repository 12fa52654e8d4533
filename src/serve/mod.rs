//! The service: messages handed in by HTTP are decided as the stream would decide them, and what was decided can be asked for
//! by those who may.
//!
//! ```text
//!  caller ─► door: token, role, rate, time ─► decide ─► io::Desk ─► the loop ─► saved, emitted ─► answer
//!                                         └─► reads: Book (actions.jsonl), edition in force, rejects
//!                                         └─► reviews: a verdict goes to the desk like any other record
//! ```
//!
//! This is the only async room. It decides nothing: it hands records to the loop and answers when they are safe. Which role may
//! use which route is one table ([`ROUTES`]); what is not in it is refused. A text reaches only those who may read it, on their
//! explicit wish, after the audit log has it.

mod admin;
mod audit;
mod bodies;
mod book;
mod decide;
mod door;
mod editions;
mod elastic;
mod fault;
mod hub;
mod jobs;
mod live;
mod mask;
mod openapi;
mod page;
mod patience;
mod rate;
mod reads;
mod recent;
mod reviewing;
mod reviews;
mod routes;
mod saved;
mod search;
mod server;
mod tls;
mod tokens;
mod trends;
mod tryout;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use audit::{Audit, AuditError, Entry as AuditEntry, Verified};
pub use hub::{Hub, Parts};
pub use openapi::openapi;
pub use routes::{ROUTES, Route, Who as WhoMay};
pub use saved::{SEARCHES_FILE, Saved, saved_queries};
pub use server::{Server, start};
pub use tokens::{Role, Token, TokenError, Tokens};

/// How the service works.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The certificate chain and key, in PEM, with which it speaks TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether it may listen beyond loopback without TLS: something before it speaks TLS.
    pub plain: bool,
    /// The largest body, in bytes.
    pub body_bytes_max: usize,
    /// All bodies that are read or not answered yet, in bytes.
    pub bodies_bytes_max: usize,
    /// The most records in one call.
    pub records_max: usize,
    /// How long a call may take.
    pub timeout: Duration,
    /// The most connections at a time.
    pub connections_max: usize,
    /// Calls a second that a token may make.
    pub rate_per_second: u32,
    /// Calls that it may make at once after a silence.
    pub rate_burst: u32,
    /// Decisions that can be asked for; the oldest go first.
    pub decisions_max: usize,
    /// How long a reviewer has a decision for themselves.
    pub claim: Duration,
    /// How long a stop waits for calls that were begun.
    pub drain: Duration,
    /// Recorded streams that rules can be tried on: JSONL files below this folder.
    pub recordings: Option<PathBuf>,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {listen}")]
    Listen {
        /// Which address.
        listen: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// It would send tokens and texts over a network in the clear.
    #[error("{0} is reachable from elsewhere, and without TLS tokens and texts would go over the network in the clear")]
    Plain(SocketAddr),
    /// The certificate or key cannot be used.
    #[error("cannot use the certificate {certificate} with the key {key}: {reason}", certificate = certificate.display(), key = key.display())]
    Tls {
        /// The file of the chain.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of ours cannot be read or written.
    #[error("cannot {doing} {path}", path = path.display())]
    Io {
        /// `read`, `write`.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system has no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
    /// The threads cannot be started.
    #[error("cannot start the service's threads")]
    Threads(#[source] std::io::Error),
}

impl ServeError {
    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "another process may listen there: take another port with --listen",
            Self::Plain(_) => {
                "set serve.tls_certificate and serve.tls_key, listen on 127.0.0.1, or say --plain if something before it speaks TLS"
            }
            Self::Tls { .. } => {
                "both are PEM files: the chain with the server's own certificate first, and its unencrypted key"
            }
            Self::Io { .. } => "check space and rights on that path",
            Self::Random(_) => "the system's source of randomness must work before anybody is let in",
            Self::Threads(_) => "the system allows no more threads: raise its limit",
        }
    }
}
