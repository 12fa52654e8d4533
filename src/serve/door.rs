//! What every call passes: a name for the request, token, role, rate and time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;

use crate::io::instant;
use crate::stream::measure_call;

use super::fault::Fault;
use super::hub::Hub;
use super::routes::{self, Who as WhoMay};
use super::tokens::Who;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is taken over from the caller.
const REQUEST_ID_BYTES_MAX: usize = 64;
/// Trying a rule out may take so many times as long as any other call.
const LONG_CALLS: u32 = 12;
/// What can be asked for while the service starts.
const METRICS: &str = "/metrics";

/// Lets a call in, or says why not.
pub(super) async fn pass(State(hub): State<Arc<Hub>>, mut request: Request, next: Next) -> Response<Body> {
    let started = instant();
    let id = request_id(&hub, request.headers());
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let mut response = match enter(&hub, path.as_deref(), &mut request) {
        Err(fault) => fault.into_response(),
        Ok(time) => match tokio::time::timeout(time, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                let detail = format!("this took longer than {} ms; send it again under the same id", time.as_millis());
                Fault::unavailable("timeout", detail, 1).into_response()
            }
        },
    };
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID.clone(), id);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let status = response.status();
    let elapsed = started.elapsed();
    measure_call(path.as_deref().unwrap_or("-"), status.as_u16(), elapsed);
    tracing::debug!(id, %method, path, status = status.as_u16(), elapsed_ms = elapsed.as_millis() as u64, "a call was answered");
    response
}

/// Who calls, if they may; how long the call may take. The caller is put beside the request.
fn enter(hub: &Hub, path: Option<&str>, request: &mut Request) -> Result<Duration, Fault> {
    let Some(path) = path else { return Err(Fault::not_found("there is nothing here; GET / lists what there is")) };
    // The router answers HEAD wherever it answers GET.
    let method = if *request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let route = routes::find(method, path).ok_or_else(|| {
        let detail = format!("{method} is nothing that {path} does; GET / lists what there is");
        Fault::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    })?;
    let time = if route.is_long { hub.options.timeout * LONG_CALLS } else { hub.options.timeout };
    let WhoMay::Roles(roles) = route.who else { return Ok(time) };
    let who = caller(hub, request.headers())?;
    if !roles.contains(&who.role) {
        let may: Vec<&str> = roles.iter().map(|role| role.name()).collect();
        let detail =
            format!("a token of role {} may not do this; it takes one of: {}", who.role.name(), may.join(", "));
        return Err(Fault::new(StatusCode::FORBIDDEN, "forbidden", detail));
    }
    hub.rates.take(&who.name, instant()).map_err(|seconds| {
        let (rate, burst) = (hub.options.rate_per_second, hub.options.rate_burst);
        Fault::too_many(format!("this token may make {rate} calls a second and {burst} at once"), seconds)
    })?;
    if !hub.has_started() && path != METRICS {
        return Err(starting());
    }
    request.extensions_mut().insert(who);
    Ok(time)
}

/// What there is to say before what was saved is back.
pub(super) fn starting() -> Fault {
    Fault::unavailable("starting", "what was saved is being read back: ask again in a moment", 1)
}

fn caller(hub: &Hub, headers: &HeaderMap) -> Result<Who, Fault> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token =
        given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let unknown = |detail: &str| Fault::new(StatusCode::UNAUTHORIZED, "unauthorized", detail);
    let Some((_, token)) = token else {
        return Err(unknown("send `Authorization: Bearer TOKEN`; `tidegate token add` makes tokens"));
    };
    hub.tokens.find(token.trim()).ok_or_else(|| unknown("this token is not known here, or was revoked"))
}

/// The caller's own id, where it is fit to be logged; else one of ours.
fn request_id(hub: &Hub, headers: &HeaderMap) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let is_fit = |id: &&str| {
        !id.is_empty()
            && id.len() <= REQUEST_ID_BYTES_MAX
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
    };
    given
        .filter(is_fit)
        .map_or_else(|| format!("{:x}-{:x}", hub.started, NEXT.fetch_add(1, Ordering::Relaxed)), str::to_owned)
}
