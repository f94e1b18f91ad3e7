//! The sensor's HTTP server, on the command line.

use std::{path::Path, sync::Arc, time::Duration};

use axum::Router;

use super::{
    drain::{Drain, Drained},
    output::Output,
    watch::Watch,
};
use crate::server::{Address, Bound, DEFAULT_PORT, Look, Publisher, Reading, SOCKET, Server};

/// Where the sensor answers.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "HTTP")]
pub(super) struct ServeArgs {
    /// Address for snapshot, metrics, health and dashboard; repeat it, or separate with commas: 127.0.0.1:7823, a port, or
    /// unix:/path; `none` turns HTTP off. Default: 127.0.0.1:7823. The socket DIR/honeyxdp.sock is there besides
    #[arg(long, value_name = "ADDR", env = "HONEYXDP_LISTEN", value_delimiter = ',')]
    listen: Vec<Address>,
}

impl ServeArgs {
    /// Paths of the unix sockets that were named: they are removed at the end.
    pub(super) fn sockets(&self) -> impl Iterator<Item = &Path> {
        self.listen.iter().filter_map(|address| match address {
            Address::Unix(path) => Some(path.as_path()),
            _ => None,
        })
    }

    /// Binds what was named, which has to be possible, and the defaults, which need not.
    pub(super) fn bind(&self, directory: &Path, output: &mut Output) -> anyhow::Result<Bound> {
        let mut bound = Bound::default();
        if self.listen.contains(&Address::None) {
            anyhow::ensure!(self.listen.len() == 1, "--listen none stands alone: leave the other addresses out");
            return Ok(bound);
        }
        for address in &self.listen {
            match address {
                Address::Tcp(address) => bound.tcp(*address)?,
                Address::Unix(path) => bound.unix(path)?,
                Address::None => {}
            }
        }
        if self.listen.is_empty()
            && let Err(error) = bound.tcp(([127, 0, 0, 1], DEFAULT_PORT).into())
        {
            output.warn(format!("{error:#}; going on without it"));
        }
        let socket = std::path::absolute(directory)?.join(SOCKET);
        if !self.listen.contains(&Address::Unix(socket.clone()))
            && let Err(error) = bound.unix(&socket)
        {
            output.warn(format!("{error:#}; going on without it"));
        }
        Ok(bound)
    }
}

/// The server, if there is one.
pub(super) struct Serving(Option<(Server, Publisher)>);

impl Serving {
    /// Starts it.
    /// `control` are the routes that change something: they are answered on unix sockets alone.
    pub(super) fn start(bound: Bound, interval: Duration, drain: &Arc<Drain>, control: Router) -> anyhow::Result<Self> {
        if bound.is_empty() {
            return Ok(Self(None));
        }
        let drain = Arc::clone(drain);
        let look = Look::new(move || {
            let drain = Arc::clone(&drain);
            async move { drain.look().await.map(|drained| reading(&drained)) }
        });
        Server::start(bound, interval, look, control).map(|server| Self(Some(server)))
    }

    /// Tells it how a drain went.
    pub(super) fn publish(&self, drained: &anyhow::Result<Drained>) {
        let Some((_, publisher)) = &self.0 else { return };
        match drained {
            Ok(drained) => publisher.stored(reading(drained)),
            Err(error) => publisher.failed(format!("{error:#}")),
        }
    }

    /// Tells it what the program is attached to, and what it should be attached to and is not.
    pub(super) fn watched(&self, watch: &Watch) {
        if let Some((_, publisher)) = &self.0 {
            let installation = watch.installation();
            let attached = installation.attachments().map(|(_, attachment)| attachment.interface.name.as_str());
            publisher.watched(attached, installation.missing());
        }
    }
}

fn reading(drained: &Drained) -> Reading {
    Reading { snapshot: Arc::clone(&drained.snapshot), at: drained.at, took: drained.took }
}
