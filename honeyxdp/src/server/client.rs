//! HTTP client of a running sensor: one request per connection.

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use anyhow::{Context as _, bail};
use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
    time,
};

/// Maximum size of an answer, bytes. A snapshot with every port of every family is a fifth of it.
const LONGEST: usize = 64 << 20;

/// Address of a sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `unix:/var/lib/honeyxdp/honeyxdp.sock`.
    Unix(PathBuf),
    /// `http://127.0.0.1:7823`: host and port.
    Http(String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const HOW: &str = "write it as http://127.0.0.1:7823 or unix:/var/lib/honeyxdp/honeyxdp.sock";
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(HOW.to_owned()) } else { Ok(Self::Unix(path.into())) };
        }
        let authority = text.strip_prefix("http://").ok_or(HOW)?.trim_end_matches('/');
        let authority: hyper::http::uri::Authority = authority.parse().map_err(|_| HOW.to_owned())?;
        if authority.as_str().contains('@') {
            return Err(HOW.to_owned());
        }
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self::Http(format!("{}:{port}", authority.host())))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Http(authority) => write!(f, "http://{authority}"),
        }
    }
}

/// A client of one sensor.
#[derive(Clone, Debug)]
pub struct Client {
    target: Target,
    timeout: Duration,
}

impl Client {
    /// A client of this sensor. A request with its answer takes at most `timeout`.
    pub const fn new(target: Target, timeout: Duration) -> Self {
        Self { target, timeout }
    }

    /// Its address.
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Reads a JSON document.
    ///
    /// # Errors
    /// Returns an error if there is no answer in time, or if the answer is an error or no such document.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.ask(Method::GET, path, None).await
    }

    /// Posts a JSON document and reads the answer.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        self.ask(Method::POST, path, Some(serde_json::to_vec(body)?)).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> anyhow::Result<T> {
        let target = &self.target;
        let (status, bytes) = match time::timeout(self.timeout, self.exchange(method, path, body)).await {
            Ok(answer) => answer?,
            Err(_) => bail!("the sensor at {target} did not answer in {:?}", self.timeout),
        };
        if !status.is_success() {
            bail!("the sensor at {target} says: {}", said(status, &bytes));
        }
        serde_json::from_slice(&bytes)
            .with_context(|| format!("what {target} answered to {path} is not of this version of honeyxdp"))
    }

    async fn exchange(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> anyhow::Result<(StatusCode, Bytes)> {
        let host = match &self.target {
            Target::Unix(_) => "localhost",
            Target::Http(authority) => authority.as_str(),
        };
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(Bytes::from(body.unwrap_or_default())))?;
        match &self.target {
            Target::Unix(path) => {
                let stream = UnixStream::connect(path).await.with_context(|| {
                    let shown = path.display();
                    format!("no sensor answers on {shown}; start one with `honeyxdp run`, or name its directory with --out or its address with --connect")
                })?;
                exchange(stream, request).await
            }
            Target::Http(authority) => {
                let stream = TcpStream::connect(authority)
                    .await
                    .with_context(|| format!("no sensor answers at {}; name another one with --connect", self.target))?;
                exchange(stream, request).await
            }
        }
        .with_context(|| format!("the sensor at {} broke off", self.target))
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        let bytes = body.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
        anyhow::Ok((status, bytes))
    };
    // The connection task ends by itself.
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = &mut answer => answer,
        ended = connection => match ended {
            Ok(()) => answer.await,
            Err(error) => Err(error.into()),
        },
    }
}

/// Error text of an answer: `error` of a JSON object, else its first line. The server is untrusted, so control
/// characters are removed.
fn said(status: StatusCode, bytes: &[u8]) -> String {
    let json = serde_json::from_slice::<serde_json::Value>(bytes).ok();
    let error = json.as_ref().and_then(|value| value.get("error")?.as_str()).map(str::to_owned);
    let text = error.unwrap_or_else(|| String::from_utf8_lossy(bytes).lines().next().unwrap_or("").to_owned());
    let text: String = text.chars().filter(|char| !char.is_control()).take(500).collect();
    if text.is_empty() { status.to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_url_or_a_socket() {
        assert_eq!("unix:/run/x.sock".parse(), Ok(Target::Unix("/run/x.sock".into())));
        assert_eq!("http://[::1]:7823/".parse(), Ok(Target::Http("[::1]:7823".to_owned())));
        assert_eq!("http://sensor.example".parse(), Ok(Target::Http("sensor.example:80".to_owned())));
        for wrong in ["", "unix:", "https://x", "127.0.0.1:7823", "http://", "http://a@b", "http://x/y"] {
            assert!(wrong.parse::<Target>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_error_is_shown_without_what_steers_a_terminal() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(said(status, b"not \x1b[31mready\nmore"), "not [31mready");
        assert_eq!(said(status, br#"{"error": "no such port"}"#), "no such port");
        assert_eq!(said(status, b""), "503 Service Unavailable");
    }
}
