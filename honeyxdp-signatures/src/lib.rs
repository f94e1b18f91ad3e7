//! Payload signatures: which exploit the first payload of a TCP connection carries, and which bot family sent it.
//!
//! [`Signatures`] are read from a TOML file (contrib/signatures.toml is built in; docs/use/signatures-and-responder.md describes
//! the format). A payload is untrusted and may be truncated anywhere. Classification takes time linear in its length.

mod dropper;
pub mod logs;
mod payload;
mod signatures;

pub use dropper::{Dropper, LONGEST, Tool};
pub use honeyxdp_common::family::Confidence;
pub use payload::{Region, Regions};
pub use signatures::{Classification, Match, Problem, Signature, Signatures, SignaturesError};
