//! Who a caller is: tokens, of which only hashes are kept.
//!
//! A token is `tg_` and 256 random bits; so a plain BLAKE3 hash of it is as safe as a slow one would be: there is nothing to
//! guess. The file is replaced in one piece under a lock, by the command line and by a running service alike, and the service
//! looks at it again when it changes.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::{Millis, rfc3339};
use crate::io::instant;

/// What a token may do. The first five are steps: each may do what those before it may. `platform` stands apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees decisions, rules and counts; texts are masked.
    Viewer,
    /// Reads texts, and says whether decisions stand.
    Analyst,
    /// Checks and tries out rules.
    Editor,
    /// Answers for what is published; reads the audit log.
    Approver,
    /// Makes and revokes tokens.
    Admin,
    /// Hands messages in to be decided, and reads nothing else.
    Platform,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Viewer, Self::Analyst, Self::Editor, Self::Approver, Self::Admin, Self::Platform];

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Editor => "editor",
            Self::Approver => "approver",
            Self::Admin => "admin",
            Self::Platform => "platform",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Whose it is: what the audit log and verdicts say.
    pub name: Arc<str>,
    /// What it may do.
    pub role: Role,
    /// BLAKE3 of the token, in hexadecimal.
    pub hash: String,
    /// When it was made.
    pub made: String,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    tokens: Vec<Token>,
}

/// Tokens of one folder, at most.
const TOKENS_MAX: usize = 1000;
/// The longest name.
const NAME_BYTES_MAX: usize = 64;
/// How often a running service looks whether the file has changed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Why a token cannot be made, read or revoked.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The system refused.
    #[error("cannot {doing} {path}", path = path.display())]
    Io {
        /// `read`, `write`.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what we wrote.
    #[error("{path} is not a file of tokens: {reason}", path = path.display())]
    Broken {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The name cannot be used.
    #[error("{0}")]
    Name(String),
    /// The system has no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

/// The tokens of an output folder.
pub struct Tokens {
    path: PathBuf,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    tokens: Arc<[Known]>,
    stamp: Option<(u64, Option<SystemTime>)>,
    looked: Option<Instant>,
}

/// A token with its hash ready to be compared.
#[derive(Clone)]
struct Known {
    hash: blake3::Hash,
    who: Who,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    /// The token's name.
    pub(crate) name: Arc<str>,
    /// Its role.
    pub(crate) role: Role,
    /// The token's hash: another token may have the same name later.
    pub(crate) token: blake3::Hash,
}

impl Tokens {
    /// Those of that folder; there need be none yet.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        Self { path: dir.join("tokens.json"), held: Mutex::default() }
    }

    /// Every token, by name.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn list(&self) -> Result<Vec<Token>, TokenError> {
        match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(self.failed("read", source)),
            Ok(bytes) => {
                let file: TokenFile = serde_json::from_slice(&bytes).map_err(|error| self.broken(error.to_string()))?;
                Ok(file.tokens)
            }
        }
    }

    /// Makes a token and gives it, for the only time.
    ///
    /// # Errors
    /// If the name is taken or cannot be used, or the file cannot be written.
    pub fn add(&self, name: &str, role: Role, now: Millis) -> Result<String, TokenError> {
        let is_fine = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains(char::is_control);
        if !is_fine {
            return Err(TokenError::Name(format!(
                "a token's name has 1 to {NAME_BYTES_MAX} bytes and no control characters"
            )));
        }
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| TokenError::Random(error.to_string()))?;
        let token = format!("tg_{}", URL_SAFE_NO_PAD.encode(secret));
        let hash = blake3::hash(token.as_bytes()).to_hex().to_string();
        self.change(|tokens| {
            if tokens.iter().any(|known| &*known.name == name) {
                return Err(TokenError::Name(format!(
                    "there is a token named {name:?}: revoke it, or take another name"
                )));
            }
            if tokens.len() >= TOKENS_MAX {
                return Err(TokenError::Name(format!("there are {TOKENS_MAX} tokens: revoke one that is not needed")));
            }
            tokens.push(Token { name: name.into(), role, hash: hash.clone(), made: rfc3339(now) });
            tokens.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(())
        })?;
        Ok(token)
    }

    /// Takes a token back: from then on it opens nothing.
    ///
    /// # Errors
    /// If there is none of that name, or the file cannot be written.
    pub fn revoke(&self, name: &str) -> Result<(), TokenError> {
        self.change(|tokens| {
            let before = tokens.len();
            tokens.retain(|known| &*known.name != name);
            if tokens.len() == before {
                return Err(TokenError::Name(format!(
                    "there is no token named {name:?}: `tidegate token list` shows them"
                )));
            }
            Ok(())
        })
    }

    /// Whose token that is.
    pub(crate) fn find(&self, token: &str) -> Option<Who> {
        let hash = blake3::hash(token.as_bytes());
        // Hashes compare in constant time, and every one is compared.
        let of = |tokens: &[Known]| {
            tokens.iter().fold(None, |found, known| if known.hash == hash { Some(known.who.clone()) } else { found })
        };
        // One that is not known may have been made this moment.
        of(&self.current(false)).or_else(|| of(&self.current(true)))
    }

    /// Whether that token has not been taken back.
    pub(crate) fn holds(&self, who: &Who) -> bool {
        self.current(false).iter().any(|known| known.who == *who)
    }

    /// The tokens, read again where the file has changed; `looks` now, or when it is time. A file that cannot be read opens
    /// nothing.
    fn current(&self, looks: bool) -> Arc<[Known]> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let now = instant();
        if !looks && held.looked.is_some_and(|looked| now.duration_since(looked) < LOOK_EVERY) {
            return Arc::clone(&held.tokens);
        }
        held.looked = Some(now);
        let stamp = fs::metadata(&self.path).ok().map(|known| (known.len(), known.modified().ok()));
        if stamp != held.stamp || stamp.is_none() {
            held.stamp = stamp;
            held.tokens = match self.list() {
                Ok(tokens) => tokens.iter().filter_map(Known::of).collect(),
                Err(error) => {
                    tracing::error!(%error, "the tokens cannot be read: nobody is let in");
                    Arc::default()
                }
            };
        }
        Arc::clone(&held.tokens)
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Token>) -> Result<(), TokenError>) -> Result<(), TokenError> {
        let write = |source| self.failed("write", source);
        let lock = File::create(self.path.with_extension("lock")).map_err(write)?;
        lock.lock().map_err(write)?;
        let mut tokens = self.list()?;
        change(&mut tokens)?;
        let text = serde_json::to_vec_pretty(&TokenFile { tokens }).map_err(|error| self.broken(error.to_string()))?;
        let next = self.path.with_extension("json.next");
        write_private(&next, &text).map_err(write)?;
        fs::rename(&next, &self.path).map_err(write)?;
        self.held.lock().unwrap_or_else(PoisonError::into_inner).looked = None;
        Ok(())
    }

    fn failed(&self, doing: &'static str, source: io::Error) -> TokenError {
        TokenError::Io { doing, path: self.path.clone(), source }
    }

    fn broken(&self, reason: String) -> TokenError {
        TokenError::Broken { path: self.path.clone(), reason }
    }
}

impl Known {
    fn of(token: &Token) -> Option<Self> {
        let hash = blake3::Hash::from_hex(&token.hash).ok()?;
        Some(Self { hash, who: Who { name: Arc::clone(&token.name), role: token.role, token: hash } })
    }
}

/// Writes a file that nobody else on the machine may read, and returns when it is on the disk.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_until_it_is_revoked_and_is_kept_as_a_hash_only() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(dir.path());
        assert_eq!(tokens.find("tg_x"), None);
        let token = tokens.add("li", Role::Analyst, 0).unwrap();
        let who = tokens.find(&token).unwrap();
        assert_eq!((&*who.name, who.role), ("li", Role::Analyst));
        assert_eq!(tokens.find(&token[..token.len() - 1]), None);
        let kept = fs::read_to_string(dir.path().join("tokens.json")).unwrap();
        assert!(!kept.contains(&token) && !kept.contains(&token[3..]));
        assert!(tokens.add("li", Role::Viewer, 0).is_err() && tokens.add("", Role::Viewer, 0).is_err());
        tokens.revoke("li").unwrap();
        assert_eq!(tokens.find(&token), None);
        assert!(tokens.revoke("li").is_err());
        tokens.add("li", Role::Analyst, 0).unwrap();
        assert!(!tokens.holds(&who), "another token of the same name is another token");
    }

    #[test]
    fn a_file_that_is_damaged_opens_nothing_and_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(dir.path());
        let token = tokens.add("li", Role::Admin, 0).unwrap();
        fs::write(dir.path().join("tokens.json"), "{\"tokens\": [").unwrap();
        tokens.held.lock().unwrap().looked = None;
        assert_eq!(tokens.find(&token), None);
        assert!(tokens.add("wang", Role::Admin, 0).is_err());
        assert_eq!(fs::read_to_string(dir.path().join("tokens.json")).unwrap(), "{\"tokens\": [");
    }
}
