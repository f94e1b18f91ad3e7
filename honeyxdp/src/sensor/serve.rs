//! The sensor's HTTP server.

use std::{path::Path, sync::Arc, time::Duration};

use axum::Router;

use super::{
    drain::{Drain, Drained},
    output::Output,
    watch::Watch,
};
use crate::{
    live::{Look, Reading},
    server::{Address, Bound, DEFAULT_PORT, Publisher, SOCKET, Server},
};

/// Binds the listed addresses, which must succeed, or the default ones, which may fail.
pub(super) fn bind(listen: &[Address], directory: &Path, output: &mut Output) -> anyhow::Result<Bound> {
    let mut bound = Bound::default();
    if listen.contains(&Address::None) {
        anyhow::ensure!(listen.len() == 1, "--listen none stands alone: leave the other addresses out");
        return Ok(bound);
    }
    for address in listen {
        match address {
            Address::Tcp(address) => bound.tcp(*address)?,
            Address::Unix(path) => bound.unix(path)?,
            Address::None => {}
        }
    }
    if listen.is_empty()
        && let Err(error) = bound.tcp(([127, 0, 0, 1], DEFAULT_PORT).into())
    {
        output.warn(format!("{error:#}; continuing without it"));
    }
    let socket = std::path::absolute(directory)?.join(SOCKET);
    if !listen.contains(&Address::Unix(socket.clone()))
        && let Err(error) = bound.unix(&socket)
    {
        output.warn(format!("{error:#}; continuing without it"));
    }
    Ok(bound)
}

/// The server, if HTTP is on.
pub(super) struct Serving(Option<(Server, Publisher)>);

impl Serving {
    /// Starts it. Only unix sockets have the routes of `control`, which change filters.
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

    /// Publishes the result of a drain.
    pub(super) fn publish(&self, drained: &anyhow::Result<Drained>) {
        let Some((_, publisher)) = &self.0 else { return };
        match drained {
            Ok(drained) => publisher.stored(reading(drained)),
            Err(error) => publisher.failed(format!("{error:#}")),
        }
    }

    /// Publishes the attached interfaces, and those that are missing.
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
