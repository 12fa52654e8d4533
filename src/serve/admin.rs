//! Calls about the service itself: whether it lives, what it counts, who did what, who may do what.

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, header};
use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::audit::Entry;
use super::door::starting;
use super::fault::{Fault, json};
use super::hub::Hub;
use super::page::{Page, page_size};
use super::routes::{Params, ROUTES, Who, blocking};
use super::tokens::Role;

fn text(kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Whether the process lives.
#[utoipa::path(get, path = "/healthz", tag = "service", security(()), responses((status = 200, description = "It lives", body = String, content_type = "text/plain")))]
pub(super) async fn healthz() -> Response<Body> {
    text("text/plain", "live\n")
}

/// Whether it takes calls: what was saved is back, and it is not about to stop.
#[utoipa::path(
    get, path = "/readyz", tag = "service", security(()),
    responses(
        (status = 200, description = "It does", body = String, content_type = "text/plain"),
        (status = 503, description = "Not yet, or no longer", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn readyz(State(hub): State<Arc<Hub>>) -> Result<Response<Body>, Fault> {
    if hub.is_ready() {
        return Ok(text("text/plain", "ready\n"));
    }
    Err(if hub.is_stopping() { Fault::unavailable("stopping", "the stage is stopping", 1) } else { starting() })
}

/// Metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "service", responses((status = 200, description = "Prometheus text format", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(State(hub): State<Arc<Hub>>) -> Response<Body> {
    let rendered = hub.parts.metrics.as_ref().map_or_else(String::new, PrometheusHandle::render);
    text("text/plain; version=0.0.4", rendered)
}

/// The OpenAPI document.
#[utoipa::path(get, path = "/openapi.json", tag = "service", security(()), responses((status = 200, description = "OpenAPI 3.1", body = Object)))]
pub(super) async fn openapi() -> Response<Body> {
    static DOCUMENT: LazyLock<String> = LazyLock::new(super::openapi::openapi);
    text("application/json", DOCUMENT.clone())
}

/// What there is.
#[utoipa::path(get, path = "/", tag = "service", security(()), responses((status = 200, description = "A page for people", body = String, content_type = "text/html")))]
pub(super) async fn index() -> Response<Body> {
    let rows: String = ROUTES
        .iter()
        .map(|route| {
            let who = match route.who {
                Who::Anybody => "anybody".to_owned(),
                Who::Roles(roles) => roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", "),
            };
            format!("<tr><td>{}<td><code>{}</code><td>{}<td>{who}\n", route.method, route.path, route.about)
        })
        .collect();
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><title>Tidegate</title>\
         <style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}}\
         td,th{{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}}</style>\
         <h1>Tidegate {}</h1><p>Calls take <code>Authorization: Bearer TOKEN</code>; <code>tidegate token add</code> makes tokens. \
         Everything is described in <a href=\"openapi.json\">openapi.json</a>.\
         <table><tr><th><th>Path<th>What it does<th>Who may\n{rows}</table>",
        env!("CARGO_PKG_VERSION"),
    );
    text("text/html; charset=utf-8", page)
}

/// How many entries.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct HowMany {
    /// From 1 to 500; 50 if it is not said.
    limit: Option<usize>,
}

/// Who looked at texts, and who changed what: the last entries. `tidegate audit verify` checks the whole log.
#[utoipa::path(
    get, path = "/v1/audit", tag = "service", params(HowMany),
    responses(
        (status = 200, description = "Entries, oldest first", body = Page<Entry>),
    ),
)]
pub(super) async fn audit(State(hub): State<Arc<Hub>>, Params(many): Params<HowMany>) -> Result<Response<Body>, Fault> {
    let limit = page_size(many.limit)?;
    blocking(hub, move |hub| {
        let items = hub.audit.last(limit).map_err(|error| Fault::internal(&error))?;
        Ok(json(&Page::whole(items)))
    })
    .await
}

/// A token, without what opens anything.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenView {
    name: String,
    role: Role,
    /// When it was made.
    made: String,
}

/// Who has which role. Tokens are made and revoked on the machine itself, with `tidegate token`.
#[utoipa::path(get, path = "/v1/tokens", tag = "service", responses((status = 200, description = "Tokens", body = Page<TokenView>)))]
pub(super) async fn tokens(State(hub): State<Arc<Hub>>) -> Result<Response<Body>, Fault> {
    blocking(hub, |hub| {
        let tokens = hub.tokens.list().map_err(|error| Fault::internal(&error))?;
        let view = |token: super::Token| TokenView { name: token.name.to_string(), role: token.role, made: token.made };
        Ok(json(&Page::whole(tokens.into_iter().map(view))))
    })
    .await
}
