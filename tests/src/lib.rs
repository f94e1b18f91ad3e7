//! The lab that the tests, the demo and the measurements share: crafted frames, the kernel program on a bench, network
//! namespaces with a veth between them, a generator of floods, and a running sensor.
//!
//! Everything here cleans up after itself when it is dropped, also when a test fails.

pub mod archived;
pub mod batch;
pub mod batches;
pub mod bench;
pub mod booted;
pub mod bpffs;
pub mod browser;
pub mod clang;
pub mod cpu;
pub mod differential;
pub mod documents;
pub mod fleet;
pub mod floor;
pub mod flows;
pub mod generator;
pub mod http;
pub mod manual;
pub mod network;
pub mod pcap;
pub mod python;
pub mod restarts;
pub mod rights;
pub mod s3;
pub mod sample;
pub mod sensor;
pub mod strace;
mod syscall;
pub mod terminal;

pub use honeyxdp_frames::{craft, named, peer, random};
