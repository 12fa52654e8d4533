//! `[serve]`: the HTTP service.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[serve]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Serve {
    /// Where `tidegate serve` listens. Beyond loopback it wants TLS, or `plain`.
    pub listen: SocketAddr,
    /// The certificate chain (PEM), the server's own first.
    pub tls_certificate: Option<PathBuf>,
    /// Its key (PEM, unencrypted).
    pub tls_key: Option<PathBuf>,
    /// Whether it may listen beyond loopback without TLS, because something before it speaks TLS.
    pub plain: bool,
    /// The largest body of a call, in bytes.
    pub body_bytes_max: usize,
    /// The most records in one call.
    pub records_max: usize,
    /// How long a call may take, in milliseconds; trying a rule out may take twelve times as long.
    pub timeout_ms: u64,
    /// The most connections at a time.
    pub connections_max: usize,
    /// Calls a second that a token may make.
    pub rate_per_second: u32,
    /// Calls that a token may make at once after a silence.
    pub rate_burst: u32,
    /// The most records that wait to be decided; what comes beyond is told to come again.
    pub queue_records_max: usize,
    /// Their bytes, at most; and as many of bodies that are being read or not answered yet.
    pub queue_bytes_max: usize,
    /// The most decisions that can be asked for, 80 bytes of memory each; the oldest go first.
    pub decisions_max: usize,
    /// How long a reviewer has a decision for themselves, in minutes.
    pub review_minutes: u32,
    /// How long a stop waits for calls that were begun, in milliseconds.
    pub drain_ms: u64,
    /// A folder of recorded streams that rules can be tried on.
    pub recordings: Option<PathBuf>,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            tls_certificate: None,
            tls_key: None,
            plain: false,
            body_bytes_max: 8 << 20,
            records_max: 1000,
            timeout_ms: 5000,
            connections_max: 1024,
            rate_per_second: 5000,
            rate_burst: 10_000,
            queue_records_max: 8192,
            queue_bytes_max: 64 << 20,
            decisions_max: 500_000,
            review_minutes: 15,
            drain_ms: 10_000,
            recordings: None,
        }
    }
}

impl Serve {
    /// Every number with the least and the most that it may be.
    pub(super) fn numbers(&self) -> [(&'static str, u64, u64, u64); 11] {
        let number = |n: usize| n as u64;
        [
            ("serve.body_bytes_max", number(self.body_bytes_max), 1 << 10, 1 << 30),
            ("serve.records_max", number(self.records_max), 1, 100_000),
            ("serve.timeout_ms", self.timeout_ms, 10, 600_000),
            ("serve.connections_max", number(self.connections_max), 1, 65_535),
            ("serve.rate_per_second", self.rate_per_second.into(), 1, 1_000_000),
            ("serve.rate_burst", self.rate_burst.into(), 1, 1_000_000),
            ("serve.queue_records_max", number(self.queue_records_max), 1, 1 << 20),
            ("serve.queue_bytes_max", number(self.queue_bytes_max), 1 << 10, 1 << 30),
            ("serve.decisions_max", number(self.decisions_max), 1, 100_000_000),
            ("serve.review_minutes", self.review_minutes.into(), 1, 1440),
            ("serve.drain_ms", self.drain_ms, 0, 600_000),
        ]
    }
}
