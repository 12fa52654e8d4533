//! Who looked at what, and who changed what: one line each, every line sealed together with the one before it.
//!
//! A line's `hash` is BLAKE3 over the line without it, and the line holds the hash of the line before. So nothing can be changed,
//! taken out or put in between without every later line failing to fit; what was cut off at the end is found by whoever kept the
//! last hash elsewhere ([`Audit::verify`] gives it). Each line is on the disk before what it tells of is done. Several
//! processes may write: each holds the file's lock while it reads the last line and adds its own.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::{Millis, rfc3339};

/// The longest line, and so the longest that the end of a file is searched for one.
const LINE_BYTES_MAX: usize = 64 << 10;
/// The longest of what a line says was looked at or changed, which holds any query; of what is longer the start stands there with
/// its length and its hash. Escaped in JSON it has six times as many bytes at most.
const ABOUT_BYTES_MAX: usize = 8 << 10;
const ABOUT_START_BYTES: usize = 1 << 10;
/// What the first line has in place of a hash before it.
const NOTHING_BEFORE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// Counts up from 1.
    pub seq: u64,
    /// When, by the machine's clock.
    pub at: String,
    /// The token's name; `-` for the command line.
    pub who: String,
    /// What was done: `raw.read`, `token.add`, `review.verdict` …
    pub did: String,
    /// To what.
    pub about: String,
    /// The hash of the line before.
    pub previous: String,
}

/// Why the log cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
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
    /// The last line does not say what to go on from.
    #[error("the last line of {path} is none of ours: {reason}; `tidegate audit verify` says where it breaks", path = path.display())]
    Broken {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What a look at the whole log came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Lines that fit.
    pub lines: u64,
    /// The hash of the last of them: keep it elsewhere, and a log that was cut short is found out.
    pub last: String,
    /// The first line that does not fit, and why.
    pub broken: Option<(u64, String)>,
    /// Bytes after the last whole line: a stop fell into the writing of a line. The next one to write heals it.
    pub torn_bytes: u64,
}

/// The log of an output folder.
pub struct Audit {
    path: PathBuf,
}

impl Audit {
    /// That of this folder; there need be none yet.
    #[must_use]
    pub fn of(dir: &Path) -> Self {
        Self { path: dir.join("audit.jsonl") }
    }

    /// Adds a line and returns when it is on the disk.
    ///
    /// # Errors
    /// If it cannot be written: then do not do what it would have told of.
    pub fn add(&self, who: &str, did: &str, about: &str, now: Millis) -> Result<(), AuditError> {
        self.add_all(who, did, &[about], now)
    }

    /// Adds several lines of one deed at once.
    pub(super) fn add_all(
        &self,
        who: &str,
        did: &str,
        about: &[impl AsRef<str>],
        now: Millis,
    ) -> Result<(), AuditError> {
        let failed = |source| AuditError::Io { doing: "write", path: self.path.clone(), source };
        let mut options = File::options();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path).map_err(failed)?;
        file.lock().map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let (last, torn) = last_line(&mut file, length).map_err(failed)?;
        let (mut seq, mut previous) = match &last {
            None => (0, NOTHING_BEFORE.to_owned()),
            Some(line) => {
                let (entry, hash) =
                    open_line(line).map_err(|reason| AuditError::Broken { path: self.path.clone(), reason })?;
                (entry.seq, hash)
            }
        };
        if torn > 0 {
            file.set_len(length - torn).map_err(failed)?;
        }
        let mut lines = String::new();
        let mut add = |who: &str, did: &str, about: &str| {
            seq += 1;
            let at = rfc3339(now);
            let entry =
                Entry { seq, at, who: who.into(), did: did.into(), about: told(about), previous: previous.clone() };
            let (line, hash) = seal(&entry);
            lines.push_str(&line);
            previous = hash;
        };
        if torn > 0 {
            add("-", "audit.healed", &format!("{torn} bytes of a line that a stop left half written were cut off"));
        }
        about.iter().for_each(|about| add(who, did, about.as_ref()));
        file.write_all(lines.as_bytes()).map_err(failed)?;
        file.sync_data().map_err(failed)
    }

    /// Reads the whole log and says how far it fits.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn verify(&self) -> Result<Verified, AuditError> {
        let mut verified = Verified { lines: 0, last: NOTHING_BEFORE.into(), broken: None, torn_bytes: 0 };
        self.read(|line, number| {
            match line {
                Line::Torn(bytes) => verified.torn_bytes = bytes,
                Line::Whole(text) => match fits(text, verified.lines, &verified.last) {
                    Ok(hash) => {
                        verified.lines += 1;
                        verified.last = hash;
                    }
                    Err(why) => verified.broken = Some((number, why)),
                },
            }
            verified.broken.is_none()
        })?;
        Ok(verified)
    }

    /// The last `count` entries that can be read, oldest first.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn last(&self, count: usize) -> Result<Vec<Entry>, AuditError> {
        let mut entries = std::collections::VecDeque::new();
        self.read(|line, _| {
            if let Line::Whole(text) = line
                && let Ok((entry, _)) = open_line(text)
            {
                entries.push_back(entry);
                if entries.len() > count {
                    entries.pop_front();
                }
            }
            true
        })?;
        Ok(entries.into())
    }

    /// Whether some line has that hash.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn holds(&self, hash: &str) -> Result<bool, AuditError> {
        let mut is_held = hash == NOTHING_BEFORE;
        self.read(|line, _| {
            if let Line::Whole(text) = line {
                is_held |= open_line(text).is_ok_and(|(_, of_line)| of_line == hash);
            }
            !is_held
        })?;
        Ok(is_held)
    }

    /// Gives each line to `take` until it has enough.
    fn read(&self, mut take: impl FnMut(Line<'_>, u64) -> bool) -> Result<(), AuditError> {
        let failed = |source| AuditError::Io { doing: "read", path: self.path.clone(), source };
        let file = match File::open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(failed)?,
        };
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let bytes = (&mut reader).take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line).map_err(failed)?;
            if bytes == 0 {
                break;
            }
            let goes_on = match line.strip_suffix(b"\n") {
                Some(whole) => take(Line::Whole(whole), number),
                None if bytes == LINE_BYTES_MAX => take(Line::Whole(&line), number),
                None => take(Line::Torn(bytes as u64), number),
            };
            if !goes_on {
                break;
            }
        }
        Ok(())
    }
}

enum Line<'a> {
    Whole(&'a [u8]),
    Torn(u64),
}

/// The last whole line, and how many bytes stand behind it.
fn last_line(file: &mut File, length: u64) -> io::Result<(Option<Vec<u8>>, u64)> {
    let bytes = length.min(2 * LINE_BYTES_MAX as u64);
    file.seek(SeekFrom::Start(length - bytes))?;
    let mut end = Vec::with_capacity(bytes as usize);
    file.take(bytes).read_to_end(&mut end)?;
    let whole = end.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let torn = (end.len() - whole) as u64;
    let Some(body) = end[..whole].strip_suffix(b"\n") else { return Ok((None, torn)) };
    let start = body.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    Ok((Some(body[start..].to_vec()), torn))
}

/// The line of an entry, and its hash.
fn seal(entry: &Entry) -> (String, String) {
    let body = serde_json::to_string(entry).expect("strings and numbers");
    let hash = blake3::hash(body.as_bytes()).to_hex().to_string();
    let open = body.strip_suffix('}').unwrap_or(&body);
    (format!("{open},\"hash\":\"{hash}\"}}\n"), hash)
}

/// The entry of a line and its hash, if the line is as it was sealed.
fn open_line(line: &[u8]) -> Result<(Entry, String), String> {
    let text = std::str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let (open, hash) = text.rsplit_once(",\"hash\":\"").ok_or("it has no hash at its end")?;
    let hash = hash.strip_suffix("\"}").ok_or("it has no hash at its end")?;
    let body = format!("{open}}}");
    if blake3::hash(body.as_bytes()).to_hex().as_str() != hash {
        return Err("its hash is not that of what it says".into());
    }
    let entry = serde_json::from_str(&body).map_err(|error| format!("it is not an entry: {error}"))?;
    Ok((entry, hash.to_owned()))
}

/// The hash of a line that fits behind so many lines.
fn fits(line: &[u8], before: u64, last: &str) -> Result<String, String> {
    let (entry, hash) = open_line(line)?;
    if entry.seq != before + 1 {
        return Err(format!("its number is {} and should be {}", entry.seq, before + 1));
    }
    if entry.previous != last {
        return Err("it does not hold the hash of the line before".into());
    }
    Ok(hash)
}

/// What a line says of it: all of it, or enough to know it again by.
fn told(about: &str) -> String {
    if about.len() <= ABOUT_BYTES_MAX {
        return about.to_owned();
    }
    let end = (0..=ABOUT_START_BYTES).rev().find(|&end| about.is_char_boundary(end)).unwrap_or(0);
    let start = &about[..end];
    format!("{start}… ({} bytes, BLAKE3 {})", about.len(), blake3::hash(about.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn log(lines: usize) -> (tempfile::TempDir, Audit, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::of(dir.path());
        (0..lines).for_each(|i| audit.add("li", "raw.read", &format!("event {i}"), i as i64).unwrap());
        let path = dir.path().join("audit.jsonl");
        (dir, audit, path)
    }

    #[test]
    fn the_chain_goes_on_over_restarts_and_verifies() {
        let (dir, audit, _) = log(3);
        let before = audit.verify().unwrap();
        assert_eq!((before.lines, before.broken.clone(), before.torn_bytes), (3, None, 0));
        Audit::of(dir.path()).add("wang", "token.add", "x", 9).unwrap();
        let after = audit.verify().unwrap();
        assert_eq!((after.lines, &after.broken), (4, &None));
        assert_ne!(before.last, after.last);
        assert_eq!(audit.last(2).unwrap().iter().map(|entry| entry.seq).collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn the_first_broken_line_is_named() {
        type Change = fn(&mut Vec<String>);
        let cases: [(Change, u64); 4] = [
            (|lines| lines[1] = lines[1].replace("event 1", "event 7"), 2),
            (|lines| drop(lines.remove(1)), 2),
            (|lines| lines.swap(2, 3), 3),
            (|lines| lines[0] = "{}".into(), 1),
        ];
        for (change, line) in cases {
            let (_dir, audit, path) = log(4);
            let text = fs::read_to_string(&path).unwrap();
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            change(&mut lines);
            fs::write(&path, lines.join("\n") + "\n").unwrap();
            assert_eq!(audit.verify().unwrap().broken.map(|(at, _)| at), Some(line));
        }
    }

    #[test]
    fn a_whole_line_that_was_forged_anew_breaks_the_next() {
        let (_dir, audit, path) = log(3);
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let (mut entry, _) = open_line(lines[1].as_bytes()).unwrap();
        entry.who = "nobody".into();
        lines[1] = seal(&entry).0.trim_end().to_owned();
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        assert_eq!(audit.verify().unwrap().broken.map(|(at, _)| at), Some(3));
    }

    #[test]
    fn a_line_torn_anywhere_is_healed_and_said() {
        let (_dir, audit, path) = log(2);
        let whole = fs::read(&path).unwrap();
        let second = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        for cut in second + 1..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(audit.verify().unwrap().torn_bytes, (cut - second) as u64);
            audit.add("li", "raw.read", "again", 5).unwrap();
            let verified = audit.verify().unwrap();
            assert_eq!((verified.lines, verified.broken, verified.torn_bytes), (3, None, 0));
            assert_eq!(audit.last(2).unwrap()[0].did, "audit.healed");
        }
    }

    #[test]
    fn what_is_long_can_be_known_again() {
        let (_dir, audit, _) = log(0);
        let query = "\u{1}".repeat(ABOUT_BYTES_MAX);
        audit.add("li", "text.search", &query, 0).unwrap();
        let long = "加".repeat(ABOUT_BYTES_MAX);
        audit.add("li", "text.search", &long, 0).unwrap();
        let entries = audit.last(2).unwrap();
        assert_eq!(entries[0].about, query);
        let hash = blake3::hash(long.as_bytes()).to_hex().to_string();
        assert!(entries[1].about.starts_with("加加") && entries[1].about.contains(&hash), "{}", entries[1].about);
        assert!(entries[1].about.contains(&long.len().to_string()));
        assert_eq!(audit.verify().unwrap().lines, 2);
    }

    #[test]
    fn a_log_whose_end_is_none_of_ours_is_not_written_on() {
        let (_dir, audit, path) = log(1);
        fs::write(&path, "something else\n").unwrap();
        assert!(matches!(audit.add("li", "raw.read", "x", 0), Err(AuditError::Broken { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "something else\n");
    }
}
