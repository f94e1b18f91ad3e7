//! Reads captured payloads and the responder's event counters.

use std::sync::atomic::Ordering;

use honeyxdp_common::{
    counters::GENERATIONS,
    responder::{EVENTS, Event, PAYLOAD_BITS, Payload},
};

use super::rings::Rings;
use crate::kernel::{
    map_set::{MapId, MapSet},
    memory::{MapsError, Shared},
};

/// Events of the responder since the map set was created, by [`Event`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events([u64; EVENTS]);

impl Events {
    /// Number of these events.
    pub const fn of(&self, event: Event) -> u64 {
        self.0[event as usize]
    }

    /// Difference to an earlier state.
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

    /// The current counters. No SYN is counted here, so they need not agree with a flip.
    pub(super) fn events(&self) -> Events {
        let mut events = Events::default();
        for (at, counter) in self.events.words(0, self.events.len()).iter().enumerate() {
            events.0[at % EVENTS] += counter.load(Ordering::Relaxed);
        }
        events
    }
}
