//! The rules of contrib/signatures.toml on crafted payloads, and payloads of every shape on the rules.

mod fuzz;
mod hostile;
mod judge;
mod mutated;
mod payloads;
mod rules;
