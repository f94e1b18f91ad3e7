//! The signatures of contrib/signatures.toml on crafted, mutated and hostile payloads; imports of honeypot logs.

mod built_in;
mod fuzz;
mod hostile;
mod judge;
mod logs;
mod mutated;
mod payloads;
