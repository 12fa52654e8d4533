//! Queries that have a name: `searches.jsonl` beside the tokens, a line for each that was made, changed or taken out.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::event::rfc3339;
use crate::index::QUERY_BYTES_MAX;

use super::ServeError;
use super::fault::{Fault, json};
use super::hub::Hub;
use super::page::{Page, Pages};
use super::routes::{Name, Params, blocking};
use super::search::parsed;
use super::tokens::{Role, Who};

/// Queries that have a name, at most.
const SEARCHES_MAX: usize = 500;
/// The longest name.
const NAME_BYTES_MAX: usize = 64;
/// The longest that is said about one.
const ABOUT_BYTES_MAX: usize = 1 << 10;
/// The largest body: every byte of it escaped.
const BODY_BYTES_MAX: usize = 6 * (QUERY_BYTES_MAX + ABOUT_BYTES_MAX) + 100;
/// The longest line, and how long the file may get before only what is in force is kept.
const LINE_BYTES_MAX: usize = BODY_BYTES_MAX + 4096;
const FILE_BYTES_MAX: u64 = 64 << 20;

/// A query with a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Saved {
    /// What it is called.
    pub name: String,
    /// In the language of `tidegate search`.
    pub query: String,
    /// What it is for.
    #[serde(default)]
    pub about: String,
    /// Who made it or changed it last.
    pub by: String,
    /// When.
    pub at: String,
}

/// The file of an output folder that the queries stand in.
pub const SEARCHES_FILE: &str = "searches.jsonl";

/// The queries that people saved by the service of an output folder, by name; none where there is no such file.
///
/// # Errors
/// [`ServeError::Io`], if the file cannot be read.
pub fn saved_queries(dir: &Path) -> Result<BTreeMap<String, Saved>, ServeError> {
    Ok(Searches::open(dir)?.held().clone())
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Saved(Saved),
    Removed { name: String, by: String, at: String },
}

/// The queries of an output folder.
pub(super) struct Searches {
    path: PathBuf,
    held: Mutex<BTreeMap<String, Saved>>,
    /// Held while the file is written, so that nobody who reads waits for the disk.
    writing: Mutex<()>,
}

impl Searches {
    /// Reads what was saved.
    pub(super) fn open(dir: &Path) -> Result<Self, ServeError> {
        let path = dir.join(SEARCHES_FILE);
        let failed = |source| ServeError::Io { doing: "read", path: path.clone(), source };
        let held = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            opened => read(opened.map_err(failed)?).map_err(failed)?,
        };
        Ok(Self { path, held: Mutex::new(held), writing: Mutex::default() })
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Saved>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The query of that name.
    pub(super) fn find(&self, name: &str) -> Result<Saved, Fault> {
        self.held().get(name).cloned().ok_or_else(none)
    }

    /// Changes what is held, after the file has it. `change` looks at what has the name now; `note` is done before the change, and
    /// only where there is one.
    fn change(
        &self,
        name: &str,
        change: impl FnOnce(Option<&Saved>, usize) -> Result<Line, Fault>,
        note: impl FnOnce() -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let line = {
            let held = self.held();
            change(held.get(name), held.len())?
        };
        note()?;
        self.append(&line)?;
        match line {
            Line::Saved(saved) => drop(self.held().insert(name.to_owned(), saved)),
            Line::Removed { .. } => drop(self.held().remove(name)),
        }
        Ok(())
    }

    fn append(&self, line: &Line) -> io::Result<()> {
        if std::fs::metadata(&self.path).is_ok_and(|known| known.len() > FILE_BYTES_MAX) {
            let held = self.held().clone();
            self.rewrite(&held)?;
        }
        // A line of its own even where a stop left half of one behind: blank lines are passed over.
        let mut bytes = b"\n".to_vec();
        serde_json::to_writer(&mut bytes, line)?;
        bytes.push(b'\n');
        let mut file = private(File::options().append(true)).open(&self.path)?;
        file.write_all(&bytes)?;
        file.sync_data()
    }

    /// Only what is in force, in one piece.
    fn rewrite(&self, held: &BTreeMap<String, Saved>) -> io::Result<()> {
        let next = self.path.with_extension("jsonl.next");
        let mut bytes = Vec::new();
        for saved in held.values() {
            serde_json::to_writer(&mut bytes, &Line::Saved(saved.clone()))?;
            bytes.push(b'\n');
        }
        let mut file = private(File::options().write(true).truncate(true)).open(&next)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(next, &self.path)
    }
}

/// Made where it is not there, for its owner alone.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

fn read(file: File) -> io::Result<BTreeMap<String, Saved>> {
    let mut reader = BufReader::new(file);
    let (mut held, mut line) = (BTreeMap::new(), Vec::new());
    loop {
        line.clear();
        if (&mut reader).take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)? == 0 {
            return Ok(held);
        }
        // What a stop left half written was not answered.
        match serde_json::from_slice(&line) {
            Ok(Line::Saved(saved)) => drop(held.insert(saved.name.clone(), saved)),
            Ok(Line::Removed { name, .. }) => drop(held.remove(&name)),
            Err(_) => {}
        }
    }
}

fn none() -> Fault {
    Fault::not_found("no query of that name is saved; GET /v1/searches lists them")
}

/// A query to be saved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ToSave {
    /// In the language of `tidegate search`.
    query: String,
    /// What it is for.
    #[serde(default)]
    about: String,
}

/// The queries that have a name.
#[utoipa::path(
    get, path = "/v1/searches", tag = "search", params(Pages),
    responses((status = 200, description = "Queries, by name", body = Page<Saved>)),
)]
pub(super) async fn searches(
    State(hub): State<Arc<Hub>>,
    Params(page): Params<Pages>,
) -> Result<Response<Body>, Fault> {
    let all: Vec<Saved> = hub.searches.held().values().cloned().collect();
    Ok(json(&page.of(&all, Clone::clone)?))
}

/// Saves a query under a name, or changes it: whoever made it may, and approvers and admins.
#[utoipa::path(
    put, path = "/v1/searches/{name}", tag = "search",
    params(("name" = String, Path, description = "What it is to be called")), request_body = ToSave,
    responses(
        (status = 200, description = "It is saved", body = Saved),
        (status = 409, description = "There are too many", body = Fault, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn save(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Name(name): Name,
    body: Body,
) -> Result<Response<Body>, Fault> {
    let held = hub.bodies.read(body, BODY_BYTES_MAX).await?;
    let ToSave { query, about } = serde_json::from_slice(&held.bytes)
        .map_err(|error| Fault::bad(format!("send {{\"query\": \"…\", \"about\": \"…\"}}: {error}")))?;
    let is_fine = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains(char::is_control);
    if !is_fine {
        return Err(Fault::bad(format!("a name has 1 to {NAME_BYTES_MAX} bytes and no control characters")));
    }
    if about.len() > ABOUT_BYTES_MAX {
        return Err(Fault::bad(format!("about has {} bytes; it may have {ABOUT_BYTES_MAX}", about.len())));
    }
    parsed(&hub, &query)?;
    blocking(hub, move |hub| {
        let about_it = format!("{name} {query}");
        let saved = Saved { name, query, about, by: who.name.to_string(), at: rfc3339(hub.now()) };
        let change = |known: Option<&Saved>, count| {
            theirs(known, &who)?;
            if known.is_none() && count >= SEARCHES_MAX {
                let detail = format!("{SEARCHES_MAX} queries are saved: take one out that is not needed");
                return Err(Fault::conflict("too_many_searches", detail));
            }
            Ok(Line::Saved(saved.clone()))
        };
        hub.searches.change(&saved.name, change, || hub.note(&who, "search.save", &about_it))?;
        Ok(json(&saved))
    })
    .await
}

/// Takes a saved query out: whoever made it may, and approvers and admins.
#[utoipa::path(
    delete, path = "/v1/searches/{name}", tag = "search", params(("name" = String, Path, description = "What it is called")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is none of that name", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn remove(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Name(name): Name,
) -> Result<StatusCode, Fault> {
    blocking(hub, move |hub| {
        let change = |known: Option<&Saved>, _| {
            known.ok_or_else(none)?;
            theirs(known, &who)?;
            Ok(Line::Removed { name: name.clone(), by: who.name.to_string(), at: rfc3339(hub.now()) })
        };
        hub.searches.change(&name, change, || hub.note(&who, "search.remove", &name))?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Whether somebody may change what has that name.
fn theirs(known: Option<&Saved>, who: &Who) -> Result<(), Fault> {
    match known {
        Some(known) if known.by != *who.name && !matches!(who.role, Role::Approver | Role::Admin) => {
            let detail = format!("{} saved it: they may change it, and approvers and admins", known.by);
            Err(Fault::new(StatusCode::FORBIDDEN, "forbidden", detail))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, query: &str) -> Line {
        let (name, query) = (name.to_owned(), query.to_owned());
        Line::Saved(Saved { name, query, about: String::new(), by: "li".into(), at: "2026-01-01T00:00:00Z".into() })
    }

    #[test]
    fn what_was_saved_is_there_again_and_half_a_line_harms_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let searches = Searches::open(dir.path()).unwrap();
        for name in ["a", "b", "c"] {
            searches.change(name, |_, _| Ok(line(name, "rule:x")), || Ok(())).unwrap();
        }
        searches.change("a", |known, _| Ok(line(&known.unwrap().name, "rule:y")), || Ok(())).unwrap();
        let removed = Line::Removed { name: "b".into(), by: "li".into(), at: String::new() };
        searches.change("b", |_, _| Ok(removed), || Ok(())).unwrap();
        let path = dir.path().join("searches.jsonl");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], b"{\"saved\":{\"name\":\"d\""].concat()).unwrap();
        let again = Searches::open(dir.path()).unwrap();
        again.change("e", |_, _| Ok(line("e", "rule:z")), || Ok(())).unwrap();
        let later = Searches::open(dir.path()).unwrap();
        let found: Vec<(String, String)> =
            later.held().values().map(|saved| (saved.name.clone(), saved.query.clone())).collect();
        assert_eq!(found, [("a", "rule:y"), ("c", "rule:x"), ("e", "rule:z")].map(|(n, q)| (n.into(), q.into())));
        later.rewrite(&later.held().clone()).unwrap();
        assert_eq!(*Searches::open(dir.path()).unwrap().held(), *later.held());
    }

    #[test]
    fn only_who_made_it_and_those_above_may_change_it() {
        let Line::Saved(saved) = line("a", "x") else { unreachable!() };
        let who = |name: &str, role| Who { name: name.into(), role, token: blake3::hash(name.as_bytes()) };
        assert!(
            theirs(Some(&saved), &who("li", Role::Analyst)).is_ok()
                && theirs(None, &who("wang", Role::Analyst)).is_ok()
        );
        assert_eq!(theirs(Some(&saved), &who("wang", Role::Analyst)).unwrap_err().status, 403);
        assert!(theirs(Some(&saved), &who("wang", Role::Admin)).is_ok());
    }
}
