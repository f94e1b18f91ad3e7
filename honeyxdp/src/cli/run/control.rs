//! Changing the rules of a running sensor: routes that are answered on its unix sockets alone, so for those who may write to
//! them.

use std::num::NonZeroU32;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::watch::{Rules, Verdict};
use crate::filter::change::{ChangeError, Operation, Words};

/// Where rules are read and changed.
pub(in crate::cli) const ROUTE: &str = "/rules";
/// Bytes of a change: 100,000 prefixes are 2 million.
const LONGEST: usize = 32 << 20;

/// The rules in force, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct InForce {
    /// Which SYNs are counted.
    pub(in crate::cli) filters: Words,
    /// What happens to them.
    pub(in crate::cli) verdict: Verdict,
    /// Records take one SYN in so many.
    pub(in crate::cli) sample_records: NonZeroU32,
}

impl InForce {
    fn of(rules: &Rules) -> Self {
        Self { filters: rules.filters.words(), verdict: rules.verdict, sample_records: rules.sample }
    }
}

/// What is to be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(in crate::cli) enum Change {
    /// The filters that are named.
    Filters {
        /// How.
        operation: Operation,
        /// To what.
        words: Words,
        /// What happens to a counted SYN from now on.
        #[serde(default)]
        verdict: Option<Verdict>,
        /// Records take one SYN in so many from now on.
        #[serde(default)]
        sample_records: Option<NonZeroU32>,
    },
    /// No filter any more, of those that are named, or of all.
    Clear {
        /// Names as on the command line, without dashes.
        names: Vec<String>,
    },
}

impl Change {
    /// The rules after it.
    pub(super) fn apply(self, rules: &Rules) -> Result<Rules, ChangeError> {
        let mut new = rules.clone();
        match self {
            Self::Filters { operation, words, verdict, sample_records } => {
                if !words.is_empty() || (verdict.is_none() && sample_records.is_none()) {
                    new.filters = rules.filters.changed(operation, &words)?;
                }
                new.verdict = verdict.unwrap_or(new.verdict);
                new.sample = sample_records.unwrap_or(new.sample);
            }
            Self::Clear { names } => {
                let all = crate::filter::Filters::default();
                let is = |filter: &[&str]| names.is_empty() || names.iter().any(|name| filter.contains(&name.as_str()));
                if is(&["port", "ignore-port"]) {
                    new.filters.ports = all.ports;
                }
                if is(&["family", "ignore-family"]) {
                    new.filters.families = all.families;
                }
                if is(&["dst"]) {
                    new.filters.destinations = all.destinations;
                }
                if is(&["ignore-src"]) {
                    new.filters.ignored_sources = all.ignored_sources;
                }
                if is(&["public-addr"]) {
                    new.filters.public_addresses = all.public_addresses;
                }
            }
        }
        Ok(new)
    }
}

/// A request, and where the answer goes.
pub(super) struct Asked {
    /// What is to be changed; nothing if somebody only wants to know.
    pub(super) change: Option<Change>,
    answer: oneshot::Sender<Result<InForce, String>>,
}

impl Asked {
    /// Answers with the rules that are in force now, or why they were not changed.
    pub(super) fn answer(self, rules: Result<&Rules, String>) {
        // Who asked may have gone.
        let _ = self.answer.send(rules.map(InForce::of));
    }
}

/// The routes, and what comes in by them.
pub(super) fn routes() -> (Router, mpsc::Receiver<Asked>) {
    // One at a time: a change takes half a second, and the next one builds on it.
    let (sender, receiver) = mpsc::channel(1);
    let routes = Router::new()
        .route(ROUTE, routing::get(show).post(change))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(sender);
    (routes, receiver)
}

async fn show(State(sender): State<mpsc::Sender<Asked>>) -> Response {
    ask(&sender, None).await
}

async fn change(State(sender): State<mpsc::Sender<Asked>>, change: Result<Json<Change>, JsonRejection>) -> Response {
    match change {
        Ok(Json(change)) => ask(&sender, Some(change)).await,
        // It has words of the request in it.
        Err(error) => failed(error.status(), error.body_text().escape_debug().to_string()),
    }
}

fn failed(status: StatusCode, error: String) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

async fn ask(sender: &mpsc::Sender<Asked>, change: Option<Change>) -> Response {
    let (answer, answered) = oneshot::channel();
    if sender.send(Asked { change, answer }).await.is_err() {
        return failed(StatusCode::SERVICE_UNAVAILABLE, "the sensor is about to end".to_owned());
    }
    match answered.await {
        Ok(Ok(rules)) => Json(rules).into_response(),
        Ok(Err(error)) => failed(StatusCode::UNPROCESSABLE_ENTITY, error),
        Err(_) => failed(StatusCode::SERVICE_UNAVAILABLE, "the sensor is about to end".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn what_is_no_change_is_refused_without_what_steers_a_terminal() {
        let (sender, _receiver) = mpsc::channel(1);
        let response = change(State(sender), Json::from_bytes("{\"\\u001b[2J\u{202e}\": 1}".as_bytes())).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let body = to_bytes(response.into_body(), 4096).await.unwrap();
        let said: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let said = said["error"].as_str().unwrap();
        assert!(said.contains("unknown variant `\\u{1b}[2J\\u{202e}`"), "{said}");
    }
}
