//! What is said more than it used to be, for those who ask.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::event::{Millis, parse_rfc3339, rfc3339};
use crate::index::{FIELDS, Query, TREND_FIELDS, Trend, TrendOptions, WORDS};

use super::fault::{Fault, json};
use super::hub::Hub;
use super::page::asked as asked_for;
use super::routes::{Params, blocking};
use super::search::{note_question, refused};
use super::tokens::Who;

/// The longest span that is looked at: a month of 31 days.
const WINDOW_MS_MAX: Millis = 31 * 86_400_000;
/// Values of each field, at most.
const LIMIT_MAX: usize = 100;
/// Fields of one call, at most.
const FIELDS_MAX: usize = 8;

/// What to hold against its past.
#[derive(Clone, Debug, Default, Deserialize, IntoParams, Serialize)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Rising {
    /// The end of the span that is looked at (RFC 3339); the latest case, if it is not said.
    until: Option<String>,
    /// Its length in milliseconds, from a second to 31 days; an hour if it is not said.
    window_ms: Option<Millis>,
    /// What is looked at, separated by commas: words, or fields such as term, cluster, room, claim, which are what is taken if it is
    /// not said.
    of: Option<String>,
    /// Cases of the span that a value must have; 5 if it is not said.
    min: Option<u64>,
    /// How far above what was expected it must be, in standard deviations; 4 if it is not said.
    score: Option<f64>,
    /// Values of each field, from 1 to 100; 10 if it is not said.
    limit: Option<usize>,
    /// Only what rises and is acted on.
    alarms: Option<bool>,
}

/// A value that is said more than it used to be.
#[derive(Serialize, ToSchema)]
pub(super) struct TrendView {
    /// The field, or words.
    field: &'static str,
    value: String,
    /// Cases in the span.
    count: u64,
    /// Cases that its past leads one to expect.
    expected: f64,
    /// How far above that it is, in standard deviations.
    score: f64,
    /// Cases among them that rules acted on.
    acted: u64,
    /// Authors of them, nearly.
    authors: u64,
    /// Whether what rises is what rules act on.
    alarm: bool,
}

/// What rises: alarms first, then the highest above what was expected.
#[derive(Serialize, ToSchema)]
pub(super) struct Trends {
    /// The end of the span that was looked at.
    until: String,
    window_ms: Millis,
    items: Vec<TrendView>,
}

/// What is said more than it used to be, each value held against its own past.
#[utoipa::path(
    get, path = "/v1/trends", tag = "search", params(Rising),
    responses(
        (status = 200, description = "What rises", body = Trends),
        (status = 404, description = "There is no index", body = Fault, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn trends(
    State(hub): State<Arc<Hub>>,
    Extension(who): Extension<Who>,
    Params(asked): Params<Rising>,
) -> Result<Response<Body>, Fault> {
    let options = asked.options()?;
    // Hundreds of counts: one at a time, so that searches find a thread.
    let place = hub.jobs.trends.enter().await?;
    blocking(hub, move |hub| {
        let _place = place;
        note_question(hub, &who, &Query::All, &options.fields, || asked_for("trends", &asked))?;
        let reader = hub.reader()?;
        let now = match options.now {
            Millis::MAX => reader.span(&Query::All).map_err(refused)?.map_or(0, |(_, last)| last).min(hub.now()),
            until => until,
        };
        let mut trends = reader.trends(&TrendOptions { now, ..options.clone() }).map_err(refused)?;
        trends.retain(|trend| trend.is_alarm || asked.alarms != Some(true));
        let items = trends.into_iter().map(view).collect();
        Ok(json(&Trends { until: rfc3339(now), window_ms: options.window_ms, items }))
    })
    .await
}

impl Rising {
    /// The options; `now` is the end of time where nobody says when.
    fn options(&self) -> Result<TrendOptions, Fault> {
        let until = self.until.as_deref().map(|text| {
            parse_rfc3339(text)
                .ok_or_else(|| Fault::bad(format!("until is {text:?}; write RFC 3339, such as 2026-09-01T08:00:00Z")))
        });
        let usual = TrendOptions::at(until.transpose()?.unwrap_or(Millis::MAX));
        let window_ms = self.window_ms.unwrap_or(usual.window_ms);
        if !(1000..=WINDOW_MS_MAX).contains(&window_ms) {
            return Err(Fault::bad(format!("window_ms is {window_ms}; it may be 1000 to {WINDOW_MS_MAX}")));
        }
        let limit = self.limit.unwrap_or(usual.limit);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Fault::bad(format!("limit is {limit}; it may be 1 to {LIMIT_MAX}")));
        }
        let score_min = self.score.unwrap_or(usual.score_min);
        if !(score_min.is_finite() && score_min >= 0.0) {
            return Err(Fault::bad(format!("score is {score_min}; it may be 0 and more")));
        }
        let count_min = self.min.unwrap_or(usual.count_min);
        Ok(TrendOptions { window_ms, fields: self.fields()?, count_min, score_min, limit, ..usual })
    }

    fn fields(&self) -> Result<Vec<&'static str>, Fault> {
        let Some(named) = &self.of else { return Ok(TREND_FIELDS.to_vec()) };
        let known = || std::iter::once(WORDS).chain(FIELDS.iter().map(|(name, ..)| *name));
        let mut fields = Vec::new();
        for name in named.split(',').map(str::trim) {
            let Some(field) = known().find(|field| *field == name) else {
                return Err(Fault::bad(format!(
                    "of names {name:?}; write words, or fields such as {}",
                    TREND_FIELDS.join(", ")
                )));
            };
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        if fields.len() > FIELDS_MAX {
            return Err(Fault::bad(format!("of names {} fields; it may name {FIELDS_MAX}", fields.len())));
        }
        Ok(fields)
    }
}

fn view(trend: Trend) -> TrendView {
    let rounded = |number: f64| (number * 100.0).round() / 100.0;
    TrendView {
        field: trend.field,
        value: trend.value,
        count: trend.count,
        expected: rounded(trend.expected),
        score: rounded(trend.score),
        acted: trend.acted,
        authors: trend.authors,
        alarm: trend.is_alarm,
    }
}
