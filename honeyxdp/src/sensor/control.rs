//! Changing the rules of a running sensor: routes that are answered on its unix sockets alone, so for those who may write to
//! them.

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State, rejection::JsonRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing,
};
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use crate::filter::{
    Policy,
    change::{self, Change, InForce},
};

/// Bytes of a change: 100,000 prefixes are 2 million.
const LONGEST: usize = 32 << 20;

/// A request, and where the answer goes.
pub(super) struct Asked {
    /// What is to be changed; nothing if somebody only wants to know.
    pub(super) change: Option<Change>,
    answer: oneshot::Sender<Result<InForce, String>>,
}

impl Asked {
    /// Answers with the rules that are in force now, or why they were not changed.
    pub(super) fn answer(self, rules: Result<&Policy, String>) {
        // Who asked may have gone.
        let _ = self.answer.send(rules.map(InForce::of));
    }
}

/// The routes, and what comes in by them.
pub(super) fn routes() -> (Router, mpsc::Receiver<Asked>) {
    // One at a time: a change takes half a second, and the next one builds on it.
    let (sender, receiver) = mpsc::channel(1);
    let routes = Router::new()
        .route(change::ROUTE, routing::get(show).post(change))
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
