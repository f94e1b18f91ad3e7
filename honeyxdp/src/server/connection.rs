//! Connections and their limits: number, duration, request size.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time,
};

use super::listener::SocketFile;

/// Concurrent TCP connections, all listeners together; more wait in the kernel.
const MOST_TCP: usize = 256;
/// Concurrent connections to unix sockets. Separate, so that TCP clients cannot lock the operator out.
const MOST_UNIX: usize = 64;
/// Timeout for a request's head, and between two requests.
const HEAD: Duration = Duration::from_secs(5);
/// Age at which a connection accepts no new request.
const LIFETIME: Duration = Duration::from_secs(60);
/// Time from then until it is closed, even during an answer that the client does not read.
const LAST_ANSWER: Duration = Duration::from_secs(30);
/// Maximum size of a request's head, bytes.
const HEAD_BYTES: usize = 16 << 10;
/// Maximum number of headers in a request.
const HEADERS: usize = 64;
/// Pause when the process has no file descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener.
pub(super) enum Kind {
    Tcp(TcpListener),
    /// With its file, which is removed with the listener.
    Unix(UnixListener, #[expect(dead_code, reason = "held for its Drop")] SocketFile),
}

/// All connections.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    tcp: Arc<Semaphore>,
    unix: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

impl Connections {
    pub(super) fn new(stopped: watch::Receiver<bool>) -> Self {
        Self { tcp: Arc::new(Semaphore::new(MOST_TCP)), unix: Arc::new(Semaphore::new(MOST_UNIX)), stopped }
    }

    /// Accepts connections until the server stops.
    pub(super) async fn accept(mut self, listener: Kind, routes: Router) {
        let stopped = self.stopped.clone();
        tokio::select! {
            _ = self.stopped.wait_for(|stopped| *stopped) => {}
            () = async {
                loop {
                    match &listener {
                        Kind::Tcp(listener) => {
                            let permit = permit(&self.tcp).await;
                            let accepted = listener.accept().await.map(|(stream, _)| {
                                // Each answer is one write; Nagle's algorithm would only delay it.
                                let _ = stream.set_nodelay(true);
                                stream
                            });
                            start(accepted, permit, &routes, &stopped).await;
                        }
                        Kind::Unix(listener, _) => {
                            let permit = permit(&self.unix).await;
                            start(listener.accept().await.map(|(stream, _)| stream), permit, &routes, &stopped).await;
                        }
                    }
                }
            } => {}
        }
    }

    /// Waits until all connections have ended.
    pub(super) async fn all_ended(&self) {
        for (semaphore, most) in [(&self.tcp, MOST_TCP), (&self.unix, MOST_UNIX)] {
            // The semaphore is never closed.
            let _ = semaphore.acquire_many(u32::try_from(most).unwrap_or(u32::MAX)).await;
        }
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(semaphore).acquire_owned().await.expect("nobody closes it")
}

async fn start<S>(
    accepted: io::Result<S>,
    permit: OwnedSemaphorePermit,
    routes: &Router,
    stopped: &watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    match accepted {
        Ok(stream) => {
            let connection = serve(stream, routes.clone(), stopped.clone());
            tokio::spawn(async move {
                connection.await;
                drop(permit);
            });
        }
        // The client disconnected, or there are too many open files; both pass.
        Err(_) => time::sleep(PAUSE).await,
    }
}

/// Serves one client. It sees errors of its own connection, so they are not logged.
pub(super) async fn serve<S>(stream: S, routes: Router, mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_header_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .max_buf_size(4 * HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stopped| *stopped) => {}
        () = time::sleep(LIFETIME) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = time::timeout(LAST_ANSWER, connection).await;
}
