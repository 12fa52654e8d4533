//! What is found as it comes: a search that goes on, as server-sent events.
//!
//! The index is looked at again when it has grown; what was not given before is given, the earliest first. It ends when the service
//! stops, when the token is taken back, after an hour, or with the caller: callers come again by themselves.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::{HeaderValue, Response, header};
use hyper::body::Frame;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use utoipa::IntoParams;

use crate::event::Millis;
use crate::index::{Ask, Generation, Hit, Order, Query, Reader, Test};
use crate::io::instant;

use super::fault::Fault;
use super::hub::Hub;
use super::page::asked as asked_for;
use super::reads::raw_for;
use super::routes::{Params, Work, blocking};
use super::search::{note_question, query, refused, shown};
use super::tokens::Who;

/// Callers at a time.
pub(super) const LIVE_MAX: usize = 16;
/// How often the index is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often something is said where there is nothing to say.
const BEAT_EVERY: Duration = Duration::from_secs(10);
/// How long one call goes on.
const LIVE_TIME: Duration = Duration::from_secs(3600);
/// The latest hits of one look, and what they may take, in bytes: nothing is looked for before they are given.
const HITS_MAX: usize = 200;
const LOOK_BYTES_MAX: usize = 1 << 20;
/// Events that wait for a caller who reads slowly.
const WAITING_MAX: usize = 64;

/// What to look for.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, Serialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Live {
    /// In the language of `tidegate search`; everything if it is not said.
    q: Option<String>,
    /// The name of a saved query; `q` narrows it.
    saved: Option<String>,
    /// See `GET /v1/decisions`.
    raw: Option<bool>,
}

/// Follows a search: cases as they come.
///
/// Events are `case` (`data` is the case as `GET /v1/search` gives it, `id` its decision or event), `gap` where more came between two
/// looks than is given, and `end`. A line `: here` comes every ten seconds.
#[utoipa::path(
    get, path = "/v1/search/live", tag = "search", params(Live),
    responses(
        (status = 200, description = "Cases as they come", body = String, content_type = "text/event-stream"),
        (status = 404, description = "There is no index", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn live(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Params(asked): Params<Live>,
) -> Result<Response<Body>, Fault> {
    let place = Arc::clone(&hub.tails).try_acquire_owned();
    let place = place.map_err(|_| {
        Fault::unavailable("busy", format!("{LIVE_MAX} searches are being followed: end one of them"), 30)
    })?;
    let of_look = who.clone();
    let (query, raw, seen) = blocking(Arc::clone(&hub), move |hub| {
        let query = query(hub, asked.q.as_deref(), asked.saved.as_deref())?;
        if asked.raw != Some(true) {
            note_question(hub, &of_look, &query, &[], || asked_for("search/live", &asked))?;
        }
        let raw = raw_for(hub, &of_look, asked.raw, || asked_for("search/live", &asked))?;
        let mut seen = Seen::default();
        seen.look(hub, &query)?;
        Ok((query, raw, seen))
    })
    .await?;
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    let seen = Arc::new(Mutex::new(seen));
    tokio::spawn(Follower { hub, who, query: Arc::new(query), raw, seen, sender, _place: place }.run());
    let mut response = Response::new(Body::new(Tail(receiver)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

/// What is sent, as a body.
struct Tail(mpsc::Receiver<Bytes>);

impl HttpBody for Tail {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A case that was found: when, under which key, and itself.
type Found<H = Hit> = (Millis, String, H);

/// What was given.
#[derive(Default)]
struct Seen {
    /// The keys of what the last two looks found: what left the one page may come back to the next.
    keys: [BTreeSet<String>; 2],
    /// What the index held then.
    generation: Option<Generation>,
    /// What is older than all of a full page was there before, or was too late to be told of.
    since: Option<Millis>,
}

impl Seen {
    /// What came since, the earliest first, and whether there was more.
    fn look(&mut self, hub: &Work, query: &Query) -> Result<(Vec<(String, Hit)>, bool), Fault> {
        let reader = hub.reader()?;
        let generation = Some(reader.generation());
        if generation == self.generation {
            return Ok((Vec::new(), false));
        }
        let now = hub.now();
        // What is dated ahead stands before all others for as long as that: it has a page of its own.
        let (past, is_past_full) = page(&reader, query, None, Some(now))?;
        let (ahead, is_ahead_full) = page(&reader, query, Some(now.saturating_add(1)), None)?;
        let is_first = self.generation.is_none();
        self.generation = generation;
        let end = past.iter().map(|(at, ..)| *at).min().filter(|_| is_past_full);
        Ok(self.fresh([(past, is_past_full), (ahead, is_ahead_full)], end, is_first))
    }

    /// What of these was not given; `end` is the time of the oldest of a full page.
    fn fresh<H>(
        &mut self,
        pages: [(Vec<Found<H>>, bool); 2],
        end: Option<Millis>,
        is_first: bool,
    ) -> (Vec<(String, H)>, bool) {
        let (mut fresh, mut keys, mut is_gap) = (Vec::new(), BTreeSet::new(), false);
        for (found, is_full) in pages {
            let (before, count) = (fresh.len(), found.len());
            keys.extend(found.iter().map(|(_, key, _)| key.clone()));
            let is_new = |(at, key, _): &Found<H>| {
                self.since.is_none_or(|since| *at >= since) && !self.keys.iter().any(|known| known.contains(key))
            };
            fresh.extend(found.into_iter().filter(is_new));
            is_gap |= !is_first && is_full && count > 0 && fresh.len() - before == count;
        }
        self.since = self.since.max(end);
        self.keys.swap(0, 1);
        self.keys[1] = keys;
        // Those of one moment stand in the order of the stream already.
        fresh.sort_by_key(|(at, ..)| *at);
        (fresh.into_iter().map(|(_, key, hit)| (key, hit)).collect(), is_gap)
    }
}

/// The latest hits of a span of time, and whether there are more.
fn page(reader: &Reader, query: &Query, from: Option<Millis>, to: Option<Millis>) -> Result<(Vec<Found>, bool), Fault> {
    let span = Query::Clause { field: "at", test: Test::Between(from, to) };
    let query = Query::And(vec![query.clone(), span]);
    let ask = Ask { order: Order::Newest, limit: HITS_MAX, after: None };
    let page = reader.search_within(&query, &ask, LOOK_BYTES_MAX).map_err(refused)?;
    let mut found = Vec::new();
    for hit in page.hits {
        let case = hit.case().map_err(refused)?;
        let (key, at) = match (&case.decision, &case.event) {
            (Some(decision), _) => (decision.id.clone(), decision.at),
            (None, Some(event)) => (event.id.to_string(), event.at),
            (None, None) => continue,
        };
        found.push((at, key, hit));
    }
    Ok((found, page.next.is_some()))
}

struct Follower {
    hub: Arc<Hub>,
    who: Who,
    query: Arc<Query>,
    raw: bool,
    seen: Arc<Mutex<Seen>>,
    sender: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    async fn run(self) {
        let (begun, mut beat) = (instant(), instant());
        // The head goes out with the first byte.
        let mut is_heard = self.say(": here\n\n".into()).await;
        while is_heard {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.sender.closed() => return,
            }
            let is_over = self.hub.is_stopping() || begun.elapsed() >= LIVE_TIME;
            if is_over || !self.hub.tokens.holds(&self.who) {
                self.say("event: end\ndata: {}\n\n".into()).await;
                return;
            }
            let (query, raw, seen) = (Arc::clone(&self.query), self.raw, Arc::clone(&self.seen));
            let looked = blocking(Arc::clone(&self.hub), move |hub| {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                worded(&seen.look(hub, &query)?, raw)
            });
            // Where there is no thread for it, it is looked for a moment later.
            let lines = match looked.await {
                Ok(lines) => lines,
                Err(fault) if fault.retry_after.is_some() => continue,
                Err(_) => return,
            };
            for line in lines {
                (is_heard, beat) = (is_heard && self.say(line).await, instant());
            }
            if beat.elapsed() >= BEAT_EVERY {
                (is_heard, beat) = (self.say(": here\n\n".into()).await, instant());
            }
        }
    }

    /// Whether anybody listens.
    async fn say(&self, line: String) -> bool {
        self.sender.send(line.into()).await.is_ok()
    }
}

fn worded((found, is_gap): &(Vec<(String, Hit)>, bool), raw: bool) -> Result<Vec<String>, Fault> {
    let case = |(key, hit): &(String, Hit)| {
        let key: String = key.chars().filter(|c| !c.is_control()).collect();
        Ok(format!("event: case\nid: {key}\ndata: {}\n\n", shown(hit, raw)?.get()))
    };
    let gap = is_gap.then(|| Ok("event: gap\ndata: {}\n\n".to_owned()));
    gap.into_iter().chain(found.iter().map(case)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_given_once_and_what_was_there_before_never() {
        let mut seen = Seen::default();
        let mut look = |past: &[Millis], is_full: bool, ahead: &[Millis], is_first: bool| {
            let found = |times: &[Millis]| times.iter().map(|at| (*at, at.to_string(), ())).collect::<Vec<_>>();
            let end = past.iter().min().copied().filter(|_| is_full);
            let (fresh, is_gap) = seen.fresh([(found(past), is_full), (found(ahead), true)], end, is_first);
            (fresh.into_iter().map(|(key, ())| key.parse().unwrap()).collect::<Vec<Millis>>(), is_gap)
        };
        look(&[20, 10], true, &[90, 80], true);
        assert_eq!(look(&[30, 20], true, &[90, 80], false), (vec![30], false), "what is ahead hides nothing");
        assert_eq!(look(&[20, 10], true, &[90, 80], false), (vec![], false), "two were taken out, and one came back");
        assert_eq!(look(&[20, 10, 5], false, &[], false), (vec![], false), "it was there before");
        assert_eq!(
            look(&[80, 20], true, &[90], false),
            (vec![], false),
            "its time has come; it was given while it was ahead"
        );
        assert_eq!(look(&[85, 83], true, &[90], false), (vec![83, 85], true));
    }
}
