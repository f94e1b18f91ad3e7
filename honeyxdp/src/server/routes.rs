//! Routes of every listener. They are all read-only.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use tokio::sync::watch;

use super::{
    dashboard,
    document::{compressed, takes_gzip},
    feed::Feed,
};
use crate::{
    live::{Live, Look, SensorState},
    metrics::{Format, Input, Metrics},
};

/// What the routes share.
#[derive(Debug)]
pub(super) struct App {
    feed: watch::Receiver<Feed>,
    pub(super) interval: Duration,
    live: tokio::sync::Mutex<Live>,
    metrics: Mutex<Metrics>,
}

impl App {
    pub(super) fn new(feed: watch::Receiver<Feed>, interval: Duration, look: Look) -> Self {
        Self { feed, interval, live: tokio::sync::Mutex::new(Live::new(look)), metrics: Mutex::new(Metrics::default()) }
    }

    /// The newest of everything.
    pub(super) fn feed(&self) -> Feed {
        self.feed.borrow().clone()
    }

    /// Keeps a sample of every stored snapshot, so that a newly opened dashboard has a history to show.
    pub(super) async fn keep_samples(self: Arc<Self>) {
        let mut feed = self.feed.clone();
        while feed.changed().await.is_ok() {
            let newest = feed.borrow_and_update().newest.clone();
            if let Some(newest) = newest {
                self.live.lock().await.sample(&newest.reading);
            }
        }
    }
}

/// All routes that only read.
pub(super) fn routes(app: Arc<App>) -> Router {
    Router::new()
        .route("/snapshot.json", get(snapshot))
        .route("/metrics", get(metrics))
        .route("/live.json", get(live))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(app)
        .merge(dashboard::routes())
        .fallback(async || {
            (StatusCode::NOT_FOUND, "there is nothing here; the routes are in docs/operate/http-and-metrics.md\n")
        })
}

async fn snapshot(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let Some(document) = app.feed().newest else {
        return unavailable("there is no snapshot yet; the first one comes with the first interval");
    };
    let gzip = text(&headers, &header::ACCEPT_ENCODING).is_some_and(takes_gzip);
    let common = [
        (header::ETAG, document.tag(gzip)),
        (header::VARY, "Accept-Encoding".to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::CONTENT_TYPE, "application/json".to_owned()),
    ];
    if text(&headers, &header::IF_NONE_MATCH).is_some_and(|tags| document.matches(gzip, tags)) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    match gzip {
        true => (common, [(header::CONTENT_ENCODING, "gzip")], document.gzip()).into_response(),
        false => (common, document.json()).into_response(),
    }
}

async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let format = Format::accepted(text(&headers, &header::ACCEPT).unwrap_or(""));
    let Feed { newest, attached, missing, .. } = app.feed();
    let newest = newest.map(|document| (Arc::clone(&document.reading.snapshot), document.reading.took));
    let input = Input { newest, attached, missing, interval: app.interval };
    let body = app.metrics.lock().expect("nothing panics there").text(&input, format);
    let common = [(header::CONTENT_TYPE, format.content_type()), (header::VARY, "Accept, Accept-Encoding")];
    match text(&headers, &header::ACCEPT_ENCODING).is_some_and(takes_gzip) {
        true => (common, [(header::CONTENT_ENCODING, "gzip")], compressed(body.as_bytes())).into_response(),
        false => (common, body).into_response(),
    }
}

/// A header as text, if it is there and is text.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.readiness() {
        Ok(()) => "ready\n".into_response(),
        Err(why) => unavailable(&why),
    }
}

/// Which samples a client already has.
#[derive(Debug, Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn live(State(app): State<Arc<App>>, Query(After { after }): Query<After>) -> Response {
    // A task that survives a disconnect. Otherwise a client that asks and hangs up in a loop could make the drain look more
    // than once a second.
    let view = tokio::spawn(async move {
        let Feed { newest, attached, .. } = app.feed();
        let state = SensorState {
            attached,
            sequence: newest.map(|document| document.reading.snapshot.sequence),
            interval: app.interval,
            not_ready: app.readiness().err(),
        };
        app.live.lock().await.view(state, after).await
    });
    match view.await {
        Ok(Ok(view)) => Json(view).into_response(),
        Ok(Err(error)) => unavailable(&format!("{error:#}")),
        Err(_) => unavailable("the live numbers could not be made; please report this"),
    }
}

fn unavailable(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
}
