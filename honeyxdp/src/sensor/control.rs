//! HTTP routes that show and change the filters of a running sensor. Only its unix sockets have them, so permission to
//! write to a socket is permission to change filters.

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

/// Maximum size of a change, bytes. 100,000 prefixes take 2 million.
const LONGEST: usize = 32 << 20;

/// A request and the channel for its answer.
pub(super) struct Asked {
    /// The change; none to show the policy.
    pub(super) change: Option<Change>,
    answer: oneshot::Sender<Result<InForce, String>>,
}

impl Asked {
    /// Answers with the policy in force, or the reason why it was not changed.
    pub(super) fn answer(self, rules: Result<&Policy, String>) {
        // The client may be gone.
        let _ = self.answer.send(rules.map(InForce::of));
    }
}

/// The routes, and the requests that arrive by them.
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
        // The error quotes the request.
        Err(error) => failed(error.status(), error.body_text().escape_debug().to_string()),
    }
}

fn failed(status: StatusCode, error: String) -> Response {
    (status, Json(json!({ "error": error }))).into_response()
}

async fn ask(sender: &mpsc::Sender<Asked>, change: Option<Change>) -> Response {
    let (answer, answered) = oneshot::channel();
    if sender.send(Asked { change, answer }).await.is_err() {
        return failed(StatusCode::SERVICE_UNAVAILABLE, "the sensor is stopping".to_owned());
    }
    match answered.await {
        Ok(Ok(rules)) => Json(rules).into_response(),
        Ok(Err(error)) => failed(StatusCode::UNPROCESSABLE_ENTITY, error),
        Err(_) => failed(StatusCode::SERVICE_UNAVAILABLE, "the sensor is stopping".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn rejects_invalid_changes_without_control_characters() {
        let (sender, _receiver) = mpsc::channel(1);
        let response = change(State(sender), Json::from_bytes("{\"\\u001b[2J\u{202e}\": 1}".as_bytes())).await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let body = to_bytes(response.into_body(), 4096).await.unwrap();
        let said: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let said = said["error"].as_str().unwrap();
        assert!(said.contains("unknown variant `\\u{1b}[2J\\u{202e}`"), "{said}");
    }
}
