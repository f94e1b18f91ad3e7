//! First payloads, and what the responder did.

use std::sync::atomic::Ordering;

use honeyxdp_common::{
    counters::GENERATIONS,
    responder::{EVENTS, Event, PAYLOAD_BITS, Payload},
};

use super::{MapsError, rings::Rings, shared::Shared};
use crate::kernel::map_set::{MapId, MapSet};

/// What the responder did, since the map_set was begun, by [`Event`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events([u64; EVENTS]);

impl Events {
    /// How often that was.
    pub const fn of(&self, event: Event) -> u64 {
        self.0[event as usize]
    }

    /// What came after an earlier state.
    pub(crate) fn since(&self, before: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at].saturating_sub(before.0[at])))
    }
}

/// The rings of payloads, and the counters.
#[derive(Debug)]
pub(super) struct Responder {
    payloads: Rings<Payload>,
    events: Shared<u64>,
}

impl Responder {
    pub(super) fn take(map_set: &MapSet) -> Result<Self, MapsError> {
        Ok(Self {
            payloads: Rings::take(map_set, MapId::Payloads, MapId::PayloadPositions, PAYLOAD_BITS)?,
            events: map_set.memory(MapId::Events, GENERATIONS * map_set.sizes().cpus * EVENTS)?,
        })
    }

    pub(super) fn poll(&mut self, mut take: impl FnMut(&Payload)) -> f64 {
        self.payloads.poll(|payload| {
            take(payload);
            true
        })
    }

    /// The counters as they are at this moment: no SYN is counted here, so nothing has to agree with a cut.
    pub(super) fn events(&self) -> Events {
        let mut events = Events::default();
        for (at, counter) in self.events.words(0, self.events.len()).iter().enumerate() {
            events.0[at % EVENTS] += counter.load(Ordering::Relaxed);
        }
        events
    }
}
