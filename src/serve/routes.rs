//! Every route, and who may use it. What is not in the table is refused, whatever the router knows.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, OptionalFromRequestParts, Path, Query};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post, put};
use axum::{Router, extract::DefaultBodyLimit};
use serde::de::DeserializeOwned;

use super::fault::Fault;
use super::hub::Hub;
use super::tokens::Role;
use super::{admin, decide, door, editions, elastic, live, reads, reviewing, saved, search, trends, tryout};
use crate::index::Reader;

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: &'static str,
    /// Its pattern.
    pub path: &'static str,
    /// Who may use it.
    pub who: Who,
    /// One line for people.
    pub about: &'static str,
    /// Whether it may take long.
    pub(super) is_long: bool,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// Nobody is asked for a token.
    Anybody,
    /// Tokens of these roles.
    Roles(&'static [Role]),
}

const VIEWERS: Who = Who::Roles(&[Role::Viewer, Role::Analyst, Role::Editor, Role::Approver, Role::Admin]);
const ANALYSTS: Who = Who::Roles(&[Role::Analyst, Role::Editor, Role::Approver, Role::Admin]);
const REVIEWERS: Who = Who::Roles(&[Role::Analyst, Role::Approver, Role::Admin]);
const EDITORS: Who = Who::Roles(&[Role::Editor, Role::Approver, Role::Admin]);
const APPROVERS: Who = Who::Roles(&[Role::Approver, Role::Admin]);
const ADMINS: Who = Who::Roles(&[Role::Admin]);
const PLATFORMS: Who = Who::Roles(&[Role::Platform, Role::Admin]);
const WATCHERS: Who =
    Who::Roles(&[Role::Viewer, Role::Analyst, Role::Editor, Role::Approver, Role::Admin, Role::Platform]);

const fn route(method: &'static str, path: &'static str, who: Who, about: &'static str) -> Route {
    Route { method, path, who, about, is_long: false }
}

const fn long(method: &'static str, path: &'static str, who: Who, about: &'static str) -> Route {
    Route { method, path, who, about, is_long: true }
}

/// Every route there is.
pub const ROUTES: &[Route] = &[
    route("GET", "/", Who::Anybody, "this page"),
    route("GET", "/openapi.json", Who::Anybody, "the OpenAPI document"),
    route("GET", "/healthz", Who::Anybody, "whether the process lives"),
    route("GET", "/readyz", Who::Anybody, "whether it takes calls"),
    route("GET", "/metrics", WATCHERS, "metrics for Prometheus"),
    route("POST", "/v1/decide", PLATFORMS, "decide on one event or on many"),
    route("GET", "/v1/decisions", VIEWERS, "decisions, newest first"),
    route("GET", "/v1/decisions/{id}", VIEWERS, "one decision"),
    route("GET", "/v1/events/{event}", VIEWERS, "what was decided on an event"),
    route("GET", "/v1/authors/{author}", VIEWERS, "what was decided on an author's messages, counted"),
    route("GET", "/v1/rooms/{room}", VIEWERS, "what was decided in a room, counted"),
    route("GET", "/v1/rejects", VIEWERS, "records that could not be taken, newest first"),
    route("GET", "/v1/search", REVIEWERS, "search what was said, decided and why"),
    route("GET", "/v1/search/live", REVIEWERS, "follow a search: cases as they come"),
    long("GET", "/v1/trends", REVIEWERS, "what is said more than it used to be"),
    route("GET", "/v1/searches", REVIEWERS, "queries that have a name"),
    route("PUT", "/v1/searches/{name}", REVIEWERS, "save a query"),
    route("DELETE", "/v1/searches/{name}", REVIEWERS, "take a saved query out"),
    route("GET", "/v1/histogram", REVIEWERS, "count what is found over time"),
    route("GET", "/v1/top", REVIEWERS, "the most frequent values among what is found"),
    route("GET", "/v1/clusters/{cluster}", REVIEWERS, "the cases of a cluster of near-duplicates"),
    route("GET", "/es", REVIEWERS, "what this is, in the words of Elasticsearch"),
    // Grafana asks the root of what it was given with a slash behind it.
    route("GET", "/es/", REVIEWERS, "what this is, in the words of Elasticsearch"),
    route("GET", "/es/_cluster/health", REVIEWERS, "whether it answers"),
    route("GET", "/es/_mapping", REVIEWERS, "the fields and their types"),
    route("GET", "/es/{index}/_mapping", REVIEWERS, "the fields and their types"),
    route("GET", "/es/_field_caps", REVIEWERS, "what can be done with fields"),
    route("GET", "/es/{index}/_field_caps", REVIEWERS, "what can be done with fields"),
    route("POST", "/es/_search", REVIEWERS, "one search"),
    route("POST", "/es/{index}/_search", REVIEWERS, "one search"),
    route("POST", "/es/_msearch", REVIEWERS, "several searches"),
    route("POST", "/es/{index}/_msearch", REVIEWERS, "several searches"),
    route("GET", "/v1/editions", VIEWERS, "the edition in force, and those before"),
    route("GET", "/v1/rules", VIEWERS, "the rules in force, with what they did"),
    route("GET", "/v1/rules/{id}", VIEWERS, "one rule"),
    long("POST", "/v1/rules/check", EDITORS, "check a rule file"),
    long("POST", "/v1/rules/try", EDITORS, "try a rule file out on a recorded stream"),
    route("GET", "/v1/words", VIEWERS, "word lists"),
    route("GET", "/v1/words/{list}", ANALYSTS, "the terms of a word list"),
    route("GET", "/v1/claims", VIEWERS, "the library of refuted claims"),
    route("GET", "/v1/reviews", REVIEWERS, "decisions that wait for a person"),
    route("GET", "/v1/reviews/{event}", REVIEWERS, "what was said, and what was decided on it"),
    route("POST", "/v1/reviews/{event}/claim", REVIEWERS, "take a decision for oneself"),
    route("DELETE", "/v1/reviews/{event}/claim", REVIEWERS, "give it back"),
    route("POST", "/v1/reviews/{event}/verdict", REVIEWERS, "say whether it stands"),
    route("GET", "/v1/audit", APPROVERS, "who looked at texts, and who changed what"),
    route("GET", "/v1/tokens", ADMINS, "who has which role"),
];

/// The route of that method and pattern.
pub(super) fn find(method: &Method, path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.method == method.as_str() && route.path == path)
}

/// What answers.
fn handlers() -> Vec<(&'static str, MethodRouter<Arc<Hub>>)> {
    vec![
        ("/", get(admin::index)),
        ("/openapi.json", get(admin::openapi)),
        ("/healthz", get(admin::healthz)),
        ("/readyz", get(admin::readyz)),
        ("/metrics", get(admin::metrics)),
        ("/v1/decide", post(decide::decide)),
        ("/v1/decisions", get(reads::decisions)),
        ("/v1/decisions/{id}", get(reads::decision)),
        ("/v1/events/{event}", get(reads::event)),
        ("/v1/authors/{author}", get(reads::author)),
        ("/v1/rooms/{room}", get(reads::room)),
        ("/v1/rejects", get(reads::rejects)),
        ("/v1/search", get(search::search)),
        ("/v1/search/live", get(live::live)),
        ("/v1/trends", get(trends::trends)),
        ("/v1/searches", get(saved::searches)),
        ("/v1/searches/{name}", put(saved::save).merge(delete(saved::remove))),
        ("/v1/histogram", get(search::histogram)),
        ("/v1/top", get(search::top)),
        ("/v1/clusters/{cluster}", get(search::cluster)),
        ("/es", get(elastic::about)),
        ("/es/", get(elastic::about)),
        ("/es/_cluster/health", get(elastic::health)),
        ("/es/_mapping", get(elastic::mapping)),
        ("/es/{index}/_mapping", get(elastic::mapping)),
        ("/es/_field_caps", get(elastic::field_caps)),
        ("/es/{index}/_field_caps", get(elastic::field_caps)),
        ("/es/_search", post(elastic::search)),
        ("/es/{index}/_search", post(elastic::search)),
        ("/es/_msearch", post(elastic::msearch)),
        ("/es/{index}/_msearch", post(elastic::msearch)),
        ("/v1/editions", get(editions::editions)),
        ("/v1/rules", get(editions::rules)),
        ("/v1/rules/{id}", get(editions::rule)),
        ("/v1/rules/check", post(editions::check)),
        ("/v1/rules/try", post(tryout::try_out)),
        ("/v1/words", get(editions::lists)),
        ("/v1/words/{list}", get(editions::terms)),
        ("/v1/claims", get(editions::claims)),
        ("/v1/reviews", get(reviewing::reviews)),
        ("/v1/reviews/{event}", get(reviewing::review)),
        ("/v1/reviews/{event}/claim", post(reviewing::claim).merge(delete(reviewing::release))),
        ("/v1/reviews/{event}/verdict", post(reviewing::verdict)),
        ("/v1/audit", get(admin::audit)),
        ("/v1/tokens", get(admin::tokens)),
    ]
}

/// Routes, handlers and the door before them.
pub(super) fn router(hub: Arc<Hub>) -> Router {
    let routes = handlers().into_iter().fold(Router::new(), |router, (path, handler)| router.route(path, handler));
    let nothing = || async { Fault::not_found("there is nothing here; GET / lists what there is") };
    routes
        .fallback(nothing)
        // Every handler reads its body with a bound of its own.
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(&hub), door::pass))
        .with_state(hub)
}

/// The hub, for work that somebody waits for.
pub(super) struct Work {
    hub: Arc<Hub>,
    stop: Arc<AtomicBool>,
}

impl Deref for Work {
    type Target = Hub;

    fn deref(&self) -> &Hub {
        &self.hub
    }
}

impl Work {
    /// The index; its searches end soon after nobody waits for them any longer.
    pub(super) fn reader(&self) -> Result<Reader, Fault> {
        Ok(self.hub.searcher.reader()?.until(Arc::clone(&self.stop)))
    }
}

/// Says that nobody waits any longer.
struct Waits(Arc<AtomicBool>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Work that reads files, off the threads that speak with callers.
pub(super) async fn blocking<T: Send + 'static>(
    hub: Arc<Hub>,
    work: impl FnOnce(&Work) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let stop = Arc::new(AtomicBool::new(false));
    let _waits = Waits(Arc::clone(&stop));
    let of_work = Work { hub: Arc::clone(&hub), stop };
    hub.jobs.run(move || work(&of_work)).await
}

/// The parameters of a query.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let Query(params) = Query::from_request_parts(parts, state)
            .await
            .map_err(|rejection: QueryRejection| Fault::bad(rejection.body_text()))?;
        Ok(Self(params))
    }
}

/// The one name in a path.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> OptionalFromRequestParts<S> for Name {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Fault> {
        let path = <Path<String> as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await;
        let path = path.map_err(|rejection: PathRejection| Fault::bad(rejection.body_text()))?;
        Ok(path.map(|Path(name)| Self(name)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fault> {
        let Path(name) = <Path<String> as FromRequestParts<S>>::from_request_parts(parts, state)
            .await
            .map_err(|rejection: PathRejection| Fault::bad(rejection.body_text()))?;
        Ok(Self(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_handler_stands_in_the_table_and_the_document_and_the_other_way_round() {
        let document: serde_json::Value = serde_json::from_str(&super::super::openapi()).unwrap();
        let mut described: Vec<(String, String)> = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            described.extend(methods.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase())));
        }
        let mut listed: Vec<(String, String)> =
            ROUTES.iter().map(|route| (route.path.to_owned(), route.method.to_owned())).collect();
        described.sort();
        listed.sort();
        assert_eq!(described, listed);
        let mut handled: Vec<&str> = handlers().iter().map(|(path, _)| *path).collect();
        let mut paths: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
        handled.sort_unstable();
        paths.sort_unstable();
        paths.dedup();
        assert_eq!(handled, paths);
    }

    #[test]
    fn only_what_says_nothing_of_anybody_is_open() {
        let open: Vec<&str> =
            ROUTES.iter().filter(|route| matches!(route.who, Who::Anybody)).map(|route| route.path).collect();
        assert_eq!(open, ["/", "/openapi.json", "/healthz", "/readyz"]);
    }
}
