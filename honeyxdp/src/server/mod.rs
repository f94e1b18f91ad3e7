//! HTTP server of a running sensor: snapshot, metrics, health, live view and dashboard.
//!
//! The server has its own thread and Tokio runtime. A channel that keeps only the newest value ([`Publisher`]) brings it
//! the drained snapshots, so no client can delay a drain. A document is built once, when the first client asks for it.

mod address;
pub mod client;
mod connection;
mod dashboard;
mod document;
mod feed;
mod guard;
mod health;
mod listener;
mod routes;

use std::{io, sync::Arc, thread, time::Duration};

use anyhow::Context as _;
use axum::Router;
use tokio::{runtime, sync::watch};

pub use self::{
    address::{Address, DEFAULT_PORT, SOCKET},
    feed::Publisher,
    listener::Bound,
};
use self::{connection::Kind, listener::Listener, routes::App};
use crate::live::Look;

/// Time for pending answers when the server stops.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// Nice value of the server's thread: counting comes first.
const NICE: libc::c_int = 10;

/// A running server. Dropping it ends its thread and removes its sockets.
#[derive(Debug)]
pub struct Server {
    stop: watch::Sender<bool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Starts to serve on these listeners. `interval` is the time between two drains, `look` reads the counters for live
    /// views. Unix sockets have the routes of `control` too.
    ///
    /// # Errors
    /// Returns an error if the thread cannot be started.
    pub fn start(bound: Bound, interval: Duration, look: Look, control: Router) -> anyhow::Result<(Self, Publisher)> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().context("cannot start Tokio")?;
        let (publisher, feed) = Publisher::new();
        let (stop, stopped) = watch::channel(false);
        let app = Arc::new(App::new(feed, interval, look));
        let thread = thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                give_way();
                if let Err(error) = runtime.block_on(serve(bound, app, control, stopped)) {
                    // Counting continues.
                    tracing::error!("the HTTP server has ended: {error}");
                }
                runtime.shutdown_background();
            })
            .context("cannot start a thread for HTTP")?;
        Ok((Self { stop, thread: Some(thread) }, publisher))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic there was printed, and nothing depends on the thread.
            let _ = thread.join();
        }
    }
}

async fn serve(bound: Bound, app: Arc<App>, control: Router, stopped: watch::Receiver<bool>) -> io::Result<()> {
    tokio::spawn(Arc::clone(&app).keep_samples());
    let connections = connection::Connections::new(stopped.clone());
    for listener in bound.into_listeners() {
        let routes = routes::routes(Arc::clone(&app));
        match listener {
            Listener::Tcp(listener) => {
                let loopback = listener.local_addr()?.ip().is_loopback();
                let routes = guard::guarded(routes, loopback);
                tokio::spawn(
                    connections.clone().accept(Kind::Tcp(tokio::net::TcpListener::from_std(listener)?), routes),
                );
            }
            Listener::Unix(listener, file) => {
                let routes = guard::guarded(routes.merge(control.clone()), false);
                let listener = Kind::Unix(tokio::net::UnixListener::from_std(listener)?, file);
                tokio::spawn(connections.clone().accept(listener, routes));
            }
        }
    }
    let mut stopped = stopped;
    // An error means that the sender is gone, which is the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
    let _ = tokio::time::timeout(LAST_ANSWERS, connections.all_ended()).await;
    Ok(())
}

/// One connection to a unix socket of a sensor that has counted nothing yet, with all that stands between it and the routes.
#[cfg(any(fuzzing, feature = "fuzzing"))]
pub(crate) async fn serve_one<S>(stream: S, control: Router)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let (_publisher, feed) = Publisher::new();
    let look = Look::new(async || anyhow::bail!("there is nothing to look at"));
    let app = Arc::new(App::new(feed, Duration::from_secs(1), look));
    let (_stop, stopped) = watch::channel(false);
    let routes = guard::guarded(routes::routes(app).merge(control), false);
    connection::serve(stream, routes, stopped).await;
}

/// Lowers the calling thread's priority: on a busy machine the drain comes first.
fn give_way() {
    // SAFETY: plain system call; 0 is the calling thread (Linux has a nice value for each). If it fails, nothing is lost.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
}
