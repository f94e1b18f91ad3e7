//! The control socket without a sensor behind it: what the fuzz target `control` talks to. It is compiled for fuzzing alone.

use tokio::io::{AsyncRead, AsyncWrite};

use super::control::{self, Asked};
use crate::{
    filter::{Filters, Policy},
    server,
};

/// Rules that requests change, as those of a running sensor.
#[derive(Debug, Default)]
pub struct Sensor {
    policy: Policy,
}

impl Sensor {
    /// Answers one connection, until it ends.
    pub async fn serve<S>(&mut self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (routes, mut asked) = control::routes();
        let mut connection = std::pin::pin!(server::serve_one(stream, routes));
        loop {
            tokio::select! {
                () = &mut connection => return,
                Some(asked) = asked.recv() => self.answer(asked),
            }
        }
    }

    /// As a sensor does it, but for the program that would be loaded.
    fn answer(&mut self, asked: Asked) {
        if let Some(change) = asked.change.clone() {
            match change.apply(&self.policy) {
                Ok(policy) => self.policy = policy,
                Err(error) => return asked.answer(Err(error.to_string())),
            }
        }
        asked.answer(Ok(&self.policy));
    }

    /// The filters in force.
    pub const fn filters(&self) -> &Filters {
        &self.policy.filters
    }
}
