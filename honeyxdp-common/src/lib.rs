//! Code and memory layouts that honeyxdp's XDP program shares with user space: frame dissection, fingerprints, counters.
//!
//! A frame passes through this crate in one direction. [`dissect`] turns bytes into a [`Syn`], or into the [`Disposition`] of
//! any other frame. [`fingerprints::matching`] returns every family whose rule the SYN matches; [`fingerprints::primary`]
//! picks the family it is counted under; [`counters`] locates the counter.
//!
//! The XDP program, the capture reader and the tests run the same code. It never allocates and never panics.
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
