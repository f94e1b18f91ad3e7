//! Whether a cluster is there: the scheduler answers, and knows executors.

use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::cluster::Address;

/// How long a scheduler may take to answer.
const ANSWER: Duration = Duration::from_secs(4);
/// How long executors are waited for at first.
const FIRST: Duration = Duration::from_secs(10);
/// How long all of them may be gone while a question is asked.
const LOSS: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);
/// How often is looked while a question is asked.
const ROUND: Duration = Duration::from_secs(5);
/// Bytes that the answer begins with.
const BEGINNING: u64 = 4096;

/// Looks after a scheduler.
#[derive(Clone, Debug)]
pub(super) struct Presence {
    scheduler: Address,
}

impl Presence {
    pub(super) fn new(scheduler: &Address) -> Self {
        Self { scheduler: scheduler.clone() }
    }

    /// Waits until there is an executor.
    ///
    /// # Errors
    /// When there is no scheduler, or no executor within some seconds.
    pub(super) async fn await_first(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        while !self.has_executors().await? {
            if start.elapsed() > FIRST {
                return Err(self.no_executors());
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Returns when the cluster has been gone for a minute, with the words for it.
    pub(super) async fn await_loss(&self) -> anyhow::Error {
        let mut seen = Instant::now();
        loop {
            sleep(ROUND).await;
            let error = match self.has_executors().await {
                Ok(true) => {
                    seen = Instant::now();
                    continue;
                }
                Ok(false) => self.no_executors(),
                Err(error) => error,
            };
            if seen.elapsed() > LOSS {
                return error;
            }
        }
    }

    fn no_executors(&self) -> anyhow::Error {
        anyhow!(
            "the scheduler {} has no executor: start some by `honeyxdp cluster executor --scheduler HOST:PORT`.",
            self.scheduler
        )
    }

    /// Asks by HTTP whether the scheduler has executors that are alive.
    async fn has_executors(&self) -> anyhow::Result<bool> {
        let none = || {
            format!(
                "no scheduler answers at {}: start one by `honeyxdp cluster scheduler`, or name another one with --engine",
                self.scheduler
            )
        };
        let answer = timeout(ANSWER, self.ready()).await.context("it takes too long").and_then(|answer| answer);
        let answer = answer.with_context(none)?;
        match answer.split(' ').nth(1) {
            Some("200") if answer.starts_with("HTTP/") => Ok(true),
            Some("503") if answer.starts_with("HTTP/") => Ok(false),
            _ => Err(anyhow!("what answers is none").context(none())),
        }
    }

    async fn ready(&self) -> anyhow::Result<String> {
        let Address { host, port } = &self.scheduler;
        let mut stream = TcpStream::connect(format!("{host}:{port}")).await?;
        let request = format!("GET /readyz HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(BEGINNING).read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}
