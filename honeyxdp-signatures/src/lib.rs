//! Labels: what the first payload of a TCP connection exploits, and which family of bots sent it.
//!
//! A payload is untrusted bytes, and cut off wherever the sensor stopped to keep them. [`Rules`] come from a file
//! (contrib/signatures.toml is built in, docs/labels.md describes it); everything takes time that grows with the length of the
//! payload, and no faster.

mod dropper;
pub mod logs;
mod payload;
mod rules;

pub use dropper::{Dropper, LONGEST, Tool};
pub use honeyxdp_common::family::Confidence;
pub use payload::{Region, Regions};
pub use rules::{Found, Label, Problem, Rule, Rules, RulesError};
