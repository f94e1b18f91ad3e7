//! The query engine on several machines: Apache Ballista's scheduler and executor, with the functions of the report's questions
//! and the places of archives. Who asks them is in [`crate::report`].
//!
//! They trust whoever reaches them: Ballista knows no passwords, and a task reads what the process may read.

mod executor;
mod log;
mod release;
mod scheduler;
mod stop;
mod stores;

use std::{
    fmt,
    net::{SocketAddr, TcpListener},
    str::FromStr,
};

use anyhow::{Context as _, bail};
use url::Url;

pub use self::{executor::Executor, scheduler::Scheduler};
pub(crate) use self::{
    release::{REFUSAL, Release},
    stores::Stores,
};

/// Where a scheduler listens when nothing else is said.
const PORT: u16 = 50050;
/// Bytes of stack: plans are trees, and are walked by recursion.
const STACK: usize = 32 << 20;
/// The greatest message between the processes, bytes. A plan names every file that it reads.
const MESSAGE: u32 = 64 << 20;

/// Where a scheduler is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name, or an IP address; of IPv6 in brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl FromStr for Address {
    type Err = anyhow::Error;

    /// Reads `ballista://HOST:PORT` or `HOST:PORT`.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let wrong = || format!("{text:?} names no scheduler: write it as ballista://HOST:PORT");
        let url = if text.contains("://") { text.to_owned() } else { format!("ballista://{text}") };
        let url = Url::parse(&url).with_context(wrong)?;
        let (Some(host), "ballista", "" | "/") = (url.host_str(), url.scheme(), url.path()) else { bail!(wrong()) };
        if host.is_empty() || !url.username().is_empty() || url.query().is_some() || url.fragment().is_some() {
            bail!(wrong());
        }
        Ok(Self { host: host.to_owned(), port: url.port().unwrap_or(PORT) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ballista://{}:{}", self.host, self.port)
    }
}

/// A socket that listens, where others can connect at once.
fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("cannot listen on {address}: name another one with --bind"))
}

/// An error of the engine as this program has its own.
fn plain(error: ballista_core::error::BallistaError) -> anyhow::Error {
    anyhow::Error::new(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduler_has_a_host_and_a_port() {
        let address = |text: &str| text.parse::<Address>().map(|address| address.to_string()).ok();
        assert_eq!(address("ballista://scheduler:50050").as_deref(), Some("ballista://scheduler:50050"));
        assert_eq!(address("127.0.0.1:7").as_deref(), Some("ballista://127.0.0.1:7"));
        assert_eq!(address("ballista://[::1]").as_deref(), Some("ballista://[::1]:50050"));
        for wrong in ["", "http://a:1", "ballista://", "ballista://a:1/path", "ballista://u@a:1", "a:99999", "a b"] {
            assert_eq!(address(wrong), None, "{wrong}");
        }
    }
}
