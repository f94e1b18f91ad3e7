//! honeyxdp's user side: it loads the kernel program, reads its counters, and writes what they say.
//!
//! A number's way reads in one direction: [`kernel`] loads, attaches and reads maps into [`Counts`]; [`snapshot`] turns
//! two of them into the document that scripts read, and stores it; [`view`] shows the document to people, [`server`] to
//! whoever asks over HTTP. [`replay`]
//! makes the same [`Counts`] from capture files, with the same code that runs in the kernel. [`cli`] is all of that with
//! flags.

pub mod archive;
pub mod cli;
pub mod collector;
pub mod config;
pub mod consumers;
mod counts;
pub mod doctor;
mod external;
pub mod filter;
pub mod kernel;
pub mod live;
pub mod logging;
mod metrics;
pub mod pairs;
pub mod payloads;
pub mod replay;
pub mod sandbox;
pub mod sensor;
pub mod server;
pub mod sketch;
pub mod snapshot;
pub mod sources;
pub mod view;

pub use counts::Counts;
pub use replay::Pipeline;
