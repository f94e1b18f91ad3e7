//! What honeyxdp's kernel program and its user side have in common: how a frame is read, which marks a SYN can carry,
//! and how the counters lie in memory.
//!
//! A frame's way goes through this crate in one direction: [`dissect`] turns bytes into a [`Syn`] or into the
//! [`Disposition`] that says why there is none; [`fingerprints::matching`] names every family whose rule holds; [`fingerprints::primary`]
//! picks the one that is counted; [`counters`] says where.
//!
//! The XDP program, the capture reader and the tests run this same code. It allocates nothing and never panics.
#![no_std]

#[cfg(test)]
extern crate std;

mod address;
pub mod counters;
mod disposition;
pub mod dissect;
pub mod family;
pub mod filter;
pub mod fingerprints;
pub mod flow;
pub mod responder;
pub mod sketch;
mod syn;

pub use address::Address;
pub use disposition::{Disposition, FilterReason};
pub use dissect::{Frame, dissect};
pub use family::{Family, FamilySet};
pub use syn::{IpVersion, Options, Syn};
